"""Programs in the style of those that others wrote for the real interface: they know nothing of us and check nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
import requests

from hub import World
from plugins.sociaal_brussels.simulator import SociaalBrusselsSimulator


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    with SociaalBrusselsSimulator(World()) as simulator:
        yield simulator.url


def fetch(url: str) -> Any:
    return requests.get(url, timeout=5).json()


def test_a_program_that_loads_everything_into_its_own_index(base: str) -> None:
    docs = fetch(f"{base}/rest/search/organisation/*")
    index = {}
    for doc in docs:
        place = doc["address"]
        index[doc["id"]] = {
            "location": [place["lat"], place["lon"]] if place is not None else None,
            "town": f"{place['postalCodeFr']} / {place['municipalityNl']}" if place is not None else "",
            "categories": [category["id"] for category in doc["categoriesObject"]],
            "company": [re.sub("[^0-9]", "", number) for number in doc["pmRp"]],
            "phones": [re.sub("[^0-9]", "", number) for number in doc["telFr"] + doc["telNl"] + doc["faxFr"] + doc["faxNl"]],
            "updated": datetime.strptime(doc["lastUpdate"], "%d/%m/%y"),
            "names": [
                doc["nameOfficialFr"],
                doc["nameOfficialNl"],
                *doc["nameAlternativeFr"],
                *doc["nameFormerNl"],
            ],
            "sites": doc["websiteOfficialFr"] + doc["websiteUnofficialFr"] + doc["websiteInfoNl"],
            "hours": (doc["permanencyFr"], doc["permanencyNl"]),
            "texts": (doc["descriptionFr"], doc["remarkNl"], doc["activitiesFr"], doc["publicNl"]),
            "journal": doc["websiteBelgianOfficialJournalFr"] + doc["websiteBelgianOfficialJournalNl"],
            "other": (
                doc["langStatus"],
                doc["startDate"],
                doc["type"],
                doc["categories"],
                doc["sectorsObjects"],
            ),
        }
    assert len(index) == len(docs) == World().brussels_count
    assert any(entry["location"] is None for entry in index.values())


def test_a_program_that_shows_one_organisation(base: str) -> None:
    number = fetch(f"{base}/rest/search/organisation/*")[1]["id"]
    data = fetch(f"{base}/rest/organisation/{number}")
    shown = [
        data["nameOfficialFr"],
        data["legalStatus"]["labelFr"],
        data["legalStatus"]["labelNl"],
        data["address"]["streetFr"],
    ]
    assert all(isinstance(text, str) for text in shown)
    assert requests.get(f"{base}/rest/organisation/{number + 1}", timeout=5).status_code == 404


def test_a_program_that_loads_the_lookups(base: str) -> None:
    for path in ("agreementpowers", "legalstatus", "sectors", "offertypes", "actionzones"):
        rows = fetch(f"{base}/rest/{path}")
        assert rows
        assert all(isinstance(row["id"], int) and row["labelFr"] and row["labelNl"] for row in rows)
    for agreement in fetch(f"{base}/rest/agreements"):
        del agreement["agreementPower"]
    for language in fetch(f"{base}/rest/languageoffer"):
        assert str(language["nameFr"]).strip()
    assert sum(category["organisationsCount"] for category in fetch(f"{base}/rest/search/category?activity=*")) > 0


def test_a_program_that_walks_the_sectors(base: str) -> None:
    everybody = {doc["id"] for doc in fetch(f"{base}/rest/search/organisation/*")}
    found = set()
    for sector in fetch(f"{base}/rest/sectors"):
        assert fetch(f"{base}/rest/sector/{sector['id']}")["categories"]
        assert fetch(f"{base}/rest/sector/{sector['id']}/paths")
        found |= {doc["id"] for doc in fetch(f"{base}/rest/sector/{sector['id']}/organisations")}
    assert found < everybody


def test_a_program_that_asks_by_agreement(base: str) -> None:
    parts = [{doc["id"] for doc in fetch(f"{base}/rest/search/organisation?agreements={number}")} for number in (648, 649, 650)]
    assert all(parts)
    assert sum(map(len, parts)) == len(set.union(*parts)) == World().brussels_count


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/rest/search/organisation", 400),
        ("/rest/search/organisation?nonsense=1", 400),
        ("/rest/organisation/%00", 404),
        ("/rest/organisation/99999999999999999999999", 404),
        ("/rest/sector/5", 404),
        ("/rest/sector/900/x", 404),
        ("/", 404),
    ],
)
def test_nonsense_is_answered(base: str, path: str, status: int) -> None:
    assert requests.get(base + path, timeout=5).status_code == status
