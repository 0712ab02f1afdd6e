"""A feed that changes its shape is stopped before it empties a field everywhere; a new field, and an odd row, stop nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import func, select

from hub.errors import Rejected, Unreachable
from hub.model.claims import Claim
from hub.plugins import Plugins
from hub.store import Store
from hub.store.tables import change, fingerprint, rejected
from hub.sync import connections, drift, run
from hub.sync.records import RunReport
from tests.sync.rows import Rows, fresh_rows, row

Offer = Callable[..., Plugins]


def rich(number: int, revision: int = 1, **content: Any) -> Claim:
    """A row with a website, unless told otherwise."""
    said = row(number, revision=revision)
    contacts = {"contacts": [{"kind": "email", "value": f"huis{number}@example.org"}]}
    fields = {name: value for name, value in {**said.content, **contacts, **content}.items() if value is not None}
    return Claim("rows", said.external_id, revision, "organisatie", fields)


@pytest.fixture
def source() -> type[Rows]:
    made = fresh_rows()
    made.rows = [rich(number) for number in range(300)]
    return made


def go(store: Store, source: type[Rows], offer: Offer, **options: Any) -> RunReport:
    plugins = offer(source)
    if not connections.list_all(store, plugins):
        connections.add(store, plugins, "own", "rows")
        connections.enable(store, plugins, "own")
    return run(store, plugins, "own", **options)


def changes(store: Store) -> int:
    with store.read() as db:
        return int(db.execute(select(func.count()).select_from(change)).scalar_one())


def test_a_lost_field_stops_the_run_before_anything_is_written(any_store: Store, source: type[Rows], offer: Offer) -> None:
    assert go(any_store, source, offer).state == "done"
    before = changes(any_store)
    source.rows = [rich(number, 2, contacts=None) for number in range(300)]
    stopped = go(any_store, source, offer, full=True)
    assert (stopped.state, stopped.changed, stopped.deleted) == ("stopped", 0, 0)
    assert "contacts in all of the first 200 rows of organisatie" in stopped.reason
    assert "fichehub connections accept own" in stopped.reason
    assert changes(any_store) == before
    again = go(any_store, source, offer, full=True)
    assert again.state == "stopped", "it stays stopped until somebody looks"
    taken = go(any_store, source, offer, full=True, accept_feed=True)
    assert (taken.state, taken.changed) == ("done", 300)
    assert go(any_store, source, offer, full=True).state == "done", "the new shape is pinned"


def test_a_lost_field_stops_an_increment_too(store: Store, source: type[Rows], offer: Offer) -> None:
    go(store, source, offer)
    source.changed = [rich(number, 2, contacts=None) for number in range(drift.ENOUGH)]
    assert go(store, source, offer).state == "stopped"
    source.changed = source.changed[: drift.ENOUGH - 1]
    assert go(store, source, offer).state == "done", "a few rows may well all be without"


@pytest.mark.parametrize(("one_in", "state"), [(2, "stopped"), (9, "stopped"), (12, "done")])
def test_a_field_of_some_rows_is_missed_in_a_run_from_the_start_when_enough_should_have_it(
    store: Store, source: type[Rows], offer: Offer, one_in: int, state: str
) -> None:
    """A run from the start reads in the order of the pinned one; an increment may well be of one sort."""

    def sometimes(number: int, revision: int) -> Claim:
        return rich(number, revision) if number % one_in == 0 else rich(number, revision, contacts=None)

    source.rows = [sometimes(number, 1) for number in range(400)]
    go(store, source, offer)
    source.changed = [rich(number, 2, contacts=None) for number in range(250)]
    assert go(store, source, offer).state == "done"
    source.rows = [rich(number, 3, contacts=None) for number in range(400)]
    assert go(store, source, offer, full=True).state == state


def test_a_field_of_an_object_in_a_list_is_missed(any_store: Store, source: type[Rows], offer: Offer) -> None:
    go(any_store, source, offer)
    numbers = range(300)
    source.rows = [rich(number, 2, contacts=[{"kind": "email", "raw": "a@example.org"}]) for number in numbers]
    stopped = go(any_store, source, offer, full=True)
    assert (stopped.state, stopped.changed) == ("stopped", 0)
    assert "contacts[].value in all of the first 200 rows of organisatie (new instead: contacts[].raw)" in stopped.reason
    source.rows = [rich(number, 2, contacts=[{"kind": "email", "value": "" if number else "a@example.org"}]) for number in numbers]
    assert "contacts[].value in all" not in go(any_store, source, offer, full=True).reason, "one row has it"


@pytest.mark.parametrize("nothing", [None, [], ""])
def test_what_is_null_or_empty_is_not_there(nothing: object) -> None:
    def claims(value: object) -> list[Claim]:
        return [Claim("rows", str(number), 1, "organisatie", {"kind": "organisatie", "contacts": value}) for number in range(20)]

    before = drift.Gauge("own", None, {}, whole=True)
    before.note(claims([{"kind": "email"}]))
    with pytest.raises(drift.FeedChanged, match=r"missing are contacts in all of the first 20 rows"):
        drift.Gauge("own", before.shape(), {}, whole=True).judge(claims(nothing))


def test_after_the_first_rows_one_in_twenty_is_looked_into(store: Store, source: type[Rows], offer: Offer) -> None:
    source.rows = [rich(number) for number in range(400)]
    go(store, source, offer)
    with store.read() as db:
        pinned = drift.load(db, "own")
    assert pinned is not None
    found = pinned["organisatie"]
    assert (found.rows, found.deep) == (400, 210)
    assert found.fields["contacts[].value"] == {"text": 210}
    assert "contacts[].value" in found.usual()


def test_a_run_where_absence_tells_nothing_pins_the_shape_too(store: Store, source: type[Rows], offer: Offer) -> None:
    source.absence_tells = False
    go(store, source, offer)
    source.rows = [rich(number, 2, contacts=None) for number in range(250)]
    stopped = go(store, source, offer, full=True)
    assert (stopped.state, stopped.deleted, stopped.withheld) == ("stopped", 0, 0)


def test_what_the_source_requires_is_missed_at_once(store: Store, source: type[Rows], offer: Offer) -> None:
    source.required_fields = {"organisatie": ("contacts",)}
    source.rows = [rich(number, contacts=None) for number in range(3)]
    stopped = go(store, source, offer)
    assert (stopped.state, stopped.changed) == ("stopped", 0)
    source.rows = [rich(number) for number in range(3)]
    assert go(store, source, offer).state == "done"


def test_a_new_field_and_type_are_told_once_and_kept(store: Store, source: type[Rows], offer: Offer) -> None:
    go(store, source, offer)
    source.changed = [rich(1, 2, languages=["fr"])]
    first = go(store, source, offer)
    assert (first.state, first.changed, first.warnings) == (
        "done",
        1,
        ("The feed gives a new field for organisatie: languages. It was kept.",),
    )
    assert go(store, source, offer).warnings == ()


def test_of_a_row_that_is_rejected_nothing_is_told_to_be_kept(store: Store, source: type[Rows], offer: Offer) -> None:
    source.rows.append(rich(500, zzz=1))
    assert go(store, source, offer, accept_feed=True).rejected == 1
    with store.read() as db:
        pinned = drift.load(db, "own")
    assert pinned is not None
    assert "zzz" not in pinned["organisatie"].fields
    source.changed = [rich(1, 2, zzz=1), rich(2, 2, languages="fr")]
    report = go(store, source, offer)
    assert (report.state, report.rejected, report.warnings) == ("done", 2, ())


def test_the_shape_is_pinned_at_a_complete_run_only(store: Store, source: type[Rows], offer: Offer) -> None:
    source.finished = {"complete": False}
    go(store, source, offer)
    go(store, source, offer, dry_run=True, full=True)
    with store.read() as db:
        assert db.execute(select(func.count()).select_from(fingerprint)).scalar_one() == 0
    source.finished = {}
    go(store, source, offer, full=True)
    with store.read() as db:
        found = drift.load(db, "own")
    assert found is not None
    assert found["organisatie"].usual() == [
        "contacts", "contacts[].kind", "contacts[].value", "kind", "names", "names[].text", "names[].text.nl",
    ]  # fmt: skip


def broken_off(store: Store, source: type[Rows], offer: Offer, after: int) -> RunReport:
    """A first load that ends after so many rows."""
    source.fail_after, source.failure = after, Unreachable("The line broke.")
    cut = go(store, source, offer)
    assert cut.state == "failed"
    source.failure = None
    return cut


@pytest.mark.parametrize("times", [1, 2])
def test_a_first_load_that_goes_on_is_measured_against_its_first_half(any_store: Store, source: type[Rows], offer: Offer, times: int) -> None:
    broken_off(any_store, source, offer, 225)
    if times == 2:
        broken_off(any_store, source, offer, 235)
    source.rows[220:] = [rich(number, contacts=None) for number in range(220, 300)]
    before = changes(any_store)
    stopped = go(any_store, source, offer)
    assert (stopped.state, stopped.resumed, changes(any_store) - before) == ("stopped", True, 0)
    assert f"contacts in all of the first {80 if times == 1 else 70} rows of organisatie" in stopped.reason
    assert go(any_store, source, offer).state == "stopped", "it stays stopped until somebody looks"
    assert go(any_store, source, offer, full=True, accept_feed=True).state == "done"


def test_both_halves_of_a_first_load_are_pinned_as_one(any_store: Store, source: type[Rows], offer: Offer) -> None:
    source.rows = [rich(number, contacts=None) if number % 40 == 3 else rich(number) for number in range(600)]
    broken_off(any_store, source, offer, 330)
    broken_off(any_store, source, offer, 470)
    done = go(any_store, source, offer)
    assert (done.state, done.resumed, done.warnings) == ("done", True, ())
    with any_store.read() as db:
        halves = drift.load(db, "own")
        assert drift.unfinished(db, "own") is None
    go(any_store, source, offer, full=True, accept_feed=True)
    with any_store.read() as db:
        assert halves == drift.load(db, "own"), "as if it had never been broken off"
    source.changed = [rich(number, 2, names=None) for number in range(250)]
    assert go(any_store, source, offer).state == "stopped"


def test_a_first_load_in_the_order_of_its_sorts_goes_on(store: Store, source: type[Rows], offer: Offer) -> None:
    """The field of the first sort ended before the load was broken off, or few rows had been seen: neither says that it was lost."""
    source.rows = [rich(number, contacts=None) if number >= 397 else rich(number) for number in range(800)]
    broken_off(store, source, offer, 400)
    assert go(store, source, offer).state == "done"


def test_a_few_rows_of_a_first_load_prove_nothing(store: Store, source: type[Rows], offer: Offer) -> None:
    source.rows[100:] = [rich(number, contacts=None) for number in range(100, 300)]
    broken_off(store, source, offer, 100)
    assert go(store, source, offer).state == "done"


def test_a_first_load_that_begins_anew_is_measured_against_nothing(store: Store, source: type[Rows], offer: Offer) -> None:
    broken_off(store, source, offer, 250)
    source.rows = [rich(number, 2, contacts=None) for number in range(300)]
    done = go(store, source, offer, full=True)
    assert (done.state, done.warnings) == ("done", ())
    source.rows = [rich(number, 3, contacts=None) for number in range(300)]
    assert go(store, source, offer, full=True).state == "done"


def bad(number: int) -> Rejected:
    return Rejected("The name is empty.", external_id=f"x{number}", field="names")


def test_many_rejected_rows_stop_the_run(any_store: Store, offer: Offer) -> None:
    source = fresh_rows(300)
    source.rows[150:153] = [bad(1), bad(2), bad(3)]
    source.page = 10
    done = go(any_store, source, offer)
    assert (done.state, done.rejected) == ("done", 3), "one in a hundred may be bad"
    source.changed = [row(number, revision=2, name="Anders") for number in range(100)]
    source.changed += [bad(number) for number in range(10, 34)]
    stopped = go(any_store, source, offer)
    assert stopped.state == "stopped"
    assert "24 of 124 rows could not be used" in stopped.reason
    assert "For example x10, names: The name is empty; x11, names: The name is empty; x12, names: The name is empty. To go on" in stopped.reason
    with any_store.read() as db:
        assert set(db.execute(select(rejected.c.external_id)).scalars()) == {"x1", "x2", "x3"}
    assert go(any_store, source, offer).state == "stopped"
    assert go(any_store, source, offer, accept_feed=True).rejected == 24


def test_a_row_that_was_rejected_before_does_not_stop_the_next_run(store: Store, offer: Offer) -> None:
    source = fresh_rows(60)
    source.rows[:20] = [bad(number) for number in range(20)]
    assert go(store, source, offer).state == "done"
    source.rows[20] = bad(20)
    assert go(store, source, offer, full=True).state == "done"
    source.rows[21:42] = [bad(number) for number in range(21, 42)]
    assert go(store, source, offer, full=True).state == "stopped"


def test_counting_does_not_grow_with_the_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drift, "_SHAPES", 3)
    gauge = drift.Gauge("own", None, {}, whole=True)
    for number in range(10):
        gauge.note([Claim("rows", "1", 1, "organisatie", {"kind": "organisatie", f"field{number}": [1]})])
        assert len(gauge._seen) <= 3
    shape = gauge.shape()["organisatie"]
    assert (shape.rows, shape.fields["kind"], len(shape.fields)) == (10, {"text": 10}, 11)
    assert gauge.shape()["organisatie"].rows == 10
