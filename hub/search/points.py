"""Positions: which points lie in a circle, and how far an entry is from somewhere."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from math import cos, radians
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


def within(
    lens: Lens, near: Near, most: int | None = None, known: dict[str, float] | None = None
) -> dict[int, float] | None:
    """The entries, visible or not, with a visible point in the circle, and how far the nearest one is; None when more than `most` points lie around it."""
    # `known` remembers distances from one circle to the next around the same point.
    if not lens.placed:
        return {}
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
    found = bulk.rows(sql, *given, TYPE_MARKS[lens.type], POINT, lens.rank)
    if most is not None and len(found) > most:
        return None
    nearest = _nearest(found, near.lat, near.lon, {} if known is None else known)
    return {number: km for number, km in nearest.items() if km <= near.km}


def distances(lens: Lens, lat: float, lon: float, rows: Sequence[Row]) -> dict[int, float]:
    """How far the nearest visible point of each of these entries is, in kilometres; entries without a point are left out."""
    if not lens.placed:
        return {}
    far = {
        row.id: distance_km(lat, lon, row.lat, row.lon)
        for row in rows
        if row.lat is not None and row.lon is not None
    }
    others = [row.id for row in rows if row.id not in far]  # none, several, or one that not everybody sees
    if others:
        bulk = lens.bulk
        key = "key" if bulk.postgres else "+key"
        sql = f"SELECT entry_id, value FROM term WHERE {bulk.listed('entry_id')} AND {key} = ? AND level <= ?"  # noqa: S608
        far.update(_nearest(bulk.rows(sql, bulk.many(others), POINT, lens.rank), lat, lon, {}))
    return far


def _nearest(
    found: Collection[tuple[int, str]], lat: float, lon: float, known: dict[str, float]
) -> dict[int, float]:
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
