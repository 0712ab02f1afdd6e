"""Pulling: nothing lost, nothing doubled, nothing removed that a complete source did not leave out."""

from __future__ import annotations

import threading
from asyncio import CancelledError
from dataclasses import replace

import flask
import pytest
from sqlalchemy import func, select

from hub.connector import Endpoint
from hub.errors import AuthFailed, Misconfigured, NotFound, Rejected, Unreachable
from hub.model.claims import Claim
from hub.model.concepts import Concept
from hub.store import Store
from hub.store.behind import Behind
from hub.store.erasure import erase
from hub.store.tables import claim, entity, fiche, lease, rejected
from hub.store.tables import run as run_table
from hub.sync import connections, records, run
from hub.sync import lease as leases
from hub.sync.lease import Busy, LeaseLost, acquire
from tests.sync.conftest import Clock
from tests.sync.pulling import Offer, changes, connect, cursor, go, ids, stored
from tests.sync.rows import fresh_rows, row


def test_a_first_and_a_second_run(any_store: Store, offer: Offer) -> None:
    source = fresh_rows()
    first = go(any_store, source, offer)
    assert (first.state, first.mode, first.read, first.changed, first.unchanged) == (
        "done",
        "full",
        25,
        25,
        0,
    )
    assert (first.cursor_before, first.cursor_after, cursor(any_store)) == (None, "since:0", "since:0")
    assert stored(any_store) == ids(source)
    source.changed = [row(3, name="Anders", revision=2)]
    second = go(any_store, source, offer)
    assert (second.mode, second.read, second.changed, second.deleted) == ("incremental", 1, 1, 0)
    assert source.asked == [None, "since:0"]


def test_an_unchanged_reload_writes_no_change(any_store: Store, offer: Offer) -> None:
    source = fresh_rows(300)
    go(any_store, source, offer)
    before = changes(any_store)
    again = go(any_store, source, offer, full=True)
    assert (again.read, again.changed, again.unchanged, again.deleted) == (300, 0, 300, 0)
    assert changes(any_store) == before


@pytest.mark.parametrize("at", range(0, 25, 3))
def test_a_cut_off_run_loses_nothing_and_removes_nothing(store: Store, offer: Offer, at: int) -> None:
    source = fresh_rows()
    source.fail_after, source.failure = at, Unreachable("The line broke.", retry_after=30)
    cut = go(store, source, offer)
    assert (cut.state, cut.reason, cut.read, cut.deleted) == ("failed", "The line broke.", at, 0)
    assert cut.retry_at == "2026-11-22T09:00:30Z"
    assert len(stored(store)) == at
    source.failure = None
    rest = go(store, source, offer)
    assert rest.state == "done"
    assert rest.resumed is (at >= 10)
    assert source.asked[-1] == (f"full:{at // 10 * 10}" if at >= 10 else None)
    assert stored(store) == ids(source)
    with store.read() as db:
        assert db.execute(select(func.count()).select_from(fiche)).scalar_one() == 25


def test_the_rows_of_a_batch_and_its_cursor_are_written_without_a_wait_in_between(
    any_store: Store, offer: Offer, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, waits = fresh_rows(60), []
    usual = Behind.settle

    def settle(self: Behind) -> None:
        waits.append(self.busy)
        usual(self)

    go(any_store, fresh_rows(1), offer)  # the source is known, and so is the shape of its rows
    monkeypatch.setattr(Behind, "settle", settle)
    report = go(any_store, source, offer, full=True)
    assert (report.state, report.changed, cursor(any_store)) == ("done", 59, "since:0")
    # SQLite is waited for before the commit as well, so that it does not take the interpreter from the next batch.
    assert waits.count(True) == (2 if any_store.engine.dialect.name == "sqlite" else 1)


def test_a_source_that_just_stops_was_cut_off(store: Store, offer: Offer) -> None:
    source = fresh_rows()
    go(store, source, offer)
    source.rows, source.finish = source.rows[:5], False
    cut = go(store, source, offer, full=True)
    assert (cut.state, cut.deleted) == ("failed", 0)
    assert "without saying that it had finished" in cut.reason
    assert len(stored(store)) == 25


def test_absence_after_a_complete_run_is_removal(any_store: Store, offer: Offer) -> None:
    source = fresh_rows()
    go(any_store, source, offer)
    gone, source.rows = source.rows[7], [*source.rows[:7], *source.rows[8:]]
    report = go(any_store, source, offer, full=True)
    assert (report.deleted, report.withheld) == (1, 0)
    assert stored(any_store) == ids(source)
    source.rows.insert(7, gone)
    back = go(any_store, source, offer, full=True)
    assert (back.changed, back.unchanged, back.deleted) == (1, 24, 0)
    with any_store.read() as db:
        states = db.execute(select(fiche.c.state, func.count()).group_by(fiche.c.state)).all()
    assert list(states) == [("live", 25)]


def test_where_absence_tells_nothing_a_complete_run_removes_nothing(store: Store, offer: Offer) -> None:
    source = fresh_rows()
    source.absence_tells = False
    go(store, source, offer)
    source.rows = source.rows[:20]
    report = go(store, source, offer, full=True)
    assert (report.state, report.deleted, report.withheld, report.warnings) == ("done", 0, 0, ())
    assert len(stored(store)) == 25
    source.absence_tells = True
    assert go(store, source, offer, release_guard=True).warnings == ()


def test_a_resumed_run_never_removes(store: Store, offer: Offer) -> None:
    source = fresh_rows()
    go(store, source, offer)
    source.rows = source.rows[:20]
    source.fail_after, source.failure = 12, Unreachable("The line broke.")
    go(store, source, offer, full=True)
    source.failure = None
    rest = go(store, source, offer)
    assert (rest.state, rest.resumed, rest.deleted) == ("done", True, 0)
    assert len(stored(store)) == 25


@pytest.mark.parametrize("finished", [{"complete": False}, {"missing": 3}])
def test_an_incomplete_source_never_removes(store: Store, offer: Offer, finished: dict[str, object]) -> None:
    source = fresh_rows()
    go(store, source, offer)
    source.rows, source.finished = source.rows[:20], finished
    report = go(store, source, offer, full=True)
    assert (report.state, report.deleted) == ("done", 0)
    assert report.missing == finished.get("missing", 0)
    assert len(stored(store)) == 25


def test_a_rejected_row_is_not_absent(any_store: Store, offer: Offer) -> None:
    source = fresh_rows()
    go(any_store, source, offer)
    source.rows[4] = Rejected("The name is empty.", external_id="000004", field="names", raw='{"name": ""}')
    source.rows[5] = Claim("rows", "000005", 2, "organisatie", {"kind": "organisatie", "colour": "red"})
    report = go(any_store, source, offer, full=True)
    assert (report.read, report.rejected, report.unchanged, report.deleted) == (25, 2, 23, 0)
    assert len(stored(any_store)) == 25
    with any_store.read() as db:
        kept = {each.external_id: each for each in db.execute(select(rejected))}
    assert (kept["000004"].reason, kept["000004"].field, kept["000004"].raw) == (
        "The name is empty.",
        "names",
        '{"name": ""}',
    )
    assert kept["000005"].field == "colour"
    assert {each.external_id for each in report.rejections} == {"000004", "000005"}


def test_a_row_that_is_right_again_is_no_longer_listed(store: Store, offer: Offer) -> None:
    source = fresh_rows(5)
    source.rows[1] = Rejected("No name.", external_id="000001")
    go(store, source, offer)
    source.changed = [row(1)]
    go(store, source, offer)
    with store.read() as db:
        assert records.rejected_ids(db, "own") == set()


def test_the_same_bad_row_is_listed_once(store: Store, offer: Offer) -> None:
    source = fresh_rows(2)
    source.changed = [Rejected("No name.\x00\ud800", external_id="x", raw="y" * 5000)]
    for _ in range(3):
        go(store, source, offer)
    with store.read() as db:
        kept = db.execute(select(rejected.c.raw, rejected.c.reason)).all()
    assert [len(each.raw) for each in kept] == [2000]


def test_rows_without_an_id_forbid_removal(store: Store, offer: Offer) -> None:
    source = fresh_rows()
    go(store, source, offer)
    source.rows = [*source.rows[:20], Rejected("The row has no id.")]
    report = go(store, source, offer, full=True)
    assert (report.deleted, report.rejected) == (0, 1)
    assert "could not be told apart" in report.reason


@pytest.mark.parametrize(
    ("bad", "field"),
    [
        (row(1, source="kbo"), "source"),
        (Claim("rows", "", 1, "organisatie", {"kind": "organisatie"}), "external_id"),
        (Claim("rows", "a\x00b", 1, "organisatie", {"kind": "organisatie"}), "external_id"),
        (Claim("rows", "1", 2**63, "organisatie", {"kind": "organisatie"}), "revision"),
        (Claim("rows", "1", 1, "organisatie", {"kind": "organisatie"}, partner="another"), "partner"),
    ],
)
def test_a_claim_in_another_name_or_shape_is_rejected(store: Store, offer: Offer, bad: Claim, field: str) -> None:
    source = fresh_rows(3)
    source.rows.append(bad)
    report = go(store, source, offer)
    assert (report.state, report.changed, [each.field for each in report.rejections]) == ("done", 3, [field])


def test_two_connections_of_one_source_remove_nothing_of_each_other(store: Store, offer: Offer) -> None:
    source = fresh_rows()
    go(store, source, offer)
    connect(store, offer(source), "other")
    source.rows = source.rows[:20]
    report = go(store, source, offer, full=True)
    assert report.deleted == 0
    assert "Another connection" in report.reason


def test_what_a_connection_brought_stays_while_it_waits_for_its_check(store: Store, offer: Offer) -> None:
    source = fresh_rows()
    go(store, source, offer)
    plugins = offer(source)
    connect(store, plugins, "other")
    run(store, plugins, "other")
    assert connections.configure(store, plugins, "other", config={"url": "https://example.org"}).state == "disabled"
    source.rows = source.rows[:20]
    report = go(store, source, offer, full=True)
    assert (report.deleted, len(stored(store))) == (0, 25)
    assert "Another connection" in report.reason


def test_an_expired_cursor_means_one_full_resync(store: Store, offer: Offer) -> None:
    source = fresh_rows()
    go(store, source, offer)
    source.expired = True
    report = go(store, source, offer)
    assert (report.state, report.mode, report.unchanged) == ("done", "full", 25)
    assert "began again from the start" in report.warnings[0]
    assert source.asked == [None, "since:0", None]


def test_refused_credentials_pause_the_connection(store: Store, offer: Offer) -> None:
    source = fresh_rows()
    plugins = offer(source)
    connect(store, plugins, token="hunter22")
    source.fail_after, source.failure = 0, AuthFailed("The token hunter22 was refused.")
    report = run(store, plugins, "own")
    assert (report.state, report.reason) == ("failed", "The token ******** was refused.")
    info = connections.get(store, plugins, "own")
    assert (info.state, info.reason) == ("paused", "The token ******** was refused.")
    with pytest.raises(Misconfigured, match=r"is paused \(The token"):
        run(store, plugins, "own")


def test_a_bug_in_a_connector_fails_the_run_and_tells_nothing(store: Store, offer: Offer, capsys: pytest.CaptureFixture[str]) -> None:
    source = fresh_rows()
    plugins = offer(source)
    connect(store, plugins, token="hunter22")
    source.fail_after, source.failure = 15, KeyError("hunter22 at /etc/secret")
    report = run(store, plugins, "own")
    assert (report.state, report.read, report.cursor_after) == ("failed", 15, "full:10")
    assert report.reason == "The connector failed in a way that it should not; the trace is in the log."
    assert "hunter22" not in repr(report)
    written = capsys.readouterr().out
    assert "KeyError" in written
    assert "hunter22" not in written


def test_what_a_pull_may_not_yield(store: Store, offer: Offer) -> None:
    source = fresh_rows(2)
    source.rows.append("a string")  # type: ignore[arg-type]
    assert go(store, source, offer).state == "failed"


def test_a_dry_run_counts_and_keeps_nothing(any_store: Store, offer: Offer) -> None:
    source = fresh_rows(120)
    dry = go(any_store, source, offer, dry_run=True)
    assert (dry.state, dry.dry_run, dry.changed) == ("done", True, 120)
    assert (stored(any_store), changes(any_store), cursor(any_store)) == ([], 0, None)
    go(any_store, source, offer)
    before = changes(any_store)
    source.rows = [*source.rows[:59], Rejected("bad", external_id="x")]
    foreseen = go(any_store, source, offer, dry_run=True, full=True)
    assert (foreseen.unchanged, foreseen.rejected, foreseen.withheld) == (59, 1, 61)
    assert (len(stored(any_store)), changes(any_store), cursor(any_store)) == (120, before, "since:0")
    with any_store.read() as db:
        assert db.execute(select(func.count()).select_from(rejected)).scalar_one() == 0
        assert db.execute(select(func.count()).select_from(run_table)).scalar_one() == 3


def test_a_dry_run_of_a_disabled_connection(store: Store, offer: Offer) -> None:
    plugins = offer(fresh_rows())
    connections.add(store, plugins, "own", "rows")
    assert run(store, plugins, "own", dry_run=True).changed == 25
    with pytest.raises(Misconfigured, match="fichehub connections enable own"):
        run(store, plugins, "own")


def test_one_run_at_a_time(store: Store, offer: Offer, clock: Clock) -> None:
    source = fresh_rows()
    plugins = offer(source)
    connect(store, plugins)
    other = acquire(store, "connection own")
    with pytest.raises(Busy, match="already being worked on"):
        run(store, plugins, "own")
    other.release(store)
    assert run(store, plugins, "own").state == "done"


def test_who_lost_the_lease_commits_nothing(any_store: Store, offer: Offer, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that slept too long finds its lease taken: its batch is rolled back, the other's cursor stays."""
    source = fresh_rows(30)
    plugins = offer(source)
    connect(any_store, plugins)

    def steal(done: int, total: int | None, what: str) -> None:
        if not stolen:
            clock.forward(hours=1)
            monkeypatch.setattr(leases, "_at_work", {})  # another process knows nothing of our threads
            stolen.append(acquire(any_store, "connection own"))

    stolen: list[object] = []
    source.rows += [row(number) for number in range(30, 200)]
    report = run(any_store, plugins, "own", progress=steal)
    assert report.state == "stopped"
    assert "taken over" in report.reason
    assert len(stored(any_store)) == 100
    assert cursor(any_store) == "full:100"
    with any_store.read() as db:
        assert db.execute(select(lease.c.token)).scalar_one() == 2


def test_a_lease_token_only_rises_and_an_old_one_is_refused(any_store: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    first = acquire(any_store, "x")
    clock.forward(hours=1)
    monkeypatch.setattr(leases, "_at_work", {})  # another process knows nothing of our threads
    second = acquire(any_store, "x")
    assert second.token > first.token
    with pytest.raises(LeaseLost):
        any_store.write(lambda writer: first.hold(writer.connection))
    first.release(any_store)
    with pytest.raises(Busy):
        acquire(any_store, "x")
    second.release(any_store)
    assert acquire(any_store, "x").token > second.token


def test_what_a_thread_of_ours_works_on_is_not_taken_over_however_late(store: Store, clock: Clock) -> None:
    """A thread that is late is still at work in the same process; one that ended without letting go is not."""
    late, over = threading.Event(), threading.Event()

    def work() -> None:
        acquire(store, "x")
        late.set()
        assert over.wait(10)

    thread = threading.Thread(target=work)
    thread.start()
    assert late.wait(10)
    clock.forward(hours=1)
    with pytest.raises(Busy):
        acquire(store, "x")
    with store.read() as db:
        assert not leases.is_free(db, "x", clock())
    over.set()
    thread.join(10)
    acquire(store, "x")


def test_batches_grow_and_shrink_with_what_can_be_written(store: Store, offer: Offer) -> None:
    source = fresh_rows(2000)
    steps: list[int] = []
    plugins = offer(source)
    connect(store, plugins)
    run(store, plugins, "own", progress=lambda done, total, what: steps.append(done))
    sizes = [after - before for before, after in zip([0, *steps], steps, strict=False)]
    assert sum(sizes) == 2000
    assert all(10 <= size <= 5000 for size in sizes[:-1])


def test_a_stopped_process_is_said_so_by_the_next_run(store: Store, offer: Offer) -> None:
    source = fresh_rows()
    plugins = offer(source)
    connect(store, plugins)
    source.fail_after, source.failure = 15, KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        run(store, plugins, "own")
    with store.read() as db:
        assert [each.state for each in records.reports(db)] == ["stopped"]
    source.failure = None
    assert run(store, plugins, "own").state == "done"
    assert stored(store) == ids(source)


@pytest.mark.parametrize("failure", [GeneratorExit(), CancelledError(), BaseException("of a timer of its own")])
def test_a_source_that_raises_what_is_no_exception_has_failed(store: Store, offer: Offer, failure: BaseException) -> None:
    source = fresh_rows()
    plugins = offer(source)
    connect(store, plugins)
    source.fail_after, source.failure = 15, failure
    report = run(store, plugins, "own")
    assert (report.state, "failed in a way that it should not" in report.reason) == ("failed", True)
    with store.read() as db:
        assert [each.state for each in records.reports(db)] == ["failed"]
    assert stored(store) == ids(source)[:15], "what came before is kept"
    source.failure = None
    assert run(store, plugins, "own").state == "done"


def test_an_endpoint_cannot_be_run(store: Store, offer: Offer) -> None:
    class Page(Endpoint):
        name = "page"
        title = "A page"

        @classmethod
        def blueprint(cls) -> flask.Blueprint:
            return flask.Blueprint("page", __name__)

    plugins = offer(Page)
    connect(store, plugins, connector="page")
    with pytest.raises(Misconfigured, match="there is nothing to run"):
        run(store, plugins, "own")


def test_an_unknown_connection_is_answered_with_those_there_are(store: Store, offer: Offer) -> None:
    plugins = offer(fresh_rows())
    connect(store, plugins)
    with pytest.raises(NotFound, match="no connection 'nope'; there are: own"):
        run(store, plugins, "nope")


def test_a_code_of_a_place_that_there_is_not_costs_no_row_and_the_run_tells(store: Store, offer: Offer) -> None:
    source = fresh_rows()
    for said in (rows := [row(number) for number in range(7)]):
        address = {"street": {"nl": "Dorp"}, "postcode": "99999"}
        said.content["vestigingen"] = [{"keys": [f"rows:{said.external_id}"], "addresses": [address]}]
    source.rows = [*rows]
    report = go(store, source, offer)
    assert (report.state, report.changed, report.rejected) == ("done", 7, 0)
    (told,) = report.warnings
    assert told.startswith("7 codes of places that there are not, or positions at 0, 0, were left out")
    assert told.count("vestigingen.0.addresses.0.postcode '99999'") == 5, "some examples, not all"
    assert go(store, source, offer).warnings == ()


def test_a_preview_tells_of_concepts_that_are_called_otherwise(any_store: Store, offer: Offer) -> None:
    source = fresh_rows(3)
    rows = source.rows
    source.rows = [Concept("target-group", "x1", {"nl": "Een"}), *rows]
    assert go(any_store, source, offer).tally.concepts == 1
    assert go(any_store, source, offer, full=True, dry_run=True).foreseen == "nothing changes"
    source.rows = [Concept("target-group", "x1", {"nl": "Twee"}), *rows]
    for _ in range(2):
        foreseen = go(any_store, source, offer, full=True, dry_run=True)
        assert (foreseen.foreseen, foreseen.changed, foreseen.tally.concepts) == ("changes", 0, 1)
    done = go(any_store, source, offer, full=True)
    assert (done.changed, done.unchanged, done.tally.concepts) == (0, 3, 1)
    assert any_store.concepts().label("target-group", "x1", "nl") == "Twee"


def test_a_run_says_which_known_rows_name_now_somebody_who_was_erased(store: Store, offer: Offer) -> None:
    number = [{"system": "vestigingsnummer", "value": "2000000042"}]
    source = fresh_rows(3)
    source.rows = [with_identifiers(row(1), number), row(2), row(3)]
    go(store, source, offer)
    erase(store, fiche_of(store, "000001"), "asked for")
    kept = fiche_of(store, "000002")
    source.rows = [with_identifiers(row(1), number), with_identifiers(row(2, revision=2), number), row(3)]
    again = go(store, source, offer, full=True)
    assert (again.state, again.read, again.erased, again.changed, again.unchanged, again.deleted) == ("done", 3, 2, 0, 1, 0)
    (said,) = again.warnings
    assert "somebody now who was erased: 1." in said and "000002" in said and f"fichehub erase {kept}" in said
    assert stored(store) == ["000003"]
    source.rows = [row(2, revision=3), row(3)]
    right = go(store, source, offer, full=True)
    assert (right.changed, right.erased, right.warnings) == (1, 0, ())
    assert stored(store) == ["000002", "000003"]


def with_identifiers(claim: Claim, identifiers: list[dict[str, str]]) -> Claim:
    return replace(claim, content={**claim.content, "identifiers": identifiers})


def fiche_of(store: Store, external_id: str) -> str:
    with store.read() as db:
        found = db.execute(select(entity.c.uuid).join(claim, claim.c.fiche_id == entity.c.id).where(claim.c.external_id == external_id))
        return str(found.scalar_one())
