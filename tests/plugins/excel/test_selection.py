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


def site(number: int, postcode: str, municipality: str, lat: float, **more: object) -> Document:
    address = {
        "type": "visit",
        "street": {"nl": f"Straat {number}"},
        "postcode": postcode,
        "municipality": municipality,
        "position": {"lat": lat, "lon": 4.0},
    }
    return {"keys": [f"{SK}:{number}"], "addresses": [address], **more}


def phone(number: str, **more: object) -> list[Document]:
    return [{"kind": "phone", "value": number, **more}]


SITES = [
    site(1, "3724", "73111", 50.0, contacts=phone("+3212000001", primary=True)),
    site(2, "9200", "42006", 51.0, contacts=phone("+3252000002")),
    site(3, "9200", "42006", 51.1),
    site(4, "8770", "36007", 52.0),
]
PLACED = [
    claim("org", "organisatie", "Org", vestigingen=SITES),
    offer("all", "org"),
    offer("named", "org", vestigingen=[{"key": f"{SK}:1"}, {"key": f"{SK}:3"}]),
]


@pytest.mark.parametrize(
    ("config", "streets"),
    [
        ({}, ["Straat 1", "Straat 1"]),
        ({"postcodes": ["9200"]}, ["Straat 2", "Straat 3"]),
        ({"municipalities": ["42006"]}, ["Straat 2", "Straat 3"]),
        ({"where": ["province=Oost-Vlaanderen"]}, ["Straat 2", "Straat 3"]),
        ({"where": ["near=51.1,4.0,2"]}, ["Straat 3", "Straat 3"]),
        ({"postcodes": ["8770"]}, ["Straat 4"]),
    ],
)
def test_the_address_is_that_of_a_vestiging_that_lies_in_the_places_selected(export: Export, config: Document, streets: list[str]) -> None:
    lines = export(PLACED, **config)
    assert [line["Straat"] for line in lines] == streets


def test_the_telephone_is_that_of_the_vestiging_shown_and_where_it_has_none_that_of_another(export: Export) -> None:
    both = offer("both", "org", vestigingen=[{"key": f"{SK}:1"}, {"key": f"{SK}:2"}])
    lines = export([*PLACED, both], postcodes=["9200"])
    assert {line["Aanbod"]: line["Telefoon"] for line in lines} == {"all": None, "both": "+3252000002", "named": "+3212000001"}
