"""What one asker may be told of how things stood: an entity after a change of long ago, and whether a change tells anything.

What was hidden where it last stood stays hidden (`hub.model.hindsight`, `hub.past`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial

from sqlalchemy import Connection

from hub.assembling import assembled, with_what_turned
from hub.entities import Entities, moved, not_found
from hub.errors import Gone
from hub.model.audience import Grant, project
from hub.model.entity import Change, Entity
from hub.model.fiche import Document, EntityType
from hub.model.links import hides_sites
from hub.past import Past
from hub.store import Snapshot, Store, log_reading, reading, versions


class Standing(Entities):
    """What one asker may see of what stands now, and of what stood."""

    def __init__(self, store: Store, grant: Grant, snapshot: Snapshot | None = None) -> None:
        """As `Entities`."""
        super().__init__(store, grant, snapshot)
        self._past = Past(grant)

    def _as_it_stood(self, id: str, seq: int, type: EntityType | None, *, withholding: bool) -> Entity:
        with self._read() as connection:
            known = self._ever_known(connection, id, type)
            seq = log_reading.settled(connection, seq)
            last = log_reading.last_seen(connection, [known.id], self.grant.rank, self.grant.partner, upto=seq, fields=self.grant.telling).get(
                known.id
            )
            lived = log_reading.lived(connection, known.id, seq, self.grant.partner)
            if known.moved_to is not None and not lived.there and lived.fiche_id:
                raise moved(id, known.moved_to)
            if last is None:
                raise not_found(id, type)
            entity = self._standing(connection, known, lived, seq, last, withholding=withholding)
            if entity is None:
                raise Gone(f"{id} had been removed at {seq}.", seq=last.seq)
            return entity if len(entity.sources) < 2 else self._naming_who_is_heard_now(connection, entity)

    def _naming_who_is_heard_now(self, connection: Connection, entity: Entity) -> Entity:
        """Who gave what is only kept of today: who gave something that the asker sees today may be named."""
        entry_id = reading.entry_for(connection, entity.number, self.grant.partner)
        now = self._of_entries(connection, [entry_id]).get(entry_id)
        return replace(entity, sources=() if now is None else now.sources)

    def _standing(
        self,
        connection: Connection,
        known: reading.Known,
        lived: log_reading.Lived,
        seq: int,
        last: log_reading.LastSeen,
        *,
        withholding: bool,
    ) -> Entity | None:
        """The entity after the transaction that `seq` ends, where it `lived` then; `last`: the newest of its changes until then that the asker can see."""
        partner = self.grant.partner
        fiche_id, fiche = known.fiche_id, known.fiche
        if lived.fiche_id not in (-1, 0, fiche_id) and log_reading.lived(connection, lived.fiche_id, seq, partner).there:
            fiche_id, fiche = lived.fiche_id, lived.fiche

        placeless: set[str] = set()
        stood: dict[str, Document] = {}
        today = self._store.today()

        def at_that_time(uuids: Iterable[str]) -> Mapping[str, Document]:
            if withholding:
                documents = self._past.documents(connection, uuids, seq)
            else:
                documents = {
                    uuid: document
                    for uuid, one in reading.resolve(connection, uuids).items()
                    if (document := versions.as_at(connection, one.fiche_id, seq, partner)) is not None
                }
            stood.update((uuid, document) for uuid, document in documents.items() if document is not None)
            shown = _present((uuid, project(document, self.grant, today)) for uuid, document in documents.items())
            placeless.update(uuid for uuid, fiche in shown.items() if hides_sites(documents[uuid], fiche))
            return shown

        row = reading.EntryRow(known.id, known.id, known.type, known.uuid, fiche_id, fiche, b"", last.seq, last.at)
        sources = reading.sources(connection, [fiche_id], partner)
        if fiche_id not in sources:
            sources[fiche_id] = reading.sources_it_had(connection, fiche_id, partner)
        held = partial(self._held, connection)
        entities = assembled(connection, [row], self.grant, at_that_time, sources, held, placeless)
        return with_what_turned(entities, stood, self.grant, today).get(known.id)

    def _told_of(self, connection: Connection, known: reading.Known, seq: int) -> Entity | None:
        """As `as_at`; None where it was not there, or may not be told."""
        seq = log_reading.settled(connection, seq)
        last = log_reading.last_seen(connection, [known.id], self.grant.rank, self.grant.partner, upto=seq, fields=self.grant.telling)[known.id]
        lived = log_reading.lived(connection, known.id, seq, self.grant.partner)
        return self._standing(connection, known, lived, seq, last, withholding=True)

    def _tells(self, connection: Connection, known: reading.Known, change: Change) -> bool:
        rank, partner, fields = self.grant.rank, self.grant.partner, self.grant.telling
        if rank == 2 or change.operation == "delete":
            return True
        newest = log_reading.last_seen(connection, [known.id], rank, partner, fields=fields).get(known.id)
        if newest is None or newest.seq <= change.seq:
            return True
        withheld = self._past.withheld
        after = self._told_of(connection, known, change.seq)
        if after is None or change.operation == "create":
            return after is not None
        earlier = log_reading.history(connection, known.id, rank=rank, partner=partner, before=change.seq, limit=1, fields=fields)
        if not earlier or after.seq != change.seq:
            return True
        before = self._told_of(connection, known, earlier[0].change.seq)
        if self._past.withheld == withheld or before is None or before.seq == after.seq:
            return True
        return (before.fiche, before.part, before.related) != (after.fiche, after.part, after.related)


def _present(found: Iterable[tuple[str, Document | None]]) -> dict[str, Document]:
    return {uuid: document for uuid, document in found if document is not None}
