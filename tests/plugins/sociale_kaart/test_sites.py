"""Every aanbod is where its row says, also where the address says too little for the hub to recognise it by."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hub import Grant, World, address_of
from hub.directory import Directory
from hub.model.claims import Claim
from hub.model.query import Criterion, Query
from hub.store import Store
from plugins.sociale_kaart import simulator
from plugins.sociale_kaart.reading import read
from plugins.sociale_kaart.translate import offer_content, organisation_content
from plugins.sociale_kaart.vocabulary import SOURCE
from tests.plugins.sociale_kaart.pulls import row
from tests.plugins.sociale_kaart.test_translate import WORDS

GENT = {"postalCode": "9000", "name": {"description": "Gent"}}
ADDRESS = {**row()["addresses"][0], "links": [], "location": None}


@pytest.fixture
def store(database_url: str, tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(database_url, tmp_path)
    yield opened
    opened.close()


def _taken(store: Store, *addresses: dict[str, Any]) -> list[dict[str, Any]]:
    """The addresses where the aanbod of these rows, all of one organisatie, are found; in the order of the rows."""
    rows = [read(row(id={"id": f"{number:064x}"}, addresses=[address]), WORDS) for number, address in enumerate(addresses)]
    about = organisation_content(rows, None, None, WORDS, whole=True)
    claims = [Claim(SOURCE, rows[0].organisation, 1, "organisatie", about)]
    claims += [Claim(SOURCE, each.id, 1, "aanbod", offer_content(each, about, WORDS)) for each in rows]
    counts = store.write(lambda writer: writer.put(claims, origin="test"))
    assert not counts.rejected
    directory = Directory(store, Grant(level="public", name="test"))
    hits = directory.search(Query(types=("aanbod",), sort="number")).hits
    assert len(hits) == len(rows)
    for hit in hits:
        if municipality := address_of(hit.entity).get("municipality"):
            found = directory.search(Query(types=("aanbod",), where=(Criterion("municipality", (municipality,)),))).hits
            assert hit.entity.id in [each.entity.id for each in found]
    return [dict(address_of(hit.entity)) for hit in hits]


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        ({"street": None, "municipality": GENT}, {"postcode": "9000", "house_number": "12"}),
        ({"street": None, "number": None, "municipality": GENT}, {"postcode": "9000", "city": {"nl": "Gent"}}),
        ({"municipality": {"postalCode": "9999", "name": {"description": "Gent"}}}, {"street": {"nl": "Wilgenlaan"}, "house_number": "12"}),
        ({"street": None, "municipality": {"postalCode": "9999", "name": {"description": "Gent"}}}, {"city": {"nl": "Gent"}, "house_number": "12"}),
        ({"municipality": {"postalCode": None, "name": {"description": "Gent"}}}, {"street": {"nl": "Wilgenlaan"}, "city": {"nl": "Gent"}}),
        ({"type": "Postadres"}, {"type": "postal", "postcode": "9100"}),
        ({}, {"street": {"nl": "Wilgenlaan"}, "postcode": "9100"}),
    ],
)
def test_an_aanbod_is_found_where_its_row_says(store: Store, changes: dict[str, Any], shown: dict[str, Any]) -> None:
    (found,) = _taken(store, {**ADDRESS, **changes})
    assert shown.items() <= found.items()


def test_two_towns_without_a_postcode_are_two_vestigingen(store: Store) -> None:
    towns = [{"postalCode": None, "name": {"description": town}} for town in ("Gent", "Brugge")]
    bare = {**ADDRESS, "street": None, "number": None}
    found = _taken(store, *({**bare, "municipality": town} for town in towns))
    assert [address["city"] for address in found] == [{"nl": "Gent"}, {"nl": "Brugge"}]
    assert (
        read(row(addresses=[{**bare, "municipality": towns[0]}], links=[]), WORDS).organisation
        != read(row(addresses=[{**bare, "municipality": towns[1]}], links=[]), WORDS).organisation
    )


def test_two_boxes_of_one_house_are_two_vestigingen(store: Store) -> None:
    boxes = [{**ADDRESS, "number": f"42 {written}"} for written in ("bus 3", "bus 4", "bte 3")]
    found = _taken(store, *boxes)
    assert [(address["house_number"], address["box"]) for address in found] == [("42", "3"), ("42", "4"), ("42", "3")]
    derived = [read(row(addresses=[each], links=[]), WORDS).organisation for each in boxes]
    assert derived[0] == derived[2] != derived[1]


def test_what_was_held_with_number_and_box_in_one_is_the_same_place() -> None:
    raw = row(addresses=[{**ADDRESS, "number": "42 bus 3"}])
    now = organisation_content([read(raw, WORDS)], None, None, WORDS, whole=True)
    (site,) = now["vestigingen"]
    earlier = {key: value for key, value in site["addresses"][0].items() if key != "box"} | {"house_number": "42 bus 3"}
    held = {**now, "vestigingen": [{"addresses": [earlier]}]}
    assert organisation_content([read(raw, WORDS)], None, held, WORDS, whole=False)["vestigingen"] == [site]
    assert offer_content(read(raw, WORDS), now, WORDS)["vestigingen"] == [{"key": site["keys"][0]}]


def test_a_box_is_where_the_register_has_it() -> None:
    """Else each address with a box would stand twice on its fiche, and be proposed to a register that has it."""
    boxed = [address for person in World().persons() for address in person.addresses if address.box and address.type == "practice"]
    assert boxed
    for address in boxed:
        given = read(row(addresses=[simulator._address(address, "x", primary=True)]), WORDS).places[0].address
        assert (given["house_number"], given["box"]) == (address.house_number, address.box)
