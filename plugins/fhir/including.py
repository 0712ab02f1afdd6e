"""What comes with the hits of a search: `_include` and `_revinclude`, and with `:iterate` what leads on from there.

https://hl7.org/fhir/R4/search.html#revinclude
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from hub import Criterion, Entity, Linked, Query
from plugins.fhir.params import INCLUDES, RESOURCES
from plugins.fhir.searchable import Include

MOST: Final = 20_000
"""So many resources come with one page at most; who reaches this is told so."""
_AT_ONCE: Final = 500
"""So many ids go into one query."""


@dataclass(frozen=True, slots=True)
class Followed:
    """An `Include` as it was asked for: backwards (`_revinclude`) or not, and only from the hits or from all that comes (`:iterate`)."""

    include: Include
    reverse: bool = False
    iterate: bool = False

    def form(self) -> list[Any]:
        """As JSON, for a cursor."""
        return [self.include.spelled, self.reverse, self.iterate]

    @classmethod
    def of_form(cls, form: Any) -> Followed:
        """Back from `form`. Raises `KeyError`, `TypeError` or `ValueError` for another form."""
        spelled, reverse, iterate = form
        return cls(INCLUDES[spelled], bool(reverse), bool(iterate))


def coming_along(followed: Sequence[Followed], hits: Iterable[Entity], walk: Callable[[Query], Iterable[Entity]]) -> Iterator[Entity]:
    """What comes with the hits, each once and no hit again; at most one more than `MOST`. `walk` gives all entities of a query."""
    latest = list(hits)
    seen = {entity.id for entity in latest}
    came, first = 0, True
    while latest:
        found: list[Entity] = []
        for query in _queries([each for each in followed if first or each.iterate], latest, seen):
            for entity in walk(query):
                if entity.id not in seen:
                    seen.add(entity.id)
                    found.append(entity)
                    yield entity
                    came += 1
                    if came > MOST:
                        return
        latest, first = found, False


def _queries(followed: Iterable[Followed], entities: Sequence[Entity], seen: set[str]) -> Iterator[Query]:
    by_type: dict[str, list[Entity]] = {}
    for entity in entities:
        by_type.setdefault(entity.type, []).append(entity)
    wanted: dict[str, dict[str, None]] = {}  # by resource, the ids in the order in which they are met
    for each in followed:
        if each.reverse:
            continue
        ids = wanted.setdefault(each.include.target, {})
        for entity in by_type.get(RESOURCES[each.include.source].entity, ()):
            ids.update((id, None) for id in each.include.targets(entity) if id not in seen)
    for target, ids in wanted.items():
        resource = RESOURCES[target]
        for some in _batches(ids):
            yield Query(types=(resource.entity,), where=(Criterion("id", some),), linked=resource.always, limit=_AT_ONCE)
    for each in followed:
        if not each.reverse or not each.include.link:
            continue
        resource, here = RESOURCES[each.include.source], RESOURCES[each.include.target].entity
        for some in _batches(entity.id for entity in by_type.get(here, ())):
            back = Linked(each.include.link, Query(types=(here,), where=(Criterion("id", some),)))
            yield Query(types=(resource.entity,), linked=(*resource.always, back), limit=_AT_ONCE)


def _batches(ids: Iterable[str]) -> Iterator[tuple[str, ...]]:
    every = tuple(ids)
    for start in range(0, len(every), _AT_ONCE):
        yield every[start : start + _AT_ONCE]
