"""The hook `validate_fiche`: what is wrong with a caregiver although each field is of the right form."""

from __future__ import annotations

from typing import Any

import pytest

from hub import Claim, Document, FieldError, plugins
from hub.store import Store
from plugins import progezondheid
from plugins.progezondheid import validate_fiche

ADDRESS: Document = {
    "type": "practice",
    "street": {"nl": "Wilgenlaan"},
    "house_number": "1",
    "postcode": "9000",
}


def caregiver(**fields: Any) -> Document:
    return {"kind": "zorgverlener", "name": {"family": "Voorbeeld"}, **fields}


def asked(fiche: Document, origin: str = "progezondheid") -> list[FieldError]:
    return list(validate_fiche(fiche=fiche, origin=origin))


@pytest.mark.parametrize("number", ["18749704001", "11530231001", "1-87497-04-001", "18749704"])
def test_hook_validate_fiche_takes_numbers_of_either_modulus(number: str) -> None:
    assert asked(caregiver(identifiers=[{"system": "riziv", "value": number}])) == []


def test_hook_validate_fiche_names_a_number_that_fits_neither_modulus_whatever_the_source() -> None:
    fiche = caregiver(identifiers=[{"system": "ehp", "value": "1"}, {"system": "riziv", "value": "18749705001"}])
    for origin in ("progezondheid", "sociale-kaart", "elders"):
        (error,) = asked(fiche, origin)
        assert (error.path, error.value) == ("identifiers.1.value", "18749705001")
        assert error.reason


@pytest.mark.parametrize(
    ("address", "fields"),
    [
        (ADDRESS, []),
        ({"type": "practice", "postcode": "9000", "position": {"lat": 51.0, "lon": 3.7}}, []),
        ({"type": "practice", "postcode": "9000"}, ["addresses.0.street"]),
        ({"type": "practice", "street": {"nl": "Wilgenlaan"}}, ["addresses.0.postcode"]),
        ({"type": "practice"}, ["addresses.0.postcode", "addresses.0.street"]),
        ({"type": "administrative", "city": {"nl": "Gent"}}, []),
    ],
)
def test_hook_validate_fiche_wants_a_practice_that_can_be_found(address: Document, fields: list[str]) -> None:
    assert [error.path for error in asked(caregiver(addresses=[address]))] == fields
    assert asked(caregiver(addresses=[address]), "sociale-kaart") == [], "another source may know less"


def test_hook_validate_fiche_leaves_other_kinds_alone() -> None:
    assert asked({"kind": "organisatie", "identifiers": [{"system": "riziv", "value": "1"}]}) == []


def test_hook_validate_fiche_rejects_the_row_and_the_others_stay(store: Store) -> None:
    loaded = plugins.load([("progezondheid", progezondheid)], installed=False)
    assert loaded.implements("validate_fiche")
    store.use_hooks(validate=loaded.validate_fiche)
    good = caregiver(addresses=[ADDRESS])
    bad = caregiver(addresses=[{"type": "practice", "city": {"nl": "Gent"}}])
    claims = [
        Claim("progezondheid", "18749704", 1, "zorgverlener", good),
        Claim("progezondheid", "11530231", 1, "zorgverlener", bad),
    ]
    counts = store.write(lambda writer: writer.put(claims, origin="register"))
    assert counts.changed == 1
    (rejected,) = counts.rejected
    assert rejected.external_id == "11530231"
    assert "postcode" in (rejected.field or "") or "postcode" in rejected.message
