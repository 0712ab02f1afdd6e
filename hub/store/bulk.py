"""Statements about many rows at once, in the words of the engine at hand.

The hot path is written in driver SQL: through Core the same statements cost up to half of the time of an ingest. `?` marks a parameter;
`listed` writes "is one of", and `many` makes the matching parameter.
"""

# ruff: noqa: S608 - what is put into statements is our own SQL; values are always parameters
from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, cast

import orjson
from sqlalchemy import Connection

if TYPE_CHECKING:  # an installation on SQLite does not pay for loading it
    import psycopg

COPY_FROM = 24
"""So many rows pay for the round trips of a COPY."""

_TYPES = {
    "key": "text", "type": "text", "name": "text", "key_hash": "text", "at": "text", "reason": "text", "state": "text",
    "fiche_id": "bigint", "entity_id": "bigint", "other_id": "bigint", "source_id": "integer", "id": "bigint",
    "score": "float8", "detail": "bytea",
}  # fmt: skip


@cache
def _postgres(sql: str) -> str:
    return sql.replace("?", "%s")


class Bulk:
    """A connection, spoken to in driver SQL. Not safe between threads, like the connection itself."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.postgres = connection.dialect.name == "postgresql"

    def rows(self, sql: str, *parameters: Any) -> Sequence[Any]:
        """Every row of a query."""
        return self.connection.exec_driver_sql(
            _postgres(sql) if self.postgres else sql, parameters
        ).fetchall()

    def run(self, sql: str, *parameters: Any) -> int:
        """Execute, and say how many rows it touched."""
        return self.connection.exec_driver_sql(_postgres(sql) if self.postgres else sql, parameters).rowcount

    def run_many(self, sql: str, rows: Sequence[tuple[Any, ...]]) -> None:
        """Execute once for each row."""
        if rows:
            self.connection.exec_driver_sql(_postgres(sql) if self.postgres else sql, list(rows))

    def listed(self, column: str, of: Literal["bigint", "text"] = "bigint") -> str:
        """SQL for "`column` is one of"; its parameter comes from `many`."""
        return (
            f"{column} = ANY(?::{of}[])" if self.postgres else f"{column} IN (SELECT value FROM json_each(?))"
        )

    def many(self, values: Iterable[Any]) -> Any:
        """The parameter of `listed`."""
        values = list(values)
        return values if self.postgres else orjson.dumps(values).decode()

    def insert(self, table: str, columns: tuple[str, ...], rows: Sequence[tuple[Any, ...]]) -> None:
        """Insert rows; on PostgreSQL many at once by COPY."""
        if not rows:
            return
        names = ", ".join(columns)
        if self.postgres and len(rows) >= COPY_FROM:
            raw = cast("psycopg.Connection[Any]", self.connection.connection.driver_connection)
            with raw.cursor() as cursor, cursor.copy(f"COPY {table} ({names}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
            return
        marks = ", ".join("?" * len(columns))
        self.run_many(f"INSERT INTO {table} ({names}) VALUES ({marks})", rows)

    def insert_new(self, table: str, columns: tuple[str, ...], rows: Sequence[tuple[Any, ...]]) -> int:
        """Insert the rows whose key is not there yet, in the order given; the answer is how many were inserted.

        On PostgreSQL this waits for a writer that is inserting the same key.
        """
        if not rows:
            return 0
        names, marks = ", ".join(columns), ", ".join("?" * len(columns))
        if self.postgres and all(column in _TYPES for column in columns):
            arrays = ", ".join(f"?::{_TYPES[column]}[]" for column in columns)
            return self.run(
                f"INSERT INTO {table} ({names}) SELECT * FROM unnest({arrays}) ON CONFLICT DO NOTHING",
                *(list(values) for values in zip(*rows, strict=True)),
            )
        sql = f"INSERT INTO {table} ({names}) VALUES ({marks}) ON CONFLICT DO NOTHING"
        result = self.connection.exec_driver_sql(_postgres(sql) if self.postgres else sql, list(rows))
        return result.rowcount
