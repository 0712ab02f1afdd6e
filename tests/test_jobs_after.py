"""Jobs after something went wrong: a process was killed, the database was away, a run from the start failed."""

from __future__ import annotations

import errno
import multiprocessing
import os
import random
import signal
import threading
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError
from structlog.testing import capture_logs

from hub import jobs
from hub.errors import StoreBusy, Unreachable
from hub.jobs import Worker
from hub.store import Store, Writer
from hub.store.tables import job_slot
from hub.sync import connections, overdue, slots, status
from tests.test_jobs import Clock, Ticks, clock, connect, loaded, names, runs, source, store, worker
from tests.test_jobs_in_processes import BEGAN, offered

__all__ = ["clock", "connect", "source", "store", "worker"]
WEEKLY = "every 15 minutes; full cron 0 3 * * sun"
SUNDAY = datetime(2026, 11, 29, 2, 1, tzinfo=UTC)
"""A minute after a weekly full run is due."""


# --- a process that is gone ----------------------------------------------------------------------------------------------------


def take_and_die(url: str, home: str) -> None:
    """A worker's process: it takes what is due, and is killed before it comes to any of it."""
    taken = Worker(Store.open(url, Path(home), now=lambda: BEGAN), offered()).take_due()
    assert len(taken) > 6
    os.kill(os.getpid(), signal.SIGKILL)


def test_what_a_killed_process_took_and_did_not_begin_is_done_by_the_next_at_once(tmp_path: Path, database_url: str) -> None:
    store = Store.open(database_url, tmp_path / "home", now=lambda: BEGAN)
    every = [f"c{number}" for number in range(6)]
    for name in every:
        connections.add(store, offered(), name, "empty", schedule="cron 0 10 * * *")
        connections.enable(store, offered(), name)
    dying = multiprocessing.get_context("spawn").Process(target=take_and_die, args=(database_url, str(tmp_path / "home")))
    dying.start()
    dying.join(60)
    assert dying.exitcode == -signal.SIGKILL
    worker = Worker(store, offered())
    assert [job.connection for job in worker.run_due() if job.connection] == every
    assert worker.run_due() == [], "housekeeping neither"
    with store.read() as db:
        assert set(db.execute(select(job_slot.c.owner)).scalars()) == {""}
    assert runs(store) == [("full", "done")] * 6
    store.close()


def test_of_two_who_took_the_same_slot_one_runs_it(
    store: Store, worker: Worker, clock: Clock, source: type[Ticks], connect: Callable[..., None]
) -> None:
    connect("every 1 day")
    clock.forward(days=1)
    taken = worker.take_due()
    clock.forward(minutes=9)
    other = Worker(store, loaded(source))
    assert names(other.due()) == [], "whoever took it may still come to it"
    clock.forward(minutes=1)
    assert names(worker.due()) == [], "it waits in this very process"
    assert names(other.run_due()) == ["run own"]
    for job in taken:
        worker.do(job)
    assert runs(store) == [("full", "done")]


def test_housekeeping_in_which_a_process_died_is_done_again(
    store: Store, worker: Worker, clock: Clock, source: type[Ticks], monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []

    def tidy(store: Store) -> None:
        done.append(store.today())
        clock.forward(hours=1)
        assert [job.name for job in Worker(store, loaded(source)).due() if job.name == "tidy"] == [], "it is under way, however long"
        if len(done) == 1:
            raise KeyboardInterrupt  # as when the process is killed

    monkeypatch.setattr(jobs, "HOUSEKEEPING", {"tidy": (jobs.HOUSEKEEPING["tidy"][0], tidy)})
    with pytest.raises(KeyboardInterrupt):
        worker.run_due()
    clock.forward(minutes=10)
    other = Worker(store, loaded(source))
    assert [job.name for job in other.run_due()] == ["tidy"]
    assert other.run_due() == worker.run_due() == []
    assert done == ["2026-11-22"] * 2


def test_a_job_that_waited_for_its_turn_leaves_a_partner_alone_that_asked_for_it_meanwhile(
    store: Store, worker: Worker, clock: Clock, source: type[Ticks], connect: Callable[..., None]
) -> None:
    connect(WEEKLY)
    worker.run_due()
    clock.moment = SUNDAY
    source.failure = Unreachable("Later.", retry_after=3600)
    assert names(worker.run_due()) == ["full own", "run own"]
    assert source.cursors == [None, None], "it was asked for everything, and not for changes right after it had said later"
    source.failure = None
    clock.forward(hours=1)
    worker.run_due()
    assert source.cursors[2:] == [None, "1"]


# --- a database that is busy or away for a moment --------------------------------------------------------------------------------


class Away:
    """The next `writes` of any store fail, as when the database is being written by somebody else, or started again."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
        self.writes = 0
        whole = Store.write

        def write(store: Store, work: Callable[[Writer], object], **options: object) -> object:
            if self.writes:
                self.writes -= 1
                raise error
            return whole(store, work, **options)  # type: ignore[arg-type]

        monkeypatch.setattr(Store, "write", write)


@pytest.fixture(
    params=[StoreBusy("It is being written."), OperationalError("UPDATE", {}, Exception("the server is starting up"))], ids=["busy", "away"]
)
def away(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Away:
    return Away(monkeypatch, request.param)


def test_a_database_that_is_away_when_a_run_begins_costs_no_slot(
    tmp_path: Path, database_url: str, clock: Clock, source: type[Ticks], away: Away
) -> None:
    store = Store.open(database_url, tmp_path / "home", now=clock)
    connections.add(store, loaded(source), "own", "ticks", schedule="every 1 day; full cron 0 12 * * *")
    connections.enable(store, loaded(source), "own")
    worker = Worker(store, loaded(source))
    clock.forward(hours=3)
    taken = {job.name: job for job in worker.take_due()}
    away.writes = 1
    worker.do(taken["full own"])
    assert away.writes == 0
    assert runs(store) == []
    assert names(worker.run_due()) == [], "not at every tick while the database is away"
    clock.forward(seconds=jobs.AGAIN_AFTER.seconds)
    assert names(worker.run_due()) == ["full own"], "by this very worker"
    assert names(worker.run_due()) == []
    assert runs(store) == [("full", "done")]
    store.close()


def test_a_job_that_is_at_hand_is_not_taken_again(store: Store, worker: Worker, clock: Clock, connect: Callable[..., None]) -> None:
    connect("every 1 day; full never")
    clock.forward(days=1)
    (job,) = (job for job in worker.take_due() if job.connection)
    assert worker.take_due() == []
    clock.forward(days=-1, hours=-1)
    worker.take_due()
    clock.forward(days=1, hours=1)
    assert names(worker.take_due()) == [], "nor when its slot was forgotten"
    worker.do(job)
    assert runs(store) == []
    assert names(worker.run_due()) == ["run own"]


def test_housekeeping_whose_end_could_not_be_noted_is_done_again(
    store: Store, worker: Worker, clock: Clock, monkeypatch: pytest.MonkeyPatch, away: Away
) -> None:
    done: list[str] = []

    def tidy(store: Store) -> None:
        done.append(store.today())
        away.writes = 1 if len(done) == 1 else 0

    monkeypatch.setattr(jobs, "HOUSEKEEPING", {"tidy": (jobs.HOUSEKEEPING["tidy"][0], tidy)})
    for _ in range(3):
        worker.run_due()
        clock.forward(seconds=jobs.AGAIN_AFTER.seconds)
    assert done == ["2026-11-22"] * 2


def test_what_was_taken_before_the_database_went_away_is_taken_again(
    store: Store, worker: Worker, clock: Clock, connect: Callable[..., None], monkeypatch: pytest.MonkeyPatch, away: Away
) -> None:
    monkeypatch.setattr(jobs, "HOUSEKEEPING", {})
    connect("every 1 day; full never", "first")
    connect("every 1 day; full never", "second")
    clock.forward(days=1)
    take = slots.take

    def take_one(store: Store, slot: slots.Slot, owner: str) -> bool:
        taken = take(store, slot, owner)
        away.writes = 1
        return taken

    monkeypatch.setattr(slots, "take", take_one)
    with pytest.raises((StoreBusy, OperationalError)):
        worker.take_due()
    monkeypatch.setattr(slots, "take", take)
    assert names(worker.run_due()) == ["run first", "run second"]


def test_a_look_for_what_is_due_that_the_machine_keeps_from_being_done_is_told_once(
    worker: Worker, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone, full = OperationalError("SELECT", {}, Exception("connection refused")), OSError(errno.ENOSPC, "no space left on device")
    looks: list[Exception | None] = [gone, gone, gone, full, full, None, None, gone, None]
    stop = threading.Event()

    def take_due() -> list[jobs.Job]:
        if not looks:
            stop.set()
            return []
        found = looks.pop(0)
        if found is not None:
            raise found
        return []

    monkeypatch.setattr(worker, "take_due", take_due)
    with capture_logs() as told:
        thread = threading.Thread(target=worker.run_forever, args=(stop,), kwargs={"tick_seconds": 0.01})
        thread.start()
        thread.join(30)
    assert not thread.is_alive()
    assert caplog.records == [], "the scheduler saw no error"
    begins = [(one["event"], str(one.get("reason", ""))[:12]) for one in told]
    away, room, again = ("nothing can be begun", "The database"), ("nothing can be begun", "A disk is fu"), ("jobs are begun again", "")
    assert begins == [away, room, again, away, again]


def test_a_bug_in_a_look_for_what_is_due_is_told_as_one(worker: Worker, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    stop = threading.Event()

    def take_due() -> list[jobs.Job]:
        stop.set()
        raise RuntimeError("a bug")

    monkeypatch.setattr(worker, "take_due", take_due)
    worker.run_forever(stop, tick_seconds=0.01)
    (record,) = caplog.records
    assert record.exc_info is not None


# --- a run from the start that came to nothing -----------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["failed", "killed"])
def test_a_full_run_that_came_to_nothing_is_tried_again_as_one(
    store: Store, worker: Worker, clock: Clock, source: type[Ticks], connect: Callable[..., None], monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setattr(random, "random", lambda: 1.0)  # or a second attempt may fall into the same second
    connect(WEEKLY)
    worker.run_due()
    clock.moment = SUNDAY
    source.failure = Unreachable("The line broke.") if how == "failed" else KeyboardInterrupt()  # type: ignore[assignment]
    if how == "killed":
        monkeypatch.setattr(import_module("hub.sync.run"), "_end", lambda *about, **more: None)  # the record goes on saying that it runs
        with pytest.raises(KeyboardInterrupt):
            worker.run_due()
        monkeypatch.undo()
    else:
        worker.run_due()
        (one,) = status.of_all(store, loaded(source))
        assert (
            "The run from the start of 2026-11-29T02:01:00Z was broken off with no place to go on from. The next run begins at the start"
            in one.reason
        )
    monkeypatch.setattr(jobs, "HOUSEKEEPING", {overdue.BEAT: jobs.HOUSEKEEPING[overdue.BEAT]})
    source.failure = None
    source.cursors.clear()
    for _ in range(4 * 24):
        clock.forward(minutes=15)
        worker.run_due()
    assert Counter(source.cursors)[None] == 1
    assert source.cursors[0] is None
    assert len(source.cursors) >= 4 * 24
    (one,) = status.of_all(store, loaded(source))
    assert one.reason == "Everything is as it should be."


def test_a_source_that_never_gives_itself_whole_is_not_asked_for_it_every_time(
    store: Store, worker: Worker, clock: Clock, source: type[Ticks], connect: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "HOUSEKEEPING", {})
    connect("every 30 minutes; full cron 0 3 * * sun")
    worker.run_due()
    source.cursors.clear()
    clock.moment = SUNDAY
    monkeypatch.setattr("random.random", lambda: 0.0)
    whole = source.pull

    def pull(self: Ticks, cursor: str | None) -> object:
        yield from whole(self, cursor) if cursor is not None else ()
        if cursor is None:
            source.cursors.append(None)
            raise Unreachable("That is too much.")

    monkeypatch.setattr(source, "pull", pull)
    tried = []
    before = 0
    for minute in range(0, 2 * 24 * 60, 30):
        worker.run_due()
        tried += [minute // 60] * source.cursors[before:].count(None)
        before = len(source.cursors)
        clock.forward(minutes=30)
    assert tried == [0, 0, 1, 7, 31], "at once, an hour later, six hours later, then once a day"
    assert source.cursors.count("1") >= 2 * 24 * 2 - 10, "its changes come all the same"


def test_an_owed_full_run_does_not_wait_for_the_next_slot(
    store: Store, worker: Worker, clock: Clock, source: type[Ticks], connect: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    connect("cron 0 3 * * *; full cron 30 3 * * sun")
    clock.moment = datetime(2026, 11, 28, 3, tzinfo=UTC)
    worker.run_due()
    clock.moment = datetime(2026, 11, 29, 2, 31, tzinfo=UTC)
    source.failure = Unreachable("Down.")
    monkeypatch.setattr("random.random", lambda: 0.0)
    worker.run_due()
    worker.run_due()
    source.failure = None
    source.cursors.clear()
    worker.run_due()
    assert source.cursors == ["1"], "the second try came to nothing as well: changes first"
    clock.forward(hours=1)
    assert names(worker.run_due()) == ["again own"]
    assert source.cursors == ["1", None]
    assert names(worker.run_due()) == []
