"""Primary keys, handed out to transactions that run beside each other."""

from __future__ import annotations

from contextlib import suppress
from threading import Lock

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from hub.errors import StoreBusy
from hub.store.bulk import Bulk
from hub.store.database import writing
from hub.store.opening import throwaway


class Numbers:
    """Hands out primary keys in rising order, in blocks.

    On PostgreSQL a block is taken in a transaction of its own, so that writers do not queue for the counter; on SQLite, which has one writer at a
    time anyway, in the transaction at hand.
    """

    BLOCK = 4000

    def __init__(self, engine: Engine) -> None:
        self._engine = throwaway(engine) if engine.dialect.name == "postgresql" else None
        self._left: dict[str, tuple[int, int]] = {}
        self._low: set[str] = set()
        self._lock = Lock()

    def take(self, bulk: Bulk, name: str, count: int) -> range:
        """`count` numbers that nobody else gets."""
        if self._engine is None:
            return self._block(bulk, name, count)
        with self._lock:
            start, end = self._left.get(name, (0, 0))
            if end - start < count:
                start, end = self._fetched(self._engine, name, count)
            self._left[name] = (start + count, end)
            if end - start - count < self.BLOCK // 2:
                self._low.add(name)
            return range(start, start + count)

    def stock_up(self) -> None:
        """Fetch new blocks of what has become scarce; called between transactions. What cannot be had now is fetched when it is needed.

        A transaction that holds one of the few connections of a pool (PgBouncer) and waits for another may wait for one that waits likewise.
        """
        if self._engine is None:
            return
        for name in tuple(self._low):
            self._low.discard(name)
            with suppress(DBAPIError, StoreBusy):
                block = self._fetched(self._engine, name, self.BLOCK)
                with self._lock:  # not held while it is fetched: whoever holds a connection may need a number
                    self._left[name] = block

    def _fetched(self, engine: Engine, name: str, count: int) -> tuple[int, int]:
        with writing(engine) as connection:
            block = self._block(Bulk(connection), name, max(count, self.BLOCK))
        return block.start, block.stop

    @staticmethod
    def _block(bulk: Bulk, name: str, count: int) -> range:
        ((last,),) = bulk.rows("UPDATE id_block SET n = n + ? WHERE name = ? RETURNING n", count, name)
        return range(last - count + 1, last + 1)
