"""A telephone number changed on an organisation arrives everywhere where it is inherited, and everybody is told."""

from __future__ import annotations

import io

import openpyxl
import pytest

from hub import Entity, Query, resolve_contacts
from hub.demo.shapes import Org
from hub.directory import Directory
from hub.model.audience import PUBLIC
from hub.model.fiche import ENTITY_TYPES
from plugins.fhir.params import RESOURCES
from tests.acceptance.conftest import Loaded
from tests.acceptance.installation import ORGANISATIONS, fiche_of

TELECOM = {"aanbod", "caregiver", "vestiging", "organisatie"}
FHIR_NAMES = {resource.entity: name for name, resource in RESOURCES.items()}


def reached_by(directory: Directory, number: str) -> dict[str, Entity]:
    """Everything that this number reaches, of whatever type."""
    return {
        entity.id: entity
        for entity in directory.walk(Query(types=ENTITY_TYPES, limit=500))
        if number in {found.contact["value"] for found in resolve_contacts(entity)}
    }


def chosen(loaded: Loaded, form: str) -> Org:
    """An organisatie with several offers, or a practice with caregivers: none with a number of their own."""
    for org in loaded.world.organisations():
        offers = loaded.world.offers_of(org)
        own = [contact for offer in offers for contact in offer.contacts if contact.kind in ("phone", "mobile")]
        busy = len(offers) > 1 if form == "organisatie" else any(offer.caregivers for offer in offers)
        if org.index < ORGANISATIONS and org.form == form and org.region == "vlaanderen" and busy and not own:
            return org
    raise AssertionError("the world has no such organisatie")


@pytest.mark.parametrize("form", ["organisatie", "praktijk"])
def test_a_changed_number_is_found_on_everything_that_inherits_it(loaded: Loaded, form: str) -> None:
    hub, client = loaded.hub, loaded.hub.client()
    org = chosen(loaded, form)
    old = next(contact for contact in org.contacts if contact.kind == "phone")
    new = next(contact for contact in loaded.world.organisation(1500 + len(form)).contacts if contact.kind == "phone")
    directory = Directory(hub.store, PUBLIC)
    before = reached_by(directory, old.value)
    offers = {id for id, entity in before.items() if entity.type == "aanbod"}
    assert offers == {fiche_of(hub.store, "sociale-kaart", loaded.world.source_id("aanbod", offer.index)) for offer in loaded.world.offers_of(org)}
    if form == "praktijk":
        assert {"caregiver", "zorgverlener"} <= {entity.type for entity in before.values()}
    head = directory.head()
    api_tags = {id: client.get(f"/api/v1/fiches/{id}").headers["ETag"] for id in before}
    fhir = {id: f"/fhir/{FHIR_NAMES[entity.type]}/{id}" for id, entity in before.items()}
    fhir_tags = {id: client.get(address).headers["ETag"] for id, address in fhir.items()}
    for id, address in fhir.items():
        assert client.get(address, headers={"If-None-Match": fhir_tags[id]}).status_code == 304
    organisation = fiche_of(hub.store, "sociale-kaart", loaded.world.source_id("organisatie", org.index))
    searched = f"/fhir/HealthcareService?organization=Organization/{organisation}"
    asked = f"/widget/v1/search?what={org.name}&where={org.sites[0].address.postcode}"
    assert old.value in client.get(searched).text
    assert old.value in client.get(asked).text

    others = tuple(contact for contact in org.contacts if contact is not old)
    loaded.kaart.edit_organisation(org.index, contacts=(new, *others))
    report = hub.run("sociale-kaart")
    assert (report.state, report.mode) == ("done", "incremental")

    assert reached_by(directory, old.value) == {}
    after = reached_by(directory, new.value)
    assert after.keys() == before.keys()
    for id in before:
        answer = client.get(f"/api/v1/fiches/{id}", headers={"If-None-Match": api_tags[id]})
        assert answer.status_code == 200 and answer.headers["ETag"] != api_tags[id]
        contacts = {item["contact"]["value"]: item["origin"] for item in answer.get_json()["contacts"]}
        assert contacts[new.value] == ("self" if id == organisation else "organisatie")
        answer = client.get(fhir[id], headers={"If-None-Match": fhir_tags[id]})
        assert answer.status_code == 200 and answer.headers["ETag"] != fhir_tags[id]
        if before[id].type in TELECOM:
            assert new.value in {item["value"] for item in answer.get_json()["telecom"]}, fhir[id]
        assert old.value not in answer.text
    page = client.get(searched).get_json()
    assert {entry["resource"]["id"] for entry in page["entry"]} == offers
    for entry in page["entry"]:
        assert new.value in {item["value"] for item in entry["resource"]["telecom"]}
    cards = [card for card in client.get(asked).get_json()["items"] if card["id"] in offers]
    assert {card["id"] for card in cards} == offers
    for card in cards:
        assert {"kind": new.kind, "value": new.value, "from": "organisatie"} in card["contacts"]
    file = io.BytesIO()
    hub.excel(directory, file, text=org.name)
    sheet = openpyxl.load_workbook(file)["Aanbod"]
    header, *lines = [[cell.value for cell in line] for line in sheet.iter_rows()]
    numbers = {line[header.index("Fichenummer")]: line[header.index("Telefoon")] for line in lines}
    assert {numbers[id] for id in offers} == {new.value}

    feed = client.get(f"/api/v1/changes?since={head}&pageSize=1000").get_json()["items"]
    told = {item["id"]: item["operation"] for item in feed}
    assert told[organisation] == "update"
    for id in before.keys() - {organisation}:
        assert told.get(id) == "context", (before[id].type, id)
    for id in offers:
        newest = client.get(f"/api/v1/fiches/{id}/history").get_json()["items"][0]
        assert newest["operation"] == "context" and newest["seq"] > head
        was = client.get(f"/api/v1/fiches/{id}?asAt={head}").get_json()
        assert old.value in {item["contact"]["value"] for item in was["contacts"]}
