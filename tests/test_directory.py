"""The directory: what leaves it for whom, with what it depends on, now and as it was."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from hub.directory import Directory
from hub.errors import Gone, Invalid, Moved, NotFound
from hub.model.audience import INTERNAL, PUBLIC, Grant
from hub.model.claims import Claim
from hub.model.concepts import Concept, ConceptScheme
from hub.model.contacts import resolve_contacts
from hub.model.fiche import EntityType
from hub.model.query import Criterion, Query
from hub.store import Store, Writer, erasure
from tests.store.saying import PG, SK, aanbod, gone, organisatie, person, uuid_of

PHONE = "+3290000001"


@pytest.fixture
def store(database_url: str, tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(database_url, tmp_path / "home", now=lambda: datetime(2026, 11, 22, 9, tzinfo=UTC))
    yield opened
    opened.close()


def put(store: Store, *claims: Claim) -> None:
    store.write(lambda writer: writer.put(claims, origin="test"))


def fill(store: Store) -> None:
    put(
        store,
        organisatie("koepel", "Koepel De Linde", phone=PHONE),
        organisatie("o", "Huis De Wilg", parent={"source": SK, "external_id": "koepel"}),
        aanbod("a", "o", "Dagopvang", sites=("1",), people=(1, 2)),
        person("p1", "Peeters", number=1),
        person("p2", "Verborgen", number=2, visibility="internal"),
    )


def public(store: Store) -> Directory:
    return Directory(store, PUBLIC)


def test_a_writer_keeps_its_concepts_when_somebody_else_sees_an_erasure(store: Store) -> None:
    fill(store)
    store.write(lambda writer: writer.connection.exec_driver_sql("INSERT INTO counter (name, n) VALUES ('erasures', 1)"))

    def work(writer: Writer) -> int:
        with store.read() as connection:  # a request, in another thread
            store.state(connection)
        return writer.put([organisatie("late", "Te laat")], origin="test").changed

    assert store.write(work) == 1


def test_an_erasure_by_another_process_empties_what_this_one_remembers(
    store: Store, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(store)
    offers = Query(types=("aanbod",))
    public(store).search(offers)
    assert store.projected.cache_info().currsize == 4
    book = store.concepts()
    snapshot = store.snapshot()
    before = Directory(store, PUBLIC, snapshot)
    before.search(offers)  # a page from before, still under way
    other = Store.open(database_url, tmp_path / "home")
    monkeypatch.setattr(erasure, "clean", lambda engine: None)  # it would wait for that page
    erasure.erase(other, uuid_of(store, "progezondheid|p1"), "article 17")
    other.close()
    before.search(offers)
    assert store.projected.cache_info().currsize == 4, "nobody looked yet"
    (hit,) = public(store).search(offers).hits
    assert all(fiche["kind"] != "zorgverlener" for fiche in hit.entity.related.values())
    assert store.projected.cache_info().currsize == 3
    assert store.concepts() is not book, "who remembers answers under the book begins anew"
    before.search(offers)
    assert store.projected.cache_info().currsize == 0, "what comes from before the erasure is not kept"
    snapshot.close()


def test_in_public_an_asker_sees_no_more_than_the_public_and_no_more_than_he_may(store: Store) -> None:
    fill(store)
    everything = Query(types=("organisatie", "zorgverlener", "aanbod"))

    def names(grant: Grant) -> set[str]:
        return {hit.entity.id for hit in Directory(store, grant).in_public().search(everything).hits}

    seen = {hit.entity.id for hit in public(store).search(everything).hits}
    assert names(INTERNAL) == seen
    assert names(Grant("professional", scope=Query(types=("aanbod",)))) == {uuid_of(store, f"{SK}|a")}


def test_an_offer_comes_with_its_organisation_and_the_parents_of_that(store: Store) -> None:
    fill(store)
    entity = public(store).get(uuid_of(store, "sociale-kaart|a"))
    assert uuid_of(store, "sociale-kaart|o") in entity.related
    assert uuid_of(store, "sociale-kaart|koepel") in entity.related
    assert [(found.contact["value"], found.origin) for found in resolve_contacts(entity)] == [(PHONE, "parent")]


def test_a_caregiver_who_hides_leaves_no_trace_in_the_offer(store: Store) -> None:
    fill(store)
    hidden = uuid_of(store, "progezondheid|p2")
    entity = public(store).get(uuid_of(store, "sociale-kaart|a"))
    assert hidden not in str(entity)
    assert len(entity.fiche["caregivers"]) == 1
    everything = Directory(store, INTERNAL).get(entity.id)
    assert len(everything.fiche["caregivers"]) == 2


def hidden_site(store: Store, *, offered: tuple[str, ...] = ("1", "2"), revision: int = 1) -> dict[str, str]:
    """An organisatie with vestigingen in house 1, which is hidden, and in house 2; an aanbod in these; the ids of the two by house number."""
    of = organisatie("o", "Huis De Wilg", sites=("1", "2"), revision=revision)
    of.content["vestigingen"][0]["visibility"] = "internal"
    put(store, of, aanbod("a", "o", "Dagopvang", sites=offered, revision=revision))
    sites = Directory(store, INTERNAL).get(uuid_of(store, "sociale-kaart|o")).fiche["vestigingen"]
    return {site["addresses"][0]["house_number"]: site["id"] for site in sites}


@pytest.mark.parametrize(
    "grant",
    [PUBLIC, Grant("professional"), Grant("public", fields=frozenset({"names", "vestigingen"}))],
    ids=["public", "professional", "without the field organisatie"],
)
def test_a_vestiging_that_hides_leaves_no_trace_in_the_offer(store: Store, grant: Grant) -> None:
    sites = hidden_site(store)
    offer = uuid_of(store, "sociale-kaart|a")
    asked = Directory(store, grant)
    entity = asked.get(offer)
    assert entity.fiche["vestigingen"] == [{"id": sites["2"]}]
    assert not entity.place_withheld
    (hit,) = asked.search(Query(types=("aanbod",))).hits
    for seen in (entity, hit.entity, asked.get_many([offer])[offer], asked.as_at(offer, entity.seq)):
        assert sites["1"] not in str(seen)
    assert {link["id"] for link in Directory(store, INTERNAL).get(offer).fiche["vestigingen"]} == set(sites.values())


def test_an_offer_in_hidden_vestigingen_only_is_at_no_other_one(store: Store) -> None:
    hidden_site(store, offered=("1",))
    entity = public(store).get(uuid_of(store, "sociale-kaart|a"))
    assert "vestigingen" not in entity.fiche
    assert entity.place_withheld
    assert not Directory(store, INTERNAL).get(entity.id).place_withheld


def test_an_offer_that_hides_in_which_vestigingen_it_is_is_at_no_other_one(store: Store) -> None:
    put(store, organisatie("o", "Huis De Wilg", sites=("1", "2")), aanbod("a", "o", "Dagopvang", sites=("2",), field_visibility={"vestigingen": "internal"}))
    offer = uuid_of(store, "sociale-kaart|a")
    entity = public(store).get(offer)
    assert "vestigingen" not in entity.fiche
    assert entity.place_withheld
    assert public(store).as_at(offer, entity.seq) == entity
    put(store, aanbod("b", "o", "Overal"))
    assert not public(store).get(uuid_of(store, "sociale-kaart|b")).place_withheld


def test_a_vestiging_that_hid_since_is_not_named_in_the_past_either(store: Store) -> None:
    put(store, organisatie("o", "Huis De Wilg", sites=("1", "2")), aanbod("a", "o", "Dagopvang", sites=("1", "2")))
    offer = uuid_of(store, "sociale-kaart|a")
    before = public(store).get(offer)
    sites = hidden_site(store, revision=2)
    assert public(store).get(offer).seq > before.seq, "a copy is told that the offer reads otherwise"
    then = public(store).as_at(offer, before.seq)
    assert sites["1"] in str(before)
    assert sites["1"] not in str(then)


def test_a_caregiver_without_telephone_is_reached_through_the_practice(store: Store) -> None:
    fill(store)
    peeters = public(store).get(uuid_of(store, "progezondheid|p1"))
    assert [(found.contact["value"], found.origin) for found in resolve_contacts(peeters)] == [(PHONE, "parent")]


def test_a_part_has_an_id_of_its_own(store: Store) -> None:
    fill(store)
    page = public(store).search(Query(types=("caregiver",)))
    (hit,) = page.hits
    assert hit.entity.part is not None
    assert hit.entity.part["id"] == hit.entity.id
    assert hit.entity.part["zorgverlener"]["id"] in hit.entity.related
    assert public(store).get(hit.entity.id) == hit.entity


def test_an_entity_as_it_was_with_what_it_depended_on_then(store: Store) -> None:
    fill(store)
    offer = uuid_of(store, "sociale-kaart|a")
    before = public(store).get(offer)
    put(store, organisatie("koepel", "Koepel De Linde", phone="+3290000002", revision=2))
    after = public(store).get(offer)
    assert after.seq > before.seq, "an inherited telephone number is a change of the offer"
    then = public(store).as_at(offer, before.seq)
    assert then == before
    assert [found.contact["value"] for found in resolve_contacts(after)] == ["+3290000002"]


def test_many_at_once_are_as_each_by_itself(store: Store) -> None:
    fill(store)
    put(store, gone(organisatie("koepel", "Koepel De Linde"), 2), replace(organisatie("o", "Ons Huis"), partner="kaart"))
    put(store, replace(organisatie("eigen", "Alleen van ons"), partner="kaart"))
    with store.read() as connection:
        ids = list(connection.exec_driver_sql("SELECT uuid FROM entity ORDER BY uuid").scalars())
    grants = [
        PUBLIC,
        INTERNAL,
        Grant(partner="kaart"),
        Grant(fields=frozenset({"names", "name"})),
        Grant(scope=Query(types=("aanbod",), where=(Criterion("code", ("rubriek|14.04.01",)),))),
    ]
    seen = []
    for directory in (Directory(store, grant) for grant in grants):
        one_by_one = {}
        for id in ids:
            try:
                one_by_one[id] = directory.get(id)
            except (Gone, Moved, NotFound):
                continue
        assert directory.get_many([*ids, "unknown"]) == one_by_one
        seen.append(len(one_by_one))
    assert seen[1] > seen[0] > seen[4] > 0
    assert seen[2] > seen[0], "it has one of its own"
    house = uuid_of(store, "sociale-kaart|o")
    names = [Directory(store, grant).get_many([house])[house].fiche["names"][0]["text"]["nl"] for grant in grants[:3]]
    assert names == ["Huis De Wilg", "Huis De Wilg", "Ons Huis"]


def test_who_says_what_is_told_of_what_the_asker_sees(store: Store) -> None:
    first, hidden = ({"kind": "phone", "value": value, "visibility": level} for value, level in ((PHONE, "public"), ("+3290000002", "internal")))
    put(
        store,
        person("p1", number=1, contacts=[first, hidden]),
        person("s1", number=1, source=SK, contacts=[first], languages=["nl"]),
        person("p2", number=2, contacts=[first]),
        Claim(SK, "s1", 1, "zorgverlener", {"kind": "zorgverlener", "languages": ["fr"]}, partner="kaart"),
    )
    several, alone = uuid_of(store, f"{PG}|p1"), uuid_of(store, f"{PG}|p2")
    told = public(store).get_many([several, alone], voices=True)
    assert told[several].voices["contacts"] == ((PG, SK),)
    assert told[several].voices["languages"] == ((SK,),)
    assert told[alone].voices == {}, "what one source says alone needs no look"
    assert [len(each.get_many([several], voices=True)[several].voices["contacts"]) for each in (public(store), Directory(store, INTERNAL))] == [1, 2]
    theirs = Directory(store, Grant(partner="kaart")).get_many([several], voices=True)[several]
    assert dict(zip(theirs.fiche["languages"], theirs.voices["languages"], strict=True)).keys() >= {"fr"}
    assert public(store).get_many([several])[several].voices == {}


def test_changes_of_some_types_and_not_of_one_origin(store: Store) -> None:
    fill(store)
    store.write(lambda writer: writer.put([organisatie("ander", "Van een ander")], origin="other"))
    whole = Directory(store, INTERNAL).changes(0, 1000)
    types: tuple[EntityType, ...] = ("organisatie", "caregiver")
    wanted = [change for change in whole.changes if change.type in types and change.origin != "test"]
    assert 0 < len(wanted) < len(whole.changes)
    page = Directory(store, INTERNAL).changes(0, 1000, types=types, not_from="test")
    assert (list(page.changes), page.next, page.head) == (wanted, whole.next, whole.head)
    narrow = Directory(store, Grant(scope=Query(types=("aanbod",), where=(Criterion("code", ("rubriek|14.04.01",)),))))
    told = narrow.changes(0, 1000, not_from="test").changes
    assert told == tuple(change for change in narrow.changes(0, 1000).changes if change.origin != "test")
    assert any(change.operation == "delete" for change in told), "what leaves the selection is told whoever made it leave"


def test_every_page_of_a_walk_comes_once(store: Store) -> None:
    put(store, *[organisatie(f"o{number}", f"Huis {number}") for number in range(25)])
    names = [entity.fiche["names"][0]["text"]["nl"] for entity in public(store).walk(Query(types=("organisatie",), limit=10))]
    assert sorted(names) == sorted(f"Huis {number}" for number in range(25))


@pytest.mark.parametrize("held", [False, True])
def test_a_long_walk_gives_memory_back_as_it_goes(store: Store, held: bool) -> None:
    put(store, *(organisatie(str(number), f"Huis {number:02}") for number in range(45)))
    heard: list[str] = []

    def note(conn: Any, cursor: Any, statement: str, *rest: Any) -> None:
        heard.append(statement)

    snapshot = store.snapshot() if held else None
    event.listen(store.engine, "before_cursor_execute", note)
    walked = list(Directory(store, PUBLIC, snapshot).walk(Query(types=("organisatie",), limit=2)))
    event.remove(store.engine, "before_cursor_execute", note)
    if snapshot is not None:
        snapshot.close()
    assert len(walked) == 45
    assert heard.count("PRAGMA shrink_memory") == (2 if store.engine.dialect.name == "sqlite" else 0)


def test_what_never_was_what_went_and_what_is_not_for_you(store: Store) -> None:
    fill(store)
    with pytest.raises(NotFound):
        public(store).get("00000000-0000-4000-8000-000000000000")
    with pytest.raises(NotFound):
        public(store).get(uuid_of(store, "progezondheid|p2"))
    claim = organisatie("weg", "Verdwijnt")
    put(store, claim)
    put(store, gone(claim, 2))
    with pytest.raises(Gone) as caught:
        public(store).get(uuid_of(store, "sociale-kaart|weg"))
    assert caught.value.seq in {change.seq for change in public(store).changes(0).changes if change.operation == "delete"}


def test_the_wrong_kind_is_not_found(store: Store) -> None:
    fill(store)
    with pytest.raises(NotFound):
        public(store).get(uuid_of(store, "sociale-kaart|a"), "organisatie")


def test_two_fiches_that_became_one_are_found_under_the_id_that_stays(store: Store) -> None:
    put(store, person("p", source=PG), person("k", source=SK))
    stays, goes = uuid_of(store, "progezondheid|p"), uuid_of(store, "sociale-kaart|k")
    assert store.write(lambda writer: writer.join(goes, stays)) == stays
    with pytest.raises(Moved) as caught:
        public(store).get(goes)
    assert caught.value.id == stays


def test_an_agreement_narrows_fields_and_selection(store: Store) -> None:
    fill(store)
    offer, organisation = uuid_of(store, "sociale-kaart|a"), uuid_of(store, "sociale-kaart|o")
    scope = Query(types=("aanbod",), where=(Criterion("code", ("rubriek|14.04.01",)),))
    narrow = Directory(store, Grant(fields=frozenset({"names"}), scope=scope, partner="zorgraad", revision=3))
    assert set(narrow.get(offer).fiche) == {"id", "kind", "names"}
    with pytest.raises(NotFound):
        narrow.get(organisation)
    elsewhere = replace(scope, where=(Criterion("code", ("rubriek|19",)),))
    with pytest.raises(NotFound):
        Directory(store, Grant(scope=elsewhere)).get(offer)


def test_history_and_changes_name_only_what_the_asker_may_know(store: Store) -> None:
    fill(store)
    offer = uuid_of(store, "sociale-kaart|a")
    head = public(store).head()
    put(store, aanbod("a", "o", "Dagopvang", sites=("1",), people=(1, 2), revision=2, contacts=[{"kind": "mobile", "value": "+32470000001", "visibility": "internal"}]))
    assert public(store).changes(head).changes == ()
    assert [change.fields for change in Directory(store, INTERNAL).changes(head).changes if change.id == offer] == [("contacts",)]
    assert public(store).history(offer)[0].seq <= head


def test_a_change_that_lies_ahead_is_refused(store: Store) -> None:
    with pytest.raises(Invalid):
        public(store).changes(10)


def test_provenance_names_the_source_of_every_visible_field(store: Store) -> None:
    fill(store)
    told = public(store).provenance(uuid_of(store, "sociale-kaart|a"))
    assert {item.field.split("[")[0] for item in told} >= {"names", "rubrieken", "organisatie"}
    assert {claim[0] for item in told for claim in item.claims} == {SK}


def test_a_snapshot_sees_one_state_until_it_is_closed(store: Store) -> None:
    fill(store)
    snapshot = store.snapshot()
    held = Directory(store, PUBLIC, snapshot)
    head, offer = held.head(), uuid_of(store, "sociale-kaart|a")
    put(store, replace(aanbod("a", "o", "Nachtopvang", sites=("1",)), revision=2))

    names = [hit.entity.fiche["names"][0]["text"]["nl"] for hit in held.search(Query(types=("aanbod",))).hits]
    assert (held.head(), names, held.get(offer).seq <= head) == (head, ["Dagopvang"], True)

    snapshot.close()
    snapshot.close()
    assert held.head() > head
    assert held.get(offer).fiche["names"][0]["text"]["nl"] == "Nachtopvang"


def test_a_snapshot_knows_the_concepts_of_its_moment(store: Store) -> None:
    def put_scheme(label: str) -> None:
        scheme = ConceptScheme("dier", {"nl": "Dieren"}, (Concept("dier", "1", {"nl": label}),))
        store.write(lambda writer: writer.put_concepts([scheme]))

    put_scheme("Kat")
    snapshot = store.snapshot()
    held = Directory(store, PUBLIC, snapshot)
    assert held.concepts().label("dier", "1") == "Kat"
    put_scheme("Hond")
    assert public(store).concepts().label("dier", "1") == "Hond"
    assert held.concepts().label("dier", "1") == "Kat"
    assert public(store).concepts().label("dier", "1") == "Hond"
    snapshot.close()


def test_what_is_pointed_to_is_shown_to_each_as_he_may_see_it_and_as_it_is_now(store: Store) -> None:
    fill(store)
    here, above = uuid_of(store, "sociale-kaart|o"), uuid_of(store, "sociale-kaart|koepel")
    narrow = Directory(store, Grant(fields=frozenset({"names", "parent"})))
    for _ in range(2):
        assert public(store).get(here).related[above]["contacts"][0]["value"] == PHONE
        assert "visibility" not in public(store).get(here).related[above]["contacts"][0]
        assert "contacts" not in narrow.get(here).related[above]
        assert "visibility" in Directory(store, INTERNAL).get(here).related[above]["contacts"][0]
    put(store, replace(organisatie("koepel", "Koepel De Linde", phone="+3290000002"), revision=2))
    assert public(store).get(here).related[above]["contacts"][0]["value"] == "+3290000002"


def test_an_agreement_with_a_selection_learns_nothing_of_what_lies_outside(store: Store) -> None:
    fill(store)
    offer, organisation = uuid_of(store, "sociale-kaart|a"), uuid_of(store, "sociale-kaart|o")
    scope = Query(types=("aanbod",), where=(Criterion("code", ("rubriek|14.04.01",)),))
    narrow = Directory(store, Grant(scope=scope))
    put(store, organisatie("o", "Huis De Nieuwe Wilg", parent={"source": SK, "external_id": "koepel"}, revision=2))
    for told in (narrow.changes(0, 1000).changes, narrow.log(limit=1000)):
        inside = [change for change in told if change.id == offer]
        assert {change.operation for change in inside} >= {"create", "context"}
        assert {change.origin for change in inside} == {"test"}
        for change in told:
            if change.id != offer:
                assert (change.operation, change.origin, change.fields, change.fiche) == ("delete", "", (), change.id)
    assert narrow.history(offer)
    with pytest.raises(NotFound):
        narrow.history(organisation)


def test_a_person_outside_the_selection_of_an_agreement_is_neither_shown_nor_counted_in_a_role(store: Store) -> None:
    fill(store)
    put(store, person("p3", "Claes", number=3), aanbod("b", "o", "Nachtopvang", sites=("1",), people=(1, 3)))
    scope = Query(types=("aanbod", "caregiver", "zorgverlener"), where=(Criterion("name", ("claes", "dagopvang", "nachtopvang")),))
    narrow = Directory(store, Grant(scope=scope))
    page = narrow.search(Query(types=("caregiver",), total="accurate"))
    claes = uuid_of(store, "progezondheid|p3")
    assert [hit.entity.part and hit.entity.part["zorgverlener"]["id"] for hit in page.hits] == [claes]
    assert page.total == 1
    assert public(store).search(Query(types=("caregiver",), total="accurate")).total == 3
    offer = narrow.get(uuid_of(store, "sociale-kaart|b"))
    assert [part["zorgverlener"]["id"] for part in offer.fiche["caregivers"]] == [claes]
    assert "caregivers" not in narrow.get(uuid_of(store, "sociale-kaart|a")).fiche


def test_what_an_agreement_leaves_out_is_not_found_counted_or_followed(store: Store) -> None:
    fill(store)
    narrow = Directory(store, Grant(fields=frozenset({"names", "name"})))
    for type in ("vestiging", "caregiver"):
        page = narrow.search(Query(types=(type,), total="accurate"))
        assert (page.hits, page.total) == ((), 0)
    site = public(store).search(Query(types=("vestiging",))).hits[0].entity.id
    with pytest.raises(NotFound):
        narrow.get(site)
    assert site not in {change.id for change in narrow.changes(0, 1000).changes}
    assert {change.type for change in narrow.changes(0, 1000).changes} == {"organisatie", "aanbod", "zorgverlener"}
    peeters = narrow.get(uuid_of(store, "progezondheid|p1"))
    assert peeters.related == {}, "where a person works stands in a field that was left out"
    by_phone = Query(types=("organisatie",), where=(Criterion("contact", (f"phone|{PHONE}",)),))
    assert public(store).search(by_phone).hits
    assert not narrow.search(by_phone).hits


def test_what_leaves_the_selection_of_an_agreement_is_told_as_removed(store: Store) -> None:
    fill(store)
    offer = uuid_of(store, "sociale-kaart|a")
    narrow = Directory(store, Grant(scope=Query(types=("aanbod",), where=(Criterion("code", ("rubriek|14.04.01",)),))))
    head = narrow.head()
    put(store, aanbod("a", "o", "Dagopvang", sites=("1",), people=(1, 2), revision=2, rubrieken=[{"scheme": "rubriek", "code": "19.01"}]))
    assert ("delete", offer) in {(change.operation, change.id) for change in narrow.changes(head).changes}


def test_a_name_as_it_is_written_is_found_by_who_may_see_that_spelling(store: Store) -> None:
    hidden = {"text": {"nl": "HUIS ÉLAN"}, "use": "alternative", "visibility": "internal"}
    claim = organisatie("e", names=[{"text": {"nl": "Huis Elan"}}, hidden])
    assert store.write(lambda writer: writer.put([claim], origin="test")).rejected == []

    def count(grant: Grant, name: str, negate: bool = False) -> int:
        query = Query(types=("organisatie",), where=(Criterion("name", (name,), "exact", negate),), total="accurate")
        page = Directory(store, grant).search(query)
        assert page.total == len(page.hits)
        return len(page.hits)

    assert [count(PUBLIC, "Huis Elan"), count(PUBLIC, "HUIS ÉLAN"), count(INTERNAL, "HUIS ÉLAN")] == [1, 0, 1]
    assert [count(PUBLIC, "HUIS ÉLAN", True), count(INTERNAL, "HUIS ÉLAN", True)] == [1, 0]
    assert count(Grant(fields=frozenset({"names"})), "Huis Elan") == 1
    assert count(Grant(fields=frozenset({"types"})), "Huis Elan") == 0


def test_a_page_names_sources_only_to_who_wants_them(store: Store) -> None:
    fill(store)
    asked = Query(types=("organisatie",))
    heard: list[str] = []
    event.listen(store.engine, "before_cursor_execute", lambda conn, cursor, statement, *rest: heard.append(statement))
    whole = public(store).search(asked)
    bare = public(store).search(asked, sources=False)
    assert [replace(hit.entity, sources=()) for hit in whole.hits] == [hit.entity for hit in bare.hits]
    assert {hit.entity.sources for hit in whole.hits} == {(SK,)}
    assert sum("FROM claim" in each for each in heard) == 1, "one look less"


def test_a_link_to_something_hidden_moves_nothing_for_who_does_not_see_it(store: Store) -> None:
    hidden = {"source": SK, "external_id": "hidden"}
    put(store, organisatie("hidden", visibility="internal"), organisatie("o"), aanbod("a", "o"), person("p", number=1, visibility="internal"))
    of, offer = (public(store).get(uuid_of(store, f"sociale-kaart|{name}")) for name in ("o", "a"))
    head = public(store).head()
    put(
        store,
        organisatie("o", revision=2, parent=hidden, memberships=[{"organisatie": hidden}]),
        aanbod("a", "o", revision=2, people=(1,)),
    )
    assert public(store).changes(head).changes == ()
    assert (public(store).get(of.id).seq, public(store).get(offer.id).seq) == (of.seq, offer.seq)
    told = Directory(store, INTERNAL).changes(head).changes
    parts = {change.type: change.id for change in told if change.operation == "create"}
    assert parts.keys() == {"membership", "caregiver"}
    for type, id in parts.items():
        with pytest.raises(NotFound):
            public(store).get(id)
        assert public(store).search(Query(types=(type,), total="accurate")).total == 0
    head = public(store).head()
    put(store, organisatie("hidden", revision=2), person("p", number=1, revision=2))
    told = public(store).changes(head).changes
    assert {(change.operation, change.type) for change in told if change.id in parts.values()} == {("create", "membership"), ("create", "caregiver")}
    assert {of.id, offer.id} <= {change.id for change in told}
