"""By what an item of a list is recognised, whoever states it, however it is spelled and in whichever of its languages."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple, TypeVar, cast

from hub.model.fiche import LANGUAGES
from hub.model.folding import fold
from hub.model.identifiers import RIZIV, RIZIV_GROUP

_Item = TypeVar("_Item")
Keys = Callable[[Any], tuple[Any, ...]]
"""The keys of an item: two items that share one are the same item."""


def keys_by(attributes: tuple[str, ...]) -> Keys:
    """How items are recognised of which these attributes are the key, as the field's `Rule` names them.

    Texts compare folded, and in each language for itself: who gives an address in Dutch and who gives it in Dutch and French mean one. At most
    one of the attributes is a text. Names that share a language may still contradict each other in another (`name_by`). An item without any of them is only equal to itself.

    A telephone number is one whatever kind it is given, a website one without its scheme and a slash at its end, and house numbers and boxes compare
    without blanks and case.
    """
    if attributes in _OF_THEIR_OWN:
        return _OF_THEIR_OWN[attributes]

    def keys(item: Any) -> tuple[Any, ...]:
        parts: list[Any] = []
        stated = False
        several: tuple[Any, ...] = ()
        place = -1
        for attribute in attributes:
            value = item.get(attribute)
            if value is not None:
                stated = True
                if type(value) is not str:
                    values = _comparable(value)
                    value = values[0]
                    if len(values) > 1:
                        several, place = values, len(parts)
            parts.append(value)
        if not stated:
            return (json.dumps(item, sort_keys=True),)
        if place < 0:
            return (tuple(parts),)
        return tuple((*parts[:place], value, *parts[place + 1 :]) for value in several)

    return keys


def name_by(attributes: tuple[str, ...]) -> Callable[[Any], Mapping[str, str]] | None:
    """What items of such a list are called, where this alone tells them apart: who spells a street otherwise in one of its languages still means that street."""
    return _NAMES.get(attributes)


class Vague(NamedTuple):
    """How an item that leaves something out is known from precise ones, and these from it: it is not the same item, but speaks of the same thing."""

    is_vague: Callable[[Any], bool]
    things: Callable[[Any], tuple[Any, ...]]
    """What it speaks of: a vague and a precise item that share one mean the same."""
    stands_for: Callable[[Any], bool]
    """Whether a precise item says all that a vague one of the same thing does, so that this one need not be listed beside it."""


def vague_by(attributes: tuple[str, ...]) -> Vague | None:
    """Which items of such a list may be vague: an address without type beside one with a type, a RIZIV number of eight digits beside one of eleven."""
    return _VAGUE.get(attributes)


def website_key(value: str) -> str:
    """The website without scheme and without a slash at its end."""
    return value.partition("://")[2].rstrip("/") or value


def itself(value: Any) -> tuple[Any, ...]:
    """The key of a plain value."""
    return (value,)


def alike(
    items: Iterable[_Item], keys: Callable[[_Item], tuple[Any, ...]], text: Callable[[_Item], Mapping[str, str]] | None = None
) -> list[list[_Item]]:
    """The items grouped by what they share, each group and its members in the order in which they came.

    `text`: what an item is called, where two that share a language but say another thing in a second one are two. Of several groups that
    it could belong to an item goes with the first.
    """
    groups: list[list[tuple[int, _Item]]] = []
    place: dict[Any, int] = {}
    for number, item in enumerate(items):
        own = keys(item)
        known = sorted({place[key] for key in own if key in place})
        if not known:
            known = [len(groups)]
            groups.append([])
        first, *others = known
        for other in others:  # which nothing held together before
            groups[first] += groups[other]
            groups[other] = []
            place.update((key, first) for key, at in place.items() if at == other)
        groups[first].append((number, item))
        place.update(dict.fromkeys(own, first))
    found = [sorted(group, key=lambda one: one[0]) for group in groups if group]
    if text is not None:
        found = sorted((part for group in found for part in _of_one_mind(group, text)), key=lambda group: group[0][0])
    return [[item for _, item in group] for group in found]


def _of_one_mind(group: list[tuple[int, _Item]], text: Callable[[_Item], Mapping[str, str]]) -> list[list[tuple[int, _Item]]]:
    """The group as those of which all texts together say one thing in each language; what two of these say together is never one thing."""
    if len(group) < 2:
        return [group]
    parts: list[tuple[dict[str, str], list[tuple[int, _Item]]]] = []
    for one in group:
        said, members = dict(text_keys(text(one[1]))), [one]
        while (near := next((part for part in parts if _agree(part[0], said)), None)) is not None:
            parts.remove(near)
            said, members = {**said, **near[0]}, near[1] + members
        parts.append((said, sorted(members, key=lambda member: member[0])))
        parts.sort(key=lambda part: part[1][0][0])
    return [members for _, members in parts]


def is_text(value: Any) -> bool:
    """Whether this is a text by language."""
    return type(value) is dict and bool(value) and all(name in LANGUAGES for name in value)


def text_keys(text: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """A text as it compares, in each of its languages."""
    return tuple([(language, _folded(said)) for language, said in text.items()])


def same_text(one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    """Whether two texts are one: they share a language, and say the same in every language that they share."""
    return _agree(dict(text_keys(one)), dict(text_keys(other)))


def _agree(one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    """The same of texts as they compare."""
    shared = one.keys() & other.keys()
    return bool(shared) and all(one[language] == other[language] for language in shared)


def _comparable(value: Any) -> tuple[Any, ...]:
    return text_keys(value) if is_text(value) else (json.dumps(value, sort_keys=True),)


@lru_cache(maxsize=8192)
def _folded(text: str) -> str:
    return fold(text) or text


# --- items that are the same in a way of their own --------------------------------------------------------------------------------------

_PHONES: Final = frozenset({"phone", "mobile"})
_WHERE_PEOPLE_COME: Final = frozenset({"visit", "practice"})


def _contact_keys(contact: Any) -> tuple[Any, ...]:
    kind, value = contact["kind"], contact["value"]
    if kind in _PHONES:
        return (("phone", value),)
    return ((kind, website_key(value) if kind == "website" else value),)


def _address_keys(address: Any) -> tuple[Any, ...]:
    if "type" not in address and not _PLACE.intersection(address):
        return (json.dumps(address, sort_keys=True),)
    kind = address.get("type")
    return tuple([(kind, *place) for place in _places(address)])


def _places(address: Any) -> tuple[Any, ...]:
    """Where it is, in each language of the street; nothing where it does not say."""
    street, postcode = address.get("street"), address.get("postcode")
    number, box = _number(address.get("house_number")), _number(address.get("box"))
    if street is None:
        return ((postcode, None, number, box),)
    return tuple([(postcode, (language, _folded(text)), number, box) for language, text in street.items()])


def _number(written: str | None) -> str | None:
    return written if written is None or written.isdigit() else "".join(written.split()).casefold()


def _stated_places(address: Any) -> tuple[Any, ...]:
    return _places(address) if _PLACE.intersection(address) else ()


def _is_short(identifier: Any) -> bool:
    return identifier["system"] in _RIZIVS and len(identifier["value"]) == 8


def _person(identifier: Any) -> tuple[Any, ...]:
    return ((identifier["system"], identifier["value"][:8]),) if identifier["system"] in _RIZIVS and len(identifier["value"]) in (8, 11) else ()


_ADDRESS: Final = ("type", "postcode", "street", "house_number", "box")
_PLACE: Final = frozenset(_ADDRESS[1:])
_RIZIVS: Final = frozenset({RIZIV, RIZIV_GROUP})
_OF_THEIR_OWN: Final[Mapping[tuple[str, ...], Keys]] = {("kind", "value"): _contact_keys, _ADDRESS: _address_keys}
_NAMES: Final[Mapping[tuple[str, ...], Callable[[Any], Mapping[str, str]]]] = {
    ("use", "text"): lambda name: cast("Mapping[str, str]", name.get("text", {}))
}
_VAGUE: Final[Mapping[tuple[str, ...], Vague]] = {
    _ADDRESS: Vague(lambda address: "type" not in address, _stated_places, lambda address: address.get("type") in _WHERE_PEOPLE_COME),
    ("system", "value"): Vague(_is_short, _person, lambda identifier: True),
}
