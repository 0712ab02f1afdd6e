"""Finding places: by name, by what somebody is typing, by distance."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from math import asin, cos, radians, sin, sqrt
from pathlib import Path
from typing import Final

from hub.model.folding import fold, words
from hub.places.codes import Codes, Municipality, UnknownPlace
from hub.places.zones import Zones

# How people shorten saints; Dutch and French alike, because a Brussels street sign does not care.
_SAINT: Final = {"st": "sint", "saint": "sint", "ste": "sinte", "sainte": "sinte"}
_REGION_ORDER: Final = {"vlaanderen": 0, "brussel": 1, "wallonie": 2}
_WHOLE: Final = 1
"""The tiers of matches up to this one are whole names."""
_POSTCODE: Final = re.compile(r"(?:B-?)?\s*(\d{1,4})\b\s*(.*)", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Nearby:
    """A municipality and how far it is, in kilometres as the crow flies."""

    municipality: Municipality
    km: float


@dataclass(frozen=True, slots=True)
class Suggestion:
    """One line of an autocompletion: `label` is what to show; `postcode` is None when the whole municipality is meant.

    `whole`: what was typed is the whole of a name (also of a former one) or of a postcode, and not the beginning of several.
    """

    label: str
    municipality: Municipality
    postcode: str | None
    whole: bool


def distance_km(lat1: float, lon1: float, lat2: float, lon2: float) -> float:
    """Kilometres between two points in WGS84 degrees, over a sphere (haversine; off by at most 0.5 %)."""
    half_lat, half_lon = radians(lat2 - lat1) / 2, radians(lon2 - lon1) / 2
    a = sin(half_lat) ** 2 + cos(radians(lat1)) * cos(radians(lat2)) * sin(half_lon) ** 2
    return 2 * 6371.0088 * asin(min(1.0, sqrt(a)))


class Places(Codes):
    """All municipalities and postcodes, and the zones of this installation, in memory. Never changes once loaded."""

    def __init__(self, zones_csv: Path | None = None) -> None:
        super().__init__()
        self.zones = Zones(self) if zones_csv is None else Zones.load(zones_csv, self)
        self._postcode_order = sorted(self._by_postcode)
        # (key, of a former municipality?, name, municipality), for the linear search of find and suggest: 900 short texts.
        self._names: list[tuple[str, bool, str, Municipality]] = []
        for municipality in self:
            for name in self._called(municipality):
                self._names.append((_name_key(name), False, name, municipality))
        for old in self._former.values():
            heir = self.municipality(old.municipality.refnis)
            for name in dict.fromkeys(old.municipality.name.values()):
                self._names.append((_name_key(name), True, name, heir))

    @classmethod
    def load(cls, zones_csv: Path | None = None) -> Places:
        """Reads the tables of the hub and, if given, a zones file (see Zones.load, whose ZoneFileError it may raise)."""
        return cls(zones_csv)

    def find(self, name: str) -> tuple[Municipality, ...]:
        """The municipalities that go by this name: the best of exact, former name, beginning, word within; () if none.

        Dutch or French, or a well-known English or German name (Ghent, Lüttich), without regard to case, accents, hyphens and the way a saint is written (St-Niklaas). The name of a
        municipality that merged finds the one it went into. Flanders first, then by REFNIS code.
        """
        best = 4
        found: dict[str, Municipality] = {}
        for tier, _, municipality in self._matches(_name_key(name)):
            if tier < best:
                best, found = tier, {}
            if tier == best:
                found[municipality.refnis] = municipality
        return tuple(sorted(found.values(), key=lambda m: (_REGION_ORDER[m.region], m.refnis)))

    def meant(self, text: str) -> tuple[Municipality, ...]:
        """The municipalities of today that a REFNIS code of any time, a postcode or a name stands for; never none. Raises UnknownPlace."""
        typed = text.strip()
        if typed.isdigit():
            return (self.municipality(typed),) if len(typed) == 5 else self.by_postcode(typed)
        found = self.find(typed)
        if not found:
            raise UnknownPlace(text, "No municipality has this name. Give a name, a postcode of four digits or a REFNIS code of five.")
        return found

    def suggest(self, text: str, limit: int = 10) -> tuple[Suggestion, ...]:
        """What somebody who typed this may mean: a name, a postcode, a beginning of either, or both ("9000 ge").

        Best match first, then Flanders, then alphabetically. Labels: "Gent", "Gooik (Pajottegem)" for a former name, "9000 Gent".
        """
        postcode = _POSTCODE.fullmatch(text.strip())
        if postcode is not None:
            return self._suggest_postcodes(postcode[1], _name_key(postcode[2]), limit)
        typed = fold(text)
        hits: dict[str, tuple[tuple[int, int, bool, bool, str, str], Suggestion]] = {}
        for tier, label, municipality in self._matches(_name_key(text)):
            # "sint" finds Saint-Trond as well, but should be shown as Sint-Truiden.
            as_typed = typed in fold(label)
            foreign = label == municipality.name_fr != municipality.name_nl or label in self._other_names.get(municipality.refnis, ())
            rank = (
                tier,
                _REGION_ORDER[municipality.region],
                not as_typed,
                foreign,
                label,
                municipality.refnis,
            )
            if municipality.refnis not in hits or rank < hits[municipality.refnis][0]:
                hits[municipality.refnis] = (rank, Suggestion(label, municipality, None, tier <= _WHOLE))
        return tuple(suggestion for _, suggestion in sorted(hits.values(), key=lambda hit: hit[0])[:limit])

    def neighbours(self, refnis: str, km: float) -> tuple[Nearby, ...]:
        """The other municipalities within `km` of this one, nearest first. Raises UnknownPlace."""
        here = self.municipality(refnis)
        return tuple(hit for hit in self.near(here.lat, here.lon, km) if hit.municipality is not here)

    def near(self, lat: float, lon: float, km: float) -> tuple[Nearby, ...]:
        """The municipalities whose centre lies within `km` kilometres of a point, nearest first."""
        hits = [Nearby(m, distance_km(lat, lon, m.lat, m.lon)) for m in self._by_refnis.values()]
        return tuple(sorted((hit for hit in hits if hit.km <= km), key=lambda hit: (hit.km, hit.municipality.refnis)))

    def _called(self, municipality: Municipality) -> tuple[str, ...]:
        """Its Dutch and French names, and its other ones, each once."""
        return tuple(dict.fromkeys([*municipality.name.values(), *self._other_names.get(municipality.refnis, ())]))

    def _matches(self, wanted: str) -> Iterator[tuple[int, str, Municipality]]:
        """(0 exact, 1 former name, 2 beginning, 3 word within; label; municipality) for a key of _name_key."""
        if not wanted:
            return
        for key, is_former, name, municipality in self._names:
            if key == wanted:
                tier = 1 if is_former else 0
            elif key.startswith(wanted):
                tier = 2
            elif f" {wanted}" in key:
                tier = 3
            else:
                continue
            moved = is_former and name not in (municipality.name_nl, municipality.name_fr)
            yield tier, f"{name} ({municipality.name_nl})" if moved else name, municipality

    def _suggest_postcodes(self, start: str, name: str, limit: int) -> tuple[Suggestion, ...]:
        found: list[Suggestion] = []
        for postcode in self._postcode_order[bisect_left(self._postcode_order, start) :]:
            if not postcode.startswith(start):
                break
            for municipality in self._by_postcode[postcode]:
                if len(found) == limit:
                    return tuple(found)
                names = (_name_key(text) for text in self._called(municipality))
                if not name or any(f" {name}" in f" {key}" for key in names):
                    found.append(Suggestion(f"{postcode} {municipality.name_nl}", municipality, postcode, postcode == start))
        return tuple(found)


def _name_key(name: str) -> str:
    return " ".join(_SAINT.get(word, word) for word in words(name))


@cache
def places(zones_csv: Path | None = None) -> Places:
    """The places of this process, loaded when first asked for (some ten milliseconds) and then kept."""
    return Places.load(zones_csv)
