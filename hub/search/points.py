"""Positions: which points lie in a circle, and how far an entry is from somewhere."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from math import cos, inf, radians
from typing import Final

from hub.model.query import Near
from hub.places import distance_km
from hub.search.lens import Lens, Row
from hub.store.index_rows import POINT, point_of
from hub.store.index_tokens import TYPE_MARKS

_KM_PER_DEGREE: Final = 110.5
"""A little less than a degree of latitude anywhere, so that a box is never too small."""
_MOST_ROWS: Final = 120
"""From so many rows of the map on, one range over all longitudes is cheaper than a range for each."""
_FLAT_KM: Final = 50.0
_FLAT_LATITUDE: Final = 66.0
"""In a circle no wider, no nearer to a pole, distances as on a flat map are off by less than `_FLAT_ERROR`."""
_FLAT_ERROR: Final = 0.03
_KM_TO_NORTH: Final = distance_km(0, 0, 1, 0)
_FRINGE: Final = 1.5
"""So many times as many points lie in the ranges around a circle as in it."""


class Circle:
    """Whether points lie in a circle: most are told by their place on a flat map, which takes a quarter of the time of their distance."""

    def __init__(self, near: Near) -> None:
        self._near = near
        flat = near.km <= _FLAT_KM and abs(near.lat) <= _FLAT_LATITUDE
        self._east = _KM_TO_NORTH * cos(radians(near.lat))
        self._inner = (near.km * (1 - _FLAT_ERROR)) ** 2 if flat else -1.0
        self._outer = (near.km * (1 + _FLAT_ERROR)) ** 2 if flat else inf

    def holds(self, lat: float, lon: float) -> bool:
        """Whether this point is no farther away than the circle is wide, by `distance_km`."""
        near = self._near
        east = lon - near.lon
        north, across = (lat - near.lat) * _KM_TO_NORTH, east * self._east
        apart = north * north + across * across
        if apart < self._inner:
            return True
        if apart > self._outer and -180 < east < 180:
            return False
        return distance_km(near.lat, near.lon, lat, lon) <= near.km


def few(lens: Lens, near: Near, most: int) -> set[int] | None:
    """The entries, visible or not, with a visible point in the circle; None when they are more than `most`, or seem so."""
    found = _around(lens, near, int(_FRINGE * most))
    if found is None:
        return None
    circle = Circle(near)
    inside = {number for number, value in found if circle.holds(*point_of(value))}
    return inside if len(inside) <= most else None


def within(lens: Lens, near: Near, known: dict[str, float]) -> dict[int, float]:
    """The entries, visible or not, with a visible point in the circle, and how far the nearest one is. `known` remembers distances from one circle to the next
    around the same point."""
    nearest = _nearest(_around(lens, near) or (), near.lat, near.lon, known)
    return {number: km for number, km in nearest.items() if km <= near.km}


def _around(lens: Lens, near: Near, most: int | None = None) -> Sequence[tuple[int, str]] | None:
    """The entries with the terms of their visible points in and a little around the circle; None when they are more than `most`."""
    if not lens.placed:
        return ()
    bulk = lens.bulk
    ranges = _ranges(near)
    limit = "" if most is None else f" LIMIT {most + 1:d}"
    if bulk.postgres:
        sql = (
            "SELECT t.entry_id, t.value FROM unnest(?::text[], ?::text[]) r(low, high),"  # noqa: S608
            " LATERAL (SELECT entry_id, value FROM term"
            f" WHERE type = ? AND key = ? AND value BETWEEN r.low AND r.high AND level <= ? OFFSET 0) t{limit}"
        )
        given: tuple[object, ...] = ([low for low, _ in ranges], [high for _, high in ranges])
    else:
        sql = (
            "SELECT t.entry_id, t.value FROM json_each(?) r CROSS JOIN term t WHERE t.type = ? AND t.key = ?"  # noqa: S608
            f" AND t.value BETWEEN json_extract(r.value, '$[0]') AND json_extract(r.value, '$[1]') AND t.level <= ?{limit}"
        )
        given = (bulk.many(ranges),)
    found: Sequence[tuple[int, str]] = bulk.rows(sql, *given, TYPE_MARKS[lens.type], POINT, lens.rank)
    return None if most is not None and len(found) > most else found


def inside(lens: Lens, near: Near, rows: Sequence[Row]) -> set[int]:
    """Those of these rows with a visible point in the circle."""
    if not lens.placed:
        return set()
    circle = Circle(near)
    others = [row.id for row in rows if row.lat is None or row.lon is None]  # none, several, or one that not everybody sees
    found = {row.id for row in rows if row.lat is not None and row.lon is not None and circle.holds(row.lat, row.lon)}
    found.update(number for number, value in _values(lens, others) if circle.holds(*point_of(value)))
    return found


def distances(lens: Lens, lat: float, lon: float, rows: Sequence[Row]) -> dict[int, float]:
    """How far the nearest visible point of each of these entries is, in kilometres; entries without a point are left out."""
    if not lens.placed:
        return {}
    far = {row.id: distance_km(lat, lon, row.lat, row.lon) for row in rows if row.lat is not None and row.lon is not None}
    others = [row.id for row in rows if row.id not in far]
    far.update(_nearest(_values(lens, others), lat, lon, {}))
    return far


def _values(lens: Lens, numbers: Sequence[int]) -> Sequence[tuple[int, str]]:
    """These entries with the terms of their visible points."""
    if not numbers:
        return ()
    bulk = lens.bulk
    key = "key" if bulk.postgres else "+key"
    sql = f"SELECT entry_id, value FROM term WHERE {bulk.listed('entry_id')} AND {key} = ? AND level <= ?"  # noqa: S608
    found: Sequence[tuple[int, str]] = bulk.rows(sql, bulk.many(numbers), POINT, lens.rank)
    return found


def _nearest(found: Collection[tuple[int, str]], lat: float, lon: float, known: dict[str, float]) -> dict[int, float]:
    nearest: dict[int, float] = {}
    for number, value in found:
        km = known.get(value)
        if km is None:
            km = known[value] = distance_km(lat, lon, *point_of(value))
        if number not in nearest or km < nearest[number]:
            nearest[number] = km
    return nearest


def _ranges(near: Near) -> list[tuple[str, str]]:
    """Ranges of point terms that cover the circle."""
    south, north = near.lat - near.km / _KM_PER_DEGREE, near.lat + near.km / _KM_PER_DEGREE
    widest = max(0.01, min(cos(radians(max(-89.0, south))), cos(radians(min(89.0, north)))))
    reach = near.km / (_KM_PER_DEGREE * widest)
    low, high = max(0, int((south + 90) * 100)), min(18_000, int((north + 90) * 100))
    west, east = int((near.lon - reach + 180) * 100_000), int((near.lon + reach + 180) * 100_000) + 1
    if high - low > _MOST_ROWS or west < 0 or east > 36_000_000:
        return [(f"{low:05d}", f"{high:05d}~")]
    return [(f"{row:05d}{west:08d}", f"{row:05d}{east:08d}~") for row in range(low, high + 1)]
