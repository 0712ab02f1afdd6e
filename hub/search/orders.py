"""The orders: hits behind a position, as far as somebody asks for them.

Every order is a keyset: a page goes on behind the sort key of the last hit, and no page is ever counted from the start. Two ways lead
to a page. Few candidates: fetch them all, check, sort. Many: walk along an index that has the order already and check as we go. Which of the two
is cheaper depends on how many candidates there are among how many entries; both give the same list.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from heapq import merge as merge_sorted
from itertools import count
from math import isqrt, sqrt
from typing import Any, Final

from hub.model.query import Near, Query
from hub.places import Places
from hub.search import local, points
from hub.search.conditions import IsNear, last_changes
from hub.search.lens import Lens, Row
from hub.search.match import Match
from hub.search.names import Names, first_step
from hub.search.plan import Candidates, Plan
from hub.search.steps import entries, steps

_FIRST_KM: Final = 1.0
_EVERYWHERE_KM: Final = 20_100.0
_PART: Final = 400
"""So many candidates are checked at once at first."""
_CHECKED: Final = 8
"""Of so many matches one may be a hit when there is more to check."""
_LEAP: Final = 1_000
"""So many matches are compared with candidates at first, when that costs no more than to compare numbers."""
_NOWHERE_KM: Final = 99_999.0
"""Where those come in the order who have no point: behind everybody on earth."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """A row with its place in the order; smaller comes first. `tier` and `km` where the order has them."""

    key: tuple[Any, ...]
    row: Row
    lens: Lens
    tier: str | None = None
    km: float | None = None


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
        key = self.rank, self.described, row.umbrella, _NOWHERE_KM if km is None else km, row.id
        return Ranked(key, row, lens, tier=self.tier.name, km=km)


class Walker:
    """Hits in the order of a query, from a position on, as far as somebody asks for them."""

    def __init__(
        self, query: Query, plans: Sequence[Plan], places: Places, after: tuple[Any, ...] | None
    ) -> None:
        self._query = query
        self._plans = [plan for plan in plans if not plan.nothing]
        self._after = after
        self.place = _place(query, places)
        self._local = local.tiers(query.local, places) if query.sort == "local" and query.local else ()
        self._bound = _bound(plans)
        self._names = Names(query, self._bound)

    def hits(self) -> Iterator[Ranked]:
        """All hits behind the position, in order."""
        if self._query.sort == "local":
            return self._local_first()
        by: dict[str, Callable[[Plan], Iterator[Ranked]]] = {
            "number": self._by_number,
            "name": self._by_name,
            "updated": self._by_update,
            "distance": partial(self._by_distance, after=self._after),
        }
        one = by[self._query.sort]
        # Each type has an index of its own; a page over several types takes from each what is next.
        return merge_sorted(*map(one, self._plans), key=lambda hit: hit.key, reverse=self._query.descending)

    def _sorted(self, hits: list[Ranked], after: tuple[Any, ...] | None) -> Iterator[Ranked]:
        down = self._query.descending
        if after is not None:
            hits = [hit for hit in hits if (hit.key < after if down else hit.key > after)]
        hits.sort(key=lambda hit: hit.key, reverse=down)
        return iter(hits)

    # --- orders ---------------------------------------------------------------------------------------------------------------

    def _by_number(self, plan: Plan) -> Iterator[Ranked]:
        after = None if self._after is None else self._after[0]
        first = plan.lens.bulk.postgres and plan.led(_PART)
        if plan.conditions and not first and (found := plan.numbered(self._bound)) is not None:
            rest, ids = found.rest, found.ids
            if rest.match and len(ids) > 4 * self._query.limit:
                if rest.match.every and not rest.lens.bulk.postgres:
                    for rows in self._meeting(rest, ids, after, self._query.descending):
                        yield from (Ranked((row.id,), row, plan.lens) for row in rows)
                    return
                rest, ids = self._matching(rest, ids)
            for rows in self._in_parts(rest, list(ids), after, self._query.descending):
                yield from (Ranked((row.id,), row, plan.lens) for row in rows)
            return
        numbers = self._as_a_whole(plan)
        if numbers is not None:
            for rows in self._in_parts(replace(plan, match=Match()), numbers, after, self._query.descending):
                yield from (Ranked((row.id,), row, plan.lens) for row in rows)
            return
        for rows in self._along_numbers(plan, after, self._query.descending):
            yield from (Ranked((row.id,), row, plan.lens) for row in rows)

    def _matching(self, rest: Plan, ids: set[int]) -> tuple[Plan, set[int]]:
        """A plan without its match, and these entries without those that do not match; or both as they are, where that is told sooner as they come."""
        lens, match = rest.lens, rest.match
        if not lens.bulk.postgres:  # a match of nothing but what must not be
            return replace(rest, match=Match()), lens.among(match, ids)
        if match.every and (lens.expected(match) or 0) < len(ids):
            numbers = lens.numbers(match, 2 * len(ids))
            if len(numbers) < 2 * len(ids):
                return replace(rest, match=Match()), ids.intersection(numbers)
        return rest, ids

    def _as_a_whole(self, plan: Plan) -> list[int] | None:
        """All that PostgreSQL finds by the match, where that costs less than to look at row after row along the way: it takes the look at a row for cheap,
        also when hundreds of words are looked for in it."""
        if not plan.lens.bulk.postgres or plan.nothing or not plan.match.every:
            return None
        most = plan.lens.worth_reading(plan.match, (self._query.limit + 1) * (_CHECKED if plan.conditions else 1))
        numbers = plan.lens.numbers(plan.match, most + 1) if most else []
        return numbers if 0 < most >= len(numbers) else None

    def _along_numbers(self, plan: Plan, after: int | None, down: bool) -> Iterator[list[Row]]:
        leads = bool(plan.match.every)
        if leads and plan.conditions and plan.lens.bulk.postgres:
            yield from self._in_ranges(plan, after, down)
            return
        if leads and plan.leads_on:
            yield from self._by_links(plan, after, down)
            return
        for step in steps(self._query.limit, eager=not plan.conditions and (leads or not plan.match)):
            if leads:
                rows = plan.lens.matching(plan.match, after, down, step)
            else:
                rows = entries(plan.lens, "e.id", None if after is None else (after,), down, step)
            yield plan.keep(rows, matched=leads)
            if len(rows) < step:
                return
            after = rows[-1].id

    def _by_links(self, plan: Plan, after: int | None, down: bool) -> Iterator[list[Row]]:
        """The same from a match on SQLite whose other ends are looked at first: only of those whose ends are good is there a row to fetch."""
        rest = replace(plan, match=Match())
        for numbers in self._matches(plan, steps(self._query.limit, eager=False), after, down):
            yield _in_order(rest.keep_of(numbers), down)

    def _meeting(self, plan: Plan, ids: set[int], after: int | None, down: bool) -> Iterator[list[Row]]:
        """What is both a match on SQLite and one of these entries: to go along the match costs so little a number that it ends with the page."""
        rest = replace(plan, match=Match())
        for numbers in self._matches(plan, (_LEAP << leap for leap in count()), after, down):
            yield from self._in_parts(rest, [number for number in numbers if number in ids], None, down)

    def _matches(self, plan: Plan, leaps: Iterable[int], after: int | None, down: bool) -> Iterator[list[int]]:
        for leap in leaps:
            numbers = plan.lens.numbers_behind(plan.match, after, down, leap)
            yield numbers
            if len(numbers) < leap:
                return
            after = numbers[-1]

    def _in_ranges(self, plan: Plan, after: int | None, down: bool) -> Iterator[list[Row]]:
        """The same from a match on PostgreSQL, where to be read from one number to another costs it less than to be read as a whole."""
        lens, rest = plan.lens, replace(plan, match=Match())
        span = max(1, lens.last * _PART // max(_PART, lens.expected(plan.match) or 0))
        at = after if after is not None else lens.last + 1 if down else 0
        while at > 0 if down else at < lens.last:
            low, high = (at - 1 - span, at - 1) if down else (at, at + span)
            yield _in_order(rest.keep_of(lens.numbers_between(plan.match, low, high)), down)
            at, span = (low + 1 if down else high), 2 * span

    def _in_parts(self, plan: Plan, numbers: list[int], after: int | None, down: bool) -> Iterator[list[Row]]:
        if after is not None:
            numbers = [number for number in numbers if (number < after if down else number > after)]
        numbers.sort(reverse=down)
        start = 0
        for step in steps(self._query.limit, eager=not plan.conditions and not plan.match, first=_PART):
            yield _in_order(plan.keep_of(numbers[start : start + step]), down)
            start += step
            if start >= len(numbers):
                return

    def _by_name(self, plan: Plan) -> Iterator[Ranked]:
        if not plan.lens.named:
            yield from self._nameless(plan)
            return
        for row in self._names.hits(plan, self._after):
            yield Ranked((row.name, row.id), row, plan.lens)

    def _nameless(self, plan: Plan) -> Iterator[Ranked]:
        """The order by name for who may not see names: as if there were none, so before all others."""
        after, down = self._after, self._query.descending
        if after is not None and after[0] and not down:
            return
        number = None if after is None or after[0] else after[1]
        for rows in self._along_numbers(plan, number, down):
            yield from (Ranked(("", row.id), row, plan.lens) for row in rows)

    def _by_update(self, plan: Plan) -> Iterator[Ranked]:
        few = plan.few(self._bound)
        if few is not None:
            seqs = last_changes(plan.lens, {row.entity_id for row in few})
            hits = [
                Ranked((seqs[row.entity_id], row.id), row, plan.lens) for row in few if row.entity_id in seqs
            ]
            yield from self._sorted(hits, self._after)
            return
        lens, down = plan.lens, self._query.descending
        known, given = lens.changes
        later = f"SELECT 1 FROM change n WHERE n.entity_id = c.entity_id AND n.seq > c.seq AND {known.replace('c.', 'n.')}"  # noqa: S608
        seq = None if self._after is None else self._after[0]
        for step in steps(self._query.limit, eager=not plan.match and not plan.conditions):
            beyond = "" if seq is None else f" AND c.seq {'<' if down else '>'} ?"
            sql = (
                f"SELECT c.seq, {lens.columns} FROM change c JOIN entry e ON e.entity_id = c.entity_id WHERE c.type = ? AND {known}{beyond}"  # noqa: S608
                f" AND NOT EXISTS ({later}) AND {lens.visible} ORDER BY c.seq {'DESC' if down else 'ASC'} LIMIT ?"
            )
            position = () if seq is None else (seq,)
            found = lens.bulk.rows(sql, lens.type, *given, *position, *given, *lens.visible_with, step)
            seqs = {row[1]: row[0] for row in found}
            for row in plan.keep([Row(*row[1:]) for row in found]):
                yield Ranked((seqs[row.id], row.id), row, lens)
            if len(found) < step:
                return
            seq = found[-1][0]

    def _by_distance(self, plan: Plan, after: tuple[Any, ...] | None) -> Iterator[Ranked]:
        assert self.place is not None
        lens, near = plan.lens, self._query.near
        here = near if near is not None else Near(*self.place, _EVERYWHERE_KM)
        plan = plan.without(IsNear(lens, here))  # the circles end where it does
        found = plan.candidates(2 * self._bound)
        if found is None:
            yield from self._in_circles(plan, here, after)
            if near is None:
                yield from self._nowhere(plan, after)
            return
        few = found.rows()
        far = points.distances(lens, here.lat, here.lon, few)
        hits = [
            Ranked((far[row.id], row.id), row, lens, km=far[row.id])
            for row in few
            if far.get(row.id, here.km + 1) <= here.km
        ]
        if near is None:
            hits += [Ranked((_NOWHERE_KM, row.id), row, lens) for row in few if row.id not in far]
        yield from self._sorted(hits, after)

    def _nowhere(self, plan: Plan, position: tuple[Any, ...] | None) -> Iterator[Ranked]:
        """Who has no point that the asker may see comes last: the order leaves nobody out."""
        assert self.place is not None
        after = int(position[1]) if position is not None and position[0] == _NOWHERE_KM else None
        for rows in self._along_numbers(plan, after, down=False):
            somewhere = points.distances(plan.lens, *self.place, rows)
            yield from (
                Ranked((_NOWHERE_KM, row.id), row, plan.lens) for row in rows if row.id not in somewhere
            )

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

    def _local_first(self) -> Iterator[Ranked]:
        parted = [self._parted(plan) for plan in self._plans]
        found = [
            None if parts is not None else self._unparted(plan)
            for plan, parts in zip(self._plans, parted, strict=True)
        ]
        for rank, tier in enumerate(self._local):
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
        told = [tier for tier in self._local if tier.told(plan.lens)]
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
            order = "e.umbrella, e.name, e.id" if lens.ranked else "e.name, e.id"
            if after is not None and not lens.ranked:
                after = after[1:]
            for row in entries(lens, order, after, False, self._query.limit + 1, among=here):
                yield part.by_name(row, lens)
            return
        rows = rest.keep(lens.fetch(here))
        if part.tier.nearest_first:
            assert self.place is not None
            far = points.distances(lens, *self.place, rows)
            hits = [part.by_distance(row, lens, far.get(row.id)) for row in rows]
        else:
            hits = [part.by_name(row, lens) for row in rows]
        yield from self._sorted(hits, self._after)

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
                for hit in self._by_distance(these, position):
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
        expected = plan.lens.expected(plan.match)
        return expected is not None and expected > 2 * self._bound

    def _part_by_number(
        self, plan: Plan, position: tuple[Any, ...] | None, umbrella: int, part: _Part
    ) -> Iterator[Ranked]:
        """The hits of a part for who may not see names."""
        if plan.lens.ranked:
            plan = plan.narrowed(local.umbrellas(plan.lens, bool(umbrella)))
        if position is not None and position[0]:
            return
        for rows in self._along_numbers(plan, None if position is None else position[1], down=False):
            yield from (part.by_name(row, plan.lens) for row in rows)


def _in_order(rows: list[Row], down: bool) -> list[Row]:
    return sorted(rows, key=lambda row: row.id, reverse=down)


def _place(query: Query, places: Places) -> tuple[float, float] | None:
    if query.near is not None:
        return query.near.lat, query.near.lon
    if query.local is not None:
        town = places.municipality(query.local)
        return town.lat, town.lon
    return None


def _bound(plans: Sequence[Plan]) -> int:
    """Up to how many candidates to fetch them all costs no more than to walk.

    Fetching m of n costs m; walking to the end of a page costs n/m for each hit: they meet at a multiple of the root of n.
    """
    if not plans:
        return 0
    return 300 + 3 * isqrt(plans[0].lens.last) // 2
