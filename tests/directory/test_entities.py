"""What leaves the directory for whom, with what it depends on, now and as it was."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hub.directory import Directory
from hub.errors import CursorGone, Gone, Moved, NotFound
from hub.model.audience import INTERNAL, PUBLIC, Grant
from hub.model.claims import Claim
from hub.model.contacts import resolve_contacts
from hub.model.query import Criterion, Query
from hub.store import Store
from tests.directory.linde import PHONE, fill, public, put
from tests.store.saying import PG, SK, gone, organisatie, person, uuid_of


def test_an_offer_comes_with_its_organisation_and_the_parents_of_that(store: Store) -> None:
    fill(store)
    entity = public(store).get(uuid_of(store, "sociale-kaart|a"))
    assert uuid_of(store, "sociale-kaart|o") in entity.related
    assert uuid_of(store, "sociale-kaart|koepel") in entity.related
    assert [(found.contact["value"], found.origin) for found in resolve_contacts(entity)] == [(PHONE, "parent")]


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


def test_a_search_by_an_id_that_it_had_before_finds_what_it_is_now(store: Store) -> None:
    names = ("a", "b", "c")
    closed = ("x", "y")
    put(store, *(organisatie(name, f"Huis {name}") for name in names), *(organisatie(name, name, visibility="internal") for name in closed))
    first, second, third = (uuid_of(store, f"{SK}|{name}") for name in names)
    stays, goes = (uuid_of(store, f"{SK}|{name}") for name in closed)
    store.write(lambda writer: writer.join(second, third))
    store.write(lambda writer: writer.join(stays, goes))
    store.write(lambda writer: writer.join(first, second))
    seen = public(store)

    def found(*ids: str, key: str = "id", negate: bool = False) -> list[str]:
        query = Query(types=("organisatie",), where=(Criterion(key, ids, negate=negate),))
        return [hit.entity.id for hit in seen.search(query).hits]

    for old in (second, third):
        assert found(old) == found(old, key="fiche") == found(old, first) == [first]
        assert found(old, negate=True) == []
    assert {old: entity.id for old, entity in seen.moved_to([first, second, third, goes, "nobody"]).items()} == {second: first, third: first}
    assert found(goes) == []
    assert Directory(store, INTERNAL).moved_to([goes])[goes].id == stays


def test_a_change_that_lies_ahead_is_refused(store: Store) -> None:
    with pytest.raises(CursorGone):
        public(store).changes(10)


def test_provenance_names_the_source_of_every_visible_field(store: Store) -> None:
    fill(store)
    told = public(store).provenance(uuid_of(store, "sociale-kaart|a"))
    assert {item.field.split("[")[0] for item in told} >= {"names", "rubrieken", "organisatie"}
    assert {claim[0] for item in told for claim in item.claims} == {SK}


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
