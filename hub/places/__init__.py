"""Places: municipalities, postcodes, and the primary-care zones (eerstelijnszones) made of them.

A municipality is named by its REFNIS code (the NIS code of Statbel). Codes end when municipalities merge; every function here takes an
old code and answers with the new one. The tables lie in `places_data/` (sources and exactness in its ATTRIBUTION.md); zones are loaded
from a file of the installation, since there is no public list with dates.
"""

from __future__ import annotations

from hub.places.codes import Municipality, Region, UnknownPlace
from hub.places.gazetteer import Nearby, Places, Suggestion, distance_km, places
from hub.places.zones import DEMO_ZONES, Zone, ZoneFileError, ZoneMember, Zones

__all__ = [
    "DEMO_ZONES",
    "Municipality",
    "Nearby",
    "Places",
    "Region",
    "Suggestion",
    "UnknownPlace",
    "Zone",
    "ZoneFileError",
    "ZoneMember",
    "Zones",
    "distance_km",
    "places",
]
