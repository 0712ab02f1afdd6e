"""Local first: who is something before who only writes about it, and beyond the municipality the nearest before all others."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Connection

from hub.model.audience import INTERNAL, PUBLIC, Grant
from hub.model.fiche import Document
from hub.model.query import Query, Sort
from hub.places import Places
from hub.search import find
from hub.store.database import connect
from hub.store.index_rows import IndexedEntity, Indexer, write
from tests.search.worlds import TODAY, Concepts

SHOWN = {"visibility": "public"}
LEUVEN, HERENT, TIENEN = "24062", "24038", "24107"


@pytest.fixture
def conn(database_url: str) -> Iterator[Connection]:
    engine = connect(database_url)
    with engine.connect() as conn:
        yield conn
    engine.dispose()


def fiche(name: str, municipality: str, description: str = "", lat: float | None = None, **more: Any) -> Document:
    address: Document = {"municipality": municipality, **SHOWN}
    if lat is not None:
        address["position"] = {"lat": lat, "lon": 4.7}
    made: Document = {
        "kind": "organisatie", **SHOWN, "names": [{"text": {"nl": name}, **SHOWN}], "vestigingen": [{**SHOWN, "addresses": [address]}], **more,
    }  # fmt: skip
    return {**made, "description": {"nl": description}} if description else made


def fill(conn: Connection, places: Places, *documents: Document) -> None:
    indexer = Indexer(Concepts(), places, TODAY)
    numbered = enumerate(documents, 1)
    write(
        conn,
        [indexer.row(IndexedEntity(entry_id=n, entity_id=n, fiche_id=n, type="organisatie", document=document)) for n, document in numbered],
    )


def in_order(conn: Connection, places: Places, text: str, grant: Grant = PUBLIC, page: int = 50) -> list[int]:
    found: list[int] = []
    query = Query(types=("organisatie",), text=text, sort="local", local=LEUVEN, limit=page)
    while True:
        page_found = find(conn, query, grant, places=places)
        found += [row.entry_id for row in page_found.rows]
        if page_found.next is None:
            return found
        query = Query(types=query.types, text=text, sort="local", local=LEUVEN, limit=page, cursor=page_found.next)


@pytest.mark.parametrize("page", [50, 1])
def test_who_is_called_so_comes_before_who_writes_about_it(conn: Connection, places: Places, page: int) -> None:
    fill(
        conn, places,
        fiche("Aardbei", LEUVEN, "Wij werken samen met huisartsen uit de buurt."),
        fiche("Zonnebloem", LEUVEN, types=[{"scheme": "rubriek", "code": "14"}]),
        fiche("Wijkgezondheidscentrum met huisartsen", LEUVEN),
        fiche("Kring van huisartsen", LEUVEN, umbrella=True),
        fiche("Huisartsen Herent", HERENT),
        fiche("Bloesem", HERENT, "Huisartsen verwijzen naar ons."),
        fiche("Kiosk", LEUVEN, "Kranten"),
    )  # fmt: skip
    assert in_order(conn, places, "huisartsen", page=page) == [3, 4, 1, 5, 6]
    # Several words: one that only a description says is enough to come later.
    assert in_order(conn, places, "huisartsen buurt", page=page) == [1]
    assert in_order(conn, places, "huisarts leuven", page=page) == [3, 4, 1]
    # A label of a rubriek says what something is, as a name does.
    assert in_order(conn, places, "rubriek 14", page=page) == [2]


def test_a_hidden_name_moves_nobody_forward(conn: Connection, places: Places) -> None:
    named = [{"text": {"nl": "Bron"}, **SHOWN}, {"text": {"nl": "Kanarie"}, "visibility": "internal"}]
    fill(
        conn, places,
        fiche("Aalbes", LEUVEN, "Over de kanarie"),
        fiche("", LEUVEN, "Over de kanarie") | {"names": named},
    )  # fmt: skip
    assert in_order(conn, places, "kanarie") == [1, 2]
    assert in_order(conn, places, "kanarie", INTERNAL) == [2, 1]


@pytest.mark.parametrize("page", [50, 1])
def test_beyond_the_municipality_the_nearest_is_first(conn: Connection, places: Places, page: int) -> None:
    fill(
        conn, places,
        fiche("Apotheek Aar", TIENEN, lat=50.60),
        fiche("Apotheek Bot", HERENT, lat=50.95),
        fiche("Apotheek Cel", HERENT, lat=50.91),
        fiche("Apotheek Dal", HERENT),
        fiche("Apotheek Ets", TIENEN, lat=50.79),
        fiche("Apotheek Fee", LEUVEN, lat=50.87),
        fiche("Apotheek Gal", LEUVEN, lat=50.88),
        fiche("Koepel van apotheken", HERENT, lat=50.90, umbrella=True),
    )  # fmt: skip
    assert in_order(conn, places, "apothe", page=page) == [6, 7, 3, 2, 4, 8, 5, 1]


@pytest.mark.parametrize("sort", ["local", "name"])
def test_a_hit_says_which_words_stand_in_its_description_only(conn: Connection, places: Places, sort: Sort) -> None:
    fill(
        conn,
        places,
        fiche("Alfa", LEUVEN, "Wij werken samen met huisartsen, ook voor oncologie."),
        fiche("Huisartsen", LEUVEN, "Voor oncologie."),
        fiche("Huisarts oncologie", LEUVEN, "Huisarts."),
    )
    query = Query(types=("organisatie",), text="huisarts oncologie", sort=sort, local=LEUVEN if sort == "local" else None)
    described = {row.entry_id: [word for kind, word in row.why if kind == "described"] for row in find(conn, query, PUBLIC, places=places).rows}
    assert described == {1: ["huisarts", "oncologie"], 2: ["oncologie"], 3: []}
