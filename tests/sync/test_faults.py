"""A database that is away, too busy or full in the middle of a run is no bug of the connector: it is said in plain words, tried again, and nobody waits for who is gone."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import psycopg
import pytest
from sqlalchemy import event, select
from sqlalchemy.exc import OperationalError

from hub.connector import Finished, Incoming, Source
from hub.errors import AuthFailed, StoreBusy
from hub.jobs import AGAIN_AFTER, Worker
from hub.plugins import Plugins
from hub.store import Store, database
from hub.store.tables import run as run_table
from hub.sync import connections, faults, lease, patience, records, run
from tests.own_postgres import PostgresServer
from tests.sync.conftest import Clock
from tests.sync.pulling import stored
from tests.sync.rows import row
from tests.web.test_away import hang_up

Offer = Callable[..., Plugins]


class Broken(Source):
    """Gives a row, does `meanwhile`, once, and gives another."""

    name = "rows"
    title = "Rows"
    meanwhile: ClassVar[list[Callable[[], object]]] = []

    def pull(self, cursor: str | None) -> Iterator[Incoming | Finished]:
        yield Incoming(row(1))
        if self.meanwhile:
            self.meanwhile.pop()()
        yield Incoming(row(2))
        yield Finished(complete=True)


def connected(store: Store, offer: Offer, meanwhile: Callable[[], object]) -> Plugins:
    """The connection `own`, which runs once a day."""
    plugins = offer(type("Once", (Broken,), {"meanwhile": [meanwhile]}))
    connections.add(store, plugins, "own", "rows", schedule="every 1 day")
    connections.enable(store, plugins, "own")
    return plugins


def runs(store: Store) -> list[tuple[str, str]]:
    with store.read() as db:
        return [(row.state, row.reason) for row in db.execute(select(run_table).order_by(run_table.c.id))]


def let_go(store: Store, clock: Clock) -> bool:
    with store.read() as db:
        return lease.is_free(db, "connection own", clock())


def goes_on(store: Store, plugins: Plugins, clock: Clock) -> None:
    """A worker does the rest by itself, long before the next day."""
    clock.forward(minutes=31)
    jobs = Worker(store, plugins).run_due()
    assert next(job.name for job in jobs if job.connection) == "again own"
    assert runs(store)[1] == ("done", "")
    assert stored(store) == ["000001", "000002"]


@pytest.fixture
def waited(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long was waited for the database, without waiting."""
    waits: list[float] = []

    def pause(seconds: float, ends: Callable[[], bool]) -> bool:
        waits.append(seconds)
        return not ends()

    monkeypatch.setattr(patience, "pause", pause)
    return waits


def test_a_session_that_is_ended_in_the_middle_of_a_transaction(
    postgres_database_url: str, tmp_path: Any, offer: Offer, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store.open(postgres_database_url, tmp_path / "home", now=clock)
    save, kicked = records.save, [False]

    def kicks(connection: Any, report: Any) -> None:
        if report.read and not kicked[0]:
            kicked[0] = True
            hang_up(store)
        save(connection, report)

    monkeypatch.setattr(records, "save", kicks)
    plugins = connected(store, offer, lambda: None)
    report = run(store, plugins, "own")
    assert (report.state, report.reason, kicked) == ("failed", faults.AWAY(), [True])
    assert report.retry_at is not None and report.retry_at < "2026-11-22T09:01:01Z"
    assert runs(store) == [("failed", faults.AWAY())] and let_go(store, clock)
    goes_on(store, plugins, clock)
    store.close()


def test_a_database_that_is_away_for_some_seconds(
    postgres_server: PostgresServer, postgres_database_url: str, tmp_path: Any, offer: Offer, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store.open(postgres_database_url, tmp_path / "home", now=clock)

    def lets_in(whom: bool) -> None:
        with psycopg.connect(postgres_server.url(), autocommit=True) as other:
            other.execute(f'ALTER DATABASE "{store.engine.url.database}" ALLOW_CONNECTIONS {whom}')
            other.execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s", (store.engine.url.database,))

    waits: list[float] = []

    def pause(seconds: float, ends: Callable[[], bool]) -> bool:
        waits.append(seconds)
        if len(waits) == 3:
            lets_in(True)
        return True

    monkeypatch.setattr(patience, "pause", pause)
    plugins = connected(store, offer, lambda: lets_in(False))
    report = run(store, plugins, "own")
    assert (report.state, report.reason, waits) == ("failed", faults.AWAY(), [1.0, 2.0, 4.0])
    assert report.retry_at is not None
    assert runs(store) == [("failed", faults.AWAY())] and let_go(store, clock), "nobody reads that it still runs"
    goes_on(store, plugins, clock)
    store.close()


@pytest.fixture
def holder(store: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[sqlite3.Connection]:
    """Another program that writes the same file; nobody waits for it here."""
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.0)
    other = sqlite3.connect(str(store.engine.url.database), isolation_level=None, check_same_thread=False)
    yield other
    other.close()


def test_another_program_that_writes_for_too_long(
    store: Store, offer: Offer, clock: Clock, holder: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pause(seconds: float, ends: Callable[[], bool]) -> bool:
        holder.execute("ROLLBACK")
        return True

    monkeypatch.setattr(patience, "pause", pause)
    plugins = connected(store, offer, lambda: holder.execute("BEGIN IMMEDIATE"))
    report = run(store, plugins, "own")
    assert (report.state, report.reason) == ("failed", faults.BUSY())
    assert report.retry_at is not None
    assert runs(store) == [("failed", faults.BUSY())] and let_go(store, clock)
    goes_on(store, plugins, clock)


def test_an_end_that_cannot_be_written_is_let_go_of_and_the_run_is_taken_up_again(
    store: Store, offer: Offer, clock: Clock, holder: sqlite3.Connection, waited: list[float]
) -> None:
    plugins = connected(store, offer, lambda: holder.execute("BEGIN IMMEDIATE"))
    with pytest.raises(StoreBusy):
        run(store, plugins, "own")
    assert waited == list(patience.WAITS)
    assert runs(store) == [("running", "")]
    assert let_go(store, clock), "this process knows, though nobody could be told"
    holder.execute("ROLLBACK")
    jobs = Worker(store, plugins).run_due()
    assert next(job.name for job in jobs if job.connection) == "again own"
    assert runs(store) == [("stopped", records.CUT_OFF()), ("done", "")]


def test_a_full_disk(store: Store, offer: Offer, clock: Clock, waited: list[float]) -> None:
    small = [False]

    @event.listens_for(store.engine, "begin")
    def room(connection: Any) -> None:
        raw = connection.connection.driver_connection
        pages = raw.execute("PRAGMA page_count").fetchone()[0]
        raw.execute(f"PRAGMA max_page_count = {pages if small[0] else 1_000_000}")

    class Large(Source):
        name = "rows"
        title = "Rows"

        def pull(self, cursor: str | None) -> Iterator[Incoming | Finished]:
            small[0] = not small[0]
            yield from (Incoming(row(number, name=f"{number} " * 100)) for number in range(300))
            yield Finished(complete=True)

    plugins = offer(Large)
    connections.add(store, plugins, "own", "rows", schedule="every 1 day")
    connections.enable(store, plugins, "own")
    report = run(store, plugins, "own")
    assert (report.state, report.reason) == ("failed", faults.DISK_FULL())
    assert report.retry_at is not None
    assert connections.get(store, plugins, "own").state == "enabled"
    small[0] = True  # the next run makes room
    clock.forward(minutes=31)
    Worker(store, plugins).run_due()
    assert runs(store) == [("failed", faults.DISK_FULL()), ("done", "")]


def test_a_connection_is_paused_also_when_the_database_is_busy_just_then(
    store: Store, offer: Offer, holder: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused() -> None:
        holder.execute("BEGIN IMMEDIATE")
        raise AuthFailed("The key is not known.")

    def pause(seconds: float, ends: Callable[[], bool]) -> bool:
        holder.execute("ROLLBACK")
        return True

    monkeypatch.setattr(patience, "pause", pause)
    source = type("Refused", (Broken,), {"meanwhile": [refused], "pull": lambda self, cursor: self.meanwhile[0]() or iter(())})
    plugins = offer(source)
    connections.add(store, plugins, "own", "rows")
    connections.enable(store, plugins, "own")
    assert run(store, plugins, "own").state == "failed"
    paused = connections.get(store, plugins, "own")
    assert (paused.state, paused.reason) == ("paused", "The key is not known.")


def test_a_job_that_could_not_begin_comes_up_again_in_a_minute(store: Store, offer: Offer, clock: Clock, holder: sqlite3.Connection) -> None:
    plugins = connected(store, offer, lambda: None)
    worker = Worker(store, plugins)
    clock.forward(days=1)
    (job,) = [job for job in worker.take_due() if job.connection]
    holder.execute("BEGIN IMMEDIATE")
    worker.do(job)
    holder.execute("ROLLBACK")
    assert (runs(store), worker.take_due()) == ([], [])
    clock.forward(seconds=AGAIN_AFTER.total_seconds())
    (again,) = [job for job in worker.take_due() if job.connection]
    assert again == job
    worker.do(again)
    assert runs(store) == [("done", "")]


def test_the_words_name_what_is_wrong_and_what_to_do() -> None:
    refused = OperationalError("UPDATE run", (), sqlite3.OperationalError("disk I/O error"))
    assert refused.orig is not None
    vars(refused.orig)["sqlite_errorcode"] = sqlite3.SQLITE_IOERR | 10 << 8
    told = faults.of_machine(refused)
    assert told is not None and "(disk I/O error)" in told.message and "Give this user the right" in told.message
    full = faults.of_machine(OSError(errno.ENOSPC, "No space left on device"))
    assert full is not None and full.message == faults.DISK_FULL()
    assert faults.of_machine(RuntimeError("a bug")) is None


def test_waiting_ends_with_the_process_and_never_for_a_bug(waited: list[float]) -> None:
    tried: list[int] = []

    def work(error: Exception) -> Callable[[], None]:
        def raises() -> None:
            tried.append(1)
            raise error

        return raises

    with pytest.raises(RuntimeError):
        patience.insist(work(RuntimeError()), "it", lambda: False)
    assert (len(tried), waited) == (1, [])
    with pytest.raises(StoreBusy):
        patience.insist(work(StoreBusy("Locked.")), "it", lambda: True)
    assert (len(tried), waited) == (2, [1.0])
    with pytest.raises(StoreBusy):
        patience.insist(work(StoreBusy("Locked.")), "it", lambda: False)
    assert (len(tried), waited[1:]) == (2 + len(patience.WAITS) + 1, list(patience.WAITS))
    assert list(patience.WAITS) == sorted(patience.WAITS) and sum(patience.WAITS) < lease.SECONDS / 2


def test_a_pause_is_as_long_as_asked_unless_the_process_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    moment = [100.0]

    class Time:
        @staticmethod
        def monotonic() -> float:
            return moment[0]

        @staticmethod
        def sleep(seconds: float) -> None:
            moment[0] += seconds

    monkeypatch.setattr(patience, "time", Time)
    assert patience.pause(3.2, lambda: False)
    assert moment[0] == pytest.approx(103.2)
    assert not patience.pause(30.0, lambda: moment[0] > 104)
    assert moment[0] < 105
