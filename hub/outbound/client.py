"""The HTTP client for calls to partners: deadline, byte cap, no redirects, bounded retries.

Proxies, netrc files and cookies are not used. Messages name scheme, host and path of an address, never its query, its user or its headers: those
may hold secrets.
"""

from __future__ import annotations

import importlib.metadata
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http.cookiejar import DefaultCookiePolicy
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import orjson
import requests
import tenacity
import urllib3

from hub.errors import AuthFailed, FichehubError, Misconfigured, Unreachable
from hub.outbound import sentences
from hub.outbound.deadline import Deadline
from hub.outbound.guard import OWN_NETWORK, GuardedAdapter, Refused, check_address
from hub.outbound.retrying import AskedTooMuch, Retryable, WaitAsAsked, asks_to_wait, seconds_of
from hub.schemas import read_json

MEGABYTE: Final = 1024 * 1024

_CHUNK: Final = 64 * 1024
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_RETRIED: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_FAULTS: Final = (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError)
E = TypeVar("E", bound=BaseException)


@dataclass(slots=True)
class Answer:
    """An answer that came in full and within the byte cap; implements `hub.connector.Response`."""

    status: int
    headers: Mapping[str, str]
    content: bytes
    address: str

    def json(self) -> Any:
        """The body as JSON, as `read_json` reads it; raises `Unreachable` when it is none."""
        try:
            return read_json(self.content)
        except orjson.JSONDecodeError as error:
            kind = self.headers.get("Content-Type", "of no stated type")
            why = f"{kind}; {error.msg}, character {error.pos:,}"
            raise Unreachable(sentences.NOT_JSON(address=self.address, status=self.status, size=f"{len(self.content):,}", why=why)) from error


class Outbound:
    """The client; implements `hub.connector.Http`. Safe to use from several threads. Close it, or use it as a context manager.

    `deadline`: seconds for one answer to come in full, from the first attempt to connect. `patience`: no attempt of a call begins later than so many
    seconds after the first; nobody waits for one that would. `byte_cap`: the largest body, after unpacking. `allow_private`: also connect to this machine and the own network, and without
    TLS; for simulators and partners inside the walls. `attempts`: how often a call is tried on connection faults, 408, 429 and 5xx, with full jitter,
    obeying Retry-After as long as it is at most `longest_wait` seconds. A POST is tried again only when the partner cannot have acted on
    it, or when it carries an Idempotency-Key. `bodies`: whether anybody reads what is answered; else an answer may be headers alone. `asked_again` is told, before
    the wait for each next attempt, which one failed and how many there are: whoever watches should not take waiting for hanging.
    """

    def __init__(
        self,
        *,
        allow_private: bool = False,
        deadline: float = 60.0,
        patience: float = 180.0,
        byte_cap: int = 64 * MEGABYTE,
        attempts: int = 4,
        longest_wait: float = 60.0,
        bodies: bool = True,
        asked_again: Callable[[int, int], None] | None = None,
        sleep: Callable[[float], None] | None = None,
        now: Callable[[], datetime] | None = None,
    ) -> None:
        self._allow_private = allow_private
        self._deadline = deadline
        self._patience = patience
        self._byte_cap = byte_cap
        self._attempts = attempts
        self._longest_wait = longest_wait
        self._bodies = bodies
        self._asked_again = asked_again
        self._sleep = sleep or tenacity.nap.sleep
        self._now = now or (lambda: datetime.now(UTC))
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self._session.headers["User-Agent"] = f"Fichehub/{importlib.metadata.version('fichehub')}"
        adapter = GuardedAdapter(allow_private)
        self._session.mount("http://", adapter)
        self._session.mount("https://", adapter)

    def get(
        self, url: str, *, params: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None, byte_cap: int | None = None
    ) -> Answer:
        """See `hub.connector.Http.get`."""
        return self._call("GET", url, byte_cap, retry_all=True, params=params, headers=headers)

    def post(
        self,
        url: str,
        *,
        json: Any = None,
        data: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        byte_cap: int | None = None,
    ) -> Answer:
        """See `hub.connector.Http.post`."""
        given = dict(headers or {})
        if json is not None:
            data = orjson.dumps(json)
            given.setdefault("Content-Type", "application/json")
        retry_all = any(name.lower() == "idempotency-key" for name in given)
        return self._call("POST", url, byte_cap, retry_all=retry_all, data=data, headers=given)

    def close(self) -> None:
        """End the kept connections."""
        self._session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _call(self, method: str, url: str, byte_cap: int | None, *, retry_all: bool, **request: Any) -> Answer:
        cap = self._byte_cap if byte_cap is None else min(byte_cap, self._byte_cap)
        address = check_address(url, allow_private=self._allow_private)
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(lambda error: isinstance(error, Retryable) and (retry_all or error.harmless)),
            stop=tenacity.stop_after_attempt(self._attempts) | AskedTooMuch(self._longest_wait) | tenacity.stop_before_delay(self._patience),
            wait=WaitAsAsked(tenacity.wait_random_exponential(multiplier=0.5, max=self._longest_wait)),
            before_sleep=self._say_again,
            sleep=self._sleep,
            reraise=True,
        )
        try:
            return retrying(self._attempt, method, url, address, cap, request)
        except Retryable as error:
            raise Unreachable(error.message, retry_after=error.retry_after) from error.__cause__

    def _say_again(self, state: tenacity.RetryCallState) -> None:
        if self._asked_again is not None:
            self._asked_again(state.attempt_number, self._attempts)

    def _attempt(self, method: str, url: str, address: str, cap: int, request: Mapping[str, Any]) -> Answer:
        with Deadline(self._deadline) as deadline:
            try:
                response = self._session.request(method, url, stream=True, allow_redirects=False, timeout=self._deadline, **request)
                deadline.answered = True
                try:
                    return self._judge(response, address, cap)
                finally:
                    # Only a body that was read to its end leaves a connection that can be used again.
                    response.close()
            except FichehubError:
                raise
            except _FAULTS as error:
                raise self._in_words(error, address, deadline) from error

    def _judge(self, response: requests.Response, address: str, cap: int) -> Answer:
        status = response.status_code
        if status in _REDIRECTS:
            raise Unreachable(sentences.REDIRECTED(address=address, status=status))
        if status in (401, 403):
            raise AuthFailed(sentences.REFUSED(address=address, status=status))
        if status in _RETRIED or status >= 500:
            retry_after = seconds_of(response.headers.get("Retry-After"), self._now)
            answered = sentences.ANSWERED(address=address, status=status)
            if retry_after is not None:
                answered = asks_to_wait(address, status, retry_after, self._now())
            raise Retryable(answered, retry_after, harmless=status in (425, 429, 503))
        return Answer(status, response.headers, self._body(response, address, cap), address)

    def _body(self, response: requests.Response, address: str, cap: int) -> bytes:
        too_large = Unreachable(sentences.TOO_LARGE(address=address, size=f"{cap:,}"))
        declared = response.headers.get("Content-Length", "")
        if declared.isdigit() and int(declared) > cap:
            raise too_large
        pieces: list[bytes] = []
        size = 0
        for piece in response.raw.stream(_CHUNK, decode_content=True):
            size += len(piece)
            if size > cap:
                raise too_large
            pieces.append(piece)
        if self._bodies and not pieces and response.status_code == 200 and not declared and "Transfer-Encoding" not in response.headers:
            # Only the end of the connection says how long this body is, so headers that broke off look like an empty one.
            raise Retryable(sentences.BROKE_OFF_BEFORE(address=address))
        return b"".join(pieces)

    def _in_words(self, error: Exception, address: str, deadline: Deadline) -> FichehubError:
        refused = _cause(error, Refused)
        if refused is not None:
            return Misconfigured(f"{address} may not be called: {refused}. {OWN_NETWORK}")
        if deadline.over:
            return Retryable(sentences.NOT_IN_FULL(address=address, seconds=f"{self._deadline:.0f}"))
        name = _cause(error, socket.gaierror)
        if name is not None:
            return Retryable(sentences.UNKNOWN_HOST(address=address, why=name.strerror or name), harmless=True)
        if _cause(error, urllib3.exceptions.NewConnectionError):
            return Retryable(sentences.NO_CONNECTION(address=address), harmless=True)
        if _cause(error, urllib3.exceptions.SSLError):
            return Unreachable(sentences.NO_TRUST(address=address))
        if _cause(error, urllib3.exceptions.DecodeError):
            return Unreachable(sentences.NOT_UNPACKED(address=address))
        if _cause(error, urllib3.exceptions.TimeoutError):
            return Retryable(sentences.NO_ANSWER(address=address, seconds=f"{self._deadline:.0f}"))
        if deadline.answered:
            return Retryable(sentences.BROKE_OFF(address=address))
        return Retryable(sentences.CLOSED(address=address))


def _cause(error: BaseException, *kinds: type[E]) -> E | None:
    """The first error of one of these kinds among this one and what it was raised from."""
    seen: list[BaseException] = []
    waiting: list[BaseException] = [error]
    while waiting:
        current = waiting.pop(0)
        if isinstance(current, kinds):
            return current
        if current in seen:
            continue
        seen.append(current)
        inner = (current.__cause__, current.__context__, getattr(current, "reason", None), *current.args)
        waiting.extend(each for each in inner if isinstance(each, BaseException))
    return None
