"""The breaker of a connection: after some failures in a row nothing is delivered for a while, then one probe decides.

It protects the partner from a storm and our other connections from waiting. States: closed (`open_until` is None), open (it lies ahead), half
open (it has passed: the next delivery is the probe). See https://martinfowler.com/bliki/CircuitBreaker.html.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, insert, select

from hub.errors import Unreachable
from hub.model.moments import lies_ahead, to_second
from hub.store.tables import breaker as table

FAILURES = 3
"""So many in a row open it."""
BASE = timedelta(minutes=1)
CAP = timedelta(minutes=30)
LONGEST = max(CAP, timedelta(seconds=Unreachable.LONGEST_WAIT))
"""So long it is open at most."""


@dataclass(frozen=True, slots=True)
class Breaker:
    """`failures` in a row; nothing is delivered before `open_until` (RFC 3339, UTC)."""

    failures: int = 0
    open_until: str | None = None

    def is_open(self, now: datetime) -> bool:
        """Whether nothing may be delivered now."""
        return self.open_until is not None and lies_ahead(self.open_until, now, LONGEST)

    def failed(self, now: datetime, retry_after: float | None = None) -> Breaker:
        """After one more failure. A partner that asks to wait is left alone at once; a probe that failed opens it again."""
        failures = self.failures + 1
        if retry_after is not None:
            return Breaker(failures, to_second(now + timedelta(seconds=retry_after)))
        if failures < FAILURES:
            return Breaker(failures)
        window = min(CAP, BASE * 2 ** min(failures - FAILURES, 10))
        # At least half of the window: a probe at once would be no rest.
        return Breaker(failures, to_second(now + window * random.uniform(0.5, 1)))


def load(connection: Connection, name: str) -> Breaker:
    """The breaker of this connection; closed when nothing ever failed."""
    row = connection.execute(select(table).where(table.c.connection == name)).one_or_none()
    return Breaker() if row is None else Breaker(row.failures, row.open_until)


def save(connection: Connection, name: str, state: Breaker) -> None:
    """Keep it; a closed one without failures has no row."""
    connection.execute(delete(table).where(table.c.connection == name))
    if state != Breaker():
        connection.execute(insert(table).values(connection=name, failures=state.failures, open_until=state.open_until))
