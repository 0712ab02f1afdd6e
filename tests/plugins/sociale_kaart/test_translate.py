"""Reading rows and making claims of them: pure, by example and by random rows."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub import schemas
from hub.errors import Rejected
from hub.model.claims import Claim
from hub.places import places
from plugins.sociale_kaart.reading import Row, read
from plugins.sociale_kaart.translate import (
    CAREGIVER,
    ENTERPRISE,
    claim_of,
    identifiers_of,
    kind_of,
    offer_content,
    organisation_content,
    person_content,
)
from plugins.sociale_kaart.vocabulary import Vocabulary
from tests.plugins.sociale_kaart.pulls import row

WORDS = Vocabulary(municipality=places().of_address)


def organisation(*raws: dict[str, Any], **options: Any) -> dict[str, Any]:
    options = {"leaflet": None, "held": None, "whole": True, **options}
    return organisation_content([read(raw, WORDS) for raw in raws], words=WORDS, **options)


def test_a_row_is_an_aanbod_of_its_organisatie() -> None:
    found = read(row(), WORDS)
    about = organisation(row())
    assert about["names"] == [{"text": {"nl": "Huis De Wilg"}, "use": "official"}]
    assert about["vestigingen"] == [
        {
            "keys": ["sociale-kaart:site-1"],
            "addresses": [
                {
                    "type": "visit",
                    "street": {"nl": "Wilgenlaan"},
                    "house_number": "12",
                    "postcode": "9100",
                    "city": {"nl": "Sint-Niklaas"},
                    "municipality": "46021",
                    "position": {"lat": 51.16, "lon": 4.14},
                    "country": "BE",
                }
            ],
        }
    ]
    assert offer_content(found, about, WORDS) == {
        "kind": "aanbod",
        "names": [{"text": {"nl": "Huis De Wilg"}, "use": "official"}],
        "organisatie": {"source": "sociale-kaart", "external_id": "cd" * 32},
        "vestigingen": [{"key": "sociale-kaart:site-1"}],
        "rubrieken": [{"scheme": "rubriek", "code": "14.04.01"}],
        "status": {"status": "active", "evidence": "state=ACTIVE; verified=true; authenticSource=SOKA"},
        "in_scope_of": ["sociale-kaart"],
        "contacts": [
            {"kind": "phone", "value": "+3237000000", "raw": "03 700 00 00", "primary": True},
            {"kind": "email", "value": "info@example.org", "raw": "Info@Example.org", "primary": True},
            {
                "kind": "website",
                "value": "https://www.example.org/wilg",
                "raw": "www.example.org/wilg",
                "primary": True,
            },
        ],
    }


def test_what_the_source_leaves_out_is_left_out() -> None:
    bare = {"id": {"id": "x"}, "legalName": {"description": "Kaal"}}
    about = organisation(bare)
    assert set(about) == {"kind", "names", "form", "in_scope_of"}
    assert set(offer_content(read(bare, WORDS), about, WORDS)) == {
        "kind",
        "names",
        "organisatie",
        "in_scope_of",
    }


def test_missing_coordinates_are_fine_and_a_website_that_is_none_stays_as_it_came() -> None:
    given_address = {key: value for key, value in row()["addresses"][0].items() if key != "location"}
    raw = row(addresses=[given_address], contactInfo={"websites": [{"value": "zie facebook"}]})
    about = organisation(raw)
    assert "position" not in about["vestigingen"][0]["addresses"][0]
    assert offer_content(read(raw, WORDS), about, WORDS)["contacts"] == [{"kind": "website", "value": "zie facebook"}]


@pytest.mark.parametrize("written", ["9100", "B-9100", "B 9100", "be-9100"])
def test_the_municipality_is_found_however_its_postcode_is_written(written: str) -> None:
    given = row()["addresses"][0]
    town = {**given["municipality"], "postalCode": written}
    (site,) = organisation(row(addresses=[{**given, "municipality": town}]))["vestigingen"]
    (address,) = site["addresses"]
    assert (address["postcode"], address["municipality"]) == (written, "46021")


def test_a_contact_that_the_organisatie_has_is_inherited() -> None:
    raw = row()
    about = organisation(raw, leaflet=read(row(contactInfo={"phones": [{"value": "037000000"}]}), WORDS))
    kinds = [contact["kind"] for contact in offer_content(read(raw, WORDS), about, WORDS)["contacts"]]
    assert kinds == ["email", "website"]


def test_only_configured_words_are_mapped_and_the_raw_ones_kept() -> None:
    raw = row(state="GEPUBLICEERD", type="Iets nieuws")
    content = offer_content(read(raw, WORDS), organisation(raw), WORDS)
    assert content["status"] == {
        "status": "unknown",
        "evidence": "state=GEPUBLICEERD; verified=true; authenticSource=SOKA",
    }
    assert content["tags"] == [{"scheme": "sociale-kaart-type", "code": "Iets nieuws"}]
    configured = Vocabulary(states={"GEPUBLICEERD": "active"}, types={"Iets nieuws": "zorgverlener"})
    assert kind_of(read(raw, configured), configured) == "zorgverlener"
    assert offer_content(read(raw, configured), {}, configured)["status"]["status"] == "active"


def test_one_name_at_one_address_is_one_organisatie_where_the_source_names_none() -> None:
    def derived(**changes: Any) -> str:
        return read(row(links=[], **changes), WORDS).organisation

    street = {"name": {"description": "WILGENLAAN"}}
    elsewhere = {**row()["addresses"][0], "number": "14"}
    assert derived() == derived(id={"id": "ef" * 32}) == derived(legalName={"description": "HUIS DE WILG"})
    assert derived() == derived(addresses=[{**row()["addresses"][0], "street": street}])
    assert derived() != derived(legalName={"description": "Huis De Linde"})
    assert derived() != derived(addresses=[elsewhere])
    # Nothing but a name proves nothing.
    assert derived(addresses=[], id={"id": "1"}) != derived(addresses=[], id={"id": "2"})


def test_the_vestigingen_of_all_rows_come_together_and_those_of_rows_not_seen_stay() -> None:
    there = {**row()["addresses"][0], "number": "14", "links": [{"href": "site-2"}]}
    one, other = row(), row(id={"id": "ef" * 32}, addresses=[there])
    both = organisation(one, other)
    assert [site["keys"] for site in both["vestigingen"]] == [
        ["sociale-kaart:site-1"],
        ["sociale-kaart:site-2"],
    ]
    assert both == organisation(other, one), "whatever the order of the list"
    assert len(organisation(one, held=both, whole=False)["vestigingen"]) == 2
    assert len(organisation(one, held=both, whole=True)["vestigingen"]) == 1


def test_an_address_under_another_id_is_still_that_vestiging() -> None:
    leaflet = read(row(id={"id": "cd" * 32}), WORDS)
    raw = row(addresses=[{**row()["addresses"][0], "links": [{"href": "another-id"}]}])
    about = organisation(raw, leaflet=leaflet)
    assert [site["keys"] for site in about["vestigingen"]] == [["sociale-kaart:site-1"]]
    assert offer_content(read(raw, WORDS), about, WORDS)["vestigingen"] == [{"key": "sociale-kaart:site-1"}]


def test_an_address_without_an_id_is_recognised_by_where_it_is() -> None:
    raw = row(addresses=[{**row()["addresses"][0], "links": []}])
    about = organisation(raw)
    assert "keys" not in about["vestigingen"][0]
    assert offer_content(read(raw, WORDS), about, WORDS)["vestigingen"] == [{"key": "adr|9100|wilgenlaan|12"}]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Els Van Ravelgaarde", {"given": ["Els"], "family": "Van Ravelgaarde"}),
        ("Van Ravelgaarde, Els", {"given": ["Els"], "family": "Van Ravelgaarde"}),
        ("Ravelgaarde", {"family": "Ravelgaarde"}),
        ("Ravelgaarde,", {"family": "Ravelgaarde"}),
    ],
)
def test_a_zorgverlener_has_a_name(text: str, name: dict[str, Any]) -> None:
    raw = row(
        type="Zorgverlener",
        legalName={"description": text},
        activities=[{"name": {"description": "19.01.01. Huisartsen"}}],
    )
    content = person_content(read(raw, WORDS), None, None, WORDS)
    assert content["name"] == name
    assert content["professions"] == [{"scheme": "rubriek", "code": "19.01.01"}]
    assert content["addresses"][0]["type"] == "practice"


def test_numbers_come_from_the_leaflet_and_stand_until_the_next_one() -> None:
    data = [
        {"type": "CBE_ID", "value": "0403.019.261"},
        {"type": "NIHDI_ID", "value": "18749704"},
        {"type": "X", "value": "1"},
    ]
    leaflet = read(row(administrativeData=data), WORDS)
    assert identifiers_of(leaflet, ENTERPRISE, None) == ([{"system": "kbo", "value": "0403019261"}], [])
    assert identifiers_of(leaflet, CAREGIVER, None) == ([{"system": "riziv", "value": "18749704"}], [])
    held = {"identifiers": [{"system": "riziv", "value": "18749704"}]}
    assert person_content(read(row(), WORDS), None, held, WORDS)["identifiers"] == held["identifiers"]
    assert "identifiers" not in person_content(read(row(), WORDS), leaflet, held, WORDS)


@pytest.mark.parametrize(
    ("given", "stands"),
    [
        (["0403.019.262"], ["0202239951"]),
        (["0403.019.262", "0403.019.261"], ["0403019261"]),
        (["0403.019.261", "0403.019.262", "0202.239.951"], ["0403019261", "0202239951"]),
        ([], []),
    ],
)
def test_a_number_that_is_none_is_told_and_takes_no_other_away(given: list[str], stands: list[str]) -> None:
    leaflet = read(row(administrativeData=[{"type": "CBE_ID", "value": value} for value in given]), WORDS)
    held = {"identifiers": [{"system": "kbo", "value": "0202239951"}]}
    found, told = identifiers_of(leaflet, ENTERPRISE, held)
    assert [number["value"] for number in found] == stands
    assert [(each.external_id, each.field, each.raw) for each in told] == [("ab" * 32, "administrativeData", "0403.019.262")] * bool(given)


def test_a_claim_that_says_the_same_is_the_held_one() -> None:
    held = Claim("sociale-kaart", "x", 5_000, "aanbod", {"kind": "aanbod"})
    assert claim_of("x", "aanbod", {"kind": "aanbod"}, held, 9_000) is held
    assert claim_of("x", "aanbod", {"kind": "aanbod", "price": {"nl": "1"}}, held, 9_000).revision == 9_000
    # A clock that was put back must not make the edit look old.
    assert claim_of("x", "aanbod", {"kind": "aanbod", "price": {"nl": "1"}}, held, 10).revision == 5_001


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"id": None}, "id.id"),
        ({"id": {"id": 7}}, "id.id"),
        ({"id": {"id": ""}}, "id.id"),
        ({"legalName": None}, "legalName.description"),
        ({"legalName": "Huis"}, "legalName"),
        ({"legalName": {"description": ["Huis"]}}, "legalName.description"),
        ({"state": {"code": 1}}, "state"),
        ({"verified": "yes"}, "verified"),
        ({"addresses": {"0": {}}}, "addresses"),
        ({"addresses": ["Wilgenlaan 12"]}, "addresses.0"),
        ({"addresses": [{"street": "Wilgenlaan"}]}, "addresses.0.street"),
        ({"addresses": [{"location": {"lat": "51,16", "lon": 4}}]}, "addresses.0.location.lat"),
        ({"addresses": [{"location": {"lat": 51, "lon": 400}}]}, "addresses.0.location.lon"),
        ({"activities": [{"name": {"description": "Woonzorgcentra"}}]}, "activities.0.name.description"),
        ({"activities": [{"name": {}}]}, "activities.0.name.description"),
        ({"contactInfo": []}, "contactInfo"),
        ({"contactInfo": {"phones": [{"value": {"nr": 1}}]}}, "contactInfo.phones.0.value"),
        ({"links": ["x"]}, "links.0"),
        ({"administrativeData": [None]}, "administrativeData.0"),
    ],
)
def test_a_malformed_row_is_rejected_with_its_field_and_reason(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(Rejected) as caught:
        read(row(**changes), WORDS)
    assert caught.value.field == field
    assert caught.value.message
    assert caught.value.raw
    if "id" not in changes:
        assert caught.value.external_id == "ab" * 32


_scalars = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text(max_size=8)
_anything = st.recursive(
    _scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


@st.composite
def _damaged(draw: st.DrawFn) -> Any:
    """A good row in which something, somewhere, is something else."""

    def damage(value: Any, depth: int) -> Any:
        if depth and isinstance(value, dict) and value:
            key = draw(st.sampled_from(sorted(value)))
            return {**value, key: damage(value[key], depth - 1)}
        if depth and isinstance(value, list) and value:
            return [damage(value[0], depth - 1), *value[1:]]
        return draw(_anything)

    return damage(row(administrativeData=[{"type": "CBE_ID", "value": "0403.019.261"}]), draw(st.integers(0, 6)))


@given(_damaged())
def test_any_row_is_rejected_in_words_or_becomes_claims_that_can_be_stored(raw: Any) -> None:
    try:
        found = read(raw, WORDS)
    except Rejected:
        return
    _can_be_stored(found)


def _can_be_stored(found: Row) -> None:
    about = organisation_content([found], found, None, WORDS, whole=True)
    for kind, content in (
        ("organisatie", about),
        ("aanbod", offer_content(found, about, WORDS)),
        ("zorgverlener", person_content(found, found, None, WORDS)),
    ):
        schemas.check_claim(Claim("sociale-kaart", found.id, 1, kind, content))  # type: ignore[arg-type]
