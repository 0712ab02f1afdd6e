"""A fiche as it stood before: its documents by change and by number, with what a partner was shown. Unprojected; `hub.past` says what may be told of them.

All functions take a connection of `Store.read()`, so that several of them together see one state.
"""

# ruff: noqa: S608 - what is put into statements is our own SQL; values are always parameters
from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection

from hub import schemas
from hub.model.fiche import Document
from hub.store.bulk import Bulk
from hub.store.reading import documents


def as_at(connection: Connection, fiche_id: int, seq: int, partner: str | None = None) -> Document | None:
    """The fiche as it stood right after change `seq`; None when it was not there then. Erased ones have no history."""
    bulk = Bulk(connection)
    if partner:
        own = _version_at(bulk, fiche_id, seq, partner)
        if own is not None:
            document = _version(bulk, fiche_id, own, partner)
            if document is not None:
                return document
    version = _version_at(bulk, fiche_id, seq, "")
    return None if version is None else _version(bulk, fiche_id, version, "")


def has_overlay(connection: Connection, fiche_id: int, partner: str | None) -> bool:
    """Whether the partner has, or once had, a view of his own of the fiche."""
    return bool(partner and Bulk(connection).rows("SELECT 1 FROM overlay WHERE partner = ? AND fiche_id = ?", partner, fiche_id))


def standing_version(connection: Connection, fiche_id: int) -> int:
    """The number of the shared document that stands now, or of there being none."""
    ((version,),) = Bulk(connection).rows("SELECT version FROM fiche WHERE id = ?", fiche_id)
    return int(version)


def version_at(connection: Connection, fiche_id: int, seq: int) -> int:
    """The number of the shared document that stood right after change `seq`; 0 when there was none."""
    return _version_at(Bulk(connection), fiche_id, seq, "") or 0


def between(connection: Connection, fiche_id: int, after: int, before: int) -> Iterator[Document]:
    """The shared documents of a fiche with numbers between these two (both left out), newest first, with the one that stands now."""
    bulk = Bulk(connection)
    sql = "SELECT version, document FROM fiche WHERE id = ? AND document IS NOT NULL AND version > ? AND version < ?"
    for _, document in bulk.rows(sql, fiche_id, after, before):
        yield schemas.decode(document)
    sql = "SELECT document FROM version WHERE fiche_id = ? AND partner = '' AND version > ? AND version < ? ORDER BY version DESC"
    for (document,) in bulk.rows(sql, fiche_id, after, before):
        yield schemas.decode(schemas.unpack(document))


def views_since(connection: Connection, fiche_id: int, seq: int, partner: str | None) -> list[Document]:
    """What this partner was shown of a fiche after change `seq`, newest first: his own document while he had one, else the shared one."""
    bulk = Bulk(connection)
    sql = (
        f"SELECT tx_end, partner, version FROM change WHERE fiche_id = ? AND seq > ? AND (partner = '' OR (partner = ? AND {_ITS_OWN})) ORDER BY seq"
    )
    standing = {whose: _version_at(bulk, fiche_id, seq, whose) for whose in {"", partner or ""}}
    states: dict[int, dict[str, int | None]] = {}
    for tx_end, whose, number in bulk.rows(sql, fiche_id, seq, partner or ""):
        standing = {**standing, whose: number}
        states[tx_end] = standing
    views: list[Document] = list(documents(connection, [fiche_id], partner).values())  # also where nobody was told of the change
    known: dict[tuple[str, int], Document | None] = {}
    for state in reversed(states.values()):
        for whose in dict.fromkeys((partner or "", "")):
            number = state[whose]
            if number is None:
                continue
            if (whose, number) not in known:
                known[whose, number] = _version(bulk, fiche_id, number, whose)
            view = known[whose, number]
            if view is not None:
                if not views or views[-1] is not view:
                    views.append(view)
                break
    return views


def last_told(connection: Connection, fiche_id: int) -> int:
    """The last change of a fiche or its parts, with the transaction that it belongs to; 0 when the log holds none."""
    ((seq,),) = Bulk(connection).rows("SELECT max(tx_end) FROM change WHERE fiche_id = ?", fiche_id)
    return int(seq or 0)


_ITS_OWN = "operation NOT IN ('context', 'spread')"
"""Changes of a partner that name a version of his own. A marker names the shared one, and so does, in logs of before, what was told of a dependent fiche."""


def _version_at(bulk: Bulk, fiche_id: int, seq: int, partner: str) -> int | None:
    own = f" AND {_ITS_OWN}" if partner else ""
    rows = bulk.rows(
        f"SELECT version FROM change WHERE fiche_id = ? AND seq <= ? AND partner = ?{own} ORDER BY seq DESC LIMIT 1",
        fiche_id,
        seq,
        partner,
    )
    return rows[0][0] if rows else None


def _version(bulk: Bulk, fiche_id: int, version: int, partner: str) -> Document | None:
    table, where = ("overlay", "fiche_id = ? AND version = ? AND partner = ?") if partner else ("fiche", "id = ? AND version = ? AND ? = ''")
    now = bulk.rows(f"SELECT document FROM {table} WHERE {where}", fiche_id, version, partner)
    if now:
        return None if now[0][0] is None else schemas.decode(now[0][0])
    then = bulk.rows(
        "SELECT document FROM version WHERE fiche_id = ? AND partner = ? AND version = ?",
        fiche_id,
        partner,
        version,
    )
    return schemas.decode(schemas.unpack(then[0][0])) if then else None
