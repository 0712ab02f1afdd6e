"""What partners decide later: a proposal that was accepted or rejected changes what both sides agreed on, and is shown to the administrator.

Decisions and the cursor behind them commit together. One about something that there is not (any more) is passed over. What one changes, of which nothing
was agreed or which comes late or twice, is the connector's `decided` to say. What is to be told once more after it (`unsettled`) waits in the outbox from then on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import cast

from sqlalchemy import Connection, select

from hub.connector import Connector, Decision, Proposal, Sink
from hub.errors import CursorExpired, Misconfigured, NotFound, Rejected
from hub.model.fiche import EntityType
from hub.model.moments import to_second
from hub.outbound import open_outbound
from hub.plugins import Plugins
from hub.store import Store, Writer
from hub.store.tables import agreed as agreed_table
from hub.store.tables import entity as entity_table
from hub.sync import agreed, building, connections, echo, intake, outbox, records, settings
from hub.sync.agreed import Agreed
from hub.sync.building import Built
from hub.sync.records import Tally
from hub.sync.session import Session
from hub.sync.watch import Watch

_AT_ONCE = 500
LOOKED_AT = 10_000
"""Entities looked at for one page, so that a page of what is rare costs no more than another."""

Place = tuple[str, int]
"""A connection and the number of an entity: where a page ends."""


@dataclass(frozen=True, slots=True)
class Proposed:
    """A proposal with its connection and the entity (UUID and type) that it is about."""

    connection: str
    entity: str
    type: EntityType
    proposal: Proposal


@dataclass(frozen=True, slots=True)
class Page:
    """Some proposals, and where to go on; None at the end. A page can hold less than was asked for, even nothing, and still not be the last."""

    items: list[Proposed]
    following: Place | None


def follow(session: Session, watch: Watch) -> None:
    """Take in what the partner decided since the last time. Raises what the sink raises, and `Stopped`; what was taken in stays."""
    sink = cast(Sink, session.built.connector)
    name = session.known.name
    with session.store.read() as connection:
        known = settings.read(connection, settings.DECISION_CURSOR, name)
    with session.wire.before_each(watch.look):
        try:
            _take(session, watch, sink, known)
        except CursorExpired:
            if known is None:
                raise
            _take(session, watch, sink, None)


def proposals(store: Store, plugins: Plugins, name: str | None = None, entity: str | None = None) -> Iterator[Proposed]:
    """What was proposed and is still known, by connection and entity: by all connections or this one, about everything or this entity (UUID).

    Raises `NotFound` for a connection that there is not, or that proposes nothing.
    """
    for _, found in _looked_at(store, plugins, name, entity, ("", 0)):
        yield from found


def page(
    store: Store,
    plugins: Plugins,
    *,
    name: str | None = None,
    entity: str | None = None,
    state: str | None = None,
    after: Place = ("", 0),
    limit: int = 100,
) -> Page:
    """The proposals about the next `limit` entities after that place, of those in this state. Filters and errors are those of `proposals`."""
    items: list[Proposed] = []
    entities, last = 0, after
    for looked, (place, found) in enumerate(_looked_at(store, plugins, name, entity, after)):
        wanted = [one for one in found if state in (None, one.proposal.state)]
        if looked == LOOKED_AT or (wanted and entities == limit):
            return Page(items, last)
        items += wanted
        entities += bool(wanted)
        last = place
    return Page(items, None)


def _looked_at(store: Store, plugins: Plugins, name: str | None, entity: str | None, after: Place) -> Iterator[tuple[Place, list[Proposed]]]:
    """Each place where something is agreed, with what was proposed there, often nothing."""
    if name is None:
        every = connections.list_all(store, plugins)
        names = [one.name for one in every if _proposes(plugins.connectors.get(one.connector)) and one.name >= after[0]]
    else:
        names = [name]
    with open_outbound() as http:  # nothing is called: a connector only reads its own states
        for each in names:
            try:
                built = building.build(store, plugins, connections.stored(store, each), http)
            except Misconfigured as error:  # its plugin is gone, or wants another configuration by now
                raise NotFound(error.message) from error
            if not isinstance(built.connector, Sink):
                raise NotFound(f"{built.connector.title} pushes nothing, so it proposes nothing.")
            yield from _of_one(store, built, each, entity, after[1] if each == after[0] else 0)


def _proposes(kind: type[Connector] | None) -> bool:
    return kind is not None and issubclass(kind, Sink) and kind.proposals is not Sink.proposals


def _of_one(store: Store, built: Built, name: str, entity: str | None, after: int) -> Iterator[tuple[Place, list[Proposed]]]:
    connector = cast(Sink, built.connector)
    while True:
        query = (
            select(agreed_table.c.entity_id, entity_table.c.uuid, entity_table.c.type)
            .join(entity_table, entity_table.c.id == agreed_table.c.entity_id)
            .where(agreed_table.c.connection == name, agreed_table.c.entity_id > after)
            .order_by(agreed_table.c.entity_id)
            .limit(_AT_ONCE)
        )
        if entity is not None:
            query = query.where(entity_table.c.uuid == entity)
        with store.read() as connection:
            rows = connection.execute(query).all()
            states = agreed.load(connection, name, [row.entity_id for row in rows])
        if not rows:
            return
        for row in rows:
            state = states[row.entity_id]
            answer = agreed.without_secrets(state.answer, built.redact, state.sent)  # what an earlier version kept is as it came
            known = connector.proposals(answer) if answer is not None and "erased" not in answer else ()
            yield (name, row.entity_id), [Proposed(name, row.uuid, row.type, proposal) for proposal in known]
        after = rows[-1].entity_id


def _take(session: Session, watch: Watch, sink: Sink, cursor: str | None) -> None:
    batch: list[Decision] = []
    for decision in sink.decisions(cursor):
        batch.append(decision)
        if decision.cursor is not None:
            _apply(session, sink, batch)
            batch = []
            watch.look()
    if batch:
        _apply(session, sink, batch)


def _apply(session: Session, sink: Sink, batch: list[Decision]) -> None:
    """Take these in, each by the intake: one that cannot be kept is listed with the rejected rows, and the others and the cursor go on."""
    name, at = session.known.name, to_second(session.store.now())
    tally = session.report.tally
    intake.check_cursor(batch[-1].cursor)
    wrong = [(decision, intake.decision_defect(decision)) for decision in batch]
    usable = [decision for decision, defect in wrong if defect is None]
    unusable = [intake.sound(defect, session.built.redact) for _, defect in wrong if defect is not None]

    def work(writer: Writer) -> tuple[Tally, list[Rejected]]:
        connection = writer.connection
        numbers = _numbers(connection, usable)
        known = agreed.load(connection, name, numbers.values())
        changed, refused = _decided(session, sink, usable, numbers, known)
        for number in sorted(changed):
            stands = known[number].answer or {}
            if sink.unsettled(stands):
                known[number] = replace(known[number], sent={})  # nothing that was sent stands, so that it goes out whatever we stand for now
                outbox.enqueue(connection, name, [(number, echo.changed_by(connection, name, number, at))], session.store.now())
            agreed.save(connection, name, number, known[number], at)
        if batch[-1].cursor is not None:
            settings.write(connection, settings.DECISION_CURSOR, name, batch[-1].cursor)
        rows = [*unusable, *refused]
        records.keep_rejections(connection, name, session.report.id, rows, at)
        return tally.plus(rejected=len(rows)), rows

    session.note(rejections=tuple(session.commit(work)))


def _decided(
    session: Session, sink: Sink, batch: list[Decision], numbers: dict[str, int], known: dict[int, Agreed]
) -> tuple[set[int], list[Rejected]]:
    """Put into `known` what these decisions make of it; of which entities it changed, and what the connector could not use."""
    redact = session.built.redact
    changed: set[int] = set()
    refused: list[Rejected] = []
    for decision in batch:
        number = numbers.get(decision.entity)
        if number is None:
            continue
        state = known.get(number, Agreed())
        before = state.answer or {}
        if "erased" in before:
            continue
        try:
            answer = sink.decided(before, agreed.without_secrets(decision.said, redact, [state.sent, before]))
        except Rejected as error:
            refused.append(intake.sound(Rejected(error.message, external_id=decision.entity, field=error.field, raw=error.raw), redact))
            continue
        if answer != before:
            known[number] = replace(state, answer=answer)
            changed.add(number)
    return changed, refused


def _numbers(connection: Connection, batch: list[Decision]) -> dict[str, int]:
    wanted = sorted({decision.entity for decision in batch})
    found: dict[str, int] = {}
    for start in range(0, len(wanted), _AT_ONCE):
        query = select(entity_table.c.uuid, entity_table.c.id).where(entity_table.c.uuid.in_(wanted[start : start + _AT_ONCE]))
        found |= {row.uuid: row.id for row in connection.execute(query)}
    return found
