"""The simulator, as programs see it that others wrote for the real interface: plain HTTP, no knowledge of the hub."""

from __future__ import annotations

import re
import time

import pytest
import requests

from hub.demo import World
from plugins.sociale_kaart.simulator import SocialeKaartSimulator

WZC = "14.04.01. Woonzorgcentra (WZC)"
JSON = {"Accept": "application/json"}


def test_a_program_that_reads_hal_page_by_page(base_url: str, simulator: SocialeKaartSimulator) -> None:
    found: dict[str, str] = {}
    page = 0
    while True:
        answer = requests.get(
            f"{base_url}/health-offers",
            params={"page": str(page), "size": "50", "sort": "LAST_UPDATED_DESC"},
            timeout=10,
        )
        answer.raise_for_status()
        body = answer.json()
        for item in body["_embedded"]["healthOfferProviderRepresentationList"]:
            primary = [address for address in item["addresses"] if address["primary"]]
            where = primary[0]["municipality"]["name"]["description"] if primary else ""
            found[item["id"]["id"]] = f"{item['legalName']['description']} {where}"
        page += 1
        if page >= body["page"]["totalPages"]:
            break
    assert len(found) == body["page"]["totalElements"] == simulator.row_count
    assert all(re.fullmatch(r"[0-9a-f]{64}", key) for key in found)


def test_a_program_that_finds_a_rubriek_and_then_the_number_of_each_offer(base_url: str) -> None:
    rubrieken = requests.get(f"{base_url}/generic-list/rubric", params={"query": "woonzorgcentra"}, timeout=10).json()
    assert [each["name"] for each in rubrieken["content"]] == [WZC]
    body = requests.get(f"{base_url}/health-offers", params={"rubrics": WZC, "size": "2000"}, headers=JSON, timeout=10).json()
    assert len(body["content"]) == body["page"]["totalElements"] > 0
    for item in body["content"]:
        assert WZC in [activity["name"]["description"] for activity in item["activities"]]
        leaflet = requests.get(f"{base_url}/leaflet/{item['id']['id']}", params={"includeHiddenData": "false"}, timeout=10).json()
        assert leaflet["id"]["id"] == item["id"]["id"]
        (number,) = [data["value"] for data in leaflet["administrativeData"] if data["type"] == "CBE_ID"]
        assert re.fullmatch(r"\d{4}\.\d{3}\.\d{3}", number)
        assert all(address["links"][0]["href"] for address in leaflet["addresses"])


def test_every_known_key_stands_in_a_row(base_url: str) -> None:
    (item,) = requests.get(f"{base_url}/health-offers?size=1", headers=JSON, timeout=10).json()["content"]
    assert set(item) >= {
        "id", "type", "state", "verified", "legalName", "addresses", "activities", "contactInfo", "links"
    }  # fmt: skip
    assert set(item["id"]) == {"id", "authenticSource"}
    assert set(item["contactInfo"]) == {"phones", "emails", "websites"}
    assert set(item["addresses"][0]) >= {"primary", "type", "number", "street", "municipality", "links"}


def test_the_body_follows_what_is_accepted(base_url: str) -> None:
    def shape(accept: str) -> set[str]:
        return set(requests.get(f"{base_url}/health-offers", headers={"Accept": accept}, timeout=10).json())

    assert "content" in shape("application/json, text/xml, application/xml, */*")
    assert "_embedded" in shape("*/*")
    assert "_embedded" in shape("application/hal+json")


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("", 20),
        ("?size=3", 3),
        ("?size=0", 20),
        ("?size=x", 20),
        ("?page=9999", 0),
        ("?rubrics=99.%20Niets", 0),
    ],
)
def test_sizes_and_pages_that_nobody_expects(base_url: str, query: str, rows: int) -> None:
    body = requests.get(f"{base_url}/health-offers{query}", headers=JSON, timeout=10).json()
    assert len(body["content"]) == rows


def test_sizes_are_capped(base_url: str) -> None:
    body = requests.get(f"{base_url}/health-offers?size=100000", headers=JSON, timeout=10).json()
    assert body["page"]["size"] == 2000


def test_a_heading_holds_what_is_below_it_and_rubrieken_can_be_added(base_url: str, world: World) -> None:
    def total(*labels: str) -> int:
        params = [("rubrics", label) for label in labels]
        answer = requests.get(f"{base_url}/health-offers", params=params, timeout=10).json()
        return int(answer["page"]["totalElements"])

    heading = world.rubrieken()["14"].numbered_label
    other = world.rubrieken()["19.06.01"].numbered_label
    assert total(heading) >= total(WZC) > 0
    assert total(WZC, other) == total(f"{WZC},{other}") == total(WZC) + total(other)


def test_what_is_not_there_is_a_404_in_json(base_url: str, simulator: SocialeKaartSimulator) -> None:
    for path in ("/leaflet/" + "0" * 64, "/leaflet/no-id", "/nothing"):
        answer = requests.get(base_url + path, timeout=10)
        assert (answer.status_code, answer.json()["status"]) == (404, 404)
    assert requests.get(simulator.url, timeout=10).status_code == 404
    assert requests.get(f"{base_url}/health-offers?sort=name", timeout=10).status_code == 400


def test_hidden_data_is_never_shown(world: World) -> None:
    """Not the zorgverlener who does not want to be public, no mobile for colleagues, no emergency or home address."""
    persons = list(world.persons())
    hidden = [world.source_id("zorgverlener", person.index) for person in persons if person.visibility]
    secret = {contact.raw for person in persons for contact in person.contacts if contact.visibility not in (None, "public")}
    assert len(hidden) > 10 and len(secret) > 50
    with SocialeKaartSimulator(world) as running:
        url = f"{running.url}/api/health-offers?size=2000&includeHiddenData=true&page="
        shown = "".join(requests.get(f"{url}{page}", timeout=10).text for page in range(2))
        assert world.source_id("zorgverlener", persons[-1].index) in shown or persons[-1].visibility
        for source_id in hidden[:5]:
            leaflet = f"{running.url}/api/leaflet/{source_id}?includeHiddenData=true"
            assert requests.get(leaflet, timeout=10).status_code == 404
    assert [value for value in (*secret, *hidden) if value in shown] == []
    assert "Administratief" not in shown


def test_what_is_edited_comes_first(base_url: str, simulator: SocialeKaartSimulator) -> None:
    def first() -> str:
        params = {"size": "1", "sort": "LAST_UPDATED_DESC"}
        body = requests.get(f"{base_url}/health-offers", params=params, headers=JSON, timeout=10).json()
        return str(body["content"][0]["id"]["id"])

    for index in (40, 7):
        assert first() != (edited := simulator.edit(index, state="INACTIVE"))
        assert first() == edited
    gone = simulator.remove(7)
    assert first() != gone
    assert requests.get(f"{base_url}/leaflet/{gone}", timeout=10).status_code == 404


def test_a_page_of_the_large_world_is_made_at_once(large_world: World) -> None:
    with SocialeKaartSimulator(large_world) as running:
        url = f"{running.url}/api/health-offers?size=500&page=20"
        requests.get(url, timeout=60)
        started = time.perf_counter()
        requests.get(url, timeout=10)
        # Orientation is 60 ms on a free machine; this only catches a page that costs a walk through the world.
        assert time.perf_counter() - started < 1.5


@pytest.fixture(scope="module")
def large_world() -> World:
    return World(size="M")
