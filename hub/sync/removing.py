"""Removal of what a complete source no longer has, only where absence can be told, and of what its rows say is gone: only as much as the guard allows of both."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

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
from hub.sync.told_gone import ToldGone

_PAGE = 10_000


def remove_gone(
    session: Session, source: str, seen: Seen | None, told: ToldGone, pace: Pace, *, tells_all: bool, nameless: int, released_by: str
) -> bool:
    """Remove what stands of this source and was not `seen`; the answer is whether what its rows `told` is gone, and is held back, is to be let go too. Where
    that is not allowed the reason is in the report.

    `seen`: None where absence tells nothing; `tells_all`: then too the run could tell all that is gone. `nameless`: how many rows had no id by which they
    could be told apart; `released_by`: who let more go than the guard allows, or "".
    """
    whose = () if seen is None else _speaks_for(session, source, nameless)
    if not whose:
        seen = None
    if seen is None and not told.held:
        if tells_all:
            session.note(judged=True)
        return False
    missing, known = _compare(session, source, seen, told, whose)
    beyond = False
    if told.held or not guard.allows(missing + told.removed, known):
        refusal = _refusal(session, missing, told, known, released_by)
        if refusal:
            session.note(tally=replace(session.report.tally, withheld=missing + told.held), judged=True, reason=refusal)
            return False
        beyond = not guard.allows(missing + told.removed + told.held, known)
        if beyond:
            session.stands(guard.released(missing, known, released_by, told=told.held, came_as=told.came_as))
    if seen is not None:
        for page in seen.unseen(max(SMALLEST, pace.size // 2)):
            _remove(session, source, page, whose)
    session.note(judged=not (beyond and session.dry))  # a preview of a release takes nothing from what was shown to be released
    return told.held > 0


def _speaks_for(session: Session, source: str, nameless: int) -> tuple[str, ...]:
    """Of whose rows of this source absence tells that they were removed: those that everybody sees (""), and the overlays of the connection's partner. Where that
    cannot be told of rows though the source was whole, the reason is in the report.

    Rows that everybody sees may be brought by any connection of this connector, a partner's overlays by those of that partner alone; of two connections each
    would take the other's for removed.
    """
    if nameless:
        session.note(reason=f"{nameless:,} rows could not be told apart by an id, so nothing was taken for removed. See the rejected rows.")
        return ()
    others, own = _partners_of_others(session), session.known.partner
    whose = [own] if own and own not in others else []
    if not others:
        whose.append("")
    elif any(True for each in {"", own} - {*whose} for _ in _known_ids(session, source, each)):
        session.note(reason="Another connection brings rows of the same source, so nothing was taken for removed. Keep one of them.")
    return tuple(whose)


def _compare(session: Session, source: str, seen: Seen | None, told: ToldGone, whose: tuple[str, ...]) -> tuple[int, int]:
    """How many rows were not seen, and of how many the hub had when the run began."""
    if seen is None:
        with session.store.read() as connection:
            return 0, told.known(connection)
    known, missing = told.left, 0
    for each in whose:
        for page in _known_ids(session, source, each):
            known += len(page)
            missing += seen.compare(page)
    return missing, known


def _refusal(session: Session, missing: int, told: ToldGone, known: int, released_by: str) -> str:
    """Why the guard withholds these; "" when somebody was shown them and let them go, or released it and they are no more than it allows."""
    name, count = session.known.name, missing + told.held
    if told.changes_kinds:
        name += " --as-listed"  # no other run would let them
    if not released_by:
        return guard.refusal(missing, known, name, told=told.held, removed=told.removed, came_as=told.came_as)
    with session.store.read() as connection:
        shown = records.shown(connection, session.known.name)
    if guard.allows(count, known) or guard.covers(shown, count):
        return ""
    return guard.beyond_release(shown, missing, known, name, told=told.held, came_as=told.came_as)


def _remove(session: Session, source: str, external_ids: list[str], whose: tuple[str, ...]) -> None:
    base = session.report.tally

    def work(writer: Writer) -> tuple[Tally, None]:
        removed = [writer.withdraw(source, external_ids, partner=each, origin=session.known.name) for each in whose]
        return base.plus(deleted=sum(removed)), None

    session.commit(work)
    session.progress(session.report.deleted, None, "removed")


def _partners_of_others(session: Session) -> set[str]:
    """The partners ("": none) of the other connections of this connector that bring rows or may."""
    others = select(connection_table.c.partner).where(
        connection_table.c.connector == session.known.connector,
        connection_table.c.name != session.known.name,
        connection_table.c.cursor.is_not(None) | connection_table.c.state.in_(("enabled", "paused")),
    )
    with session.store.read() as connection:
        return set(connection.execute(others).scalars())


def _known_ids(session: Session, source: str, partner: str) -> Iterator[list[str]]:
    """The external ids of this source and partner that the hub holds and that are not gone, in order, a page at a time."""
    after = ""
    while True:
        query = (
            select(claim_table.c.external_id)
            .join(source_table, source_table.c.id == claim_table.c.source_id)
            .where(
                source_table.c.name == source,
                claim_table.c.partner == partner,
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
