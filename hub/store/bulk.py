"""Statements about many rows at once, in the words of the engine at hand.

The hot path is written in driver SQL: through Core the same statements cost up to half of the time of an ingest. `?` marks a parameter;
`listed` writes "is one of", and `many` makes the matching parameter.
"""

# ruff: noqa: S608 - what is put into statements is our own SQL; values are always parameters
from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache, partial
from itertools import chain
from typing import Any, Final, Literal, cast

import orjson
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from hub.store.behind import behind_of
from hub.store.tables import metadata

COPY_FROM: Final = 24
"""So many rows pay for the round trips of a COPY."""
BEHIND_FROM: Final = 24
"""So many rows pay for a thread that writes them."""
COUNTING: Final = "fichehub_counting"
"""Where a connection says since when its transaction holds the counter (`time.monotonic`)."""
_CHUNK: Final = 256
"""So many rows are handed to it at once."""


class Clash(Exception):
    """Another writer made the same row first."""


_BINARY = {
    "BigInteger": "int8", "Integer": "int4", "SmallInteger": "int2", "Float": "float8", "Boolean": "bool", "LargeBinary": "bytea",
    "Text": "text",
}  # fmt: skip


@cache
def _binary_types(table: str, columns: tuple[str, ...]) -> list[str]:
    """PostgreSQL's names of the types of these columns. The full text takes its vectors as bytes (`index_rows.packed`)."""
    if table not in metadata.tables:
        return ["int8", "bytea"] if table == "fulltext" else ["text"] * len(columns)
    known = metadata.tables[table].columns
    return [_BINARY[type(known[name].type).__name__] for name in columns]


_unquotable = re.compile(r'["\\\0]').search
"""What would have to be escaped in an array."""


@cache
def _values(table: str, columns: tuple[str, ...], rows: int) -> str:
    """An insert of so many rows for SQLite. OR FAIL: a row that is refused undoes the whole transaction, so that SQLite need not be able to
    undo the statement alone, which would double its cost."""
    row = f"({', '.join('?' * len(columns))})"
    return f"INSERT OR FAIL INTO {table} ({', '.join(columns)}) VALUES {', '.join([row] * rows)}"


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
        self._behind = behind_of(connection)
        heard = connection.dispatch.before_cursor_execute if self._behind is None else self._behind.heard
        self._driver = None if heard else _driver(connection)

    def rows(self, sql: str, *parameters: Any) -> Sequence[Any]:
        """Every row of a query, as a tuple."""
        statement = _postgres(sql) if self.postgres else sql
        if self._behind is not None:
            self._behind.settle()
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
        return DBAPIError.instance(statement, parameters, error, dialect.dbapi.Error, dialect=dialect, connection_invalidated=gone)

    def run(self, sql: str, *parameters: Any) -> int:
        """Execute, and say how many rows it touched."""
        return self.connection.exec_driver_sql(_postgres(sql) if self.postgres else sql, parameters).rowcount

    def run_many(self, sql: str, rows: Sequence[tuple[Any, ...]]) -> None:
        """Execute once for each row, and do not ask what became of it."""
        # On SQLite the thread would want the interpreter back for every row.
        if rows and (self._driver is None or not self.postgres):
            self.connection.exec_driver_sql(_postgres(sql) if self.postgres else sql, list(rows))
        elif rows:
            self._later(len(rows), partial(self._execute_many, sql, rows))

    def listed(self, column: str, of: Literal["bigint", "text"] = "bigint") -> str:
        """SQL for "`column` is one of"; its parameter comes from `many`."""
        return f"{column} = ANY(?::{of}[])" if self.postgres else f"{column} IN (SELECT value FROM json_each(?))"

    def many(self, values: Iterable[Any]) -> Any:
        """The parameter of `listed`."""
        return _array(list(values)) if self.postgres else orjson.dumps(list(values)).decode()

    def insert(self, table: str, columns: tuple[str, ...], rows: Sequence[tuple[Any, ...]]) -> None:
        """Insert rows. Many of them are written behind the caller's back, so `rows` is the caller's no more; see `hub.store.behind`."""
        if rows:
            self._later(len(rows), partial(self._insert, table, columns, rows))

    def insert_new(self, table: str, columns: tuple[str, ...], rows: Sequence[tuple[Any, ...]], *, all_new: bool = False) -> None:
        """Insert the rows whose key is not there yet, in the order given. `Clash`, sooner or later, when all should have been new and one was not.

        On PostgreSQL this waits for a writer that is inserting the same key.
        """
        if rows:
            self._later(len(rows), partial(self._insert_new, table, columns, rows, all_new))

    @contextmanager
    def inserting(self, table: str, columns: tuple[str, ...], expected: int) -> Iterator[Callable[[tuple[Any, ...]], None]]:
        """Hands out a function that inserts a row, some `expected` times: the first are being written while the caller makes the next."""
        rows: list[tuple[Any, ...]] = []
        if expected < _CHUNK:
            yield rows.append
        else:

            def insert(row: tuple[Any, ...]) -> None:
                nonlocal rows
                rows.append(row)
                if len(rows) == _CHUNK:
                    self.insert(table, columns, rows)
                    rows = []

            yield insert
        self.insert(table, columns, rows)

    def later(self, rows: int, sql: str, *parameters: Any) -> None:
        """Execute what is about so many rows, and do not ask what became of it."""
        self._later(rows, partial(self._execute, sql, parameters))

    def insert_numbered(self, table: str, columns: tuple[str, ...], rows: Sequence[tuple[Any, ...]], counting: str, *parameters: Any) -> None:
        """Insert rows, each with its number and its moment before and the last of all numbers behind it. `counting` is a statement that answers with that
        last one and with the moment of them all; it is executed right before, and nobody waits for its answer."""
        self._later(len(rows), partial(self._insert_numbered, table, columns, rows, counting, parameters))

    def settle(self) -> None:
        """Wait until everything is written; raises what one of the writes raised."""
        if self._behind is not None:
            self._behind.settle()

    # --- what the thread does, or the caller himself when it is little -----------------------------------------------------------

    def _later(self, rows: int, task: Callable[[], object]) -> None:
        behind = self._behind
        if behind is not None and (rows >= BEHIND_FROM or behind.busy):
            behind.later(task)
        else:
            task()

    @property
    def _raw(self) -> Any:
        return self.connection.connection.driver_connection

    def _execute(self, sql: str, parameters: Sequence[Any]) -> Any:
        statement = _postgres(sql) if self.postgres else sql
        try:
            return self._raw.execute(statement, parameters)
        except self.connection.dialect.loaded_dbapi.Error as error:
            raise self._refusal(statement, parameters, error) from error

    def _execute_many(self, sql: str, rows: Sequence[tuple[Any, ...]]) -> None:
        statement = _postgres(sql) if self.postgres else sql
        try:
            self._raw.cursor().executemany(statement, rows)
        except self.connection.dialect.loaded_dbapi.Error as error:
            raise self._refusal(statement, (), error) from error

    def _insert(self, table: str, columns: tuple[str, ...], rows: Sequence[tuple[Any, ...]]) -> None:
        if not self.postgres:
            self._insert_values(table, columns, rows, "")
        elif len(rows) >= COPY_FROM or table not in metadata.tables:  # an array cannot hold vectors as bytes
            self._copy(table, columns, rows)
        else:
            self._insert_arrays(table, columns, rows, "")

    def _insert_numbered(
        self, table: str, columns: tuple[str, ...], rows: Sequence[tuple[Any, ...]], counting: str, parameters: Sequence[Any]
    ) -> None:
        ((last, at),) = self._execute(counting, parameters).fetchall()
        if self.postgres:  # SQLite has kept others out from the beginning
            self.connection.info[COUNTING] = time.monotonic()
        first = last - len(rows) + 1
        self._insert(table, columns, [(number, at, *row, last) for number, row in enumerate(rows, first)])

    def _insert_new(self, table: str, columns: tuple[str, ...], rows: Sequence[tuple[Any, ...]], all_new: bool) -> None:
        insert = self._insert_arrays if self.postgres else self._insert_values
        if insert(table, columns, rows, " ON CONFLICT DO NOTHING") != len(rows) and all_new:
            raise Clash

    def _insert_values(self, table: str, columns: tuple[str, ...], rows: Sequence[tuple[Any, ...]], how: str) -> int:
        """For SQLite: so many rows in a statement that the thread seldom has to wait for the interpreter."""
        done, place = 0, 0
        while place < len(rows):
            size = min(_CHUNK, 1 << (len(rows) - place).bit_length() - 1)
            part = rows[place : place + size]
            done += self._execute(_values(table, columns, size) + how, [*chain.from_iterable(part)]).rowcount
            place += size
        return done

    def _insert_arrays(self, table: str, columns: tuple[str, ...], rows: Sequence[tuple[Any, ...]], how: str) -> int:
        """For PostgreSQL: a column is an array."""
        types = _binary_types(table, columns)
        arrays = ", ".join(f"?::{type_}[]" for type_ in types)
        sql = f"INSERT INTO {table} ({', '.join(columns)}) SELECT * FROM unnest({arrays}){how}"
        return cast(int, self._execute(sql, [_array(list(column)) for column in zip(*rows, strict=True)]).rowcount)

    def _copy(self, table: str, columns: tuple[str, ...], rows: Sequence[tuple[Any, ...]]) -> None:
        statement = f"COPY {table} ({', '.join(columns)}) FROM STDIN (FORMAT binary)"
        try:
            with self._raw.cursor() as cursor, cursor.copy(statement) as copy:
                copy.set_types(_binary_types(table, columns))
                write = copy.write_row
                for row in rows:
                    write(row)
        except self.connection.dialect.loaded_dbapi.Error as error:
            raise self._refusal(statement, (), error) from error
