"""What a connection selects from a store, and what of it stands in the rows, on both engines."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook

from hub import plugins
from hub.model.claims import Claim
from hub.model.fiche import Document, Kind
from hub.store import Store
from hub.sync import connections, run

SK = "sociale-kaart"
Export = Callable[..., list[dict[str, Any]]]


def claim(external_id: str, kind: Kind, name: str, **content: object) -> Claim:
    return Claim(SK, external_id, 1, kind, {"kind": kind, "names": [{"text": {"nl": name}}], **content})


def offer(external_id: str, organisation: str, **content: object) -> Claim:
    return claim(external_id, "aanbod", external_id, organisatie={"source": SK, "external_id": organisation}, **content)


@pytest.fixture
def store(database_url: str, tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(database_url, tmp_path / "home", now=lambda: datetime(2026, 11, 22, 9, tzinfo=UTC))
    yield opened
    opened.close()


@pytest.fixture
def export(store: Store, tmp_path: Path) -> Export:
    """Puts claims and answers with the rows of a connection of this configuration, by header."""

    def exported(claims: list[Claim], **config: object) -> list[Document]:
        store.write(lambda writer: writer.put(claims, origin=SK))
        loaded, file = plugins.load(), tmp_path / "book.xlsx"
        connections.add(store, loaded, "book", "excel", config)
        connections.enable(store, loaded, "book")
        report = run(store, loaded, "book", file=file)
        connections.remove(store, "book")
        assert report.state == "done", report.reason
        book = load_workbook(file)
        header, *lines = book.worksheets[0].iter_rows(values_only=True)
        assert report.pushed == len(lines)
        return [dict(zip(map(str, header), line, strict=True)) for line in lines]

    return exported


STOPPED: dict[str, object] = {"status": {"status": "inactive"}}
ACTIVE: dict[str, object] = {"status": {"status": "active"}}
SOME = [
    claim("runs", "organisatie", "Loopt"),
    claim("over", "organisatie", "Gestopt", **STOPPED),
    offer("goes on", "runs", **ACTIVE),
    offer("nobody says", "runs"),
    offer("has stopped", "runs", **STOPPED),
    offer("of who stopped", "over", **ACTIVE),
    offer("both stopped", "over", **STOPPED),
    claim("of nobody", "aanbod", "of nobody"),
]


def test_the_plain_workbook_has_no_offer_that_stopped_nor_one_of_who_stopped(export: Export) -> None:
    assert [line["Aanbod"] for line in export(SOME)] == ["goes on", "nobody says", "of nobody"]


def test_with_what_stopped_everything_is_there_and_told_in_words(export: Export) -> None:
    assert {line["Aanbod"]: line["Status"] for line in export(SOME, stopped=True)} == {
        "goes on": "actief",
        "nobody says": "onbekend",
        "of nobody": "onbekend",
        "has stopped": "gestopt",
        "of who stopped": "organisatie gestopt",
        "both stopped": "gestopt",
    }


def test_a_status_that_is_asked_for_selects_as_everywhere_and_is_told(export: Export) -> None:
    lines = export(SOME, where=["status=active"])
    assert {line["Aanbod"]: line["Status"] for line in lines} == {"goes on": "actief", "of who stopped": "organisatie gestopt"}
