"""What is stored made anew by the code of today: for a database that an earlier version filled, or an index that nobody trusts any more.

What the index holds of a fiche, and what a fiche holds of its claims, is said by the code that wrote it. When that code comes to say something else, its form
is one more (`hub.store.index_tokens.FORM`, `hub.merge.FORM`); a database notes both and so knows when it is older. Where only the index is, it is
written anew; where the merge is, every fiche and overlay is merged again from its claims, and what became different is a change as any other. Batch by
batch, each in one transaction with the place that it reached: readers find each entity as it was or as it is now, never half; whoever is killed goes on
from there; and several at once share the work.
"""

# ruff: noqa: S608 - what is put into statements is our own SQL; values are always parameters
from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection

from hub import merge, schemas
from hub.connector import Progress
from hub.store import index_rows, vocabulary
from hub.store.bulk import Bulk
from hub.store.database import commits_a_load
from hub.store.index_tokens import FORM, FORM_COUNTER, PLACE_COUNTER
from hub.store.indexing import write_index
from hub.store.linking import Link, links_of, named_in, remove_lost_links, remove_own_links, write_links
from hub.store.overlays import write_own_links
from hub.store.store import Store
from hub.store.workspace import Workspace
from hub.store.writer import Writer

_ORIGIN: Final = "upgrade"
_REACHED: Final = "SELECT n FROM counter WHERE name = ?"
_AIM_COUNTER: Final = "anew for"
"""Where a database notes for which forms it is made anew: what was begun for others begins again at the first fiche."""
_AIM: Final = 1000


@dataclass(frozen=True, slots=True)
class Renewed:
    """What `renew` did: how many fiches in how many transactions, and how many were done before, by a call that was broken off."""

    fiches: int
    before: int
    batches: int


def is_older(connection: Connection) -> bool:
    """Whether another version merged the fiches or wrote the search index, or this was written for other mappings; a look at a few rows.

    Until that is made anew searches may miss what is there, and fiches may say what they would not say now.
    """
    bulk = Bulk(connection)
    return (_noted(bulk, FORM_COUNTER) != FORM or _merge_is_older(bulk)) and bool(bulk.rows("SELECT 1 FROM fiche LIMIT 1"))


def _noted(bulk: Bulk, counter: str) -> int | None:
    found = bulk.rows(_REACHED, counter)
    return found[0][0] if found else None


def _merge_is_older(bulk: Bulk) -> bool:
    return _noted(bulk, merge.FORM_COUNTER) != merge.FORM


def renew(store: Store, *, progress: Progress | None = None, restart: bool = False) -> Renewed:
    """Make the whole search index, and the links between entities, anew; the fiches as well when another version merged them.

    Goes on where an earlier call was broken off, unless `restart`. Others may read, write, and do the same meanwhile.
    Raises `StoreBusy` when other writers leave no room; what is done by then stays done.
    """
    store.write(lambda writer: _begin(writer.space.bulk, restart))
    with store.read() as connection:
        began, total = _counted(Bulk(connection))
    pace = store.pace()
    done = batches = 0
    while True:
        if progress is not None:
            progress(began + done, total, "fiches")
        fiches = store.write(lambda writer: _batch(writer, pace.size), pace=pace)
        if not fiches:
            vocabulary.sweep(store.engine)
            return Renewed(done, began, batches)
        done, batches = done + fiches, batches + 1
        pace.took(fiches, fiches)


def _begin(bulk: Bulk, restart: bool) -> None:
    bulk.insert_new("counter", ("name", "n"), [(PLACE_COUNTER, 0)])
    bulk.rows(_REACHED + (" FOR UPDATE" if bulk.postgres else ""), PLACE_COUNTER)
    aim = FORM * _AIM + (merge.FORM if _merge_is_older(bulk) else 0)
    if restart or _noted(bulk, _AIM_COUNTER) != aim:
        bulk.run("UPDATE counter SET n = 0 WHERE name = ?", PLACE_COUNTER)
        bulk.run("DELETE FROM counter WHERE name = ?", _AIM_COUNTER)
        bulk.insert("counter", ("name", "n"), [(_AIM_COUNTER, aim)])
    remove_lost_links(bulk)


def _counted(bulk: Bulk) -> tuple[int, int]:
    """How many fiches are done already, and how many there are."""
    # Of the entities, because the documents themselves stand in the way of who counts fiches.
    done = f"SELECT count(*) FROM entity WHERE id = fiche_id AND fiche_id <= coalesce(({_REACHED}), 0)"
    ((before, total),) = bulk.rows(f"SELECT ({done}), (SELECT count(*) FROM entity WHERE id = fiche_id)", PLACE_COUNTER)
    return before, total


def _batch(writer: Writer, size: int) -> int:
    """Renew the next fiches; the answer is how many, 0 when all are done."""
    space = writer.space
    bulk = space.bulk
    # Whoever does the same waits here, and goes on where this batch ends.
    place = bulk.rows(_REACHED + (" FOR UPDATE" if bulk.postgres else ""), PLACE_COUNTER)
    if not place:
        return 0  # somebody else came to the end
    ids = [row[0] for row in bulk.rows("SELECT id FROM fiche WHERE id > ? ORDER BY id LIMIT ?", place[0][0], size)]
    _remove_orphans(bulk, place[0][0], ids[-1] if ids else None)
    merging = bool((_noted(bulk, _AIM_COUNTER) or 0) % _AIM)
    if not ids:
        told = [(FORM_COUNTER, FORM), *([(merge.FORM_COUNTER, merge.FORM)] if merging else [])]
        for name in (PLACE_COUNTER, _AIM_COUNTER, *(name for name, _ in told)):
            bulk.run("DELETE FROM counter WHERE name = ?", name)
        bulk.insert("counter", ("name", "n"), told)
        return 0
    if bulk.postgres:
        space.load(ids, lock=True)
    commits_a_load(bulk)
    _write_links(space, ids)
    bulk.run("UPDATE counter SET n = ? WHERE name = ?", ids[-1], PLACE_COUNTER)
    if merging:
        space.origin = _ORIGIN
        writer.remake(set(ids))
        space.reindex.update(ids)  # written at the end of the transaction, as what they say is settled
    else:
        write_index(space, ids)
    return len(ids)


def _remove_orphans(bulk: Bulk, behind: int, to: int | None) -> None:
    """Take out what belongs to no fiche. In one statement: a fiche and its entries come together."""
    end, given = ("", ()) if to is None else (" AND e.fiche_id <= ?", (to,))
    alone = "NOT EXISTS (SELECT 1 FROM fiche f WHERE f.id = e.fiche_id)"
    found = bulk.rows(f"SELECT e.id FROM entry e WHERE e.fiche_id > ?{end} AND {alone}", behind, *given)
    index_rows.remove(bulk.connection, [row[0] for row in found])
    remove_own_links(bulk, [row[0] for row in found])


def _write_links(space: Workspace, ids: list[int]) -> None:
    space.load(ids)
    owners: dict[int, list[int]] = {number: [] for number in ids}
    sql = f"SELECT id, fiche_id FROM entity WHERE {space.bulk.listed('fiche_id')}"
    for number, fiche_id in space.bulk.rows(sql, space.bulk.many(ids)):
        owners[fiche_id].append(number)
    documents = {number: space.fiches[number].document for number in ids}
    space.numbers_for(uuid for document in documents.values() if document for uuid in named_in(document))
    standing: list[tuple[Iterable[int], list[Link]]] = [
        (owners[number], links_of(number, document, space.number_of) if document else []) for number, document in documents.items()
    ]
    write_links(space, [], standing)
    sql = f"SELECT partner, fiche_id, id, document FROM overlay WHERE {space.bulk.listed('fiche_id')}"
    rows = space.bulk.rows(sql, space.bulk.many(ids))
    write_own_links(space, [(partner, fiche_id, number, None if raw is None else schemas.decode(raw)) for partner, fiche_id, number, raw in rows])
