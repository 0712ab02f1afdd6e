"""Answers that are given again: what an endpoint let stand goes to whoever asks the very same, without asking Flask and the endpoint once more.

It is as if they had been asked: whatever is checked, counted and logged of a request is so of these, and one that would be refused goes the long way, where it is
refused. An answer stands as long as nobody at all wrote to the database, on the same day; each time is looked whether it does. So every committed write shows at once.
"""

from __future__ import annotations

import hashlib
import time
import uuid
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, replace
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

import flask
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.http import http_date

from hub.access.audit import Access, truncated
from hub.errors import FichehubError
from hub.model.audience import Grant
from hub.model.moments import to_millisecond
from hub.web import asking
from hub.web.endpoints import Endpoints, endpoints
from hub.web.outgoing import TRACE, note

if TYPE_CHECKING:
    from hub.store.concepts import ConceptBook
    from hub.web.metrics import Metrics

    Application = Callable[..., Iterable[bytes]]

MOST: Final = 4_096
"""Answers that are kept, at most."""
MOST_BYTES: Final = 16 << 20
"""Bytes of them all together; an endpoint that remembers its answers has most of these bytes anyway."""
LONGEST: Final = 1 << 18
_HEADERS: Final = 2_048
"""What the headers and the key of one take, about."""
HANGS_ON: Final = (
    "REQUEST_METHOD",
    "wsgi.url_scheme",
    "HTTP_HOST",
    "SERVER_NAME",
    "SERVER_PORT",
    "SCRIPT_NAME",
    "PATH_INFO",
    "QUERY_STRING",
    "CONTENT_TYPE",
    "CONTENT_LENGTH",
    "HTTP_TRANSFER_ENCODING",
    "HTTP_UPGRADE",
    "HTTP_ACCEPT",
    "HTTP_ACCEPT_ENCODING",
    "HTTP_PREFER",
    "HTTP_IF_MATCH",
    "HTTP_IF_NONE_MATCH",
    "HTTP_IF_MODIFIED_SINCE",
    "HTTP_IF_UNMODIFIED_SINCE",
    "HTTP_IF_RANGE",
    "HTTP_RANGE",
)
"""All of a request that the hub, or an endpoint that lets answers stand, looks at to make an answer. A test listens to what they look at."""
DATE: Final = "Date"
"""Of an answer to a condition; a cache tells by it how old an answer is."""
_BODY: Final = ("CONTENT_TYPE", "CONTENT_LENGTH", "HTTP_TRANSFER_ENCODING")
CREDENTIALS: Final = ("HTTP_AUTHORIZATION", "HTTP_X_API_KEY")
"""What it hangs on besides; nothing of them is kept but a hash."""
_NONE: Final = (None, None)
_STATUSES: Final = frozenset({200, 304})


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer as it went out to this grant. `credential`: None of the public; `access`: what the audit trail was told of it. `headers`: each answer has its own at `trace_at` and, unless that is None, at `date_at`."""

    newest: int
    concepts: ConceptBook
    day: str
    grant: Grant
    credential: bytes | None
    access: Access | None
    endpoint: str
    route: str
    status: str
    code: int
    headers: list[tuple[str, str]]
    trace_at: int
    date_at: int | None
    body: tuple[bytes, ...]

    @property
    def size(self) -> int:
        """Bytes that it takes, about."""
        return _HEADERS + sum(map(len, self.body))


class AnswerCache:
    """A WSGI application around another one: gives its answers again. `keep` is called with each response that goes out."""

    def __init__(self, serving: asking.Serving, metrics: Metrics) -> None:
        self._serving = serving
        self._metrics = metrics
        self._kept: dict[Hashable, Kept] = {}
        self._size = 0
        self._keeping = Lock()
        serving.store.when_erased(self.forget)

    def around(self, application: Application, mounted: Endpoints) -> Application:
        """An application that asks this one only where no answer stands."""

        def answered(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            began = time.perf_counter()
            kept = self._kept.get(key_of(environ))
            if kept is None or not self._goes_out(kept, environ, mounted):
                return application(environ, start_response)
            trace = str(uuid.uuid4())
            headers = kept.headers.copy()
            headers[kept.trace_at] = (TRACE, trace)
            if kept.date_at is not None:
                headers[kept.date_at] = (DATE, http_date())
            note(self._metrics, environ["REQUEST_METHOD"], kept.route, kept.code, time.perf_counter() - began, kept.grant.name, trace)
            start_response(kept.status, headers)
            return kept.body

        return answered

    def _goes_out(self, kept: Kept, environ: dict[str, Any], mounted: Endpoints) -> bool:
        """Whether the answer stands, and whoever asks may have it now; if so, the request is counted."""
        serving, partner, address = self._serving, kept.grant.partner, environ.get("REMOTE_ADDR")
        try:
            if kept.credential is not None and not self._is_whose_it_was(kept, kept.credential):
                return False
            standing = serving.store.standing()
            if standing is None or standing[0] != kept.newest or standing[1] is not kept.concepts or serving.store.today() != kept.day:
                return False
            if mounted.state(kept.endpoint, partner or "") != "enabled":
                return False
        except (SQLAlchemyError, FichehubError):  # the long way finds it too, and says so
            return False
        if serving.limiter.wait_for(asking.counted_as(partner, address)) > 0:
            return False
        if kept.access is not None:
            serving.trail.note(replace(kept.access, at=to_millisecond(serving.store.now()), address=truncated(address or "")))
        return True

    def _is_whose_it_was(self, kept: Kept, credential: bytes) -> bool:
        """Whether the credentials are known, at this moment, to be good for the very same grant, and that they are in use is noted for today."""
        asker = self._serving.recognised.of(credential)
        if asker is None or (asker.grant is not kept.grant and asker.grant != kept.grant):
            return False
        return not asker.prefix or self._serving.noted_on.get((asker.grant.partner or "", asker.prefix)) == kept.day

    def keep(self, response: flask.Response) -> flask.Response:
        """Keep the answer to the current request, if its endpoint let it stand and it is one that can be given again; for `after_request`."""
        stands: tuple[int, ConceptBook] | None = flask.g.get("fichehub_stands")
        if stands is None or response.status_code not in _STATUSES or response.direct_passthrough or not response.is_sequence:
            return response
        environ, rule, endpoint = flask.request.environ, flask.request.url_rule, endpoints().named_by(flask.request.path)
        if rule is None or endpoint is None or environ["REQUEST_METHOD"] != "GET" or any(map(environ.get, _BODY)):
            return response
        sent, status, headers = response.get_wsgi_response(environ)
        body = b"".join(sent)
        if len(body) <= LONGEST:
            places = {name: place for place, (name, _) in enumerate(headers)}
            day, code, bodies = flask.g.fichehub_day, response.status_code, (body,) if body else ()
            grant, credential, access = asking.directory().grant, flask.g.get("fichehub_credential"), flask.g.get("fichehub_access")
            kept = Kept(*stands, day, grant, credential, access, endpoint, rule.rule, status, code, headers, places[TRACE], places.get(DATE), bodies)
            self._add(key_of(environ), kept)
            if self._serving.store.erasures != flask.g.fichehub_erasures:  # it may be from before
                self.forget()
        return response

    def _add(self, key: Hashable, kept: Kept) -> None:
        with self._keeping:
            before = self._kept.pop(key, None)
            self._kept[key] = kept
            self._size += kept.size - (0 if before is None else before.size)
            while self._size > MOST_BYTES or len(self._kept) > MOST:
                self._size -= self._kept.pop(next(iter(self._kept))).size

    def forget(self) -> None:
        """Keep nothing of what is kept."""
        with self._keeping:
            self._kept, self._size = {}, 0


def key_of(environ: dict[str, Any]) -> Hashable:
    """What tells requests apart that may get different answers."""
    credentials = tuple(map(environ.get, CREDENTIALS))
    told = tuple(map(environ.get, HANGS_ON))
    return told if credentials == _NONE else (*told, hashlib.sha256(repr(credentials).encode()).digest())
