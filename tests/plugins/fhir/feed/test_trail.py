"""What is sent in stands in the audit trail, alone or in a transaction, by its id here."""

from __future__ import annotations

import pytest

from hub.access import audit
from hub.web.asking import serving_of
from tests.plugins.fhir.feed.sending import (
    EVERYTHING,
    ORGANISATION,
    PERSON,
    SITE,
    Json,
    body,
    put,
    transaction,
)
from tests.plugins.fhir.subscribing import Hub

Row = tuple[str, str, str, str, int]


def trail(hub: Hub) -> list[Row]:
    """(interaction, type, id, what was asked, status), oldest first, of what was written."""
    serving_of(hub.app).trail.flush()
    with hub.store.read() as connection:
        found = audit.find(connection, limit=100)
    reads = ("read", "search-type")
    return [(row.interaction, row.type, row.target, row.query, row.status) for row in reversed(found) if row.interaction not in reads]


def test_each_entry_of_a_transaction_that_was_carried_out_leaves_the_row_of_a_request_of_its_own(hub: Hub) -> None:
    answer = body(hub.ask("POST", "", transaction(*EVERYTHING)))
    ids = [entry["resource"]["id"] for entry in answer["entry"]]
    sent = [f"{each['resourceType']}/{each['id']}" for each in EVERYTHING]
    assert trail(hub) == [("update", name.partition("/")[0], id, name, 201) for name, id in zip(sent, ids, strict=True)]
    for each in EVERYTHING:
        assert put(hub, each).status_code == 200
    alone = trail(hub)[len(EVERYTHING) :]
    assert alone == [("update", name.partition("/")[0], id, name, 200) for name, id in zip(sent, ids, strict=True)]


def test_what_is_made_and_what_is_removed(hub: Hub) -> None:
    id = body(put(hub, ORGANISATION))["id"]
    bundle = transaction(PERSON, method="POST")
    bundle["entry"].append({"request": {"method": "DELETE", "url": "Organization/o1"}})
    answer = body(hub.ask("POST", "", bundle))
    made = answer["entry"][0]["resource"]["id"]
    number = "https://epd.example.org/ids%7C77"
    assert hub.ask("PUT", f"Organization?identifier={number}", ORGANISATION).status_code == 200
    assert trail(hub)[1:] == [
        ("create", "Practitioner", made, "Practitioner", 201),
        ("delete", "Organization", id, "Organization/o1", 200),
        ("update", "Organization", id, "Organization?identifier=*", 200),
    ]


@pytest.mark.parametrize(
    ("bad", "status", "rows"),
    [
        (
            SITE | {"managingOrganization": {"reference": "Organization/o9"}},
            422,
            [("update", "Organization", "o1", "Organization/o1", 422), ("update", "Location", "l1", "Location/l1", 422)],
        ),
        (PERSON | {"gender": "vrouw"}, 400, [("transaction", "", "", "/", 400)]),
    ],
)
def test_a_transaction_that_is_refused_leaves_what_was_asked_and_that_it_was(hub: Hub, bad: Json, status: int, rows: list[Row]) -> None:
    assert hub.ask("POST", "", transaction(ORGANISATION, bad)).status_code == status
    assert trail(hub) == rows


def test_who_may_not_send_in_is_told_of_and_a_batch_is_its_entries(hub: Hub) -> None:
    assert hub.ask("POST", "", transaction(ORGANISATION), partner="other").status_code == 403
    assert hub.ask("POST", "", transaction(ORGANISATION), partner="").status_code == 401
    assert (
        hub.ask("POST", "", {"resourceType": "Bundle", "type": "batch", "entry": [{"request": {"method": "GET", "url": "_history"}}]}).status_code
        == 200
    )
    assert trail(hub) == [("transaction", "", "", "/", 403), ("history-system", "", "", "_history", 200)]


def test_the_trail_can_be_read_as_events_of_the_feed(hub: Hub) -> None:
    hub.agree("epd", rights=frozenset({"feed", "audit"}))
    id = body(hub.ask("POST", "", transaction(ORGANISATION)))["entry"][0]["resource"]["id"]
    hub.ask("POST", "", transaction(PERSON | {"gender": "vrouw"}))
    trail(hub)
    refused, updated = (entry["resource"] for entry in body(hub.ask("GET", "AuditEvent?subtype=ITI-130"))["entry"])
    assert (updated["action"], updated["entity"][0]["what"]["reference"]) == ("U", f"Organization/{id}")
    assert [coding["code"] for coding in refused["subtype"]] == ["transaction", "ITI-130"]
