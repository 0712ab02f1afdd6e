"""One fictional world, of which every simulator shows the part that its system would know.

Nothing is stored: each item follows from the seed and its index, so 780,000 persons cost no memory, and a system asked for one of them
makes just that one. Since all systems look at the same world, matching across sources is real: the same RIZIV number, the
same enterprise at the same address, the same name in another spelling.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from functools import lru_cache
from hashlib import blake2b
from typing import Final

from hub.demo import claims, rubrieken
from hub.demo.brussels import Brussels
from hub.demo.layout import Layout, Size
from hub.demo.offers import Offers
from hub.demo.organisations import Organisations
from hub.demo.overlay import OverlayItems
from hub.demo.persons import Persons, Professions
from hub.demo.rubrieken import Rubriek
from hub.demo.settlement import Settlement
from hub.demo.shapes import BrusselsListing, Offer, Org, OverlayItem, Person
from hub.model.claims import Claim
from hub.model.concepts import ConceptScheme, Mapping
from hub.model.fiche import Kind
from hub.places import Places
from hub.places import places as load_places

TODAY: Final = date(2026, 11, 22)
"""The day that the world is seen on, unless told otherwise."""
_CACHED_ORGANISATIONS: Final = 512


class World:
    """A fictional world of size S, M or L (see `hub.demo.layout.SIZES`); equal arguments give an equal world.

    Kinds are asked for by index, from 0 up to the count of their kind, or streamed in order of index. All dates hang on
    `today`, so a world that is to be loaded again unchanged keeps its `today`.
    """

    title = "Fictieve wereld van Fichehub: niets hierin bestaat"

    def __init__(self, seed: int = 2026, size: Size = "S", places: Places | None = None, *, today: date = TODAY) -> None:
        self.seed = seed
        self.size = size
        self.today = today
        self.places = places or load_places()
        self.layout = Layout(size)
        settlement = Settlement(self.places)
        professions = Professions(seed)
        today_ms = int((today - date(1970, 1, 1)).total_seconds() * 1000)
        self._organisations = Organisations(seed, self.layout, settlement, professions, today_ms)
        organisation: Callable[[int], Org] = lru_cache(_CACHED_ORGANISATIONS)(self._organisations.organisation)
        self._organisation = organisation
        self._persons = Persons(seed, self.layout, settlement, professions, organisation, today_ms)
        self._offers = Offers(seed, self.layout, settlement, professions, organisation, self._persons, today)
        self._brussels = Brussels(seed, self.layout, self._organisations, organisation)
        self._overlay = OverlayItems(seed, self.layout, settlement, organisation, today_ms)

        counts: dict[Kind, int] = {
            "organisatie": self.layout.organisations,
            "aanbod": self.layout.offers,
            "zorgverlener": self.layout.persons,
        }
        self._ids = {kind: _id_key(seed, kind, count) for kind, count in counts.items()}

    @property
    def organisation_count(self) -> int:
        """How many organisaties and praktijken the directory holds."""
        return self.layout.organisations

    @property
    def offer_count(self) -> int:
        """How many aanbod the directory holds."""
        return self.layout.offers

    @property
    def person_count(self) -> int:
        """How many zorgverleners the directory holds."""
        return self.layout.persons

    @property
    def register_count(self) -> int:
        """How many persons the federal register holds; the first `person_count` of them are those of the directory."""
        return self.layout.register_persons

    @property
    def brussels_count(self) -> int:
        """How many organisations sociaal.brussels holds."""
        return len(self._brussels)

    def organisation(self, index: int) -> Org:
        """Organisatie or praktijk `index` of the directory. Raises IndexError when there is none."""
        return self._organisation(_within(index, self.layout.organisations))

    def organisations(self, start: int = 0) -> Iterator[Org]:
        """The organisaties and praktijken of the directory, from index `start` on."""
        return map(self._organisation, range(start, self.layout.organisations))

    def offer(self, index: int) -> Offer:
        """Aanbod `index`. Raises IndexError when there is none."""
        return self._offers.offer(_within(index, self.layout.offers))

    def offers(self, start: int = 0) -> Iterator[Offer]:
        """The aanbod of the directory, from index `start` on; those of one organisatie follow each other."""
        return map(self._offers.offer, range(start, self.layout.offers))

    def offers_of(self, org: int | Org) -> tuple[Offer, ...]:
        """The aanbod of one organisatie: one to three."""
        index = org if isinstance(org, int) else org.index
        first = self.layout.first_offer(_within(index, self.layout.organisations))
        return tuple(self._offers.offer(first + place) for place in range(self.layout.offer_count(index)))

    def person(self, index: int) -> Person:
        """Zorgverlener `index`, of the directory or beyond it of the register. Raises IndexError when there is none."""
        return self._persons.person(_within(index, max(self.layout.register_persons, self.layout.persons)))

    def persons(self, start: int = 0) -> Iterator[Person]:
        """The zorgverleners of the directory, from index `start` on."""
        return map(self._persons.person, range(start, self.layout.persons))

    def register_persons(self, start: int = 0, count: int | None = None) -> Iterator[Person]:
        """The persons of the federal register, from index `start` on: `count` of them, or all that this size has."""
        stop = self.layout.register_persons if count is None else start + count
        return map(self._persons.person, range(start, stop))

    def brussels_organisation(self, place: int) -> BrusselsListing:
        """The organisation at this place in the list of sociaal.brussels. Raises IndexError when there is none."""
        return self._brussels.listing(_within(place, len(self._brussels)))

    def brussels_organisations(self) -> Iterator[BrusselsListing]:
        """What sociaal.brussels knows: some organisaties of the directory in its own words, and others besides."""
        return map(self._brussels.listing, range(len(self._brussels)))

    def overlay_items(self) -> Iterator[OverlayItem]:
        """What a local map adds for itself to what the directory holds."""
        return map(self._overlay.item, range(len(self._overlay)))

    def concepts(self) -> tuple[ConceptScheme, ...]:
        """Rubrieken, sociaal.brussels categories, and the smaller schemes that claims of this world use."""
        return rubrieken.schemes()

    def rubrieken(self) -> dict[str, Rubriek]:
        """The rubrieken by code, each with its label as De Sociale Kaart writes it, before and after it was renamed."""
        return rubrieken.rubrieken()

    def mappings(self) -> tuple[Mapping, ...]:
        """From sociaal.brussels categories to rubrieken, and from these to CD-HCPARTY."""
        return rubrieken.mappings()

    def to_claims(self) -> Iterator[Claim]:
        """All that De Sociale Kaart says, as claims: each organisatie followed by its aanbod, then the zorgverleners."""
        return claims.directory_claims(self.organisations(), self.offers_of, self.persons(), self.source_id)

    def register_claims(self, start: int = 0, count: int | None = None) -> Iterator[Claim]:
        """What ProGezondheid says, as claims, for the same persons as `register_persons`."""
        return map(claims.register_claim, self.register_persons(start, count))

    def brussels_claims(self) -> Iterator[Claim]:
        """What sociaal.brussels says, as claims."""
        return map(claims.brussels_claim, self.brussels_organisations())

    def overlay_claims(self) -> Iterator[Claim]:
        """What a local map says for itself, as claims that only this partner sees."""
        return (claims.overlay_claim(item, self.source_id) for item in self.overlay_items())

    def source_id(self, kind: Kind, index: int) -> str:
        """The id that De Sociale Kaart would give an item: 64 hexadecimal digits. `index_of` reads it back."""
        key, mask, _ = self._ids[kind]
        tail = (mask ^ index).to_bytes(8)
        return blake2b(tail, digest_size=24, key=key).hexdigest() + tail.hex()

    def index_of(self, kind: Kind, source_id: str) -> int | None:
        """The index behind an id of `source_id`; None if this world gave no such id for that kind."""
        _, mask, count = self._ids[kind]
        try:
            index = int(source_id[48:], 16) ^ mask
        except ValueError:
            return None
        return index if 0 <= index < count and self.source_id(kind, index) == source_id else None


def _within(index: int, count: int) -> int:
    if not 0 <= index < count:
        raise IndexError(f"There is no item {index} in this world; it has {count} of them, from 0 on.")
    return index


def _id_key(seed: int, kind: Kind, count: int) -> tuple[bytes, int, int]:
    key = blake2b(f"{seed}/{kind}".encode(), digest_size=8).digest()
    return key, int.from_bytes(key), count
