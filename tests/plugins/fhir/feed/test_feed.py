"""ITI-130: what a partner that may sends in becomes what its source says, all or nothing, with the same authority as any other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from werkzeug.test import TestResponse

from hub import Claim
from hub.store import editing, erasure
from plugins.fhir.params import RESOURCES
from plugins.fhir.xml_form import to_xml
from tests.plugins.fhir.feed.sending import (
    ADDRESS,
    BE,
    EVERYTHING,
    NETWORK,
    ORGANISATION,
    PERSON,
    ROLE,
    SERVICE,
    SITE,
    Json,
    body,
    head,
    put,
    texts,
    transaction,
    with_token,
)
from tests.plugins.fhir.subscribing import Hub


def test_what_is_sent_is_there_and_a_repeat_changes_nothing(any_hub: Hub) -> None:
    hub = any_hub
    first = put(hub, ORGANISATION)
    shown = body(first)
    assert first.status_code == 201
    assert first.headers["Location"].endswith(f"Organization/{shown['id']}/_history/{shown['meta']['versionId']}")
    assert first.headers["ETag"] == f'W/"{shown["meta"]["versionId"]}"'
    assert shown["id"] != "o1"
    assert {each["value"] for each in shown["identifier"]} == {"0403019261", "77"}
    assert [each["system"] for each in shown["identifier"] if each["value"] == "77"] == ["https://epd.example.org/ids"]
    assert [each["value"] for each in shown["telecom"]] == ["+3215999901", "https://debrug.example.org"]
    assert body(hub.ask("GET", f"Organization/{shown['id']}")) == shown
    assert body(hub.ask("GET", "Organization?identifier=https://epd.example.org/ids|77"))["entry"][0]["resource"] == shown

    before = head(hub)
    again = put(hub, ORGANISATION)
    assert (again.status_code, body(again), head(hub)) == (200, shown, before)
    assert "Last-Modified" not in again.headers, "the second of the change is not over"
    by_post = hub.ask("POST", "Organization", ORGANISATION)
    assert (by_post.status_code, body(by_post), head(hub)) == (200, shown, before)

    changed = put(hub, ORGANISATION | {"name": "Ziekenhuis De Nieuwe Brug"})
    assert (changed.status_code, body(changed)["name"], body(changed)["id"]) == (200, "Ziekenhuis De Nieuwe Brug", shown["id"])


def test_a_transaction_is_taken_whole_in_any_order(any_hub: Hub) -> None:
    hub = any_hub
    response = hub.ask("POST", "", transaction(*EVERYTHING))
    assert response.status_code == 200, response.text
    entries = body(response)["entry"]
    assert [entry["response"]["status"] for entry in entries] == ["201 Created"] * 8
    assert [entry["resource"]["resourceType"] for entry in entries] == [each["resourceType"] for each in EVERYTHING]
    role = entries[0]["resource"]
    place = role["location"][0]["reference"]
    site = body(hub.ask("GET", place))
    assert site["address"]["_line"][0]["extension"][1]["valueString"] == "12"
    assert (site["name"], site["position"]["latitude"]) == ("Campus Zuid", 51.05)
    assert role["practitioner"]["display"] == "An Peeters"
    found = body(hub.ask("GET", "PractitionerRole?location.address-city=gent&practitioner.name=peeters"))
    assert [entry["resource"]["id"] for entry in found["entry"]] == [role["id"]]
    assert body(hub.ask("GET", "OrganizationAffiliation?primary-organization.name=bruggen"))["entry"]

    before = head(hub)
    again = hub.ask("POST", "", transaction(*EVERYTHING))
    assert [entry["response"]["status"] for entry in body(again)["entry"]] == ["200 OK"] * 8
    assert head(hub) == before


@pytest.mark.parametrize(
    ("bad", "status", "place"),
    [
        (PERSON | {"gender": "vrouw"}, 400, "Bundle.entry[1].resource.gender"),
        (
            PERSON | {"identifier": [{"system": BE + "NamingSystem/nihdi", "value": "18749705001"}]},
            422,
            "Bundle.entry[1].resource.identifier[0].value",
        ),
        (SITE | {"managingOrganization": {"reference": "Organization/o9"}}, 422, "Bundle.entry[1].resource"),
        (SITE | {"managingOrganization": {"reference": "Practitioner/p1"}}, 400, "Bundle.entry[1].resource.managingOrganization.reference"),
        (ROLE, 422, "Bundle.entry[1].resource"),
        (PERSON | {"identifier": [{"system": BE + "NamingSystem/ssin", "value": "79011012345"}]}, 422, "Bundle.entry[1].resource.identifier[0]"),
        (PERSON | {"modifierExtension": [{"url": "https://example.org/x", "valueBoolean": True}]}, 422, "Bundle.entry[1].resource.modifierExtension"),
    ],
)
def test_a_transaction_with_one_fault_leaves_nothing(hub: Hub, bad: Json, status: int, place: str) -> None:
    before = head(hub)
    refused = hub.ask("POST", "", transaction(ORGANISATION, bad))
    assert (refused.status_code, head(hub)) == (status, before), refused.text
    told = body(refused)["issue"]
    assert any(issue.get("expression") == [place] for issue in told), told
    assert "79011012345" not in refused.text
    assert hub.ask("GET", "Organization?name=brug&_total=accurate").get_json(force=True)["total"] == 0


LONG = "x" * 20_001
OURS = "https://fichehub.example.org/fhir/"
GOV = {"valueCode": "inspection_report"}


def ours(name: str, **parts: Json) -> Json:
    """An extension of ours."""
    return {"url": f"{OURS}StructureDefinition/{name}", "extension": [{"url": part, **value} for part, value in parts.items()]}


def french(words: str) -> Json:
    parts = [{"url": "lang", "valueCode": "fr"}, {"url": "content", "valueString": words}]
    return {"url": "http://hl7.org/fhir/StructureDefinition/translation", "extension": parts}


def served(code: str) -> Json:
    return {"identifier": {"system": f"{OURS}NamingSystem/refnis", "value": code}}


UNLOCATED = {name: value for name, value in SITE.items() if name != "managingOrganization"}


@pytest.mark.parametrize(
    ("resource", "place"),
    [
        (ORGANISATION | {"identifier": [{"system": BE + "NamingSystem/cbe", "value": "0403019262"}]}, "identifier[0].value"),
        (PERSON | {"identifier": [{"system": BE + "NamingSystem/nihdi", "value": "12345678901"}]}, "identifier[0].value"),
        (PERSON | {"identifier": [{"system": BE + "NamingSystem/ssin", "value": "79011012345"}]}, "identifier[0]"),
        (SITE | {"position": {"latitude": 100, "longitude": 3.72}}, "position.latitude"),
        (SITE | {"position": {"latitude": 51.05, "longitude": -180.5}}, "position.longitude"),
        (UNLOCATED, "managingOrganization"),
        (UNLOCATED | {"managingOrganization": {"display": "De Brug"}}, "managingOrganization"),
        (SITE | {"managingOrganization": {"reference": "urn:uuid:0b6f4c5e-0000-4000-8000-000000000009"}}, "managingOrganization.reference"),
        # what the hub's own check refuses
        (ORGANISATION | {"name": LONG}, "name"),
        (ORGANISATION | {"alias": ["De Brug", LONG]}, "alias[1]"),
        (ORGANISATION | {"name": "Brug", "_name": {"extension": [french(LONG)]}}, "name.extension[0]"),
        (ORGANISATION | {"telecom": [{"system": "sms", "value": "1"}, {"system": "phone", "value": LONG}]}, "telecom[1].value"),
        (NETWORK | {"id": "o3", "address": [{"city": "Gent", "postalCode": LONG}]}, "address[0].postalCode"),
        (ORGANISATION | {"extension": [ours("gov-info", type=GOV, url={"valueString": "no address"})]}, "extension[0]"),
        (ORGANISATION | {"extension": [ours("tag", tag={"valueCoding": {"system": "urn:x", "code": "y"}})]}, "extension[0]"),
        (SITE | {"name": LONG}, "name"),
        (SITE | {"address": {"city": "Gent", "line": ["Dorp 1"], "postalCode": LONG}}, "address.postalCode"),
        (SITE | {"telecom": [{"system": "url", "value": LONG}]}, "telecom[0].value"),
        (
            PERSON | {"communication": [{"coding": [{"system": "urn:ietf:bcp:47", "code": code}]} for code in ("fr", "nederlands")]},
            "communication[1]",
        ),
        (PERSON | {"name": [{"family": "Peeters", "given": [LONG]}]}, "name[0].given"),
        (SERVICE | {"extension": [ours("capacity", unit={"valueString": "bed"}, maximum={"valueInteger": -5})]}, "extension[0]"),
        (SERVICE | {"extension": [ours("waiting-list", value={"valueCode": "yes"}, weeks={"valueInteger": -5})]}, "extension[0]"),
        (SERVICE | {"coverageArea": [served("44021"), served("99999")]}, "coverageArea[1].identifier.value"),
        (SERVICE | {"comment": LONG}, "comment"),
        (ADDRESS | {"address": "javascript:alert(1)"}, "address"),
        (ROLE | {"telecom": [{"system": "phone", "value": LONG}]}, "telecom[0].value"),
    ],
)
def test_a_dry_run_refuses_what_sending_in_refuses_in_the_same_words(hub: Hub, resource: Json, place: str) -> None:
    assert hub.ask("POST", "", transaction(*EVERYTHING)).status_code == 200
    before = head(hub)

    def refusals(response: TestResponse) -> list[Json]:
        return [issue for issue in body(response)["issue"] if issue["severity"] == "error"]

    sent = put(hub, resource)
    assert (sent.status_code, refusals(sent)[0]["expression"]) == (422, [f"{resource['resourceType']}.{place}"]), sent.text
    assert refusals(hub.ask("POST", "$validate", resource)) == refusals(sent)
    assert refusals(hub.ask("POST", "$validate", resource, partner="")) == refusals(sent), "to anybody, for nothing of anybody is told"
    by_profile = hub.ask("POST", f"$validate?mode=profile&profile={RESOURCES[resource['resourceType']].profiles[0][0]}", resource)
    assert refusals(by_profile) == [], "a profile is asked of the judge alone"
    many = transaction(NETWORK, resource)
    assert refusals(hub.ask("POST", "$validate", many)) == refusals(hub.ask("POST", "", many))
    assert head(hub) == before


def test_only_an_agreement_with_the_right_may_send(hub: Hub) -> None:
    before = head(hub)
    for partner in ("other", ""):
        for method, path, sent in (
            ("PUT", "Organization/o1", ORGANISATION),
            ("POST", "Organization", ORGANISATION),
            ("DELETE", "Organization/o1", None),
            ("POST", "", transaction(ORGANISATION)),
        ):
            refused = hub.ask(method, path, sent, partner=partner)
            if partner:
                assert (refused.status_code, "right feed" in texts(refused)) == (403, True)
            else:
                assert (refused.status_code, "send your API key or token" in texts(refused)) == (401, True)
    assert head(hub) == before


def test_a_field_that_another_source_owns_is_told_with_owner_and_route_or_refused(hub: Hub) -> None:
    content = {"kind": "zorgverlener", "name": {"family": "Peeters", "given": ["Anna"]}, "identifiers": [{"system": "riziv", "value": "18749704001"}]}
    content["professions"] = [{"scheme": "cd-hcparty", "code": "persnurse"}]
    hub.put(Claim("progezondheid", "18749704", 1, "zorgverlener", content))
    before = head(hub)
    refused = put(hub, PERSON, Prefer="handling=strict")
    assert (refused.status_code, head(hub)) == (409, before)
    assert "ProGezondheid" in texts(refused)
    told = put(hub, PERSON)
    assert told.status_code in (200, 201)
    assert "professions comes from ProGezondheid" in texts(told)
    assert "past zijn gegevens aan in ProGezondheid" in texts(told), "the route"
    shown = body(hub.ask("GET", told.headers["Location"].split("/fhir/")[1].split("/_history")[0]))
    assert [each["code"]["coding"][0]["code"] for each in shown["qualification"]] == ["persnurse"]
    assert body(hub.ask("GET", "Practitioner?identifier=18749704001"))["entry"][0]["resource"]["id"] == shown["id"], "the same person"


def test_a_site_that_another_source_owns_is_not_moved(hub: Hub) -> None:
    address = {"type": "visit", "street": {"nl": "Marktplein"}, "house_number": "1", "postcode": "9000", "city": {"nl": "Gent"}}
    site = {"keys": ["kbo:1"], "identifiers": [{"system": "vestigingsnummer", "value": "2147812701"}], "addresses": [address]}
    hub.put(Claim("kbo", "0403019261", 1, "organisatie", {"kind": "organisatie", "names": [{"text": {"nl": "Huis"}}], "vestigingen": [site]}))
    known = body(hub.ask("GET", "Organization?name=huis"))["entry"][0]["resource"]
    number = {"system": "https://fichehub.example.org/fhir/NamingSystem/vestigingsnummer", "value": "2147812701"}
    moved = SITE | {"identifier": [number], "managingOrganization": {"reference": f"Organization/{known['id']}"}}
    refused = put(hub, moved, Prefer="handling=strict")
    assert (refused.status_code, "Kruispuntbank" in texts(refused)) == (409, True)
    told = put(hub, moved)
    assert "vestigingen.addresses comes from Kruispuntbank" in texts(told)
    assert "My Enterprise" in texts(told), "the route"
    shown = body(hub.ask("GET", f"Location?organization={known['id']}&_total=accurate"))
    assert shown["total"] == 1, "it is the same site"
    assert (shown["entry"][0]["resource"]["name"], shown["entry"][0]["resource"]["address"]["line"]) == ("Campus Zuid", ["Marktplein 1"])
    before = head(hub)
    put(hub, moved)
    assert head(hub) == before


def test_what_the_writer_refuses_undoes_the_whole_transaction(any_hub: Hub) -> None:
    hub = any_hub
    before = head(hub)
    report = {"url": "https://fichehub.example.org/fhir/StructureDefinition/gov-info"}
    parts = [{"url": "type", "valueCode": "inspection_report"}, {"url": "url", "valueString": "no address"}]
    refused = hub.ask("POST", "", transaction(NETWORK, ORGANISATION | {"extension": [report | {"extension": parts}]}))
    assert (refused.status_code, head(hub)) == (422, before), refused.text
    assert "not a full URL" in texts(refused)
    assert body(hub.ask("GET", "Organization?_total=accurate"))["total"] == 0


def parts_of(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where something stands inside."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, inner in inside:
        yield (*path, name)
        yield from parts_of(inner, (*path, name))


def test_whatever_is_missing_is_no_fault_of_the_server(hub: Hub) -> None:
    assert hub.ask("POST", "", transaction(*EVERYTHING)).status_code == 200
    tried = 0
    for resource in EVERYTHING:
        for path in parts_of(resource):
            broken = orjson.loads(orjson.dumps(resource))
            place = broken
            for name in path[:-1]:
                place = place[name]
            del place[path[-1]]
            answered = hub.ask("PUT", f"{resource['resourceType']}/{resource['id']}", broken)
            assert answered.status_code < 500, (resource["resourceType"], path)
            tried += 1
    assert tried > 100


def test_an_editor_s_decision_stands_above_a_feed(hub: Hub) -> None:
    id = body(put(hub, ORGANISATION))["id"]
    editing.edit(hub.store, id, "names", [{"text": {"nl": "Zoals de redactie zegt"}}], "an editor")
    changed = put(hub, ORGANISATION | {"name": "Zoals het EPD zegt"})
    assert "shown as an alias" in texts(changed)
    assert body(hub.ask("GET", f"Organization/{id}"))["name"] == "Zoals de redactie zegt"


def test_the_erased_stay_erased(any_hub: Hub) -> None:
    hub = any_hub
    answered = hub.ask("POST", "", transaction(ORGANISATION, SITE, PERSON, SERVICE, ROLE))
    person = body(answered)["entry"][2]["resource"]["id"]
    erasure.erase(hub.store, person, "a request")
    before = head(hub)
    for resource in (PERSON, PERSON | {"id": "p2"}, ROLE):
        gone = put(hub, resource)
        assert (gone.status_code, head(hub)) == (410, before), gone.text
    whole = hub.ask("POST", "", transaction(NETWORK, PERSON))
    assert (whole.status_code, head(hub)) == (410, before)
    assert body(hub.ask("GET", "Practitioner?family=peeters&_total=accurate"))["total"] == 0


def test_delete_notes_that_something_is_not_active_any_more(hub: Hub) -> None:
    entries = body(hub.ask("POST", "", transaction(*EVERYTHING)))["entry"]
    ids = {each["resourceType"] + "/" + each["id"]: entry["resource"]["id"] for each, entry in zip(EVERYTHING, entries, strict=True)}
    for name in ("OrganizationAffiliation/a1", "Endpoint/e1", "Location/l1", "Organization/o1"):
        for _ in range(2):
            assert hub.ask("DELETE", name).status_code == 200
    shown = body(hub.ask("GET", f"Organization/{ids['Organization/o1']}"))
    assert (shown["active"], shown["name"]) == (False, "Ziekenhuis De Brug")
    assert body(hub.ask("GET", f"Location/{ids['Location/l1']}"))["status"] == "inactive"
    assert body(hub.ask("GET", f"Endpoint/{ids['Endpoint/e1']}"))["status"] == "off"
    assert hub.ask("GET", f"OrganizationAffiliation/{ids['OrganizationAffiliation/a1']}").status_code == 410
    assert hub.ask("DELETE", "Organization/o9").status_code == 404
    gone = {"resourceType": "Bundle", "type": "transaction", "entry": [{"request": {"method": "DELETE", "url": "PractitionerRole/r1"}}]}
    assert hub.ask("POST", "", gone).status_code == 200
    assert hub.ask("GET", f"PractitionerRole/{ids['PractitionerRole/r1']}").status_code == 410
    assert put(hub, ROLE).status_code == 200
    assert body(hub.ask("GET", f"PractitionerRole/{ids['PractitionerRole/r1']}"))["id"] == ids["PractitionerRole/r1"], (
        "and it comes back under its id"
    )


def test_versions_and_if_match(hub: Hub) -> None:
    shown = body(put(hub, ORGANISATION | {"meta": {"versionId": "7"}}))
    late = put(hub, ORGANISATION | {"meta": {"versionId": "6"}, "name": "Van vroeger"})
    assert (late.status_code, "later version" in texts(late)) == (200, True)
    assert body(hub.ask("GET", f"Organization/{shown['id']}"))["name"] == "Ziekenhuis De Brug"
    stale = put(hub, ORGANISATION | {"name": "Nieuw"}, **{"If-Match": 'W/"1-1"'})
    assert (stale.status_code, "is version" in texts(stale)) == (412, True)
    assert body(stale)["issue"][0]["code"] == "conflict"
    fresh = put(hub, ORGANISATION | {"name": "Nieuw"}, **{"If-Match": f'W/"{shown["meta"]["versionId"]}"'})
    assert (fresh.status_code, body(fresh)["name"]) == (200, "Nieuw")


def test_if_none_match_keeps_what_is_there(hub: Hub) -> None:
    only_new = {"If-None-Match": "*"}
    made = put(hub, ORGANISATION, **only_new)
    shown, before = body(made), head(hub)
    assert made.status_code == 201
    changed = ORGANISATION | {"name": "Nieuw"}
    conditional = "Organization?identifier=https://epd.example.org/ids|77"
    without = {name: value for name, value in changed.items() if name != "id"}
    in_a_bundle = transaction(NETWORK, changed)
    in_a_bundle["entry"][1]["request"]["ifNoneMatch"] = "*"
    for refused in (
        put(hub, changed, **only_new),
        put(hub, changed | {"id": shown["id"]}, **only_new),
        put(hub, changed, **{"If-None-Match": f'W/"{shown["meta"]["versionId"]}"'}),
        hub.ask("PUT", conditional, without, **only_new),
        hub.ask("POST", "", in_a_bundle),
    ):
        assert (refused.status_code, "is here already" in texts(refused), head(hub)) == (412, True, before), refused.text
    other = put(hub, changed, **{"If-None-Match": 'W/"1-1"'})
    assert (other.status_code, body(other)["name"]) == (200, "Nieuw")


def test_writing_to_an_id_of_the_hub_s_speaks_of_that_fiche(hub: Hub) -> None:
    claim = Claim(
        "sociale-kaart", "org-5", 1, "organisatie",
        {
            "kind": "organisatie",
            "names": [{"text": {"nl": "Huis Vijf"}}],
            "vestigingen": [{"keys": ["sociale-kaart:site-5"], "addresses": [{"postcode": "9000", "city": {"nl": "Gent"}}]}],
        },
    )  # fmt: skip
    hub.put(claim)
    known = body(hub.ask("GET", "Organization?name=vijf"))["entry"][0]["resource"]
    sent = {"resourceType": "Organization", "id": known["id"], "name": "Huis Vijf", "telecom": [{"system": "phone", "value": "+3215999902"}]}
    changed = put(hub, sent)
    assert (changed.status_code, body(changed)["id"]) == (200, known["id"])
    assert body(changed)["telecom"][0]["value"] == "+3215999902"
    site = body(hub.ask("GET", f"Location?organization={known['id']}"))["entry"][0]["resource"]
    named = put(
        hub,
        {"resourceType": "Location", "id": site["id"], "name": "Achterbouw", "managingOrganization": {"reference": f"Organization/{known['id']}"}},
    )
    assert (named.status_code, body(named)["id"], body(named)["name"]) == (200, site["id"], "Achterbouw")
    assert body(hub.ask("GET", f"Location?organization={known['id']}&_total=accurate"))["total"] == 1


def test_xml_forms_limits_and_odd_bodies(hub: Hub) -> None:
    client, headers = hub.app.test_client(), {"X-API-Key": hub.keys["epd"]}

    def send(path: str, data: bytes, content_type: str) -> TestResponse:
        return client.put(f"/fhir/{path}", data=data, content_type=content_type, headers=headers)

    in_order = {name: ORGANISATION[name] for name in ("resourceType", "id", "identifier", "active", "type", "name", "telecom")}
    assert send("Organization/o1", to_xml(in_order), "application/fhir+xml").status_code == 201
    xml = client.post("/fhir", data=to_xml(transaction(NETWORK)), content_type="application/fhir+xml", headers=headers)
    assert xml.status_code == 200, xml.text
    assert send("Organization/o1", orjson.dumps(ORGANISATION), "text/plain").status_code == 415
    assert send("Organization/o1", b"{", "application/fhir+json").status_code == 400
    assert send("Organization/o1", b"", "application/fhir+json").status_code == 400
    assert send("Organization/o1", b"[1]", "application/fhir+json").status_code == 400
    assert send("Organization/o2", orjson.dumps(ORGANISATION), "application/fhir+json").status_code == 400
    assert send("Organization/o1", orjson.dumps(PERSON), "application/fhir+json").status_code == 400
    assert send("Organization/o1", b" " * (5 << 20), "application/fhir+json").status_code == 413
    assert hub.ask("PATCH", "Organization/o1").headers["Allow"] == "GET, HEAD, PUT, DELETE"
    many = transaction(*(NETWORK | {"id": f"n{number}"} for number in range(501)))
    assert hub.ask("POST", "", many).status_code == 400
    twice = transaction(NETWORK, NETWORK | {"name": "x"})
    assert hub.ask("POST", "", twice).status_code == 400
    faults: list[Json] = [
        {"entry": [{"request": {"method": "GET", "url": "Organization"}}]},
        {"entry": [{}]},
        {"entry": "x"},
        {"entry": [{"resource": NETWORK}]},
    ]
    for broken in faults:
        assert hub.ask("POST", "", {"resourceType": "Bundle", "type": "transaction", **broken}).status_code == 400


@pytest.mark.parametrize(("scopes", "status"), [("system/*.rs", 403), ("system/Organization.cruds", 403), ("system/*.cruds", 200)])
def test_a_transaction_needs_the_scopes_of_all_that_is_in_it(hub: Hub, scopes: str, status: int) -> None:
    answered = with_token(hub, scopes, transaction(ORGANISATION, PERSON))
    assert answered.status_code == status, answered.text
    assert (body(hub.ask("GET", "Organization?_total=accurate"))["total"] == 1) == (status == 200)
