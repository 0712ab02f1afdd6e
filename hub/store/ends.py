"""Who may see the other ends of a fiche's links: a link that leads to something hidden is not there for whoever may not see that."""

# ruff: noqa: S608 - what is put into statements is our own SQL; values are always parameters
from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from hub.model.audience import ABSENT, level_of_part
from hub.model.fiche import Document
from hub.model.links import sites_named, targets
from hub.store.workspace import FicheState, Workspace


class Ends(NamedTuple):
    """The lowest rank that sees each other end, by UUID, before this transaction and now; what everybody sees is left out."""

    before: dict[str, int]
    now: dict[str, int]


NONE: Final = Ends({}, {})


def load_ends(space: Workspace, documents: Iterable[Document | None]) -> None:
    """Learn the levels of all that these fiches lead to, in as few statements as for one; whoever asks for the `ends` of one of them then waits for nothing."""
    wanted = {uuid for document in documents if document is not None for uuid in targets(document)}
    if not wanted:
        return
    space.numbers_for(wanted)
    numbers = {space.number_of[uuid] for uuid in wanted if uuid in space.number_of}
    missing = numbers - space.fiches.keys() - space.looked_up.keys()
    if missing:
        bulk = space.bulk
        sql = f"SELECT id, level FROM fiche WHERE {bulk.listed('id')}"
        space.looked_up.update(bulk.rows(sql, bulk.many(missing)))


def ends(space: Workspace, *documents: Document | None, partner: str = "") -> Ends:
    """Who sees what these states of one fiche lead to; to a partner with a view of his own of an other end, as that has it."""
    wanted = {uuid for document in documents if document is not None for uuid in targets(document)}
    sites = _sites_that_moved(documents)
    if not wanted and not sites:
        return NONE
    load_ends(space, documents)
    found = Ends({}, {})
    numbers: dict[str, int] = {}
    for uuid in wanted:
        number = space.number_of.get(uuid)
        if number is None:
            continue
        numbers[uuid] = number
        state = space.fiches.get(number)
        looked_up = space.looked_up.get(number, ABSENT)
        found.before[uuid] = looked_up if state is None else state.stood
        found.now[uuid] = looked_up if state is None else state.level
    if partner:
        own = own_levels(space, partner, numbers.values())
        for uuid, number in numbers.items():
            if number in own:
                found.before[uuid] = found.now[uuid] = own[number]
    if sites:
        before, now = _site_levels(space, sites)
        found.before.update(before)
        found.now.update(now)
    return Ends(*({uuid: level for uuid, level in levels.items() if level > 0} for levels in found))


def own_levels(space: Workspace, partner: str, numbers: Iterable[int]) -> dict[int, int]:
    """The levels of these fiches as a partner with a view of his own has them; of the others nothing."""
    bulk = space.bulk
    sql = f"SELECT fiche_id, level FROM overlay WHERE partner = ? AND document IS NOT NULL AND {bulk.listed('fiche_id')}"
    return dict(bulk.rows(sql, partner, bulk.many(numbers)))


def _sites_that_moved(documents: Iterable[Document | None]) -> set[str]:
    """The vestigingen that one state of an aanbod names and another does not. Of the rest nobody sees a difference, whoever sees them."""
    named = [sites_named(document) for document in documents if document is not None]
    return set() if len(named) < 2 or named[0] == named[1] else named[0] | named[1]


def _site_levels(space: Workspace, sites: set[str]) -> Ends:
    """Who sees these vestigingen: of fiches that this transaction has in hand as they are, of others as the index has it."""
    bulk = space.bulk
    space.numbers_for(sites)
    numbers = {uuid: space.number_of[uuid] for uuid in sites}
    stood = dict(bulk.rows(f"SELECT id, level FROM entry WHERE {bulk.listed('id')}", bulk.many(numbers.values())))
    homes = dict(bulk.rows(f"SELECT id, fiche_id FROM entity WHERE {bulk.listed('id')}", bulk.many(numbers.values())))
    found = Ends({}, {})
    for uuid, number in numbers.items():
        found.before[uuid] = stood.get(number, ABSENT)
        state = space.fiches.get(homes.get(number, 0))
        found.now[uuid] = found.before[uuid] if state is None else _level_there(state, uuid)
    return found


def _level_there(state: FicheState, uuid: str) -> int:
    document = state.document or {}
    for site in document.get("vestigingen", ()):
        if site["id"] == uuid:
            return level_of_part(document, "vestigingen", site)
    return ABSENT
