"""Values that run out, are withdrawn or begin: from that day on they read otherwise, and that is a change like any other.

Of each field of a fiche the table `expiry` has the first day of all: of the shared document and of what partners see in its place. Who is told is
looked up when the day has passed.
"""

# ruff: noqa: S608 - what is put into statements is our own SQL; values are always parameters
from __future__ import annotations

from collections.abc import Mapping, Sequence

from hub import schemas
from hub.model.audience import level_of, visible_levels_differ
from hub.model.fiche import Document
from hub.model.turning import TURNS, last_days
from hub.store.workspace import FicheState, PendingChange, Workspace

_BATCH = 500


def note_days(space: Workspace, written: Sequence[FicheState], views: Mapping[int, Sequence[Document]]) -> None:
    """Note on which day each of these fiches reads as it does for the last time: those that were written, and those with `views` of partners."""
    states = {state.id: state for state in written} | {number: space.fiches[number] for number in views}
    old = [state.id for state in states.values() if state.version > 1 or state.id in views]
    if old:
        space.bulk.later(
            len(old),
            f"DELETE FROM expiry WHERE {space.bulk.listed('fiche_id')} AND valid_until >= ?",
            space.bulk.many(old),
            space.today,
        )
    # What lies behind reads today as it will tomorrow. A day that has passed and was not told yet stays, and is told.
    rows = [
        (state.id, field, first)
        for state in states.values()
        for field in TURNS
        if (first := _first_day([state.document, *views.get(state.id, ())], field, space.today))
    ]
    space.bulk.insert_new("expiry", ("fiche_id", "field", "valid_until"), rows)


def _first_day(documents: Sequence[Document | None], field: str, today: str) -> str | None:
    return min((day for document in documents if document for day in last_days(document, field) if day >= today), default=None)


def expire(space: Workspace, today: str) -> int:
    """Note a change of every value whose last day lies before `today`, once."""
    bulk = space.bulk
    told = 0
    while rows := bulk.rows(
        "SELECT fiche_id, field, valid_until FROM expiry WHERE valid_until < ? ORDER BY fiche_id, field LIMIT ?",
        today,
        _BATCH,
    ):
        ids = {row[0] for row in rows}
        space.load(ids, lock=True)
        views: dict[int, list[tuple[str, int, Document]]] = {}
        for fiche_id, partner, version, raw in bulk.rows(
            "SELECT fiche_id, partner, version, document FROM overlay"
            f" WHERE document IS NOT NULL AND {bulk.listed('fiche_id')} ORDER BY fiche_id, partner",
            bulk.many(ids),
        ):
            views.setdefault(fiche_id, []).append((partner, version, schemas.decode(raw)))
        for fiche_id, field, until in rows:
            state, own = space.fiches[fiche_id], views.get(fiche_id, [])
            told += 1
            bulk.run("DELETE FROM expiry WHERE fiche_id = ? AND field = ?", fiche_id, field)
            later = _first_day([state.document, *(document for _, _, document in own)], field, today)
            if later:
                bulk.insert("expiry", ("fiche_id", "field", "valid_until"), [(fiche_id, field, later)])
            theirs = [view for view in own if any(until <= day < today for day in last_days(view[2], field))]
            for partner, version, document in theirs:
                _note(space, state, field, document, version, partner)
            # A day that only partners have is none of anybody else's business.
            shared = state.document
            if shared is not None and field in shared and (not theirs or any(until <= day < today for day in last_days(shared, field))):
                _note(space, state, field, shared, state.version)
    return told


def _note(space: Workspace, state: FicheState, field: str, document: Document, version: int, partner: str = "") -> None:
    without = {name: value for name, value in document.items() if name != field}
    seen = dict(visible_levels_differ(without, document)).get(field, 2)
    level = level_of(document)
    audience = max(seen, level)
    space.note(
        PendingChange(
            state.id, state.id, state.kind, partner, "update", space.origin, {field: seen}, audience, level, level, version
        )
    )
    space.changed_outwardly(state.id, audience, partner)
    space.reindex.add(state.id)
