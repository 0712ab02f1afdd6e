"""Searches among few resources take the same parameters, whatever the type, and tell what they left out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import orjson
import pytest
from flask.testing import FlaskClient

from plugins.fhir.conformance.catalogue import TYPES
from plugins.fhir.listing import page_size
from tests.plugins.fhir.conftest import Hub
from tests.plugins.fhir.judge import complaints
from tests.plugins.fhir.subscribing import Hub as Subscribing
from tests.plugins.fhir.subscribing import open_hub, subscription

SEARCHES = (*TYPES, "Basic", "Provenance", "Subscription")


@pytest.fixture
def subscribed(tmp_path: Path, sqlite_database_url: str) -> Iterator[Subscribing]:
    """A partner with three subscriptions."""
    hub = open_hub(sqlite_database_url, tmp_path)
    for number in range(3):
        assert hub.ask("POST", "Subscription", subscription(f"https://receiver.example.org/{number}")).status_code == 201
    yield hub
    hub.store.close()


class Asking:
    """Asks for the resources of one type."""

    def __init__(self, type: str, client: FlaskClient, key: str, required: str = "") -> None:
        self.type, self.client, self.key, self.required = type, client, key, required

    def ask(self, query: str = "", status: int = 200, prefer: str = "", path: str = "") -> Any:
        address = f"{path or self.type}?{'&'.join(each for each in (self.required, query) if each)}"
        headers = {"X-API-Key": self.key} | ({"Prefer": prefer} if prefer else {})
        response = self.client.get(address if "://" in address else f"/fhir/{address}", headers=headers)
        assert response.status_code == status, response.text
        answer = orjson.loads(response.data)
        entries = [each for each in answer.get("entry", ()) if each["search"]["mode"] == "outcome"]  # the others are judged where they are tested
        assert complaints({name: value for name, value in answer.items() if name != "entry"} | ({"entry": entries} if entries else {})) == []
        return answer


def matches(bundle: Any) -> list[str]:
    return [each["resource"]["id"] for each in bundle.get("entry", ()) if each["search"]["mode"] == "match"]


def told(bundle: Any) -> list[Any]:
    return [issue for each in bundle.get("entry", ()) if each["search"]["mode"] == "outcome" for issue in each["resource"]["issue"]]


@pytest.fixture
def asking(request: pytest.FixtureRequest, small: Hub) -> Asking:
    type: str = request.param
    if type == "Subscription":
        hub: Subscribing = request.getfixturevalue("subscribed")
        return Asking(type, hub.app.test_client(), hub.keys["epd"])
    targets = ",".join(small.ids[each] for each in ("org-1", "org-2", "org-10"))
    return Asking(type, small.client(), small.key, f"target={targets}" if type == "Provenance" else "")


@pytest.mark.parametrize("asking", [each for each in SEARCHES if each != "ConceptMap"], indirect=True)  # there is no mapping in the small world
def test_every_page_comes_once_and_an_id_finds_its_resource(asking: Asking) -> None:
    whole = asking.ask()
    every, met = matches(whole), []
    assert every == sorted(every)
    page = asking.ask("_count=1&_total=accurate")
    while True:
        met += matches(page)
        assert len(met) <= len(every)
        assert (page["total"], len(matches(page))) == (len(every), 1)
        following = [each["url"] for each in page["link"] if each["relation"] == "next"]
        if not following:
            break
        page = orjson.loads(asking.client.get(following[0], headers={"X-API-Key": asking.key}).data)
    assert met == every
    assert matches(asking.ask(f"_id={every[-1]},nope")) == every[-1:]
    assert (len(every) > 1) == (asking.type != "Basic")


@pytest.mark.parametrize("asking", SEARCHES, indirect=True)
def test_the_form_and_the_number_are_asked_for_as_elsewhere(asking: Asking) -> None:
    every = matches(asking.ask())
    for query in ("_count=0", "_summary=count", "_summary=count&_format=json&_pretty=true"):
        counted = asking.ask(query)
        assert (counted["total"], "entry" in counted) == (len(every), False)
    plain = asking.ask("_format=application/fhir%2Bjson&_pretty=false&_summary=false&_total=none&_count=3")
    assert told(plain) == []
    understood = dict(parse_qsl(urlsplit(plain["link"][0]["url"]).query))
    assert understood.items() >= {"_summary": "false", "_total": "none", "_count": "3"}.items() and "_format" not in understood


@pytest.mark.parametrize("asking", SEARCHES, indirect=True)
@pytest.mark.parametrize("query", ["_sort=name", "_elements=name", "_summary=true", "_include=*", "colour=blue", "_count=1&_count=2"])
def test_what_is_left_out_is_told_and_an_error_for_who_is_strict(asking: Asking, query: str) -> None:
    bundle = asking.ask(query)
    name, value = parse_qsl(query)[-1]
    assert [(each["code"], each["expression"]) for each in told(bundle)] == [("not-supported", [f"http.{name}"])]
    assert (name, value) not in parse_qsl(urlsplit(bundle["link"][0]["url"]).query)
    [issue] = asking.ask(query, 400, "handling=strict")["issue"]
    assert issue["expression"] == [f"http.{name}"]


@pytest.mark.parametrize("asking", SEARCHES, indirect=True)
@pytest.mark.parametrize("query", ["_cursor=zzzz", "_cursor=", "_count=many", "_total=all", "_summary=short", "_id:not=x"])
def test_what_cannot_be_used_is_refused(asking: Asking, query: str) -> None:
    [issue] = asking.ask(query, 400)["issue"]
    assert issue["expression"] == [f"http.{query.partition('=')[0]}"]


@pytest.mark.parametrize("asking", SEARCHES, indirect=True)
def test_a_search_is_the_same_by_get_by_search_and_by_post(asking: Asking) -> None:
    whole = asking.ask("_count=2")
    assert asking.ask("_count=2", path=f"{asking.type}/_search") == whole
    given = dict(parse_qsl(asking.required)) | {"_count": "2"}
    posted = asking.client.post(f"/fhir/{asking.type}/_search", data=given, headers={"X-API-Key": asking.key})
    assert orjson.loads(posted.data) == whole
    other = asking.client.post(f"/fhir/{asking.type}/_search", data=b"{}", content_type="application/json", headers={"X-API-Key": asking.key})
    assert other.status_code == 415


def test_a_cursor_of_another_type_is_none(client: FlaskClient) -> None:
    page = orjson.loads(client.get("/fhir/ValueSet?_count=1").data)
    [following] = [each["url"] for each in page["link"] if each["relation"] == "next"]
    assert client.get(following).status_code == 200
    assert client.get(following.replace("ValueSet", "CodeSystem")).status_code == 400


def test_a_page_that_is_too_long_is_cut_and_said_so() -> None:
    assert page_size("500", 500) == (500, [])
    size, [issue] = page_size("9" * 30, 500)
    assert (size, issue["severity"], issue["expression"]) == (500, "information", ["http._count"])
