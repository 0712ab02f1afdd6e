"""One fiche that is two after all: which claims leave it, and what goes with them. Nothing is lost.

An administrator names claims of sources. What is said about these goes along unasked: an editor's decisions about a fiche that stands again, and what
partners say of it for themselves. Else a later decision about that fiche would meet the earlier one where it does not belong. What an editor decided while the two
were one stays with the one that stays; only what he decided of a part goes where the part goes. A claim that nobody named goes back to its fiche where it says
nothing any more, or where its source, of which nobody named any, told the two apart: else its next row would be heard of the one that stays.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from sqlalchemy import Connection

from hub import schemas
from hub.authority import declared_rules
from hub.errors import FieldError, Invalid
from hub.model.claims import EDITOR, Claim
from hub.model.fiche import PARTS, Document
from hub.store import reading
from hub.store.bulk import Bulk
from hub.store.identity import Identities, keys_of, own_key
from hub.store.joining import ask_too, decided_at
from hub.store.linking import fiches_leading_to
from hub.store.matching import note_keys_anew
from hub.store.references import HUB
from hub.store.workspace import FicheState, Workspace


@dataclass(frozen=True, slots=True)
class Held:
    """A claim of a fiche: the number of its row, and of the fiche that it was first given."""

    id: int
    claim: Claim
    home: int

    @property
    def key(self) -> tuple[str, str]:
        """What an administrator calls it."""
        return self.claim.source, self.claim.external_id

    @property
    def decides(self) -> bool:
        """Whether it is an editor's."""
        return self.claim.source == EDITOR and self.claim.partner is None

    @property
    def of_source(self) -> bool:
        """Whether a source says it to everybody."""
        return not self.decides and self.claim.partner is None


@dataclass(frozen=True, slots=True)
class Parting:
    """What a split does: the claims that leave, also those that nobody named, and those that stay.

    `homes`: fiches that were moved here and whose claims leave. The first stands again and has these claims, the others lead to it. None: it is a new one.
    """

    leave: tuple[Held, ...]
    stay: tuple[Held, ...]
    homes: tuple[int, ...]


def proposed_split(connection: Connection, fiche: int, keys: Sequence[tuple[str, str]]) -> Parting:
    """What a split of this fiche would do; `keys`: the claims that shall leave, as `(source, external id)`. Raises `Invalid` for what cannot be split."""
    bulk = Bulk(connection)
    rows = bulk.rows(
        "SELECT c.id, s.name, c.external_id, c.revision, c.partner, c.home_id, c.content FROM claim c JOIN source s ON s.id = c.source_id"
        " WHERE c.fiche_id = ? ORDER BY s.name, c.external_id, c.partner",
        fiche,
    )
    held = [
        Held(number, schemas.decode_claim(source, external_id, revision, partner or None, content), home)
        for number, source, external_id, revision, partner, home, content in rows
    ]
    uuids = dict(bulk.rows("SELECT id, uuid FROM entity WHERE id = ? OR (moved_to = ? AND id = fiche_id)", fiche, fiche))
    return parting(held, fiche, uuids, keys)


def parting(held: Sequence[Held], fiche: int, uuids: Mapping[int, str], keys: Sequence[tuple[str, str]]) -> Parting:
    """Which of the claims `held` by this fiche leave it with those that are named. `uuids`: of this fiche and of all that were moved to it."""
    named = {*keys}
    missing = named - {one.key for one in held}
    if missing or not named:
        raise Invalid(
            "Only claims that the fiche has can be split off.",
            tuple(FieldError("claims", "is no claim of this fiche", f"{source}|{external_id}") for source, external_id in sorted(missing)),
        )
    chosen = [one for one in held if one.key in named and not one.decides]
    staying = [one for one in held if one.key not in named and one.of_source and not one.claim.gone]
    left = {one.home for one in chosen if one.of_source} or {one.home for one in chosen}
    moved = sorted((left & uuids.keys()) - {fiche})
    homes = (*moved[:1], *(home for home in moved[1:] if all(one.home != home for one in staying)))
    apart = {one.claim.source for one in held if one.of_source and one.home not in homes} - {one.claim.source for one in chosen}
    staying = [one for one in staying if one.home not in homes or one.claim.source not in apart]
    leaving = {*_names(chosen), *(f"{HUB}|{uuids[home]}" for home in homes)}
    kept = {*_names(staying), *(f"{HUB}|{uuid}" for number, uuid in uuids.items() if number not in homes)}

    def goes(one: Held) -> bool:
        if one.key in named and not one.decides:
            return True
        if one.claim.partner is not None:  # a partner says of whom he speaks
            meant = {*keys_of(one.claim)[1]}
            to, here = bool(meant & (leaving - kept)), bool(meant & (kept - leaving))
            if to != here:
                return to
        return one.home in homes and (not one.of_source or one.claim.gone or one.claim.source in apart)

    leave, stay = tuple(one for one in held if goes(one)), tuple(one for one in held if not goes(one))
    if alone := [one for one in stay if one.key in named]:
        raise Invalid(
            "An editor's decisions stay with the fiche that they are about. Name the claims of sources that leave; decisions about these go along.",
            tuple(FieldError("claims", "is an editor's", "|".join(one.key)) for one in alone),
        )
    if all(one.decides for one in stay):
        raise Invalid("One claim at least must stay with the fiche.", (FieldError("claims", "these are all of them"),))
    return Parting(leave, stay, homes)


def _names(held: Iterable[Held]) -> set[str]:
    """All keys that these claims go by or name."""
    return {key for one in held for own, others in [keys_of(one.claim)] for key in (own, *others)}


def split_fiche(space: Workspace, identities: Identities, fiche: int, keys: Sequence[tuple[str, str]]) -> tuple[list[int], set[int]]:
    """Take claims out of a fiche. The answer: the fiche that they have now, with those that lead to it and led here before; and the fiches that pointed to the
    one they left."""
    bulk = space.bulk
    found = proposed_split(space.connection, fiche, keys)
    own, *also = _revived(space, space.fiches[fiche], found.homes)
    bulk.run_many(
        "UPDATE claim SET fiche_id = ?, home_id = ? WHERE id = ?",
        [(own, one.home if one.home in also else own, one.id) for one in found.leave],
    )
    space.flush()
    told = {own_key(*one.key) for one in found.leave}
    # A claim that stays may name one that leaves: that one goes by its own name all the same.
    leaving = told | (_names(found.leave) - _names(one for one in found.stay if one.of_source))
    leaving -= {own_key(*one.key) for one in found.stay}
    for key in sorted(leaving):
        bulk.run("UPDATE identity SET fiche_id = ? WHERE key = ? AND fiche_id = ?", own, key, fiche)
    identities.forget([*leaving, *(f"{HUB}|{space.uuid_of[number]}" for number in (own, *also))])
    note_keys_anew(space, fiche, own)
    _hand_on_decisions(space, fiche, own, found.homes)
    space.load_parts([fiche])
    touched = fiches_leading_to(bulk, [fiche, *space.parts_of[fiche].values()]) - {fiche}
    _part_ways(space, fiche, own, found.homes)
    space.hold(touched)
    return [own, *also], touched


def _revived(space: Workspace, state: FicheState, homes: Sequence[int]) -> list[int]:
    """The fiche that these claims had before they came here, else a new one; and those that lead to it from now on."""
    if not homes:
        (made,) = space.make_fiches([state.kind])
        return [made.id]
    bulk = space.bulk
    own, *also = homes
    bulk.run("UPDATE entity SET moved_to = NULL WHERE id = ?", own)
    bulk.run("UPDATE fiche SET state = 'gone' WHERE id = ?", own)
    for number in also:
        bulk.run("UPDATE entity SET moved_to = ? WHERE id = ?", own, number)
    for number in homes:
        space.fiches.pop(number, None)
    space.load(homes, lock=True)
    return [*homes]


class _Join(NamedTuple):
    """When a fiche that was moved here came, as the log has it: the end of that transaction, and its moment."""

    seq: int
    at: str


def _join_of(bulk: Bulk, home: int) -> _Join | None:
    rows = bulk.rows("SELECT tx_end, at FROM change WHERE entity_id = ? AND partner = '' AND operation = 'delete' ORDER BY seq DESC LIMIT 1", home)
    return _Join(*rows[0]) if rows else None


def _hand_on_decisions(space: Workspace, fiche: int, own: int, homes: Sequence[int]) -> None:
    """What was asked or said of the fiche holds for the one that leaves, but for what was said before that one came; and what was said of that one alone no longer
    holds for the fiche."""
    bulk = space.bulk
    space.flush_reviews()
    joins = {home: _join_of(bulk, home) for home in homes}
    first = joins[homes[0]] if homes else None
    ask_too(space, fiche, own, since="" if first is None else first.at)
    for home, join in joins.items():
        if join is None:
            continue
        said = "SELECT fiche_id, other_id, detail FROM review WHERE (fiche_id = ? OR other_id = ?) AND state = 'different' ORDER BY id"
        for one, two, detail in bulk.rows(said, home, home):
            third = two if one == home else one
            pair = max(third, fiche), min(third, fiche)
            if third != fiche and decided_at(detail) <= join.at:
                # It came along with that fiche, word for word.
                bulk.run(
                    "DELETE FROM review WHERE fiche_id = ? AND other_id = ? AND state = 'different' AND detail = ? AND reason = 'decision'",
                    *pair,
                    detail,
                )
                bulk.run("UPDATE review SET state = 'open' WHERE fiche_id = ? AND other_id = ? AND state = 'different' AND detail = ?", *pair, detail)


def _part_ways(space: Workspace, fiche: int, own: int, homes: Sequence[int]) -> None:
    """Parts go back, with their ids, to what they were before the fiches became one: to the revived fiche those that its last document had, to the one that
    stays those that it had until then."""
    bulk = space.bulk
    theirs = [
        part
        for home in homes
        for (raw,) in bulk.rows("SELECT document FROM version WHERE fiche_id = ? AND partner = '' ORDER BY version DESC LIMIT 1", home)
        for part in _parts_in(schemas.decode(schemas.unpack(raw)))
    ]
    ours = [part for home in homes for part in _parts_in(_document_before(bulk, fiche, _join_of(bulk, home)))]
    space.numbers_for(part["id"] for part in (*theirs, *ours))
    for number in {space.number_of[part["id"]] for part in theirs}:
        bulk.run("UPDATE entity SET fiche_id = ?, moved_to = NULL WHERE id = ? AND fiche_id = ?", own, number, fiche)
        bulk.run("UPDATE part_key SET fiche_id = ? WHERE entity_id = ? AND fiche_id = ?", own, number, fiche)
    for part in ours:
        number = space.number_of[part["id"]]
        if bulk.rows("SELECT 1 FROM entity WHERE id = ? AND fiche_id = ? AND moved_to IS NOT NULL", number, fiche):
            bulk.run("UPDATE entity SET moved_to = NULL WHERE id = ?", number)
            _give_keys(bulk, part, number, fiche, but_not=own)
    for part in theirs:
        _give_keys(bulk, part, space.number_of[part["id"]], own)
    for number in (fiche, own):
        space.parts_of.pop(number, None)
    space.load_parts([fiche, own])


def _give_keys(bulk: Bulk, part: Document, number: int, fiche: int, but_not: int = 0) -> None:
    """If the part stands in this fiche it is the one with these keys there; in the other one nothing has them."""
    for (type_,) in bulk.rows("SELECT type FROM entity WHERE id = ? AND fiche_id = ? AND moved_to IS NULL", number, fiche):
        for key in part["keys"]:
            bulk.run("DELETE FROM part_key WHERE fiche_id IN (?, ?) AND type = ? AND key = ?", fiche, but_not, type_, key)
            bulk.insert("part_key", ("fiche_id", "type", "key", "entity_id"), [(fiche, type_, key, number)])


def _parts_in(document: Document | None) -> list[Document]:
    return [part for field in PARTS for part in (document or {}).get(field, ()) if "keys" in part]


def _document_before(bulk: Bulk, fiche: int, join: _Join | None) -> Document | None:
    """What stood until then, if something else has since."""
    if join is None:
        return None
    told = bulk.rows("SELECT version FROM change WHERE fiche_id = ? AND partner = '' AND tx_end < ? ORDER BY seq DESC LIMIT 1", fiche, join.seq)
    rows = bulk.rows("SELECT document FROM version WHERE fiche_id = ? AND partner = '' AND version = ?", fiche, told[0][0]) if told else ()
    return next((schemas.decode(schemas.unpack(raw)) for (raw,) in rows), None)


def take_home(space: Workspace, identities: Identities, fiche: int) -> set[int]:
    """Give a fiche the editor's claim that is named after it, where a split by an earlier version of the hub left that elsewhere. The answer: whom to merge again."""
    bulk, uuid, editor = space.bulk, space.uuid_of[fiche], space.source_id(EDITOR)
    sql = "SELECT fiche_id FROM claim WHERE source_id = ? AND external_id = ? AND partner = '' AND fiche_id <> ?"
    elsewhere = {row[0] for row in bulk.rows(sql, editor, uuid, fiche)}
    if not elsewhere:
        return set()
    space.hold(elsewhere)
    bulk.run("UPDATE claim SET fiche_id = ?, home_id = ? WHERE source_id = ? AND external_id = ? AND partner = ''", fiche, fiche, editor, uuid)
    bulk.run("UPDATE identity SET fiche_id = ? WHERE key = ?", fiche, own_key(EDITOR, uuid))
    identities.forget([own_key(EDITOR, uuid)])
    return {fiche, *elsewhere}


# --- decisions about parts -------------------------------------------------------------------------------------------------------


def decisions_that_follow(space: Workspace, fiche: int, own: int) -> list[Claim]:
    """What an editor decided of parts that left with a split: his claims as they are to be from now on. Both fiches have been merged again.

    Such a decision says nothing where its part is not, and would be lost.
    """
    state, theirs = space.fiches[fiche], space.fiches[own].document or {}
    decided: dict[int, list[Claim]] = {fiche: [], own: []}
    for number, external_id, revision, raw in space.bulk.rows(
        "SELECT fiche_id, external_id, revision, content FROM claim WHERE source_id = ? AND partner = '' AND NOT gone AND fiche_id IN (?, ?) ORDER BY id",
        space.source_id(EDITOR),
        fiche,
        own,
    ):
        decided[number].append(schemas.decode_claim(EDITOR, external_id, revision, None, raw))
    if not any(field in claim.content for claim in decided[fiche] for field in PARTS):
        return []
    uuid = space.uuid_of[own]
    new = Claim(EDITOR, uuid, 0, state.kind, {"kind": state.kind}, same_as=((HUB, uuid),))
    goes = next((claim for claim in decided[own] if claim.external_id == uuid), new)
    before = goes
    changed = []
    here = _parts_of_sources(space.connection, state)
    for claim in decided[fiche]:
        kept = claim.content
        for field in (name for name, (kind, _, _) in PARTS.items() if kind == state.kind and name in claim.content):
            away = {key for part in theirs.get(field, ()) for key in part["keys"]} - here.get(field, set())
            follow = [part for part in claim.content[field] if not away.isdisjoint(part["keys"]) and here.get(field, set()).isdisjoint(part["keys"])]
            if follow:
                goes = replace(goes, content={**goes.content, field: _with_parts(field, goes.content.get(field, ()), follow)})
                rest = [part for part in claim.content[field] if part not in follow]
                kept = {**{name: said for name, said in kept.items() if name != field}, **({field: rest} if rest else {})}
        if kept is not claim.content:
            gone = len(kept) < 2
            changed.append(replace(claim, revision=claim.revision + 1, content={} if gone else kept, gone=gone))
    return changed if goes is before else [*changed, replace(goes, revision=goes.revision + 1)]


def _parts_of_sources(connection: Connection, state: FicheState) -> dict[str, set[str]]:
    """The keys of the parts of a fiche that not only an editor speaks of, by the field that they stand in."""
    spoken = {
        told.field.partition("].")[0]: None
        for told in reading.provenance(connection, state.id)
        if "]." in told.field and any(source != EDITOR for source, _, _ in told.claims)
    }
    return {
        field: {key for part in (state.document or {}).get(field, ()) if f"{field}[{part['keys'][0]}" in spoken for key in part["keys"]}
        for field in PARTS
    }


def _with_parts(field: str, said: Iterable[Document], follow: Iterable[Document]) -> list[Document]:
    """What an editor says of parts, with what he decided of some of them while they stood elsewhere, which is later."""
    rules = declared_rules(PARTS[field][2])
    parts = [*said]
    for part in follow:
        known = next((one for one in parts if not {*one["keys"]}.isdisjoint(part["keys"])), None)
        if known is None:
            parts.append(part)
            continue
        joined: dict[str, Any] = {**known, **part, "keys": list(dict.fromkeys([*known["keys"], *part["keys"]]))}
        joined |= {name: [*part[name], *known[name]] for name, rule in rules.items() if rule.merge == "union" and name in part and name in known}
        parts[parts.index(known)] = joined
    return parts
