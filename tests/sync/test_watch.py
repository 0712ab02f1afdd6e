"""A source that pages on and on and brings nothing: the run obeys the stop switch and the end of its process, and keeps its lease meanwhile."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from typing import Any, ClassVar

import pytest
from sqlalchemy import Connection, update

from hub.connector import Finished, Incoming, Response, Source
from hub.errors import Unreachable
from hub.jobs import Worker
from hub.plugins import Plugins
from hub.store import Store
from hub.store.tables import lease as lease_table
from hub.sync import connections, lease, run, stops
from hub.sync.session import Session
from tests.sync.conftest import Clock
from tests.sync.rows import row

Offer = Callable[..., Plugins]
ENOUGH = 30
"""No test asks so often: the source gives up, so that a run that nothing ends fails its test and does not hang."""


class Page:
    """An answer without anything in it."""

    def __init__(self) -> None:
        self.status = 200
        self.headers: Mapping[str, str] = {}
        self.content = b""

    def json(self) -> Any:
        return None


class Partner:
    """An HTTP client whose partner always answers. `then` is called with the number of each request."""

    def __init__(self, then: Callable[[int], object]) -> None:
        self._then = then
        self.requests = 0

    def get(self, url: str, **how: Any) -> Response:
        self.requests += 1
        if self.requests > ENOUGH:
            raise Unreachable("The run went on and on.")
        self._then(self.requests)
        return Page()

    post = get


class Endless(Source):
    """Gives `first` rows, of which each has a cursor, and then asks for page after page."""

    name = "rows"
    title = "Endless"
    first: ClassVar[int] = 0
    ends: ClassVar[bool] = False
    asked: ClassVar[list[str | None]] = []

    def pull(self, cursor: str | None) -> Iterator[Incoming | Finished]:
        self.asked.append(cursor)
        for number in range(self.first):
            yield Incoming(row(number), str(number))
        for _ in () if self.ends else itertools.count():
            self.context.http.get("https://partner.test/page")
        yield Finished(complete=True, cursor="end")


@pytest.fixture
def source() -> type[Endless]:
    return type("FreshEndless", (Endless,), {"asked": []})


@pytest.fixture
def connected(any_store: Store, source: type[Endless], offer: Offer) -> Plugins:
    plugins = offer(source)
    connections.add(any_store, plugins, "own", "rows", schedule="every 15 minutes")
    connections.enable(any_store, plugins, "own")
    return plugins


@pytest.mark.parametrize("first", [0, 250])
def test_the_stop_switch_ends_a_run_at_its_next_request(any_store: Store, connected: Plugins, source: type[Endless], first: int) -> None:
    """Also while a batch is being committed, when the source is asked already for the next one."""
    source.first = first

    def then(number: int) -> None:
        if number == 3:
            other = threading.Thread(target=stops.stop, args=(any_store, "own", "Enough."))
            other.start()
            other.join(20)

    partner = Partner(then)
    report = run(any_store, connected, "own", http=partner)
    assert (report.state, partner.requests) == ("stopped", 3)
    assert report.reason == "The run was ended early (Enough); the next one goes on from its last cursor."
    assert report.changed > 0 or not first
    assert report.cursor_after == (str(report.changed - 1) if first else None)


def test_a_run_that_gets_nothing_keeps_its_lease(any_store: Store, connected: Plugins, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    free: list[bool] = []

    def then(number: int) -> None:
        lease._at_work.clear()  # as another process sees it
        with any_store.read() as db:
            free.append(lease.is_free(db, "connection own", clock()))
        clock.forward(seconds=lease.SECONDS - 1)
        if number == 10:
            raise Unreachable("Enough.")

    monkeypatch.setattr(lease, "_at_work", {})
    assert run(any_store, connected, "own", http=Partner(then)).state == "failed"
    assert free == [False] * 10


def test_a_lease_is_not_prolonged_while_a_batch_is_written(
    any_store: Store, connected: Plugins, source: type[Endless], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commit holds it; and a commit that fails would be waited for by the source, which it waits for itself."""
    source.first = 250
    writes: list[bool] = []
    commit = Session.commit

    def committing(session: Session, *given: Any, **named: Any) -> Any:
        writes.append(True)
        try:
            return commit(session, *given, **named)
        finally:
            writes.pop()

    def hold(held: lease.Lease, connection: Connection) -> None:
        inside.append((bool(writes), partner.requests))

    def then(number: int) -> None:
        clock.forward(seconds=lease.SECONDS / 2)
        if number == 4:
            raise Unreachable("Enough.")

    inside: list[tuple[bool, int]] = []
    monkeypatch.setattr(Session, "commit", committing)
    monkeypatch.setattr(lease.Lease, "hold", hold)
    partner = Partner(then)
    assert run(any_store, connected, "own", http=partner).reason == "Enough."
    assert partner.requests == 4
    assert {requests for within, requests in inside if within} <= {0, 4}, "only the commits themselves"


def test_a_run_that_lost_its_lease_asks_no_more(any_store: Store, connected: Plugins, clock: Clock) -> None:
    def then(number: int) -> None:
        if number == 2:
            clock.forward(hours=1)
            theirs = update(lease_table).values(owner="elsewhere|1|1|x", token=lease_table.c.token + 1)
            any_store.write(lambda writer: writer.connection.execute(theirs))

    partner = Partner(then)
    report = run(any_store, connected, "own", http=partner)
    assert (report.state, partner.requests) == ("stopped", 2)
    assert "taken over" in report.reason


@pytest.mark.parametrize("first", [0, 250])
def test_a_process_that_wants_to_end_ends_its_pulls_and_the_next_one_goes_on(
    any_store: Store, connected: Plugins, source: type[Endless], monkeypatch: pytest.MonkeyPatch, first: int
) -> None:
    source.first = first
    stop = threading.Event()

    def then(number: int) -> None:
        if number == 3:
            stop.set()

    partner = Partner(then)

    @contextmanager
    def outbound(**limits: object) -> Iterator[Partner]:
        yield partner

    monkeypatch.setattr(import_module("hub.sync.run"), "open_outbound", outbound)
    thread = threading.Thread(target=Worker(any_store, connected).run_forever, args=(stop,), kwargs={"tick_seconds": 0.05})
    thread.start()
    thread.join(30)
    assert not thread.is_alive()
    assert partner.requests == 3
    ended = connections.list_all(any_store, connected)[0].last_run
    assert ended is not None
    assert (ended.state, ended.reason) == ("stopped", "The process that ran it ended; the next run goes on from its last cursor.")
    source.ends = True
    again = Worker(any_store, connected)
    assert [job.name for job in again.run_due() if job.connection] == ["again own"]
    assert source.asked == [None, str(first - 1) if first else None]
    assert [job.name for job in again.run_due() if job.connection] == []


def test_a_source_that_makes_no_requests_is_ended_after_a_batch(any_store: Store, connected: Plugins, source: type[Endless]) -> None:
    source.first, source.ends = 1_000, True
    with stops.until(lambda: True):
        report = run(any_store, connected, "own", http=Partner(print))
    assert report.state == "stopped"
    assert 0 < report.changed < 1_000
    assert run(any_store, connected, "own", http=Partner(print)).state == "done"
