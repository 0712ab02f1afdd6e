"""How every connection fares, for administrators: last run, next run, how far it is behind, and the reason in plain words."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection

from hub.connector import Connector, Endpoint, Export, Sink
from hub.outbound import sentences
from hub.plugins import Plugins
from hub.store import Store, log_reading
from hub.sync import breaker, connections, contest, guard, outbox, push, records, stops, vain
from hub.sync.info import ConnectionInfo
from hub.sync.records import RunReport
from hub.sync.vain import Vain

_ALL_WELL = "Everything is as it should be."
_TOLD: Final = 2
"""So many warnings of the last run are told in full."""


@dataclass(frozen=True, slots=True)
class Status:
    """One connection. `state`: `disabled`, `enabled`, `paused` or `stopped`. Moments: RFC 3339, UTC; `next_at` is None when nothing is due.
    `overdue_since`: when it should have run, if no run began since; None when none is overdue.

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
    overdue_since: str | None = None


def held_moments(store: Store) -> str:
    """What an administrator is to know where changes get a moment that is still to come; "" where they get their own."""
    with store.read() as connection:
        until = log_reading.held_until(connection, store.now())
    if until is None:
        return ""
    return (
        f"A clock was ahead when something was written, or that of this computer is behind: until {until} every change is noted at that moment, so that"
        " nobody who asks what changed since misses one. Let a time server set the clocks of all computers of the hub"
    )


def of_all(store: Store, plugins: Plugins) -> list[Status]:
    """The status of every connection, by name."""
    infos = connections.list_all(store, plugins)
    with store.read() as connection:
        house = _House(
            counts=outbox.waiting(connection),
            retried=outbox.retried(connection),
            vain=vain.of_all(connection),
            rejected=records.rejected_rows(connection),
            stopped=stops.stopped(connection).keys(),
            head=int(connection.exec_driver_sql("SELECT n FROM counter WHERE name = 'change'").scalar_one()),
        )
        return [_status(store, plugins, connection, info, house) for info in infos]


@dataclass(frozen=True, slots=True)
class _House:
    """What is asked once for all connections."""

    counts: dict[str, tuple[int, int]]
    retried: dict[str, tuple[int, str]]
    vain: dict[str, Vain]
    rejected: dict[str, int]
    stopped: Collection[str]
    head: int


def _status(store: Store, plugins: Plugins, connection: Connection, info: ConnectionInfo, house: _House) -> Status:
    waiting, dead = house.counts.get(info.name, (0, 0))
    kind = plugins.connectors.get(info.connector)
    behind = None
    if kind is not None and issubclass(kind, Sink) and kind.may_push(info.config):
        behind = house.head - push.cursor(connection, info.name) + waiting
    last = info.last_run
    return Status(
        name=info.name,
        state=info.state,
        last_state=None if last is None else last.state,
        last_at=None if last is None else last.started_at,
        next_at=info.next_at,
        behind=behind,
        waiting=waiting,
        dead=dead,
        reason=_reason(store, connection, kind, info, house),
        overdue_since=info.overdue_since,
    )


def _unrun(kind: type[Connector] | None, info: ConnectionInfo) -> str:
    if kind is not None and issubclass(kind, Endpoint):
        return "Partners call it; there is nothing to run."
    if kind is not None and issubclass(kind, Export) and not info.schedule:
        return f"A file is written when somebody asks: fichehub export {info.name} OUTPUT"
    return "It has not run yet."


def _of_last_run(last: RunReport, checked_at: str) -> str:
    """Its reason; what a check has refuted since is told as what was."""
    if last.state != "failed" or not last.reason or checked_at <= (last.ended_at or last.started_at):
        return last.reason
    return f"It passed its check at {checked_at} and waits for its next run. The last one failed: {last.reason}"


def _of_credentials(kind: type[Connector] | None, info: ConnectionInfo) -> str:
    """What to do where the partner refused our credentials: which settings they are."""
    if kind is None or sentences.REFUSED.places_in(info.reason) is None:
        return ""
    secrets = [name for name, each in kind.config_schema().fields.items() if each.metadata.get("secret")]
    if not secrets:
        return ""
    told = " ".join(f"--set {name}=…" for name in secrets)
    return f" If they changed: fichehub connections configure {info.name} {told}, then fichehub connections enable {info.name}"


def _warned(last: RunReport, missing: str) -> Iterator[str]:
    """What the last run warned of, but for what only explains it, and what `missing` tells already."""
    explained = [each for each in last.warnings if any(sentence.places_in(each) is not None for sentence in records.EXPLAIN)]
    warnings = [each for each in last.warnings if each != missing and each not in explained]
    yield from warnings[:_TOLD]
    if len(warnings) > _TOLD:
        yield f"It warned of {len(warnings) - _TOLD} more: fichehub runs {last.connection}"


def _reason(store: Store, connection: Connection, kind: type[Connector] | None, info: ConnectionInfo, house: _House) -> str:
    if info.state == "paused":
        return info.reason + _of_credentials(kind, info)
    if info.state == "stopped":
        target = info.name if info.name in house.stopped else "--all"
        return f"{info.reason.rstrip('.')}. To let it run again: fichehub connections go {target}"
    if info.state == "disabled":
        return info.reason or "It has not been enabled."
    last = info.last_run
    unrun = _unrun(kind, info) if last is None and info.overdue else ""
    told = [info.reason, unrun, info.overdue, "" if last is None else _of_last_run(last, info.checked_at or ""), info.missing]
    if info.name in house.vain and last is not None and last.state != "running":
        told.append(house.vain[info.name].sentence(info.name, store.now(), scheduled=bool(info.schedule)))
    if last is not None and last.state == "running":
        told.append(f"A run is under way since {last.started_at}: {last.read:,} read so far.")
    elif last is not None and last.reason == records.CUT_OFF():
        told.append(f"{last.read:,} had been read. To go on at once: fichehub run {info.name}")
    now, gate = store.now(), breaker.load(connection, info.name)
    if gate.is_open(now):
        told.append(
            f"Nothing is delivered to the partner until {gate.open_until}. To check it and deliver at once: fichehub connections enable {info.name}, "
            f"then fichehub run {info.name}"
        )
    elif info.next_at is not None and last is not None and last.waits(now):
        told.append(f"It is asked again at {last.retry_at}; at once with: fichehub run {info.name}")
    if dead := house.counts.get(info.name, (0, 0))[1]:
        told.append(f"{'1 delivery was' if dead == 1 else f'{dead} deliveries were'} given up: fichehub deadletters list")
    if info.name in house.retried:
        count, first = house.retried[info.name]
        waits = "1 delivery failed and waits" if count == 1 else f"{count} deliveries failed and wait"
        told.append(
            f"{'1 delivery' if count == 1 else f'{count} deliveries'} failed and will be tried again, from {first} on"
            if info.schedule
            else f"{waits} for the next run; none is scheduled. At once: fichehub run {info.name}"
        )
    if rejected := house.rejected.get(info.name, 0):
        told.append(f"{'1 row' if rejected == 1 else f'{rejected:,} rows'} could not be used: fichehub rejected {info.name}")
    if last is not None:
        told += _warned(last, info.missing)
    held = records.withholding(connection, info.name)
    if held is not None and last is not None and held.id != last.id:
        told.append(guard.reminder(held.withheld, held.started_at, info.name))
    back = records.keeping_back(connection, info.name)
    if back is not None and last is not None and back.id != last.id:
        told.append(guard.reminder_to_send(back.kept_back or 0, back.started_at, info.name))
    other = records.contesting(connection, info.name)
    if other is not None and last is not None and other.id != last.id:
        told.append(contest.reminder(other))
    found = list(filter(None, told))
    if not found:
        return _ALL_WELL if last is not None else _unrun(kind, info)
    # A command at the end of a sentence is copied from there, so it has no full stop behind it unless another sentence follows.
    return ". ".join([*(part.rstrip(".") for part in found[:-1]), found[-1]])
