"""Jobs while a clock is ahead, and after it was put back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from hub import jobs
from hub.errors import Unreachable
from hub.jobs import Worker
from hub.store import Store
from hub.store.tables import job_slot
from hub.sync import connections, lease, slots, status
from tests.test_jobs import Clock, Ticks, clock, connect, loaded, names, runs, source, store, worker

__all__ = ["clock", "connect", "source", "store", "worker"]


def test_a_connection_that_was_enabled_while_the_clock_was_ahead_runs(
    store: Store, worker: Worker, clock: Clock, source: type[Ticks], connect: Callable[..., None]
) -> None:
    clock.forward(days=365)
    connect("every 15 minutes; full never")
    worker.run_due()
    clock.forward(days=-365)
    done = []
    for _ in range(12):
        clock.forward(minutes=15)
        done += names(worker.run_due())
    assert done == ["run own"] * 12


def test_a_clock_that_is_a_little_late_changes_nothing(store: Store, worker: Worker, clock: Clock, connect: Callable[..., None]) -> None:
    connect("cron 0 3 * * *")
    clock.forward(minutes=-5)
    assert names(worker.run_due()) == []


def test_a_wait_that_was_noted_while_the_clock_was_ahead_is_over(
    store: Store, worker: Worker, clock: Clock, source: type[Ticks], connect: Callable[..., None]
) -> None:
    connect("every 15 minutes; full never")
    worker.run_due()
    clock.forward(days=30)
    source.failure = Unreachable("Later.", retry_after=80_000)
    worker.run_due()
    source.failure = None
    clock.forward(days=-30)
    (one,) = status.of_all(store, loaded(source))
    assert (one.next_at, "asked again" in one.reason) == ("2026-11-22T09:15:00Z", False)
    assert names(worker.run_due())[0] == "again own"
    assert runs(store)[-1] == ("incremental", "done")


def test_a_wait_from_a_clock_that_was_less_than_a_day_ahead_is_over_when_a_worker_looks(
    store: Store, worker: Worker, clock: Clock, source: type[Ticks], connect: Callable[..., None]
) -> None:
    connect("every 1 day; full never")
    worker.run_due()
    clock.forward(hours=20)
    source.failure = Unreachable("Later.", retry_after=3_600)
    worker.run_due()
    clock.forward(hours=-20)
    assert "again own" in names(Worker(store, loaded(source)).run_due()), "also one that began later"
    assert names(worker.run_due()) == [], "what a clock that is right noted is waited for"


def test_a_lease_from_a_clock_that_was_ahead_is_not_held_for_a_year(store: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "_at_work", {})
    monkeypatch.setattr(lease, "me", lambda: "another-machine|1|1|x")
    clock.forward(days=365)
    held = lease.acquire(store, "connection own")
    monkeypatch.setattr(lease, "_at_work", {})
    with store.read() as db:
        assert not lease.is_free(db, "connection own", clock())
        clock.forward(days=-365)
        assert lease.is_free(db, "connection own", clock())
    assert not held.is_fresh(), "who lives prolongs it at the next beat"
    store.write(lambda writer: held.hold(writer.connection))
    with store.read() as db:
        assert not lease.is_free(db, "connection own", clock())


def test_old_slots_are_forgotten_but_not_so_soon_that_a_clock_that_was_put_back_does_them_again(
    store: Store, worker: Worker, clock: Clock, connect: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "HOUSEKEEPING", {})
    connect("cron 0 3 * * *; full never")
    for day in range(1, 21):
        clock.moment = datetime(2026, 12, day, 3, tzinfo=UTC)
        assert names(worker.run_due()) == ["run own"]
        slots.prune(store)
    with store.read() as db:
        kept = db.execute(select(job_slot.c.slot).order_by(job_slot.c.slot)).scalars().all()
    assert [slot[:10] for slot in kept] == [f"2026-12-{day}" for day in range(13, 21)]
    clock.moment = datetime(2026, 12, 18, 12, tzinfo=UTC)
    assert names(worker.run_due()) == []


@pytest.mark.parametrize("restarted", [False, True])
def test_slots_of_days_ahead_do_not_silence_the_hub(
    tmp_path: Path, database_url: str, clock: Clock, source: type[Ticks], monkeypatch: pytest.MonkeyPatch, restarted: bool
) -> None:
    monkeypatch.setattr(jobs, "HOUSEKEEPING", {"prune": jobs.HOUSEKEEPING["prune"]})
    store = Store.open(database_url, tmp_path / "home", now=clock)
    connections.add(store, loaded(source), "own", "ticks", schedule="every 3 hours; full never")
    connections.enable(store, loaded(source), "own")
    worker = Worker(store, loaded(source))
    done = []
    for _ in range(3 * 24):
        clock.forward(hours=1)
        done += names(worker.run_due())
    clock.forward(days=-3)
    if restarted:
        worker = Worker(store, loaded(source))
    again = []
    for _ in range(3 * 24):
        clock.forward(hours=1)
        again += names(worker.run_due())
    store.close()
    assert again == done[1:] == ["run own"] * 24, "each but the first, whose moment had come"


def test_what_was_begun_late_on_a_clock_that_was_ahead_is_nobodys(
    store: Store, worker: Worker, clock: Clock, source: type[Ticks], connect: Callable[..., None]
) -> None:
    connect("every 1 day; full never")
    clock.forward(days=1, hours=5)
    assert names(worker.run_due()) == ["run own"]
    clock.forward(hours=-4)
    other = Worker(store, loaded(source))
    assert names(other.due()) == ["run own"], "it was taken at a moment that has not come"
    under_way = lease.acquire(store, "connection own")
    assert names(other.due()) == [], "its lease tells that it is under way"
    under_way.release(store)
    (job,) = (job for job in other.due() if job.connection)
    assert slots.take(store, job.key, "another-machine|1|1|x"), "whoever comes first"
    assert not slots.take(store, job.key, "a-third-machine|1|1|x")


def test_slots_from_a_clock_that_was_ahead_are_done_when_they_come(
    store: Store, worker: Worker, clock: Clock, connect: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "HOUSEKEEPING", {})
    connect("cron 0 3 1 * *; full never")
    clock.moment = datetime(2026, 12, 1, 3, tzinfo=UTC)
    assert names(worker.run_due()) == ["run own"]
    clock.moment = datetime(2027, 1, 1, 3, tzinfo=UTC)
    assert names(worker.run_due()) == ["run own"]
    clock.moment = datetime(2026, 12, 20, 3, tzinfo=UTC)
    for _ in range(3):
        slots.prune(store)
        assert names(worker.run_due()) == [], "what was done on the first of December stays done"
        clock.forward(days=1)
    clock.moment = datetime(2027, 1, 1, 3, tzinfo=UTC)
    assert names(worker.run_due()) == ["run own"]
