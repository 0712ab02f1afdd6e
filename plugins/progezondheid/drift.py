"""Notices that the interface itself has changed: a field that is new, or gone, in row after row. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

FIELDS: Final = (
    "nihdi8",
    "nihdi",
    "version",
    "updated_at",
    "state",
    "name",
    "gender",
    "languages",
    "professions",
    "competences",
    "visa",
    "convention",
    "addresses",
    "contacts",
    "activity_evidence",
    "practices",
)
"""What the contract gives every provider who was not deleted, if need be with null or an empty list."""
WITHIN: Final[Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "name": (("family", "given"), ()),
    "professions": (("code",), ()),
    "competences": (("code",), ()),
    "visa": (("profession", "status"), ()),
    "addresses": (("type",), ("street", "house_number", "box", "postcode", "municipality", "city", "country", "position")),
    "contacts": (("kind", "value", "audience"), ()),
    "activity_evidence": (("type", "status", "observed_on"), ("since", "until")),
}
"""Field -> what the contract gives each object in it, and what it may give. `practices` are left out: nothing of them is read."""
ENOUGH: Final = 20
"""So many rows without a field are no coincidence."""


@dataclass(frozen=True, slots=True)
class Drift:
    """`missing`: fields of the contract that no row has any more. `new`: fields that the contract does not know."""

    missing: tuple[str, ...] = ()
    new: tuple[str, ...] = ()


def drift_in(items: Sequence[Any]) -> Drift:
    """How the rows of a page differ, as a whole, from the contract.

    A field counts as missing when every row lacks it and either the rows are many or another field came in its place; one odd row is not a
    changed interface, and is rejected by itself.
    """
    rows = [item for item in items if isinstance(item, dict) and item.get("state") != "deleted"]
    missing, new = _compared(rows, FIELDS, ())
    for name, (always, sometimes) in WITHIN.items():
        held = [row[name] for row in rows if name in row]
        many = not all(isinstance(value, dict) for value in held)
        objects = [one for value in held for one in (value if isinstance(value, list) else (value,)) if isinstance(one, dict)]
        path = f"{name}[]." if many else f"{name}."
        inner_missing, inner_new = _compared(objects, always, sometimes)
        missing += [path + field for field in inner_missing]
        new += [path + field for field in inner_new]
    return Drift(tuple(missing), tuple(new))


def _compared(objects: Sequence[dict[str, Any]], always: Sequence[str], sometimes: Sequence[str]) -> tuple[list[str], list[str]]:
    """The fields that all of them lack, and those that the contract does not know."""
    if not objects:
        return [], []
    new = sorted(set[str]().union(*objects) - {*always, *sometimes})
    in_all = [key for key in new if all(key in one for one in objects)]
    missing = [field for field in always if all(field not in one for one in objects)]
    if missing and not (len(objects) >= ENOUGH or in_all):
        missing = []
    return missing, new
