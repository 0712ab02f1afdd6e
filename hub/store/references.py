"""Links inside a claim: which fiche or part each one means, and the copy of the claim's content with the hub's own ids in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final, cast

from hub.model.fiche import Document, Kind
from hub.model.identifiers import EHP, KBO, RIZIV, RIZIV_GROUP, SSIN, VESTIGING, strong_key

HUB: Final = "fichehub"
"""The system under which a claim names one of the hub's own ids: `same_as=(("fichehub", uuid),)`."""

_NUMBERS: Final = frozenset({KBO, VESTIGING, RIZIV, RIZIV_GROUP, EHP, SSIN})
_SINGLE: Final[dict[str, tuple[tuple[str, Kind], ...]]] = {
    "organisatie": (("parent", "organisatie"),),
    "aanbod": (("organisatie", "organisatie"), ("provided_by", "organisatie")),
    "zorgverlener": (),
}
_IN_PARTS: Final[dict[str, tuple[tuple[str, str, Kind], ...]]] = {
    "organisatie": (("memberships", "organisatie", "organisatie"),),
    "aanbod": (("caregivers", "zorgverlener", "zorgverlener"),),
    "zorgverlener": (),
}

Resolve = Callable[[dict[str, Any], Kind], str | None]
"""A link and the kind it must lead to -> the UUID of the fiche, None when that was erased."""
ResolvePart = Callable[[dict[str, Any], Document], str | None]
"""A link to a vestiging, and the resolved content it stands in -> the UUID of the vestiging."""


def identity_key(kind: Kind, system: str, value: str) -> str | None:
    """The key of the identity table for what a claim calls "the same": a strong key or another source's id; None when it proves nothing.

    Raises `InvalidIdentifier` for a number with wrong check digits.
    """
    if system in _NUMBERS:
        strong = strong_key(system, value)
        return None if strong is None else f"{kind}:{strong}"
    return f"{system}|{value}"


def link_key(link: dict[str, Any], kind: Kind) -> str | None:
    """The key of the fiche that a link means; for one of the hub's own ids `fichehub|<uuid>`."""
    if "id" in link:
        return f"{HUB}|{link['id']}"
    if "source" in link:
        return f"{link['source']}|{link.get('external_id', '')}"
    return identity_key(kind, link.get("system", ""), link.get("value", ""))


def links_in(kind: Kind, content: Document) -> Iterator[tuple[str, dict[str, Any], Kind]]:
    """Every link to a fiche in a claim's content, with the path of its field and the kind that it must lead to."""
    for name, target in _SINGLE[kind]:
        if name in content:
            yield name, content[name], target
    for name, inner, target in _IN_PARTS[kind]:
        for place, part in enumerate(content.get(name, ())):
            if inner in part:
                yield f"{name}.{place}.{inner}", part[inner], target


def resolved(kind: Kind, content: Document, resolve: Resolve, resolve_part: ResolvePart) -> Document:
    """The content with every link turned into `{"id": ...}`; a link to somebody who was erased goes, with the part that it made."""
    if kind == "zorgverlener":
        return content
    result = dict(content)
    for name, target in _SINGLE[kind]:
        if name in result:
            uuid = resolve(result[name], target)
            if uuid is None:
                del result[name]
            else:
                result[name] = {"id": uuid}
    for name, inner, target in _IN_PARTS[kind]:
        if name in result:
            parts = []
            for part in result[name]:
                if inner in part:
                    uuid = resolve(part[inner], target)
                    if uuid is None:
                        continue
                    part = {**part, inner: {"id": uuid}}
                parts.append(part)
            result[name] = parts
            if not parts:
                del result[name]
    if kind == "aanbod" and "vestigingen" in result:
        places = [uuid for link in result["vestigingen"] if (uuid := resolve_part(link, result)) is not None]
        result["vestigingen"] = [{"id": uuid} for uuid in dict.fromkeys(places)]
        if not places:
            del result["vestigingen"]
    return result


def without(kind: Kind, content: Document, is_erased: Callable[[str], bool]) -> Document:
    """The content without anything that speaks of somebody who was erased; the same object when there is nothing of the kind."""
    gone = {path.partition(".")[0] for path, link, target in links_in(kind, content) if is_erased(cast(str, link_key(link, target)))}
    if not gone:
        return content
    result = dict(content)
    for name, target in _SINGLE[kind]:
        if name in gone and is_erased(cast(str, link_key(result[name], target))):
            del result[name]
    for name, inner, target in _IN_PARTS[kind]:
        if name in gone:
            result[name] = [part for part in result[name] if inner not in part or not is_erased(cast(str, link_key(part[inner], target)))]
            if not result[name]:
                del result[name]
    return result
