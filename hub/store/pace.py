"""How a load goes: how many claims a batch may have, and what is done while one is being committed."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from typing import Final

SMALLEST, FIRST, LARGEST = 10, 100, 1_000
"""Claims in a batch; two are in memory at a time, and larger ones are no faster."""
MOST_NEWS: Final = 600
"""The same of those that mostly tell something new: with the fiches that are made of them they take several times as much memory."""
HELD: Final = 0.075
"""Seconds for which a batch may keep every other writer out: an editor's save waits no longer than that. SQLite has one write lock for the whole of a
batch; on PostgreSQL it is the counter of the log, which a batch takes at its end."""
LASTING: Final = 0.4
"""Seconds that a batch may take as a whole: for so long PostgreSQL locks what it is about and what that leads to, and who edits one of these waits."""

_BETWEEN_COLLECTIONS: Final = 20_000
"""Objects that come to stay before the cyclic garbage collector looks: about those of a batch, none of which lies in a circle."""


def loads_from_here() -> None:
    """Call this once in a process that is there to load, when all is ready: the collector leaves what there is alone, and looks at the rest seldom.

    With Python's own threshold of 700 it walked through every batch several times, for nothing; that took a twenty-fifth of a load.
    """
    gc.freeze()
    gc.set_threshold(_BETWEEN_COLLECTIONS)


class Pace:
    """The pace of one load into one store; made by `Store.pace`.

    Each `Store.write` with it measures for how long the batch kept others out (`held`) and how long it took (`lasted`). Tell it with `took` how many claims that were; the next
    batch should have `size`. `meanwhile`, if set, is called once in each write while the database commits, when what it writes is decided: time to
    get the next batch and to `prepare` it. It must not raise and must not use the store.
    """

    def __init__(self) -> None:
        self.size = FIRST
        self.held = self.lasted = 0.0
        self.meanwhile: Callable[[], None] | None = None
        self.news = False  # nobody knows yet; to make ready in vain costs a reload more than a first load gains

    def measured(self, began: float, shut: float | None) -> None:
        """A batch that began then, and then began to keep others out, if it ever did (`time.monotonic`), has been committed."""
        now = time.monotonic()
        self.held, self.lasted = 0.0 if shut is None else now - shut, now - began

    def took(self, claims: int, changed: int) -> None:
        """The last batch had so many claims, of which so many told something new."""
        self.news = changed * 2 >= claims
        if claims >= self.size:
            fitting = claims * min(HELD / max(self.held, 0.001), LASTING / max(self.lasted, 0.001))
            largest = min(LARGEST, MOST_NEWS) if self.news else LARGEST
            self.size = int(min(largest, max(SMALLEST, fitting * 0.8, self.size / 2), self.size * 2))
