"""The change log as those read it who think in time and not in numbers: newest first, by type, from a moment on.

As in `hub.store.reading` all functions take a connection of `Store.read()`.
"""


from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from hub.errors import CursorGone
from hub.model.entity import Change
from hub.model.fiche import EntityType
from hub.store.bulk import Bulk
from hub.store.reading import _CHANGE, _VISIBLE, _change, head, oldest

_DISORDER: Final = timedelta(seconds=10)
"""A transaction notes its moment when it begins and its numbers when it ends, so beside a longer one moments run backwards a little."""


def newest(
    connection: Connection,
    type: EntityType | None = None,
    *,
    after: int = 0,
    before: int | None = None,
    limit: int = 100,
    rank: int,
    partner: str | None = None,
) -> list[Change]:
    """The changes between `after` and `before` (both left out) that somebody of this rank can see, newest first; of one type, or of all.

    Costs the same wherever in the log the page lies. Raises `CursorGone` when what came after `after` is no longer kept.
    """
    first = oldest(connection)
    if after < first:
        raise CursorGone(
            f"Changes before {first} are no longer kept. Read everything again by a search, and go on from there.",
            oldest=first,
        )
    last = head(connection)
    upto = last if before is None else min(last, before - 1)
    of_type = "" if type is None else "c.type = ? AND "
    sql = (
        f"SELECT {_CHANGE} WHERE {of_type}c.seq > ? AND c.seq <= ? AND {_VISIBLE} ORDER BY c.seq DESC LIMIT ?"
    )
    kind = () if type is None else (type,)
    rows = Bulk(connection).rows(sql, *kind, after, upto, rank, rank, rank, partner or "", limit)
    return [_change(row, rank) for row in rows]


def seq_at(connection: Connection, moment: datetime) -> int:
    """The last seq before `moment`: every change at or after it has a higher one.

    Raises `ValueError` for a moment without a time zone. The log has no index on time: numbers rise with time, so it is found by halving.
    """
    if moment.tzinfo is None:
        raise ValueError("A moment needs a time zone.")
    bulk = Bulk(connection)
    wanted = _spelled(moment)
    earliest = _spelled(moment - _DISORDER) if moment.year > 1 else wanted
    low, high = oldest(connection), head(connection)
    start = _before(bulk, earliest, low, high)
    rows = bulk.rows(
        "SELECT seq FROM change WHERE seq > ? AND seq <= ? AND at >= ? ORDER BY seq LIMIT 1",
        start,
        high,
        wanted,
    )
    return int(rows[0][0]) - 1 if rows else high


def _before(bulk: Bulk, moment: str, low: int, high: int) -> int:
    """A seq between `low` and `high` after which nearly everything is of `moment` or later."""
    while low < high:
        middle = (low + high + 1) // 2
        ((at,),) = bulk.rows("SELECT at FROM change WHERE seq <= ? ORDER BY seq DESC LIMIT 1", middle)
        if at < moment:
            low = middle
        else:
            high = middle - 1
    return low


def moment_of(connection: Connection, seq: int) -> str | None:
    """When the newest change not after `seq` was made; None for an empty log."""
    rows = Bulk(connection).rows("SELECT at FROM change WHERE seq <= ? ORDER BY seq DESC LIMIT 1", seq)
    return str(rows[0][0]) if rows else None


def _spelled(moment: datetime) -> str:
    # As the log spells it; a finer moment is rounded down, or what was noted within the same millisecond would be missed.
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
