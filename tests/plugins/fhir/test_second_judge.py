"""What we emit, before a judge that shares no code with ours and has our definitions loaded."""

from __future__ import annotations

import copy
from typing import Any

import orjson
import pytest
from pyrofile_validator.core.engine import Validator

from hub.store.concepts import ConceptBook
from plugins.fhir import extensions as ext
from plugins.fhir import systems as s
from plugins.fhir.conformance.catalogue import Catalogue
from plugins.fhir.params import RESOURCES
from tests.plugins.fhir.conftest import WHOLE, Hub
from tests.plugins.fhir.faults import SERVICE
from tests.plugins.fhir.judge import complaints
from tests.plugins.fhir.second_judge import objections, second_judge


@pytest.fixture(scope="module")
def book(world_s: Hub) -> ConceptBook:
    """The concepts of the fictional world."""
    with world_s.store.read() as connection:
        return ConceptBook.load(connection)


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory, book: ConceptBook) -> Validator:
    """The second judge."""
    return second_judge(tmp_path_factory.mktemp("definitions"), book)


@pytest.mark.parametrize("name", sorted(RESOURCES))
def test_world_s_passes_two_judges(world_s: Hub, other: Validator, name: str) -> None:
    """All of it with FICHEHUB_HYPOTHESIS=long, else a sample; the first judge has the Belgian profiles and those of mCSD, the second our definitions."""
    client, headers = world_s.client(), {"Authorization": f"Bearer {world_s.key}"}
    following: str | None = f"/fhir/{name}?_count={500 if WHOLE else 150}"
    seen = 0
    while following:
        page = orjson.loads(client.get(following, headers=headers).data)
        for entry in page["entry"][:: 1 if WHOLE else 2]:
            resource, seen = entry["resource"], seen + 1
            assert complaints(resource) == [], resource["id"]
            assert objections(other, resource) == [], resource["id"]
        following = next((link["url"] for link in page["link"] if link["relation"] == "next" and WHOLE), None)
    print(f"{name}: {seen}")
    assert seen


# Not CodeSystem: it counts the designations of all concepts together, and knows no choice inside a list.
@pytest.mark.parametrize("name", ["StructureDefinition", "ValueSet"])
def test_our_definitions_pass_the_second_judge(book: ConceptBook, other: Validator, name: str) -> None:
    for resource in Catalogue(book).every(name)[:6]:
        assert objections(other, orjson.loads(orjson.dumps(resource))) == [], resource["id"]


def _broken(path: tuple[str | int, ...], value: Any) -> dict[str, Any]:
    broken = copy.deepcopy(SERVICE)
    inner: Any = broken
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    return broken


@pytest.mark.parametrize(
    "broken",
    [
        _broken(("extension", 0, "url"), s.BASE + "/StructureDefinition/patientstop"),
        _broken(("extension", 0), {"url": ext.BY_APPOINTMENT, "valueBoolean": True}),
        _broken(("telecom", 0, "extension"), [{"url": ext.CONTACT_ORIGIN, "valueString": "organisatie"}]),
    ],
)
def test_the_second_judge_reads_our_definitions(other: Validator, broken: dict[str, Any]) -> None:
    assert objections(other, SERVICE) == []
    assert objections(other, broken)


def test_without_our_definitions_it_does_not_know_our_extensions(tmp_path_factory: pytest.TempPathFactory, book: ConceptBook) -> None:
    without = second_judge(tmp_path_factory.mktemp("without"), book, with_ours=False)
    assert objections(without, SERVICE)
