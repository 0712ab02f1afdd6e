"""How the words of De Sociale Kaart are read. Its vocabularies are not public: only what is configured is mapped, the rest stays raw."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from hub import Language

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
