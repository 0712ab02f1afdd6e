"""An editor's decisions. Each is a claim of the source `editor`, above every source that does not own the field."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

from hub import schemas
from hub.authority import declared_rules
from hub.errors import FieldError, Gone, Invalid, NotFound
from hub.model.claims import EDITOR, Claim
from hub.model.fiche import FICHE_TYPES, Document, Kind
from hub.store import reading
from hub.store.references import HUB
from hub.store.store import Store
from hub.store.writer import Writer


def edit(store: Store, uuid: str, field: str, value: Any, who: str) -> None:
    """Decide what a top-level field of a fiche says; `None` takes an earlier decision back. `who` is kept in the change log.

    A list that sources fill together becomes exactly `value`: what they give besides is excluded. Raises `Locked` (owner, route) when an
    authentic source of this fiche owns the field, `Invalid`, `NotFound`, `Gone`.
    """
    store.write(lambda writer: _edit(writer, uuid, field, value, who))


def decide_conflict(store: Store, uuid: str, field: str, chosen: Any, who: str = EDITOR) -> None:
    """Settle a conflict for good: `chosen` is one of the values that stand against each other. Touches no other field.

    Raises as `edit`; `Invalid` also when there is no conflict about the field, or the value is none of them.
    """

    def decide(writer: Writer) -> None:
        number = _fiche(writer, uuid)
        found = next(
            (item for item in reading.conflicts_of(writer.connection, number) if item.field == field), None
        )
        if found is None:
            raise Invalid(
                f"There is no conflict about {field}.", (FieldError("field", "no conflict", field),)
            )
        if all(stated != chosen for _, _, stated in found.values):
            raise Invalid(
                "Choose one of the values that stand against each other.",
                (FieldError("chosen", "none of the values"),),
            )
        _edit(writer, uuid, field, chosen, who)

    store.write(decide)


def _fiche(writer: Writer, uuid: str) -> int:
    writer.identities.load([f"{HUB}|{uuid}"])
    number = writer.identities.fiche(f"{HUB}|{uuid}")
    if number is None:
        raise NotFound(f"There is no fiche with id {uuid}.")
    return number


def _edit(writer: Writer, uuid: str, field: str, value: Any, who: str) -> None:
    space = writer.space
    number = _fiche(writer, uuid)
    space.load([number], lock=True)
    state = space.fiches[number]
    if state.document is None:
        raise Gone(f"The fiche {uuid} has been removed; there is nothing to edit.")
    rules = declared_rules(FICHE_TYPES[state.kind])
    if field not in rules:
        raise Invalid(
            f"An {state.kind} has no field {field} that can be edited.",
            (FieldError("field", f"one of {', '.join(sorted(rules))}", field),),
        )
    sources = reading.sources(space.connection, [number]).get(number, ())
    space.around.authority.check_edit(state.kind, field, sources)
    known = _standing(writer, number, state.uuid, state.kind)
    content = {name: stated for name, stated in known.content.items() if name != field}
    excluded = {name: items for name, items in known.excluded.items() if name != field}
    if value is not None:
        content[field] = value
        rule = rules[field]
        if rule.merge == "union":
            others = [
                _key(item, rule.key)
                for item in state.document.get(field, ())
                if not _among(item, value, rule.key)
            ]
            if others:
                excluded[field] = others
    claim = replace(
        known, revision=known.revision + 1, content=content, excluded=excluded, gone=len(content) < 2
    )
    if claim.gone:
        claim = replace(claim, content={}, excluded={})
    counts = writer.put([claim], origin=who)
    if counts.rejected:
        first = counts.rejected[0]
        raise Invalid(first.message, (FieldError(first.field or field, first.message),))


def _standing(writer: Writer, number: int, uuid: str, kind: Kind) -> Claim:
    """The editor's claim about the fiche so far."""
    rows = writer.space.bulk.rows(
        "SELECT c.external_id, c.revision, c.content FROM claim c JOIN source s ON s.id = c.source_id"
        " WHERE c.fiche_id = ? AND s.name = ? AND c.partner = '' ORDER BY c.external_id = ? DESC, c.id LIMIT 1",
        number,
        EDITOR,
        uuid,
    )
    if not rows:
        return Claim(EDITOR, uuid, 0, kind, {"kind": kind}, same_as=((HUB, uuid),))
    external_id, revision, raw = rows[0]
    found = schemas.decode_claim(EDITOR, external_id, revision, None, raw)
    return replace(found, content={"kind": kind, **found.content}, gone=False)


def _key(item: Any, attributes: tuple[str, ...]) -> Any:
    if not attributes:
        return item
    return {name: item[name] for name in attributes if name in item}


def _among(item: Any, items: list[Any], attributes: tuple[str, ...]) -> bool:
    return any(_key(item, attributes) == _key(cast(Document, other), attributes) for other in items)
