"""A query made ready for one type of entity: a match for the full text, and the conditions that remain."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import TypeGuard

from hub.model.query import Linked, Query
from hub.search.conditions import (
    NUMBERS,
    Condition,
    HasChanged,
    HasPeriod,
    IsEntity,
    IsLinked,
    IsNear,
)
from hub.search.coverage import follows
from hub.search.demands import demands_of, told_here
from hub.search.lens import Lens, Row
from hub.search.match import (
    Alternatives,
    Match,
    facets,
    word,
)
from hub.search.shown import HasWords
from hub.store.index_tokens import is_whole

_CHEAP = 50
"""So few candidates are checked at once, without looking for fewer."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that must hold for an entity of one type; `nothing` when no entity can meet it."""

    lens: Lens
    match: Match
    conditions: tuple[Condition, ...]
    nothing: bool = False
    beginning: str = ""
    """What the names asked for begin with, if just one beginning was asked for."""
    beginning_at: int = -1
    """Where in `match.every` that stands."""

    def narrowed(self, match: Match) -> Plan:
        """This plan with more demands on the full text."""
        return replace(self, match=self.match & match)

    def said(self, text: str, *, described: bool) -> Plan:
        """This plan for those who have the words of a text in a name, a label or an address; or, `described`, who have one in a description only."""
        said = said_by(self.lens, text)
        if self.lens.fields is None:
            return self.narrowed(Match(lacking=said) if described else Match(said))
        # Where a word stands in fields that the asker does not see, he is not told.
        return replace(self, conditions=(*self.conditions, HasWords(self.lens, said, negate=described)))

    def saying(self, ids: Collection[int], text: str) -> set[int]:
        """As `saying`."""
        return saying(self.lens, ids, text)

    def beginning_met(self) -> Plan:
        """What is left of this plan for entities whose name, the one that lists are sorted by, begins as asked."""
        every = self.match.every
        left = every[: self.beginning_at] + every[self.beginning_at + 1 :]
        return replace(self, match=replace(self.match, every=left), beginning="", beginning_at=-1)

    def keep(self, rows: Sequence[Row], *, matched: bool = False) -> list[Row]:
        """Those of the visible rows that satisfy the plan, in their order. `matched`: they came from the match."""
        if self.nothing:
            return []
        kept = list(rows)
        if self.match and not matched and kept:
            good = self.lens.among(self.match, [row.id for row in kept])
            kept = [row for row in kept if row.id in good]
        for condition in self.conditions:
            if not kept:
                return []
            good = condition.keep(kept)
            kept = [row for row in kept if row.id in good]
        return kept

    def few(self, most: int) -> list[Row] | None:
        """All rows that satisfy the plan, in no order; None when there are no candidates to check but more than `most`."""
        found = self.candidates(most)
        return None if found is None else found.rows()

    def candidates(self, most: int) -> Candidates | None:
        """All entries that may satisfy the plan, and what is left to check; None when they are more than `most`."""
        # Of several demands together the statistics know less.
        if self.led((8 if len(self.match.every) == 1 else 64) * most):
            numbers = self.lens.numbers(self.match, most + 1)
            if len(numbers) <= most:
                return Candidates(replace(self, match=Match()), set(numbers))
        return self.named(most)

    def classed(self, classes: Sequence[Alternatives], most: int) -> list[Candidates] | None:
        """As `candidates`, by the class that they are of, if PostgreSQL finds them by the match; None also where it does not."""
        if not self.lens.bulk.postgres or not self.led(most):  # to read too many for nothing costs more than class by class
            return None
        found = self.lens.classed(self.match, classes, most + 1)
        if len(found) > most:
            return None
        rest, sets = replace(self, match=Match()), [set[int]() for _ in range(len(classes) + 1)]
        for number, which in found:
            sets[which].add(number)
        return [Candidates(rest, ids) for ids in sets]

    def led(self, most: int) -> bool:
        """Whether to read the match for candidates, which it seems are no more than these."""
        if self.nothing or not self.match.every or any(isinstance(each, IsEntity) for each in self.conditions):
            return False
        return (self.lens.statistics.expected(self.match) or 0) <= most

    def named(self, most: int) -> Candidates | None:
        """The same, but from the conditions alone."""
        found = self.numbered(most)
        return None if found is None else found.rest.thinned(found.ids, most)

    def numbered(self, most: int) -> Candidates | None:
        """As `named`, with as many as the conditions name cheaply, which may be many times `most`: for who need not check them all."""
        if self.nothing:
            return Candidates(self, set())
        met: dict[Condition, set[int]] = {}
        for condition in sorted(self.conditions, key=lambda each: not isinstance(each, IsEntity)):
            # To go along a match and look at the other ends costs less than to come from many of these.
            found = condition.few(most // 2 if self.match.every and isinstance(condition, IsLinked) else most)
            if found is not None:
                met[condition] = found
                if len(found) <= _CHEAP:
                    break
        if not met:
            return None
        rest = replace(self, conditions=tuple(each for each in self.conditions if each not in met))
        return Candidates(rest, set.intersection(*met.values()))

    def thinned(self, ids: set[int], most: int) -> Candidates | None:
        """These candidates, or so many fewer as can be told from the indexes alone; None when they are still more than `most`."""
        rest = self
        if len(ids) > most and rest.match:
            ids, rest = rest.lens.among(rest.match, ids), replace(rest, match=Match())
        for condition in rest.conditions:
            if len(ids) <= _CHEAP:
                break
            if self._leads_on(condition):
                ids, rest = condition.held_by(ids), rest.without(condition)
        return Candidates(rest, ids) if len(ids) <= most else None

    def entities(self, most: int) -> set[int] | None:
        """The entities that satisfy the plan; None when there are no candidates to check but many more than `most`."""
        if not self.nothing and not self.lens.partner:  # who sees a token, a term or a point sees its entry
            if self.match.every and not self.conditions:
                if len(self.match.every) == 1 and not self.led(NUMBERS * most):
                    return None
                numbers = self.lens.numbers(self.match, NUMBERS * most + 1)
                return set(numbers) if len(numbers) <= NUMBERS * most else None
            if not self.match and len(self.conditions) == 1 and isinstance(self.conditions[0], HasPeriod | IsNear):
                points = isinstance(self.conditions[0], IsNear) and self.lens.bulk.postgres
                return self.conditions[0].few(most if points else NUMBERS * most)
        rows = self.few(most)
        return None if rows is None else {row.entity_id for row in rows}

    def entities_of(self, ids: Collection[int]) -> set[int]:
        """Those of these entities that satisfy the plan."""
        if self.lens.partner:
            return {row.entity_id for row in self.keep(self.lens.of_entities(ids))}
        # Without a partner every entry has the number of its entity, so that the match can be asked first.
        if self.match.every and not self.conditions and not self.nothing:
            return self.lens.among(self.match, ids)
        return {row.entity_id for row in self.keep_of(ids)}

    def keep_of(self, ids: Collection[int]) -> list[Row]:
        """The visible ones of these entries that satisfy the plan, in no order."""
        if self.nothing:
            return []
        rest, here = self, self.lens.among(self.match, ids) if self.match else ids
        for condition in self.conditions:  # links are followed without the rows
            if here and self._leads_on(condition):
                rest, here = rest.without(condition), condition.held_by(here)
        return rest.keep(rest.lens.fetch(here), matched=True)

    @property
    def leads_on(self) -> bool:
        """Whether some links of its entities are looked at without their rows."""
        return any(map(self._leads_on, self.conditions))

    def _leads_on(self, condition: Condition) -> TypeGuard[IsLinked]:
        return isinstance(condition, IsLinked) and not condition.linked.negate and not self.lens.partner

    def without(self, condition: Condition) -> Plan:
        """This plan with one demand less, because it is met."""
        return replace(self, conditions=tuple(each for each in self.conditions if each != condition))


@dataclass(frozen=True, slots=True)
class Candidates:
    """Entries that may satisfy a plan, visible or not, and the `rest` of the plan that is still to be checked."""

    rest: Plan
    ids: set[int]

    def rows(self) -> list[Row]:
        """Those that do."""
        return self.rest.keep_of(self.ids)

    @property
    def settled(self) -> bool:
        """Whether nothing is left to check but visibility."""
        return not self.rest.match and not self.rest.conditions


def plans_for(query: Query, lens_on: Callable[..., Lens], scope: Query | None = None) -> tuple[Plan, ...]:
    """A plan for each type that the query asks for, and the scope allows."""
    types = [kind for kind in query.types if scope is None or kind in scope.types]
    return tuple(_plan(query, lens_on(kind), scope) for kind in types)


def _plan(query: Query, lens: Lens, scope: Query | None) -> Plan:
    match, conditions, nothing = _demands(query, lens, scope)
    nothing = nothing or not lens.shows_type
    if scope is not None:
        more, others, nothing_at_all = _demands(scope, lens.whole)
        match, nothing = match & more, nothing or nothing_at_all
        conditions = [*conditions, *others]
        if lens.type == "caregiver":  # who may not see a person is not told where he works either
            person = Linked("zorgverlener", replace(scope, types=("zorgverlener",)))
            there = plans_for(person.query, lens.whole.on) if "zorgverlener" in scope.types else ()
            conditions.append(IsLinked(lens.whole, person, there))
    beginning, at = _beginning(query) if lens.named else "", -1
    if beginning:
        at = match.every.index(facets(lens.type, lens.rank, "name", (beginning,), prefix=True))
    # What the full text has told already is looked at last.
    conditions.sort(key=lambda each: isinstance(each, IsLinked) and each.led)
    return Plan(lens, lens.prepared(match), tuple(conditions), nothing, beginning, at)


def said_by(lens: Lens, text: str) -> tuple[Alternatives, ...]:
    """The words of a text where more than a description says them."""
    words = tuple(word(lens.type, lens.rank, each, described=False) for each in text.split())
    return lens.prepared(Match(words)).every


def saying(lens: Lens, ids: Collection[int], text: str) -> set[int]:
    """Those of these entries that have the words of a text in a name, a label or an address."""
    said = said_by(lens, text)
    if lens.fields is None:
        return lens.among(Match(said), ids)
    return HasWords(lens, said).keep(lens.fetch(ids))


def _demands(query: Query, lens: Lens, scope: Query | None = None) -> tuple[Match, list[Condition], bool]:
    """What a query asks of a type. With a `scope` its links lead to nothing outside of that; a scope's own links may lead anywhere."""
    asked = demands_of(query, lens)
    for linked in query.linked:
        told = told_here(linked, lens)
        asked.every += told
        asked.conditions.append(IsLinked(lens, linked, _plans_behind(linked, lens, scope), led=bool(told)))
    if query.near is not None and not lens.placed:
        asked.nothing = True
    elif query.near is not None:
        asked.conditions.append(IsNear(lens, query.near))
    if query.changed_since is not None:
        asked.conditions.append(HasChanged(lens, query.changed_since))
    unwanted = tuple(token for alternatives in asked.none for token in alternatives)
    # Spellings come last, because documents are read for them.
    return Match(tuple(dict.fromkeys(asked.every)), unwanted), [*asked.conditions, *asked.spelled], asked.nothing


def _plans_behind(linked: Linked, lens: Lens, scope: Query | None) -> tuple[Plan, ...]:
    """The plans for the other end of a link; none where the asker may not follow it."""
    plans = plans_for(linked.query, lens.on, scope)
    if linked.reverse:
        return tuple(plan for plan in plans if follows(lens.fields, plan.lens.type, linked.link))
    return plans if follows(lens.fields, lens.type, linked.link) else ()


def _beginning(query: Query) -> str:
    names = [each for each in query.where if each.key == "name" and not each.negate and each.op in ("prefix", "eq")]
    if len(names) != 1 or names[0].op != "prefix" or len(names[0].values) != 1:
        return ""
    beginning = names[0].values[0]
    return beginning if is_whole(beginning) else ""
