"""Searching as a client meets it: what is found, page by page, and what is said of what was not understood."""

from __future__ import annotations

import base64
import re
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import orjson
import pytest
from flask.testing import FlaskClient

from plugins.fhir import systems as s
from plugins.fhir.judge import judge
from plugins.fhir.params import INCLUDES, RESOURCES
from tests.plugins.fhir.answers import get, link, matches, names, walk
from tests.plugins.fhir.conftest import Hub

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
        (r"/Location?near=50.85\|4.35\|1\|km", {"Ziekenhuis Sint-Élise"}),  # so sends HAPI a text
        ("/Location?near=50.85|4.35|0.7|[mi_i]", {"Ziekenhuis Sint-Élise"}),
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
    assert [each["id"] for each in matches(get(client, "/Practitioner?family=peet&given=an"))] == [person["id"]]
    for search in (
        f"practitioner=Practitioner/{person['id']}",
        f"practitioner=http://localhost/fhir/Practitioner/{person['id']}",
        f"practitioner=https://localhost/fhir/Practitioner/{person['id']}/_history/1",
        f"practitioner={s.BASE}/Practitioner/{person['id']}",
        f"practitioner=https://elsewhere.example.org/fhir/Practitioner/x,http://localhost/fhir/Practitioner/{person['id']}",
        "practitioner.family=peeters&location.address-postalcode=9000",
        "practitioner:identifier=18749704001&role=persphysician",
        "organization.partof.name=elise&practitioner.name=peeters",
    ):
        [role] = matches(get(client, f"/PractitionerRole?{search}"))
        assert role["practitioner"]["reference"] == f"Practitioner/{person['id']}"
        assert role["location"][0]["display"] == "Praktijk De Linde"
    for elsewhere in ("https://elsewhere.example.org/fhir", "http://localhost/other/fhir", "http://localhost"):
        assert matches(get(client, f"/PractitionerRole?practitioner={elsewhere}/Practitioner/{person['id']}")) == []
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
    assert pointed_to or wanted.source == wanted.target or not wanted.link  # an organisatie that is a match already is not included again
    backward = get(client, f"/{wanted.target}?_count=500&_revinclude={include}")
    assert matches(backward, "include") or wanted.source == wanted.target or not wanted.link


def test_no_reference_dangles(client: FlaskClient) -> None:
    written = [orjson.dumps(page).decode() for name in RESOURCES for page in walk(client, f"/{name}?_count=500")]
    references = {reference for text in written for reference in re.findall(r'"reference":"([^"]+)"', text)}
    assert {reference.partition("/")[0] for reference in references} >= {"Organization", "Location", "HealthcareService", "Practitioner"}
    for reference in sorted(references):
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


def test_every_page_says_what_the_first_one_left_out(client: FlaskClient) -> None:
    path = f"/Organization?address=kerkstraat%201&colour=blue&=x&{'y' * 200}=1&_sort=name,_id&_count=12"
    first, *others = walk(client, path)
    asked = ["address", "colour", "y" * 80, "_sort"]
    [said] = matches(first, "outcome")
    assert {issue["expression"][0][:85] for issue in said["issue"] if "expression" in issue} == {f"http.{name}" for name in asked}
    assert len(others) == 2
    for page in others:
        [said] = matches(page, "outcome")
        assert {issue["expression"][0] for issue in said["issue"]} == {f"http.{name}" for name in asked}
        assert all("holds for this page too" in issue["details"]["text"] for issue in said["issue"])
    assert [matches(page, "outcome") for page in walk(client, "/Organization?address=kerkstraat&_count=12")] == [[], [], []]


@pytest.mark.parametrize(
    ("added", "status"),
    [
        ([[], None, True], 200),
        ([[], None, False, ["colour"]], 200),
        ([[], None, False, ["x"] * 11], 400),
        ([[], None, False, ["x" * 81]], 400),
        ([[], None, False, [1]], 400),
        ([[], None, False, 7], 400),
        ([[], None, False, [], []], 400),
    ],
)
def test_what_a_cursor_carries_is_looked_at(client: FlaskClient, added: list[Any], status: int) -> None:
    [(_, page)] = parse_qsl(urlsplit(link(get(client, "/Organization?_count=1"), "next") or "").query)
    get(client, f"/Organization?_cursor={page}~{base64.urlsafe_b64encode(orjson.dumps(added)).decode().rstrip('=')}", status)


def test_beside_a_cursor_another_count_is_taken_and_nothing_else(client: FlaskClient) -> None:
    whole = [each["id"] for each in matches(get(client, "/Location?_count=12"))]

    def address(page: dict[str, Any], relation: str) -> str:
        return (link(page, relation) or "").partition("/fhir")[2]

    following = address(get(client, "/Location?_count=4"), "next")
    second = get(client, f"{following}&_count=3", Prefer="handling=strict")
    assert [each["id"] for each in matches(second)] == whole[4:7]
    assert address(second, "self").endswith("&_count=3")
    third = get(client, address(second, "next"))
    assert [each["id"] for each in matches(third)] == whole[7:10]
    assert get(client, f"{following}&_count=0")["total"] == get(client, "/Location?_summary=count")["total"]
    [told] = matches(get(client, f"{following}&name=x"), "outcome")
    assert "the cursor carries the whole search" in told["issue"][0]["details"]["text"]
    get(client, f"{following}&name=x", 400, Prefer="handling=strict")


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
    assert [each["name"] for each in matches(get(client, "/Organization?_sort=-name&_count=500"))] == found[::-1]


# --- truthful -----------------------------------------------------------------------------------------------------------------------


def test_self_link_is_the_search_as_understood_and_the_rest_is_a_warning(client: FlaskClient) -> None:
    bundle = get(client, "/Organization?name=elise&colour=blue&_has:x:y:z=1")
    assert link(bundle, "self") == "http://localhost/fhir/Organization?name=elise"
    assert len(matches(bundle)) == 1
    [told] = matches(bundle, "outcome")
    assert [issue["severity"] for issue in told["issue"]] == ["warning", "warning"]
    assert "colour" in told["issue"][0]["details"]["text"]
    assert judge(bundle) == []  # every entry has an address of its own, the warning too
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
        ("/Location?near=5_1|4|1_0|km", "near"),
        ("/Location?near=51|4|5|km|6", "near"),
        ("/Location?near=%D9%A5%D9%A1|4|5|km", "near"),
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


@pytest.mark.parametrize(
    ("given", "understood"),
    [("51|4", "51|4|10|km"), ("51|4||km", "51|4|10|km"), ("51|4|2", "51|4|2|km"), ("51|4|2000|m", "51|4|2000|m"), ("51\\|4", "51\\|4\\|10\\|km")],
)
def test_near_says_which_distance_was_taken(client: FlaskClient, given: str, understood: str) -> None:
    bundle = orjson.loads(client.get("/fhir/Location", query_string={"near": given}).data)
    [own] = [each["url"] for each in bundle["link"] if each["relation"] == "self"]
    assert parse_qs(urlsplit(own).query)["near"] == [understood]


def test_near_takes_one_place_and_says_so(client: FlaskClient) -> None:
    [issue] = orjson.loads(client.get("/fhir/Location?near=51|4|5|km,52|4|5|km").data)["issue"]
    assert "near: one place is taken" in issue["details"]["text"]


def test_a_search_by_post_is_text_in_utf_8_too(client: FlaskClient) -> None:
    def post(body: bytes) -> Any:
        return client.post("/fhir/Organization/_search", data=body, content_type="application/x-www-form-urlencoded")

    refused = post(b"name=%E8che")
    assert (refused.status_code, "name: This is not text in UTF-8" in refused.text) == (400, True)
    assert post("name=sint-élise".encode()).status_code == 200
    assert len(orjson.loads(post(b"name=sint-%C3%A9lise").data)["entry"]) == 1
