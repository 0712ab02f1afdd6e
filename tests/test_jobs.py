"""Jobs: every slot is done exactly once however many processes tick, missed ones are made up for once, and a partner's wish to wait is obeyed."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from types import ModuleType
from typing import ClassVar

import pytest
from apscheduler.schedulers import base as scheduling
from apscheduler.schedulers.background import BackgroundScheduler
from sqlalchemy import select

from hub import jobs, plugins
from hub.connector import Connector, Finished, Source
from hub.errors import AuthFailed, Unreachable
from hub.hookspecs import hookimpl
from hub.jobs import Worker
from hub.model.moments import to_second
from hub.store import Store
from hub.store.tables import job_slot
from hub.store.tables import run as run_table
from hub.sync import connections, lease, records, status


class Clock:
    def __init__(self) -> None:
        self.moment = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.moment

    def forward(self, **by: float) -> None:
        self.moment += timedelta(**by)


class Ticks(Source):
    name = "ticks"
    title = "Counts its pulls"
    cursors: ClassVar[list[str | None]] = []
    failure: ClassVar[Exception | None] = None
    hold: ClassVar[threading.Event | None] = None
    inside: ClassVar[threading.Event] = threading.Event()

    def pull(self, cursor: str | None) -> Iterator[Finished]:
        cls = type(self)
        cls.cursors.append(cursor)
        cls.inside.set()
        if cls.hold is not None:
            assert cls.hold.wait(10)
        if cls.failure is not None:
            raise cls.failure
        yield Finished(complete=True, cursor="1")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def source() -> type[Ticks]:
    return type("FreshTicks", (Ticks,), {"cursors": [], "inside": threading.Event()})


@pytest.fixture
def store(tmp_path: Path, sqlite_database_url: str, clock: Clock) -> Iterator[Store]:
    opened = Store.open(sqlite_database_url, tmp_path / "home", now=clock)
    yield opened
    opened.close()


def loaded(*connectors: type[Connector]) -> plugins.Plugins:
    module = ModuleType("ticking")
    vars(module)["register_connectors"] = hookimpl(lambda: connectors, specname="register_connectors")
    return plugins.load([("ticking", module)], installed=False)


@pytest.fixture
def worker(store: Store, source: type[Ticks]) -> Worker:
    return Worker(store, loaded(source))


@pytest.fixture
def connect(store: Store, source: type[Ticks]) -> Callable[..., None]:
    def connect(schedule: str, name: str = "own") -> None:
        connections.add(store, loaded(source), name, "ticks", schedule=schedule)
        connections.enable(store, loaded(source), name)

    return connect


def runs(store: Store) -> list[tuple[str, str]]:
    with store.read() as db:
        return [(row.mode, row.state) for row in db.execute(select(run_table).order_by(run_table.c.id))]


def names(done: list[jobs.Job]) -> list[str]:
    return [job.name for job in done if job.connection]


def test_a_connection_runs_at_each_of_its_moments(store: Store, worker: Worker, clock: Clock, connect: Callable[..., None]) -> None:
    connect("every 15 minutes")
    clock.forward(minutes=1)
    done = []
    for _ in range(60):
        clock.forward(minutes=1)
        done += names(worker.run_due())
    assert done == ["run own"] * 5, "09:00, when it was enabled, and the four after it"
    assert [state for _, state in runs(store)] == ["done"] * 5


def test_what_runs_from_a_cursor_is_read_from_the_start_once_a_week(
    store: Store, worker: Worker, clock: Clock, source: type[Ticks], connect: Callable[..., None]
) -> None:
    connect("every 12 hours")
    clock.forward(minutes=1)
    done = []
    for _ in range(8 * 24 * 2):
        clock.forward(minutes=30)
        done += names(worker.run_due())
    assert (done.count("full own"), done.count("run own")) == (1, 8 * 2)
    assert [cursor for cursor in source.cursors if cursor is None] == [None, None], "the first run, and the one in the night to Sunday"


def test_what_was_missed_is_made_up_for_once(store: Store, worker: Worker, clock: Clock, connect: Callable[..., None]) -> None:
    connect("every 15 minutes")
    worker.run_due()
    clock.forward(days=3, minutes=7)
    assert names(worker.run_due()) == ["run own"]
    assert names(worker.run_due()) == []


@pytest.mark.parametrize(
    ("evening", "minutes", "at"),
    [
        (datetime(2026, 10, 24, 20, tzinfo=UTC), 15, datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),  # 02:30 comes twice that night
        (datetime(2026, 3, 28, 20, tzinfo=UTC), 15, datetime(2026, 3, 29, 1, 30, tzinfo=UTC)),  # and not at all in this one
        (datetime(2026, 10, 24, 20, tzinfo=UTC), 600, datetime(2026, 10, 25, 6, tzinfo=UTC)),  # the worker slept through it
        (datetime(2026, 3, 28, 20, tzinfo=UTC), 600, datetime(2026, 3, 29, 6, tzinfo=UTC)),
    ],
)
def test_a_nightly_run_is_done_once_in_the_nights_that_the_clock_changes(
    store: Store, worker: Worker, clock: Clock, connect: Callable[..., None], evening: datetime, minutes: int, at: datetime
) -> None:
    clock.moment = evening
    connect("cron 30 2 * * *; full never")
    done = []
    while clock.moment < evening + timedelta(hours=12):
        clock.forward(minutes=minutes)
        done += [clock.moment for _ in names(worker.run_due())]
    assert done == [at]


def test_nothing_is_due_before_it_was_enabled(worker: Worker, clock: Clock, connect: Callable[..., None]) -> None:
    connect("cron 0 3 * * *")
    assert names(worker.run_due()) == []
    clock.forward(hours=17)
    assert names(worker.run_due()) == ["run own"]


def test_a_paused_connection_and_one_without_a_schedule_do_not_run(
    store: Store, worker: Worker, clock: Clock, connect: Callable[..., None], source: type[Ticks]
) -> None:
    connect("")
    connect("every 1 hour", "refused")
    source.failure = AuthFailed("No.")
    assert names(worker.run_due()) == ["run refused"]
    clock.forward(hours=5)
    assert names(worker.run_due()) == []


def test_the_full_reconcile_has_a_schedule_of_its_own(
    store: Store, worker: Worker, clock: Clock, connect: Callable[..., None], source: type[Ticks]
) -> None:
    connect("every 1 hour; full cron 30 12 * * *")
    worker.run_due()
    clock.forward(hours=2, minutes=30)
    assert names(worker.run_due()) == ["full own", "run own"]
    assert source.cursors == [None, None, "1"]


def test_a_partner_that_asks_to_wait_is_left_alone_until_then(
    store: Store, worker: Worker, clock: Clock, connect: Callable[..., None], source: type[Ticks]
) -> None:
    connect("every 15 minutes")
    source.failure = Unreachable("Later.", retry_after=3600)
    worker.run_due()
    source.failure = None
    clock.forward(minutes=59)
    assert names(worker.run_due()) == []
    clock.forward(minutes=1)
    assert names(worker.run_due()) == ["again own", "run own"]
    assert names(worker.run_due()) == []


def test_a_wait_is_a_day_at_most_and_ends_when_the_connection_is_enabled(
    store: Store, worker: Worker, clock: Clock, connect: Callable[..., None], source: type[Ticks]
) -> None:
    connect("every 1 day")
    source.failure = Unreachable("Later.", retry_after=31_536_000)
    clock.forward(days=1)
    worker.run_due()
    (one,) = status.of_all(store, loaded(source))
    assert one.next_at == "2026-11-24T09:00:00Z"
    assert one.reason == "Later. It is asked again at 2026-11-24T09:00:00Z; at once with: fichehub run own"
    source.failure = None
    assert names(worker.run_due()) == []
    connections.enable(store, loaded(source), "own")
    (one,) = status.of_all(store, loaded(source))
    assert (one.next_at, one.reason) == ("2026-11-23T09:00:00Z", "Later.")
    assert names(worker.run_due()) == ["again own"]


def test_a_daily_run_that_failed_is_tried_again_the_same_day(
    store: Store, worker: Worker, clock: Clock, connect: Callable[..., None], source: type[Ticks]
) -> None:
    connect("cron 0 11 * * *")
    clock.forward(hours=2)
    source.failure = Unreachable("The line broke.")
    for _ in range(3):
        assert len(names(worker.run_due())) == 1
        clock.forward(minutes=31)
    source.failure = None
    assert names(worker.run_due()) == ["again own"]
    assert names(worker.run_due()) == []
    assert [state for _, state in runs(store)] == ["failed"] * 3 + ["done"]


def test_a_run_whose_process_died_goes_on(
    store: Store, worker: Worker, clock: Clock, connect: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    connect("cron 0 3 * * *")
    report = records.RunReport(id=0, connection="own", mode="full", state="running", started_at="2026-11-22T09:00:00Z")
    held = lease.acquire(store, "connection own")
    store.write(lambda writer: records.begin(writer.connection, report))
    assert names(worker.run_due()) == [], "it is still being worked on"
    clock.forward(seconds=held.seconds + 1)
    monkeypatch.setattr(lease, "_at_work", {})  # it was another process
    assert names(worker.run_due()) == ["again own"]
    assert [state for _, state in runs(store)] == ["stopped", "done"]


def test_a_run_that_is_late_is_not_started_beside_itself(
    store: Store, worker: Worker, clock: Clock, connect: Callable[..., None], source: type[Ticks]
) -> None:
    connect("every 1 hour")
    source.hold = threading.Event()
    thread = threading.Thread(target=worker.run_due)
    thread.start()
    assert source.inside.wait(10)
    clock.forward(seconds=lease.SECONDS + 1)
    assert names(worker.due()) == []
    clock.forward(hours=1)
    worker.run_due()
    assert runs(store) == [("full", "running")], "the slot of the next hour waits"
    source.hold.set()
    thread.join(10)
    assert names(worker.run_due()) == ["run own"]
    assert [state for _, state in runs(store)] == ["done", "done"]


def test_a_slot_that_meets_a_run_under_way_waits_for_it(store: Store, worker: Worker, clock: Clock, connect: Callable[..., None]) -> None:
    connect("every 15 minutes")
    by_hand = lease.acquire(store, "connection own")
    worker.run_due()
    assert runs(store) == []
    by_hand.release(store)
    worker.run_due()
    assert runs(store) == [("full", "done")]


@pytest.mark.parametrize("workers", [4])
def test_many_workers_do_every_slot_once(tmp_path: Path, database_url: str, clock: Clock, source: type[Ticks], workers: int) -> None:
    slots = 6
    stores = [Store.open(database_url, tmp_path / "home", now=clock) for _ in range(workers)]
    connections.add(stores[0], loaded(source), "own", "ticks", schedule="every 15 minutes")
    connections.enable(stores[0], loaded(source), "own")
    taken: Counter[tuple[str, str]] = Counter()
    failures: list[BaseException] = []
    lock = threading.Lock()
    start, end = threading.Barrier(workers + 1), threading.Barrier(workers + 1)

    def work(store: Store) -> None:
        worker = Worker(store, loaded(source))
        for _ in range(slots):
            start.wait(30)
            try:
                for job in worker.take_due():
                    with lock:
                        taken[job.name, job.slot] += 1
                    worker.do(job)
            except BaseException as error:  # noqa: BLE001  told by the test's own thread
                failures.append(error)
            end.wait(30)

    threads = [threading.Thread(target=work, args=(each,)) for each in stores]
    for thread in threads:
        thread.start()
    for _ in range(slots):
        start.wait(30)
        end.wait(30)
        clock.forward(minutes=15)
    for thread in threads:
        thread.join(30)
    for each in stores:
        each.close()
    assert failures == []
    assert {key: count for key, count in taken.items() if key[0] == "run own"} == {
        ("run own", to_second(datetime(2026, 11, 22, 9, tzinfo=UTC) + timedelta(minutes=15 * slot))): 1 for slot in range(slots)
    }
    assert len(source.cursors) == slots
    assert set(taken.values()) == {1}


def test_housekeeping_is_done_once_a_day(store: Store, worker: Worker, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    text, _ = jobs.HOUSEKEEPING["expire"]
    monkeypatch.setitem(jobs.HOUSEKEEPING, "expire", (text, lambda store: done.append(store.today())))
    for _ in range(3 * 24):
        worker.run_due()
        clock.forward(hours=1)
    assert done == ["2026-11-22", "2026-11-23", "2026-11-24", "2026-11-25"]


def test_housekeeping_itself_works(store: Store, worker: Worker, clock: Clock) -> None:
    for _ in range(30):
        worker.run_due()
        clock.forward(days=1)
    with store.read() as db:
        rows = Counter(db.execute(select(job_slot.c.job)).scalars())
    assert set(rows) == set(jobs.HOUSEKEEPING)
    assert all(count <= 9 for count in rows.values()), rows


def test_a_bug_in_a_job_does_not_end_the_worker(
    store: Store, worker: Worker, clock: Clock, connect: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(store: Store) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setitem(jobs.HOUSEKEEPING, "expire", (jobs.HOUSEKEEPING["expire"][0], fails))
    connect("every 15 minutes")
    assert names(worker.run_due()) == ["run own"]


def test_run_forever_ticks_and_stops(store: Store, worker: Worker, connect: Callable[..., None], source: type[Ticks]) -> None:
    connect("every 15 minutes")
    source.hold = threading.Event()
    stop = threading.Event()
    thread = threading.Thread(target=worker.run_forever, args=(stop,), kwargs={"tick_seconds": 0.05})
    thread.start()
    assert source.inside.wait(10)
    stop.set()
    source.hold.set()
    thread.join(10)
    assert not thread.is_alive()
    assert runs(store) == [("full", "done")], "a run under way is waited for"


def test_a_clock_on_the_wall_that_is_put_back_or_far_forward_does_not_silence_the_scheduler(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    class Wall(datetime):
        ahead = timedelta()

        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Wall:
            return cls.fromtimestamp((datetime.now(UTC) + cls.ahead).timestamp(), tz)

    def take_due() -> list[jobs.Job]:
        ticked.release()
        return []

    monkeypatch.setattr(jobs, "datetime", Wall)
    monkeypatch.setattr(scheduling, "datetime", Wall)
    ticked = threading.Semaphore(0)
    monkeypatch.setattr(worker, "take_due", take_due)
    stop = threading.Event()
    thread = threading.Thread(target=worker.run_forever, args=(stop,), kwargs={"tick_seconds": 0.05})
    thread.start()
    try:
        for hours in (0, -2, 24 * 365 * 50, -24 * 365):
            Wall.ahead = timedelta(hours=hours)
            while ticked.acquire(blocking=False):
                pass
            assert all(ticked.acquire(timeout=10) for _ in range(3)), f"no tick came any more with the clock put by {hours} hours"
    finally:
        stop.set()
        thread.join(10)
    assert not thread.is_alive()


def test_stopping_during_a_tick_ends_and_leaves_its_jobs_to_others(
    store: Store, worker: Worker, connect: Callable[..., None], source: type[Ticks], monkeypatch: pytest.MonkeyPatch
) -> None:
    connect("every 15 minutes")
    stop, closing = threading.Event(), threading.Event()
    take_due = worker.take_due

    def take_while_closing() -> list[jobs.Job]:
        stop.set()
        assert closing.wait(10)
        return take_due()

    class Scheduler(BackgroundScheduler):  # type: ignore[misc]  # it ships no types
        def shutdown(self, wait: bool = True) -> None:
            closing.set()
            super().shutdown(wait)

    monkeypatch.setattr(worker, "take_due", take_while_closing)
    monkeypatch.setattr(jobs, "BackgroundScheduler", Scheduler)
    thread = threading.Thread(target=worker.run_forever, args=(stop,), daemon=True)
    thread.start()
    thread.join(10)
    assert not thread.is_alive()
    assert source.cursors == []
    assert "run own" in names(worker.due())
