"""Everything that is read from the store by key: entities, documents, where values come from; what stood before is in `hub.store.versions`. Unprojected; `hub.directory` narrows it.

All functions take a connection of `Store.read()`, so that several of them together see one state. What is asked for is given as numbers (`entity.id`)
unless a name says UUID.
"""

# ruff: noqa: S608 - what is put into statements is our own SQL; values are always parameters
from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple, cast

from sqlalchemy import Connection

from hub import schemas
from hub.model.claims import Claim, Conflict, Provenance
from hub.model.fiche import Document, EntityType
from hub.model.moments import to_second
from hub.store.bulk import Bulk
from hub.store.linking import fiches_leading_to
from hub.store.log_reading import Fields, visible
from hub.store.provenance import decode_conflicts, decode_provenance

# --- entities and documents ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Known:
    """An entity that has (or had) this UUID. `moved_to`: the UUID that it goes by now. `state`: that of its fiche."""

    id: int
    uuid: str
    type: EntityType
    fiche_id: int
    fiche: str
    state: str
    moved_to: str | None


def resolve(connection: Connection, uuids: Iterable[str]) -> dict[str, Known]:
    """The entities of these UUIDs; what nobody ever had is left out. Redirects lead to the last one."""
    bulk = Bulk(connection)
    sql = (
        "SELECT e.uuid, e.id, e.type, e.fiche_id, o.uuid, f.state, e.moved_to FROM entity e JOIN entity o ON o.id = e.fiche_id"
        f" JOIN fiche f ON f.id = e.fiche_id WHERE {bulk.listed('e.uuid', 'text')}"
    )
    found = {}
    for uuid, number, type_, fiche_id, fiche, state, moved_to in bulk.rows(sql, bulk.many(set(uuids))):
        target = None if moved_to is None else _last(bulk, moved_to)
        found[uuid] = Known(number, uuid, type_, fiche_id, fiche, state, target)
    return found


def _last(bulk: Bulk, number: int) -> str:
    while True:
        ((uuid, moved_to),) = bulk.rows("SELECT uuid, moved_to FROM entity WHERE id = ?", number)
        if moved_to is None:
            return str(uuid)
        number = moved_to


def documents(connection: Connection, fiches: Iterable[int], partner: str | None = None) -> dict[int, Document]:
    """The merged documents of these fiches, with the partner's overlay in front of the shared one. What has none is left out."""
    bulk = Bulk(connection)
    wanted = bulk.many(set(fiches))
    raw = dict(bulk.rows(f"SELECT id, document FROM fiche WHERE document IS NOT NULL AND {bulk.listed('id')}", wanted))
    if partner:
        sql = f"SELECT fiche_id, document FROM overlay WHERE document IS NOT NULL AND partner = ? AND {bulk.listed('fiche_id')}"
        raw.update(bulk.rows(sql, partner, wanted))
    return {number: schemas.decode(data) for number, data in raw.items()}


def documents_by_uuid(connection: Connection, uuids: Iterable[str], partner: str | None = None) -> dict[str, Document]:
    """As `documents`, by the UUIDs of the fiches: what links in a document name."""
    return {uuid: schemas.decode(data) for uuid, data in bytes_by_uuid(connection, uuids, partner).items()}


def bytes_by_uuid(connection: Connection, uuids: Iterable[str], partner: str | None = None) -> dict[str, bytes]:
    """As `documents_by_uuid`, not decoded: for who may have decoded the very same bytes before."""
    bulk = Bulk(connection)
    wanted = bulk.many(set(uuids))
    sql = f"SELECT e.uuid, f.document FROM entity e JOIN fiche f ON f.id = e.id WHERE f.document IS NOT NULL AND {bulk.listed('e.uuid', 'text')}"
    raw = dict(bulk.rows(sql, wanted))
    if partner:
        sql = (
            "SELECT e.uuid, o.document FROM entity e JOIN overlay o ON o.fiche_id = e.id"
            f" WHERE o.document IS NOT NULL AND o.partner = ? AND {bulk.listed('e.uuid', 'text')}"
        )
        raw.update(bulk.rows(sql, partner, wanted))
    return cast("dict[str, bytes]", raw)


class EntryRow(NamedTuple):
    """A row of the search index with all that an entity is made of: the merged document as bytes, and the last change that the asker can see."""

    id: int
    entity_id: int
    type: EntityType
    uuid: str
    fiche_id: int
    fiche: str
    document: bytes
    seq: int
    at: str


def found(connection: Connection, entry_ids: Iterable[int], rank: int, partner: str | None = None, *, fields: Fields = None) -> list[EntryRow]:
    """These rows of the index, in one statement: it is what a page of a search costs. `fields`: those that the agreement names.

    With the partner's overlay in front of the shared document. What is no longer there, or what this rank never saw, is left out.
    """
    bulk = Bulk(connection)
    document, overlay = "m.document", ""
    parameters: list[Any] = []
    if partner:
        document = "coalesce(o.document, m.document)"
        overlay = " LEFT JOIN overlay o ON o.fiche_id = n.fiche_id AND o.partner = ?"
        parameters.append(partner)
    known, given = visible(bulk, rank, partner, fields)
    sql = (
        f"SELECT n.id, n.entity_id, n.type, e.uuid, n.fiche_id, f.uuid, {document}, c.seq, c.at"
        " FROM entry n JOIN entity e ON e.id = n.entity_id JOIN entity f ON f.id = n.fiche_id JOIN fiche m ON m.id = n.fiche_id"
        f"{overlay} JOIN change c ON c.seq = (SELECT c.seq FROM change c WHERE c.entity_id = n.entity_id AND {known}"
        f" ORDER BY c.seq DESC LIMIT 1) WHERE {bulk.listed('n.id')} AND {document} IS NOT NULL"
    )
    rows = bulk.rows(sql, *parameters, *given, bulk.many(set(entry_ids)))
    return list(map(EntryRow._make, rows))


def entry_for(connection: Connection, entity_id: int, partner: str | None) -> int:
    """The row of the index that stands for the entity in the eyes of the partner."""
    if partner:
        own = Bulk(connection).rows("SELECT id FROM entry WHERE entity_id = ? AND partner = ?", entity_id, partner)
        if own:
            return int(own[0][0])
    return entity_id


def entries_for(connection: Connection, entities: Iterable[int], partner: str | None) -> dict[int, int]:
    """As `entry_for`, of many entities: entity -> row of the index."""
    found = {number: number for number in entities}
    if partner and found:
        bulk = Bulk(connection)
        sql = f"SELECT entity_id, id FROM entry WHERE partner = ? AND {bulk.listed('entity_id')}"
        found.update(bulk.rows(sql, partner, bulk.many(set(found))))
    return found


def sources(connection: Connection, fiches: Iterable[int], partner: str | None = None, *, own: bool = False) -> dict[int, tuple[str, ...]]:
    """The names of the sources that contribute to each fiche, sorted; `own`: only those of the partner's own, which say something of his view alone."""
    bulk = Bulk(connection)
    whose = "c.partner = ?" if own else "(c.partner = '' OR c.partner = ?)"
    sql = f"SELECT c.fiche_id, s.name FROM claim c JOIN source s ON s.id = c.source_id WHERE NOT c.gone AND {whose} AND {bulk.listed('c.fiche_id')}"
    names: dict[int, set[str]] = {}
    for fiche_id, name in bulk.rows(sql, partner or "", bulk.many(set(fiches))):
        names.setdefault(fiche_id, set()).add(name)
    return {fiche_id: tuple(sorted(some)) for fiche_id, some in names.items()}


def sources_it_had(connection: Connection, fiche_id: int, partner: str | None = None) -> tuple[str, ...]:
    """The names of the sources of a fiche that became one with another, sorted: of the claims that came there with it."""
    sql = (
        "SELECT DISTINCT s.name FROM entity e JOIN claim c ON c.fiche_id = e.moved_to AND c.home_id = e.id JOIN source s ON s.id = c.source_id"
        " WHERE e.id = ? AND NOT c.gone AND (c.partner = '' OR c.partner = ?) ORDER BY s.name"
    )
    return tuple(name for (name,) in Bulk(connection).rows(sql, fiche_id, partner or ""))


# --- where values come from --------------------------------------------------------------------------------------------------------


def provenance(connection: Connection, fiche_id: int) -> tuple[Provenance, ...]:
    """Where each field's value comes from, in the order of the names of the fields."""
    return provenances(connection, [fiche_id]).get(fiche_id, ())


def provenances(connection: Connection, fiches: Iterable[int]) -> dict[int, tuple[Provenance, ...]]:
    """As `provenance`, of many at once; fiches that are not there are left out."""
    bulk = Bulk(connection)
    sql = f"SELECT id, provenance, document FROM fiche WHERE document IS NOT NULL AND {bulk.listed('id')}"
    return {number: decode_provenance(kept, schemas.decode(raw)) for number, kept, raw in bulk.rows(sql, bulk.many(set(fiches)))}


@dataclass(frozen=True, slots=True)
class ConflictingFiche:
    """A fiche on which equal sources disagree. `since`: `(source, external id)` -> when what it says now came in, where that is known."""

    number: int
    fiche: str
    type: EntityType
    document: Document
    conflicts: tuple[Conflict, ...]
    since: Mapping[tuple[str, str], str] = field(default_factory=dict)


def conflicts(connection: Connection, limit: int = 50, after: int = 0) -> list[ConflictingFiche]:
    """Fiches with conflicts by their number; page on with the last `number` as `after`."""
    bulk = Bulk(connection)
    rows = bulk.rows(
        "SELECT f.id, e.uuid, f.kind, f.document, f.conflicts FROM fiche f JOIN entity e ON e.id = f.id"
        " WHERE f.conflicts IS NOT NULL AND f.document IS NOT NULL AND f.id > ? ORDER BY f.id LIMIT ?",
        after,
        limit,
    )
    since = _since(bulk, [row[0] for row in rows])
    return [
        ConflictingFiche(number, uuid, kind, schemas.decode(raw), decode_conflicts(data), since.get(number, {}))
        for number, uuid, kind, raw, data in rows
    ]


def _since(bulk: Bulk, fiches: list[int]) -> dict[int, dict[tuple[str, str], str]]:
    """Fiche -> source and external id -> when the hub took in what that source says now, to the second."""
    sql = (
        "SELECT c.fiche_id, s.name, c.external_id, c.at FROM claim c JOIN source s ON s.id = c.source_id"
        f" WHERE c.partner = '' AND c.at IS NOT NULL AND {bulk.listed('c.fiche_id')}"
    )
    found: dict[int, dict[tuple[str, str], str]] = {}
    for fiche, source, external_id, at in bulk.rows(sql, bulk.many(fiches)) if fiches else ():
        found.setdefault(fiche, {})[source, external_id] = to_second(datetime.fromtimestamp(at, UTC))
    return found


def conflicts_of(connection: Connection, fiche_id: int) -> tuple[Conflict, ...]:
    """The conflicts on one fiche."""
    rows = Bulk(connection).rows("SELECT conflicts FROM fiche WHERE id = ?", fiche_id)
    return decode_conflicts(rows[0][0]) if rows else ()


@dataclass(frozen=True, slots=True)
class ClaimOf:
    """One claim of a fiche as it stands, for the administrator's screen and for `Writer.split`."""

    source: str
    external_id: str
    revision: int
    partner: str | None
    gone: bool
    content: Document


def claims_of(connection: Connection, fiche_id: int) -> list[ClaimOf]:
    """Every claim of a fiche, by source and external id."""
    rows = Bulk(connection).rows(
        "SELECT s.name, c.external_id, c.revision, c.partner, c.gone, c.content FROM claim c JOIN source s ON s.id = c.source_id"
        " WHERE c.fiche_id = ? ORDER BY s.name, c.external_id, c.partner",
        fiche_id,
    )
    return [
        ClaimOf(
            source,
            external_id,
            revision,
            partner or None,
            bool(gone),
            schemas.decode_claim(source, external_id, revision, partner or None, raw).content,
        )
        for source, external_id, revision, partner, gone, raw in rows
    ]


def standing_claims(connection: Connection, fiches: Iterable[int], partner: str | None = None) -> dict[int, list[Claim]]:
    """The claims that stand about each of these fiches, those that only this partner hears among them; what is gone is left out."""
    bulk = Bulk(connection)
    rows = bulk.rows(
        "SELECT c.fiche_id, s.name, c.external_id, c.revision, c.partner, c.content FROM claim c JOIN source s ON s.id = c.source_id"
        f" WHERE NOT c.gone AND (c.partner = '' OR c.partner = ?) AND {bulk.listed('c.fiche_id')} ORDER BY s.name, c.external_id, c.partner",
        partner or "",
        bulk.many(set(fiches)),
    )
    found: dict[int, list[Claim]] = {}
    for fiche_id, source, external_id, revision, owner, content in rows:
        found.setdefault(fiche_id, []).append(schemas.decode_claim(source, external_id, revision, owner or None, content))
    return found


def worked_in(connection: Connection, zorgverleners: Iterable[int], rank: int) -> dict[int, tuple[str, ...]]:
    """The UUIDs of the aanbod that each zorgverlener works in, as far as this rank may know; sorted."""
    bulk = Bulk(connection)
    sql = (
        "SELECT l.to_id, e.uuid FROM link l JOIN entity e ON e.id = l.from_id"
        f" WHERE l.role = 'zorgverlener' AND e.type = 'aanbod' AND l.level <= ? AND {bulk.listed('l.to_id')} ORDER BY l.to_id, e.uuid"
    )
    found: dict[int, tuple[str, ...]] = {}
    for number, uuid in bulk.rows(sql, rank, bulk.many(set(zorgverleners))):
        found[number] = (*found.get(number, ()), uuid)
    return found


def held(connection: Connection, source: str, external_ids: Iterable[str], partner: str = "") -> dict[str, Claim]:
    """The standing claims of a source under these ids, by external id; what is gone or unknown is left out."""
    bulk = Bulk(connection)
    rows = bulk.rows(
        "SELECT c.external_id, c.revision, c.content FROM claim c JOIN source s ON s.id = c.source_id"
        f" WHERE s.name = ? AND c.partner = ? AND NOT c.gone AND {bulk.listed('c.external_id', 'text')}",
        source,
        partner,
        bulk.many(set(external_ids)),
    )
    return {external_id: schemas.decode_claim(source, external_id, revision, partner or None, content) for external_id, revision, content in rows}


def leading_to(connection: Connection, source: str, external_ids: Iterable[str]) -> set[str]:
    """The external ids of standing claims of a source about fiches with a link to those of these claims of it, whoever sees that."""
    bulk = Bulk(connection)
    of_source = "FROM claim c JOIN source s ON s.id = c.source_id WHERE s.name = ? AND NOT c.gone"
    ends = bulk.rows(f"SELECT c.fiche_id {of_source} AND {bulk.listed('c.external_id', 'text')}", source, bulk.many(set(external_ids)))
    leading = fiches_leading_to(bulk, [number for (number,) in ends])
    return {each for (each,) in bulk.rows(f"SELECT c.external_id {of_source} AND {bulk.listed('c.fiche_id')}", source, bulk.many(leading))}
