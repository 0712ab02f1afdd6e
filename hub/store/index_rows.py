"""The only writer of the search index: entries, terms, links' other side, and the full text.

    entry        one row per entity (or per partner's own version of it), with what lists are sorted by, and its position if
                 it has exactly one and whoever sees the entity sees that (so that nobody has to look in `term`)
    fulltext     its tokens (`index_tokens`): words, and names, codes, places, identifiers and the like as facets
    term         what tokens cannot answer: points (which lie near?), and whole names, streets and cities (which hold these letters?)

`write` compares with what stands there and touches only what differs, so that an unchanged entity costs two reads and no write.
`fulltext_head` lists the schemes and systems that occur. On SQLite `fulltext` is an FTS5 table without content and without positions; such a table forgets a row only when it is told exactly
what it was told before, which is why `fulltext_tokens` keeps that. On PostgreSQL it is a tsvector under a GIN index.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from sqlalchemy import Connection

from hub.model.query import TEXT_KEYS
from hub.store.bulk import Bulk
from hub.store.index_terms import ConceptBook, IndexedEntity, Indexer, IndexRow, rows_for
from hub.store.index_tokens import (
    FACET_MARKS,
    FACETS,
    OTHER_NAME,
    TOKEN_CHARACTERS,
    TYPE_MARKS,
    WORD_MARKS,
    plain,
    shortened,
)

__all__ = [
    "POINT",
    "ConceptBook",
    "IndexRow",
    "IndexedEntity",
    "Indexer",
    "create_fulltext",
    "drop_fulltext",
    "optimize",
    "point_of",
    "point_value",
    "remove",
    "rows_for",
    "write",
]

POINT: Final = "point"
"""The key of `term` under which positions stand."""

_ENTRY: Final = (
    "id", "entity_id", "fiche_id", "type", "partner", "level", "name", "umbrella", "lat", "lon",
)  # fmt: skip
_TERM: Final = ("type", "key", "value", "entry_id", "level")

_FTS5_OPTIONS: Final = (
    f"tokenize=\"ascii tokenchars '{TOKEN_CHARACTERS}'\", content='', detail=none, columnsize=0, prefix='3 4'"
)
_SQLITE: Final = (
    f"CREATE VIRTUAL TABLE fulltext USING fts5(tokens, {_FTS5_OPTIONS})",
    "CREATE VIRTUAL TABLE fulltext_vocabulary USING fts5vocab(fulltext, row)",
    "CREATE TABLE fulltext_tokens (entry_id INTEGER PRIMARY KEY, tokens TEXT NOT NULL)",
    "CREATE TABLE fulltext_head (key TEXT NOT NULL, head TEXT NOT NULL, PRIMARY KEY (key, head)) WITHOUT ROWID",
)
_POSTGRESQL: Final = (
    "CREATE TABLE fulltext (entry_id bigint PRIMARY KEY, tokens tsvector NOT NULL)",
    "ALTER TABLE fulltext ALTER COLUMN tokens SET STATISTICS 1000",
    "CREATE TABLE fulltext_head (key text, head text, PRIMARY KEY (key, head))",
    "CREATE INDEX ix_fulltext_tokens ON fulltext USING gin (tokens) WITH (gin_pending_list_limit = 1024)",
)


def create_fulltext(conn: Connection) -> None:
    """Make the tables of the full text, which SQLAlchemy's metadata cannot describe; the first migration calls this."""
    for statement in _POSTGRESQL if conn.dialect.name == "postgresql" else _SQLITE:
        conn.exec_driver_sql(statement)


def drop_fulltext(conn: Connection) -> None:
    """Undo `create_fulltext`."""
    tables = ("fulltext", "fulltext_head")
    for table in (
        tables if conn.dialect.name == "postgresql" else ("fulltext_vocabulary", "fulltext_tokens", *tables)
    ):
        conn.exec_driver_sql(f"DROP TABLE {table}")


def optimize(conn: Connection) -> None:
    """Rewrite the full text into one piece: faster to read, and what was removed is really gone (erasure needs this on SQLite).

    Takes seconds per 100,000 entities. On PostgreSQL, where vacuuming does that, it only empties the list of pending entries.
    """
    if conn.dialect.name == "postgresql":
        conn.exec_driver_sql("SELECT gin_clean_pending_list('ix_fulltext_tokens')")
    else:
        conn.exec_driver_sql("INSERT INTO fulltext(fulltext) VALUES ('optimize')")


def point_value(lat: float, lon: float) -> str:
    """A position as the value of a term, exact to 1e-5 degree (a metre): 5 digits of the latitude, 8 of the longitude, 3 more of the latitude.

    Latitudes count from the south pole in steps of 1e-5, longitudes from the date line. So all points in one row of 0.01 degree of latitude
    stand together, by longitude: a box on the map is a few ranges.
    """
    south = f"{round((lat + 90) * 100_000):08d}"
    return f"{south[:5]}{round((lon + 180) * 100_000):08d}{south[5:]}"


def point_of(value: str) -> tuple[float, float]:
    """The latitude and longitude in a term that `point_value` made."""
    return int(value[:5] + value[13:]) / 100_000 - 90, int(value[5:13]) / 100_000 - 180


def write(conn: Connection, rows: Sequence[IndexRow]) -> None:
    """Make the index say exactly this about these entries. Later rows win over earlier ones of the same entry."""
    wanted = {row.entry_id: row for row in rows}
    if not wanted:
        return
    bulk = Bulk(conn)
    ids = sorted(wanted)
    columns = ", ".join(_ENTRY)
    standing = f"SELECT {columns} FROM entry WHERE {bulk.listed('id')}"  # noqa: S608
    stood = {row[0]: tuple(row) for row in bulk.rows(standing, bulk.many(ids))}
    entries = {number: _entry(wanted[number]) for number in ids}
    _write_entries(bulk, entries, stood)
    _write_terms(bulk, {number: _terms(wanted[number]) for number in ids}, list(stood))
    _write_tokens(bulk, {number: _tokens(wanted[number]) for number in ids}, list(stood))
    _note_heads(bulk, wanted.values())


def remove(conn: Connection, entry_ids: Iterable[int]) -> None:
    """Take these entries out of the index; those that are not in it do no harm."""
    bulk, ids = Bulk(conn), sorted(set(entry_ids))
    if not ids:
        return
    many = bulk.many(ids)
    if bulk.postgres:
        bulk.run(f"DELETE FROM fulltext WHERE {bulk.listed('entry_id')}", many)  # noqa: S608
    else:
        _forget(bulk, _stored_tokens(bulk, ids))
    bulk.run(f"DELETE FROM term WHERE {bulk.listed('entry_id')}", many)  # noqa: S608
    bulk.run(f"DELETE FROM entry WHERE {bulk.listed('id')}", many)  # noqa: S608


# --- entries and terms ------------------------------------------------------------------------------------------------------------


def _entry(row: IndexRow) -> tuple[Any, ...]:
    lat = lon = None
    if len(row.points) == 1 and row.points[0][2] <= row.level:
        lat, lon = point_of(point_value(*row.points[0][:2]))
    return (
        row.entry_id, row.entity_id, row.fiche_id, row.type, row.partner, row.level, row.name, int(row.umbrella), lat, lon,
    )  # fmt: skip


def _write_entries(
    bulk: Bulk, entries: dict[int, tuple[Any, ...]], stood: dict[int, tuple[Any, ...]]
) -> None:
    bulk.insert("entry", _ENTRY, [entry for number, entry in entries.items() if number not in stood])
    changed = [entry for number, entry in entries.items() if number in stood and stood[number] != entry]
    assignments = ", ".join(f"{name} = ?" for name in _ENTRY[1:])
    update = f"UPDATE entry SET {assignments} WHERE id = ?"  # noqa: S608
    bulk.run_many(update, [(*entry[1:], entry[0]) for entry in changed])


_Term = tuple[str, str, str, int]
"""The key of a row of `term`."""


def _terms(row: IndexRow) -> dict[_Term, int]:
    kind, number = row.type, row.entry_id
    # A word of a name adds no letters to the whole of it.
    found: dict[_Term, int] = {
        (kind, key, value, number): level
        for (key, value), level in row.terms.items()
        if key in TEXT_KEYS and (key != "name" or value in row.names)
    }
    for lat, lon, level in row.points:
        point = (kind, POINT, point_value(lat, lon), number)
        found[point] = min(level, found.get(point, level))
    return found


def _write_terms(bulk: Bulk, wanted: dict[int, dict[_Term, int]], stood: list[int]) -> None:
    old: dict[_Term, int] = {}
    if stood:
        sql = f"SELECT type, key, value, entry_id, level FROM term WHERE {bulk.listed('entry_id')}"  # noqa: S608
        old = {(row[0], row[1], row[2], row[3]): row[4] for row in bulk.rows(sql, bulk.many(stood))}
    new: dict[_Term, int] = {}
    for terms in wanted.values():
        new.update(terms)
    where = "type = ? AND key = ? AND value = ? AND entry_id = ?"
    bulk.run_many(f"DELETE FROM term WHERE {where}", sorted(term for term in old if term not in new))  # noqa: S608
    moved = sorted((level, *term) for term, level in new.items() if old.get(term, level) != level)
    bulk.run_many(f"UPDATE term SET level = ? WHERE {where}", moved)  # noqa: S608
    # In the order of the key: neighbours share a page.
    bulk.insert("term", _TERM, sorted((*term, level) for term, level in new.items() if term not in old))


# --- full text ---------------------------------------------------------------------------------------------------------------------


_HEADED: Final = frozenset({"code", "identifier"})
_WORD_HEADS: Final = {kind: tuple(mark + level for level in WORD_MARKS) for kind, mark in TYPE_MARKS.items()}
_FACET_HEADS: Final = {
    kind: {key: tuple(mark + level + letter for level in FACET_MARKS) for key, letter in FACETS.items()}
    for kind, mark in TYPE_MARKS.items()
}
_OTHER_HEADS: Final = {
    kind: tuple(mark + level + OTHER_NAME for level in FACET_MARKS) for kind, mark in TYPE_MARKS.items()
}


def _tokens(row: IndexRow) -> str:
    heads, others = _FACET_HEADS[row.type], _OTHER_HEADS[row.type]
    first = row.name.partition(" ")[0]
    found: list[str] = []
    for (key, value), level in row.terms.items():
        text = value if plain(value) else shortened(value)
        if key == "name" and value != first and value != row.name:
            found.append(others[level] + text)
        else:
            found.append(heads[key][level] + text)
    for head, seen in zip(_WORD_HEADS[row.type], row.words, strict=True):
        if seen:
            found += [head + word for word in seen]
    found.sort()
    return " ".join(found)


def _stored_tokens(bulk: Bulk, ids: Sequence[int]) -> dict[int, str]:
    if bulk.postgres:
        sql = f"SELECT entry_id, array_to_string(tsvector_to_array(tokens), ' ') FROM fulltext WHERE {bulk.listed('entry_id')}"  # noqa: S608
    else:
        sql = f"SELECT entry_id, tokens FROM fulltext_tokens WHERE {bulk.listed('entry_id')}"  # noqa: S608
    return {row[0]: row[1] for row in bulk.rows(sql, bulk.many(ids))}


def _write_tokens(bulk: Bulk, wanted: dict[int, str], stood: list[int]) -> None:
    old = _stored_tokens(bulk, stood) if stood else {}
    if bulk.postgres:
        new = [(number, vector(tokens)) for number, tokens in wanted.items() if number not in old]
        changed = {
            number: tokens
            for number, tokens in wanted.items()
            if number in old and set(old[number].split()) != set(tokens.split())
        }
        bulk.insert("fulltext", ("entry_id", "tokens"), new)
        bulk.run_many(
            "UPDATE fulltext SET tokens = CAST(? AS tsvector) WHERE entry_id = ?",
            [(vector(tokens), number) for number, tokens in changed.items()],
        )
        return
    new = [(number, tokens) for number, tokens in wanted.items() if old.get(number) != tokens]
    _forget(bulk, {number: old[number] for number, _ in new if number in old})
    bulk.run_many("INSERT INTO fulltext(rowid, tokens) VALUES (?, ?)", new)
    bulk.run_many("INSERT INTO fulltext_tokens(entry_id, tokens) VALUES (?, ?)", new)


def _note_heads(bulk: Bulk, rows: Iterable[IndexRow]) -> None:
    """Keep the list of schemes and systems, by which a code or a number is found that somebody gives without one."""
    met = {(key, value.partition("|")[0]) for row in rows for key, value in row.terms if key in _HEADED}
    known = {(row[0], row[1]) for row in bulk.rows("SELECT key, head FROM fulltext_head")}
    bulk.insert_new("fulltext_head", ("key", "head"), sorted(met - known))


def _forget(bulk: Bulk, old: dict[int, str]) -> None:
    bulk.run_many(
        "INSERT INTO fulltext(fulltext, rowid, tokens) VALUES ('delete', ?, ?)", sorted(old.items())
    )
    bulk.run_many("DELETE FROM fulltext_tokens WHERE entry_id = ?", [(number,) for number in sorted(old)])


def vector(tokens: str) -> str:
    """The text form of a tsvector with these tokens, no positions; tokens hold no quote and no backslash."""
    return f"'{tokens}'".replace(" ", "' '") if tokens else ""
