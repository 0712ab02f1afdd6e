"""Pairs of fiches that may be one, for programs of administrators."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from hub import plugins
from hub.access import Agreement, issue_key, save_agreement
from hub.model.claims import Claim
from hub.store import Store, Writer
from hub.store.editing import edit
from hub.web import Settings, create_app
from tests.web.conftest import NOW

API = "/api/v1"
PHONE = {"kind": "phone", "value": "+3290000001"}


def _said(source: str) -> Claim:
    content = {"kind": "organisatie", "names": [{"text": {"nl": f"Beuk van {source}"}}], "contacts": [PHONE]}
    return Claim(source, "b", 1, "organisatie", content)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Three fiches of three sources that share a telephone number."""
    store = Store.open(f"sqlite:///{tmp_path / 'fichehub.sqlite'}", tmp_path)
    for source in ("een", "twee", "drie"):
        store.write(lambda writer, source=source: writer.put([_said(source)], origin=source))  # type: ignore[misc]
    yield store
    store.close()


def _client(store: Store, *rights: str) -> FlaskClient:
    def give(writer: Writer) -> str:
        agreement = Agreement(
            name="wacht",
            title="wacht",
            purpose="test",
            legal_basis="test",
            contact="a@example.org",
            our_contact="b@example.org",
            level="internal",
            rights=frozenset(rights),
        )
        save_agreement(writer.connection, agreement, NOW)
        return issue_key(writer.connection, "wacht", NOW)

    key = store.write(give)
    client = create_app(store, plugins.load(installed=False), Settings()).test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {key}"
    return client


@pytest.fixture
def operator(store: Store) -> FlaskClient:
    return _client(store, "operate")


def test_without_the_right_nothing_is_told_or_done(store: Store) -> None:
    client = _client(store, "audit")
    asked = [client.get(f"{API}/reviews"), client.get(f"{API}/reviews/x/y")]
    asked.append(client.post(f"{API}/reviews/x/y", json={"decision": "same", "by": "An"}))
    asked.append(client.post(f"{API}/reviews/split", json={"fiche": "x", "claims": [{"source": "een", "externalId": "b"}], "by": "An"}))
    assert {(answer.status_code, "operate" in answer.get_json()["detail"]) for answer in asked} == {(403, True)}


def test_pairs_come_oldest_first_and_each_once(operator: FlaskClient) -> None:
    read, address = [], f"{API}/reviews?pageSize=2"
    while address:
        page = operator.get(address).get_json()
        read += [(item["fiche"]["sources"], item["other"]["sources"]) for item in page["items"]]
        address = page.get("next", "")
    assert read == [(["twee"], ["een"]), (["drie"], ["een"]), (["drie"], ["twee"])]
    assert operator.get(f"{API}/reviews?state=different").get_json()["items"] == []


def test_a_pair_is_shown_joined_and_split(operator: FlaskClient) -> None:
    first = operator.get(f"{API}/reviews?pageSize=1").get_json()["items"][0]
    assert (first["why"], first["fiche"]["name"], first["state"]) == (["the same telephone number"], "Beuk van twee", "open")
    shown = operator.get(first["href"]).get_json()
    assert (shown["stays"]["sources"], shown["goes"]["sources"], shown["heldApartBy"]) == (["een"], ["twee"], [])
    assert shown["review"] == first
    refused = operator.post(first["href"], json={"decision": "maybe", "by": "An"})
    assert refused.status_code == 400
    done = operator.post(first["href"], json={"decision": "same", "by": "An"}).get_json()
    assert done == {"fiche": shown["stays"]["href"], "other": shown["goes"]["href"], "decision": "same"}
    assert operator.get(done["other"]).headers["Location"] == done["fiche"]
    assert operator.get(done["fiche"]).get_json()["sources"] == ["een", "twee"]
    (decided,) = operator.get(f"{API}/reviews?state=same").get_json()["items"]
    assert (decided["by"], decided["fiche"]["name"]) == ("An", "")
    assert [item["fiche"]["sources"] for item in operator.get(f"{API}/reviews").get_json()["items"]] == [["drie"]]
    assert {change["origin"] for change in operator.get(f"{API}/fiches/{shown['stays']['id']}/history").get_json()["items"]} >= {"An"}
    wrong = {"fiche": shown["stays"]["id"], "claims": [{"source": "een", "externalId": "x"}], "by": "An"}
    assert operator.post(f"{API}/reviews/split", json=wrong).status_code == 400
    right = {**wrong, "claims": [{"source": "twee", "externalId": "b"}]}
    split = operator.post(f"{API}/reviews/split", json=right).get_json()
    assert split == {"fiche": done["fiche"], "split": done["other"], "claims": right["claims"]}
    assert operator.get(done["other"]).get_json()["sources"] == ["twee"]


def test_a_split_tells_what_left_unasked(operator: FlaskClient, store: Store) -> None:
    first = operator.get(f"{API}/reviews?pageSize=1").get_json()["items"][0]
    edit(store, first["fiche"]["id"], "languages", ["fr"], "an")
    operator.post(first["href"], json={"decision": "same", "by": "An"})
    asked = {"fiche": first["other"]["id"], "claims": [{"source": "twee", "externalId": "b"}], "by": "An"}
    told = operator.post(f"{API}/reviews/split", json=asked).get_json()
    assert told["claims"] == [{"source": "editor", "externalId": first["fiche"]["id"]}, *asked["claims"]]
    assert operator.get(told["split"]).get_json()["fiche"]["languages"] == ["fr"]


def test_what_went_is_read_as_it_was(operator: FlaskClient) -> None:
    first = operator.get(f"{API}/reviews?pageSize=1").get_json()["items"][0]
    old = first["fiche"]["href"]
    was = operator.get(old).get_json()
    operator.post(first["href"], json={"decision": "same", "by": "An"})
    then = operator.get(f"{old}?asAt={was['seq']}")
    assert (then.status_code, then.get_json()["fiche"]) == (200, was["fiche"])
    gone, made = operator.get(f"{old}/history").get_json()["items"]
    assert (gone["operation"], made["operation"]) == ("delete", "create")
    assert operator.get(made["href"]).get_json()["fiche"] == was["fiche"]
    late = operator.get(f"{old}?asAt={gone['seq']}")
    assert (late.status_code, late.headers["Location"]) == (308, f"{first['other']['href']}?asAt={gone['seq']}")


def test_kept_apart_waits_no_more(operator: FlaskClient) -> None:
    for item in operator.get(f"{API}/reviews").get_json()["items"]:
        assert operator.post(item["href"], json={"decision": "different", "by": "An"}).status_code == 200
    assert operator.get(f"{API}/reviews").get_json()["items"] == []
    assert {item["by"] for item in operator.get(f"{API}/reviews?state=different").get_json()["items"]} == {"An"}


def test_the_start_page_says_how_many_wait(store: Store) -> None:
    client = create_app(store, plugins.load(installed=False)).test_client()
    for language, words in (("nl", "wachten:"), ("fr", "attendent"), ("de", "warten:"), ("en", "wait for a decision:")):
        page = client.get(f"/?lang={language}").get_data(as_text=True)
        assert words in page and "3. " in page and "<code>fichehub reviews</code>" in page


def test_the_start_page_is_silent_where_nobody_waits(empty_store: Store) -> None:
    assert "fichehub reviews" not in create_app(empty_store, plugins.load(installed=False)).test_client().get("/").get_data(as_text=True)
