"""What a connection waits for after something failed: the next attempt of its run, of its deliveries, and the rest that its partner is given."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection

from hub.model.moments import latest, to_second
from hub.sync import breaker, outbox, records


def wait_no_longer(connection: Connection, name: str, now: datetime) -> None:
    """Let this connection be tried again now, and what it has to deliver too."""
    records.try_now(connection, name, to_second(now))
    breaker.save(connection, name, breaker.Breaker())
    outbox.try_now(connection, name, now)


def forget_ahead(connection: Connection, now: datetime, names: Collection[str] | None = None) -> None:
    """Let all connections, or these, wait no longer whose last run ended later than now: the clock was put back since, and so what they wait for was noted by
    one that was ahead. How far ahead does not count: a partner may ask for a day, so the moments themselves do not tell."""
    for name, last in records.last_runs(connection).items():
        if (names is None or name in names) and (last.ended_at or last.started_at) > latest(now):
            wait_no_longer(connection, name, now)
