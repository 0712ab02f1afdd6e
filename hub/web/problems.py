"""Every error as a problem document: `application/problem+json` by RFC 9457 and the conventions of Belgif.

    {"type": "urn:problem-type:belgif:badRequest", "title": "Bad Request", "status": 400, "detail": "...",
     "instance": "urn:uuid:<trace id>", "issues": [{"type": "...", "in": "query", "name": "postcode", "value": "90", "detail": "..."}]}

The trace id is also in the header `BelGov-Trace-Id` and in our log; nothing else of ours is in the answer. Types that Belgif does not name are
`urn:problem-type:fichehub:...`, or `about:blank` where HTTP's own status says it all.
https://www.belgif.be/specification/rest/api-guide/#error-handling

**An endpoint's errors.** An endpoint plugin registers handlers on its blueprint (`@blueprint.errorhandler(Exception)`), which win over these for its routes. The
same handlers are asked for whatever goes wrong below `/<its name>` outside a route: an unknown path, a method that is not allowed, a refused
key. So a FHIR client gets an OperationOutcome for each of them, and the plugin does nothing more than register its handlers.

A person with a browser who mistyped an address, or has no key where one is needed for everything, gets a page instead (`hub.web.pages`).
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import flask
import marshmallow as ma
import orjson
import structlog
from werkzeug.exceptions import HTTPException, TooManyRequests, Unauthorized
from werkzeug.http import HTTP_STATUS_CODES
from werkzeug.routing import RoutingException

from hub.errors import (
    CursorGone,
    FieldError,
    Forbidden,
    Gone,
    Invalid,
    Locked,
    Moved,
    NotFound,
    RequestError,
    StoreBusy,
)
from hub.store.faults import store_is_away, while_away
from hub.web import pages

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

MEDIA_TYPE = "application/problem+json"
BELGIF = "urn:problem-type:belgif:"
OURS = "urn:problem-type:fichehub:"
SHOWN = 100
"""How many characters of a value that somebody gave are repeated to them."""

_BELGIF_TYPES = {
    400: "badRequest",
    401: "invalidAccessToken",
    403: "missingPermission",
    404: "resourceNotFound",
    413: "payloadTooLarge",
    429: "tooManyRequests",
    500: "internalServerError",
    502: "badGateway",
    503: "serviceUnavailable",
}
_DETAILS = {
    404: "There is nothing at this address. The start page (/) says where everything is.",
    405: "This address does not take that method; the header Allow lists those that it takes.",
    406: "This address cannot answer in a form that your Accept header allows.",
    413: "The request is longer than this hub accepts.",
    415: "This address does not take that Content-Type.",
    500: "Something went wrong on our side. Tell us the instance above, and we can find out what.",
}
_HANDLED_AS_400 = {422}  # webargs' word for a parameter that is wrong; Belgif says 400

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Problem:
    """What is told about an error. `issues` name what was wrong in the request; `more` are members of this type of problem."""

    status: int
    type: str
    detail: str
    title: str = ""
    issues: tuple[dict[str, Any], ...] = ()
    more: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """The JSON form."""
        document: dict[str, Any] = {
            "type": self.type,
            "title": self.title or HTTP_STATUS_CODES.get(self.status, "Error"),
            "status": self.status,
            "detail": self.detail,
            "instance": f"urn:uuid:{trace_id()}",
            **self.more,
        }
        if self.issues:
            document["issues"] = list(self.issues)
        return document


def trace_id() -> str:
    """The id of the current request: in its log lines, its headers and its problem."""
    found = flask.g.get("fichehub_trace")
    if found is None:
        found = flask.g.fichehub_trace = str(uuid.uuid4())
    return str(found)


def problem_of(error: Exception) -> Problem:
    """The problem that tells an asker about `error`. An error that is no answer to a request tells nothing of itself."""
    if isinstance(error, RequestError):
        return _request_problem(error)
    if store_is_away(error):
        detail, seconds = while_away(error)
        return Problem(503, BELGIF + "serviceUnavailable", detail, headers={"Retry-After": str(seconds)})
    if isinstance(error, ma.ValidationError):
        return _bad_request("The request is not valid.", tuple(_issues(error.messages, _place())))
    if isinstance(error, HTTPException):
        return _http_problem(error)
    return Problem(500, BELGIF + "internalServerError", _DETAILS[500])


def _request_problem(error: RequestError) -> Problem:
    message = error.message
    match error:
        case Invalid():
            return _bad_request(message, tuple(_issue(_place(), wrong) for wrong in error.errors))
        case NotFound():
            return Problem(404, BELGIF + "resourceNotFound", message)
        case Gone():
            return Problem(410, OURS + "gone", message, more={"seq": error.seq})
        case Moved():
            return Problem(308, OURS + "moved", message, more={"id": error.id}, headers=_location(error))
        case CursorGone():
            again = error.start_again or _start_again()
            return Problem(410, OURS + "cursorGone", message, more={"oldest": error.oldest, "startAgain": again})
        case Locked():
            more = {"field": error.field, "owner": error.owner, "route": error.route}
            return Problem(409, OURS + "fieldLocked", message, title="Field Belongs To An Authentic Source", more=more)
        case Forbidden():
            return Problem(403, BELGIF + "missingPermission", message)
    return _bad_request(message, ())


def _http_problem(error: HTTPException) -> Problem:
    status = error.code or 500
    headers = {name: value for name, value in error.get_headers() if name.lower() not in ("content-type", "content-length")}
    wrong = getattr(error, "data", None) or {}
    if status in _HANDLED_AS_400 or "messages" in wrong:
        messages = wrong.get("messages", {})
        # webargs groups the messages by the place in which it looked.
        issues = [issue for place, found in messages.items() for issue in _issues(found, _belgif_place(place))]
        return _bad_request("The request is not valid.", tuple(issues))
    detail = _DETAILS.get(status) or error.description or HTTP_STATUS_CODES.get(status, "")
    kind = _BELGIF_TYPES.get(status)
    type_ = BELGIF + kind if kind else "about:blank"
    more: dict[str, Any] = {}
    if isinstance(error, Unauthorized) and not any(challenge.get("error") for challenge in error.www_authenticate or ()):
        type_ = BELGIF + "noAccessToken"
    if isinstance(error, TooManyRequests) and isinstance(error.retry_after, int):
        more = {"retryAfterSec": error.retry_after}
        headers["RateLimit"] = f'"asker";r=0;t={error.retry_after}'
    return Problem(status, type_, detail, more=more, headers=headers)


def _bad_request(detail: str, issues: tuple[dict[str, Any], ...]) -> Problem:
    return Problem(400, BELGIF + "badRequest", detail, issues=issues)


def _issue(place: str, wrong: FieldError) -> dict[str, Any]:
    issue: dict[str, Any] = {
        "type": BELGIF + "input-validation:schemaViolation",
        "in": place,
        "name": wrong.path,
        "detail": wrong.reason,
    }
    if wrong.value is not None:
        issue["value"] = wrong.value[:SHOWN]
    return issue


def _in_query(path: str, reason: str) -> FieldError:
    """What marshmallow says of `kind.1` is about the second `kind` of the query."""
    name, _, number = path.partition(".")
    given = flask.request.args.getlist(name)
    index = int(number) if number.isdigit() else 0
    return FieldError(name, reason, given[index] if index < len(given) else None)


def _issues(messages: Any, place: str, path: str = "") -> Iterator[dict[str, Any]]:
    """Marshmallow's nested messages, one issue for each."""
    if isinstance(messages, Mapping):
        for key, found in messages.items():
            below = path if key == "_schema" else f"{path}.{key}".lstrip(".")
            yield from _issues(found, place, below)
    elif isinstance(messages, list):
        for message in messages:
            yield from _issues(message, place, path)
    elif place == "query":
        yield _issue(place, _in_query(path, str(messages)))
    else:
        yield _issue(place, FieldError(path or place, str(messages)))


def _belgif_place(place: str) -> str:
    return {"query": "query", "path": "path", "view_args": "path", "headers": "header"}.get(place, "body")


def _place() -> str:
    return "query" if flask.request.method in ("GET", "HEAD", "DELETE") else "body"


def _location(error: Moved) -> dict[str, str]:
    """The same address with the id that stays, where the address names an id."""
    request = flask.request
    if request.endpoint is None or "id" not in (request.view_args or {}):
        return {}
    address = flask.url_for(request.endpoint, **{**(request.view_args or {}), "id": error.id})
    query = request.query_string.decode("ascii", "ignore")
    return {"Location": f"{address}?{query}" if query else address}


def _start_again() -> str:
    """Where somebody whose cursor is too old starts again: the same address without it."""
    return flask.request.path


def answer(problem: Problem) -> flask.Response:
    """The response that carries `problem`."""
    return flask.Response(
        orjson.dumps(problem.document()),
        problem.status,
        headers=dict(problem.headers),
        content_type=MEDIA_TYPE,
    )


def never_empty(application: WSGIApplication) -> WSGIApplication:
    """The application, with a problem as the answer also where something failed beside a request, such as letting go of what it read from."""

    def answered(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        begun: list[tuple[Any, ...]] = []

        def begin(*answer: Any) -> Callable[[bytes], object]:
            begun.append(answer)  # not told yet: what comes after may fail
            return lambda _: None

        try:
            answer = application(environ, begin)
        except Exception as error:  # noqa: BLE001  whatever it is, somebody waits for an answer
            _log.error("a request failed at its end", exc_info=error)
            away = store_is_away(error)
            status = 503 if away else 500
            title = HTTP_STATUS_CODES[status]
            detail, seconds = while_away(error) if away else (_DETAILS[500], 0)
            told = {"type": BELGIF + _BELGIF_TYPES[status], "title": title, "status": status, "detail": detail}
            headers = [("Content-Type", MEDIA_TYPE), *([("Retry-After", str(seconds))] if away else [])]
            start_response(f"{status} {title}", headers)
            return [orjson.dumps({**told, "instance": f"urn:uuid:{uuid.uuid4()}"})]
        start_response(*begun[-1])
        return answer

    return answered


def register(app: flask.Flask, handler_for: Callable[[Exception], Callable[[Exception], Any] | None]) -> None:
    """Answer every error of `app` with a problem; `handler_for` names the handler of the endpoint below whose path it happened, if any."""

    def handle(error: Exception) -> Any:
        if isinstance(error, RoutingException) or (isinstance(error, HTTPException) and error.response is not None):
            return error  # a redirect, or a view that brought its own answer
        if not isinstance(error, HTTPException | RequestError | StoreBusy | ma.ValidationError):
            _log.error("a request failed", trace=trace_id(), route=str(flask.request.url_rule), exc_info=error)
        own = handler_for(error)
        if own is not None:
            return own(error)
        problem = problem_of(error)
        return pages.page_of(problem) or answer(problem)

    # By class only: a handler for a status code would win over an endpoint's own handlers.
    app.register_error_handler(Exception, handle)
