"""The outbox: which entities a partner still has to be told about, and the dead letters among them.

A row is written in the transaction that moves the push cursor, and goes in the one that records what was agreed: nothing is lost between. There
is one row per entity, since what goes out is the entity as it is at that moment; the row holds ids and names of fields, no values.
"""

from __future__ import annotations

import random
import secrets
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    delete,
    func,
    insert,
    literal,
    or_,
    select,
    tuple_,
    update,
)

from hub.errors import Unreachable
from hub.model.entity import Change
from hub.model.moments import latest, to_second
from hub.store import Store
from hub.store.tables import outbox as table
from hub.sync import records

ATTEMPTS = 12
"""After so many a delivery becomes a dead letter: with the pauses between them some nine hours later."""
BASE = timedelta(seconds=30)
CAP = timedelta(hours=6)
LONGEST = max(CAP, timedelta(seconds=Unreachable.LONGEST_WAIT))
"""So far ahead the next attempt is at most."""
AT_ONCE = 1_000
"""Dead letters replayed or dropped by one command, unless told otherwise."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A delivery that waits (`state` waiting) or was given up (dead), with the reason in plain words. Moments: RFC 3339, UTC.

    `number` tells it from every other delivery, also of the same entity after the same change; its attempts share it.
    """

    connection: str
    entity_id: int
    change: Change
    state: str
    attempts: int
    next_at: str
    reason: str
    at: str
    number: str = ""


def pause(attempts: int, retry_after: float | None = None) -> timedelta:
    """How long to wait after so many attempts: as the partner asked, else a random time in a window that doubles (full jitter)."""
    if retry_after is not None:
        return timedelta(seconds=retry_after)
    window: timedelta = min(CAP, BASE * 2 ** min(attempts, 20))
    return window * random.random()


def enqueue(connection: Connection, name: str, entries: Iterable[tuple[int, Change]], now: datetime) -> None:
    """Ask for these deliveries, `(entity number, change)`. What waited or was dead for the same entity begins anew."""
    rows: list[dict[str, Any]] = [
        {
            "connection": name,
            "entity_id": number,
            "seq": change.seq,
            "change": orjson.dumps({**asdict(change), "letter": secrets.token_hex(16)}),
            "state": "waiting",
            "attempts": 0,
            "next_at": to_second(now),
            "reason": "",
            "at": to_second(now),
        }
        for number, change in entries
    ]
    if rows:
        forget(connection, name, [row["entity_id"] for row in rows])
        connection.execute(insert(table), rows)


def forget(connection: Connection, name: str, entities: Iterable[int]) -> None:
    """These need no delivery (any more)."""
    connection.execute(delete(table).where(table.c.connection == name, table.c.entity_id.in_(list(entities))))


def due(connection: Connection, name: str, now: datetime, after: tuple[int, int], limit: int) -> list[Letter]:
    """The next deliveries whose time has come, in order of `(seq, entity number)`, after that one."""
    seq, number = after
    query = (
        select(table)
        .where(
            table.c.connection == name,
            table.c.state == "waiting",
            or_(table.c.seq > seq, and_(table.c.seq == seq, table.c.entity_id > number)),
            _has_come(now),
        )
        .order_by(table.c.seq, table.c.entity_id)
        .limit(limit)
    )
    return [_letter(row) for row in connection.execute(query)]


def next_attempt(connection: Connection, now: datetime) -> dict[str, str]:
    """Connections with a delivery whose time has come -> that moment."""
    query = select(table.c.connection, func.min(table.c.next_at)).where(table.c.state == "waiting", _has_come(now)).group_by(table.c.connection)
    return {row[0]: row[1] for row in connection.execute(query)}


def _has_come(now: datetime) -> ColumnElement[bool]:
    """Whether a row is to be waited for no longer; one that was never tried, or was dated before the clock was put back, is not either."""
    return or_(table.c.attempts == 0, table.c.next_at <= to_second(now), table.c.next_at > latest(now, LONGEST))


def waiting(connection: Connection) -> dict[str, tuple[int, int]]:
    """Connection -> how many deliveries wait, and how many are dead."""
    found: dict[str, tuple[int, int]] = {}
    query = select(table.c.connection, table.c.state, func.count()).group_by(table.c.connection, table.c.state)
    for name, state, count in connection.execute(query):
        alive, dead = found.get(name, (0, 0))
        found[name] = (count, dead) if state == "waiting" else (alive, count)
    return found


def retried(connection: Connection) -> dict[str, tuple[int, str]]:
    """Connection -> how many deliveries failed and will be tried again, and when the first of them is."""
    query = (
        select(table.c.connection, func.count(), func.min(table.c.next_at))
        .where(table.c.state == "waiting", table.c.attempts > 0)
        .group_by(table.c.connection)
    )
    return {row[0]: (row[1], row[2]) for row in connection.execute(query)}


def failed(connection: Connection, letter: Letter, reason: str, now: datetime, *, retry_after: float | None = None, final: bool = False) -> bool:
    """Note a failed attempt; whether the letter is dead now. `final`: the partner will never take it as it is."""
    attempts = letter.attempts + 1
    dead = final or attempts >= ATTEMPTS
    connection.execute(
        update(table)
        .where(table.c.connection == letter.connection, table.c.entity_id == letter.entity_id)
        .values(
            state="dead" if dead else "waiting",
            attempts=attempts,
            reason=reason[:2000].replace("\x00", "\N{REPLACEMENT CHARACTER}"),
            next_at=to_second(now + pause(attempts, retry_after)),
        )
    )
    return dead


def try_now(connection: Connection, name: str, now: datetime) -> None:
    """Let what waits for another try wait no longer."""
    late = (table.c.connection == name, table.c.state == "waiting", table.c.next_at > to_second(now))
    connection.execute(update(table).where(*late).values(next_at=to_second(now)))


# --- dead letters ------------------------------------------------------------------------------------------------------------


def dead_letters(
    connection: Connection,
    *,
    name: str | None = None,
    entity: str | None = None,
    reason: str = "",
    after: tuple[str, int, int] = ("", 0, 0),
    limit: int = AT_ONCE,
) -> list[Letter]:
    """Dead letters by connection, there oldest first: of a connection, of one entity (UUID), or whose reason contains `reason` (case does not matter).

    `after`: those behind this connection, the seq of its change, and the number of its entity. What one pull notes all has the same seq.
    """
    found = []
    place = (table.c.connection, table.c.seq, table.c.entity_id)
    behind = tuple_(*place) > tuple_(*map(literal, after))
    for row in connection.execute(_dead(name).where(behind).order_by(*place)):
        letter = _letter(row)
        if entity in (None, letter.change.id) and reason.lower() in letter.reason.lower():
            found.append(letter)
            if len(found) == limit:
                break
    return found


def replay(store: Store, letters: Iterable[Letter]) -> int:
    """Let these wait for delivery again, with all their attempts; the answer is how many there were."""
    now = to_second(store.now())

    def work(connection: Connection) -> int:
        return sum(
            connection.execute(update(table).where(*_is(letter)).values(state="waiting", attempts=0, next_at=now)).rowcount for letter in letters
        )

    letters = list(letters)
    return store.write(lambda writer: work(writer.connection))


def drop(store: Store, letters: Iterable[Letter]) -> int:
    """Give these up for good, with what the partner said of them; the next change of the same entity is delivered again. The answer is how many there were."""
    letters = list(letters)

    def work(connection: Connection) -> int:
        dropped = [letter for letter in letters if connection.execute(delete(table).where(*_is(letter))).rowcount]
        for letter in dropped:
            records.forget_rejections(connection, letter.connection, [letter.change.id])
        return len(dropped)

    return store.write(lambda writer: work(writer.connection))


def _dead(name: str | None) -> Select[Any]:
    query = select(table).where(table.c.state == "dead")
    return query if name is None else query.where(table.c.connection == name)


def _is(letter: Letter) -> tuple[Any, ...]:
    """The very letter that was looked at: a newer delivery of the same entity is another one."""
    return (
        table.c.connection == letter.connection,
        table.c.entity_id == letter.entity_id,
        table.c.seq == letter.change.seq,
        table.c.state == "dead",
    )


def _letter(row: Row[Any]) -> Letter:
    said = orjson.loads(row.change)
    number = said.pop("letter", "")  # what an earlier version enqueued has none
    change = Change(**{**said, "fields": tuple(said["fields"])})
    return Letter(row.connection, row.entity_id, change, row.state, row.attempts, row.next_at, row.reason, row.at, number)
