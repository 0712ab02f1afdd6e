"""What a two-way partner no longer has though we agreed on it: it removed that row, and gets it again, as far as the guard allows.

A list that came back empty must not become a storm of deliveries, and a release by an administrator is good for what had been shown, as it is for removals.
"""

from __future__ import annotations

from sqlalchemy import Connection, select

from hub.store.identity import own_key
from hub.store.tables import entity as entity_table
from hub.store.tables import identity as identity_table
from hub.sync import agreed, guard, records
from hub.sync.agreed import Agreed
from hub.sync.echo import note
from hub.sync.session import Session

_AT_ONCE = 500


def judge(session: Session, source: str, seen: set[int], *, released_by: str) -> dict[int, Agreed]:
    """What is to be noted as removed by the partner, once a complete pull of `source` gave the entities `seen` alone. The report says what the guard kept back.

    A row that came and was rejected is no removed one. Neither is that of an entity that was joined to another: its row speaks of that one now, and is yet to be deleted there.
    """
    name, report = session.known.name, session.report
    with session.store.read() as connection:
        held = agreed.held(connection, name)
        missing = sorted(held.keys() - seen)
        if missing:
            came = _rejected(connection, name, source) | _joined(connection, missing)
            missing = [number for number in missing if number not in came]
        shown = records.shown_kept_back(connection, name)
    count, known, refusal = len(missing), len(held), ""
    if not guard.allows(count, known):
        if not released_by:
            refusal = guard.refusal_to_send(count, known, name)
        elif report.withheld:
            refusal = guard.refusal_to_send_alone(count, known, name)
        elif not guard.covers(shown, count):
            refusal = guard.beyond_release_to_send(shown, count, known, name)
        else:
            session.stands(guard.released_to_send(count, known, released_by))
    if refusal:
        session.note(kept_back=count, warnings=(refusal,))
        return {}
    session.note(kept_back=0)
    return {number: held[number] for number in missing}


def note_removed(session: Session, connection: Connection, found: dict[int, Agreed]) -> None:
    """Note that the partner removed these; each then waits in the outbox."""
    for number, state in found.items():
        note(session, connection, number, state, said={})


def _rejected(connection: Connection, name: str, source: str) -> set[int]:
    """The fiches that the rejected rows of this connection spoke of when they could be used."""
    keys = sorted(own_key(source, each) for each in records.rejected_ids(connection, name))
    found: set[int] = set()
    for start in range(0, len(keys), _AT_ONCE):
        query = select(identity_table.c.fiche_id).where(identity_table.c.key.in_(keys[start : start + _AT_ONCE]))
        found.update(connection.execute(query).scalars())
    return found


def _joined(connection: Connection, numbers: list[int]) -> set[int]:
    """Those of these entities that lead to another by now."""
    found: set[int] = set()
    for start in range(0, len(numbers), _AT_ONCE):
        query = select(entity_table.c.id).where(entity_table.c.id.in_(numbers[start : start + _AT_ONCE]), entity_table.c.moved_to.is_not(None))
        found.update(connection.execute(query).scalars())
    return found
