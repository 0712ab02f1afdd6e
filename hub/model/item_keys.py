"""By what an item of a list is recognised, whoever states it, however it is spelled and in whichever of its languages."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any, TypeVar

from hub.model.fiche import LANGUAGES
from hub.model.folding import fold

_Item = TypeVar("_Item")
Keys = Callable[[Any], tuple[Any, ...]]
"""The keys of an item: two items that share one are the same item."""


def keys_by(attributes: tuple[str, ...]) -> Keys:
    """How items are recognised of which these attributes are the key, as the field's `Rule` names them.

    Texts compare folded, and in each language for itself: who gives an address in Dutch and who gives it in Dutch and French mean one. At most
    one of the attributes is a text. An item without any of them is only equal to itself.
    """

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


def itself(value: Any) -> tuple[Any, ...]:
    """The key of a plain value."""
    return (value,)


def alike(items: Iterable[_Item], keys: Callable[[_Item], tuple[Any, ...]]) -> list[list[_Item]]:
    """The items grouped by what they share, each group and its members in the order in which they came."""
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
    return [[item for _, item in sorted(group, key=lambda one: one[0])] for group in groups if group]


def is_text(value: Any) -> bool:
    """Whether this is a text by language."""
    return type(value) is dict and bool(value) and all(name in LANGUAGES for name in value)


def same_text(one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    """Whether two texts are one: they share a language, and say the same in every language that they share."""
    shared = one.keys() & other.keys()
    return bool(shared) and all(_folded(one[language]) == _folded(other[language]) for language in shared)


def _comparable(value: Any) -> tuple[Any, ...]:
    if not is_text(value):
        return (json.dumps(value, sort_keys=True),)
    return tuple([(language, _folded(text)) for language, text in value.items()])


@lru_cache(maxsize=8192)
def _folded(text: str) -> str:
    return fold(text) or text
