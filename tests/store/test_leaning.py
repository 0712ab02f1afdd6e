"""What a partner finds follows what he reads: also where his own view is not of what he finds, but of what that leans on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.directory import Directory
from hub.model.audience import ABSENT, Grant
from hub.model.claims import Claim
from hub.model.fiche import ENTITY_TYPES, EntityType
from hub.model.links import end_of
from hub.model.query import Criterion, Linked, Near, Query
from hub.places import DEMO_ZONES, Places, places
from hub.store import Store, Writer, index_anew, index_rows, reading
from hub.store.bulk import Bulk
from hub.store.index_forms import terms_of, tokens_of
from hub.store.index_related import parts_of
from hub.store.index_rows import IndexedEntity, Indexer
from hub.store.index_tokens import FACET_MARKS, FACETS
from hub.store.linking import links_of
from tests.store.conftest import put
from tests.store.saying import PG, SK, aanbod, count, gone, organisatie, person, uuid_of
from tests.store.test_promises import VISIBILITIES
from tests.store.test_told_to_partners import do, steps

MINE, OTHER = "zorgraad-proef", "somebody-else"
LEUVEN: dict[str, Any] = {"postcode": "3000", "municipality": "24062", "city": {"nl": "Leuven"}, "position": {"lat": 50.8796, "lon": 4.7009}}
GENT: dict[str, Any] = {"postcode": "9000", "municipality": "44021", "city": {"nl": "Gent"}, "position": {"lat": 51.0536, "lon": 3.7304}}


def at(*addresses: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"keys": [f"{SK}:o1-1"], "addresses": [{"street": {"nl": "Proefstraat"}, "house_number": "1", **address} for address in addresses]}]


def in_leuven(name: str = "De Linde", **content: Any) -> Claim:
    said = organisatie("o1", name, **content)
    said.content["vestigingen"] = at(LEUVEN)
    return said


def mine(revision: int = 1, **content: Any) -> Claim:
    """What the partner says of the organisatie."""
    return Claim("kaart-proef", "m1", revision, "organisatie", {"kind": "organisatie", **content}, same_as=((SK, "o1"),), partner=MINE)


def in_gent(revision: int = 1) -> Claim:
    return mine(revision, vestigingen=at(GENT, {**LEUVEN, "visibility": "internal"}))


def found(store: Store, query: Query, partner: str | None = MINE) -> int:
    return len(Directory(store, Grant("public", partner=partner)).search(query).hits)


def by(key: str, value: str, type: EntityType = "aanbod") -> Query:
    return Query(types=(type,), where=(Criterion(key, (value,)),))


def near(address: dict[str, Any], type: EntityType = "aanbod") -> Query:
    return Query(types=(type,), near=Near(address["position"]["lat"], address["position"]["lon"], 5))


ZONES = Places.load(DEMO_ZONES)


def zone(address: dict[str, Any]) -> Query:
    (only,) = ZONES.zones.zones_of(address["municipality"], address["postcode"])
    return by("zone", only.code)


IN_GENT = {
    "municipality": (by("municipality", "44021"), by("municipality", "24062")),
    "postcode": (by("postcode", "9000"), by("postcode", "3000")),
    "province": (by("province", "oost-vlaanderen"), by("province", "vlaams-brabant")),
    "zone": (zone(GENT), zone(LEUVEN)),
    "near": (near(GENT), near(LEUVEN)),
    "city": (Query(types=("aanbod",), text="gent"), Query(types=("aanbod",), text="leuven")),
    "of caregivers": (by("municipality", "44021", "caregiver"), by("municipality", "24062", "caregiver")),
    "near, of caregivers": (near(GENT, "caregiver"), near(LEUVEN, "caregiver")),
}


@pytest.mark.parametrize("what", IN_GENT)
@pytest.mark.parametrize("wide", [500, 0])
def test_an_aanbod_is_found_where_its_organisatie_is_for_him(open_store: Callable[..., Store], what: str, wide: int) -> None:
    store, (there, here) = open_store(wide=wide, places=ZONES), IN_GENT[what]
    put(store, in_leuven(), aanbod("a1", "o1", people=(1,)), person("p1", number=1))
    for claim, where in ((None, False), (in_gent(), True), (gone(in_gent(), 2), False), (in_gent(3), True)):
        if claim is not None:
            put(store, replace(claim, same_as=((SK, "o1"),)))
            while store.spread():
                pass
        assert (found(store, there), found(store, here)) == (where, not where)
        for partner in (OTHER, None):
            assert (found(store, there, partner), found(store, here, partner)) == (0, 1)


def test_it_is_found_by_the_names_that_those_whom_it_leads_to_have_for_him(store: Store) -> None:
    put(store, in_leuven(), aanbod("a1", "o1", people=(1,)), person("p1", "Peeters", number=1))
    own = Claim("kaart-proef", "p1", 1, "zorgverlener", {"kind": "zorgverlener", "name": {"family": "Janssens"}}, same_as=((PG, "p1"),), partner=MINE)
    put(store, mine(names=[{"text": {"nl": "Ons Zorghuis"}}]), own)
    for query in (Query(types=("aanbod",), text="zorghuis"), Query(types=("caregiver",), text="janssens")):
        assert [found(store, query, partner) for partner in (MINE, OTHER, None)] == [1, 0, 0]
    assert [found(store, Query(types=("caregiver",), text="peeters"), partner) for partner in (MINE, OTHER, None)] == [0, 1, 1]


def test_later_words_about_the_aanbod_come_to_what_he_has_in_its_place(store: Store) -> None:
    put(store, in_leuven(), organisatie("o2", sites=()), aanbod("a1", "o1", "Kinesitherapie"))
    put(store, in_gent())
    put(store, aanbod("a1", "o1", "Logopedie", revision=2))
    gent = by("municipality", "44021")
    assert [found(store, replace(gent, text=text)) for text in ("kinesitherapie", "logopedie")] == [0, 1]
    put(store, aanbod("a1", "o2", "Logopedie", revision=3))  # it leans on it no more
    assert found(store, gent) == 0
    assert (
        count(store, "entry", f"partner = '{MINE}' AND type = 'aanbod'")
        == count(store, "entry_mask", "entry_id IN (SELECT id FROM entry WHERE type = 'aanbod')")
        == 0
    )
    put(store, aanbod("a1", "o1", "Logopedie", revision=4))
    put(store, aanbod("a2", "o1"))
    assert found(store, gent) == 2
    put(store, gone(aanbod("a1", "o1"), 5))
    assert found(store, gent) == 1


def test_what_leans_on_it_has_a_row_of_his_own_only_where_that_says_something_else(store: Store) -> None:
    put(store, in_leuven(), aanbod("a1", "o1"))
    put(store, mine(contacts=[{"kind": "phone", "value": "+3216000077"}]))  # no aanbod is found by the number of its organisatie
    assert count(store, "entry", f"partner = '{MINE}'") == count(store, "entry_mask") == 2
    put(store, mine(2, names=[{"text": {"nl": "Ons Zorghuis"}}]))
    assert count(store, "entry", f"partner = '{MINE}'") == count(store, "entry_mask") == 3
    put(store, gone(mine(), 3))
    assert count(store, "entry", f"partner = '{MINE}'") == count(store, "entry_mask") == count(store, "link", "from_id < 0") == 0


def test_what_leans_on_it_is_led_to_and_leads_where_it_does_for_everybody(store: Store) -> None:
    put(store, in_leuven(), aanbod("a1", "o1", "Kinesitherapie", people=(1,)), person("p1", "Peeters", number=1))
    put(store, in_gent())
    gent, kine = by("municipality", "44021"), Query(types=("aanbod",), text="kinesitherapie")
    linde, peeters = Query(types=("organisatie",), text="linde"), Query(types=("zorgverlener",), text="peeters")
    assert found(store, replace(gent, linked=(Linked("organisatie", linde), Linked("zorgverlener", peeters)))) == 1
    assert found(store, replace(linde, linked=(Linked("organisatie", kine, reverse=True),))) == 1
    assert found(store, replace(peeters, linked=(Linked("zorgverlener", gent, reverse=True),))) == 1


def test_his_view_of_an_aanbod_leans_on_his_view_of_its_organisatie(store: Store) -> None:
    put(store, organisatie("o2", sites=()), in_leuven(), aanbod("a1", "o2"))
    put(store, in_gent())
    offered = {"kind": "aanbod", "organisatie": {"source": SK, "external_id": "o1"}}
    put(store, Claim("kaart-proef", "a1", 1, "aanbod", offered, same_as=((SK, "a1"),), partner=MINE))
    for query, hits in zip(IN_GENT["municipality"], ([1, 0, 0], [0, 0, 0]), strict=True):
        assert [found(store, query, partner) for partner in (MINE, OTHER, None)] == hits


@pytest.mark.parametrize("wide", [500, 0])
def test_a_caregiver_whom_one_partner_has_is_found_and_counted_by_him_alone(open_store: Callable[..., Store], wide: int) -> None:
    store = open_store(wide=wide)
    put(store, in_leuven(), aanbod("a1", "o1", people=(1,)))
    own = person("p1", "Janssens", number=1)
    for claim, told in (
        (replace(own, partner=MINE), True),
        (replace(gone(own, 2), partner=MINE), False),
        (replace(own, revision=3, partner=MINE), True),
    ):
        put(store, claim)
        while store.spread():
            pass
        for partner in (MINE, OTHER, None):
            hits, asker = int(told and partner == MINE), Directory(store, Grant("public", partner=partner))
            for query in (by("municipality", "24062", "caregiver"), near(LEUVEN, "caregiver"), Query(types=("caregiver",), text="janssens")):
                page = asker.search(replace(query, total="accurate"))
                assert (len(page.hits), page.total) == (hits, hits)
            for linked in (
                Linked("aanbod", Query(types=("caregiver",)), reverse=True),
                Linked("zorgverlener", Query(types=("zorgverlener",))),
                Linked("zorgverlener", Query(types=("zorgverlener",), text="janssens")),
            ):
                for negate in (False, True):
                    query = Query(types=("aanbod",), linked=(replace(linked, negate=negate),), total="accurate")
                    assert asker.search(query).total == (1 - hits if negate else hits)
    put(store, own)  # now everybody has him
    assert [found(store, Query(types=("caregiver",)), partner) for partner in (MINE, OTHER, None)] == [1, 1, 1]


def test_of_two_joins_at_once_the_second_does_not_meet_what_leant_on_it_before_the_first(store: Store) -> None:
    put(store, organisatie("o2", sites=()), aanbod("a2", "o2"))  # the older ones stay
    put(store, in_leuven(), aanbod("a1", "o1"))
    put(store, in_gent())
    uuids = {name: uuid_of(store, f"{SK}|{name}") for name in ("a1", "a2", "o1", "o2")}

    def join(writer: Writer) -> None:
        writer.join(uuids["a2"], uuids["a1"])
        writer.join(uuids["o2"], uuids["o1"])

    store.write(join)
    assert [found(store, by("municipality", "44021"), partner) for partner in (MINE, OTHER)] == [1, 0]


def test_an_agreement_that_names_fields_finds_by_what_he_reads_in_them(store: Store) -> None:
    put(store, in_leuven(), aanbod("a1", "o1"))
    put(store, in_gent())
    gent, leuven = IN_GENT["municipality"]
    for fields, seen in ((frozenset({"names", "organisatie", "vestigingen"}), (1, 0)), (frozenset({"names"}), (0, 0))):
        some = Directory(store, Grant("public", partner=MINE, fields=fields))
        assert tuple(len(some.search(replace(query, text=text)).hits) for query, text in ((gent, "gent"), (leuven, ""))) == seen


# --- everything that the index says, against the documents ------------------------------------------------------------------------


class Row(NamedTuple):
    """What there is to find of an entity, and where its links lead."""

    level: int
    name: str
    tokens: frozenset[str]
    terms: frozenset[tuple[Any, ...]]
    links: frozenset[tuple[str, int, int]]


def found_by(store: Store, partner: str) -> dict[int, Row]:
    """Entity -> what the index has of it for this partner ("": for who is none), without the sources that are heard."""
    with store.read() as connection:
        bulk = Bulk(connection)
        sql = "SELECT id, entity_id, partner, level, name FROM entry e WHERE partner = ?"
        rows = bulk.rows(sql, partner)
        if partner:
            rows = [*rows, *bulk.rows(f"{sql} AND NOT EXISTS (SELECT 1 FROM entry_mask m WHERE m.partner = ? AND m.entry_id = e.id)", "", partner)]
        tokens = index_rows._stored_tokens(bulk, [row[0] for row in rows])
        terms: dict[int, set[Any]] = {}
        for number, *term in bulk.rows("SELECT entry_id, key, value, level FROM term"):
            terms.setdefault(number, set()).add(tuple(term))
        links: dict[int, set[Any]] = {}
        for number, *link in bulk.rows("SELECT from_id, role, to_id, level FROM link"):
            links.setdefault(number, set()).add(tuple(link))
    assert len({row[1] for row in rows}) == len(rows), "of each entity he sees one row"
    return {  # what nobody is shown is not found
        entity: Row(
            level, name, _without_sources(tokens[number]), frozenset(terms.get(number, ())), frozenset(links.get(-number if own else number, ()))
        )
        for number, entity, own, level, name in rows
        if level < ABSENT
    }


def _without_sources(tokens: str) -> frozenset[str]:
    return frozenset(token for token in tokens.split() if not (token[1] in FACET_MARKS and token[2] == FACETS["source"]))


def said_to(store: Store, partner: str) -> dict[int, Row]:
    """The same, of the documents that he reads; without the parts that lead to what he has nothing of."""
    with store.read() as connection:
        bulk = Bulk(connection)
        number_of = dict(bulk.rows("SELECT uuid, id FROM entity"))
        documents = reading.documents(connection, number_of.values(), partner or None)
        indexer = Indexer(store.concepts_in(connection, store.state(connection).concepts), places(), store.today())
    related = {document["id"]: document for document in documents.values()}
    found: dict[int, Row] = {}
    for fiche, document in documents.items():
        links = links_of(fiche, document, number_of)
        for type_, part in [(document["kind"], None), *parts_of(document)]:
            entity = fiche if part is None else number_of[part["id"]]
            if part is None or (end_of(part) or fiche) in (fiche, *related):
                row = indexer.row(
                    IndexedEntity(entry_id=entity, entity_id=entity, fiche_id=fiche, type=type_, document=document, part=part, related=related)
                )
                terms = frozenset((key, value, level) for _, key, value, _, level in terms_of(row))
                ends = frozenset((role, to, level) for start, role, to, level in links if start == entity)
                found[entity] = Row(row.level, row.name, frozenset(tokens_of(row).split()), terms, ends)
    return found


_TIES: tuple[tuple[EntityType, str, EntityType, str], ...] = (
    ("aanbod", "caregivers", "caregiver", "aanbod"),
    ("organisatie", "memberships", "membership", "organisatie"),
)
"""Of what stands for a link: the type and field that hold it, its own type, and the link from it to what holds it."""


def counts_what_it_shows(directory: Directory) -> None:
    """Every search finds and counts what can be read, no more and no less, also where it goes by the parts that stand for a link."""
    with directory._read() as connection:
        ids = [row[0] for row in connection.exec_driver_sql("SELECT uuid FROM entity WHERE moved_to IS NULL")]
    readable = directory.get_many(ids)

    def finds(query: Query, wanted: set[str]) -> None:
        total = directory.search(replace(query, total="accurate")).total
        assert ({entity.id for entity in directory.walk(query)}, total) == (wanted, len(wanted)), query

    for type_ in ENTITY_TYPES:
        finds(Query(types=(type_,)), {id for id, entity in readable.items() if entity.type == type_})
    for type_, field, part, link in _TIES:
        tied = {id for id, entity in readable.items() if entity.type == type_ and field in entity.fiche}
        finds(Query(types=(type_,), linked=(Linked(link, Query(types=(part,)), reverse=True),)), tied)


def test_a_part_that_leant_on_his_view_leads_him_from_his_view_of_the_fiche_that_it_comes_to(store: Store) -> None:
    put(store, organisatie("o0"))
    put(store, organisatie("o1", memberships=[{"organisatie": {"source": SK, "external_id": "o2"}}]), organisatie("o2"))
    for name, own in (("o0", {"names": [{"text": {"nl": "Eigen"}}]}), ("o2", {"visibility": "professional"})):
        put(store, Claim("kaart-proef", f"m-{name}", 1, "organisatie", {"kind": "organisatie", **own}, same_as=((SK, name),), partner=MINE))
    stays, goes = (uuid_of(store, f"{SK}|{name}") for name in ("o0", "o1"))
    store.write(lambda writer: writer.join(stays, goes))
    for partner in ("", MINE):
        said = said_to(store, partner)
        assert {entity: found_by(store, partner).get(entity) for entity in said} == said


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@pytest.mark.parametrize("wide", [500, 0])
@given(data=st.data())
def test_whoever_searches_finds_what_he_reads(open_store: Callable[..., Store], wide: int, data: st.DataObject) -> None:
    store = open_store(wide=wide)
    world, drawn = data.draw(steps())
    for step in drawn:
        do(store, world, step)
        while store.spread():
            pass
        rows = {partner: found_by(store, partner) for partner in ("", MINE, OTHER)}
        for partner, found in rows.items():
            assert found == said_to(store, partner)
    for level in VISIBILITIES:
        for asker in (MINE, OTHER, None):
            counts_what_it_shows(Directory(store, Grant(level, asker)))
    masked = count(store, "entry_mask")
    index_anew.renew(store, restart=True)
    assert {partner: found_by(store, partner) for partner in rows} == rows
    assert count(store, "entry_mask") == masked
