"""The items of a list, and what several say of one: equal or not, completed, seen by whom, and how an item is called."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from hub.merge.plans import Field
from hub.model.fiche import LANGUAGES, Document, Visibility
from hub.model.item_keys import alike, is_text, same_text
from hub.model.visibility import RANK


def strictest(visibilities: Iterable[Visibility]) -> Visibility:
    """Of several visibilities the one that the fewest may see."""
    return max(visibilities, key=RANK.__getitem__)


def visibility_of(field: Field, item: Document) -> Visibility:
    """Who may see the item: as it says, else by the audience table."""
    stated: Visibility | None = item.get("visibility")
    attribute, by_kind = field.by_kind
    return stated or by_kind.get(item.get(attribute, ""), field.default)


def one_list(field: Field, items: list[Any]) -> list[Any]:
    """The list as one claim states it. An item that it states twice stands once, with what either says; of visibilities the stricter."""
    if len(items) < 2 or len({field.plain(item) for item in items}) == len(items):
        return items
    groups = alike(items, field.keys)
    return items if len(groups) == len(items) else [_joined(field, group) for group in groups]


def _joined(field: Field, items: list[Document]) -> Document:
    """One item that a claim states several times."""
    joined = items[0]
    for item in items[1:]:
        if item != joined:
            visible = strictest((visibility_of(field, joined), visibility_of(field, item)))
            joined = {name: completed([one[name] for one in (joined, item) if name in one]) for name in {**item, **joined}}
            if "visibility" in joined or visible != field.default:
                joined["visibility"] = visible
    return joined


def completed(values: Sequence[Any]) -> Any:
    """The best value; a text also in the languages in which only others say the same."""
    best = values[0]
    for other in values[1:]:
        if is_text(best) and is_text(other) and other.keys() - best.keys() and same_text(best, other):
            best = {**other, **best}
    return best


def agree(one: Any, other: Any) -> bool:
    """Whether two values are equal, or the same text with more languages."""
    if one == other or not is_text(one) or not is_text(other):
        return bool(one == other)
    shared = one.keys() & other.keys()
    return bool(shared) and all(one[language] == other[language] for language in shared)


def item_label(item: Document, attributes: tuple[str, ...]) -> str:
    """How an item of a list is called in the field of a conflict: `contacts[<this>].purpose`. `attributes`: those that are its key."""
    return "|".join(_label(item.get(name)) for name in attributes)


def _label(value: Any) -> str:
    """A key attribute in a path: a text in its first language, a code as it is."""
    if isinstance(value, dict):
        return next((str(value[known]) for known in (*LANGUAGES, "code") if known in value), "")
    return "" if value is None else str(value)
