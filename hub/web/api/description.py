"""The API described: the OpenAPI 3.1 document, and a page made of it for people. Nothing in it comes from another host."""

from __future__ import annotations

import re
from functools import cache
from typing import Any, Final

import flask
from flask_babel import force_locale
from flask_smorest import Api
from markupsafe import Markup, escape

from hub.model.fiche import KINDS
from hub.schemas import fiche_schema, part_schema
from hub.web import health
from hub.web.api import changes, concepts, fiches, operating, places, reviewing
from hub.web.api.operations import KEY, PREFIX, Problem, json
from hub.web.api.shapes.forms import FICHE_NAMES, PART_NAMES
from hub.web.api.shapes.health import Health

_INTRODUCTION: Final = """\
Every fiche of the hub, as you may see it.

Without a key you are the public. A partner sends its key as `Authorization: Bearer fh_...` (or `X-API-Key`); what it asks of fiches is \
noted in the audit trail, without the words that it searches for. Collections have `items`, `self` and, \
unless it is the last page, `next`. An error is a problem document (RFC 9457) whose `issues` name each parameter that is wrong.
"""
OPERATIONS: Final = (fiches, changes, concepts, places, operating, reviewing)
"""The groups of operations, each with a blueprint."""
_METHODS: Final = {"get", "post"}
_TICKED: Final = re.compile(r"`([^`]+)`")


class _Api(Api):  # type: ignore[misc]
    """flask-smorest's, with our own errors."""

    DEFAULT_ERROR_RESPONSE_NAME = None
    ERROR_SCHEMA = Problem

    def _register_error_handlers(self) -> None:
        """`hub.web.problems` words every error."""


def install(app: flask.Flask) -> None:
    """Serve the description."""
    app.add_template_filter(_ticks, "ticks")
    app.add_url_rule(f"{PREFIX}/openapi.json", "openapi", _openapi)
    app.add_url_rule(f"{PREFIX}/docs", "docs", _docs)
    app.add_url_rule(f"{PREFIX}/health", "api-health", health.health)


@cache
def document() -> dict[str, Any]:
    """The OpenAPI document; made when it is first asked for, as that takes longer than all else that an application needs to begin."""
    from hub import __version__

    described = flask.Flask("described")
    described.config.update(API_TITLE="Fichehub", API_VERSION=__version__, OPENAPI_VERSION="3.1.0")
    api = _Api(
        described,
        spec_kwargs={"info": {"description": _INTRODUCTION, "license": {"name": "EUPL-1.2", "identifier": "EUPL-1.2"}}},
    )
    known = api.spec.components
    for kind in KINDS:
        known.schema(FICHE_NAMES[kind], schema=fiche_schema(kind))
    known.schema("Health", schema=Health)
    for operations in OPERATIONS:
        api.register_blueprint(operations.blueprint)
    for field, name in PART_NAMES.items():
        if name not in known.schemas:
            known.schema(name, schema=part_schema(field))
    known.security_scheme("key", {"type": "http", "scheme": "bearer", "description": "An API key: fh_..."})
    made: dict[str, Any] = api.spec.to_dict()
    made["components"]["schemas"].pop("PaginationMetadata", None)  # flask-smorest's own, which we do not use
    made["security"] = [{}, KEY]
    return made


def _openapi() -> flask.Response:
    return json(document(), headers={"Cache-Control": "public, max-age=300"})


def _docs() -> str:
    described = document()
    groups: dict[str, list[dict[str, Any]]] = {tag["name"]: [] for tag in described["tags"]}
    for path, methods in described["paths"].items():
        anchor = path.removeprefix(PREFIX).strip("/").translate(str.maketrans("/", "-", "{}"))
        for method in sorted(_METHODS & methods.keys()):
            operation = methods[method]
            shown = {
                **operation,
                "path": path,
                "method": method.upper(),
                "parameters": [*methods.get("parameters", ()), *operation.get("parameters", ())],
                "body": _body_of(operation),
                "anchor": f"{method}-{anchor}",
                "example": path if method == "get" and "{" not in path else None,
            }
            groups[operation["tags"][0]].append(shown)
    with force_locale("en"):
        return flask.render_template("docs.html", described=described, groups=groups)


def _body_of(operation: dict[str, Any]) -> dict[str, Any]:
    """The fields of what is sent, each with its description."""
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    name = content.get("schema", {}).get("$ref", "").rpartition("/")[2]
    return dict(document()["components"]["schemas"].get(name, {}).get("properties", {}))


def _ticks(text: str) -> Markup:
    """What stands between backticks as code; OpenAPI descriptions are CommonMark."""
    return Markup(_TICKED.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704  escaped right here
