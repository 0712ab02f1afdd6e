"""A temporary database of SQLite for what one run must remember and memory cannot hold: a file that has no name, so that nothing is left of it when the run ends,
however it ends (https://www.sqlite.org/inmemorydb.html#temp_db)."""

from __future__ import annotations

import sqlite3


def scratch(*tables: str) -> sqlite3.Connection:
    """An open one with these tables, each as `CREATE TABLE` has it; some 8 MB of it are in memory. Whoever opens it closes it."""
    database = sqlite3.connect("", isolation_level=None)
    for statement in ("PRAGMA journal_mode = OFF", "PRAGMA synchronous = OFF", "PRAGMA cache_size = -8192"):
        database.execute(statement)
    for table in tables:
        database.execute(f"CREATE TABLE {table}")
    return database
