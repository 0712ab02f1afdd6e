"""What one partner sees in place of the shared fiche, because he has claims of his own about it."""

# ruff: noqa: S608 - what is put into statements is our own SQL; values are always parameters
from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from hub import schemas
from hub.merge import merge
from hub.model.audience import ABSENT, level_of, stamp, visible_levels_differ
from hub.model.claims import Claim
from hub.model.fiche import Document
from hub.model.links import targets
from hub.store.ends import Ends, ends
from hub.store.linking import Link, links_of, named_in, write_links
from hub.store.part_changes import PART_FIELDS, part_changes
from hub.store.part_ids import identify_own_parts
from hub.store.workspace import FicheState, PendingChange, Workspace, operation_of


def remake_overlays(space: Workspace, claims: Mapping[int, list[Claim]]) -> dict[int, list[Document]]:
    """Merge the overlays of these fiches again; a change of one is its partner's alone. The answer: fiche -> what partners see in its place, of each
    that anybody ever said something of for himself."""
    bulk = space.bulk
    standing: dict[tuple[int, str], tuple[int, int, int, bytes | None, bytes | None]] = {}
    # Of a fiche made in this transaction there is one only when it is merged for the second time, since what it leads to was joined.
    older = [fiche_id for fiche_id in claims if fiche_id not in space.made or space.rounds > 1]
    sql = f"SELECT fiche_id, partner, id, level, version, digest, document FROM overlay WHERE {bulk.listed('fiche_id')}"
    for fiche_id, partner, *rest in bulk.rows(sql, bulk.many(older)) if older else ():
        standing[fiche_id, partner] = (rest[0], rest[1], rest[2], rest[3], rest[4])
    wanted = set(standing)
    for fiche_id, of_fiche in claims.items():
        wanted.update((fiche_id, claim.partner) for claim in of_fiche if claim.partner is not None)
    if wanted:
        space.overlays_from_now_on()
    differing: list[tuple[str, int, int, Document | None]] = []
    views: dict[int, list[Document]] = {fiche_id: [] for fiche_id, _ in wanted}
    for fiche_id, partner in sorted(wanted):
        state = space.fiches[fiche_id]
        own = [claim for claim in claims[fiche_id] if claim.partner == partner]
        document: Document | None = None
        if any(not claim.gone for claim in own):
            shared = [claim for claim in claims[fiche_id] if claim.partner is None]
            document = merge([*shared, *own], space.around.authority).content
        if document is not None:
            row = standing.get((fiche_id, partner))
            identify_own_parts(space, state, document, None if row is None or row[4] is None else schemas.decode(row[4]))
            document["id"] = state.uuid
            document = stamp(state.kind, document)
            views[fiche_id].append(document)
        number = _write(space, state, partner, document, standing.get((fiche_id, partner)))
        if number is not None:
            differing.append((partner, fiche_id, number, document))
    write_own_links(space, differing)
    return views


def write_own_links(space: Workspace, overlays: Sequence[tuple[str, int, int, Document | None]]) -> None:
    """Bring the links of these overlays, each (partner, fiche, number, document), to what the documents say; of one without a document none is left.

    They come from the partner's own entries (see `hub.store.linking.Link`).
    """
    if not overlays:
        return
    bulk = space.bulk
    standing: dict[tuple[str, int], dict[int, int]] = {}
    older = {fiche_id for _, fiche_id, _, _ in overlays if fiche_id not in space.made}
    sql = f"SELECT partner, fiche_id, entity_id, id FROM entry WHERE partner <> '' AND {bulk.listed('fiche_id')}"
    for partner, fiche_id, entity, entry in bulk.rows(sql, bulk.many(older)) if older else ():
        standing.setdefault((partner, fiche_id), {})[entity] = entry
    space.numbers_for(uuid for *_, document in overlays if document is not None for uuid in named_in(document))
    written: list[tuple[Iterable[int], list[Link]]] = []
    homes: dict[int, tuple[str, int]] = {}
    for partner, fiche_id, number, document in overlays:
        own = {**standing.get((partner, fiche_id), {}), fiche_id: number}
        links = [] if document is None else links_of(fiche_id, document, space.number_of)
        parts = (
            []
            if document is None
            else [space.number_of[part["id"]] for field, _ in PART_FIELDS[space.fiches[fiche_id].kind] for part in document.get(field, ())]
        )
        own.update((part, space.own_entries[partner, part]) for part in parts if part not in own and (partner, part) in space.own_entries)
        missing = [part for part in dict.fromkeys(parts) if part not in own]
        if missing:
            own.update(zip(missing, space.numbers.take(bulk, "entity", len(missing)), strict=True))
        space.own_entries.update(((partner, entity), entry) for entity, entry in own.items())
        written.append(([-entry for entry in own.values()], [(-own[from_id], role, to_id, how) for from_id, role, to_id, how in links]))
        homes.update((-entry, (partner, entity)) for entity, entry in own.items())
        if links:
            space.tied.add(fiche_id)
    untied = set(space.untied)
    write_links(space, [], written)
    # Said of the aanbod or part that it is, and of whom it concerns.
    for removed in space.untied - untied:
        space.untied.remove(removed)
        partner, entity = homes[removed[1]]
        space.untied.add((partner, entity, removed[2]))


def _write(
    space: Workspace,
    state: FicheState,
    partner: str,
    document: Document | None,
    row: tuple[int, int, int, bytes | None, bytes | None] | None,
) -> int | None:
    """The answer: the number of the overlay if it is another now."""
    bulk = space.bulk
    had_own = row is not None and row[4] is not None
    before = schemas.decode(row[4]) if row is not None and row[4] is not None else None
    raw = None if document is None else schemas.encode(document)
    digest = None if raw is None else schemas.digest_of(raw)
    same = row is not None and row[3] == digest
    version = 1 if row is None else row[2] + (0 if same else 1)
    if row is None:
        if document is None:
            return None
        (number,) = space.numbers.take(bulk, "entity", 1)
        columns = ("id", "partner", "fiche_id", "level", "version", "digest", "document")
        bulk.insert("overlay", columns, [(number, partner, state.id, level_of(document), version, digest, raw)])
    elif not same:
        if row[4] is not None:
            bulk.insert(
                "version",
                ("fiche_id", "partner", "version", "document"),
                [(state.id, partner, row[2], schemas.pack(row[4]))],
            )
        bulk.run(
            "UPDATE overlay SET level = ?, version = ?, digest = ?, document = ? WHERE id = ?",
            level_of(document),
            version,
            digest,
            raw,
            row[0],
        )
    if row is not None:
        number = row[0]
    if same:
        return None
    space.reindex.add(state.id)
    if not had_own and document is not None:
        space.new_views.add((partner, state.id))
    # What the partner saw until now, and what he sees from now on: his own document, else the shared one.
    old = before if had_own else state.document_before
    new = document if document is not None else state.document
    _note(space, state, partner, old, new, version)
    return number


def _note(
    space: Workspace,
    state: FicheState,
    partner: str,
    old: Document | None,
    new: Document | None,
    version: int,
) -> None:
    """Owe the partner's log the difference."""
    was, now = level_of(old), level_of(new)
    changes: dict[int, PendingChange] = {}
    seen = ends(space, old, new, partner=partner)
    if was != now:  # it may lead to itself, and stands already as it is now
        seen = Ends({**seen.before, state.uuid: was}, {**seen.now, state.uuid: now})
    fields = dict(visible_levels_differ(old, new, seen.before, seen.now)) if old is not None and new is not None else None
    if old is None or new is None or fields or was != now:
        audience = min(was, now) if was != now else min((fields or {}).values(), default=2)
        changes[state.id] = PendingChange(
            state.id,
            state.id,
            state.kind,
            partner,
            operation_of(was, now),
            space.origin,
            fields,
            audience,
            was,
            now,
            version,
        )
        space.changed_outwardly(state.id, audience, partner)
    for change in part_changes(space, state.id, state.kind, old, new, was, now, partner, version, seen):
        if not _stands_elsewhere(space, change):
            changes[change.entity_id] = change
    for change in changes.values():
        space.note(change)


def tell_of_other_ends(space: Workspace, differing: Sequence[tuple[FicheState, Document | None, int]]) -> None:
    """Owe each partner who sees more of what these shared fiches lead to than others do what that makes of them for him.

    `differing`: fiches as they are, with the documents and levels that they had.
    """
    bulk = space.bulk
    leading: dict[int, list[tuple[FicheState, Document | None, int]]] = {}
    for state, before, was in differing:
        uuids = {uuid for document in (before, state.document) if document is not None for uuid in targets(document)}
        for number in {space.number_of[uuid] for uuid in uuids if uuid in space.number_of} - (space.made - space.voices.keys()):
            leading.setdefault(number, []).append((state, before, was))
    sql = f"SELECT partner, fiche_id FROM overlay WHERE document IS NOT NULL AND {bulk.listed('fiche_id')} ORDER BY partner, fiche_id"
    rows = bulk.rows(sql, bulk.many(leading)) if leading else ()
    for partner, state, before, was in {(partner, each[0].id): (partner, *each) for partner, number in rows for each in leading[number]}.values():
        if any(whose == partner for whose, _ in space.voices.get(state.id, ())):
            continue  # he has a view of his own of this one as well
        seen, after = ends(space, before, state.document, partner=partner), state.document
        parts = part_changes(space, state.id, state.kind, before, after, was, state.level, partner, seen=seen)
        changes = [change for change in parts if not _stands_elsewhere(space, change)]
        if before is not None and after is not None:
            fields = dict(visible_levels_differ(before, after, seen.before, seen.now))
            audience = max(min(fields.values(), default=ABSENT), min(was, state.level))
            changes.append(
                PendingChange(state.id, state.id, state.kind, partner, "update", space.origin, fields, audience, was, state.level, state.version)
            )
            space.changed_outwardly(state.id, audience, partner)
        for change in changes:
            shared = space.changes.get(("", change.entity_id))
            as_much = shared is not None and shared.audience <= change.audience and (shared.was, shared.now) == (change.was, change.now)
            if shared is None or not as_much or not shared.is_told_for(change.fields or {}, change.audience):
                space.note(change)


def _stands_elsewhere(space: Workspace, change: PendingChange) -> bool:
    """Whether a part that is no longer here went back to another fiche in this transaction, which tells of it."""
    shared = space.changes.get(("", change.entity_id))
    return change.now == ABSENT and shared is not None and shared.fiche_id != change.fiche_id and shared.now < ABSENT
