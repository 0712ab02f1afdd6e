"""Pushing to a sink: from its own cursor over the change log into the outbox, and from there to the partner.

Only what differs from what both sides agreed on goes out, and never a change to where it came from. The cursor and the outbox move in one
transaction; the delivery is in `hub.sync.delivery`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from hashlib import sha256
from math import isfinite
from typing import Any, cast

import orjson
from sqlalchemy import Connection, select

from hub.connector import Sink, Unsent
from hub.directory import Directory
from hub.errors import ConnectorError, Rejected
from hub.model.entity import Change, Entity
from hub.store import Writer
from hub.store.tables import entity as entity_table
from hub.sync import agreed, outbox, settings
from hub.sync.agreed import Agreed
from hub.sync.delivery import at_rest, deliver, open_gate, refusal, to_tell
from hub.sync.partner_view import open_directory
from hub.sync.preview import SAMPLE
from hub.sync.records import Difference, Tally
from hub.sync.session import Session
from hub.sync.watch import Watch

PAGE = 200
States = Mapping[str, agreed.State]
"""What we stand for, by UUID; who is not there (any more) for this partner is left out."""


def push(session: Session, watch: Watch, *, full: bool) -> None:
    """Push every change since the cursor. Raises what the sink raises, and `Stopped` between deliveries; what was agreed before stays agreed.

    When the configuration or the agreement changed, every entity is looked at again: what we stand for may be something else without any change of a fiche.
    """
    sink = cast(Sink, session.built.connector)
    directory = open_directory(session.store, session.known.partner)
    since = 0 if full or _begins_anew(session, directory) else _cursor(session)
    if session.report.mode == "push":
        session.note(cursor_before=str(since))

    def desired(changes: Iterable[Change]) -> States:
        found = directory.get_many((change.id for change in changes), voices=True)
        return {id: _shaped(sink, entity) for id, entity in found.items()}

    foresight = _Foresight(session, watch, sink, desired) if session.dry else None
    while True:
        watch.look()
        page = directory.changes(since, PAGE, types=sink.entity_types, not_from=session.known.name)
        changes = _latest(page.changes)
        if foresight is not None:
            foresight.look_at(changes)
        elif changes or page.next != since:
            _fill(session, changes, page.next, desired)
        since = page.next
        session.progress(since, page.head, sink.title)
        if since >= page.head:
            break
    if foresight is not None:
        foresight.look_at_waiting()
    else:
        deliver(session, watch, sink, lambda change: desired([change]).get(change.id))


def _shaped(sink: Sink, entity: Entity) -> agreed.State:
    """What the sink makes of it. Raises `ConnectorError` for what JSON cannot tell as it is: it would go out as something else, or be agreed as that."""
    shape = sink.shape(entity)
    wrong = "" if shape is None or isinstance(shape, dict) else f"it is no object but {type(shape).__name__}"
    try:
        orjson.dumps(shape)
    except orjson.JSONEncodeError as error:
        wrong = wrong or str(error)
    wrong = wrong or _no_number(shape, "")
    if wrong:
        raise ConnectorError(
            f"The connector {sink.name} shapes {entity.type} {entity.id} into what is no JSON: {wrong}. It has a bug; nothing of this was noted or sent."
        )
    return shape


def _no_number(value: Any, place: str) -> str:
    """The first number that JSON does not know, with its place: orjson would make null of it. Empty where there is none."""
    if isinstance(value, float):
        return "" if isfinite(value) else f"{place} is {value}, which is no number"
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list | tuple) else ()
    return next((wrong for name, each in inner if (wrong := _no_number(each, f"{place}.{name}" if place else str(name)))), "")


def cursor(connection: Connection, name: str) -> int:
    """The seq up to which this connection's changes are in the outbox or agreed. Beside the source's cursor, as a connector can be both."""
    return int(settings.read(connection, settings.PUSH_CURSOR, name) or 0)


def _cursor(session: Session) -> int:
    with session.store.read() as connection:
        return cursor(connection, session.known.name)


def _begins_anew(session: Session, directory: Directory) -> bool:
    """Whether what a push hangs on, beside the fiches, is not what it was; noted, with the cursor at the beginning, so that a push that is stopped goes on."""
    name, store = session.known.name, session.store
    # The configuration as it is stored: a digest of its secrets would stand beside them.
    hangs_on = [session.known.partner, directory.grant.revision, dict(session.known.config)]
    basis = sha256(orjson.dumps(hangs_on, option=orjson.OPT_SORT_KEYS)).hexdigest()
    with store.read() as connection:
        before = settings.read(connection, settings.PUSH_BASIS, name)
    if before == basis:
        return False
    if not session.dry:

        def work(writer: Writer) -> tuple[Tally, None]:
            settings.forget(writer.connection, name, settings.PUSH_CURSOR)
            settings.write(writer.connection, settings.PUSH_BASIS, name, basis)
            return session.report.tally, None

        session.commit(work)
    return True


def _fill(session: Session, changes: list[Change], since: int, desired: Callable[[Iterable[Change]], States]) -> None:
    """Into the outbox goes what differs from what was agreed; what came to rest by itself leaves it."""
    store, name = session.store, session.known.name
    with store.read() as connection:
        numbers, known = _agreed(connection, name, changes)
    states = desired(changes)
    wanted = {change.id: not known.get(numbers[change.id], Agreed()).covers(states.get(change.id)) for change in changes}
    tally = session.report.tally

    def work(writer: Writer) -> tuple[Tally, None]:
        connection = writer.connection
        outbox.forget(connection, name, [numbers[change.id] for change in changes if not wanted[change.id]])
        entries = [(numbers[change.id], change) for change in changes if wanted[change.id]]
        outbox.enqueue(connection, name, entries, store.now())
        settings.write(connection, settings.PUSH_CURSOR, name, str(since))
        return tally, None

    session.commit(work)


class _Foresight:
    """What the next push would tell the partner, counted and shown: decided by the very functions that decide in it, and told by nobody."""

    def __init__(self, session: Session, watch: Watch, sink: Sink, desired: Callable[[Iterable[Change]], States]) -> None:
        self._session = session
        self._watch = watch
        self._sink = sink
        self._desired = desired
        self._told = bytearray()  # one bit per entity: what changes on several pages, or waits besides, goes out once
        self._open = open_gate(session) is not None

    def look_at(self, changes: list[Change]) -> None:
        """What these changes would send. They stand before what waits in the outbox for the same entities."""
        if not self._open:
            return
        name = self._session.known.name
        with self._session.store.read() as connection:
            numbers, known = _agreed(connection, name, changes)
        new = [change for change in changes if self._is_new(numbers[change.id])]
        states = self._desired(new)
        for change in new:
            self._look(change, known.get(numbers[change.id], Agreed()), states.get(change.id))

    def look_at_waiting(self) -> None:
        """What waits in the outbox from before, and whose time has come."""
        session, after = self._session, (-1, -1)
        while self._open:
            with session.store.read() as connection:
                letters = outbox.due(connection, session.known.name, session.store.now(), after, PAGE)
            if not letters:
                break
            self.look_at([letter.change for letter in letters])
            after = (letters[-1].change.seq, letters[-1].entity_id)
        if session.report.changed or session.report.deleted:
            session.note(
                warnings=("What would go to the partner was worked out from the fiches as they are now, without what this run would take in.",)
            )

    def _is_new(self, number: int) -> bool:
        place, bit = divmod(number, 8)
        if place >= len(self._told):
            self._told.extend(bytes(place + 1 - len(self._told)))
        new = not self._told[place] >> bit & 1
        self._told[place] |= 1 << bit
        return new

    def _look(self, change: Change, state: Agreed, wanted: agreed.State) -> None:
        session = self._session
        if at_rest(self._sink, state, wanted) is not None:
            return
        try:
            with session.wire.before_each(self._watch.look):  # nothing is told, so it may end at any question
                told = self._sink.foresee(to_tell(change, wanted, state), wanted, state.answer)
        except Rejected as error:
            row = refusal(session, change.id, error)
            session.note(tally=session.report.tally.plus(rejected=1), rejections=(row,))
            return
        if isinstance(told, Unsent):
            session.note(tally=session.report.tally.plus(undeliverable=int(told.undeliverable)))
            return
        if not told and state.said is not None:  # they are as agreed on both sides, and the partner has something else by now
            back = {} if wanted is None else self._sink.read_back(wanted)
            told = {name: (state.said.get(name), value) for name, value in back.items() if state.said.get(name) != value}
        shown = {one.fiche for one in session.report.preview if one.sent}
        found = [Difference(change.id, name, old, new, sent=True) for name, (old, new) in told.items()] if len(shown) < SAMPLE else []
        session.note(tally=session.report.tally.plus(pushed=1), preview=(*session.report.preview, *found))


def _agreed(connection: Connection, name: str, changes: Iterable[Change]) -> tuple[dict[str, int], dict[int, Agreed]]:
    ids = [change.id for change in changes]
    rows: Any = connection.execute(select(entity_table.c.uuid, entity_table.c.id).where(entity_table.c.uuid.in_(ids)))
    numbers = {row.uuid: row.id for row in rows}
    return numbers, agreed.load(connection, name, numbers.values())


def _latest(changes: tuple[Change, ...]) -> list[Change]:
    """Of several changes of one entity the last: what is pushed is the entity as it is now."""
    last = {change.id: change for change in changes}
    return sorted(last.values(), key=lambda change: change.seq)
