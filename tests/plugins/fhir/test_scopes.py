"""A partner whose agreement has a selection is never sent to something that he may not read, and cannot ask along what lies outside of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient

from hub import Directory, Grant
from hub.access import Agreement, issue_key, save_agreement
from hub.model.query import Criterion, Query
from hub.store import Writer
from plugins.fhir.params import RESOURCES
from tests.plugins.fhir.conftest import NOW, Hub

EVERYTHING = tuple(resource.entity for resource in RESOURCES.values())
REGION = Query(types=EVERYTHING, where=(Criterion("postcode", ("9",), "prefix"),))
PRACTICES = Query(types=("aanbod", "organisatie", "vestiging"), where=(Criterion("postcode", ("9",), "prefix"),))
OFFERS = Query(types=("aanbod",), where=(Criterion("code", ("rubriek|",), "prefix"),))
NETWORKS = Query(types=("membership", "caregiver", "electronic_address", "vestiging"))
LINKS = frozenset(
    {"names", "name", "rubrieken", "organisatie", "vestigingen", "caregivers", "parent", "memberships", "electronic_addresses", "provided_by"}
)
AGREEMENTS: dict[str, tuple[Query, frozenset[str] | None]] = {
    "streek": (REGION, None),
    "praktijken": (PRACTICES, None),
    "aanbod": (OFFERS, None),
    "netwerken": (NETWORKS, None),
    "streek-smal": (REGION, LINKS),
    "aanbod-smal": (OFFERS, LINKS - {"organisatie"}),
}


@pytest.fixture(scope="module")
def keys(world_s: Hub) -> dict[str, dict[str, str]]:
    """The headers of each partner."""

    def agree(writer: Writer) -> dict[str, dict[str, str]]:
        found = {}
        for name, (scope, fields) in AGREEMENTS.items():
            given = Agreement(
                name=name, title=name, purpose="test", legal_basis="test", contact="a@example.org", our_contact="b@example.org",
                level="professional", scope=scope, fields=fields,
            )  # fmt: skip
            save_agreement(writer.connection, given, NOW)
            found[name] = {"X-API-Key": issue_key(writer.connection, name, NOW)}
        return found

    return world_s.store.write(agree)


def resources(client: FlaskClient, address: str, headers: dict[str, str]) -> Iterator[dict[str, Any]]:
    """Every resource on every page of a search, those that come along too."""
    following: str | None = f"/fhir/{address}"
    while following:
        response = client.get(following, headers=headers)
        assert response.status_code == 200, response.data[:300]
        page = response.json or {}
        yield from (entry["resource"] for entry in page.get("entry", ()))
        following = next((link["url"] for link in page["link"] if link["relation"] == "next"), None)


def references(value: Any) -> Iterator[str]:
    """Every literal reference in a resource."""
    if isinstance(value, dict):
        if isinstance(value.get("reference"), str):
            yield value["reference"]
        for inner in value.values():
            yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


@pytest.mark.parametrize("name", AGREEMENTS)
def test_every_reference_in_the_answers_of_a_partner_can_be_read_by_him(world_s: Hub, keys: dict[str, dict[str, str]], name: str) -> None:
    client, headers = world_s.client(), keys[name]
    shown = {
        f"{each['resourceType']}/{each.get('id')}": each
        for type in RESOURCES
        for each in resources(client, f"{type}?_count=200&_include=*", headers)
        if each["resourceType"] in RESOURCES
    }
    assert len(shown) > 20
    pointed_to = {target for each in shown.values() for target in references(each)}
    for target in sorted(pointed_to | set(list(shown)[::25])):
        by = [one for one, each in shown.items() if target in references(each)]
        assert client.get(f"/fhir/{target}", headers=headers).status_code == 200, f"{name}: {target} is pointed to by {by[:3]}"
    if name == "aanbod":
        assert not pointed_to, "an offer alone points to nothing"


def test_what_lies_outside_is_named_nowhere(world_s: Hub, keys: dict[str, dict[str, str]]) -> None:
    client = world_s.client()
    roles = list(resources(client, "PractitionerRole?_count=50", keys["netwerken"]))
    assert not roles, "who may not see a person is not told where he works"
    for each in resources(client, "HealthcareService?_count=50&_elements=providedBy,location", keys["aanbod"]):
        assert not {"providedBy", "location"} & each.keys()
    for each in resources(client, "Endpoint?_count=50", keys["netwerken"]):
        assert "managingOrganization" not in each
        assert "profile" not in each["meta"]


@pytest.mark.parametrize(
    ("name", "type", "param"),
    [
        ("aanbod", "HealthcareService", "organization.name=a"),
        ("aanbod", "HealthcareService", "location:missing=false"),
        ("aanbod", "HealthcareService", "_has:PractitionerRole:service:practitioner.name=a"),
        ("praktijken", "Organization", "_has:PractitionerRole:organization:practitioner.name=a"),
        ("netwerken", "Location", "organization.name=a"),
        ("netwerken", "Location", "organization:missing=false"),
    ],
)
def test_chains_lead_to_nothing_outside(world_s: Hub, keys: dict[str, dict[str, str]], name: str, type: str, param: str) -> None:
    client = world_s.client()
    assert next(resources(client, f"{type}?{param}&_count=1", {"X-API-Key": world_s.key}))["resourceType"] == type
    assert not list(resources(client, f"{type}?{param}", keys[name]))


def test_a_long_page_of_changes_is_told_under_a_selection(world_s: Hub) -> None:
    narrow = Directory(world_s.store, Grant(scope=REGION))
    told = narrow.changes(0, 1000).changes
    assert len({change.id for change in told}) > 500
    assert {"create", "delete"} <= {change.operation for change in told}


def test_a_copy_of_which_a_reference_was_left_out_is_never_taken_for_the_newest(world_s: Hub, keys: dict[str, dict[str, str]]) -> None:
    client = world_s.client()
    for name, expected in (("aanbod", 200), ("", 304)):
        headers = keys[name] if name else {"X-API-Key": world_s.key}
        offer = next(resources(client, "HealthcareService?organization:missing=false&_count=5", {"X-API-Key": world_s.key}))
        first = client.get(f"/fhir/HealthcareService/{offer['id']}", headers=headers)
        again = client.get(f"/fhir/HealthcareService/{offer['id']}", headers={**headers, "If-None-Match": first.headers["ETag"]})
        assert (first.status_code, again.status_code) == (200, expected)
