"""Bad rows and bad requests: each is answered with the field and the reason, and nothing else suffers from it."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text

from hub.directory import Directory
from hub.model.audience import PUBLIC
from tests.acceptance.conftest import Loaded
from tests.acceptance.installation import claims_by_source, fiche_of, rows


@pytest.fixture
def client(loaded: Loaded) -> FlaskClient:
    return loaded.hub.client()


def test_malformed_rows_are_kept_for_the_administrator_and_the_rest_goes_on(loaded: Loaded) -> None:
    hub, world = loaded.hub, loaded.world
    before = claims_by_source(hub.store, ("sociale-kaart", "progezondheid", "sociaal-brussels"))
    spoiled = loaded.kaart.edit(4, addresses="none")
    good = loaded.kaart.edit(5, legalName={"description": "Nog Goed"})
    numbers = [p.riziv[:8] for p in world.persons() if p.index < 60][:3]
    loaded.register.edit(numbers[0], name={"family": "", "given": []})
    loaded.register.edit(numbers[1], addresses=[{"type": "somewhere"}])
    loaded.register.edit(numbers[2], name={"family": "Ookgoed", "given": ["An"]})
    listing = loaded.brussels.listing.rows
    first, second = list(listing)[:2]
    loaded.brussels.edit(first, nameOfficialFr=None, nameOfficialNl=17)
    loaded.brussels.edit(second, nameOfficialFr="Toujours Bon")
    expected = {
        "sociale-kaart": {(spoiled, "addresses")},
        "progezondheid": {(numbers[0], "name.family"), (numbers[1], "addresses.0.type")},
        "sociaal-brussels": {(str(first), "nameOfficialNl"), (f"{first}/aanbod", "nameOfficialNl")},
    }
    for name, wrong in expected.items():
        report = hub.run(name, full=True)
        assert (report.state, report.deleted, report.rejected) == ("done", 0, len(wrong)), report.reason
        kept = rows(
            hub.store,
            "SELECT r.external_id, r.field, r.reason FROM rejected r JOIN run u ON u.id = r.run_id WHERE u.connection = :name",
            name=name,
        )
        assert {(row[0], row[1].split("[")[0]) for row in kept} == wrong
        assert all(len(row[2]) > 10 for row in kept)
        assert {(row.external_id, row.field) for row in report.rejections} == {(row[0], row[1]) for row in kept}
    assert claims_by_source(hub.store, before) == before, "the last good claim stands"
    client = hub.client()
    for source, external_id, name in (
        ("sociale-kaart", good, "Nog Goed"),
        ("progezondheid", numbers[2], "Ookgoed"),
        ("sociaal-brussels", str(second), "Toujours Bon"),
    ):
        assert name in client.get(f"/api/v1/fiches/{fiche_of(hub.store, source, external_id)}").text


API = [
    ("/api/v1/fiches?nonsense=1", "nonsense"),
    ("/api/v1/fiches?pageSize=0", "pageSize"),
    ("/api/v1/fiches?pageSize=many", "pageSize"),
    ("/api/v1/fiches?after=%00nonsense", "after"),
    ("/api/v1/fiches?after=eyJ9", "after"),
    ("/api/v1/fiches?identifier=riziv|18749705001", "identifier"),
    ("/api/v1/fiches?identifier=kbo|0403019262", "identifier"),
    ("/api/v1/fiches?municipality=Atlantis", "municipality"),
    ("/api/v1/fiches?near=north", "near"),
    ("/api/v1/fiches?near=91,3,5", "near"),
    ("/api/v1/fiches?organisatie=no-uuid", "organisatie"),
    ("/api/v1/fiches?sort=backwards", "sort"),
    ("/api/v1/changes?since=-1", "since"),
    ("/api/v1/changes?since=yesterday", "since"),
    ("/widget/v1/search?nonsense=1", "nonsense"),
    ("/widget/v1/search?where=Atlantis", "where"),
    ("/widget/v1/search?lang=xx", "lang"),
    ("/widget/v1/search?after=nonsense", "cursor"),
    ("/widget/v1/suggest?what=x", "what"),
]


@pytest.mark.parametrize(("address", "field"), API)
def test_a_bad_parameter_is_named_with_the_reason(client: FlaskClient, address: str, field: str) -> None:
    answer = client.get(address)
    assert answer.status_code == 400
    assert answer.content_type == "application/problem+json"
    said: dict[str, Any] = answer.get_json()
    assert field in {issue["name"] for issue in said["issues"]} or field == "cursor", said
    assert all(len(issue["detail"]) > 5 for issue in said["issues"])
    assert said["issues"]


FHIR = [
    ("/fhir/Organization?_count=x", "_count", 400),
    ("/fhir/Organization?_cursor=nonsense", "_cursor", 400),
    ("/fhir/Location?near=north", "near", 400),
    ("/fhir/Organization?name:nonsense=x", "name", 400),
    ("/fhir/Organization?_total=all", "_total", 400),
]


@pytest.mark.parametrize(("address", "field", "status"), FHIR)
def test_fhir_answers_with_an_outcome_that_names_the_parameter(client: FlaskClient, address: str, field: str, status: int) -> None:
    answer = client.get(address)
    assert answer.status_code == status, answer.text
    outcome = answer.get_json()
    assert outcome["resourceType"] == "OperationOutcome"
    (issue,) = outcome["issue"]
    assert issue["severity"] == "error"
    assert field in str(issue)
    assert len(issue["details"]["text"]) > len(field) + 5


def test_an_unknown_fhir_parameter_is_told_and_refused_when_strict(client: FlaskClient) -> None:
    strict = client.get("/fhir/Organization?nonsense=1", headers={"Prefer": "handling=strict"})
    assert strict.status_code == 400 and "nonsense" in strict.text
    lenient = client.get("/fhir/Organization?nonsense=1").get_json()
    outcomes = [entry["resource"] for entry in lenient["entry"] if entry["resource"]["resourceType"] == "OperationOutcome"]
    assert "nonsense" in str(outcomes)


@pytest.mark.parametrize("id", ["no-uuid", "00000000-0000-0000-0000-000000000000", "%00", "x" * 300])
def test_a_bad_id_is_not_found_in_the_language_of_the_door(client: FlaskClient, id: str) -> None:
    api, fhir = client.get(f"/api/v1/fiches/{id}"), client.get(f"/fhir/Organization/{id}")
    assert (api.status_code, fhir.status_code) == (404, 404)
    assert api.content_type == "application/problem+json"
    assert fhir.get_json()["resourceType"] == "OperationOutcome"


def test_a_cursor_that_is_ahead_says_where_to_begin_again(loaded: Loaded, client: FlaskClient) -> None:
    """As that of whoever had read on when an older backup was restored."""
    head = Directory(loaded.hub.store, PUBLIC).head()
    expired = client.get(f"/api/v1/changes?since={head + 1}")
    assert (expired.status_code, expired.get_json()["type"]) == (410, "urn:problem-type:fichehub:cursorGone")
    again = client.get(expired.get_json()["startAgain"])
    assert again.status_code == 200
    assert client.get(f"/api/v1/changes?since={again.get_json()['seq']}").status_code == 200
    for path in ("/fhir/_history", "/fhir/Organization/_history"):
        page = client.get(f"{path}?_count=1").get_json()
        following = next(link["url"] for link in page["link"] if link["relation"] == "next")
        assert client.get(following).status_code == 200
        with loaded.hub.store.engine.begin() as connection:  # as a log that has not come so far
            connection.execute(text("UPDATE counter SET n = n - 1 WHERE name = 'change'"))
        try:
            expired = client.get(following)
        finally:
            with loaded.hub.store.engine.begin() as connection:
                connection.execute(text("UPDATE counter SET n = n + 1 WHERE name = 'change'"))
        [issue] = expired.get_json()["issue"]
        assert (expired.status_code, issue["code"], "older backup" in issue["details"]["text"]) == (410, "expired", True)
        assert issue["diagnostics"].endswith(f"Start again at http://localhost{path}")


def test_an_expired_cursor_says_where_to_begin_again(loaded: Loaded, client: FlaskClient) -> None:
    hub = loaded.hub
    head = Directory(hub.store, PUBLIC).head()
    with hub.store.engine.begin() as connection:  # as a log of which the beginning is no longer kept
        connection.execute(text("DELETE FROM change WHERE seq <= 4"))
    answer = client.get("/api/v1/changes?since=3")
    assert answer.status_code == 410
    said = answer.get_json()
    assert said["type"].endswith("cursorGone")
    assert said["oldest"] == 4
    again = client.get(said["startAgain"])
    assert again.status_code == 200
    assert again.get_json()["items"] and again.get_json()["seq"] == head
    assert client.get(f"/api/v1/changes?since={again.get_json()['seq']}").get_json()["items"] == []
    on = client.get(f"/api/v1/changes?since={said['oldest']}")
    assert on.status_code == 200 and on.get_json()["head"] == head
