"""The rows of one pull on disk, by id and sorted by organisatie: a whole list does not fit the promise of flat memory.

A temporary database of SQLite is a file that has no name: nothing is left of it when the run ends, however it ends.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from types import TracebackType
from typing import Any, Self

from hub import read_json, write_json


class Spool:
    """Rows as they came, the latest of each id. A context manager."""

    def __init__(self) -> None:
        self._database = sqlite3.connect("", isolation_level=None)
        for statement in (
            "PRAGMA journal_mode = OFF",
            "PRAGMA synchronous = OFF",
            "CREATE TABLE row (id TEXT PRIMARY KEY, organisation TEXT NOT NULL, pass INTEGER NOT NULL, raw BLOB NOT NULL)",
        ):
            self._database.execute(statement)

    def add(self, rows: Iterable[tuple[str, str, Any]], number: int) -> None:
        """Keep rows (id, organisation, row) of pass `number`."""
        self._database.execute("BEGIN")
        self._database.executemany(
            "INSERT OR REPLACE INTO row VALUES (?, ?, ?, ?)",
            ((external_id, organisation, number, write_json(raw)) for external_id, organisation, raw in rows),
        )
        self._database.execute("COMMIT")

    def count(self, number: int | None = None) -> int:
        """How many different rows there are, or how many of them were last seen in pass `number`."""
        where, values = ("", ()) if number is None else (" WHERE pass = ?", (number,))
        ((found,),) = self._database.execute(f"SELECT count(*) FROM row{where}", values)  # noqa: S608  no outside text
        return int(found)

    def keep_only(self, number: int) -> None:
        """Let go of rows that pass `number` did not see."""
        self._database.execute("DELETE FROM row WHERE pass <> ?", (number,))

    def groups(self) -> Iterator[tuple[str, list[Any]]]:
        """The rows of one organisation together, in an order that does not depend on the list's; rows that name none come one by one."""
        together: list[Any] = []
        last = ""
        rows = self._database.execute("SELECT organisation, raw FROM row ORDER BY organisation, id")
        for organisation, raw in rows:
            if together and (organisation != last or not organisation):
                yield last, together
                together = []
            last = organisation
            together.append(read_json(raw))
        if together:
            yield last, together

    def organisations_of(self, ids: Sequence[str]) -> dict[str, str]:
        """The organisatie of each of these rows that is here, as `add` was told."""
        query = "SELECT id, organisation FROM row WHERE id IN (SELECT value FROM json_each(?))"
        return dict(self._database.execute(query, (write_json(ids).decode(),)).fetchall())

    def close(self) -> None:
        """Forget them."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
