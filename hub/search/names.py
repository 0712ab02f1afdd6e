"""The order of names: few hits are fetched and sorted; many are met along the index of names, which has the order already."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from heapq import merge as merge_sorted
from itertools import islice
from typing import Any, Final

from hub.model.query import Query
from hub.search.lens import Row
from hub.search.match import Alternatives, Match, initial, named_otherwise, named_so
from hub.search.plan import Candidates, Plan
from hub.search.steps import FIRST, LAST, by_name_and_number, entries, letters_from, only, steps

_NAMES_AT_ONCE: Final = 300
"""So many entries are fetched and sorted by name sooner than the first page of them is met along the names of a letter, however many there are."""


class Names:
    """Hits in the order of names, no more than a page of them; `bound`: up to how many candidates to fetch them all costs no more than to walk."""

    def __init__(self, query: Query, bound: int) -> None:
        self._query = query
        self._bound = bound

    def hits(self, plan: Plan, after: tuple[Any, ...] | None) -> Iterator[Row]:
        """The hits behind a position."""
        alone = plan.beginning and len(plan.match.every) == 1 and not plan.conditions
        # Many or few, a beginning alone is met on the way.
        found = None if alone else plan.candidates(self._most(plan))
        return self.along(plan, after) if found is None else self._sorted(found, after)

    def _sorted(
        self, found: Candidates, after: tuple[Any, ...] | None, umbrella: int | None = None
    ) -> Iterator[Row]:
        """The hits among candidates, behind a position in the order of names."""
        down = self._query.descending
        if found.settled:  # nothing left to check: the database can sort, and give only what the page needs
            condition, given = only(umbrella)
            step = self._query.limit + 1
            yield from entries(
                found.rest.lens, "e.name, e.id", after, down, step, condition, given, found.ids
            )
            return
        rows = [row for row in found.rows() if umbrella is None or row.umbrella == umbrella]
        if after is not None:
            position = (after[0], after[1])
            rows = [
                row
                for row in rows
                if ((row.name, row.id) < position if down else (row.name, row.id) > position)
            ]
        rows.sort(key=by_name_and_number, reverse=down)
        yield from rows

    def along(self, plan: Plan, after: tuple[Any, ...] | None, umbrella: int | None = None) -> Iterator[Row]:
        """The hits behind a position in the order of names, when there are many.

        Names that begin as asked for stand together in the order: a walk meets one after the other. Those where another word does are
        far fewer, and looked for apart.
        """
        if not plan.match.every:
            yield from self._walk_names(plan, after, umbrella, "", LAST)
            return
        if not plan.beginning:
            yield from self._by_letters(plan, after, umbrella)
            return
        asked, left, before = plan.match.every[plan.beginning_at], plan.beginning_met(), -1
        others, down, low, high = left.narrowed(named_otherwise(asked)), self._query.descending, "", LAST
        whole = self._from_beginning(left, plan.beginning, asked, after, umbrella)
        page = list(islice(whole, self._query.limit + 1))
        if len(page) > self._query.limit:  # what comes behind it comes behind the page
            low, high = (page[-1].name, LAST) if down else ("", page[-1].name + FIRST)
        both = merge_sorted(
            page, self._by_letters(others, after, umbrella, low, high), key=by_name_and_number, reverse=down
        )
        for row in both:
            if row.id != before:  # an entity may have such a name and such another one
                yield row
            before = row.id

    def _from_beginning(
        self,
        left: Plan,
        beginning: str,
        asked: Alternatives,
        after: tuple[Any, ...] | None,
        umbrella: int | None,
    ) -> Iterator[Row]:
        """The hits of the rest of a plan whose name begins as asked."""
        if left.match or left.conditions:
            found = left.narrowed(named_so(asked)).candidates(self._most(left))
            if found is not None:
                yield from self._sorted(found, after, umbrella)
                return
        yield from self._walk_names(left, after, umbrella, beginning, beginning + LAST)

    def _most(self, plan: Plan) -> int:
        """How many candidates to fetch at once in the order of names."""
        few = not plan.conditions and not plan.lens.bulk.postgres
        return min(self._bound, _NAMES_AT_ONCE) if few else self._bound

    def _by_letters(
        self,
        plan: Plan,
        after: tuple[Any, ...] | None,
        umbrella: int | None,
        low: str = "",
        high: str = LAST,
    ) -> Iterator[Row]:
        """The hits behind a position among the names from `low` to `high`, letter by letter, as names that match may all begin with the same one.

        In a letter where they are few, they are fetched; where they are many, a walk meets them soon.
        """
        most, lens = self._most(plan), plan.lens
        if lens.bulk.postgres and not plan.conditions:
            # PostgreSQL reads a match as a whole each time: better to read it once.
            numbers = set(lens.numbers(plan.match, 8 * most + 1))
            if len(numbers) <= 8 * most:
                rest = replace(plan, match=Match())
                if len(numbers) <= most or low or high != LAST:  # a walk through a part of the names may meet none
                    yield from self._sorted(Candidates(rest, numbers), after, umbrella)
                else:
                    yield from self._walk_matching(rest, numbers, after, umbrella, low, high)
                return
        else:
            found = plan.candidates(self._bound)
            if found is not None:
                yield from self._sorted(found, after, umbrella)
                return
        for letters, start, end in letters_from(after, self._query.descending):
            if end <= low or start >= high or not lens.any_named(start, end):
                continue
            here = plan.narrowed(initial(lens.type, lens.rank, letters))
            found = here.candidates(most)
            if found is not None:
                yield from self._sorted(found, after, umbrella)
            else:
                yield from self._walk_names(plan, after, umbrella, max(low, start), min(high, end))

    def _walk_names(
        self, plan: Plan, after: tuple[Any, ...] | None, umbrella: int | None, low: str, high: str
    ) -> Iterator[Row]:
        """The hits behind a position among the names from `low` to `high`, looking at every entry on the way."""
        if plan.match:
            yield from self._walk_matching(plan, None, after, umbrella, low, high)
            return
        condition, given = only(umbrella)
        condition, given = f"{condition} AND e.name >= ? AND e.name < ?", (*given, low, high)
        down = self._query.descending
        for step in steps(self._query.limit, eager=not plan.conditions, first=4 * self._query.limit):
            rows = entries(plan.lens, "e.name, e.id", after, down, step, condition, given)
            yield from plan.keep(rows)
            if len(rows) < step:
                return
            after = (rows[-1].name, rows[-1].id)

    def _walk_matching(
        self,
        plan: Plan,
        numbers: set[int] | None,
        after: tuple[Any, ...] | None,
        umbrella: int | None,
        low: str,
        high: str,
    ) -> Iterator[Row]:
        """The same where most entries on the way will not match: these never leave the index of names. `numbers`: what matches, if that is known."""
        down = self._query.descending
        for step in steps(self._query.limit, eager=False, first=first_step(self._query, plan, self._bound)):
            passed = plan.lens.along_names(after, low, high, down, step)
            good = numbers or plan.lens.among(plan.match, [number for _, number in passed])
            matching = [number for _, number in passed if number in good]
            part = self._query.limit + 1 if not plan.conditions else 4 * self._query.limit
            for start in range(0, len(matching), part):
                rows = plan.keep(plan.lens.fetch(matching[start : start + part]), matched=True)
                rows.sort(key=by_name_and_number, reverse=down)
                yield from (row for row in rows if umbrella is None or row.umbrella == umbrella)
            if len(passed) < step:
                return
            after = passed[-1]


def first_step(query: Query, plan: Plan, bound: int) -> int:
    """How many entries to look at first: with a match, each further look costs more than many more rows in one."""
    if not plan.match:
        return 4 * query.limit
    return max(400, 4 * query.limit) if plan.lens.bulk.postgres else bound // 2
