"""The Subscription itself: who sees it, what it may say, when it ends, and what can be subscribed to."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from sqlalchemy import func, select

from hub.store.tables import subscription_member
from tests.plugins.fhir.judge import complaints
from tests.plugins.fhir.subscribing import (
    IG,
    TOPIC,
    Hub,
    Receiver,
    in_gent,
    subscription,
)


def test_a_partner_sees_its_own_subscriptions_and_no_others(hub: Hub, receiver: Receiver) -> None:
    id = hub.subscribe(receiver.url)
    for method, path in (("GET", ""), ("GET", "/$status"), ("GET", "/$events"), ("DELETE", "")):
        assert hub.ask(method, f"Subscription/{id}{path}", partner="other").status_code == 404
    assert hub.ask("PUT", f"Subscription/{id}", subscription(receiver.url) | {"id": id}, partner="other").status_code == 404
    assert hub.ask("GET", "Subscription", partner="other").get_json(force=True)["total"] == 0
    assert hub.ask("GET", "Subscription?status=requested,active").get_json(force=True)["total"] == 1
    assert [each["search"]["mode"] for each in hub.ask("GET", "Subscription?colour=blue").get_json(force=True)["entry"]] == ["match", "outcome"]
    assert hub.ask("POST", "Subscription", subscription(receiver.url), partner="").status_code == 401
    assert hub.ask("PUT", f"Subscription/{id}", subscription(receiver.url) | {"id": id}, **{"If-Match": 'W/"7"'}).status_code == 412
    assert hub.ask("DELETE", f"Subscription/{id}").status_code == 204
    assert hub.ask("GET", f"Subscription/{id}").status_code == 404
    hub.work()
    assert receiver.bodies == []
    with hub.store.read() as reading:
        assert reading.execute(select(func.count()).select_from(subscription_member)).scalar_one() == 0


@pytest.mark.parametrize(
    ("change", "place", "status"),
    [
        ({"criteria": "Patient?name=x"}, "Subscription.criteria", 400),
        ({"reason": None}, "Subscription.reason", 400),
        ({"status": "on"}, "Subscription.status", 400),
        ({"channel": {"type": "websocket"}}, "Subscription.channel.type", 400),
        ({"channel": {"endpoint": "ftp://example.org"}}, "Subscription.channel.endpoint", 400),
        ({"channel": {"payload": "text/plain"}}, "Subscription.channel.payload", 400),
        ({"channel": {"_payload": {"extension": [{"url": IG + "x", "valueCode": "y"}]}}}, "Subscription.channel.payload.extension", 400),
        ({"channel": {"header": ["Host: x"]}}, "Subscription.channel.header[0]", 400),
        ({"channel": {"header": ["Evil: x\r\nHost: y"]}}, "Subscription.channel.header[0]", 400),
        ({"channel": {"extension": [{"url": IG + "backport-heartbeat-period", "valueUnsignedInt": 1}]}}, "Subscription.channel.extension", 400),
        (
            {"_criteria": {"extension": [{"url": IG + "backport-filter-criteria", "valueString": "Organization?colour=blue"}]}},
            "Subscription.criteria.extension",
            400,
        ),
        ({"end": "2026-11-20T09:00:00Z"}, "Subscription.end", 400),
        (
            {"_criteria": {"extension": [{"url": IG + "backport-filter-criteria", "valueString": "Patient?name=x"}]}},
            "Subscription.criteria.extension",
            400,
        ),
    ],
)
def test_what_cannot_be_used_is_told_with_its_place(hub: Hub, change: dict[str, object], place: str, status: int) -> None:
    asked = subscription("https://receiver.example.org/hook")
    for name, value in change.items():
        asked[name] = {**asked["channel"], **value} if name == "channel" else value  # type: ignore[dict-item]
    answer = hub.ask("POST", "Subscription", asked)
    assert answer.status_code == status, answer.text
    told = [issue.get("expression", [""])[0] for issue in answer.get_json(force=True)["issue"]]
    assert any(each.startswith(place) for each in told), told


@pytest.mark.parametrize(
    ("filter", "why"),
    [
        ("?region=mars", "no region 'mars'"),
        ("Organization?region=brussel,mars", "no region 'mars'"),
        ("?zone=any", "No primary-care zones are known here"),
        ("?municipality=99999", "REFNIS"),
        ("?municipality=gent", "REFNIS"),
        ("?province=mars", "no province 'mars'"),
        ("?rubriek=zz", "no rubriek 'zz'"),
        ("HealthcareService?rubriek=14,zz", "no rubriek 'zz'"),
        ("Location?address-city=--", "no letter"),
        ("Organization?name=", "empty"),
        ("Organization?_lastUpdated=ge2026", "every event is a change"),
        ("HealthcareService?organization._lastUpdated=ge2026", "every event is a change"),
        ("Organization?_has:HealthcareService:organization:_lastUpdated=ge2026", "every event is a change"),
        ("Organization?type=" + ",".join(map(str, range(501))), "at most 500"),
    ],
)
def test_a_filter_through_which_nothing_can_come_is_refused_by_its_name(hub: Hub, filter: str, why: str) -> None:
    asked = subscription("https://receiver.example.org/hook", filters=["Organization?active=true" if filter[0] != "?" else filter, filter])
    answer = hub.ask("POST", "Subscription", asked)
    assert answer.status_code == 400, answer.text
    [issue] = answer.get_json(force=True)["issue"]
    assert issue["expression"] == ["Subscription.criteria.extension"]
    assert filter.partition("?")[2].partition("=")[0] in issue["details"]["text"]
    assert why in issue["details"]["text"]
    assert "where" not in answer.text


@pytest.mark.parametrize("filter", ["?municipality=44043", "?province=Oost-Vlaanderen", "?region=Brussel", f"?rubriek={TOPIC}|14"])
def test_a_filter_that_may_let_something_through_is_taken(hub: Hub, filter: str) -> None:
    assert hub.ask("POST", "Subscription", subscription("https://receiver.example.org/hook", filters=[filter])).status_code == 201


def test_what_has_ended_can_be_sent_back_switched_off(hub: Hub) -> None:
    ended = subscription("https://receiver.example.org/hook") | {"end": "2026-11-20T09:00:00Z", "status": "off"}
    assert hub.ask("POST", "Subscription", ended).status_code == 201


def test_only_https_outside_the_own_network(hub: Hub, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FICHEHUB_ALLOW_PRIVATE")
    refused = hub.ask("POST", "Subscription", subscription(receiver.url))
    assert (refused.status_code, "https" in refused.text) == (400, True)
    for host in ("127.0.0.1", "169.254.169.254", "[::1]", "localhost"):
        refused = hub.ask("POST", "Subscription", subscription(f"https://{host}/hook"))
        [issue] = refused.get_json(force=True)["issue"]
        assert (refused.status_code, issue["expression"]) == (400, ["Subscription.channel.endpoint"])
        assert "private or reserved network" in refused.text
    # A name tells only when it is called where it leads.
    here = urlsplit(receiver.url)
    inner = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (here.hostname, here.port))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **named: inner)
    id = hub.subscribe("https://receiver.example.org/hook")
    hub.work()
    assert hub.state(id)["status"] == "error"
    assert "may not be called" in hub.state(id)["error"]
    assert receiver.bodies == [] and len(receiver.requests) == 0


def test_a_subscription_ends_when_it_was_asked_to(hub: Hub, receiver: Receiver) -> None:
    answer = hub.ask("POST", "Subscription", subscription(receiver.url) | {"end": "2026-11-22T10:00:00Z"})
    id = answer.get_json(force=True)["id"]
    hub.work()
    hub.forward(hours=2)
    hub.put(in_gent(1))
    hub.work()
    assert (hub.state(id)["status"], receiver.events()) == ("off", [])


def test_the_topic_is_published(hub: Hub) -> None:
    statement = hub.ask("GET", "metadata").get_json(force=True)
    declared = {each["type"]: each for each in statement["rest"][0]["resource"]}
    assert declared["Subscription"]["extension"] == [{"url": IG + "capabilitystatement-subscriptiontopic-canonical", "valueCanonical": TOPIC}]
    found = hub.ask("GET", "Basic?code=http://hl7.org/fhir/fhir-types|SubscriptionTopic").get_json(force=True)
    topic = found["entry"][0]["resource"]
    assert complaints(topic) == [] and complaints(found) == []
    assert topic == hub.ask("GET", "Basic/directory-change").get_json(force=True)
    urls = {each["url"].rsplit(".", 1)[1] for each in topic["extension"]}
    assert {"url", "resourceTrigger", "canFilterBy", "notificationShape"} <= urls
    assert hub.ask("GET", "Basic/x").status_code == 404


def test_secrets_are_not_kept_in_the_clear(hub: Hub, receiver: Receiver, tmp_path: Path) -> None:
    id = hub.subscribe(receiver.url, header=["Authorization: Bearer s3cret-s3cret"])
    rows = b"".join(path.read_bytes() for path in tmp_path.rglob("fichehub.sqlite*"))
    assert b"s3cret" not in rows
    shown = hub.state(id)
    hub.ask("PUT", f"Subscription/{id}", {name: value for name, value in shown.items() if name not in ("meta", "error")})
    hub.work()
    assert receiver.sent[0]["HTTP_AUTHORIZATION"] == "Bearer s3cret-s3cret"


def parameters(*given: tuple[str, str, object]) -> dict[str, object]:
    return {"resourceType": "Parameters", "parameter": [{"name": name, f"value{kind}": value} for name, kind, value in given]}


def test_an_operation_is_asked_for_by_post_as_by_get(hub: Hub, receiver: Receiver) -> None:
    one, other = hub.subscribe(receiver.url), hub.subscribe(receiver.url)
    for given, query in (
        ([("id", "Id", one)], f"id={one}"),
        ([("id", "Id", one), ("id", "String", other), ("status", "Code", "requested")], f"id={one},{other}&status=requested"),
        ([("status", "Code", "off")], "status=off"),
        ([("status", "Code", "requested"), ("status", "Code", "off")], "status=requested,off"),
    ):
        posted = hub.ask("POST", "Subscription/$status", parameters(*given)).get_json(force=True)
        asked = hub.ask("GET", f"Subscription/$status?{query}").get_json(force=True)
        assert statuses(posted) == statuses(asked), given
    assert len(statuses(hub.ask("POST", "Subscription/$status").get_json(force=True))) == 2
    assert len(statuses(hub.ask("POST", f"Subscription/$status?id={one}", parameters(("id", "Id", other))).get_json(force=True))) == 2
    assert statuses(hub.ask("POST", f"Subscription/{one}/$status", parameters(("id", "Id", other))).get_json(force=True)) == [one]
    hub.put(in_gent(1), in_gent(2), in_gent(3))
    hub.work()
    numbers = parameters(("eventsSinceNumber", "String", "2"), ("eventsUntilNumber", "Integer", 3), ("content", "Code", "empty"))
    posted = hub.ask("POST", f"Subscription/{one}/$events", numbers)
    asked = hub.ask("GET", f"Subscription/{one}/$events?eventsSinceNumber=2&eventsUntilNumber=3&content=empty")
    assert posted.status_code == 200
    assert without_ids(posted.get_json(force=True)) == without_ids(asked.get_json(force=True))


def statuses(bundle: dict[str, Any]) -> list[str]:
    """The ids of the subscriptions of which it tells."""
    told = [{each["name"]: each for each in entry["resource"]["parameter"]} for entry in bundle.get("entry", ())]
    return sorted(each["subscription"]["valueReference"]["reference"].rpartition("/")[2] for each in told)


def without_ids(bundle: dict[str, Any]) -> list[object]:
    """What a notification says, without the names that it gives itself."""
    return [entry["resource"]["parameter"] for entry in bundle["entry"]]


@pytest.mark.parametrize("path", ["Subscription/$status", "Subscription/ID/$status", "Subscription/ID/$events"])
@pytest.mark.parametrize(
    ("body", "place"),
    [
        (b'{"a":', "http.body"),
        (b"[]", "Parameters"),
        (b'{"resourceType":"Subscription"}', "Parameters"),
        (b'{"resourceType":"Parameters","parameters":[]}', "Parameters.parameters"),
        (b'{"resourceType":"Parameters","parameter":{}}', "Parameters.parameter"),
        (b'{"resourceType":"Parameters","parameter":[1]}', "Parameters.parameter[0]"),
        (b'{"resourceType":"Parameters","parameter":[{"valueId":"x"}]}', "Parameters.parameter[0].name"),
        (b'{"resourceType":"Parameters","parameter":[{"name":"id"}]}', "Parameters.parameter[0]"),
        (b'{"resourceType":"Parameters","parameter":[{"name":"id","valueBoolean":true}]}', "Parameters.parameter[0]"),
        (b'{"resourceType":"Parameters","parameter":[{"name":"colour","valueCode":"blue"}]}', "http.colour"),
    ],
)
def test_a_body_that_says_something_else_is_refused(hub: Hub, receiver: Receiver, path: str, body: bytes, place: str) -> None:
    at = "/fhir/" + path.replace("ID", hub.subscribe(receiver.url))
    answer = hub.app.test_client().post(at, data=body, headers={"X-API-Key": hub.keys["epd"]}, content_type="application/fhir+json")
    assert answer.status_code == 400, answer.text
    told = answer.get_json(force=True)
    assert (told["resourceType"], told["issue"][0]["expression"][0].startswith(place)) == ("OperationOutcome", True), told


def test_what_can_be_said_once_is_refused_twice(hub: Hub, receiver: Receiver) -> None:
    id = hub.subscribe(receiver.url)
    answer = hub.ask("GET", f"Subscription/{id}/$events?eventsSinceNumber=5&eventsSinceNumber=1")
    assert (answer.status_code, answer.get_json(force=True)["issue"][0]["expression"]) == (400, ["http.eventsSinceNumber"])
