"""The only writer of the search index: entries, terms, links' other side, and the full text.

    entry        one row per entity (or per partner's own version of it), with what lists are sorted by, and its position if
                 it has exactly one and whoever sees the entity sees that (so that nobody has to look in `term`)
    fulltext     its tokens (`index_tokens`): words, and names, codes, places, identifiers and the like as facets
    term         what tokens cannot answer: points (which lie near?) and periods; and texts that are too long for a token
    vocabulary   every name, street and city that occurs, once: which hold these letters? (`hub.store.vocabulary`)

`write` compares with what stands there and touches only what differs, so that an unchanged entity costs two reads and no write.
`fulltext_head` lists the schemes and systems that occur. On SQLite `fulltext` is an FTS5 table without content and without positions; such a table forgets a row only when it is told exactly
what it was told before, which is why `fulltext_tokens` keeps that (packed). On PostgreSQL it is a tsvector under a GIN index.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final, Literal, NamedTuple

import orjson
from sqlalchemy import Connection

from hub.store.bulk import Bulk
from hub.store.index_entries import IndexedEntity, IndexRow
from hub.store.index_forms import (
    PERIOD,
    POINT,
    Term,
    Text,
    packed_tokens,
    point_of,
    point_value,
    read_tokens,
    terms_of,
    texts_of,
    tokens_of,
)
from hub.store.index_terms import ConceptBook, Indexer
from hub.store.index_tokens import TOKEN_CHARACTERS
from hub.store.vocabulary import take_in

__all__ = [
    "PERIOD",
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
    "standing",
    "write",
]

_ENTRY: Final = (
    "id", "entity_id", "fiche_id", "type", "partner", "level", "name", "umbrella", "lat", "lon",
)  # fmt: skip
_TOKENS: Final = ("entry_id", "tokens")
_TERM: Final = ("type", "key", "value", "entry_id", "level")

_FTS5_OPTIONS: Final = f"tokenize=\"ascii tokenchars '{TOKEN_CHARACTERS}'\", content='', detail=none, columnsize=0, prefix='3 4'"
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
    for table in tables if conn.dialect.name == "postgresql" else ("fulltext_vocabulary", "fulltext_tokens", *tables):
        conn.exec_driver_sql(f"DROP TABLE {table}")


def optimize(conn: Connection) -> None:
    """Rewrite the full text into one piece: faster to read, and what was removed is really gone (erasure needs this on SQLite).

    Takes seconds per 100,000 entities. On PostgreSQL, where vacuuming does that, it only empties the list of pending entries.
    """
    if conn.dialect.name == "postgresql":
        conn.exec_driver_sql("SELECT gin_clean_pending_list('ix_fulltext_tokens')")
    else:
        conn.exec_driver_sql("INSERT INTO fulltext(fulltext) VALUES ('optimize')")


Standing = Mapping[int, tuple[Any, ...]]
"""Entries that are in the index, by number: all their columns."""


def standing(conn: Connection, numbers: Iterable[int], by: Literal["id", "fiche_id"] = "id") -> Standing:
    """The entries with these numbers, or of these fiches, as they are in the index."""
    bulk = Bulk(conn)
    sql = f"SELECT {', '.join(_ENTRY)} FROM entry WHERE {bulk.listed(by)}"  # noqa: S608
    return {row[0]: tuple(row) for row in bulk.rows(sql, bulk.many(numbers))}


def write(conn: Connection, rows: Iterable[IndexRow], stood: Standing | None = None, expected: int = 0) -> None:
    """Make the index say exactly this about these entries. Later rows win over earlier ones of the same entry.

    `stood`: the entries among them that are there already, for a caller who knows, and who gives each entry once. Then `rows` may be an
    iterator that makes them as it goes, some `expected` of them new; what it needs from the database it must have read before.
    """
    if stood is None:
        wanted = {row.entry_id: row for row in rows}
        rows = [wanted[number] for number in sorted(wanted)]
        stood = standing(conn, wanted)
        expected = len(wanted) - len(stood)
    bulk = Bulk(conn)
    fresh: list[tuple[int, str]] = []  # for SQLite's full text
    terms: list[Term] = []
    texts: set[Text] = set()
    old = _stored(bulk, stood)  # before there is anything to wait for
    known_heads = {(row[0], row[1]) for row in bulk.rows("SELECT key, head FROM fulltext_head")} if stood else set()
    heads: set[tuple[str, str]] = set()
    again: list[IndexRow] = []
    with (
        bulk.inserting("fulltext" if bulk.postgres else "fulltext_tokens", _TOKENS, expected) as insert_tokens,
        bulk.inserting("entry", _ENTRY, expected) as insert_entry,
    ):
        for row in rows:
            heads |= row.heads
            texts.update(texts_of(row))
            if row.entry_id in stood:
                again.append(row)
                continue
            insert_entry(_entry(row))
            tokens = tokens_of(row)
            if bulk.postgres:
                insert_tokens((row.entry_id, packed(tokens)))
            else:
                insert_tokens((row.entry_id, packed_tokens(tokens)))
                fresh.append((row.entry_id, tokens))
            terms += terms_of(row)
    if again:
        _change_entries(bulk, again, stood)
        fresh += _change_tokens(bulk, again, old.tokens)
        terms += _change_terms(bulk, again, old.terms)
    if not bulk.postgres:
        _take_in(bulk, fresh)
    terms.sort()  # in the order of the key: neighbours share a page
    bulk.insert("term", _TERM, terms)
    take_in(bulk, texts)
    # The list of schemes and systems, by which a code or a number is found that somebody gives without one.
    bulk.insert_new("fulltext_head", ("key", "head"), sorted(heads - known_heads))


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


class _Stored(NamedTuple):
    """What the index says of entries, by number: their tokens, and their rows of `term`."""

    tokens: Mapping[int, str]
    terms: Mapping[int, list[tuple[Any, ...]]]


def _stored(bulk: Bulk, numbers: Collection[int]) -> _Stored:
    if not numbers:
        return _Stored({}, {})
    sql = f"SELECT type, key, value, entry_id, level FROM term WHERE {bulk.listed('entry_id')}"  # noqa: S608
    terms: dict[int, list[tuple[Any, ...]]] = {}
    for row in bulk.rows(sql, bulk.many(numbers)):
        terms.setdefault(row[3], []).append(tuple(row))
    return _Stored(_stored_tokens(bulk, numbers), terms)


# --- entries and terms ------------------------------------------------------------------------------------------------------------


def _entry(row: IndexRow) -> tuple[Any, ...]:
    lat = lon = None
    if len(row.points) == 1 and row.points[0][2] <= row.level:
        lat, lon = row.points[0][:2]
        # As exact as the term of the point.
        lat, lon = round((lat + 90) * 100_000) / 100_000 - 90, round((lon + 180) * 100_000) / 100_000 - 180
    return (
        row.entry_id, row.entity_id, row.fiche_id, row.type, row.partner, row.level, row.name, row.umbrella, lat, lon,
    )  # fmt: skip


def _change_entries(bulk: Bulk, again: list[IndexRow], stood: Standing) -> None:
    changed = [entry for entry in map(_entry, again) if stood[entry[0]] != entry]
    assignments = ", ".join(f"{name} = ?" for name in _ENTRY[1:])
    update = f"UPDATE entry SET {assignments} WHERE id = ?"  # noqa: S608
    bulk.run_many(update, [(*entry[1:], entry[0]) for entry in changed])


def _change_terms(bulk: Bulk, again: list[IndexRow], standing: Mapping[int, list[tuple[Any, ...]]]) -> list[Term]:
    """Removes what is no longer so and moves what changed its level; the answer: the terms that are new."""
    old = {row[:4]: row[4] for each in again for row in standing.get(each.entry_id, ())}
    told = {term[:4]: term[4] for row in again for term in terms_of(row)}
    where = "type = ? AND key = ? AND value = ? AND entry_id = ?"
    bulk.run_many(f"DELETE FROM term WHERE {where}", sorted(old.keys() - told.keys()))  # noqa: S608
    moved = sorted((level, *term) for term, level in told.items() if old.get(term, level) != level)
    bulk.run_many(f"UPDATE term SET level = ? WHERE {where}", moved)  # noqa: S608
    return [(*term, level) for term, level in told.items() if term not in old]


# --- full text ---------------------------------------------------------------------------------------------------------------------


def _stored_tokens(bulk: Bulk, ids: Collection[int]) -> dict[int, str]:
    if bulk.postgres:
        sql = f"SELECT entry_id, array_to_string(tsvector_to_array(tokens), ' ') FROM fulltext WHERE {bulk.listed('entry_id')}"  # noqa: S608
    else:
        sql = f"SELECT entry_id, tokens FROM fulltext_tokens WHERE {bulk.listed('entry_id')}"  # noqa: S608
    return {row[0]: read_tokens(row[1]) for row in bulk.rows(sql, bulk.many(ids))}


def _change_tokens(bulk: Bulk, again: list[IndexRow], old: Mapping[int, str]) -> list[tuple[int, str]]:
    """Writes the tokens that are others than before; the answer: those, which SQLite's full text must take in again."""
    changed = []
    for row in again:
        tokens = tokens_of(row)
        if row.entry_id not in old or set(old[row.entry_id].split()) != set(tokens.split()):
            changed.append((row.entry_id, tokens))
    if not bulk.postgres:
        _forget(bulk, {number: old[number] for number, _ in changed if number in old})
        bulk.insert("fulltext_tokens", _TOKENS, [(number, packed_tokens(tokens)) for number, tokens in sorted(changed)])
        return changed
    missing = [(number, packed(tokens)) for number, tokens in changed if number not in old]
    bulk.insert("fulltext", _TOKENS, missing)
    changed = [one for one in changed if one[0] in old]
    if changed:
        bulk.later(
            len(changed),
            "UPDATE fulltext f SET tokens = d.tokens::tsvector FROM unnest(?::bigint[], ?::text[]) AS d (entry_id, tokens)"
            " WHERE f.entry_id = d.entry_id",
            bulk.many(number for number, _ in changed),
            bulk.many(vector(tokens) for _, tokens in changed),
        )
    return changed


def _take_in(bulk: Bulk, new: list[tuple[int, str]]) -> None:
    """Let SQLite's full text have the tokens of entries that are not in it: all in one statement, as each leaves a piece of its own behind."""
    if new:
        bulk.later(
            len(new),
            "INSERT INTO fulltext(rowid, tokens) SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each(?)",
            orjson.dumps(sorted(new)).decode(),
        )


def _forget(bulk: Bulk, old: dict[int, str]) -> None:
    bulk.run_many("INSERT INTO fulltext(fulltext, rowid, tokens) VALUES ('delete', ?, ?)", sorted(old.items()))
    bulk.run_many("DELETE FROM fulltext_tokens WHERE entry_id = ?", [(number,) for number in sorted(old)])


def packed(tokens: str) -> bytes:
    """The binary form of a tsvector with these tokens, which differ, in any order, and no positions; the server need not read it letter by letter."""
    if not tokens:
        return bytes(4)
    lexemes = tokens.replace(" ", "\0\0\0") + "\0\0\0"
    return (tokens.count(" ") + 1).to_bytes(4, "big") + lexemes.encode()


def vector(tokens: str) -> str:
    """The text form of a tsvector with these tokens, no positions; tokens hold no quote and no backslash."""
    return f"'{tokens}'".replace(" ", "' '") if tokens else ""
