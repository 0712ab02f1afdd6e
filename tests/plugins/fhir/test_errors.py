"""Whatever is wrong is told as an OperationOutcome."""

from __future__ import annotations

import re

import orjson
import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.access.limits import RateLimiter
from hub.web.asking import serving_of
from plugins.fhir import systems as s
from plugins.fhir.judge.reading import from_xml
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
        ("GET", "/fhir/Organization/$foo", 404, "not-found"),
        ("POST", "/fhir/Organization/$foo", 404, "not-found"),
        ("POST", "/fhir/Foo/$validate", 404, "not-found"),
        ("GET", "/fhir/CodeSystem/rubriek/_history", 404, "not-found"),
        ("GET", "/fhir/CodeSystem/_history", 404, "not-found"),
        ("GET", "/fhir/Organization/$validate", 405, "not-supported"),
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
    assert (status == 401) == ("WWW-Authenticate" in response.headers)


def test_other_errors_are_operation_outcomes_too(
    client: FlaskClient, small: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    [refused] = get(client, "/Organization", 406, Accept="text/turtle")["issue"]
    assert (refused["code"], refused["expression"]) == ("not-supported", ["Accept"])
    assert "text/turtle" in refused["details"]["text"] and "application/fhir+json" in refused["details"]["text"]
    assert get(client, "/Organization", 406, Accept="application/fhir+json; fhirVersion=5.0")["issue"]
    assert get(client, "/Organization?_format=turtle", 406)["issue"][0]["expression"] == ["http._format"]
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


def test_too_much_at_once_is_told_as_operation_outcome(small: Hub, client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setitem(small.app.config, "MAX_CONTENT_LENGTH", 100)
        patch.setitem(small.app.config, "MAX_FORM_MEMORY_SIZE", 100)
        long = client.post("/fhir/Organization/_search", data={"name": "x" * 200})
        assert (long.status_code, long.content_type) == (413, JSON)
        [told] = orjson.loads(long.data)["issue"]
        assert told["code"] == "too-long" and " MB " in told["details"]["text"] and "several requests" in told["details"]["text"]
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


def test_xml_for_people_has_a_line_for_each_element_and_the_same_narrative(client: FlaskClient) -> None:
    headers = {"Accept": "application/fhir+xml"}
    plain, pretty = (client.get(f"/fhir/Organization?_count=3{more}", headers=headers).data for more in ("", "&_pretty=true"))
    assert pretty.count(b"\n") > 50 > plain.count(b"\n")
    assert from_xml(plain)["entry"] == from_xml(pretty)["entry"]
    div = re.compile(rb"<div .*?</div>", re.DOTALL)
    assert div.findall(plain) and div.findall(plain) == div.findall(pretty)


def test_a_number_that_cannot_be_is_refused_in_a_sentence(client: FlaskClient) -> None:
    [issue] = get(client, f"/Practitioner?identifier={s.NIHDI}|123", 400)["issue"]
    assert "this can be no such number. A RIZIV number has eight digits" in issue["details"]["text"]
