"""Who may not see a field cannot search by it, sort by it, count by it or hear why: every query answers as if no fiche had it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from hub.model.audience import INTERNAL, Grant
from hub.model.declarations import fiche_record
from hub.model.fiche import ENTITY_TYPES, KINDS, PARTS, Kind
from hub.model.folding import fold
from hub.model.query import KEYS, LINKS, Criterion, Linked, Query
from hub.places import Places
from hub.search import FoundRow, coverage, find
from hub.search.lens import Rows
from hub.search.shown import narrowed
from hub.store.index_rows import IndexedEntity, Indexer, IndexRow
from tests.fiches import fiches
from tests.search.oracle import Oracle, World
from tests.search.queries import grants, queries
from tests.search.worlds import NAMES, TODAY, Concepts, Maker

Reading = Callable[[], Connection]
FIELDS = sorted(
    {field for ways in coverage.READS.values() for some in ways.values() for way in some for field in way}
    | set(PARTS)
    | {"provided_by", "parent", "description"}
)


@pytest.fixture(params=["few", "many"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Few candidates are fetched and sorted, many are met along an index: the same world, taken both ways."""
    if request.param == "many":
        monkeypatch.setattr("hub.search.orders._bound", lambda plans: 3)


@pytest.fixture(scope="session")
def indexer(places: Places) -> Indexer:
    return Indexer(Concepts(), places, TODAY)


def rows_without(maker: Maker, indexer: Indexer, fields: frozenset[str]) -> dict[int, IndexRow]:
    """The index of a world in which fiches have only these fields."""
    return {row.entry_id: row for row in (indexer.row(narrowed(entity, fields)) for entity in maker.indexed if coverage.shows(fields, entity.type))}


def judge(oracle: Oracle, rows: dict[int, IndexRow], fields: frozenset[str], places: Places) -> Oracle:
    world = oracle.world
    types = {row.entry_id: row.type for row in world.rows}
    links = [link for link in world.links if coverage.follows(fields, types[abs(link[0])], link[1])]
    return Oracle(World(list(rows.values()), world.uuids, links, world.changes, world.masks), places)


@dataclass(frozen=True, eq=False)  # part of conditions, which are told apart
class Held:
    rows: dict[int, IndexRow]
    today: str = TODAY

    def __call__(self, ids: Collection[int], *, spelled: bool = False, sourced: bool = False) -> dict[int, IndexRow]:
        return {number: self.rows[number] for number in ids if number in self.rows}


def shown_by(rows: dict[int, IndexRow]) -> Rows:
    return Held(rows)


def everything(conn: Connection, query: Query, grant: Grant, places: Places, shown: Rows) -> list[FoundRow]:
    found: list[FoundRow] = []
    cursor = None
    while True:
        page = find(conn, replace(query, cursor=cursor), grant, places=places, shown=shown)
        found += page.rows
        if page.next is None:
            return found
        cursor = page.next


@pytest.mark.usefixtures("way")
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    query=queries(),
    grant=grants.map(lambda grant: replace(grant, scope=None)),
    left_out=st.sets(st.sampled_from(FIELDS), max_size=12),
    all_but=st.booleans(),
)
def test_every_query_answers_as_if_what_the_agreement_leaves_out_were_not_there(
    reading: Reading, maker: Maker, oracle: Oracle, indexer: Indexer, places: Places,
    query: Query, grant: Grant, left_out: set[str], all_but: bool,
) -> None:  # fmt: skip
    fields = frozenset(FIELDS) - left_out if all_but else frozenset(left_out)
    rows = rows_without(maker, indexer, fields)
    if query.sort in ("name", "local") and "names" not in fields:
        for row in rows.values():
            if row.type == "vestiging":
                row.name = ""  # sites with a name of their own and those without stand in one order, or in none
    wanted = judge(oracle, rows, fields, places).find(query, grant)
    event(f"{query.sort}: {'nothing' if not wanted else 'something'}")
    limited = replace(grant, fields=fields)
    found = everything(reading(), query, limited, places, shown_by(rows))
    assert [row.entry_id for row in found] == wanted
    counted = find(reading(), replace(query, total="accurate", limit=1), limited, places=places, shown=shown_by(rows))
    if query.sort != "updated":
        assert counted.total == len(wanted)


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("left_out", ["names", "description", "organisatie"])
def test_a_word_counts_as_a_name_only_where_the_name_is_shown(
    reading: Reading, maker: Maker, oracle: Oracle, indexer: Indexer, places: Places, left_out: str
) -> None:
    fields = frozenset(FIELDS) - {left_out}
    rows = rows_without(maker, indexer, fields)
    for text in ("thuis", "thuis opvang"):
        query = Query(types=("aanbod", "organisatie"), text=text, sort="local", local="24062", limit=1000)
        wanted = judge(oracle, rows, fields, places).find(query, INTERNAL)
        limited = replace(INTERNAL, fields=fields)
        found = everything(reading(), query, limited, places, shown_by(rows))
        assert [row.entry_id for row in found] == wanted
        assert len(wanted) > 2 or left_out == "description"


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("negate", [False, True])
def test_a_whole_name_is_met_where_it_is_shown(
    reading: Reading, maker: Maker, oracle: Oracle, indexer: Indexer, places: Places, negate: bool
) -> None:
    fields = frozenset(FIELDS) - {"names"}
    rows = rows_without(maker, indexer, fields)
    asked = sorted({name for row in rows.values() if row.type == "vestiging" for name in row.wholes})[:3]
    assert asked
    query = Query(types=("vestiging",), where=(Criterion("name", tuple(asked), "whole", negate=negate),), limit=1000)
    wanted = judge(oracle, rows, fields, places).find(query, INTERNAL)
    found = everything(reading(), query, replace(INTERNAL, fields=fields), places, shown_by(rows))
    assert [row.entry_id for row in found] == wanted
    assert wanted


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(data=st.data())
def test_the_table_names_every_field_that_the_index_reads(indexer: Indexer, kind: Kind, data: st.DataObject) -> None:
    """Taking any one field away changes terms of those keys only that are declared to read it."""
    document = opened(data.draw(fiches(kind)))
    owner, person = opened(data.draw(fiches("organisatie"))), opened(data.draw(fiches("zorgverlener")))
    document = {**document, "organisatie": {"id": owner["id"]}} if kind == "aanbod" else document
    related = {owner["id"]: owner, person["id"]: person}
    entities = [IndexedEntity(entry_id=1, entity_id=1, fiche_id=1, type=kind, document=document, related=related)]
    for field, (holder, part_type, _) in PARTS.items():
        if holder == kind:
            for part in document.get(field, ()):
                if field == "caregivers":
                    part["zorgverlener"] = {"id": person["id"]}
                entities.append(replace(entities[0], type=part_type, part=part))
    every = frozenset(field.name for one in KINDS for field in fiche_record(one))
    for entity in entities:
        whole = indexer.row(narrowed(entity, every))
        for field in every:
            row = indexer.row(narrowed(entity, every - {field}))
            reads = {key: frozenset().union(*ways) for key, ways in coverage.READS[entity.type].items()}
            for key, _ in whole.terms.keys() ^ row.terms.keys():
                assert field in reads.get(key, ()), (entity.type, key, field)
            if row.name != whole.name:
                assert field in reads["name"]
            if row.points != whole.points:
                assert field in reads["near"]


def opened(document: Any) -> Any:
    """The same with everything in it public."""
    if isinstance(document, dict):
        return {**{key: opened(value) for key, value in document.items() if key != "field_visibility"}, "visibility": "public"}
    return [opened(item) for item in document] if isinstance(document, list) else document


def test_the_table_knows_every_key_and_every_link() -> None:
    for kind in ENTITY_TYPES:
        assert coverage.READS[kind].keys() <= {*KEYS, "near"}
        assert coverage.LINKS_READ.get(kind, {}).keys() <= LINKS.keys()
    assert get_args(coverage.Coverage) == ("whole", "part", "none")


def test_reasons_tell_nothing_of_what_is_left_out(reading: Reading, maker: Maker, indexer: Indexer, places: Places) -> None:
    fields = frozenset({"rubrieken", "description"})
    rows = shown_by(rows_without(maker, indexer, fields))
    grant = Grant(level="internal", fields=fields)
    query = Query(types=("aanbod",), where=(Criterion("code", ("rubriek|14", "tag|14")),), sort="local", local="24062", limit=1000)
    hits = find(reading(), query, grant, places=places, shown=rows).rows
    assert hits
    assert {reason for hit in hits for reason in hit.why} == {("tier", "rest"), ("code", "rubriek|14")}
    assert {hit.distance_km for hit in hits} == {None}


def test_the_selection_of_an_agreement_may_read_what_its_fields_leave_out(
    reading: Reading, maker: Maker, oracle: Oracle, indexer: Indexer, places: Places
) -> None:
    scope = Query(
        types=("aanbod",),
        where=(Criterion("language", ("fr",)),),
        linked=(Linked("organisatie", Query(types=("organisatie",), where=(Criterion("form", ("praktijk",)),))),),
    )
    grant = replace(INTERNAL, scope=scope, fields=frozenset({"names"}))
    shown = shown_by(rows_without(maker, indexer, frozenset({"names"})))
    query = Query(types=("aanbod",), limit=1000)
    found = [row.entry_id for row in find(reading(), query, grant, places=places, shown=shown).rows]
    assert found
    assert found == oracle.find(scope, INTERNAL)
    asked = replace(query, where=(Criterion("language", ("fr",)),))
    assert find(reading(), asked, grant, places=places, shown=shown).rows == ()


@pytest.mark.usefixtures("way")
def test_a_site_is_heard_by_its_own_name_where_that_of_its_owner_is_left_out(
    reading: Reading, maker: Maker, oracle: Oracle, indexer: Indexer, places: Places
) -> None:
    fields = frozenset(FIELDS) - {"names"}
    rows = rows_without(maker, indexer, fields)
    told = judge(oracle, rows, fields, places)
    fewer = 0
    for level in ("public", "internal"):
        grant = Grant(level=level)
        for word in sorted({*fold(" ".join(NAMES)).split()}):
            for negate in (False, True):
                query = Query(types=("vestiging",), where=(Criterion("name", (word,), "sounds", negate),), limit=1000)
                wanted = told.find(query, grant)
                hits = find(reading(), query, replace(grant, fields=fields), places=places, shown=shown_by(rows)).rows
                assert [hit.entry_id for hit in hits] == wanted
                fewer += not negate and 0 < len(wanted) < len(oracle.find(query, grant))
    assert fewer > 1
