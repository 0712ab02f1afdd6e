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
    _load(space, _led_to(documents))


def _led_to(documents: Iterable[Document | None]) -> set[str]:
    return {uuid for document in documents if document is not None for uuid in targets(document)}


def _load(space: Workspace, wanted: set[str]) -> None:
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
    wanted, sites = _led_to(documents), _sites_that_moved(documents)
    if not wanted and not sites:
        return NONE
    _load(space, wanted)
    found = Ends({}, {})
    numbers = {uuid: space.number_of[uuid] for uuid in wanted if uuid in space.number_of}
    own = own_levels(space, partner, numbers.values()) if partner else {}
    for uuid, number in numbers.items():
        state = space.fiches.get(number)
        if number in own:
            before = now = own[number]
        elif state is None:
            before = now = space.looked_up.get(number, ABSENT)
        else:
            before, now = state.stood, state.level
        if before or now:
            found.before[uuid], found.now[uuid] = before, now
    if sites:
        of_sites = _site_levels(space, sites)
        found.before.update(of_sites.before)
        found.now.update(of_sites.now)
    if not found.now:  # as nearly always
        return NONE
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
