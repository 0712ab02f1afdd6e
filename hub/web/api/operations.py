"""One operation of the API: its route, its parameters and its description in OpenAPI, declared together.

A thin, typed layer over flask-smorest. Views return finished responses; marshmallow describes them but does not build them, because
a dump costs fifteen times what the whole answer does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Final, Literal
from urllib.parse import urlencode

import flask
import marshmallow as ma
import orjson
from flask_smorest import Blueprint
from marshmallow import fields
from werkzeug.exceptions import NotAcceptable

from hub.errors import FieldError, Invalid
from hub.web import problems

View = Callable[..., flask.Response]
PREFIX = "/api/v1"
KEY: Final[dict[str, list[str]]] = {"key": []}
"""An API key, in the words of OpenAPI."""
ANY_ERROR = (400, 401, 403, 404, 406, 429, 500, 503)

_DESCRIPTIONS = {
    200: "What was asked for",
    304: "What you hold is still right",
    308: "It lives under another id now: see Location",
    400: "A parameter is wrong; `issues` says which and why",
    401: "The API key is not known",
    403: "The agreement does not allow this",
    404: "Nothing here that you may see",
    406: "The API speaks JSON",
    409: "An authentic source owns the field",
    410: "It was removed; or the cursor is older than what is kept, or ahead of the newest change: `startAgain` says where to read everything again",
    429: "Too many requests; Retry-After says how long to wait",
    500: "Something went wrong on our side",
    503: "The database is busy, away, or its disk is full; try again after Retry-After",
}


class NoParameters(ma.Schema):
    """An operation without parameters refuses every parameter."""


class Issue(ma.Schema):
    """One thing that was wrong in the request."""

    type = fields.String(required=True)
    detail = fields.String(required=True)
    name = fields.String(metadata={"description": "The parameter or field."})
    value = fields.String(metadata={"description": "What was given, shortened."})

    class Meta:
        # `in` is a word of Python
        include = {  # noqa: RUF012 - marshmallow's own way
            "in": fields.String(metadata={"description": "query, path, header or body"})
        }


class Problem(ma.Schema):
    """An error, by RFC 9457 and the conventions of Belgif."""

    type = fields.String(required=True, metadata={"format": "uri-reference"})
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    detail = fields.String(required=True)
    instance = fields.String(required=True, metadata={"description": "Tell us this when you ask about it."})
    issues = fields.List(fields.Nested(Issue))
    oldest = fields.Integer(metadata={"description": "Of a cursor that is gone (410): the first seq that can still be asked for."})
    startAgain = fields.String(metadata={"format": "uri-reference", "description": "Of a cursor that is gone (410): where to read everything again."})
    seq = fields.Integer(metadata={"description": "Of what was removed (410): the change that removed it."})
    id = fields.String(metadata={"description": "Of what lives under another id (308): that one."})
    field = fields.String(metadata={"description": "What an authentic source owns (409)."})
    owner = fields.String(metadata={"description": "The source that owns it (409)."})
    route = fields.String(metadata={"description": "How a correction reaches its owner (409)."})
    retryAfterSec = fields.Integer(metadata={"description": "How long to wait (429)."})


class Group(Blueprint):  # type: ignore[misc]
    """A group of operations; `needs_key`: the public has none of them."""

    needs_key = False


def make_blueprint(name: str, description: str, *, needs_key: bool = False) -> Group:
    """A group of operations, described under this name."""
    blueprint = Group(name, __name__, url_prefix=PREFIX, description=description)
    blueprint.needs_key = needs_key
    blueprint.before_request(_refuse_other_bodies)
    return blueprint


def _refuse_other_bodies() -> None:
    """What is not sent as JSON would be told as fields that are missing."""
    if flask.request.content_length and not flask.request.is_json:
        reason = "Send the body as application/json."
        raise Invalid(reason, (FieldError("content-type", reason, flask.request.mimetype),))


def operation(
    blueprint: Group,
    name: str,
    rule: str,
    schema: type[ma.Schema],
    *,
    parameters: type[ma.Schema] = NoParameters,
    path: Mapping[str, str] | None = None,
    also: tuple[int, ...] = (),
    method: Literal["GET", "POST"] = "GET",
    body: type[ma.Schema] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Callable[[View], View]:
    """Serve the decorated view at `rule`; it gets its loaded parameters first, then the loaded body if it has one, and the path's by name.

    `name` is what generated clients call it (`operationId`), so it never changes. `schema` describes the answer, `path` each variable of
    the rule, `also` the statuses besides those that every operation can have.
    """

    def decorate(view: View) -> View:
        def checked(*given: dict[str, Any], **variables: Any) -> flask.Response:
            _refuse_doubles(parameters)
            return view(*given, **variables)

        checked.__name__ = view.__name__
        checked.__doc__ = view.__doc__
        described: Any = checked
        documented = {name: {"description": text, "schema": {"type": "string"}} for name, text in (headers or {}).items()}
        described = blueprint.alt_response(200, schema=schema, description=_DESCRIPTIONS[200], headers=documented or None, success=True)(described)
        for status in sorted({*ANY_ERROR, *also}):
            what: dict[str, Any] = {"description": _DESCRIPTIONS.get(status, HTTPStatus(status).phrase)}
            if status != 304:
                what |= {"schema": Problem, "content_type": problems.MEDIA_TYPE}
            described = blueprint.alt_response(status, **what)(described)
        if body is not None:
            described = blueprint.arguments(body, location="json", unknown=ma.RAISE, error_status_code=400)(described)
        described = blueprint.arguments(parameters, location="query", unknown=ma.RAISE, error_status_code=400)(described)
        variables = [
            {"name": name, "in": "path", "required": True, "description": text, "schema": {"type": "string"}} for name, text in (path or {}).items()
        ]
        described = blueprint.doc(operationId=name, **({"security": [KEY]} if blueprint.needs_key else {}))(described)
        blueprint.route(rule, methods=[method], parameters=variables)(described)
        return view

    return decorate


def _refuse_doubles(parameters: type[ma.Schema]) -> None:
    """Of a parameter that takes one value, the second would be lost without a word."""
    known = parameters().fields
    doubled = [
        FieldError(name, "This was given more than once, and takes one value.", values[0])
        for name, values in flask.request.args.lists()
        if len(values) > 1 and not isinstance(known.get(name), fields.List)
    ]
    if doubled:
        raise Invalid("A parameter was given more than once.", tuple(doubled))


def json(document: Any, *, headers: Mapping[str, str] | None = None) -> flask.Response:
    """A finished answer."""
    return flask.Response(orjson.dumps(document), headers=dict(headers or {}), content_type="application/json")


def must_accept_json() -> None:
    """Raise `NotAcceptable` when the asker takes no JSON."""
    accepted = flask.request.accept_mimetypes
    if accepted and not accepted.best_match(["application/json", problems.MEDIA_TYPE]):
        raise NotAcceptable


def page_address(route: str, *, path: Mapping[str, str] | None = None, **changed: str) -> str:
    """The address of `route` with the current parameters, but for those that are `changed`."""
    given = [(name, value) for name, value in flask.request.args.items(multi=True) if name not in changed]
    query = urlencode([*given, *changed.items()])
    address = flask.url_for(route, **dict(path or {}))  # type: ignore[arg-type]  # variables of the rule, never options
    return f"{address}?{query}" if query else address
