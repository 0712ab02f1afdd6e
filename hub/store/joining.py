"""Two fiches that are one: what either has is kept under one id, so that a split finds it again (`hub.store.splitting`)."""

from __future__ import annotations

import orjson

from hub import schemas
from hub.model.audience import ABSENT
from hub.store.identity import Identities
from hub.store.linking import fiches_leading_to, write_links
from hub.store.overlays import write_own_links
from hub.store.part_changes import part_changes
from hub.store.workspace import FicheState, PendingChange, Workspace


def join_fiches(space: Workspace, identities: Identities, first: int, second: int, *, decided: bool = False) -> set[int]:
    """Move the newer fiche into the older; the answer: the fiches to merge again.

    Unless an administrator `decided`, nothing happens when a source holds the two apart; that goes to review.
    """
    low, high = _standing(space, min(first, second)), _standing(space, max(first, second))
    if low == high:
        return {low}
    low, high = min(low, high), max(low, high)
    space.load([low, high])
    stays, goes = space.fiches[low], space.fiches[high]
    if stays.kind != goes.kind or "erased" in (stays.state, goes.state):
        return {first}
    if not decided and not identities.may_join(low, high):
        identities.review(high, low, "key-clash", 1.0, identities.why_one(first, second))
        return {low, high}
    bulk = space.bulk
    space.flush()
    identities.flush()
    bulk.run("UPDATE claim SET fiche_id = ? WHERE fiche_id = ?", low, high)
    bulk.run("UPDATE identity SET fiche_id = ? WHERE fiche_id = ?", low, high)
    if stays.kind == "zorgverlener" or stays.kind == "organisatie":
        _rename_keys(space, goes, stays)
    _move_parts(space, high, low)
    bulk.run("UPDATE entity SET moved_to = ? WHERE id = ?", low, high)
    bulk.run("UPDATE entity SET moved_to = ? WHERE moved_to = ?", low, high)
    bulk.run(
        "INSERT INTO candidate_key (key, source_id, fiche_id) SELECT key, source_id, ? FROM candidate_key WHERE fiche_id = ? ON CONFLICT DO NOTHING",
        low,
        high,
    )
    bulk.run("DELETE FROM candidate_key WHERE fiche_id = ?", high)
    space.flush_reviews()
    bulk.run("UPDATE review SET state = 'same' WHERE fiche_id = ? AND other_id = ? AND state = 'open'", high, low)
    ask_too(space, high, low)
    _close(space, goes, "moved")
    identities.relocate(high, low)
    again = ({low} | fiches_leading_to(bulk, [high])) - {high}
    _move_overlays(space, high)
    space.hold(again)
    return again


def decided_at(detail: bytes) -> str:
    """When somebody said it, of a pair in the queue; empty where nobody did."""
    return str(orjson.loads(detail).get("decided_at", ""))


def ask_too(space: Workspace, fiche: int, other: int, *, since: str = "") -> None:
    """What the queue asks, or an administrator said after `since`, of pairs of `fiche` holds for `other` as well; what was kept apart stays so.

    The rows of `fiche` stay: while it is away nobody sees them, and a split finds them again.
    """
    bulk = space.bulk
    space.flush_reviews()
    for one, two, reason, score, detail, state, at in bulk.rows(
        "SELECT fiche_id, other_id, reason, score, detail, state, at FROM review WHERE (fiche_id = ? OR other_id = ?) AND state <> 'same' ORDER BY id",
        fiche,
        fiche,
    ):
        third = two if one == fiche else one
        if third != other and not (since and state == "different" and decided_at(detail) <= since):
            space.new_reviews.append((max(third, other), min(third, other), reason, score, detail, state, at))
            if state == "different":
                bulk.run(
                    "UPDATE review SET state = ?, detail = ? WHERE fiche_id = ? AND other_id = ? AND state = 'open'",
                    state,
                    detail,
                    max(third, other),
                    min(third, other),
                )
    space.flush_reviews()


def _standing(space: Workspace, number: int) -> int:
    while (row := space.bulk.rows("SELECT moved_to FROM entity WHERE id = ?", number)) and row[0][0] is not None:
        number = row[0][0]
    return number


def _close(space: Workspace, state: FicheState, how: str) -> None:
    """The fiche has no document any more: its last one becomes history, its links and rows in the index go."""
    bulk = space.bulk
    before, was = state.document, state.level
    if state.raw is not None:
        bulk.insert(
            "version",
            ("fiche_id", "partner", "version", "document"),
            [(state.id, "", state.version, schemas.pack(state.raw))],
        )
        state.version += 1
    state.replace(None, None, None)
    state.state, state.level = how, ABSENT
    bulk.run(
        "UPDATE fiche SET state = ?, level = ?, version = ?, digest = NULL, document = NULL, provenance = NULL, conflicts = NULL WHERE id = ?",
        how,
        ABSENT,
        state.version,
        state.id,
    )
    bulk.run("DELETE FROM expiry WHERE fiche_id = ?", state.id)
    space.load_parts([state.id])
    owners = {state.id, *space.parts_of[state.id].values()}
    write_links(space, [], [(owners, [])])
    space.reindex.add(state.id)
    if before is not None:
        space.note(
            PendingChange(
                state.id,
                state.id,
                state.kind,
                "",
                "delete",
                space.origin,
                None,
                was,
                was,
                ABSENT,
                state.version,
            )
        )
        for change in part_changes(space, state.id, state.kind, before, None, was, ABSENT):
            space.note(change)


def _move_parts(space: Workspace, from_fiche: int, to_fiche: int) -> None:
    """The parts keep their ids under the fiche that stays; where both have one with the same key, the older id stays."""
    bulk = space.bulk
    space.load_parts([from_fiche, to_fiche])
    theirs, ours = space.parts_of[from_fiche], space.parts_of[to_fiche]
    same: dict[int, int] = {}
    for key, part in theirs.items():
        if key in ours and part not in same:
            same[part] = ours[key]
    for part, stays in same.items():
        bulk.run("UPDATE entity SET moved_to = ?, fiche_id = ? WHERE id = ?", stays, to_fiche, part)
    for number in {*theirs.values()} - set(same):
        bulk.run("UPDATE entity SET fiche_id = ? WHERE id = ?", to_fiche, number)
    bulk.run("DELETE FROM part_key WHERE fiche_id = ?", from_fiche)
    for (type_, name), part in theirs.items():
        space.name_part(to_fiche, type_, name, same.get(part, part))
    space.flush()


def _rename_keys(space: Workspace, goes: FicheState, stays: FicheState) -> None:
    """Caregivers and memberships are recognised by the UUID that they lead to: teach them the new one, so that they keep their ids."""
    depending = fiches_leading_to(space.bulk, [goes.id])
    space.load_parts(depending)
    for fiche_id in depending:
        for (type_, key), part in list(space.parts_of[fiche_id].items()):
            if goes.uuid in key:
                space.name_part(fiche_id, type_, key.replace(goes.uuid, stays.uuid), part)
    space.flush()


def _move_overlays(space: Workspace, goes: int) -> None:
    """Partners' claims went along; their overlays of the old fiche end, and those of the one that stays are merged with the rest."""
    bulk = space.bulk
    for number, partner, version, level, raw in bulk.rows(
        "SELECT id, partner, version, level, document FROM overlay WHERE fiche_id = ? AND document IS NOT NULL",
        goes,
    ):
        bulk.insert(
            "version",
            ("fiche_id", "partner", "version", "document"),
            [(goes, partner, version, schemas.pack(raw))],
        )
        bulk.run(
            "UPDATE overlay SET document = NULL, digest = NULL, level = ?, version = ? WHERE id = ?",
            ABSENT,
            version + 1,
            number,
        )
        write_own_links(space, [(partner, goes, number, None)])
        kind = space.fiches[goes].kind
        space.note(PendingChange(goes, goes, kind, partner, "delete", space.origin, None, level, level, ABSENT, version + 1))
        for change in part_changes(space, goes, kind, schemas.decode(raw), None, level, ABSENT, partner, version + 1):
            space.note(change)
