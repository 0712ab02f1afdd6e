"""What every answer gets on its way out: JSON by orjson, compression, headers that protect the reader, one line in the log."""

from __future__ import annotations

import gzip
import time
import zlib
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any, Final

import flask
import orjson
import structlog
from flask.globals import request_ctx
from flask.json.provider import JSONProvider
from werkzeug.wsgi import ClosingIterator

from hub.store import Store
from hub.web import asking
from hub.web.metrics import Metrics
from hub.web.problems import trace_id

TRACE: Final = "BelGov-Trace-Id"
COMPRESSED_FROM = 1024
"""Bytes from which an answer is compressed. Level 1: it costs 0.14 ms for a page of 55 kB, level 6 twice that."""
COMPRESSED_UP_TO = 8 << 20
_REMEMBERED_UP_TO: Final = 1 << 16
"""Bytes up to which the compressed form of an answer is remembered: with as many as are kept that is at most 20 MB."""
_REMEMBERED: Final = 256

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; font-src 'self'; script-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_PROTECTING = (
    ("Content-Security-Policy", CONTENT_SECURITY_POLICY),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "strict-origin-when-cross-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Permissions-Policy", "camera=(), geolocation=(), microphone=()"),
)
_COMPRESSIBLE = (
    "text/",
    "application/json",
    "application/problem+json",
    "application/fhir+json",
    "application/fhir+xml",
    "application/fhir+ndjson",
    "image/svg",
)
_log = structlog.get_logger("hub.web.access")


class OrjsonProvider(JSONProvider):
    """`flask.jsonify` and `Request.json` by orjson."""

    def dumps(self, obj: Any, **kwargs: Any) -> str:
        """JSON text, keys in the order given."""
        return orjson.dumps(obj).decode()

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        """The value that this JSON text stands for; raises ValueError."""
        return orjson.loads(s)

    def response(self, *args: Any, **kwargs: Any) -> flask.Response:
        """A response with this value as its body."""
        return flask.Response(orjson.dumps(self._prepare_response_obj(args, kwargs)), content_type="application/json")


def install(app: flask.Flask, metrics: Metrics) -> None:
    """Give every answer of `app` what this module says. Call it first, so that it sees the work of all others."""
    app.json = OrjsonProvider(app)
    serving = asking.serving_of(app)
    policy = asking.rate_policy(serving.settings)
    zipped = Zipped(serving.store)

    @app.before_request
    def start() -> None:
        flask.g.fichehub_started = time.perf_counter()
        flask.g.fichehub_erasures, flask.g.fichehub_day = serving.store.erasures, serving.store.today()

    @app.after_request
    def finish(response: flask.Response) -> flask.Response:
        # Every answer passes here, so headers are looked at once and appended; setdefault and vary.add cost ten times that.
        headers = response.headers
        there = {name.lower() for name, _ in headers}
        for name, value in _PROTECTING:
            if name.lower() not in there:
                headers.add(name, value)
        headers.add(TRACE, trace_id())
        varies = []
        if "fichehub_counted" in flask.g:
            headers.add("RateLimit-Policy", policy)
            varies = ["Authorization", "X-API-Key", "Accept"]
            if "cache-control" not in there:
                # A browser may keep it but must ask again: what an asker may see can change at any moment.
                headers.add("Cache-Control", "private, no-cache")
        if (response.mimetype or "").startswith(_COMPRESSIBLE):
            varies.append("Accept-Encoding")
            compress(response, zipped)
        if varies:
            before = headers.get("Vary")
            if before:
                said = {each.strip().lower() for each in before.split(",")}
                varies = [before, *(each for each in varies if each.lower() not in said)]
            headers["Vary"] = ", ".join(varies)
        _note(response, metrics)
        return response


class Zipped:
    """Compressed forms, the last few of which are remembered: an endpoint that remembers its answers gives the very same bytes again."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._remembered = lru_cache(_REMEMBERED)(_zipped)
        store.when_erased(self._remembered.cache_clear)

    def of(self, body: bytes, erasures: int) -> bytes:
        """The compressed form of a body; `erasures`: those of the store before the body was made."""
        if len(body) > _REMEMBERED_UP_TO:
            return _zipped(body)
        found = self._remembered(body)
        if self._store.erasures != erasures:  # it may be from before
            self._remembered.cache_clear()
        return found


def compress(response: flask.Response, zipped: Zipped) -> None:
    """Compress the body in place when it is long enough and the asker takes gzip; a stream as it is read, unless a part of it was asked for."""
    if response.status_code != 200 or not _takes_gzip() or "Content-Encoding" in response.headers:
        return
    if response.direct_passthrough:  # a file of ours
        if not COMPRESSED_FROM <= (response.content_length or 0) <= COMPRESSED_UP_TO:
            return
        response.direct_passthrough = False
    elif not response.is_sequence:
        if "Range" not in request_ctx.request.headers:  # whoever counts its bytes means those of the file itself
            _compress_stream(response)
        return
    body = response.get_data()
    if not COMPRESSED_FROM <= len(body) <= COMPRESSED_UP_TO:
        return
    response.set_data(zipped.of(body, flask.g.fichehub_erasures))
    response.headers["Content-Encoding"] = "gzip"
    etag, is_weak = response.get_etag()
    if etag is not None and not is_weak:
        response.set_etag(etag, weak=True)  # these are not the same bytes any more


def _compress_stream(response: flask.Response) -> None:
    pieces: Any = response.response
    response.response = ClosingIterator(_zipped_pieces(pieces), [pieces.close] if hasattr(pieces, "close") else [])
    response.headers["Content-Encoding"] = "gzip"
    del response.headers["Content-Length"]


def _zipped_pieces(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Each piece can be read when it has arrived: of a download that broke off nothing is lost that had come."""
    zipping = zlib.compressobj(level=1, wbits=16 + zlib.MAX_WBITS)
    for piece in pieces:
        yield zipping.compress(piece) + zipping.flush(zlib.Z_SYNC_FLUSH)
    yield zipping.flush()


def _zipped(body: bytes) -> bytes:
    return gzip.compress(body, compresslevel=1, mtime=0)


def _takes_gzip() -> bool:
    request = request_ctx.request
    return "gzip" in request.headers.get("Accept-Encoding", "") and request.accept_encodings["gzip"] > 0


def _note(response: flask.Response, metrics: Metrics) -> None:
    request = request_ctx.request
    seconds = time.perf_counter() - flask.g.fichehub_started
    route = request.url_rule.rule if request.url_rule is not None else "-"
    note(metrics, request.method, route, response.status_code, seconds, asking.asker(), trace_id())


def note(metrics: Metrics, method: str, route: str, status: int, seconds: float, partner: str, trace: str) -> None:
    """Count an answered request, and write its line in the log: the route and not the path, and no query, because what people look for is theirs."""
    metrics.note(route, method, status, seconds)
    _log.info("request", method=method, route=route, status=status, partner=partner, ms=round(seconds * 1000, 2), trace=trace)
