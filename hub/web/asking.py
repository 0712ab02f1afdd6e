"""Who is asking: from the credentials of a request to a `Grant`, and from the grant to the one door to the data.

A key comes as `Authorization: Bearer fh_...` or `X-API-Key: fh_...`, an access token (`hub.web.oauth`) as `Authorization: Bearer fhat_...`; without either the
asker is the public. A key that is not known is refused and never falls back to the public, so that a partner notices. Refusals are werkzeug's `Unauthorized` and `TooManyRequests`
and `hub.errors.Forbidden`, which an endpoint's own error handlers may word in their own language.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, cast

import flask
import structlog
from flask.globals import request_ctx
from sqlalchemy import or_, update
from sqlalchemy.exc import DBAPIError
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import TooManyRequests, Unauthorized

from hub.access import RateLimiter, agreement, audit, authenticate, grant_for, tokens
from hub.access.audit import Access, Trail, truncated
from hub.access.recognised import Asker, Recognised, credential_of
from hub.connector import Source
from hub.directory import Directory
from hub.errors import FieldError, Forbidden, Invalid, Rejected, StoreBusy
from hub.feeding import Feed
from hub.model.audience import PUBLIC, Grant
from hub.model.claims import EDITOR, Claim
from hub.model.moments import to_millisecond, to_second
from hub.model.subscription import Subscriptions
from hub.store.faults import is_read_only
from hub.store.ready import Ready
from hub.store.tables import api_key
from hub.web import cancelled
from hub.web.open_views import is_open

if TYPE_CHECKING:
    from hub.plugins import Plugins
    from hub.store import Snapshot, Store, Writer
    from hub.store.concepts import ConceptBook
    from hub.web.settings import Settings

_log = structlog.get_logger(__name__)
_EXTENSION = "fichehub"
_PREFIX_LENGTH = 8
OAUTH_PATH = "/oauth/token"
_EDITORS = {"nl": "Redactie van deze hub", "fr": "Rédaction de ce hub", "de": "Redaktion dieses Hubs", "en": "Editors of this hub"}


@dataclass(slots=True)
class Serving:
    """What one application serves: kept in `app.extensions`, so that two applications in one process share nothing."""

    store: Store
    plugins: Plugins
    settings: Settings
    limiter: RateLimiter
    trail: Trail
    recognised: Recognised
    noted_on: dict[tuple[str, str], str] = field(default_factory=dict)  # (partner, prefix) -> day of its last use

    @classmethod
    def install(cls, app: flask.Flask, store: Store, plugins: Plugins, settings: Settings) -> Serving:
        """Make the application serve this store."""
        limiter = RateLimiter(per_second=settings.requests_per_second, burst=settings.burst, clock=time.monotonic)
        serving = cls(store, plugins, settings, limiter, Trail(store), Recognised(store))
        app.extensions[_EXTENSION] = serving
        return serving


def serving() -> Serving:
    """What the current application serves."""
    return serving_of(flask.current_app)


def serving_of(app: flask.Flask) -> Serving:
    """What `app` serves."""
    return cast(Serving, app.extensions[_EXTENSION])


def directory() -> Directory:
    """See `hub.directory`."""
    found = flask.g.get("fichehub_directory")
    if found is None:
        found = Directory(serving().store, _grant(), _snapshot())
        flask.g.fichehub_directory = found
    return cast(Directory, found)


def require_partner(what: str) -> None:
    """See `hub.require_partner`."""
    if directory().grant.partner is None:
        raise _refused(f"{what}: send your API key or token as Authorization: Bearer ...", missing=True)


def feed(endpoint: str) -> Feed:
    """See `hub.feed`."""
    require_partner("Only partners send in fiches")
    asked, hub = directory(), serving()
    plugins = hub.plugins
    hub.store.use_hooks(
        validate=plugins.validate_fiche if plugins.implements("validate_fiche") else None,
        match=plugins.match_fiche if plugins.implements("match_fiche") else None,
    )
    return Feed(hub.store, asked, endpoint)


def refusals(claim: Claim) -> tuple[FieldError, ...]:
    """See `hub.refusals`."""
    try:
        Ready(claim).check()
    except Invalid as error:
        return error.errors or (FieldError("", error.message),)
    except Rejected as error:
        return (FieldError(error.field, error.message),)
    return () if claim.gone else serving().plugins.validate_fiche(claim.content, claim.source)


def subscriptions(endpoint: str) -> Subscriptions:
    """See `hub.subscriptions`."""
    from hub.subscribing import (
        PartnerSubscriptions,  # it brings the scheduler along, which the command line need not wait for
    )

    require_partner("Only partners have subscriptions")
    return PartnerSubscriptions(serving().store, directory(), endpoint)


def cancel(what: str) -> None:
    """See `hub.cancel`."""
    cancelled.cancel(serving().store, directory().grant.partner or "", what)


def is_cancelled(what: str) -> bool:
    """See `hub.is_cancelled`."""
    partner = directory().grant.partner or ""
    with _snapshot().read() as connection:
        return cancelled.is_cancelled(connection, partner, what)


def asks_nobody() -> bool:
    """Whether the current request goes to a view that is open to all, without credentials; those of the token endpoint are its own matter."""
    request = request_ctx.request
    if request.path == OAUTH_PATH:
        return True
    view = flask.current_app.view_functions.get(request.endpoint or "")
    return is_open(view) and _key() is None


def via() -> str:
    """How the current request proved who asks, for the audit trail: `key fh_1a2b3`, `client <id>`, or "" for the public."""
    return str(flask.g.get("fichehub_via", ""))


def record_access(
    *,
    interaction: str,
    type: str = "",
    target: str = "",
    path: str = "",
    parameters: Callable[[], Iterable[tuple[str, str]]] = tuple,
    status: int,
) -> None:
    """See `hub.record_access`."""
    asked = flask.g.get("fichehub_directory")
    if asked is None or asked.grant.partner is None:
        return
    hub = serving()
    access = flask.g.fichehub_access = Access(
        at=to_millisecond(hub.store.now()),
        partner=asked.grant.partner,
        via=via(),
        address=truncated(flask.request.remote_addr or ""),
        interaction=interaction,
        type=type,
        target=target,
        query=audit.asked(path, parameters()),
        status=status,
    )
    hub.trail.note(access)


def _snapshot() -> Snapshot:
    """What the current request reads from: one state of the database for the whole of it."""
    found: Snapshot | None = flask.g.get("fichehub_snapshot")
    if found is None:
        found = flask.g.fichehub_snapshot = serving().store.snapshot()
    return found


def let_go(error: BaseException | None = None) -> None:
    """Close what the current request read from; called at its end."""
    found = flask.g.pop("fichehub_snapshot", None)
    if found is not None:
        found.close()


def admit() -> Grant | None:
    """Let the current request in, or raise: its credentials are checked and counted against the rate limit. The grant of who asks; None where nobody is asked."""
    if asks_nobody():
        count_address()
        return None
    try:
        grant = directory().grant
    except (Unauthorized, Forbidden):
        count_address()  # guessing keys costs tokens as well
        raise
    # An address counts for the anonymous only: the partners behind one proxy or practice do not use up each other's share.
    _count(counted_as(grant.partner, flask.request.remote_addr))
    return grant


def counted_as(partner: str | None, address: str | None) -> str:
    """Whose requests the rate limit counts together."""
    return f"partner {partner}" if partner else f"address {address}"


def count_address() -> None:
    """Count the current request against the rate limit of the address that it comes from. Raises `TooManyRequests`."""
    _count(counted_as(None, flask.request.remote_addr))


def let_stand(newest: int, concepts: ConceptBook) -> None:
    """See `hub.let_stand`."""
    flask.g.fichehub_stands = newest, concepts


def token_address() -> str:
    """The address of the token endpoint, which is what an assertion must name as its `aud`."""
    return (serving().settings.public_url or flask.request.url_root).rstrip("/") + OAUTH_PATH


def source_title(source: str, language: str) -> str:
    """See `hub.source_title`."""
    if source == EDITOR:
        return _EDITORS.get(language, _EDITORS["en"])
    for name, connector in sorted(serving().plugins.connectors.items()):
        if issubclass(connector, Source) and source == (connector.claim_source or name):
            return connector.title_in(language)
    return source


def authorization_metadata() -> dict[str, Any]:
    """See `hub.authorization_metadata`."""
    return {
        "token_endpoint": token_address(),
        "token_endpoint_auth_methods_supported": ["private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": list(tokens.ALGORITHMS),
        "grant_types_supported": ["client_credentials"],
    }


def asker() -> str:
    """The name of who asks, for the log; never fails."""
    found = flask.g.get("fichehub_directory")
    return found.grant.name if found is not None else "-"


def rate_policy(settings: Settings) -> str:
    """The `RateLimit-Policy` that every counted answer carries (draft-ietf-httpapi-ratelimit-headers)."""
    return f'"asker";q={settings.burst};w={math.ceil(settings.burst / settings.requests_per_second)}'


def _count(who: str) -> None:
    hub = serving()
    wait = hub.limiter.wait_for(who)
    flask.g.fichehub_counted = True
    if wait > 0:
        raise TooManyRequests(
            f"Too many requests. Wait {math.ceil(wait)} seconds, and ask at most {hub.settings.requests_per_second:g} times a second.",
            retry_after=math.ceil(wait),
        )


def sends_credentials() -> bool:
    """Whether the current request brings any, right or wrong."""
    headers = request_ctx.request.headers
    return "Authorization" in headers or "X-API-Key" in headers


def _key() -> str | None:
    headers = request_ctx.request.headers
    given = headers.get("Authorization")
    if given is not None:
        scheme, _, token = given.strip().partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise _refused("The Authorization header must read: Bearer, a blank, and your API key.")
        return token.strip()
    return headers.get("X-API-Key")


def _grant() -> Grant:
    hub = serving()
    key = _key()
    if key is None:
        if not hub.settings.anonymous:
            raise _refused(
                "This hub answers partners only. Send your API key as: Authorization: Bearer fh_...",
                missing=True,
            )
        return PUBLIC
    credential = flask.g.fichehub_credential = credential_of(key)
    known = hub.recognised.of(credential) or _recognised(hub, key, credential)
    flask.g.fichehub_via = known.via
    if known.prefix:
        _note_use(hub, known.grant.partner or "", known.prefix)
    return known.grant


def _recognised(hub: Serving, key: str, credential: bytes) -> Asker:
    # Before anything is read: what is written meanwhile may be known already, but never missing from what is remembered.
    seen, day = hub.store.seen(), hub.store.today()
    scopes: frozenset[str] | None = None
    ends_at: int | None = None
    until: str | None = None
    with _snapshot().read() as connection:
        try:
            if key.startswith(tokens.PREFIX):
                held = tokens.read_token(connection, key, int(hub.store.now().timestamp()))
                partner, scopes, ends_at, via, prefix = held.partner, held.scopes, held.expires_at, f"client {held.client}", ""
            else:
                prefix = key[:_PREFIX_LENGTH]
                (partner, until), via = authenticate(connection, key, to_second(hub.store.now())), f"key {prefix}"
        except Forbidden as error:
            raise _refused(error.message) from error
        agreed = agreement(connection, partner)
    if agreed is None:
        raise _refused("These credentials belong to no agreement any more. Ask your contact for new ones.")
    grant = grant_for(agreed, day)
    asker = Asker(grant if scopes is None else replace(grant, scopes=scopes), via, prefix, until, ends_at)
    hub.recognised.keep(credential, seen, day, asker)
    return asker


def _refused(reason: str, *, missing: bool = False) -> Unauthorized:
    said: dict[str, str | None] = {"realm": "fichehub"}
    if not missing:
        said["error"] = "invalid_token"
    return Unauthorized(reason, www_authenticate=_Challenge("bearer", said))


class _Challenge(WWWAuthenticate):
    """With quotation marks, as a realm must have them (RFC 9110 section 11.5) and RFC 6750 section 3 writes the rest."""

    def to_header(self) -> str:
        """The value of the header."""
        return "Bearer " + ", ".join(f'{name}="{value}"' for name, value in self.parameters.items())


def _note_use(hub: Serving, partner: str, prefix: str) -> None:
    """Write down that the key is in use: once a day, so that reading stays reading."""
    today = hub.store.today()
    if hub.noted_on.get((partner, prefix)) == today:
        return

    def note(writer: Writer) -> None:
        unnoted = or_(api_key.c.last_used_on.is_(None), api_key.c.last_used_on < today)
        writer.connection.execute(update(api_key).where(api_key.c.partner == partner, api_key.c.prefix == prefix, unnoted).values(last_used_on=today))

    try:
        hub.store.write(note)
    except StoreBusy:
        _log.info("the use of a key was not noted, the database is busy", partner=partner)  # the next request tries again
        return
    except DBAPIError as error:
        if not is_read_only(error):
            raise
        _log.info("the use of a key is not noted on a standby", partner=partner)
    hub.noted_on[(partner, prefix)] = today
