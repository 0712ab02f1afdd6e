"""What was joined to another, or is gone: a PUT or a reference with its id speaks of what stands in its place, and never makes a second one."""

from __future__ import annotations

from dataclasses import replace

from tests.plugins.fhir.conftest import organisation
from tests.plugins.fhir.feed.sending import NETWORK, ORGANISATION, PERSON, ROLE, SERVICE, SITE, Json, body, head, put, texts, transaction
from tests.plugins.fhir.subscribing import Hub


def of_others(hub: Hub, *names: str) -> list[str]:
    """The ids of organisations that another source tells of."""
    hub.put(*(organisation(number, names=[{"text": {"nl": name}}]) for number, name in enumerate(names, 1)))
    return [body(hub.ask("GET", f"Organization?name={name}"))["entry"][0]["resource"]["id"] for name in names]


def joined(hub: Hub) -> tuple[str, str]:
    """The id that stays and the one that leads to it."""
    stays, goes = of_others(hub, "Eerste", "Tweede")
    hub.store.write(lambda writer: writer.join(stays, goes))
    assert hub.ask("GET", f"Organization/{goes}").status_code == 301
    return stays, goes


def how_many(hub: Hub) -> int:
    total: int = body(hub.ask("GET", "Organization?_total=accurate"))["total"]
    return total


def test_a_put_to_an_id_that_was_joined_speaks_of_what_stands(any_hub: Hub) -> None:
    hub = any_hub
    stays, goes = joined(hub)
    told = {"resourceType": "Organization", "id": goes, "name": "Eerste", "telecom": [{"system": "phone", "value": "+3215999902"}]}
    sent = put(hub, told)
    assert (sent.status_code, how_many(hub)) == (200, 1), sent.text
    shown = body(hub.ask("GET", f"Organization/{stays}"))
    assert [each["value"] for each in shown["telecom"]] == ["+3215999902"]
    before = head(hub)
    assert put(hub, told | {"id": stays}).status_code == 200
    assert put(hub, told).status_code == 200
    assert (how_many(hub), head(hub)) == (1, before), "it is one claim by either id"
    seen = {"If-Match": f'W/"{shown["meta"]["versionId"]}"'}
    assert put(hub, told | {"name": "Derde"}, **seen).status_code == 200, "its version is that of what stands"
    assert hub.ask("DELETE", f"Organization/{goes}").status_code == 200


def test_both_ids_of_what_was_joined_stand_for_one_in_a_transaction(hub: Hub) -> None:
    stays, goes = joined(hub)
    sites = [
        SITE
        | {
            "id": name,
            "name": name,
            "address": SITE["address"] | {"line": [f"{name} 1"]},
            "managingOrganization": {"reference": f"Organization/{id}"},
        }
        for name, id in (("l1", stays), ("l2", goes))
    ]
    answered = body(hub.ask("POST", "", transaction(*sites)))
    assert [each["response"]["status"] for each in answered["entry"]] == ["201 Created"] * 2
    assert how_many(hub) == 1
    assert body(hub.ask("GET", f"Location?organization={stays}&_total=accurate"))["total"] == 2


def test_a_reference_to_an_id_that_was_joined_leads_to_what_stands(hub: Hub) -> None:
    stays, goes = joined(hub)
    named = {"reference": f"Organization/{goes}"}
    for resource, element in ((SERVICE | {"location": None}, "providedBy"), (SITE, "managingOrganization")):
        sent = put(hub, resource | {element: named})
        assert (sent.status_code, body(sent).get(element, {}).get("reference")) == (201, f"Organization/{stays}"), sent.text
    part_of = put(hub, ORGANISATION | {"partOf": named})
    assert body(part_of)["partOf"]["reference"] == f"Organization/{stays}"
    role = put(hub, ROLE | {"practitioner": {"reference": f"Practitioner/{body(put(hub, PERSON))['id']}"}, "organization": named})
    assert (role.status_code, body(role)["resourceType"]) == (201, "PractitionerRole"), "nothing to remark: it is the organisation of the service"


def test_a_site_of_what_was_joined_goes_by_its_old_id_too(hub: Hub) -> None:
    address = {"street": {"nl": "Kerkstraat"}, "house_number": "1", "postcode": "9000", "city": {"nl": "Gent"}}
    for number, source in ((1, "sociale-kaart"), (2, "wegwijs")):
        hub.put(replace(organisation(number, vestigingen=[{"keys": [f"{source}:site"], "addresses": [address]}]), source=source))
    sites = [each["resource"]["id"] for each in body(hub.ask("GET", "Location"))["entry"]]
    stays, goes = (each["resource"]["id"] for each in body(hub.ask("GET", "Organization"))["entry"])
    hub.store.write(lambda writer: writer.join(stays, goes))
    [kept] = [site for site in sites if hub.ask("GET", f"Location/{site}").status_code == 200]
    [old] = [site for site in sites if site != kept]
    assert hub.ask("GET", f"Location/{old}").status_code == 301
    sent = put(hub, SITE | {"id": old, "managingOrganization": {"reference": f"Organization/{goes}"}})
    assert (sent.status_code, body(sent)["id"]) == (200, kept), sent.text
    offered = put(hub, SERVICE | {"providedBy": {"reference": f"Organization/{goes}"}, "location": [{"reference": f"Location/{old}"}]})
    assert [each["reference"] for each in body(offered)["location"]] == [f"Location/{kept}"], offered.text


def test_what_others_removed_is_neither_written_to_nor_made_anew(any_hub: Hub) -> None:
    hub = any_hub
    there, _ = of_others(hub, "Eerste", "Tweede")
    hub.remove(organisation(1))
    assert hub.ask("GET", f"Organization/{there}").status_code == 410
    before = head(hub)
    told = {"resourceType": "Organization", "id": there, "name": "Eerste"}
    for refused in (put(hub, told), hub.ask("POST", "Organization", told), hub.ask("POST", "", transaction(told))):
        assert (refused.status_code, "was removed here" in texts(refused), head(hub)) == (410, True, before), refused.text
    site = put(hub, SITE | {"managingOrganization": {"reference": f"Organization/{there}"}})
    assert (site.status_code, "was removed here" in texts(site), head(hub)) == (422, True, before), site.text


def test_what_the_sender_took_out_itself_comes_back_by_the_id_that_it_had(hub: Hub) -> None:
    entries: list[Json] = body(hub.ask("POST", "", transaction(ORGANISATION, SITE, PERSON, SERVICE, ROLE)))["entry"]
    id = entries[-1]["resource"]["id"]
    assert hub.ask("DELETE", f"PractitionerRole/{id}").status_code == 200
    assert hub.ask("GET", f"PractitionerRole/{id}").status_code == 410
    again = put(hub, ROLE | {"id": id})
    assert (again.status_code, body(again)["id"]) == (200, id)


def test_a_reference_that_leads_nowhere_yet_is_told_and_stands_when_its_target_comes(hub: Hub) -> None:
    sent = put(hub, NETWORK | {"partOf": {"reference": "Organization/later"}})
    [issue] = body(sent)["issue"]
    assert (sent.status_code, issue["severity"], issue["expression"]) == (201, "information", ["Organization.partOf.reference"])
    assert "no Organization/later here" in issue["details"]["text"]
    service = put(hub, SERVICE | {"providedBy": {"reference": "Organization/o2"}, "location": [{"reference": "Location/later"}]})
    assert [each["expression"] for each in body(service)["issue"]] == [["HealthcareService.location[0].reference"]]
    later = body(put(hub, ORGANISATION | {"id": "later"}))
    again = put(hub, NETWORK | {"partOf": {"reference": "Organization/later"}})
    assert body(again)["partOf"]["reference"] == f"Organization/{later['id']}"
    together = transaction(NETWORK | {"id": "o3", "partOf": {"reference": "Organization/o4"}}, ORGANISATION | {"id": "o4", "identifier": None})
    together["entry"][1]["resource"].pop("identifier")
    answered = body(hub.ask("POST", "", together))
    assert ["outcome" in each["response"] for each in answered["entry"]] == [False, False]


def test_a_reference_to_what_was_removed_is_told(hub: Hub) -> None:
    there, _ = of_others(hub, "Eerste", "Tweede")
    hub.remove(organisation(1))
    sent = put(hub, {name: value for name, value in SERVICE.items() if name != "location"} | {"providedBy": {"reference": f"Organization/{there}"}})
    [issue] = body(sent)["issue"]
    assert (sent.status_code, issue["expression"]) == (201, ["HealthcareService.providedBy.reference"])
