"""How a load makes the tables grow, which PostgreSQL must know of to plan well."""

from __future__ import annotations

from threading import Thread
from typing import Final

import structlog
from sqlalchemy import Engine

from hub.store import database
from hub.store.faults import store_is_away

_FIRST_LOOK: Final = 1_000
_LOOK_EVERY: Final = 5
_log = structlog.get_logger(__name__)


class Growth:
    """What this process has written, and when the database should look at it: each time that it has become several times as much.

    PostgreSQL's own look comes a minute after the rows, in which a load would go by plans for empty tables. Not more often: a look takes seconds once there
    are 100,000 fiches. It is taken beside the load, in a thread of its own.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._written, self._look_at = 0, _FIRST_LOOK
        self._looking: Thread | None = None

    def note(self, fiches: int) -> None:
        """A transaction has made so many fiches."""
        self._written += fiches
        if self._written >= self._look_at and self._engine.dialect.name == "postgresql":
            self._look_at = self._written * _LOOK_EVERY
            self.settle()
            self._looking = Thread(target=self._look, name="analyze", daemon=True)
            self._looking.start()

    def settle(self) -> None:
        """Wait until no look is under way."""
        if (looking := self._looking) is not None:
            looking.join()

    def _look(self) -> None:
        try:
            database.analyze(self._engine)
        except Exception as error:  # it plans worse until the next look, or its own
            if not store_is_away(error):
                raise
            _log.warning("the database could not look at what was loaded", reason=type(error).__name__)
