"""The HTTP client for calls to partners: deadline, byte cap, no redirects, bounded retries, and a guard against server-side request forgery.

The guard looks at the address that is really connected to, in the moment of connecting, so neither a clever URL nor a name that resolves
differently the second time gets past it. Proxies, netrc files and cookies are not used. Messages name scheme, host and path of an
address, never its query, its user or its headers: those may hold secrets.
"""

from __future__ import annotations

import importlib.metadata
import ipaddress
import json
import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http.cookiejar import DefaultCookiePolicy
from types import TracebackType
from typing import Any, Final, Self, TypeVar
from urllib.parse import urlsplit

import orjson
import requests
import tenacity
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from hub.errors import AuthFailed, FichehubError, Misconfigured, Sentence, Unreachable
from hub.model.moments import to_second

MEGABYTE = 1024 * 1024

NOT_JSON: Final = Sentence("{address} answered {status} with {size} bytes ({why}) that are not JSON.")
REDIRECTED: Final = Sentence(
    "{address} answered {status}, a redirect; redirects are not followed. Ask the partner for the right address and configure that."
)
REFUSED: Final = Sentence("{address} refused our credentials ({status}).")
ANSWERED: Final = Sentence("{address} answered {status}.")
ASKS_TO_WAIT: Final = Sentence("{address} answered {status} and asks to wait {seconds} seconds.")
ASKS_TO_WAIT_UNTIL: Final = Sentence("{address} answered {status} and asks to wait until {moment}.")
TOO_LARGE: Final = Sentence("{address} sends more than {size} bytes in one answer, which is more than we take in.")
BROKE_OFF_BEFORE: Final = Sentence("{address} broke off before its answer began.")
NOT_IN_FULL: Final = Sentence("{address} did not answer in full within {seconds} seconds.")
UNKNOWN_HOST: Final = Sentence("{address}: the name of the host is not known here ({why}).")
NO_CONNECTION: Final = Sentence("{address} cannot be connected to.")
NO_TRUST: Final = Sentence("{address} has no certificate that we can trust, or speaks TLS in a way that we do not.")
NOT_UNPACKED: Final = Sentence("{address} sent a body that cannot be unpacked.")
NO_ANSWER: Final = Sentence("{address} did not answer within {seconds} seconds.")
BROKE_OFF: Final = Sentence("{address} broke off in the middle of its answer.")
CLOSED: Final = Sentence("{address} closed the connection without a full answer.")

_CHUNK = 64 * 1024
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504})
_IN_SECONDS = 3600
"""A wait of up to an hour is told in seconds."""
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
E = TypeVar("E", bound=BaseException)


@dataclass(slots=True)
class Answer:
    """An answer that came in full and within the byte cap; implements `hub.connector.Response`."""

    status: int
    headers: Mapping[str, str]
    content: bytes
    address: str

    def json(self) -> Any:
        """The body as JSON; raises `Unreachable` when it is not.

        What JSON does not allow but some write all the same (NaN, Infinity, half a character) is read as it stands, a number as its name:
        whoever takes in the row that it stands in refuses that one alone.
        """
        try:
            return orjson.loads(self.content)
        except orjson.JSONDecodeError as error:
            try:
                return json.loads(self.content, parse_constant=str)
            except (ValueError, RecursionError):
                kind = self.headers.get("Content-Type", "of no stated type")
                why = f"{kind}; {error.msg}, character {error.pos:,}"
                raise Unreachable(
                    NOT_JSON(address=self.address, status=self.status, size=f"{len(self.content):,}", why=why)
                ) from error


class Outbound:
    """The client; implements `hub.connector.Http`. Safe to use from several threads. Close it, or use it as a context manager.

    `deadline`: seconds for one answer to come in full, from the first attempt to connect. `patience`: seconds for a whole call, waiting and retries
    included. `byte_cap`: the largest body, after unpacking. `allow_private`: also connect to this machine and the own network, and without
    TLS; for simulators and partners inside the walls. `attempts`: how often a call is tried on connection faults, 408, 429 and 5xx, with full jitter,
    obeying Retry-After as long as it is at most `longest_wait` seconds. A POST is tried again only when the partner cannot have acted on
    it, or when it carries an Idempotency-Key. `bodies`: whether anybody reads what is answered; else an answer may be headers alone.
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
        self._sleep = sleep or tenacity.nap.sleep
        self._now = now or (lambda: datetime.now(UTC))
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self._session.headers["User-Agent"] = f"Fichehub/{importlib.metadata.version('fichehub')}"
        adapter = _GuardedAdapter(allow_private)
        self._session.mount("http://", adapter)
        self._session.mount("https://", adapter)

    def get(
        self, url: str, *, params: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """See `hub.connector.Http.get`."""
        return self._call("GET", url, retry_all=True, params=params, headers=headers)

    def post(
        self,
        url: str,
        *,
        json: Any = None,
        data: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """See `hub.connector.Http.post`."""
        given = dict(headers or {})
        if json is not None:
            data = orjson.dumps(json)
            given.setdefault("Content-Type", "application/json")
        retry_all = any(name.lower() == "idempotency-key" for name in given)
        return self._call("POST", url, retry_all=retry_all, data=data, headers=given)

    def close(self) -> None:
        """End the kept connections."""
        self._session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _call(self, method: str, url: str, *, retry_all: bool, **request: Any) -> Answer:
        address = check_address(url, allow_private=self._allow_private)
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(
                lambda error: isinstance(error, _Again) and (retry_all or error.harmless)
            ),
            stop=tenacity.stop_after_attempt(self._attempts)
            | _AskedTooMuch(self._longest_wait)
            | tenacity.stop_after_delay(self._patience),
            wait=_WaitAsAsked(tenacity.wait_random_exponential(multiplier=0.5, max=self._longest_wait)),
            sleep=self._sleep,
            reraise=True,
        )
        try:
            return retrying(self._attempt, method, url, address, request)
        except _Again as error:
            raise Unreachable(error.message, retry_after=error.retry_after) from error.__cause__

    def _attempt(self, method: str, url: str, address: str, request: Mapping[str, Any]) -> Answer:
        with _Watch(self._deadline) as watch:
            try:
                response = self._session.request(
                    method, url, stream=True, allow_redirects=False, timeout=self._deadline, **request
                )
                watch.answered = True
                try:
                    return self._judge(response, address)
                finally:
                    # Only a body that was read to its end leaves a connection that can be used again.
                    response.close()
            except FichehubError:
                raise
            except _FAULTS as error:
                raise self._in_words(error, address, watch) from error

    def _judge(self, response: requests.Response, address: str) -> Answer:
        status = response.status_code
        if status in _REDIRECTS:
            raise Unreachable(REDIRECTED(address=address, status=status))
        if status in (401, 403):
            raise AuthFailed(REFUSED(address=address, status=status))
        if status in _RETRIED or status >= 500:
            retry_after = _seconds(response.headers.get("Retry-After"), self._now)
            answered = ANSWERED(address=address, status=status)
            if retry_after is not None:
                answered = _asks_to_wait(address, status, retry_after, self._now())
            raise _Again(answered, retry_after, harmless=status in (425, 429, 503))
        return Answer(status, response.headers, self._body(response, address), address)

    def _body(self, response: requests.Response, address: str) -> bytes:
        too_large = Unreachable(TOO_LARGE(address=address, size=f"{self._byte_cap:,}"))
        declared = response.headers.get("Content-Length", "")
        if declared.isdigit() and int(declared) > self._byte_cap:
            raise too_large
        pieces: list[bytes] = []
        size = 0
        for piece in response.raw.stream(_CHUNK, decode_content=True):
            size += len(piece)
            if size > self._byte_cap:
                raise too_large
            pieces.append(piece)
        if (
            self._bodies
            and not pieces
            and response.status_code == 200
            and not declared
            and "Transfer-Encoding" not in response.headers
        ):
            # Only the end of the connection says how long this body is, so headers that broke off look like an empty one.
            raise _Again(BROKE_OFF_BEFORE(address=address))
        return b"".join(pieces)

    def _in_words(self, error: Exception, address: str, watch: _Watch) -> FichehubError:
        refused = _cause(error, _Refused)
        if refused is not None:
            return Misconfigured(f"{address} may not be called: {refused}. {_OWN_NETWORK}")
        if watch.over:
            return _Again(NOT_IN_FULL(address=address, seconds=f"{self._deadline:.0f}"))
        name = _cause(error, socket.gaierror)
        if name is not None:
            return _Again(UNKNOWN_HOST(address=address, why=name.strerror or name), harmless=True)
        if _cause(error, urllib3.exceptions.NewConnectionError):
            return _Again(NO_CONNECTION(address=address), harmless=True)
        if _cause(error, urllib3.exceptions.SSLError):
            return Unreachable(NO_TRUST(address=address))
        if _cause(error, urllib3.exceptions.DecodeError):
            return Unreachable(NOT_UNPACKED(address=address))
        if _cause(error, urllib3.exceptions.TimeoutError):
            return _Again(NO_ANSWER(address=address, seconds=f"{self._deadline:.0f}"))
        if watch.answered:
            return _Again(BROKE_OFF(address=address))
        return _Again(CLOSED(address=address))


_OWN_NETWORK = "Is it a system of your own network, or a simulator? FICHEHUB_ALLOW_PRIVATE=1 allows those."


def check_address(url: str, *, allow_private: bool = False) -> str:
    """What messages may say of an address: scheme, host and path. Raises `Misconfigured` for one that is never called.

    That a name leads to an address where we may connect is seen only when it is called.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise Misconfigured("The address of the partner is not a URL.") from error
    if parts.scheme not in ("http", "https") or not host:
        raise Misconfigured("The address of the partner must begin with https:// and name a host.")
    address = f"{parts.scheme}://{f'[{host}]' if ':' in host else host}{f':{port}' if port else ''}{parts.path}"
    if parts.username is not None or parts.password is not None:
        raise Misconfigured(f"{address}: put user and password in the fields for them, not in the address.")
    if parts.scheme != "https" and not allow_private:
        raise Misconfigured(f"{address}: partners are only called over https. {_OWN_NETWORK}")
    return address


class _Again(Unreachable):
    """A fault that another attempt may get past. `harmless`: the partner cannot have acted on the request."""

    def __init__(self, message: str, retry_after: float | None = None, *, harmless: bool = False) -> None:
        super().__init__(message, retry_after=retry_after)
        self.harmless = harmless


class _Refused(OSError):
    """The guard does not let us connect there."""


_FAULTS = (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError)


class _WaitAsAsked(tenacity.wait.wait_base):
    """As long as the partner asked, else as `otherwise` says."""

    def __init__(self, otherwise: tenacity.wait.wait_base) -> None:
        self._otherwise = otherwise

    def __call__(self, retry_state: tenacity.RetryCallState) -> float:
        error = retry_state.outcome.exception() if retry_state.outcome else None
        asked = error.retry_after if isinstance(error, _Again) else None
        return self._otherwise(retry_state) if asked is None else asked


class _AskedTooMuch(tenacity.stop.stop_base):
    """Give up when the partner asks for more than `longest` seconds."""

    def __init__(self, longest: float) -> None:
        self._longest = longest

    def __call__(self, retry_state: tenacity.RetryCallState) -> bool:
        error = retry_state.outcome.exception() if retry_state.outcome else None
        return isinstance(error, _Again) and (error.retry_after or 0) > self._longest


class _Watch:
    """Ends the attempt of this thread when its time is over, whatever it waits for: a time-out between two bytes would not."""

    _here = threading.local()

    def __init__(self, seconds: float) -> None:
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self.over = False
        self.answered = False

    def __enter__(self) -> Self:
        self._here.watch = self
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        with self._lock:
            self._socket = None
        self._here.watch = None

    @classmethod
    def look_at(cls, sock: object) -> None:
        """The socket that this thread's attempt now waits for."""
        watch: _Watch | None = getattr(cls._here, "watch", None)
        if watch is not None and isinstance(sock, socket.socket):
            with watch._lock:
                watch._socket = sock
                if watch.over:
                    _shut(sock)

    def _end(self) -> None:
        with self._lock:
            self.over = True
            if self._socket is not None:
                _shut(self._socket)


def _shut(sock: socket.socket) -> None:
    with suppress(OSError):  # the other side was faster
        # The plain method: that of a TLS socket would first take the connection apart under the reader's hands.
        socket.socket.shutdown(sock, socket.SHUT_RDWR)


class _Guarded(HTTPConnection):
    """Connects only where we may, and lets the watch see the socket. `allow_private` is set by the pool's class."""

    allow_private = False

    def _new_conn(self) -> socket.socket:
        try:
            found = socket.getaddrinfo(
                self._dns_host, self.port or self.default_port, type=socket.SOCK_STREAM
            )
        except UnicodeError as error:
            raise urllib3.exceptions.LocationParseError(self.host) from error
        addresses = [(family, kind, protocol, where) for family, kind, protocol, _, where in found]
        if not self.allow_private:
            for *_, where in addresses:
                if not is_global(str(where[0])):
                    raise _Refused("its host lies in a private or reserved network")
        failed: OSError | None = None
        for family, kind, protocol, where in addresses:
            sock = socket.socket(family, kind, protocol)
            try:
                _Watch.look_at(sock)
                sock.settimeout(self.timeout if isinstance(self.timeout, int | float) else None)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                sock.connect(where)
                return sock
            except OSError as error:
                sock.close()
                failed = error
        raise urllib3.exceptions.NewConnectionError(self, "no address can be connected to") from failed

    def connect(self) -> None:
        super().connect()
        _Watch.look_at(self.sock)

    def getresponse(self) -> urllib3.response.HTTPResponse:  # type: ignore[override]  # as urllib3 itself does
        _Watch.look_at(self.sock)
        return super().getresponse()


class _GuardedTls(_Guarded, HTTPSConnection):
    """The same over TLS: the name in the URL is what the certificate must prove, whatever address was connected to."""


class _GuardedAdapter(HTTPAdapter):
    def __init__(self, allow_private: bool) -> None:
        private = {"allow_private": allow_private}
        plain = type("_Connection", (_Guarded,), private)
        tls = type("_TlsConnection", (_GuardedTls,), private)
        self._pools = {
            "http": type("_Pool", (HTTPConnectionPool,), {"ConnectionCls": plain}),
            "https": type("_TlsPool", (HTTPSConnectionPool,), {"ConnectionCls": tls}),
        }
        super().__init__(pool_connections=8, pool_maxsize=32)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = self._pools


def is_global(text: str) -> bool:
    """Whether this address lies in the public internet; an address inside another (mapped, 6to4, Teredo, NAT64) counts as itself."""
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        inner = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
        if address in _NAT64:
            inner.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
        known = [each for each in inner if each is not None]
        if known:
            return all(_is_global(each) for each in known)
    return _is_global(address)


def _is_global(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    return address.is_global and not address.is_multicast and not address.is_reserved


def _seconds(text: str | None, now: Callable[[], datetime]) -> float | None:
    """A Retry-After header (RFC 9110 section 10.2.3) as seconds from now; `None` when there is none that can be read."""
    if text is None:
        return None
    text = text.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return max(0.0, (at.replace(tzinfo=at.tzinfo or UTC) - now()).total_seconds())


def _asks_to_wait(address: str, status: int, seconds: float, now: datetime) -> str:
    if seconds <= _IN_SECONDS:
        return ASKS_TO_WAIT(address=address, status=status, seconds=f"{seconds:.0f}")
    return ASKS_TO_WAIT_UNTIL(address=address, status=status, moment=to_second(now + timedelta(seconds=seconds)))


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
