"""Delivering the outbox: at least once, each attempt of a letter with the same content under the same idempotency key, bounded, behind a breaker.

The partner is told, then what was agreed is recorded and the letter removed in one transaction. After a crash between the two the same content goes
out once more under the same key, which changes nothing there. What is delivered is the entity as it is now: a value that was hidden since
the change never leaves.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import cast

import orjson

from hub.connector import Partly, Sink, Unsent
from hub.errors import AuthFailed, Misconfigured, Rejected, Unreachable
from hub.model.entity import Change
from hub.model.moments import to_second
from hub.plugins import bugs
from hub.store import Writer
from hub.sync import agreed, breaker, faults, outbox, records
from hub.sync.agreed import Agreed, State
from hub.sync.breaker import Breaker
from hub.sync.echo import has, mixes
from hub.sync.intake import Redact, sound
from hub.sync.outbox import Letter
from hub.sync.records import Tally
from hub.sync.session import Session
from hub.sync.watch import Watch

_PAGE = 100


def deliver(session: Session, watch: Watch, sink: Sink, desired: Callable[[Change], State]) -> None:
    """Deliver every letter whose time has come. Raises `Unreachable` when the breaker opens, `Stopped` between two letters, and what the sink raises otherwise."""
    store, name = session.store, session.known.name
    gate = open_gate(session)
    if gate is None:
        return
    delivery = _Delivery(session, sink, desired, gate)
    after = (-1, -1)
    while True:
        with store.read() as connection:
            letters = outbox.due(connection, name, store.now(), after, _PAGE)
        if not letters:
            break
        for letter in letters:
            watch.look()
            delivery.take(letter)
        after = (letters[-1].change.seq, letters[-1].entity_id)
    if delivery.postponed:
        then = "will be tried again" if session.known.schedule else "will be tried again by the next run, but none is scheduled"
        session.note(warnings=(f"{delivery.postponed} could not be delivered and {then}.",))


def open_gate(session: Session) -> Breaker | None:
    """The breaker of this connection; None, with a warning in the report, while it lets nothing through."""
    store = session.store
    with store.read() as connection:
        gate = breaker.load(connection, session.known.name)
    if not gate.is_open(store.now()):
        return gate
    session.note(warnings=(f"Nothing was delivered: after {gate.failures} failures in a row the partner is left alone until {gate.open_until}.",))
    return None


def at_rest(sink: Sink, state: Agreed, wanted: State) -> Agreed | None:
    """What is agreed without telling the partner anything, since it has what we want; None when it is to be told."""
    if state.covers(wanted):
        return state
    if state.said is None:
        return None
    if wanted is None:
        there = not state.said and not mixes(sink)  # who mixes ours into its own lists may have it still when the row comes back
    else:
        back = sink.read_back(wanted)
        there = bool(back) and has(state.said, back)
    return Agreed(wanted, wanted) if there else None


def to_tell(change: Change, wanted: State, state: Agreed) -> Change:
    """The change as the sink gets it: what it does is seen from the partner."""
    operation = "delete" if wanted is None else "create" if state.answer is None else "update"
    return replace(change, operation=cast("object", operation))  # type: ignore[arg-type]


def refusal(session: Session, entity: str, error: Rejected) -> Rejected:
    """The row for the administrator about an entity (UUID) that the partner, or the connector, would not take."""
    named = Rejected(error.message, external_id=entity, field=error.field, raw=error.raw)
    return sound(named, session.built.redact)


def key(connection: str, letter: Letter, desired: State, state: Agreed) -> str:
    """The idempotency key of a delivery: the same for each attempt of the same content of one letter, another for any other. 64 characters.

    What a partner undoes while nothing changes here is told once more, with the same content after the same change: the letter is another one.
    A letter of an earlier version has no number, and keeps the key that it went out under then: its answer may have been lost.
    """
    number = [letter.number] if letter.number else []
    told = [connection, letter.change.id, letter.change.seq, *number, desired, state.answer]
    said = orjson.dumps(told, option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(said).hexdigest()


def _checked(answer: object, wanted: State, before: Agreed, redact: Redact) -> Unsent | Partly | State:
    """What a push answered, as it can be kept. Raises `TypeError` for what is a bug in the sink: no object, none where we want one, or no JSON."""
    told = answer.agreed if isinstance(answer, Unsent | Partly) else answer
    if told is not None and not isinstance(told, dict):
        raise TypeError(f"A push answers the state that is agreed, an object, not {type(told).__name__}.")
    if told is None and wanted is not None and not isinstance(answer, Unsent):
        raise TypeError("A push of something that we want there answers the state that is agreed, not None.")
    kept: State = agreed.without_secrets(told, redact, [wanted, before.answer])
    orjson.dumps(kept)
    if isinstance(answer, Partly):
        return Partly(kept or {}, answer.refused)
    return Unsent(kept, answer.undeliverable) if isinstance(answer, Unsent) else kept


@dataclass(slots=True)
class _Delivery:
    session: Session
    sink: Sink
    desired: Callable[[Change], State]
    gate: Breaker
    postponed: int = 0

    def take(self, letter: Letter) -> None:
        """Deliver one letter and record what became of it."""
        session, name = self.session, self.session.known.name
        with session.store.read() as connection:
            state = agreed.load(connection, name, [letter.entity_id]).get(letter.entity_id, Agreed())
        wanted = self.desired(letter.change)
        rest = at_rest(self.sink, state, wanted)
        if rest is not None:
            self._settle(letter, None if rest is state else rest)
            return
        change = to_tell(letter.change, wanted, state)
        try:
            with session.wire.delivering(key(name, letter, wanted, state)):
                answer = _checked(self.sink.push(change, wanted, state.answer), wanted, state, session.built.redact)
        except Rejected as error:
            self._refused(letter, error)
        except Unreachable as error:
            self._failed(letter, error)
        except (AuthFailed, Misconfigured):
            raise
        except bugs() as error:
            if faults.of_machine(error) is not None:
                raise  # no fault of this letter: it waits as it did
            # A bug that this one entity wakes must not stand before the others for ever.
            self._postpone(letter, "The connector failed in a way that it should not; the trace is in the log.", None)
            raise
        else:
            if isinstance(answer, Partly):
                self._refused(letter, answer.refused, answer.agreed)
            elif isinstance(answer, Unsent):
                self._settle(letter, Agreed(wanted, answer.agreed), answered=True, undeliverable=int(answer.undeliverable))
            else:
                self._settle(letter, Agreed(wanted, answer), answered=True, pushed=1)

    def _settle(self, letter: Letter, state: Agreed | None, *, answered: bool = False, **counted: int) -> None:
        session, name = self.session, self.session.known.name
        tally = session.report.tally.plus(**counted)
        at = to_second(session.store.now())
        mended = answered and self.gate != Breaker()

        def work(writer: Writer) -> tuple[Tally, None]:
            connection = writer.connection
            if state is not None:
                agreed.save(connection, name, letter.entity_id, state, at)
            outbox.forget(connection, name, [letter.entity_id])
            if answered:
                records.forget_rejections(connection, name, [letter.change.id])
            if mended:
                breaker.save(connection, name, Breaker())
            return tally, None

        session.commit(work, told=True)
        if mended:
            self.gate = Breaker()

    def _refused(self, letter: Letter, error: Rejected, taken: State = None) -> None:
        """The partner will not take this one: a dead letter, and a row for the administrator; its next change is tried again. `taken`: what is agreed of a part of it."""
        session, name = self.session, self.session.known.name
        row = refusal(session, letter.change.id, error)
        tally = session.report.tally.plus(rejected=1, pushed=int(taken is not None))
        now = session.store.now()

        def work(writer: Writer) -> tuple[Tally, None]:
            if taken is not None:
                # Nothing that was sent stands as a whole, so that a replay is told and not taken for agreed.
                agreed.save(writer.connection, name, letter.entity_id, Agreed({}, taken), to_second(now))
            outbox.failed(writer.connection, letter, row.message, now, final=True)
            records.keep_rejections(writer.connection, name, session.report.id, [row], to_second(now))
            return tally, None

        session.commit(work, told=True)
        session.note(rejections=(row,))

    def _failed(self, letter: Letter, error: Unreachable) -> None:
        now = self.session.store.now()
        gate = self.gate.failed(now, error.retry_after)
        self._postpone(letter, self.session.built.redact(error.message), gate, error.retry_after)
        self.gate = gate
        if gate.open_until is not None:
            until = datetime.fromisoformat(gate.open_until)
            raise Unreachable(error.message, retry_after=max(0.0, (until - now).total_seconds())) from error

    def _postpone(self, letter: Letter, reason: str, gate: Breaker | None, retry_after: float | None = None) -> None:
        session, name = self.session, self.session.known.name
        tally = session.report.tally
        now = session.store.now()

        def work(writer: Writer) -> tuple[Tally, bool]:
            dead = outbox.failed(writer.connection, letter, reason, now, retry_after=retry_after)
            if gate is not None:
                breaker.save(writer.connection, name, gate)
            return tally, dead

        if session.commit(work, told=True):
            session.note(
                warnings=(f"{letter.change.type} {letter.change.id} was given up after {letter.attempts + 1} attempts: fichehub deadletters list",)
            )
        else:
            self.postponed += 1
