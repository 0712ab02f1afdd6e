"""Pushing to a sink: from its own cursor over the change log into the outbox, and from there to the partner.

Only what differs from what both sides agreed on goes out, and never a change to where it came from. The cursor and the outbox move in one
transaction; the delivery is in `hub.sync.delivery`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, cast

from sqlalchemy import Connection, delete, insert, select

from hub.access import agreement, grant_for
from hub.connector import Sink
from hub.directory import Directory
from hub.errors import Gone, Misconfigured, Moved, NotFound
from hub.model.audience import Grant
from hub.model.entity import Change, Entity
from hub.model.fiche import EntityType
from hub.store import Store, Writer
from hub.store.tables import entity as entity_table
from hub.store.tables import setting
from hub.sync import agreed, outbox
from hub.sync.agreed import Agreed
from hub.sync.delivery import deliver
from hub.sync.preview import SAMPLE, compare
from hub.sync.records import Difference, Tally
from hub.sync.session import Session

PAGE = 200


def open_directory(store: Store, partner: str) -> Directory:
    """What this connection's partner may see; without a partner the public. Raises `Forbidden` when the agreement ran out."""
    if not partner:
        return Directory(store, Grant())
    with store.read() as connection:
        known = agreement(connection, partner)
    if known is None:
        raise Misconfigured(f"There is no agreement with {partner!r} any more.")
    return Directory(store, grant_for(known, store.today()))


def push(session: Session, *, full: bool) -> None:
    """Push every change since the cursor. Raises what the sink raises; what was agreed before stays agreed."""
    sink = cast(Sink, session.built.connector)
    directory = open_directory(session.store, session.known.partner)
    since = 0 if full else cursor(session.store, session.known.name)
    if session.report.mode == "push":
        session.note(cursor_before=str(since))

    def desired(change: Change) -> agreed.State:
        entity = _entity(directory, change)
        return None if entity is None else sink.shape(entity)

    while True:
        page = directory.changes(since, PAGE)
        since = page.next
        changes = _latest(page.changes, session.known.name, sink.entity_types)
        if session.dry:
            _foresee(session, changes, desired)
        else:
            _fill(session, changes, since, desired)
        session.progress(since, page.head, sink.title)
        if since >= page.head:
            break
    if not session.dry:
        deliver(session, sink, desired)


def cursor(store: Store, name: str) -> int:
    """The seq up to which this connection's changes are in the outbox or agreed. Beside the source's cursor, as a connector can be both."""
    with store.read() as connection:
        value = connection.execute(
            select(setting.c.value).where(setting.c.name == cursor_name(name))
        ).scalar_one_or_none()
    return int(value or 0)


def cursor_name(name: str) -> str:
    """The setting that holds a connection's push cursor."""
    return f"push cursor {name}"


def _fill(session: Session, changes: list[Change], since: int, desired: Callable[[Change], agreed.State]) -> None:
    """Into the outbox goes what differs from what was agreed; what came to rest by itself leaves it."""
    store, name = session.store, session.known.name
    with store.read() as connection:
        numbers, known = _agreed(connection, name, changes)
    wanted = {change.id: not known.get(numbers[change.id], Agreed()).covers(desired(change)) for change in changes}
    tally = session.report.tally

    def work(writer: Writer) -> tuple[Tally, None]:
        connection = writer.connection
        outbox.forget(connection, name, [numbers[change.id] for change in changes if not wanted[change.id]])
        entries = [(numbers[change.id], change) for change in changes if wanted[change.id]]
        outbox.enqueue(connection, name, entries, store.now())
        connection.execute(delete(setting).where(setting.c.name == cursor_name(name)))
        connection.execute(insert(setting).values(name=cursor_name(name), value=str(since)))
        return tally, None

    session.commit(work)


def _foresee(session: Session, changes: list[Change], desired: Callable[[Change], agreed.State]) -> None:
    """What would be pushed, counted and shown."""
    with session.store.read() as connection:
        numbers, known = _agreed(connection, session.known.name, changes)
    count = 0
    found: list[Difference] = []
    for change in changes:
        state = known.get(numbers[change.id], Agreed())
        wanted = desired(change)
        if not state.covers(wanted):
            count += 1
            if len({one.fiche for one in (*session.report.preview, *found)}) < SAMPLE:
                found += compare(change.id, state.answer, wanted)
    session.note(tally=session.report.tally.plus(pushed=count), preview=(*session.report.preview, *found))


def _agreed(
    connection: Connection, name: str, changes: Iterable[Change]
) -> tuple[dict[str, int], dict[int, Agreed]]:
    ids = [change.id for change in changes]
    rows: Any = connection.execute(
        select(entity_table.c.uuid, entity_table.c.id).where(entity_table.c.uuid.in_(ids))
    )
    numbers = {row.uuid: row.id for row in rows}
    return numbers, agreed.load(connection, name, numbers.values())


def _entity(directory: Directory, change: Change) -> Entity | None:
    """The entity as the partner may see it now, or `None` when it is not there (any more) for this partner."""
    try:
        return directory.get(change.id, change.type)
    except (NotFound, Gone, Moved):
        return None


def _latest(changes: tuple[Change, ...], own: str, types: tuple[EntityType, ...]) -> list[Change]:
    """Of several changes of one entity the last that did not come from this connection: what is pushed is the entity as it is now."""
    others = {change.id: change for change in changes if change.origin != own and change.type in types}
    return sorted(others.values(), key=lambda change: change.seq)
