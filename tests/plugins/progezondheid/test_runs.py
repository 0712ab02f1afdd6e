"""ProGezondheid through the engine into a store: first load, changes, faults, and the same persons from another source."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from sqlalchemy import select

from hub import Unreachable, World, plugins
from hub.store import Store
from hub.store.tables import fiche
from hub.sync import connections, status
from plugins import progezondheid
from plugins.progezondheid.client import LONGEST_CURSOR, Client, ProviderPage, _page
from plugins.progezondheid.drift import Drift, drift_in
from plugins.progezondheid.register import Place, Register, Slice
from plugins.progezondheid.simulator import ProGezondheidSimulator
from plugins.progezondheid.walk import MOST_EMPTY
from tests.plugins.progezondheid.conftest import NOW, Run
from tests.plugins.progezondheid.soka import loaded, said_instead

COUNT = 40
Connect = Callable[..., Run]


@pytest.fixture(scope="module")
def world() -> World:
    return World()


@pytest.fixture
def running(world: World) -> Iterator[ProGezondheidSimulator]:
    with ProGezondheidSimulator(world, count=COUNT, now=lambda: NOW) as simulator:
        yield simulator


def fiches(store: Store) -> dict[str, dict[str, Any]]:
    """Every caregiver by the first eight digits of the RIZIV number."""
    with store.read() as connection:
        documents = [orjson.loads(row) for row in connection.execute(select(fiche.c.document).where(fiche.c.document.is_not(None))).scalars()]
    return {
        item["value"][:8]: document
        for document in documents
        if document["kind"] == "zorgverlener"
        for item in document.get("identifiers", ())
        if item["system"] == "riziv"
    }


def numbers(running: ProGezondheidSimulator) -> list[str]:
    return [one["nihdi8"] for one in running.register.after(running.register.start(0), COUNT).items]


def test_the_first_load_brings_everybody_and_the_next_run_nothing(store: Store, running: ProGezondheidSimulator, connect: Connect) -> None:
    go = connect(running, page_size=7)
    first, again = go(), go()
    assert (first.state, first.changed, first.rejected) == ("done", COUNT, 0)
    assert (again.state, again.mode, again.read) == ("done", "incremental", 0)
    assert set(fiches(store)) == set(numbers(running))


def test_a_caregiver_known_to_both_is_one_fiche(store: Store, world: World, running: ProGezondheidSimulator, connect: Connect) -> None:
    persons = [person for person in world.persons() if person.index < COUNT]
    wanted = {person.riziv[:8] for person in persons if person.riziv_known}
    claims = [claim for claim in world.to_claims() if claim.kind == "zorgverlener"][:COUNT]
    store.write(lambda writer: writer.put(claims, origin="directory"))
    with store.read() as connection:
        before = len(connection.execute(select(fiche.c.id)).all())
    connect(running)()
    with store.read() as connection:
        after = len(connection.execute(select(fiche.c.id)).all())
    assert 0 < len(wanted) < COUNT
    assert after == before + COUNT - len(wanted), "those without a known number stay apart, the others merge"
    merged = fiches(store)[next(iter(wanted))]
    assert "progezondheid" in merged["in_scope_of"]
    assert merged["source_url"], "what only the directory says is still there"
    assert any(address["type"] == "administrative" for address in merged["addresses"])
    assert merged["visum"]


def test_a_change_comes_behind_the_cursor(store: Store, running: ProGezondheidSimulator, connect: Connect) -> None:
    go = connect(running, page_size=7)
    go()
    number = numbers(running)[3]
    running.edit(number, name={"family": "Nieuwenaam", "given": ["An"]})
    report = go()
    assert (report.read, report.changed) == (1, 1)
    assert fiches(store)[number]["name"]["family"] == "Nieuwenaam"


def test_a_change_made_during_the_first_load_is_not_lost(running: ProGezondheidSimulator) -> None:
    place = running.register.start(0)
    page = running.register.after(place, 10)
    early = page.items[0]["nihdi8"]
    running.edit(early, convention="none")
    seen = []
    while not page.complete:
        page = running.register.after(page.after, 10)
        seen += page.items
    assert [one["nihdi8"] for one in seen].count(early) == 1
    assert seen[-1]["convention"] == "none"


def test_a_withdrawn_visum_leaves_the_scope_and_keeps_the_fiche(store: Store, running: ProGezondheidSimulator, connect: Connect) -> None:
    go = connect(running)
    go()
    number = numbers(running)[0]
    running.withdraw(number)
    go()
    found = fiches(store)[number]
    assert found["visum"] == "withdrawn"
    assert "progezondheid" not in found.get("in_scope_of", [])


def test_a_deleted_caregiver_goes_but_absence_deletes_nobody(store: Store, world: World, running: ProGezondheidSimulator, connect: Connect) -> None:
    go = connect(running)
    go()
    number = numbers(running)[0]
    running.delete(number)
    go()
    assert set(fiches(store)) == set(numbers(running)) - {number}
    with ProGezondheidSimulator(world, count=5, now=lambda: NOW) as smaller:
        connections_before = set(fiches(store))
        running.register.count = smaller.register.count
        report = go(full=True)
    assert (report.state, report.deleted, report.withheld) == ("done", 0, 0)
    assert set(fiches(store)) == connections_before


def test_late_and_repeated_events_do_no_harm(store: Store, running: ProGezondheidSimulator, connect: Connect) -> None:
    go = connect(running, page_size=7)
    go()
    number = numbers(running)[3]
    running.edit(number, gender="female")
    running.edit(number, gender="other")
    for fault in ("late-events", "duplicate-events", "clock-skew"):
        running.switch(fault)
    report = go()
    assert report.state == "done"
    assert fiches(store)[number]["gender"] == "other"
    assert any("clock" in warning for warning in report.warnings)


def test_an_expired_cursor_leads_to_a_full_resync(store: Store, running: ProGezondheidSimulator, connect: Connect) -> None:
    go = connect(running, page_size=7)
    go()
    running.switch("expired-cursor")
    running.edit(numbers(running)[1], gender="other")
    report = go()
    assert (report.state, report.mode, report.read, report.changed) == ("done", "full", COUNT, 1)


def test_an_expired_token_pauses_the_connection(store: Store, running: ProGezondheidSimulator, connect: Connect) -> None:
    go = connect(running)
    running.switch("expired-token")
    report = go()
    assert report.state == "failed"
    assert "401" in report.reason
    (told,) = status.of_all(store, loaded())
    how = "If they changed: fichehub connections configure register --set token=…, then fichehub connections enable register"
    assert (told.state, told.reason) == ("paused", f"{report.reason} {how}")


@pytest.mark.parametrize("page_size", [1, 7, 1000])
def test_a_renamed_field_stops_the_run_before_anything_is_written(
    store: Store, running: ProGezondheidSimulator, connect: Connect, page_size: int
) -> None:
    go = connect(running, page_size=page_size)
    go()
    before = fiches(store)
    running.switch("drift")
    running.edit(numbers(running)[0], gender="other")
    report = go()
    assert report.state == "failed"
    assert "professions" in report.reason and "healthcare_professions" in report.reason
    assert fiches(store) == before
    running.switch("drift", on=False)
    with pytest.raises(Exception, match="paused"):
        go()


def test_fields_that_became_empty_or_were_renamed_within_an_address_stop_the_run(
    store: Store, running: ProGezondheidSimulator, connect: Connect
) -> None:
    """The shape is pinned by the first load, although absence tells nothing here."""
    go = connect(running, page_size=7)
    go()
    before = fiches(store)
    running.switch("drift-inside")
    report = go(full=True)
    assert (report.state, report.changed) == ("stopped", 0)
    assert "missing are addresses[].street, convention, languages in all of the first 40 rows" in report.reason
    assert fiches(store) == before
    running.switch("drift-inside", on=False)
    report = go(full=True)
    assert (report.state, report.deleted, report.warnings) == ("done", 0, ())


@pytest.mark.parametrize("count", [3, 20])
def test_a_field_of_the_contract_that_is_gone_within_a_list_is_told_by_its_path(running: ProGezondheidSimulator, count: int) -> None:
    items = running.register.after(running.register.start(0), count).items
    assert drift_in(items) == Drift()
    renamed = [{**one, "professions": [{"kind": each["code"]} for each in one["professions"]]} for one in items]
    assert drift_in(renamed) == Drift(("professions[].code",), ("professions[].kind",))
    unnamed = [{**one, "name": {"given": one["name"]["given"]}} for one in items]
    assert drift_in(unnamed) == Drift(("name.family",) if count == 20 else (), ())
    bare = [{**one, "addresses": [{"type": each["type"]} for each in one["addresses"]]} for one in items]
    assert drift_in(bare) == Drift(), "the contract lets an address be without a street"


def test_a_new_field_is_a_warning(running: ProGezondheidSimulator, connect: Connect) -> None:
    go = connect(running)
    running.switch("new-field")
    report = go()
    assert (report.state, report.changed) == ("done", COUNT)
    assert any("quality_label" in warning for warning in report.warnings)


def test_a_load_that_breaks_off_goes_on_where_it_stopped(store: Store, running: ProGezondheidSimulator, connect: Connect) -> None:
    go = connect(running, page_size=5)
    running.break_after(4)
    broken = go()
    running.break_after(None)
    assert (broken.state, broken.changed) == ("failed", 20)
    running.requests.clear()
    resumed = go()
    assert (resumed.state, resumed.resumed, resumed.changed) == ("done", True, COUNT - 20)
    assert not any("cursor" not in request for request in running.requests)
    assert len(fiches(store)) == COUNT


@pytest.mark.parametrize("pages", [1, 2, 3, 6])
def test_a_partner_whose_pages_go_in_a_circle_is_not_asked_for_ever(
    running: ProGezondheidSimulator, connect: Connect, monkeypatch: pytest.MonkeyPatch, pages: int
) -> None:
    go = connect(running, page_size=5)
    whole = Register.written_after

    def around(register: Register, asked: Place, limit: int) -> Slice[str]:
        return whole(register, asked if asked.position < pages * limit else running.register.start(0), limit)

    monkeypatch.setattr(Register, "written_after", around)
    running.requests.clear()
    report = go()
    assert (report.state, report.changed) == ("failed", pages * 5)
    assert "hands out a cursor that it has been asked with before" in report.reason
    assert len(running.requests) <= 4 * pages + 1


def test_a_partner_that_gives_empty_pages_for_ever_is_not_asked_for_ever(running: ProGezondheidSimulator, connect: Connect) -> None:
    go = connect(running, page_size=5)
    running.break_after(4)
    before = go().cursor_after
    running.break_after(None)
    running.switch("endless-empty")
    running.requests.clear()
    report = go()
    assert (report.state, report.read, report.cursor_after) == ("failed", 0, before)
    assert f"/providers gave {MOST_EMPTY + 1} empty pages in a row" in report.reason
    assert len(running.requests) == MOST_EMPTY + 1
    running.switch("endless-empty", on=False)
    assert (go().state, len(numbers(running))) == ("done", COUNT)


def test_some_empty_pages_are_no_endless_paging(running: ProGezondheidSimulator, connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    """A register that only looks at so many for one page may well find nobody in several."""
    go = connect(running, page_size=5)
    whole, asked_so_far = Register.written_after, [0]

    def sparse(register: Register, asked: Place, limit: int) -> Slice[str]:
        asked_so_far[0] += 1
        if asked_so_far[0] % (MOST_EMPTY + 1):
            return Slice([], replace(asked, since=asked.since + 1), False)
        return whole(register, asked, limit)

    monkeypatch.setattr(Register, "written_after", sparse)
    assert go().changed == COUNT


def test_their_clock_does_not_decide(running: ProGezondheidSimulator) -> None:
    number = numbers(running)[0]
    first = running.edit(number, gender="female")
    running._now = lambda: datetime.now(UTC) - timedelta(days=400)
    second = running.edit(number, gender="other")
    assert second["updated_at"] < first["updated_at"]
    assert second["version"] > first["version"]


def test_the_token_is_kept_secret(store: Store, running: ProGezondheidSimulator, connect: Connect) -> None:
    connect(running)
    loaded = plugins.load([("progezondheid", progezondheid)], installed=False)
    assert running.config()["token"] not in repr(connections.list_all(store, loaded))


@pytest.mark.parametrize("cursor", [None, 7, "a\0b", "", "c" * (LONGEST_CURSOR + 1), "\ud800"])
def test_a_cursor_that_cannot_be_kept_or_sent_back_is_refused(cursor: object) -> None:
    with pytest.raises(Unreachable, match="`next_cursor` is none"):
        _page({"items": [], "next_cursor": cursor, "complete": True}, "https://register.example.org/providers", 5)


@pytest.mark.parametrize("cursor", ["", "c" * 5_000_000, "\ud800"])
def test_a_cursor_that_is_none_costs_no_cursor_that_we_had(
    running: ProGezondheidSimulator, connect: Connect, monkeypatch: pytest.MonkeyPatch, cursor: str
) -> None:
    go = connect(running, page_size=20)
    good = go().cursor_after
    with monkeypatch.context() as patch:
        said_instead(patch, "/providers", lambda page: {**page, "next_cursor": cursor})
        report = go()
    assert (report.state, report.cursor_after) == ("failed", good)
    assert "`next_cursor` is none" in report.reason
    assert go().state == "done"


def test_more_than_was_asked_for_is_not_taken_in(
    store: Store, running: ProGezondheidSimulator, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    go = connect(running, page_size=5)
    with monkeypatch.context() as patch:
        said_instead(patch, "/providers", lambda page: {**page, "items": page["items"] * 40, "count": 40 * len(page["items"])})
        report = go()
    assert (report.state, report.read) == ("failed", 0)
    assert "answered 200 items where at most 5 were asked for" in report.reason
    with monkeypatch.context() as patch:
        patch.setattr("plugins.progezondheid.client.LEAST_BYTES", 100)
        patch.setattr("plugins.progezondheid.client.ROW_BYTES", 100)
        report = go()
    assert (report.state, "sends more than 500 bytes" in report.reason) == ("failed", True)
    assert len(fiches(store)) == 0
    assert go().state == "done"


def test_rows_that_are_lost_on_the_way_are_missed(
    store: Store, running: ProGezondheidSimulator, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    go = connect(running, page_size=5)
    whole = ProGezondheidSimulator._page

    def every_second(simulator: ProGezondheidSimulator, asked: dict[str, list[str]]) -> bytes:
        page = orjson.loads(whole(simulator, asked))
        return orjson.dumps({**page, "items": page["items"][::2]})

    monkeypatch.setattr(ProGezondheidSimulator, "_page", every_second)
    cut = go()
    assert (cut.state, cut.read, cut.cursor_after) == ("failed", 0, None)
    assert "says `count` 5 and gives 3 items" in cut.reason
    for wrong in ("5", True, None):
        monkeypatch.setattr(
            ProGezondheidSimulator,
            "_page",
            lambda simulator, asked, wrong=wrong: orjson.dumps({**orjson.loads(whole(simulator, asked)), "count": wrong}),
        )
        assert f"whose `count` is no number: {wrong!r}." in go().reason
    monkeypatch.setattr(ProGezondheidSimulator, "_page", whole)
    assert (go().changed, len(fiches(store))) == (COUNT, COUNT)


@pytest.mark.parametrize(("written", "instead"), [('"family":"', '"family":"\\ud800'), ('"version":1,', '"version":NaN,')])
def test_a_row_that_is_no_json_is_refused_alone(
    store: Store, running: ProGezondheidSimulator, connect: Connect, monkeypatch: pytest.MonkeyPatch, written: str, instead: str
) -> None:
    go = connect(running, page_size=5)
    whole, poisoned = ProGezondheidSimulator._page, numbers(running)[7]

    def poison(simulator: ProGezondheidSimulator, asked: dict[str, list[str]]) -> bytes:
        before, found, row = whole(simulator, asked).decode().partition(f'"nihdi8":"{poisoned}"')
        assert not found or written in row
        return f"{before}{found}{row.replace(written, instead, 1)}".encode()

    monkeypatch.setattr(ProGezondheidSimulator, "_page", poison)
    report = go()
    assert (report.state, report.changed, report.rejected) == ("done", COUNT - 1, 1)
    assert set(fiches(store)) == set(numbers(running)) - {poisoned}
    (refused,) = report.rejections
    assert refused.external_id == poisoned


@pytest.mark.parametrize("described", [False, True])
def test_one_bad_answer_that_calls_all_deleted_takes_nobody_away(
    store: Store, world: World, connect: Connect, monkeypatch: pytest.MonkeyPatch, described: bool
) -> None:
    with ProGezondheidSimulator(world, count=120, now=lambda: NOW) as running:
        go = connect(running)
        go()
        before = fiches(store)
        usual = Client.page

        def bad(self: Client, cursor: str | None, limit: int) -> ProviderPage:
            page = usual(self, cursor, limit)
            kept = ("nihdi8", "version", "updated_at")
            page.items[:] = [{**(item if described else {key: item[key] for key in kept}), "state": "deleted"} for item in page.items]
            return page

        with monkeypatch.context() as patched:
            patched.setattr(Client, "page", bad)
            report = go(full=True)
        assert (report.changed, report.withheld) == (0, 0 if described else 120), report.reason
        assert fiches(store) == before
        right = go(full=True)
        assert (right.state, right.changed, right.unchanged, right.withheld) == ("done", 0, 120, 0)
