"""Removal of what a complete source no longer has: only where absence can be told, and only as much as the guard allows."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import select

from hub.store import Writer
from hub.store.pace import SMALLEST, Pace
from hub.store.tables import claim as claim_table
from hub.store.tables import connection as connection_table
from hub.store.tables import source as source_table
from hub.sync import guard, records
from hub.sync.records import Tally
from hub.sync.seen import Seen
from hub.sync.session import Session

_PAGE = 10_000


def remove_unseen(session: Session, seen: Seen, source: str, pace: Pace, *, nameless: int, released_by: str) -> None:
    """Remove what stands of this source and was not `seen`; where that is not allowed the reason is in the report.

    `nameless`: how many rows had no id by which they could be told apart; `released_by`: who let more go than the guard allows, or "".
    """
    if nameless:
        session.note(reason=f"{nameless:,} rows could not be told apart by an id, so nothing was taken for removed. See the rejected rows.")
        return
    if _shared(session):
        session.note(reason="Another connection brings rows of the same source, so nothing was taken for removed. Keep one of them.")
        return
    known = missing = 0
    for page in _known_ids(session, source):
        known += len(page)
        missing += seen.compare(page)
    if not guard.allows(missing, known):
        refusal = _refusal(session, missing, known, released_by)
        if refusal:
            session.note(tally=session.report.tally.plus(withheld=missing), judged=True, reason=refusal)
            return
        session.stands(guard.released(missing, known, released_by))
    for page in seen.unseen(max(SMALLEST, pace.size // 2)):
        _remove(session, source, page)
    session.note(judged=True)


def _refusal(session: Session, missing: int, known: int, released_by: str) -> str:
    """Why the guard withholds these; "" when somebody was shown them and let them go."""
    if not released_by:
        return guard.refusal(missing, known, session.known.name)
    with session.store.read() as connection:
        shown = records.shown(connection, session.known.name)
    if guard.covers(shown, missing, known):
        return ""
    return guard.beyond_release(shown, missing, known, session.known.name)


def _remove(session: Session, source: str, external_ids: list[str]) -> None:
    base = session.report.tally

    def work(writer: Writer) -> tuple[Tally, None]:
        removed = writer.withdraw(source, external_ids, partner=session.known.partner, origin=session.known.name)
        return base.plus(deleted=removed), None

    session.commit(work)
    session.progress(session.report.deleted, None, "removed")


def _shared(session: Session) -> bool:
    """Whether another connection speaks for the same source and partner: each would take the other's rows for removed."""
    others = select(connection_table.c.name).where(
        connection_table.c.connector == session.known.connector,
        connection_table.c.partner == session.known.partner,
        connection_table.c.name != session.known.name,
        connection_table.c.cursor.is_not(None) | connection_table.c.state.in_(("enabled", "paused")),
    )
    with session.store.read() as connection:
        return connection.execute(others).first() is not None


def _known_ids(session: Session, source: str) -> Iterator[list[str]]:
    """The external ids of this source that the hub holds and that are not gone, in order, a page at a time."""
    after = ""
    while True:
        query = (
            select(claim_table.c.external_id)
            .join(source_table, source_table.c.id == claim_table.c.source_id)
            .where(
                source_table.c.name == source,
                claim_table.c.partner == session.known.partner,
                claim_table.c.gone.is_(False),
                claim_table.c.external_id > after,
            )
            .order_by(claim_table.c.external_id)
            .limit(_PAGE)
        )
        with session.store.read() as connection:
            page = list(connection.execute(query).scalars())
        if not page:
            return
        yield page
        after = page[-1]
