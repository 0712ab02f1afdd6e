"""The HTTP client as one run sees it: POSTs of a delivery carry its idempotency key, and what comes in can be landed as it came."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from hub.connector import Http, Response

KEY_HEADER = "Idempotency-Key"
LANDED_AT_ONCE = 32 * 1024 * 1024
"""Bytes that wait in memory for the next commit; what comes beyond is not landed, and said so."""


@dataclass(frozen=True, slots=True)
class Landed:
    """A body as it came: where from (without the query, which may hold secrets), its SHA-256, and its bytes in zlib."""

    address: str
    digest: str
    body: bytes


class Wire:
    """Wraps the hub's HTTP client for one run; implements `hub.connector.Http`."""

    def __init__(self, http: Http) -> None:
        self._http = http
        self._key = ""
        self._posts = 0
        self._first: Callable[[], None] | None = None
        self._room = LANDED_AT_ONCE
        self._landed: list[Landed] = []
        self.landing = False
        self.overflowed = False

    @contextmanager
    def delivering(self, key: str) -> Iterator[None]:
        """Give every POST of this delivery a key of its own, the same in every attempt."""
        self._key, self._posts = key, 0
        try:
            yield
        finally:
            self._key = ""

    @contextmanager
    def before_each(self, first: Callable[[], None]) -> Iterator[None]:
        """Call this before every request, in the thread that makes it; what it raises, the connector gets instead of an answer."""
        self._first = first
        try:
            yield
        finally:
            self._first = None

    def take_landed(self) -> list[Landed]:
        """What came in since the last time."""
        taken, self._landed, self._room = self._landed, [], LANDED_AT_ONCE
        return taken

    def get(
        self, url: str, *, params: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None, byte_cap: int | None = None
    ) -> Response:
        """See `hub.connector.Http.get`."""
        if self._first is not None:
            self._first()
        return self._came(url, self._http.get(url, params=params, headers=headers, byte_cap=byte_cap))

    def post(
        self,
        url: str,
        *,
        json: Any = None,
        data: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        byte_cap: int | None = None,
    ) -> Response:
        """See `hub.connector.Http.post`."""
        if self._first is not None:
            self._first()
        given = dict(headers or {})
        if self._key and not any(name.lower() == KEY_HEADER.lower() for name in given):
            given[KEY_HEADER] = self._key if self._posts == 0 else f"{self._key}-{self._posts}"
            self._posts += 1
        return self._came(url, self._http.post(url, json=json, data=data, headers=given, byte_cap=byte_cap))

    def _came(self, url: str, response: Response) -> Response:
        if self.landing and response.content:
            body = zlib.compress(response.content, 1)
            if len(body) > self._room:
                self.overflowed = True
            else:
                self._room -= len(body)
                parts = urlsplit(url)
                digest = hashlib.sha256(response.content).hexdigest()
                self._landed.append(Landed(f"{parts.scheme}://{parts.netloc}{parts.path}", digest, body))
        return response
