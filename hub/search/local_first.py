"""The order of local first: tier by tier; in each who has the words in a name, a label or an address before who only describes them; umbrella
organisations last; then by name, or beyond what serves the place the nearest first."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from heapq import merge as merge_sorted
from typing import Any, Final

from hub.model.query import Query
from hub.search import local, points
from hub.search.distances import Distances
from hub.search.lens import Lens, Row
from hub.search.names import Names
from hub.search.numbers import Numbers
from hub.search.plan import Candidates, Plan
from hub.search.ranked import NOWHERE_KM, Ranked, behind
from hub.search.steps import entries

_PASSED: Final = ("passed",)
"""Where to go on in what the position is behind of."""


@dataclass(frozen=True, slots=True)
class _Part:
    """Those of a tier who have the words of the text in a name, a label or an address; or, `described`, those who have one in a description only."""

    rank: int
    tier: local.Tier
    described: int = 0

    def behind(self, after: tuple[Any, ...] | None) -> tuple[Any, ...] | None:
        """Where in this part to go on: None at its start, `_PASSED` when the position is behind it."""
        if after is None or (self.rank, self.described) > after[:2]:
            return None
        return after[2:] if (self.rank, self.described) == after[:2] else _PASSED

    def by_name(self, row: Row, lens: Lens) -> Ranked:
        """A hit in the order of names, umbrella organisations last."""
        key = self.rank, self.described, row.umbrella, row.name, row.id
        return Ranked(key, row, lens, tier=self.tier.name)

    def by_distance(self, row: Row, lens: Lens, km: float | None) -> Ranked:
        """The same where the nearest comes first."""
        key = self.rank, self.described, row.umbrella, NOWHERE_KM if km is None else km, row.id
        return Ranked(key, row, lens, tier=self.tier.name, km=km)


class LocalFirst:
    """Hits of all plans around `place` (latitude, longitude), behind the position `after`; `bound` as for `Numbers`."""

    def __init__(
        self,
        query: Query,
        plans: Sequence[Plan],
        tiers: Sequence[local.Tier],
        place: tuple[float, float],
        after: tuple[Any, ...] | None,
        bound: int,
    ) -> None:
        self._query = query
        self._plans = plans
        self._tiers = tiers
        self._place = place
        self._after = after
        self._bound = bound
        self._names = Names(query, bound)
        self._numbers = Numbers(query, bound)
        self._distances = Distances(query, place, bound)

    def hits(self) -> Iterator[Ranked]:
        """All hits behind the position, in order."""
        parted = [self._parted(plan) for plan in self._plans]
        found = [None if parts is not None else self._unparted(plan) for plan, parts in zip(self._plans, parted, strict=True)]
        for rank, tier in enumerate(self._tiers):
            each: list[Iterator[Ranked]] = []
            for number, (plan, parts, few) in enumerate(zip(self._plans, parted, found, strict=True)):
                if not tier.told(plan.lens):
                    continue
                if parts is not None:
                    each.append(self._sort_tier(parts[tier].rest, parts[tier].ids, rank, tier))
                    continue
                if few is None:
                    each.append(self._walk_tier(plan, rank, tier))
                    continue
                these = tier.these(plan.lens)
                here = plan.lens.any_of(these, few.ids) if these else few.ids
                found[number] = Candidates(few.rest, few.ids - here)  # what is left for the tiers to come
                each.append(self._sort_tier(few.rest, here, rank, tier))
            if self._after is None or rank >= self._after[0]:
                yield from merge_sorted(*each, key=lambda hit: hit.key)

    def _parted(self, plan: Plan) -> dict[local.Tier, Candidates] | None:
        """The candidates of each tier that the asker can tell, when they are few and one look tells them all."""
        told = [tier for tier in self._tiers if tier.told(plan.lens)]
        parts = plan.classed([tier.these(plan.lens) for tier in told if tier.wanted], self._bound)
        return None if parts is None else dict(zip(told, parts, strict=True))

    def _unparted(self, plan: Plan) -> Candidates | None:
        """All candidates, when they are few and were not found tier by tier."""
        return plan.named(self._bound) if plan.lens.bulk.postgres else plan.candidates(self._bound)

    def _sort_tier(self, rest: Plan, here: Collection[int], rank: int, tier: local.Tier) -> Iterator[Ranked]:
        """The hits of a tier, when all candidates are at hand."""
        if not self._query.text:
            yield from self._sort_part(rest, here, _Part(rank, tier))
            return
        said = rest.saying(here, self._query.text)
        yield from self._sort_part(rest, said, _Part(rank, tier))
        yield from self._sort_part(rest, set(here) - said, _Part(rank, tier, described=1))

    def _sort_part(self, rest: Plan, here: Collection[int], part: _Part) -> Iterator[Ranked]:
        after = part.behind(self._after)
        if not here or after is _PASSED:
            return
        lens = rest.lens
        if lens.named and not rest.match and not rest.conditions and not part.tier.nearest_first:
            # Nothing is left to check: the database can sort, and give only what the page needs.
            order = f"{lens.umbrella}, e.name, e.id" if lens.ranked else "e.name, e.id"
            if after is not None and not lens.ranked:
                after = after[1:]
            for row in entries(lens, order, after, False, self._query.limit + 1, among=here):
                yield part.by_name(row, lens)
            return
        rows = rest.keep(lens.fetch(here))
        if part.tier.nearest_first:
            far = points.distances(lens, *self._place, rows)
            hits = [part.by_distance(row, lens, far.get(row.id)) for row in rows]
        else:
            hits = [part.by_name(row, lens) for row in rows]
        yield from behind(hits, self._after, down=False)

    def _walk_tier(self, plan: Plan, rank: int, tier: local.Tier) -> Iterator[Ranked]:
        """The hits of a tier, when they are too many to fetch them all."""
        narrowed = plan.narrowed(tier.match(plan.lens))
        if tier.nearest_first or not self._met_soon(narrowed):
            few = narrowed.candidates(self._bound)
            if few is not None:
                yield from self._sort_tier(few.rest, few.ids, rank, tier)
                return
        if not self._query.text:
            yield from self._walk_part(narrowed, _Part(rank, tier))
            return
        for described in (0, 1):
            part = _Part(rank, tier, described)
            if part.behind(self._after) is not _PASSED:
                yield from self._walk_part(narrowed.said(self._query.text, described=bool(described)), part)

    def _walk_part(self, plan: Plan, part: _Part) -> Iterator[Ranked]:
        lens, after = plan.lens, part.behind(self._after)
        if self._query.text and (part.tier.nearest_first or not self._met_soon(plan)):
            few = plan.candidates(self._bound)
            if few is not None:
                yield from self._sort_part(few.rest, few.ids, part)
                return
        for umbrella in (0, 1) if lens.ranked else (0,):
            if after is not None and umbrella < after[0]:
                continue
            position = after[1:] if after is not None and umbrella == after[0] else None
            if part.tier.nearest_first:
                these = plan.narrowed(local.umbrellas(lens, bool(umbrella))) if lens.ranked else plan
                for hit in self._distances.hits(these, position):
                    yield part.by_distance(hit.row, lens, hit.km)
                continue
            if not lens.named:
                yield from self._part_by_number(plan, position, umbrella, part)
                continue
            if umbrella:
                few = plan.narrowed(local.umbrellas(lens)).candidates(self._bound)
                if few is not None:
                    yield from self._sort_part(few.rest, few.ids, part)
                    return
            for row in self._names.along(plan, position, umbrella if lens.ranked else None):
                yield part.by_name(row, lens)

    def _met_soon(self, plan: Plan) -> bool:
        """Whether hits are so many that a walk along the names meets a page of them soon, as far as statistics can tell."""
        if plan.conditions or not plan.match.every or not plan.lens.named:
            return False
        expected = plan.lens.statistics.expected(plan.match)
        return expected is not None and expected > 2 * self._bound

    def _part_by_number(self, plan: Plan, position: tuple[Any, ...] | None, umbrella: int, part: _Part) -> Iterator[Ranked]:
        """The hits of a part for who may not see names."""
        if plan.lens.ranked:
            plan = plan.narrowed(local.umbrellas(plan.lens, bool(umbrella)))
        if position is not None and position[0]:
            return
        for rows in self._numbers.along(plan, None if position is None else position[1], down=False):
            yield from (part.by_name(row, plan.lens) for row in rows)
