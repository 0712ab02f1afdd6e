"""Runs the application: granian with two workers, in each of which one request at a time runs.

A worker has many threads, of which all but one wait for whoever reads or sends slowly: see `hub.web.turns`.

Each worker opens the store and builds the application of its own. After that its objects are frozen out of the garbage collector's sight,
which takes the slowest percent of answers from 9 ms to 1.3 ms.
"""

from __future__ import annotations

import encodings.idna  # noqa: F401  see _call_when_ready
import errno
import gc
import json
import logging
import os
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import orjson
import structlog
from granian import Granian
from granian.constants import HTTPModes, Interfaces
from granian.errors import ConfigurationError
from granian.log import LogLevels

from hub.errors import Misconfigured
from hub.plugins import bugs
from hub.store.home import make_home
from hub.web import lifeline
from hub.web.settings import WORKERS, Settings
from hub.web.turns import in_turns

if TYPE_CHECKING:
    import flask
    from _typeshed.wsgi import WSGIApplication

THREADS = 64
"""Of a worker, each started when it is needed: so many slow readers and senders it bears at once, at most 5 MB each, before all others wait for one of them."""
_STARTING_SECONDS = 60.0
PROCESS_FILE = "serving-PORT.pid"
"""In the home: the process that serves at this port."""


def serve(
    database_url: str,
    home: Path,
    settings: Settings | None = None,
    *,
    host: str = "127.0.0.1",
    port: int = 8080,
    workers: int = WORKERS,
    on_ready: Callable[[str], None] | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM. `on_ready` is called with the address once a worker takes connections.

    Raises `Misconfigured` when the port is taken. The database must be at its current schema: workers do not migrate it together.
    """
    require_free(home, host, port)
    with _named(home, port), tempfile.TemporaryDirectory(prefix="fichehub-metrics-") as counts:
        # Before prometheus-client is imported, which looks at it once: the workers are the first to do so.
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = counts
        try:
            server = Granian(
                "hub.web.server:application",
                address=host,
                port=port,
                interface=Interfaces.WSGI,
                http=HTTPModes.http1,  # as long as it may become HTTP/2, a connection on which nothing comes is never closed
                workers=workers,
                blocking_threads=THREADS,
                respawn_failed_workers=True,
                workers_kill_timeout=10,
                log_level=LogLevels.error,
                log_dictconfig=_ERRORS_AS_JSON,
            )
            if on_ready is not None:
                server.on_startup(lambda: _call_when_ready(host, port, on_ready))
            load = partial(_worker, lifeline.hold(), database_url, home, settings or Settings())
            server.serve(target_loader=load, wrap_loader=False)
        except ConfigurationError as error:
            raise Misconfigured(f"The server cannot start: {error}") from error
        except SystemExit as error:
            raise Misconfigured(
                "The server has ended, because its workers did, again and again. The lines above, on standard error, say why."
            ) from error
        finally:
            os.environ.pop("PROMETHEUS_MULTIPROC_DIR", None)


def _worker(parent: Connection, database_url: str, home: Path, settings: Settings) -> WSGIApplication:
    lifeline.end_with(parent)
    log_as_json()
    try:
        from hub.web import health

        return in_turns(application(database_url, home, settings), settings.max_body, health.PATHS)
    except bugs() as error:
        structlog.get_logger(__name__).error("worker cannot start", reason=f"{type(error).__name__}: {error}", exc_info=error)
        sys.exit(1)


def application(database_url: str, home: Path, settings: Settings) -> flask.Flask:
    """The application of one worker: the store opened, the plugins loaded, everything made so far frozen."""
    from hub import plugins
    from hub.store import Store
    from hub.web import create_app

    store = Store.open(database_url, home, upgrade=False)
    app = create_app(store, plugins.load(), settings)
    gc.collect()
    gc.freeze()
    return app


def _line(told: Any, **_: Any) -> bytes:
    """A line of the log, whatever stands in it: also half a character, as in the name of a file that is no UTF-8, and what is no JSON."""
    try:
        return orjson.dumps(told)
    except TypeError:
        return json.dumps(told, default=repr).encode()


class _AsJson(logging.Formatter):
    """What the server itself has to say, in the form of all other lines."""

    def format(self, record: logging.LogRecord) -> str:
        told = {"event": record.getMessage(), "level": record.levelname.lower(), "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat()}
        if record.exc_info:
            told["exception"] = self.formatException(record.exc_info)
        return _line(told).decode()


_ERRORS_AS_JSON: Final = {
    "formatters": {"json": {"()": _AsJson}},
    "handlers": {"standard error": {"formatter": "json", "class": "logging.StreamHandler", "stream": "ext://sys.stderr"}},
    "loggers": {"_granian": {"handlers": ["standard error"], "propagate": False}},
}


def log_as_json() -> None:
    """One JSON object a line on standard error, moments in UTC; nothing below INFO."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(serializer=_line),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.BytesLoggerFactory(file=sys.stderr.buffer),
        cache_logger_on_first_use=True,
    )


def require_free(home: Path, host: str, port: int) -> None:
    """Return when something can be served there. Raises `Misconfigured` with what is in the way and what to do; `home` may know who it is."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise Misconfigured(f"Nothing can be served at {host}:{port} ({error.strerror}). {_what_to_do(home, port, error.errno)}") from error


def _what_to_do(home: Path, port: int, reason: int | None) -> str:
    if reason != errno.EADDRINUSE:
        return "Choose another address with --host, or another port with --port."
    number = _serving_at(home, port)
    if number is not None:
        return (
            f"A Fichehub of this home runs there already, as process {number}: use it, stop it (kill {number}), or choose another port with --port."
        )
    find = f"lsof -nP -iTCP:{port} -sTCP:LISTEN"
    return (
        f"Another Fichehub may still run there, or another program. '{find}' tells which process it is: stop it, or choose another port with --port."
    )


@contextmanager
def _named(home: Path, port: int) -> Iterator[None]:
    """While it serves, a file says who does, for whoever finds the port taken. One that was killed leaves it; so nobody trusts it alone."""
    make_home(home)
    file = home / PROCESS_FILE.replace("PORT", str(port))
    file.write_text(f"{os.getpid()}\n", encoding="ascii")
    try:
        yield
    finally:
        file.unlink(missing_ok=True)


def _serving_at(home: Path, port: int) -> int | None:
    """The process of this home that serves at this port, if it is known and lives."""
    with suppress(OSError, ValueError):  # nobody said so, or who did is gone
        number = int((home / PROCESS_FILE.replace("PORT", str(port))).read_text(encoding="ascii"))
        os.kill(number, 0)
        return number
    return None


def _call_when_ready(host: str, port: int, on_ready: Callable[[str], None]) -> None:
    """Watch from a thread of the parent until the port answers a request: a socket alone is there before the workers are.

    The workers are forked meanwhile. So this thread must not be the first to import anything (a name is looked up by way of `encodings.idna`): a worker
    forked at that moment would wait for ever for a lock whose owner it has not got.
    """
    where = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  compared, not bound

    def watch() -> None:
        deadline = time.monotonic() + _STARTING_SECONDS
        while time.monotonic() < deadline:
            try:
                with socket.create_connection((where, port), timeout=2) as probe:
                    probe.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                    if probe.recv(12).startswith(b"HTTP/1.1"):
                        on_ready(f"http://{f'[{where}]' if ':' in where else where}:{port}")
                        return
            except OSError:
                pass  # not yet
            time.sleep(0.05)

    threading.Thread(target=watch, name="ready", daemon=True).start()
