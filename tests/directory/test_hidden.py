"""What an asker may not see leaves no trace in what the directory tells."""

from __future__ import annotations

import pytest

from hub.directory import Directory
from hub.errors import NotFound
from hub.model.audience import INTERNAL, LEVELS, PUBLIC, RANK, Grant
from hub.model.contacts import resolve_contacts
from hub.model.fiche import Visibility
from hub.model.query import Criterion, Linked, Query
from hub.store import Store
from tests.directory.linde import PHONE, fill, public, put
from tests.store.saying import SK, aanbod, organisatie, person, uuid_of


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
    put(
        store,
        organisatie("o", "Huis De Wilg", sites=("1", "2")),
        aanbod("a", "o", "Dagopvang", sites=("2",), field_visibility={"vestigingen": "internal"}),
    )
    offer = uuid_of(store, "sociale-kaart|a")
    entity = public(store).get(offer)
    assert "vestigingen" not in entity.fiche
    assert entity.place_withheld
    assert public(store).as_at(offer, entity.seq) == entity
    put(store, aanbod("b", "o", "Overal"))
    assert not public(store).get(uuid_of(store, "sociale-kaart|b")).place_withheld


@pytest.mark.parametrize("hidden", LEVELS[1:])
def test_an_offer_that_hides_of_which_organisatie_it_is_does_not_tell_it_by_a_vestiging(store: Store, hidden: Visibility) -> None:
    """Every canary stands in the organisatie or its vestigingen, which anybody may see; only that the offer is theirs is hidden."""
    levels = {"organisatie": hidden, "vestigingen": "public"}
    of = organisatie("o", "Centrum Kanarie", sites=("1", "2"), phone=PHONE)
    put(store, of, aanbod("a", "o", "Opvang", sites=("1",), people=(1,), field_visibility=levels), person("p", number=1))
    owner, offer = (uuid_of(store, f"sociale-kaart|{name}") for name in ("o", "a"))
    sites = {site["id"] for site in public(store).get(owner).fiche["vestigingen"]}
    caregiver = public(store).get(offer).fiche["caregivers"][0]["id"]
    canaries = {owner, *sites, "Centrum Kanarie", "Proefstraat", PHONE}
    centre = Linked("organisatie", Query(types=("organisatie",), text="kanarie"))
    at_site = Linked("vestiging", Query(types=("vestiging",), linked=(centre,)))
    for grant in (PUBLIC, Grant("professional"), INTERNAL):
        asked, sees = Directory(store, grant), grant.rank >= RANK[hidden]
        for id in (offer, caregiver):
            entity = asked.get(id)
            for seen in (entity, asked.get_many([id])[id], asked.as_at(id, entity.seq), resolve_contacts(entity), asked.provenance(id)):
                assert sees or not any(canary in str(seen) for canary in canaries), (grant.level, seen)
            assert ("vestigingen" in entity.fiche) == ("organisatie" in entity.fiche) == sees
            fields = {field for change in asked.history(id) for field in change.fields} | {each.field.split("[")[0] for each in asked.provenance(id)}
            assert sees or fields.isdisjoint(levels)
        for type in ("aanbod", "caregiver"):
            for query in (
                Query(types=(type,), linked=(at_site,)),
                Query(types=(type,), linked=(centre,)),
                Query(types=(type,), text="kanarie"),
                Query(types=(type,), where=(Criterion("postcode", ("3000",)),)),
            ):
                assert len(asked.search(query).hits) == sees, (grant.level, query)
        offered = Query(types=("vestiging",), linked=(Linked("vestiging", Query(types=("aanbod",)), reverse=True),))
        assert len(asked.search(offered).hits) == sees


def test_of_which_organisatie_an_offer_was_is_not_told_of_the_past_either_once_it_hides(store: Store) -> None:
    put(store, organisatie("o"), aanbod("a", "o", sites=("1",)))
    offer = uuid_of(store, "sociale-kaart|a")
    before = public(store).get(offer)
    put(store, aanbod("a", "o", sites=("1",), revision=2, field_visibility={"organisatie": "internal"}))
    after = public(store).get(offer)
    assert after.seq > before.seq
    assert "vestigingen" in before.fiche
    for entity in (after, public(store).as_at(offer, before.seq)):
        assert entity.fiche.keys().isdisjoint({"organisatie", "vestigingen"})


@pytest.mark.parametrize("hidden", LEVELS[1:])
@pytest.mark.parametrize("whole", [False, True], ids=["what it is", "the fiche"])
def test_an_umbrella_organisation_is_one_to_whoever_sees_that_it_is(store: Store, hidden: Visibility, whole: bool) -> None:
    hiding = {"visibility": hidden} if whole else {"field_visibility": {"umbrella": hidden}}
    put(store, organisatie("k", "Alle koepels", umbrella=True, **hiding), aanbod("ak", "k", "Aanbod van koepel", people=(1,)))
    put(store, organisatie("g", "Gewoon", umbrella=False), aanbod("ag", "g", "Gewoon aanbod"), person("p", number=1))
    for grant in (PUBLIC, Grant("professional"), INTERNAL):
        asked = Directory(store, grant)
        for type in ("organisatie", "aanbod", "caregiver"):
            there = {hit.entity.id for hit in asked.search(Query(types=(type,))).hits}
            koepel = {id for id in there if "oepel" in str(asked.get(id).fiche["names"])} if grant.rank >= RANK[hidden] else set()
            meant = {("yes",): koepel, ("no",): there - koepel, ("no", "yes"): there}
            for values, wanted in meant.items():
                for negate in (False, True):
                    page = asked.search(Query(types=(type,), where=(Criterion("umbrella", values, negate=negate),), total="accurate"))
                    assert {hit.entity.id for hit in page.hits} == (there - wanted if negate else wanted), (grant.level, type, values, negate)
                    assert page.total == len(page.hits)
            if type == "organisatie":
                last = asked.search(Query(types=(type,), local="24062", sort="local")).hits
                names = [hit.entity.fiche["names"][0]["text"]["nl"] for hit in last]
                assert names == (["Gewoon", "Alle koepels"] if koepel else sorted(names))


def test_a_vestiging_that_hid_since_is_not_named_in_the_past_either(store: Store) -> None:
    put(store, organisatie("o", "Huis De Wilg", sites=("1", "2")), aanbod("a", "o", "Dagopvang", sites=("1", "2")))
    offer = uuid_of(store, "sociale-kaart|a")
    before = public(store).get(offer)
    sites = hidden_site(store, revision=2)
    assert public(store).get(offer).seq > before.seq, "a copy is told that the offer reads otherwise"
    then = public(store).as_at(offer, before.seq)
    assert sites["1"] in str(before)
    assert sites["1"] not in str(then)


def test_history_and_changes_name_only_what_the_asker_may_know(store: Store) -> None:
    fill(store)
    offer = uuid_of(store, "sociale-kaart|a")
    head = public(store).head()
    put(
        store,
        aanbod(
            "a",
            "o",
            "Dagopvang",
            sites=("1",),
            people=(1, 2),
            revision=2,
            contacts=[{"kind": "mobile", "value": "+32470000001", "visibility": "internal"}],
        ),
    )
    assert public(store).changes(head).changes == ()
    assert [change.fields for change in Directory(store, INTERNAL).changes(head).changes if change.id == offer] == [("contacts",)]
    assert public(store).history(offer)[0].seq <= head


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
