"""Which source said what of an entity, as far as one asker may know it, and who hears a source at all.

The store keeps, for each field of a fiche and of its parts, the claims that gave it. A field of several sources may hold a value that the asker does not see, given by one of them
alone; then it cannot be told who gave the rest, so nothing is told of that field.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from hub.model.audience import Grant, level_of, project
from hub.model.claims import Provenance
from hub.model.fiche import FICHE_TYPES, PARTS, Document
from hub.model.links import targets, without_links_to
from hub.model.visibility import LEVELS, VISIBILITY

_MARKS: Final = frozenset({"visibility", "field_visibility", "keys"})
_OF_THE_HUB: Final = _MARKS | {"id", "kind"}
_NOT_AT_A_GLANCE: Final = _OF_THE_HUB | {"organisatie", "provided_by", "parent", "zorgverlener", "caregivers", "memberships", "gov_info"}
_FRAME: Final = ("id", "kind", "visibility", "field_visibility")
_LEVEL_GRANTS: Final = tuple(Grant(level=level) for level in LEVELS)
_NEVER: Final = ""
"""A day before all others: nothing has run out yet."""


class Told(NamedTuple):
    """What may be told of one field: of the fiche (`part` is ""), or of the part with this id. `field` is its name there, `top` that of the fiche's own field."""

    top: str
    part: str
    field: str
    item: Provenance


def told(kept: Iterable[Provenance], stored: Document, shown: Document) -> Iterator[Told]:
    """What of the kept provenance of a stored fiche may be told to somebody who is shown `shown` of it; who decided what is hidden is not."""
    for item in kept:
        top, _, rest = item.field.partition("[")
        if top not in shown or item.field.rpartition(".")[2] in _MARKS:
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


def heard(
    said: Iterable[Provenance],
    speakers: Sequence[str],
    document: Document,
    related: Mapping[str, Document],
    *,
    container: str = "",
    part: Document | None = None,
) -> dict[str, int]:
    """The sources of a stamped fiche, or of the `part` that stands under `container` in it, each with the lowest rank that sees something which it gave.

    `said`: the kept provenance of a fiche of several sources. `speakers` are those that gave everything: the only one, or the partner's own in his view of it.
    A link whose other end, one of `related`, a rank does not see is not there for it; no source is heard by that alone.
    """
    if not said and _plainly_shown(document, container, part):
        return dict.fromkeys(speakers, 0)
    if part is None:
        mine = [item for item in said if "[" not in item.field]
    else:
        document = {**{name: document[name] for name in _FRAME if name in document}, container: [part]}
        mine = [item for item in said if item.field.startswith(f"{container}[{part['keys'][0]}].")]
    linked = targets(document)
    waited_for = {*speakers, *(source for item in mine for source, _, _ in item.claims)}
    found: dict[str, int] = {}
    for rank, grant in enumerate(_LEVEL_GRANTS):
        shown = project(document, grant, _NEVER)
        if shown is None:
            continue
        shown = without_links_to(shown, {uuid for uuid in linked if level_of(related.get(uuid)) > rank})
        own = shown if part is None else next(iter(shown.get(container, ())), {})
        if speakers and not own.keys() <= _OF_THE_HUB:
            found.update((source, rank) for source in speakers if source not in found)
        for each in told(mine, document, shown) if mine else ():
            found.update((source, rank) for source, _, _ in each.item.claims if source not in found)
        if len(found) == len(waited_for):
            break
    return found


def _plainly_shown(document: Document, container: str, part: Document | None) -> bool:
    """Whether the public surely sees a value of it, as is so of nearly all and told at a glance; False where that must be looked at."""
    holder = document if part is None else part
    if document.get("visibility") != "public" or holder.get("visibility") != "public" or "field_visibility" in document:
        return False
    levels = VISIBILITY[(FICHE_TYPES[document["kind"]] if part is None else PARTS[container][2]).__name__]
    for field, value in holder.items():
        if field in _NOT_AT_A_GLANCE:
            continue
        first = value[0] if isinstance(value, list) and value else value
        said = first.get("visibility") if isinstance(first, dict) else None
        if (said or levels.get(field)) == "public":
            return True
    return False


def _plain(value: Any) -> Any:
    """Without what tells about visibility, which only some see."""
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items() if name not in _MARKS}
    return [_plain(each) for each in value] if isinstance(value, list) else value
