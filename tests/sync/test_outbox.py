"""Deliveries: the same key for every attempt, a breaker, bounded attempts, dead letters that can be replayed, and a stop switch."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

import orjson
import pytest
from sqlalchemy import func, select, update

from hub.connector import Response, Sink, Unsent
from hub.errors import Rejected, StoreBusy, Unreachable
from hub.jobs import Worker
from hub.model.entity import Change, Entity
from hub.plugins import Plugins
from hub.store import Store, erasure
from hub.store.tables import agreed
from hub.store.tables import outbox as table
from hub.sync import breaker, connections, delivery, faults, outbox, records, run, status, stops
from hub.sync.agreed import Agreed
from hub.sync.breaker import Breaker
from hub.sync.outbox import Letter
from hub.sync.stops import Stopped
from tests.sync.conftest import Clock
from tests.sync.test_push import say

Offer = Callable[..., Plugins]


class Answer:
    def __init__(self) -> None:
        self.status = 200
        self.headers: Mapping[str, str] = {}
        self.content = b"{}"

    def json(self) -> Any:
        return {}


class Line:
    """An HTTP client that keeps what it was asked, and fails when told to. `failing`: names whose delivery fails -> how."""

    def __init__(self) -> None:
        self.posts: list[tuple[str | None, Any]] = []
        self.failing: dict[str | None, BaseException] = {}
        self.theirs: dict[str, Any] = {}

    def get(self, url: str, *, params: Any = None, headers: Any = None) -> Response:
        return Answer()

    def post(self, url: str, *, json: Any = None, data: bytes | None = None, headers: Any = None) -> Response:
        name = None if json is None else json["name"]
        self.posts.append(((headers or {}).get("Idempotency-Key"), json))
        error = self.failing.get(name, self.failing.get("*"))
        if error is not None:
            raise error
        self.theirs[url] = json
        return Answer()


class Post(Sink):
    """Posts the name to an address per entity."""

    name = "post"
    title = "Post"

    def shape(self, entity: Entity) -> dict[str, Any] | None:
        return {"name": entity.fiche["names"][0]["text"]["nl"]} if entity.type == "organisatie" else None

    def push(
        self, change: Change, desired: dict[str, Any] | None, agreed: dict[str, Any] | None
    ) -> dict[str, Any] | None:
        self.context.http.post(f"https://partner.example.org/{change.id}", json=desired)
        return desired


@pytest.fixture
def line() -> Line:
    return Line()


@pytest.fixture
def go(any_store: Store, offer: Offer, line: Line) -> Callable[..., Any]:
    loaded = offer(Post)
    connections.add(any_store, loaded, "own", "post", schedule="every 1 day")
    connections.enable(any_store, loaded, "own", http=line)
    return lambda **options: run(any_store, loaded, "own", http=line, **options)


def letters(store: Store) -> list[tuple[str, int]]:
    with store.read() as db:
        return [(row.state, row.attempts) for row in db.execute(select(table).order_by(table.c.seq))]


def test_every_attempt_of_the_same_content_has_the_same_key(
    any_store: Store, go: Callable[..., Any], line: Line, clock: Clock, offer: Offer
) -> None:
    say(any_store, 1, "Huis", 1)
    line.failing["Huis"] = Unreachable("Down.")
    first = go()
    assert (first.state, first.pushed, letters(any_store)) == ("done", 0, [("waiting", 1)])
    assert "will be tried again" in first.warnings[0]
    (one,) = status.of_all(any_store, offer(Post))
    assert (one.waiting, "1 delivery failed and will be tried again, from 2026-11-22T09:0" in one.reason) == (1, True)
    clock.forward(minutes=5)
    go()
    line.failing.clear()
    clock.forward(minutes=5)
    assert go().pushed == 1
    keys = {key for key, _ in line.posts}
    assert len(line.posts) == 3
    assert len(keys) == 1
    say(any_store, 1, "Thuis", 2)
    assert go().pushed == 1
    assert line.posts[-1][0] not in keys
    assert letters(any_store) == []


def test_a_fault_of_the_machine_is_no_failure_of_the_letter(any_store: Store, go: Callable[..., Any], line: Line, clock: Clock) -> None:
    say(any_store, 1, "Huis", 1)
    line.failing["Huis"] = StoreBusy("Locked.")
    failed = go()
    assert (failed.state, failed.reason, failed.retry_at is not None) == ("failed", faults.BUSY(), True)
    assert letters(any_store) == [("waiting", 0)]
    line.failing.clear()
    assert go().pushed == 1, "it need not wait for its next attempt"
    assert len({key for key, _ in line.posts}) == 1


def test_the_key_tells_deliveries_apart_by_all_that_makes_them_another() -> None:
    change = Change(5, "2026-11-22T09:00:00Z", "id", "organisatie", "id", "update", "editor")
    letter = Letter("own", 1, change, "waiting", 0, "", "", "", "one")
    key = delivery.key("own", letter, {"name": "Huis"}, Agreed())
    assert delivery.key("own", replace(letter, attempts=7, state="dead"), {"name": "Huis"}, Agreed(said={})) == key
    others = [
        delivery.key("other", letter, {"name": "Huis"}, Agreed()),
        delivery.key("own", replace(letter, number="two"), {"name": "Huis"}, Agreed()),
        delivery.key("own", replace(letter, change=replace(change, seq=6)), {"name": "Huis"}, Agreed()),
        delivery.key("own", replace(letter, change=replace(change, id="another")), {"name": "Huis"}, Agreed()),
        delivery.key("own", letter, {"name": "Thuis"}, Agreed()),
        delivery.key("own", letter, {"name": "Huis"}, Agreed({"name": "Huis"}, {"name": "HUIS"})),
    ]
    assert len({key, *others}) == 1 + len(others)


def test_a_letter_that_an_earlier_version_wrote_goes_out_under_the_key_that_it_had_there(any_store: Store, clock: Clock) -> None:
    change = Change(5, "2026-11-22T09:00:00Z", "id", "organisatie", "id", "update", "editor")
    any_store.write(lambda writer: outbox.enqueue(writer.connection, "own", [(1, change)], clock()))
    as_then = update(table).values(change=orjson.dumps(asdict(change)))
    any_store.write(lambda writer: writer.connection.execute(as_then))
    with any_store.read() as db:
        (letter,) = outbox.due(db, "own", clock(), (-1, -1), 10)
    told = b'["own","id",5,{"name":"Huis"},null]'
    assert delivery.key("own", letter, {"name": "Huis"}, Agreed()) == sha256(told).hexdigest()


@pytest.mark.parametrize("answer", [None, "x", ["x"], {"a": {1}}, {"a": "\ud800"}, Unsent("x"), Unsent({"a": {1}})])  # type: ignore[arg-type]
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


def test_a_crash_after_the_partner_took_it_repeats_the_key(
    any_store: Store, go: Callable[..., Any], line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    say(any_store, 1, "Huis", 1)
    with monkeypatch.context() as patch:
        patch.setattr("hub.sync.agreed.save", lambda *args: (_ for _ in ()).throw(KeyboardInterrupt()))
        with pytest.raises(KeyboardInterrupt):
            go()
    assert go().pushed == 1
    assert len(line.posts) == 2
    assert len({key for key, _ in line.posts}) == 1


def test_one_entity_that_fails_does_not_hold_up_the_others(
    any_store: Store, go: Callable[..., Any], line: Line
) -> None:
    for number in range(5):
        say(any_store, number, f"Huis {number}", 1)
    line.failing["Huis 2"] = Unreachable("Broken record.")
    report = go()
    assert (report.state, report.pushed, letters(any_store)) == ("done", 4, [("waiting", 1)])
    with any_store.read() as db:
        assert breaker.load(db, "own") == Breaker(), "a success closes it again"


def test_the_breaker_opens_and_lets_one_probe_through(
    any_store: Store, go: Callable[..., Any], line: Line, clock: Clock
) -> None:
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


def test_retry_after_is_obeyed_at_once(
    any_store: Store, go: Callable[..., Any], line: Line, clock: Clock
) -> None:
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


def test_after_bounded_attempts_it_is_a_dead_letter_that_can_be_replayed(
    any_store: Store, go: Callable[..., Any], line: Line, clock: Clock
) -> None:
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


def test_a_replay_takes_what_the_filters_name_and_no_more_than_it_may(
    any_store: Store, go: Callable[..., Any], line: Line
) -> None:
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


def test_what_is_refused_is_dead_at_once_and_its_next_change_is_not(
    any_store: Store, go: Callable[..., Any], line: Line
) -> None:
    say(any_store, 1, "H", 1)
    line.failing["H"] = Rejected("Too short.", field="name")
    assert go().rejected == 1
    assert letters(any_store) == [("dead", 1)]
    say(any_store, 1, "Huis", 2)
    assert go().pushed == 1
    assert letters(any_store) == []


def test_a_dropped_letter_is_gone_until_the_next_change(
    any_store: Store, go: Callable[..., Any], line: Line
) -> None:
    say(any_store, 1, "H", 1)
    line.failing["H"] = Rejected("Too short.")
    go()
    with any_store.read() as db:
        dead = outbox.dead_letters(db)
    assert (outbox.drop(any_store, dead), letters(any_store)) == (1, [])
    say(any_store, 1, "Huis", 2)
    assert go().pushed == 1


def test_only_the_very_letter_that_was_looked_at_is_replayed_or_dropped(
    any_store: Store, go: Callable[..., Any], line: Line
) -> None:
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


def test_what_the_partner_would_not_take_is_off_the_list_once_it_takes_it(
    any_store: Store, go: Callable[..., Any], line: Line, offer: Offer
) -> None:
    for number, name in ((1, "H"), (2, "K")):
        say(any_store, number, name, 1)
        line.failing[name] = Rejected("Too short.")
    assert go().rejected == 2
    with any_store.read() as db:
        assert records.rejected_rows(db) == {"own": 2}
        (other,) = (letter.change.id for letter in outbox.dead_letters(db) if letter.change.seq > 1)
    say(any_store, 1, "Huis", 2)
    assert go().pushed == 1
    with any_store.read() as db:
        assert records.rejected_ids(db, "own") == {other}


def test_a_bug_at_one_entity_does_not_stand_before_the_others_for_ever(
    any_store: Store, go: Callable[..., Any], line: Line, clock: Clock
) -> None:
    say(any_store, 1, "Huis", 1)
    say(any_store, 2, "Thuis", 1)
    line.failing["Huis"] = KeyError("a bug")
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


def test_each_post_of_a_delivery_has_a_key_of_its_own_and_the_same_in_every_attempt(
    any_store: Store, go: Callable[..., Any], line: Line, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def twice(sink: Post, change: Change, desired: dict[str, Any] | None, agreed: dict[str, Any] | None) -> Any:
        for part in ("one", "two"):
            sink.context.http.post(f"https://partner.example.org/{change.id}/{part}", json={"name": f"{part} of {(desired or {})['name']}"})
        return desired

    monkeypatch.setattr(Post, "push", twice)
    say(any_store, 1, "Huis", 1)
    say(any_store, 2, "Thuis", 1)
    line.failing["two of Thuis"] = Unreachable("Down.")
    assert go().pushed == 1
    clock.forward(minutes=5)
    line.failing.clear()
    assert go().pushed == 1
    keys = [key for key, _ in line.posts]
    assert len(set(keys[:4])) == 4
    assert keys[4:] == keys[2:4]


def test_the_switch_stops_one_or_all_and_a_run_under_way(
    any_store: Store, go: Callable[..., Any], line: Line, offer: Offer
) -> None:
    say(any_store, 1, "Huis", 1)
    for name in ("own", stops.ALL):
        stops.stop(any_store, name, "They are moving house.")
        with pytest.raises(Stopped, match=r"They are moving house\. To let it run again: fichehub connections go"):
            go()
        assert Worker(any_store, offer(Post)).due() == [
            job for job in Worker(any_store, offer(Post)).due() if not job.connection
        ]
        assert stops.go(any_store, name)
    assert not stops.go(any_store, "own")
    for number in range(2, 6):
        say(any_store, number, f"Huis {number}", 1)

    def stop_now(*args: object) -> None:
        stops.stop(any_store, "own", "Enough.")

    cut = go(progress=stop_now)
    assert (cut.state, cut.pushed) == ("stopped", 0)
    assert "Enough." in cut.reason
    stops.go(any_store, "own")
    assert go().pushed + cut.pushed >= 4
    assert len(line.theirs) == 5


@pytest.mark.parametrize("how", ["switch", "process"])
def test_a_push_ends_between_two_deliveries_and_the_next_run_goes_on(
    any_store: Store, go: Callable[..., Any], line: Line, offer: Offer, how: str
) -> None:
    """What the partner was told is recorded, also when the stop comes while it is being told."""
    for number in range(5):
        say(any_store, number, f"Huis {number}", 1)
    ends = threading.Event()
    whole = line.post

    def post(url: str, **given: Any) -> Response:
        if len(line.posts) == 1:
            ends.set()
            if how == "switch":
                stops.stop(any_store, "own", "Enough.")
        return whole(url, **given)

    line.post = post  # type: ignore[method-assign]
    with stops.until(lambda: how == "process" and ends.is_set()):
        cut = go()
    assert (cut.state, cut.pushed, len(line.posts)) == ("stopped", 2, 2)
    assert letters(any_store) == [("waiting", 0)] * 3
    worker = Worker(any_store, offer(Post))
    if how == "switch":
        assert "Enough." in cut.reason
        stops.go(any_store, "own")
    assert [job.name for job in worker.due() if job.connection] == ["again own" if how == "process" else "deliver own"]
    assert go().pushed == 3
    assert len(line.posts) == len(line.theirs) == 5, "nothing is lost or doubled"


def test_a_failed_delivery_is_a_job_when_its_time_comes(
    any_store: Store, go: Callable[..., Any], line: Line, clock: Clock, offer: Offer
) -> None:
    say(any_store, 1, "Huis", 1)
    line.failing["Huis"] = Unreachable("Down.")
    go()
    worker = Worker(any_store, offer(Post))
    clock.forward(hours=1)
    assert [job.name for job in worker.due() if job.connection] == ["deliver own"]


def test_what_waits_is_no_job_while_the_breaker_is_open(
    any_store: Store, go: Callable[..., Any], line: Line, clock: Clock, offer: Offer
) -> None:
    say(any_store, 1, "Huis", 1)
    say(any_store, 2, "Thuis", 1)
    line.failing["*"] = Unreachable("Slow down.", retry_after=600)
    go()
    assert go().warnings[0].startswith("Nothing was delivered"), "somebody runs it by hand, and that run waits for nothing"
    worker = Worker(any_store, offer(Post))
    assert [job.name for job in worker.due() if job.connection] == []
    clock.forward(minutes=10)
    assert [job.name for job in worker.due() if job.connection] == ["deliver own"]


def test_erasing_reaches_the_partner_and_leaves_nothing_in_the_outbox(
    any_store: Store, go: Callable[..., Any], line: Line, clock: Clock
) -> None:
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
def test_status_says_how_far_behind_and_why(
    any_store: Store, go: Callable[..., Any], line: Line, offer: Offer
) -> None:
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


def test_removing_a_connection_forgets_its_letters(
    any_store: Store, go: Callable[..., Any], line: Line
) -> None:
    say(any_store, 1, "H", 1)
    line.failing["H"] = Rejected("Too short.")
    go()
    connections.remove(any_store, "own")
    with any_store.read() as db:
        assert db.execute(select(func.count()).select_from(table)).scalar_one() == 0


def test_without_a_schedule_nobody_is_promised_another_try(
    any_store: Store, go: Callable[..., Any], line: Line, clock: Clock, offer: Offer
) -> None:
    """Nothing runs by itself then, and what waits goes out with the next run."""
    connections.configure(any_store, offer(Post), "own", schedule="")
    say(any_store, 1, "Huis", 1)
    line.failing["Huis"] = Unreachable("Down.")
    assert go().warnings == ("1 could not be delivered and will be tried again by the next run, but none is scheduled.",)
    clock.forward(days=1)
    assert [job for job in Worker(any_store, offer(Post)).due() if job.connection] == []
    (one,) = status.of_all(any_store, offer(Post))
    assert "1 delivery failed and waits for the next run; none is scheduled. At once: fichehub run own" in one.reason
    line.failing.clear()
    assert go().pushed == 1
