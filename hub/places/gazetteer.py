"""Finding places: by name, by what somebody is typing, by distance."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from math import asin, cos, radians, sin, sqrt
from pathlib import Path
from typing import Any, Final

from hub.model.fiche import Document
from hub.model.folding import fold, words
from hub.model.particulars import Said, said_in
from hub.places.codes import Codes, Municipality, UnknownPlace
from hub.places.zones import Zones

# How people shorten saints; Dutch and French alike, because a Brussels street sign does not care.
_SAINT: Final = {"st": "sint", "saint": "sint", "ste": "sinte", "sainte": "sinte"}
_REGION_ORDER: Final = {"vlaanderen": 0, "brussel": 1, "wallonie": 2}
_WHOLE: Final = 1
"""The tiers of matches up to this one are whole names."""
_BEGINNING: Final = 2
_POSTCODE: Final = re.compile(r"(?:B-?)?\s*(\d{1,4})\b\s*(.*)", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Nearby:
    """A municipality and how far it is, in kilometres as the crow flies."""

    municipality: Municipality
    km: float


@dataclass(frozen=True, slots=True)
class Suggestion:
    """One line of an autocompletion: `label` is what to show; `postcode` is None when the whole municipality is meant.

    `whole`: what was typed is the whole of a name (also of a former one) or of a postcode, and not the beginning of several. `unfinished`: it is the beginning of
    a name or a postcode and breaks off in the middle of a word, so that who is typing may mean just this; a word of a longer name may be the name of some
    other place. `name`: the name of the municipality of today that is in the label, "" where another is.
    """

    label: str
    municipality: Municipality
    postcode: str | None
    whole: bool
    unfinished: bool = False
    name: str = ""


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
        # (key, name, municipality that is or was called so, that of today), for the linear search of find and suggest: 900 short texts.
        self._names: list[tuple[str, str, Municipality, Municipality]] = []
        for municipality in self:
            for name in self._called(municipality):
                self._names.append((_name_key(name), name, municipality, municipality))
        for old in self._former.values():
            heir = self.municipality(old.municipality.refnis)
            for name in dict.fromkeys(old.municipality.name.values()):
                self._names.append((_name_key(name), name, old.municipality, heir))

    @classmethod
    def load(cls, zones_csv: Path | None = None) -> Places:
        """Reads the tables of the hub and, if given, a zones file (see Zones.load, whose ZoneFileError it may raise)."""
        return cls(zones_csv)

    def areas(self, address: Mapping[str, Any], on: date | None = None) -> tuple[tuple[str, str], ...]:
        """The places that an address lies in on that day (today by default), `(key, value)` as a criterion has them: its postcode and municipality, and the
        region, province and zones of these."""
        postcode, refnis = address.get("postcode", ""), address.get("municipality", "")
        found: list[tuple[str, str]] = [("postcode", postcode)] if postcode else []
        if refnis:
            try:
                place = self.municipality(refnis)
            except UnknownPlace:  # a code from abroad or a typing error: it can still be searched for as it is
                return (*found, ("municipality", refnis))
            found += [("municipality", place.refnis), ("region", place.region)]
            if place.province:
                found.append(("province", fold(place.province)))
            found += [("zone", zone.code) for zone in self.zones.zones_of(place.refnis, postcode or None, on)]
        return tuple(found)

    def find(self, name: str) -> tuple[Municipality, ...]:
        """The municipalities that go by this name: the best of exact, former name, beginning, word within; () if none.

        Dutch or French, or a well-known English or German name (Ghent, Lüttich), without regard to case, accents, hyphens and the way a saint is written (St-Niklaas). The name of a
        municipality that merged finds the one it went into. Flanders first, then by REFNIS code.
        """
        best = 4
        found: dict[str, Municipality] = {}
        for tier, _, _, municipality in self._matches(_name_key(name)):
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

    def suggest(self, text: str, limit: int = 10, language: str = "nl") -> tuple[Suggestion, ...]:
        """What somebody who typed this may mean: a name, a postcode, a beginning of either, or both ("9000 ge").

        Best match first, then Flanders, then alphabetically. Labels: "Gent", "Gooik (Pajottegem)" for a former name, "9000 Gent"; in this language where the
        name in it was typed or begun, and wherever what was typed is a word of a longer name.
        """
        postcode = _POSTCODE.fullmatch(text.strip())
        if postcode is not None:
            return self._suggest_postcodes(postcode[1], _name_key(postcode[2]), limit, language)
        typed, wanted = fold(text), _name_key(text)
        hits: dict[str, tuple[tuple[int, int, bool, bool, bool, str, str], Suggestion]] = {}
        for tier, name, called, municipality in self._matches(wanted):
            unfinished = tier == _BEGINNING and not _name_key(name).startswith(f"{wanted} ")
            shown = name if tier <= _WHOLE or unfinished else called.said_in(language).text
            # "sint" finds Saint-Trond as well, but should be shown as Sint-Truiden.
            as_typed = typed in fold(name)
            foreign = name == called.name_fr != called.name_nl or name in self._other_names.get(municipality.refnis, ())
            rank = (
                tier,
                _REGION_ORDER[municipality.region],
                not as_typed,
                shown != called.said_in(language).text,
                foreign,
                shown,
                municipality.refnis,
            )
            if municipality.refnis not in hits or rank < hits[municipality.refnis][0]:
                today = shown if shown in self._called(municipality) else ""
                label = shown if today else f"{shown} ({municipality.said_in(language).text})"
                hits[municipality.refnis] = (rank, Suggestion(label, municipality, None, tier <= _WHOLE, unfinished, today))
        return tuple(suggestion for _, suggestion in sorted(hits.values(), key=lambda hit: hit[0])[:limit])

    def neighbours(self, refnis: str, km: float) -> tuple[Nearby, ...]:
        """The other municipalities within `km` of this one, nearest first. Raises UnknownPlace."""
        here = self.municipality(refnis)
        return tuple(hit for hit in self.near(here.lat, here.lon, km) if hit.municipality is not here)

    def near(self, lat: float, lon: float, km: float) -> tuple[Nearby, ...]:
        """The municipalities whose centre lies within `km` kilometres of a point, nearest first."""
        hits = [Nearby(m, distance_km(lat, lon, m.lat, m.lon)) for m in self._by_refnis.values()]
        return tuple(sorted((hit for hit in hits if hit.km <= km), key=lambda hit: (hit.km, hit.municipality.refnis)))

    def city_of(self, address: Document, language: str) -> Said:
        """The city of an address, in this language where it goes by the name of its municipality and the hub knows that name; else as `said_in`."""
        city = address.get("city", {})
        try:
            municipality = self.municipality(address.get("municipality", ""))
        except UnknownPlace:
            return said_in(city, language)
        either = municipality.region == "brussel" and language not in municipality.name  # both names are official there
        named = {fold(name) for name in municipality.name.values()}
        if language in city or either or not any(fold(text) in named for text in city.values()):
            return said_in(city, language)
        return municipality.said_in(language)

    def _called(self, municipality: Municipality) -> tuple[str, ...]:
        """Its Dutch and French names, and its other ones, each once."""
        return tuple(dict.fromkeys([*municipality.name.values(), *self._other_names.get(municipality.refnis, ())]))

    def _matches(self, wanted: str) -> Iterator[tuple[int, str, Municipality, Municipality]]:
        """(0 exact, 1 former name, 2 beginning, 3 word within; name; who is or was called so; municipality of today) for a key of _name_key."""
        if not wanted:
            return
        for key, name, called, municipality in self._names:
            if key == wanted:
                tier = 0 if called is municipality else 1
            elif key.startswith(wanted):
                tier = _BEGINNING
            elif f" {wanted}" in key:
                tier = 3
            else:
                continue
            yield tier, name, called, municipality

    def _suggest_postcodes(self, start: str, name: str, limit: int, language: str) -> tuple[Suggestion, ...]:
        found: list[Suggestion] = []
        for postcode in self._postcode_order[bisect_left(self._postcode_order, start) :]:
            if not postcode.startswith(start):
                break
            for municipality in self._by_postcode[postcode]:
                if len(found) == limit:
                    return tuple(found)
                names = (_name_key(text) for text in self._called(municipality))
                if not name or any(f" {name}" in f" {key}" for key in names):
                    label = f"{postcode} {municipality.said_in(language).text}"
                    found.append(Suggestion(label, municipality, postcode, postcode == start, postcode != start))
        if name and not found and start in self._by_postcode:  # of the parts of municipalities there are no names here: "2600 Berchem"
            return self._suggest_postcodes(start, "", limit, language)
        return tuple(found)


def _name_key(name: str) -> str:
    return " ".join(_SAINT.get(word, word) for word in words(name))


@cache
def places(zones_csv: Path | None = None) -> Places:
    """The places of this process, loaded when first asked for (some ten milliseconds) and then kept."""
    return Places.load(zones_csv)
