"""Which rows a full pull has seen, kept outside memory: 780,000 external ids must not be held, nor written to the hub's own tables.

An unchanged reload therefore writes nothing to the hub but its cursor. The ids are in a temporary database (`hub.sync.scratch`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from types import TracebackType
from typing import Self

import orjson

from hub.sync.scratch import scratch


class Seen:
    """A set of external ids on disk. A context manager."""

    def __init__(self) -> None:
        self._database = scratch("seen (id TEXT PRIMARY KEY) WITHOUT ROWID", "unseen (id TEXT PRIMARY KEY) WITHOUT ROWID")

    def add(self, external_ids: Iterable[str]) -> None:
        """Remember these rows."""
        self._database.execute("BEGIN")
        self._database.executemany("INSERT OR IGNORE INTO seen VALUES (?)", ((each,) for each in external_ids))
        self._database.execute("COMMIT")

    def compare(self, known: Sequence[str]) -> int:
        """Note which of the `known` rows were not seen; the answer is how many."""
        noted = self._database.execute(
            "INSERT OR IGNORE INTO unseen SELECT value FROM json_each(?) WHERE NOT EXISTS (SELECT 1 FROM seen WHERE id = value)",
            (orjson.dumps(known).decode(),),
        )
        return noted.rowcount

    def unseen(self, size: int) -> Iterator[list[str]]:
        """The rows that were noted as not seen, in order, so many at a time."""
        after = ""
        while rows := self._database.execute("SELECT id FROM unseen WHERE id > ? ORDER BY id LIMIT ?", (after, size)).fetchall():
            yield [row[0] for row in rows]
            after = rows[-1][0]

    def close(self) -> None:
        """Forget them."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
