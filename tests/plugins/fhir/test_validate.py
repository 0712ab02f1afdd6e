"""`$validate` as a client meets it, and how bytes become what is judged."""

from __future__ import annotations

import re
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import orjson
import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub import FieldError, Invalid, hookimpl
from hub import plugins as loading
from hub.web.asking import serving_of
from plugins.fhir import extensions as ext
from plugins.fhir import systems as s
from plugins.fhir.bodies import MAX_BODY
from plugins.fhir.judge import judge
from plugins.fhir.judge.reading import from_json, from_xml
from plugins.fhir.xml_form import to_xml
from tests.plugins.fhir.conftest import Hub
from tests.plugins.fhir.faults import BASE, LOCATION, ORGANIZATION, PRACTITIONER, TRANSACTION, VALID

JSON = "application/fhir+json"
XML = "application/fhir+xml"
GOOD = ORGANIZATION | {"identifier": [{"system": s.CBE, "value": "0403019261"}]}
"""What could be sent in as it is: the judge looks at the form of a number, and sending in at its check digits too."""


def send(client: FlaskClient, path: str, body: Any, status: int = 200, kind: str = JSON) -> list[Any]:
    data = body if isinstance(body, bytes) else orjson.dumps(body)
    response = client.post("/fhir" + path, data=data, content_type=kind)
    assert response.status_code == status, response.text
    document = orjson.loads(response.data)
    assert document["resourceType"] == "OperationOutcome"
    assert judge(document) == []
    issues: list[Any] = document["issue"]
    return issues


def errors(issues: list[Any]) -> list[str]:
    return [each["expression"][0] for each in issues if each["severity"] == "error"]


# --- the operation ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/$validate", "/Organization/$validate", "/Organization/org-1/$validate"])
def test_a_good_resource_is_told_to_be_good(client: FlaskClient, path: str) -> None:
    [issue] = send(client, path, GOOD)
    assert (issue["severity"], issue["details"]["text"]) == ("information", "Nothing is wrong with it.")


def test_a_wrong_resource_is_answered_with_200_and_its_faults(client: FlaskClient) -> None:
    issues = send(client, "/Organization/$validate", ORGANIZATION | {"active": "true", "naam": "Zon"})
    assert errors(issues) == ["Organization.active", "Organization.naam"]
    assert "quotation marks" in issues[0]["diagnostics"]


def test_nothing_is_stored(client: FlaskClient) -> None:
    before = client.get("/fhir/Organization?_total=accurate&_count=0").json
    send(client, "/Organization/$validate?mode=create", ORGANIZATION)
    assert client.get("/fhir/Organization?_total=accurate&_count=0").json == before


def test_parameters_carry_resource_profile_and_mode(client: FlaskClient) -> None:
    plain = {"resourceType": "Location", "id": "l1", "name": "Zon", "managingOrganization": {"reference": "Organization/o1"}}

    def ask(profile: str) -> Any:
        named = [{"name": "profile", "valueUri": profile}] if profile else []
        parameters = [
            {"name": "resource", "resource": plain},
            {"name": "mode", "valueCode": "create"},
            *named,
        ]
        return {"resourceType": "Parameters", "parameter": parameters}

    assert errors(send(client, "/Location/$validate", ask(""))) == []
    assert errors(send(client, "/Location/$validate", ask(s.MCSD_LOCATION))) == [
        "Location.type",
        "Location.status",
    ]
    assert errors(send(client, f"/Location/$validate?profile={s.MCSD_LOCATION}", plain)) == [
        "Location.type",
        "Location.status",
    ]


R4 = "http://hl7.org/fhir/StructureDefinition/"


@pytest.mark.parametrize("profile", ["Organization", "Organization|4.0.1", "DomainResource", "Resource"])
def test_the_profiles_of_r4_itself_are_met_by_what_r4_allows(client: FlaskClient, profile: str) -> None:
    [issue] = send(client, f"/Organization/$validate?profile={R4}{profile}", GOOD)
    assert issue["details"]["text"] == "Nothing is wrong with it."
    [issue] = send(client, "/$validate", GOOD | {"meta": {"profile": [R4 + profile]}})
    assert issue["details"]["text"] == "Nothing is wrong with it."


def test_the_profile_of_another_type_is_not_met(client: FlaskClient) -> None:
    assert errors(send(client, "/$validate", GOOD | {"meta": {"profile": [R4 + "Patient"]}})) == ["Organization.meta.profile[0]"]
    assert errors(send(client, f"/$validate?profile={R4}Patient", GOOD)) == ["Organization"]
    assert errors(send(client, f"/$validate?profile={R4}DomainResource", TRANSACTION)) == ["Bundle"]


@pytest.mark.parametrize("profile", ["", f"&profile={R4}Practitioner"])
def test_the_mode_profile_asks_the_judge_alone(client: FlaskClient, profile: str) -> None:
    [issue] = send(client, f"/$validate?mode=profile{profile}", PRACTITIONER)
    assert issue["details"]["text"] == "Nothing is wrong with it.", "that a birth date is not kept is not told"


def test_what_would_not_be_kept_is_told_before(client: FlaskClient) -> None:
    told = send(client, "/$validate", PRACTITIONER)
    assert [(each["severity"], each.get("expression")) for each in told] == [("warning", ["Practitioner.birthDate"]), ("information", None)]
    assert told[1]["details"]["text"] == "It is acceptable; there are remarks."


def test_what_the_hub_itself_refuses_is_told_before(client: FlaskClient, small: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own check, and what plugins find wrong with a fiche."""
    assert errors(send(client, "/$validate", GOOD | {"name": "x" * 20_001})) == ["Organization.name"]

    def complains(fiche: dict[str, Any], origin: str) -> list[FieldError]:
        return [FieldError("names.0.text.nl", f"no name from {origin}")]

    plugin = ModuleType("strict")
    vars(plugin)["validate_fiche"] = hookimpl(complains, specname="validate_fiche")
    monkeypatch.setattr(serving_of(small.app), "plugins", loading.load([("strict", plugin)], installed=False))
    [issue] = [each for each in send(client, "/$validate", GOOD) if each["severity"] == "error"]
    assert (issue["expression"], "no name from fhir" in issue["details"]["text"]) == (["Organization.name"], True)


def test_a_transaction_is_tried_as_a_whole(client: FlaskClient) -> None:
    assert errors(send(client, "/$validate", TRANSACTION)) == ["Bundle.entry[0].resource"], "it has neither an id nor an identifier"
    [organisation, site] = TRANSACTION["entry"]
    named = organisation | {"resource": organisation["resource"] | {"id": "org-1"}}
    assert errors(send(client, "/$validate", TRANSACTION | {"entry": [named, site]})) == [], "a fullUrl of the Bundle is a reference"
    assert (
        errors(
            send(client, "/$validate", TRANSACTION | {"entry": [named, site, site | {"fullUrl": "urn:uuid:0b6f4c5e-0000-4000-8000-000000000002"}]})
        )
        != []
    )
    patient = {"resource": {"resourceType": "Patient", "id": "p"}, "request": {"method": "PUT", "url": "Patient/p"}}
    assert errors(send(client, "/$validate", TRANSACTION | {"entry": [patient]})) == ["Bundle.entry[0].request.url"]


@pytest.mark.parametrize("name", sorted(VALID))
def test_whatever_the_judge_passes_can_be_tried(client: FlaskClient, name: str) -> None:
    """Also with an extension where a value belongs, which R4 takes."""
    absent = {"extension": [{"url": ext.DATA_ABSENT, "valueCode": "unknown"}]}

    def without(value: Any) -> Iterator[Any]:
        """Copies in which one primitive is told to be absent."""
        if isinstance(value, dict):
            for key, inner in value.items():
                if key in ("resourceType", "url", "div") or key[0] == "_":
                    continue
                if isinstance(inner, (dict, list)):
                    yield from (value | {key: changed} for changed in without(inner))
                else:
                    yield {**{other: kept for other, kept in value.items() if other != key}, "_" + key: absent}
        elif isinstance(value, list):
            yield from ([*value[:place], changed, *value[place + 1 :]] for place, inner in enumerate(value) for changed in without(inner))

    for changed in (VALID[name], *without(VALID[name])):
        assert send(client, "/$validate", changed)


def test_xml_is_judged_as_json_is(client: FlaskClient) -> None:
    assert send(client, "/$validate", to_xml(LOCATION), kind=XML)[0]["severity"] == "information"
    wrong = to_xml(LOCATION | {"status": "open"})
    assert errors(send(client, "/$validate", wrong, kind=XML)) == ["Location.status"]


def test_a_bundle_is_judged_whole(client: FlaskClient) -> None:
    wrong = next(fault for fault in BASE if fault.kind == "bdl-1")
    assert errors(send(client, "/$validate", wrong.resource)) == ["Bundle.total"]


@pytest.mark.parametrize(
    ("path", "body", "kind", "status", "expression"),
    [
        ("/Location/$validate", ORGANIZATION, JSON, 400, "http.resource"),
        ("/Organization/another/$validate", ORGANIZATION, JSON, 400, "http.resource"),
        ("/Organization/$validate?mode=dream", ORGANIZATION, JSON, 400, "http.mode"),
        ("/Organization/$validate?mode=delete", ORGANIZATION, JSON, 400, "http.mode"),
        ("/Organization/$validate?profile=http://hl7.org/fhir/StructureDefinition/Zorg", ORGANIZATION, JSON, 400, "http.profile"),
        ("/Organization/$validate?profile=http://hl7.org/fhir/StructureDefinition/Organization|5.0.0", ORGANIZATION, JSON, 400, "http.profile"),
        ("/Organization/$validate?profile=https://example.org/p", ORGANIZATION, JSON, 400, "http.profile"),
        ("/$validate", b"", JSON, 400, "http.body"),
        ("/$validate", b"{", JSON, 400, "http.body"),
        ("/$validate", b'{"resourceType": "Location", "name": "a", "name": "b"}', JSON, 400, "http.body"),
        ("/$validate", b'{"x": NaN}', JSON, 400, "http.body"),
        ("/$validate", b"\xff", JSON, 400, "http.body"),
        ("/$validate", b"[" * 100_000, JSON, 400, "http.body"),
        ("/$validate", b"9" * 10_000, JSON, 400, "http.body"),
        ("/$validate", b"<Location", XML, 400, "http.body"),
        ("/$validate", b"<Location/>", XML, 400, "http.body"),
        ("/$validate", b'<!DOCTYPE a [<!ENTITY b "c">]><Location xmlns="http://hl7.org/fhir"/>', XML, 400, "http.body"),
        ("/$validate", {"resourceType": "Parameters", "parameter": [{"name": "mode", "valueCode": "create"}]}, JSON, 400, "http.resource"),
    ],
)  # fmt: skip
def test_what_cannot_be_judged_is_400(client: FlaskClient, path: str, body: Any, kind: str, status: int, expression: str) -> None:
    [issue] = send(client, path, body, status, kind)
    assert issue["expression"] == [expression]


@pytest.mark.parametrize("path", ["/Organization/$validate?mode=delete", "/Organization/org-1/$validate?mode=delete", "/$validate"])
def test_a_removal_cannot_be_tried_and_the_answer_says_why(client: FlaskClient, path: str) -> None:
    """FHIR asks for no body then."""
    asked = {"resourceType": "Parameters", "parameter": [{"name": "mode", "valueCode": "delete"}, {"name": "resource", "resource": ORGANIZATION}]}
    [issue] = send(client, path, b"" if "mode" in path else asked, 400)
    assert issue["expression"] == ["http.mode"]
    assert "it takes back what you sent in yourself" in issue["details"]["text"]


def test_too_long_is_413_and_another_form_is_415(client: FlaskClient) -> None:
    [long] = send(client, "/$validate", b" " * (MAX_BODY + 1), 413)
    assert long["code"] == "too-long"
    assert re.search("at most [14] MB", long["details"]["text"])
    assert "text/csv" in send(client, "/$validate", b"a;b", 415, "text/csv")[0]["details"]["text"]
    assert send(client, "/$validate", b"{}", 415, "")[0]["code"] == "not-supported"


def test_another_method_is_405(client: FlaskClient) -> None:
    response = client.get("/fhir/Organization/$validate")
    assert (response.status_code, response.headers["Allow"]) == (405, "POST")
    assert client.get("/fhir/Patient/$validate").status_code in (404, 405)


# --- bytes ------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(VALID))
def test_xml_becomes_the_same_as_json(name: str) -> None:
    assert from_xml(to_xml(VALID[name])) == VALID[name]


@pytest.mark.parametrize(
    ("xml", "expression"),
    [
        ('<active value="yes"/>', "Organization.active"),
        ('<naam value="Zon"/>', "Organization.naam"),
        ('<name value="a"/><name value="b"/>', "Organization.name"),
        ("Zon", "Organization"),
        ("<name/>", "Organization.name"),
        ('<telecom><system value="phone"/><value value="1"/><rank value="one"/></telecom>', "Organization.telecom[0].rank"),
    ],
)  # fmt: skip
def test_faults_of_xml_are_told(xml: str, expression: str) -> None:
    document = f'<Organization xmlns="http://hl7.org/fhir"><identifier><value value="1"/></identifier>{xml}</Organization>'
    assert expression in [issue.expression for issue in judge(from_xml(document.encode()))]


ORGANIZATION_IN_XML = '<Organization xmlns="http://hl7.org/fhir"{}><id value="o"/><active value="true"/><name value="W"/>{}</Organization>'
LOCATION_IN_XML = '<Location xmlns="http://hl7.org/fhir"><position><longitude value="{}"/><latitude value="51"/></position></Location>'
PHONE_IN_XML = '<telecom><system value="phone"/><value value="+3290000001"/><rank value="{}"/></telecom>'


@pytest.mark.parametrize(
    ("document", "said"),
    [
        *((LOCATION_IN_XML.format(number), "here belongs a number") for number in ("3_7", "03.70", "3.", ".5", "+51.05", "\u0663", "1e", " 3", "0x3", "NaN", "")),
        (LOCATION_IN_XML.format("1e999"), "this number is too large"),
        *((ORGANIZATION_IN_XML.format("", PHONE_IN_XML.format(rank)), "here belongs a whole number") for rank in ("01", "+1", " 1", "1_0", "1.0")),
        (ORGANIZATION_IN_XML.format("", "").replace('"W"/>', '"W"><value value="Other"/></name>'), "Element has no element 'value'"),
        (ORGANIZATION_IN_XML.format("", '<telecom system="phone" value="+3290000001"/>'), "the attribute 'system' does not belong"),
        (ORGANIZATION_IN_XML.format(' name="NamedByAttribute"', ""), "the attribute 'name' does not belong"),
        (ORGANIZATION_IN_XML.format(' id="o2"', ""), "the attribute 'id' does not belong"),
        (ORGANIZATION_IN_XML.format("", '<telecom><id value="t"/><value value="1"/></telecom>'), "'id' stands here as an element"),
        (ORGANIZATION_IN_XML.format("", "<type/>"), "the element 'type' comes too late"),
        (ORGANIZATION_IN_XML.format("", '<alias value="a"/><telecom><system value="url"/></telecom><alias value="b"/>'), "the element 'alias' comes too late"),
        (ORGANIZATION_IN_XML.format("", "<?run this?>"), "the processing instruction 'run'"),
        ("<?run this?>" + ORGANIZATION_IN_XML.format("", ""), "the processing instruction 'run'"),
        ('<?xml-stylesheet href="a.xsl"?>' + ORGANIZATION_IN_XML.format("", ""), "the processing instruction 'xml-stylesheet'"),
        (ORGANIZATION_IN_XML.format("", "") + "<?run this?>", "the processing instruction 'run'"),
        (ORGANIZATION_IN_XML.format("", "").replace("<active", '<extension><url value="https://example.org/e"/><valueCode value="a"/></extension><active'), "'url' stands here as an element"),
        (ORGANIZATION_IN_XML.format("", "").replace("<active", '<contained a="b"><Location><id value="l"/></Location></contained><active'), "the attribute 'a' does not belong"),
        (ORGANIZATION_IN_XML.format("", "").replace("<active", '<contained>so<Location><id value="l"/></Location></contained><active'), "the text 'so' stands between"),
        (ORGANIZATION_IN_XML.format("", "").replace("<active", '<text><status value="generated"/><div xmlns="http://www.w3.org/1999/xhtml">a</div><div xmlns="http://www.w3.org/1999/xhtml">b</div></text><active'), "here is a list"),
        (ORGANIZATION_IN_XML.format("", "").replace("<active", '<text><status value="generated"/><div xmlns="http://www.w3.org/1999/xhtml">a<?run?></div></text><active'), "not allowed in a narrative"),
    ],
)  # fmt: skip
def test_what_only_xml_can_do_wrong_is_told(document: str, said: str) -> None:
    found = judge(from_xml(document.encode()))
    assert said in " ".join(issue.what for issue in found if issue.severity == "error"), found


@pytest.mark.parametrize("name", ["_name", "resourceType"])
def test_an_element_that_means_something_else_in_json_is_refused(name: str) -> None:
    with pytest.raises(Invalid, match=f"<{name}> is no element of FHIR"):
        from_xml(ORGANIZATION_IN_XML.format("", f'<{name} value="Location"/>').encode())


def test_what_other_readers_of_xml_are_told_is_no_fault() -> None:
    """As the examples of the specification are written."""
    schema = ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="http://hl7.org/fhir ../../schema/organization.xsd"'
    phone = '<telecom id="t"><extension url="https://example.org/e"><valueDecimal value="-0.50e+2"/></extension><system value="phone"/><value value="1"/></telecom>'
    read = from_xml(ORGANIZATION_IN_XML.format(schema, "<!-- so -->" + phone).encode())
    assert judge(read) == []
    told = {"id": "t", "extension": [{"url": "https://example.org/e", "valueDecimal": -50.0}], "system": "phone", "value": "1"}
    assert read == {"resourceType": "Organization", "id": "o", "active": True, "name": "W", "telecom": [told]}


def test_what_is_wrong_as_xml_is_not_taken_in(client: FlaskClient) -> None:
    assert errors(send(client, "/$validate", LOCATION_IN_XML.format("3_7").encode(), kind=XML)) == ["Location.position.longitude"]


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.binary(max_size=60), st.sampled_from(sorted(VALID)), st.integers(0, 10_000), st.booleans())
def test_no_bytes_make_it_stumble(junk: bytes, name: str, place: int, in_xml: bool) -> None:
    good = to_xml(VALID[name]) if in_xml else orjson.dumps(VALID[name])
    place %= len(good)
    body = good[:place] + junk + good[place + len(junk) :]
    try:
        judge(from_xml(body) if in_xml else from_json(body))
    except Invalid as error:
        told = error.errors
    else:
        return
    assert told
