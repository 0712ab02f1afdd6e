"""Whatever is wrong is told as an OperationOutcome."""

from __future__ import annotations

import orjson
import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.access.limits import RateLimiter
from hub.web.asking import serving_of
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
