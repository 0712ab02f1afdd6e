"""The index says exactly what its rows say, whatever it said before, and writes nothing when nothing changed."""

import random
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Connection, event, inspect

from hub.places import DEMO_ZONES, Places
from hub.store import Store
from hub.store.bulk import Bulk
from hub.store.database import connect, writing
from hub.store.index_forms import read_tokens, tokens_of
from hub.store.index_rows import (
    IndexedEntity,
    Indexer,
    IndexRow,
    create_fulltext,
    drop_fulltext,
    optimize,
    packed,
    point_of,
    point_value,
    remove,
    vector,
    write,
)
from hub.store.index_tokens import (
    LONGEST,
    SHORTENED,
    described,
    escape,
    facet,
    facets,
    shortened,
    unescape,
    whole_names,
    word,
)
from tests.search.worlds import TODAY, Concepts, Maker


@pytest.fixture(scope="module")
def places() -> Places:
    return Places.load(DEMO_ZONES)


@pytest.fixture(scope="module")
def rows(places: Places) -> list[IndexRow]:
    maker = Maker(3, places)
    maker.fill(15)
    return maker.world().rows


@pytest.fixture
def conn(database_url: str) -> Iterator[Connection]:
    engine = connect(database_url)
    with writing(engine) as conn:
        yield conn
    engine.dispose()


def contents(conn: Connection) -> dict[str, list[Any]]:
    """Everything in the index, by what can be asked of it: which entries have which token."""
    bulk = Bulk(conn)
    found = {name: sorted(map(tuple, bulk.rows(f"SELECT * FROM {name}"))) for name in ("entry", "term")}
    if bulk.postgres:
        tokens = bulk.rows("SELECT entry_id, unnest(tsvector_to_array(tokens)) FROM fulltext")
        found["tokens"] = sorted(map(tuple, tokens))
        return found
    kept = bulk.rows("SELECT entry_id, tokens FROM fulltext_tokens")
    found["tokens"] = sorted((number, token) for number, text in kept for token in read_tokens(text).split())
    for token in {token for _, token in found["tokens"]}:
        matches = bulk.rows("SELECT rowid FROM fulltext WHERE fulltext MATCH ?", f'"{token}"')
        assert sorted(row[0] for row in matches) == [number for number, one in found["tokens"] if one == token]
    words = bulk.rows("SELECT term FROM fulltext_vocabulary")
    assert {row[0] for row in words} == {token for _, token in found["tokens"]}
    return found


def fresh(conn: Connection, rows: list[IndexRow]) -> dict[str, list[Any]]:
    """What the index says when it is written anew."""
    bulk = Bulk(conn)
    remove(conn, [row[0] for row in bulk.rows("SELECT id FROM entry")])
    assert contents(conn) == {"entry": [], "term": [], "tokens": []}
    write(conn, rows)
    return contents(conn)


def test_any_history_ends_in_the_same_index(conn: Connection, rows: list[IndexRow], places: Places) -> None:
    maker = Maker(4, places)
    maker.fill(15)
    dice = random.Random(1)
    # Rows of another world under the same numbers: every value changes.
    before = [
        replace(
            old,
            entry_id=new.entry_id,
            entity_id=new.entity_id,
            fiche_id=new.fiche_id,
            type=new.type,
            partner=new.partner,
        )
        for new, old in zip(rows, maker.world().rows, strict=False)
        if new.type == old.type or dice.random() < 0.5
    ]
    write(conn, before)
    remove(conn, [row.entry_id for row in before[::3]])
    write(conn, rows[::2])
    write(conn, rows)
    found = contents(conn)
    assert found == fresh(conn, rows)
    assert len(found["entry"]) == len(rows)


def test_what_stays_the_same_is_not_written(conn: Connection, rows: list[IndexRow]) -> None:
    write(conn, rows)
    statements: list[str] = []

    def note(conn: Any, cursor: Any, statement: str, *rest: Any) -> None:
        statements.append(statement)

    event.listen(conn, "before_cursor_execute", note)
    write(conn, rows)
    event.remove(conn, "before_cursor_execute", note)
    assert statements
    assert [statement for statement in statements if not statement.startswith("SELECT")] == []


def test_the_last_of_two_rows_stands(conn: Connection, rows: list[IndexRow]) -> None:
    twin = replace(rows[0], type="aanbod", name="tweeling")
    write(conn, [rows[0], twin])
    assert [(entry[3], entry[6]) for entry in contents(conn)["entry"]] == [("aanbod", "tweeling")]


def test_removing_what_is_not_there_does_no_harm(conn: Connection, rows: list[IndexRow]) -> None:
    write(conn, rows[:1])
    remove(conn, [])
    remove(conn, [10**12])
    assert len(contents(conn)["entry"]) == 1


def test_optimizing_changes_nothing_and_forgets_what_was_removed(conn: Connection, rows: list[IndexRow]) -> None:
    write(conn, rows)
    remove(conn, [row.entry_id for row in rows[1:]])
    found = contents(conn)
    optimize(conn)
    assert contents(conn) == found
    if conn.dialect.name == "sqlite":
        blocks = b"".join(row[0] for row in conn.exec_driver_sql("SELECT block FROM fulltext_data"))
        assert b"kerkstraat" not in blocks or "kerkstraat" in str(found)


def test_the_tables_can_be_dropped_and_made_again(conn: Connection) -> None:
    drop_fulltext(conn)
    create_fulltext(conn)
    assert contents(conn)["tokens"] == []


# --- what a row holds --------------------------------------------------------------------------------------------------------------


def row_of(places: Places, kind: Any, document: dict[str, Any], **more: Any) -> IndexRow:
    entity = IndexedEntity(entry_id=1, entity_id=1, fiche_id=1, type=kind, document=document, **more)
    return Indexer(Concepts(), places, TODAY).row(entity)


SITE = {
    "id": "s1", "visibility": "public",
    "addresses": [
        {"street": {"nl": "Kerkstraat", "fr": "Rue de l'Église"}, "postcode": "3000", "municipality": "24062", "city": {"nl": "Leuven"},
         "position": {"lat": 50.87961, "lon": 4.70093}, "visibility": "public"},
        {"postcode": "1000", "municipality": "21004", "visibility": "internal", "position": {"lat": 50.84, "lon": 4.35}},
    ],
}  # fmt: skip


def test_each_value_stands_at_its_own_level(places: Places) -> None:
    row = row_of(places, "organisatie", {"kind": "organisatie", "visibility": "public", "vestigingen": [SITE]})
    assert row.level == 0
    assert row.terms["municipality", "24062"] == 0
    assert row.terms["province", "vlaams brabant"] == 0
    assert row.terms["region", "vlaanderen"] == 0
    assert row.terms["street", "rue de l eglise"] == 0
    assert row.terms["municipality", "21004"] == 2
    assert [point[2] for point in row.points] == [0, 2]
    assert {"leuven", "louvain", "kerkstraat"} <= row.words[0]
    assert {"bruxelles", "brussel"} <= row.words[2]
    assert not row.words[0] & row.words[2]


def test_what_does_not_say_who_may_see_it_is_internal(places: Places) -> None:
    document = {"kind": "organisatie", "names": [{"text": {"nl": "Huis"}}], "visibility": "public"}
    row = row_of(places, "organisatie", document)
    assert row.terms["name", "huis"] == 2
    assert row.name == ""
    assert row_of(places, "organisatie", {"kind": "organisatie"}).level == 2


def test_lists_are_sorted_by_the_name_that_they_show(places: Places) -> None:
    def sorted_by(*names: tuple[str, dict[str, str], str]) -> str:
        said = [{"text": text, "visibility": level, **({"use": use} if use else {})} for use, text, level in names]
        return row_of(places, "organisatie", {"kind": "organisatie", "visibility": "public", "names": said}).name

    former, plain = ("former", {"nl": "Aaltje"}, "public"), ("", {"nl": "Aalmoezenier"}, "public")
    assert sorted_by(former, ("alternative", {"nl": "Zilverlinde"}, "public")) == "zilverlinde"
    assert sorted_by(plain, ("official", {"nl": "Zonnehof"}, "public")) == "zonnehof"
    assert sorted_by(plain, ("official", {"nl": "Zonnehof"}, "internal")) == "aalmoezenier"
    assert sorted_by(("official", {"de": "Haus", "fr": "Maison"}, "public")) == "maison"


def test_a_hidden_field_hides_what_is_in_it(places: Places) -> None:
    document = {
        "kind": "aanbod", "visibility": "public", "description": {"nl": "geheim"}, "rubrieken": [{"scheme": "rubriek", "code": "14.04"}],
        "field_visibility": {"description": "professional", "rubrieken": "internal"},
    }  # fmt: skip
    row = row_of(places, "aanbod", document)
    assert "geheim" in row.described[1]
    assert (row.terms["type", "rubriek|14.04"], row.terms["type", "rubriek|14"]) == (2, 2)


def test_what_a_name_says_too_is_not_only_described(places: Places) -> None:
    document = {
        "kind": "aanbod", "visibility": "public", "description": {"nl": "Crisis opvang"},
        "names": [{"text": {"nl": "Opvang"}, "visibility": "public"}, {"text": {"nl": "Crisis"}, "visibility": "internal"}],
    }  # fmt: skip
    row = row_of(places, "aanbod", document)
    assert (row.described, row.words[2]) == (({"crisis"}, set(), set()), {"crisis"})


def test_an_aanbod_takes_its_places_from_its_vestigingen(places: Places) -> None:
    other = {
        **SITE,
        "id": "s2",
        "addresses": [{"postcode": "9000", "municipality": "44021", "visibility": "public"}],
    }
    organisatie = {
        "kind": "organisatie", "visibility": "public", "umbrella": True, "vestigingen": [SITE, other],
        "names": [{"text": {"nl": "De Linde"}, "visibility": "public"}],
    }  # fmt: skip
    base = {"kind": "aanbod", "visibility": "public", "organisatie": {"id": "o"}}
    related = {"o": organisatie}
    everywhere = row_of(places, "aanbod", base, related=related)
    assert {("municipality", "24062"), ("municipality", "44021")} <= everywhere.terms.keys()
    assert {"de", "linde"} <= everywhere.words[0]
    assert everywhere.umbrella
    assert ("name", "linde") not in everywhere.terms  # to be found by it, but it is not called so
    one = row_of(places, "aanbod", {**base, "vestigingen": [{"id": "s2"}]}, related=related)
    assert ("municipality", "44021") in one.terms
    assert ("municipality", "24062") not in one.terms
    hidden = row_of(places, "aanbod", base, related={"o": {**organisatie, "visibility": "professional"}})
    assert (hidden.level, hidden.terms["municipality", "44021"], hidden.umbrella) == (0, 1, 2)


def test_a_caregiver_has_what_the_aanbod_and_the_person_have(places: Places) -> None:
    person = {
        "kind": "zorgverlener", "id": "p", "visibility": "public", "name": {"family": "De Smet", "given": ["José", "An"]},
        "professions": [{"scheme": "profession", "code": "10"}], "languages": ["tr"],
        "identifiers": [{"system": "riziv", "value": "18749704001", "visibility": "public"}],
    }  # fmt: skip
    aanbod = {
        "kind": "aanbod", "visibility": "public", "rubrieken": [{"scheme": "rubriek", "code": "14"}], "languages": ["nl"],
        "names": [{"text": {"nl": "Consultatie"}, "visibility": "public"}],
    }  # fmt: skip
    part = {"id": "c", "visibility": "professional", "zorgverlener": {"id": "p"}}
    row = row_of(places, "caregiver", aanbod, part=part, related={"p": person})
    assert row.level == 1
    assert row.name == "de smet jose an"
    for term in (
        ("family", "de smet"), ("given", "jose"), ("name", "jose an de smet"), ("name", "smet"), ("identifier", "riziv|18749704"),
        ("type", "profession|10"), ("code", "rubriek|14"), ("language", "tr"), ("language", "nl"),
    ):  # fmt: skip
        assert row.terms[term] == 1
    assert "consultatie" in row.words[1]


@pytest.mark.parametrize(("until", "said"), [("2026-11-21", "unknown"), ("2026-11-22", "no"), (None, "no")])
def test_availability_runs_out(places: Places, until: str | None, said: str) -> None:
    stop: dict[str, Any] = {"value": "no", "visibility": "public"} | ({"valid_until": until} if until else {})
    row = row_of(places, "aanbod", {"kind": "aanbod", "visibility": "public", "patientenstop": stop})
    assert [value for key, value in row.terms if key == "availability"] == [f"patientenstop|{said}"]


def test_an_old_municipality_is_found_under_its_new_code(places: Places) -> None:
    site = {"visibility": "public", "addresses": [{"municipality": "11007", "visibility": "public"}]}
    row = row_of(places, "organisatie", {"kind": "organisatie", "visibility": "public", "vestigingen": [site]})
    assert ("municipality", "11002") in row.terms
    area = {"type": "municipality", "code": "11007"}
    row = row_of(places, "aanbod", {"kind": "aanbod", "visibility": "public", "service_area": [area]})
    assert ("serves", "municipality|11002") in row.terms


def test_one_indexer_remembers_nothing_wrong(places: Places) -> None:
    maker = Maker(5, places)
    maker.fill(10)
    indexer = Indexer(Concepts(), places, TODAY)
    for entity in maker.indexed * 2:
        assert indexer.row(entity) == Indexer(Concepts(), places, TODAY).row(entity)


@pytest.mark.parametrize(("lat", "lon"), [(51.05, 3.72), (-90.0, -180.0), (90.0, 180.0), (0.0, 0.0), (50.123456, 4.000004)])
def test_a_position_survives_to_the_metre(lat: float, lon: float) -> None:
    back = point_of(point_value(lat, lon))
    assert back == pytest.approx((lat, lon), abs=0.51e-5)
    assert point_value(*back) == point_value(lat, lon)


@pytest.mark.parametrize("text", ["linde", "de linde", "дом лир", "a/b|c", "50% ~ $5", "süd=@+-.:"])
def test_what_is_escaped_can_be_read_again(text: str) -> None:
    assert unescape(escape(text)) == text
    assert SHORTENED not in escape(text)


def test_every_term_and_word_has_its_token_and_nothing_else_has(rows: list[IndexRow]) -> None:
    for row in rows:
        tokens = tokens_of(row).split()
        assert len(tokens) == len(set(tokens))
        wanted = {token for (key, value), level in row.terms.items() for token in facets(row.type, level, key, value)}
        wholes = {token for name in row.wholes for token in whole_names(row.type, row.terms["name", name], name)[:2]}
        assert len(wholes & set(tokens)) == len(row.wholes)
        said = {word(row.type, level, one) for level, words in enumerate(row.words) for one in words}
        said |= {described(row.type, level, one) for level, words in enumerate(row.described) for one in words}
        assert said <= set(tokens) <= said | wanted | wholes
        kept = {facet(row.type, level, key, value) for (key, value), level in row.terms.items() if key != "name"}
        assert kept <= set(tokens)
        for (key, value), level in row.terms.items():
            if key == "name":
                assert sum(token in tokens for token in facets(row.type, level, key, value)) == 1


def test_tokens_of_before_they_were_packed_are_read_as_they_are(conn: Connection, rows: list[IndexRow]) -> None:
    bulk = Bulk(conn)
    write(conn, rows)
    if bulk.postgres:
        assert not inspect(conn).has_table("fulltext_tokens")  # the tsvector alone keeps them
        return
    wanted = contents(conn)
    packed = bulk.rows("SELECT entry_id, tokens FROM fulltext_tokens")
    plain = [(read_tokens(stored), number) for number, stored in packed]
    assert all(tokens != stored for (tokens, _), (_, stored) in zip(plain, packed, strict=True))
    bulk.run_many("UPDATE fulltext_tokens SET tokens = ? WHERE entry_id = ?", plain)
    assert contents(conn) == wanted
    write(conn, [replace(row, name="", words=({"anders"}, set(), set())) for row in rows])
    write(conn, rows)
    assert contents(conn) == wanted


def test_tokens_tell_every_value_apart() -> None:
    values = [
        "a b",
        "a%20b",
        "a  b",
        "A b",
        "a\tb",
        "é",
        "e",
        "É",
        "a'b",
        'a"b',
        "a\\b",
        "a*",
        "",
        "x" * 200,
        "x" * 200 + "y",
        "a|b",
    ]
    assert len({shortened(value) for value in values}) == len(values)
    assert all(token == token.lower() and not set(token) & set(" \"'\\*\t") for token in map(escape, values))
    assert max(map(len, map(shortened, values))) <= LONGEST + 17
    assert facet("aanbod", 1, "code", "nace|86.10") == "a#cnace|86.10"


def test_a_gender_is_found_by_whoever_may_see_it(places: Places) -> None:
    person = {"kind": "zorgverlener", "visibility": "public", "name": {"family": "Peeters"}, "gender": "female"}
    assert row_of(places, "zorgverlener", person).terms["gender", "female"] == 1
    told = person | {"field_visibility": {"gender": "public"}}
    assert row_of(places, "zorgverlener", told).terms["gender", "female"] == 0


def test_what_an_entity_is_stands_apart_from_what_else_is_coded(places: Places) -> None:
    document = {
        "kind": "aanbod", "visibility": "public", "rubrieken": [{"scheme": "rubriek", "code": "14.04"}],
        "target_groups": [{"scheme": "doelgroep", "code": "ouderen"}],
    }  # fmt: skip
    terms = row_of(places, "aanbod", document).terms
    assert {term for term in terms if term[0] == "type"} == {("type", "rubriek|14.04"), ("type", "rubriek|14")}
    assert ("code", "doelgroep|ouderen") in terms


@pytest.mark.parametrize(
    ("period", "indexed"),
    [
        ({"start": "2020-01-01"}, "2020-01-01/9999-12-31"),
        ({"end": "2020-01-01"}, "0001-01-01/2020-01-01"),
        ({"start": "2020-01-02", "end": "2020-01-01"}, "2020-01-02/9999-12-31"),
    ],
)
def test_a_period_without_an_end_goes_on(places: Places, period: dict[str, str], indexed: str) -> None:
    owner = {"kind": "organisatie", "visibility": "public"}
    row = row_of(places, "membership", owner, part={"id": "m", "visibility": "public", "period": period})
    assert [value for key, value in row.terms if key == "period"] == [indexed]


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_tokens_in_any_order_are_the_vector_that_postgresql_reads_from_text(store: Store) -> None:
    tokens = ["ozorg", "o@nzorg", "oa", "o@4b", "o@hzorg%20thuis", "oабв", "oab", "o", "o@n%c3%a9"]
    with writing(store.engine) as connection:
        bulk = Bulk(connection)
        dice = random.Random(7)
        orders = [dice.sample(tokens, len(tokens)) for _ in range(30)]
        bulk.insert("fulltext", ("entry_id", "tokens"), [(number, packed(" ".join(order))) for number, order in enumerate(orders, 1)])
        bulk.insert("fulltext", ("entry_id", "tokens"), [(31, packed(""))])
        bulk.settle()
        whole = connection.exec_driver_sql("SELECT CAST(%s AS tsvector)::text", (vector(" ".join(tokens)),)).scalar_one()
        rows = connection.exec_driver_sql("SELECT tokens::text FROM fulltext ORDER BY entry_id").scalars().all()
        assert rows == [whole] * 30 + [""]
        for token in tokens:
            found = connection.exec_driver_sql("SELECT count(*) FROM fulltext WHERE tokens @@ CAST(%s AS tsquery)", (f"'{token}'",)).scalar_one()
            assert found == 30, token
