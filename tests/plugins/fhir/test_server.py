"""The server as a client meets it: reading, who may see what, forms, metadata."""

from __future__ import annotations

import re

import orjson
import pytest
from fhir.resources.R4B.capabilitystatement import CapabilityStatement
from flask.testing import FlaskClient
from lxml import etree

from hub.store import Writer
from plugins.fhir.conformance.catalogue import TYPES
from plugins.fhir.params import RESOURCES
from tests.plugins.fhir.answers import get, link, matches, names, walk
from tests.plugins.fhir.conftest import CLAIMS, HIDDEN, Hub, organisation
from tests.plugins.fhir.judge import complaints

# --- reading --------------------------------------------------------------------------------------------------------------------


def test_read_gives_the_resource_with_its_version(client: FlaskClient, small: Hub) -> None:
    response = client.get(f"/fhir/Organization/{small.ids['org-1']}")
    resource = orjson.loads(response.data)
    assert resource["name"] == "Ziekenhuis Sint-Élise"
    assert response.headers["ETag"] == f'W/"{resource["meta"]["versionId"]}"'
    assert response.last_modified is not None
    varies = re.split(r", *", response.headers["Vary"])
    assert {"Authorization", "Accept", "Accept-Encoding"} <= set(varies)
    assert len(varies) == len(set(varies)), "each is named once"


@pytest.mark.parametrize("tag", ['W/"{}"', '"{}"', 'W/"0", W/"{}"', "*"])
def test_unchanged_resource_is_304_and_a_changed_one_is_not(client: FlaskClient, small: Hub, tag: str) -> None:
    address = f"/fhir/Organization/{small.ids['org-2']}"
    version = orjson.loads(client.get(address).data)["meta"]["versionId"]
    same = client.get(address, headers={"If-None-Match": tag.format(version)})
    assert (same.status_code, same.data) == (304, b"")
    assert client.get(address, headers={"If-None-Match": 'W/"1000000"'}).status_code == 200


def test_head_is_a_read_without_body(client: FlaskClient, small: Hub) -> None:
    response = client.head(f"/fhir/Organization/{small.ids['org-1']}")
    assert (response.status_code, response.data) == (200, b"")
    assert "ETag" in response.headers


def test_inherited_phone_moves_the_version_of_what_inherits_it(small: Hub) -> None:
    """A cache keyed by the fiche's own version answered 304 with the old number (facts of the prototype)."""
    client = small.client()
    changing = organisation(50, contacts=[{"kind": "phone", "value": "+3215999950"}])
    offer = next(claim for claim in CLAIMS if claim.external_id == "aanbod-1")
    content = {
        "kind": "aanbod",
        "names": [{"text": {"nl": "Erfgenaam"}}],
        "organisatie": {"source": "sociale-kaart", "external_id": "org-50"},
    }
    heir = type(offer)("sociale-kaart", "aanbod-50", 1, "aanbod", content)
    small.store.write(lambda writer: writer.put([changing, heir], origin="test"))
    [before] = matches(get(client, "/HealthcareService?name=erfgenaam"))
    assert before["telecom"][0]["value"] == "+3215999950"
    later = type(changing)(
        "sociale-kaart",
        "org-50",
        2,
        "organisatie",
        changing.content | {"contacts": [{"kind": "phone", "value": "+3215999951"}]},
    )
    small.store.write(lambda writer: writer.put([later], origin="test"))
    response = client.get(
        f"/fhir/HealthcareService/{before['id']}",
        headers={"If-None-Match": f'W/"{before["meta"]["versionId"]}"'},
    )
    assert response.status_code == 200
    assert orjson.loads(response.data)["telecom"][0]["value"] == "+3215999951"
    [found] = matches(get(client, "/HealthcareService?name=erfgenaam"))  # the very page that is in memory
    assert found["telecom"][0]["value"] == "+3215999951"


def test_a_save_is_seen_at_once_also_while_readers_of_the_log_wait(small: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """A very wide change holds the head of the log back until it is spread; what is remembered must not go by the head."""
    monkeypatch.setattr(small.store, "spread", lambda: 0)
    client = small.client()
    first = organisation(51, names=[{"text": {"nl": "Voorlopig"}}])
    small.store.write(lambda writer: writer.put([first], origin="test"))
    [before] = matches(get(client, "/Organization?name=voorlopig"))

    def hold_back(writer: Writer) -> None:
        writer.connection.exec_driver_sql("INSERT INTO spread SELECT n, 0 FROM counter WHERE name = 'change'")

    small.store.write(hold_back)
    try:
        for name in ("Voorlopig twee", "Voorlopig derde"):
            content = first.content | {"names": [{"text": {"nl": name}}]}
            later = type(first)("sociale-kaart", first.external_id, len(name), "organisatie", content)
            small.store.write(lambda writer, claim=later: writer.put([claim], origin="test"))  # type: ignore[misc]
            assert get(client, f"/Organization/{before['id']}")["name"] == name
            assert names(client, "/Organization?name=voorlopig") == {name}
    finally:
        small.store.write(lambda writer: writer.connection.exec_driver_sql("DELETE FROM spread").rowcount)


def test_removed_resource_is_410_and_a_joined_one_leads_on(small: Hub) -> None:
    client = small.client()
    claims = [organisation(number, names=[{"text": {"nl": f"Tijdelijk {number}"}}]) for number in (60, 61, 62)]
    small.store.write(lambda writer: writer.put(claims, origin="test"))
    by_name = {each["name"]: each["id"] for each in matches(get(client, "/Organization?name=tijdelijk"))}

    def change(writer: Writer) -> str:
        writer.withdraw("sociale-kaart", ["org-60"], origin="test")
        return writer.join(by_name["Tijdelijk 61"], by_name["Tijdelijk 62"])

    stays = small.store.write(change)
    gone = get(client, f"/Organization/{by_name['Tijdelijk 60']}", 410)
    assert gone["issue"][0]["code"] == "deleted"
    moved = next(id for id in (by_name["Tijdelijk 61"], by_name["Tijdelijk 62"]) if id != stays)
    response = client.get(f"/fhir/Organization/{moved}")
    assert (response.status_code, response.headers["Location"]) == (
        301,
        f"http://localhost/fhir/Organization/{stays}",
    )
    assert stays in orjson.loads(response.data)["issue"][0]["diagnostics"]


# --- who may see what -------------------------------------------------------------------------------------------------------------


def test_nothing_hidden_is_in_any_answer(client: FlaskClient) -> None:
    for name in RESOURCES:
        for page in walk(client, f"/{name}?_count=500&_include=PractitionerRole:practitioner&_include=Organization:partof"):
            assert HIDDEN.encode() not in orjson.dumps(page)
    assert matches(get(client, f"/Organization?name={HIDDEN}")) == []
    assert matches(get(client, "/Practitioner?identifier=10000106001")) == []


def test_a_professional_sees_more_under_a_version_of_its_own(small: Hub) -> None:
    client = small.client()
    path = f"/Organization/{small.ids['org-1']}"
    public = get(client, path)
    seen = get(client, path, Authorization=f"Bearer {small.key}")
    assert f"{HIDDEN}@example.org" in [point["value"] for point in seen["telecom"]]
    assert seen["meta"]["versionId"].startswith(public["meta"]["versionId"] + "-")


def test_a_membership_shows_only_when_both_ends_do(client: FlaskClient) -> None:
    [shown] = matches(get(client, "/OrganizationAffiliation"))
    assert shown["organization"]["display"] == "Ziekenhuis Sint-Élise"


# --- forms ----------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("accept", "query", "form"),
    [
        ("", "", "json"),
        ("*/*", "", "json"),
        ("application/json", "", "json"),
        ("application/fhir+json; fhirVersion=4.0", "", "json"),
        ("application/fhir+xml", "", "xml"),
        ("application/fhir+json;q=0.5, application/fhir+xml", "", "xml"),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "", "json"),
        ("application/xml, text/html", "", "json"),
        ("text/html", "", "json"),
        ("application/fhir+xml, application/fhir+json", "", "xml"),
        ("application/json, application/fhir+xml", "", "json"),
        ("application/fhir+json;q=0, */*", "", "xml"),
        ("application/fhir+json;q=0.3, */*;q=0.9", "", "xml"),
        ("application/fhir+json;q=0, text/html, */*", "", "xml"),
        ("*/*;q=0.3, application/json;q=0.1", "", "xml"),
        ("application/fhir+json; fhirVersion=5.0, */*", "", "json"),
        ("application/fhir+json", "?_format=xml", "xml"),
        ("application/fhir+xml", "?_format=application/fhir+json", "json"),
    ],
)
def test_form_by_accept_and_format(client: FlaskClient, accept: str, query: str, form: str) -> None:
    response = client.get(f"/fhir/Organization{query}", headers={"Accept": accept} if accept else {})
    assert response.content_type == f"application/fhir+{form}; charset=utf-8"
    if form == "xml":
        assert etree.fromstring(response.data).tag == "{http://hl7.org/fhir}Bundle"


@pytest.mark.parametrize("path", ["Organization?_count=3", "metadata", "StructureDefinition", "nowhere"])
def test_pretty_xml_says_the_same_on_many_lines(client: FlaskClient, path: str) -> None:
    path = f"/fhir/{path}{'&' if '?' in path else '?'}_format=xml"
    plain, pretty = client.get(path), client.get(path + "&_pretty=true")
    assert plain.data.count(b"\n") <= 1 < pretty.data.count(b"\n  <")
    assert etree.canonicalize(pretty.text, strip_text=True) == etree.canonicalize(plain.text, strip_text=True)
    assert pretty.text.splitlines()[-1].startswith("</"), "what is opened is closed at the same depth"
    narratives = [re.findall("<div .*?</div>", each.text, re.DOTALL) for each in (plain, pretty)]
    assert narratives[0] == narratives[1]


def test_pretty(client: FlaskClient) -> None:
    assert client.get("/fhir/metadata?_pretty=true").data.startswith(b'{\n  "resourceType"')
    for said in ({"_pretty": "true"}, {"_pretty": "true", "_format": "json"}):
        assert client.post("/fhir/Organization/_search", data={"_count": "1", **said}).data.startswith(b'{\n  "resourceType"')
    posted = client.post("/fhir/Organization/_search", data={"_count": "1", "_pretty": "true", "_format": "xml"})
    assert posted.data.count(b"\n  <") > 1


# --- metadata -------------------------------------------------------------------------------------------------------------------------


def test_capability_statement_is_valid_and_says_what_the_search_does(client: FlaskClient) -> None:
    statement = get(client, "/metadata")
    CapabilityStatement(**statement)
    assert (statement["kind"], statement["fhirVersion"]) == ("instance", "4.0.1")
    declared = {each["type"]: each for each in statement["rest"][0]["resource"]}
    assert set(declared) == {*RESOURCES, *TYPES, "AuditEvent", "Basic", "Provenance", "Subscription"}
    for name, resource in declared.items():
        if name in ("AuditEvent", "Provenance", "Subscription"):  # for some only, or of some; tests of their own look
            continue
        for param in resource["searchParam"]:
            example = {
                "string": "a1", "token": "true", "reference": "x", "special": "51|4|1|km", "uri": "x", "date": "2026",
                "status": "active", "gender": "female", "address-use": "work", "coverage-area": "1",
                "patientenstop": "no", "waiting-list": "no", "on-call": "no",
            }  # fmt: skip
            value = example.get(param["name"], example[param["type"]])
            asked = param["name"] + (":identifier" if param["name"] == "coverage-area" else "")
            bundle = get(client, f"/{name}?{asked}={value}")
            assert matches(bundle, "outcome") == [], param["name"]
        for include in resource.get("searchInclude", ()):
            assert matches(get(client, f"/{name}?_count=1&_include={include}"), "outcome") == []
        for include in resource.get("searchRevInclude", ()):
            assert matches(get(client, f"/{name}?_count=1&_revinclude={include}"), "outcome") == []
    # and nothing that is not declared is understood
    assert matches(get(client, "/Endpoint?address-city=x"), "outcome")
    for name in RESOURCES:
        assert {"_lastUpdated", "_text", "_content", "_source", "_profile"} <= {each["name"] for each in declared[name]["searchParam"]}
        asked = client.get(f"/fhir/{name}/$export", headers={"Prefer": "respond-async"})
        assert (asked.status_code, "export" in [each["name"] for each in declared[name]["operation"]]) == (202, True)


@pytest.mark.parametrize("asked", ["_lastUpdated:exact=2026", "_count:exact=1", "_sort:x=name", "_elements:not=name"])
def test_a_modifier_where_none_is_taken_is_an_error(client: FlaskClient, asked: str) -> None:
    [issue] = get(client, f"/Organization?{asked}", 400)["issue"]
    assert issue["expression"] == [f"http.{asked.partition('=')[0]}"]
    assert re.search("takes (no modifier|:missing)[.]", issue["details"]["text"])


@pytest.mark.parametrize(
    "prefer", ["handling=strict", 'handling="strict"', "Handling = STRICT", "respond-async; handling=strict", "return=minimal, handling=strict"]
)
def test_strict_is_understood_however_it_is_written(client: FlaskClient, prefer: str) -> None:
    get(client, "/Organization?colour=blue", 400, Prefer=prefer)


@pytest.mark.parametrize("prefer", ["", "xhandling=strict", "handling=strictly", "handling=lenient, handling=strict"])
def test_what_is_not_strict_is_lenient(client: FlaskClient, prefer: str) -> None:
    get(client, "/Organization?colour=blue", Prefer=prefer)


def test_a_version_that_is_not_there_any_more_is_told_in_an_outcome(client: FlaskClient, small: Hub) -> None:
    path = f"/fhir/Organization/{small.ids['org-1']}"
    version = client.get(path).headers["ETag"]
    refused = client.get(path, headers={"If-Match": 'W/"1"'})
    assert (refused.status_code, orjson.loads(refused.data)["resourceType"]) == (412, "OperationOutcome")
    assert version in orjson.loads(refused.data)["issue"][0]["details"]["text"]
    assert client.get(path, headers={"If-Match": version}).status_code == 200
    assert client.get(path, headers={"If-Match": version, "If-None-Match": version}).status_code == 304


# --- the fictional world ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(RESOURCES))
def test_world_s_is_valid(world_s: Hub, name: str) -> None:
    client = world_s.client()
    pages = 0
    following: str | None = f"/fhir/{name}?_count=500"
    while following:
        bundle = orjson.loads(client.get(following).data)
        for resource in matches(bundle)[::25]:
            assert complaints(resource) == []
        following, pages = link(bundle, "next"), pages + 1
    assert pages


def test_a_page_in_a_browser_may_read(client: FlaskClient) -> None:
    asked = client.options("/fhir/Organization", headers={"Origin": "https://epd.example.org", "Access-Control-Request-Method": "GET"})
    assert asked.status_code == 200
    assert "GET" in asked.headers["Access-Control-Allow-Methods"]
    allowed = set(asked.headers["Access-Control-Allow-Headers"].split(", "))
    assert {"If-Match", "If-None-Match", "If-None-Exist", "If-Modified-Since", "Prefer", "Content-Type", "Authorization", "X-API-Key"} <= allowed
    for path in ("/fhir/Organization?_count=1", "/fhir/Patient", "/fhir/metadata"):
        answer = client.get(path, headers={"Origin": "https://epd.example.org"})
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert {"ETag", "Location", "Last-Modified", "Retry-After"} <= set(answer.headers["Access-Control-Expose-Headers"].split(", "))
        assert "Access-Control-Allow-Credentials" not in answer.headers
