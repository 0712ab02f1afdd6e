"""What was public once and is hidden now: gone from the past as well, and nothing else with it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.model.audience import Grant, project, stamp
from hub.model.fiche import KINDS, Document
from hub.model.hindsight import withheld
from tests.fiches import fiches

PHONE = {"kind": "phone", "value": "+3290000001"}
ID = "7a0b5f2e-8f0e-4d5e-9a57-3a6f3f1f0a01"


def organisation(**fields: Any) -> Document:
    return stamp("organisatie", {"id": ID, "kind": "organisatie", "names": [{"text": {"nl": "De Proef"}}], **fields})


def site(**fields: Any) -> Document:
    return {"id": ID.replace("1", "2"), "keys": ["x"], **fields}


@pytest.mark.parametrize(
    ("then", "now"),
    [
        ({"contacts": [PHONE]}, {"contacts": [{**PHONE, "visibility": "internal"}]}),
        ({"contacts": [PHONE]}, {"contacts": [PHONE], "field_visibility": {"contacts": "professional"}}),
        ({"vestigingen": [site(contacts=[PHONE])]}, {"vestigingen": [site(contacts=[{**PHONE, "visibility": "professional"}])]}),
        ({"vestigingen": [site(contacts=[PHONE])]}, {"vestigingen": [site(contacts=[PHONE], visibility="internal")]}),
    ],
)
def test_a_value_that_is_hidden_now_is_not_told_of_the_past(then: Document, now: Document) -> None:
    before, after = organisation(**then), organisation(**now)
    assert PHONE["value"] not in str(withheld(before, after, 0))
    assert PHONE["value"] in str(withheld(before, after, 2))


@pytest.mark.parametrize("text", [{"nl": "Blijf van mijn lijf"}, {"nl": "BLIJF VAN MIJN LIJF"}, {"fr": "Refuge", "nl": "iets anders"}])
def test_a_name_that_is_hidden_now_is_not_told_in_another_spelling_or_language_either(text: Document) -> None:
    before = organisation(names=[{"text": {"nl": "De Proef"}}, {"text": text}])
    after = organisation(names=[{"text": {"nl": "Blijf van mijn lijf", "fr": "refuge"}, "visibility": "internal"}])
    kept = withheld(before, after, 0)
    assert kept is not None
    assert [name["text"] for name in kept["names"]] == [{"nl": "De Proef"}]
    assert withheld(before, after, 2) == before


def test_a_fiche_that_is_hidden_now_has_no_past() -> None:
    assert withheld(organisation(), organisation(visibility="professional"), 0) is None
    assert withheld(organisation(), organisation(visibility="professional"), 1) is not None


def test_what_is_only_gone_stays_in_the_past() -> None:
    before = organisation(contacts=[PHONE])
    assert withheld(before, organisation(), 0) == before
    assert withheld(before, None, 0) == before


@given(st.sampled_from(KINDS).flatmap(fiches))
def test_a_fiche_that_did_not_change_looks_as_it_does_today(fiche: Document) -> None:
    stamped = stamp(fiche["kind"], fiche)
    for level, rank in (("public", 0), ("professional", 1), ("internal", 2)):
        grant = Grant(level=level)  # type: ignore[arg-type]
        kept = withheld(stamped, stamped, rank)
        assert (kept and project(kept, grant, "2026-11-22")) == project(stamped, grant, "2026-11-22")
