"""An editor's decisions. Each is a claim of the source `editor`, above every source that does not own the field."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection

from hub import schemas
from hub.authority import declared_rules
from hub.errors import FieldError, Gone, Invalid, NotFound
from hub.model.canonical import canonical_content
from hub.model.claims import EDITOR, Claim
from hub.model.fiche import FICHE_TYPES, Document
from hub.model.turning import TURNING
from hub.store import reading
from hub.store.checking_edits import check_arrival, check_lasting, check_lock, check_outcome, check_seen, part_ids
from hub.store.decided import Place, decided_in, find_place, with_decision
from hub.store.references import HUB
from hub.store.splitting import take_home
from hub.store.store import Store
from hub.store.workspace import FicheState
from hub.store.writer import Writer

_AT_ONCE = 200
_PATH = "FIELD, a part's PARTS[KEY].FIELD, or an attribute of an item of a list: FIELD[ITEM].ATTRIBUTE"


@dataclass(frozen=True, slots=True)
class Decided:
    """What an editor decided of a field of a fiche. `field` is named as `edit` names it."""

    field: str
    value: Any


def edit(store: Store, uuid: str, field: str, value: Any, who: str) -> None:
    """Decide what a field of a fiche says; `None` takes an earlier decision back. `who` is kept in the change log.

    `field` is named as conflicts name it: `form`, `vestigingen[<key>].hours` for a field of one part, `contacts[phone|+3216000001].purpose`
    for an attribute of one item of a list. Nothing but that is touched. A list that sources fill together becomes exactly `value`: what they
    give besides is excluded (a list of a part cannot be edited as a whole). Raises `Locked` (owner, route) when an
    authentic source of this fiche or part owns the field, `Invalid`, `NotFound`, `Gone`. `Invalid` too when a source says that fewer may see it than
    `value` says (of two visibilities the stricter stands), and for a volatile value that was over before a source said otherwise. Taken back is whatever
    `decisions` lists, also where the sources have let go of what it is about; `Invalid` when there is none about the field.
    """
    store.write(lambda writer: _edit(writer, uuid, field, value, who))


def decide_conflict(store: Store, uuid: str, field: str, chosen: Any = None, who: str = EDITOR, *, source: str | None = None) -> Any:
    """Settle a conflict for good: `chosen`, or what `source` says, is one of the values that stand against each other, and the answer. Touches no other field.

    What was decided may be decided anew: then also among the values that stand against each other without that decision.
    Raises as `edit`; `Invalid` also when there is no conflict about the field, or the value or source has no part in it.
    """

    def decide(writer: Writer) -> Any:
        against = _against_each_other(writer, uuid, field)
        if not against:
            raise Invalid(f"There is no conflict about {field}.", (FieldError("field", "no conflict", field),))
        stated = [value for name, value in against if (name == source if source is not None else value == chosen)]
        if not stated and source is not None:
            names = ", ".join(sorted({name for name, _ in against}))
            raise Invalid(f"{source} has no part in this conflict.", (FieldError("source", f"one of {names}", source),))
        if not stated:
            raise Invalid(
                "Choose one of the values that stand against each other.",
                (FieldError("chosen", "none of the values"),),
            )
        _edit(writer, uuid, field, stated[0], who)
        return stated[0]

    return store.write(decide)


def decisions(connection: Connection, uuid: str) -> list[Decided]:
    """What an editor decided of a fiche and nobody took back, by the names of the fields. Raises `NotFound`, `Gone`.

    Also what sleeps, since the sources have let go of the fiche, or of the part that it is about.
    """
    known = reading.resolve(connection, [uuid]).get(uuid)
    if known is not None and known.moved_to is not None:
        known = reading.resolve(connection, [known.moved_to])[known.moved_to]
    if known is None or known.type not in FICHE_TYPES:
        raise NotFound(f"There is no fiche with id {uuid}.")
    if known.state == "erased":
        raise Gone(f"The fiche {uuid} has been erased.")
    document = reading.documents(connection, [known.id]).get(known.id)
    said = [claim for claim in reading.standing_claims(connection, [known.id]).get(known.id, ()) if claim.source == EDITOR]
    return [Decided(field, value) for field, (value, _) in sorted(decided_in(known.type, document or {}, said).items())]


def apply_rules(store: Store, *, dry_run: bool = False) -> int:
    """Merge every fiche with a conflict again, by the authority of its sources as it is now; the answer is how many conflicts that settled.

    A changed rule applies by itself only to what comes in afterwards. `dry_run` counts, and changes nothing.
    """
    after = settled = 0
    while True:
        with store.read() as connection:
            found = reading.conflicts(connection, _AT_ONCE, after)
        if not found:
            return settled
        numbers = [one.number for one in found]
        after = numbers[-1]

        def work(writer: Writer, numbers: list[int] = numbers) -> int:
            writer.space.origin = "authority"
            writer.space.load(numbers, lock=True)
            told = sum(len(reading.conflicts_of(writer.connection, number)) for number in numbers)
            writer.remake(set(numbers))
            return told - sum(len(reading.conflicts_of(writer.connection, number)) for number in numbers)

        settled += store.write(work, dry_run=dry_run)


def _edit(writer: Writer, uuid: str, field: str, value: Any, who: str) -> None:
    space = writer.space
    state, said = _held(writer, uuid)
    place = _to_decide(writer, state, field) if value is not None else _to_take_back(state, said, field)
    if value is not None and place.part is None and place.item is None:
        # In the form in which it is kept, because what else stands in a list is compared with it.
        value = canonical_content(schemas.check(state.kind, {field: value}, claim=True))[field]
    claims = _saying(said, state.document or {}, place, value)
    parts = part_ids(state)
    counts = writer.put(claims, origin=who)
    if wrong := counts.rejected or counts.left_out:
        first = wrong[0]
        raise Invalid(first.message, (FieldError(first.field or field, first.message),))
    check_arrival(writer, state, claims, field, erased=counts.erased > 0)
    if value is None:
        return
    stands = space.fiches[state.id]
    check_seen(writer, stands, place, field, value)
    if place.part is not None:
        check_outcome(stands, place, field, value, parts)
    elif place.field in TURNING and place.rule.merge == "whole":
        check_lasting(stands, place, value)


def _held(writer: Writer, uuid: str) -> tuple[FicheState, list[Claim]]:
    """The fiche, kept from other writers, with the editor's claims about it."""
    (state,) = writer.hold(uuid)
    if elsewhere := take_home(writer.space, writer.identities, state.id):
        writer.remake(elsewhere)
        state = writer.space.fiches[state.id]
    return state, _standing(writer, state)


def _to_decide(writer: Writer, state: FicheState, field: str) -> Place:
    if state.document is None:
        raise Gone(f"The fiche {state.uuid} has been removed; there is nothing to edit.")
    place = find_place(state.kind, state.document, field)
    if place is None:
        raise Invalid(
            f"This {state.kind} has no field {field} that can be edited. Write {_PATH}.",
            (FieldError("field", f"one of {', '.join(sorted(declared_rules(FICHE_TYPES[state.kind])))}, or inside these", field),),
        )
    check_lock(writer, state, place)
    return place


def _to_take_back(state: FicheState, said: Sequence[Claim], field: str) -> Place:
    decided = decided_in(state.kind, state.document or {}, said)
    if field not in decided:
        named = f"one of {', '.join(sorted(decided))}" if decided else "no decision"
        raise Invalid(f"There is no decision about {field}.", (FieldError("field", named, field),))
    return decided[field][1]


def _saying(said: Sequence[Claim], document: Document, place: Place, value: Any) -> list[Claim]:
    """What becomes of the editor's claims, which `_standing` gives, with this decision in them, or without it for `None`."""
    known = said[0]
    # Also what an earlier decision left out, which does not stand in the document any more.
    left_out = [item for claim in said for item in claim.excluded.get(place.field, ())]
    claims = [] if value is None else [with_decision(known, document, place, value, left_out)]
    # What was decided of a fiche that was joined to this one is decided anew: two decisions about one thing would stand against each other.
    claims += [taken for one in (said if value is None else said[1:]) if (taken := with_decision(one, document, place, None)) != one]
    claims = [replace(claim, revision=claim.revision + 1) for claim in claims]
    return [replace(claim, content={}, excluded={}, gone=True) if len(claim.content) < 2 else claim for claim in claims]


def _against_each_other(writer: Writer, uuid: str, field: str) -> list[tuple[str, Any]]:
    """The values among which somebody may choose, each with the source that gives it: those of the conflict, and of the one that a decision settled."""
    state, said = _held(writer, uuid)
    found = [*reading.conflicts_of(writer.connection, state.id)]
    if decision := decided_in(state.kind, state.document or {}, said).get(field):
        found += writer.conflicts_with(state.id, _saying(said, {}, decision[1], None))
    return [(source, value) for conflict in found if conflict.field == field for source, _, value in conflict.values]


def _standing(writer: Writer, state: FicheState) -> list[Claim]:
    """The editor's claims about the fiche so far: first the one that is named after it, also when there is none yet, then those of fiches that were joined to it.

    Each fiche has its own, so that a split gives back what was decided of it.
    """
    bulk = writer.space.bulk
    rows = bulk.rows(
        "SELECT external_id, revision, content FROM claim WHERE fiche_id = ? AND source_id = ? AND partner = '' ORDER BY id",
        state.id,
        writer.space.source_id(EDITOR),
    )
    own, others = Claim(EDITOR, state.uuid, 0, state.kind, {"kind": state.kind}, same_as=((HUB, state.uuid),)), []
    for external_id, revision, raw in rows:
        found = schemas.decode_claim(EDITOR, external_id, revision, None, raw)
        known = replace(found, content={"kind": state.kind, **found.content}, gone=False)
        if external_id == state.uuid:
            own = known
        else:
            others.append(known)
    return [own, *others]
