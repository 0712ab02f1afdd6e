"""What does not stand as it was sent is told: a name that became an alias, a number that is that of another, a circle of organisations."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hub import Claim
from tests.plugins.fhir.conftest import organisation
from tests.plugins.fhir.feed.sending import NETWORK, ORGANISATION, PERSON, Json, body, head, put, texts, transaction
from tests.plugins.fhir.subscribing import Hub


def test_a_name_that_became_an_alias_is_told(hub: Hub) -> None:
    hub.put(replace(organisation(1, names=[{"text": {"nl": "Huis"}}]), source="kbo"))
    id = body(hub.ask("GET", "Organization?name=huis"))["entry"][0]["resource"]["id"]
    told = {"resourceType": "Organization", "id": id, "name": "Gekaapt twee"}
    sent = put(hub, told)
    shown = body(hub.ask("GET", f"Organization/{id}"))
    assert (shown["name"], shown["alias"]) == ("Huis", ["Gekaapt twee"])
    assert "shown as an alias" in texts(sent)
    assert "Kruispuntbank" in texts(sent)
    assert body(put(hub, told | {"name": "Huis"}))["name"] == "Huis", "nothing is to be told"
    assert body(put(hub, {"resourceType": "Organization", "id": id, "name": "Huis", "alias": ["Het Huis"]}))["alias"] == ["Het Huis"]
    nameless = {"resourceType": "Organization", "id": id, "alias": ["Het Huis"], "identifier": ORGANISATION["identifier"][1:]}
    assert "shown as an alias" not in texts(put(hub, nameless))


@pytest.mark.parametrize("known", [True, False], ids=["known to others", "sent only"])
def test_a_number_that_is_that_of_another_is_told(hub: Hub, known: bool) -> None:
    if known:
        content = {
            "kind": "zorgverlener",
            "name": {"family": "Peeters", "given": ["An"]},
            "identifiers": [{"system": "riziv", "value": "18749704001"}],
        }
        hub.put(Claim("progezondheid", "18749704", 1, "zorgverlener", content))
    first = put(hub, PERSON | {"id": "pa"})
    one = body(hub.ask("GET", "Practitioner?identifier=18749704001"))["entry"][0]["resource"]["id"]
    assert "This number" not in first.text
    before = head(hub)
    for _ in range(2):
        second = put(hub, PERSON | {"id": "pb"})
        issue = next(each for each in body(second)["issue"] if each["code"] == "duplicate")
        assert (issue["severity"], issue["expression"]) == ("warning", ["Practitioner.identifier[0]"])
        assert f"Practitioner/{one}" in issue["details"]["text"]
    assert "This number" not in put(hub, PERSON | {"id": "pa"}).text
    assert head(hub) > before


def part_of(name: str) -> Json:
    return {"partOf": {"reference": f"Organization/{name}"}}


def test_a_circle_of_organisations_is_refused(any_hub: Hub) -> None:
    hub = any_hub
    before = head(hub)
    itself = put(hub, NETWORK | part_of("o2"))
    [issue] = body(itself)["issue"]
    assert (itself.status_code, issue["expression"], head(hub)) == (422, ["Organization.partOf"], before)
    one, two, three = (NETWORK | {"id": name, "name": name} for name in ("c1", "c2", "c3"))
    circle = hub.ask("POST", "", transaction(one | part_of("c2"), two | part_of("c3"), three | part_of("c1")))
    assert (circle.status_code, head(hub)) == (422, before)
    assert [each["expression"] for each in body(circle)["issue"]] == [[f"Bundle.entry[{place}].resource.partOf"] for place in range(3)]
    assert hub.ask("POST", "", transaction(one | part_of("c2"), two | part_of("c3"), three)).status_code == 200
    before = head(hub)
    closes = put(hub, three | part_of("c1"))
    assert (closes.status_code, "part of itself" in texts(closes), head(hub)) == (422, True, before)


def test_a_circle_that_another_source_closed_is_told(hub: Hub) -> None:
    put(hub, NETWORK)
    id = body(put(hub, ORGANISATION | part_of("o2")))["partOf"]["reference"].partition("/")[2]
    upper = Claim(
        "sociale-kaart", "net", 1, "organisatie",
        {"kind": "organisatie", "names": [{"text": {"nl": "Netwerk"}}], "parent": {"source": "fhir-epd", "external_id": "Organization/o1"}},
        same_as=(("fichehub", id),),
    )  # fmt: skip
    hub.put(upper)
    sent = put(hub, ORGANISATION | part_of("o2") | {"name": "Ziekenhuis De Nieuwe Brug"})
    [issue] = [each for each in body(sent)["issue"] if "part of itself" in each["details"]["text"]]
    assert (sent.status_code, issue["severity"], issue["expression"]) == (200, "warning", ["Organization.partOf"])
