"""Ids in a search that go by another one now, because two resources turned out to be one: what is told of them. The hub itself finds what they lead to.

A read answers 301; a search has no such answer, so it says so beside the hits, and its self link has the id of today.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from hub import Criterion, Directory, Entity, EntityType, Linked
from plugins.fhir import outcome
from plugins.fhir.asking import conditions
from plugins.fhir.criteria import NOBODY, Condition, split
from plugins.fhir.params import RESOURCES
from plugins.fhir.search import Search, names_told

_NAME_OF: Final = {resource.entity: resource.name for resource in RESOURCES.values()}


def tell_what_moved(search: Search, asked: Directory) -> None:
    """Tell of ids that go by another one now, as far as the asker sees what they lead to; nothing is looked up for a search that names none.

    Of a page behind a cursor the first page has told.
    """
    if search.query.cursor is not None:
        return
    named = {id for id, _ in _ids(search.query.types, (*search.query.where, *search.query.linked))}
    moved = asked.moved_to(named) if named else {}
    if not moved:
        return
    for place, (name, value) in enumerate(search.understood):
        by_id = set(_ids(search.query.types, conditions(search.resource, name, value) or ()))
        here = {id: moved[id] for id in moved if (id, moved[id].type) in by_id}
        if here:
            search.understood[place] = (name, renamed(value, here))
            search.warnings += [is_now(name, old, entity) for old, entity in here.items()]
    search.told = names_told(search.warnings)


def is_now(name: str, old: str, entity: Entity) -> dict[str, Any]:
    """What is told of an id that was given as this parameter, and that `entity` went by before."""
    type = _NAME_OF[entity.type]
    return outcome.issue("warning", "informational", f"{name}: {type}/{old} is {type}/{entity.id} now, and that was searched.", name)


def renamed(value: str, moved: Mapping[str, Entity]) -> str:
    """The value of a parameter with the ids of today, each alternative once."""
    now = re.sub("|".join(map(re.escape, moved)), lambda old: moved[old[0].lower()].id, value, flags=re.IGNORECASE)
    return ",".join(dict.fromkeys(split(now)))


def _ids(types: Iterable[EntityType], asked: Iterable[Condition]) -> Iterator[tuple[str, EntityType]]:
    """The ids that these conditions of entities of these types name, also behind a link, with the types that they may be of."""
    for each in asked:
        if isinstance(each, Linked):
            yield from _ids(each.query.types, (*each.query.where, *each.query.linked))
        elif isinstance(each, Criterion) and each.key == "id":
            yield from ((id, type) for id in each.values if id != NOBODY for type in types)
