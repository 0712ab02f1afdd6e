"""Hands the search index the rows that it must write: each fiche and each part with the documents that it depends on."""

# ruff: noqa: S608 - what is put into statements is our own SQL; values are always parameters
from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any, cast

from hub import schemas
from hub.model.claims import Provenance
from hub.model.fiche import Document, EntityType
from hub.model.links import PARENTS, end_of
from hub.store import index_rows
from hub.store.bulk import Bulk
from hub.store.index_rows import IndexedEntity, Indexer
from hub.store.linking import remove_own_links
from hub.store.part_changes import PART_FIELDS
from hub.store.provenance import decode_provenance
from hub.store.workspace import Workspace


class Documents:
    """Merged documents by UUID, read once per transaction; a partner's overlay in front of them when one is named."""

    def __init__(self, space: Workspace) -> None:
        self._space = space
        self._read: dict[str, Document | None] = {}

    def load(self, uuids: Iterable[str]) -> None:
        """Read these, all at once."""
        space = self._space
        unknown = []
        for uuid in uuids:
            if uuid in self._read:
                continue
            number = space.number_of.get(uuid)
            if number is not None and number in space.fiches:
                self._read[uuid] = space.fiches[number].document
            else:
                unknown.append(uuid)
        if not unknown:
            return
        self._read.update(dict.fromkeys(unknown))
        sql = f"SELECT e.id, e.uuid, f.document FROM entity e JOIN fiche f ON f.id = e.id WHERE {space.bulk.listed('e.uuid', 'text')}"
        for number, uuid, raw in space.bulk.rows(sql, space.bulk.many(unknown)):
            space.know(number, uuid)
            self._read[uuid] = None if raw is None else schemas.decode(raw)

    def get(self, uuid: str) -> Document | None:
        """One that was loaded."""
        return self._read.get(uuid)

    def nowhere(self) -> set[str]:
        """Of those that were loaded, the fiches that are not there, not even for a partner with a view of his own."""
        space = self._space
        missing = {space.number_of[uuid]: uuid for uuid, document in self._read.items() if document is None and uuid in space.number_of}
        if not missing:
            return set()
        older = [number for number in missing if number not in space.made or number in space.voices]
        sql = f"SELECT fiche_id FROM overlay WHERE document IS NOT NULL AND {space.bulk.listed('fiche_id')}"
        for (number,) in space.bulk.rows(sql, space.bulk.many(older)) if older else ():
            missing.pop(number, None)
        return set(missing.values())


def _direct(document: Document) -> list[str]:
    if document["kind"] == "zorgverlener":
        return []  # leads nowhere
    names = ("organisatie", "provided_by") if document["kind"] == "aanbod" else ("parent",)
    people = [part["zorgverlener"]["id"] for part in document.get("caregivers", ()) if "zorgverlener" in part]
    return [document[name]["id"] for name in names if name in document] + people


def _ends(document: Document) -> list[str]:
    """What the parts of a fiche lead to that stand for links: not followed further, only asked who sees it."""
    return [uuid for _, part in _parts(document) if (uuid := end_of(part)) is not None]


def _related(document: Document, documents: Documents) -> Mapping[str, Document]:
    """The organisatie, who carries it out, their parents, and who works there, as far as they are there."""
    found: dict[str, Document] = {}
    frontier = _direct(document)
    for _ in range(PARENTS + 1):
        above: list[str] = []
        for uuid in frontier:
            other = documents.get(uuid)
            if other is not None and uuid not in found:
                found[uuid] = other
                above += _direct(other)
        if not above:
            break
        frontier = above
    for uuid in _ends(document):
        if uuid not in found and (other := documents.get(uuid)) is not None:
            found[uuid] = other
    return found


def _load_related(wanted: list[Document], documents: Documents) -> None:
    frontier = [uuid for document in wanted for uuid in _direct(document)]
    documents.load([*frontier, *(uuid for document in wanted for uuid in _ends(document))])
    for _ in range(PARENTS + 1):
        if not frontier:
            return
        documents.load(frontier)
        frontier = [
            above for uuid in set(frontier) if (other := documents.get(uuid)) for above in _direct(other)
        ]


def write_index(space: Workspace, fiches: Iterable[int]) -> None:
    """Bring the rows of these fiches, their parts and their overlays up to date."""
    ids = sorted(fiches)
    if not ids:
        return
    space.load(ids)
    documents = Documents(space)
    states = [space.fiches[number] for number in ids]
    older = [number for number in ids if number not in space.made]
    voices = _voices(space, ids)
    said = _said(space, {number for (number, partner), heard in voices.items() if partner or len(heard) > 1})
    _load_related([state.document for state in states if state.document], documents)
    nowhere = documents.nowhere()
    space.numbers_for(part["id"] for state in states for _, part in _parts(state.document))
    rows: list[IndexedEntity] = []
    for state in states:
        if state.document is not None:
            rows += indexed(
                space,
                state.id,
                state.document,
                _related(state.document, documents),
                "",
                None,
                () if len(shared := voices.get((state.id, ""), ())) > 1 else shared,
                said[state.id] if len(shared) > 1 else (),
                nowhere,
            )
    kept = {row.entry_id for row in rows}
    standing = index_rows.standing(space.connection, older, "fiche_id") if older else {}
    overlays = _overlays(space, ids, older)
    masks: set[tuple[str, int]] = set()
    if overlays:
        decoded = [
            (partner, fiche_id, number, schemas.decode(raw)) for partner, fiche_id, number, raw in overlays
        ]
        _load_related([document for *_, document in decoded], documents)
        own = space.own_entries | {(entry[4], entry[1]): number for number, entry in standing.items() if entry[4]}
        for partner, fiche_id, number, document in decoded:
            own[partner, fiche_id] = number
            entries = _entry_numbers(space, partner, fiche_id, document, own)
            made = indexed(
                space,
                fiche_id,
                document,
                _related(document, documents),
                partner,
                entries,
                voices.get((fiche_id, partner), ()),
                said.get(fiche_id, ()),
            )
            rows += made
            kept.update(row.entry_id for row in made)
            master = space.fiches[fiche_id].document
            if master is not None:
                masks.update((partner, entity_id) for entity_id in (fiche_id, *_parts_in(space, master)))
    make = _indexer(space).row
    moved = {row.entry_id for row in rows if row.fiche_id not in space.made} - standing.keys()
    if moved:  # parts that came from another fiche stand under that one still
        standing = {**standing, **index_rows.standing(space.connection, moved)}
    rows.sort(key=attrgetter("entry_id"))
    masked = _masks(space, ids) if older or masks else set()
    index_rows.write(space.connection, map(make, rows), standing, len(rows) - len(standing))
    gone = [number for number in standing if number not in kept]
    index_rows.remove(space.connection, gone)
    remove_own_links(space.bulk, [number for number in gone if standing[number][4]])
    _write_masks(space.bulk, masked, masks)


def _indexer(space: Workspace) -> Indexer:
    """The one that made rows before, which remembers much, while the concepts and the day are still the same."""
    around = space.around
    book = around.concepts()
    made_for, indexer = around.kept.get("indexer", ((), None))
    if indexer is None or made_for[0] is not book or made_for[1:] != (around.places, space.today):
        indexer = Indexer(book, around.places, space.today)
        around.kept["indexer"] = ((book, around.places, space.today), indexer)
    return cast(Indexer, indexer)


def _overlays(space: Workspace, ids: list[int], older: list[int]) -> Sequence[Any]:
    """What partners see in place of these fiches: (partner, fiche, number of the overlay, document)."""
    bulk = space.bulk
    shared = all(not partner for number in space.made for partner, _ in space.voices.get(number, ()))
    wanted = older if shared else ids
    if not wanted:
        return ()
    return bulk.rows(
        f"SELECT partner, fiche_id, id, document FROM overlay WHERE document IS NOT NULL AND {bulk.listed('fiche_id')} ORDER BY partner, fiche_id",
        bulk.many(wanted),
    )


def _parts(document: Document | None) -> list[tuple[EntityType, Document]]:
    """The parts of a fiche, each with its type."""
    if document is None:
        return []
    fields = PART_FIELDS[document["kind"]]
    if not fields:
        return []
    return [(cast(EntityType, type_), part) for field, type_ in fields for part in document.get(field, ())]


def _parts_in(space: Workspace, document: Document) -> list[int]:
    uuids = [part["id"] for _, part in _parts(document)]
    space.numbers_for(uuids)
    return [space.number_of[uuid] for uuid in uuids]


def _entry_numbers(
    space: Workspace, partner: str, fiche_id: int, document: Document, own: Mapping[tuple[str, int], int]
) -> Mapping[int, int]:
    """Entity -> the number of the partner's own entry for it; the fiche's is that of the overlay."""
    entities = [fiche_id, *_parts_in(space, document)]
    missing = [number for number in entities if (partner, number) not in own]
    fresh = (
        dict(zip(missing, space.numbers.take(space.bulk, "entity", len(missing)), strict=True))
        if missing
        else {}
    )
    return {number: own.get((partner, number)) or fresh[number] for number in entities}


def indexed(
    space: Workspace,
    fiche_id: int,
    document: Document,
    related: Mapping[str, Document],
    partner: str,
    entries: Mapping[int, int] | None,
    sources: Sequence[str],
    said: Sequence[Provenance],
    nowhere: Collection[str] = (),
) -> list[IndexedEntity]:
    """The fiche and its parts, as the index takes them; without the parts that stand for a link to one of `nowhere`, which are there for nobody."""

    def entity(number: int, type_: EntityType, part: Document | None) -> IndexedEntity:
        return IndexedEntity(
            entry_id=entries[number] if entries else number,
            entity_id=number,
            fiche_id=fiche_id,
            type=type_,
            document=document,
            partner=partner,
            part=part,
            related=related,
            sources=sources,
            said=said,
        )

    made = [entity(fiche_id, document["kind"], None)]
    parts = _parts(document)
    if parts:
        space.numbers_for(part["id"] for _, part in parts)
        made += [entity(space.number_of[part["id"]], type_, part) for type_, part in parts if end_of(part) not in nowhere]
    return made


def _voices(space: Workspace, ids: list[int]) -> dict[tuple[int, str], list[str]]:
    """The sources that say something of each fiche, and those of each partner's own that say something of his view of it."""
    voices = {number: space.voices[number] for number in ids if number in space.voices}
    unheard = [number for number in ids if number not in voices]
    if unheard:
        voices.update((number, set()) for number in unheard)
        sql = f"SELECT DISTINCT fiche_id, partner, source_id FROM claim WHERE NOT gone AND {space.bulk.listed('fiche_id')}"
        for fiche_id, partner, source_id in space.bulk.rows(sql, space.bulk.many(unheard)):
            voices[fiche_id].add((partner, space.source_name(source_id)))
    found: dict[tuple[int, str], list[str]] = {}
    for number, heard in voices.items():
        for partner in {"", *(whose for whose, _ in heard)}:
            found[number, partner] = sorted({source for whose, source in heard if whose == partner})
    return found


def _said(space: Workspace, ids: Collection[int]) -> dict[int, tuple[Provenance, ...]]:
    """Where each field of these fiches comes from, as the shared documents have it."""
    if not ids:
        return {}
    rows = space.bulk.rows(f"SELECT id, provenance FROM fiche WHERE {space.bulk.listed('id')}", space.bulk.many(ids))
    return {number: decode_provenance(kept, space.fiches[number].document) for number, kept in rows}


def _masks(space: Workspace, ids: list[int]) -> set[tuple[str, int]]:
    """The entries of these fiches and their parts that are hidden from a partner who has others in their place."""
    bulk = space.bulk
    if not bulk.rows("SELECT 1 FROM entry_mask LIMIT 1"):
        return set()
    sql = f"SELECT m.partner, m.entry_id FROM entry_mask m JOIN entity e ON e.id = m.entry_id WHERE {bulk.listed('e.fiche_id')}"
    return {(partner, entry_id) for partner, entry_id in bulk.rows(sql, bulk.many(ids))}


def _write_masks(bulk: Bulk, standing: set[tuple[str, int]], wanted: set[tuple[str, int]]) -> None:
    bulk.run_many("DELETE FROM entry_mask WHERE partner = ? AND entry_id = ?", sorted(standing - wanted))
    bulk.insert(
        "entry_mask", ("partner", "entry_id"), cast("list[tuple[Any, ...]]", sorted(wanted - standing))
    )
