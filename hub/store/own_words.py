"""A partner's own word in the log, in place of what is told to all, wherever he has a view of his own.

In one transaction a row of a partner's stands for him in place of the shared row about the same entity (`hub.store.log_reading.meant_for`). So it must say all that there
is to say to him: from which level to which it went in his eyes, and where he sees no difference it is there to say nothing.
"""

# ruff: noqa: S608 - what is put into statements is our own SQL; values are always parameters
from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final, NamedTuple

from hub import schemas
from hub.model.audience import ABSENT, level_of, level_of_part
from hub.model.fiche import Document
from hub.model.links import end_of
from hub.store.bulk import Bulk
from hub.store.ends import load_ends, own_levels
from hub.store.part_changes import PART_FIELDS
from hub.store.workspace import OF_OTHERS, PendingChange, Workspace, operation_of

BY_TWO_ENDS: Final = ("membership", "caregiver")
"""The types of parts that stand for a link: who may not see its other end sees no such part."""

NO_VIEW: Final = 0
"""The version in a partner's row about what he has no view of his own of: none of his. His own count from 1."""


class _View(NamedTuple):
    """What a partner sees in place of a fiche."""

    version: int
    document: Document


def speak_for_partners(space: Workspace) -> None:
    """Owe the log each partner's own row about whatever it is to tell of that he sees as nobody else does. All else that it is to tell must be noted."""
    if not space.has_overlays and not any(partner for partner, _ in space.changes):
        return
    shared = {entity: change for (partner, entity), change in space.changes.items() if not partner}
    ends = _ends(space, [entity for entity, change in shared.items() if change.type in BY_TWO_ENDS])
    fiches = {change.fiche_id for change in space.changes.values()}
    views = _views(space, fiches | set(ends.values()))
    # Of a view that changed, began or ended in this transaction there is a change of the partner's own.
    apart = {*views, *((partner, change.fiche_id) for (partner, entity), change in space.changes.items() if partner and entity == change.fiche_id)}
    of_fiche: dict[int, set[str]] = {}
    for partner, fiche_id in apart:
        of_fiche.setdefault(fiche_id, set()).add(partner)
    concerned: dict[str, set[int]] = {}
    for partner, entity in space.changes.keys() | _told_apart(space, shared):
        if partner:
            concerned.setdefault(partner, set()).add(entity)
    for entity, change in shared.items():
        for partner in of_fiche.get(change.fiche_id, set()) | of_fiche.get(ends.get(entity, 0), set()):
            concerned.setdefault(partner, set()).add(entity)
    space.load(fiches if concerned else ())
    for partner, entities in concerned.items():
        mine = {fiche_id: view for (whose, fiche_id), view in views.items() if whose == partner}
        _speak_for(space, partner, entities, shared, mine)


def _ends(space: Workspace, parts: Collection[int]) -> dict[int, int]:
    """The other ends of these parts that stand for links, as everybody has them."""
    if not parts:
        return {}
    sql = f"SELECT from_id, to_id FROM link WHERE role IN ('member_of', 'zorgverlener') AND {space.bulk.listed('from_id')}"
    return dict(space.bulk.rows(sql, space.bulk.many(parts)))


def _views(space: Workspace, fiches: Collection[int]) -> dict[tuple[str, int], _View]:
    """What partners see in place of these fiches from now on."""
    sql = f"SELECT partner, fiche_id, version, document FROM overlay WHERE document IS NOT NULL AND {space.bulk.listed('fiche_id')}"
    rows = space.bulk.rows(sql, space.bulk.many(fiches)) if fiches else ()
    return {(partner, fiche_id): _View(version, schemas.decode(raw)) for partner, fiche_id, version, raw in rows}


def _told_apart(space: Workspace, shared: Mapping[int, PendingChange]) -> set[tuple[str, int]]:
    """Partners and the parts that stand for a link of which they were told for themselves before: its other end may be gone, and their view of that."""
    older = [entity for entity, change in shared.items() if change.type in BY_TWO_ENDS and change.fiche_id not in space.made]
    sql = f"SELECT DISTINCT partner, entity_id FROM change WHERE partner <> '' AND {space.bulk.listed('entity_id')}"
    return {(partner, entity) for partner, entity in space.bulk.rows(sql, space.bulk.many(older))} if older else set()


def told_levels(bulk: Bulk, entities: Collection[int], partner: str, before: int | None = None) -> dict[int, int]:
    """The level that each of these had when the partner ("": everybody) was told of it last, or last before this seq; what the log has not told of is left out."""
    if not entities:
        return {}
    until, given = ("", ()) if before is None else (" AND l.seq < ?", (before,))
    last = f"SELECT max(l.seq) FROM change l WHERE l.entity_id = c.entity_id AND l.partner IN ('', ?) AND l.operation <> 'spread'{until}"
    sql = f"SELECT c.entity_id, c.now FROM change c WHERE {bulk.listed('c.entity_id')} AND c.seq = ({last})"
    return dict(bulk.rows(sql, bulk.many(entities), partner, *given))


def _speak_for(space: Workspace, partner: str, entities: Collection[int], shared: Mapping[int, PendingChange], views: Mapping[int, _View]) -> None:
    changes = {entity: space.changes.get((partner, entity)) or shared[entity] for entity in sorted(entities)}
    told = told_levels(space.bulk, entities, partner)
    levels = _levels(space, partner, {change.fiche_id for change in changes.values()}, views)
    for entity, change in changes.items():
        was, now = told.get(entity, ABSENT), levels.get(entity, ABSENT)
        view = None if (partner, change.fiche_id) in space.new_views else views.get(change.fiche_id)
        beside = shared.get(entity)
        if change.partner:
            if beside is not None and view is None:
                _take_over(change, beside)
        elif view is None and now < ABSENT and (change.was, change.now) == (was, now):
            continue  # it is for him what it is for all
        else:  # his own view would have told
            nothing = was == now and (view is not None or now >= ABSENT)
            change = PendingChange(
                entity, change.fiche_id, change.type, partner, "context", space.origin, {}, ABSENT if nothing else change.audience, was, now, NO_VIEW
            )
        if was == now == ABSENT and beside is None:
            space.changes.pop((partner, entity), None)
            continue
        stands = views.get(change.fiche_id)
        change.version = NO_VIEW if stands is None else stands.version  # those of the shared document would be taken for his own
        space.changes[partner, entity] = _between(change, was, now)


def _take_over(change: PendingChange, shared: PendingChange) -> None:
    """Let a partner's row tell what the shared one, in the place of which it stands, tells of a fiche that is nobody's own view, or was not before."""
    if change.operation == "context":
        change.operation = shared.operation
        of_others = change.audience
        change.fields = None if shared.fields is None else dict(shared.fields)
        change.audience = min(change.audience, shared.audience)
        change.note_of_others(of_others)
    elif shared.operation == "context" or OF_OTHERS in (shared.fields or ()):
        change.note_of_others(shared.audience)
        change.audience = min(change.audience, shared.audience)


def _between(change: PendingChange, was: int, now: int) -> PendingChange:
    """The same change, from this level to that one."""
    change.was, change.now = was, now
    if was != now:
        change.operation, change.audience = operation_of(was, now), min(was, now)
    else:
        change.audience = max(change.audience, now)
        if change.operation not in ("update", "context"):
            change.operation = "update"
    return change


def _levels(space: Workspace, partner: str, fiches: Collection[int], views: Mapping[int, _View]) -> dict[int, int]:
    """Who sees these fiches and each of their parts from now on, as the partner has them."""
    documents = {number: views[number].document if number in views else space.fiches[number].document for number in fiches}
    load_ends(space, documents.values())
    parts = [
        (number, document, field, part)
        for number, document in documents.items()
        if document is not None
        for field, _ in PART_FIELDS[space.fiches[number].kind]
        for part in document.get(field, ())
    ]
    space.numbers_for(part["id"] for *_, part in parts)
    ends = {end: space.number_of[end] for *_, part in parts if (end := end_of(part)) is not None and end in space.number_of}
    own = own_levels(space, partner, ends.values())
    found: dict[int, int] = {number: level_of(document) for number, document in documents.items() if document is not None}
    for _, document, field, part in parts:
        level, end = level_of_part(document, field, part), end_of(part)
        if end is not None:
            number = ends.get(end, 0)
            level = max(level, own[number] if number in own else space.level_now(number))
        found[space.number_of[part["id"]]] = level
    return found
