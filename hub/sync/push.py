"""Pushing to a sink: from its own cursor over the change log, only where the partner's view differs from what both sides agreed on.

At least once: the partner is told, then the agreed state and the cursor are committed together. After a crash between the two the same desired
state is pushed once more, which changes nothing there. A change is never pushed to where it came from.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import orjson
from sqlalchemy import delete, insert, select

from hub.access import agreement, grant_for
from hub.connector import Sink
from hub.directory import Directory
from hub.errors import Gone, Misconfigured, Moved, NotFound, Rejected
from hub.model.audience import Grant
from hub.model.entity import Change, Entity
from hub.store import Store, Writer
from hub.store.tables import agreed as agreed_table
from hub.store.tables import entity as entity_table
from hub.store.tables import setting
from hub.sync import records
from hub.sync.records import Tally
from hub.sync.session import Session

PAGE = 200
_State = dict[str, Any] | None
_EMPTY: tuple[_State, _State] = (None, None)


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
    while True:
        page = directory.changes(since, PAGE)
        for change in _latest(page.changes, session.known.name):
            _push_one(session, sink, directory, change)
        since = page.next
        session.commit(_passing(session, since))
        session.progress(since, page.head, sink.title)
        if since >= page.head:
            return


def cursor(store: Store, name: str) -> int:
    """The seq up to which this connection's changes were pushed. Beside the source's cursor, as a connector can be both."""
    with store.read() as connection:
        value = connection.execute(
            select(setting.c.value).where(setting.c.name == cursor_name(name))
        ).scalar_one_or_none()
    return int(value or 0)


def cursor_name(name: str) -> str:
    """The setting that holds a connection's push cursor."""
    return f"push cursor {name}"


def _passing(session: Session, since: int) -> Callable[[Writer], tuple[Tally, None]]:
    """Work that moves the cursor."""
    tally = session.report.tally
    name = cursor_name(session.known.name)

    def work(writer: Writer) -> tuple[Tally, None]:
        writer.connection.execute(delete(setting).where(setting.c.name == name))
        writer.connection.execute(insert(setting).values(name=name, value=str(since)))
        return tally, None

    return work


def _push_one(session: Session, sink: Sink, directory: Directory, change: Change) -> None:
    entity = _entity(directory, change)
    desired = None if entity is None else sink.shape(entity)
    with session.store.read() as connection:
        number = connection.execute(
            select(entity_table.c.id).where(entity_table.c.uuid == change.id)
        ).scalar_one()
        row = connection.execute(
            select(agreed_table.c.state).where(
                agreed_table.c.connection == session.known.name, agreed_table.c.entity_id == number
            )
        ).one_or_none()
    sent, answer = _EMPTY if row is None else orjson.loads(row.state)
    # The partner may write the same thing in its own way: what we sent is agreed as well as what it made of it.
    if _bytes(desired) in (_bytes(sent), _bytes(answer)):
        return
    tally = session.report.tally.plus(pushed=1)
    if session.dry:
        session.note(tally=tally)
        return
    try:
        said = sink.push(change, desired, answer)
    except Rejected as error:
        _refused(session, change, error)
        return

    def work(writer: Writer) -> tuple[Tally, None]:
        _agree(writer, session, number, desired, said)
        return tally, None

    session.commit(work)


def _refused(session: Session, change: Change, error: Rejected) -> None:
    """The partner refuses this one entity: noted for the administrator; the next change of it is tried again."""
    row = Rejected(
        session.built.redact(error.message),
        external_id=error.external_id or change.id,
        field=error.field,
        raw=session.built.redact(error.raw),
    )
    tally = session.report.tally.plus(rejected=1)

    def work(writer: Writer) -> tuple[Tally, None]:
        now = records.moment(session.store.now())
        records.keep_rejections(writer.connection, session.known.name, session.report.id, [row], now)
        return tally, None

    session.commit(work)
    session.note(rejections=(row,))


def _agree(writer: Writer, session: Session, number: int, sent: _State, answer: _State) -> None:
    where = (agreed_table.c.connection == session.known.name) & (agreed_table.c.entity_id == number)
    writer.connection.execute(delete(agreed_table).where(where))
    if sent is not None or answer is not None:
        writer.connection.execute(
            insert(agreed_table).values(
                connection=session.known.name,
                entity_id=number,
                state=orjson.dumps([sent, answer]),
                at=records.moment(session.store.now()),
            )
        )


def _bytes(state: _State) -> bytes:
    return orjson.dumps(state, option=orjson.OPT_SORT_KEYS)


def _entity(directory: Directory, change: Change) -> Entity | None:
    """The entity as the partner may see it now, or `None` when it is not there (any more) for this partner."""
    try:
        return directory.get(change.id, change.type)
    except (NotFound, Gone, Moved):
        return None


def _latest(changes: tuple[Change, ...], own: str) -> list[Change]:
    """Of several changes of one entity the last that did not come from this connection: what is pushed is the entity as it is now."""
    others = {change.id: change for change in changes if change.origin != own}
    return sorted(others.values(), key=lambda change: change.seq)
