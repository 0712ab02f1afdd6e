"""Contact fallback: who has no telephone number of his own is reached through the practice, and the answer says so."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Literal, NamedTuple

from hub.model.entity import Entity
from hub.model.fiche import Document
from hub.model.links import has_ended

Origin = Literal["self", "caregiver", "zorgverlener", "aanbod", "vestiging", "organisatie", "parent"]
Link = tuple[Origin, str, Document]
"""Where a contact may come from: the origin, its id, and the projected fiche or part that may hold `contacts`."""

APART: Final = frozenset({"emergency", "colleagues", "complaints"})
"""Purposes that do not serve to reach somebody in general: each falls back on its own."""


class ResolvedContact(NamedTuple):
    """A contact with where it came from: `origin_id` is the id of that fiche or part."""

    contact: Document
    origin: Origin
    origin_id: str


_resolved: Final = tuple.__new__
"""A third of the time that naming the fields takes; a page resolves a hundred."""


def resolve_contacts(entity: Entity) -> list[ResolvedContact]:
    """The contacts under which this entity can be reached: per kind, those of the first that has one.

    The order is the entity itself, its zorgverlener or its places as caregiver, the aanbod, its vestigingen, the organisatie, its parent, the
    parent of that, and so on. Nothing appears that the asker may not see, because the entity is projected already.
    """
    return resolve(_chain(entity))


def resolve(chain: Iterable[Link]) -> list[ResolvedContact]:
    """The contacts of a chain of links, nearest first: per kind (phone, e-mail ...) all those of the first link that has one.

    Neighbours of the same origin (two vestigingen) are equally near and count as one link; parents do not, each lies further away. A contact for
    emergencies, colleagues or complaints neither hides a general one nor stands in for it. Projected documents only.
    """
    found: list[ResolvedContact] = []
    settled: set[tuple[str, str]] = set()
    here: set[tuple[tuple[str, str], str]] = set()  # kinds and values of the links that are as near as the one at hand
    nearness = ""
    for origin, origin_id, holder in chain:
        if origin != nearness or origin == "parent":
            settled.update(kind for kind, _ in here)
            here.clear()
            nearness = origin
        for contact in holder.get("contacts", ()):
            purpose = contact.get("purpose")
            kind = (contact["kind"], purpose if purpose in APART else "")
            if kind not in settled and (one := (kind, contact["value"])) not in here:
                found.append(_resolved(ResolvedContact, (contact, origin, origin_id)))
                here.add(one)
    return found


def _chain(entity: Entity) -> Iterator[Link]:
    fiche = entity.fiche
    if entity.type == "zorgverlener":
        yield "self", entity.id, fiche
        yield from _practices(entity)
        return
    if entity.type == "organisatie":
        yield "self", entity.id, fiche
        yield from _parents(entity, fiche)
        return
    if entity.part is not None:
        yield "self", entity.id, entity.part
    if entity.type == "aanbod":
        yield "self", entity.id, fiche
        yield from _places(entity, [fiche])
    elif entity.type == "caregiver" and entity.part is not None:
        person = entity.related.get(_target(entity.part, "zorgverlener"))
        if person is not None:
            yield "zorgverlener", person["id"], person
        yield "aanbod", fiche["id"], fiche
        yield from _places(entity, [fiche])
    else:
        yield "organisatie", fiche["id"], fiche
        yield from _parents(entity, fiche)


def _practices(entity: Entity) -> Iterator[Link]:
    """Everything through which a zorgverlener can be reached, as far as it was handed along."""
    offers = []
    for offer in _of_kind(entity, "aanbod"):
        places = [c for c in offer.get("caregivers", ()) if _target(c, "zorgverlener") == entity.fiche["id"] and not has_ended(c)]
        for caregiver in places:
            yield "caregiver", caregiver["id"], caregiver
        if places:
            offers.append(offer)
    for offer in offers:
        yield "aanbod", offer["id"], offer
    yield from _places(entity, offers)


def _places(entity: Entity, offers: Sequence[Document]) -> Iterator[Link]:
    organisations = {}
    for offer in offers:
        organisation = entity.related.get(_target(offer, "organisatie"))
        if organisation is not None:
            organisations[organisation["id"]] = organisation
    wanted = {link.get("id") for offer in offers for link in offer.get("vestigingen", ())}
    for organisation in organisations.values():
        for vestiging in organisation.get("vestigingen", ()):
            if vestiging["id"] in wanted:
                yield "vestiging", vestiging["id"], vestiging
    for identity, organisation in organisations.items():
        yield "organisatie", identity, organisation
    for organisation in organisations.values():
        yield from _parents(entity, organisation)


def _parents(entity: Entity, organisation: Document) -> Iterator[Link]:
    seen = {organisation["id"]}  # a source may well have drawn a circle
    above = entity.related.get(_target(organisation, "parent"))
    while above is not None and above["id"] not in seen:
        seen.add(above["id"])
        yield "parent", above["id"], above
        above = entity.related.get(_target(above, "parent"))


def _of_kind(entity: Entity, kind: str) -> Iterable[Document]:
    """In the order of their ids, so that the answer does not hang on how they were read."""
    return [document for _, document in sorted(entity.related.items()) if document["kind"] == kind]


def _target(holder: Document, field: str) -> str:
    """The id that a link points to; empty, and so never found, when there is none."""
    link: Document = holder.get(field, {})
    identity: str = link.get("id", "")
    return identity
