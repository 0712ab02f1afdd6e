"""Exporting: the whole selection in one file, or no file at all."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import IO, Any, ClassVar

import pytest

from hub.access import Agreement, agreement, save_agreement
from hub.connector import Export
from hub.model.claims import Claim
from hub.model.entity import Entity
from hub.model.query import Query
from hub.outbound import open_outbound
from hub.plugins import Plugins
from hub.store import Store
from hub.sync import building, connections, run, stops

Offer = Callable[..., Plugins]


class Names(Export):
    name = "names"
    title = "Names"
    extension = "txt"
    failure: ClassVar[Exception | None] = None

    def query(self) -> Query:
        return Query(types=("organisatie",), limit=2)

    def write(self, entities: Iterable[Entity], file: IO[bytes]) -> int:
        rows = 0
        for entity in entities:
            contacts = [contact["value"] for contact in entity.fiche.get("contacts", ())]
            file.write((entity.fiche["names"][0]["text"]["nl"] + " " + " ".join(contacts)).strip().encode() + b"\n")
            rows += 1
            if self.failure is not None:
                raise self.failure
        return rows


@pytest.fixture
def plugins(store: Store, offer: Offer) -> Plugins:
    contents: list[dict[str, Any]] = [{"kind": "organisatie", "names": [{"text": {"nl": f"Huis {number}"}}]} for number in range(5)]
    contents[0]["contacts"] = [{"kind": "email", "value": "intern@example.org", "visibility": "professional"}]
    claims = [Claim("kbo", f"{number}", 1, "organisatie", content) for number, content in enumerate(contents)]
    store.write(lambda writer: writer.put(claims, origin="kbo"))
    kring = Agreement(
        name="kring",
        title="Kring",
        purpose="gids",
        legal_basis="toestemming",
        contact="a",
        our_contact="b",
        level="professional",
    )
    store.write(lambda writer: save_agreement(writer.connection, kring, "2026-11-22T09:00:00Z"))
    loaded = offer(type("FreshNames", (Names,), {"failure": None}))
    connections.add(store, loaded, "own", "names")
    connections.enable(store, loaded, "own")
    return loaded


def test_the_whole_selection_is_written(store: Store, plugins: Plugins) -> None:
    report = run(store, plugins, "own")
    file = store.home / "exports" / "own.txt"
    assert (report.state, report.mode, report.pushed, report.file) == ("done", "export", 5, str(file))
    assert sorted(file.read_text().splitlines()) == [f"Huis {number}" for number in range(5)]
    assert [each.name for each in file.parent.iterdir()] == ["own.txt"]


def test_a_partner_gets_what_its_agreement_says(store: Store, plugins: Plugins, tmp_path: Path) -> None:
    connections.add(store, plugins, "for-kring", "names", partner="kring")
    connections.enable(store, plugins, "for-kring")
    run(store, plugins, "for-kring", file=tmp_path / "kring.txt")
    assert "intern@example.org" in (tmp_path / "kring.txt").read_text()


def test_a_connector_knows_which_fields_its_agreement_names(store: Store, plugins: Plugins) -> None:
    with store.read() as connection:
        known = agreement(connection, "kring")
    assert known is not None
    named = replace(known, fields=frozenset({"names"}))
    store.write(lambda writer: save_agreement(writer.connection, named, "2026-11-22T09:00:00Z"))
    connections.add(store, plugins, "for-kring", "names", partner="kring")
    for name, fields in (("for-kring", named.fields), ("own", None)):
        with open_outbound() as http:
            built = building.build(store, plugins, connections.stored(store, name), http)
        assert built.connector.context.fields == fields


def test_a_failing_export_leaves_the_old_file(store: Store, plugins: Plugins) -> None:
    run(store, plugins, "own")
    file = store.home / "exports" / "own.txt"
    before = file.read_bytes()
    vars_of = plugins.connectors["names"]
    vars_of.failure = RuntimeError("disk")  # type: ignore[attr-defined]
    assert run(store, plugins, "own").state == "failed"
    assert file.read_bytes() == before
    assert [each.name for each in file.parent.iterdir()] == ["own.txt"]


@pytest.mark.parametrize("rows", [None, -1, "5"])
def test_an_export_that_does_not_say_how_much_it_wrote_leaves_the_old_file(
    store: Store, plugins: Plugins, monkeypatch: pytest.MonkeyPatch, rows: Any
) -> None:
    run(store, plugins, "own")
    file = store.home / "exports" / "own.txt"
    before = file.read_bytes()
    monkeypatch.setattr(plugins.connectors["names"], "write", lambda self, entities, written: [written.write(b"new"), rows][1])
    report = run(store, plugins, "own")
    assert (report.state, report.pushed, file.read_bytes()) == ("failed", 0, before)
    assert report.reason == "The connector failed in a way that it should not; the trace is in the log."


@pytest.mark.parametrize(("number", "said"), [(errno.ENOSPC, "The disk is full"), (errno.EACCES, "Permission denied")])
def test_a_fault_of_the_machine_is_said_in_plain_words_and_tried_again(store: Store, plugins: Plugins, number: int, said: str) -> None:
    run(store, plugins, "own")
    plugins.connectors["names"].failure = OSError(number, "")  # type: ignore[attr-defined]
    report = run(store, plugins, "own")
    assert report.state == "failed" and said in report.reason and report.retry_at is not None
    assert connections.get(store, plugins, "own").state == "enabled"
    assert [each.name for each in (store.home / "exports").iterdir()] == ["own.txt"]


def test_an_export_ends_with_its_process_and_is_written_at_the_next_run(store: Store, plugins: Plugins, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hub.sync.export._EVERY", 2)
    with stops.until(lambda: True):
        cut = run(store, plugins, "own")
    assert (cut.state, cut.retry_at, list((store.home / "exports").iterdir())) == ("stopped", cut.ended_at, [])
    assert run(store, plugins, "own").pushed == 5


def test_a_dry_run_writes_no_file(store: Store, plugins: Plugins) -> None:
    assert run(store, plugins, "own", dry_run=True).pushed == 5
    assert list((store.home / "exports").iterdir()) == []
