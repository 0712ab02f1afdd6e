"""From the change log to the numbered events of one subscription, for the grant of its partner alone.

Whether a change concerns a subscription is decided by the same SQL that decides a search. Of a selection that is narrower than its types the members are
remembered, so that what leaves it is told as removed, what comes into it as new, and what was never in it not at all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import Final, TypeVar

import orjson
from sqlalchemy import Connection, delete, insert, select

from hub.directory import Directory
from hub.model.audience import Grant
from hub.model.entity import Change
from hub.model.moments import to_second
from hub.model.query import Criterion, Query, to_json
from hub.store import Store, Writer
from hub.store.tables import entity as entities
from hub.store.tables import subscription_member as members
from hub.subscribing import rows
from hub.subscribing.rows import Row
from hub.sync.lease import Lease

T = TypeVar("T")
_TWO_ENDS: Final = frozenset({"caregiver", "membership"})
"""Seen only by whoever sees what it points to as well, which the change log alone does not tell."""
PAGE = 400
"""Changes that are looked at in one transaction."""


def is_narrow(query: Query, grant: Grant) -> bool:
    """Whether an entity of the query's types may be outside: only then are its members remembered."""
    narrowed = query.text or query.where or query.linked or query.near
    return grant.scope is not None or bool(narrowed) or not _TWO_ENDS.isdisjoint(query.types)


def is_current(known: Row, grant: Grant) -> bool:
    """Whether the members were taken under this agreement."""
    return known.known_as == _known_as(known, grant)


def begin(store: Store, known: Row, directory: Directory, held: Lease) -> Row:
    """Take what is in the selection now, and note that it is taken under the present agreement.

    The first time that is where the subscription begins. Later, when the agreement has become another one, what that shows in addition is told as
    new, and what it no longer shows as removed.
    """
    first = known.known_as == ""
    head, at = directory.head(), directory.moment_of(directory.head()) or to_second(store.now())
    inside: dict[int, Change] = {}
    for query in known.shown.wish.queries:
        if is_narrow(query, directory.grant):
            for entity in directory.walk(replace(query, limit=1000), sources=False):
                inside[entity.number] = Change(head, at, entity.id, entity.type, entity.fiche["id"], "create", "")
    with store.read() as connection:
        before = set(_members(connection, known))
    gone = sorted(before - inside.keys())
    fresh = sorted(inside.keys() - before)

    def work(writer: Writer) -> Row:
        connection = writer.connection
        held.hold(connection)
        told = [] if first else [*(inside[number] for number in fresh), *_removed(connection, gone, head, at)]
        last = rows.add_events(connection, known, told, store.now())
        _join(connection, known, fresh)
        _leave(connection, known, gone)
        return rows.note(
            connection,
            known,
            cursor=head if first else known.cursor,
            known_as=_known_as(known, directory.grant),
            events=last,
        )

    return store.write(work)


def generate(store: Store, known: Row, directory: Directory, held: Lease) -> tuple[Row, bool]:
    """Read a page of the change log on from the cursor; the answer is the row as it is now, and whether there is more to read.

    The cursor, the events and the members commit together. Raises `CursorGone` when the log no longer reaches back so far.
    """
    page = directory.changes(known.cursor, PAGE)
    queries = known.shown.wish.queries
    types = {type for query in queries for type in query.types}
    narrow = {type for query in queries if is_narrow(query, directory.grant) for type in query.types}
    changes = [change for change in page.changes if change.type in types]
    inside = _inside(directory, queries, changes)

    def work(writer: Writer) -> Row:
        connection = writer.connection
        held.hold(connection)
        numbers = _numbers(connection, [change.id for change in changes if change.type in narrow])
        before = set(_members(connection, known, numbers.values()))
        member = {id for id, number in numbers.items() if number in before}
        told: list[Change] = []
        for change in changes:
            if change.type not in narrow:
                told.append(change)
                continue
            was, now = change.id in member, change.id in inside
            if was or now:
                told.append(_meaning(change, was, now))
                (member.add if now else member.discard)(change.id)
        last = rows.add_events(connection, known, [replace(each, origin="") for each in told], store.now())
        after = {numbers[id] for id in member}
        _join(connection, known, sorted(after - before))
        _leave(connection, known, sorted(before - after))
        return rows.note(connection, known, cursor=page.next, events=last)

    if page.next == known.cursor:
        return known, False
    return store.write(work), page.next < page.head


def _meaning(change: Change, was: bool, now: bool) -> Change:
    """The change as it is for somebody who knew the entity (`was`) or knows it from now on."""
    if was and now:
        return change if change.operation == "context" else replace(change, operation="update")
    return replace(change, operation="delete" if was else "create", fields=())


def _known_as(known: Row, grant: Grant) -> str:
    """The agreement and the selection as a word: moves when either does. The revision of the agreement begins it, so that a query can tell."""
    form = [[to_json(query) for query in known.shown.wish.queries], grant.partner, grant.level, grant.revision]
    return f"{grant.revision} {hashlib.sha256(orjson.dumps(form)).hexdigest()}"


def _inside(directory: Directory, queries: Sequence[Query], changes: Sequence[Change]) -> set[str]:
    """The ids of those that one of the selections holds now."""
    found: set[str] = set()
    for query in queries:
        ids = tuple(dict.fromkeys(change.id for change in changes if change.type in query.types))
        if ids and is_narrow(query, directory.grant):
            asked = replace(query, where=(*query.where, Criterion("id", ids)), limit=len(ids))
            found.update(hit.entity.id for hit in directory.search(asked).hits)
    return found


# --- members -----------------------------------------------------------------------------------------------------------------


def _members(connection: Connection, known: Row, among: Iterable[int] | None = None) -> Iterator[int]:
    wanted = select(members.c.entity_id).where(members.c.subscription_id == known.number)
    if among is None:
        yield from connection.execute(wanted).scalars()
        return
    for some in _batches(among):
        yield from connection.execute(wanted.where(members.c.entity_id.in_(some))).scalars()


def _numbers(connection: Connection, ids: Iterable[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for some in _batches(dict.fromkeys(ids)):
        for row in connection.execute(select(entities.c.uuid, entities.c.id).where(entities.c.uuid.in_(some))):
            found[row.uuid] = row.id
    return found


def _removed(connection: Connection, numbers: Iterable[int], seq: int, at: str) -> Iterator[Change]:
    for some in _batches(numbers):
        wanted = select(entities.c.uuid, entities.c.type).where(entities.c.id.in_(some)).order_by(entities.c.id)
        for row in connection.execute(wanted):
            yield Change(seq, at, row.uuid, row.type, row.uuid, "delete", "")


def _join(connection: Connection, known: Row, numbers: Sequence[int]) -> None:
    for some in _batches(numbers):
        connection.execute(insert(members), [{"subscription_id": known.number, "entity_id": number} for number in some])


def _leave(connection: Connection, known: Row, numbers: Sequence[int]) -> None:
    mine = members.c.subscription_id == known.number
    for some in _batches(numbers):
        connection.execute(delete(members).where(mine, members.c.entity_id.in_(some)))


def _batches(items: Iterable[T], size: int = 500) -> Iterator[list[T]]:
    waiting = iter(items)
    while some := list(islice(waiting, size)):
        yield some
