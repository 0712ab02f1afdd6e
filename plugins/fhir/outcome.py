"""Every error as an OperationOutcome. https://hl7.org/fhir/R4/operationoutcome.html"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import NAMESPACE_OID, uuid5

import flask
from werkzeug.exceptions import (
    HTTPException,
    MethodNotAllowed,
    RequestEntityTooLarge,
    RequestHeaderFieldsTooLarge,
    UnsupportedMediaType,
)

from hub import CursorGone, FichehubError, Forbidden, Gone, Invalid, Locked, Moved, NotFound, store_is_away, while_away
from plugins.fhir.negotiation import NoSuchForm

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Failure:
    """The answer to a request that went wrong: HTTP status, issues, and headers such as Allow or Retry-After."""

    status: int
    issues: Sequence[Json]
    headers: Mapping[str, str] = field(default_factory=dict)

    def document(self) -> Json:
        """The OperationOutcome."""
        return document(self.issues)


def issue(severity: str, code: str, message: str, parameter: str = "", diagnostics: str = "") -> Json:
    """One issue; `parameter` is the search parameter that it is about, or the element (`Bundle.type`). https://hl7.org/fhir/R4/valueset-issue-type.html"""
    found: Json = {"severity": severity, "code": code, "details": {"text": message}}
    if diagnostics:
        found["diagnostics"] = diagnostics
    if parameter:
        found["expression"] = [parameter if parameter[0].isupper() else f"http.{parameter}"]
    return found


def document(issues: Sequence[Json]) -> Json:
    """The OperationOutcome of these issues."""
    return {"resourceType": "OperationOutcome", "issue": list(issues)}


def entry(issues: Sequence[Json]) -> Json:
    """The entry of a searchset that tells what there is to say about it. Its address is that of what it says, as every entry of a Bundle must have one."""
    said = document(issues)
    return {"fullUrl": uuid5(NAMESPACE_OID, repr(said)).urn, "resource": said, "search": {"mode": "outcome"}}


_HTTP_CODES: Final = {
    400: "invalid",
    401: "login",
    403: "forbidden",
    404: "not-found",
    405: "not-supported",
    406: "not-supported",
    408: "timeout",
    409: "conflict",
    410: "deleted",
    411: "required",
    412: "conflict",
    413: "too-long",
    414: "too-long",
    415: "not-supported",
    422: "business-rule",
    428: "required",
    429: "throttled",
    431: "too-long",
    503: "transient",
}
_HTTP_MESSAGES: Final[Mapping[type[HTTPException], str]] = {
    MethodNotAllowed: "This address does not take that method; the header Allow lists those that it takes.",
    UnsupportedMediaType: "A search by POST is sent as application/x-www-form-urlencoded.",
    RequestHeaderFieldsTooLarge: "The headers of this request are too long.",
}


def failure_of(error: Exception) -> Failure:
    """What is told about `error`. Of an error that is no answer to a request nothing is told but that it is ours."""
    match error:
        case Invalid(errors=errors) if errors:
            issues = [_issue_of(wrong.path, wrong.reason, wrong.value) for wrong in errors]
            return Failure(400, issues)
        case Invalid():
            return _one(400, "invalid", error.message)
        case Gone():
            return _one(410, "deleted", error.message)
        case Moved():
            return _one(301, "not-found", error.message, f"It lives under the id {error.id} now.")
        case CursorGone():
            return _one(410, "expired", error.message, f"Start again at {error.start_again or flask.request.base_url}")
        case NotFound():
            return _one(404, "not-found", error.message)
        case Forbidden():
            return _one(403, "forbidden", error.message)
        case Locked():
            return _one(409, "business-rule", error.message)
        case _ if store_is_away(error):
            message, seconds = while_away(error)
            return Failure(503, [issue("error", "transient", message)], {"Retry-After": str(seconds)})
        case HTTPException():
            return _of_http(error)
        case FichehubError():
            return _one(400, "processing", error.message)
    return _one(
        500,
        "exception",
        "Something went wrong on our side; it has been written down. Please tell us when it happened.",
    )


def _one(status: int, code: str, message: str, diagnostics: str = "") -> Failure:
    return Failure(status, [issue("error", code, message, "", diagnostics)])


def _issue_of(path: str, reason: str, value: str | None) -> Json:
    # The hub's word for what a FHIR client knows under another name.
    parameter = "_cursor" if path == "cursor" else path
    return issue(
        "error",
        "invalid",
        f"{parameter}: {reason}" if parameter else reason,
        parameter,
        f"The value was: {value[:100]}" if value else "",
    )


def _of_http(error: HTTPException) -> Failure:
    status = error.code or 500
    headers = {name: value for name, value in error.get_headers() if name.lower() not in ("content-type", "content-length")}
    own = error.description if error.description != type(error).description else None
    message = own or _HTTP_MESSAGES.get(type(error)) or error.description or error.name
    code = _HTTP_CODES.get(status, "exception" if status >= 500 else "processing")
    if isinstance(error, RequestEntityTooLarge):
        message = _too_long()
    told = issue("error", code, message)
    if isinstance(error, NoSuchForm):
        told = issue("error", code, message, diagnostics=f"The value was: {error.value[:100]}") | {"expression": [f"http.{error.place}"]}
    return Failure(status, [told], headers)


def _too_long() -> str:
    """What is told when the body of the current request is too long: the limit, and what to do."""
    limit = flask.request.max_content_length
    most = "" if limit is None else f": at most {limit / (1 << 20):g} MB" if limit >= 1 << 20 else f": at most {limit} bytes"
    return f"The body of this request is too long{most}. Send less at once: several requests, a transaction in parts, fewer values in a search."
