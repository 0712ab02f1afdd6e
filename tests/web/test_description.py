"""The OpenAPI document is true: whatever is asked, no answer is a 5xx and none has a shape or status that is not described."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import flask
import jsonschema_rs
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
from schemathesis.specs.openapi.definitions import OPENAPI_31

from hub.model.fiche import KINDS
from tests.web.conftest import Ids

METHODS = {"get", "post", "put", "patch", "delete"}
_OF_PYTHON = re.compile(r"\(\?(?![:=!]|<[=!])|\\[AZzQE]|[*+?}]\+")
"""What ECMA-262 does not know: groups named as in Python, flags, atoms, \\A and \\Z, and what gives nothing back. https://json-schema.org/draft/2020-12/json-schema-core#section-6.4"""
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


def test_the_document_is_openapi_3_1_and_every_schema_in_it_is_one(client: FlaskClient) -> None:
    document = client.get("/api/v1/openapi.json").get_json()
    jsonschema_rs.Draft202012Validator(OPENAPI_31).validate(document)
    found = list(_schemas(document))
    assert len(found) > 100
    for schema in found:
        jsonschema_rs.meta.validate({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema})


def test_every_default_fits_its_own_schema_and_every_pattern_is_one_that_all_languages_read(client: FlaskClient) -> None:
    document = client.get("/api/v1/openapi.json").get_json()
    schemas = [*_schemas(document), *_below(document)]
    defaults = [schema for schema in schemas if "default" in schema]
    patterns = {schema["pattern"] for schema in schemas if isinstance(schema.get("pattern"), str)}
    assert len(defaults) > 10 and patterns
    for schema in defaults:
        judge = jsonschema_rs.Draft202012Validator({**schema, "components": document["components"]})
        assert judge.is_valid(schema["default"]), schema
    for pattern in patterns:
        assert not _OF_PYTHON.search(pattern), pattern
        assert pattern.startswith("^") and pattern.endswith("$"), pattern


def test_every_operation_has_a_name_of_its_own_that_stays(client: FlaskClient) -> None:
    """What a generated client calls its methods: a name that changes breaks the programs of others."""
    paths = client.get("/api/v1/openapi.json").get_json()["paths"]
    named = {
        f"{method} {path.removeprefix('/api/v1')}": of[method]["operationId"] for path, of in paths.items() for method in of if method in METHODS
    }
    assert named == {
        "get /fiches": "listFiches",
        "get /fiches/{id}": "getFiche",
        "get /fiches/{id}/history": "listFicheHistory",
        "get /fiches/{id}/provenance": "listFicheProvenance",
        "get /changes": "listChanges",
        "get /concepts": "listConceptSchemes",
        "get /concepts/{scheme}": "listConcepts",
        "get /concepts/{scheme}/{code}": "getConcept",
        "get /places": "listPlaces",
        "get /places/{refnis}": "getPlace",
        "get /connections": "listConnections",
        "get /connections/{name}": "getConnection",
        "get /runs": "listRuns",
        "get /conflicts": "listConflicts",
        "post /conflicts/{fiche}/{field}": "decideConflict",
        "get /decisions/{fiche}": "listDecisions",
        "get /deadLetters": "listDeadLetters",
        "post /deadLetters/replay": "replayDeadLetters",
        "get /proposals": "listProposals",
        "get /proposals/{connection}/{entity}/{field}": "getProposal",
        "get /reviews": "listReviews",
        "get /reviews/{fiche}/{other}": "getReview",
        "post /reviews/{fiche}/{other}": "decideReview",
        "post /reviews/split": "splitFiche",
    }
    assert len(set(named.values())) == len(named)


def _schemas(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every schema of the document: those that have names, and those that stand where they are used."""
    yield from document["components"]["schemas"].values()
    yield from (each["schema"] for each in _below(document["paths"]) if isinstance(each.get("schema"), dict))


def _below(node: Any) -> Iterator[dict[str, Any]]:
    """Every object of the document, however deep."""
    if isinstance(node, dict):
        yield node
    for each in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from _below(each)


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
