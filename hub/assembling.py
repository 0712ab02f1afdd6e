"""From rows of the store to entities: each with what it points to, as far as the asker sees that, and told what of it lies outside his selection."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

from sqlalchemy import Connection

from hub.model.audience import Grant, reads_otherwise_since
from hub.model.entity import Entity
from hub.model.fiche import FIELD_OF_PART, Document, EntityType
from hub.model.links import (
    Loader,
    follow,
    hides_sites,
    referable,
    related_of,
    sites_in,
    sites_named,
    without_dead_links,
    without_unseen_sites,
)
from hub.model.moments import belgian_day
from hub.model.turning import TURNS, last_days
from hub.store import reading

Held = Callable[[Mapping[str, EntityType]], set[str]]
"""Which of these ids are in the selection of the asker's agreement."""


def assembled(
    connection: Connection,
    rows: Sequence[reading.EntryRow],
    grant: Grant,
    load: Loader,
    sources: Mapping[int, tuple[str, ...]],
    held: Held,
    withholding: Collection[str],
) -> dict[int, Entity]:
    """The entities of these rows, by the rows' numbers; what the asker may not see is left out.

    `load` gives projected documents, as they are or were; `sources` names who contributes to each fiche. `held` is asked where the grant has a selection.
    `withholding`: the UUIDs of the aanbod, of those that `load` gave so far, whose vestigingen were projected away.
    """
    persons = [row.entity_id for row in rows if row.type == "zorgverlener"]
    offers = reading.worked_in(connection, persons, grant.rank) if persons else {}
    offered = {uuid for some in offers.values() for uuid in some}
    shown = dict(load({row.fiche for row in rows} | offered))
    links = follow(load, shown)
    if grant.scope is not None:
        for uuid in _people_outside(shown, held):
            del shown[uuid]
    unseen = _unseen_sites(connection, shown, load)
    live = {
        uuid: without_unseen_sites(fiche if links[uuid] <= shown.keys() else without_dead_links(fiche, shown), unseen)
        for uuid, fiche in shown.items()
    }
    entities = {}
    for row in rows:
        fiche = live.get(row.fiche)
        if fiche is None:
            continue
        related = related_of(links[row.fiche], live)
        for uuid in offers.get(row.entity_id, ()):
            if "caregivers" in live.get(uuid, ()):
                related |= {uuid: live[uuid], **related_of(links[uuid], live)}
        part = None
        if row.type in FIELD_OF_PART:
            parts = fiche.get(FIELD_OF_PART[row.type], ())
            part = next((part for part in parts if part["id"] == row.uuid), None)
            if part is None:
                continue
        entities[row.id] = Entity(
            id=row.uuid,
            type=row.type,
            number=row.entity_id,
            seq=row.seq,
            updated_at=row.at,
            fiche=fiche,
            part=part,
            related=related,
            sources=sources.get(row.fiche_id, ()),
            place_withheld=row.fiche in withholding or hides_sites(shown[row.fiche], fiche),
        )
    if grant.scope is None:
        return entities
    named = {number: referable(entity) for number, entity in entities.items()}
    inside = held({id: type for some in named.values() for id, type in some.items()})
    return {number: replace(entity, outside=frozenset(named[number].keys() - inside)) for number, entity in entities.items()}


def with_what_turned(entities: dict[int, Entity], stored: Mapping[str, Document], grant: Grant, today: str) -> dict[int, Entity]:
    """The same entities; fiches that read otherwise `today` than on the day of their last change are told so. `stored`: what they were projected from.

    Of a part nothing turns, nor is such a value ever inherited from another fiche.
    """
    found = {}
    for number, entity in entities.items():
        document = stored.get(entity.fiche["id"]) if entity.part is None else None
        if document is None or not _may_have_turned(document, entity.updated_at, today):
            continue
        if turned := reads_otherwise_since(document, grant, belgian_day(entity.updated_at), today):
            found[number] = replace(entity, turned=turned)
    return entities | found if found else entities


def _may_have_turned(document: Document, updated_at: str, today: str) -> bool:
    """Spares nearly all fiches of a page a closer look: in UTC it is never a later day than in Belgium."""
    changed = updated_at[:10]
    return any(changed <= day < today or today <= day <= changed for field in TURNS if field in document for day in last_days(document, field))


def _unseen_sites(connection: Connection, shown: Mapping[str, Document], load: Loader) -> set[str]:
    """The vestigingen that these fiches name as their places and that the asker does not see."""
    named = {site for fiche in shown.values() for site in sites_named(fiche)}
    unseen = named - sites_in(shown.values())
    if not unseen:
        return unseen
    # Whose they are need not be shown here: an agreement may not cover by whom an aanbod is given, and yet cover the vestigingen.
    owners = {known.fiche for known in reading.resolve(connection, unseen).values()} - shown.keys()
    return unseen - sites_in(load(owners).values()) if owners else unseen


def _people_outside(shown: Mapping[str, Document], held: Held) -> set[str]:
    """Caregivers that the agreement's selection leaves out: whoever may not see a person is not told where he works either."""
    people: dict[str, EntityType] = {uuid: "zorgverlener" for uuid, document in shown.items() if document["kind"] == "zorgverlener"}
    return people.keys() - held(people)
