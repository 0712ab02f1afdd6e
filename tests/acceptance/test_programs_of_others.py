"""Programs in the way others wrote them for the real interfaces, pointed at `fichehub simulate` in a process of its own."""

from __future__ import annotations

import csv
import io
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import requests

from hub import World
from tests.acceptance.installation import FICHEHUB, ROOT


@contextmanager
def simulated(system: str, *arguments: str) -> Iterator[str]:
    """`fichehub simulate` on a free port; the base address that it says."""
    process = subprocess.Popen([*FICHEHUB, "simulate", system, *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        said = process.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:\d+", said)
        assert found, said
        yield found[0]
    finally:
        process.terminate()
        process.communicate(timeout=20)


@pytest.fixture(scope="module")
def sociale_kaart() -> Iterator[str]:
    with simulated("sociale-kaart", "--size", "S") as address:
        yield f"{address}/api"


@pytest.fixture(scope="module")
def sociaal_brussels() -> Iterator[str]:
    with simulated("sociaal-brussels") as address:
        yield f"{address}/rest"


def with_patience(session: requests.Session, url: str, **params: Any) -> Any:
    """Three tries with a pause, as such scripts do, and no other care."""
    for attempt in range(4):
        try:
            answer = session.get(url, params=params, timeout=30)
            answer.raise_for_status()
            return answer.json()
        except requests.RequestException:
            if attempt == 3:
                raise
            time.sleep(0.05)
    raise AssertionError


def test_a_script_that_makes_a_table_of_a_rubriek(sociale_kaart: str) -> None:
    """The way of httr: `content`, a label looked up by a word, one detail call per row for the number of the enterprise."""
    session = requests.Session()
    session.headers["Accept"] = "application/json, text/xml, application/xml, */*"
    labels = with_patience(session, f"{sociale_kaart}/generic-list/rubric", query="woonzorgcentra")["content"]
    label = next(each["name"] for each in labels if "(WZC)" in each["name"])
    table = io.StringIO()
    writer = csv.writer(table)
    page, pages = 0, 1
    seen = set()
    while page < pages:
        body = with_patience(session, f"{sociale_kaart}/health-offers", rubrics=label, page=page, size=20, sort="LAST_UPDATED_DESC")
        pages = body["page"]["totalPages"]
        for item in body["content"]:
            detail = with_patience(session, f"{sociale_kaart}/leaflet/{item['id']['id']}", includeHiddenData="false")
            kbo = [each["value"] for each in detail["administrativeData"] if each["type"] == "CBE_ID"]
            visit = [address for address in item["addresses"] if address["type"] == "Bezoekadres"]
            place = visit[0] if visit else {}
            location = place.get("location") or {}
            seen.add(item["id"]["id"])
            writer.writerow(
                [
                    item["id"]["id"],
                    item["legalName"]["description"],
                    kbo[0],
                    place["street"]["name"]["description"] if place else "",
                    place.get("number", ""),
                    place["municipality"]["postalCode"] if place else "",
                    place["municipality"]["name"]["description"] if place else "",
                    location.get("lat"),
                    location.get("lon"),
                    place["links"][0]["href"] if place else "",
                    "; ".join(each["value"] for each in item["contactInfo"]["phones"]),
                    "; ".join(each["value"] for each in item["contactInfo"]["websites"]),
                    "; ".join(each["name"]["description"] for each in item["activities"]),
                ]
            )
        page += 1
    table.seek(0)
    lines = list(csv.reader(table))
    assert len(lines) == len(seen) == body["page"]["totalElements"] > 5
    assert all(label in line[12] and re.fullmatch(r"\d{4}\.\d{3}\.\d{3}", line[2]) for line in lines)


def test_a_script_that_collects_everything_and_compares_with_the_total(sociale_kaart: str) -> None:
    """The way of python requests: HAL, pages of 2000, doubles taken out, and it stops when the numbers do not agree."""
    session = requests.Session()
    found: dict[str, Any] = {}
    page = 0
    while True:
        body = with_patience(session, f"{sociale_kaart}/health-offers", page=page, size=2000, sort="RELEVANCE")
        for item in body["_embedded"]["healthOfferProviderRepresentationList"]:
            found[item["id"]["id"]] = item
        page += 1
        if page == body["page"]["totalPages"]:
            break
    assert len(found) == body["page"]["totalElements"] > World().offer_count
    without_place = [item for item in found.values() if not item["addresses"]]
    schemeless = [site["value"] for item in found.values() for site in item["contactInfo"]["websites"] if not site["value"].startswith("http")]
    assert without_place and schemeless, "the oddities of the real one are there"


def test_a_script_survives_pages_that_shift(sociale_kaart: str) -> None:
    """It asks until the set is whole: rows that move come twice or not at all."""
    session = requests.Session()
    session.headers["Accept"] = "application/json"
    root = sociale_kaart.removesuffix("/api")
    session.post(f"{root}/_faults", json={"name": "page-shift", "on": True}, timeout=5).raise_for_status()
    try:
        found: set[str] = set()
        total = -1
        for _ in range(12):
            page, pages = 0, 1
            while page < pages:
                body = with_patience(session, f"{sociale_kaart}/health-offers", page=page, size=500, sort="LAST_UPDATED_DESC")
                found |= {item["id"]["id"] for item in body["content"]}
                total, pages = body["page"]["totalElements"], body["page"]["totalPages"]
                page += 1
            if len(found) == total:
                break
        assert len(found) == total
    finally:
        session.post(f"{root}/_faults", json={"name": "page-shift", "on": False}, timeout=5)


def test_a_site_that_shows_brussels(sociaal_brussels: str) -> None:
    """Sectors, then what is in each, then one organisation; two-digit years, addresses that may be null."""
    session = requests.Session()
    everybody = with_patience(session, f"{sociaal_brussels}/search/organisation/*")
    assert len(everybody) == World().brussels_count
    listed = set()
    for sector in with_patience(session, f"{sociaal_brussels}/sectors"):
        for row in with_patience(session, f"{sociaal_brussels}/sector/{sector['id']}/organisations"):
            listed.add(row["id"])
    assert listed <= {row["id"] for row in everybody} and listed
    row = with_patience(session, f"{sociaal_brussels}/organisation/{min(listed)}")
    assert time.strptime(row["lastUpdate"], "%d/%m/%y")
    assert row["nameOfficialFr"] or row["nameOfficialNl"]
    assert isinstance(row["telFr"], list) and isinstance(row["pmRp"], list)
    assert any(each["address"] is None for each in everybody)
    assert requests.get(f"{sociaal_brussels}/organisation/1", timeout=5).status_code == 404


def test_a_fault_asked_for_by_name_is_there_from_the_start() -> None:
    with simulated("sociale-kaart", "--fault", "rate-limit=2") as address:
        codes = [requests.get(f"{address}/api/health-offers?size=1", timeout=5) for _ in range(4)]
    assert [answer.status_code for answer in codes] == [200, 429, 200, 429]
    assert codes[1].headers["Retry-After"] == "1"


def test_an_unknown_fault_is_named_with_those_that_there_are() -> None:
    answer = subprocess.run([*FICHEHUB, "simulate", "sociale-kaart", "--fault", "earthquake"], cwd=ROOT, capture_output=True, text=True)
    assert answer.returncode == 2
    assert "earthquake" in answer.stderr and "page-shift" in answer.stderr
