"""What fiches point to: followed, gathered, and taken away where the other end may not be seen. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Final

from hub.model.entity import Entity
from hub.model.fiche import PARTS, Document, EntityType

PARENTS: Final = 5
"""How far up the line of parents an entity reaches, in its `related` and in the search index."""
_SINGLE_LINKS: Final = ("organisatie", "provided_by", "parent")
_LISTED_LINKS: Final = (("caregivers", "zorgverlener"), ("memberships", "organisatie"))
_ENDS: Final = tuple(link for _, link in _LISTED_LINKS)
_LINKS: Final = frozenset((*_SINGLE_LINKS, *_ENDS))

Loader = Callable[[Iterable[str]], Mapping[str, Document]]
"""Merged documents by the UUIDs of their fiches, as they are or were at some seq; projected, without those that the asker may not see."""


def follow(load: Loader, shown: dict[str, Document]) -> dict[str, set[str]]:
    """Add what the shown fiches point to, and then the parents of that, a generation at a time; the answer is what each points to."""
    links = {uuid: targets(fiche) for uuid, fiche in shown.items()}
    asked = set(shown)
    wanted = set().union(*links.values()) - asked
    for _ in range(PARENTS + 1):
        if not wanted:
            break
        asked |= wanted
        found = load(wanted)
        shown.update(found)
        links |= {uuid: targets(fiche) for uuid, fiche in found.items()}
        wanted = {fiche["parent"]["id"] for fiche in found.values() if "parent" in fiche} - asked
    return links


def targets(fiche: Document) -> set[str]:
    """The ids of the fiches that this one links to, itself or by its parts."""
    links = {fiche[field]["id"] for field in _SINGLE_LINKS if field in fiche}
    for field, link in _LISTED_LINKS:
        if field in fiche:
            links.update(part[link]["id"] for part in fiche[field] if link in part)
    return links


def end_of(part: Document) -> str | None:
    """The id of the fiche that a part stands for the link to: whoever may not see that sees no such part. None for a part that stands for itself."""
    for link in _ENDS:
        if link in part:
            return str(part[link]["id"])
    return None


def has_ended(part: Document) -> bool:
    """Whether somebody says of a caregiver in an aanbod or of a membership that it is not so any more. One that has not ended is as active as its fiche."""
    return bool(part.get("status", {}).get("status") == "inactive")


def related_of(links: Iterable[str], live: Mapping[str, Document]) -> dict[str, Document]:
    """What a fiche with these links points to and the parents of that, as far as the asker sees them."""
    related: dict[str, Document] = {}
    waiting = list(links)
    while waiting:
        uuid = waiting.pop()
        target = live.get(uuid)
        if target is not None and uuid not in related:
            related[uuid] = target
            if "parent" in target:
                waiting.append(target["parent"]["id"])
    return related


def referable(entity: Entity) -> dict[str, EntityType]:
    """Everything that an output of this entity may point to, with its type: its fiche, what is related, and the parts of those."""
    named: dict[str, EntityType] = {}
    for fiche in (entity.fiche, *entity.related.values()):
        named[fiche["id"]] = fiche["kind"]
        for field, (_, part_type, _) in PARTS.items():
            named.update((part["id"], part_type) for part in fiche.get(field, ()))
    return named


def without_dead_links(fiche: Document, shown: Mapping[str, Document]) -> Document:
    """The fiche without links to what the asker does not see; a caregiver or membership that loses its other end goes with it."""
    kept = {field: value for field, value in fiche.items() if field not in _SINGLE_LINKS or value["id"] in shown}
    for field, link in _LISTED_LINKS:
        if field in kept:
            kept[field] = [part for part in kept[field] if link not in part or part[link]["id"] in shown]
            if not kept[field]:
                del kept[field]
    return kept


def sites_named(fiche: Document) -> set[str]:
    """The ids of the vestigingen where an aanbod takes place; of another fiche none."""
    return {link["id"] for link in fiche.get("vestigingen", ())} if fiche["kind"] == "aanbod" else set()


def hides_sites(stored: Document, shown: Document) -> bool:
    """Whether an aanbod names vestigingen and, as it is shown, none of them."""
    return "vestigingen" in stored and "vestigingen" not in shown and stored["kind"] == "aanbod"


def sites_in(fiches: Iterable[Document]) -> set[str]:
    """The ids of the vestigingen that these fiches have."""
    return {site["id"] for fiche in fiches if fiche["kind"] == "organisatie" for site in fiche.get("vestigingen", ())}


def without_unseen_sites(fiche: Document, unseen: Collection[str]) -> Document:
    """The aanbod without links to these vestigingen, which the asker does not see; another fiche as it is."""
    if not unseen or sites_named(fiche).isdisjoint(unseen):
        return fiche
    kept = {field: value for field, value in fiche.items() if field != "vestigingen"}
    left = [link for link in fiche["vestigingen"] if link["id"] not in unseen]
    return {**kept, "vestigingen": left} if left else kept


def without_links_to(fiche: Document, outside: Collection[str]) -> Document:
    """The fiche, or a part of one, without links to what the asker's selection leaves out; a caregiver or membership that loses its other end goes with it."""
    if not outside:
        return fiche
    kept: Document = {}
    for field, value in fiche.items():
        if field in _LINKS:
            if value.get("id") not in outside:
                kept[field] = value
        elif isinstance(value, list):
            left = [item for item in value if not (isinstance(item, dict) and _leads_to(item, outside))]
            if left or not value:
                kept[field] = left
        else:
            kept[field] = value
    return kept


def _leads_to(item: Document, outside: Collection[str]) -> bool:
    """Whether an item of a list is a link to one of these, or a part that stands for such a link."""
    if item.keys() == {"id"}:
        return item["id"] in outside
    return any(item[link]["id"] in outside for link in _ENDS if "id" in item.get(link, ()))
