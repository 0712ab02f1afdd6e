"""Both engines answer every query as the oracle does, page by page, whichever way the search takes."""

from collections.abc import Callable
from dataclasses import replace
from itertools import count

import pytest
from hypothesis import HealthCheck, event, given, settings
from sqlalchemy import Connection
from sqlalchemy.event import listens_for, remove

from hub.errors import Invalid
from hub.model.audience import INTERNAL, PUBLIC, Grant
from hub.model.fiche import EntityType
from hub.model.query import Criterion, Linked, Near, Query, Sort
from hub.places import Places
from hub.search import FoundRow, find
from hub.store.index_tokens import NAME_WORDS
from tests.search.oracle import Oracle
from tests.search.queries import grants, queries

Reading = Callable[[], Connection]


def everything(conn: Connection, query: Query, grant: Grant, places: Places) -> list[FoundRow]:
    """All pages, one after the other."""
    rows: list[FoundRow] = []
    cursor = None
    while True:
        page = find(conn, replace(query, cursor=cursor), grant, places=places, head=99)
        assert len(page.rows) <= query.limit
        assert page.seq == 99
        rows += page.rows
        if page.next is None:
            return rows
        assert len(page.rows) == query.limit
        cursor = page.next


@pytest.fixture(params=["few", "many", "far", "scattered"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Few candidates are fetched and sorted, many are met along an index, unless they stand far behind or in all letters: the same world, taken four ways."""
    if request.param != "few":
        monkeypatch.setattr("hub.search.orders._bound", lambda plans: 3)
    if request.param in ("far", "scattered"):
        monkeypatch.setattr("hub.search.names._LOOKS", 0)
        monkeypatch.setattr("hub.search.names._LOOKS_OF_POSTGRESQL", 0)
    if request.param == "scattered":
        monkeypatch.setattr("hub.search.names._SCATTERED", 0)


@pytest.mark.usefixtures("way")
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(query=queries(), grant=grants)
def test_every_page_is_what_the_oracle_says(reading: Reading, oracle: Oracle, places: Places, query: Query, grant: Grant) -> None:
    found = everything(reading(), query, grant, places)
    wanted = oracle.find(query, grant)
    event(f"{query.sort}: {'nothing' if not wanted else 'one' if len(wanted) == 1 else 'more'}")
    assert [row.entry_id for row in found] == wanted
    counted = find(reading(), replace(query, total="accurate", limit=1), grant, places=places)
    if query.sort != "updated":  # which leaves out what never changed; in a store there is no such thing
        assert counted.total == len(wanted)


# --- what the random queries seldom reach, said out loud ------------------------------------------------------------------------


def ask(conn: Connection, places: Places, query: Query, grant: Grant = PUBLIC) -> list[int]:
    return [row.entry_id for row in find(conn, query, grant, places=places).rows]


def test_pages_of_every_size_are_the_same_list(reading: Reading, places: Places, oracle: Oracle) -> None:
    sorts: tuple[Sort, ...] = ("number", "name", "updated")
    for sort in sorts:
        query = Query(types=("aanbod", "organisatie", "vestiging"), sort=sort, limit=1000)
        whole = oracle.find(query, INTERNAL)
        assert len(whole) > 100
        for limit in (9, len(whole) - 1, len(whole)):
            found = everything(reading(), replace(query, limit=limit), INTERNAL, places)
            assert [row.entry_id for row in found] == whole


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("descending", [False, True])
def test_words_behind_the_first_are_met_in_the_order_of_names(reading: Reading, places: Places, oracle: Oracle, descending: bool) -> None:
    later = {word for row in oracle.world.rows if row.type == "organisatie" for word in row.name.split()[1:]}
    assert len(later) > 5
    for beginning in sorted({word[:letters] for word in later for letters in (1, 3)}):
        where = (Criterion("name", (beginning,), "prefix"),)
        query = Query(types=("organisatie",), where=where, sort="name", descending=descending, limit=2)
        found = everything(reading(), query, INTERNAL, places)
        assert [row.entry_id for row in found] == oracle.find(query, INTERNAL), beginning


def test_totals(reading: Reading, places: Places, oracle: Oracle, monkeypatch: pytest.MonkeyPatch) -> None:
    query = Query(types=("organisatie", "aanbod"), limit=1)
    whole = len(oracle.find(query, INTERNAL))
    assert find(reading(), query, INTERNAL, places=places).total is None
    assert find(reading(), replace(query, total="accurate"), INTERNAL, places=places).total == whole
    assert find(reading(), replace(query, total="estimate"), INTERNAL, places=places).total == whole
    monkeypatch.setattr("hub.search.finding.ESTIMATE_STOPS", 5)
    assert find(reading(), replace(query, total="estimate"), INTERNAL, places=places).total == 5


def test_a_place_that_is_not_one_is_refused(reading: Reading, places: Places) -> None:
    with pytest.raises(Invalid, match="00000"):
        find(reading(), Query(types=("aanbod",), sort="local", local="00000"), PUBLIC, places=places)


def test_hits_say_why_they_are_there(reading: Reading, places: Places, oracle: Oracle) -> None:
    query = Query(
        types=("aanbod",),
        text="thuis",
        where=(Criterion("code", ("rubriek|14", "rubriek|19.01")),),
        sort="local",
        local="24062",
        limit=1000,
    )
    rows = {row.entry_id: row for row in oracle.world.rows}
    hits = find(reading(), query, INTERNAL, places=places).rows
    assert {dict(hit.why)["tier"] for hit in hits} > {"rest"}
    for hit in hits:
        row, why = rows[hit.entry_id], list(hit.why)
        tier = oracle.tier(row, "24062", INTERNAL)
        assert why[0] == ("tier", ("local", "serves", "near", "rest")[tier])
        named = any(word.startswith("thuis") for word in row.name.split())
        assert ("name" if named else "text", "thuis") in why
        assert (("described", "thuis") in why) == (not oracle.says_more_than_describes(row, query, INTERNAL))
        for code in ("rubriek|14", "rubriek|19.01"):
            assert (("code", code) in why) == bool({("type", code), ("code", code)} & row.terms.keys())
        if hit.distance_km is not None:
            assert ("distance", f"{hit.distance_km:.1f}") in why


def test_long_lists_of_values(reading: Reading, places: Places, oracle: Oracle) -> None:
    municipalities = tuple(f"{number}" for number in range(23_800, 24_300))
    query = Query(types=("aanbod",), where=(Criterion("municipality", municipalities),), limit=1000)
    assert ask(reading(), places, query, INTERNAL) == oracle.find(query, INTERNAL) != []


@pytest.mark.usefixtures("way")
def test_anything_of_a_system_is_an_alternative_like_another(reading: Reading, places: Places, oracle: Oracle) -> None:
    for key, values in (
        ("identifier", ("kbo|", "riziv|18749704001")),
        ("code", ("rubriek|", "cd-hcparty|persphysician")),
        ("contact", ("email|", "phone|+3216000001")),
    ):
        for negate in (False, True):
            query = Query(types=("aanbod", "organisatie", "zorgverlener"), where=(Criterion(key, values, negate=negate),), limit=1000)
            assert ask(reading(), places, query, INTERNAL) == oracle.find(query, INTERNAL)
            alone = replace(query, where=(Criterion(key, values[:1], "prefix", negate),))
            assert ask(reading(), places, replace(query, where=(Criterion(key, values[:1], negate=negate),)), INTERNAL) == ask(
                reading(), places, alone, INTERNAL
            )


def test_anything_of_a_system_is_told_as_the_reason(reading: Reading, places: Places) -> None:
    query = Query(types=("aanbod",), where=(Criterion("code", ("rubriek|", "nobody|1")),), limit=1000)
    hits = find(reading(), query, INTERNAL, places=places).rows
    assert hits and all(("code", "rubriek|") in hit.why and ("code", "nobody|1") not in hit.why for hit in hits)


@pytest.mark.parametrize("text", ['"', "a* OR b", "NOT", "x' | 'y", "(", "a:b", "%_", "\\", "- -1", "NEAR(a b)", "{a}", "٣"])
def test_no_text_is_a_command(reading: Reading, places: Places, text: str) -> None:
    query = Query(types=("aanbod", "organisatie"), text=f"thuis {text}", limit=5)
    ask(reading(), places, query)
    for key in ("name", "identifier", "code", "contact", "street"):
        value = f"x|{text}" if key in ("identifier", "code", "contact") else f"x{text}"
        for op in ("eq", "prefix"):
            ask(reading(), places, Query(types=("aanbod",), where=(Criterion(key, (value,), op),)))


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("beginning", ["thuis", "Thuis bij", "bij", "zorg", "w", "h", "Д", "1"])
def test_names_from_a_beginning_on(reading: Reading, places: Places, oracle: Oracle, beginning: str) -> None:
    named = Query(
        types=("aanbod", "organisatie"),
        where=(Criterion("name", (beginning,), "prefix"),),
        sort="name",
        limit=3,
    )
    owned = Linked("organisatie", Query(types=("organisatie",), where=(Criterion("form", ("praktijk",)),)))
    letters = Criterion("name", ("is",), "contains")
    for query in (
        named,
        replace(named, descending=True),
        replace(named, linked=(owned,)),
        replace(named, where=(*named.where, letters)),
    ):
        for grant in (INTERNAL, Grant(partner="vrgt")):
            found = everything(reading(), query, grant, places)
            assert [row.entry_id for row in found] == oracle.find(query, grant)


@pytest.mark.usefixtures("way")
def test_every_order_goes_on_where_the_page_ended(reading: Reading, places: Places, oracle: Oracle) -> None:
    letters = Criterion("name", ("i",), "contains")
    near = Near(50.88, 4.7, 400.0)
    for query in (
        Query(types=("aanbod",), text="rubriek", sort="name", limit=8),
        Query(types=("aanbod",), where=(letters,), sort="name", limit=8),
        Query(types=("aanbod",), where=(letters,), sort="name", descending=True, limit=8),
        Query(types=("aanbod",), where=(letters,), sort="local", local="24062", limit=8),
        Query(types=("aanbod",), where=(letters,), sort="distance", near=near, limit=8),
        Query(types=("aanbod", "vestiging"), sort="distance", local="24062", limit=30),
        Query(types=("aanbod",), where=(letters,), sort="updated", descending=True, limit=8),
        Query(types=("aanbod",), text="rubriek", sort="local", local="24062", limit=8),
        Query(types=("zorgverlener", "aanbod"), sort="local", local="24062", limit=30),
        Query(types=("organisatie", "aanbod"), text="thuis", sort="local", local="24062", limit=8),
    ):
        found = everything(reading(), query, INTERNAL, places)
        assert [row.entry_id for row in found] == oracle.find(query, INTERNAL)
        assert len(found) > 2 * query.limit


def test_a_hidden_link_leads_nowhere(reading: Reading, places: Places, oracle: Oracle) -> None:
    for reverse in (False, True):
        types: tuple[EntityType, EntityType] = ("organisatie", "aanbod") if reverse else ("aanbod", "organisatie")
        for negate in (False, True):
            linked = Linked("organisatie", Query(types=types[1:]), reverse, negate)
            query = Query(types=types[:1], linked=(linked,), limit=1000)
            seen = [ask(reading(), places, query, grant) for grant in (PUBLIC, Grant(level="professional"), INTERNAL)]
            assert seen == [oracle.find(query, grant) for grant in (PUBLIC, Grant(level="professional"), INTERNAL)]


@pytest.fixture(params=["few texts", "many texts", "rarer texts"])
def spelled(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """What few texts hold is asked of the full text; what many hold, or more than another demand, of every row."""
    if request.param == "many texts":
        monkeypatch.setattr("hub.search.demands._MOST_TEXTS", 0)
    elif request.param == "rarer texts":
        monkeypatch.setattr("hub.search.demands._MOST_ALTERNATIVES", 0)


@pytest.mark.usefixtures("way", "spelled")
def test_letters_inside_names(reading: Reading, places: Places, oracle: Oracle) -> None:
    def holds(*letters: str, key: str = "name") -> Criterion:
        return Criterion(key, letters, "contains")

    for where in (
        (holds("orgc"),),
        (holds("uis"), holds("zorg")),
        (holds("in"), holds("woon"), holds("eli")),
        (holds("uis"), Criterion("name", ("zorg",), "contains", negate=True)),
        (holds("xyzzy"), holds("uis")),
        (holds("xyzzy", "linde"),),
        (holds("is b"), holds("uisz")),
        (holds("ир"),),
        (holds("d0"),),
        (holds("esp"), holds("eet", key="family")),
        (holds("ahrtsg"),),
        (holds("witwen"),),
        (holds("witwen"), holds("ng d")),
        (holds("gesellschaftskapitanswitwenrente lier"),),
        (holds("mantelz"),),
        (holds("en en hun m"),),
        (holds("xyzzy", "hun mant"),),
        (holds("quir", key="street"),),
        (holds("en quirinus", key="address"), holds("co")),
        (holds("rkstr", key="street"), holds("ier", key="city")),
        (holds("33", key="address"),),
        (holds("00", "quir", key="address"), holds("co")),
        (Criterion("address", ("30",), "contains", negate=True),),
        (Criterion("name", ("witwen", "en hun"), "contains", negate=True),),
        (Criterion("street", ("quir",), "contains", negate=True), holds("thuis")),
    ):
        query = Query(types=("organisatie", "zorgverlener", "aanbod"), where=where, limit=1000, total="accurate")
        wanted = oracle.find(query, INTERNAL)
        assert ask(reading(), places, query, INTERNAL) == wanted
        assert find(reading(), query, INTERNAL, places=places).total == len(wanted)
        for grant in (PUBLIC, Grant(level="professional", partner="vrgt")):
            assert ask(reading(), places, query, grant) == oracle.find(query, grant)


@pytest.mark.usefixtures("way")
def test_names_by_their_sound(reading: Reading, places: Places, oracle: Oracle) -> None:
    def sounds(*words: str, negate: bool = False) -> Criterion:
        return Criterion("name", words, "sounds", negate)

    for where, some in (
        ((sounds("petters"),), True),
        ((sounds("petters", "smedt"),), True),
        ((sounds("jansens"), sounds("joze", "hann")), True),
        ((sounds("tuys"), Criterion("name", ("zorg",), "contains")), True),
        ((sounds("tuys"), Criterion("name", ("thuiszorg",), negate=True)), True),
        ((sounds("tuys"), sounds("bey", negate=True)), True),
        ((sounds("petters", negate=True),), True),
        ((sounds("xyzzy"),), False),
        ((sounds("xyzzy", negate=True),), True),
        ((sounds("дом"),), True),
        ((sounds("donaudampfschifffahrtsgesellschaftskapitaenswitwe"), sounds("lierr")), True),
        ((sounds("uys"),), False),
    ):
        query = Query(types=("organisatie", "zorgverlener", "aanbod"), where=where, limit=1000, total="accurate")
        wanted = oracle.find(query, INTERNAL)
        assert bool(wanted) == some, where
        assert find(reading(), query, INTERNAL, places=places).total == len(wanted)
        for grant in (PUBLIC, INTERNAL, Grant(level="professional", partner="vrgt")):
            for sorted_by in (query, replace(query, sort="name")):
                assert ask(reading(), places, sorted_by, grant) == oracle.find(sorted_by, grant)


def test_a_sound_is_one_look_in_its_index(reading: Reading, places: Places) -> None:
    conn = reading()
    asked: list[str] = []

    @listens_for(conn, "before_cursor_execute")
    def note(_: object, cursor: object, statement: str, parameters: object, *more: object) -> None:
        if "FROM vocabulary" in statement:
            asked.append(statement)

    try:
        assert ask(conn, places, Query(types=("zorgverlener",), where=(Criterion("name", ("petters", "smedt"), "sounds"),)))
    finally:
        remove(conn, "before_cursor_execute", note)
    [statement] = asked
    if conn.dialect.name == "sqlite":
        plan = conn.exec_driver_sql("EXPLAIN QUERY PLAN " + statement, ("z", *NAME_WORDS, '["peters"]')).fetchall()
        assert any("ix_vocabulary_sound (type=? AND key=? AND sound=?)" in row[3] for row in plan), plan
    else:
        conn.exec_driver_sql("SET LOCAL enable_seqscan = off")  # the vocabulary of the test stands on one page
        conn.exec_driver_sql("SET LOCAL enable_bitmapscan = off")
        plan = conn.exec_driver_sql("EXPLAIN " + statement, ("z", *NAME_WORDS, '{"peters"}')).fetchall()
        assert any("ix_vocabulary_sound" in row[0] for row in plan), plan


@pytest.mark.usefixtures("way")
def test_two_links_at_once(reading: Reading, places: Places, oracle: Oracle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hub.search.plan._CHEAP", 0)  # else few of the first are not compared with the second
    person = Linked("zorgverlener", Query(types=("zorgverlener",), where=(Criterion("family", ("p",), "prefix"),)))
    town = Linked("organisatie", Query(types=("organisatie",), where=(Criterion("city", ("leuven",)),)))
    for linked in (
        (person, town),
        (person, replace(town, negate=True)),
        (town, replace(person, negate=True)),
    ):
        for more in ((), (Criterion("delivery", ("onsite",)),)):
            query = Query(types=("caregiver", "aanbod"), where=more, linked=linked, limit=1000)
            for grant in (PUBLIC, INTERNAL, Grant(level="professional", partner="vrgt")):
                assert ask(reading(), places, query, grant) == oracle.find(query, grant)


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize(
    ("cities", "negate"), [(("leuven",), False), (("leuven",), True), (("leuven", "halle", "brugge", "gent", "lier", "aalst"), False)]
)
def test_a_match_with_a_link_is_read_from_one_number_to_the_next(
    reading: Reading, places: Places, oracle: Oracle, monkeypatch: pytest.MonkeyPatch, descending: bool, cities: tuple[str, ...], negate: bool
) -> None:
    # The first stretch is one number long, each next one twice as long.
    monkeypatch.setattr("hub.search.numbers._PART", 0)
    monkeypatch.setattr("hub.search.numbers._LEAP", 1)
    monkeypatch.setattr("hub.search.numbers.steps", lambda *limit, **more: (1 << leap for leap in count()))
    somewhere = Linked("organisatie", Query(types=("organisatie",), where=(Criterion("city", cities, negate=negate),)))
    for link in (somewhere, replace(somewhere, negate=True)):
        query = Query(types=("aanbod",), text="rubriek", linked=(link,), descending=descending, limit=1)
        found = everything(reading(), query, INTERNAL, places)
        assert [row.entry_id for row in found] == oracle.find(query, INTERNAL)
        assert len(found) > 4 * query.limit


def test_the_last_change_is_after_the_one_bound_and_not_after_the_other(reading: Reading, places: Places, oracle: Oracle) -> None:
    changes = oracle.world.changes
    rows = {row.entity_id: row for row in oracle.world.rows if row.level == 0 and not row.partner}
    seq, entity = max((seq, entity) for seq, entity, audience, partner in changes if audience == 0 and not partner and entity in rows)
    row = rows[entity]
    for bounds, inside in ((f"{seq}..", False), (f"{seq - 1}..", True), (f"..{seq - 1}", False), (f"..{seq}", True), (f"{seq - 1}..{seq}", True)):
        for negate in (False, True):  # looked for among the changes, and checked one by one
            found = ask(reading(), places, Query(types=(row.type,), where=(Criterion("updated", (bounds,), negate=negate),), limit=1000))
            assert (row.entry_id in found) == (inside != negate), (bounds, negate)


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("grant", [PUBLIC, Grant(level="professional"), INTERNAL, Grant(level="internal", partner="vrgt")])
def test_a_place_in_an_offer_is_found_by_what_its_own_row_tells_of_the_person(reading: Reading, places: Places, oracle: Oracle, grant: Grant) -> None:
    asked = [
        Criterion("family", ("pee",), "prefix"),
        Criterion("given", ("jan", "an")),
        Criterion("name", ("peeters an",)),
        Criterion("name", ("jan",), "prefix"),
        Criterion("name", ("sme",), "contains"),
        Criterion("name", ("smedt", "petters"), "sounds"),
        Criterion("family", ("peeters",), negate=True),
        Criterion("given", (), "missing"),
        Criterion("identifier", ("|18749704001",)),
        Criterion("identifier", ("kbo|0403019261",)),
    ]
    hits = 0
    for criterion in asked:
        for negate in (False, True):
            linked = (Linked("zorgverlener", Query(types=("zorgverlener",), where=(criterion,)), negate=negate),)
            for query in (Query(types=("caregiver",), linked=linked), Query(types=("caregiver",), linked=linked, sort="name")):
                found = [row.entry_id for row in everything(reading(), query, grant, places)]
                assert found == oracle.find(query, grant)
                hits += len(found)
    assert hits > 100
