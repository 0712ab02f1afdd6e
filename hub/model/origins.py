"""Which source said what of an entity, as far as one asker may know it.

The store keeps, for each field of a fiche and of its parts, the claims that gave it. A field of several sources may hold a value that the asker does not see, given by one of them
alone; then it cannot be told who gave the rest, so nothing is told of that field.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

from hub.model.claims import Provenance
from hub.model.fiche import Document

_MARKS: Final = frozenset({"visibility", "field_visibility", "keys"})


class Told(NamedTuple):
    """What may be told of one field: of the fiche (`part` is ""), or of the part with this id. `field` is its name there, `top` that of the fiche's own field."""

    top: str
    part: str
    field: str
    item: Provenance


def told(kept: Iterable[Provenance], stored: Document, shown: Document) -> Iterator[Told]:
    """What of the kept provenance of a stored fiche may be told to somebody who is shown `shown` of it."""
    for item in kept:
        top, _, rest = item.field.partition("[")
        if top not in shown:
            continue
        if not rest:
            if len(item.claims) < 2 or _plain(stored.get(top)) == _plain(shown[top]):
                yield Told(top, "", top, item)
            continue
        key, _, inner = rest.rpartition("].")
        whole = next((part for part in stored.get(top, ()) if part["keys"][0] == key), None)
        part = whole and next((part for part in shown[top] if part.get("id") == whole.get("id")), None)
        if not whole or not part or inner not in part:
            continue
        if len(item.claims) < 2 or _plain(whole.get(inner)) == _plain(part[inner]):
            yield Told(top, str(part["id"]), inner, item)


def _plain(value: Any) -> Any:
    """Without what tells about visibility, which only some see."""
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items() if name not in _MARKS}
    return [_plain(each) for each in value] if isinstance(value, list) else value
