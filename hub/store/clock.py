"""The clock that a store goes by, which notices when it is put back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from hub.model.moments import SKEW


class Clock:
    """Gives the moment in UTC. Clocks that were put right by a little are nothing to notice."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._latest = now()
        self._back: datetime | None = None

    def __call__(self) -> datetime:
        """The moment."""
        now = self._now()
        if now > self._latest:
            self._latest = now
        elif now < self._latest - SKEW:
            self._latest, self._back = now, now if self._back is None else min(now, self._back)
        return now

    def put_back_to(self) -> datetime | None:
        """The earliest moment to which it was put back since this was asked before; None when it was not."""
        back, self._back = self._back, None
        return back
