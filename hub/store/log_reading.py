"""The change log, read: what came after a number, the history of an entity, and the same for those who think in time. Unprojected.

As in `hub.store.reading` all functions take a connection of `Store.read()`.
"""

# ruff: noqa: S608 - what is put into statements is our own SQL; values are always parameters
from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, cast

import orjson
from sqlalchemy import Connection

from hub.errors import CursorGone
from hub.model.audience import ABSENT
from hub.model.entity import Change, Operation
from hub.model.fiche import EntityType
from hub.model.moments import SKEW, to_millisecond
from hub.store.bulk import Bulk
from hub.store.workspace import OF_OTHERS

_DISORDER: Final = timedelta(seconds=10)
"""Moments of before revision 0021 run backwards a little: a transaction noted its own, and then waited for its numbers, which another might get first."""


@dataclass(frozen=True, slots=True)
class ChangeSlice:
    """Changes in order. Ask on from `next`; `next == head` means that these were all."""

    changes: tuple[Change, ...]
    next: int
    head: int


@dataclass(frozen=True, slots=True)
class LastSeen:
    """The last change of an entity that somebody can see, and its moment."""

    seq: int
    at: str


@dataclass(frozen=True, slots=True)
class HistoryItem:
    """A change of an entity, and the version of its fiche after it."""

    change: Change
    version: int


def head(connection: Connection) -> int:
    """The newest seq that a reader may pass: a wide change that is not yet spread out holds everybody back."""
    bulk = Bulk(connection)
    ((last,),) = bulk.rows("SELECT n FROM counter WHERE name = 'change'")
    ((waiting,),) = bulk.rows("SELECT min(seq) FROM spread")
    return int(last) if waiting is None else int(waiting) - 1


def held_until(connection: Connection, now: datetime) -> str | None:
    """The moment that all changes get until it is past, because somebody wrote while a clock was ahead and was put back since; None when they get their own."""
    ((at,),) = Bulk(connection).rows("SELECT at FROM counter WHERE name = 'change'")
    return str(at) if at > to_millisecond(now + SKEW) else None


@dataclass(frozen=True, slots=True)
class State:
    """Where the database stands: `head` as the function of that name says it, the newest seq of all, the version of the book of concepts, and how often
    somebody was erased.
    """

    head: int
    newest: int
    concepts: int
    erasures: int = 0


def state(connection: Connection) -> State:
    """All in one look."""
    ((last, waiting, concepts, erasures),) = Bulk(connection).rows(
        "SELECT (SELECT n FROM counter WHERE name = 'change'), (SELECT min(seq) FROM spread), (SELECT n FROM counter WHERE name = 'concepts'),"
        " (SELECT n FROM counter WHERE name = 'erasures')"
    )
    return State(int(last) if waiting is None else int(waiting) - 1, int(last), concepts or 0, erasures or 0)


def oldest(connection: Connection) -> int:
    """The lowest `since` that can be asked for: what came before is no longer kept."""
    bulk = Bulk(connection)
    ((first,),) = bulk.rows("SELECT min(seq) FROM change")
    if first is not None:
        return int(first) - 1
    ((last,),) = bulk.rows("SELECT n FROM counter WHERE name = 'change'")
    return int(last)


_CHANGE = (
    "c.seq, c.at, e.uuid, c.type, f.uuid, c.operation, c.origin, c.fields, c.was, c.now, c.version"
    " FROM change c JOIN entity e ON e.id = c.entity_id JOIN entity f ON f.id = c.fiche_id"
)
_VISIBLE = "c.audience <= ? AND c.operation <> 'spread' AND (c.was <= ? OR c.now <= ?)"
_IN_PLACE = "(SELECT 1 FROM change o WHERE o.entity_id = c.entity_id AND o.seq > c.seq AND o.seq <= c.tx_end AND o.partner = ? AND o.operation <> 'spread' LIMIT 1)"
"""The partner's own row about the same entity in the same transaction, which stands behind those that all share (`hub.store.own_words`)."""
_NOTHING_NAMED: Final = len(b"[]")

Fields = frozenset[str] | None
"""The top-level fields that an agreement names; None: all."""


def visible(bulk: Bulk, rank: int, partner: str | None, fields: Fields) -> tuple[str, list[Any]]:
    """The condition under which somebody knows of a change `c`, and its parameters."""
    whose, mine = meant_for(partner)
    named, given = naming(bulk, rank, fields)
    return f"{_VISIBLE} AND {whose}{named}", [rank, rank, rank, *mine, *given]


def meant_for(partner: str | None) -> tuple[str, list[Any]]:
    """The condition under which a change `c` is meant for a partner (None: for somebody without one), whatever his level, and its parameters.

    His own rows are; of the others those that no row of his own stands in place of. For who has no view of his own of anything, that is not looked for.
    """
    if not partner:
        return "c.partner = ''", []
    none = "(SELECT 1 FROM overlay v WHERE v.partner = ? LIMIT 1) IS NULL"
    return f"(c.partner = ? OR (c.partner = '' AND ({none} OR {_IN_PLACE} IS NULL)))", [partner, partner, partner]


def naming(bulk: Bulk, rank: int, fields: Fields) -> tuple[str, list[Any]]:
    """What is demanded of a change besides where an agreement names its fields: that it is of one of these.

    It can be asked of a fiche that was there for the same people before, if the log names what changed. A part goes whole with the field that holds it, and of a
    `context` change nobody noted in which fields it shows: neither alone nor beside what the fiche itself changed (`OF_OTHERS`).
    """
    if fields is None:
        return "", []
    if bulk.postgres:
        each, name, level = "jsonb_array_elements(convert_from(c.fields, 'UTF8')::jsonb) AS f(one)", "f.one->>0", "(f.one->>1)::int"
    else:
        each, name, level = "json_each(CAST(c.fields AS TEXT)) f", "json_extract(f.value, '$[0]')", "json_extract(f.value, '$[1]')"
    told = (
        "c.operation <> 'update' OR c.entity_id <> c.fiche_id OR c.was <> c.now OR c.fields IS NULL"
        f" OR length(c.fields) = {_NOTHING_NAMED} OR EXISTS (SELECT 1 FROM {each} WHERE {level} <= ? AND {bulk.listed(name, 'text')})"
    )
    return f" AND ({told})", [rank, bulk.many(sorted({*fields, OF_OTHERS}))]


def must_have_come_to(connection: Connection, seq: int) -> None:
    """Raise `CursorGone` when there is no change of this number yet. Who has read so far followed another log, mostly one that an older backup has taken the place of."""
    ((newest,),) = Bulk(connection).rows("SELECT n FROM counter WHERE name = 'change'")
    if seq > newest:
        raise CursorGone(
            f"The newest change is {newest}; {seq} has not happened here, as after an older backup was restored. Read everything again and go on from {head(connection)}.",
            oldest=oldest(connection),
        )


def changes(
    connection: Connection,
    since: int,
    limit: int,
    rank: int,
    partner: str | None = None,
    *,
    types: Sequence[EntityType] | None = None,
    not_from: str | None = None,
    fields: Fields = None,
) -> ChangeSlice:
    """The next changes after `since` that somebody of this rank (and partner) can see, each as the operation that it is to them.

    `types`: only of entities of these types. `not_from`: none of this origin; `fields`: of fiches only where one of these changed. What is left out costs no
    more than passing over it.
    Raises `CursorGone` when what came after `since` is no longer kept, and when it lies ahead (`must_have_come_to`).
    """
    bulk = Bulk(connection)
    last, first = head(connection), oldest(connection)
    if since < first:
        raise CursorGone(
            f"Changes before {first} are no longer kept. Read everything again and go on from {last}.",
            oldest=first,
        )
    must_have_come_to(connection, since)
    known, given = visible(bulk, rank, partner, fields)
    wanted: list[Any] = [since, last, *given]
    where = f"c.seq > ? AND c.seq <= ? AND {known}"
    if types is not None:
        where += f" AND c.type IN ({', '.join('?' * len(types))})"
        wanted += types
    if not_from is not None:
        where += " AND c.origin <> ?"
        wanted.append(not_from)
    rows = bulk.rows(f"SELECT {_CHANGE} WHERE {where} ORDER BY c.seq LIMIT ?", *wanted, limit)
    found = tuple(_change(row, rank) for row in rows)
    reached = found[-1].seq if len(rows) == limit and found else max(last, since)
    return ChangeSlice(found, reached, last)


def _change(row: Any, rank: int) -> Change:
    seq, at, uuid, type_, fiche, operation, origin, fields, was, now, _ = row
    if was > rank:
        operation = "create"
    elif now > rank:
        operation = "delete"
    elif operation in ("create", "delete"):
        operation = "update"
    named = (
        ()
        if fields is None or operation in ("create", "delete")
        else tuple(name for name, level in orjson.loads(fields) if level <= rank and name != OF_OTHERS)
    )
    return Change(seq, at, uuid, type_, fiche, cast(Operation, operation), origin, named)


def history(
    connection: Connection,
    entity_id: int,
    *,
    rank: int,
    partner: str | None = None,
    before: int | None = None,
    limit: int = 100,
    fields: Fields = None,
) -> list[HistoryItem]:
    """The changes of one entity that this rank can see, newest first; `before` pages on."""
    bulk = Bulk(connection)
    last = head(connection)
    upto = last if before is None else min(last, before - 1)
    known, given = visible(bulk, rank, partner, fields)
    sql = f"SELECT {_CHANGE} WHERE c.entity_id = ? AND c.seq <= ? AND {known} ORDER BY c.seq DESC LIMIT ?"
    rows = bulk.rows(sql, entity_id, upto, *given, limit)
    return [HistoryItem(_change(row, rank), row[10]) for row in rows]


def last_seen(
    connection: Connection,
    entity_ids: Iterable[int],
    rank: int,
    partner: str | None = None,
    upto: int | None = None,
    *,
    fields: Fields = None,
) -> dict[int, LastSeen]:
    """The last change of each entity that this rank can see (not after `upto`); entities without one are left out."""
    bulk = Bulk(connection)
    ids = "SELECT unnest(?::bigint[]) AS value" if bulk.postgres else "SELECT value FROM json_each(?)"
    bound = "" if upto is None else " AND c.seq <= ?"
    known, parameters = visible(bulk, rank, partner, fields)
    sql = (
        f"SELECT w.id, c.seq, c.at FROM (SELECT i.value AS id, (SELECT c.seq FROM change c WHERE c.entity_id = i.value AND {known}{bound}"
        f" ORDER BY c.seq DESC LIMIT 1) AS seq FROM ({ids}) i) w JOIN change c ON c.seq = w.seq"
    )
    if upto is not None:
        parameters.append(upto)
    rows = bulk.rows(sql, *parameters, bulk.many(set(entity_ids)))
    return {number: LastSeen(seq, at) for number, seq, at in rows}


@dataclass(frozen=True, slots=True)
class Lived:
    """Which fiche an entity was, or was a part of, and whether it was there at all. `fiche_id` -1: it has never been in the log; 0: not yet."""

    fiche_id: int
    fiche: str
    there: bool


def lived(connection: Connection, entity_id: int, seq: int, partner: str | None = None) -> Lived:
    """Where an entity stood right after change `seq`, whoever could see it: parts move when two fiches become one, and come back."""
    bulk = Bulk(connection)
    # Where both are, his own stands behind the others'.
    whose = "c.entity_id = ? AND c.operation <> 'spread' AND (c.partner = '' OR c.partner = ?)"
    sql = (
        f"SELECT c.fiche_id, e.uuid, c.now FROM change c JOIN entity e ON e.id = c.fiche_id WHERE {whose} AND c.seq <= ? ORDER BY c.seq DESC LIMIT 1"
    )
    for fiche_id, uuid, now in bulk.rows(sql, entity_id, partner or "", seq):
        return Lived(fiche_id, uuid, now != ABSENT)
    later = bulk.rows(f"SELECT 1 FROM change c WHERE {whose} LIMIT 1", entity_id, partner or "")
    return Lived(0 if later else -1, "", there=False)


def settled(connection: Connection, seq: int) -> int:
    """The last seq of the transaction that `seq` belongs to: what was written together is only ever read together."""
    rows = Bulk(connection).rows("SELECT tx_end FROM change WHERE seq = ?", seq)
    return int(rows[0][0]) if rows else seq


def newest(
    connection: Connection,
    type: EntityType | None = None,
    *,
    after: int = 0,
    before: int | None = None,
    limit: int = 100,
    rank: int,
    partner: str | None = None,
    fields: Fields = None,
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
    bulk = Bulk(connection)
    known, given = visible(bulk, rank, partner, fields)
    sql = f"SELECT {_CHANGE} WHERE {of_type}c.seq > ? AND c.seq <= ? AND {known} ORDER BY c.seq DESC LIMIT ?"
    kind = () if type is None else (type,)
    rows = bulk.rows(sql, *kind, after, upto, *given, limit)
    return [_change(row, rank) for row in rows]


def seq_at(connection: Connection, moment: datetime) -> int:
    """The last seq before `moment`: every change at or after it has a higher one, whatever clocks do (`hub.store.changes`).

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


def moment_of(
    connection: Connection, seq: int, rank: int, partner: str | None = None, *, types: Sequence[EntityType] | None = None, fields: Fields = None
) -> str | None:
    """When the newest change not after `seq` was made that somebody of this rank can see, of entities of these types (None: of all); None when there is none.

    `seq_at` of it is lower than `seq`: whoever goes on from there misses nothing.
    """
    bulk = Bulk(connection)
    known, given = visible(bulk, rank, partner, fields)
    of_types = "" if types is None else f" AND c.type IN ({', '.join('?' * len(types))})"
    sql = f"SELECT c.at FROM change c WHERE c.seq <= ? AND {known}{of_types} ORDER BY c.seq DESC LIMIT 1"
    rows = bulk.rows(sql, seq, *given, *(types or ()))
    return str(rows[0][0]) if rows else None


def _spelled(moment: datetime) -> str:
    # As the log spells it; a finer moment is rounded down, or what was noted within the same millisecond would be missed.
    return to_millisecond(moment)
