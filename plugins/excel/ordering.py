"""The rows of one workbook, sorted on disk: they come in the order of the walk, in which none is doubled or missed, and stand in the sheet by name.

A temporary database of SQLite is a file that has no name: nothing is left of it when the run ends, however it ends.
"""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Final, Self

_AT_ONCE: Final = 500


class Ordered:
    """Texts, each under the key that it is sorted by; equal keys stay in the order in which they came. A context manager.

    `count` of them were added, of `size` characters in all. Raises `OSError` when there is no room on disk.
    """

    def __init__(self) -> None:
        self.count = 0
        self.size = 0
        self._waiting: list[tuple[str, str]] = []
        self._database = sqlite3.connect("", isolation_level=None)
        for statement in (
            "PRAGMA journal_mode = OFF",
            "PRAGMA synchronous = OFF",
            "PRAGMA cache_size = -8000",  # kB; its sorter takes no more either
            "CREATE TABLE line (number INTEGER PRIMARY KEY, key TEXT NOT NULL, text TEXT NOT NULL)",
            "BEGIN",
        ):
            self._database.execute(statement)

    def add(self, key: str, text: str) -> None:
        """Keep one more."""
        self.count += 1
        self.size += len(text)
        self._waiting.append((key, text))
        if len(self._waiting) == _AT_ONCE:
            self._put()

    def __iter__(self) -> Iterator[str]:
        """The texts by their keys."""
        self._put()
        with _full_disk_told():
            for (text,) in self._database.execute("SELECT text FROM line ORDER BY key, number"):
                yield text

    def _put(self) -> None:
        with _full_disk_told():
            self._database.executemany("INSERT INTO line (key, text) VALUES (?, ?)", self._waiting)
        self._waiting.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._database.close()


@contextmanager
def _full_disk_told() -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        if error.sqlite_errorname not in ("SQLITE_FULL", "SQLITE_IOERR_WRITE"):
            raise
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "the folder for temporary files") from error
