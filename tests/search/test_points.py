"""What a flat map tells of a circle is what the distance over the sphere says."""

from __future__ import annotations

from math import cos, radians

from hypothesis import example, given
from hypothesis import strategies as st

from hub.model.query import Near
from hub.places import distance_km
from hub.search.points import Circle

latitudes, longitudes = st.floats(-90, 90), st.floats(-180, 180)


@given(latitudes, longitudes, st.floats(0.001, 400), st.floats(-1.2, 1.2), st.floats(-1.2, 1.2))
@example(65.9, 4.0, 49.9, 0.7, 0.717)
@example(65.9, 4.0, 49.9, -0.7, 0.712)
@example(10.0, 179.99, 40.0, 0.1, 0.5)
@example(89.99, 0.0, 5.0, 0.0, 1.1)
def test_a_circle_holds_what_is_no_farther_away_than_it_is_wide(lat: float, lon: float, km: float, north: float, east: float) -> None:
    """Points around the rim, by `north` and `east` in widths of the circle."""
    there = min(90.0, max(-90.0, lat + north * km / 111.2))
    across = (lon + east * km / 111.2 / max(0.01, cos(radians(lat))) + 540) % 360 - 180
    assert Circle(Near(lat, lon, km)).holds(there, across) == (distance_km(lat, lon, there, across) <= km)


@given(latitudes, longitudes, st.floats(0.001, 20_000), latitudes, longitudes)
def test_a_circle_holds_no_point_that_is_elsewhere(lat: float, lon: float, km: float, there: float, across: float) -> None:
    assert Circle(Near(lat, lon, km)).holds(there, across) == (distance_km(lat, lon, there, across) <= km)
