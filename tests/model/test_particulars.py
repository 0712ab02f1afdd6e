"""What a fiche is called, where it is and how it is reached, as a person would read it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import inf
from types import MappingProxyType
from typing import Any

import pytest

from hub.model.entity import Entity
from hub.model.fiche import Document
from hub.model.particulars import (
    address_of,
    general_contacts,
    name_in,
    nearest_contact,
    number_and_box,
    said_in,
    street_in,
    town_in,
)

OFFER, HOUSE, FIRST, SECOND, ABOVE = (f"0190a0b2-0000-7000-8000-{number:012}" for number in range(1, 6))
NL, FR, DE = {"nl": "Huis"}, {"fr": "Maison"}, {"de": "Haus"}


def named(*names: tuple[str | None, dict[str, str]]) -> Document:
    return {"kind": "aanbod", "names": [{"text": text} | ({} if use is None else {"use": use}) for use, text in names]}


@pytest.mark.parametrize(
    ("text", "language", "said"),
    [
        (NL | FR | DE, "de", ("Haus", "de")),
        (FR | NL, "de", ("Huis", "nl")),
        (DE | FR, "en", ("Maison", "fr")),
        (DE, "nl", ("Haus", "de")),
        ({}, "nl", ("", "nl")),
    ],
)
def test_a_text_is_in_the_language_that_was_asked_for_else_in_dutch_then_in_french(
    text: dict[str, str], language: str, said: tuple[str, str]
) -> None:
    assert said_in(text, language) == said


@pytest.mark.parametrize(
    ("fiche", "language", "name"),
    [
        (named(("former", {"nl": "Oud"}), ("official", NL)), "nl", "Huis"),
        (named(("former", {"fr": "Ancien"}), ("official", NL)), "fr", "Huis"),
        (named(("former", {"nl": "Oud"}), ("alternative", {"nl": "Ook"})), "nl", "Ook"),
        (named(("short", {"nl": "H"}), (None, NL)), "nl", "Huis"),
        (named((None, {"nl": "Zo"}), ("official", NL)), "nl", "Huis"),
        (named(("official", FR), ("official", NL)), "nl", "Huis"),
        (named(("official", FR), ("official", NL)), "en", "Huis"),
        (named(("official", NL), ("official", FR)), "fr", "Maison"),
        (named(("former", {"nl": "Oud"})), "nl", "Oud"),
        ({"kind": "aanbod"}, "nl", ""),
        ({"name": NL | FR}, "fr", "Maison"),
        ({"name": {"family": "Peeters", "given": ["An", "Eva"], "prefix": "Dr."}}, "nl", "Dr. An Eva Peeters"),
        ({"name": {"family": "Peeters"}}, "nl", "Peeters"),
    ],
)
def test_what_it_is_called(fiche: Document, language: str, name: str) -> None:
    assert name_in(fiche, language).text == name


def address(street: str, **more: Any) -> Document:
    return {"street": {"nl": street}, **more}


def offer(
    *named: str,
    sites: tuple[str, ...] = (FIRST, SECOND),
    withheld: bool = False,
    addresses: Mapping[str, list[Document]] = MappingProxyType({}),
    contacts: Sequence[Document] = (),
    theirs: Sequence[Document] = (),
    above: Sequence[Document] = (),
) -> Entity:
    """An aanbod in these vestigingen, of an organisatie (with a parent above it) of which the asker sees those in `sites`."""
    there = {FIRST: [address("Eerstestraat")], SECOND: [address("Tweedestraat")], **addresses}
    fiche: Document = {"id": OFFER, "kind": "aanbod", "organisatie": {"id": HOUSE}, "contacts": contacts}
    if named:
        fiche["vestigingen"] = [{"id": site} for site in named]
    house: Document = {
        "id": HOUSE,
        "kind": "organisatie",
        "vestigingen": [{"id": site, "addresses": there[site]} for site in sites],
        "contacts": theirs,
        "parent": {"id": ABOVE},
    }
    related = {HOUSE: house, ABOVE: {"id": ABOVE, "kind": "organisatie", "contacts": above}}
    return Entity(OFFER, "aanbod", 1, 1, "2026-11-22T09:00:00Z", fiche, related=related, place_withheld=withheld)


@pytest.mark.parametrize(
    ("entity", "street"),
    [
        (offer(SECOND), "Tweedestraat"),
        (offer(), "Eerstestraat"),
        (offer(FIRST, sites=(SECOND,)), ""),
        (offer(sites=(SECOND,), withheld=True), ""),
        (offer(FIRST, SECOND, sites=(SECOND,)), "Tweedestraat"),
        (offer(sites=()), ""),
        (offer(FIRST, addresses={FIRST: [address("Kantoor", type="administrative"), address("Deur", type="practice")]}), "Deur"),
        (offer(FIRST, addresses={FIRST: [address("Kantoor", type="administrative")]}), "Kantoor"),
        (offer(FIRST, addresses={FIRST: [address("Vluchthuis", type="emergency")]}), ""),
    ],
    ids=["named", "none named", "none seen", "withheld", "one seen", "no site", "for visitors", "any other", "for emergencies"],
)
def test_where_an_offer_is(entity: Entity, street: str) -> None:
    assert street_in(address_of(entity), "nl").text == street


@pytest.mark.parametrize(
    ("far", "street"),
    [
        ({"A": 3.0, "B": 0.0, "C": 0.0}, "B"),
        ({"A": 3.0, "B": 2.0, "C": 1.0}, "B"),
        ({"A": 3.0, "B": 4.0, "C": 0.0}, "C"),
        ({"A": inf, "B": inf, "C": inf}, "A"),
        ({}, "A"),
    ],
    ids=["there", "nearest for visitors", "any other, but there", "nowhere", "not asked"],
)
def test_where_an_offer_is_for_who_looks_around_a_place(far: dict[str, float], street: str) -> None:
    entity = offer(addresses={FIRST: [address("A")], SECOND: [address("C", type="administrative"), address("B")]})
    found = address_of(entity, lambda each: far[each["street"]["nl"]]) if far else address_of(entity)
    assert street_in(found, "nl").text == street


@pytest.mark.parametrize(
    ("written", "language", "street", "town"),
    [
        (
            {"street": {"nl": "Vuurvliegkaai"}, "house_number": "41", "box": "7", "postcode": "9000", "city": {"nl": "Gent"}},
            "fr", ("Vuurvliegkaai 41 bus 7", "nl"), ("9000 Gent", "nl"),
        ),
        (
            {"street": {"fr": "Rue", "nl": "Straat"}, "house_number": "1", "postcode": "1040", "city": {"fr": "Bruxelles", "nl": "Brussel"}},
            "de", ("Straat 1", "nl"), ("1040 Brussel", "nl"),
        ),
        ({"street": {"fr": "Rue"}, "box": "7"}, "fr", ("Rue boîte 7", "fr"), ("", "fr")),
        ({"street": {"fr": "Rue"}, "house_number": "1", "box": "7"}, "en", ("Rue 1 boîte 7", "fr"), ("", "en")),
        ({"street": {"de": "Weg"}, "house_number": "1", "box": "7"}, "de", ("Weg 1 Bus 7", "de"), ("", "de")),
        ({"house_number": "1", "box": "7"}, "en", ("1 bus 7", "en"), ("", "en")),
        ({"postcode": "9000"}, "nl", ("", "nl"), ("9000", "nl")),
    ],
)  # fmt: skip
def test_how_an_address_is_written(written: Document, language: str, street: tuple[str, str], town: tuple[str, str]) -> None:
    assert (street_in(written, language), town_in(written, language)) == (street, town)


@pytest.mark.parametrize(
    "written", ["42 bus 3", "42 Bus3", "42bus 3", "42, bus 3", "42 bte 3", "42 bte. 3", "42 boîte 3", "42 BOITE 3", "42 box 3", "42 b 3", "42 b.3"]
)
def test_a_box_is_told_from_the_house_number_by_a_word(written: str) -> None:
    assert number_and_box(written) == ("42", "3")


@pytest.mark.parametrize(
    ("written", "number", "box"),
    [
        ("42A bus 0101", "42A", "0101"), ("42-44 bte A", "42-44", "A"), ("42/3 bus A1.02", "42/3", "A1.02"), ("42b bus 3", "42b", "3"),
        *((whole, whole, None) for whole in ("", "42", "42b", "42 b", "42b3", "42 b3", "42/3", "42 boxer 3", "42 postbus 3", "42 bus", "42 bus halte", "bus 3", "42" * 40)),
    ],
)  # fmt: skip
def test_what_no_word_calls_a_box_stays_with_the_house_number(written: str, number: str, box: str | None) -> None:
    assert number_and_box(written) == (number, box)


def way(kind: str, value: str, **more: str) -> Document:
    return {"kind": kind, "value": value, **more}


OWN, THEIRS = way("phone", "own"), way("phone", "theirs")


@pytest.mark.parametrize(
    ("contacts", "theirs", "above", "number"),
    [
        ([OWN], [THEIRS], [], "own"),
        ([], [THEIRS], [], "theirs"),
        ([way("mobile", "own")], [THEIRS], [], "own"),
        ([way("mobile", "gsm"), OWN], [THEIRS], [], "own"),
        ([OWN, {**way("phone", "main"), "primary": True}], [THEIRS], [], "main"),
        ([OWN, {**way("mobile", "gsm"), "primary": True}, way("phone", "other")], [THEIRS], [], "gsm"),
        ([OWN], [{**THEIRS, "primary": True}], [], "own"),
        ([OWN, way("phone", "second")], [], [], "own"),
        ([way("email", "e@example.org")], [way("mobile", "theirs")], [way("phone", "far")], "theirs"),
        *[([way("phone", "special", purpose=purpose)], [THEIRS], [], "theirs") for purpose in ("complaints", "emergency", "colleagues")],
        ([way("phone", "special", purpose="complaints")], [], [], ""),
        ([way("phone", "to make an appointment", purpose="appointments")], [THEIRS], [], "to make an appointment"),
    ],
)
def test_which_number_to_call(contacts: list[Document], theirs: list[Document], above: list[Document], number: str) -> None:
    found = general_contacts(offer(contacts=contacts, theirs=theirs, above=above))
    assert nearest_contact(found, "phone", "mobile") == number
