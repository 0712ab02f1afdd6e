"""What partners ask leaves AuditEvents, by the mCSD profiles, without names of people, for those alone who may read them."""

from __future__ import annotations

import base64
import time
from typing import Any

import flask
import orjson
import pytest
from fhir.resources.R4B.auditevent import AuditEvent
from flask.testing import FlaskClient

from hub.access import audit, issue_key, save_agreement
from hub.access.clients import register_client
from hub.access.tokens import issue_token
from hub.store import Writer
from hub.web.asking import serving_of
from plugins.fhir import audit_events, audit_notes
from plugins.fhir.params import RESOURCES
from tests.access.signing import EC_KEY, agreed, jwks
from tests.plugins.fhir.conftest import HIDDEN, NOW, Hub
from tests.plugins.fhir.judge import complaints

FHIR = "/fhir/"


class Watched:
    """A partner, what it asks, and who reads of it."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.app: flask.Flask = hub.app
        self.client: FlaskClient = hub.client()

        def agree(writer: Writer) -> dict[str, str]:
            connection = writer.connection
            save_agreement(connection, agreed("asker"), NOW)
            save_agreement(connection, agreed("reader", rights=frozenset({"audit"})), NOW)
            save_agreement(connection, agreed("auditor", rights=frozenset({"audit"}), level="internal"), NOW)
            for name in ("asker", "reader", "auditor"):
                connection.exec_driver_sql(f"DELETE FROM api_key WHERE partner = '{name}'")
            return {name: issue_key(connection, name, NOW) for name in ("asker", "reader", "auditor")}

        self.keys = hub.store.write(agree)
        self.flush()
        with hub.store.read() as connection:
            found = audit.find(connection, limit=1)
        self.before = found[0].n if found else 0

    def flush(self) -> None:
        serving_of(self.app).trail.flush()

    def ask(self, path: str, who: str = "asker", **more: Any) -> Any:
        method = more.pop("method", "GET")
        headers = {"X-API-Key": self.keys[who], **more.pop("headers", {})}
        return self.client.open(FHIR + path, method=method, headers=headers, environ_base={"REMOTE_ADDR": "192.0.2.77"}, **more)

    def events(self, query: str = "", who: str = "auditor") -> list[dict[str, Any]]:
        """The AuditEvents since this began, oldest first."""
        self.flush()
        response = self.ask(f"AuditEvent?_count=100{query}", who)
        assert response.status_code == 200, response.text
        bundle = orjson.loads(response.data)
        assert complaints(bundle) == []
        found = [entry["resource"] for entry in bundle.get("entry", ()) if entry["search"]["mode"] == "match"]
        return [each for each in reversed(found) if int(each["id"]) > self.before]


@pytest.fixture
def watched(small: Hub) -> Watched:
    return Watched(small)


def test_each_kind_of_request_leaves_an_event_of_its_profile(watched: Watched, small: Hub) -> None:
    org = small.ids["org-1"]
    version = watched.ask(f"Organization/{org}").headers["ETag"].split('"')[1]
    paths = [
        f"Organization/{org}/_history/{version}",
        "Organization?name=linde",
        f"Organization/{org}/_history",
        "Organization/_history",
        "_history",
        "Location?_count=1",
    ]
    for path in paths:
        assert watched.ask(path).status_code == 200
    watched.ask("$export?_type=Location", headers={"Prefer": "respond-async"})
    told = [
        (
            e["subtype"][0]["code"],
            [s["code"] for s in e["subtype"][1:]],
            e["action"],
            [p.rpartition(".")[2] for p in e.get("meta", {}).get("profile", [])],
        )
        for e in watched.events()
    ]
    assert told == [
        ("read", ["ITI-90"], "R", ["Read"]),
        ("vread", ["ITI-90"], "R", ["Read"]),
        ("search-type", ["ITI-90"], "E", ["Query"]),
        ("history-instance", ["ITI-91"], "E", []),
        ("history-type", ["ITI-91"], "E", ["Updates"]),
        ("history-system", ["ITI-91"], "E", []),
        ("search-type", ["ITI-90"], "E", ["Query"]),
        ("operation", [], "E", []),
    ]


def test_an_event_says_who_from_where_and_of_what(watched: Watched, small: Hub) -> None:
    org = small.ids["org-1"]
    watched.ask(f"Organization/{org}")
    [event] = watched.events()
    AuditEvent.model_validate(event)
    client, server = event["agent"]
    assert client["who"]["identifier"]["value"] == "asker"
    assert client["network"] == {"address": "192.0.2.0", "type": "2"}
    assert client["altId"] == f"key {watched.keys['asker'][:8]}"
    assert (client["type"]["coding"][0]["code"], server["type"]["coding"][0]["code"]) == ("110152", "110153")
    assert event["entity"][0]["what"]["reference"] == f"Organization/{org}"
    assert event["outcome"] == "0"
    again = orjson.loads(watched.ask(f"AuditEvent/{event['id']}", "auditor").data)
    assert again == event


def test_in_a_query_the_parameters_flow_the_other_way(watched: Watched) -> None:
    watched.ask("Organization?address-city=gent")
    [event] = watched.events()
    assert [agent["type"]["coding"][0]["code"] for agent in event["agent"]] == ["110153", "110152"]
    [entity] = event["entity"]
    assert base64.b64decode(entity["query"]).decode() == entity["description"] == "Organization?address-city=gent"


def test_no_value_that_names_somebody_is_kept(watched: Watched) -> None:
    name = "peetersmans"
    asked = [
        f"Practitioner?name={name}",
        f"Practitioner?family:exact={name}&_count=5",
        f"Practitioner?identifier={name}",
        f"PractitionerRole?practitioner.name={name}",
        f"PractitionerRole?practitioner:identifier={name}",
        f"Organization?_has:PractitionerRole:organization:practitioner.family={name}",
        f"Practitioner?colour={name}",
    ]
    for path in asked:
        watched.ask(path)
    form = "application/x-www-form-urlencoded"
    watched.ask("Practitioner/_search", method="POST", data=f"family={name}&active=true", content_type=form)
    events = watched.events()
    assert len(events) == len(asked) + 1
    assert name not in orjson.dumps(events).decode()
    assert not any(name in base64.b64decode(entity["query"]).decode() for event in events for entity in event["entity"])
    assert events[1]["entity"][0]["description"] == "Practitioner?family:exact=*&_count=5"
    assert "active=true" in events[-1]["entity"][0]["description"]


def test_no_page_of_a_search_carries_the_name_on(watched: Watched) -> None:
    first = orjson.loads(watched.ask("Organization?name=wijk&_count=1").data)
    [following] = [link["url"] for link in first["link"] if link["relation"] == "next"]
    assert watched.ask(following.partition("/fhir/")[2]).status_code == 200
    kicked = watched.ask("$export?_type=Location&name=peetersmans", headers={"Prefer": "respond-async, handling=lenient"})
    assert watched.ask(kicked.headers["Content-Location"].partition("/fhir/")[2]).status_code == 200
    assert [event["entity"][0]["description"] for event in watched.events()] == [
        "Organization?name=*&_count=1", "Organization?_cursor=*", "$export?_type=Location&name=*", "$export-status?_job=*",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "name", ["practitioner-GEHEIM", "active:GEHEIM", "GEHEIM:missing", "organization.GEHEIM", "_has:GEHEIM:organization:active", "_GEHEIM"]
)
def test_a_parameter_that_is_none_of_ours_is_not_called_by_its_name(watched: Watched, name: str) -> None:
    watched.ask(f"Organization?{name}=true&_count=1")
    [event] = watched.events()
    assert event["entity"][0]["description"] == "Organization?*=*&_count=1"
    assert "GEHEIM" not in orjson.dumps(event).decode()


def test_every_parameter_that_is_ours_is_called_by_its_name() -> None:
    given = [
        (name, "x")
        for resource in RESOURCES.values()
        for param in resource.by_name.values()
        for name in (param.name, *(f"{param.name}:{each}" for each in param.modifiers))
    ]
    given += [
        (name, "x")
        for name in (
            "organization.partof.name",
            "_has:PractitionerRole:service:role",
            "_include:iterate",
            "_revinclude",
            "_has:HealthcareService:organization:organization:identifier",
        )
    ]
    assert [name for name, _ in audit_notes.told_of(given)] == [name for name, _ in given]


def test_an_operation_is_called_one(watched: Watched) -> None:
    watched.ask("Subscription/$status", method="POST")
    watched.ask("Subscription/nobody/$status")
    assert [(event["subtype"][0]["code"], event["action"]) for event in watched.events()] == [("operation", "E")] * 2


def test_what_is_asked_through_the_api_is_an_event_but_none_of_mcsd(watched: Watched, small: Hub) -> None:
    org = small.ids["org-1"]
    headers = {"X-API-Key": watched.keys["asker"]}
    for path in ("fiches?text=peetersmans&postcode=9000", f"fiches/{org}"):
        assert watched.client.get(f"/api/v1/{path}", headers=headers).status_code == 200
    searched, read = watched.events()
    assert searched["entity"][0]["description"] == "api/v1/fiches?text=*&postcode=9000"
    assert [(each["subtype"], "meta" in each) for each in (searched, read)] == [
        ([{"system": "http://hl7.org/fhir/restful-interaction", "code": code, "display": code}], False) for code in ("search-type", "read")
    ]
    assert read["entity"][0]["what"] == {"display": f"fiche/{org}"}
    AuditEvent.model_validate(read)
    assert [event["id"] for event in watched.events(f"&entity={org}")] == [read["id"]]
    assert watched.events("&subtype=ITI-90") == []


def test_a_refusal_is_told_too_and_the_public_is_nobody(watched: Watched) -> None:
    watched.ask("Organization/00000000-0000-4000-8000-000000000000")
    watched.ask("Organization?_count=many")
    watched.client.get(FHIR + "Organization")
    watched.client.get(FHIR + "Organization", headers={"X-API-Key": "fh_guessed"})
    watched.ask("metadata")
    watched.ask("CodeSystem")
    events = watched.events()
    assert [(event["outcome"], event["outcomeDesc"]) for event in events] == [("4", "HTTP 404"), ("4", "HTTP 400")]
    assert all("meta" not in event for event in events)
    assert "reference" not in events[0]["entity"][0]["what"], "what is not there is not pointed to"


def test_each_entry_of_a_batch_counts(watched: Watched) -> None:
    entries = [{"request": {"method": "GET", "url": url}} for url in ("Organization?_count=1", "Location?_count=1")]
    body = orjson.dumps({"resourceType": "Bundle", "type": "batch", "entry": entries})
    watched.ask("", method="POST", data=body, content_type="application/fhir+json")
    assert [event["entity"][0]["description"] for event in watched.events()] == ["Organization?_count=1", "Location?_count=1"]


def test_who_may_read_of_whom(watched: Watched) -> None:
    watched.ask("Organization?_count=1")
    watched.ask("Location?_count=1", "reader")
    assert watched.ask("AuditEvent", "asker").status_code == 403
    assert watched.client.get(FHIR + "AuditEvent").status_code == 401
    watched.flush()
    own = watched.events(who="reader")
    assert {event["agent"][0]["name"] for event in own} == {"reader"}
    assert watched.events("&agent-name=asker", "reader") == []
    of_another = watched.events("&agent-name=asker")[0]["id"]
    assert watched.ask(f"AuditEvent/{of_another}", "auditor").status_code == 200
    assert watched.ask(f"AuditEvent/{of_another}", "reader").status_code == 404


def test_a_token_needs_the_scope_by_name(watched: Watched) -> None:
    def issue(scopes: str) -> str:
        def work(writer: Writer) -> str:
            made = register_client(writer.connection, "auditor", NOW, title="", scopes=scopes, jwks=jwks(EC_KEY))
            return issue_token(writer.connection, made, made.scopes, int(time.time()), NOW)

        return watched.hub.store.write(work)

    for scopes, status in (("system/*.cruds", 403), ("system/AuditEvent.rs", 200)):
        answer = watched.client.get(FHIR + "AuditEvent?_count=1", headers={"Authorization": f"Bearer {issue(scopes)}"})
        assert answer.status_code == status


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", 3),
        ("&entity=Organization/{org}", 1),
        ("&entity={org}", 1),
        ("&subtype=read", 1),
        ("&subtype=ITI-90", 3),
        ("&subtype=vread,history-type", 0),
        ("&outcome=4", 1),
        ("&outcome=0", 2),
        ("&type=rest", 3),
        ("&type=login", 0),
        (f"&agent:identifier={audit_events.PARTNER}|asker", 3),
        ("&agent:identifier=https://elsewhere.example.org|asker", 0),
        ("&date=ge2020-01-01&date=lt2090-01-01", 3),
        ("&date=lt2020-01-01", 0),
        ("&date=gt2090-01-01", 0),
        ("&date=ge{today}", 3),
    ],
)
def test_the_trail_is_searched_by_what_was_asked_of_whom_and_when(watched: Watched, small: Hub, query: str, found: int) -> None:
    org = small.ids["org-1"]
    for asked in (f"Organization/{org}", "Location?_count=1", "Location?_count=many"):
        watched.ask(asked)
    events = watched.events(query.format(org=org, today=time.strftime("%Y-%m-%d", time.gmtime())))
    assert len([event for event in events if event["agent"][0]["name"] == "asker"]) == found


def test_what_the_trail_cannot_be_searched_by_is_refused_or_named(watched: Watched) -> None:
    for asked, told in (
        ("soon", "a date or a moment"),
        ("2026-11,2025", "no alternatives"),
        ("ne2026", "one stretch of time"),
        ("ap2026", "eq, ge, gt, sa, le, lt, eb"),
    ):
        refused = watched.ask(f"AuditEvent?date={asked}", "auditor")
        assert (refused.status_code, told in refused.text) == (400, True), refused.text
    assert watched.ask("AuditEvent?colour=blue", "auditor", headers={"Prefer": "handling=strict"}).status_code == 400
    assert '"outcome"' in watched.ask("AuditEvent?colour=blue", "auditor").text


def test_a_search_is_called_one_however_it_is_asked(watched: Watched) -> None:
    for path in ("Organization/_search?_count=1", "Provenance/_search?target=x", "Organization?_count=1"):
        assert watched.ask(path).status_code == 200
    told = [event["subtype"][0]["code"] for event in watched.events()]
    assert told == ["search-type"] * 3
    for path in ("AuditEvent/_search?_count=9999", "AuditEvent?_count=9999"):
        answer = orjson.loads(watched.ask(path, "auditor").data)
        [issue] = [issue for entry in answer["entry"] if entry["search"]["mode"] == "outcome" for issue in entry["resource"]["issue"]]
        assert (issue["code"], issue["expression"]) == ("too-costly", ["http._count"])
        assert answer["link"][0]["url"].endswith("AuditEvent?_count=500")


def test_pages_follow_on_and_end(watched: Watched) -> None:
    for _ in range(5):
        watched.ask("Organization?_count=1")
    watched.flush()
    path, met = "AuditEvent?agent-name=asker&_count=2", []
    while path:
        bundle = orjson.loads(watched.ask(path, "auditor").data)
        met += [int(entry["resource"]["id"]) for entry in bundle["entry"]]
        following = [link["url"] for link in bundle["link"] if link["relation"] == "next"]
        path = following[0].partition("/fhir/")[2] if following and met[-1] > watched.before else ""
    fresh = [n for n in met if n > watched.before]
    assert len(fresh) == 5 and met == sorted(set(met), reverse=True)


def test_what_is_hidden_is_not_in_the_trail(watched: Watched) -> None:
    watched.ask(f"Organization?name={HIDDEN}")
    assert HIDDEN not in orjson.dumps(watched.events()).decode()


def test_a_size_of_the_page_is_given_once(watched: Watched) -> None:
    for _ in range(3):
        watched.ask("Organization?_count=1")
    watched.flush()
    answer = watched.ask("AuditEvent?_count=2&_count=1", "auditor").get_json()
    warning = answer["entry"][-1]["resource"]["issue"][0]
    assert warning["details"]["text"].startswith("_count: this can be given once only.")
    assert [each["search"]["mode"] for each in answer["entry"]] == ["match", "match", "outcome"]
    assert answer["link"][0]["url"].endswith("/AuditEvent?_count=2")
    strict = watched.ask("AuditEvent?_count=2&_count=1", "auditor", headers={"Prefer": "handling=strict"})
    assert strict.status_code == 400


def test_what_is_not_known_is_named_once(watched: Watched) -> None:
    strict = watched.ask("AuditEvent?colour=red", "auditor", headers={"Prefer": "handling=strict"})
    assert strict.get_json()["issue"][0]["details"]["text"].startswith("colour: AuditEvent has no such parameter")
