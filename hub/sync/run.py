"""One run of one connection: `run` is what the command line and the jobs call.

What a connector raises decides what happens next: `Unreachable` keeps the cursor and says when to try again, `AuthFailed` pauses the connection,
`Misconfigured` does so too. What is a fault of the machine, such as a database that is away, is as if the partner were `Unreachable`; anything else is a bug
in the connector: the run fails with a plain reason, the trace is in the log.
"""

from __future__ import annotations

import random
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import structlog
from sqlalchemy import Connection

from hub.connector import Connector, Export, Http, Progress, Sink, Source, unwatched
from hub.errors import AuthFailed, ConnectorError, FichehubError, Misconfigured, Unreachable
from hub.model.moments import to_second
from hub.outbound import open_outbound
from hub.plugins import Plugins, bugs
from hub.store import Store, Writer
from hub.sync import (
    building,
    connections,
    decisions,
    faults,
    landing,
    lease,
    patience,
    records,
    shortfall,
    stops,
    vain,
    waiting,
)
from hub.sync.building import Built
from hub.sync.drift import FeedChanged
from hub.sync.export import export
from hub.sync.info import ConnectionInfo
from hub.sync.pull import Allowed, pull
from hub.sync.push import push
from hub.sync.records import Mode, RunReport
from hub.sync.session import Session
from hub.sync.watch import Watch
from hub.sync.wire import Wire

RETRY_BASE = timedelta(minutes=1)
RETRY_CAP = timedelta(minutes=30)
_log = structlog.get_logger(__name__)


def _noted_by_nobody(connection: Connection) -> None:
    """What a run does at its beginning that nobody waits for."""


def run(
    store: Store,
    plugins: Plugins,
    name: str,
    *,
    dry_run: bool = False,
    full: bool = False,
    release_guard: bool = False,
    as_listed: bool = False,
    by: str = "an administrator",
    accept_feed: bool = False,
    progress: Progress = unwatched,
    asked_again: Callable[[int, int], None] | None = None,
    http: Http | None = None,
    file: Path | None = None,
    begins: Callable[[Connection], None] = _noted_by_nobody,
) -> RunReport:
    """Run a connection once and report. A run that fails is reported with `state` failed and does not raise.

    `dry_run` does the same and rolls it back, batch by batch; only the report stays. `full` begins at the start. `release_guard` allows, in this run
    alone, more removals than the guard does (and implies `full`); the record says that, of how many rows, and `by` whom. `accept_feed` takes, in this run, a feed whose shape has changed or of which many rows are
    rejected, and pins its shape anew. `as_listed` takes, in this run alone, what the source says whatever the revision (and implies `full`); the record says
    that, and `by` whom. `file` is where an export goes. `asked_again` is that of `hub.outbound.Outbound`. `begins` is called in the
    transaction that writes the record of the run; what it raises undoes that, and is raised. Raises `NotFound` for an unknown connection,
    `Misconfigured` when it cannot start, `stops.Stopped` when an administrator stopped it, `lease.Busy` when it is running already.
    """
    known = connections.stored(store, name)
    with store.read() as connection:
        stops.check(connection, name)
    if known.state != "enabled" and not dry_run:
        why = f" ({known.reason})" if known.reason else ""
        raise Misconfigured(f"The connection {name!r} is {known.state}{why}. Enable it first: fichehub connections enable {name}")
    store.use_hooks(
        validate=plugins.validate_fiche if plugins.implements("validate_fiche") else None,
        match=plugins.match_fiche if plugins.implements("match_fiche") else None,
    )
    held = lease.acquire(store, f"connection {name}")
    try:
        known = connections.stored(store, name)  # the last run may have moved the cursor before it let go
        allowed = Allowed(by if release_guard else "", by if as_listed else "", accept_feed)
        options = _Options(dry_run, full or release_guard or as_listed, allowed, file, begins)
        with lease.kept(store, held):
            if http is not None:
                return _run(store, plugins, known, held, http, options, progress)
            with open_outbound(asked_again=asked_again) as outbound:
                return _run(store, plugins, known, held, outbound, options, progress)
    finally:
        held.release(store)


@dataclass(frozen=True, slots=True)
class _Options:
    dry_run: bool
    full: bool
    allowed: Allowed
    file: Path | None
    begins: Callable[[Connection], None]


def _run(
    store: Store,
    plugins: Plugins,
    known: ConnectionInfo,
    held: lease.Lease,
    http: Http,
    options: _Options,
    progress: Progress,
) -> RunReport:
    wire = Wire(http)
    dry_run, full = options.dry_run, options.full
    try:
        built = building.build(store, plugins, known, wire, progress)
        if not isinstance(built.connector, Source | Sink | Export):
            raise Misconfigured(f"{built.connector.title} is called by its partner; there is nothing to run.")
    except Misconfigured as error:
        if known.state == "enabled" and isinstance(plugins.connectors.get(known.connector), type) and not dry_run and error.errors:
            connections.pause(store, known.name, error.message)
        raise
    why = _why_whole(store, known)
    whole = full or bool(why)
    report = _begin(store, known, built.connector, dry_run=dry_run, full=whole, begins=options.begins)
    session = Session(store, plugins, known, built, held, report, progress, wire, from_the_start=whole)
    session.note(warnings=tuple(_needless(built.connector, options.allowed)))
    if why and not full:
        session.note(warnings=(why,))
    with store.read() as connection:
        wire.landing = not dry_run and landing.days(connection, known.name) > 0
    watch = Watch(session)
    unreachable: Unreachable | None = None
    try:
        _carry_out(session, watch, options, whole=whole)
    except bugs() as error:  # a connector is a stranger's code, and a bug in it must not end the worker
        unreachable = _fail(session, built, error)
    except KeyboardInterrupt:
        session.note(state="stopped", reason="The run was stopped; the next one goes on from its last cursor.")
        _end(session, None, ends=_at_once)
        raise
    else:
        session.note(state="done")
    _end(session, unreachable, ends=stops.process_ends())
    return session.report


def _needless(connector: object, allowed: Allowed) -> Iterator[str]:
    """What was allowed and means nothing to this connector."""
    if allowed.released_by and not isinstance(connector, Source):
        yield "There is no guard to release: this connection takes nothing in, so it takes nothing for removed."
    if allowed.listed_by and not isinstance(connector, Source):
        yield "There is no list to take: this connection takes nothing in."


def _carry_out(session: Session, watch: Watch, options: _Options, *, whole: bool) -> None:
    """What the connector is there for, one after the other. Raises what it raises; what was done before stays."""
    connector, wire = session.built.connector, session.wire
    if isinstance(connector, Sink) and not session.dry:
        decisions.follow(session, watch)  # first, so that the pull can tell an accepted value from the partner's own word
    if isinstance(connector, Source):
        pull(session, watch, full=whole, allowed=options.allowed)
        wire.landing = False
        if wire.overflowed:
            session.note(warnings=("More came in at once than can be kept as it came; a part of it was not kept.",))
    if isinstance(connector, Sink) and connector.may_push(connector.config):
        push(session, watch, full=options.full)
    if isinstance(connector, Export):
        export(session, watch, options.file)


def _at_once() -> bool:
    """Whoever broke a run off waits for nothing more."""
    return True


def _why_whole(store: Store, known: ConnectionInfo) -> str:
    """Why a run that was not asked to begins at the start, when it is time to; empty where it does not. A run from the start that was cut off goes on first."""
    if known.cursor is None or known.full_since_run is not None:
        return ""
    with store.read() as connection:
        failed, short = vain.load(connection, known.name), shortfall.load(connection, known.name)
    if failed is not None and failed.is_due(store.now()):
        return records.IN_VAIN(since=failed.since)
    if short is not None and short.is_due(store.now()):
        return records.MADE_UP(missing=f"{short.missing:,}")
    return ""


def _begin(
    store: Store, known: ConnectionInfo, connector: Connector, *, dry_run: bool, full: bool, begins: Callable[[Connection], None]
) -> RunReport:
    from_start = full or known.cursor is None
    mode: Mode
    if isinstance(connector, Source):
        mode = "full" if from_start or known.full_since_run is not None else "incremental"
    else:
        mode = "push" if isinstance(connector, Sink) else "export"
    started = to_second(store.now())
    report = RunReport(
        id=0,
        connection=known.name,
        mode=mode,
        state="running",
        dry_run=dry_run,
        resumed=not from_start and known.full_since_run is not None,
        started_at=started,
        cursor_before=None if from_start else known.cursor,
        cursor_after=known.cursor,
    )

    def write(writer: Writer) -> int:
        if not dry_run:
            waiting.forget_ahead(writer.connection, store.now(), (known.name,))
        records.close_abandoned(writer.connection, known.name, started)
        if isinstance(connector, Source) and full and known.cursor is not None and not dry_run:
            vain.begins(writer.connection, known.name, store.now())
        begins(writer.connection)
        return records.begin(writer.connection, report)

    return replace(report, id=store.write(write))


def _fail(session: Session, built: Built, error: BaseException) -> Unreachable | None:
    """Say what happened in the report, and do what its kind asks for; the answer is what to try again after, if it is."""
    fault = faults.of_machine(error)
    told = fault or error
    reason = (
        built.redact(told.message)
        if isinstance(told, FichehubError)
        else "The connector failed in a way that it should not; the trace is in the log."
    )
    session.note(state="failed", reason=reason)
    if isinstance(told, lease.LeaseLost | stops.Stopped | FeedChanged):
        session.note(state="stopped")
        if isinstance(told, stops.Leaving):
            session.note(retry_at=to_second(session.store.now()))  # nothing was wrong, so nobody waits for the next slot
    elif isinstance(told, AuthFailed | Misconfigured) and not session.dry:
        name = session.known.name
        patience.insist(lambda: connections.pause(session.store, name, reason), f"that {name} is paused", stops.process_ends())
    if not isinstance(error, ConnectorError | stops.Stopped | FeedChanged):
        _log.error("run failed", connection=session.known.name, run=session.report.id, trace=_trace(built, error))
    return told if isinstance(told, Unreachable) else None


def _retry_at(connection: Connection, session: Session, error: Unreachable) -> str:
    """When the partner asked for, else at a random moment in a window that doubles with every failure in a row."""
    now = session.store.now()
    if error.retry_after is not None:
        return to_second(now + timedelta(seconds=error.retry_after))
    failures = records.failures_in_a_row(connection, session.known.name)
    window = min(RETRY_CAP, RETRY_BASE * 2 ** min(failures, 10))
    return to_second(now + window * random.random())


def _end(session: Session, unreachable: Unreachable | None, *, ends: Callable[[], bool]) -> None:
    """Write how the run ended. Who reads `running` waits for somebody who is gone, so this is insisted on until `ends()`."""
    redact = session.built.redact
    session.note(ended_at=to_second(session.store.now()))
    ended = replace(session.report, warnings=tuple(map(redact, session.report.warnings)))

    def write(writer: Writer) -> RunReport:
        connection = writer.connection
        report = ended if unreachable is None else replace(ended, retry_at=_retry_at(connection, session, unreachable))
        records.save(connection, report)
        return report

    what = f"the end of run {ended.id} of {ended.connection}"
    session.report = patience.insist(lambda: session.store.write(write), what, ends)


def _trace(built: Built, error: BaseException) -> str:
    return built.redact("".join(traceback.format_exception(error)))
