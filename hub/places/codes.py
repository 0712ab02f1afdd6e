"""Municipalities by their REFNIS code, old and new, and their postcodes."""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final, Literal, get_args

from hub.errors import FieldError, Invalid
from hub.model.folding import fold
from hub.model.particulars import Said

Region = Literal["vlaanderen", "brussel", "wallonie"]

DATA: Final = Path(__file__).parent.parent / "places_data"
_POSTCODE: Final = re.compile(r"(?:BE?)?[\s-]*(\d{4})", re.IGNORECASE | re.ASCII)


class UnknownPlace(Invalid):
    """There is no such municipality, postcode or zone. `what` is what was asked, `reason` one sentence."""

    def __init__(self, what: str, reason: str) -> None:
        super().__init__(f"Unknown place {what[:60]!r}: {reason}", (FieldError("place", reason, what[:60]),))
        self.what = what
        self.reason = reason


_GERMAN: Final = frozenset({"63001", "63012", "63013", "63023", "63040", "63048", "63061", "63067", "63087"})
"""The municipalities of the German language area, whose German names are those that Statbel has in Dutch as well."""


@dataclass(frozen=True, slots=True)
class Municipality:
    """A municipality; `lat` and `lon` (WGS84 degrees) are its main place, not the middle of its surface.

    `name_nl` and `name_fr` are both always there and often equal. `province` is the Dutch name, None for Brussels.
    """

    refnis: str
    name_nl: str
    name_fr: str
    province: str | None
    region: Region
    lat: float
    lon: float

    @property
    def name(self) -> dict[str, str]:
        """The names as a text per language, as a fiche has them."""
        return {"nl": self.name_nl, "fr": self.name_fr}

    def said_in(self, language: str) -> Said:
        """Its Dutch or French name; in any other language the name that is official there (of the two in Brussels the Dutch one), with its language."""
        if language in self.name:
            return Said(self.name[language], language)
        if self.refnis in _GERMAN:
            return Said(self.name_nl, "de")
        return Said(self.name_fr, "fr") if self.region == "wallonie" else Said(self.name_nl, "nl")


@dataclass(frozen=True, slots=True)
class _Former:
    new: str
    on: date
    municipality: Municipality


class Codes:
    """Every REFNIS code, in use or ended, and every postcode. Reads the hub's own tables; never changes afterwards."""

    def __init__(self) -> None:
        self._by_refnis = {row["refnis"]: _municipality(row["refnis"], row) for row in _rows("municipalities.csv")}
        self._former: dict[str, _Former] = {}
        for row in _rows("successors.csv"):
            heir = self._by_refnis[row["new"]]
            row = {**row, "province": heir.province or "", "region": heir.region}
            old = _municipality(row["old"], row)
            self._former[row["old"]] = _Former(row["new"], date.fromisoformat(row["on"]), old)
        self._by_postcode: dict[str, list[Municipality]] = defaultdict(list)
        self._postcodes: dict[str, list[str]] = defaultdict(list)
        for row in _rows("postcodes.csv"):
            self._by_postcode[row["postcode"]].append(self._by_refnis[row["refnis"]])
            self._postcodes[row["refnis"]].append(row["postcode"])
        self._other_names: dict[str, list[str]] = defaultdict(list)
        for row in _rows("other_names.csv"):
            self._other_names[row["refnis"]].append(row["name"])
        self.codes_in_use = frozenset(self._by_refnis)
        """The REFNIS codes of the municipalities of today."""
        self.postcodes_in_use = frozenset(self._by_postcode)
        for sharing in self._by_postcode.values():
            sharing.sort(key=lambda one: (len(self._postcodes[one.refnis]), one.refnis))

    def __iter__(self) -> Iterator[Municipality]:
        """The municipalities of today, by REFNIS code."""
        return iter(self._by_refnis.values())

    def current(self, refnis: str) -> str:
        """The REFNIS code of today for a code of any time. Raises UnknownPlace."""
        code = refnis
        while code in self._former:
            code = self._former[code].new
        if code not in self._by_refnis:
            raise UnknownPlace(refnis, "No municipality has or had this REFNIS code (five digits).")
        return code

    def municipality(self, refnis: str, on: date | None = None) -> Municipality:
        """The municipality of this code as it is now or, with `on`, as it was on that day. Raises UnknownPlace.

        An old code gives the municipality that came after it, unless it was still in use on that day. A code newer than `on` is taken
        as it is: registers back-date their data.
        """
        code = refnis
        while code in self._former and (on is None or on >= self._former[code].on):
            code = self._former[code].new
        if code in self._former:
            return self._former[code].municipality
        return self._by_refnis[self.current(code)]

    def predecessors(self, refnis: str) -> tuple[str, ...]:
        """The former codes that ended up in this one, straight or by way of another, sorted."""
        return tuple(sorted(old for old in self._former if self.current(old) == refnis and old != refnis))

    def by_postcode(self, code: str) -> tuple[Municipality, ...]:
        """The municipalities that share this postcode. Raises UnknownPlace.

        First the one that has fewest others: 1050 is Elsene, and also a corner of Brussel.
        """
        found = self._by_postcode.get(code.strip())
        if found is None:
            raise UnknownPlace(code, "This is not a Belgian postcode (four digits).")
        return tuple(found)

    def postcode_of(self, written: str) -> str | None:
        """The postcode that somebody wrote in an address, as `9100`, `B-9100` or `be 9100`; none where there is no such postcode in Belgium."""
        found = _POSTCODE.fullmatch(written.strip())
        return found[1] if found is not None and found[1] in self.postcodes_in_use else None

    def of_address(self, postcode: str, name: str) -> str | None:
        """The REFNIS code of the municipality with this postcode, as `postcode_of` reads it; among several the one with this Dutch or French name, else none."""
        code = self.postcode_of(postcode)
        if code is None:
            return None
        here = self._by_postcode[code]
        named = [place for place in here if fold(name) in (fold(place.name_nl), fold(place.name_fr))]
        found = named or here
        return found[0].refnis if len(found) == 1 else None

    def postcodes_of(self, refnis: str) -> tuple[str, ...]:
        """The postcodes of a municipality, sorted. Raises UnknownPlace."""
        return tuple(self._postcodes[self.current(refnis)])


def _rows(table: str) -> Iterator[dict[str, str]]:
    with (DATA / table).open(encoding="utf-8", newline="") as stream:
        yield from csv.DictReader(line for line in stream if not line.startswith("#"))


_REGIONS: Final[dict[str, Region]] = {region: region for region in get_args(Region)}


def _municipality(refnis: str, row: dict[str, str]) -> Municipality:
    lat, lon = float(row["lat"]), float(row["lon"])
    return Municipality(refnis, row["name_nl"], row["name_fr"], row["province"] or None, _REGIONS[row["region"]], lat, lon)
