"""What the door does to numbers and contacts: one form, whoever states them."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.errors import Invalid
from hub.model import canonical as door
from hub.model.canonical import canonical, canonical_content
from hub.model.claims import Claim


def _claim(content: dict[str, Any], excluded: dict[str, list[Any]] | None = None) -> Claim:
    return Claim("derde", "x", 1, content["kind"], content, excluded=excluded or {})


@pytest.mark.parametrize("kind", sorted(door._AS_KEPT))
@given(data=st.data())
def test_what_the_patterns_let_pass_the_rules_leave_as_it_is_or_cannot_read(kind: str, data: st.DataObject) -> None:
    pattern: re.Pattern[str] = door._AS_KEPT[kind].__self__  # type: ignore[attr-defined]
    value = data.draw(st.from_regex(pattern, fullmatch=True))
    assert door._NORMALISERS[kind](value) in (value, None)


def test_numbers_and_contacts_of_a_fiche_and_of_its_parts_come_to_one_form() -> None:
    content: dict[str, Any] = {
        "kind": "organisatie",
        "identifiers": [
            {"system": "kbo", "value": "BE 0403.019.261", "visibility": "internal"},
            {"system": "intern", "value": " 1.2 "},
        ],
        "contacts": [
            {"kind": "mobile", "value": "0470 00 00 01"},
            {"kind": "email", "value": "Jan@Example.ORG", "raw": "<Jan@Example.ORG>"},
        ],
        "vestigingen": [
            {
                "keys": ["derde:1"],
                "identifiers": [{"system": "vestigingsnummer", "value": "2.000.000.042"}],
                "contacts": [{"kind": "website", "value": "www.example.org"}],
            },
            {"keys": ["derde:2"]},
        ],
    }
    found = canonical(_claim(content)).content
    assert found["identifiers"] == [
        {"system": "kbo", "value": "0403019261", "visibility": "internal"},
        {"system": "intern", "value": " 1.2 "},
    ]
    assert found["contacts"] == [
        {"kind": "mobile", "value": "+32470000001", "raw": "0470 00 00 01"},
        {"kind": "email", "value": "jan@example.org", "raw": "<Jan@Example.ORG>"},
    ]
    assert found["vestigingen"] == [
        {
            "keys": ["derde:1"],
            "identifiers": [{"system": "vestigingsnummer", "value": "2000000042"}],
            "contacts": [{"kind": "website", "value": "https://www.example.org", "raw": "www.example.org"}],
        },
        {"keys": ["derde:2"]},
    ]
    assert content["contacts"][0]["value"] == "0470 00 00 01", "the claim of the source itself is left alone"
    assert canonical_content(found) is found


def test_what_has_no_such_form_and_harms_nobody_stays_as_it_is() -> None:
    contacts = [
        {"kind": "phone", "value": "1712"},
        {"kind": "phone", "value": "+31201234567"},
        {"kind": "fax", "value": "0049 (69"},
        {"kind": "website", "value": "zie facebook"},
    ]
    claim = _claim({"kind": "aanbod", "contacts": contacts, "caregivers": [{"keys": ["derde:1"], "contacts": contacts}]})
    assert canonical(claim) is claim


def test_a_number_that_is_none_is_named_wherever_it_stands() -> None:
    content: dict[str, Any] = {
        "kind": "organisatie",
        "identifiers": [{"system": "kbo", "value": "0403019262"}],
        "vestigingen": [
            {"keys": ["derde:1"]},
            {"keys": ["derde:2"], "identifiers": [{"system": "vestigingsnummer", "value": "rommel"}]},
        ],
    }
    with pytest.raises(Invalid) as refusal:
        canonical(_claim(content))
    assert [(error.path, error.value) for error in refusal.value.errors] == [
        ("identifiers.0.value", "0403019262"),
        ("vestigingen.1.identifiers.0.value", "rommel"),
    ]
    assert "check digits" in refusal.value.message


def test_what_must_not_appear_is_named_in_the_form_in_which_it_would() -> None:
    excluded: dict[str, list[Any]] = {
        "identifiers": [{"system": "kbo", "value": "0403.019.261"}, {"system": "riziv", "value": "geen"}],
        "contacts": [{"kind": "phone", "value": "016 33 22 11"}],
        "languages": ["nl"],
    }
    assert canonical(_claim({"kind": "organisatie"}, excluded)).excluded == {
        "identifiers": [{"system": "kbo", "value": "0403019261"}, {"system": "riziv", "value": "geen"}],
        "contacts": [{"kind": "phone", "value": "+3216332211"}],
        "languages": ["nl"],
    }
