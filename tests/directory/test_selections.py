"""What an agreement narrows: its fields and its selection, and the changes that are told of these."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hub.directory import Directory
from hub.errors import NotFound
from hub.model.audience import INTERNAL, Grant
from hub.model.fiche import EntityType
from hub.model.query import Criterion, Query
from hub.store import Store
from tests.directory.linde import PHONE, fill, public, put
from tests.store.saying import SK, aanbod, organisatie, person, uuid_of


def test_in_public_an_asker_sees_no_more_than_the_public_and_no_more_than_he_may(store: Store) -> None:
    fill(store)
    everything = Query(types=("organisatie", "zorgverlener", "aanbod"))

    def names(grant: Grant) -> set[str]:
        return {hit.entity.id for hit in Directory(store, grant).in_public().search(everything).hits}

    seen = {hit.entity.id for hit in public(store).search(everything).hits}
    assert names(INTERNAL) == seen
    assert names(Grant("professional", scope=Query(types=("aanbod",)))) == {uuid_of(store, f"{SK}|a")}


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
