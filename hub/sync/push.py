"""Pushing to a sink: from its own cursor over the change log into the outbox, and from there to the partner.

Only what differs from what both sides agreed on goes out, and never a change to where it came from. The cursor and the outbox move in one
transaction; the delivery is in `hub.sync.delivery`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from hashlib import sha256
from typing import Any, cast

import orjson
from sqlalchemy import Connection, delete, insert, select

from hub.access import agreement, grant_for
from hub.connector import Sink
from hub.directory import Directory
from hub.errors import Misconfigured
from hub.model.audience import Grant
from hub.model.entity import Change
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
States = Mapping[str, agreed.State]
"""What we stand for, by UUID; who is not there (any more) for this partner is left out."""


def open_directory(store: Store, partner: str) -> Directory:
    """What this connection's partner may see; without a partner the public. Raises `Forbidden` when the agreement ran out."""
    if not partner:
        return Directory(store, Grant())
    with store.read() as connection:
        known = agreement(connection, partner)
    if known is None:
        raise Misconfigured(f"There is no agreement with a partner named {partner!r}.")
    return Directory(store, grant_for(known, store.today()))


def push(session: Session, *, full: bool) -> None:
    """Push every change since the cursor. Raises what the sink raises; what was agreed before stays agreed.

    When the configuration or the agreement changed, every entity is looked at again: what we stand for may be something else without any change of a fiche.
    """
    sink = cast(Sink, session.built.connector)
    directory = open_directory(session.store, session.known.partner)
    since = 0 if full or _begins_anew(session, directory) else cursor(session.store, session.known.name)
    if session.report.mode == "push":
        session.note(cursor_before=str(since))

    def desired(changes: Iterable[Change]) -> States:
        found = directory.get_many(change.id for change in changes)
        return {id: sink.shape(entity) for id, entity in found.items()}

    while True:
        page = directory.changes(since, PAGE, types=sink.entity_types, not_from=session.known.name)
        changes = _latest(page.changes)
        if session.dry:
            _foresee(session, changes, desired)
        elif changes or page.next != since:
            _fill(session, changes, page.next, desired)
        since = page.next
        session.progress(since, page.head, sink.title)
        if since >= page.head:
            break
    if not session.dry:
        deliver(session, sink, lambda change: desired([change]).get(change.id))


def cursor(store: Store, name: str) -> int:
    """The seq up to which this connection's changes are in the outbox or agreed. Beside the source's cursor, as a connector can be both."""
    with store.read() as connection:
        value = connection.execute(
            select(setting.c.value).where(setting.c.name == cursor_name(name))
        ).scalar_one_or_none()
    return int(value or 0)


def _begins_anew(session: Session, directory: Directory) -> bool:
    """Whether what a push hangs on, beside the fiches, is not what it was; noted, with the cursor at the beginning, so that a push that is stopped goes on."""
    name, store = session.known.name, session.store
    # The configuration as it is stored: a digest of its secrets would stand beside them.
    hangs_on = [session.known.partner, directory.grant.revision, dict(session.known.config)]
    basis = sha256(orjson.dumps(hangs_on, option=orjson.OPT_SORT_KEYS)).hexdigest()
    with store.read() as connection:
        before = connection.execute(select(setting.c.value).where(setting.c.name == basis_name(name))).scalar_one_or_none()
    if before == basis:
        return False
    if not session.dry:

        def work(writer: Writer) -> tuple[Tally, None]:
            writer.connection.execute(delete(setting).where(setting.c.name.in_((basis_name(name), cursor_name(name)))))
            writer.connection.execute(insert(setting).values(name=basis_name(name), value=basis))
            return session.report.tally, None

        session.commit(work)
    return True


def basis_name(name: str) -> str:
    """The setting that holds a digest of the configuration and the agreement of which everything was looked at."""
    return f"push basis {name}"


def cursor_name(name: str) -> str:
    """The setting that holds a connection's push cursor."""
    return f"push cursor {name}"


def _fill(session: Session, changes: list[Change], since: int, desired: Callable[[Iterable[Change]], States]) -> None:
    """Into the outbox goes what differs from what was agreed; what came to rest by itself leaves it."""
    store, name = session.store, session.known.name
    with store.read() as connection:
        numbers, known = _agreed(connection, name, changes)
    states = desired(changes)
    wanted = {
        change.id: not known.get(numbers[change.id], Agreed()).covers(states.get(change.id)) for change in changes
    }
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


def _foresee(session: Session, changes: list[Change], desired: Callable[[Iterable[Change]], States]) -> None:
    """What would be pushed, counted and shown."""
    with session.store.read() as connection:
        numbers, known = _agreed(connection, session.known.name, changes)
    states = desired(changes)
    count = 0
    found: list[Difference] = []
    for change in changes:
        state = known.get(numbers[change.id], Agreed())
        wanted = states.get(change.id)
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


def _latest(changes: tuple[Change, ...]) -> list[Change]:
    """Of several changes of one entity the last: what is pushed is the entity as it is now."""
    last = {change.id: change for change in changes}
    return sorted(last.values(), key=lambda change: change.seq)
