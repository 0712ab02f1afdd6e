"""What a source announces and does not give: asked for again by itself, told until it is there, and never more often than a source can bear."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hub.plugins import Plugins
from hub.store import Store
from hub.sync import connections, run, schedule, shortfall, status
from hub.sync.records import RunReport
from tests.sync.conftest import Clock
from tests.sync.pulling import stored
from tests.sync.rows import Rows, fresh_rows, row

pytestmark = pytest.mark.usefixtures("worker_at_work")
Offer = Callable[..., Plugins]
SCHEDULE = "every 15 minutes"


def short_of(missing: int, *, complete: bool = True) -> type[Rows]:
    """A source that withholds its last row."""
    source = fresh_rows()
    source.rows = source.rows[:-1]
    source.finished = {"missing": missing, "complete": complete}
    return source


def connect(store: Store, plugins: Plugins, schedule: str = SCHEDULE) -> None:
    connections.add(store, plugins, "own", "rows", schedule=schedule)
    connections.enable(store, plugins, "own")


def go(store: Store, plugins: Plugins, *, dry_run: bool = False) -> RunReport:
    return run(store, plugins, "own", dry_run=dry_run)


def told(store: Store, plugins: Plugins) -> str:
    (found,) = status.of_all(store, plugins)
    return found.reason


@pytest.mark.parametrize("complete", [True, False])
def test_a_row_that_was_withheld_comes_with_the_next_run(any_store: Store, offer: Offer, complete: bool) -> None:
    source = short_of(1, complete=complete)
    plugins = offer(source)
    connect(any_store, plugins)
    first = go(any_store, plugins)
    assert (first.mode, first.missing) == ("full", 1)
    assert any("1 row that the source announced was not given" in warning and "next run begins at the start" in warning for warning in first.warnings)
    assert "1 row that the source announced was not given" in told(any_store, plugins)
    assert "The next run begins at the start" in told(any_store, plugins)
    source.rows, source.finished = [row(number) for number in range(25)], {}
    second = go(any_store, plugins)
    assert (second.mode, second.changed, second.missing) == ("full", 1, 0)
    assert any("(1 missing), so this one began at the start" in warning for warning in second.warnings)
    assert stored(any_store) == sorted(f"{number:06}" for number in range(25))
    assert told(any_store, plugins) == "Everything is as it should be."
    third = go(any_store, plugins)
    assert (third.mode, third.warnings) == ("incremental", ())


def test_a_source_that_is_always_short_is_read_from_the_start_ever_less_often_and_its_changes_meanwhile(
    store: Store, offer: Offer, clock: Clock
) -> None:
    source = short_of(72, complete=False)
    plugins = offer(source)
    connect(store, plugins)
    modes = []
    for _ in range(4 * 24 * 4):
        modes.append(go(store, plugins).mode)
        clock.forward(minutes=15)
    assert [place for place, mode in enumerate(modes) if mode == "full"] == [0, 1, 5, 29, 125, 221, 317]
    said = told(store, plugins)
    assert "72 rows that the source announced were not given (since 2026-11-22T09:00:00Z)" in said
    assert "Runs bring changes until 2026-11-26T16:15:00Z" in said
    source.changed = [row(3, name="Anders", revision=2)]
    assert (go(store, plugins).mode, told(store, plugins)) == ("incremental", said)


def test_it_is_remembered_with_the_connection_and_forgotten_with_it(any_store: Store, offer: Offer) -> None:
    plugins = offer(short_of(2))
    connect(any_store, plugins)
    go(any_store, plugins)
    with any_store.read() as db:
        assert shortfall.of_all(db).keys() == {"own"}
    connections.remove(any_store, "own")
    with any_store.read() as db:
        assert shortfall.of_all(db) == {}


def test_a_dry_run_begins_at_the_start_too_and_remembers_nothing(store: Store, offer: Offer, clock: Clock) -> None:
    source = short_of(2)
    plugins = offer(source)
    connect(store, plugins)
    assert go(store, plugins, dry_run=True).missing == 2
    assert told(store, plugins) == "It has not run yet."
    go(store, plugins)
    with store.read() as db:
        before = shortfall.load(db, "own")
    clock.forward(minutes=1)
    assert go(store, plugins, dry_run=True).mode == "full"
    with store.read() as db:
        assert shortfall.load(db, "own") == before


def test_an_incremental_run_that_comes_short_is_followed_by_one_from_the_start(store: Store, offer: Offer) -> None:
    source = fresh_rows()
    plugins = offer(source)
    connect(store, plugins)
    go(store, plugins)
    source.finished = {"complete": False, "missing": 1}
    assert go(store, plugins).mode == "incremental"
    source.finished = {}
    assert go(store, plugins).mode == "full"
    assert told(store, plugins) == "Everything is as it should be."


def test_a_run_from_the_start_that_was_cut_off_goes_on_and_is_no_proof_that_nothing_is_missing(store: Store, offer: Offer, clock: Clock) -> None:
    source = short_of(1)
    plugins = offer(source)
    connect(store, plugins)
    go(store, plugins)
    source.finished, source.fail_after, source.failure = {}, 15, RuntimeError("cut off")
    assert go(store, plugins).state == "failed"
    source.failure = None
    source.finished = {"complete": False}
    resumed = go(store, plugins)
    assert (resumed.resumed, source.asked[-1]) == (True, "full:10")
    assert "1 row that the source announced was not given" in told(store, plugins)
    clock.forward(hours=1)
    source.finished = {}
    assert go(store, plugins).mode == "full"
    assert told(store, plugins) == "Everything is as it should be."


def test_of_a_source_without_increments_it_is_said_that_every_run_asks_again(store: Store, offer: Offer) -> None:
    source = short_of(3)
    source.finished |= {"cursor": None}
    plugins = offer(source)
    connect(store, plugins, schedule="")
    go(store, plugins)
    assert "Every run asks for everything again, but none is scheduled" in told(store, plugins)


def test_what_runs_incrementally_is_read_whole_once_a_week_unless_its_schedule_says_otherwise(store: Store, offer: Offer, clock: Clock) -> None:
    plugins = offer(fresh_rows())
    connect(store, plugins, schedule="cron 0 12 * * *")
    assert schedule.planned(fresh_rows(), "own", "every 15 minutes", None)[0].full is None
    usual = schedule.planned(fresh_rows(), "own", "every 15 minutes", "since:0")[0]
    assert usual.full is not None
    assert (weekly := usual.full.next(clock())) is not None
    assert weekly.weekday() == 6 or weekly.hour >= 22  # the night to Sunday in Belgium
    assert schedule.planned(fresh_rows(), "other", "every 15 minutes", "since:0")[0].full.next(clock()) != weekly  # type: ignore[union-attr]
    for chosen in ("every 15 minutes; full never", "", "full every 3 days"):
        assert schedule.planned(fresh_rows(), "own", chosen, "since:0")[0] == schedule.planned(fresh_rows(), "own", chosen, None)[0]

    class Speaking(Rows):
        """Tells of each row that goes; not of one that was lost on its way."""

        absence_tells = False

    speaking = schedule.planned(Speaking, "own", "every 15 minutes", "since:0")[0].full
    assert speaking is not None and speaking.next(clock()) == weekly
    assert schedule.planned(None, "own", "every 15 minutes", "since:0")[0].full is None
