"""Organisaties that the source does not name keep their ids, through whole runs into a store on each engine."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from sqlalchemy import select

from hub import plugins
from hub.hookspecs import hookimpl
from hub.store import Store, reading, reviewing
from hub.store.editing import edit
from hub.store.tables import fiche as fiche_table
from hub.sync import connections, run
from hub.sync.records import RunReport
from plugins.sociale_kaart.connector import SocialeKaart
from plugins.sociale_kaart.derived import Derived, derive
from plugins.sociale_kaart.listing import keep
from plugins.sociale_kaart.reading import Row, read
from plugins.sociale_kaart.spool import Spool
from plugins.sociale_kaart.vocabulary import Vocabulary
from tests.plugins.sociale_kaart.pulls import Hub, row
from tests.store.saying import fiche

ONE, OTHER, THIRD = "11" * 32, "22" * 32, "33" * 32


def unnamed(external_id: str, name: str = "Huis De Wilg", number: str = "12", **changes: Any) -> dict[str, Any]:
    """A row that names no organisatie."""
    address = {**row()["addresses"][0], "number": number, "links": []}
    return row(**{"id": {"id": external_id}, "legalName": {"description": name}, "addresses": [address], "links": [], **changes})


class Running:
    """A hub that reads its rows from a file."""

    def __init__(self, store: Store, folder: Path) -> None:
        self.store = store
        self.file = folder / "rows.json"
        self.moment = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
        module = ModuleType("under_test")
        vars(module)["register_connectors"] = hookimpl(lambda: [SocialeKaart], specname="register_connectors")
        self.plugins = plugins.load([("sociale_kaart", module)], installed=False)
        self.file.write_text("[]")
        connections.add(store, self.plugins, "kaart", "sociale-kaart", {"file": str(self.file)})
        connections.enable(store, self.plugins, "kaart")

    def run(self, *rows: dict[str, Any]) -> RunReport:
        self.moment += timedelta(hours=1)
        self.file.write_text(json.dumps(rows))
        report = run(self.store, self.plugins, "kaart")
        assert (report.state, report.rejected) == ("done", 0), report.reason
        return report

    def organisatie_of(self, external_id: str) -> str:
        """The id of the organisatie that the aanbod of a row leads to."""
        found = fiche(self.store, f"sociale-kaart|{external_id}")
        assert found is not None
        return str(found["organisatie"]["id"])

    def document(self, uuid: str) -> dict[str, Any]:
        with self.store.read() as db:
            return reading.documents_by_uuid(db, [uuid])[uuid]

    def states(self) -> Counter[str]:
        """How many organisaties are in which state."""
        with self.store.read() as db:
            return Counter(db.execute(select(fiche_table.c.state).where(fiche_table.c.kind == "organisatie")).scalars())

    def asks_nobody(self) -> bool:
        with self.store.read() as db:
            return reviewing.reviews(db) == []


@pytest.fixture
def running(database_url: str, tmp_path: Path) -> Iterator[Running]:
    moment = [datetime(2026, 11, 22, 9, 0, tzinfo=UTC)]

    def now() -> datetime:
        moment[0] += timedelta(seconds=1)
        return moment[0]

    store = Store.open(database_url, tmp_path / "home", now=now)
    yield Running(store, tmp_path)
    store.close()


@pytest.mark.parametrize("changes", [{"name": "Huis De Wilg vzw"}, {"number": "14"}, {"name": "De Linde", "number": "3"}])
@pytest.mark.parametrize("ids", [[ONE], [ONE, OTHER]])
def test_an_organisatie_keeps_its_id_whatever_becomes_of_name_and_address(running: Running, changes: dict[str, str], ids: list[str]) -> None:
    running.run(*(unnamed(each) for each in ids))
    before = running.organisatie_of(ONE)
    edit(running.store, before, "description", {"nl": "Beslist"}, "an")
    for _ in range(2):
        report = running.run(*(unnamed(each, **changes) for each in ids))
        assert report.deleted == 0
        assert {running.organisatie_of(each) for each in ids} == {before}
    assert report.changed == 0
    document = running.document(before)
    assert document["names"][0]["text"]["nl"] == changes.get("name", "Huis De Wilg")
    assert [site["addresses"][0]["house_number"] for site in document["vestigingen"]] == [changes.get("number", "12")]
    assert document["description"] == {"nl": "Beslist"}
    assert (running.states(), running.asks_nobody()) == (Counter(live=1), True)
    running.run(*(unnamed(each) for each in ids))
    assert running.organisatie_of(ONE) == before, "nor when it is what it was"


@pytest.mark.parametrize(("changed", "stays"), [(ONE, OTHER), (OTHER, ONE)])
@pytest.mark.parametrize("renamed", [False, True])
def test_of_two_rows_of_one_organisatie_the_one_that_changes_leaves_it(running: Running, changed: str, stays: str, renamed: bool) -> None:
    name = "Huis De Wilg"
    running.run(unnamed(ONE), unnamed(OTHER))
    before = running.organisatie_of(ONE)
    if renamed:
        name = "De Linde"
        running.run(unnamed(ONE, name), unnamed(OTHER, name))
    for _ in range(2):
        running.run(unnamed(changed, "Iets Anders"), unnamed(stays, name))
        assert running.organisatie_of(stays) == before != running.organisatie_of(changed)
        assert running.document(before)["names"][0]["text"]["nl"] == name
    assert (running.states(), running.asks_nobody()) == (Counter(live=2), True)


def test_two_rows_that_both_change_are_two_and_one_keeps_the_id(running: Running) -> None:
    running.run(unnamed(ONE), unnamed(OTHER))
    before = running.organisatie_of(ONE)
    running.run(unnamed(ONE, "Iets Anders"), unnamed(OTHER, "Nog Iets"))
    assert running.organisatie_of(ONE) == before != running.organisatie_of(OTHER)
    assert (running.states(), running.asks_nobody()) == (Counter(live=2), True)


@pytest.mark.parametrize(("changed", "stays"), [(ONE, OTHER), (OTHER, ONE)])
def test_two_that_come_together_keep_one_id_and_the_other_leads_to_it(running: Running, changed: str, stays: str) -> None:
    running.run(unnamed(ONE), unnamed(OTHER, "De Linde"))
    ids = {running.organisatie_of(ONE), running.organisatie_of(OTHER)}
    assert len(ids) == 2
    edit(running.store, running.organisatie_of(changed), "description", {"nl": "Beslist"}, "an")
    name = running.document(running.organisatie_of(stays))["names"][0]["text"]["nl"]
    for _ in range(2):
        report = running.run(unnamed(changed, name), unnamed(stays, name))
        one = running.organisatie_of(ONE)
        assert running.organisatie_of(OTHER) == one
    assert (report.changed, report.deleted) == (0, 0)
    assert running.document(one)["description"] == {"nl": "Beslist"}
    with running.store.read() as db:
        assert {found.moved_to or found.uuid for found in reading.resolve(db, ids).values()} == {one}
    assert (running.states(), running.asks_nobody()) == (Counter(live=1, moved=1), True)


def test_a_name_and_address_that_an_organisatie_had_make_another_one(running: Running) -> None:
    running.run(unnamed(ONE))
    before = running.organisatie_of(ONE)
    running.run(unnamed(ONE, "De Linde"), unnamed(OTHER))
    assert running.organisatie_of(ONE) == before != running.organisatie_of(OTHER)
    another = running.organisatie_of(OTHER)
    assert running.run(unnamed(OTHER), unnamed(ONE, "De Linde")).changed == 0
    assert running.run(unnamed(OTHER, number="14"), unnamed(ONE, "De Linde")).deleted == 0
    assert running.organisatie_of(OTHER) == another
    assert running.states() == Counter(live=2)


def test_without_an_address_the_id_stays_too(running: Running) -> None:
    running.run(unnamed(ONE, addresses=[]), unnamed(OTHER, addresses=[]))
    before = running.organisatie_of(ONE)
    assert running.organisatie_of(OTHER) != before
    running.run(unnamed(ONE, "De Linde", addresses=[]), unnamed(OTHER, addresses=[]))
    assert running.organisatie_of(ONE) == before
    assert running.states() == Counter(live=2)


def test_an_increment_takes_no_id_from_rows_that_it_does_not_give(hub: Hub, tmp_path: Path) -> None:
    words = Vocabulary()

    def derived(whole: bool, *rows: dict[str, Any]) -> dict[str, Derived]:
        with Spool() as spool:
            keep(spool, list(rows), 1, words)
            groups: dict[str, list[Row]] = {}
            for each in (read(raw, words) for raw in rows):
                groups.setdefault(each.organisation, []).append(each)
            found = derive(groups, spool, hub.held, hub.leading_to, words, whole=whole)
        return {each.id: found[now] for now, of_it in groups.items() for each in of_it}

    file = tmp_path / "rows.json"
    file.write_text(json.dumps([unnamed(ONE), unnamed(OTHER), unnamed(THIRD, "De Linde")]))
    pulled = hub.pull("https://unused.example", file=str(file))
    together, alone = (pulled.claims[each].content["organisatie"]["external_id"] for each in (ONE, THIRD))
    left = derived(False, unnamed(ONE, "Iets Anders"))[ONE]
    assert left.id not in (together, alone)
    assert derived(False, unnamed(ONE, state="INACTIVE"))[ONE] == Derived(together, whole=False)
    assert derived(False, unnamed("44" * 32))["44" * 32] == Derived(together, whole=False)
    both = derived(False, unnamed(ONE, "Iets Anders"), unnamed(OTHER, "Iets Anders"))
    assert both[ONE] == both[OTHER] == Derived(together)
    assert derived(False, unnamed(THIRD, "De Es"))[THIRD] == Derived(alone)
    joined = derived(False, unnamed(ONE, "De Linde"))[ONE]
    assert joined == Derived(alone, whole=False)
    alone_now = derived(True, unnamed(ONE, "Iets Anders"))[ONE]
    assert alone_now == Derived(together), "a whole list without the other row: it is gone"
