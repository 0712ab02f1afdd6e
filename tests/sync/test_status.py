"""What is said of a connection is true, and says what to do."""

from sqlalchemy import text

from hub.errors import Rejected, Unreachable
from hub.jobs import HOUSEKEEPING, Worker
from hub.plugins import Plugins
from hub.store import Store, database
from hub.sync import connections, overdue, records, run, schedule, status, stops
from tests.sync.conftest import Clock
from tests.sync.pulling import Offer, connect
from tests.sync.rows import fresh_rows


def said(store: Store, plugins: Plugins) -> str:
    (one,) = status.of_all(store, plugins)
    return one.reason


def test_a_run_that_is_under_way_says_how_far_it_is(any_store: Store, offer: Offer) -> None:
    plugins = offer(fresh_rows(3))
    connect(any_store, plugins)
    heard: list[tuple[str, str]] = []

    def listen(done: int, total: int | None, what: str) -> None:
        (one,) = connections.list_all(any_store, plugins)
        heard.append((one.last_run.state if one.last_run else "", said(any_store, plugins)))

    run(any_store, plugins, "own", progress=listen)
    assert heard[-1] == ("running", "A run is under way since 2026-11-22T09:00:00Z: 3 read so far.")
    assert said(any_store, plugins) == "Everything is as it should be."


def test_a_run_whose_process_was_killed_does_not_read_as_if_it_went_on(any_store: Store, offer: Offer) -> None:
    plugins = offer(fresh_rows(3))
    connect(any_store, plugins)
    assert run(any_store, plugins, "own").state == "done"
    with database.writing(any_store.engine) as connection:
        connection.execute(text("UPDATE run SET state = 'running', ended_at = NULL"))
    (one,) = connections.list_all(any_store, plugins)
    assert one.last_run is not None and one.last_run.state == "stopped"
    assert said(any_store, plugins) == (
        "The run was cut off; the next one goes on from its last cursor. 3 had been read. To go on at once: fichehub run own"
    )
    with any_store.read() as connection:
        (kept,) = records.reports(connection)
        assert records.as_it_stands(connection, kept, any_store.now()).reason == records.CUT_OFF()


def test_rows_that_could_not_be_used_are_told_until_they_are_right(store: Store, offer: Offer) -> None:
    source = fresh_rows(300)
    good, source.rows[7] = source.rows[7], Rejected("The name is missing.", external_id="000007", field="name")
    plugins = offer(source)
    connect(store, plugins)
    assert run(store, plugins, "own").rejected == 1
    assert said(store, plugins) == "1 row could not be used: fichehub rejected own"
    assert run(store, plugins, "own").read == 0
    assert said(store, plugins) == "1 row could not be used: fichehub rejected own"
    source.changed.append(good)
    assert run(store, plugins, "own").changed == 1
    assert said(store, plugins) == "Everything is as it should be."


def test_what_the_last_run_warned_of_is_told(store: Store, offer: Offer) -> None:
    source = fresh_rows(3)
    plugins = offer(source)
    connect(store, plugins)
    source.finished |= {"warnings": ("One.", "Two.", "Three.", "Four.")}
    run(store, plugins, "own")
    assert said(store, plugins) == "One. Two. It warned of 2 more: fichehub runs own"
    source.finished["warnings"] = ()
    run(store, plugins, "own")
    assert said(store, plugins) == "Everything is as it should be."


def test_what_only_explains_a_run_is_no_warning(store: Store, offer: Offer) -> None:
    source = fresh_rows(3)
    plugins = offer(source)
    connect(store, plugins)
    run(store, plugins, "own")
    source.expired = True
    assert run(store, plugins, "own").warnings == (records.BEGAN_AGAIN(),)
    assert said(store, plugins) == "Everything is as it should be."


def test_what_is_stopped_says_how_it_may_run_again(store: Store, offer: Offer) -> None:
    plugins = offer(fresh_rows(3))
    connect(store, plugins)
    stops.stop(store, stops.ALL, "Holidays.")
    assert said(store, plugins) == "Stopped: Holidays. To let it run again: fichehub connections go --all"
    stops.stop(store, "own", "")
    assert said(store, plugins) == "Stopped: no reason was given. To let it run again: fichehub connections go own"


def test_what_should_have_run_and_did_not_is_told_with_who_should_have_done_it(any_store: Store, offer: Offer, clock: Clock) -> None:
    plugins = offer(fresh_rows(3))
    connect(any_store, plugins)
    assert said(any_store, plugins) == "It has not run yet.", "what runs when somebody asks needs no worker"
    connections.configure(any_store, plugins, "own", schedule="every 15 minutes; full never")
    assert said(any_store, plugins) == f"It has not run yet. {overdue.NO_WORKER()}"
    clock.forward(minutes=15)
    worker = Worker(any_store, plugins)
    worker.run_due()
    assert said(any_store, plugins) == "Everything is as it should be."
    clock.forward(minutes=14)
    assert said(any_store, plugins) == "Everything is as it should be.", "a slot may be taken a little later"
    clock.forward(days=10)
    (one,) = status.of_all(any_store, plugins)
    assert (one.overdue_since, one.reason) == ("2026-11-22T09:30:00Z", overdue.OVERDUE_ALONE(due="2026-11-22T09:30:00Z"))
    assert one.next_at == "2026-12-02T09:30:00Z", "which is no answer to whether it runs"
    worker.take_due()  # which a worker does that then ends, or whose runs all hang
    (one,) = status.of_all(any_store, plugins)
    assert one.reason == overdue.OVERDUE(due="2026-11-22T09:30:00Z").rstrip()
    stops.stop(any_store, "own", "Holidays.")
    assert status.of_all(any_store, plugins)[0].overdue_since is None, "what is stopped should not run"
    stops.go(any_store, "own")
    run(any_store, plugins, "own")
    assert said(any_store, plugins) == "Everything is as it should be.", "also when somebody ran it by hand"


def test_moments_that_have_not_come_say_nothing(any_store: Store, offer: Offer, clock: Clock) -> None:
    """A clock that was three days ahead was put back: nobody has looked since, and then nobody runs anything."""
    source = fresh_rows(3)
    plugins = offer(source)
    connect(any_store, plugins)
    connections.configure(any_store, plugins, "own", schedule="every 6 hours; full never")
    worker = Worker(any_store, plugins)
    for _ in range(12):
        clock.forward(hours=6)
        worker.run_due()
    clock.forward(days=-3)
    (one,) = status.of_all(any_store, plugins)
    assert (one.overdue_since, one.reason) == (None, overdue.NO_WORKER()), "it was enabled after the last moment that has come"
    worker.take_due()
    assert said(any_store, plugins) == "Everything is as it should be."
    clock.forward(days=1)
    (one,) = status.of_all(any_store, plugins)
    assert one.reason == overdue.OVERDUE_ALONE(due="2026-11-23T06:00:00Z"), "when it was due last, for when it ran last nobody knows"
    worker.take_due()
    (one,) = status.of_all(any_store, plugins)
    assert one.reason == overdue.OVERDUE(due="2026-11-23T06:00:00Z").rstrip()
    run(any_store, plugins, "own")
    assert said(any_store, plugins) == "Everything is as it should be."


def test_what_was_enabled_while_the_clock_was_ahead_is_overdue_too(store: Store, offer: Offer, clock: Clock) -> None:
    source = fresh_rows(3)
    plugins = offer(source)
    clock.forward(days=400)
    connect(store, plugins)
    connections.configure(store, plugins, "own", schedule="every 6 hours; full never")
    source.failure = Unreachable("It is away.", retry_after=6 * 3600.0)
    run(store, plugins, "own")
    clock.forward(days=-400)
    assert status.of_all(store, plugins)[0].overdue_since == "2026-11-22T06:00:00Z"


def test_what_waits_as_its_partner_asked_is_not_overdue(store: Store, offer: Offer, clock: Clock) -> None:
    source = fresh_rows(3)
    plugins = offer(source)
    connect(store, plugins)
    connections.configure(store, plugins, "own", schedule="every 15 minutes; full never")
    source.failure = Unreachable("It is away.", retry_after=6 * 3600.0)
    report = run(store, plugins, "own")
    assert report.retry_at == "2026-11-22T15:00:00Z"
    clock.forward(hours=5)
    assert status.of_all(store, plugins)[0].overdue_since is None
    clock.forward(hours=2)
    assert status.of_all(store, plugins)[0].overdue_since == report.retry_at


def test_a_worker_shows_that_it_is_at_work_much_more_often_than_it_is_asked(store: Store, offer: Offer, clock: Clock) -> None:
    beats = schedule.parse(HOUSEKEEPING[overdue.BEAT][0]).normal
    assert isinstance(beats, schedule.Every) and beats.seconds * 2 < overdue.SILENCE.total_seconds()

    def works() -> bool:
        with store.read() as connection:
            return overdue.somebody_works(connection, store.now())

    assert not works()
    Worker(store, offer()).take_due()
    assert works()
    clock.forward(minutes=16)
    assert not works()
