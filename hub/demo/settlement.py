"""Where things are and how they are reached: towns drawn by weight, invented streets, telephone numbers that cannot exist."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from datetime import date
from typing import Final, Literal

from hub.demo.defects import MISSING_COORDINATES, OLD_NIS
from hub.demo.dice import chance, urn
from hub.demo.names import STREETS, STREETS_FR, STREETS_NL
from hub.demo.shapes import Address, Contact, Town
from hub.model.fiche import Hours, Position, Text, Visibility
from hub.places import Municipality, Places, Region

_BEFORE_THE_MERGERS: Final = date(2018, 6, 1)
# Rough numbers of inhabitants, in ten thousands; every other municipality counts by its postcodes.
_CITIES: Final = {
    "11002": 54.0, "44021": 27.0, "31005": 12.0, "24062": 10.0, "12025": 9.0, "41002": 9.0, "34022": 8.0, "71072": 9.0,
    "46021": 8.0, "35013": 7.0, "71016": 7.0, "36015": 6.5, "13040": 4.5, "11040": 4.0, "23088": 4.5, "46029": 4.7,
    "42006": 4.6, "21004": 19.0, "21015": 13.0, "21001": 12.0, "21012": 10.0, "21009": 9.0, "21016": 8.5, "21013": 5.0,
    "62063": 20.0, "52011": 20.0, "92094": 11.0, "53053": 9.5, "57081": 7.0,
}  # fmt: skip
_WEIGHT_OF_A_POSTCODE: Final = 1.2
_MISSING: Final = chance(MISSING_COORDINATES)
_OLD: Final = chance(OLD_NIS)

# Postcode from -> telephone area, as it is in Belgium by and large.
_AREAS: Final = (
    (1000, "2"), (2000, "3"), (2200, "14"), (2500, "3"), (2800, "15"), (2900, "3"), (3000, "16"), (3500, "11"), (4000, "4"),
    (5000, "81"), (6000, "71"), (6600, "61"), (7000, "65"), (8000, "50"), (8400, "59"), (8500, "56"), (8800, "51"), (9000, "9"),
    (9300, "53"), (9400, "54"), (9600, "55"), (9700, "9"),
)  # fmt: skip
_AREA_STARTS: Final = [start for start, _ in _AREAS]

_WEEK: Final[list[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]]] = [
    "mon",
    "tue",
    "wed",
    "thu",
    "fri",
]
HOURS: Final[tuple[tuple[Hours, ...], ...]] = (
    (Hours(days=_WEEK, opens="09:00", closes="12:00"), Hours(days=_WEEK, opens="13:00", closes="17:00")),
    (Hours(days=_WEEK, opens="08:30", closes="18:30"),),
    (Hours(days=["mon", "tue", "thu"], opens="09:00", closes="12:30"), Hours(days=["wed"], opens="13:30", closes="19:00")),
    (Hours(days=[*_WEEK, "sat", "sun"], opens="00:00", closes="24:00"),),
    (Hours(days=_WEEK, opens="07:00", closes="18:00"),),
    (Hours(days=["mon", "wed", "fri"], opens="08:00", closes="12:00"), Hours(days=["tue", "thu"], opens="16:00", closes="20:00", by_appointment=True)),
    (Hours(days=[*_WEEK, "sat"], opens="10:00", closes="17:00", by_appointment=True),),
    (),
)  # fmt: skip
"""Opening hours to draw from; the last is "not known"."""


class Settlement:
    """The towns of Belgium, ready to be drawn from."""

    def __init__(self, places: Places) -> None:
        by_region: dict[Region, list[tuple[Town, float]]] = {"vlaanderen": [], "brussel": [], "wallonie": []}
        former: list[tuple[Town, float]] = []
        for municipality in places:
            postcodes = places.postcodes_of(municipality.refnis)
            town = _town(municipality, postcodes)
            weight = _CITIES.get(municipality.refnis, _WEIGHT_OF_A_POSTCODE * len(postcodes))
            by_region[municipality.region].append((town, weight))
            if municipality.region == "vlaanderen":
                former += ((old, 1.0) for old in _former(places, municipality, postcodes))
        self._urns = {region: urn(towns) for region, towns in by_region.items()}
        self._former = urn(former, 1024)

    def town(self, region: Region, draw: int, old: int = 65535) -> Town:
        """A town of this region; `old` is the draw that decides on a code from before the mergers."""
        if old < _OLD and region == "vlaanderen":
            return self._former[draw >> 6]
        return self._urns[region][draw >> 2]


def _town(municipality: Municipality, postcodes: tuple[str, ...]) -> Town:
    return Town(
        refnis=municipality.refnis,
        nl=municipality.name_nl,
        fr=municipality.name_fr,
        region=municipality.region,
        lat=municipality.lat,
        lon=municipality.lon,
        postcodes=postcodes,
    )


def _former(places: Places, heir: Municipality, postcodes: tuple[str, ...]) -> Iterator[Town]:
    for code in places.predecessors(heir.refnis):
        old = places.municipality(code, on=_BEFORE_THE_MERGERS)
        if old.refnis == code:
            yield _town(old, postcodes)


def address(
    town: Town,
    draws: tuple[int, ...],
    *,
    type: Literal["visit", "practice", "administrative", "emergency"] = "visit",
    visibility: Visibility | None = None,
) -> Address:
    """An address in this town from six draws: street, number, postcode, north, east, and whether the position is missing."""
    street, number, postcode, north, east, missing = draws
    if town.region == "brussel":
        streets, city = STREETS, Text(nl=town.nl, fr=town.fr)
    elif town.region == "wallonie":
        streets, city = STREETS_FR, Text(fr=town.fr)
    else:
        streets, city = STREETS_NL, Text(nl=town.nl)
    return Address(
        street=streets[street % len(streets)],
        house_number=str(1 + number % 199),
        box=str(1 + number % 7) if number > 60000 else None,
        postcode=town.postcodes[postcode % len(town.postcodes)],
        city=city,
        municipality=town.refnis,
        # About two kilometres around the centre.
        position=None
        if missing < _MISSING
        else Position(
            lat=round(town.lat + (north - 32768) * 5.0e-7, 5),
            lon=round(town.lon + (east - 32768) * 8.0e-7, 5),
        ),
        type=type,
        visibility=visibility,
    )


def phone(postcode: str, number: int, *, primary: bool = True) -> Contact:
    """A fixed number in the area of this postcode whose local part starts with 00: no such number can be given out."""
    at = int(postcode)
    area = _AREAS[bisect_right(_AREA_STARTS, at) - 1][1]
    local = f"00{number % 100_000:05d}" if len(area) == 1 else f"00{number % 10_000:04d}"
    raw = f"0{area} {local[:-4]} {local[-4:-2]} {local[-2:]}"
    return Contact(kind="phone", value=f"+32{area}{local}", raw=raw, primary=primary)


def mobile(number: int, visibility: Visibility | None = None) -> Contact:
    """A mobile number whose local part starts with 00: no such number can be given out."""
    prefix, local = f"4{50 + number % 50}", f"00{number // 50 % 10_000:04d}"
    return Contact(
        kind="mobile",
        value=f"+32{prefix}{local}",
        raw=f"0{prefix} {local[:2]} {local[2:4]} {local[4:]}",
        visibility=visibility,
    )


def email(local_part: str) -> Contact:
    """An address in the domain that is kept for examples (RFC 2606)."""
    value = f"{local_part}@example.org"
    return Contact(kind="email", value=value, raw=value)


def website(host: str, *, schemeless: bool) -> Contact:
    """A site below the domain that is kept for examples; `raw` possibly without scheme, as people type it."""
    value = f"https://{host}.example.org"
    return Contact(kind="website", value=value, raw=value[8:] if schemeless else value)
