"""Claims in, fiches out: order, repetition, rejection, links to what has not arrived."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from hub import schemas
from hub.directory import Directory
from hub.errors import FieldError
from hub.model.audience import PUBLIC
from hub.model.claims import Claim
from hub.model.query import Criterion, Query
from hub.store import Store, reading
from tests.store.conftest import AUTHORITY, SECRET, put
from tests.store.saying import (
    PG,
    SK,
    aanbod,
    count,
    fiche,
    gone,
    head,
    log,
    organisatie,
    person,
    riziv,
    told,
    uuid_of,
)


def test_the_same_claims_again_write_nothing(store: Store) -> None:
    batch = [organisatie("o1"), aanbod("a1", "o1", sites=("1",), people=(1,)), person("p1", number=1)]
    assert put(store, *batch).changed == 3
    before = head(store)
    counts = put(store, *batch)
    assert (counts.changed, counts.unchanged) == (0, 3)
    assert head(store) == before
    assert count(store, "version") == 0


def test_a_late_claim_does_not_undo_a_newer_one(store: Store) -> None:
    put(store, organisatie("o1", "Nieuw", revision=5))
    assert put(store, organisatie("o1", "Oud", revision=4)).unchanged == 1
    document = fiche(store, f"{SK}|o1")
    assert document and document["names"][0]["text"]["nl"] == "Nieuw"


def test_a_removal_that_comes_before_its_claim_still_removes(store: Store) -> None:
    put(store, gone(organisatie("o1"), 9))
    put(store, organisatie("o1", revision=3))
    assert fiche(store, f"{SK}|o1") is None
    assert log(store) == []


@pytest.mark.parametrize("batches", [1, 2])
def test_one_id_for_two_things_is_told_in_one_batch_as_in_two(store: Store, batches: int) -> None:
    one, other = organisatie("x1", revision=2), aanbod("x1", "o1")
    told = [put(store, one, other)] if batches == 1 else [put(store, one), put(store, replace(other, revision=3))]
    (refused,) = [each for counts in told for each in counts.rejected]
    assert (refused.external_id, refused.field) == ("x1", "kind")
    assert "a source uses one id for one thing" in refused.message
    assert sum(counts.unchanged for counts in told) == 0
    document = fiche(store, f"{SK}|x1")
    assert document and document["kind"] == "organisatie"


def test_an_id_that_a_partner_still_speaks_under_does_not_become_another_thing(store: Store) -> None:
    own = replace(organisatie("x1", "Van ons"), partner="gent")
    put(store, organisatie("x1"), own)
    put(store, gone(organisatie("x1"), 2))
    (refused,) = put(store, aanbod("x1", "o1", revision=3)).rejected
    assert (refused.external_id, refused.field) == ("x1", "kind")
    put(store, replace(gone(own, 2), partner="gent"))
    assert put(store, aanbod("x1", "o1", revision=4)).rejected == []


def test_a_row_that_was_removed_may_come_back_as_something_else_under_a_new_id(store: Store) -> None:
    put(
        store,
        organisatie("o1"),
        aanbod("x1", "o1", people=(1,)),
        aanbod("a2", "o1", caregivers=[{"zorgverlener": {"source": SK, "external_id": "p9"}}]),
    )
    before = uuid_of(store, f"{SK}|x1")
    refused = put(store, person("x1", source=SK, revision=2)).rejected
    assert [each.field for each in refused] == ["kind"]
    put(store, gone(aanbod("x1", "o1"), 3))
    assert put(store, person("x1", source=SK, revision=4)).rejected == []
    after = uuid_of(store, f"{SK}|x1")
    assert after != before
    document = fiche(store, f"{SK}|x1")
    assert document and document["kind"] == "zorgverlener"
    with store.read() as connection:
        assert reading.documents_by_uuid(connection, [before]).get(before) is None, "the old one stays what it was, and gone"
    assert put(store, person("x1", source=SK, revision=4)).unchanged == 1
    assert put(store, person("x1", "Anders", source=SK, revision=5)).changed == 1
    assert uuid_of(store, f"{SK}|x1") == after


def test_what_comes_back_as_something_else_is_found_by_its_keys_and_by_those_who_lead_to_it(store: Store) -> None:
    put(store, person("p1", number=1))
    known = uuid_of(store, f"{PG}|p1")
    put(store, organisatie("o1"), aanbod("x1", "o1"))
    before = uuid_of(store, f"{SK}|x1")
    leading = aanbod("a2", "o1", caregivers=[{"zorgverlener": {"source": SK, "external_id": "x1"}}])
    put(store, leading)
    counts = store.write(lambda writer: writer.put([person("x1", source=SK, revision=2, number=1)], origin="test", anew={"x1"}))
    assert (counts.changed, counts.rejected) == (1, [])
    assert uuid_of(store, f"{SK}|x1") == known != before
    document = fiche(store, f"{SK}|a2")
    assert document and [part["zorgverlener"]["id"] for part in document["caregivers"]] == [known]
    with store.read() as connection:
        assert reading.documents_by_uuid(connection, [before]).get(before) is None


def test_of_two_in_one_batch_the_higher_stands(store: Store) -> None:
    counts = put(store, organisatie("o1", "B", revision=2), organisatie("o1", "A", revision=1))
    assert (counts.read, counts.changed, counts.unchanged) == (2, 1, 1)
    document = fiche(store, f"{SK}|o1")
    assert document and document["names"][0]["text"]["nl"] == "B"


def test_a_bad_claim_is_named_and_stops_nothing_else(store: Store) -> None:
    bad = Claim(SK, "bad", 1, "organisatie", {"kind": "organisatie", "names": [{"text": {"nl": "X"}}], "nonsense": 1})
    wrong_number = Claim(PG, "wrong", 1, "zorgverlener", {"kind": "zorgverlener", "identifiers": [{"system": "riziv", "value": "11111111"}]})
    unkept = person("unkept", "Voor\x00beeld")
    endless = person("endless", "lang " * 5000)
    counts = put(store, bad, wrong_number, unkept, endless, organisatie("good"))
    assert counts.changed == 1
    by_id = {error.external_id: error for error in counts.rejected}
    assert by_id["bad"].field == "nonsense"
    assert by_id["wrong"].field.startswith("identifiers")
    assert (by_id["unkept"].field, by_id["endless"].field) == ("name.family", "name.family")
    assert fiche(store, f"{SK}|good")


def test_a_source_cannot_turn_one_thing_into_another(store: Store) -> None:
    put(store, organisatie("x"))
    counts = put(store, person("x", source=SK, revision=2))
    assert [error.field for error in counts.rejected] == ["kind"]


def test_plugins_can_refuse_a_claim(open_store: Callable[..., Store]) -> None:
    store = open_store(validate=lambda content, source: [FieldError("names", "not a real name")])
    counts = put(store, organisatie("o1"))
    assert counts.changed == 0
    assert (counts.rejected[0].field, counts.rejected[0].message) == ("names", "not a real name")


def test_of_a_refused_claim_each_reason_is_told_once_and_apart(open_store: Callable[..., Store]) -> None:
    reasons = ("needs a street", "needs a postcode", "needs a street")
    store = open_store(validate=lambda content, source: [FieldError("addresses", reason) for reason in reasons])
    (refused,) = put(store, organisatie("o1")).rejected
    assert refused.message == "needs a street; needs a postcode"


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2), (1, 2, 0)])
def test_links_may_come_in_any_order(store: Store, order: tuple[int, ...]) -> None:
    batch = [organisatie("o1", sites=("1", "2")), aanbod("a1", "o1", sites=("2",), people=(7,)), person("p1", number=7)]
    for place in order:
        put(store, batch[place])
    offered, offering, working = fiche(store, f"{SK}|a1"), fiche(store, f"{SK}|o1"), fiche(store, f"{PG}|p1")
    assert offered and offering and working
    assert offered["organisatie"] == {"id": offering["id"]}
    second = next(site for site in offering["vestigingen"] if site["addresses"][0]["house_number"] == "2")
    assert offered["vestigingen"] == [{"id": second["id"]}]
    assert offered["caregivers"][0]["zorgverlener"] == {"id": working["id"]}
    assert count(store, "fiche") == 3


def test_a_stub_is_invisible(store: Store) -> None:
    put(store, aanbod("a1", "o1"))
    stub = uuid_of(store, f"{SK}|o1")
    assert all(change.id != stub for change in log(store))
    assert count(store, "fiche", "state = 'stub'") == 1


def test_a_part_that_comes_back_has_its_old_id(store: Store) -> None:
    put(store, organisatie("o1", sites=("1", "2")))
    first = fiche(store, f"{SK}|o1")
    put(store, organisatie("o1", sites=("1",), revision=2))
    put(store, organisatie("o1", sites=("2", "1"), revision=3))
    again = fiche(store, f"{SK}|o1")
    assert first and again
    assert {site["id"] for site in first["vestigingen"]} == {site["id"] for site in again["vestigingen"]}


def test_a_claim_that_says_nothing_new_writes_no_version(store: Store) -> None:
    put(store, organisatie("o1"))
    before = head(store)
    put(store, organisatie("o1", revision=2))
    assert head(store) == before
    assert count(store, "version") == 0
    with store.read() as connection:
        (found,) = {item.claims for item in reading.provenance(connection, 1)}
    assert found == ((SK, "o1", 2),)


def test_withdrawn_claims_are_gone_until_they_come_back(store: Store) -> None:
    put(store, organisatie("o1"), organisatie("o2"))
    assert store.write(lambda writer: writer.withdraw(SK, ["o1", "unknown"], origin="test")) == 1
    assert fiche(store, f"{SK}|o1") is None
    assert put(store, organisatie("o1")).changed == 1
    assert fiche(store, f"{SK}|o1")


def test_a_dry_run_leaves_no_trace(store: Store) -> None:
    counts = store.write(lambda writer: writer.put([organisatie("o1")], origin="test"), dry_run=True)
    assert counts.changed == 1
    assert count(store, "claim") == count(store, "fiche") == head(store) == 0


def test_a_claim_with_an_unknown_part_of_a_link_names_the_field(store: Store) -> None:
    claim = aanbod("a1", "o1")
    claim.content["organisatie"] = {"system": "kbo", "value": "0403019261"}
    counts = put(store, claim)
    assert [error.field for error in counts.rejected] == ["organisatie"]


def test_every_entity_is_in_the_index(store: Store) -> None:
    put(store, organisatie("o1", sites=("1", "2")), aanbod("a1", "o1", people=(1,)), person("p1", number=1))
    assert count(store, "entry") == 6
    put(store, gone(organisatie("o1"), 2))
    assert count(store, "entry") == 3
    assert ("delete", "vestiging") in told(store)
    assert riziv(1)


def test_whole_degrees_are_kept_as_the_fractions_that_they_mean(store: Store) -> None:
    said = organisatie("o")
    said.content["vestigingen"][0]["addresses"][0]["position"] = {"lat": 51, "lon": 4}
    put(store, said)
    with store.read() as connection:
        kept = connection.exec_driver_sql("SELECT content FROM claim").scalar_one()
    assert b'"position":{"lat":51.0,"lon":4.0}' in schemas.unpack(bytes(kept))
    before = head(store)
    put(store, replace(said, revision=2))  # as it stands after the check: nothing is different
    assert head(store) == before


def test_a_number_is_found_and_shown_alike_whoever_stated_it(store: Store) -> None:
    odd = organisatie("o1", source="derde", identifiers=[{"system": "kbo", "value": "BE 0403.019.261"}], phone="016 33 22 11")
    put(store, odd, organisatie("o2", identifiers=[{"system": "kbo", "value": "0403019261"}], phone="+3216332211"))
    for key in ("derde|o1", f"{SK}|o2"):
        document = fiche(store, key)
        assert document
        assert [item["value"] for item in document["identifiers"]] == ["0403019261"]
        assert [contact["value"] for contact in document["contacts"]] == ["+3216332211"]
    asked = Query(types=("organisatie",), where=(Criterion("identifier", ("kbo|0403019261",)),))
    assert len(Directory(store, PUBLIC).search(asked).hits) == 2
    before = head(store)
    assert put(store, odd).unchanged == 1, "the same spelling again is no news"
    assert head(store) == before


def test_a_number_of_a_part_that_is_none_rejects_the_claim_with_its_place(store: Store) -> None:
    wrong = organisatie("o1")
    wrong.content["vestigingen"][0]["identifiers"] = [{"system": "vestigingsnummer", "value": "rommel"}]
    counts = put(store, wrong, organisatie("o2"))
    assert [(error.external_id, error.field) for error in counts.rejected] == [("o1", "vestigingen.0.identifiers.0.value")]
    assert counts.changed == 1


def test_the_same_again_takes_no_numbers_from_anybody(store: Store) -> None:
    """Also of a process that wrote before: blocks are fetched by who uses them up."""
    claims = [organisatie(f"o{number}", sites=()) for number in range(30)]
    put(store, *claims)

    def blocks() -> list[tuple[str, int]]:
        with store.read() as connection:
            return [(row[0], row[1]) for row in connection.exec_driver_sql("SELECT name, n FROM id_block ORDER BY name")]

    before = blocks()
    assert put(store, *claims).unchanged == 30
    fresh = Store(store.engine, authority=AUTHORITY, secret=SECRET)
    assert put(fresh, *claims).unchanged == 30
    assert blocks() == before
