"""Which rows a full pull has seen, kept outside memory: 780,000 external ids must not be held, nor written to the hub's own tables.

A scratch SQLite file beside the run, gone with it. An unchanged reload therefore writes nothing to the hub but its cursor.
"""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import orjson


class Seen:
    """A set of external ids on disk. A context manager; the file is removed at the end."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="fichehub-seen-")
        self._database = sqlite3.connect(Path(self._folder.name) / "seen", isolation_level=None)
        for statement in (
            "PRAGMA journal_mode = OFF",
            "PRAGMA synchronous = OFF",
            "PRAGMA cache_size = -8192",
            "CREATE TABLE seen (id TEXT PRIMARY KEY) WITHOUT ROWID",
            "CREATE TABLE unseen (id TEXT PRIMARY KEY) WITHOUT ROWID",
        ):
            self._database.execute(statement)

    def add(self, external_ids: Iterable[str]) -> None:
        """Remember these rows."""
        self._database.execute("BEGIN")
        self._database.executemany(
            "INSERT OR IGNORE INTO seen VALUES (?)", ((each,) for each in external_ids)
        )
        self._database.execute("COMMIT")

    def compare(self, known: Sequence[str]) -> int:
        """Note which of the `known` rows were not seen; the answer is how many."""
        noted = self._database.execute(
            "INSERT INTO unseen SELECT value FROM json_each(?) WHERE NOT EXISTS (SELECT 1 FROM seen WHERE id = value)",
            (orjson.dumps(known).decode(),),
        )
        return noted.rowcount

    def unseen(self, size: int) -> Iterator[list[str]]:
        """The rows that were noted as not seen, in order, so many at a time."""
        after = ""
        while rows := self._database.execute(
            "SELECT id FROM unseen WHERE id > ? ORDER BY id LIMIT ?", (after, size)
        ).fetchall():
            yield [row[0] for row in rows]
            after = rows[-1][0]

    def close(self) -> None:
        """Remove the file."""
        self._database.close()
        self._folder.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
