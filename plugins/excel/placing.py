"""Which vestiging of an offer its row tells of: one that lies in the places that were selected. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

from hub import Document, Entity, Near, Query, address_of, distance_km, fold

Areas = Callable[[Document], Collection[tuple[str, str]]]
"""`Context.areas` or anything called like it."""
_KEYS = ("postcode", "municipality", "zone", "province", "region")


@dataclass(frozen=True, slots=True)
class SelectedPlaces:
    """The places that a query asks for: an address lies there when it is in one area of each of `wanted`, and as `near` as that."""

    wanted: tuple[frozenset[tuple[str, str]], ...]
    near: Near | None
    areas: Areas

    @classmethod
    def of(cls, query: Query, areas: Areas) -> SelectedPlaces:
        """Those of this query."""
        wanted = []
        for criterion in query.where:
            if criterion.key in _KEYS and not criterion.negate:
                found = {(criterion.key, fold(value)) for value in criterion.values}
                if criterion.key == "municipality":  # by the code of today, whichever was given
                    found = {area for value in criterion.values for area in areas({"municipality": value}) if area[0] == "municipality"}
                wanted.append(frozenset(found))
        return cls(tuple(wanted), query.near, areas)

    def __bool__(self) -> bool:
        return bool(self.wanted) or self.near is not None

    def hold(self, address: Document) -> bool:
        """Whether this address lies there."""
        if self.near is not None:
            at = address.get("position")
            if at is None or distance_km(at["lat"], at["lon"], self.near.lat, self.near.lon) > self.near.km:
                return False
        return not self.wanted or self._in_all({(key, fold(value)) for key, value in self.areas(address)})

    def _in_all(self, areas: set[tuple[str, str]]) -> bool:
        return not any(areas.isdisjoint(each) for each in self.wanted)


def brought_to(entity: Entity, places: SelectedPlaces) -> Entity:
    """The offer as `address_of` and `general_contacts` should know it for a list of these places: of its vestigingen only the addresses that lie there, and
    contacts of other vestigingen only of kinds that those have none of. As it is where none lies there."""
    identity = entity.fiche.get("organisatie", {}).get("id", "")
    organisation = entity.related.get(identity)
    if not places or organisation is None:
        return entity
    here: list[Document] = []
    elsewhere: list[Document] = []
    for site in organisation.get("vestigingen", ()):
        addresses = [address for address in site.get("addresses", ()) if places.hold(address)]
        (here if addresses else elsewhere).append({**site, "addresses": addresses})
    named = {link["id"] for link in entity.fiche.get("vestigingen", ())}  # contacts are inherited from no other
    kinds = {contact["kind"] for site in here if site["id"] in named for contact in site.get("contacts", ())}
    for site in elsewhere:
        site["contacts"] = [contact for contact in site.get("contacts", ()) if contact["kind"] not in kinds]
    placed = replace(entity, related={**entity.related, identity: {**organisation, "vestigingen": [*here, *elsewhere]}})
    return placed if address_of(placed) else entity
