"""The order of names: few hits are fetched and sorted; many are met along the index of names, which has the order already."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from heapq import merge as merge_sorted
from itertools import islice
from math import isqrt
from typing import Any, Final

from hub.model.folding import MAX_WORD
from hub.model.query import Query
from hub.search.later_words import LaterWords, first_words
from hub.search.lens import Row
from hub.search.match import (
    Alternatives,
    Match,
    initial,
    initials,
    named_later,
    named_otherwise,
    named_so,
    not_beginning,
)
from hub.search.name_index import NamesBetween
from hub.search.plan import Candidates, Plan
from hub.search.steps import (
    BLANK_AND_MORE,
    FIRST,
    LAST,
    by_name_and_number,
    entries,
    letters_from,
    steps,
)

_NAMES_AT_ONCE: Final = 300
"""So many entries are fetched and sorted by name sooner than the first page of them is met along the names of a letter, however many there are."""

_LOOKS: Final = 5
"""So many names are looked at in their index sooner than one entry is fetched."""
_LOOKS_OF_POSTGRESQL: Final = 12
_LOOKS_A_READ: Final = 6
"""So many on PostgreSQL sooner than one of the entries that match is read there."""
_SPARSE: Final = 80
"""Of so many numbers of entries about one stands for a name of the type that is asked for."""
_SAMPLE: Final = 300
_SAMPLE_OF_WORDS: Final = 100
_SCATTERED: Final = 3
"""Of which so many were met at once, they are many and stand in all letters, so nobody counts them."""
_CELL: Final = 3
"""Letters of the part of the alphabet in which many are found at once."""


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
        self,
        found: Candidates,
        after: tuple[Any, ...] | None,
        umbrella: int | None = None,
        low: str = "",
        high: str = LAST,
    ) -> Iterator[Row]:
        """The hits among candidates, behind a position in the order of names."""
        down = self._query.descending
        if found.settled:  # nothing left to check: the database can sort, and give only what the page needs
            condition = found.rest.lens.only(umbrella)
            given: tuple[Any, ...] = ()
            if low or high != LAST:
                condition, given = f"{condition} AND e.name >= ? AND e.name < ?", (low, high)
            step = self._query.limit + 1
            yield from entries(found.rest.lens, "e.name, e.id", after, down, step, condition, given, found.ids)
            return
        rows = [row for row in found.rows() if umbrella is None or row.umbrella == umbrella]
        rows = [row for row in rows if low <= row.name < high]
        if after is not None:
            position = (after[0], after[1])
            rows = [row for row in rows if ((row.name, row.id) < position if down else (row.name, row.id) > position)]
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
        later, others = named_later(asked), left.narrowed(named_otherwise(asked))
        down, low, high = self._query.descending, "", LAST
        whole = self._from_beginning(left, plan.beginning, asked, after, umbrella)
        page = list(islice(whole, self._query.limit + 1))
        if len(page) > self._query.limit:  # what comes behind it comes behind the page
            low, high = (page[-1].name, LAST) if down else ("", page[-1].name + FIRST)
        parts = [page, self._by_letters(others, after, umbrella, low, high)]
        if later.every[0] and len(plan.beginning) <= MAX_WORD:  # what is longer begins no word of the index
            parts.append(self._by_later_words(left.narrowed(later), plan.beginning, after, umbrella, low, high))
        for row in merge_sorted(*parts, key=by_name_and_number, reverse=down):
            if row.id != before:  # a name may have two such words, and an entity two such names
                yield row
            before = row.id

    def _by_later_words(self, plan: Plan, word: str, after: tuple[Any, ...] | None, umbrella: int | None, low: str, high: str) -> Iterator[Row]:
        """The hits behind a position among the names from `low` to `high` in which a word behind the first begins so.

        Many are soon met along the index of names, which tells their words, unless nearly all begin with one of a few words, as those of one kind of
        organisation do. Then these are met where such names stand. Few are fetched, and those that are neither letter by letter.
        """
        if len(plan.match.every) > 1 or plan.match.none or plan.match.lacking or plan.conditions:
            yield from self._by_letters(plan, after, umbrella, low, high)
            return
        lens, page, down = plan.lens, self._query.limit + 1, self._query.descending
        few = min(self._bound, max(_NAMES_AT_ONCE, isqrt(page * lens.statistics.last // _SPARSE)))
        walk = LaterWords(NamesBetween(lens, low, high, down), word, after, page)
        looks = _LOOKS_OF_POSTGRESQL if lens.bulk.postgres else _LOOKS
        looked, met = few, 0
        while not walk.ended and looked <= looks * few:
            rows = walk.step(looked)
            yield from _kept(rows, umbrella)
            looked, met = walk.far, met + len(rows)
        if walk.ended:
            return
        if lens.bulk.postgres:
            found = plan.candidates(few)
            if found is not None:
                yield from self._sorted(found, walk.after, umbrella, low, high)
                return
            # It reads a match as a whole: while it reads one of them, many names are looked at.
            yield from _kept(walk.step(max(2 * looks * few, _LOOKS_A_READ * (lens.statistics.expected(plan.match) or 0))), umbrella)
            if not walk.ended:
                yield from self._by_letters(plan, walk.after, umbrella, low, high)
            return
        first: list[str] = []
        if met < _SCATTERED:
            numbers = lens.numbers(plan.match, few + 1)
            if len(numbers) <= few:
                yield from self._sorted(Candidates(replace(plan, match=Match()), set(numbers)), walk.after, umbrella, low, high)
                return
            first = first_words(lens.fetch(numbers[:_SAMPLE_OF_WORDS]))
        rest = plan.narrowed(not_beginning(lens.type, lens.rank, first)).candidates(few) if first else None
        if rest is None:
            yield from self._letter_by_letter(plan, walk.after, umbrella, low, high, later=word)
            return
        parts = [self._sorted(rest, walk.after, umbrella, low, high)]
        for each in first:
            there = NamesBetween(lens, max(low, each), min(high, each + BLANK_AND_MORE), down)
            parts.append(_all(LaterWords(there, word, walk.after, page), umbrella))
        yield from merge_sorted(*parts, key=by_name_and_number, reverse=down)

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
        lens = plan.lens
        if lens.bulk.postgres and not plan.conditions:
            yield from self._met(plan, after, umbrella, low, high)
            return
        found = plan.candidates(self._bound)
        if found is not None:
            yield from self._sorted(found, after, umbrella)
            return
        yield from self._letter_by_letter(plan, after, umbrella, low, high)

    def _letter_by_letter(
        self, plan: Plan, after: tuple[Any, ...] | None, umbrella: int | None, low: str, high: str, *, later: str = ""
    ) -> Iterator[Row]:
        """See `_by_letters`. `later`: all that is asked is that a word behind the first begins so, which names themselves tell."""
        most, lens = self._most(plan), plan.lens
        for letters, start, end in letters_from(after, self._query.descending):
            if end <= low or start >= high or not NamesBetween(lens, start, end).any():
                continue
            here = plan.narrowed(initial(lens.type, lens.rank, letters))
            found = here.candidates(most)
            if found is not None:
                yield from self._sorted(found, after, umbrella, low, high)
            elif later:
                there = NamesBetween(lens, max(low, start), min(high, end), self._query.descending)
                yield from _all(LaterWords(there, later, after, self._query.limit + 1), umbrella)
            else:
                yield from self._walk_names(plan, after, umbrella, max(low, start), min(high, end))

    def _met(self, plan: Plan, after: tuple[Any, ...] | None, umbrella: int | None, low: str, high: str) -> Iterator[Row]:
        """The hits behind a position among the names from `low` to `high` on PostgreSQL, where a match is read as a whole or looked for name by name.

        Many are soon met along the names, unless they all stand far behind, as those of one kind of organisation do. Then a sample of them says where:
        up to there are few, and there are many.
        """
        lens, down, page = plan.lens, self._query.descending, self._query.limit + 1
        if after is not None:
            low, high = (low, min(high, after[0] + FIRST)) if down else (max(low, after[0]), high)
        if not down and not low and high != LAST:
            if NamesBetween(lens, "", "0").any():
                yield from self._walk_names(plan, after, umbrella, "", "0")
            low = "0"
        if low >= high:
            return
        few, matching, names = (
            3 * self._bound // 2,
            lens.statistics.expected(plan.match) or 0,
            lens.statistics.expected_names(low, high),
        )
        here = max(1, matching * names // max(names, lens.statistics.expected(Match()) or 1))
        while here > few:
            looked = page + 3 * page * names // here
            rows = NamesBetween(lens, low, high, down).met(plan.match, after, page, looked, umbrella)
            yield from rows
            after = (rows[-1].name, rows[-1].id) if rows else after
            if len(rows) < page:
                break
        within = plan
        if matching > few and not down and high != LAST:
            beginnings = self._beginnings(plan, low, high)
            if not beginnings:
                return
            within = plan.narrowed(initials(lens.type, lens.rank, beginnings))
        numbers = lens.numbers(within.match, few + 1, together=within is not plan)
        if len(numbers) <= few:
            yield from self._sorted(Candidates(replace(plan, match=Match()), set(numbers)), after, umbrella, low, high)
            return
        sample = sorted(row.name for row in lens.fetch(numbers[:: 1 + len(numbers) // _SAMPLE]))
        cell = next((name[:_CELL].partition(" ")[0] for name in sample[2:] if low <= name < high), "")
        if down or not cell:
            yield from self._letter_by_letter(plan, after, umbrella, low, high)
            return
        if low < cell:
            yield from self._met(plan, after, umbrella, low, cell)
        yield from self._walk_names(plan, after, umbrella, max(low, cell), min(high, cell + LAST))
        if cell + LAST < high:
            yield from self._met(plan, after, umbrella, cell + LAST, high)

    def _beginnings(self, plan: Plan, low: str, high: str) -> list[str]:
        """The beginnings of all names from `low` to `high`, as short as they can be without those behind; the last may be of some of these too."""
        found, end = [], high[:_CELL].partition(" ")[0]
        for letters in range(1, len(end) + 1):
            from_here, to = max(low, end[: letters - 1]), end[:letters]
            found += NamesBetween(plan.lens, from_here, to).beginnings(letters) if from_here < to else []
        return found if end == high else [*found, end]

    def _walk_names(self, plan: Plan, after: tuple[Any, ...] | None, umbrella: int | None, low: str, high: str) -> Iterator[Row]:
        """The hits behind a position among the names from `low` to `high`, looking at every entry on the way."""
        if plan.match and plan.lens.bulk.postgres:
            yield from self._walk_met(plan, after, umbrella, low, high)
            return
        if plan.match:
            yield from self._walk_matching(plan, after, umbrella, low, high)
            return
        condition = f"{plan.lens.only(umbrella)} AND e.name >= ? AND e.name < ?"
        down = self._query.descending
        for step in steps(self._query.limit, eager=not plan.conditions, first=4 * self._query.limit):
            rows = entries(plan.lens, "e.name, e.id", after, down, step, condition, (low, high))
            yield from plan.keep(rows)
            if len(rows) < step:
                return
            after = (rows[-1].name, rows[-1].id)

    def _walk_met(self, plan: Plan, after: tuple[Any, ...] | None, umbrella: int | None, low: str, high: str) -> Iterator[Row]:
        """The same on PostgreSQL, with a match: the database looks at each on the way, and gives what matches."""
        part = self._query.limit + 1 if not plan.conditions else 4 * self._query.limit
        among = NamesBetween(plan.lens, low, high, self._query.descending)
        while True:
            rows = among.met(plan.match, after, part, umbrella=umbrella)
            yield from plan.keep(rows, matched=True)
            if len(rows) < part:
                return
            after = rows[-1].name, rows[-1].id

    def _walk_matching(self, plan: Plan, after: tuple[Any, ...] | None, umbrella: int | None, low: str, high: str) -> Iterator[Row]:
        """The same where most entries on the way will not match: these never leave the index of names."""
        down = self._query.descending
        for step in steps(self._query.limit, eager=False, first=first_step(self._query, plan, self._bound)):
            passed = NamesBetween(plan.lens, low, high, down).names(after, step)
            good = plan.lens.among(plan.match, [number for _, number in passed])
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


def _all(walk: LaterWords, umbrella: int | None) -> Iterator[Row]:
    while not walk.ended:
        yield from _kept(walk.step(), umbrella)


def _kept(rows: Iterable[Row], umbrella: int | None) -> Iterator[Row]:
    """The umbrella organisations among them (1) or all others (0); None keeps both."""
    return (row for row in rows if umbrella is None or row.umbrella == umbrella)
