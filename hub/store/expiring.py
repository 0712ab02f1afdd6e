"""Values that run out, are withdrawn or begin: from that day on they read otherwise, and that is a change like any other.

Of each field of a fiche the table `expiry` has the first day of all: of the shared document and of what partners see in its place. Who is told is
looked up when the day has passed.

While a clock is ahead, days are told that are not over, and days that are still to come are not noted. So the days of all that was written meanwhile are noted anew
once the clock is put back: what was told too early is told again when it is so.
"""

# ruff: noqa: S608 - what is put into statements is our own SQL; values are always parameters
from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from hub import schemas
from hub.model.audience import level_of, visible_levels_differ
from hub.model.fiche import Document
from hub.model.moments import local_day
from hub.model.turning import TURNS, last_days
from hub.store.log_reading import head, seq_at
from hub.store.workspace import FicheState, PendingChange, Workspace

_BATCH = 500
_NOTED = "days noted"
"""The counter of the seq until which days were noted anew, and of the day (`at`) from which on."""


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
    """Note a change of every value whose last day lies before `today`, once by each clock that the log was written with."""
    bulk = space.bulk
    told = 0
    _note_anew(space)
    while rows := bulk.rows(
        "SELECT fiche_id, field, valid_until FROM expiry WHERE valid_until < ? ORDER BY fiche_id, field LIMIT ?",
        today,
        _BATCH,
    ):
        ids = {row[0] for row in rows}
        space.load(ids, lock=True)
        views = _views(space, ids)
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


def _views(space: Workspace, ids: Iterable[int]) -> dict[int, list[tuple[str, int, Document]]]:
    """What partners see in place of these fiches: partner, version, document."""
    views: dict[int, list[tuple[str, int, Document]]] = {}
    for fiche_id, partner, version, raw in space.bulk.rows(
        "SELECT fiche_id, partner, version, document FROM overlay"
        f" WHERE document IS NOT NULL AND {space.bulk.listed('fiche_id')} ORDER BY fiche_id, partner",
        space.bulk.many(ids),
    ):
        views.setdefault(fiche_id, []).append((partner, version, schemas.decode(raw)))
    return views


def _note_anew(space: Workspace) -> None:
    """Note the days of what was written by a clock that was ahead: of each such change once, and once more when the clock is put back further."""
    bulk, now, put_back_to = space.bulk, space.around.now(), space.around.now.put_back_to()
    since = now if put_back_to is None else min(now, put_back_to)
    first, last = seq_at(space.connection, since), head(space.connection)
    if first >= last:
        return
    day = local_day(since)
    for reached, noted_from in bulk.rows("SELECT n, at FROM counter WHERE name = ?", _NOTED):
        if noted_from <= day:
            first = max(first, reached)
    ids = sorted({row[0] for row in bulk.rows("SELECT fiche_id FROM change WHERE seq > ? AND seq <= ?", first, last)})
    for start in range(0, len(ids), _BATCH):
        some = ids[start : start + _BATCH]
        space.load(some, lock=True)
        views = _views(space, some)
        bulk.run(f"DELETE FROM expiry WHERE {bulk.listed('fiche_id')} AND valid_until >= ?", bulk.many(some), day)
        rows = [
            (number, field, first_day)
            for number in some
            for field in TURNS
            if (first_day := _first_day([space.fiches[number].document, *(view for _, _, view in views.get(number, ()))], field, day))
        ]
        bulk.insert_new("expiry", ("fiche_id", "field", "valid_until"), rows)
    bulk.run("DELETE FROM counter WHERE name = ?", _NOTED)
    bulk.insert("counter", ("name", "n", "at"), [(_NOTED, last, day)])


def _note(space: Workspace, state: FicheState, field: str, document: Document, version: int, partner: str = "") -> None:
    without = {name: value for name, value in document.items() if name != field}
    seen = dict(visible_levels_differ(without, document)).get(field, 2)
    level = level_of(document)
    audience = max(seen, level)
    space.note(PendingChange(state.id, state.id, state.kind, partner, "update", space.origin, {field: seen}, audience, level, level, version))
    space.changed_outwardly(state.id, audience, partner)
    space.reindex.add(state.id)
