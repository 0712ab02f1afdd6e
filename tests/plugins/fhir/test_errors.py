"""Whatever is wrong is told as an OperationOutcome."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.exceptions import (
    BadGateway,
    Conflict,
    HTTPException,
    ImATeapot,
    LengthRequired,
    PreconditionFailed,
    PreconditionRequired,
    RequestHeaderFieldsTooLarge,
    UnprocessableEntity,
)
from werkzeug.test import TestResponse

from hub import QUERY_LIMITS
from hub.access.limits import RateLimiter
from hub.web.asking import serving_of
from plugins.fhir.outcome import failure_of
from plugins.fhir.params import RESOURCES
from tests.plugins.fhir.answers import JSON, get
from tests.plugins.fhir.conftest import Hub
from tests.plugins.fhir.judge import complaints


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/fhir", 404, "not-found"),
        ("GET", "/fhir/", 404, "not-found"),
        ("GET", "/fhir/Patient", 404, "not-found"),
        ("GET", "/fhir/Organization/00000000-0000-4000-8000-000000000000", 404, "not-found"),
        ("GET", "/fhir/Organization/x/_history/1", 404, "not-found"),
        ("GET", "/fhir/organization", 404, "not-found"),
        ("PUT", "/fhir/Organization/x", 401, "login"),
        ("PATCH", "/fhir/Organization/x", 405, "not-supported"),
        ("DELETE", "/fhir/Organization/x", 401, "login"),
        ("POST", "/fhir/Organization", 401, "login"),
        ("PUT", "/fhir/Organization/_search", 405, "not-supported"),
        ("POST", "/fhir/metadata", 405, "not-supported"),
    ],
)
def test_what_is_not_there_is_told_as_operation_outcome(client: FlaskClient, method: str, path: str, status: int, code: str) -> None:
    response = client.open(path, method=method)
    assert (response.status_code, response.content_type) == (status, JSON)
    outcome = orjson.loads(response.data)
    assert complaints(outcome) == []
    assert outcome["issue"][0]["code"] == code
    assert (status == 405) == ("Allow" in response.headers)


@pytest.mark.parametrize(
    ("error", "code"),
    [(Conflict, "conflict"), (PreconditionFailed, "conflict"), (UnprocessableEntity, "business-rule"), (PreconditionRequired, "required"),
     (LengthRequired, "required"), (RequestHeaderFieldsTooLarge, "too-long"), (ImATeapot, "processing"), (BadGateway, "exception")],
)  # fmt: skip
def test_a_refusal_in_words_of_http_has_its_code(error: type[HTTPException], code: str) -> None:
    failure = failure_of(error())
    assert (failure.status, [issue["code"] for issue in failure.issues]) == (error.code, [code])
    assert complaints(failure.document()) == []


def test_other_errors_are_operation_outcomes_too(client: FlaskClient, small: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    for query, accept, place, value in (
        ("", "text/turtle", "Accept", "text/turtle"),
        ("", "application/fhir+json; fhirVersion=5.0", "Accept", "application/fhir+json; fhirVersion=5.0"),
        ("?_format=turtle", "", "_format", "turtle"),
    ):
        [issue] = get(client, f"/Organization{query}", 406, Accept=accept)["issue"]
        assert (issue["code"], issue["expression"]) == ("not-supported", [f"http.{place}"])
        assert value in issue["diagnostics"]
        assert "application/fhir+xml" in issue["details"]["text"]
    [issue] = get(client, "/Organization?name=a&address=caf%E9", 400)["issue"]
    assert issue["expression"] == ["http.address"], "read as signs that nobody wrote"
    assert get(client, "/Organization", 401, Authorization="Bearer fh_wrong")["issue"][0]["code"] == "login"
    wrong_type = client.post("/fhir/Organization/_search", data=b"{}", content_type="application/json")
    assert wrong_type.status_code == 415
    assert complaints(orjson.loads(wrong_type.data)) == []
    monkeypatch.setattr("plugins.fhir.routes.parse", lambda *_, **__: 1 / 0)
    failed = get(client, "/Organization?name=what-nobody-asked-before", 500)
    assert "division" not in orjson.dumps(failed).decode()


@pytest.mark.parametrize(
    ("method", "path", "missing"),
    [
        ("GET", "Organization/$foo", "operation $foo of Organization"),
        ("PUT", "Organization/$foo", "operation $foo of Organization"),
        ("POST", "Organization/x/$export", "operation $export of Organization"),
        ("GET", "CodeSystem/x/$lookup", "operation $lookup of CodeSystem"),
        ("GET", "$foo", "operation $foo of this server"),
        ("GET", "CodeSystem/rubriek/_history", "CodeSystem has no history"),
        ("GET", "CodeSystem/rubriek/_history/1", "CodeSystem has no history"),
        ("GET", "Subscription/x/_history", "Subscription has no history"),
        ("POST", "Foo/$validate", "resource type 'Foo'"),
        ("GET", "Foo/_history", "resource type 'Foo'"),
        ("PATCH", "Foo/x", "resource type 'Foo'"),
    ],
)
def test_what_no_method_takes_is_a_404_with_what_there_is_not(client: FlaskClient, method: str, path: str, missing: str) -> None:
    response = client.open(f"/fhir/{path}", method=method)
    assert (response.status_code, "Allow" in response.headers) == (404, False), response.text
    assert missing in orjson.loads(response.data)["issue"][0]["details"]["text"]


@pytest.mark.parametrize(
    ("method", "path", "takes"),
    [
        ("PATCH", "Organization/x", {"GET", "HEAD", "PUT", "DELETE"}),
        ("PATCH", "Organization", {"GET", "HEAD", "POST", "PUT"}),
        ("PUT", "Organization/_search", {"GET", "HEAD", "POST"}),
        ("DELETE", "Organization/_history", {"GET", "HEAD"}),
        ("GET", "Organization/$validate", {"POST"}),
        ("PUT", "Organization/$validate", {"POST"}),
        ("DELETE", "CodeSystem/rubriek", {"GET", "HEAD"}),
        ("PATCH", "Subscription/x", {"GET", "HEAD", "PUT", "DELETE"}),
        ("PUT", "Provenance", {"GET", "HEAD"}),
        ("PUT", "metadata", {"GET", "HEAD"}),
        ("PATCH", "$export-status", {"GET", "HEAD", "DELETE"}),
    ],
)
def test_what_another_method_takes_is_a_405_with_those_methods(client: FlaskClient, method: str, path: str, takes: set[str]) -> None:
    response = client.open(f"/fhir/{path}", method=method)
    assert (response.status_code, _listed(response, "Allow")) == (405, takes)
    asked = client.open(f"/fhir/{path}", method="OPTIONS")
    assert (asked.status_code, _listed(asked, "Allow")) == (200, takes | {"OPTIONS"})
    assert _listed(asked, "Access-Control-Allow-Methods") == takes
    nobody_knows = client.open(f"/fhir/{path}", method="TRACE")
    assert (nobody_knows.status_code, _listed(nobody_knows, "Allow")) == (405, takes)


def _listed(response: TestResponse, header: str) -> set[str]:
    return {each.strip() for each in response.headers.get(header, "").split(",")}


def test_where_there_is_nothing_no_method_is_listed(client: FlaskClient) -> None:
    asked = client.open("/fhir/Patient/x", method="OPTIONS")
    assert (asked.status_code, asked.headers["Allow"]) == (200, "OPTIONS")
    assert "GET" in asked.headers["Access-Control-Allow-Methods"], "a page may ask, and read that there is nothing"
    nothing = client.open("/fhir/Patient/x", method="TRACE")
    assert (nothing.status_code, "Allow" in nothing.headers) == (404, False)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "Organization/{0}"),
        ("GET", "CodeSystem/visum"),
        ("GET", "metadata"),
        ("GET", "Basic/directory-change"),
        ("POST", "$validate"),
        ("POST", "Organization/$validate"),
    ],
)
def test_a_parameter_too_many_is_an_error_for_who_is_strict(client: FlaskClient, small: Hub, method: str, path: str) -> None:
    address = f"/fhir/{path}".format(small.ids["org-1"])
    sent: dict[str, Any] = {} if method == "GET" else {"json": {"resourceType": "Organization", "name": "x"}}
    for query, prefer, status in (("colour=blue", "", 200), ("_pretty=true", "handling=strict", 200), ("colour=blue", "handling=strict", 400)):
        response = client.open(f"{address}?{query}", method=method, headers={"Prefer": prefer} if prefer else {}, **sent)
        assert response.status_code == status, response.text
    assert orjson.loads(response.data)["issue"][0]["expression"] == ["http.colour"]


@pytest.mark.parametrize(
    ("mode", "lenient", "strict"), [("full", 200, 200), ("normative", 200, 400), ("terminology", 200, 400), ("fast", 400, 400), ("", 400, 400)]
)
def test_there_is_one_statement_whatever_is_asked_for(client: FlaskClient, mode: str, lenient: int, strict: int) -> None:
    for prefer, status in (("", lenient), ("handling=strict", strict)):
        answer = get(client, f"/metadata?mode={mode}", status, Prefer=prefer)
        assert answer == get(client, "/metadata") if status == 200 else answer["issue"][0]["expression"] == ["http.mode"]


@pytest.mark.parametrize("path", ["$export-status?_job={0}", "$export-file?_part={0}", "Subscription/{0}", "AuditEvent/1"])
def test_who_is_strict_hears_of_a_parameter_too_many_first(client: FlaskClient, path: str) -> None:
    address = path.format("x") + ("&" if "?" in path else "?") + "colour=blue"
    response = client.get(f"/fhir/{address}", headers={"Prefer": "handling=strict"})
    assert (response.status_code, orjson.loads(response.data)["issue"][0]["expression"]) == (400, ["http.colour"])


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "Organization"), ("PUT", "Organization/x"), ("PUT", "Organization?identifier=a|b"), ("DELETE", "Organization/x")]
)
def test_who_sends_in_without_credentials_is_asked_for_them(client: FlaskClient, small: Hub, method: str, path: str) -> None:
    _is_asked_who_he_is(client, method, path)
    without_the_right = client.open(f"/fhir/{path}", method=method, headers={"X-API-Key": small.key})
    assert (without_the_right.status_code, "WWW-Authenticate" in without_the_right.headers) == (403, False)


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "Subscription"), ("POST", "Subscription"), ("GET", "Subscription/$status"), ("GET", "AuditEvent"), ("GET", "AuditEvent/1")],
)
def test_what_only_partners_have_is_asked_for_with_credentials(client: FlaskClient, small: Hub, method: str, path: str) -> None:
    _is_asked_who_he_is(client, method, path)


def _is_asked_who_he_is(client: FlaskClient, method: str, path: str) -> None:
    nobody = client.open(f"/fhir/{path}", method=method)
    assert (nobody.status_code, nobody.headers["WWW-Authenticate"].lower()[:6]) == (401, "bearer")
    assert "send your API key or token" in nobody.text


@pytest.mark.parametrize("name", ["type", "address-country", "partof.type", "_has:HealthcareService:organization:service-type"])
def test_what_the_hub_refuses_is_told_by_the_name_of_the_parameter(client: FlaskClient, name: str) -> None:
    [issue] = get(client, f"/Organization?active=true&partof._lastUpdated=ge2020&{name}=" + ",".join(map(str, range(501))), 400)["issue"]
    assert issue["expression"] == [f"http.{name}"]
    assert "where" not in orjson.dumps(issue).decode()


_NOBODY = "00000000-0000-4000-8000-000000000000"


@pytest.mark.parametrize("type", sorted(RESOURCES))
@pytest.mark.parametrize("rest", ["{type}/{id}", "{type}/{id}/_history", "{type}/{id}/_history/1", "Provenance/{id}.0123456789ab"])
def test_what_is_not_there_is_told_by_its_fhir_type(client: FlaskClient, small: Hub, type: str, rest: str) -> None:
    for id in (_NOBODY, small.ids["org-3"], small.ids["zv-1" if type == "Organization" else "org-1"] if rest[0] == "{" else _NOBODY):
        [issue] = get(client, "/" + rest.format(type=type, id=id), 404)["issue"]
        told = issue["details"]["text"]
        assert rest.partition("/")[0].format(type=type) in told and id in told
        assert not [word for word in ("fiche", *(resource.entity for resource in RESOURCES.values())) if f"{word} " in told], told


def test_an_address_with_a_slash_too_many_is_told_as_any_other(client: FlaskClient) -> None:
    [issue] = get(client, "//Organization", 404)["issue"]
    assert "is not an address of this server" in issue["details"]["text"]


def _words(count: int) -> str:
    return "%20".join(f"w{number}" for number in range(count))


@pytest.mark.parametrize(
    ("fits", "too_much", "place"),
    [
        (f"type={','.join(map(str, range(QUERY_LIMITS.values)))}", ",x", "http.type"),
        ("&".join(f"name=w{number}" for number in range(QUERY_LIMITS.criteria)), "&name=x", "http.name"),
        ("&".join(f"name=w{number}" for number in range(QUERY_LIMITS.criteria)), "&address-city=x&_sort=name", "http.address-city"),
        (f"name={_words(QUERY_LIMITS.clauses)}", "%20x", "http.name"),
        (f"name={_words(QUERY_LIMITS.clauses // 2)},x%20y", "%20z", "http.name"),
        (f"_text={_words(QUERY_LIMITS.words)}", "%20x", "http._text"),
        ("&".join(f"partof.name=w{number}" for number in range(QUERY_LIMITS.criteria)), "&partof.name=x", "http.partof.name"),
        (f"_has:Location:organization:near=51|4|{QUERY_LIMITS.km:.0f}", "1", "http._has:Location:organization:near"),
    ],
)
def test_the_limits_of_a_search(client: FlaskClient, fits: str, too_much: str, place: str) -> None:
    get(client, f"/Organization?{fits}")
    [issue] = get(client, f"/Organization?{fits}{too_much}", 400)["issue"]
    assert issue["expression"] == [place]
    assert "at most" in issue["details"]["text"].lower() or "too many" in issue["details"]["text"]


def test_the_limits_are_in_the_statement(client: FlaskClient) -> None:
    about = get(client, "/metadata")["rest"][0]["documentation"]
    assert f"at most {QUERY_LIMITS.values} values" in about and f"at most {QUERY_LIMITS.km:.0f} km" in about


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
def test_whatever_is_asked_no_answer_is_a_5xx_or_no_fhir(client: FlaskClient, path: str, asked: list[tuple[str, str, str]], method: str) -> None:
    query = {name + modifier: value for name, modifier, value in asked}
    response = client.open(f"/fhir/{path}", method=method, query_string=query)
    assert response.status_code < 500, response.text
    resource = orjson.loads(response.data)
    assert resource["resourceType"] in ("Bundle", "CapabilityStatement", "OperationOutcome")
    assert response.status_code == 200 or complaints(resource) == []


def test_too_much_at_once_is_told_as_operation_outcome(small: Hub, client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setitem(small.app.config, "MAX_CONTENT_LENGTH", 100)
        patch.setitem(small.app.config, "MAX_FORM_MEMORY_SIZE", 100)
        long = client.post("/fhir/Organization/_search", data={"name": "x" * 200})
        assert (long.status_code, long.content_type) == (413, JSON)
        [issue] = orjson.loads(long.data)["issue"]
        assert issue["code"] == "too-long"
        assert "at most 100 bytes" in issue["details"]["text"]
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
