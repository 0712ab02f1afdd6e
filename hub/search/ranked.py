"""A hit with its place in an order, as the orders hand them on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from hub.search.lens import Lens, Row

NOWHERE_KM: Final = 99_999.0
"""Where those come in the order who have no point: behind everybody on earth."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """A row with its place in the order; smaller comes first. `tier` and `km` where the order has them."""

    key: tuple[Any, ...]
    row: Row
    lens: Lens
    tier: str | None = None
    km: float | None = None


def behind(hits: list[Ranked], after: tuple[Any, ...] | None, down: bool) -> Iterator[Ranked]:
    """The hits behind a position, in order."""
    if after is not None:
        hits = [hit for hit in hits if (hit.key < after if down else hit.key > after)]
    hits.sort(key=lambda hit: hit.key, reverse=down)
    return iter(hits)
