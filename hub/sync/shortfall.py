"""What a source announced and did not give: remembered with its connection until a run from the start came complete.

Runs from a cursor only bring what changed, so a row that was withheld once would never come. The run after a short one therefore begins at the start by itself.
If that one comes short too, the waits in between grow: a source whose totals are never right is read from the start once a day, and its changes in between.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

import orjson
from sqlalchemy import Connection

from hub.model.moments import lies_ahead, to_second
from hub.sync import settings

WAITS = (timedelta(0), timedelta(hours=1), timedelta(hours=6), timedelta(days=1))
"""How long after a run from the start that came short the next one begins at the start again: after the first, the second, the third, and every later one."""


@dataclass(frozen=True, slots=True)
class Shortfall:
    """`missing` rows were announced and not given by the last run that could tell; the first such run ended at `since`, and `tries` began at the start after it.

    A run that begins at `full_at` or later begins at the start. Moments: RFC 3339, UTC.
    """

    missing: int
    since: str
    tries: int
    full_at: str

    def is_due(self, now: datetime) -> bool:
        """Whether a run that begins now is to begin at the start."""
        return not lies_ahead(self.full_at, now, WAITS[-1])

    def sentence(self, name: str, now: datetime, *, increments: bool, scheduled: bool) -> str:
        """What is missing of the connection `name`, and what will happen; `increments`: other runs of it only bring changes."""
        rows = (
            "1 row that the source announced was not given"
            if self.missing == 1
            else f"{self.missing:,} rows that the source announced were not given"
        )
        if not increments:
            then = "Every run asks for everything again"
        elif self.is_due(now):
            then = "The next run begins at the start to fetch what is missing"
        else:
            then = f"Runs bring changes until {self.full_at}; the first one after that begins at the start again"
        if not scheduled:
            then += ", but none is scheduled"
        return f"{rows} (since {self.since}). {then}. At once: fichehub run {name} --full"


def load(connection: Connection, name: str) -> Shortfall | None:
    """What is missing of this connection; None when nothing is known to be."""
    found = settings.read(connection, settings.SHORTFALL, name)
    return None if found is None else Shortfall(**orjson.loads(found))


def of_all(connection: Connection) -> dict[str, Shortfall]:
    """What is missing, by connection."""
    return {name: Shortfall(**orjson.loads(value)) for name, value in settings.by_connection(connection, settings.SHORTFALL).items()}


def settle(connection: Connection, name: str, missing: int, now: datetime, *, full: bool, whole: bool) -> Shortfall | None:
    """Remember, or forget, what is missing after a pull that came to its end. `full`: it began at the start; `whole`: and saw all that the source has."""
    known = load(connection, name)
    if known is None and not missing:
        return None
    if known is not None and not full:
        return known  # what changed since a cursor says nothing of what was withheld before it
    after: Shortfall | None = None
    if missing or not whole:
        tries = known.tries + 1 if known is not None else 0
        wait = WAITS[min(tries, len(WAITS) - 1)]
        since = known.since if known is not None else to_second(now)
        after = Shortfall(missing or (known.missing if known is not None else 0), since, tries, to_second(now + wait))
    if after is None:
        settings.forget(connection, name, settings.SHORTFALL)
    else:
        settings.write(connection, settings.SHORTFALL, name, orjson.dumps(asdict(after)).decode())
    return after
