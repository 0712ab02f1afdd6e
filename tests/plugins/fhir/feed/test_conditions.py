"""Resources that a sender names by a search instead of an id: conditional creates and updates, references of a transaction; and what comes back of a write."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from hub import Claim
from tests.plugins.fhir.feed.sending import (
    BE,
    NETWORK,
    ORGANISATION,
    PERSON,
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


def test_a_conditional_update_finds_its_resource_by_number(hub: Hub) -> None:
    path = "Organization?identifier=https://epd.example.org/ids|77"
    without = {name: value for name, value in ORGANISATION.items() if name != "id"}
    made = hub.ask("PUT", path, without)
    again = hub.ask("PUT", path, without | {"name": "Anders"})
    assert (made.status_code, again.status_code, body(again)["id"]) == (201, 200, body(made)["id"])
    assert body(again)["name"] == "Anders"
    put(hub, NETWORK | {"identifier": [{"system": "https://epd.example.org/ids", "value": "77"}]})
    assert hub.ask("PUT", path, without).status_code == 412
    assert hub.ask("PUT", "Organization?name=x", without).status_code == 400
    assert hub.ask("PUT", "Organization?_format=json", without).status_code == 400
    assert hub.ask("POST", "Organization", without | {"identifier": None}).status_code == 422


@pytest.mark.parametrize("form", ["_format=json", "_pretty=true", "_summary=false", "_format=application/fhir%2Bxml"])
def test_a_conditional_update_may_say_how_it_wants_to_be_answered(hub: Hub, form: str) -> None:
    """Clients that have chosen an encoding send it with every request."""
    path = f"Organization?identifier=https://epd.example.org/ids|77&{form}"
    without = {name: value for name, value in ORGANISATION.items() if name != "id"}
    assert [hub.ask("PUT", path, without).status_code for _ in range(2)] == [201, 200]


def test_a_conditional_create_does_nothing_when_there_is_one(hub: Hub) -> None:
    number = {"If-None-Exist": "identifier=https://epd.example.org/ids|77&_format=json"}
    made = hub.ask("POST", "Organization", ORGANISATION, **number)
    shown, before = body(made), head(hub)
    assert made.status_code == 201
    again = hub.ask("POST", "Organization", ORGANISATION | {"name": "Anders"}, **number)
    assert (again.status_code, body(again), head(hub)) == (200, shown, before)
    assert again.headers["Location"].endswith(f"Organization/{shown['id']}/_history/{shown['meta']['versionId']}")
    by_name = hub.ask("POST", "Organization", NETWORK, **{"If-None-Exist": "name=netwerk"})
    assert by_name.status_code == 201
    several = hub.ask("POST", "Organization", NETWORK | {"id": "o3"}, **{"If-None-Exist": "active=true"})
    assert (several.status_code, "meet this condition" in texts(several)) == (412, True)
    for wrong in ("", "_count=1", "onbekend=1", "identifier"):
        assert hub.ask("POST", "Organization", NETWORK, **{"If-None-Exist": wrong}).status_code == 400, wrong
    assert hub.ask("PUT", "Organization/o2", NETWORK, **{"If-None-Exist": "name=netwerk"}).status_code == 400


@pytest.mark.parametrize("name", ["urn:uuid:0b6f4c5e-0000-4000-8000-000000000001", "Organization/o1"])
def test_in_a_transaction_others_may_refer_to_what_was_there_already(hub: Hub, name: str) -> None:
    hub.put(Claim("sociale-kaart", "org-5", 1, "organisatie", {"kind": "organisatie", "names": [{"text": {"nl": "Huis Vijf"}}]}))
    known = body(hub.ask("GET", "Organization?name=vijf"))["entry"][0]["resource"]
    sent = transaction(ORGANISATION | {"name": "Vijf"}, SITE, method="POST")
    sent["entry"][0]["fullUrl"] = "urn:uuid:0b6f4c5e-0000-4000-8000-000000000001"
    sent["entry"][1]["resource"] = SITE | {"managingOrganization": {"reference": name}}
    sent["entry"][0]["request"]["ifNoneExist"] = "name=vijf"
    answered = body(hub.ask("POST", "", sent))["entry"]
    assert [each["response"]["status"] for each in answered] == ["200 OK", "201 Created"]
    assert answered[0]["resource"] == body(hub.ask("GET", f"Organization/{known['id']}"))
    assert answered[1]["resource"]["managingOrganization"]["reference"] == f"Organization/{known['id']}"
    assert answered[0]["resource"]["name"] == "Huis Vijf"


@pytest.mark.parametrize(
    ("given", "met"),
    [
        ("_has:Location:organization:address-city=gent", True),
        ("_has:Location:organization:address-city=aalst", False),
        ("_text=brug", True),
        ("_content=sluis", False),
        (f"_profile={BE}StructureDefinition/be-organization&name=brug", True),
        ("_source=fhir-epd&name=brug", True),
        ("_lastUpdated=ge2020-01-01&name=brug", True),
        ("_lastUpdated=lt2020-01-01", False),
        ("_tag=x", False),
    ],
)
def test_any_condition_of_a_search_is_taken(hub: Hub, given: str, met: bool) -> None:
    hub.ask("POST", "", transaction(ORGANISATION, SITE))
    made = hub.ask("POST", "Organization", NETWORK, **{"If-None-Exist": given})
    assert made.status_code == (200 if met else 201), made.text
    assert body(made)["name"] == (ORGANISATION if met else NETWORK)["name"]


def test_what_says_how_to_answer_says_not_which_resource_is_meant(hub: Hub) -> None:
    for name in ("_count", "_sort", "_include", "_revinclude:iterate", "_cursor"):
        refused = hub.ask("POST", "Organization", NETWORK, **{"If-None-Exist": f"name=x&{name}=1"})
        assert refused.status_code == 400
        assert f"{name} does not say which resource is meant" in texts(refused)


def by_search(query: str, resource: Json = SITE, element: str = "managingOrganization") -> Json:
    return resource | {element: {"reference": query}}


CBE = f"Organization?identifier={BE}NamingSystem/cbe|0403019261"


@pytest.mark.parametrize("query", [CBE, "Organization?identifier=0403.019.261", "Organization?name=brug&_has:Endpoint:organization:status=active"])
def test_a_reference_of_a_transaction_may_be_a_search(any_hub: Hub, query: str) -> None:
    hub = any_hub
    known = body(put(hub, ORGANISATION))
    endpoint = {
        "resourceType": "Endpoint",
        "id": "e1",
        "status": "active",
        "connectionType": {"system": "http://terminology.hl7.org/CodeSystem/endpoint-connection-type", "code": "hl7-fhir-rest"},
        "managingOrganization": {"reference": CBE},
        "payloadType": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/endpoint-payload-type", "code": "any"}]}],
        "address": "https://fhir.example.org/r4",
    }
    [one] = body(hub.ask("POST", "", transaction(endpoint)))["entry"]
    assert one["resource"]["managingOrganization"]["reference"] == f"Organization/{known['id']}"
    sent = transaction(by_search(query))
    assert hub.ask("POST", "$validate", sent).status_code == 200
    assert "error" not in {issue["severity"] for issue in body(hub.ask("POST", "$validate", sent))["issue"]}
    answered = hub.ask("POST", "", sent)
    assert answered.status_code == 200, answered.text
    [entry] = body(answered)["entry"]
    assert entry["resource"]["managingOrganization"]["reference"] == f"Organization/{known['id']}"
    assert "outcome" not in entry["response"]
    before = head(hub)
    assert hub.ask("POST", "", sent).status_code == 200
    assert head(hub) == before


@pytest.mark.parametrize(
    ("query", "status", "told"),
    [
        ("Organization?name=nergens", 412, "no Organization here meets this condition"),
        ("Organization?active=true", 412, "2 resources or more meet this condition"),
        ("Organization?identifier=https://epd.example.org/ids|1", 412, "named by its fullUrl"),
        ("Organization?colour=blue", 400, "colour"),
        ("Organization?_count=1", 400, "does not say which resource is meant"),
        ("Organization?partof.active=perhaps", 400, "partof.active"),
        ("Organization?" + "&".join(["name=a"] * 60), 400, "at most 50 criteria"),
        ("Practitioner?name=x", 400, "does not belong here"),
    ],
)
def test_a_reference_that_means_nothing_or_several_fails_the_transaction(hub: Hub, query: str, status: int, told: str) -> None:
    for each in (ORGANISATION, NETWORK):
        put(hub, each)
    before = head(hub)
    sent = transaction(NETWORK | {"id": "o3", "identifier": [{"system": "https://epd.example.org/ids", "value": "1"}]}, by_search(query))
    refused = hub.ask("POST", "", sent)
    assert (refused.status_code, head(hub)) == (status, before), refused.text
    [issue] = body(refused)["issue"]
    assert issue["expression"] == ["Bundle.entry[1].resource.managingOrganization.reference"]
    assert told in issue["details"]["text"]
    tried = body(hub.ask("POST", "$validate", sent))["issue"]
    assert ("error" in {issue["severity"] for issue in tried}) == (status == 400 and "criteria" not in told), (
        "of what is here nothing is told to anybody"
    )


def test_one_resource_alone_says_which_one_it_means(hub: Hub) -> None:
    put(hub, ORGANISATION)
    refused = put(hub, by_search(CBE))
    assert (refused.status_code, "in a transaction" in texts(refused)) == (422, True)


@pytest.mark.parametrize(
    ("scopes", "status"),
    [("system/Location.cruds", 403), ("system/Location.cruds system/Organization.r", 403), ("system/Location.cruds system/Organization.s", 200)],
)
def test_a_reference_by_a_search_needs_the_scope_of_a_search(hub: Hub, scopes: str, status: int) -> None:
    put(hub, ORGANISATION)
    answered = with_token(hub, scopes, transaction(by_search(CBE)))
    assert answered.status_code == status, answered.text


# --- what comes back ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("prefer", "resource", "outcome"),
    [
        ("", True, False),
        ("return=representation", True, False),
        ("return=minimal", False, False),
        ("handling=strict; return=OperationOutcome", False, True),
    ],
)
def test_a_transaction_gives_back_what_is_preferred(hub: Hub, prefer: str, resource: bool, outcome: bool) -> None:
    told: Json = PERSON | {"birthDate": "1980-01-01"}  # which is not kept, and that is told whatever is preferred
    answered: list[Any] = body(hub.ask("POST", "", transaction(ORGANISATION, told), Prefer=prefer))["entry"]
    assert [each["response"]["status"] for each in answered] == ["201 Created"] * 2
    assert all("location" in each["response"] and "etag" in each["response"] for each in answered)
    assert ["resource" in each for each in answered] == [resource] * 2
    assert ["outcome" in each["response"] for each in answered] == [outcome, True]


@pytest.mark.parametrize(
    ("prefer", "kind"),
    [("return=minimal", ""), ("return=OperationOutcome", "OperationOutcome"), ("xreturn=minimal", "Organization"), ('RETURN="minimal"', "")],
)
def test_one_write_gives_back_what_is_preferred(hub: Hub, prefer: str, kind: str) -> None:
    answered = put(hub, ORGANISATION, Prefer=prefer)
    assert answered.status_code == 201
    assert (body(answered)["resourceType"] if answered.data else "") == kind


def test_blanks_around_and_within_a_name_make_no_other_one(any_hub: Hub) -> None:
    hub = any_hub
    id = body(put(hub, NETWORK | {"name": " Netwerk  De   Schakel "}))["id"]
    for name in ("Netwerk De Schakel", " Netwerk  De Schakel "):
        found = body(hub.ask("GET", f"Organization?name:exact={quote(name)}&_total=accurate"))
        assert (found["total"], found["entry"][0]["resource"]["id"]) == (1, id)
        again = hub.ask("POST", "Organization", NETWORK | {"id": "o9"}, **{"If-None-Exist": f"name:exact={quote(name)}"})
        assert (again.status_code, body(again)["id"]) == (200, id)
    assert body(hub.ask("GET", "Organization?name:exact=netwerk%20de%20schakel&_total=accurate"))["total"] == 0
