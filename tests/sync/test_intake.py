"""The intake of a pull: what a connector hands over that cannot be kept costs that row, on either engine, and no run is left without an end."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select

from hub import schemas
from hub.connector import Finished, Incoming
from hub.errors import Invalid, Rejected, Unreachable
from hub.model.claims import Claim
from hub.model.concepts import Concept
from hub.store import Store
from hub.store.tables import rejected
from hub.sync import connections, intake, records, run
from tests.sync.pulling import Offer, cursor, go, ids, stored
from tests.sync.rows import fresh_rows, row

HALF = "BH\ud800"
GOOD = row(900)
CONCEPT = Concept("huizen", "1", {"nl": "Huis"})


def odd(number: int, **changes: Any) -> Claim:
    """A claim as nobody should make it."""
    return replace(row(number), **changes)


def deep(levels: int) -> dict[str, Any]:
    content: dict[str, Any] = {}
    for _ in range(levels):
        content = {"x": content}
    return content


ROWS: list[tuple[Any, str, str]] = [
    (odd(900, external_id=None), "", "external_id"),
    (odd(900, external_id=""), "", "external_id"),
    (odd(900, external_id=2), "2", "external_id"),
    (odd(900, external_id=b"ab"), "", "external_id"),
    (odd(900, external_id=HALF), "", "external_id"),
    (odd(900, external_id="a\x00b"), "", "external_id"),
    (odd(900, external_id="x" * 501), "", "external_id"),
    (odd(901, source=None), "000901", "source"),
    (odd(902, partner=("a",)), "000902", "partner"),
    (odd(903, revision="7"), "000903", "revision"),
    (odd(904, revision=None), "000904", "revision"),
    (odd(905, revision=1.5), "000905", "revision"),
    (odd(906, revision=True), "000906", "revision"),
    (odd(907, revision=2**63), "000907", "revision"),
    (odd(908, kind="ding"), "000908", "kind"),
    (odd(909, kind=["organisatie"]), "000909", "kind"),
    (odd(910, content=None), "000910", "content"),
    (odd(911, content=[1]), "000911", "content"),
    (odd(912, gone="yes"), "000912", "gone"),
    (odd(913, excluded=["x"]), "000913", "excluded"),
    (odd(914, excluded=None), "000914", "excluded"),
    (odd(915, same_as=None), "000915", "same_as"),
    (odd(916, same_as=("ab",)), "000916", "same_as.0"),
    (odd(917, same_as=(1, "a")), "000917", "same_as.0"),
    (odd(918, content={**GOOD.content, 5: "x"}), "000918", "5"),
    (odd(919, content={**GOOD.content, "zzz": deep(1_000)}), "000919", "zzz"),
    (odd(920, content={**GOOD.content, HALF: 1}), "000920", "BH?"),
    (Rejected(None), "", ""),  # type: ignore[arg-type]
    (Rejected("No\ud800 name\x00.", external_id="921", field=5, raw=object()), "921", "5"),  # type: ignore[arg-type]
    (Rejected("No name.", external_id=HALF), "", ""),
    (Rejected("No name.", external_id=922), "922", ""),  # type: ignore[arg-type]
    (replace(CONCEPT, scheme=None, code=None, labels=None), "concept", "scheme"),  # type: ignore[arg-type]
    (replace(CONCEPT, code=""), "concept", "code"),
    (replace(CONCEPT, labels={"nl": HALF}), "huizen|1", "labels"),
    (replace(CONCEPT, labels={"xx": "Huis"}), "huizen|1", "labels"),  # type: ignore[typeddict-unknown-key]
    (replace(CONCEPT, synonyms="Huis"), "huizen|1", "synonyms"),  # type: ignore[arg-type]
    (replace(CONCEPT, broader=5), "huizen|1", "broader"),  # type: ignore[arg-type]
    (replace(CONCEPT, official=None), "huizen|1", "official"),  # type: ignore[arg-type]
]


def test_what_cannot_be_kept_is_rejected_with_its_field_and_the_rest_goes_on(any_store: Store, offer: Offer) -> None:
    source = fresh_rows(30)
    good = ids(source)
    source.rows = [*source.rows[:15], *[item for item, _, _ in ROWS], *source.rows[15:], CONCEPT]
    report = go(any_store, source, offer, accept_feed=True)
    assert (report.state, report.read, report.changed, report.rejected) == ("done", 30 + len(ROWS), 30, len(ROWS)), report.reason
    assert stored(any_store) == good
    assert sorted((one.external_id, one.field) for one in report.rejections) == sorted((name, field) for _, name, field in ROWS)
    assert "\\ud800" in "".join(one.message for one in report.rejections)
    for one in report.rejections:
        assert one.message
        f"{one.message}{one.raw}".encode()
    with any_store.read() as db:
        kept = list(db.execute(select(rejected.c.external_id, rejected.c.field)))
    assert {tuple(one) for one in kept} == {(name, field) for _, name, field in ROWS}
    again = go(any_store, source, offer, full=True)  # rows that were rejected before stop nothing
    assert (again.state, again.changed, again.deleted) == ("done", 0, 0), again.reason
    assert "could not be told apart" in again.reason


@pytest.mark.parametrize("name", ["a\x00b", HALF, 5])
def test_a_cursor_that_cannot_be_kept_is_a_bug_and_the_rows_before_it_are_kept(any_store: Store, offer: Offer, name: Any) -> None:
    source = fresh_rows(12)
    source.rows.append(Incoming(row(12), name))
    report = go(any_store, source, offer)
    assert (report.state, report.read, cursor(any_store)) == ("failed", 13, "full:10")
    assert report.reason == "The connector failed in a way that it should not; the trace is in the log."
    assert report.ended_at is not None


@pytest.mark.parametrize(
    "finished",
    [
        {"complete": "yes"},
        {"cursor": 7},
        {"cursor": "a\x00"},
        {"missing": -5},
        {"missing": "x"},
        {"missing": True},
        {"warnings": "abc"},
        {"warnings": (None,)},
        {"warnings": None},
    ],
)
def test_an_end_that_cannot_be_meant_is_a_bug_and_nothing_is_removed(any_store: Store, offer: Offer, finished: dict[str, Any]) -> None:
    source = fresh_rows(12)
    go(any_store, source, offer)
    source.rows, source.finished = source.rows[:5], finished
    report = go(any_store, source, offer, full=True)
    assert (report.state, report.read, report.deleted, report.missing) == ("failed", 5, 0, 0)
    assert report.reason == "The connector failed in a way that it should not; the trace is in the log."
    assert report.ended_at is not None
    assert len(stored(any_store)) == 12


def test_warnings_and_reasons_of_a_connector_are_kept_as_text(any_store: Store, offer: Offer) -> None:
    source = fresh_rows(3)
    source.finished = {"warnings": ["Half \ud800 and NUL \x00."]}
    report = go(any_store, source, offer)
    assert (report.state, report.warnings) == ("done", ("Half ? and NUL \N{REPLACEMENT CHARACTER}.",))
    for number, (said, kept) in enumerate([(None, ""), ("Away\x00", "Away\N{REPLACEMENT CHARACTER}")]):
        source.fail_after, source.failure, source.changed = 0, Unreachable(said), [row(number)]  # type: ignore[arg-type]
        failed = go(any_store, source, offer)
        assert (failed.state, failed.reason, failed.ended_at is not None) == ("failed", kept, True)
    with any_store.read() as db:
        assert {one.state for one in records.reports(db, "own", limit=9)} == {"done", "failed"}


def test_a_claim_in_which_nothing_is_a_claim_is_a_bug(store: Store, offer: Offer) -> None:
    source = fresh_rows(3)
    source.rows.append(Incoming({"external_id": "1"}))  # type: ignore[arg-type]
    report = go(store, source, offer)
    assert (report.state, report.read, stored(store)) == ("failed", 3, ids(fresh_rows(3)))


def test_a_secret_does_not_survive_in_half(store: Store, offer: Offer) -> None:
    source = fresh_rows(1)
    plugins = offer(source)
    connections.add(store, plugins, "own", "rows", {"token": "hunter22"})
    connections.enable(store, plugins, "own")
    source.rows.append(Rejected("x" * 1_995 + "hunter22", external_id="x", field="hunter22", raw="y" * 1_995 + "hunter22"))
    report = run(store, plugins, "own")
    assert "hunt" not in repr(report.rejections)
    assert [len(one.raw) for one in report.rejections] == [2_000]


def test_what_stands_beside_the_content_of_a_claim_is_checked_for_whoever_sends_it() -> None:
    for field in ("excluded", "same_as"):
        with pytest.raises(Invalid) as caught:
            schemas.canonical_claim(odd(1, **{field: 5}))
        assert [error.path for error in caught.value.errors] == [field]
    assert Finished(complete=True) == Finished(True)


def test_the_warnings_of_a_source_stay_few_and_short() -> None:
    told = intake.checked_end(Finished(complete=True, warnings=tuple(f"{number} {'x' * 5_000}" for number in range(1_000)))).warnings
    assert len(told) == 101
    assert max(map(len, told)) <= 1_001
    assert told[-1] == "900 more warnings were left out."


def test_what_is_no_number_is_no_answer_to_when_to_come_back() -> None:
    for nonsense in (float("nan"), float("-inf"), -1.0):
        assert Unreachable("gone", retry_after=nonsense).retry_after is None
    assert Unreachable("gone", retry_after=0).retry_after == 0
    assert Unreachable("gone", retry_after=1e308).retry_after == Unreachable.LONGEST_WAIT
