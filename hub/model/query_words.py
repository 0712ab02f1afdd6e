"""Words that become a `Query`: `key=value`, as administrators write them in settings and on the command line, with the meaning that they have in the API. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from hub.errors import FieldError, Invalid
from hub.model.fiche import EntityType
from hub.model.selection import Criterion, Linked, Near, Query

LINKED_TYPES: Final[Mapping[str, EntityType]] = {
    "organisatie": "organisatie",
    "parent": "organisatie",
    "provided_by": "organisatie",
    "vestiging": "vestiging",
    "zorgverlener": "zorgverlener",
}
"""Links that can be asked for by the id at their other end -> the type of what is there."""
_SPELLED: Final = {"providedBy": "provided_by", "changedSince": "changed_since"}  # as the API has them


def linked_to(link: str, ids: Sequence[str]) -> Linked:
    """What has this link (of `LINKED_TYPES`) to one of these ids."""
    return Linked(link, Query(types=(LINKED_TYPES[link],), where=(Criterion("id", tuple(ids)),)))


def near_of(text: str) -> Near:
    """The place of `51.05,3.72,10`: latitude, longitude and kilometres. Raises `ValueError`."""
    lat, lon, km = (float(number) for number in text.split(","))
    return Near(lat, lon, km)


def narrowed(query: Query, words: Iterable[str]) -> Query:
    """The query with criteria of the form `key=value`; values that are parted by commas are alternatives.

    Keys are those of `KEYS`, the links of `LINKED_TYPES` (to an id), `rubriek`, `near` (latitude, longitude, kilometres) and `changed_since` (a seq). Raises
    `Invalid` about `where`, with the word.
    """
    for word in words:
        key, separator, value = word.partition("=")
        key = _SPELLED.get(key, key)
        values = tuple(value.split(","))
        if not separator:
            raise _invalid("Write it as key=value.", word)
        if key == "near":
            try:
                query = replace(query, near=near_of(value))
            except ValueError:
                raise _invalid("Give latitude, longitude and kilometres, parted by commas: near=51.05,3.72,10.", word) from None
        elif key == "changed_since":
            if not value.isdecimal():
                raise _invalid("Give a seq of the change log, a whole number.", word)
            query = replace(query, changed_since=int(value))
        elif key == "rubriek":
            query = replace(query, where=(*query.where, Criterion("code", tuple(f"rubriek|{code}" for code in values))))
        elif key in LINKED_TYPES:
            query = replace(query, linked=(*query.linked, linked_to(key, values)))
        else:  # one that there is not is named by `normalise`, with whatever else is wrong
            query = replace(query, where=(*query.where, Criterion(key, values)))
    return query


def _invalid(reason: str, word: str) -> Invalid:
    return Invalid(f"{word!r} is no criterion.", (FieldError("where", reason, word),))
