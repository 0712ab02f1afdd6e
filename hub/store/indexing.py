"""Hands the search index the rows that it must write: each fiche and each part with the documents that it depends on."""

# ruff: noqa: S608 - what is put into statements is our own SQL; values are always parameters
from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from operator import attrgetter
from typing import Any, cast

from hub import schemas
from hub.model.claims import Provenance
from hub.model.fiche import Document
from hub.store import index_rows
from hub.store.bulk import Bulk
from hub.store.index_own import OwnRows, Views
from hub.store.index_related import Documents, indexed, load_related, parts_of, related_to
from hub.store.index_rows import IndexedEntity, Indexer
from hub.store.linking import remove_own_links
from hub.store.provenance import decode_provenance
from hub.store.workspace import Workspace


def write_index(space: Workspace, fiches: Iterable[int]) -> None:
    """Bring the rows of these fiches and their parts up to date, and those that partners have in place of them."""
    ids = sorted(fiches)
    if not ids:
        return
    space.load(ids)
    documents = Documents(space)
    states = [space.fiches[number] for number in ids]
    older = [number for number in ids if number not in space.made]
    voices = _voices(space, ids)
    said = _said(space, {number for (number, partner), heard in voices.items() if partner or len(heard) > 1})
    load_related([state.document for state in states if state.document], documents)
    nowhere = documents.nowhere()
    space.numbers_for(part["id"] for state in states for _, part in parts_of(state.document))
    shared: dict[int, list[IndexedEntity]] = {}
    for state in states:
        if state.document is not None:
            related, speakers = related_to(state.document, documents), voices.get((state.id, ""), ())
            several = len(speakers) > 1
            heard = () if several else speakers, said[state.id] if several else ()
            shared[state.id] = indexed(space, state.id, state.document, related, heard, nowhere)
    standing = index_rows.standing(space.connection, older, "fiche_id") if older else {}
    make = _indexer(space).row
    own = OwnRows(space, documents, shared, make, {(entry[4], entry[1]): number for number, entry in standing.items() if entry[4]})
    for partner, views in _overlays(space, ids, older, documents.loaded()).items():
        own.of_partner(partner, views, ids, {number: (voices.get((number, partner), ()), said.get(number, ())) for number in views})
    rows = [row for of_fiche in shared.values() for row in of_fiche] + own.rows
    kept = {row.entry_id for row in rows}
    moved = {row.entry_id for row in rows if row.fiche_id not in space.made} - standing.keys()
    if moved:  # parts that came from another fiche stand under that one still
        standing = {**standing, **index_rows.standing(space.connection, moved)}
    rows.sort(key=attrgetter("entry_id"))
    masked = _masks(space, ids) if older or own.masks else set()
    index_rows.write(space.connection, map(make, rows), standing, len(rows) - len(standing))
    gone = [number for number in standing if number not in kept]
    index_rows.remove(space.connection, gone)
    remove_own_links(space.bulk, [number for number in gone if standing[number][4]])
    own.write_links()
    _write_masks(space.bulk, masked, own.masks)


def _indexer(space: Workspace) -> Indexer:
    """The one that made rows before, which remembers much, while the concepts and the day are still the same."""
    around = space.around
    book = around.concepts()
    made_for, indexer = around.kept.get("indexer", ((), None))
    if indexer is None or made_for[0] is not book or made_for[1:] != (around.places, space.today):
        indexer = Indexer(book, around.places, space.today)
        around.kept["indexer"] = ((book, around.places, space.today), indexer)
    return cast(Indexer, indexer)


def _overlays(space: Workspace, ids: list[int], older: list[int], leaned_on: set[int]) -> Mapping[str, Views]:
    """What partners see in place of these fiches, and of those that they lean on."""
    bulk = space.bulk
    shared = all(not partner for number in space.made for partner, _ in space.voices.get(number, ()))
    wanted = older if shared else ids
    if wanted or space.has_overlays:  # else there is nothing to ask, and a load waits for no answer
        wanted = [*wanted, *leaned_on.difference(wanted)]
    if not wanted:
        return {}
    found: dict[str, dict[int, tuple[int, Document]]] = {}
    sql = f"SELECT partner, fiche_id, id, document FROM overlay WHERE document IS NOT NULL AND {bulk.listed('fiche_id')} ORDER BY partner, fiche_id"
    for partner, fiche_id, number, raw in bulk.rows(sql, bulk.many(wanted)):
        found.setdefault(partner, {})[fiche_id] = (number, schemas.decode(raw))
    return found


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
    bulk.insert("entry_mask", ("partner", "entry_id"), cast("list[tuple[Any, ...]]", sorted(wanted - standing)))
