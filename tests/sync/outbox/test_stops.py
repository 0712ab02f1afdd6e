"""Deliveries are stopped, come up again by themselves, are forgotten, and status says how they fare."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import func, select

from hub.connector import Response
from hub.errors import Rejected, Unreachable
from hub.jobs import Worker
from hub.store import Store, erasure
from hub.store.tables import agreed
from hub.store.tables import outbox as table
from hub.sync import connections, status, stops
from hub.sync.stops import Stopped
from tests.sync.conftest import Clock
from tests.sync.outbox.conftest import Line, Offer, Post, letters
from tests.sync.test_push import say


def test_the_switch_stops_one_or_all_and_a_run_under_way(any_store: Store, go: Callable[..., Any], line: Line, offer: Offer) -> None:
    say(any_store, 1, "Huis", 1)
    for name in ("own", stops.ALL):
        stops.stop(any_store, name, "They are moving house.")
        with pytest.raises(Stopped, match=r"They are moving house\. To let it run again: fichehub connections go"):
            go()
        assert Worker(any_store, offer(Post)).due() == [job for job in Worker(any_store, offer(Post)).due() if not job.connection]
        assert stops.go(any_store, name)
    assert not stops.go(any_store, "own")
    for number in range(2, 6):
        say(any_store, number, f"Huis {number}", 1)

    def stop_now(*args: object) -> None:
        stops.stop(any_store, "own", "Enough.")

    cut = go(progress=stop_now)
    assert (cut.state, cut.pushed) == ("stopped", 0)
    assert cut.reason == stops.CUT_SHORT(why="Enough")
    stops.go(any_store, "own")
    assert go().pushed + cut.pushed >= 4
    assert len(line.theirs) == 5


def during_a_push(line: Line, then: Callable[[], object]) -> None:
    """Does something while the second delivery is being told."""
    whole = line.post

    def post(url: str, **given: Any) -> Response:
        if len(line.posts) == 1:
            then()
        return whole(url, **given)

    line.post = post  # type: ignore[method-assign]


def said(store: Store, offer: Offer) -> str:
    (one,) = status.of_all(store, offer(Post))
    return one.reason


def test_a_push_ends_between_two_deliveries_when_its_process_does(any_store: Store, go: Callable[..., Any], line: Line, offer: Offer) -> None:
    """What the partner was told is recorded, also when the stop comes while it is being told."""
    for number in range(5):
        say(any_store, number, f"Huis {number}", 1)
    ends = threading.Event()
    during_a_push(line, ends.set)
    with stops.until(ends.is_set):
        cut = go()
    assert (cut.state, cut.pushed, len(line.posts)) == ("stopped", 2, 2)
    assert letters(any_store) == [("waiting", 0)] * 3
    assert [job.name for job in Worker(any_store, offer(Post)).due() if job.connection] == ["again own"]
    assert go().pushed == 3
    assert len(line.posts) == len(line.theirs) == 5, "nothing is lost or doubled"


@pytest.mark.parametrize("how", ["switch", "pause", "configure", "configure and enable"])
@pytest.mark.usefixtures("worker_at_work")
def test_a_push_ends_between_two_deliveries_when_somebody_wants_it_to(
    any_store: Store, go: Callable[..., Any], line: Line, offer: Offer, how: str
) -> None:
    """And what is said of it is true, also when it may run again."""
    for number in range(5):
        say(any_store, number, f"Huis {number}", 1)
    plugins = offer(Post)

    def want() -> None:
        if how == "switch":
            stops.stop(any_store, "own", "Enough.")
        elif how == "pause":
            connections.pause(any_store, "own", "Enough.")
        else:
            connections.configure(any_store, plugins, "own", config={} if how == "configure" else {"url": "https://elsewhere.example.org"})
            if how != "configure":
                connections.enable(any_store, plugins, "own", http=line)

    during_a_push(line, want)
    cut = go()
    why = "its configuration was changed meanwhile" if "configure" in how else "Enough"
    assert (cut.state, cut.pushed, len(line.posts), cut.retry_at) == ("stopped", 2, 2, None)
    assert cut.reason == f"The run was ended early ({why}); the next one goes on from its last cursor."
    assert letters(any_store) == [("waiting", 0)] * 3
    if how == "switch":
        assert "fichehub connections go own" in said(any_store, offer)
        stops.go(any_store, "own")
    else:
        assert go(dry_run=True).pushed == 3, "which tells nobody anything, and may run in any state"
        connections.enable(any_store, plugins, "own", http=line)
    assert [job.name for job in Worker(any_store, plugins).due() if job.connection] == ["deliver own"]
    assert said(any_store, offer) == cut.reason
    assert go().pushed == 3
    assert len(line.posts) == len(line.theirs) == 5, "nothing is lost or doubled"


def test_a_failed_delivery_is_a_job_when_its_time_comes(any_store: Store, go: Callable[..., Any], line: Line, clock: Clock, offer: Offer) -> None:
    say(any_store, 1, "Huis", 1)
    line.failing["Huis"] = Unreachable("Down.")
    go()
    worker = Worker(any_store, offer(Post))
    clock.forward(hours=1)
    assert [job.name for job in worker.due() if job.connection] == ["deliver own"]


def test_what_waits_is_no_job_while_the_breaker_is_open(any_store: Store, go: Callable[..., Any], line: Line, clock: Clock, offer: Offer) -> None:
    say(any_store, 1, "Huis", 1)
    say(any_store, 2, "Thuis", 1)
    line.failing["*"] = Unreachable("Slow down.", retry_after=600)
    go()
    assert go().warnings[0].startswith("Nothing was delivered"), "somebody runs it by hand, and that run waits for nothing"
    worker = Worker(any_store, offer(Post))
    assert [job.name for job in worker.due() if job.connection] == []
    clock.forward(minutes=10)
    assert [job.name for job in worker.due() if job.connection] == ["deliver own"]


def test_erasing_reaches_the_partner_and_leaves_nothing_in_the_outbox(any_store: Store, go: Callable[..., Any], line: Line, clock: Clock) -> None:
    say(any_store, 1, "Huis Jansens", 1)
    go()
    (url,) = line.theirs
    say(any_store, 1, "Huis Peeters", 2)
    line.failing["*"] = Rejected("Huis Peeters is refused.")
    go()
    erasure.erase(any_store, url.rpartition("/")[2], "art. 17")
    with any_store.read() as db:
        kept = repr([*db.execute(select(table)), *db.execute(select(agreed.c.state))])
    assert "Jansens" not in kept
    assert "Peeters" not in kept
    line.failing.clear()
    report = go()
    assert (report.state, report.pushed, line.theirs[url]) == ("done", 1, None)


@pytest.mark.usefixtures("worker_at_work")
def test_status_says_how_far_behind_and_why(any_store: Store, go: Callable[..., Any], line: Line, offer: Offer) -> None:
    say(any_store, 1, "Huis", 1)
    say(any_store, 2, "H", 1)
    (one,) = status.of_all(any_store, offer(Post))
    assert (one.behind, one.dead, one.reason) == (2, 0, "It has not run yet.")
    line.failing["H"] = Rejected("Too short.")
    go()
    (one,) = status.of_all(any_store, offer(Post))
    assert (one.behind, one.dead) == (0, 1)
    assert "1 delivery was given up" in one.reason
    stops.stop(any_store, stops.ALL, "Holidays.")
    (one,) = status.of_all(any_store, offer(Post))
    assert (one.state, one.reason, one.next_at) == ("stopped", "Stopped: Holidays. To let it run again: fichehub connections go --all", None)


def test_removing_a_connection_forgets_its_letters(any_store: Store, go: Callable[..., Any], line: Line) -> None:
    say(any_store, 1, "H", 1)
    line.failing["H"] = Rejected("Too short.")
    go()
    connections.remove(any_store, "own")
    with any_store.read() as db:
        assert db.execute(select(func.count()).select_from(table)).scalar_one() == 0


def test_without_a_schedule_nobody_is_promised_another_try(any_store: Store, go: Callable[..., Any], line: Line, clock: Clock, offer: Offer) -> None:
    """Nothing runs by itself then, and what waits goes out with the next run."""
    connections.configure(any_store, offer(Post), "own", schedule="")
    say(any_store, 1, "Huis", 1)
    line.failing["Huis"] = Unreachable("Down.")
    assert go().warnings == ("1 could not be delivered and will be tried again by the next run, but none is scheduled.",)
    clock.forward(days=1)
    assert [job for job in Worker(any_store, offer(Post)).due() if job.connection] == []
    (one,) = status.of_all(any_store, offer(Post))
    assert "1 delivery failed and waits for the next run; none is scheduled. At once: fichehub run own" in one.reason
    say(any_store, 2, "Thuis", 1)
    line.failing["Thuis"] = Unreachable("Down.")
    go()
    (one,) = status.of_all(any_store, offer(Post))
    assert "2 deliveries failed and wait for the next run; none is scheduled." in one.reason
    clock.forward(days=1)
    line.failing.clear()
    assert go().pushed == 2
