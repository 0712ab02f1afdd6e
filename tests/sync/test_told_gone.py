"""Rows that say themselves that they are gone: a trickle goes, a wave is withheld until somebody looked, whatever it comes in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from hub.errors import Unreachable
from hub.model.claims import Claim
from hub.store import Store
from hub.sync import records, status
from tests.sync.pulling import Offer, cursor, go, stored
from tests.sync.rows import Row, Rows, fresh_rows, row


def gone(claims: Sequence[object], revision: int = 1) -> list[Row]:
    return [replace(claim, content={}, gone=True, revision=revision) for claim in claims if isinstance(claim, Claim)]


def listing(count: int, *, absence_tells: bool = False) -> type[Rows]:
    source = fresh_rows(count)
    source.absence_tells = absence_tells
    return source


def told(store: Store, source: type[Rows], offer: Offer) -> str:
    (one,) = status.of_all(store, offer(source))
    return one.reason


@pytest.mark.parametrize("absence_tells", [True, False])
@pytest.mark.parametrize("revision", [1, 2])
def test_an_answer_that_says_that_all_are_gone_takes_nobody_away(any_store: Store, offer: Offer, revision: int, absence_tells: bool) -> None:
    source = listing(120, absence_tells=absence_tells)
    go(any_store, source, offer)
    right, source.rows = source.rows, gone(source.rows, revision)
    bad = go(any_store, source, offer, full=True)
    assert (bad.state, bad.changed, bad.deleted, bad.withheld) == ("done", 0, 0, 120)
    assert "120 of 120 rows came as deleted; more than 50 are never removed by themselves, so nothing was" in bad.reason
    assert "fichehub run own --release-guard" in told(any_store, source, offer)
    assert len(stored(any_store)) == 120
    go(any_store, source, offer)
    assert "120 rows that were gone from the source" in told(any_store, source, offer), "increments know nothing of it"
    source.rows = right
    again = go(any_store, source, offer, full=True)
    assert (again.unchanged, again.withheld) == (120, 0)
    assert told(any_store, source, offer) == "Everything is as it should be."


def test_an_increment_beyond_the_guard_looks_at_the_whole_source(any_store: Store, offer: Offer) -> None:
    source = listing(120)
    go(any_store, source, offer)
    everything, source.changed = source.rows, gone(source.rows[:60], 2)
    bad = go(any_store, source, offer)
    assert (bad.mode, bad.changed, bad.withheld, bad.warnings) == ("full", 0, 0, (records.LOOKED_AGAIN(),))
    assert (len(stored(any_store)), cursor(any_store)) == (120, "since:0")
    source.rows = [*gone(everything[:60], 2), *everything[60:]]
    seen = go(any_store, source, offer)
    assert (seen.mode, seen.changed, seen.withheld) == ("full", 0, 60)
    source.changed = []
    assert go(any_store, source, offer, release_guard=True, dry_run=True).changed == 60
    assert len(stored(any_store)) == 120
    released = go(any_store, source, offer, release_guard=True, by="An")
    assert (released.state, released.changed, released.withheld) == ("done", 60, 0)
    assert "released by An, for this run alone: 60 of 120 rows came as deleted" in released.reason
    assert len(stored(any_store)) == 60
    source.rows = gone(everything, 3)
    assert go(any_store, source, offer, full=True).withheld == 60, "a release counts once"


@pytest.mark.parametrize("full", [True, False])
def test_a_trickle_goes_by_itself(store: Store, offer: Offer, full: bool) -> None:
    source = listing(120)
    go(store, source, offer)
    source.changed = gone(source.rows[:50], 2)
    source.rows = [*source.changed, *source.rows[50:]]
    report = go(store, source, offer, full=full)
    assert (report.mode, report.changed, report.withheld) == ("full" if full else "incremental", 50, 0)
    assert len(stored(store)) == 70
    again = go(store, source, offer, full=full)
    assert (again.mode, again.changed) == (report.mode, 0), "who is gone already is no removal"


def test_what_is_gone_and_what_is_absent_count_together(store: Store, offer: Offer) -> None:
    source = listing(120, absence_tells=True)
    go(store, source, offer)
    source.rows = [*gone(source.rows[:30], 2), *source.rows[60:]]
    report = go(store, source, offer, full=True)
    assert (report.changed, report.deleted, report.withheld) == (30, 0, 30)
    assert "30 of 120 rows were not in the source any more" in report.reason
    assert "30 that had come as deleted before were" in report.reason
    released = go(store, source, offer, release_guard=True)
    assert (released.deleted, released.withheld) == (30, 0)


def test_a_run_that_is_broken_off_over_and_over_lets_go_of_no_more(store: Store, offer: Offer) -> None:
    source = listing(200)
    go(store, source, offer)
    everything, source.changed = source.rows, gone(source.rows, 2)
    source.rows, source.page = source.changed, 1
    source.failure = Unreachable("The line broke.")
    for at in (30, 60, 90):
        source.fail_after = at
        cut = go(store, source, offer)
        assert (cut.state, len(stored(store))) == ("failed", 170)
    source.failure = None
    last = go(store, source, offer)
    assert (last.state, last.mode, last.withheld, len(stored(store))) == ("done", "full", 170, 170)
    source.changed = gone(everything[30:70], 2)
    assert go(store, source, offer).mode == "incremental", "a run that came to its end begins a new count"
    assert len(stored(store)) == 130


def test_a_load_that_was_cut_off_still_tells_what_it_withheld(any_store: Store, offer: Offer) -> None:
    source = listing(200)
    go(any_store, source, offer)
    source.rows = [*gone(source.rows[:80], 2), *source.rows[80:]]
    source.failure, source.fail_after = Unreachable("The line broke."), 120
    assert go(any_store, source, offer, full=True).withheld == 80
    source.failure = None
    rest = go(any_store, source, offer)
    assert (rest.resumed, rest.state, rest.withheld) == (True, "done", 80)
    go(any_store, source, offer)
    assert "80 rows that were gone from the source" in told(any_store, source, offer)


def test_a_release_is_good_for_all_or_none(store: Store, offer: Offer) -> None:
    source = listing(300)
    go(store, source, offer)
    everything = source.rows
    source.rows = [*gone(everything[:100], 2), *everything[100:]]
    assert go(store, source, offer, full=True).withheld == 100
    source.rows = gone(everything, 2)
    refused = go(store, source, offer, release_guard=True)
    assert (refused.changed, refused.withheld) == (0, 300)
    assert "300 of 300 rows came as deleted, but the guard was released for the 100 that it last withheld" in refused.reason
    source.rows = [*gone(everything[:106], 2), *everything[106:]]
    go(store, source, offer, full=True)
    released = go(store, source, offer, release_guard=True)
    assert (released.changed, released.withheld, len(stored(store))) == (106, 0, 194)


def test_who_is_gone_and_back_in_one_batch_is_no_removal(store: Store, offer: Offer) -> None:
    source = listing(120)
    go(store, source, offer)
    source.changed = [each for number in range(60) for each in (*gone([row(number)], 2), row(number, name="Terug", revision=3))]
    report = go(store, source, offer)
    assert (report.mode, report.changed, len(stored(store))) == ("incremental", 60, 120)
