"""The items of a list, and what several say of one: equal or not, completed, seen by whom, and how an item is called."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from hub.merge.lasting import Said, lasting
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
    if len(items) < 2:
        return items
    if len({field.plain(item) for item in items}) < len(items):
        groups = alike(items, field.keys, field.called)
        if len(groups) < len(items):
            items = [_joined(field, group) for group in groups]
    return settled(field, items)


def _joined(field: Field, items: list[Document]) -> Document:
    """One item that a claim states several times."""
    if field.volatile:
        stated: list[Said] = [(0, None, item) for item in items]
        items = [item for _, _, item in with_the_rest(field, lasting(stated), stated)]
    joined = items[0]
    for item in items[1:]:
        if item != joined:
            visible = strictest((visibility_of(field, joined), visibility_of(field, item)))
            joined = {name: best_of(name, [one[name] for one in (joined, *items) if name in one]) for name in {**item, **joined}}
            if "visibility" in joined or visible != field.default:
                joined["visibility"] = visible
    return joined


def with_the_rest(field: Field, counting: list[Said], stated: Sequence[Said]) -> list[Said]:
    """What counts of a volatile item, and behind it what is left of the values that were over: who may see it."""
    if len(counting) == len(stated):
        return counting
    kept, ids = {"visibility", *field.attributes}, set(map(id, counting))
    over = [one for one in stated if id(one) not in ids]
    return [*counting, *((rank, whose, {name: item[name] for name in item if name in kept}) for rank, whose, item in over)]


def settled(field: Field, items: list[Any], firm: Collection[int] = ()) -> list[Any]:
    """The list, in which a vague item passes its visibility to the precise ones of the same thing; it goes where one of these says all that it does.

    Else all that speak of the thing take the strictest, so that whoever leaves out the type of an address does not show what another hides. The result is
    the same for any order of what was said. `firm`: the `id()` of items of which the owner said in so many words who may see them.

    Of names that are two, and yet the same in one language, all take the strictest, so that none shows what another one hides.
    """
    if field.called is not None:
        return _equally_hidden(field, items, firm)
    vague = field.vague
    if vague is None or len(items) < 2 or not any(map(vague.is_vague, items)):
        return items
    instead: dict[int, Document | None] = {}
    for group in alike(items, vague.things):
        said = [item for item in group if vague.is_vague(item)]
        precise = [item for item in group if not vague.is_vague(item)]
        if not said or not precise:
            continue
        listed = [item for item in precise if vague.stands_for(item)]
        level = strictest(visibility_of(field, item) for item in (said if listed else group))
        for item in group:
            if listed and vague.is_vague(item):
                instead[id(item)] = None
                continue
            full = _filled(item, said) if item in listed else item
            visible = strictest((visibility_of(field, item), level))
            if visible != visibility_of(field, full) and id(item) not in firm:
                full = {**full, "visibility": visible}
            instead[id(item)] = full
    return [kept for item in items if (kept := instead.get(id(item), item)) is not None] if instead else items


def _equally_hidden(field: Field, items: list[Any], firm: Collection[int]) -> list[Any]:
    if len(items) < 2 or all("visibility" not in item for item in items):
        return items
    instead: dict[int, Document] = {}
    for group in alike(items, field.keys):
        visible = strictest(visibility_of(field, item) for item in group)
        instead |= {id(item): {**item, "visibility": visible} for item in group if id(item) not in firm and visible != visibility_of(field, item)}
    return [instead.get(id(item), item) for item in items]


def _filled(item: Document, vague: Iterable[Document]) -> Document:
    """The item with what only vague ones of the same thing say; their visibility is passed on otherwise."""
    for other in vague:
        more = {name: value for name, value in other.items() if name != "visibility"}
        if more.keys() - item.keys() or any(is_text(value) for value in more.values()):
            item = {name: completed([one[name] for one in (item, more) if name in one]) for name in {**more, **item}}
    return item


def best_of(attribute: str, values: Sequence[Any]) -> Any:
    """The best value, unless another one says more of the same: that the number is a mobile one, that the website is there over https."""
    if attribute == "kind":
        return "mobile" if "mobile" in values else values[0]
    if attribute == "value" and str(values[0]).startswith("http:"):
        return next((value for value in values if value.startswith("https:")), values[0])
    return completed(values)


def completed(values: Sequence[Any]) -> Any:
    """The best value; a text also in the languages in which only others say the same, or the same as one of these."""
    best, others = values[0], [other for other in values[1:] if is_text(other)] if is_text(values[0]) else []
    while more := next((other for other in others if other.keys() - best.keys() and same_text(best, other)), None):
        best = {**more, **best}
    return best


def is_meant(field: Field, items: Sequence[Document], other: Document) -> bool:
    """Whether who says no more than the key of an item means this one, of which these items tell: its name contradicts theirs in no language."""
    called = field.called
    return called is None or not called(other) or same_text(completed([called(item) for item in items]), called(other))


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
