"""The searches of docs/fhir.md and docs/fhir-conformance/ find something in the demonstration as `make run` sets it up, by way of its simulators."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
from flask.testing import FlaskClient

from hub import plugins
from hub.demo.stage import Stage
from hub.outbound import ALLOW_PRIVATE
from hub.store import Store
from hub.web import Settings, create_app
from tests.plugins.fhir.test_docs import TEXT, requests

EMPTY = {
    "/fhir/Organization?name:exact=nergens,%20nooit": "a name that nobody has",
    "/fhir/HealthcareService?coverage-area:identifier=https://fichehub.example.org/fhir/NamingSystem/refnis|44021": "service areas",
    "/fhir/PractitionerRole?date=ge2020-01-01&_lastUpdated=lt2099-01-01": "periods",
    "/fhir/PractitionerRole?organization.partof.name=zorg&_include=PractitionerRole:*&_count=5": "umbrella organisations",
    "/fhir/OrganizationAffiliation?_include=OrganizationAffiliation:primary-organization": "memberships",
    "/fhir/Endpoint?_include=Endpoint:organization": "electronic addresses",
    "/fhir/Organization?identifier=https://vnz.example.org/fhir-trial|o1": "sent in by its client",
    "/fhir/Location?organization.identifier=https://vnz.example.org/fhir-trial|o1": "sent in by its client",
}
"""Documented searches that find nothing there, and what they look for; docs/fhir.md says so of what no source of the demonstration tells."""
SEARCHES = sorted({(path, tuple(headers.items())) for status, path, headers in requests() if status == 200})


@pytest.fixture(scope="module")
def demonstration(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaskClient]:
    """What `make run` serves, to somebody without a key."""
    home: Path = tmp_path_factory.mktemp("demonstration")
    store = Store.open(f"sqlite:///{home / 'fichehub.sqlite'}", home)
    installed = plugins.load()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(ALLOW_PRIVATE, "1")
        stage = Stage(store, installed)
        running = stage.start("S")
        try:
            told = list(stage.load(lambda *_: None))
        finally:
            for simulator in running:
                simulator.stop()
    assert all(each.done for each in told)
    assert any(each.line.startswith("  Redactie: asked ") for each in told)
    assert list(stage.load(lambda *_: None)) == [], "once"
    yield create_app(store, installed, Settings(demo=True)).test_client()
    store.close()


@pytest.mark.slow
@pytest.mark.parametrize(("path", "headers"), SEARCHES)
def test_what_is_meant_to_find_something_does(demonstration: FlaskClient, path: str, headers: tuple[tuple[str, str], ...]) -> None:
    answer = orjson.loads(demonstration.get(path, headers=dict(headers)).data)
    if answer.get("type") != "searchset":
        return
    found = [entry for entry in answer.get("entry", ()) if entry.get("search", {}).get("mode") != "outcome"]
    assert bool(found or answer.get("total")) is (path not in EMPTY)


@pytest.mark.slow
def test_the_first_requests_find_something(demonstration: FlaskClient) -> None:
    lines = [line for line in TEXT.partition("With the demonstration hub of `make run`:")[2].split("```")[1].splitlines() if "name=" in line]
    assert len(lines) == 2
    for line in lines:
        words = shlex.split(line)
        path = words[-1].removeprefix("http://127.0.0.1:8080")
        form = {"data": words[2], "content_type": "application/x-www-form-urlencoded"} if "-d" in words else {}
        answer = demonstration.post(path, **form) if form else demonstration.get(path)
        assert orjson.loads(answer.data)["entry"]


@pytest.mark.slow
@pytest.mark.parametrize("value", ["patientenstop|no", "patientenstop|yes", "waiting_list|no", "waiting_list|yes"])
def test_the_demonstration_tells_of_patientenstop_and_waiting_lists(demonstration: FlaskClient, value: str) -> None:
    found = demonstration.get("/api/v1/fiches", query_string={"kind": "aanbod", "availability": value, "pageSize": 5}).get_json()
    name, _, said = value.partition("|")
    assert [item["fiche"][name]["value"] for item in found["items"]] == [said] * 5


def test_the_documentation_says_of_what_no_source_tells() -> None:
    for what in ("service areas", "periods", "umbrella organisations", "memberships", "electronic addresses"):
        assert what in TEXT.partition("No source of the demonstration tells of")[2].partition("\n\n")[0]
    assert EMPTY.keys() <= {path for path, _ in SEARCHES}
