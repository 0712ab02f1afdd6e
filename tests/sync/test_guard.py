"""The guard: what is withheld, that it is told until somebody looked, and that a release counts once."""

from __future__ import annotations

import pytest

from hub.errors import Unreachable
from hub.store import Store
from hub.sync import guard, records, status, stops
from tests.sync.pulling import Offer, go, stored
from tests.sync.rows import fresh_rows


@pytest.mark.parametrize(("most", "known"), [(50, 50), (50, 1_000), (50, 2_549), (51, 2_550), (200, 10_000)])
def test_the_guard_lets_fifty_or_two_percent_go_and_not_one_more(most: int, known: int) -> None:
    assert guard.allows(most, known)
    assert not guard.allows(most + 1, known)


def test_the_guard_withholds_and_is_released_once(store: Store, offer: Offer) -> None:
    source = fresh_rows(120)
    go(store, source, offer)
    everything, source.rows = source.rows, source.rows[:60]
    held = go(store, source, offer, full=True)
    assert (held.state, held.deleted, held.withheld) == ("done", 0, 60)
    assert "60 of 120 rows" in held.reason
    assert "fichehub run own --release-guard" in held.reason
    assert len(stored(store)) == 120
    released = go(store, source, offer, release_guard=True, by="An")
    assert (released.deleted, released.withheld) == (60, 0)
    with store.read() as db:
        recorded = records.reports(db, "own", limit=1)[0]
    assert recorded.reason == released.reason
    assert "released by An, for this run alone: 60 of 120 rows" in recorded.reason
    source.rows = everything
    go(store, source, offer, full=True)
    source.rows = everything[:60]
    assert go(store, source, offer, full=True).withheld == 60


def test_status_goes_on_saying_that_removals_wait_until_they_are_released_or_back(store: Store, offer: Offer) -> None:
    source = fresh_rows(120)
    plugins = offer(source)

    def told() -> str:
        (one,) = status.of_all(store, plugins)
        return one.reason

    go(store, source, offer)
    everything, source.rows = source.rows, source.rows[:60]
    assert go(store, source, offer, full=True).withheld == 60
    assert "60 of 120 rows" in told()
    for _ in range(2):
        assert go(store, source, offer).mode == "incremental"
        assert "60 rows that were gone from the source on 2026-11-22T09:00:00Z were not removed and wait for a release" in told()
        assert "fichehub run own --release-guard" in told()
    go(store, source, offer, release_guard=True, dry_run=True)
    source.finished = {"complete": False}
    go(store, source, offer, full=True)
    source.finished, source.failure, source.fail_after = {}, Unreachable("The line broke."), 5
    go(store, source, offer, full=True)
    assert "60 rows that were gone from the source on 2026-11-22T09:00:00Z" in told(), "what saw not the whole source cannot tell"
    source.failure, source.rows = None, everything
    go(store, source, offer, full=True)
    assert told() == "Everything is as it should be."
    source.rows = everything[:60]
    go(store, source, offer, full=True)
    go(store, source, offer, release_guard=True)
    go(store, source, offer)
    assert told() == "Everything is as it should be."


def test_a_release_that_was_stopped_halfway_leaves_the_reminder(store: Store, offer: Offer) -> None:
    source = fresh_rows(220)
    plugins = offer(source)
    go(store, source, offer)
    source.rows = source.rows[:20]
    go(store, source, offer, full=True)

    def enough(done: int, total: int | None, what: str) -> None:
        if what == "removed":
            stops.stop(store, "own", "Enough.")

    assert go(store, source, offer, release_guard=True, progress=enough).state == "stopped"
    stops.go(store, "own")
    go(store, source, offer)
    (one,) = status.of_all(store, plugins)
    assert "200 rows that were gone from the source" in one.reason


def test_the_record_tells_a_release_also_when_the_run_was_stopped_halfway(store: Store, offer: Offer) -> None:
    source = fresh_rows(120)
    go(store, source, offer)
    source.rows = source.rows[:20]
    go(store, source, offer, full=True)

    def enough(done: int, total: int | None, what: str) -> None:
        if what == "removed":
            stops.stop(store, "own", "Enough.")

    cut = go(store, source, offer, release_guard=True, progress=enough)
    assert (cut.state, 0 < cut.deleted <= 100) == ("stopped", True)
    assert "released by an administrator" in cut.reason
    assert stops.CUT_SHORT(why="Enough") in cut.reason
    stops.go(store, "own")
    assert "released" not in go(store, source, offer, full=True).reason


def test_an_empty_answer_removes_nothing_large(store: Store, offer: Offer) -> None:
    source = fresh_rows(60)
    go(store, source, offer)
    source.rows = []
    assert go(store, source, offer, full=True).withheld == 60


def test_a_release_is_good_for_what_was_shown(store: Store, offer: Offer) -> None:
    source = fresh_rows(300)
    plugins = offer(source)
    go(store, source, offer)
    everything = source.rows
    source.rows = everything[:200]
    assert go(store, source, offer, full=True).withheld == 100
    source.rows = []
    stopped = go(store, source, offer, release_guard=True)
    assert (stopped.state, stopped.deleted, stopped.withheld) == ("done", 0, 300)
    assert "300 of 300 rows were not in the source any more, but the guard was released for the 100 that it last withheld" in stopped.reason
    (one,) = status.of_all(store, plugins)
    assert "released for the 100" in one.reason
    source.rows = everything[:194]
    assert go(store, source, offer, full=True).withheld == 106
    source.rows = everything[:188]
    beyond = go(store, source, offer, release_guard=True)
    assert (beyond.deleted, beyond.withheld) == (0, 112), "two percent of what was shown, not of what is known, or five"
    assert "(holds for that one run, for these 112 and at most 5 more)" in beyond.reason
    source.rows = everything[:183]
    released = go(store, source, offer, release_guard=True)
    assert (released.deleted, released.withheld) == (117, 0), "a source goes on while somebody looks: a few more, here 5, are let go"


@pytest.mark.parametrize("previewed", [True, False])
def test_a_preview_shows_what_a_release_is_for_and_nothing_shown_is_nothing_released(store: Store, offer: Offer, previewed: bool) -> None:
    source = fresh_rows(120)
    go(store, source, offer)
    source.rows = source.rows[:60]
    if previewed:
        assert go(store, source, offer, full=True, dry_run=True).withheld == 60
    released = go(store, source, offer, release_guard=True)
    assert (released.deleted, released.withheld) == ((60, 0) if previewed else (0, 60))
    assert ("before any run or preview had shown how many" in released.reason) is not previewed


def test_a_preview_of_a_release_leaves_it_as_it_was(store: Store, offer: Offer) -> None:
    source = fresh_rows(120)
    go(store, source, offer)
    source.rows = source.rows[:60]
    go(store, source, offer, full=True)
    assert go(store, source, offer, release_guard=True, dry_run=True).deleted == 60
    assert go(store, source, offer, release_guard=True).deleted == 60
