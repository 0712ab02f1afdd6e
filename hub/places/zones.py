"""Primary-care zones (eerstelijnszones): which municipality, or which postcode of it, lies in which zone, and when.

There is no public list with dates, so an installation loads its own file; `DEMO_ZONES` has invented ones.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from itertools import pairwise
from pathlib import Path
from typing import Final

from hub.errors import FichehubError, FieldError
from hub.model.moments import BELGIUM
from hub.places.codes import DATA, Codes, Municipality, UnknownPlace

DEMO_ZONES: Final = DATA / "zones_demo.csv"
"""Invented zones over the real municipalities of Flanders and Brussels, for the demo and for tests."""


class ZoneFileError(FichehubError):
    """A zones file cannot be used; `errors` has every bad row, its path being "line 12, refnis"."""

    def __init__(self, file: Path, errors: tuple[FieldError, ...]) -> None:
        shown = "; ".join(f"{error.path}: {error.reason}" for error in errors[:5])
        more = f"; and {len(errors) - 5} more" if len(errors) > 5 else ""
        super().__init__(f"The zones in {file.name} were not loaded. Mend these rows and load it again: {shown}{more}")
        self.errors = errors


@dataclass(frozen=True, slots=True)
class Zone:
    """A primary-care zone."""

    code: str
    name_nl: str


@dataclass(frozen=True, slots=True)
class ZoneMember:
    """A municipality in a zone; with `postcode`, only that part of it."""

    municipality: Municipality
    postcode: str | None


@dataclass(frozen=True, slots=True)
class _Membership:
    zone: Zone
    refnis: str
    postcode: str
    since: date
    until: date
    line: int

    def holds(self, on: date) -> bool:
        return self.since <= on <= self.until


class Zones:
    """Which municipality, or which postcode of it, belongs to which zone, and when.

    Membership is kept per postcode where a zone splits a municipality, and with dates, because mergers of municipalities cross the
    borders of zones. A municipality without a row of its own on a day is looked up by the codes that merged into it, or that it became.
    """

    COLUMNS: Final = ("zone_code", "zone_name_nl", "refnis", "postcode", "valid_from", "valid_until")

    def __init__(self, codes: Codes, memberships: tuple[_Membership, ...] = ()) -> None:
        self._codes = codes
        self._memberships = memberships
        self._by_refnis: dict[str, list[_Membership]] = defaultdict(list)
        for row in memberships:
            self._by_refnis[row.refnis].append(row)
        self._zones = {row.zone.code: row.zone for row in sorted(memberships, key=lambda row: row.zone.code)}

    @classmethod
    def load(cls, file: Path, codes: Codes) -> Zones:
        """Reads a CSV (UTF-8, comma) with the columns COLUMNS; all or nothing.

        `postcode` may be empty (the whole municipality), and so may the dates (open ended; `valid_until` is the last day). Old REFNIS
        codes are allowed. Raises ZoneFileError with every bad row, OSError if the file cannot be read.
        """
        errors: list[FieldError] = []
        memberships: list[_Membership] = []
        names: dict[str, str] = {}
        with file.open(encoding="utf-8-sig", newline="") as stream:
            try:
                reader = csv.DictReader(stream)
                missing = [column for column in cls.COLUMNS if column not in (reader.fieldnames or ())]
                if missing:
                    raise ZoneFileError(file, (FieldError("line 1", f"Columns are missing: {', '.join(missing)}."),))
                for row in reader:
                    line = reader.line_num
                    texts = {column: (row[column] or "").strip() for column in cls.COLUMNS}
                    if not any(texts.values()):
                        continue
                    found = [FieldError(f"line {line}, {column}", reason, texts[column]) for column, reason in _wrong(texts, codes)]
                    if names.setdefault(texts["zone_code"], texts["zone_name_nl"]) != texts["zone_name_nl"]:
                        reason = f"This zone is called {names[texts['zone_code']]!r} further up."
                        found.append(FieldError(f"line {line}, zone_name_nl", reason, texts["zone_name_nl"]))
                    errors += found
                    if not found:
                        memberships.append(_membership(texts, line))
            except (UnicodeDecodeError, csv.Error) as error:
                raise ZoneFileError(file, (FieldError("file", "This is not a CSV file in UTF-8."),)) from error
        errors += _overlaps(memberships)
        if errors:
            raise ZoneFileError(file, tuple(errors))
        return cls(codes, tuple(memberships))

    def __iter__(self) -> Iterator[Zone]:
        """All zones of the file, by code, those that ended too."""
        return iter(self._zones.values())

    def zone(self, code: str) -> Zone:
        """The zone of this code. Raises UnknownPlace."""
        if code not in self._zones:
            raise UnknownPlace(code, "No primary-care zone has this code.")
        return self._zones[code]

    def zones_of(self, refnis: str, postcode: str | None = None, on: date | None = None) -> tuple[Zone, ...]:
        """Every zone that the municipality (or this postcode of it) lies in on that day, by code; without `on`, today.

        More than one when it is split and the postcode was not given or does not decide. Raises UnknownPlace for the code.
        """
        rows = self._valid(refnis, on or _today())
        if postcode is not None:
            exact = [row for row in rows if row.postcode == postcode]
            rows = exact or [row for row in rows if not row.postcode]
        return tuple(sorted({row.zone for row in rows}, key=lambda zone: zone.code))

    def members(self, zone_code: str, on: date | None = None) -> tuple[ZoneMember, ...]:
        """What lies in a zone on that day (today by default), by REFNIS code and postcode. Raises UnknownPlace."""
        self.zone(zone_code)
        day = on or _today()
        rows = [row for row in self._memberships if row.zone.code == zone_code and row.holds(day)]
        found = {ZoneMember(self._codes.municipality(row.refnis, day), row.postcode or None) for row in rows}
        return tuple(sorted(found, key=lambda member: (member.municipality.refnis, member.postcode or "")))

    def _valid(self, refnis: str, day: date) -> list[_Membership]:
        code = self._codes.municipality(refnis, day).refnis
        current = self._codes.current(refnis)
        # An old code that ended may still be the only one that the file has; so may the new one, for an old day.
        for codes in ((code,), (refnis,), (current, *self._codes.predecessors(current))):
            rows = [row for each in codes for row in self._by_refnis.get(each, ()) if row.holds(day)]
            if rows:
                return rows
        return []


def _wrong(texts: dict[str, str], codes: Codes) -> Iterator[tuple[str, str]]:
    """(column, reason) for everything that is wrong with one row by itself."""
    for column in ("zone_code", "zone_name_nl"):
        if not texts[column]:
            yield column, "This may not be empty."
    try:
        postcodes = codes.postcodes_of(texts["refnis"])
    except UnknownPlace as error:
        yield "refnis", error.reason
    else:
        if texts["postcode"] and texts["postcode"] not in postcodes:
            yield "postcode", f"Not a postcode of municipality {texts['refnis']}."
    days: dict[str, date] = {}
    for column in ("valid_from", "valid_until"):
        try:
            days[column] = date.fromisoformat(texts[column]) if texts[column] else date.max
        except ValueError:
            yield column, "Not a date; write it as 2025-01-31."
    if texts["valid_from"] and len(days) == 2 and days["valid_until"] < days["valid_from"]:
        yield "valid_until", "The last day lies before the first."


def _membership(texts: dict[str, str], line: int) -> _Membership:
    since = date.fromisoformat(texts["valid_from"]) if texts["valid_from"] else date.min
    until = date.fromisoformat(texts["valid_until"]) if texts["valid_until"] else date.max
    return _Membership(
        Zone(texts["zone_code"], texts["zone_name_nl"]),
        texts["refnis"],
        texts["postcode"],
        since,
        until,
        line,
    )


def _overlaps(memberships: list[_Membership]) -> Iterator[FieldError]:
    """The same municipality, or postcode of it, in two rows at the same time: nobody could tell which row is right."""
    order = sorted(memberships, key=lambda row: (row.refnis, row.postcode, row.since, row.line))
    for earlier, later in pairwise(order):
        if (earlier.refnis, earlier.postcode) == (
            later.refnis,
            later.postcode,
        ) and later.since <= earlier.until:
            second, first = max(later.line, earlier.line), min(later.line, earlier.line)
            yield FieldError(f"line {second}, refnis", f"Overlaps in time with line {first}.", later.refnis)


def _today() -> date:
    return datetime.now(BELGIUM).date()
