"""One selection gives the same fiches in every output."""

from __future__ import annotations

import io
import json
import os
import subprocess
from typing import Any
from urllib.parse import quote

import openpyxl
import pytest
from flask.testing import FlaskClient

from hub.directory import Directory
from hub.model.audience import PUBLIC
from tests.acceptance.conftest import Loaded
from tests.acceptance.installation import FICHEHUB, ORGANISATIONS, ROOT, fiche_of


def followed(client: FlaskClient, address: str) -> list[str]:
    """The ids of all pages of a search in the API."""
    found = []
    while True:
        page = client.get(address).get_json()
        found += [item["id"] for item in page["items"]]
        if "next" not in page:
            return found
        address = page["next"]


def bundled(client: FlaskClient, address: str) -> list[str]:
    """The ids of all pages of a FHIR search."""
    found = []
    while True:
        page = client.get(address).get_json()
        found += [entry["resource"]["id"] for entry in page.get("entry", ())]
        following = [link["url"] for link in page["link"] if link["relation"] == "next"]
        if not following:
            return found
        address = following[0]


def carded(client: FlaskClient, words: str) -> list[str]:
    """The ids of all pages of the widget."""
    found: list[str] = []
    after = ""
    while True:
        page = client.get(f"/widget/v1/search?{after or words}").get_json()
        found += [item["id"] for item in page["items"]]
        if not page["next"]:
            return found
        after = f"after={quote(page['next'])}"


def booked(loaded: Loaded, **config: Any) -> list[str]:
    """The numbers of the fiches in a workbook."""
    file = io.BytesIO()
    loaded.hub.excel(Directory(loaded.hub.store, PUBLIC), file, **config)
    header, *lines = [[cell.value for cell in line] for line in openpyxl.load_workbook(file)["Aanbod"].iter_rows()]
    return [str(line[header.index("Fichenummer")]) for line in lines]


def queried(loaded: Loaded, *arguments: str) -> list[str]:
    """The ids that the command line finds, in a process of its own."""
    home = loaded.hub.store.home
    answer = subprocess.run(
        [*FICHEHUB, "query", "--json", "--kind", "aanbod", "--limit", "1000", *arguments],
        cwd=ROOT,
        env={**os.environ, "FICHEHUB_HOME": str(home)},
        capture_output=True,
        text=True,
        check=True,
    )
    return [item["id"] for item in json.loads(answer.stdout)["items"]]


@pytest.fixture
def client(loaded: Loaded) -> FlaskClient:
    return loaded.hub.client()


def test_a_word_in_every_output(loaded: Loaded, client: FlaskClient) -> None:
    word = "vuur"
    expected = {
        fiche_of(loaded.hub.store, "sociale-kaart", loaded.world.source_id("aanbod", offer.index))
        for org in loaded.world.organisations()
        if org.index < ORGANISATIONS and any(part.startswith("Vuur") for part in org.name.split())
        for offer in loaded.world.offers_of(org)
    }
    answers = {
        "api": followed(client, f"/api/v1/fiches?name={word}&kind=aanbod&pageSize=3"),
        "fhir": bundled(client, f"/fhir/HealthcareService?name={word}&_count=2"),
        "cli": queried(loaded, "--where", f"name={word}"),
    }
    for where, found in answers.items():
        assert len(found) == len(set(found)), where
        assert expected <= set(found), where
        assert set(found) == set(answers["api"]), where
    texts = {
        "api": followed(client, f"/api/v1/fiches?text={word}&kind=aanbod&pageSize=7"),
        "widget": carded(client, f"what={word}"),
        "local": carded(client, f"what={word}&where=9000"),
        "excel": booked(loaded, text=word),
        "cli": queried(loaded, "--text", word),
    }
    for where, found in texts.items():
        assert len(found) == len(set(found)), where
        assert set(found) == set(texts["api"]), where
    assert expected <= set(texts["api"])


def test_a_rubriek_in_a_place_in_every_output(loaded: Loaded, client: FlaskClient) -> None:
    org = next(org for org in loaded.world.organisations() if org.sites and org.region == "vlaanderen")
    code = org.rubriek.split(".")[0]
    postcode = org.sites[0].address.postcode
    total = client.get(f"/fhir/HealthcareService?service-type={code}&_total=accurate&_count=0").get_json()
    broad = {
        "api": followed(client, f"/api/v1/fiches?kind=aanbod&rubriek={code}&pageSize=9"),
        "fhir": bundled(client, f"/fhir/HealthcareService?service-type={code}&_count=9"),
        "excel": booked(loaded, rubrieken=[code]),
        "cli": queried(loaded, "--where", f"code=rubriek|{code}"),
    }
    narrow = {
        "api": followed(client, f"/api/v1/fiches?kind=aanbod&rubriek={code}&postcode={postcode}"),
        "fhir": bundled(client, f"/fhir/HealthcareService?service-type={code}&location.address-postalcode:exact={postcode}"),
        "excel": booked(loaded, rubrieken=[code], postcodes=[postcode]),
        "cli": queried(loaded, "--where", f"code=rubriek|{code}", "--where", f"postcode={postcode}"),
    }
    for answers in (broad, narrow):
        for where, found in answers.items():
            assert found, where
            assert len(found) == len(set(found)), where
            assert set(found) == set(answers["api"]), where
    assert set(narrow["api"]) < set(broad["api"])
    assert total["total"] == len(broad["api"])
