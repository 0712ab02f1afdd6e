"""Codes of places: what a source says of old stays its word, the fiche has what they are called now; what there is not costs nothing else."""

from typing import Any

import pytest

from hub.directory import Directory
from hub.errors import Invalid
from hub.model.audience import PUBLIC
from hub.model.claims import Claim
from hub.model.query import Criterion, Query
from hub.places import places
from hub.store import Store, reading
from hub.store.editing import edit
from hub.store.place_codes import PlaceCodes
from tests.store.conftest import put
from tests.store.saying import PG, SB, SK, aanbod, count, fiche, organisatie, person, uuid_of

ZWIJNDRECHT, BEVEREN, TOGETHER = "11056", "46003", "46030"


def at(**address: Any) -> Claim:
    said = organisatie("o1")
    said.content["vestigingen"][0]["addresses"] = [{"street": {"nl": "Dorp"}, "house_number": "1", **address}]
    return said


def address_of(store: Store) -> dict[str, Any]:
    document = fiche(store, f"{SK}|o1")
    assert document
    (address,) = document["vestigingen"][0]["addresses"]
    return {name: value for name, value in address.items() if name != "visibility"}


def test_old_code_in_new_code_out(store: Store) -> None:
    put(
        store,
        at(postcode="2070", municipality=ZWIJNDRECHT),
        aanbod(
            "a1",
            "o1",
            service_area=[{"type": "municipality", "code": code} for code in (ZWIJNDRECHT, BEVEREN, "11002")],
        ),
        person(
            "p1",
            addresses=[
                {
                    "type": "practice",
                    "street": {"nl": "Dorp"},
                    "postcode": "2070",
                    "municipality": ZWIJNDRECHT,
                }
            ],
        ),
    )
    assert address_of(store)["municipality"] == TOGETHER
    served, caregiver = fiche(store, f"{SK}|a1"), fiche(store, f"{PG}|p1")
    assert served and served["service_area"] == [{"type": "municipality", "code": code} for code in (TOGETHER, "11002")]
    assert caregiver and caregiver["addresses"][0]["municipality"] == TOGETHER
    for asked in (TOGETHER, ZWIJNDRECHT):
        found = Directory(store, PUBLIC).search(Query(types=("organisatie",), where=(Criterion("municipality", (asked,)),)))
        assert len(found.hits) == 1
    with store.read() as connection:
        kept = connection.exec_driver_sql("SELECT count(*) FROM claim").scalar_one()
        assert kept == 3
        assert not reading.conflicts(connection, 10)


def test_the_old_and_the_new_code_are_no_conflict(store: Store) -> None:
    address = {"type": "practice", "street": {"nl": "Dorp"}, "postcode": "2070", "house_number": "1"}
    put(store, person("p1", source=SK, number=1, addresses=[{**address, "municipality": ZWIJNDRECHT}]))
    put(store, person("p1", source="derde", number=1, addresses=[{**address, "municipality": TOGETHER}]))
    document = fiche(store, f"{SK}|p1")
    assert document and [each["municipality"] for each in document["addresses"]] == [TOGETHER]
    with store.read() as connection:
        assert not reading.conflicts(connection, 10)


def test_a_code_that_there_is_not_is_left_out_and_told_and_the_rest_stands(store: Store) -> None:
    served = [{"type": "municipality", "code": "00000"}, {"type": "zone", "code": "99"}]
    counts = put(store, at(postcode="99999", municipality="00000"), aanbod("a1", "o1", service_area=served))
    assert (counts.changed, counts.rejected) == (2, [])
    assert address_of(store) == {"street": {"nl": "Dorp"}, "house_number": "1"}
    document = fiche(store, f"{SK}|a1")
    assert document and document["service_area"] == [{"type": "zone", "code": "99"}]
    assert [(each.external_id, each.field, each.raw) for each in counts.left_out] == [
        ("a1", "service_area.0.code", "00000"),
        ("o1", "vestigingen.0.addresses.0.municipality", "00000"),
        ("o1", "vestigingen.0.addresses.0.postcode", "99999"),
    ]
    assert put(store, organisatie("o2")).left_out == []
    neighbour = Claim(SB, "b1", 1, "organisatie", {"kind": "organisatie", "languages": ["nl"]}, same_as=((SK, "o1"),))
    assert (put(store, neighbour).left_out, count(store, "fiche")) == ([], 3), "what another source says is no news of this one"


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ({"postcode": "B-9000", "municipality": " 44021"}, {"postcode": "9000", "municipality": "44021"}),
        (
            {"postcode": "75001", "municipality": "75101", "country": "FR"},
            {"postcode": "75001", "municipality": "75101", "country": "FR"},
        ),
        ({"postcode": "9000", "country": "be"}, {"postcode": "9000", "country": "be"}),
    ],
)
def test_what_can_be_read_is_read_and_what_lies_abroad_is_left_alone(said: dict[str, str], shown: dict[str, str]) -> None:
    codes = PlaceCodes(places())
    (site,) = codes.current(at(**said)).content["vestigingen"]
    assert site["addresses"] == [{"street": {"nl": "Dorp"}, "house_number": "1", **shown}]
    assert not codes.left_out


@pytest.mark.parametrize("country", [{}, {"country": "BE"}, {"country": "FR"}])
def test_a_position_at_0_0_is_none_and_told(store: Store, country: dict[str, str]) -> None:
    home = {"type": "practice", "street": {"nl": "Dorp"}, "postcode": "3000", "position": {"lat": 0, "lon": 0.0}, **country}
    near = {"lat": 0.0, "lon": 4.5}
    counts = put(
        store,
        at(postcode="3000", position={"lat": 0.0, "lon": -0.0}, **country),
        person("p1", addresses=[home, {**home, "box": "1", "position": near}]),
    )
    assert address_of(store) == {"street": {"nl": "Dorp"}, "house_number": "1", "postcode": "3000", **country}
    document = fiche(store, f"{PG}|p1")
    assert document and [address.get("position") for address in document["addresses"]] == [None, near]
    assert sorted((str(each.external_id), str(each.field)) for each in counts.left_out) == [
        ("o1", "vestigingen.0.addresses.0.position"),
        ("p1", "addresses.0.position"),
    ]


def test_a_claim_with_todays_codes_is_left_as_it_is() -> None:
    for claim in (
        organisatie("o1"),
        person("p1"),
        aanbod("a1", "o1", service_area=[{"type": "municipality", "code": "44021"}]),
    ):
        assert PlaceCodes(places()).current(claim) is claim


def test_a_site_is_known_by_the_address_that_its_source_gives_whatever_is_shown_of_it() -> None:
    said = at(postcode="99999")
    del said.content["vestigingen"][0]["keys"]
    (site,) = PlaceCodes(places()).current(said).content["vestigingen"]
    assert site["keys"] == ["adr|99999|dorp|1"]


def test_an_address_that_named_nothing_else_is_not_there() -> None:
    said = person("p1", addresses=[{"type": "practice", "postcode": "99999"}])
    assert "addresses" not in PlaceCodes(places()).current(said).content


def test_an_editor_is_told_at_once(store: Store) -> None:
    put(store, person("p1", source=SK))
    with pytest.raises(Invalid, match=r"addresses\.0\.postcode '9999'"):
        edit(
            store,
            uuid_of(store, f"{SK}|p1"),
            "addresses",
            [{"postcode": "9999", "street": {"nl": "Dorp"}}],
            "redactie",
        )
    document = fiche(store, f"{SK}|p1")
    assert document and "addresses" not in document


def test_a_partners_own_view_has_todays_codes_too(store: Store) -> None:
    put(store, at(postcode="2070", municipality=ZWIJNDRECHT))
    site = {
        "keys": [f"{SK}:o1-1"],
        "addresses": [{"street": {"nl": "Dorp"}, "house_number": "1", "postcode": "2070", "municipality": BEVEREN}],
    }
    put(
        store,
        Claim(
            "kaart",
            "o1",
            1,
            "organisatie",
            {"kind": "organisatie", "vestigingen": [site]},
            same_as=((SK, "o1"),),
            partner="gent",
        ),
    )
    with store.read() as connection:
        documents = reading.documents_by_uuid(connection, [uuid_of(store, f"{SK}|o1")], "gent")
    (document,) = documents.values()
    assert {each["municipality"] for each in document["vestigingen"][0]["addresses"]} == {TOGETHER}
