"""Statements about many rows at once, in the words of the engine at hand.

The hot path is written in driver SQL: through Core the same statements cost up to half of the time of an ingest. `?` marks a parameter;
`listed` writes "is one of", and `many` makes the matching parameter.
"""

# ruff: noqa: S608 - what is put into statements is our own SQL; values are always parameters
from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, cast

import orjson
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from hub.store.tables import metadata

if TYPE_CHECKING:  # an installation on SQLite does not pay for loading it
    import psycopg

COPY_FROM = 24
"""So many rows pay for the round trips of a COPY."""

_TYPES = {
    "key": "text", "type": "text", "name": "text", "key_hash": "text", "at": "text", "reason": "text", "state": "text",
    "fiche_id": "bigint", "entity_id": "bigint", "other_id": "bigint", "source_id": "integer", "id": "bigint",
    "score": "float8", "detail": "bytea",
}  # fmt: skip


_BINARY = {
    "BigInteger": "int8", "Integer": "int4", "SmallInteger": "int2", "Float": "float8", "Boolean": "bool", "LargeBinary": "bytea",
    "Text": "text",
}  # fmt: skip


@cache
def _binary_types(table: str, columns: tuple[str, ...]) -> list[str]:
    """PostgreSQL's names of the types of these columns. The full text takes its vectors as bytes (`index_rows.packed`)."""
    if table not in metadata.tables:
        return ["int8", "bytea"]
    known = metadata.tables[table].columns
    return [_BINARY[type(known[name].type).__name__] for name in columns]


_unquotable = re.compile(r'["\\\0]').search
"""What would have to be escaped in an array."""


@cache
def _postgres(sql: str) -> str:
    return sql.replace("?", "%s")


def _array(values: list[Any]) -> Any:
    """The literal of an array in PostgreSQL, which is made ten times as fast as the driver makes a parameter of a list."""
    kinds = {*map(type, values)}
    if kinds <= {int}:
        return f"{{{','.join(map(str, values))}}}"
    if kinds != {str} or any(map(_unquotable, values)):
        return values
    return '{"' + '","'.join(values) + '"}'


def _driver(connection: Connection) -> Any:
    """The driver's own connection, in the transaction of this one."""
    if not connection.in_transaction():
        connection.begin()  # as its first statement would
    return connection.connection.driver_connection


class Bulk:
    """A connection, spoken to in driver SQL. Not safe between threads, like the connection itself."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.postgres = connection.dialect.name == "postgresql"
        self._driver = None if connection.dispatch.before_cursor_execute else _driver(connection)

    def rows(self, sql: str, *parameters: Any) -> Sequence[Any]:
        """Every row of a query, as a tuple."""
        statement = _postgres(sql) if self.postgres else sql
        if self._driver is None:  # somebody listens to the statements
            return self.connection.exec_driver_sql(statement, parameters).fetchall()
        # By way of SQLAlchemy a look by key costs ten times what it costs SQLite.
        try:
            found: list[Any] = self._driver.execute(statement, parameters).fetchall()
        except Exception as error:
            refusal = self._refusal(statement, parameters, error)
            if refusal is error:
                raise
            raise refusal from error
        return found

    def _refusal(self, statement: str, parameters: Sequence[Any], error: Exception) -> BaseException:
        """What SQLAlchemy would raise; and when the database has hung up, all connections are made anew, as it would have them."""
        dialect = self.connection.dialect
        if dialect.dbapi is None or not isinstance(error, dialect.dbapi.Error):
            return error
        gone = dialect.is_disconnect(error, self._driver, None)
        if gone:
            self.connection.engine.dispose()
            self.connection.invalidate(error)
        return DBAPIError.instance(
            statement, parameters, error, dialect.dbapi.Error, dialect=dialect, connection_invalidated=gone
        )

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
        return _array(list(values)) if self.postgres else orjson.dumps(list(values)).decode()

    def insert(self, table: str, columns: tuple[str, ...], rows: Sequence[tuple[Any, ...]]) -> None:
        """Insert rows; on PostgreSQL many at once by COPY."""
        if not rows:
            return
        if self.copies(len(rows)):
            with self.inserting(table, columns, len(rows)) as insert:
                for row in rows:
                    insert(row)
            return
        self._insert_each(table, columns, rows)

    def _insert_each(self, table: str, columns: tuple[str, ...], rows: Sequence[tuple[Any, ...]]) -> None:
        names, marks = ", ".join(columns), ", ".join("?" * len(columns))
        self.run_many(f"INSERT INTO {table} ({names}) VALUES ({marks})", rows)

    def copies(self, rows: int) -> bool:
        """Whether so many rows are inserted by COPY, in PostgreSQL's binary form."""
        return self.postgres and rows >= COPY_FROM

    @contextmanager
    def inserting(
        self, table: str, columns: tuple[str, ...], expected: int
    ) -> Iterator[Callable[[tuple[Any, ...]], None]]:
        """Hands out a function that inserts a row, some `expected` times. Until the block ends nothing else may be asked of the connection.

        PostgreSQL takes many rows in by COPY while the caller is still making the next ones.
        """
        if not self.copies(expected):
            rows: list[tuple[Any, ...]] = []
            yield rows.append
            self._insert_each(table, columns, rows)
            return
        raw = cast("psycopg.Connection[Any]", self.connection.connection.driver_connection)
        statement = f"COPY {table} ({', '.join(columns)}) FROM STDIN (FORMAT binary)"
        try:
            with raw.cursor() as cursor, cursor.copy(statement) as copy:
                copy.set_types(_binary_types(table, columns))
                yield copy.write_row
        except Exception as error:
            if getattr(error, "sqlstate", None) is None:
                raise
            # As SQLAlchemy would say it, so that a lost race is run again.
            raise DBAPIError(statement, None, error) from error

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
                *(_array(list(values)) for values in zip(*rows, strict=True)),
            )
        sql = f"INSERT INTO {table} ({names}) VALUES ({marks}) ON CONFLICT DO NOTHING"
        result = self.connection.exec_driver_sql(_postgres(sql) if self.postgres else sql, list(rows))
        return result.rowcount
