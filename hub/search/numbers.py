"""The order of numbers, which never change: a match read as a whole, or met along the numbers one after the other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import count
from typing import Final

from hub.model.query import Query
from hub.search.lens import Row
from hub.search.match import Match
from hub.search.plan import Plan
from hub.search.postgresql import SEVERAL
from hub.search.steps import entries, steps

_PART: Final = 400
"""So many candidates are checked at once at first."""
_CHECKED: Final = 8
"""Of so many matches one may be a hit when there is more to check."""
_LEAP: Final = 1_000
"""So many matches are compared with candidates at first, when that costs no more than to compare numbers."""


class Numbers:
    """Hits in the order of their numbers; `bound`: up to how many candidates to fetch them all costs no more than to walk."""

    def __init__(self, query: Query, bound: int) -> None:
        self._query = query
        self._bound = bound

    def hits(self, plan: Plan, after: int | None) -> Iterator[Row]:
        """The hits behind a number."""
        for rows in self._in_steps(plan, after, self._query.descending):
            yield from rows

    def _in_steps(self, plan: Plan, after: int | None, down: bool) -> Iterator[list[Row]]:
        first = plan.lens.bulk.postgres and plan.led(_PART)
        if plan.conditions and not first and (found := plan.numbered(self._bound)) is not None:
            rest, ids = found.rest, found.ids
            if rest.match and len(ids) > 4 * self._query.limit:
                if rest.match.every and not rest.lens.bulk.postgres:
                    yield from self._meeting(rest, ids, after, down)
                    return
                rest, ids = self._matching(rest, ids)
            yield from self._in_parts(rest, list(ids), after, down)
            return
        numbers = self._as_a_whole(plan)
        if numbers is not None:
            yield from self._in_parts(replace(plan, match=Match()), numbers, after, down)
            return
        yield from self.along(plan, after, down)

    def _matching(self, rest: Plan, ids: set[int]) -> tuple[Plan, set[int]]:
        """A plan without its match, and these entries without those that do not match; or both as they are, where that is told sooner as they come."""
        lens, match = rest.lens, rest.match
        if not lens.bulk.postgres:  # a match of nothing but what must not be
            return replace(rest, match=Match()), lens.among(match, ids)
        if match.every and (lens.statistics.expected(match) or 0) < len(ids):
            numbers = lens.numbers(match, 2 * len(ids))
            if len(numbers) < 2 * len(ids):
                return replace(rest, match=Match()), ids.intersection(numbers)
        return rest, ids

    def _as_a_whole(self, plan: Plan) -> list[int] | None:
        """All that PostgreSQL finds by the match, where that costs less than to look at row after row along the way: it takes the look at a row for cheap,
        also when hundreds of words are looked for in it."""
        if not plan.lens.bulk.postgres or plan.nothing or not plan.match.every:
            return None
        hits = (self._query.limit + 1) * (_CHECKED if plan.conditions else 1)
        most = plan.lens.statistics.worth_reading(plan.match, hits, in_type=_has_many_words(plan) and not plan.conditions)
        numbers = plan.lens.numbers(plan.match, most + 1) if most else []
        return numbers if 0 < most >= len(numbers) else None

    def along(self, plan: Plan, after: int | None, down: bool) -> Iterator[list[Row]]:
        """The hits behind a number, when there are many; a step of them at a time."""
        leads = bool(plan.match.every)
        if leads and plan.conditions and plan.lens.bulk.postgres:
            yield from self._in_ranges(plan, after, down)
            return
        if leads and plan.leads_on:
            yield from self._by_links(plan, after, down)
            return
        meet = plan.lens.met_along_numbers if _has_many_words(plan) else plan.lens.matching
        for step in steps(self._query.limit, eager=not plan.conditions and (leads or not plan.match)):
            if leads:
                rows = meet(plan.match, after, down, step)
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
        span = max(1, lens.statistics.last * _PART // max(_PART, lens.statistics.expected(plan.match) or 0))
        at = after if after is not None else lens.statistics.last + 1 if down else 0
        while at > 0 if down else at < lens.statistics.last:
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


def _has_many_words(plan: Plan) -> bool:
    """Whether PostgreSQL would take the match for much rarer than it is."""
    return plan.lens.bulk.postgres and any(len(part) > SEVERAL for part in plan.match.every)


def _in_order(rows: list[Row], down: bool) -> list[Row]:
    return sorted(rows, key=lambda row: row.id, reverse=down)
