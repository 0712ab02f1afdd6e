"""The server as a client meets it: reading, searching, paging, errors."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import orjson
import pytest
from fhir.resources.R4B.capabilitystatement import CapabilityStatement
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from hub.access.limits import RateLimiter
from hub.store import Writer
from hub.web.asking import serving_of
from plugins.fhir import systems as s
from plugins.fhir.conformance.catalogue import TYPES
from plugins.fhir.params import INCLUDES, RESOURCES
from tests.plugins.fhir.conftest import CLAIMS, HIDDEN, Hub, organisation
from tests.plugins.fhir.judge import complaints

JSON = "application/fhir+json; charset=utf-8"


def get(client: FlaskClient, path: str, status: int = 200, **headers: str) -> Any:
    response = client.get(
        "/fhir" + path, headers={name.replace("_", "-"): value for name, value in headers.items()}
    )
    assert response.status_code == status, response.text
    assert response.content_type == JSON
    resource = orjson.loads(response.data)
    assert complaints(resource) == []
    return resource


def matches(bundle: dict[str, Any], mode: str = "match") -> list[dict[str, Any]]:
    return [entry["resource"] for entry in bundle.get("entry", ()) if entry["search"]["mode"] == mode]


def names(client: FlaskClient, path: str) -> set[str]:
    return {resource.get("name") or resource["id"] for resource in matches(get(client, path))}


def link(bundle: dict[str, Any], relation: str) -> str | None:
    return next((each["url"] for each in bundle["link"] if each["relation"] == relation), None)


def walk(client: FlaskClient, path: str) -> list[dict[str, Any]]:
    """All pages of a search, by the next links alone."""
    pages = []
    following: str | None = path
    while following:
        page = get(client, following.split("/fhir", 1)[-1])
        pages.append(page)
        following = link(page, "next")
    return pages


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
def test_unchanged_resource_is_304_and_a_changed_one_is_not(
    client: FlaskClient, small: Hub, tag: str
) -> None:
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
    claims = [
        organisation(number, names=[{"text": {"nl": f"Tijdelijk {number}"}}]) for number in (60, 61, 62)
    ]
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
        for page in walk(
            client, f"/{name}?_count=500&_include=PractitionerRole:practitioner&_include=Organization:partof"
        ):
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


# --- searching ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/Organization?name=ziek", {"Ziekenhuis Sint-Élise"}),
        ("/Organization?name=elise", {"Ziekenhuis Sint-Élise"}),
        ("/Organization?name=hopital%20sainte", {"Ziekenhuis Sint-Élise"}),
        ("/Organization?name=linde,elise", {"Ziekenhuis Sint-Élise", "Praktijk De Linde"}),
        ("/Organization?name=linde&name=elise", set()),
        ("/Organization?name:contains=iekenhui", {"Ziekenhuis Sint-Élise"}),
        ("/Organization?identifier=0403019261", {"Ziekenhuis Sint-Élise"}),
        ("/Organization?identifier=0403.019.261", {"Ziekenhuis Sint-Élise"}),
        (f"/Organization?identifier={s.CBE}|BE0403.019.261", {"Ziekenhuis Sint-Élise"}),
        ("/Organization?identifier=https://www.ehealth.fgov.be/standards/fhir/NamingSystem/cbe|0403019261", {"Ziekenhuis Sint-Élise"}),
        ("/Organization?identifier=http://example.org/unknown|0403019261", set()),
        ("/Location?identifier=2.147.812.701", {"Ziekenhuis Sint-Élise"}),
        ("/Organization?address-postalcode=1000", {"Ziekenhuis Sint-Élise"}),
        ("/Organization?address-postalcode=10", {"Ziekenhuis Sint-Élise"}),
        ("/Organization?address-city=bruxel", {"Ziekenhuis Sint-Élise"}),
        ("/Organization?address-city=gent&active=false", {"Praktijk De Linde"}),
        ("/Organization?active=true", {"Ziekenhuis Sint-Élise"}),
        ("/Organization?type=orghospital", {"Ziekenhuis Sint-Élise"}),
        (f"/Organization?type={s.CD_HCPARTY}|orghospital", {"Ziekenhuis Sint-Élise"}),
        ("/Organization?partof.name=elise", {"Praktijk De Linde"}),
        ("/Organization?partof:Organization.identifier=0403019261", {"Praktijk De Linde"}),
        ("/Location?near=50.85|4.35|1|km", {"Ziekenhuis Sint-Élise"}),
        ("/Location?status=active", {"Ziekenhuis Sint-Élise"}),
        ("/Location?organization.name=linde", {"Praktijk De Linde"}),
        ("/HealthcareService?service-type=14.04.01", {"Huisartsen De Linde"}),
        (f"/HealthcareService?service-type={s.BASE}/CodeSystem/rubriek|14", {"Huisartsen De Linde"}),
        ("/HealthcareService?location.address-city=gent", {"Huisartsen De Linde"}),
        ("/HealthcareService?organization:identifier=0403019261", set()),
        ("/Organization?_id=no-uuid", set()),
        ("/Organization?identifier=|0403019261", set()),
    ],
)  # fmt: skip
def test_search_finds(client: FlaskClient, path: str, found: set[str]) -> None:
    assert names(client, path) == found


def test_person_and_role_are_found_by_number_name_and_profession(client: FlaskClient, small: Hub) -> None:
    [person] = matches(get(client, "/Practitioner?identifier=1-87497-04-001"))
    assert person["name"][0]["family"] == "Peeters"
    assert [each["id"] for each in matches(get(client, "/Practitioner?family=peet&given=an"))] == [
        person["id"]
    ]
    for search in (
        f"practitioner=Practitioner/{person['id']}",
        f"practitioner=http://localhost/fhir/Practitioner/{person['id']}",
        "practitioner.family=peeters&location.address-postalcode=9000",
        "practitioner:identifier=18749704001&role=persphysician",
        "organization.partof.name=elise&practitioner.name=peeters",
    ):
        [role] = matches(get(client, f"/PractitionerRole?{search}"))
        assert role["practitioner"]["reference"] == f"Practitioner/{person['id']}"
        assert role["location"][0]["display"] == "Praktijk De Linde"
    by_service = matches(get(client, f"/PractitionerRole?service={small.ids['aanbod-1']}"))
    assert len(by_service) == 1  # of two caregivers in it one is hidden


def test_near_tells_the_distance(client: FlaskClient) -> None:
    [entry] = get(client, "/Location?near=50.85|4.35|1|km")["entry"]
    assert entry["search"]["extension"][0]["valueDistance"]["value"] == pytest.approx(0, abs=0.01)


def test_post_is_the_same_search_with_a_next_link_to_get(client: FlaskClient) -> None:
    response = client.post("/fhir/Organization/_search?_count=5", data={"address-city": "gent"})
    bundle = orjson.loads(response.data)
    assert len(matches(bundle)) == 5
    following = link(bundle, "next")
    assert following is not None
    assert len(matches(get(client, following.split("/fhir")[1]))) == 5


def test_includes_bring_what_is_pointed_to_once(client: FlaskClient, small: Hub) -> None:
    bundle = get(
        client,
        "/PractitionerRole?_include=PractitionerRole:practitioner&_include=PractitionerRole:organization"
        "&_include=PractitionerRole:service&_include=PractitionerRole:location",
    )
    included = [each["resourceType"] for each in matches(bundle, "include")]
    assert sorted(included) == ["HealthcareService", "Location", "Organization", "Practitioner"]
    backwards = get(
        client,
        "/Organization?name=linde&_revinclude=Location:organization&_revInclude=HealthcareService:organization",
    )
    assert sorted(each["resourceType"] for each in matches(backwards, "include")) == [
        "HealthcareService",
        "Location",
    ]


@pytest.mark.parametrize("include", sorted(INCLUDES))
def test_every_include_works_in_both_directions(client: FlaskClient, include: str) -> None:
    wanted = INCLUDES[include]
    forward = get(client, f"/{wanted.source}?_count=500&_include={include}")
    pointed_to = {each["id"] for each in matches(forward, "include")}
    assert (
        pointed_to or wanted.source == wanted.target or not wanted.link
    )  # an organisatie that is a match already is not included again
    backward = get(client, f"/{wanted.target}?_count=500&_revinclude={include}")
    assert matches(backward, "include") or wanted.source == wanted.target or not wanted.link


def test_no_reference_dangles(client: FlaskClient) -> None:
    for name in RESOURCES:
        for page in walk(client, f"/{name}?_count=500"):
            for reference in set(re.findall(r'"reference":"([^"]+)"', orjson.dumps(page).decode())):
                assert client.get(f"/fhir/{reference}").status_code == 200, reference


# --- pages --------------------------------------------------------------------------------------------------------------------------


def test_pages_hold_everything_once_and_the_last_is_not_empty(client: FlaskClient) -> None:
    for count in (1, 5, 6, 10, 30, 31):
        pages = walk(client, f"/Organization?address-postalcode=9050&_count={count}")
        ids = [each["id"] for page in pages for each in matches(page)]
        assert len(ids) == len(set(ids)) == 30
        assert all(matches(page) for page in pages)


def test_next_link_is_one_parameter_on_the_same_path_and_keeps_includes(client: FlaskClient) -> None:
    first = get(client, "/Location?address-postalcode=9050&_count=4&_include=Location:organization")
    following = link(first, "next")
    assert following is not None
    assert urlsplit(following).path == "/fhir/Location"
    [(name, value)] = parse_qsl(urlsplit(following).query)
    assert name == "_cursor"
    second = matches(get(client, f"/Location?_cursor={value}"), "include")
    assert [each["resourceType"] for each in second] == ["Organization"] * 4


@pytest.mark.parametrize("query", ["", "active=true&", "service.name=linde&"])
def test_a_role_of_somebody_hidden_is_not_even_counted(client: FlaskClient, query: str) -> None:
    assert get(client, f"/PractitionerRole?{query}_total=accurate")["total"] == 1


def test_total_is_told_when_asked(client: FlaskClient) -> None:
    assert "total" not in get(client, "/Organization?address-postalcode=9050")
    assert get(client, "/Organization?address-postalcode=9050&_total=accurate")["total"] == 30
    for only in ("_count=0", "_summary=count"):
        bundle = get(client, f"/Organization?address-postalcode=9050&{only}")
        assert bundle["total"] == 30
        assert "entry" not in bundle
        assert link(bundle, "next") is None


def test_sorted_by_name(client: FlaskClient) -> None:
    found = [each["name"] for each in matches(get(client, "/Organization?_sort=name&_count=500"))]
    assert found == sorted(found, key=str.casefold)
    assert [each["name"] for each in matches(get(client, "/Organization?_sort=-name&_count=500"))] == found[
        ::-1
    ]


# --- truthful -----------------------------------------------------------------------------------------------------------------------


def test_self_link_is_the_search_as_understood_and_the_rest_is_a_warning(client: FlaskClient) -> None:
    bundle = get(client, "/Organization?name=elise&colour=blue&_has:x:y:z=1")
    assert link(bundle, "self") == "http://localhost/fhir/Organization?name=elise"
    assert len(matches(bundle)) == 1
    [told] = matches(bundle, "outcome")
    assert [issue["severity"] for issue in told["issue"]] == ["warning", "warning"]
    assert "colour" in told["issue"][0]["details"]["text"]
    refused = get(client, "/Organization?name=elise&colour=blue", 400, Prefer="handling=strict")
    assert refused["issue"][0]["expression"] == ["http.colour"]


def test_a_page_longer_than_allowed_is_said_and_not_silently_cut(client: FlaskClient) -> None:
    [told] = matches(get(client, "/Organization?_count=100000"), "outcome")
    assert told["issue"][0]["severity"] == "information"
    assert "500" in told["issue"][0]["details"]["text"]


@pytest.mark.parametrize(
    ("path", "parameter"),
    [
        ("/Organization?_count=many", "_count"),
        ("/Organization?_count=-1", "_count"),
        ("/Organization?_total=some", "_total"),
        ("/Organization?active=perhaps", "active"),
        ("/Organization?name=", "name"),
        ("/Organization?name=%21%21", "name"),
        ("/Organization?name:phonetic=linde", "name:phonetic"),
        ("/Organization?partof=Location/1", "partof"),
        ("/Location?near=here", "near"),
        ("/Location?near=51|4&near=52|4", "near"),
        ("/Location?status=open", "status"),
        ("/Organization?_cursor=nonsense", "_cursor"),
        ("/Organization?_cursor=", "_cursor"),
    ],
)
def test_a_bad_value_is_400_and_names_the_parameter(client: FlaskClient, path: str, parameter: str) -> None:
    refused = get(client, path, 400)
    assert refused["resourceType"] == "OperationOutcome"
    assert refused["issue"][0]["expression"] == [f"http.{parameter}"]


def test_a_cursor_works_for_its_own_type_only(client: FlaskClient) -> None:
    following = link(get(client, "/Organization?_count=1"), "next")
    assert following is not None
    get(client, "/Location?" + urlsplit(following).query, 400)
    get(client, "/Organization?" + urlsplit(following).query[:-3], 400)
    get(client, "/Organization?" + urlsplit(following).query + "~e30", 400)


# --- errors, always as OperationOutcome -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/fhir", 404, "not-found"),
        ("GET", "/fhir/", 404, "not-found"),
        ("GET", "/fhir/Patient", 404, "not-found"),
        ("GET", "/fhir/Organization/00000000-0000-4000-8000-000000000000", 404, "not-found"),
        ("GET", "/fhir/Organization/x/_history/1", 404, "not-found"),
        ("GET", "/fhir/organization", 404, "not-found"),
        ("PUT", "/fhir/Organization/x", 403, "forbidden"),
        ("PATCH", "/fhir/Organization/x", 405, "not-supported"),
        ("DELETE", "/fhir/Organization/x", 403, "forbidden"),
        ("POST", "/fhir/Organization", 403, "forbidden"),
        ("PUT", "/fhir/Organization/_search", 405, "not-supported"),
        ("POST", "/fhir/metadata", 405, "not-supported"),
    ],
)
def test_what_is_not_there_is_told_as_operation_outcome(
    client: FlaskClient, method: str, path: str, status: int, code: str
) -> None:
    response = client.open(path, method=method)
    assert (response.status_code, response.content_type) == (status, JSON)
    outcome = orjson.loads(response.data)
    assert complaints(outcome) == []
    assert outcome["issue"][0]["code"] == code
    assert (status == 405) == ("Allow" in response.headers)


def test_other_errors_are_operation_outcomes_too(
    client: FlaskClient, small: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert get(client, "/Organization", 406, Accept="text/turtle")["issue"][0]["code"] == "not-supported"
    assert get(client, "/Organization", 406, Accept="application/fhir+json; fhirVersion=5.0")["issue"]
    assert get(client, "/Organization?_format=turtle", 406)["issue"]
    assert get(client, "/Organization", 401, Authorization="Bearer fh_wrong")["issue"][0]["code"] == "login"
    wrong_type = client.post("/fhir/Organization/_search", data=b"{}", content_type="application/json")
    assert wrong_type.status_code == 415
    assert complaints(orjson.loads(wrong_type.data)) == []
    monkeypatch.setattr("plugins.fhir.routes.parse", lambda *_, **__: 1 / 0)
    failed = get(client, "/Organization?name=what-nobody-asked-before", 500)
    assert "division" not in orjson.dumps(failed).decode()


_WORDS = st.sampled_from(
    ["name", "identifier", "_count", "_cursor", "_include", "_sort", "near", "organization.name", "partof.partof.partof.partof.partof.name"]
)  # fmt: skip
_VALUES = st.one_of(
    st.text(max_size=20),
    st.sampled_from(["1", "|", "a|b|c", "Organization/x", "\\", ",", "51|4|1e9|km", "x" * 3000]),
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    st.sampled_from([*RESOURCES, "Patient", "metadata", "Organization/_search"]),
    st.lists(
        st.tuples(_WORDS | st.text(max_size=8), st.sampled_from(["", ":contains", ":not", ":x"]), _VALUES),
        max_size=4,
    ),
    st.sampled_from(["GET", "POST", "PUT"]),
)
def test_whatever_is_asked_no_answer_is_a_5xx_or_no_fhir(
    client: FlaskClient, path: str, asked: list[tuple[str, str, str]], method: str
) -> None:
    query = {name + modifier: value for name, modifier, value in asked}
    response = client.open(f"/fhir/{path}", method=method, query_string=query)
    assert response.status_code < 500, response.text
    resource = orjson.loads(response.data)
    assert resource["resourceType"] in ("Bundle", "CapabilityStatement", "OperationOutcome")
    assert response.status_code == 200 or complaints(resource) == []


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
        ("application/fhir+json", "?_format=xml", "xml"),
        ("application/fhir+xml", "?_format=application/fhir+json", "json"),
    ],
)
def test_form_by_accept_and_format(client: FlaskClient, accept: str, query: str, form: str) -> None:
    response = client.get(f"/fhir/Organization{query}", headers={"Accept": accept} if accept else {})
    assert response.content_type == f"application/fhir+{form}; charset=utf-8"
    if form == "xml":
        assert etree.fromstring(response.data).tag == "{http://hl7.org/fhir}Bundle"


def test_pretty(client: FlaskClient) -> None:
    assert client.get("/fhir/metadata?_pretty=true").data.startswith(b'{\n  "resourceType"')


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
    for param in statement["rest"][0]["searchParam"]:
        value = {"date": "ge2026", "uri": "x", "token": "x", "special": "zorg"}[param["type"]]
        assert matches(get(client, f"/Endpoint?{param['name']}={value}"), "outcome") == []


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


def test_too_much_at_once_is_told_as_operation_outcome(small: Hub, client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setitem(small.app.config, "MAX_CONTENT_LENGTH", 100)
        patch.setitem(small.app.config, "MAX_FORM_MEMORY_SIZE", 100)
        long = client.post("/fhir/Organization/_search", data={"name": "x" * 200})
        assert (long.status_code, long.content_type) == (413, JSON)
        assert orjson.loads(long.data)["issue"][0]["code"] == "too-long"
    with monkeypatch.context() as patch:
        patch.setattr(serving_of(small.app), "limiter", RateLimiter(per_second=0.01, burst=1, clock=lambda: 0.0))
        assert client.get("/fhir/metadata").status_code == 200
        for path in ("/fhir/metadata", "/fhir/nowhere/at/all"):
            many = client.get(path)
            assert (many.status_code, many.content_type) == (429, JSON)
            assert many.headers["Retry-After"] == "100"
            assert orjson.loads(many.data)["issue"][0]["code"] == "throttled"


@pytest.mark.parametrize("path", ["/fhir//Organization", "/fhir/Organization//x", "/fhir/Organization/"])
def test_a_slash_too_many_is_no_page_of_html(client: FlaskClient, path: str) -> None:
    response = client.get(path)
    assert (response.status_code, response.content_type) in ((404, JSON), (405, JSON))
    assert orjson.loads(response.data)["resourceType"] == "OperationOutcome"


def test_a_page_in_a_browser_may_read(client: FlaskClient) -> None:
    asked = client.options("/fhir/Organization", headers={"Origin": "https://epd.example.org", "Access-Control-Request-Method": "GET"})
    assert asked.status_code == 200
    assert "GET" in asked.headers["Access-Control-Allow-Methods"]
    assert "If-None-Match" in asked.headers["Access-Control-Allow-Headers"]
    for path in ("/fhir/Organization?_count=1", "/fhir/Patient", "/fhir/metadata"):
        answer = client.get(path, headers={"Origin": "https://epd.example.org"})
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert "ETag" in answer.headers["Access-Control-Expose-Headers"]
        assert "Access-Control-Allow-Credentials" not in answer.headers
