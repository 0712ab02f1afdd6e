"""ITI-130: what has ended between two of them is kept as such, and shown so; only a DELETE takes it out."""

from __future__ import annotations

import pytest

from tests.plugins.fhir.feed.sending import (
    AFFILIATION,
    EVERYTHING,
    NETWORK,
    ORGANISATION,
    PERSON,
    ROLE,
    SERVICE,
    SITE,
    Json,
    body,
    head,
    put,
    transaction,
)
from tests.plugins.fhir.subscribing import Hub

ENDS = [ROLE | {"period": {"start": "2020-01-01", "end": "2026-10-31"}}, AFFILIATION | {"period": {"start": "2020-01-01", "end": "2026-10-31"}}]
both = pytest.mark.parametrize("tie", ENDS, ids=["role", "affiliation"])


@both
def test_what_has_ended_is_kept_and_shown_so(any_hub: Hub, tie: Json) -> None:
    hub = any_hub
    hub.ask("POST", "", transaction(ORGANISATION, NETWORK, SITE, PERSON, SERVICE))
    sent = put(hub, tie | {"active": False})
    shown = body(sent)
    assert (sent.status_code, shown["resourceType"], shown["active"], shown["period"]) == (201, tie["resourceType"], False, tie["period"])
    assert sent.headers["Location"].endswith(f"{tie['resourceType']}/{shown['id']}/_history/{shown['meta']['versionId']}")
    assert "ETag" in sent.headers
    assert body(hub.ask("GET", f"{tie['resourceType']}/{shown['id']}")) == shown
    for active, found in (("false", 1), ("true", 0)):
        assert body(hub.ask("GET", f"{tie['resourceType']}?active={active}&_total=accurate"))["total"] == found
    before = head(hub)
    assert (body(put(hub, tie | {"active": False})), head(hub)) == (shown, before)


@both
def test_what_ends_and_begins_again_keeps_its_id(hub: Hub, tie: Json) -> None:
    hub.ask("POST", "", transaction(*EVERYTHING))
    there = body(put(hub, tie | {"active": True}))
    assert there["active"] is True
    ended = put(hub, tie | {"active": False}, Prefer="handling=strict")
    assert (ended.status_code, body(ended)["id"], body(ended)["active"]) == (200, there["id"], False)
    again = put(hub, tie | {"active": True})
    assert (again.status_code, body(again)["id"], body(again)["active"]) == (200, there["id"], True)


@both
def test_a_transaction_answers_with_what_has_ended(hub: Hub, tie: Json) -> None:
    answered = body(hub.ask("POST", "", transaction(ORGANISATION, NETWORK, SITE, PERSON, SERVICE, tie | {"active": False})))
    last = answered["entry"][-1]
    assert (last["resource"]["active"], last["response"]["status"], "etag" in last["response"]) == (False, "201 Created", True)


@both
def test_that_a_fiche_sleeps_ends_nothing_of_it(hub: Hub, tie: Json) -> None:
    hub.ask("POST", "", transaction(*EVERYTHING))
    put(hub, tie | {"active": True})
    owner = SERVICE if tie["resourceType"] == "PractitionerRole" else ORGANISATION
    put(hub, owner | {"active": False})
    asleep = body(put(hub, tie | {"active": False}))
    assert asleep["active"] is False
    put(hub, owner | {"active": True})
    assert body(hub.ask("GET", f"{tie['resourceType']}/{asleep['id']}"))["active"] is True
    put(hub, tie | {"active": False})
    put(hub, owner | {"active": False})
    put(hub, tie | {"active": False})
    put(hub, owner | {"active": True})
    assert body(hub.ask("GET", f"{tie['resourceType']}/{asleep['id']}"))["active"] is False, "what was said before stands"


@both
def test_that_something_is_active_although_its_fiche_is_not_is_told(hub: Hub, tie: Json) -> None:
    hub.ask("POST", "", transaction(*EVERYTHING))
    owner = SERVICE if tie["resourceType"] == "PractitionerRole" else ORGANISATION
    put(hub, owner | {"active": False})
    told = body(put(hub, tie | {"active": True}))
    assert (told["resourceType"], told["issue"][0]["expression"]) == ("OperationOutcome", [f"{tie['resourceType']}.active"])


def test_where_somebody_does_not_work_any_more_nobody_is_reached(hub: Hub) -> None:
    number = [{"system": "phone", "value": "+3215999905"}]
    entries = body(hub.ask("POST", "", transaction(ORGANISATION, SITE, PERSON, SERVICE, ROLE | {"telecom": number})))["entry"]
    person = entries[2]["resource"]["id"]
    assert body(hub.ask("GET", f"Practitioner/{person}"))["telecom"][0]["value"] == "+3215999905"
    put(hub, ROLE | {"telecom": number, "active": False})
    assert "telecom" not in body(hub.ask("GET", f"Practitioner/{person}"))
