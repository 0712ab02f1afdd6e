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
    rows = [item for item in items if isinstance(item, Mapping) and item.get("state") != "deleted"]
    if not rows:
        return Drift()
    new = sorted({str(key) for row in rows for key in row} - set(FIELDS))
    in_all = [key for key in new if all(key in row for row in rows)]
    missing = tuple(field for field in FIELDS if all(field not in row for row in rows))
    if missing and not (len(rows) >= ENOUGH or in_all):
        missing = ()
    return Drift(missing, tuple(new))
