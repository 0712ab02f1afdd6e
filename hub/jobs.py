"""When what runs: APScheduler only ticks; rows decide who runs.

Every process may tick. What is due is worked out from the connections' schedules and the clock; a unique row (job, slot) lets exactly one process
take each slot (`hub.sync.slots`). A slot that was missed while nothing ran is made up for once, however many were missed. Runs take the lease of their
connection besides, so a run started by hand and a scheduled one never meet.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

import structlog
from apscheduler.executors.pool import ThreadPoolExecutor as Ticks
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger
from sqlalchemy import Connection, select

from hub.access import audit
from hub.access.tokens import forget_assertions, forget_tokens
from hub.errors import FichehubError
from hub.model.moments import SKEW, latest, lies_ahead, to_millisecond, to_second
from hub.plugins import Plugins, bugs
from hub.store import Store, erasure, index_rows, log_reading
from hub.store.tables import connection as connection_table
from hub.subscribing import Notifier
from hub.subscribing import purge as forget_events
from hub.sync import breaker, faults, landing, lease, outbox, overdue, records, schedule, slots, stops, vain, waiting
from hub.sync.run import run

TICK_SECONDS = 10
RUNS_AT_ONCE = 4
SUBSCRIBERS_AT_ONCE = 8
"""Subscribers that are told at once: one that is slow has a place of its own, and takes none from a run."""
AGAIN_AFTER = timedelta(minutes=1)
"""When a job comes up again that could not begin because the database was away, too busy or full."""
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Job:
    """Something to do once for its slot. `connection` names what to run; without one it is housekeeping of the hub itself."""

    name: str
    slot: str
    connection: str = ""
    full: bool = False

    @property
    def key(self) -> slots.Slot:
        """The slot that is taken for it."""
        return self.name, self.slot

    @property
    def lease(self) -> str:
        """The lease that is held while it is done."""
        return f"connection {self.connection}" if self.connection else f"job {self.name}"


def _expire(store: Store) -> None:
    """Values that ran out change what everybody sees: a change each, in the log."""
    store.write(lambda writer: writer.expire(store.today()))


def _look_at_clocks(store: Store) -> None:
    """While a clock that was ahead and was put back is known by the log: what it told too early, and did not note, is put right before the day is really over."""
    with store.read() as connection:
        held = log_reading.held_until(connection, store.now())
    if held is not None:
        _log.warning("the moments of changes are held, a clock was ahead", until=held)
        _expire(store)


def _tidy(store: Store) -> None:
    """The full text in one piece again: a load leaves many, and searches by the beginning of a word read all of them."""
    store.write(lambda writer: index_rows.optimize(writer.connection))


def _forget(store: Store) -> None:
    """Assertions that could not be used again anyway, and access tokens that have expired."""
    now = int(store.now().timestamp())

    def work(connection: Connection) -> None:
        forget_assertions(connection, now)
        forget_tokens(connection, now)

    store.write(lambda writer: work(writer.connection))


def _keep_trail(store: Store) -> None:
    """The end of the audit trail into the log, where who can write the database cannot change it; then what is older than the trail is kept."""
    with store.read() as connection:
        _log.info("audit trail", head=audit.head(connection))

    def work(connection: Connection) -> int:
        before = store.now() - timedelta(days=audit.kept_days(connection))
        return audit.cut(connection, audit.chain_key(store.secret), to_millisecond(before))

    store.write(lambda writer: work(writer.connection))


HOUSEKEEPING: dict[str, tuple[str, Callable[[Store], object]]] = {
    "expire": ("cron 5 0 * * *", _expire),
    "clocks": ("every 5 minutes", _look_at_clocks),
    "clean": ("every 15 minutes", erasure.finish),
    overdue.BEAT: ("every 5 minutes", lambda store: store.spread()),
    "forget": ("every 15 minutes", _forget),
    "prune": ("cron 30 4 * * *", slots.prune),
    "audit": ("cron 40 4 * * *", _keep_trail),
    "tidy": ("cron 15 4 * * *", _tidy),
    "purge": ("cron 45 4 * * *", landing.purge),
    "forget events": ("cron 50 4 * * *", forget_events),
}
"""What the hub does for itself: name -> schedule and work."""


class _FromNow(BaseTrigger):  # type: ignore[misc]  # it ships no types
    """Ticks an interval after the last look. That of APScheduler lists every tick that was missed: after a clock that began in 1970 was put right, for minutes, and in gigabytes."""

    def __init__(self, interval: timedelta) -> None:
        self._interval = interval

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime:
        """As APScheduler asks for it."""
        return now + self._interval


class Worker:
    """Runs what is due, in this process, beside any number of others. Its clock is the store's."""

    def __init__(self, store: Store, plugins: Plugins) -> None:
        self._store = store
        self._plugins = plugins
        self._notifier = Notifier(store, plugins)
        self._owner = lease.me()
        self._furthest: datetime | None = None
        self._at_hand: set[slots.Slot] = set()
        """What this worker took and has not done with: a slot that is its own and not among these got lost on the way."""
        self._comes_up_again: dict[slots.Slot, datetime] = {}
        """Of these, what the machine kept from being done: when each is no longer at hand, and so taken again."""
        self._kept_by = ""
        """Why the last look for what is due came to nothing, as it was told."""

    def run_forever(self, stop: threading.Event, *, tick_seconds: float = TICK_SECONDS) -> None:
        """Tick until `stop` is set; runs under way end then at their next request, batch or delivery, and what waits is left to the next process."""
        scheduler = BackgroundScheduler(jobstores={"default": MemoryJobStore()}, executors={"default": Ticks(1)}, timezone=UTC)
        # Runs have a pool of their own: the scheduler is locked while it shuts down, and a tick that gave it a job then would wait for ever.
        with (
            ThreadPoolExecutor(RUNS_AT_ONCE, "job") as runs,
            ThreadPoolExecutor(SUBSCRIBERS_AT_ONCE, "subscriber") as subscribers,
        ):

            def do(job: Job) -> None:
                if stop.is_set():
                    self._leave(job, slots.give_back)
                else:
                    with stops.until(stop.is_set):
                        self.do(job)

            def tell(id: str) -> None:
                if not stop.is_set():  # what waits at the end is told by the next process
                    self._notifier.advance(id)

            def tick() -> None:
                with self._looking():
                    for job in self.take_due():
                        runs.submit(do, job)
                    for id in self._notifier.due():
                        if self._notifier.take(id):
                            subscribers.submit(tell, id)

            ticking = scheduler.add_job(
                tick, _FromNow(timedelta(seconds=tick_seconds)), coalesce=True, max_instances=1, misfire_grace_time=None,
                next_run_time=datetime.now(UTC),
            )  # fmt: skip
            scheduler.start()
            try:
                # The scheduler goes by the clock on the wall: were that put back, it would sleep until the old moment comes again. This wait does not go by it.
                while not stop.wait(tick_seconds):
                    now = datetime.now(UTC)
                    if ticking.next_run_time - now > timedelta(seconds=tick_seconds):
                        ticking.modify(next_run_time=now)
            finally:
                scheduler.shutdown(wait=True)

    @contextmanager
    def _looking(self) -> Iterator[None]:
        """A look for what is due that the machine keeps from being done: a line in the log when that begins, or has another reason, and when it is over. The next tick looks again."""
        try:
            yield
        except bugs() as error:
            fault = faults.of_machine(error)
            if fault is None:
                raise
            if fault.message != self._kept_by:
                _log.warning("nothing can be begun", reason=fault.message)
            self._kept_by = fault.message
        else:
            if self._kept_by:
                _log.info("jobs are begun again")
            self._kept_by = ""

    def run_due(self) -> list[Job]:
        """Take what is due now and do it, one after the other, then tell subscribers; the answer is the jobs that were done here."""
        jobs = self.take_due()
        for job in jobs:
            self.do(job)
        self._notifier.advance_due()
        return jobs

    def take_due(self) -> list[Job]:
        """The jobs whose slot this process took."""
        self._mind_the_clock()
        now = self._store.now()
        for slot, moment in tuple(self._comes_up_again.items()):
            if not lies_ahead(to_second(moment), now, AGAIN_AFTER):
                del self._comes_up_again[slot]
                self._at_hand.discard(slot)
        taken = [job for job in self.due() if slots.take(self._store, job.key, self._owner)]
        # Only now: when the database fails in between, what was taken before is taken again at the next look.
        self._at_hand.update(job.key for job in taken)
        return taken

    def _mind_the_clock(self) -> None:
        """Forget what was taken while the clock was ahead, and what was to be waited for by then, when it was put back; also at the first look, since the process before this one may have seen that.

        Not at every look: a machine whose clock is ahead for good would do its slots again as often as this one looks.
        """
        now = self._store.now()
        if self._furthest is None or now < self._furthest - SKEW:
            slots.forget_ahead(self._store)
            self._store.write(lambda writer: waiting.forget_ahead(writer.connection, now))
            self._furthest = now
        self._furthest = max(self._furthest, now)

    def due(self) -> list[Job]:
        """What is due now and whose slot nobody has taken, or nobody who will still come to it."""
        now = self._store.now()
        with self._store.read() as connection:
            jobs = [*self._housekeeping_due(now), *self._connections_due(connection, now)]
            taken = slots.known(connection, (job.name for job in jobs))
            return [
                job
                for job in jobs
                if job.key not in self._at_hand
                and ((row := taken.get(job.key)) is None or (slots.is_loose(row, self._owner, now) and lease.is_free(connection, job.lease, now)))
            ]

    def do(self, job: Job) -> None:
        """Do a job whose slot was taken. What goes wrong is in the run's report or in the log; it never ends the worker."""
        try:
            if job.connection:
                self._run(job)
            else:
                self._keep_house(job)
        except lease.Busy:
            self._leave(job, slots.give_back)
        except slots.SlotLost:
            pass  # it waited here for so long that somebody else does it
        except bugs() as error:  # one job's bug must not end the worker
            self._not_done(job, error)
        finally:
            if job.key not in self._comes_up_again:
                self._at_hand.discard(job.key)

    def _leave(self, job: Job, how: Callable[[Store, slots.Slot, str], None]) -> None:
        """Settle its slot, or give it back: it is no longer at hand. With the database away the slot stays ours, and is taken again at a later look."""
        try:
            how(self._store, job.key, self._owner)
        except bugs() as error:
            if faults.of_machine(error) is None:
                raise
            _log.warning("slot kept", job=job.name, slot=job.slot, reason=str(error))
        finally:
            self._at_hand.discard(job.key)

    def _run(self, job: Job) -> None:
        if self._is_left_alone(job.connection):
            self._leave(job, slots.give_back)
            return
        begins = partial(slots.begin, slot=job.key, owner=self._owner)
        report = run(self._store, self._plugins, job.connection, full=job.full, begins=begins)
        _log.info(
            "run ended",
            connection=job.connection,
            run=report.id,
            state=report.state,
            reason=report.reason,
        )

    def _not_done(self, job: Job, error: BaseException) -> None:
        """What the machine kept from being done comes up again in a moment, what has a bug or cannot be done at its next slot."""
        fault = faults.of_machine(error)
        if fault is not None:
            _log.warning("job not done", job=job.name, slot=job.slot, reason=fault.message)
            self._comes_up_again[job.key] = self._store.now() + AGAIN_AFTER
            return
        if isinstance(error, FichehubError):
            _log.warning("job not done", job=job.name, slot=job.slot, reason=error.message)
        else:
            _log.exception("job failed", job=job.name, slot=job.slot)
        self._leave(job, slots.settle)

    def _keep_house(self, job: Job) -> None:
        """Its slot is settled at the end: each of these can be begun again where a process died in it."""
        held = lease.acquire(self._store, job.lease)
        try:
            with lease.kept(self._store, held):
                HOUSEKEEPING[job.name][1](self._store)
            slots.settle(self._store, job.key, self._owner)
        finally:
            held.release(self._store)

    def _is_left_alone(self, name: str) -> bool:
        """Whether the partner asked us to wait while the job waited for its turn."""
        with self._store.read() as connection:
            last_run = records.last_runs(connection).get(name)
        return last_run is not None and last_run.waits(self._store.now())

    def _housekeeping_due(self, now: datetime) -> list[Job]:
        jobs = []
        for name, (text, _) in HOUSEKEEPING.items():
            moments = schedule.parse(text).normal
            last = moments.last(now) if moments else None
            if last is not None:
                jobs.append(Job(name, to_second(last)))
        return jobs

    def _connections_due(self, connection: Connection, now: datetime) -> list[Job]:
        jobs: list[Job] = []
        stopped = stops.stopped(connection)
        if stops.ALL in stopped:
            return jobs
        runs = records.last_runs(connection)
        letters = outbox.next_attempt(connection, now)
        failed = vain.of_all(connection)
        enabled = select(connection_table).where(
            connection_table.c.state == "enabled",
            connection_table.c.schedule != "",
            connection_table.c.name.not_in(stopped),
        )
        for row in connection.execute(enabled.order_by(connection_table.c.name)):
            last_run = runs.get(row.name)
            if last_run is not None and last_run.waits(now):
                continue  # the partner asked us to wait
            owed = failed.get(row.name) if row.cursor is not None and row.full_since_run is None else None
            if last_run is not None and self._goes_on(connection, last_run, owed, now):
                jobs.append(Job(f"again {row.name}", f"{last_run.id:020}", row.name))
            elif row.name in letters and not breaker.load(connection, row.name).is_open(now):
                jobs.append(Job(f"deliver {row.name}", letters[row.name], row.name))
            planned, _ = schedule.planned(self._plugins.connectors.get(row.connector), row.name, row.schedule, row.cursor)
            for name, moments, full in (
                (f"full {row.name}", planned.full, True),
                (f"run {row.name}", planned.normal, False),
            ):
                slot = moments.last(now) if moments is not None else None
                # Before it was enabled nothing was due; when that was nobody knows once the clock was put back.
                enabled_at = row.checked_at or row.created_at
                if slot is not None and (to_second(slot) >= enabled_at or enabled_at > latest(now)):
                    jobs.append(Job(name, to_second(slot), row.name, full))
        return jobs

    def _goes_on(self, connection: Connection, last_run: records.RunReport, owed: vain.Vain | None, now: datetime) -> bool:
        """Whether there is to be a run outside of the schedule: the last one is to be tried again or was cut off, or one from the start was in vain."""
        if last_run.state == "running":
            return lease.is_free(connection, f"connection {last_run.connection}", now)
        if last_run.state == "done":
            return owed is not None and owed.is_due(now)
        return last_run.retry_at is not None
