"""Local first: what is in the place that the searcher named, what serves it, what is near it, and then the rest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from hub.model.folding import fold
from hub.places import Places
from hub.search.lens import Lens
from hub.search.match import Alternatives, Match, facets

NEAR_KM: Final = 15.0
"""Municipalities whose centres are at most so far from that of the named one are near it."""


@dataclass(frozen=True, slots=True)
class Tier:
    """A tier holds what meets one of `wanted` and was not in a tier before (`earlier`); each is a list of `(key, values)`."""

    name: str
    wanted: tuple[tuple[str, tuple[str, ...]], ...]
    earlier: tuple[tuple[str, tuple[str, ...]], ...]
    nearest_first: bool = False
    """By distance, not by name: whoever looks beyond his municipality does not want to go far."""

    def match(self, lens: Lens) -> Match:
        """What the full text must say of an entity in this tier."""
        wanted = self.these(lens)
        return Match((wanted,) if wanted else (), self.before(lens))

    def these(self, lens: Lens) -> Alternatives:
        """Tokens of which an entity in this tier has one; none for the last tier, and for one that the asker cannot tell (`told`)."""
        return _any(lens, self.wanted)

    def told(self, lens: Lens) -> bool:
        """Whether the asker sees any of what puts something into this tier."""
        return not self.wanted or bool(self.these(lens))

    def before(self, lens: Lens) -> Alternatives:
        """Tokens that put an entity into an earlier tier."""
        return _any(lens, self.earlier)


def tiers(refnis: str, places: Places) -> tuple[Tier, ...]:
    """The four tiers around a municipality, nearest first. Raises `UnknownPlace`."""
    town = places.municipality(refnis)
    there = ("municipality", (town.refnis,))
    areas = [f"municipality|{town.refnis}", f"region|{town.region}"]
    areas += [f"postcode|{postcode}" for postcode in places.postcodes_of(town.refnis)]
    areas += [f"zone|{zone.code}" for zone in places.zones.zones_of(town.refnis)]
    if town.province:
        areas.append(f"province|{fold(town.province)}")
    serving = ("serves", tuple(areas))
    around = (
        "municipality",
        tuple(sorted(near.municipality.refnis for near in places.neighbours(town.refnis, NEAR_KM))),
    )
    near = (around,) if around[1] else ()
    return (
        Tier("local", (there,), ()),
        Tier("serves", (serving,), (there,)),
        *((Tier("near", near, (there, serving), nearest_first=True),) if near else ()),
        Tier("rest", (), (there, serving, *near), nearest_first=True),
    )


def umbrellas(lens: Lens, are: bool = True) -> Match:
    """Umbrella organisations and what they offer; or all others."""
    tokens = facets(lens.type, lens.rank, "umbrella", ("yes",))
    return Match((tokens,)) if are else Match(none=tokens)


def _any(lens: Lens, demands: tuple[tuple[str, tuple[str, ...]], ...]) -> Alternatives:
    return tuple(token for key, values in demands if lens.covers(key) == "whole" for token in facets(lens.type, lens.rank, key, values))
