"""`/oauth/token`: access tokens for the software of partners, by SMART Backend Services (client credentials with a signed assertion).

    POST /oauth/token
    grant_type=client_credentials&scope=system/Organization.rs
    &client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer&client_assertion=<JWT>

The answer is that of RFC 6749, also for what is refused: `{"error": "invalid_client", "error_description": "..."}`. Refusals count against a limit of their own, per
address. https://hl7.org/fhir/smart-app-launch/backend-services.html
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Any, Final, cast

import flask
import structlog
from sqlalchemy import Connection
from werkzeug.exceptions import BadRequest, HTTPException, MethodNotAllowed, TooManyRequests

from hub.access import RateLimiter, agreement, assertions, clients, grant_for, tokens
from hub.access.keysets import AGAIN_IN, FetchedKeys, NotYet
from hub.errors import Forbidden, Invalid, StoreBusy
from hub.model.scopes import beyond, nowhere, scopes_of, spelled
from hub.outbound import open_outbound
from hub.store import Writer
from hub.web import asking
from hub.web.endpoints import endpoints
from hub.web.open_views import open_to_all
from hub.web.problems import trace_id

ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
REFUSALS: Final = 20
"""So many refusals at once from one address, per process; then one in `REFUSED_EVERY` seconds."""
REFUSED_EVERY: Final = 6.0
_TAKES: Final = ("grant_type", "scope", "client_assertion_type", "client_assertion", "client_id")
_EXTENSION: Final = "fichehub-oauth"
_log = structlog.get_logger(__name__)


class OAuthError(Exception):
    """A refusal by RFC 6749 section 5.2. `proved`: who asked has proved who he is, so that it is no guessing."""

    def __init__(self, error: str, description: str, status: int = 400, *, proved: bool = False) -> None:
        super().__init__(description)
        self.error = error
        self.description = description
        self.status = status
        self.proved = proved


@dataclass(frozen=True, slots=True)
class _Service:
    refusals: RateLimiter
    fetched: FetchedKeys


def install(app: flask.Flask) -> None:
    """Serve it."""
    http = open_outbound(deadline=float(AGAIN_IN), byte_cap=1 << 18, attempts=1)
    refusals = RateLimiter(per_second=1 / REFUSED_EVERY, burst=REFUSALS, clock=time.monotonic)
    app.extensions[_EXTENSION] = _Service(refusals, FetchedKeys(lambda: http))
    app.add_url_rule(asking.OAUTH_PATH, "oauth_token", open_to_all(token), methods=["GET", "POST", "PUT", "PATCH", "DELETE"])


def token() -> flask.Response:
    """The answer of the token endpoint."""
    try:
        if flask.request.method != "POST":
            raise MethodNotAllowed(valid_methods=["POST"], description="Access tokens are fetched by POST.")
        _require_patience()
        return _said(_issued(_parameters()), 200)
    except OAuthError as error:
        if not error.proved:
            _count_refusal()
        _log.info("access token refused", error=error.error, reason=error.description, trace=trace_id())
        return _said({"error": error.error, "error_description": error.description}, error.status)
    except StoreBusy:
        return _said(_busy("The database is busy; try again in a few seconds."), 503, {"Retry-After": "5"})
    except NotYet as error:
        return _said(_busy(error.message), 503, {"Retry-After": str(AGAIN_IN)})
    except TooManyRequests as error:
        wait = str(error.retry_after)
        reason = f"Too many requests were refused. Wait {wait} seconds, and find out why they are."
        return _said(_busy(reason), 429, {"Retry-After": wait})
    except HTTPException as error:  # the request itself: method, length, form
        told = {"error": "invalid_request", "error_description": error.description or error.name}
        headers = {name: value for name, value in error.get_headers() if name == "Allow"}
        return _said(told, error.code or 400, headers)


def _busy(told: str) -> dict[str, Any]:
    return {"error": "temporarily_unavailable", "error_description": told}


def _service() -> _Service:
    return cast(_Service, flask.current_app.extensions[_EXTENSION])


def _require_patience() -> None:
    _wait(_service().refusals.must_wait(flask.request.remote_addr or ""))


def _count_refusal() -> None:
    _service().refusals.wait_for(flask.request.remote_addr or "")


def _wait(seconds: float) -> None:
    if seconds > 0:
        raise TooManyRequests(retry_after=math.ceil(seconds))


def _parameters() -> dict[str, str]:
    request = flask.request
    if request.mimetype != "application/x-www-form-urlencoded":
        raise OAuthError("invalid_request", "Send the parameters as application/x-www-form-urlencoded.")
    try:
        form = request.form
    except BadRequest as error:
        raise OAuthError("invalid_request", "The form cannot be read.") from error
    for name in _TAKES:
        if len(form.getlist(name)) > 1:
            raise OAuthError("invalid_request", f"{name} is given more than once.")
    if "Authorization" in request.headers or "client_secret" in form:
        raise OAuthError("invalid_client", "A client proves itself by client_assertion only, not by a secret.", 401)
    given = {name: form[name] for name in _TAKES if form.get(name)}
    if "grant_type" not in given:
        raise OAuthError("invalid_request", "grant_type is required: client_credentials.")
    if given["grant_type"] != "client_credentials":
        raise OAuthError("unsupported_grant_type", "grant_type must be client_credentials.")
    if given.get("client_assertion_type") != ASSERTION_TYPE:
        raise OAuthError("invalid_request", f"client_assertion_type must be {ASSERTION_TYPE}")
    if "client_assertion" not in given:
        raise OAuthError("invalid_request", "client_assertion is required: a JWT signed with the key of the client.")
    return given


def _issued(given: dict[str, str]) -> dict[str, Any]:
    store = asking.serving().store
    moment = store.now()
    now = int(moment.timestamp())

    def find(id: str) -> clients.Client | None:
        with store.read() as connection:
            return clients.client(connection, id)

    try:
        proved = assertions.judge(given["client_assertion"], [asking.token_address()], now, find, _service().fetched)
    except assertions.Refused as error:
        raise OAuthError("invalid_client", error.message, 401) from error
    if given.get("client_id", proved.client.id) != proved.client.id:
        raise OAuthError("invalid_client", "client_id is not that of the assertion; leave it out.", 401)

    def issue(writer: Writer) -> tuple[frozenset[str], str] | OAuthError:
        connection = writer.connection
        try:
            assertions.spend(connection, proved)
        except assertions.Refused as error:
            return OAuthError("invalid_client", error.message, 401)
        try:
            scopes = _granted(connection, proved.client, given.get("scope", ""), store.today())
        except OAuthError as error:
            return error  # not raised: that the assertion was used stays written
        return scopes, tokens.issue_token(connection, proved.client, scopes, now, moment.isoformat(timespec="seconds"))

    outcome = store.write(issue)
    if isinstance(outcome, OAuthError):
        raise outcome
    scopes, made = outcome
    return {"access_token": made, "token_type": "Bearer", "expires_in": tokens.SECONDS, "scope": spelled(scopes)}


def _granted(connection: Connection, known: clients.Client, asked: str, today: str) -> frozenset[str]:
    # Looked at again under the lock: somebody may have ended it since.
    current = clients.client(connection, known.id)
    if current is None or current.revoked_at is not None:
        raise OAuthError("invalid_client", "This client was ended.", 401, proved=True)
    agreed = agreement(connection, known.partner)
    try:
        if agreed is None:
            raise Forbidden("There is no agreement with this partner any more.")
        grant_for(agreed, today)
    except Forbidden as error:
        raise OAuthError("unauthorized_client", error.message, proved=True) from error
    may = f"This client may ask: {spelled(current.scopes)}"
    try:
        scopes = scopes_of(asked)
    except Invalid as error:
        raise OAuthError("invalid_scope", f"{error.message} {may}", proved=True) from error
    if missing := nowhere(scopes, endpoints().scope_types):
        told = f"This server has no such resources: {' '.join(missing)}. The statement of what the server can do (metadata) lists those that it has. {may}"
        raise OAuthError("invalid_scope", told, proved=True)
    if refused := beyond(scopes, current.scopes):
        raise OAuthError("invalid_scope", f"Beyond what is registered: {' '.join(refused)}. {may}", proved=True)
    return scopes


def _said(document: dict[str, Any], status: int, headers: dict[str, str] | None = None) -> flask.Response:
    response = flask.jsonify(document)
    response.status_code = status
    response.headers.update({"Cache-Control": "no-store", "Pragma": "no-cache", **(headers or {})})
    return response
