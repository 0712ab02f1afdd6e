"""`/health`: is the hub well? `UP`, `DEGRADED` (it serves, but something needs an administrator) or `DOWN` (503). No internals.

It speaks of this hub alone, for load balancers: whether it answers, with all its parts, no connection is paused, and there is room on the disk under SQLite. That a partner is silent, a run failed or a
stop switch is set does not change it; that is told by the start page, `fichehub connections status` and `/api/v1/connections`.

https://www.belgif.be/specification/rest/api-guide/#health
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from threading import Lock, Thread
from typing import Final, Literal

import flask
import structlog
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from hub.errors import FichehubError
from hub.store import Store, index_anew
from hub.store.faults import has_room
from hub.store.tables import connection, counter
from hub.web.asking import serving, serving_of
from hub.web.endpoints import endpoints

Status = Literal["UP", "DEGRADED", "DOWN"]


PATHS: Final = frozenset({"/health", "/api/v1/health"})
"""Where it is asked. Nobody who asks waits for another request: that may be the one to which the database does not answer."""
PATIENCE: Final = 3.0
"""Seconds after which a database that has not answered is taken for one that does not: between may stand a pool that waits for minutes."""
_AT_ONCE: Final = 4
_EXTENSION: Final = "fichehub-health"
_log = structlog.get_logger(__name__)


class Looks:
    """Looks at the database that nobody waits for longer than `PATIENCE`. Who asks while one is under way shares it, so that one which hangs costs a thread and a connection at most.

    When one was given up another is begun, as its connection alone may be dead; never more than a few at once.
    """

    def __init__(self, look: Callable[[], Status]) -> None:
        self._look = look
        self._lock = Lock()
        self._under_way: list[tuple[float, Future[Status]]] = []

    def answer(self) -> Status:
        """What the newest look tells; `DOWN` when it tells nothing in time."""
        with self._lock:
            now = time.monotonic()
            self._under_way = [(since, look) for since, look in self._under_way if not look.done()]
            given_up = all(now - since >= PATIENCE for since, _ in self._under_way)
            if given_up and len(self._under_way) < _AT_ONCE:
                self._under_way.append((now, Future()))
                Thread(target=self._tell, args=(self._under_way[-1][1],), name="health", daemon=True).start()
            newest = self._under_way[-1][1]
        try:
            return newest.result(PATIENCE)
        except TimeoutError:
            _log.error("the database does not answer", seconds=PATIENCE)
            return "DOWN"

    def _tell(self, look: Future[Status]) -> None:
        try:
            look.set_result(self._look())
        except BaseException as error:  # noqa: BLE001  whoever waits for it raises it
            look.set_exception(error)


def status() -> Status:
    """How the hub is, looked up now."""
    hub = serving()
    looks: Looks = flask.current_app.extensions[_EXTENSION]
    found = looks.answer()
    return "DEGRADED" if found == "UP" and (hub.plugins.broken or endpoints().broken) else found


def look(store: Store) -> Status:
    """How the database is: whether it answers, all in it is of this version, no connection is paused, and there is room to write."""
    try:
        with store.read() as reading:
            reading.execute(select(counter.c.n)).first()
            paused = reading.execute(select(func.count()).select_from(connection).where(connection.c.state == "paused")).scalar_one()
            return "DEGRADED" if paused or index_anew.is_older(reading) or not has_room(store.engine.url) else "UP"
    except (SQLAlchemyError, FichehubError) as error:
        _log.error("the database does not answer", exc_info=error)
        return "DOWN"


def health() -> flask.Response:
    """The answer of `/health`."""
    found = status()
    response = flask.jsonify({"status": found})
    response.status_code = 503 if found == "DOWN" else 200
    response.headers["Cache-Control"] = "no-store"
    return response


def install(app: flask.Flask) -> None:
    """Serve it."""
    app.extensions[_EXTENSION] = Looks(partial(look, serving_of(app).store))
    app.add_url_rule("/health", "health", health)
