"""Letters: attempts are bounded, a breaker waits, dead ones can be replayed or dropped, and none stands before the others."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from hub.connector import Partly, Unsent
from hub.errors import Rejected, StoreBusy, Unreachable
from hub.jobs import Worker
from hub.store import Store
from hub.store.tables import outbox as table
from hub.sync import breaker, connections, faults, outbox, records, status
from hub.sync.breaker import Breaker
from hub.sync.outbox import Letter
from tests.sync.conftest import Clock
from tests.sync.outbox.conftest import Line, Offer, Post, letters
from tests.sync.test_push import say


def test_a_fault_of_the_machine_is_no_failure_of_the_letter(any_store: Store, go: Callable[..., Any], line: Line, clock: Clock) -> None:
    say(any_store, 1, "Huis", 1)
    line.failing["Huis"] = StoreBusy("Locked.")
    failed = go()
    assert (failed.state, failed.reason, failed.retry_at is not None) == ("failed", faults.BUSY(), True)
    assert letters(any_store) == [("waiting", 0)]
    line.failing.clear()
    assert go().pushed == 1, "it need not wait for its next attempt"
    assert len({key for key, _ in line.posts}) == 1


@pytest.mark.parametrize("answer", [None, "x", ["x"], {"a": {1}}, Unsent("x"), Unsent({"a": {1}}), Partly("x", Rejected(""))])  # type: ignore[arg-type]
def test_an_answer_that_is_no_state_is_a_bug_and_nothing_is_agreed(
    any_store: Store, go: Callable[..., Any], line: Line, monkeypatch: pytest.MonkeyPatch, clock: Clock, answer: Any
) -> None:
    say(any_store, 1, "Huis", 1)
    with monkeypatch.context() as patch:
        patch.setattr(Post, "push", lambda self, change, desired, agreed: answer)
        report = go()
    assert (report.state, report.pushed, letters(any_store)) == ("failed", 0, [("waiting", 1)])
    assert report.reason == "The connector failed in a way that it should not; the trace is in the log."
    clock.forward(minutes=5)
    assert (go().pushed, letters(any_store)) == (1, [])


@pytest.mark.parametrize(
    ("shape", "said"),
    [
        ({"at": [{"km": float("nan")}]}, "at.0.km is nan, which is no number"),
        ({"km": float("-inf")}, "km is -inf"),
        ({"a": {1}}, "set"),
        ({"a": "\ud800"}, "surrogates"),
        (["a"], "no object but list"),
    ],
)
@pytest.mark.parametrize("dry_run", [False, True])
def test_a_shape_that_is_no_json_is_refused_before_anything_is_noted(
    any_store: Store, go: Callable[..., Any], line: Line, monkeypatch: pytest.MonkeyPatch, shape: Any, said: str, dry_run: bool
) -> None:
    say(any_store, 1, "Huis", 1)
    with monkeypatch.context() as patch:
        patch.setattr(Post, "shape", lambda self, entity: shape)
        report = go(dry_run=dry_run)
    assert (report.state, report.pushed, letters(any_store), line.posts) == ("failed", 0, [], [])
    assert "The connector post shapes organisatie " in report.reason and said in report.reason
    assert (go().pushed, letters(any_store)) == (1, [])


def test_one_entity_that_fails_does_not_hold_up_the_others(any_store: Store, go: Callable[..., Any], line: Line) -> None:
    for number in range(5):
        say(any_store, number, f"Huis {number}", 1)
    line.failing["Huis 2"] = Unreachable("Broken record.")
    report = go()
    assert (report.state, report.pushed, letters(any_store)) == ("done", 4, [("waiting", 1)])
    with any_store.read() as db:
        assert breaker.load(db, "own") == Breaker(), "a success closes it again"


def test_the_breaker_opens_and_lets_one_probe_through(any_store: Store, go: Callable[..., Any], line: Line, clock: Clock) -> None:
    for number in range(6):
        say(any_store, number, f"Huis {number}", 1)
    line.failing["*"] = Unreachable("Down.")
    cut = go()
    assert (cut.state, cut.reason, len(line.posts)) == ("failed", "Down.", breaker.FAILURES)
    assert cut.retry_at is not None
    assert go().warnings[0].startswith("Nothing was delivered: after 3 failures in a row")
    assert len(line.posts) == breaker.FAILURES
    clock.forward(minutes=2)
    assert go().state == "failed"
    assert len(line.posts) == breaker.FAILURES + 1, "one probe"
    line.failing.clear()
    clock.forward(hours=1)
    assert go().pushed == 6
    assert letters(any_store) == []


def test_a_worker_begins_no_delivery_while_the_breaker_is_open(
    any_store: Store, go: Callable[..., Any], line: Line, clock: Clock, offer: Offer
) -> None:
    for number in range(6):
        say(any_store, number, f"Huis {number}", 1)
    line.failing["*"] = Unreachable("Down.")
    go()
    assert go().state == "done", "and delivered nothing, so that no wait of its own stands in the way"
    worker = Worker(any_store, offer(Post))
    assert "deliver own" not in [job.name for job in worker.due()]
    clock.forward(hours=1)
    assert "deliver own" in [job.name for job in worker.due()]


@pytest.mark.parametrize("asked", [None, 7_200.0])
def test_what_failed_while_the_clock_was_less_than_a_day_ahead_is_tried_once_it_was_put_right(
    any_store: Store, go: Callable[..., Any], line: Line, clock: Clock, asked: float | None
) -> None:
    for number in range(3):
        say(any_store, number, f"Huis {number}", 1)
    line.failing["*"] = Unreachable("Down.", retry_after=asked)
    clock.forward(hours=20)
    assert go().state == "failed"
    clock.forward(hours=-20)
    tried = len(line.posts)
    assert go(dry_run=True).state == "done" and len(line.posts) == tried
    go()
    assert len(line.posts) > tried
    tried = len(line.posts)
    go()
    assert len(line.posts) == tried, "what a clock that is right noted is waited for"
    line.failing.clear()
    clock.forward(days=1)
    assert (go().pushed, letters(any_store)) == (3, [])


def test_retry_after_is_obeyed_at_once(any_store: Store, go: Callable[..., Any], line: Line, clock: Clock) -> None:
    say(any_store, 1, "Huis", 1)
    say(any_store, 2, "Thuis", 1)
    line.failing["*"] = Unreachable("Slow down.", retry_after=600)
    cut = go()
    assert (cut.retry_at, len(line.posts)) == ("2026-11-22T09:10:00Z", 1)
    line.failing.clear()
    clock.forward(minutes=9)
    assert go().pushed == 0
    clock.forward(minutes=1)
    assert go().pushed == 2


@pytest.mark.usefixtures("worker_at_work")
def test_a_partner_that_asked_to_wait_is_delivered_to_again_when_it_is_enabled(
    any_store: Store, go: Callable[..., Any], line: Line, offer: Offer
) -> None:
    say(any_store, 1, "Huis", 1)
    say(any_store, 2, "Thuis", 1)
    line.failing["*"] = Unreachable("Slow down.", retry_after=31_536_000)
    assert go().retry_at == "2026-11-23T09:00:00Z", "a day at most"
    line.failing.clear()
    (one,) = status.of_all(any_store, offer(Post))
    assert "Nothing is delivered to the partner until 2026-11-23T09:00:00Z" in one.reason
    assert "fichehub connections enable own, then fichehub run own" in one.reason
    assert go().pushed == 0
    connections.enable(any_store, offer(Post), "own", http=line)
    assert go().pushed == 2
    (one,) = status.of_all(any_store, offer(Post))
    assert one.reason == "Everything is as it should be."


def test_after_bounded_attempts_it_is_a_dead_letter_that_can_be_replayed(any_store: Store, go: Callable[..., Any], line: Line, clock: Clock) -> None:
    say(any_store, 1, "Huis", 1)
    line.failing["Huis"] = Unreachable("Broken record.")
    for _ in range(outbox.ATTEMPTS):
        go()
        clock.forward(hours=7)
    assert letters(any_store) == [("dead", outbox.ATTEMPTS)]
    asked = len(line.posts)
    go()
    assert len(line.posts) == asked, "a dead letter is not tried by itself"
    line.failing.clear()
    with any_store.read() as db:
        assert outbox.dead_letters(db, reason="another") == []
        dead = outbox.dead_letters(db, name="own", reason="BROKEN", limit=1)
    assert outbox.replay(any_store, dead) == 1
    assert outbox.replay(any_store, dead) == 0, "it lives again"
    assert go().pushed == 1
    assert len({key for key, _ in line.posts}) == 1


def test_a_replay_takes_what_the_filters_name_and_no_more_than_it_may(any_store: Store, go: Callable[..., Any], line: Line) -> None:
    for number in range(1, 6):
        name = f"Huis {number}" if number < 5 else "Schuur"
        say(any_store, number, name, 1)
        line.failing[name] = Rejected("Too short." if number < 5 else "No sheds.")
    assert go().rejected == 5
    with any_store.read() as db:
        assert outbox.replay(any_store, outbox.dead_letters(db, reason="short", limit=3)) == 3
    with any_store.read() as db:
        assert [letter.reason for letter in outbox.dead_letters(db)] == ["Too short.", "No sheds."]
    line.failing.clear()
    assert go().pushed == 3
    assert sorted(state for state, _ in letters(any_store)) == ["dead", "dead"]


def test_what_is_refused_is_dead_at_once_and_its_next_change_is_not(any_store: Store, go: Callable[..., Any], line: Line) -> None:
    say(any_store, 1, "H", 1)
    line.failing["H"] = Rejected("Too short.", field="name")
    assert go().rejected == 1
    assert letters(any_store) == [("dead", 1)]
    say(any_store, 1, "Huis", 2)
    assert go().pushed == 1
    assert letters(any_store) == []


def test_what_was_taken_in_part_is_agreed_and_the_rest_is_a_dead_letter(
    any_store: Store, go: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []

    def push(sink: Post, change: Any, desired: Any, agreed: Any) -> Any:
        seen.append(agreed)
        return Partly({"taken": 1}, Rejected("Too short.", field="name")) if len(seen) == 1 else {"taken": 2}

    monkeypatch.setattr(Post, "push", push)
    say(any_store, 1, "H", 1)
    report = go()
    assert (report.pushed, report.rejected, letters(any_store)) == (1, 1, [("dead", 1)])
    assert [(row.field, row.message) for row in report.rejections] == [("name", "Too short.")]
    assert go().pushed == 0, "nothing changed, so nobody asks again"
    with any_store.read() as db:
        outbox.replay(any_store, outbox.dead_letters(db))
    assert (go().pushed, letters(any_store), seen) == (1, [], [None, {"taken": 1}])
    with any_store.read() as db:
        assert records.rejected_rows(db) == {}
    assert go(full=True).pushed == 0


def test_a_dropped_letter_is_gone_until_the_next_change(any_store: Store, go: Callable[..., Any], line: Line) -> None:
    say(any_store, 1, "H", 1)
    line.failing["H"] = Rejected("Too short.")
    go()
    with any_store.read() as db:
        dead = outbox.dead_letters(db)
    assert (outbox.drop(any_store, dead), letters(any_store)) == (1, [])
    say(any_store, 1, "Huis", 2)
    assert go().pushed == 1


def test_only_the_very_letter_that_was_looked_at_is_replayed_or_dropped(any_store: Store, go: Callable[..., Any], line: Line) -> None:
    def dead(name: str, revision: int) -> list[Letter]:
        say(any_store, 1, name, revision)
        line.failing[name] = Rejected("Too short.")
        go()
        with any_store.read() as db:
            return outbox.dead_letters(db)

    looked_at, newer = dead("H", 1), dead("K", 2)
    assert outbox.replay(any_store, looked_at) == outbox.drop(any_store, looked_at) == 0
    assert letters(any_store) == [("dead", 1)]
    assert outbox.replay(any_store, newer) == 1
    assert outbox.drop(any_store, newer) == 0, "somebody else let it live again"
    assert letters(any_store) == [("waiting", 0)]


def test_what_the_partner_would_not_take_is_off_the_list_once_it_takes_it(any_store: Store, go: Callable[..., Any], line: Line, offer: Offer) -> None:
    for number, name in ((1, "H"), (2, "K")):
        say(any_store, number, name, 1)
        line.failing[name] = Rejected("Too short.")
    assert go().rejected == 2
    with any_store.read() as db:
        assert len(records.rejected_ids(db, "own")) == 2
        assert records.rejected_rows(db) == {}, "none of them came in"
        (other,) = (letter.change.id for letter in outbox.dead_letters(db) if letter.change.seq > 1)
    say(any_store, 1, "Huis", 2)
    assert go().pushed == 1
    with any_store.read() as db:
        assert records.rejected_ids(db, "own") == {other}
        left = outbox.dead_letters(db)
    assert outbox.drop(any_store, left) == 1
    with any_store.read() as db:
        assert records.rejected_ids(db, "own") == set(), "who gives it up has seen why"


@pytest.mark.parametrize("bug", [KeyError("a bug"), BaseException("no Exception")])
def test_a_bug_at_one_entity_does_not_stand_before_the_others_for_ever(
    any_store: Store, go: Callable[..., Any], line: Line, clock: Clock, bug: BaseException
) -> None:
    say(any_store, 1, "Huis", 1)
    say(any_store, 2, "Thuis", 1)
    line.failing["Huis"] = bug
    assert go().state == "failed"
    clock.forward(seconds=1)
    reports = [go() for _ in range(3)]
    assert sum(report.pushed for report in reports) == 1
    assert list(line.theirs.values()) == [{"name": "Thuis"}]


def test_pauses_are_random_bounded_and_as_asked() -> None:
    for attempts in range(1, 40):
        window = min(outbox.CAP, outbox.BASE * 2 ** min(attempts, 20))
        assert all(timedelta() <= outbox.pause(attempts) <= window for _ in range(20))
    assert len({outbox.pause(5) for _ in range(20)}) > 1
    assert outbox.pause(3, 17) == timedelta(seconds=17)


def test_the_breaker_is_open_for_a_random_part_of_a_window_but_at_least_half(clock: Clock) -> None:
    second = timedelta(seconds=1)  # in which moments are noted
    for failures in range(breaker.FAILURES, 20):
        window = min(breaker.CAP, breaker.BASE * 2 ** (failures - breaker.FAILURES))
        noted = [Breaker(failures - 1).failed(clock()).open_until for _ in range(20)]
        spans = {datetime.fromisoformat(until) - clock() for until in noted if until is not None}
        assert len(spans) > 1
        assert all(window / 2 - second <= span <= window for span in spans)
    assert Breaker().failed(clock(), 17) == Breaker(1, "2026-11-22T09:00:17Z")
    assert Breaker().failed(clock()) == Breaker(1)


def test_letters_of_one_change_are_all_met_however_small_the_pages(any_store: Store, go: Callable[..., Any], line: Line, clock: Clock) -> None:
    for number in range(5):
        say(any_store, number, f"Huis {number}", 1)
        line.failing[f"Huis {number}"] = Unreachable("Broken record.")
    go()
    clock.forward(days=1)
    with any_store.read() as db:
        numbers = sorted(db.execute(select(table.c.entity_id)).scalars())
        assert len(numbers) == 5
    # All that one pull notes stands at one seq.
    any_store.write(lambda writer: writer.connection.execute(update(table).values(seq=7)))
    met: list[int] = []
    after = (0, 0)
    with any_store.read() as db:
        while page := outbox.due(db, "own", clock(), after, 2):
            met += [letter.entity_id for letter in page]
            after = 7, page[-1].entity_id
    assert met == numbers
