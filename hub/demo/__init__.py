"""One fictional world: seeded, streaming, with known defects. Demo, tests, simulators and benchmarks all look at it."""

from __future__ import annotations

from hub.demo.rubrieken import Rubriek
from hub.demo.shapes import (
    Address,
    Availability,
    BrusselsListing,
    Caregiving,
    Contact,
    Offer,
    Org,
    OverlayItem,
    Person,
    Recognition,
    Site,
)
from hub.demo.world import TODAY, World

__all__ = [
    "TODAY",
    "Address",
    "Availability",
    "BrusselsListing",
    "Caregiving",
    "Contact",
    "Offer",
    "Org",
    "OverlayItem",
    "Person",
    "Recognition",
    "Rubriek",
    "Site",
    "World",
]
