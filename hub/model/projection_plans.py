"""How each field is shown at each level, worked out once from the declarations and the table of `hub.model.visibility`.

A plan says for each field that may be shown whether its value is kept as it is or which function projects it. What is not in a plan is
not shown, so a field that somebody adds and forgets is hidden.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

from hub.model.declarations import ListOf, Record, Shape, fiche_record
from hub.model.fiche import FICHE_TYPES, KINDS, PARTS, Document, Kind, Visibility
from hub.model.turning import ahead, turned
from hub.model.visibility import BY_KIND, RANK, VISIBILITY

KEEP: Final = object()
Rank = Literal[0, 1, 2]
RANKS: Final[tuple[Rank, ...]] = (0, 1, 2)
Projector = Callable[[Any, str], Any]
"""(value, today) -> what is left of it; something empty when nothing is."""
Plan = dict[str, Any]
"""Field -> `KEEP`, or a `Projector`."""


def overridden(kind: Kind, overrides: Mapping[str, Visibility], rank: int) -> Plan:
    """The plan of a fiche that hides or opens fields of its own choice."""
    defaults = VISIBILITY[FICHE_TYPES[kind].__name__]
    plan = {}
    for field, how in _WHOLE_PLANS[rank][kind].items():
        level = overrides.get(field) or defaults.get(field, "internal")
        if RANK[level] <= rank:
            plan[field] = how
    return plan


def _value(record: Record, rank: Rank) -> Any:
    """How one value of this record is shown to `rank`: kept, or by a function that gives None when all of it is hidden."""
    if record.name not in VISIBILITY:
        return KEEP
    shown = _plan(record, rank)
    if record.name in ("Volatile", "WaitingList"):
        return _volatile(frozenset(shown), rank)
    simple = all(how is KEEP for how in shown.values())
    if not simple:
        raise TypeError(f"{record.name} holds records with visibility, and none but fiches and parts may")
    return KEEP if rank == 2 else _trimmed(frozenset(shown))


def _plan(record: Record, rank: Rank, *, whole: bool = False) -> Plan:
    """Field -> how, for the fields of this record that `rank` may see; `whole` takes no account of the table."""
    levels = VISIBILITY[record.name]
    plan = {}
    for field in record:
        bookkeeping = field.name in ("visibility", "field_visibility")
        own = _says_its_own(field.shape)
        if rank == 2 or own or (not bookkeeping and (whole or RANK[levels.get(field.name, "internal")] <= rank)):
            plan[field.name] = _field(field.shape, rank)
    return plan


def _says_its_own(shape: Shape) -> bool:
    record = shape.item if isinstance(shape, ListOf) else shape
    return isinstance(record, Record) and any(field.name == "visibility" for field in record)


def _field(shape: Shape, rank: Rank) -> Any:
    if isinstance(shape, Record):
        return _value(shape, rank)
    if not isinstance(shape, ListOf) or not isinstance(shape.item, Record) or shape.item.name not in VISIBILITY:
        return KEEP
    record = shape.item
    if record.name in _PART_NAMES:
        return _parts(_plan(record, rank), rank)
    if record.name == "GovInfo":
        return _gov_info(frozenset(_plan(record, rank)), rank)
    if record.name == "Capacity":
        return _capacity(frozenset(_plan(record, rank)), rank)
    return KEEP if rank == 2 else _items(frozenset(_plan(record, rank)), rank)


# At the internal level also what says nothing.
_VISIBLE: Final = (
    frozenset({"public"}),
    frozenset({"public", "professional"}),
    frozenset({"public", "professional", "internal", None}),
)


def _sees(item: Document, rank: Rank) -> bool:
    return item.get("visibility") in _VISIBLE[rank]


def _trimmed(shown: frozenset[str]) -> Projector:
    return lambda value, today: {key: inner for key, inner in value.items() if key in shown}


def _items(shown: frozenset[str], rank: Rank) -> Projector:
    visible = _VISIBLE[rank]
    covers = shown.issuperset

    def project_items(items: list[Document], today: str) -> list[Document]:
        kept = []
        for item in items:
            if item.get("visibility") in visible:
                # Nearly always its visibility is all that has to go, and a copy is made in half the time of a choice.
                seen = item.copy()
                del seen["visibility"]
                kept.append(seen if covers(seen) else {key: value for key, value in seen.items() if key in shown})
        return kept

    return project_items


def _parts(plan: Plan, rank: Rank) -> Projector:
    visible = _VISIBLE[rank]

    def project_parts(parts: list[Document], today: str) -> list[Document]:
        kept = []
        for part in parts:
            if part.get("visibility") not in visible:
                continue
            shown = {}
            for field, value in part.items():
                how = plan.get(field)
                if how is KEEP:
                    shown[field] = value
                elif how is not None and (inner := how(value, today)):
                    shown[field] = inner
            kept.append(shown)
        return kept

    return project_parts


def _volatile(shown: frozenset[str], rank: Rank) -> Projector:
    left = frozenset({"valid_until", "visibility"}) & shown

    def project_volatile(value: Document, today: str) -> Document | None:
        if not _sees(value, rank):
            return None
        if turned(value, "valid_until", today):
            return {"value": "unknown", **{key: inner for key, inner in value.items() if key in left}}
        return {key: inner for key, inner in value.items() if key in shown}

    return project_volatile


def _capacity(shown: frozenset[str], rank: Rank) -> Projector:
    left = shown - {"available"}

    def project_capacity(items: list[Document], today: str) -> list[Document]:
        kept = []
        for item in items:
            if _sees(item, rank):
                keys = left if turned(item, "valid_until", today) else shown
                kept.append({key: value for key, value in item.items() if key in keys})
        return kept

    return project_capacity


def _gov_info(shown: frozenset[str], rank: Rank) -> Projector:
    def project_gov_info(items: list[Document], today: str) -> list[Document]:
        return [
            {key: value for key, value in item.items() if key in shown}
            for item in items
            if _sees(item, rank)
            and not turned(item, "valid_until", today)
            and not turned(item, "withdrawn_at", today)
            and not ahead(item, "valid_from", today)
        ]

    return project_gov_info


def _stamper(record: Record) -> Callable[[Document, Visibility], Document]:
    """A function that gives a record with the visibility explicit in it; `default` is that of the field it stands in.

    It never changes the record, but hands it back as it is where nothing is to be added.
    """
    discriminator, stricter = BY_KIND.get(record.name, ("", {}))
    levels = VISIBILITY[record.name]
    inner = []
    for field in record:
        item = field.shape.item if isinstance(field.shape, ListOf) else field.shape
        if isinstance(item, Record) and _says_its_own(item):
            inner.append(
                (
                    field.name,
                    isinstance(field.shape, ListOf),
                    _stamper(item),
                    levels.get(field.name, "internal"),
                )
            )

    def stamp_value(value: Document, default: Visibility) -> Document:
        if "visibility" in value:
            return value
        return {**value, "visibility": stricter.get(value.get(discriminator, ""), default)}

    if not inner:
        return stamp_value

    def stamp_record(value: Document, default: Visibility) -> Document:
        stamped = value.copy()
        if "visibility" not in stamped:
            stamped["visibility"] = stricter.get(stamped.get(discriminator, ""), default)
        for name, many, stamp_inner, level in inner:
            if name in stamped:
                held = stamped[name]
                stamped[name] = [stamp_inner(item, level) for item in held] if many else stamp_inner(held, level)
        return stamped

    return stamp_record


_PART_NAMES: Final = frozenset(declared.__name__ for _, _, declared in PARTS.values())
_RECORDS: Final[Mapping[Kind, Record]] = {kind: fiche_record(kind) for kind in KINDS}
PLANS: Final = [{kind: _plan(_RECORDS[kind], rank) for kind in KINDS} for rank in RANKS]
_WHOLE_PLANS: Final = [{kind: _plan(_RECORDS[kind], rank, whole=True) for kind in KINDS} for rank in RANKS]
STAMPS: Final = {record.name: _stamper(record) for record in _RECORDS.values()}
