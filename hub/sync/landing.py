"""What came in as it came: the bytes of a source's answers, kept for some days so that a run can be looked into or replayed.

Off unless an administrator asks for it, per connection: the bytes may hold personal data. A job purges them; an erasure removes them all.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Connection, delete, insert, select, update

from hub.errors import FieldError, Invalid
from hub.model.moments import latest, to_second
from hub.store import Store
from hub.store.tables import landing as table
from hub.sync import settings
from hub.sync.wire import Landed

LONGEST_DAYS = 90


@dataclass(frozen=True, slots=True)
class Landing:
    """A body that came in: when (RFC 3339, UTC), from where, the SHA-256 of its bytes, and the bytes."""

    id: int
    connection: str
    run_id: int
    at: str
    address: str
    digest: str
    body: bytes


def keep_for(store: Store, name: str, days: int) -> None:
    """Keep what this connection brings for so many days; 0 keeps nothing from now on. Raises `Invalid` past three months."""
    if not 0 <= days <= LONGEST_DAYS:
        raise Invalid("Personal data must not lie about for so long.", (FieldError("days", f"0 to {LONGEST_DAYS}", str(days)),))

    def work(connection: Connection) -> None:
        if days:
            settings.write(connection, settings.LANDING_DAYS, name, str(days))
        else:
            settings.forget(connection, name, settings.LANDING_DAYS)

    store.write(lambda writer: work(writer.connection))


def days(connection: Connection, name: str) -> int:
    """How many days this connection's bytes are kept."""
    return int(settings.read(connection, settings.LANDING_DAYS, name) or 0)


def keep(connection: Connection, name: str, run_id: int, bodies: Iterable[Landed], at: str) -> None:
    """Keep these; in the transaction of the rows that were read from them."""
    rows = [{"connection": name, "run_id": run_id, "at": at, "address": one.address, "digest": one.digest, "body": one.body} for one in bodies]
    if rows:
        connection.execute(insert(table), rows)


def landed(connection: Connection, name: str, run_id: int | None = None) -> Iterator[Landing]:
    """What a run of this connection brought, or all its runs, in order; one body in memory at a time."""
    query = select(table.c.id).where(table.c.connection == name).order_by(table.c.id)
    if run_id is not None:
        query = query.where(table.c.run_id == run_id)
    for number in connection.execute(query).scalars().all():
        row = connection.execute(select(table).where(table.c.id == number)).one()
        yield Landing(row.id, row.connection, row.run_id, row.at, row.address, row.digest, zlib.decompress(row.body))


def purge(store: Store) -> int:
    """Remove what was kept for its days, and all of connections that keep nothing; the answer is how many bodies.

    How old a body is that was dated before the clock was put back nobody knows: its days count from now.
    """

    def work(connection: Connection) -> int:
        names = connection.execute(select(table.c.connection).distinct()).scalars().all()
        now = store.now()
        connection.execute(update(table).where(table.c.at > latest(now)).values(at=to_second(now)))
        return sum(
            connection.execute(
                delete(table).where(table.c.connection == name, table.c.at < to_second(now - timedelta(days=days(connection, name))))
            ).rowcount
            for name in names
        )

    return store.write(lambda writer: work(writer.connection))
