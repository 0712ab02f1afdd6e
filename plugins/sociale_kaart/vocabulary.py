"""How the words of De Sociale Kaart are read. Its vocabularies are not public: only what is configured is mapped, the rest stays raw."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from hub import Language, Places, UnknownPlace, fold

SOURCE: Final = "sociale-kaart"
Municipal = Callable[[str, str], "str | None"]
"""Postcode and name of a place -> REFNIS code of the municipality, `None` when they do not tell."""

TYPES: Final[Mapping[str, str]] = {"Aanbod": "aanbod", "Zorgverlener": "zorgverlener"}
STATES: Final[Mapping[str, str]] = {"ACTIVE": "active", "INACTIVE": "inactive"}
ADDRESS_TYPES: Final[Mapping[str, str]] = {
    "Bezoekadres": "visit",
    "Praktijkadres": "practice",
    "Postadres": "postal",
    "Administratief adres": "administrative",
}


def _nowhere(postcode: str, name: str) -> str | None:
    """For callers without places."""
    return None


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The configured readings. `official`: the labels come from De Sociale Kaart itself, and its fiches have a page there."""

    types: Mapping[str, str] = field(default_factory=lambda: TYPES)
    states: Mapping[str, str] = field(default_factory=lambda: STATES)
    address_types: Mapping[str, str] = field(default_factory=lambda: ADDRESS_TYPES)
    language: Language = "nl"
    official: bool = False
    municipality: Municipal = _nowhere


def municipalities(places: Places) -> Municipal:
    """Reads a postcode with the name beside it: of several municipalities with that postcode the one so called, else none."""

    @lru_cache(4096)
    def find(postcode: str, name: str) -> str | None:
        try:
            here = places.by_postcode(postcode)
        except UnknownPlace:
            return None
        if len(here) == 1:
            return here[0].refnis
        named = [place for place in here if fold(name) in (fold(place.name_nl), fold(place.name_fr))]
        return named[0].refnis if len(named) == 1 else None

    return find
