"""The order of distances: few hits are measured and sorted; many are met in circles around the place, each larger than the one before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from math import sqrt
from typing import Any, Final

from hub.model.query import Near, Query
from hub.search import points
from hub.search.conditions import IsNear
from hub.search.names import first_step
from hub.search.numbers import Numbers
from hub.search.plan import Plan
from hub.search.ranked import NOWHERE_KM, Ranked, behind
from hub.search.steps import steps

_FIRST_KM: Final = 1.0
_EVERYWHERE_KM: Final = 20_100.0


class Distances:
    """Hits in the order of their distance from a place (latitude, longitude); `bound` as for `Numbers`."""

    def __init__(self, query: Query, place: tuple[float, float], bound: int) -> None:
        self._query = query
        self._place = place
        self._bound = bound
        self._numbers = Numbers(query, bound)

    def hits(self, plan: Plan, after: tuple[Any, ...] | None) -> Iterator[Ranked]:
        """The hits behind a position; each has its `km`, but those without a point, who come last."""
        lens, near = plan.lens, self._query.near
        here = near if near is not None else Near(*self._place, _EVERYWHERE_KM)
        plan = plan.without(IsNear(lens, here))  # the circles end where it does
        found = plan.candidates(2 * self._bound)
        if found is None:
            yield from self._in_circles(plan, here, after)
            if near is None:
                yield from self._nowhere(plan, after)
            return
        few = found.rows()
        far = points.distances(lens, here.lat, here.lon, few)
        hits = [Ranked((far[row.id], row.id), row, lens, km=far[row.id]) for row in few if far.get(row.id, here.km + 1) <= here.km]
        if near is None:
            hits += [Ranked((NOWHERE_KM, row.id), row, lens) for row in few if row.id not in far]
        yield from behind(hits, after, self._query.descending)

    def _nowhere(self, plan: Plan, position: tuple[Any, ...] | None) -> Iterator[Ranked]:
        """Who has no point that the asker may see comes last: the order leaves nobody out."""
        after = int(position[1]) if position is not None and position[0] == NOWHERE_KM else None
        for rows in self._numbers.along(plan, after, down=False):
            somewhere = points.distances(plan.lens, *self._place, rows)
            yield from (Ranked((NOWHERE_KM, row.id), row, plan.lens) for row in rows if row.id not in somewhere)

    def _in_circles(self, plan: Plan, here: Near, after: tuple[Any, ...] | None) -> Iterator[Ranked]:
        """Look at all points in a circle, nearest first; when they do not fill the page, in a larger one."""
        reached: tuple[Any, ...] = (-1.0, 0) if after is None else after
        first, radius, seen = first_step(self._query, plan, self._bound), max(_FIRST_KM, 1.5 * reached[0]), 0
        known: dict[str, float] = {}
        while reached[0] <= here.km:
            radius = min(radius, here.km)
            found = points.within(plan.lens, replace(here, km=radius), known)
            order = sorted((km, number) for number, km in found.items() if (km, number) > reached)
            if len(order) >= first or radius == here.km:
                start = 0
                for step in steps(self._query.limit, eager=False, first=first):
                    part = order[start : start + step]
                    if not part:
                        break
                    start += step
                    rows = {row.id: row for row in plan.keep_of([number for _, number in part])}
                    for km, number in part:
                        if number in rows:
                            yield Ranked((km, number), rows[number], plan.lens, km=km)
                reached, seen = order[-1] if order else reached, len(found)
                first = 2 * first
            if radius == here.km:
                return
            # So much larger as to hold enough, if points lie as densely there.
            radius *= max(1.15, min(4.0, 1.1 * sqrt((seen + first) / max(1, len(found)))))
