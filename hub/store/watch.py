"""Where the change log stands, without a look into the database as long as nobody has written to it."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable

from sqlalchemy import Engine

from hub.store.log_reading import State


class Watch:
    """The state that was last seen, which stands until SQLite says that somebody committed (`PRAGMA data_version`). PostgreSQL does not say so.

    https://www.sqlite.org/pragma.html#pragma_data_version
    """

    def __init__(self, engine: Engine) -> None:
        self._file = engine.url.database if engine.dialect.name == "sqlite" else None
        self._each = threading.local()  # the number is one of a connection, and a connection one of a thread
        self._opened: list[sqlite3.Connection] = []

    def state(self, look: Callable[[], State]) -> State | None:
        """The state now, or a newer one, read by `look` if somebody wrote; None on PostgreSQL, where to look costs as much as to ask."""
        if self._file is None:
            return None
        try:
            version = self._version()
        except sqlite3.Error:  # whatever is the matter with the file, a reader finds it and says so
            self._let_go()
            return look()
        known: tuple[int, State] | None = getattr(self._each, "known", None)
        if known is not None and known[0] == version:
            return known[1]
        # Read after the number: what is written in between is in the state, and moves the number, so that it is read again.
        seen = look()
        self._each.known = (version, seen)
        return seen

    def close(self) -> None:
        """Let go of every connection; asked again, it opens new ones."""
        opened, self._opened, self._each = self._opened, [], threading.local()
        for connection in opened:
            connection.close()

    def _let_go(self) -> None:
        connection: sqlite3.Connection | None = getattr(self._each, "connection", None)
        if connection is not None:
            self._each.connection = self._each.known = None
            if connection in self._opened:
                self._opened.remove(connection)
            connection.close()

    def _version(self) -> int:
        connection: sqlite3.Connection | None = getattr(self._each, "connection", None)
        if connection is None:
            assert self._file is not None
            connection = sqlite3.connect(self._file, timeout=5, check_same_thread=False, isolation_level=None)
            self._each.connection = connection
            self._opened.append(connection)
        ((version,),) = connection.execute("PRAGMA data_version")
        return int(version)
