"""Rows that say something else in a revision that was known: told, and taken as the list gives them when an administrator says so."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import replace

import pytest
from sqlalchemy import select

from hub.model.claims import Claim
from hub.store import Store, reading
from hub.store.tables import fiche
from hub.sync import status
from tests.sync.conftest import Clock
from tests.sync.pulling import Offer, go
from tests.sync.rows import Row, Rows, fresh_rows, row


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


def test_rows_of_another_kind_are_under_the_guard(any_store: Store, offer: Offer) -> None:
    source = fresh_rows(120)
    go(any_store, source, offer)
    source.rows = others(source.rows, 60)[:118]
    withheld = go(any_store, source, offer, as_listed=True, accept_feed=True)
    assert withheld.withheld > 50
    assert "rows came as something of another kind or were not in the source any more; more than 50 are never" in withheld.reason
    assert "fichehub run own --as-listed --release-guard" in withheld.reason
    let_go = kinds(any_store)["organisatie", "gone"]
    assert let_go <= 50
    assert kinds(any_store)["organisatie", "live"] == 120 - let_go
    released = go(any_store, source, offer, as_listed=True, accept_feed=True, release_guard=True, by="An")
    assert (released.state, released.rejected, released.withheld) == ("done", 0, 0), released.reason
    assert kinds(any_store) == {("organisatie", "live"): 58, ("organisatie", "gone"): 62, ("zorgverlener", "live"): 60}
    again = go(any_store, source, offer, full=True)
    assert (again.unchanged, again.rejected, again.deleted) == (118, 0, 0)
