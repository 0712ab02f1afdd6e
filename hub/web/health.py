"""`/health`: is the hub well? `UP`, `DEGRADED` (it serves, but something needs an administrator) or `DOWN` (503). No internals.

It speaks of this hub alone, for load balancers: whether it answers, with all its parts, and no connection is paused. That a partner is silent, a run failed or a
stop switch is set does not change it; that is told by the start page, `fichehub connections status` and `/api/v1/connections`.

https://www.belgif.be/specification/rest/api-guide/#health
"""

from __future__ import annotations

from typing import Literal

import flask
import structlog
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from hub.errors import FichehubError
from hub.store import index_anew
from hub.store.tables import connection, counter
from hub.web.asking import serving
from hub.web.endpoints import endpoints

Status = Literal["UP", "DEGRADED", "DOWN"]
_log = structlog.get_logger(__name__)


def status() -> Status:
    """How the hub is, looked up now."""
    hub = serving()
    try:
        with hub.store.read() as reading:
            reading.execute(select(counter.c.n)).first()
            paused = reading.execute(
                select(func.count()).select_from(connection).where(connection.c.state == "paused")
            ).scalar_one()
            older = index_anew.is_older(reading)
    except (SQLAlchemyError, FichehubError) as error:
        _log.error("the database does not answer", exc_info=error)
        return "DOWN"
    return "DEGRADED" if paused or older or hub.plugins.broken or endpoints().broken else "UP"


def health() -> flask.Response:
    """The answer of `/health`."""
    found = status()
    response = flask.jsonify({"status": found})
    response.status_code = 503 if found == "DOWN" else 200
    response.headers["Cache-Control"] = "no-store"
    return response


def install(app: flask.Flask) -> None:
    """Serve it."""
    app.add_url_rule("/health", "health", health)
