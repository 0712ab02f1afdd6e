"""What somebody may not see cannot be found, counted, sorted by, or shown as a reason: one canary in every place that the index reads."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from hub.model.audience import INTERNAL, PUBLIC, Grant
from hub.model.fiche import Document
from hub.model.query import Criterion, Linked, Near, Query
from hub.places import Places
from hub.search import find
from hub.store import tables
from hub.store.database import connect
from hub.store.index_rows import IndexedEntity, Indexer, write
from tests.search.worlds import TODAY, Concepts

PROFESSIONAL = Grant(level="professional")
SHOWN = {"visibility": "public"}


def fiche(canary: str, visibility: str) -> Document:
    """Public, but for one value of each kind that holds the canary."""
    hidden = {"visibility": visibility}
    return {
        "kind": "aanbod", "id": canary, **SHOWN, "organisatie": {"id": "o"},
        "names": [{"text": {"nl": "Zichtbaar"}, **SHOWN}, {"text": {"nl": f"Naam{canary}"}, **hidden}],
        "description": {"nl": f"beschrijving{canary}"}, "tags": [{"scheme": "tag", "code": canary}],
        "languages": [canary], "field_visibility": dict.fromkeys(("description", "tags", "languages", "rubrieken"), visibility),
        "rubrieken": [{"scheme": "rubriek", "code": f"14.{canary}"}],
        "identifiers": [{"system": "bron", "value": canary, **hidden}],
        "contacts": [{"kind": "phone", "value": f"+32{canary}", **hidden}, {"kind": "phone", "value": "+3216000000", **SHOWN}],
        "patientenstop": {"value": "yes", **hidden},
    }  # fmt: skip


def owner(canary: str, visibility: str) -> Document:
    address = {
        "street": {"nl": f"Straat{canary}"}, "postcode": "3300", "municipality": "24107", "city": {"nl": f"Stad{canary}"},
        "position": {"lat": 50.8, "lon": 4.9}, "visibility": visibility,
    }  # fmt: skip
    return {
        "kind": "organisatie", "id": "o", **SHOWN, "names": [{"text": {"nl": f"Organisatie{canary}"}, "visibility": visibility}],
        "vestigingen": [{"id": "s", **SHOWN, "addresses": [address]}],
    }  # fmt: skip


def probes(canary: str) -> Iterator[Query]:
    """Every way to ask for it."""
    for word in ("naam", "beschrijving", "organisatie", "straat", "stad"):
        yield Query(types=("aanbod",), text=f"{word}{canary}")
    yield Query(types=("aanbod",), text="Tienen")
    yield Query(types=("aanbod",), text=f"rubriek 14x{canary}")
    for key, value in {
        "name": f"naam{canary}", "identifier": f"bron|{canary}", "contact": f"phone|+32{canary}", "code": f"tag|{canary}",
        "language": canary, "availability": "patientenstop|yes", "street": f"straat{canary}", "city": f"stad{canary}",
        "postcode": "3300", "municipality": "24107", "province": "Vlaams-Brabant", "region": "vlaanderen",
    }.items():  # fmt: skip
        yield Query(types=("aanbod",), where=(Criterion(key, (value,)),))
        yield Query(types=("aanbod",), where=(Criterion(key, (value[:-1],), "prefix"),))
        if key not in ("name", "contact"):
            yield Query(types=("aanbod",), where=(Criterion(key, op="missing", negate=True),))
    yield Query(types=("aanbod",), where=(Criterion("identifier", (f"|{canary}",)),))
    yield Query(types=("aanbod",), where=(Criterion("code", (f"|{canary}",)),))
    yield Query(types=("aanbod",), where=(Criterion("code", ("rubriek|14",)),))
    for key in ("name", "street", "city"):
        yield Query(types=("aanbod",), where=(Criterion(key, (canary,), "contains"),))
    yield Query(types=("aanbod",), where=(Criterion("name", (f"naam{canary}",), "sounds"),))
    yield Query(types=("aanbod",), near=Near(50.8, 4.9, 5.0))
    yield Query(types=("aanbod",), near=Near(50.8, 4.9, 5.0), sort="distance")


@pytest.fixture
def conn(database_url: str, tmp_path: Path) -> Iterator[Connection]:
    engine = connect(database_url)
    with engine.connect() as conn:
        yield conn
    engine.dispose()


def index(conn: Connection, places: Places, **more: Any) -> None:
    entity = IndexedEntity(**{"fiche_id": 1, "entity_id": 1, "entry_id": 1, "type": "aanbod", **more})
    write(conn, [Indexer(Concepts(), places, TODAY).row(entity)])


def count(conn: Connection, places: Places, query: Query, grant: Grant) -> int:
    found = find(conn, replace(query, total="accurate"), grant, places=places)
    assert found.total == len(found.rows)
    return len(found.rows)


@pytest.mark.parametrize("visibility", ["professional", "internal"])
def test_a_canary_sings_for_those_only_who_may_hear_it(conn: Connection, places: Places, visibility: str) -> None:
    canary = "470112233"
    index(conn, places, document=fiche(canary, visibility), related={"o": owner(canary, visibility)})
    may = {"professional": [PROFESSIONAL, INTERNAL], "internal": [INTERNAL]}[visibility]
    for query in probes(canary):
        for grant in (PUBLIC, PROFESSIONAL, INTERNAL):
            assert count(conn, places, query, grant) == (1 if grant in may else 0), (query, grant)
    public = Query(types=("aanbod",), text="zichtbaar")
    assert count(conn, places, public, PUBLIC) == 1
    # Nor by what is said of it: no distance, no order by a hidden place, no tier, no name.
    hit = find(conn, replace(public, sort="distance", local="24107"), PUBLIC, places=places).rows[0]
    assert (hit.distance_km, hit.why) == (None, (("name", "zichtbaar"),))
    hit = find(conn, replace(public, sort="local", local="24107"), PUBLIC, places=places).rows[0]
    assert hit.distance_km is None
    assert dict(hit.why)["tier"] == "rest"
    hit = find(conn, replace(public, sort="local", local="24107"), may[0], places=places).rows[0]
    assert hit.distance_km is not None
    assert dict(hit.why)["tier"] == "local"


def test_negations_tell_nothing(conn: Connection, places: Places) -> None:
    canary = "470112233"
    index(conn, places, document=fiche(canary, "internal"), related={"o": owner(canary, "internal")})
    for criterion in (
        Criterion("contact", (f"phone|+32{canary}",)),
        Criterion("postcode", ("3300",)),
        Criterion("name", (canary,), "contains"),
        Criterion("name", (f"naam{canary}",), "sounds"),
    ):
        without = Query(types=("aanbod",), where=(replace(criterion, negate=True),))
        assert count(conn, places, without, PUBLIC) == 1
    missing = Query(types=("aanbod",), where=(Criterion("municipality", op="missing"),))
    assert [count(conn, places, missing, grant) for grant in (PUBLIC, INTERNAL)] == [1, 0]


def test_a_hidden_fiche_is_not_there_also_not_through_a_link(conn: Connection, places: Places) -> None:
    index(
        conn,
        places,
        document={**fiche("1", "public"), "visibility": "internal"},
        related={"o": owner("1", "public")},
    )
    hidden = {**owner("2", "public"), "visibility": "professional"}
    index(conn, places, entry_id=2, entity_id=2, fiche_id=2, type="organisatie", document=hidden)
    index(conn, places, entry_id=3, entity_id=3, fiche_id=3, document=fiche("3", "public"))
    conn.execute(tables.link.insert(), [{"from_id": 3, "role": "organisatie", "to_id": 2, "level": 0}])
    everyone = Query(types=("aanbod", "organisatie"))
    assert [count(conn, places, everyone, grant) for grant in (PUBLIC, PROFESSIONAL, INTERNAL)] == [1, 2, 3]
    linked = Query(types=("aanbod",), linked=(Linked("organisatie", Query(types=("organisatie",))),))
    assert [count(conn, places, linked, grant) for grant in (PUBLIC, PROFESSIONAL)] == [0, 1]
    other = Query(types=("aanbod",), linked=(Linked("organisatie", Query(types=("organisatie",)), negate=True),))
    assert [count(conn, places, other, grant) for grant in (PUBLIC, PROFESSIONAL)] == [1, 0]


def test_an_overlay_is_its_partners_only(conn: Connection, places: Places) -> None:
    index(conn, places, document=fiche("1", "public"))
    own = {**fiche("1", "public"), "names": [{"text": {"nl": "Geheim"}, **SHOWN}]}
    index(conn, places, entry_id=2, partner="vrgt", document=own)
    conn.execute(tables.entry_mask.insert(), [{"partner": "vrgt", "entry_id": 1}])
    vrgt, other = Grant(partner="vrgt"), Grant(partner="other")
    mine, masters = Query(types=("aanbod",), text="geheim"), Query(types=("aanbod",), text="zichtbaar")
    assert [count(conn, places, mine, grant) for grant in (vrgt, other, PUBLIC, INTERNAL)] == [1, 0, 0, 0]
    assert [count(conn, places, masters, grant) for grant in (vrgt, other, PUBLIC, INTERNAL)] == [0, 1, 1, 1]
    found = find(conn, mine, vrgt, places=places).rows[0]
    assert (found.entry_id, found.entity_id) == (2, 1)


def test_a_scope_narrows_everything(conn: Connection, places: Places) -> None:
    for number in (1, 2):
        document = {**fiche(str(number), "public"), "languages": [("nl", "fr")[number - 1]]}
        index(conn, places, entry_id=number, entity_id=number, fiche_id=number, document=document)
    scoped = Grant(scope=Query(types=("aanbod",), where=(Criterion("language", ("FR",)),)))
    assert count(conn, places, Query(types=("aanbod",)), scoped) == 1
    assert count(conn, places, Query(types=("aanbod",), where=(Criterion("language", ("nl",)),)), scoped) == 0
    assert count(conn, places, Query(types=("organisatie",)), scoped) == 0
