"""The shape of an error, everywhere but in endpoints that word their own:

    Content-Type: application/problem+json
    {"type": <urn or about:blank>, "title": <text>, "status": <that of the answer>, "detail": <sentence>, "instance": "urn:uuid:<trace id>",
     "issues": [{"type", "in", "name", "detail", "value"?}]?, ... members of the type}

The trace id is that of the header BelGov-Trace-Id.
"""

from __future__ import annotations

import uuid
from typing import Any

import flask
import pytest
from flask.testing import FlaskClient
from sqlalchemy import insert, update
from werkzeug.test import TestResponse

from hub import plugins
from hub.access import Agreement, issue_key, save_agreement
from hub.store import Store, Writer
from hub.store.tables import connection
from hub.web import Settings, create_app
from hub.web import endpoints as endpoints_module
from tests.web.conftest import CANARY, NOW, Brought, Ids

BELGIF = "urn:problem-type:belgif:"
OURS = "urn:problem-type:fichehub:"


def problem(response: TestResponse, status: int, type_: str) -> dict[str, Any]:
    assert response.content_type == "application/problem+json"
    document: dict[str, Any] = response.get_json()
    assert response.status_code == document["status"] == status
    assert document["type"] == type_
    assert document["title"] and document["detail"]
    trace = response.headers["BelGov-Trace-Id"]
    assert document["instance"] == f"urn:uuid:{uuid.UUID(trace)}"
    assert CANARY not in response.get_data(as_text=True)
    return document


@pytest.mark.parametrize(
    ("name", "status", "type_", "members"),
    [
        ("invalid", 400, BELGIF + "badRequest", {}),
        ("not-found", 404, BELGIF + "resourceNotFound", {}),
        ("gone", 410, OURS + "gone", {"seq": 7}),
        ("moved", 308, OURS + "moved", {"id": "11111111-1111-4111-8111-111111111111"}),
        ("cursor-gone", 410, OURS + "cursorGone", {"oldest": 42, "startAgain": "/throw/cursor-gone/x"}),
        (
            "locked",
            409,
            OURS + "fieldLocked",
            {"owner": "kbo", "route": "https://kbo.example.org", "field": "names"},
        ),
        ("forbidden", 403, BELGIF + "missingPermission", {}),
        ("busy", 503, BELGIF + "serviceUnavailable", {}),
        ("bug", 500, BELGIF + "internalServerError", {}),
    ],
)
def test_each_error_of_the_hub_has_its_problem(client: FlaskClient, name: str, status: int, type_: str, members: dict[str, Any]) -> None:
    document = problem(client.get(f"/throw/{name}/x"), status, type_)
    assert {key: document[key] for key in members} == members


def test_an_invalid_field_is_named_with_its_place_value_and_reason(client: FlaskClient) -> None:
    document = problem(client.get("/throw/invalid/x"), 400, BELGIF + "badRequest")
    assert document["issues"] == [
        {
            "type": BELGIF + "input-validation:schemaViolation",
            "in": "query",
            "name": "postcode",
            "detail": "Four digits.",
            "value": "12",
        }
    ]


def test_what_moved_says_where_it_is_now_and_keeps_the_query(client: FlaskClient) -> None:
    response = client.get("/throw/moved/x?lang=nl")
    assert response.headers["Location"] == "/throw/moved/11111111-1111-4111-8111-111111111111?lang=nl"


def test_a_busy_database_says_when_to_come_back(client: FlaskClient) -> None:
    assert int(client.get("/throw/busy/x").headers["Retry-After"]) > 0


def test_an_unknown_address_is_not_found(client: FlaskClient) -> None:
    problem(client.get("/nowhere"), 404, BELGIF + "resourceNotFound")


@pytest.mark.parametrize("path", ["/", "/health", "/api/v1/fiches", "/api/v1/openapi.json"])
def test_a_wrong_method_says_which_are_right(client: FlaskClient, path: str) -> None:
    response = client.delete(path)
    problem(response, 405, "about:blank")
    assert "GET" in response.headers["Allow"]


def test_a_body_that_is_too_long_is_refused(client: FlaskClient) -> None:
    problem(client.post("/throw/body", data=b"x" * (5 << 20)), 413, BELGIF + "payloadTooLarge")


def test_the_api_speaks_json_only(client: FlaskClient) -> None:
    problem(client.get("/api/v1/places", headers={"Accept": "application/xml"}), 406, "about:blank")


@pytest.mark.parametrize(
    ("path", "name", "value"),
    [
        ("/api/v1/fiches?postkode=9000", "postkode", "9000"),
        ("/api/v1/fiches?postcode=90", "postcode", "90"),
        ("/api/v1/fiches?municipality=Nergensdorp", "municipality", "Nergensdorp"),
        ("/api/v1/fiches?rubriek=99.99", "rubriek", "99.99"),
        ("/api/v1/fiches?language=zz", "language", "zz"),
        ("/api/v1/fiches?source=foo", "source", "foo"),
        ("/api/v1/fiches?source=buurkaart", "source", "buurkaart"),  # says something to one partner only
        ("/api/v1/fiches?text=%ff%fe", "text", None),
        ("/api/v1/places?text=a%20%e9", "text", None),
        ("/api/v1/fiches?code=rubriek%7C99.99", "code", "rubriek|99.99"),
        ("/api/v1/fiches?code=rubrik%7C14", "code", "rubrik|14"),
        ("/api/v1/fiches?postcode=0000", "postcode", "0000"),
        ("/api/v1/fiches?serves=postcode%7C0000", "serves", "postcode|0000"),
        ("/api/v1/fiches?identifier=0403.019.999", "identifier", "0403.019.999"),
        ("/api/v1/fiches?rubriek=%20", "rubriek", " "),
        ("/api/v1/fiches?province=mars", "province", "mars"),
        ("/api/v1/fiches?changedSince=9223372036854775808", "changedSince", "9223372036854775808"),
        ("/api/v1/fiches?changedSince=99999999", "changedSince", "99999999"),
        ("/api/v1/fiches?text=%20", "text", " "),
        ("/api/v1/fiches?local=0001", "local", "0001"),
        ("/api/v1/fiches?near=here", "near", "here"),
        ("/api/v1/fiches?near=51,4,100000", "near", "51,4,100000"),
        ("/api/v1/fiches?near=nan,4,1", "near", "nan,4,1"),
        ("/api/v1/fiches?kind=winkel", "kind", "winkel"),
        ("/api/v1/fiches?kind=aanbod&kind=zaak", "kind", "zaak"),
        ("/api/v1/fiches?organisatie=1", "organisatie", "1"),
        ("/api/v1/fiches?status=sleepy", "status", "sleepy"),
        ("/api/v1/fiches?identifier=ssin|85073003328", "identifier", None),
        ("/api/v1/fiches?sort=colour", "sort", "colour"),
        ("/api/v1/fiches?sort=distance", "sort", None),
        ("/api/v1/fiches?pageSize=0", "pageSize", "0"),
        ("/api/v1/fiches?pageSize=5&pageSize=6", "pageSize", "5"),
        ("/api/v1/fiches?after=abc", "after", None),
        ("/api/v1/fiches?changedSince=-1", "changedSince", "-1"),
        ("/api/v1/changes?since=soon", "since", "soon"),
        ("/api/v1/places?colour=red", "colour", "red"),
        ("/api/v1/concepts?colour=red", "colour", "red"),
    ],
)
def test_a_wrong_parameter_is_named(client: FlaskClient, path: str, name: str, value: str | None) -> None:
    document = problem(client.get(path), 400, BELGIF + "badRequest")
    (issue,) = document["issues"]
    assert (issue["in"], issue["name"]) == ("query", name)
    assert issue["detail"]
    if value is not None:
        assert issue["value"] == value


def test_a_social_security_number_is_not_repeated(client: FlaskClient) -> None:
    response = client.get("/api/v1/fiches?identifier=ssin|85073003328")
    assert response.status_code == 400
    assert "85073003328" not in response.get_data(as_text=True)


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/fiches/nothing",
        "/api/v1/fiches/11111111-1111-4111-8111-111111111111",
        "/api/v1/fiches/11111111-1111-4111-8111-111111111111/history",
        "/api/v1/fiches/11111111-1111-4111-8111-111111111111/provenance",
        "/api/v1/fiches/11111111-1111-4111-8111-111111111111?asAt=1",
        "/api/v1/concepts/nothing",
        "/api/v1/concepts/rubriek/99",
        "/api/v1/places/00000",
    ],
)
def test_what_is_not_there_is_not_found(client: FlaskClient, path: str) -> None:
    problem(client.get(path), 404, BELGIF + "resourceNotFound")


def test_a_hidden_fiche_is_like_one_that_never_was(client: FlaskClient, ids: Ids) -> None:
    for path in (
        f"/api/v1/fiches/{ids.hidden}",
        f"/api/v1/fiches/{ids.hidden}/history",
        f"/api/v1/fiches/{ids.hidden}/provenance",
    ):
        problem(client.get(path), 404, BELGIF + "resourceNotFound")


# --- keys ------------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer fh_wrong"},
        {"X-API-Key": "fh_wrong"},
        {"Authorization": "Basic dXNlcjpwYXNz"},
        {"Authorization": "Bearer"},
        {"X-API-Key": ""},
    ],
)
@pytest.mark.parametrize("path", ["/api/v1/fiches", "/api/v1/places", "/nowhere", "/"])
def test_a_wrong_key_is_refused_and_never_taken_for_the_public(client: FlaskClient, headers: dict[str, str], path: str) -> None:
    response = client.get(path, headers=headers)
    problem(response, 401, BELGIF + "invalidAccessToken")
    assert response.headers["WWW-Authenticate"].lower().startswith("bearer")


def test_a_hub_for_partners_only_asks_for_a_key(hub_store: Store, ids: Ids) -> None:
    client = create_app(hub_store, plugins.load(installed=False), Settings(anonymous=False)).test_client()
    problem(client.get("/api/v1/places"), 401, BELGIF + "noAccessToken")
    key = {"Authorization": f"Bearer {ids.keys['collega']}"}
    assert client.get("/api/v1/places", headers=key).status_code == 200
    assert client.get("/health").status_code == 200


@pytest.mark.parametrize("path", ["/", "/api/v1/docs", "/api/v1/fiches", "/closed/"])
def test_a_hub_for_partners_only_tells_a_browser_so_on_a_page(hub_store: Store, path: str) -> None:
    brought = plugins.load([("brought", Brought())], installed=False)
    client = create_app(hub_store, brought, Settings(anonymous=False)).test_client()
    browser = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    told = client.get(path, headers={**browser, "Accept-Language": "fr"})
    assert (told.status_code, told.mimetype) == (401, "text/html")
    assert told.headers["WWW-Authenticate"].startswith("Bearer") and {"Accept", "Accept-Language"} <= set(told.vary)
    assert "Ce hub ne répond qu’à ceux qui ont une clé" in told.get_data(as_text=True)
    for headers in ({}, {"Accept": "*/*"}, {"Accept": "application/json"}):
        problem(client.get(path, headers=headers), 401, BELGIF + "noAccessToken")
    problem(client.get(path, headers={**browser, "X-API-Key": "fh_wrong"}), 401, BELGIF + "invalidAccessToken")
    assert client.get("/parrot/say/a", headers=browser).get_json() == {"parrot": "Unauthorized"}, "an endpoint words its own errors"


def test_an_agreement_that_has_ended_says_whom_to_ask(empty_store: Store) -> None:
    keys: list[str] = []

    def agree(writer: Writer) -> None:
        ended = Agreement(
            name="oud",
            title="Oude kaart",
            purpose="test",
            legal_basis="test",
            contact="oud@example.org",
            our_contact="wij@example.org",
            expires_on="2020-01-01",
        )
        save_agreement(writer.connection, ended, NOW)
        keys.append(issue_key(writer.connection, "oud", NOW))

    empty_store.write(agree)
    client = create_app(empty_store, plugins.load(installed=False)).test_client()
    response = client.get("/api/v1/places", headers={"Authorization": f"bearer {keys[0]}"})
    assert "wij@example.org" in problem(response, 403, BELGIF + "missingPermission")["detail"]


def test_who_asks_too_often_is_told_how_long_to_wait(hub_store: Store, ids: Ids) -> None:
    settings = Settings(requests_per_second=0.1, burst=3)
    client = create_app(hub_store, plugins.load(installed=False), settings).test_client()
    answers = [client.get("/api/v1/places") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    document = problem(answers[-1], 429, BELGIF + "tooManyRequests")
    assert 0 < int(answers[-1].headers["Retry-After"]) == document["retryAfterSec"] <= 10
    assert answers[-1].headers["RateLimit"] == f'"asker";r=0;t={document["retryAfterSec"]}'
    assert answers[0].headers["RateLimit-Policy"] == '"asker";q=3;w=30'
    # Somebody else has a bucket of his own, and so has a guesser of keys.
    assert client.get("/api/v1/places", headers={"X-API-Key": ids.keys["buur"]}).status_code == 200
    assert client.get("/api/v1/places", headers={"X-API-Key": "fh_guess"}).status_code == 429


# --- endpoints -------------------------------------------------------------------------------------------------------------------------


def test_an_endpoint_words_its_own_errors_also_where_no_route_of_it_is(client: FlaskClient, ids: Ids) -> None:
    asked = {
        "/parrot/say/crash": (500, "RuntimeError"),
        "/parrot/nowhere": (404, "NotFound"),
        "/parrot": (404, "NotFound"),
    }
    for path, (status, name) in asked.items():
        response = client.get(path)
        assert (response.status_code, response.get_json()) == (status, {"parrot": name})
    assert client.post("/parrot/say/x").get_json() == {"parrot": "MethodNotAllowed"}
    refused = client.get("/parrot/say/x", headers={"X-API-Key": "fh_wrong"})
    assert (refused.status_code, refused.get_json()) == (401, {"parrot": "Unauthorized"})


@pytest.mark.parametrize("word", ["bye", "cancelled"])
def test_an_endpoint_that_calls_sys_exit_or_is_cancelled_ends_one_request(client: FlaskClient, word: str) -> None:
    response = client.get(f"/parrot/say/{word}")
    assert (response.status_code, response.get_json()) == (500, {"parrot": "RuntimeError"})
    assert client.get("/parrot/say/x").status_code == 200


def test_an_endpoint_that_nobody_enabled_says_how_to(client: FlaskClient) -> None:
    document = problem(client.get("/closed/"), 403, BELGIF + "missingPermission")
    assert "fichehub connections enable closed" in document["detail"]


def test_an_endpoint_opens_for_one_partner_and_closes_again(empty_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoints_module, "REMEMBERED", 0.0)
    client = create_app(empty_store, plugins.load([("brought", Brought())], installed=False)).test_client()
    assert client.get("/closed/").status_code == 403
    values = {
        "name": "c",
        "connector": "closed",
        "partner": "",
        "config": b"{}",
        "state": "enabled",
        "created_at": NOW,
    }
    empty_store.write(lambda writer: writer.connection.execute(insert(connection).values(**values)))
    assert client.get("/closed/").status_code == 200
    empty_store.write(lambda writer: writer.connection.execute(update(connection).values(partner="buur")))
    asked = client.get("/closed/")
    assert problem(asked, 401, BELGIF + "noAccessToken")["detail"].startswith("/closed answers partners only: send your API key")
    assert asked.headers["WWW-Authenticate"] == 'Bearer realm="fichehub"'
    assert "buur" not in asked.text and "connections" not in asked.text, "not who, and not to open it to all"
    keys = {name: _key_of(empty_store, name) for name in ("buur", "ander")}
    assert client.get("/closed/", headers={"X-API-Key": keys["buur"]}).status_code == 200
    refused = problem(client.get("/closed/", headers={"X-API-Key": keys["ander"]}), 403, BELGIF + "missingPermission")["detail"]
    assert "Ask your contact" in refused and "--partner ander" in refused and "buur" not in refused
    empty_store.write(lambda writer: writer.connection.execute(update(connection).values(partner="", state="paused")))
    assert client.get("/closed/").get_json()["detail"] == "/closed is paused. An administrator resumes it with: fichehub connections enable c"


@pytest.mark.parametrize(
    ("there", "partner", "commands"),
    [
        ([], "", ["add closed closed", "enable closed"]),
        ([], "buur", ["add closed-buur closed --partner buur", "enable closed-buur"]),
        ([("b", "", "paused"), ("a", "", "paused"), ("c", "", "disabled")], "", ["enable a", "enable b"]),
        ([("a", "", "disabled")], "", ["enable a"]),
        ([("a", "", "paused")], "buur", ["enable a"]),
        ([("a", "", "disabled")], "buur", ["add closed-buur closed --partner buur", "enable closed-buur"]),
        ([("a", "", "disabled"), ("b", "buur", "disabled")], "buur", ["enable b"]),
        ([("a", "ander", "paused")], "", ["add closed closed", "enable closed"]),
        ([("a", "ander", "paused")], None, ["list", "enable NAME"]),
        ([("a", "", "enabled"), ("b", "", "paused")], "", []),
    ],
)
def test_what_opens_an_endpoint_is_told_of_the_connections_that_are_there(
    empty_store: Store, there: list[tuple[str, str, str]], partner: str | None, commands: list[str]
) -> None:
    for name, whose, state in there:
        row = {"name": name, "connector": "closed", "partner": whose, "config": b"{}", "state": state, "created_at": NOW}
        empty_store.write(lambda writer, row=row: writer.connection.execute(insert(connection).values(**row)))  # type: ignore[misc]
    with create_app(empty_store, plugins.load([("brought", Brought())], installed=False)).app_context():
        told = endpoints_module.endpoints().commands_to_open("closed", partner)
    assert list(told) == [f"fichehub connections {command}" for command in commands]


def _key_of(store: Store, name: str) -> str:
    agreed = Agreement(name=name, title=name, purpose="x", legal_basis="x", contact="x", our_contact="x")

    def make(writer: Writer) -> str:
        save_agreement(writer.connection, agreed, NOW)
        return issue_key(writer.connection, name, NOW)

    return store.write(make)


def test_the_addresses_of_the_hub_itself_are_all_known_to_the_judge_of_plugins(hub_store: Store) -> None:
    app = create_app(hub_store, plugins.load(installed=False))
    assert {str(rule).split("/")[1] for rule in app.url_map.iter_rules()} == {"", "favicon.ico", *plugins.OWN_PATHS}


def test_an_endpoint_that_cannot_be_mounted_is_left_out_whole_and_named(app: flask.Flask, client: FlaskClient) -> None:
    with app.app_context():
        left_out = {each.name: each.reason for each in endpoints_module.endpoints().broken}
    assert left_out.keys() == {"broken"}
    assert "ZeroDivisionError" in left_out["broken"]
    problem(client.get("/broken/half"), 404, BELGIF + "resourceNotFound")
    assert client.get("/health").get_json() == {"status": "DEGRADED"}
