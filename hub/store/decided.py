"""What an editor's claim says, by the names that conflicts give to fields: where that is in a fiche, and the claim with another decision in it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from hub.authority import declared_rules
from hub.merge import item_label
from hub.model.claims import Claim
from hub.model.fiche import FICHE_TYPES, PARTS, Document, Kind, Rule


@dataclass(frozen=True, slots=True)
class Place:
    """What a field of a conflict names: `field` of the fiche, or `inner` of one of its parts; or `attribute` of an item of that list."""

    field: str
    rule: Rule
    part: Document | None = None
    inner: str | None = None
    item: Document | None = None
    attribute: str | None = None

    @property
    def of(self) -> str:
        """The field's own name."""
        return self.inner or self.field


def find_place(kind: Kind, document: Document, path: str) -> Place | None:
    """What this path names in the fiche; None for nothing, or for several items that are called alike."""
    rules = declared_rules(FICHE_TYPES[kind])
    if path in rules:
        return Place(path, rules[path])
    if found := _find_item(document, rules, path):
        name, item, attribute = found
        return Place(name, rules[name], item=item, attribute=attribute)
    for field, (of, _, declaration) in PARTS.items():
        for part in document.get(field, ()) if of == kind else ():
            prefix = f"{field}[{part['keys'][0]}]."
            if not path.startswith(prefix):
                continue
            inner, rest = declared_rules(declaration), path.removeprefix(prefix)
            if rest in inner and inner[rest].merge != "union":
                return Place(field, inner[rest], part, rest)
            if found := _find_item(part, inner, rest):
                name, item, attribute = found
                return Place(field, inner[name], part, name, item, attribute)
    return None


def _find_item(document: Document, rules: Any, path: str) -> tuple[str, Document, str] | None:
    found = [
        (name, item, attribute)
        for name, rule in rules.items()
        if rule.merge == "union" and rule.key and path.startswith(f"{name}[")
        for item in document.get(name, ())
        for attribute in item
        if attribute not in rule.key and path == f"{name}[{item_label(item, rule.key)}].{attribute}"
    ]
    return found[0] if len(found) == 1 else None


def decided_in(kind: Kind, document: Document, said: Iterable[Claim]) -> dict[str, tuple[Any, Place]]:
    """What these claims of an editor decide, by the name of the field, with what that names. A part is named as in the fiche, if it stands there."""
    rules = declared_rules(FICHE_TYPES[kind])
    found: dict[str, tuple[Any, Place]] = {}
    for claim in said:
        for field in claim.content.keys() & rules.keys():
            stated, (of, _, declaration) = claim.content[field], PARTS.get(field, (None, None, Document))
            parts = [part for part in stated if part.get("keys")] if of == kind else []
            for part in parts:
                keys = {*part["keys"]}
                names = next((one["keys"] for one in document.get(field, ()) if not keys.isdisjoint(one["keys"])), part["keys"])
                meant = {"keys": list(dict.fromkeys([*names, *part["keys"]]))}
                for inner, rule in declared_rules(declaration).items():
                    for path, value, item, attribute in _words(part, inner, rule, whole=False):
                        place = Place(field, rule, meant, inner, item, attribute)
                        found.setdefault(f"{field}[{names[0]}].{path}", (value, place))
            if of == kind and len(parts) == len(stated):
                continue
            rule = rules[field]
            for path, value, item, attribute in _words(claim.content, field, rule, whole=field in claim.excluded):
                found.setdefault(path, (value, Place(field, rule, item=item, attribute=attribute)))
    return found


def _words(said: Document, name: str, rule: Rule, *, whole: bool) -> Iterator[tuple[str, Any, Document | None, str | None]]:
    """What is said of a field: its name and value; or the name and value of each attribute of items, each with its item and its own name, unless the list was
    decided as a `whole`."""
    if name not in said:
        return
    if whole or rule.merge != "union" or not rule.key or any(item.keys() <= {*rule.key} for item in said[name]):
        yield name, said[name], None, None
        return
    for item in said[name]:
        for attribute in sorted(item.keys() - {*rule.key}):
            yield f"{name}[{item_label(item, rule.key)}].{attribute}", item[attribute], item, attribute


def with_decision(known: Claim, document: Document, place: Place, value: Any, left_out: Sequence[Any] = ()) -> Claim:
    """The editor's claim with this decision in it, or without it for `None`. `left_out`: what earlier decisions about a list excluded."""
    if place.part is None and place.item is None:
        content = {name: stated for name, stated in known.content.items() if name != place.field}
        excluded = {name: items for name, items in known.excluded.items() if name != place.field}
        if value is not None:
            content[place.field] = value
            rule = place.rule
            if rule.merge == "union":
                others = []
                for item in (*document.get(place.field, ()), *left_out):
                    key = item_key(item, rule.key)
                    if key not in others and not _among(item, value, rule.key):
                        others.append(key)
                if others:
                    excluded[place.field] = others
        return replace(known, content=content, excluded=excluded)
    if place.part is None:
        return replace(known, content=_with_item(known.content, place, value))
    keys = place.part["keys"]
    own = next((part for part in known.content.get(place.field, ()) if not set(keys).isdisjoint(part.get("keys", ()))), None)
    others = [part for part in known.content.get(place.field, ()) if part is not own]
    part = {**(own or {}), "keys": list(dict.fromkeys([*keys, *(own or {}).get("keys", ())]))}
    inner = cast(str, place.inner)
    if place.item is not None:
        part = _with_item(part, place, value)
    elif value is None:
        part.pop(inner, None)
    else:
        part[inner] = value
    parts = [*others, part] if len(part) > 1 else others
    content = {name: stated for name, stated in known.content.items() if name != place.field}
    return replace(known, content={**content, place.field: parts} if parts else content)


def _with_item(said: Document, place: Place, value: Any) -> Document:
    """What an editor says of a fiche or part, with his word about one item of one of its lists."""
    name, attributes = place.of, place.rule.key
    identity = item_key(cast(Document, place.item), attributes)
    own = next((item for item in said.get(name, ()) if item_key(item, attributes) == identity), identity)
    item = {attribute: stated for attribute, stated in own.items() if attribute != place.attribute}
    if value is not None:
        item[cast(str, place.attribute)] = value
    items = [other for other in said.get(name, ()) if other is not own]
    if item.keys() - identity.keys():
        items.append(item)
    rest = {field: stated for field, stated in said.items() if field != name}
    return {**rest, name: items} if items else rest


def item_key(item: Any, attributes: tuple[str, ...]) -> Any:
    """What an item of a list is told apart by: these attributes of it; without any the item itself."""
    if not attributes:
        return item
    return {name: item[name] for name in attributes if name in item}


def _among(item: Any, items: list[Any], attributes: tuple[str, ...]) -> bool:
    return any(item_key(item, attributes) == item_key(cast(Document, other), attributes) for other in items)
