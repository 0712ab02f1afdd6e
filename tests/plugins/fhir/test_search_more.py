"""Parts of resources, the moment of the last change, what is missing, and what points here."""

from __future__ import annotations

import importlib
from dataclasses import replace
from typing import Any

import orjson
import pytest
from flask.testing import FlaskClient

from plugins.fhir import subsetting
from plugins.fhir.params import RESOURCES
from tests.plugins.fhir.conftest import Hub
from tests.plugins.fhir.judge import complaints
from tests.plugins.fhir.writing import Writing, get, link, named, writing

__all__ = ["writing"]


def found(client: FlaskClient, path: str) -> list[dict[str, Any]]:
    """The matches of all pages; nothing may be left out with a warning."""
    resources = []
    following: str | None = path
    while following:
        page = get(client, following)
        assert not [entry for entry in page.get("entry", ()) if entry["search"]["mode"] == "outcome"], page["entry"][-1]
        resources += [entry["resource"] for entry in page.get("entry", ()) if entry["search"]["mode"] == "match"]
        following = link(page, "next")
    return resources


def names(client: FlaskClient, path: str) -> set[str]:
    return {each["name"] for each in found(client, path)}


# --- _summary and _elements ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(RESOURCES))
def test_the_tables_are_those_of_the_specification(name: str) -> None:
    model = getattr(importlib.import_module(f"fhir.resources.R4B.{name.lower()}"), name)
    apart = {"id", "meta", "resourceType"}
    assert set(model.summary_elements_sequence()) - apart == subsetting.SUMMARY[name]
    assert set(model.elements_sequence()) - apart == subsetting.ELEMENTS[name]


@pytest.mark.parametrize(
    ("asked", "kept"),
    [
        ("_summary=true", {"identifier", "active", "type", "name", "_name"}),
        ("_summary=text", {"text", "name", "_name"}),
        ("_elements=name,telecom", {"name", "_name", "telecom"}),
        ("_elements=Organization.active", {"active", "name", "_name"}),
    ],
)
def test_a_part_of_a_resource_says_that_it_is_one(client: FlaskClient, small: Hub, asked: str, kept: set[str]) -> None:
    [part] = found(client, f"Organization?name=elise&{asked}")
    assert part.keys() == kept | {"resourceType", "id", "meta"}
    assert part["meta"]["tag"][0]["code"] == "SUBSETTED"
    assert "profile" not in part["meta"]
    read = get(client, f"Organization/{small.ids['org-1']}?{asked}")
    assert read == part


def test_data_is_all_but_the_text_and_false_is_all(client: FlaskClient) -> None:
    [whole] = found(client, "Organization?name=elise&_summary=false")
    assert "tag" not in whole["meta"]
    [data] = found(client, "Organization?name=elise&_summary=data")
    assert whole.keys() - data.keys() == {"text"}


def test_a_summary_stays_one_on_the_next_page_and_in_what_is_included(client: FlaskClient) -> None:
    pages = found(client, "Organization?address-city=gent&_summary=true&_count=10")
    assert len(pages) > 20
    assert all("SUBSETTED" in orjson.dumps(each).decode() and "text" not in each for each in pages)
    page = get(client, "HealthcareService?_include=HealthcareService:organization&_summary=true")
    modes = {entry["search"]["mode"]: entry["resource"] for entry in page["entry"]}
    assert modes["include"]["meta"]["tag"][0]["code"] == "SUBSETTED"


def test_elements_are_those_of_the_matches_and_what_comes_along_is_whole(client: FlaskClient) -> None:
    [alone] = found(client, "Organization?name=elise")
    first = get(client, "Organization?name=wijkteam,linde&_elements=active&_include=Organization:partof&_sort=-name&_count=30")
    last = get(client, link(first, "next") or "")
    by_mode = {entry["search"]["mode"]: entry["resource"] for entry in last["entry"]}
    assert by_mode["match"].keys() == {"resourceType", "id", "meta", "active", "name"}
    assert by_mode["include"] == alone


@pytest.mark.parametrize("along", ["_include=Organization:partof", "_revinclude=Location:organization", "_revinclude=Provenance:target"])
def test_a_summary_of_texts_takes_nothing_along(client: FlaskClient, along: str) -> None:
    for query in (f"_summary=text&{along}", f"{along}&_summary=text"):
        [issue] = get(client, f"Organization?name=linde&{query}", 400)["issue"]
        assert issue["expression"] == ["http._summary"]
        assert "_revinclude" in issue["details"]["text"]
    get(client, f"Organization?name=linde&{along}&_summary=true")


@pytest.mark.parametrize("twice", ["_summary=true&_summary=data", "_format=json&_format=application/fhir%2Bjson", "_pretty=true&_pretty=false"])
def test_what_can_be_given_once_only_is_told_or_refused(client: FlaskClient, twice: str) -> None:
    name = twice.partition("=")[0]
    first = get(client, "Organization?_count=1")
    for address in (f"Organization?name=elise&{twice}", f"StructureDefinition?_count=1&{twice}", f"{link(first, 'next')}&{twice}"):
        warned = [
            issue["expression"]
            for entry in get(client, address)["entry"]
            if entry.get("search", {}).get("mode") == "outcome"
            for issue in entry["resource"]["issue"]
        ]
        assert [f"http.{name}"] in warned, address
        get(client, address, 400, Prefer="handling=strict")


@pytest.mark.parametrize("empty", ["", ",", "%20,%20"])
def test_elements_that_name_none_are_left_out_and_told_or_refused(client: FlaskClient, small: Hub, empty: str) -> None:
    page = get(client, f"Organization?name=elise&_elements={empty}")
    assert (link(page, "self") or "").endswith("Organization?name=elise")
    [told] = [entry["resource"] for entry in page["entry"] if entry["search"]["mode"] == "outcome"]
    assert [(issue["severity"], issue["expression"]) for issue in told["issue"]] == [("warning", ["http._elements"])]
    both = get(client, f"Organization?name=elise&_elements=active&_elements={empty}")
    assert (link(both, "self") or "").endswith("?name=elise&_elements=active")
    assert both["entry"][0]["resource"]["meta"]["tag"][0]["code"] == "SUBSETTED"
    read = f"Organization/{small.ids['org-1']}"
    whole = get(client, read)
    for address in (read, f"{read}/_history/{whole['meta']['versionId']}"):
        assert get(client, f"{address}?_elements={empty}") == whole
        [issue] = get(client, f"{address}?_elements={empty}", 400, Prefer="handling=strict")["issue"]
        assert issue["expression"] == ["http._elements"]
    get(client, f"Organization?_elements={empty}", 400, Prefer="handling=strict")


def test_two_summaries_of_one_resource_are_refused(client: FlaskClient, small: Hub) -> None:
    address = f"Organization/{small.ids['org-1']}"
    get(client, f"{address}?_summary=true&_summary=data", 400)
    for one in (address, f"{address}/_history/{get(client, address)['meta']['versionId']}"):
        [issue] = get(client, f"{one}?_summary=count", 400)["issue"]
        assert issue["expression"] == ["http._summary"]
    assert get(client, f"{address}?_elements=name&_elements=active").keys() >= {"name", "active"}
    get(client, f"{address}?_format=json&_format=json", 400, Prefer="handling=strict")


def test_a_second_cursor_is_refused(client: FlaskClient) -> None:
    following = link(get(client, "Organization?_count=1"), "next")
    last = link(get(client, following or ""), "next") or ""
    get(client, f"{following}&{last.partition('?')[2]}", 400)


def test_an_endpoint_keeps_what_makes_it_valid(client: FlaskClient) -> None:
    for asked in ("_elements=name", "_summary=text", "_summary=true"):
        [endpoint] = found(client, f"Endpoint?{asked}")
        assert {"status", "connectionType", "payloadType", "address"} <= endpoint.keys()
        assert complaints(endpoint) == []


# --- _lastUpdated --------------------------------------------------------------------------------------------------------------------


def test_what_changed_since_a_moment(writing: Writing) -> None:
    client = writing.hub.client()
    for number in range(1, 26):
        writing.put(named(number, f"Huis {number}"))
    writing.put(named(3, "Huis drie"))
    assert names(client, "Organization?_lastUpdated=ge2026-11-22T09:00:25Z") == {"Huis 25", "Huis drie"}
    assert names(client, "Organization?_lastUpdated=gt2026-11-22T09:00:25Z") == {"Huis drie"}
    assert names(client, "Organization?_lastUpdated=ge2026-11-22T10:00:26 01:00") == {"Huis drie"}
    assert names(client, "Organization?_lastUpdated=ge2026&_lastUpdated=sa2026-11-22T09:00:24.999Z&_count=1") == {"Huis 25", "Huis drie"}
    assert len(found(client, "Organization?_lastUpdated=ge2026-11&_count=4")) == 25
    assert found(client, "Organization?_lastUpdated=gt2026-11-22") == []


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("partof._lastUpdated=ge2026-11-22T09:00:03Z", {"Huis twee"}),
        ("partof._lastUpdated=lt2026-11-22T09:00:03Z", {"Huis een"}),
        ("partof._lastUpdated=ge2026-11-22T10:00:01%2B01:00&partof._lastUpdated=le2026-11-22T09:00:01Z", {"Huis een"}),
        ("partof:Organization._lastUpdated=lt2026-11-22,ge2026-11-22T09:00:03Z", {"Huis twee"}),
        ("partof._lastUpdated=gt2026-11-22", set()),
        ("_has:Organization:partof:_lastUpdated=ge2026-11-22T09:00:04Z", {"Koepel een"}),
        ("_has:Organization:partof:_lastUpdated=lt2026-11-22T09:00:04Z", {"Koepel twee nieuw"}),
        ("_has:Organization:partof:partof._lastUpdated=ge2026-11-22T09:00:03Z&_lastUpdated=le2026-11-22T09:00:03Z", {"Koepel twee nieuw"}),
    ],
)
def test_a_chain_asks_when_the_other_end_changed(writing: Writing, query: str, expected: set[str]) -> None:
    houses = [
        named(number + 10, f"Huis {name}", parent={"source": "sociale-kaart", "external_id": f"org-{number}"})
        for number, name in ((1, "een"), (2, "twee"))
    ]
    writing.put(named(1, "Koepel een"), named(2, "Koepel twee"))
    writing.put(*houses)
    writing.put(named(2, "Koepel twee nieuw"))
    writing.put(replace(houses[0], content={**houses[0].content, "form": "praktijk"}))
    client = writing.hub.client()
    assert names(client, f"Organization?{query}") == expected
    assert names(client, f"Organization?{query}&_count=1&_sort=-name") == expected


def test_a_moment_to_come_has_not_come_when_it_is_asked_again(writing: Writing) -> None:
    client, path = writing.hub.client(), "Organization?_has:Organization:partof:_lastUpdated=lt2099"
    writing.put(named(1, "Koepel"), named(2, "Huis", parent={"source": "sociale-kaart", "external_id": "org-1"}))
    assert names(client, path) == {"Koepel"}
    writing.put(named(2, "Huis nieuw", parent={"source": "sociale-kaart", "external_id": "org-1"}))
    assert names(client, path) == {"Koepel"}


# --- :missing and _has ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("Organization?identifier:missing=false", {"Ziekenhuis Sint-Élise"}),
        ("Organization?partof:missing=false", {"Praktijk De Linde"}),
        ("Organization?_has:Organization:partof:name=linde", {"Ziekenhuis Sint-Élise"}),
        ("Organization?_has:HealthcareService:organization:name=huisartsen", {"Praktijk De Linde"}),
        ("Organization?_has:OrganizationAffiliation:primary-organization:role=lid", {"Ziekenhuis Sint-Élise"}),
        ("Organization?_has:Location:organization:address-postalcode=1000", {"Ziekenhuis Sint-Élise"}),
        ("Organization?_has:PractitionerRole:organization:practitioner.family=peeters", {"Praktijk De Linde"}),
        ("Organization?_has:PractitionerRole:organization:practitioner.family=janssens-kanarie", set()),
        ("Organization?_has:HealthcareService:organization:_has:PractitionerRole:service:role=persphysician", {"Praktijk De Linde"}),
        ("HealthcareService?_has:PractitionerRole:service:role=persphysician", {"Huisartsen De Linde"}),
    ],
)
def test_a_search_finds_these_and_no_others(client: FlaskClient, path: str, expected: set[str]) -> None:
    assert names(client, path) == expected


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("Organization?_lastUpdated=ge2026-01-01T00:00:00+01:00", "_lastUpdated=ge2026-01-01T00%3A00%3A00%2B01%3A00"),
        ("Organization?_lastUpdated=ge2026-01-01T00:00:00%2B01:00", "_lastUpdated=ge2026-01-01T00%3A00%3A00%2B01%3A00"),
        ("PractitionerRole?date=ge2026-01-01T00:00:00+01:00", "date=ge2026-01-01T00%3A00%3A00%2B01%3A00"),
        ("Organization/_history?_since=2026-01-01T00:00:00+01:00", "_since=2026-01-01T00%3A00%3A00%2B01%3A00"),
        ("Organization?_count=100000", "_count=500"),
        ("Organization/_history?_count=100000", "_count=500"),
        ("CodeSystem?_count=100000", "_count=200"),
        ("Organization?_count=1&_count=2", "_count=1"),
        ("CodeSystem?_count=1&_count=2", "_count=1"),
    ],
)
def test_the_self_link_shows_what_was_understood(client: FlaskClient, query: str, shown: str) -> None:
    bundle = get(client, query)
    assert [each["url"].partition("?")[2] for each in bundle["link"] if each["relation"] == "self"] == [shown]


@pytest.mark.parametrize("path", ["Organization?_count=1&_count=2", "CodeSystem?_count=1&_count=2"])
def test_a_second_count_is_a_warning_or_an_error(client: FlaskClient, path: str) -> None:
    [told] = [each["resource"] for each in get(client, path)["entry"] if each["search"]["mode"] == "outcome"]
    assert told["issue"][0]["expression"] == ["http._count"]
    [issue] = get(client, path, 400, Prefer="handling=strict")["issue"]
    assert issue["expression"] == ["http._count"]
    get(client, "Organization/_history?_count=1&_count=2", 400)


def test_a_number_that_cannot_be_is_told_in_a_sentence(client: FlaskClient) -> None:
    [issue] = get(client, "Practitioner?identifier=https://www.ehealth.fgov.be/standards/fhir/core/NamingSystem/nihdi|12", 400)["issue"]
    assert issue["details"]["text"].startswith("identifier: there can be no such number. A RIZIV number has eight digits")


def test_missing_parts_the_world_in_two(client: FlaskClient) -> None:
    for param in ("identifier", "partof", "name", "address-city", "address-postalcode"):
        both = [{each["id"] for each in found(client, f"Organization?{param}:missing={value}&_count=500")} for value in ("true", "false")]
        assert both[0].isdisjoint(both[1])
        assert both[0] | both[1] == {each["id"] for each in found(client, "Organization?_count=500")}


@pytest.mark.parametrize(
    ("query", "expression"),
    [
        ("_summary=short", "_summary"),
        ("_elements=naam", "_elements"),
        ("_summary=true&_elements=name", "_elements"),
        ("_lastUpdated=gisteren", "_lastUpdated"),
        ("_lastUpdated=xx2026-11-22", "_lastUpdated"),
        ("partof._lastUpdated=gisteren", "partof._lastUpdated"),
        ("_has:Location:organization:_lastUpdated:exact=2026", "_has:Location:organization:_lastUpdated:exact"),
        ("name:missing=maybe", "name:missing"),
        ("_has:Location:organization:status=maybe", "_has:Location:organization:status"),
    ],
)
def test_what_cannot_be_used_is_refused_by_name(client: FlaskClient, query: str, expression: str) -> None:
    [issue] = get(client, f"Organization?{query}", 400)["issue"]
    assert issue["expression"][0].startswith(f"http.{expression.partition(':')[0]}")


@pytest.mark.parametrize(
    "name",
    [
        "_has:Location:organisation:name",
        "_has:Patient:organization:name",
        "_has:Location",
        "_has:Location:organization",
        "_has:Endpoint:organization:address-city",
    ],
)
def test_what_points_nowhere_is_a_warning(client: FlaskClient, name: str) -> None:
    page = get(client, f"Organization?{name}=x&_count=1")
    assert page["entry"][-1]["search"]["mode"] == "outcome"
    get(client, f"Organization?{name}=x", 400, Prefer="handling=strict")
