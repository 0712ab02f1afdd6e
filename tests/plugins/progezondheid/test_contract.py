"""ProGezondheid against the suite of every source, and its simulator against the contract that we publish."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import jsonschema_rs
import pytest
import requests
import yaml  # type: ignore[import-untyped]

from hub import Simulator, World
from hub.testing.contracts import SourceContract
from plugins.progezondheid.connector import ProGezondheid
from plugins.progezondheid.drift import FIELDS
from plugins.progezondheid.simulator import TOKEN, ProGezondheidSimulator

HEADERS = {"Authorization": f"Bearer {TOKEN}"}


class TestSource(SourceContract):
    connector = ProGezondheid

    def simulator(self) -> Simulator:
        return ProGezondheidSimulator(World(), count=60)

    def config(self, url: str) -> dict[str, Any]:
        return {"base_url": url, "token": TOKEN, "page_size": 7}


@pytest.fixture(scope="module")
def contract() -> dict[str, Any]:
    text = (files("plugins.progezondheid.contract") / "openapi.yaml").read_text(encoding="utf-8")
    loaded: dict[str, Any] = yaml.safe_load(text)
    return loaded


@pytest.fixture
def running() -> Iterator[ProGezondheidSimulator]:
    with ProGezondheidSimulator(World(), count=40) as simulator:
        yield simulator


def judge(contract: dict[str, Any], schema: str) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(
        {"$ref": f"#/components/schemas/{schema}", "components": contract["components"]},
        validate_formats=True,
    )


def test_a_page_keeps_the_published_contract(
    contract: dict[str, Any], running: ProGezondheidSimulator
) -> None:
    first = running.register.start(0)
    gone = running.register.after(first, 1).items[0]["nihdi8"]
    running.delete(gone)
    page = requests.get(f"{running.url}/providers", headers=HEADERS, timeout=5).json()
    judge(contract, "Page").validate(page)
    assert {"state": "deleted", "nihdi8": gone} == {key: page["items"][0][key] for key in ("state", "nihdi8")}


def test_the_contract_refuses_a_national_number(
    contract: dict[str, Any], running: ProGezondheidSimulator
) -> None:
    provider = running.register.after(running.register.start(0), 1).items[0]
    judge(contract, "Provider").validate(provider)
    assert not judge(contract, "Provider").is_valid({**provider, "ssin": "00000000097"})


def test_drift_is_judged_by_the_fields_of_the_contract(contract: dict[str, Any]) -> None:
    assert set(FIELDS) == set(contract["components"]["schemas"]["Registered"]["required"])


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/providers?limit=0", HEADERS, 400),
        ("/providers?limit=1001", HEADERS, 400),
        ("/providers?limit=%C2%B2", HEADERS, 400),
        ("/providers?cursor=nonsense", HEADERS, 400),
        ("/providers?cursor=l1-2", HEADERS, 400),
        ("/providers?cursor=lffff-0-0-0", HEADERS, 410),
        ("/providers?since=yesterday", HEADERS, 400),
        ("/providers?page=2", HEADERS, 400),
        ("/providers/00000000", HEADERS, 404),
        ("/elsewhere", HEADERS, 404),
        ("/providers", {}, 401),
        ("/providers", {"Authorization": "Bearer another"}, 401),
    ],
)
def test_errors_are_problems(
    contract: dict[str, Any], running: ProGezondheidSimulator, path: str, headers: dict[str, str], status: int
) -> None:
    answer = requests.get(running.url + path, headers=headers, timeout=5)
    assert answer.status_code == status
    judge(contract, "Problem").validate(json.loads(answer.content))


def test_one_caregiver_has_an_etag_that_moves_with_the_version(running: ProGezondheidSimulator) -> None:
    for provider in running.register.after(running.register.start(0), 40).items:
        url = f"{running.url}/providers/{provider['nihdi8']}"
        answer = requests.get(url, headers=HEADERS, timeout=5)
        assert answer.json() == provider
    tag = answer.headers["ETag"]
    assert requests.get(url, headers={**HEADERS, "If-None-Match": tag}, timeout=5).status_code == 304
    running.edit(provider["nihdi8"], gender="other")
    changed = requests.get(url, headers={**HEADERS, "If-None-Match": tag}, timeout=5)
    assert changed.status_code == 200
    assert changed.json()["version"] == 2


def test_since_leaves_out_what_is_older(running: ProGezondheidSimulator) -> None:
    everybody = running.register.after(running.register.start(0), 40).items
    middle = sorted(provider["updated_at"] for provider in everybody)[20]
    page = requests.get(
        f"{running.url}/providers", params={"since": middle, "limit": "1000"}, headers=HEADERS, timeout=5
    ).json()
    assert {one["nihdi8"] for one in page["items"]} == {
        one["nihdi8"] for one in everybody if one["updated_at"] >= middle
    }
    assert page["complete"]
