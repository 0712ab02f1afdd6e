"""What a partner is shown through the API stands in the audit trail, and nothing that was searched for."""

from __future__ import annotations

from collections.abc import Callable

import flask
import pytest
from flask.testing import FlaskClient

from hub.access import audit
from hub.access.audit import Access
from hub.web.api.noting import NOBODY_IN_IT, SEARCHED, SHOWS
from hub.web.asking import serving_of
from tests.web.conftest import Ids

API = "/api/v1"
Rows = Callable[[], list[Access]]


@pytest.fixture
def rows(app: flask.Flask) -> Rows:
    """Those that were written since this began, oldest first."""

    def found() -> list[Access]:
        serving = serving_of(app)
        serving.trail.flush()
        with serving.store.read() as connection:
            return audit.find(connection, limit=1_000)[::-1]

    before = len(found())
    return lambda: found()[before:]


def test_each_request_of_a_partner_leaves_what_was_done_and_of_which_fiche(client: FlaskClient, ids: Ids, rows: Rows) -> None:
    paths = [
        "fiches?kind=organisatie",
        f"fiches/{ids.organisatie}",
        f"fiches/{ids.organisatie}?asAt=1",
        f"fiches/{ids.organisatie}/history",
        f"fiches/{ids.organisatie}/provenance",
        "changes?since=2",
    ]
    for path in paths:
        client.get(f"{API}/{path}", headers={"X-API-Key": ids.keys["collega"]}, environ_base={"REMOTE_ADDR": "192.0.2.77"})
    id = ids.organisatie
    told = rows()
    assert [(row.interaction, row.target, row.query) for row in told] == [
        (interaction, target, f"api/v1/{path}")
        for interaction, target, path in zip(
            ("search-type", "read", "vread", "history-instance", "operation", "history-system"), ("", id, id, id, id, ""), paths, strict=True
        )
    ]
    assert {(row.partner, row.via, row.address, row.type) for row in told} == {("collega", f"key {ids.keys['collega'][:8]}", "192.0.2.0", "fiche")}
    assert told[1].status == 200


def test_nothing_that_was_searched_for_is_kept(client: FlaskClient, ids: Ids, rows: Rows) -> None:
    headers = {"X-API-Key": ids.keys["collega"]}
    for name in sorted(SEARCHED):
        client.get(f"{API}/fiches?{name}=GEHEIM&postcode=1980", headers=headers)
    first = client.get(f"{API}/fiches?name=wijkteam&pageSize=1", headers=headers).get_json()
    assert client.get(first["next"], headers=headers).status_code == 200
    refused = client.get(f"{API}/fiches?GEHEIM=1", headers=headers)
    told = rows()
    assert [row.query for row in told] == [
        *(f"api/v1/fiches?{name}=*&postcode=1980" for name in sorted(SEARCHED)),
        "api/v1/fiches?name=*&pageSize=1",
        "api/v1/fiches?name=*&pageSize=1&after=*",
        "api/v1/fiches?*=*",
    ]
    assert told[-1].status == refused.status_code == 400


def test_the_public_and_what_tells_of_no_fiche_leave_nothing(client: FlaskClient, ids: Ids, rows: Rows) -> None:
    client.get(f"{API}/fiches")
    client.get(f"{API}/fiches", headers={"X-API-Key": "fh_guessed"})
    client.get(f"{API}/places?name=zemst", headers={"X-API-Key": ids.keys["collega"]})
    client.get(f"{API}/concepts", headers={"X-API-Key": ids.keys["collega"]})
    assert rows() == []


def test_every_operation_and_every_parameter_was_thought_of(app: flask.Flask, client: FlaskClient) -> None:
    of_no_fiche = {"operating.connections_", "operating.connection_", "operating.runs", "operating.replay"}
    told = {rule.endpoint for rule in app.url_map.iter_rules() if rule.endpoint.split(".")[0] in ("fiches", "changes", "operating", "reviewing")}
    assert told - of_no_fiche == set(SHOWS)
    description = client.get(f"{API}/openapi.json").get_json()
    named = {
        each["name"]
        for path in description["paths"].values()
        for method, operation in path.items()
        if method in ("get", "post") and operation["tags"][0] in ("fiches", "changes", "operating", "reviewing")
        for each in operation.get("parameters", ())
        if each.get("in") == "query"
    }
    assert named == NOBODY_IN_IT | SEARCHED
