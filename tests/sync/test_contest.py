"""Rows that say something else in a revision that was known: told, and taken as the list gives them when an administrator says so."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import replace

import pytest
from sqlalchemy import select

from hub.errors import Unreachable
from hub.model.claims import Claim
from hub.store import Store, reading
from hub.store.tables import fiche
from hub.sync import status
from hub.sync.pull import _Pull
from tests.sync.conftest import Clock
from tests.sync.pulling import Offer, go, stored
from tests.sync.rows import Row, Rows, fresh_rows, row
from tests.sync.test_told_gone import gone


def held(store: Store, source: type[Rows]) -> dict[str, Claim]:
    with store.read() as db:
        return reading.held(db, "rows", [claim.external_id for claim in source.rows if isinstance(claim, Claim)])


def listed(source: type[Rows]) -> dict[str, Claim]:
    return {claim.external_id: claim for claim in source.rows if isinstance(claim, Claim)}


def told(store: Store, source: type[Rows], offer: Offer) -> str:
    (one,) = status.of_all(store, offer(source))
    return one.reason


@pytest.mark.parametrize("wrong", [1, 6, 2**62])
def test_what_stands_and_is_not_what_the_list_says_is_told_until_the_list_was_taken(any_store: Store, offer: Offer, clock: Clock, wrong: int) -> None:
    source = fresh_rows(40)
    go(any_store, source, offer)
    right = source.rows
    source.rows = [*(row(number, name=f"Fout {number}", revision=wrong) for number in range(20)), *right[20:]]
    clock.forward(hours=1)
    bad = go(any_store, source, offer, full=True)
    assert (bad.contested or 0) == (20 if wrong == 1 else 0)
    source.rows = right
    clock.forward(hours=1)
    clean = go(any_store, source, offer, full=True)
    differ = sum(held(any_store, source)[number] != claim for number, claim in listed(source).items())
    assert clean.contested == differ > 0
    (warning,) = clean.warnings
    assert f"{differ} rows said something else than was known of them" in warning
    assert f"(known {wrong}, given 1)" in warning
    assert "fichehub run own --as-listed" in told(any_store, source, offer)
    go(any_store, source, offer)
    assert f"{differ} rows said something else" in told(any_store, source, offer), "increments know nothing of it"
    foreseen = go(any_store, source, offer, as_listed=True, dry_run=True)
    assert (foreseen.changed, foreseen.foreseen, len(foreseen.preview) > 0) == (differ, "changes", True)
    assert held(any_store, source) != listed(source)
    taken = go(any_store, source, offer, as_listed=True, by="An")
    assert (taken.state, taken.changed, taken.contested) == ("done", differ, 0)
    assert "as An said, for this run alone" in taken.reason
    assert f"{differ} rows" in " ".join(taken.warnings)
    assert held(any_store, source) == listed(source)
    after = go(any_store, source, offer, full=True)
    assert (after.changed, after.contested, after.warnings) == (0, 0, ())
    assert told(any_store, source, offer) == "Everything is as it should be."
    source.changed = [row(3, name="Later", revision=2)]
    assert go(any_store, source, offer).changed == 1, "revisions go on from those of the list"


def test_who_was_deleted_by_mistake_comes_back_with_the_list(any_store: Store, offer: Offer) -> None:
    source = fresh_rows(40)
    source.absence_tells = False
    go(any_store, source, offer)
    right = source.rows
    source.rows = [*(replace(claim, content={}, gone=True, revision=5) for claim in right[:20] if isinstance(claim, Claim)), *right[20:]]
    go(any_store, source, offer, full=True)
    source.rows = right
    assert go(any_store, source, offer, full=True).contested == 20
    go(any_store, source, offer, as_listed=True)
    assert held(any_store, source) == listed(source)


@pytest.mark.parametrize("batches", [1, 2])
def test_a_list_that_gives_a_row_twice_is_taken_the_same_in_any_order(
    any_store: Store, offer: Offer, monkeypatch: pytest.MonkeyPatch, batches: int
) -> None:
    source = fresh_rows(1)
    source.rows = [row(0, name="Fout", revision=9)]
    go(any_store, source, offer)
    given = [row(0, name="Een", revision=2), row(0, name="Twee", revision=2), row(0, name="Oud", revision=1)]
    if batches == 2:
        monkeypatch.setattr("hub.sync.pull._Pull._enough", lambda self: len(self._batch) >= 1)
    found = []
    for order in itertools.permutations(given):
        source.rows = list(order)
        go(any_store, source, offer, as_listed=True)
        found.append(held(any_store, source))
    assert all(one == found[0] for one in found)
    assert found[0]["000000"].revision == 2


def test_revisions_go_on_from_those_of_the_list_also_where_it_says_the_same(any_store: Store, offer: Offer) -> None:
    source = fresh_rows(6)
    source.rows = [row(number, revision=9) for number in range(6)]
    go(any_store, source, offer)
    source.rows = source.rows[2:]
    go(any_store, source, offer, full=True)
    source.rows = [*(row(number, revision=1) for number in range(6)), row(5, revision=9)]
    taken = go(any_store, source, offer, as_listed=True)
    assert (taken.read, taken.changed, taken.unchanged, taken.warnings) == (7, 5, 2, ())
    assert [one.revision for one in held(any_store, source).values()] == [1, 1, 1, 1, 1, 9]
    source.changed = [row(number, name="Later", revision=2) for number in range(6)]
    assert go(any_store, source, offer).changed == 5


@pytest.mark.parametrize("batches", [1, 60])
def test_of_a_list_that_gives_older_versions_too_only_the_highest_counts(
    any_store: Store, offer: Offer, monkeypatch: pytest.MonkeyPatch, batches: int
) -> None:
    monkeypatch.setattr("hub.sync.pull._Pull._enough", lambda self: len(self._batch) >= batches)
    source = fresh_rows(4)
    stands = [row(0, name="Nu", revision=5), *gone([row(1)], 4), row(2, revision=3), row(3, revision=9)]
    source.rows = list(stands)
    go(any_store, source, offer)
    older = [row(0, name="Oud", revision=2), row(1, name="Leefde", revision=3), row(2, name="Oud", revision=1), row(3, name="Terug", revision=7)]
    for order in (
        older + stands[:3],
        stands[:3] + older,
        [older[2], stands[2], older[3], older[0], stands[0], stands[1], older[1], row(3, revision=6)],
    ):
        source.rows = list(order)
        report = go(any_store, source, offer, full=True)
        assert (report.changed, report.contested) == (0, 1)
        assert (
            "1 row said something else than was known of it, in a revision that was known or an older one, such as 000003 (known 9, given 7)"
            in (report.warnings[0])
        )
    taken = go(any_store, source, offer, as_listed=True)
    assert (taken.read, taken.changed, taken.unchanged, taken.withheld, taken.contested) == (8, 1, 7, 0, 0)
    found = held(any_store, source)
    assert (found["000003"].revision, found["000003"].content["names"][0]["text"]["nl"]) == (7, "Terug")
    assert (found["000000"], found["000002"], "000001" in stored(any_store)) == (stands[0], stands[2], False)
    assert go(any_store, source, offer, full=True).contested == 0


def test_a_list_that_calls_many_gone_in_an_older_revision_is_under_the_guard(any_store: Store, offer: Offer) -> None:
    source = fresh_rows(120)
    source.rows = [row(number, revision=5) for number in range(120)]
    source.absence_tells = False
    go(any_store, source, offer)
    everybody = source.rows
    source.rows = [*(row(number, name="Oud", revision=2) for number in range(60)), *gone(everybody[:60], 3), *everybody[60:]]
    kept = go(any_store, source, offer, as_listed=True)
    assert (kept.read, kept.changed, kept.unchanged, kept.withheld, len(stored(any_store))) == (180, 0, 120, 60, 120)
    released = go(any_store, source, offer, as_listed=True, release_guard=True)
    assert (released.changed, released.withheld, released.contested) == (60, 0, 0)
    assert stored(any_store) == [f"{number:06}" for number in range(60, 120)]


def test_an_action_that_was_cut_off_took_nothing_back_and_says_so(any_store: Store, offer: Offer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hub.sync.pull._Pull._enough", lambda self: len(self._batch) >= 5)
    source = fresh_rows(40)
    source.rows = [row(number, name="Fout", revision=9) for number in range(40)]
    go(any_store, source, offer)
    source.rows = fresh_rows(40).rows
    source.failure, source.fail_after = Unreachable("The line broke."), 25
    cut = go(any_store, source, offer, as_listed=True)
    assert (cut.state, cut.changed, cut.contested) == ("failed", 0, 25)
    source.failure = None
    rest = go(any_store, source, offer)
    assert (rest.resumed, rest.state, rest.changed, rest.contested) == (True, "done", 0, 20)
    assert "20 rows said something else" in told(any_store, source, offer)
    assert go(any_store, source, offer, as_listed=True).changed == 40
    assert held(any_store, source) == listed(source)
    assert go(any_store, source, offer, full=True).contested == 0
    assert told(any_store, source, offer) == "Everything is as it should be."


def test_killed_while_the_list_is_taken_the_rest_is_told_and_can_be_taken(any_store: Store, offer: Offer, monkeypatch: pytest.MonkeyPatch) -> None:
    source = fresh_rows(40)
    source.rows = [row(number, name="Fout", revision=9) for number in range(40)]
    go(any_store, source, offer)
    source.rows = fresh_rows(40).rows
    usual = _Pull._take_as_listed

    def dies(self: _Pull, claims: list[Claim]) -> None:
        usual(self, claims)
        raise MemoryError

    with monkeypatch.context() as patched:
        patched.setattr(_Pull, "_at_once", 15)
        patched.setattr(_Pull, "_take_as_listed", dies)
        assert go(any_store, source, offer, as_listed=True).changed == 15
    assert go(any_store, source, offer).state == "done"
    assert "40 rows said something else" in told(any_store, source, offer)
    assert (go(any_store, source, offer, as_listed=True).changed, held(any_store, source)) == (25, listed(source))


def test_what_a_run_saw_before_it_was_cut_off_is_told_as_a_part(store: Store, offer: Offer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hub.sync.pull._Pull._enough", lambda self: len(self._batch) >= 5)
    source = fresh_rows(10)
    source.rows = [row(number, name="Nu", revision=9) for number in range(10)]
    go(store, source, offer)
    source.rows = [*fresh_rows(10).rows, *source.rows]
    source.failure, source.fail_after = Unreachable("The line broke."), 10
    assert go(store, source, offer, full=True).contested == 10
    source.failure = None
    assert go(store, source, offer).contested is None
    assert "The run saw only a part of the list, whose rest may give them anew; one from the start tells. If the list is right:" in told(
        store, source, offer
    )
    assert go(store, source, offer, full=True).contested == 0
    assert told(store, source, offer) == "Everything is as it should be."


def test_late_and_repeated_rows_of_an_increment_are_nothing_to_tell(store: Store, offer: Offer) -> None:
    source = fresh_rows(5)
    source.rows = [row(number, revision=4) for number in range(5)]
    go(store, source, offer)
    source.changed = [row(1, name="Laat", revision=2), row(2, name="Laat", revision=4)]
    report = go(store, source, offer)
    assert (report.contested, report.warnings) == (None, ())


def test_what_was_let_go_of_and_comes_back_is_no_contradiction(store: Store, offer: Offer) -> None:
    source = fresh_rows(5)
    go(store, source, offer)
    whole, source.rows = source.rows, source.rows[:3]
    go(store, source, offer, full=True)
    source.rows = whole
    assert (go(store, source, offer, full=True).contested, len(held(store, source))) == (0, 5)


def others(rows: list[Row], count: int) -> list[Row]:
    """The same rows, of which so many are zorgverleners now."""
    content = {"kind": "zorgverlener", "name": {"family": "Maes", "given": ["Els"]}}
    turned = [replace(claim, kind="zorgverlener", content=content, revision=2) for claim in rows[:count] if isinstance(claim, Claim)]
    return [*turned, *rows[count:]]


def kinds(store: Store) -> Counter[tuple[str, str]]:
    with store.read() as db:
        return Counter((kind, state) for kind, state in db.execute(select(fiche.c.kind, fiche.c.state)))


def test_a_row_of_another_kind_is_rejected_until_an_administrator_takes_the_list(any_store: Store, offer: Offer) -> None:
    source = fresh_rows(40)
    go(any_store, source, offer)
    source.rows = others(source.rows, 3)
    for options in ({"full": True}, {"accept_feed": True, "full": True}, {"release_guard": True}):
        refused = go(any_store, source, offer, **options)
        assert (refused.changed, refused.rejected) == (0, 3)
    assert "a source uses one id for one thing. If the list is right: fichehub run own --as-listed" in refused.rejections[0].message
    foreseen = go(any_store, source, offer, as_listed=True, dry_run=True)
    assert (foreseen.changed, foreseen.rejected) == (3, 0)
    assert kinds(any_store) == {("organisatie", "live"): 40}
    taken = go(any_store, source, offer, as_listed=True, by="An")
    assert (taken.state, taken.changed, taken.rejected, taken.withheld) == ("done", 3, 0, 0)
    assert kinds(any_store) == {("organisatie", "live"): 37, ("organisatie", "gone"): 3, ("zorgverlener", "live"): 3}
    again = go(any_store, source, offer, full=True)
    assert (again.unchanged, again.rejected, again.deleted) == (40, 0, 0)


@pytest.mark.parametrize("batches", [1, 60])
def test_a_row_that_the_list_gives_as_two_kinds_is_what_the_higher_revision_says(
    any_store: Store, offer: Offer, monkeypatch: pytest.MonkeyPatch, batches: int
) -> None:
    monkeypatch.setattr("hub.sync.pull._Pull._enough", lambda self: len(self._batch) >= batches)
    source = fresh_rows(2)
    go(any_store, source, offer)
    first, second = source.rows
    (turned,) = others([first], 1)
    assert isinstance(turned, Claim)
    source.rows = [first, turned, second]
    report = go(any_store, source, offer, as_listed=True)
    assert (report.changed, kinds(any_store)["zorgverlener", "live"]) == (1, 1)
    source.rows = [turned, second, row(0, name="Oud", revision=1)]
    again = go(any_store, source, offer, as_listed=True)
    assert (again.changed, again.deleted, again.contested, kinds(any_store)["zorgverlener", "live"]) == (0, 0, 0, 1)
    source.rows = [turned, second, row(0, name="Weer", revision=3)]
    assert go(any_store, source, offer, as_listed=True).changed == 1
    assert kinds(any_store) == {("organisatie", "live"): 2, ("organisatie", "gone"): 1, ("zorgverlener", "gone"): 1}


def test_rows_of_another_kind_are_under_the_guard(any_store: Store, offer: Offer) -> None:
    source = fresh_rows(120)
    go(any_store, source, offer)
    source.rows = others(source.rows, 60)[:118]
    withheld = go(any_store, source, offer, as_listed=True, accept_feed=True)
    assert withheld.withheld > 50
    assert "rows came as something of another kind or were not in the source any more; more than 50 are never" in withheld.reason
    assert "fichehub run own --as-listed --release-guard" in withheld.reason
    assert kinds(any_store) == {("organisatie", "live"): 120}
    released = go(any_store, source, offer, as_listed=True, accept_feed=True, release_guard=True, by="An")
    assert (released.state, released.rejected, released.withheld) == ("done", 0, 0), released.reason
    assert kinds(any_store) == {("organisatie", "live"): 58, ("organisatie", "gone"): 62, ("zorgverlener", "live"): 60}
    again = go(any_store, source, offer, full=True)
    assert (again.unchanged, again.rejected, again.deleted) == (118, 0, 0)
