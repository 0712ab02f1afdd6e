"""The OpenAPI document is true: whatever is asked, no answer is a 5xx and none has a shape or status that is not described."""

from __future__ import annotations

from typing import Any

import flask
import schemathesis
from flask.testing import FlaskClient
from hypothesis import HealthCheck, settings
from hypothesis import given as given_cases
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from hub.model.fiche import KINDS
from tests.web.conftest import Ids

EXAMPLES = 40
"""Cases for each operation; ten operations in some ten seconds."""
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


def test_the_document_describes_every_kind_of_fiche(client: FlaskClient) -> None:
    document = client.get("/api/v1/openapi.json").get_json()
    assert document["openapi"] == "3.1.0"
    known = document["components"]["schemas"]
    assert {"Organisatiefiche", "Aanbodfiche", "Zorgverlenersfiche", "Vestiging", "Problem"} <= known.keys()
    for kind, name in zip(KINDS, ("Organisatiefiche", "Aanbodfiche", "Zorgverlenersfiche"), strict=True):
        assert known[name]["properties"]["kind"]["enum"] == [kind]


def test_whatever_is_asked_the_answer_is_as_described(app: flask.Flask, ids: Ids) -> None:
    schema = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", app)
    known = st.sampled_from([ids.organisatie, ids.aanbod, ids.hidden])
    asked = 0
    for result in schema.get_all_operations():
        assert isinstance(result, Ok)
        operation = result.ok()
        cases = operation.as_strategy() | operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)

        @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
        @given_cases(case=cases, id=known, whether=st.booleans())
        def ask(case: schemathesis.Case[Any], id: str, whether: bool) -> None:
            if whether and "id" in case.path_parameters:
                case.path_parameters["id"] = id
            case.call_and_validate(checks=CHECKS, headers={"Accept-Encoding": "identity"})

        ask()
        asked += 1
    assert asked == 24
