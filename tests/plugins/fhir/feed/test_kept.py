"""ITI-130: what is kept of a resource that is sent in, how it is shown then, and what is told of the rest."""

from __future__ import annotations

import orjson
import pytest

from hub import Concept, ConceptScheme, Grant, Mapping
from hub.directory import Directory
from hub.store import reading
from plugins.fhir.feed.translate import TRANSLATED
from plugins.fhir.params import RESOURCES
from tests.plugins.fhir.conftest import Hub as Small
from tests.plugins.fhir.feed.sending import (
    ADDRESS,
    AFFILIATION,
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
    transaction,
)
from tests.plugins.fhir.subscribing import Hub


def test_addresses_of_an_organization_are_its_sites_until_locations_come(hub: Hub) -> None:
    address = {"line": ["Rue du Soleil 4"], "city": "Bruxelles", "postalCode": "1000", "country": "BE"}
    other = address | {"line": ["Zonnestraat 4"], "city": "Brussel"}
    language = "http://hl7.org/fhir/StructureDefinition/language"
    both = [
        {"extension": [{"url": language, "valueCode": "nl"}], **other},
        {"extension": [{"url": language, "valueCode": "fr"}], **address},
    ]
    shown = body(put(hub, ORGANISATION | {"address": both}))
    assert [each["city"] for each in shown["address"]] == ["Brussel", "Bruxelles"]
    found = body(hub.ask("GET", f"Location?organization={shown['id']}&_total=accurate"))
    assert (found["total"], found["entry"][0]["resource"]["address"]["line"]) == (1, ["Zonnestraat 4"])
    put(hub, SITE)
    found = body(hub.ask("GET", f"Location?organization={shown['id']}&_total=accurate"))
    assert (found["total"], found["entry"][0]["resource"]["name"]) == (1, "Campus Zuid")


def test_a_location_sent_by_the_id_of_an_address_stays_when_its_organization_is_sent_again(hub: Hub) -> None:
    address = {"line": ["Kerkstraat 12"], "city": "Gent", "postalCode": "9000", "country": "BE"}
    owner = body(put(hub, ORGANISATION | {"address": [address]}))
    site = body(hub.ask("GET", f"Location?organization={owner['id']}"))["entry"][0]["resource"]
    named = body(put(hub, site | {"name": "Campus Zuid"}))
    assert (named["id"], named["name"]) == (site["id"], "Campus Zuid")
    put(hub, ORGANISATION | {"address": [address], "name": "Ziekenhuis De Nieuwe Brug"})
    found = body(hub.ask("GET", f"Location?organization={owner['id']}&_total=accurate"))
    assert (found["total"], found["entry"][0]["resource"]["name"]) == (1, "Campus Zuid")


@pytest.mark.parametrize("written", ["be", "BE ", "BEL", "Belgium", "België"])
def test_a_country_is_kept_in_two_letters_however_it_is_written(hub: Hub, written: str) -> None:
    assert put(hub, ORGANISATION).status_code == 201
    shown = body(put(hub, SITE | {"address": SITE["address"] | {"country": written}}))
    assert shown["address"]["country"] == "BE"
    found = body(hub.ask("GET", f"Location?_id={shown['id']}&address-country=BE&_total=accurate"))
    assert found["total"] == 1
    with hub.store.read() as connection:
        document = reading.documents_by_uuid(connection, [shown["managingOrganization"]["reference"].partition("/")[2]])
    [site] = next(iter(document.values()))["vestigingen"]
    assert site["addresses"][0]["municipality"] == "44021"


def test_a_country_that_is_none_is_refused_with_its_place(hub: Hub) -> None:
    assert put(hub, ORGANISATION).status_code == 201
    abroad = SITE | {"address": {"line": ["Dorpsstraat 1"], "city": "Sluis", "postalCode": "4524", "country": "Nederland"}}
    assert body(put(hub, abroad))["address"]["country"] == "NL"
    answer = put(hub, SITE | {"address": SITE["address"] | {"country": "XX"}})
    assert answer.status_code == 422
    [issue] = body(answer)["issue"]
    assert issue["expression"] == ["Location.address.country"]
    assert "ISO 3166-1" in issue["details"]["text"]


def test_what_has_no_place_here_is_told(hub: Hub) -> None:
    told = put(hub, PERSON | {"birthDate": "1979-01-10", "telecom": [{"system": "phone", "use": "home", "value": "+3215999903"}]})
    assert told.status_code == 201
    assert {issue["expression"][0] for issue in body(told)["issue"]} == {"Practitioner.birthDate", "Practitioner.telecom[0]"}
    assert {issue["severity"] for issue in body(told)["issue"]} == {"warning"}


@pytest.mark.parametrize("needed", [True, False])
def test_whether_an_appointment_is_needed_is_kept(hub: Hub, needed: bool) -> None:
    assert hub.ask("POST", "", transaction(ORGANISATION, SITE, SERVICE)).status_code == 200
    shown = body(put(hub, SERVICE | {"appointmentRequired": needed}))
    assert (shown["resourceType"], shown.get("appointmentRequired")) == ("HealthcareService", needed)
    before = head(hub)
    again = put(hub, SERVICE | {"appointmentRequired": needed, "availableTime": shown["availableTime"]})
    assert (body(again), head(hub)) == (shown, before)


def test_an_appointment_that_has_no_place_is_told(hub: Hub) -> None:
    assert hub.ask("POST", "", transaction(ORGANISATION, SITE, SERVICE)).status_code == 200
    by_appointment = {"url": "https://fichehub.example.org/fhir/StructureDefinition/by-appointment", "valueBoolean": True}
    without = {name: value for name, value in SERVICE.items() if name != "availableTime"}
    for sent in (
        without | {"appointmentRequired": True},
        SERVICE | {"appointmentRequired": False, "availableTime": [{"extension": [by_appointment], "allDay": True}, {"daysOfWeek": ["mon"]}]},
    ):
        assert [issue["expression"] for issue in body(put(hub, sent))["issue"]] == [["HealthcareService.appointmentRequired"]]


def test_of_a_language_with_its_region_the_language_is_kept_and_the_rest_told(hub: Hub) -> None:
    spoken = [{"coding": [{"system": "urn:ietf:bcp:47", "code": code}]} for code in ("fr", "nl-BE")]
    told = put(hub, PERSON | {"communication": spoken})
    [issue] = body(told)["issue"]
    assert (issue["severity"], issue["expression"], "nl-BE" in issue["details"]["text"]) == ("warning", ["Practitioner.communication[1]"], True)
    shown = body(hub.ask("GET", "Practitioner?family=peeters"))["entry"][0]["resource"]
    assert [each["coding"][0]["code"] for each in shown["communication"]] == ["fr", "nl"]


def test_the_kind_of_an_endpoint_is_shown_as_it_was_sent_and_found(hub: Hub) -> None:
    told = body(hub.ask("POST", "", transaction(ORGANISATION, ADDRESS)))["entry"]
    assert all("outcome" not in entry["response"] for entry in told)
    system = "http://terminology.hl7.org/CodeSystem/endpoint-connection-type"
    assert told[1]["resource"]["connectionType"] == {"system": system, "code": "hl7-fhir-rest"}
    for query, total in (
        ("connection-type=hl7-fhir-rest", 1),
        (f"connection-type={system}|hl7-fhir-rest", 1),
        (f"connection-type={system}|", 1),
        ("connection-type:not=hl7-fhir-rest", 0),
        ("connection-type:missing=true", 0),
    ):
        assert body(hub.ask("GET", f"Endpoint?{query}&_total=accurate"))["total"] == total, query


@pytest.mark.parametrize(
    ("sent", "warned"),
    [
        ({"extension": [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}]}, False),
        ({"system": "http://terminology.hl7.org/CodeSystem/data-absent-reason", "code": "unknown"}, False),
        ({"system": "https://example.org/kinds", "code": "pigeon"}, True),
        ({"display": "by pigeon"}, True),
    ],
)
def test_an_endpoint_whose_kind_is_not_known_shows_no_code(hub: Hub, sent: Json, warned: bool) -> None:
    put(hub, ORGANISATION)
    told = body(put(hub, ADDRESS | {"connectionType": sent}))
    assert [issue["expression"] for issue in told.get("issue", ())] == [["Endpoint.connectionType"]] * warned
    [entry] = body(hub.ask("GET", "Endpoint?connection-type:missing=true"))["entry"]
    assert entry["resource"]["connectionType"] == {
        "extension": [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}]
    }
    assert body(hub.ask("GET", "Endpoint?connection-type=unknown&_total=accurate"))["total"] == 0


def test_a_masked_given_name_and_a_language_without_letters_of_its_own_refuse_nothing(hub: Hub) -> None:
    masked = {"extension": [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "masked"}]}
    name = {"family": "Peeters", "given": [None, "An"], "_given": [masked, None], "prefix": [None, "Dr."], "_prefix": [masked, None]}
    told = put(hub, PERSON | {"name": [name], "communication": [{"coding": [{"system": "urn:ietf:bcp:47", "code": "i-klingon"}]}]})
    assert (told.status_code, [each["expression"] for each in body(told)["issue"]]) == (201, [["Practitioner.communication[0]"]]), told.text
    [shown] = body(hub.ask("GET", "Practitioner?family=peeters"))["entry"]
    assert (shown["resource"]["name"][0]["given"], shown["resource"]["name"][0]["prefix"]) == (["An"], ["Dr."])
    assert "communication" not in shown["resource"]


def plain(resource: Json, ids: dict[str, str]) -> Json:
    """A resource without what differs between two servers: ids, versions, and where its bytes say them."""
    text = orjson.dumps({name: value for name, value in resource.items() if name not in ("id", "meta", "text")}).decode()
    for here, there in ids.items():
        text = text.replace(here, there)
    found: Json = orjson.loads(text)
    if resource["resourceType"] == "Location":
        found.pop("alias", None)  # the names of the organisation, beside a name that is the site's own only there
    return found


def test_what_one_hub_shows_another_takes_and_shows(small: Small, hub: Hub) -> None:
    client = small.client()
    shown: list[Json] = []
    for name in TRANSLATED:
        page = orjson.loads(client.get(f"/fhir/{name}?_count=500").data)
        shown += [entry["resource"] for entry in page.get("entry", ())]
    assert {each["resourceType"] for each in shown} == set(TRANSLATED)
    response = hub.ask("POST", "", transaction(*shown))
    assert response.status_code == 200, response.text
    entries = body(response)["entry"]
    assert [entry["response"]["outcome"] for entry in entries if "outcome" in entry["response"]] == []
    ids = {here["id"]: entry["resource"]["id"] for here, entry in zip(shown, entries, strict=True)}
    for here, entry in zip(shown, entries, strict=True):
        there = body(hub.ask("GET", f"{here['resourceType']}/{entry['resource']['id']}"))
        assert plain(there, {}) == plain(here, ids)


OURS = "https://fichehub.example.org/fhir/StructureDefinition/"


def test_what_this_server_shows_is_sent_back_without_a_remark(hub: Hub) -> None:
    number = {"system": "https://fichehub.example.org/fhir/NamingSystem/vestigingsnummer", "value": "2147812701"}
    hours = [{"daysOfWeek": ["tue"], "openingTime": "09:00:00", "closingTime": "23:59:59"}, {"daysOfWeek": ["wed"], "allDay": True}]
    site = SITE | {"identifier": [number], "hoursOfOperation": hours, "telecom": [{"system": "email", "value": "zuid@example.org", "rank": 1}]}
    person = PERSON | {"name": [{"family": "Peeters", "given": ["An"], "prefix": ["Dr."]}], "gender": "female"}
    role = ROLE | {"period": {"start": "2020-01-01", "end": "2030-12-31"}}
    recognised = {
        "url": f"{OURS}recognition",
        "extension": [{"url": "number", "valueString": "E1"}, {"url": "period", "valuePeriod": role["period"]}],
    }
    offer = SERVICE | {
        "extension": [recognised],
        "coverageArea": [{"identifier": {"system": "https://fichehub.example.org/fhir/NamingSystem/refnis", "value": "44021"}}],
    }
    sent = (ORGANISATION, NETWORK, site, person, offer, role, AFFILIATION, ADDRESS)
    assert hub.ask("POST", "", transaction(*sent)).status_code == 200
    shown = [body(hub.ask("GET", each["resourceType"]))["entry"][0]["resource"] for each in sent if each is not NETWORK]
    assert {each["resourceType"] for each in shown} == set(TRANSLATED)
    for each in shown:
        judged = body(hub.ask("POST", "$validate", each))["issue"]
        assert [issue["details"]["text"] for issue in judged] == ["Nothing is wrong with it."], each
        assert plain(body(put(hub, each)), {}) == plain(each, {})
        assert body(hub.ask("GET", f"{each['resourceType']}?_total=accurate"))["total"] == 1 + (each["resourceType"] == "Organization"), (
            "it is the same one"
        )


def test_whatever_this_server_shows_gives_no_remark(world_s: Small) -> None:
    client = world_s.client()
    tried = 0
    for name in TRANSLATED:
        page = orjson.loads(client.get(f"/fhir/{name}?_count=60").data)
        for entry in page.get("entry", ()):
            judged = client.post("/fhir/$validate", data=orjson.dumps(entry["resource"]), content_type="application/fhir+json")
            told = [issue["details"]["text"] for issue in orjson.loads(judged.data)["issue"]]
            assert told == ["Nothing is wrong with it."], entry["resource"]
            tried += 1
    assert tried > 100


@pytest.mark.parametrize(
    ("sent", "places"),
    [
        (
            ORGANISATION | {"endpoint": [{"reference": "Endpoint/e1"}, {"reference": "Endpoint/e9"}, {"display": "ergens"}]},
            ["endpoint[1]", "endpoint[2]"],
        ),
        (ORGANISATION | {"address": [SITE["address"], SITE["address"] | {"city": "Brugge", "postalCode": "8000"}]}, ["address[1]"]),
        (SITE | {"alias": ["Ziekenhuis De Brug", "Het Zuid"]}, ["alias[1]"]),
        (
            SITE | {"type": [{"coding": [{"system": BE + "CodeSystem/cd-hcparty", "code": code}]} for code in ("orghospital", "orgpharmacy")]},
            ["type[1].coding[0]"],
        ),
        (ROLE | {"location": [{"reference": "Location/l1"}]}, []),
        (ROLE | {"location": [{"reference": "Location/l2"}]}, ["location[0]"]),
        (ROLE | {"organization": {"reference": "Organization/o2"}}, ["organization"]),
        (ROLE | {"organization": {"reference": "Organization/unheard-of"}}, ["organization"]),
        (ROLE | {"organization": {"identifier": {"system": "https://epd.example.org/ids", "value": "77"}}}, []),
        (ROLE | {"organization": {"identifier": {"system": "https://epd.example.org/ids", "value": "78"}}}, ["organization"]),
    ],
)
def test_what_a_resource_says_of_another_is_told_when_that_one_does_not(hub: Hub, sent: Json, places: list[str]) -> None:
    assert (
        hub.ask(
            "POST", "", transaction(*EVERYTHING, SITE | {"id": "l2", "name": "Campus Noord", "address": SITE["address"] | {"line": ["Dorp 1"]}})
        ).status_code
        == 200
    )
    told = body(put(hub, sent))
    assert [issue["expression"] for issue in told.get("issue", ())] == [[f"{sent['resourceType']}.{place}"] for place in places]
    assert {issue["severity"] for issue in told.get("issue", ())} <= {"warning"}


RUBRIEK = "https://fichehub.example.org/fhir/CodeSystem/rubriek"
FORM = "https://fichehub.example.org/fhir/CodeSystem/organisatie-form"


def test_what_the_server_puts_beside_a_code_is_found_and_is_not_said_by_who_sends_it_back(hub: Hub) -> None:
    mapping = Mapping("rubriek|14", "close", "cd-hcparty|orgretirementhome")
    hub.store.write(lambda writer: writer.put_concepts([Concept("rubriek", "14.04", {"nl": "Wonen"}, broader="14"), mapping]))
    assert hub.ask("POST", "", transaction(*EVERYTHING)).status_code == 200
    service = body(hub.ask("GET", f"HealthcareService?service-type={RUBRIEK}|14.04"))["entry"][0]["resource"]
    beside = {"system": BE + "CodeSystem/cd-hcparty", "code": "orgretirementhome", "display": "woonzorgcentrum"}
    assert service["type"] == [{"coding": [{"system": RUBRIEK, "code": "14.04", "display": "Wonen"}, beside], "text": "Wonen"}]
    found = body(hub.ask("GET", f"HealthcareService?service-type={BE}CodeSystem/cd-hcparty|orgretirementhome"))
    assert [entry["resource"]["id"] for entry in found["entry"]] == [service["id"]]
    before = head(hub)
    again = body(put(hub, SERVICE | {"type": service["type"]}))
    assert (again["type"], head(hub)) == (service["type"], before)
    # Alone it is a code like any other.
    own = body(put(hub, SERVICE | {"type": [{"coding": [beside]}]}))
    assert own["type"] == [{"coding": [beside], "text": "woonzorgcentrum"}]


def test_beside_a_code_of_a_partner_stands_its_rubriek_which_finds_it(hub: Hub) -> None:
    concepts: list[ConceptScheme | Concept | Mapping] = [
        ConceptScheme("proef", {"nl": "Proef"}, source="test"),
        Concept("proef", "9001", {"nl": "Wonen hier"}),
        Mapping("proef|9001", "close", "rubriek|14.04"),
    ]
    hub.store.write(lambda writer: writer.put_concepts([*concepts, Mapping("rubriek|14.04", "exact", "cd-hcparty|orgretirementhome")]))
    assert hub.ask("POST", "", transaction(*EVERYTHING)).status_code == 200
    theirs = "https://fichehub.example.org/fhir/CodeSystem/proef"
    shown = body(put(hub, SERVICE | {"type": [{"coding": [{"system": theirs, "code": "9001"}]}]}))
    codings = [(coding["system"], coding["code"]) for coding in shown["type"][0]["coding"]]
    assert codings == [(theirs, "9001"), (RUBRIEK, "14.04")]
    found = body(hub.ask("GET", f"HealthcareService?service-type={RUBRIEK}|14.04"))
    assert [entry["resource"]["id"] for entry in found["entry"]] == [shown["id"]]
    before = head(hub)
    assert (body(put(hub, SERVICE | {"type": shown["type"]}))["type"], head(hub)) == (shown["type"], before)
    # Of two that say the same of each other both are kept.
    both = [{"system": RUBRIEK, "code": "14.04"}, {"system": BE + "CodeSystem/cd-hcparty", "code": "orgretirementhome"}]
    again = body(put(hub, SERVICE | {"type": [{"coding": both}]}))
    assert [coding["code"] for coding in again["type"][0]["coding"]] == ["14.04", "orgretirementhome"]


def test_what_an_organization_is_by_its_form_is_its_first_type(hub: Hub) -> None:
    sent = [{"coding": [{"system": FORM, "code": "praktijk"}]}, *ORGANISATION["type"]]
    told = body(put(hub, ORGANISATION | {"type": sent}))
    assert [each["coding"][0]["code"] for each in told["type"]] == ["praktijk", "orghospital"]
    fiche = Directory(hub.store, Grant()).get(told["id"]).fiche
    assert (fiche["form"], fiche["types"]) == ("praktijk", [{"scheme": "cd-hcparty", "code": "orghospital"}])
    for query, total in (
        ("type=praktijk", 1),
        (f"type={FORM}|praktijk", 1),
        (f"type={FORM}|", 1),
        ("type=organisatie", 0),
        ("type:missing=false", 1),
        ("type:not=praktijk", 0),
    ):
        assert body(hub.ask("GET", f"Organization?{query}&_total=accurate"))["total"] == total, query
    before = head(hub)
    assert body(put(hub, ORGANISATION | {"type": told["type"]}))["type"] == told["type"]
    assert head(hub) == before


def test_every_type_that_is_shown_can_be_sent() -> None:
    assert set(TRANSLATED) == set(RESOURCES)
