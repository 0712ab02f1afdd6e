"""Slots as rows: what was due at a moment is done once, whichever process takes it and whatever dies meanwhile.

Who takes a slot is its `owner`; in the transaction in which the work begins, or at its end where that can be done twice without harm, the slot loses its owner, and is never
anybody's again. A slot that still has one is loose when that process is known to be dead, or did not come to it for ten minutes: then somebody else takes it, and the first finds out when he
wants to begin. What was taken while the clock was ahead is nobody's, also when it was begun: its moment is yet to come.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Connection, Row, delete, func, insert, select, update

from hub.errors import FichehubError
from hub.model.moments import latest, to_second
from hub.store import Store
from hub.store.tables import job_slot as table
from hub.sync import lease

TAKEN_FOR = timedelta(seconds=lease.SECONDS)
"""So long a slot is left to who took it and has not begun."""
KEPT = timedelta(days=7)
Slot = tuple[str, str]
"""A job, and the moment that it was due."""
_log = structlog.get_logger(__name__)


class SlotLost(FichehubError):
    """Somebody else took the slot over, or does it already; what was in the transaction is rolled back."""


def known(connection: Connection, jobs: Iterable[str]) -> dict[Slot, Row[Any]]:
    """The slots of these jobs that somebody took once."""
    return {(row.job, row.slot): row for row in connection.execute(select(table).where(table.c.job.in_(set(jobs))))}


def is_loose(row: Row[Any], owner: str, now: datetime) -> bool:
    """Whether `owner` may take this slot though somebody took it before; his own he takes again when he has it no longer at hand, and so does not ask while he has."""
    if row.at > latest(now):  # the clock was put back since; whether the work is under way even so is told by its lease
        return True
    if row.owner == owner:
        return True
    if "|" not in row.owner:  # begun, or taken by an earlier version, which did not say whether it was
        return False
    return lease.is_dead(row.owner) or row.at <= to_second(now - TAKEN_FOR)


def take(store: Store, slot: Slot, owner: str) -> bool:
    """Take a slot that nobody has, or that is loose; whether it is ours now."""

    def work(connection: Connection) -> bool:
        now = store.now()
        row = connection.execute(select(table).where(*_is(slot))).one_or_none()
        if row is None:
            # Of two that come this far one breaks the key; its transaction is tried again, and finds the row.
            connection.execute(insert(table).values(job=slot[0], slot=slot[1], owner=owner, at=to_second(now)))
            return True
        if not is_loose(row, owner, now):
            return False
        moved = update(table).where(*_is(slot), table.c.owner == row.owner).values(owner=owner, at=to_second(now))
        return connection.execute(moved).rowcount == 1

    return store.write(lambda writer: work(writer.connection))


def begin(connection: Connection, slot: Slot, owner: str) -> None:
    """Note in this transaction that the work of the slot has begun, and need not be done by anybody else. Raises `SlotLost`."""
    if connection.execute(update(table).where(*_is(slot), table.c.owner == owner).values(owner="")).rowcount != 1:
        raise SlotLost(f"{slot[0]} of {slot[1]} was taken over by another process.")


def settle(store: Store, slot: Slot, owner: str) -> None:
    """Note that nobody needs to do anything for this slot any more, if it is still ours."""
    settled = update(table).where(*_is(slot), table.c.owner == owner).values(owner="")
    store.write(lambda writer: writer.connection.execute(settled))


def give_back(store: Store, slot: Slot, owner: str) -> None:
    """Let go of a slot that was taken and not begun: whoever looks next takes it."""
    gone = delete(table).where(*_is(slot), table.c.owner == owner)
    store.write(lambda writer: writer.connection.execute(gone))


def forget_ahead(store: Store) -> None:
    """Forget the slots that were taken while the clock was ahead: they are yet to come, and when they come they would pass for done."""
    count = store.write(lambda writer: _forget_ahead(writer.connection, store.now()))
    if count:
        _log.warning("slots forgotten", slots=count, reason="They were taken later than now: the clock was put back. They are done when they come.")


def _forget_ahead(connection: Connection, now: datetime) -> int:
    return connection.execute(delete(table).where(table.c.at > latest(now))).rowcount


def prune(store: Store) -> None:
    """Forget old slots, but for the last of each job: that one says what was done already. Those of a clock that was put back since are yet to come."""
    newest = select(table.c.job, func.max(table.c.slot).label("slot")).group_by(table.c.job)

    def work(connection: Connection) -> None:
        now = store.now()
        _forget_ahead(connection, now)
        keep = {(row.job, row.slot) for row in connection.execute(newest)}
        old = select(table.c.job, table.c.slot).where(table.c.at < to_second(now - KEPT))
        for row in connection.execute(old).all():
            if (row.job, row.slot) not in keep:
                connection.execute(delete(table).where(*_is((row.job, row.slot))))

    store.write(lambda writer: work(writer.connection))


def _is(slot: Slot) -> tuple[Any, ...]:
    return (table.c.job == slot[0], table.c.slot == slot[1])
