"""How each field merges, worked out once from the declarations in `hub.model.fiche`: what is compared, and what an item of a list is recognised by."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, NamedTuple, get_args, get_type_hints

from hub.authority import declared_rules
from hub.model.fiche import FICHE_TYPES, PARTS, Group, Kind, PartType, Rule, Visibility
from hub.model.item_keys import Keys, Vague, itself, keys_by, name_by, vague_by, website_key
from hub.model.visibility import BY_KIND, VISIBILITY

WHOLE, ITEMS, VALUES, SETTINGS, AS_PARTS, VISIBLE = range(6)
"""How a field merges: the value of one claim; items by their key; plain values; visibilities of fields; parts; the visibility of the whole."""
_TEXT_ATTRIBUTES = frozenset({"text", "street"})
_CONTACT = ("kind", "value")
_WHEN = frozenset({"asserted_at", "valid_until"})


class Field(NamedTuple):
    """One field of a fiche or part, as the merge goes through them."""

    name: str
    group: Group
    how: int
    keys: Keys
    plain: Callable[[Any], Any]
    attributes: tuple[str, ...]
    default: Visibility
    by_kind: tuple[str, Mapping[str, Visibility]]
    part_type: PartType | None
    inner: tuple[Field, ...]
    vague: Vague | None
    called: Callable[[Any], Mapping[str, str]] | None
    volatile: bool
    """Whether its values, or items, say when they were asserted and until when that holds."""


@cache
def plan_of(kind: Kind) -> tuple[Field, ...]:
    """The fields of this kind of fiche, in the order of their declaration."""
    return _compiled(FICHE_TYPES[kind])


def _compiled(declaration: type) -> tuple[Field, ...]:
    hints = get_type_hints(declaration)
    return tuple(_field(declaration.__name__, name, rule, hints[name]) for name, rule in declared_rules(declaration).items())


def _field(declaration: str, name: str, rule: Rule, hint: Any) -> Field:
    part_type: PartType | None = None
    inner: tuple[Field, ...] = ()
    if rule.merge == "parts":
        how = AS_PARTS
        _, part_type, part = PARTS[name]
        inner = _compiled(part)
    elif rule.merge == "union":
        how = ITEMS if rule.key else SETTINGS if name == "field_visibility" else VALUES
    else:
        how = VISIBLE if name == "visibility" else WHOLE
    keys, plain = (keys_by(rule.key), _plain_key_of(rule.key)) if rule.key else (itself, itself)
    shape = (*get_args(hint), hint)[0]
    item_type = getattr(shape, "__name__", "")
    volatile = getattr(shape, "__annotations__", {}).keys() >= _WHEN
    default = VISIBILITY[declaration].get(name, "internal")
    by_kind = BY_KIND.get(item_type, ("", {}))
    return Field(name, rule.group, how, keys, plain, rule.key, default, by_kind, part_type, inner, vague_by(rule.key), name_by(rule.key), volatile)


def _plain_key_of(attributes: tuple[str, ...]) -> Callable[[Any], Any]:
    """A cheaper key that only tells apart: where it differs for two items, so do the real ones."""
    if attributes == _CONTACT:
        return lambda item: website_key(item["value"]) if item["kind"] == "website" else item["value"]
    plain = [attribute for attribute in attributes if attribute not in _TEXT_ATTRIBUTES]
    one, other = (plain * 2)[:2]
    return lambda item: (item.get(one), item.get(other))
