"""How a load goes: how many claims a batch may have, and what is done while one is being committed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

SMALLEST, FIRST, LARGEST = 10, 100, 1_000
"""Claims in a batch; two are in memory at a time, and larger ones are no faster."""
HELD_SQLITE: Final = 0.1
"""Seconds for which a batch may keep SQLite's one write lock: an editor's save waits no longer than that."""
HELD_POSTGRESQL: Final = 0.4
"""On PostgreSQL a batch holds the counter only at its end, and else locks what it is about."""


class Pace:
    """The pace of one load into one store; made by `Store.pace`.

    Each `Store.write` with it measures for how long the batch kept others out. Tell it with `took` how many claims that were; the next
    batch should have `size`. `meanwhile`, if set, is called once in each write while the database commits, when what it writes is decided: time to
    get the next batch and to `prepare` it. It must not raise and must not use the store.
    """

    def __init__(self, seconds: float) -> None:
        self.size = FIRST
        self.held = 0.0
        self.meanwhile: Callable[[], None] | None = None
        self.news = True
        self._seconds = seconds

    def took(self, claims: int, changed: int) -> None:
        """The last batch had so many claims, of which so many told something new."""
        self.news = changed * 2 >= claims
        if claims >= self.size:
            fitting = claims * self._seconds / max(self.held, 0.001)
            self.size = int(min(LARGEST, max(SMALLEST, fitting * 0.8, self.size / 2), self.size * 2))
