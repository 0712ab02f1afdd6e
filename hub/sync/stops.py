"""The stop switch: one for each connection and one for all. A run that is under way ends at its next request for rows, between two deliveries, or at its
next commit; its cursor stays. So it does when its connection is paused or configured anew meanwhile.

A process that wants to end does the same to its own runs (`until`); whoever runs the connection next goes on at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final

import orjson
from sqlalchemy import ColumnElement, Connection, select

from hub.errors import FichehubError, Sentence
from hub.store import Store
from hub.store.tables import connection as table
from hub.store.tables import setting
from hub.sync import settings

ALL = "*"
"""The switch for all; no connection can be called so."""
REASON: Final = Sentence("Stopped: {why}")
"""What is said of a connection whose switch, or the one for all, is set."""
BY_SOMEBODY: Final = Sentence("stopped by an administrator")
PROCESS_ENDED: Final = Sentence("The process that ran it ended; the next run goes on from its last cursor.")
UNSAID: Final = Sentence("no reason was given")
CUT_SHORT: Final = Sentence("The run was ended early ({why}); the next one goes on from its last cursor.")
"""The reason of a run that was under way then. It stays with the run, so it says nothing that holds no more once the connection may run again."""
CONFIGURED: Final = Sentence("its configuration was changed meanwhile")


class Stopped(FichehubError):
    """An administrator stopped this connection, or all of them, or paused or configured it while it ran."""


class Leaving(Stopped):
    """The process in which it runs wants to end."""


def _never() -> bool:
    return False


_ends: ContextVar[Callable[[], bool]] = ContextVar("ends", default=_never)


@contextmanager
def until(ends: Callable[[], bool]) -> Iterator[None]:
    """Runs that this thread does in the block stop as soon as `ends()`, which is asked from any thread."""
    before = _ends.set(ends)
    try:
        yield
    finally:
        _ends.reset(before)


def process_ends() -> Callable[[], bool]:
    """What tells whether the process wants to end, for a run of this thread."""
    return _ends.get()


def stop(store: Store, name: str, reason: str) -> None:
    """Stop the connection `name`, or `ALL`; stays so through restarts. `reason` is shown to everybody who asks."""
    store.write(lambda writer: settings.write(writer.connection, settings.STOP, name, reason or UNSAID()))


def go(store: Store, name: str) -> bool:
    """Take the switch of `name`, or `ALL`, back; whether it had been set."""
    return store.write(lambda writer: settings.forget(writer.connection, name, settings.STOP))


def stopped(connection: Connection) -> dict[str, str]:
    """The switches that are set: name (or `ALL`) -> reason."""
    return settings.by_connection(connection, settings.STOP)


def check(connection: Connection, name: str) -> None:
    """Raises `Stopped`, which says how to let it run again, when this connection, or all, have been stopped."""
    row = connection.execute(select(setting).where(_of(name)).order_by(setting.c.name)).first()
    if row is None:
        return
    what = "All connections are" if row.name == _name(ALL) else f"The connection {name!r} is"
    target = "--all" if row.name == _name(ALL) else name
    raise Stopped(f"{what} stopped: {row.value.rstrip('.')}. To let it run again: fichehub connections go {target}")


def check_run(connection: Connection, name: str, config: Mapping[str, Any] | None) -> None:
    """Raises `Stopped` when a run of this connection that is under way is to end: it, or all, have been stopped, or it was paused or configured anew.

    `config`: what the run works with, as it is stored; None for a run that only the switch ends, since it may run in any state.
    """
    switched = table.outerjoin(setting, _of(name))
    query = select(table.c.state, table.c.reason, table.c.config, setting.c.value).select_from(switched).where(table.c.name == name)
    row = connection.execute(query.order_by(setting.c.name)).first()
    if row is None:
        return  # removed, and its lease with it
    why = row.value
    if why is None and config is not None:
        if row.state == "paused":
            why = row.reason or UNSAID()
        elif row.state != "enabled" or orjson.loads(row.config) != config:
            why = CONFIGURED()
    if why is not None:
        raise Stopped(CUT_SHORT(why=why.rstrip(".")))


def is_on_purpose(reason: str) -> bool:
    """Whether this is the reason of a run that somebody ended, who stopped, paused or configured its connection, or ended its process: nothing failed."""
    return any(sentence.places_in(reason) is not None for sentence in (CUT_SHORT, PROCESS_ENDED))


def _of(name: str) -> ColumnElement[bool]:
    return setting.c.name.in_((_name(ALL), _name(name)))


def _name(name: str) -> str:
    return settings.STOP + name
