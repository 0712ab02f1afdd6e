"""How every connection fares, for administrators: last run, next run, how far it is behind, and the reason in plain words."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, select

from hub.connector import Connector, Endpoint, Export, Sink
from hub.plugins import Plugins
from hub.store import Store
from hub.store.tables import setting
from hub.sync import breaker, connections, outbox, stops
from hub.sync.connections import ConnectionInfo
from hub.sync.push import cursor_name

_ALL_WELL = "Everything is as it should be."


@dataclass(frozen=True, slots=True)
class Status:
    """One connection. `state`: `disabled`, `enabled`, `paused` or `stopped`. Moments: RFC 3339, UTC; `next_at` is None when nothing is due.

    `behind`: changes of the hub that were not looked at yet for this partner, plus deliveries that wait; None for a connection that only pulls.
    """

    name: str
    state: str
    last_state: str | None
    last_at: str | None
    next_at: str | None
    behind: int | None
    waiting: int
    dead: int
    reason: str


def of_all(store: Store, plugins: Plugins) -> list[Status]:
    """The status of every connection, by name."""
    infos = connections.list_all(store, plugins)
    with store.read() as connection:
        counts = outbox.waiting(connection)
        stopped = stops.stopped(connection)
        head = int(connection.exec_driver_sql("SELECT n FROM counter WHERE name = 'change'").scalar_one())
        return [_status(store, plugins, connection, info, counts, stopped, head) for info in infos]


def _status(
    store: Store,
    plugins: Plugins,
    connection: Connection,
    info: ConnectionInfo,
    counts: dict[str, tuple[int, int]],
    stopped: dict[str, str],
    head: int,
) -> Status:
    waiting, dead = counts.get(info.name, (0, 0))
    kind = plugins.connectors.get(info.connector)
    behind = None
    if kind is not None and issubclass(kind, Sink) and kind.may_push(info.config):
        query = select(setting.c.value).where(setting.c.name == cursor_name(info.name))
        behind = head - int(connection.execute(query).scalar_one_or_none() or 0) + waiting
    switch = stopped.get(info.name, stopped.get(stops.ALL))
    last = info.last_run
    gate = breaker.load(connection, info.name)
    next_at = None if switch else info.next_at
    if next_at is not None and last is not None and last.retry_at is not None:
        next_at = last.retry_at  # sooner or later than planned, as the partner asked
    return Status(
        name=info.name,
        state="stopped" if switch else info.state,
        last_state=None if last is None else last.state,
        last_at=None if last is None else last.started_at,
        next_at=next_at,
        behind=behind,
        waiting=waiting,
        dead=dead,
        reason=_reason(kind, info, switch, gate.open_until if gate.is_open(store.now()) else None, dead),
    )


def _unrun(kind: type[Connector] | None, info: ConnectionInfo) -> str:
    if kind is not None and issubclass(kind, Endpoint):
        return "Partners call it; there is nothing to run."
    if kind is not None and issubclass(kind, Export) and not info.schedule:
        return f"A file is written when somebody asks: fichehub export {info.name} OUTPUT"
    return "It has not run yet."


def _reason(
    kind: type[Connector] | None, info: ConnectionInfo, switch: str | None, open_until: str | None, dead: int
) -> str:
    last = info.last_run
    if switch:
        return f"Stopped: {switch}"
    if info.state == "paused":
        return info.reason
    if info.state == "disabled":
        return info.reason or "It has not been enabled."
    if info.reason:
        return info.reason
    if last is not None and last.state in ("failed", "stopped"):
        return last.reason
    if open_until:
        return f"The partner failed several times in a row and is left alone until {open_until}."
    if dead:
        return f"{dead} deliveries were given up: fichehub deadletters list"
    if last is None:
        return _unrun(kind, info)
    return last.reason or _ALL_WELL
