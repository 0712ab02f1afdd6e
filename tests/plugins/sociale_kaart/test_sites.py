"""Every aanbod is where its row says, also where the address says too little for the hub to recognise it by."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hub import Grant, address_of
from hub.directory import Directory
from hub.model.claims import Claim
from hub.model.query import Criterion, Query
from hub.store import Store
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
