"""Two fiches that are one, and one that is two after all. Nothing is lost either way."""



from __future__ import annotations

from collections.abc import Sequence

from hub import schemas
from hub.errors import FieldError, Invalid
from hub.model.audience import ABSENT
from hub.store.identity import Identities, keys_of, own_key
from hub.store.linking import fiches_leading_to, write_links
from hub.store.matching import note_keys_anew
from hub.store.overlays import write_own_links
from hub.store.part_changes import part_changes
from hub.store.workspace import FicheState, PendingChange, Workspace


def join_fiches(
    space: Workspace, identities: Identities, first: int, second: int, *, decided: bool = False
) -> set[int]:
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
        identities.review(high, low, "key-clash", 1.0, {})
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
        "INSERT INTO candidate_key (key, source_id, fiche_id) SELECT key, source_id, ? FROM candidate_key WHERE fiche_id = ?"
        " ON CONFLICT DO NOTHING",
        low,
        high,
    )
    bulk.run("DELETE FROM candidate_key WHERE fiche_id = ?", high)
    space.flush_reviews()
    bulk.run(
        "UPDATE review SET state = 'same' WHERE fiche_id = ? AND other_id = ? AND state = 'open'", high, low
    )
    _ask_too(space, high, low)
    _close(space, goes, "moved")
    identities.relocate(high, low)
    again = ({low} | fiches_leading_to(bulk, [high])) - {high}
    _move_overlays(space, high)
    space.hold(again)
    return again


def _ask_too(space: Workspace, fiche: int, other: int) -> None:
    """What the queue asks, or an administrator said, of pairs of `fiche` holds for `other` as well; what was kept apart stays so.

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
        if third != other:
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
    while (row := space.bulk.rows("SELECT moved_to FROM entity WHERE id = ?", number)) and row[0][
        0
    ] is not None:
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
        space.note(
            PendingChange(
                goes, goes, kind, partner, "delete", space.origin, None, level, level, ABSENT, version + 1
            )
        )
        for change in part_changes(
            space, goes, kind, schemas.decode(raw), None, level, ABSENT, partner, version + 1
        ):
            space.note(change)


def split_fiche(
    space: Workspace, identities: Identities, fiche: int, keys: Sequence[tuple[str, str]]
) -> tuple[int, set[int]]:
    """Take claims out of a fiche. The answer: the fiche that they have now, and the fiches that pointed to the one they left."""
    bulk = space.bulk
    rows = bulk.rows(
        "SELECT c.id, s.name, c.external_id, c.revision, c.partner, c.home_id, c.content FROM claim c JOIN source s ON s.id = c.source_id WHERE c.fiche_id = ?",
        fiche,
    )
    refuse_split([(row[1], row[2]) for row in rows], keys)
    wanted = set(keys)
    chosen = [row for row in rows if (row[1], row[2]) in wanted]
    state = space.fiches[fiche]
    homes = {row[5] for row in chosen}
    own = _revived(space, state, homes.pop() if len(homes) == 1 else fiche)
    bulk.run_many(
        "UPDATE claim SET fiche_id = ?, home_id = ? WHERE id = ?",
        [(own.id, own.id, row[0]) for row in chosen],
    )
    space.flush()
    leaving: set[str] = set()
    staying: set[str] = set()
    for row in rows:
        claim = schemas.decode_claim(row[1], row[2], row[3], row[4] or None, row[6])
        (leaving if row in chosen else staying).update((own_key(row[1], row[2]), *keys_of(claim)[1]))
    for key in leaving - staying:
        bulk.run("UPDATE identity SET fiche_id = ? WHERE key = ? AND fiche_id = ?", own.id, key, fiche)
    identities.forget(leaving)
    note_keys_anew(space, fiche, own.id)
    _ask_too(space, fiche, own.id)
    _part_ways(space, fiche, own.id, chosen)
    touched = fiches_leading_to(bulk, [fiche]) - {fiche}
    space.hold(touched)
    return own.id, touched


def refuse_split(held: Sequence[tuple[str, str]], leaving: Sequence[tuple[str, str]]) -> None:
    """Raise `Invalid` unless some but not all of the claims that a fiche has, as `(source, external id)`, leave it."""
    missing = {*leaving} - {*held}
    if missing or not leaving:
        raise Invalid(
            "Only claims that the fiche has can be split off.",
            tuple(FieldError("claims", "is no claim of this fiche", f"{source}|{external_id}") for source, external_id in sorted(missing)),
        )
    if {*leaving} == {*held}:
        raise Invalid("One claim at least must stay with the fiche.", (FieldError("claims", "these are all of them"),))


def _revived(space: Workspace, state: FicheState, home: int) -> FicheState:
    """The fiche that these claims had before they came here, else a new one."""
    bulk = space.bulk
    if home != state.id and bulk.rows("SELECT 1 FROM entity WHERE id = ? AND moved_to = ?", home, state.id):
        bulk.run("UPDATE entity SET moved_to = NULL WHERE id = ?", home)
        bulk.run("UPDATE fiche SET state = 'gone' WHERE id = ?", home)
        space.fiches.pop(home, None)
        space.load([home], lock=True)
        return space.fiches[home]
    (made,) = space.make_fiches([state.kind])
    return made


def _part_ways(space: Workspace, fiche: int, own: int, chosen: Sequence[tuple[object, ...]]) -> None:
    """Parts that came along with the claims of a revived fiche go back with their ids: those that its last document had."""
    bulk = space.bulk
    last = bulk.rows(
        "SELECT document FROM version WHERE fiche_id = ? AND partner = '' ORDER BY version DESC LIMIT 1", own
    )
    space.parts_of.pop(own, None)
    space.parts_of.pop(fiche, None)
    space.load_parts([fiche])
    if not last:
        space.load_parts([own])
        return
    document = schemas.decode(schemas.unpack(last[0][0]))
    uuids = [
        part["id"]
        for value in document.values()
        if isinstance(value, list)
        for part in value
        if isinstance(part, dict) and "id" in part
    ]
    space.numbers_for(uuids)
    for uuid in uuids:
        number = space.number_of[uuid]
        bulk.run(
            "UPDATE entity SET fiche_id = ?, moved_to = NULL WHERE id = ? AND fiche_id = ?",
            own,
            number,
            fiche,
        )
        bulk.run("UPDATE part_key SET fiche_id = ? WHERE entity_id = ? AND fiche_id = ?", own, number, fiche)
    for part in (
        part
        for value in document.values()
        if isinstance(value, list)
        for part in value
        if isinstance(part, dict) and "keys" in part
    ):
        number = space.number_of[part["id"]]
        type_ = bulk.rows("SELECT type FROM entity WHERE id = ? AND fiche_id = ?", number, own)
        for key in part["keys"] if type_ else ():
            bulk.insert_new(
                "part_key", ("fiche_id", "type", "key", "entity_id"), [(own, type_[0][0], key, number)]
            )
    for number in (fiche, own):
        space.parts_of.pop(number, None)
    space.load_parts([fiche, own])
