"""What may be shown of the past: what was public once and has been hidden since stays hidden, also in what is told of the time before.

Somebody who hides a number, or a whole fiche, means it: an answer `as it was` would otherwise hand it out for ever.
"""

from __future__ import annotations

import json
from typing import Any, Final

from hub.model.declarations import fiche_record, part_record
from hub.model.fiche import PARTS, Document
from hub.model.item_keys import keys_by
from hub.model.visibility import RANK

_MEANINGLESS: Final = frozenset({"visibility", "primary", "label", "note"})
"""Attributes that do not tell one item from another where the declaration names no key."""


def withheld(then: Document, now: Document | None, rank: int) -> Document | None:
    """`then` without what `now` hides from an asker of this rank; None when the whole fiche is hidden now. Both stamped, neither changed.

    A value counts as hidden when an item that shares a key with it (as its field merges by) stands in `now` above the rank. What is simply
    gone now is history and stays. `now` is None for a fiche that was removed: nothing is known to be hidden.
    """
    if now is None:
        return then
    if RANK.get(now.get("visibility", "internal"), 2) > rank:
        return None
    return _kept(then, now, rank, {field.name: field.rule.key for field in fiche_record(then["kind"]) if field.rule})


def _kept(then: Document, now: Document, rank: int, keys: dict[str, tuple[str, ...]]) -> Document:
    overrides = now.get("field_visibility", {})
    kept: Document = {}
    for field, value in then.items():
        if RANK.get(overrides.get(field, "public"), 2) > rank:
            continue
        current = now.get(field)
        if field in PARTS and current:
            value = _parts(field, value, current, rank)
        elif isinstance(value, list) and isinstance(current, list):
            recognised = keys_by(keys[field]) if keys.get(field) else _all_of_it
            hidden = {key for item in current if _hidden(item, rank) for key in recognised(item)}
            value = [item for item in value if hidden.isdisjoint(recognised(item))] if hidden else value
        elif isinstance(current, dict) and _hidden(current, rank):
            continue
        if value or not isinstance(value, list):
            kept[field] = value
    return kept


def _parts(field: str, then: list[Document], now: list[Document], rank: int) -> list[Document]:
    keys = {inner.name: inner.rule.key for inner in part_record(field) if inner.rule}
    current = {part["id"]: part for part in now}
    kept = []
    for part in then:
        same = current.get(part["id"])
        if same is None:
            kept.append(part)
        elif not _hidden(same, rank):
            kept.append(_kept(part, same, rank, keys))
    return kept


def _hidden(item: Any, rank: int) -> bool:
    return isinstance(item, dict) and "visibility" in item and RANK.get(item["visibility"], 2) > rank


def _all_of_it(item: Any) -> tuple[str]:
    if isinstance(item, dict):
        item = {name: value for name, value in item.items() if name not in _MEANINGLESS}
    return (json.dumps(item, sort_keys=True),)
