"""What may be shown of the past: what has been hidden since stays hidden in all that is told of the time before, also once it is gone.

Somebody who hides a number, or a whole fiche, means it: an answer `as it was` would otherwise hand it out for ever. So each value of the past is
judged by where it last stood. Where the asker saw it there, or sees it now, it is history and may be told; where it was hidden from him, it is not.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any, Final, NamedTuple

from hub.model.declarations import fiche_record, part_record
from hub.model.fiche import FICHE_TYPES, PARTS, Document, Kind
from hub.model.item_keys import Keys, Vague, is_text, keys_by, text_keys, vague_by
from hub.model.visibility import RANK, VISIBILITY, overrides_of

_MEANINGLESS: Final = frozenset({"visibility", "primary", "label", "note"})
"""Attributes that do not tell one item from another where the declaration names no key."""
_FRAME: Final = frozenset({"id", "kind", "keys", "visibility", "field_visibility"})
"""What says who may see the rest, or which one it is: judged with the whole."""


class Hindsight:
    """What the versions of one fiche tell an asker of this rank about the time before them.

    `add` them newest first; in between, `kept` says what may be told of a version that is older than those, or is among them.
    """

    def __init__(self, rank: int) -> None:
        self._rank = rank
        self._fiche: _Seen | None = None
        self._added = 0
        self.hides = False
        """Whether anything was hidden in any of them: else all of the past may be told."""

    def add(self, version: Document) -> None:
        """Take account of a version (stamped) that is older than all that were added."""
        self._added += 1
        hidden = RANK.get(version.get("visibility", "internal"), 2) > self._rank
        if self._fiche is None:
            self._fiche = _Seen(hidden)
        self._note(self._fiche, version, hidden, _forms_of_fiche(version["kind"]), _levels(version))

    def kept(self, then: Document) -> Document | None:
        """What may be told of a version (stamped), or None when nothing may. An item counts as the same when it shares a key with it."""
        if self._fiche is None:
            return then
        return None if self._fiche.hidden else self._kept(self._fiche, then, _forms_of_fiche(then["kind"]))

    # --- what was there ------------------------------------------------------------------------------------------------------------

    def _note(self, seen: _Seen, version: Document, hidden: bool, forms: Mapping[str, _Form], levels: Mapping[str, int]) -> None:
        for field, said in overrides_of(version).items():
            if RANK.get(said, 2) > self._rank:
                seen.fields.setdefault(field, True)  # also where there is nothing in it now
                self.hides = True
        found: dict[Any, bool] = {}
        for field, value in version.items():
            if field in _FRAME:
                continue
            form = forms.get(field, _UNKNOWN)
            closed = levels.get(field, 0) > self._rank
            unseen = hidden or closed
            if not isinstance(value, list):
                seen.fields.setdefault(field, unseen or self._hides(value))
                value = (value,)
            elif closed or not hidden:  # the items of a list are judged each by itself
                seen.fields.setdefault(field, closed)
            if form.inner is not None:
                for part in value:
                    self._note_part(seen, field, part, unseen, form.inner)
                continue
            for item in value:
                item_hidden = unseen or self._hides(item)
                for key in form.noted(item):
                    found[field, key] = found.get((field, key), False) or item_hidden
                if form.vague is not None:
                    for key in _whole_things(form.vague, item):
                        found[field, key] = found.get((field, key), True) and item_hidden
        for about, item_hidden in found.items():
            ago, _ = seen.values.setdefault(about, (self._added, item_hidden))
            if item_hidden and ago == self._added:  # two parts of this version that are one by now
                seen.values[about] = (ago, True)
            self.hides |= item_hidden

    def _note_part(self, seen: _Seen, field: str, part: Document, hidden: bool, forms: Mapping[str, _Form]) -> None:
        hidden = hidden or self._hides(part)
        known = seen.known_as(field, part)
        if not known:
            known = [_Seen(hidden)]
        for key in _part_keys(part):
            seen.parts.setdefault((field, key), known[0])
        for each in known:
            self._note(each, part, hidden, forms, {})

    # --- what may be told ------------------------------------------------------------------------------------------------------------

    def _kept(self, seen: _Seen, then: Document, forms: Mapping[str, _Form]) -> Document:
        kept: Document = {}
        for field, value in then.items():
            if field in _FRAME:
                kept[field] = value
                continue
            if seen.fields.get(field):
                continue
            form = forms.get(field, _UNKNOWN)
            if form.inner is not None:
                value = self._kept_parts(seen, field, value, form.inner)
            elif isinstance(value, list):
                value = [item for item in value if not _was_hidden(seen, field, item, form)]
            elif _was_hidden(seen, field, value, form):
                continue
            if value or not isinstance(value, list):
                kept[field] = value
        return kept

    def _kept_parts(self, seen: _Seen, field: str, then: list[Document], forms: Mapping[str, _Form]) -> list[Document]:
        parts = []
        for part in then:
            known = seen.known_as(field, part)
            if not any(each.hidden for each in known):
                for each in known:
                    part = self._kept(each, part, forms)
                parts.append(part)
        return parts

    def _hides(self, item: Any) -> bool:
        return isinstance(item, dict) and "visibility" in item and RANK.get(item["visibility"], 2) > self._rank


class _Seen:
    """A fiche or a part where it stood since, newest first: what is noted first of anything counts."""

    __slots__ = ("fields", "hidden", "parts", "values")

    def __init__(self, hidden: bool) -> None:
        self.hidden = hidden
        self.fields: dict[str, bool] = {}
        """Field -> whether all of it was hidden."""
        self.values: dict[Any, tuple[int, bool]] = {}
        """(field, key) -> how many versions ago, and whether it was hidden."""
        self.parts: dict[Any, _Seen] = {}

    def known_as(self, field: str, part: Document) -> list[_Seen]:
        """What was seen of this part; two of them where it came apart."""
        return list({id(found): found for key in _part_keys(part) if (found := self.parts.get((field, key)))}.values())


def _was_hidden(seen: _Seen, field: str, item: Any, form: _Form) -> bool:
    own = [said for key in form.noted(item) if (said := seen.values.get((field, key)))]
    if any(hidden for _, hidden in own):
        return True
    if form.vague is None:
        return False
    # It stood there under its other form since, and was hidden: an address without its type, a number without its last digits.
    newest = min((ago for ago, _ in own), default=None)
    other = [said for key in _other_forms(form.vague, item) if (said := seen.values.get((field, key)))]
    return any(hidden and (newest is None or ago < newest) for ago, hidden in other)


# --- what is compared ----------------------------------------------------------------------------------------------------------------


class _Form(NamedTuple):
    """How the values of a field are recognised; `inner`: it holds parts with these fields."""

    noted: Keys
    vague: Vague | None = None
    inner: Mapping[str, _Form] | None = None


def _all_of_it(item: Any) -> tuple[Any, ...]:
    if is_text(item):
        return text_keys(item)
    if isinstance(item, dict):
        item = {name: value for name, value in item.items() if name not in _MEANINGLESS}
    return (json.dumps(item, sort_keys=True),)


_UNKNOWN: Final = _Form(_all_of_it)
"""Of a field that the hub had once and has no more: no output shows it."""


@cache
def _forms_of_fiche(kind: Kind) -> Mapping[str, _Form]:
    return {field.name: _form(kind, field.name, field.rule.key if field.rule else ()) for field in fiche_record(kind)}


def _form(kind: Kind | None, field: str, key: tuple[str, ...]) -> _Form:
    if kind is not None and field in PARTS and PARTS[field][0] == kind:
        inner = {each.name: _form(None, each.name, each.rule.key if each.rule else ()) for each in part_record(field)}
        return _Form(_all_of_it, inner=inner)
    return _Form(keys_by(key), vague_by(key)) if key else _Form(_all_of_it)


def _levels(version: Document) -> dict[str, int]:
    """Field -> who may see it at all, where a fiche hides or opens it, or the table keeps it from the public."""
    levels = dict(_restricted(version["kind"]))
    levels.update((field, RANK.get(level, 2)) for field, level in overrides_of(version).items())
    return levels


@cache
def _restricted(kind: Kind) -> Mapping[str, int]:
    return {field: RANK[level] for field, level in VISIBILITY[FICHE_TYPES[kind].__name__].items() if level != "public"}


def _part_keys(part: Document) -> tuple[str, ...]:
    return (part["id"], *part.get("keys", ()))


_OF_ONE, _OF_ANY = "vague", "any"


def _whole_things(vague: Vague, item: Any) -> list[Any]:
    """Under what the other form of an item finds this one: a precise item looks for the vague one, and this one for any."""
    form = _OF_ONE if vague.is_vague(item) else _OF_ANY
    return [(form, thing) for thing in vague.things(item)]


def _other_forms(vague: Vague, item: Any) -> list[Any]:
    form = _OF_ANY if vague.is_vague(item) else _OF_ONE
    return [(form, thing) for thing in vague.things(item)]
