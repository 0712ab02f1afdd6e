"""A database of a benchmark copied from SQLite to PostgreSQL: rows by COPY and indexes afterwards, a fifth of the time of making it anew."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Boolean, Connection, Engine

from hub.store.bulk import Bulk
from hub.store.database import connect
from hub.store.index_forms import read_tokens
from hub.store.index_rows import packed
from hub.store.tables import metadata
from tests import own_postgres

SHARED_BUFFERS = "1GB"
"""Of the server: a sixteenth of what a machine for a million fiches would give it."""


@contextmanager
def kept_postgres(home: Path) -> Iterator[own_postgres.PostgresServer]:
    """A server whose databases stay in `home`."""
    programs = own_postgres.find_programs()
    if programs is None:
        raise SystemExit(f"PostgreSQL was not found: {own_postgres.HOW_TO_INSTALL}")
    settings = {"shared_buffers": SHARED_BUFFERS, "max_wal_size": "4GB"}
    with own_postgres.running_postgres(programs, home / "postgresql", settings) as server:
        yield server


def opened(server: own_postgres.PostgresServer, name: str, file: Path, prepare: Callable[[Engine], None]) -> Engine:
    """The database of this name; made from the SQLite `file` if it is not there yet. `prepare` makes its empty tables."""
    made = server.ensure(name)
    engine = connect(server.url(name))
    if made:
        try:
            prepare(engine)
            copied(file, engine)
        except BaseException:
            engine.dispose()
            server.drop(name)
            raise
    return engine


def copied(file: Path, engine: Engine) -> None:
    """Fill the empty tables of `engine` with what the SQLite database `file` holds, and let PostgreSQL count it."""
    source = sqlite3.connect(f"file:{file}?mode=ro", uri=True)
    there = {row[0] for row in source.execute("SELECT name FROM sqlite_master")}
    with engine.begin() as conn:
        conn.exec_driver_sql("SET LOCAL maintenance_work_mem = '1GB'")
        # What is not yet on disk no VACUUM calls visible to all, and every look into an index alone would look at the rows as well.
        conn.exec_driver_sql("SET LOCAL synchronous_commit = on")
        indexes = _without_indexes(conn)
        for table in metadata.sorted_tables:
            if table.name not in there or not source.execute(f"SELECT 1 FROM {table.name} LIMIT 1").fetchone():
                continue
            columns = tuple(column.name for column in table.columns)
            conn.exec_driver_sql(f"DELETE FROM {table.name}")
            flags = [number for number, column in enumerate(table.columns) if isinstance(column.type, Boolean)]
            _copy(conn, table.name, columns, _rows(source, table.name, columns, flags))
        tokens = _rows(source, "fulltext_tokens", ("entry_id", "tokens"), ())
        _copy(conn, "fulltext", ("entry_id", "tokens"), ((row[0], packed(read_tokens(row[1]))) for row in tokens))
        heads = list(source.execute("SELECT key, head FROM fulltext_head"))
        Bulk(conn).insert_new("fulltext_head", ("key", "head"), heads)
        for statement in indexes:
            conn.exec_driver_sql(statement)
    source.close()
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
        conn.exec_driver_sql("CHECKPOINT")
        conn.exec_driver_sql("VACUUM ANALYZE")


def _without_indexes(conn: Connection) -> list[str]:
    """Drops the indexes that no key needs; the answer is what makes them again."""
    found = conn.exec_driver_sql(
        "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = current_schema() AND starts_with(indexname, 'ix')"
    ).fetchall()
    for name, _ in found:
        conn.exec_driver_sql(f'DROP INDEX "{name}"')
    return [definition for _, definition in found]


def _rows(source: sqlite3.Connection, table: str, columns: tuple[str, ...], flags: Iterable[int]) -> Iterator[Any]:
    for row in source.execute(f"SELECT {', '.join(columns)} FROM {table}"):
        if not flags:
            yield row
            continue
        changed = list(row)
        for number in flags:
            changed[number] = bool(changed[number])
        yield changed


def _copy(conn: Connection, table: str, columns: tuple[str, ...], rows: Iterator[Any]) -> None:
    with Bulk(conn).inserting(table, columns, 1_000_000) as insert:
        for row in rows:
            insert(row)
