"""Runs from the start that were in vain: failed or killed before the source had named a place to go on from.

Such a run leaves the connection with the cursor from before it, from where the next run would only bring changes, and nobody would look at the whole source before the next slot for
that, often a week later. So it is noted with the record of its beginning, and forgotten with its first cursor; until then the next run begins at the start again. If that one gets no
further, the waits in between grow as those of `hub.sync.shortfall` do, and runs in between bring changes.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime

import orjson
from sqlalchemy import Connection

from hub.model.moments import lies_ahead, to_second
from hub.store.bulk import Bulk
from hub.sync import settings
from hub.sync.shortfall import WAITS


@dataclass(frozen=True, slots=True)
class Vain:
    """`tries` runs from the start were in vain; the first began at `since`. A run that begins at `full_at` or later begins at the start. Moments: RFC 3339, UTC."""

    tries: int
    since: str
    full_at: str

    def is_due(self, now: datetime) -> bool:
        """Whether a run that begins now is to begin at the start."""
        return not lies_ahead(self.full_at, now, WAITS[-1])

    def sentence(self, name: str, now: datetime, *, scheduled: bool) -> str:
        """What happened to the connection `name`, and what will."""
        then = (
            "The next run begins at the start" if self.is_due(now) else f"Runs bring changes until {self.full_at}; the next one begins at the start"
        )
        if not scheduled:
            then += ", but none is scheduled"
        return f"The run from the start of {self.since} was broken off with no place to go on from. {then}. At once: fichehub run {name} --full"


def load(connection: Connection, name: str) -> Vain | None:
    """What was in vain of this connection; None when nothing was."""
    return of_all(connection).get(name)


def of_all(connection: Connection) -> dict[str, Vain]:
    """What was in vain, by connection."""
    return {name: Vain(**orjson.loads(value)) for name, value in settings.by_connection(connection, settings.VAIN).items()}


def begins(connection: Connection, name: str, now: datetime) -> None:
    """Note that a run from the start begins; in the transaction of its record. Until it has a cursor it counts as in vain."""
    known = load(connection, name)
    tries = 1 if known is None else known.tries + 1
    since = to_second(now) if known is None else known.since
    after = Vain(tries, since, to_second(now + WAITS[min(tries, len(WAITS)) - 1]))
    settings.write(connection, settings.VAIN, name, orjson.dumps(asdict(after)).decode())


def forget(connection: Connection, name: str) -> None:
    """It has a cursor, or has come to its end; in the transaction of that, of which nothing is waited for."""
    Bulk(connection).later(1, "DELETE FROM setting WHERE name = ?", settings.VAIN + name)
