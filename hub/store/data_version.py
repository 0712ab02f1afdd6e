"""Where the change log stands, without a look into the database as long as nobody has written to it."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable

from sqlalchemy import Engine

from hub.store.log_reading import State


class DataVersion:
    """The state that was last seen, which stands until SQLite says that somebody committed (`PRAGMA data_version`). PostgreSQL does not say so.

    https://www.sqlite.org/pragma.html#pragma_data_version
    """

    def __init__(self, engine: Engine) -> None:
        self._file = engine.url.database if engine.dialect.name == "sqlite" else None
        self._asking = threading.Lock()  # one connection for all threads: those that come and go would each leave one behind
        self._connection: sqlite3.Connection | None = None
        self._known: tuple[sqlite3.Connection, int, State] | None = None  # the number is one of a connection

    def state(self, look: Callable[[], State]) -> State | None:
        """The state now, or a newer one, read by `look` if somebody wrote; None on PostgreSQL, where to look costs as much as to ask."""
        if self._file is None:
            return None
        try:
            connection, version = self._version()
        except sqlite3.Error:  # whatever is the matter with the file, a reader finds it and says so
            self.close()
            return look()
        known = self._known
        if known is not None and known[0] is connection and known[1] == version:
            return known[2]
        # Read after the number: what is written in between is in the state, and moves the number, so that it is read again.
        seen = look()
        self._known = (connection, version, seen)
        return seen

    def close(self) -> None:
        """Let go of the connection; asked again, it opens a new one."""
        with self._asking:
            connection, self._connection, self._known = self._connection, None, None
            if connection is not None:
                connection.close()

    def _version(self) -> tuple[sqlite3.Connection, int]:
        with self._asking:
            if self._connection is None:
                assert self._file is not None
                self._connection = sqlite3.connect(self._file, timeout=5, check_same_thread=False, isolation_level=None)
            ((version,),) = self._connection.execute("PRAGMA data_version")
            return self._connection, int(version)
