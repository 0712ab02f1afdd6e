"""The orders: hits behind a position, as far as somebody asks for them.

Every order is a keyset: a page goes on behind the sort key of the last hit, and no page is ever counted from the start. Two ways lead
to a page. Few candidates: fetch them all, check, sort. Many: walk along an index that has the order already and check as we go. Which of the two
is cheaper depends on how many candidates there are among how many entries; both give the same list. Each order but that of the last change has a room
of its own: `numbers`, `names`, `distances`, `local_first`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from heapq import merge as merge_sorted
from math import isqrt
from typing import Any

from hub.model.query import Query
from hub.places import Places
from hub.search import local
from hub.search.conditions import last_changes
from hub.search.distances import Distances
from hub.search.lens import Row
from hub.search.local_first import LocalFirst
from hub.search.names import Names
from hub.search.numbers import Numbers
from hub.search.plan import Plan
from hub.search.ranked import Ranked, behind
from hub.search.steps import steps


class Walker:
    """Hits in the order of a query, from a position on, as far as somebody asks for them."""

    def __init__(self, query: Query, plans: Sequence[Plan], places: Places, after: tuple[Any, ...] | None) -> None:
        self._query = query
        self._plans = [plan for plan in plans if not plan.nothing]
        self._after = after
        self.place = _place(query, places)
        self._places = places
        self._bound = _bound(plans)
        self._numbers = Numbers(query, self._bound)

    def hits(self) -> Iterator[Ranked]:
        """All hits behind the position, in order."""
        query, place = self._query, self.place
        if query.sort == "local" and place is not None:
            tiers = local.tiers(query.local, self._places) if query.local else ()
            return LocalFirst(query, self._plans, tiers, place, self._after, self._bound).hits()
        # Each type has an index of its own; a page over several types takes from each what is next.
        return merge_sorted(*map(self._of, self._plans), key=lambda hit: hit.key, reverse=query.descending)

    def _of(self, plan: Plan) -> Iterator[Ranked]:
        match self._query.sort:
            case "name":
                return self._by_name(plan)
            case "updated":
                return self._by_update(plan)
            case "distance":
                assert self.place is not None
                return Distances(self._query, self.place, self._bound).hits(plan, self._after)
            case _:
                return self._by_number(plan)

    def _by_number(self, plan: Plan) -> Iterator[Ranked]:
        rows = self._numbers.hits(plan, None if self._after is None else self._after[0])
        return (Ranked((row.id,), row, plan.lens) for row in rows)

    def _by_name(self, plan: Plan) -> Iterator[Ranked]:
        if not plan.lens.named:
            yield from self._nameless(plan)
            return
        for row in Names(self._query, self._bound).hits(plan, self._after):
            yield Ranked((row.name, row.id), row, plan.lens)

    def _nameless(self, plan: Plan) -> Iterator[Ranked]:
        """The order by name for who may not see names: as if there were none, so before all others."""
        after, down = self._after, self._query.descending
        if after is not None and after[0] and not down:
            return
        number = None if after is None or after[0] else after[1]
        for rows in self._numbers.along(plan, number, down):
            yield from (Ranked(("", row.id), row, plan.lens) for row in rows)

    def _by_update(self, plan: Plan) -> Iterator[Ranked]:
        few = plan.few(self._bound)
        if few is not None:
            seqs = last_changes(plan.lens, {row.entity_id for row in few})
            hits = [Ranked((seqs[row.entity_id], row.id), row, plan.lens) for row in few if row.entity_id in seqs]
            yield from behind(hits, self._after, self._query.descending)
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
    return 300 + 3 * isqrt(plans[0].lens.statistics.last) // 2
