"""A partner whose agreement leaves fields out learns nothing of them, whatever he searches for."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from hub.access import Agreement, issue_key, save_agreement
from hub.store import Writer
from tests.plugins.fhir.conftest import NOW, Hub

LEFT = frozenset({"names", "name", "rubrieken"})


@pytest.fixture(scope="module")
def narrow(world_s: Hub) -> dict[str, str]:
    """The headers of a partner who sees names and rubrieken."""

    def agree(writer: Writer) -> str:
        given = Agreement(
            name="smal", title="Smal", purpose="test", legal_basis="test", contact="a@example.org", our_contact="b@example.org",
            level="professional", fields=LEFT,
        )  # fmt: skip
        save_agreement(writer.connection, given, NOW)
        return issue_key(writer.connection, "smal", NOW)

    return {"X-API-Key": world_s.store.write(agree)}


def answer(client: FlaskClient, address: str, headers: dict[str, str]) -> Any:
    response = client.get(f"/fhir/{address}", headers=headers)
    assert response.status_code == 200, response.data[:300]
    return response.json


def total(client: FlaskClient, address: str, headers: dict[str, str]) -> int:
    found = answer(client, f"{address}&_total=accurate&_count=5", headers)
    entries = [entry for entry in found.get("entry", ()) if entry["search"]["mode"] == "match"]
    assert len(entries) == min(5, found["total"]), "a total counts what is shown"
    return int(found["total"])


PROBES = {
    "Practitioner": ("phone", "email", "telecom", "identifier", "gender", "communication", "address", "address-city", "address-postalcode", "active"),
    "Organization": ("identifier", "type", "address", "address-city", "address-postalcode", "active", "partof", "endpoint"),
    "HealthcareService": ("organization", "location", "characteristic", "coverage-area", "communication", "active", "patientenstop"),
}  # fmt: skip


@pytest.mark.parametrize(("type", "param"), [(type, param) for type, params in PROBES.items() for param in params])
def test_nobody_has_a_value_that_the_agreement_leaves_out(world_s: Hub, narrow: dict[str, str], type: str, param: str) -> None:
    client, everything = world_s.client(), total(world_s.client(), f"{type}?_id:missing=false", narrow)
    assert everything > 5
    with_a_key = {"X-API-Key": world_s.key}
    assert total(client, f"{type}?{param}:missing=false", with_a_key) > 0
    assert total(client, f"{type}?{param}:missing=false", narrow) == 0
    assert total(client, f"{type}?{param}:missing=true", narrow) == everything


@pytest.mark.parametrize("type", ["Location", "PractitionerRole", "OrganizationAffiliation", "Endpoint"])
def test_parts_go_with_the_field_that_holds_them(world_s: Hub, narrow: dict[str, str], type: str) -> None:
    client = world_s.client()
    there = answer(client, f"{type}?_count=1&_total=accurate", {"X-API-Key": world_s.key})
    assert total(client, f"{type}?_id:missing=false", narrow) == 0
    if there["total"]:
        id = there["entry"][0]["resource"]["id"]
        assert client.get(f"/fhir/{type}/{id}", headers=narrow).status_code == 404
        assert client.get(f"/fhir/{type}/{id}/_history", headers=narrow).status_code == 404
    assert "entry" not in answer(client, f"{type}/_history?_count=5", narrow)


@pytest.mark.parametrize(
    ("shown", "chain"),
    [
        ("HealthcareService", "organization.name=a"),
        ("HealthcareService", "_has:PractitionerRole:service:practitioner.name=a"),
        ("Practitioner", "_has:PractitionerRole:practitioner:organization.name=a"),
        ("Organization", "_has:Location:organization:address-city=a"),
        ("Organization", "_has:HealthcareService:organization:name=a"),
    ],
)
def test_chains_lead_along_nothing_that_is_left_out(world_s: Hub, narrow: dict[str, str], shown: str, chain: str) -> None:
    client = world_s.client()
    assert total(client, f"{shown}?{chain}", {"X-API-Key": world_s.key}) > 0
    assert total(client, f"{shown}?{chain}", narrow) == 0


def test_words_and_orders_tell_nothing_either(world_s: Hub, narrow: dict[str, str]) -> None:
    client = world_s.client()
    city = next(
        address["city"].split()[0]
        for entry in answer(client, "Location?_count=50", narrow | {"X-API-Key": world_s.key})["entry"]
        for address in [entry["resource"].get("address", {})]
        if address.get("city")
    )
    assert total(client, f"Organization?_text={city}", {"X-API-Key": world_s.key}) > 0
    named = total(client, f"Organization?name={city}", narrow)
    assert total(client, f"Organization?_text={city}", narrow) == named
    assert total(client, "HealthcareService?_text=a", narrow) == total(client, "HealthcareService?_text=a&name:missing=false", narrow)
