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
from plugins.progezondheid.contract import DIALECT, json_schema
from plugins.progezondheid.drift import FIELDS
from plugins.progezondheid.entries import provider_of, written
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


@pytest.fixture(scope="module")
def world() -> World:
    return World()


@pytest.fixture
def running() -> Iterator[ProGezondheidSimulator]:
    with ProGezondheidSimulator(World(), count=40) as simulator:
        yield simulator


def judge(contract: dict[str, Any], schema: str) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(
        {"$ref": f"#/components/schemas/{schema}", "components": contract["components"]},
        validate_formats=True,
    )


def test_a_page_keeps_the_published_contract(contract: dict[str, Any], running: ProGezondheidSimulator) -> None:
    first = running.register.start(0)
    gone = running.register.after(first, 1).items[0]["nihdi8"]
    running.delete(gone)
    page = requests.get(f"{running.url}/providers", headers=HEADERS, timeout=5).json()
    judge(contract, "Page").validate(page)
    assert {"state": "deleted", "nihdi8": gone} == {key: page["items"][0][key] for key in ("state", "nihdi8")}


def test_the_contract_refuses_a_national_number(contract: dict[str, Any], running: ProGezondheidSimulator) -> None:
    provider = running.register.after(running.register.start(0), 1).items[0]
    judge(contract, "Provider").validate(provider)
    assert not judge(contract, "Provider").is_valid({**provider, "ssin": "00000000097"})


def test_the_json_schema_says_what_the_openapi_document_says(contract: dict[str, Any]) -> None:
    shapes = json.dumps(contract["components"]["schemas"]).replace("#/components/schemas/", "#/$defs/")
    assert json_schema() == {"$schema": DIALECT, "title": contract["info"]["title"], "$defs": json.loads(shapes)}
    jsonschema_rs.meta.validate(json_schema())


def test_a_page_in_one_go_is_the_page(world: World) -> None:
    for person in world.register_persons(0, 400):
        assert json.loads(written(person)) == provider_of(person)


def test_proposals_keep_the_published_contract(contract: dict[str, Any], running: ProGezondheidSimulator) -> None:
    provider = running.register.after(running.register.start(0), 1).items[0]
    url = f"{running.url}/providers/{provider['nihdi8']}"
    tag = requests.get(url, headers=HEADERS, timeout=5).headers["ETag"]
    said = {
        "reference": "r1", "nihdi8": provider["nihdi8"], "field": "languages", "old": provider["languages"], "new": ["nl", "sv"],
        "evidence": {"fiche": "f", "changed_at": "2026-11-22T09:00:00Z", "sources": ["sociale-kaart"]},
    }  # fmt: skip
    judge(contract, "NewProposal").validate(said)

    def post(body: Any = said, **headers: str) -> requests.Response:
        return requests.post(f"{running.url}/proposals", json=body, headers={**HEADERS, **headers}, timeout=5)

    keyed = {"Idempotency-Key": "k1", "If-Match": tag}
    first = post(**keyed)
    assert first.status_code == 202
    judge(contract, "Proposal").validate(first.json())
    assert post(**keyed).json() == first.json()
    refused = [
        (post({**said, "new": []}, **keyed), 409),
        (post(**{"Idempotency-Key": "k2"}), 428),
        (post(**{"If-Match": tag}), 400),
        (post(**{**keyed, "Idempotency-Key": "k2", "If-Match": '"other"'}), 412),
        (post({**said, "nihdi8": "00000000"}, **{**keyed, "Idempotency-Key": "k2"}), 404),
        (post({**said, "field": "name"}, **{**keyed, "Idempotency-Key": "k2"}), 422),
        (post({**said, "extra": 1}, **{**keyed, "Idempotency-Key": "k2"}), 400),
        (post({**said, "reference": 5}, **{**keyed, "Idempotency-Key": "k2"}), 400),
        (post({**said, "evidence": {}}, **{**keyed, "Idempotency-Key": "k2"}), 400),
        (post({**said, "field": "contacts", "old": [], "new": [1]}, **{**keyed, "Idempotency-Key": "k2"}), 422),
        (post({**said, "field": "patient_stop", "old": None, "new": "yes"}, **{**keyed, "Idempotency-Key": "k2"}), 422),
        (post(["x"], **{**keyed, "Idempotency-Key": "k2"}), 404),
    ]
    for answer, status in refused:
        assert answer.status_code == status, answer.text
        judge(contract, "Problem").validate(answer.json())
    running.decide(first.json()["id"], accept=True)
    judge(contract, "Provider").validate(requests.get(url, headers=HEADERS, timeout=5).json())
    page = requests.get(f"{running.url}/proposals", headers=HEADERS, timeout=5).json()
    judge(contract, "ProposalPage").validate(page)
    assert [one["state"] for one in page["items"]] == ["pending", "accepted"]
    one = requests.get(f"{running.url}/proposals/{first.json()['id']}", headers=HEADERS, timeout=5).json()
    assert one == page["items"][1]
    for wrong in ({}, {"reference": 5}, {"reference": "r1", "field": "name"}):
        assert requests.post(f"{running.url}/withdrawals", json=wrong, headers=HEADERS, timeout=5).status_code == 400
    back = {"reference": "r1"}
    assert requests.post(f"{running.url}/withdrawals", json=back, headers=HEADERS, timeout=5).json() == {"withdrawn": 0}


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
        ("/proposals?cursor=nonsense", HEADERS, 400),
        ("/proposals?cursor=p0-7", HEADERS, 410),
        ("/proposals?since=2026", HEADERS, 400),
        ("/proposals/p0", HEADERS, 404),
        ("/withdrawals", HEADERS, 405),
        ("/providers", {}, 401),
        ("/providers", {"Authorization": "Bearer another"}, 401),
    ],
)
def test_errors_are_problems(contract: dict[str, Any], running: ProGezondheidSimulator, path: str, headers: dict[str, str], status: int) -> None:
    answer = requests.get(running.url + path, headers=headers, timeout=5)
    assert answer.status_code == status
    judge(contract, "Problem").validate(json.loads(answer.content))


def test_one_caregiver_has_an_etag_that_moves_with_the_version(running: ProGezondheidSimulator) -> None:
    for provider in running.register.after(running.register.start(0), 40).items:
        url = f"{running.url}/providers/{provider['nihdi8']}"
        answer = requests.get(url, headers=HEADERS, timeout=5)
        assert answer.json() == provider
    tag = answer.headers["ETag"]
    for named, status in ((tag, 304), (f'"zz", {tag}', 304), (f"W/{tag}", 304), ('"zz"', 200)):
        assert requests.get(url, headers={**HEADERS, "If-None-Match": named}, timeout=5).status_code == status
    running.edit(provider["nihdi8"], gender="other")
    changed = requests.get(url, headers={**HEADERS, "If-None-Match": tag}, timeout=5)
    assert changed.status_code == 200
    assert changed.json()["version"] == 2


def test_since_leaves_out_what_is_older(running: ProGezondheidSimulator) -> None:
    everybody = running.register.after(running.register.start(0), 40).items
    middle = sorted(provider["updated_at"] for provider in everybody)[20]
    page = requests.get(f"{running.url}/providers", params={"since": middle, "limit": "1000"}, headers=HEADERS, timeout=5).json()
    assert {one["nihdi8"] for one in page["items"]} == {one["nihdi8"] for one in everybody if one["updated_at"] >= middle}
    assert page["complete"]
