"""Engines for PostgreSQL: the options that a URL may name, connections through a pool between transactions, connections that died while nobody looked."""

from __future__ import annotations

import select
from typing import Any, Final

from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.pool import NullPool

from hub.errors import FichehubError

_NUMBERS: Final = ("port", "connect_timeout", "keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout")


def postgresql(url: URL) -> Engine:
    """An engine for this URL. Raises `FichehubError` for options that libpq does not know, or whose value it could not read."""
    _check_options(url)
    return _watched(create_engine(url.set(drivername="postgresql+psycopg"), pool_size=10, max_overflow=20, pool_use_lifo=True))


def throwaway(engine: Engine) -> Engine:
    """An engine for the same database that keeps no connection; for short transactions beside a long one."""
    return _watched(create_engine(engine.url, poolclass=NullPool))


def _check_options(url: URL) -> None:
    from psycopg import Error  # only who uses PostgreSQL pays for loading it
    from psycopg.conninfo import make_conninfo

    for name, values in url.query.items():
        try:
            make_conninfo("", **{name: ""})
        except Error:
            raise FichehubError(
                f"The database URL has an option that PostgreSQL does not know: {name}. Take it out; such options are those of libpq, e.g. sslmode or connect_timeout."
            ) from None
        for value in (values,) if isinstance(values, str) else values:
            if name in _NUMBERS and not all(part.strip().removeprefix("-").isdecimal() for part in value.split(",")):
                raise FichehubError(f"The option {name} of the database URL is a whole number, not {value!r}.")


def _watched(engine: Engine) -> Engine:
    if engine.dialect.name == "postgresql":
        event.listen(engine, "connect", _mind_a_pool)
        event.listen(engine.pool, "checkout", _alive)
    return engine


def _mind_a_pool(raw: Any, record: object) -> None:
    """Prepare no statements where something stands between, such as PgBouncer: the next transaction may be in a session that knows nothing of them.

    A pool tells each connection a number of its own, and the session that answers has another one. Nothing else of a session outlives a
    transaction here: settings are local to it, locks and leases are rows, isolation is said when it begins. Prepared statements are worth having
    where it is one session: without them a look at one fiche takes twice as long.
    """
    found = raw.execute("SELECT pg_backend_pid()").fetchone()
    raw.rollback()
    if found[0] != raw.info.backend_pid:
        raw.prepare_threshold = None


def _alive(raw: Any, record: object, proxy: object) -> None:
    """Let nobody have a connection on which the server has hung up: it is made anew, and so are all others of before.

    A server says nothing between transactions unless it takes its leave, so a look whether there is something to read tells, and costs no round trip.
    """
    from psycopg import pq

    connection = raw.pgconn
    if connection.status != pq.ConnStatus.OK or (_has_something(connection.socket) and not _still_open(connection)):
        raise _hung_up()


def _hung_up() -> DisconnectionError:
    found = DisconnectionError("the server has hung up")
    found.invalidate_pool = True
    return found


def _has_something(socket: int) -> bool:
    poll = select.poll()
    poll.register(socket, select.POLLIN)
    return bool(poll.poll(0))


def _still_open(connection: Any) -> bool:
    from psycopg import Error, pq

    try:
        connection.consume_input()  # it may be a notice
    except Error:
        return False
    return bool(connection.status == pq.ConnStatus.OK and not _has_something(connection.socket))
