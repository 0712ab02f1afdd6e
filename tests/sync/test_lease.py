"""A lease is kept for as long as its run goes on in a living process, however slow, and by nobody after that."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import IO, Any, ClassVar

import pytest
from sqlalchemy import Connection, select, update

from hub.connector import Export, Finished, Incoming, Source
from hub.model.entity import Entity
from hub.model.query import Query
from hub.plugins import Plugins
from hub.store import Store
from hub.store.tables import lease as table
from hub.sync import connections, lease, records, run
from hub.sync.lease import SECONDS, Busy, LeaseLost, acquire, kept
from tests.sync.conftest import Clock
from tests.sync.rows import row
from tests.sync.test_follower import until

Offer = Callable[..., Plugins]


@pytest.fixture(autouse=True)
def as_others_see_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beats come at once, and nobody knows of the threads of this process."""
    monkeypatch.setattr(lease, "BEATS", SECONDS * 100)
    monkeypatch.setattr(lease, "_at_work", {})


def is_free(store: Store, clock: Clock, name: str = "connection own") -> bool:
    lease._at_work.clear()
    with store.read() as db:
        return lease.is_free(db, name, clock())


class Slow(Source):
    """Does `meanwhile` between its first row and its last."""

    name = "rows"
    title = "Slow"
    meanwhile: ClassVar[Callable[[], object]]

    def pull(self, cursor: str | None) -> Iterator[Incoming | Finished]:
        yield Incoming(row(1))
        type(self).meanwhile()
        yield Incoming(row(2))
        yield Finished(complete=True)


def test_a_page_that_takes_longer_than_the_lease_does_not_lose_it(any_store: Store, offer: Offer, clock: Clock) -> None:
    def an_hour() -> None:
        for _ in range(4):
            clock.forward(seconds=SECONDS - 1)  # a moment before it is over; then the next beat must come
            until(lambda: not is_free(any_store, clock) and _until(any_store) >= clock().timestamp() + SECONDS)

    slow = type("Sleepy", (Slow,), {"meanwhile": staticmethod(an_hour)})
    plugins = offer(slow)
    connections.add(any_store, plugins, "own", "rows")
    connections.enable(any_store, plugins, "own")
    report = run(any_store, plugins, "own")
    assert (report.state, report.changed) == ("done", 2)
    assert is_free(any_store, clock), "it is let go of at the end"


def test_a_file_that_takes_longer_than_the_lease_does_not_lose_it(store: Store, offer: Offer, clock: Clock) -> None:
    class Book(Export):
        name = "book"
        title = "A book"

        def query(self) -> Query:
            return Query(types=("organisatie",))

        def write(self, entities: Iterable[Entity], file: IO[bytes]) -> int:
            clock.forward(seconds=SECONDS - 1)
            until(lambda: _until(store) >= clock().timestamp() + SECONDS)
            return file.write(b"whole")

    plugins = offer(Book)
    connections.add(store, plugins, "own", "book")
    connections.enable(store, plugins, "own")
    assert run(store, plugins, "own").state == "done"


def _until(store: Store) -> float:
    with store.read() as db:
        return float(db.execute(select(table.c.until)).scalar_one())


def test_a_lease_that_was_taken_over_is_not_taken_back(any_store: Store, clock: Clock) -> None:
    held = acquire(any_store, "connection own")
    theirs = update(table).values(owner="elsewhere|1|1|x", token=table.c.token + 1, until=1.0)
    threads = threading.active_count()
    with kept(any_store, held):
        any_store.write(lambda writer: writer.connection.execute(theirs))
        until(lambda: threading.active_count() == threads)
        with any_store.read() as db:
            assert db.execute(select(table.c.owner, table.c.until)).one() == ("elsewhere|1|1|x", 1.0)
        with pytest.raises(LeaseLost):
            any_store.write(lambda writer: held.hold(writer.connection))


def test_no_thread_writes_beside_a_load_whose_commits_prolong_the_lease(store: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    held = acquire(store, "connection own")
    looked: list[int] = []
    written: list[str] = []
    is_fresh, hold = lease.Lease.is_fresh, lease.Lease.hold

    def looking(self: lease.Lease) -> bool:
        looked.append(1)
        return is_fresh(self)

    def holding(self: lease.Lease, connection: Connection) -> None:
        written.append(threading.current_thread().name)
        hold(self, connection)

    monkeypatch.setattr(lease.Lease, "is_fresh", looking)
    monkeypatch.setattr(lease.Lease, "hold", holding)
    store.write(lambda writer: held.hold(writer.connection))
    with kept(store, held):
        until(lambda: len(looked) > 3)
        assert written == ["MainThread"]
        clock.forward(seconds=SECONDS / 2)
        until(lambda: len(written) > 1)


def test_a_lease_that_was_prolonged_slowly_is_no_fresher_than_its_row(store: Store, clock: Clock) -> None:
    """Else the next beat passes it over, though it is about to be over."""
    held = acquire(store, "connection own")

    def slowly() -> datetime:
        now = clock()
        clock.forward(seconds=SECONDS - 1)
        return now

    held.now = slowly
    store.write(lambda writer: held.hold(writer.connection))
    held.now = clock
    assert _until(store) == clock().timestamp() + 1
    assert not held.is_fresh()


def test_a_writer_in_the_way_ends_no_beat(store: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    held = acquire(store, "connection own")
    tried: list[int] = []
    hold = lease.Lease.hold

    def failing(self: lease.Lease, connection: Connection) -> None:
        tried.append(1)
        if len(tried) < 3:
            raise OSError("The disk is full.")
        hold(self, connection)

    monkeypatch.setattr(lease.Lease, "hold", failing)
    with kept(store, held):
        clock.forward(seconds=SECONDS / 2)
        until(lambda: _until(store) >= clock().timestamp() + SECONDS)
    assert len(tried) >= 3


def test_a_commit_that_takes_longer_than_the_lease_ends_with_all_of_its_time(
    any_store: Store, offer: Offer, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No beat gets through while it goes on; whoever waited for it must not find the lease over."""
    monkeypatch.setattr(lease, "BEATS", 10)
    source = type("Quick", (Slow,), {"meanwhile": staticmethod(lambda: None)})
    plugins = offer(source)
    connections.add(any_store, plugins, "own", "rows")
    connections.enable(any_store, plugins, "own")
    seen: list[bool] = []
    keep = records.save

    def slow(connection: Connection, report: Any) -> None:
        keep(connection, report)
        if report.state == "running":
            clock.forward(seconds=SECONDS + 1)

    monkeypatch.setattr("hub.sync.records.save", slow)
    assert run(any_store, plugins, "own", progress=lambda *told: seen.append(is_free(any_store, clock))).state == "done"
    assert seen and not any(seen)


WORKING = """
import sys
from pathlib import Path
from hub.store import Store
from hub.sync import lease
lease.BEATS = lease.SECONDS * 100
store = Store.open(sys.argv[1], Path(sys.argv[2]))
with lease.kept(store, lease.acquire(store, "connection own")):
    print("ready", flush=True)
    sys.stdin.read()
"""


def test_a_killed_process_keeps_nothing(tmp_path: Path, sqlite_database_url: str) -> None:
    store = Store.open(sqlite_database_url, tmp_path / "home")
    with subprocess.Popen(
        [sys.executable, "-c", WORKING, sqlite_database_url, str(tmp_path / "home")],
        cwd=Path(__file__).resolve().parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        with pytest.raises(Busy):
            acquire(store, "connection own")
        os.kill(process.pid, signal.SIGKILL)
    assert acquire(store, "connection own").token == 2, "whatever the killed one still wanted to commit is refused"
    store.close()


def test_a_process_whose_number_is_used_again_does_not_hold_the_lease_of_the_one_before() -> None:
    other, host = os.getppid(), socket.gethostname()
    began, among = lease._began(other), lease._among()
    assert not lease.is_dead(f"{host}|{other}|{began}@{among}|0a")
    assert lease.is_dead(f"{host}|{other}|1{began}@{among}|0a"), "that one began at another moment"
    assert not lease.is_dead(f"{host}|{other}|1{began}@[1]|0a"), (
        "that one has its number among others, as in a container that has the name of this host"
    )
