"""What askers are done with, known to all workers: see `hub.cancel`."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from sqlalchemy import delete, insert, select

from hub.model.moments import to_millisecond
from hub.store.tables import cancelled

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from hub.store import Store, Writer

MOST: Final = 10_000
"""So many are remembered of one partner, and of the public altogether; then the oldest is forgotten."""


def cancel(store: Store, partner: str, what: str) -> None:
    """Remember it, also when that is done twice at once. Raises `StoreBusy`."""
    row = {"partner": partner, "what": _short(what), "at": to_millisecond(store.now())}
    newest = select(cancelled.c.at).where(cancelled.c.partner == partner).order_by(cancelled.c.at.desc(), cancelled.c.what)

    def note(writer: Writer) -> None:
        if is_cancelled(writer.connection, partner, what):
            return
        writer.connection.execute(insert(cancelled).values(row))
        oldest = writer.connection.execute(newest.limit(1).offset(MOST - 1)).scalar()
        if oldest is not None:
            writer.connection.execute(delete(cancelled).where(cancelled.c.partner == partner, cancelled.c.at < oldest))

    store.write(note)


def is_cancelled(connection: Connection, partner: str, what: str) -> bool:
    """Whether it is remembered."""
    known = select(cancelled.c.at).where(cancelled.c.partner == partner, cancelled.c.what == _short(what))
    return connection.execute(known).first() is not None


def _short(what: str) -> str:
    return hashlib.sha256(what.encode()).hexdigest()
