"""What the hints of the widget give as an example finds something, in each language, among rubrieken that speak Dutch and French only."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from hub import concepts_data
from hub import plugins as plugin_loading
from hub.demo import World
from hub.store import Store
from hub.sync import connections
from hub.web import create_app
from plugins import widget
from plugins.widget.wording import WORDING
from tests.plugins.widget.conftest import NOW, practice, site


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaskClient]:
    """A hub with one offer in every rubriek of the fictional world, whose names tell nothing."""
    home: Path = tmp_path_factory.mktemp("examples")
    store = Store.open(f"sqlite:///{home / 'hub.sqlite'}", home, now=lambda: NOW)
    world = World()
    store.write(lambda writer: writer.put_concepts((*concepts_data.schemes(), *world.concepts(), *world.mappings())))
    place = site("x", "Kerkstraat", "1980", "23096", "Zemst", 50.983, 4.463)
    claims = [claim for code in world.rubrieken() for claim in practice(code, "Xyz", code, {**place, "keys": [code]})]
    store.write(lambda writer: writer.put(claims, origin="test"))
    installed = plugin_loading.load([("widget", widget)], installed=False)
    connections.add(store, installed, "widget", "widget", {})
    connections.enable(store, installed, "widget")
    yield create_app(store, installed).test_client()
    store.close()


EXAMPLES = [(language, example.strip()) for language, words in WORDING.items() for example in words["what_hint"].partition(":")[2].split(",")]


@pytest.mark.parametrize(
    ("language", "example"),
    [*EXAMPLES, ("en", "general practitioner"), ("de", "Krankenhaus"), ("en", "pharmacy")],
)
def test_what_a_hint_gives_as_an_example_finds_something(client: FlaskClient, language: str, example: str) -> None:
    answer = client.get("/widget/v1/search", query_string={"what": example, "lang": language}).get_json()
    assert answer["total"] > 0
    assert client.get("/widget/v1/search", query_string={"what": f"{example} x{example}x", "lang": language}).get_json()["total"] == 0
