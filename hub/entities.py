"""From rows to entities: what one asker sees of what stands now, read from one state of the database or from the newest.

The part of `hub.directory` that every way of asking goes through.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial
from typing import Literal

from sqlalchemy import Connection

from hub.assembling import assembled, with_what_turned
from hub.errors import Moved, NotFound
from hub.merge import voices
from hub.model import origins
from hub.model.audience import Grant, project
from hub.model.entity import Entity
from hub.model.fiche import Document, EntityType
from hub.model.links import hides_sites
from hub.model.query import Criterion, Query
from hub.model.query_rules import MAX_VALUES
from hub.model.turning import TURNING
from hub.schemas import decode
from hub.search import Shown, find
from hub.search.coverage import shows
from hub.store import Snapshot, Store, log_reading, reading
from hub.store.index_rows import Indexer


class Entities:
    """What one asker may see of what stands now."""

    def __init__(self, store: Store, grant: Grant, snapshot: Snapshot | None = None) -> None:
        """With a `snapshot` everything is read from that one state until it is closed; without one each call sees the newest."""
        self._store = store
        self.grant = grant
        self._snapshot = snapshot
        self._seen: log_reading.State | None = None
        self._erasures = store.erasures  # that what is read here knows of, at least

    def _read(self) -> AbstractContextManager[Connection]:
        return self._store.read() if self._snapshot is None else self._snapshot.read()

    def _state(self, connection: Connection) -> log_reading.State:
        if self._snapshot is None or not self._snapshot.held:
            state = self._store.state(connection)
            self._erasures = state.erasures
            return state
        if self._seen is None:
            self._seen = self._store.state(connection)
            self._erasures = self._seen.erasures
        return self._seen

    def _shown(self, connection: Connection) -> Shown:
        """What the index would hold of the fields of the agreement, and of texts as they are written."""
        store, version = self._store, self._state(connection).concepts
        return Shown(
            connection,
            self.grant,
            lambda spelled: Indexer(store.concepts_in(connection, version), store.places, store.today(), spelled=spelled),
            store.today(),
        )

    def _known(self, connection: Connection, id: str, type: EntityType | None) -> reading.Known:
        known = self._ever_known(connection, id, type)
        if known.moved_to is not None:
            raise moved(id, known.moved_to)
        return known

    def _ever_known(self, connection: Connection, id: str, type: EntityType | None) -> reading.Known:
        """Also of an entity that goes by another id now: what it was before that is asked by the old one."""
        known = reading.resolve(connection, [id]).get(id)
        if known is None or (type is not None and known.type != type) or not shows(self.grant.fields, known.type):
            raise not_found(id, type)
        return known

    def _of_entries(self, connection: Connection, entry_ids: list[int], *, sources: Literal["heard", "all", "none"] = "heard") -> dict[int, Entity]:
        """The entities behind rows of the index, by those rows' numbers; what the asker may not see is left out. `sources`: which of them are named."""
        partner = self.grant.partner
        if not entry_ids:
            return {}
        rows = reading.found(connection, entry_ids, self.grant.rank, partner, fields=self.grant.telling)
        at_hand = {row.fiche: row.document for row in rows}
        stood: dict[str, Document] = {}

        grant, store, today = self.grant, self._store, self._store.today()
        placeless: set[str] = set()

        def as_they_are(uuids: Iterable[str]) -> Mapping[str, Document]:
            shown: dict[str, Document] = {}
            missing = []
            for uuid in uuids:
                document = at_hand.get(uuid)
                if document is None:
                    missing.append(uuid)
                elif (projected := project(stored := decode(document), grant, today)) is not None:
                    shown[uuid] = projected
                    if not TURNING.isdisjoint(stored):  # to keep all would make a page slower: the memory of one serves for the next
                        stood[uuid] = stored
                    if hides_sites(stored, projected):
                        placeless.add(uuid)
            if missing:
                for uuid, document in reading.bytes_by_uuid(connection, missing, partner).items():
                    projected = store.projected(document, grant.level, grant.fields, today)
                    if projected is not None:
                        shown[uuid] = projected
                if store.erasures != self._erasures:  # somebody was erased meanwhile, and these may be from before
                    store.projected.cache_clear()
            return shown

        named = reading.sources(connection, [row.fiche_id for row in rows], partner) if sources != "none" else {}
        entities = assembled(connection, rows, grant, as_they_are, named, partial(self._held, connection), placeless)
        entities = with_what_turned(entities, stood, grant, today)
        return self._naming_who_is_heard(connection, rows, entities) if sources == "heard" else entities

    def _naming_who_is_heard(self, connection: Connection, rows: Iterable[reading.EntryRow], entities: dict[int, Entity]) -> dict[int, Entity]:
        """The same entities; of several sources only those are named that gave something which the asker sees."""
        several = [row for row in rows if row.id in entities and len(entities[row.id].sources) > 1]
        if not several:
            return entities
        fiches = {row.fiche_id for row in several}
        said = reading.provenances(connection, fiches)
        own = reading.sources(connection, fiches, self.grant.partner, own=True) if self.grant.partner else {}
        for row in several:
            entity = entities[row.id]
            part = "" if entity.part is None else entity.id
            told = origins.told(said.get(row.fiche_id, ()), decode(row.document), entity.fiche)
            heard = {source for each in told if each.part == part for source, _, _ in each.item.claims}.union(own.get(row.fiche_id, ()))
            entities[row.id] = replace(entity, sources=tuple(source for source in entity.sources if source in heard))
        return entities

    def _with_voices(self, connection: Connection, entities: dict[str, Entity]) -> dict[str, Entity]:
        """The same entities; each fiche of several sources with who says what in it. What one source says alone needs no look."""
        several = {entity.number: id for id, entity in entities.items() if entity.part is None and len(entity.sources) > 1}
        claims = reading.standing_claims(connection, several, self.grant.partner) if several else {}
        told = {id: voices(entities[id].fiche, claims.get(number, ())) for number, id in several.items()}
        return {id: replace(entity, voices=told[id]) if id in told else entity for id, entity in entities.items()}

    def _held(self, connection: Connection, types: Mapping[str, EntityType]) -> set[str]:
        """Which of these ids are in the agreement's selection by themselves, whatever they lead to; nothing of them is read but the index."""
        held: set[str] = set()
        shown = self._shown(connection)
        for asked in asking_for(types):
            found = find(connection, asked, self.grant, places=self._store.places, shown=shown)
            numbers = {row.entity_id for row in found.rows}
            known = reading.resolve(connection, asked.where[0].values)
            held |= {uuid for uuid, each in known.items() if each.id in numbers}
        return held


def asking_for(types: Mapping[str, EntityType]) -> Iterator[Query]:
    """Queries for the entities with these ids and nothing else, no more ids in each than a question may have."""
    ids = list(types)
    for start in range(0, len(ids), MAX_VALUES):
        some = tuple(ids[start : start + MAX_VALUES])
        yield Query(types=tuple(sorted({types[id] for id in some})), where=(Criterion("id", some),), limit=MAX_VALUES)


def moved(id: str, to: str) -> Moved:
    """What is answered under an id that goes by another one now."""
    return Moved(f"{id} goes by {to} now.", id=to)


def not_found(id: str, type: EntityType | None) -> NotFound:
    """What is answered where there is nothing, or nothing that the asker may see."""
    return NotFound(f"There is no {type or 'fiche'} with id {id}.")
