"""What the widget's search answers: local first, with the reason, public values only, and clear refusals."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import flask
import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from hub.access import Agreement, audit, issue_key, save_agreement
from hub.store import Writer
from hub.web.asking import serving_of
from plugins.widget.wording import WORDING
from tests.plugins.widget.conftest import HIDDEN


@pytest.fixture
def client(app: flask.Flask) -> FlaskClient:
    return app.test_client()


def search(client: FlaskClient, **parameters: str) -> dict[str, Any]:
    response = client.get("/widget/v1/search", query_string=parameters)
    assert response.status_code == 200, response.text
    return body(response)


def body(response: TestResponse) -> dict[str, Any]:
    answer: dict[str, Any] = response.get_json()
    return answer


def test_local_hits_come_first_then_those_who_serve_the_place_then_near_then_the_rest(client: FlaskClient) -> None:
    found = search(client, what="huisarts", where="Zemst")["items"]
    assert [(item["name"], item["tier"]) for item in found] == [
        ("Huisartsen De Zenne", "local"),
        ("Huisarts aan huis", "serves"),
        ("Huisartsen Vilvoorde", "near"),
        ("Huisartsen Tienen", "rest"),
    ]


def test_what_a_partner_is_shown_is_in_the_trail_without_what_was_typed(client: FlaskClient, app: flask.Flask) -> None:
    serving = serving_of(app)
    agreed = Agreement(name="kring", title="Kring", purpose="t", legal_basis="t", contact="c", our_contact="o")

    def agree(writer: Writer) -> str:
        save_agreement(writer.connection, agreed, "2026-11-22T09:00:00Z")
        return issue_key(writer.connection, "kring", "2026-11-22T09:00:00Z")

    key = serving.store.write(agree)
    asked = {"what": "huisarts", "where": "Zemst", "lang": "fr"}
    for headers in ({}, {"X-API-Key": key}):
        assert client.get("/widget/v1/search", query_string=asked, headers=headers).status_code == 200
    client.get("/widget/v1/search", query_string={"lang": "GEHEIM", "GEHEIM": "x"}, headers={"X-API-Key": key})
    serving.trail.flush()
    with serving.store.read() as connection:
        found = [(row.partner, row.interaction, row.type, row.query, row.status) for row in audit.find(connection)]
    assert found == [
        ("kring", "search-type", "fiche", "widget/v1/search?lang=*&*=*", 400),
        ("kring", "search-type", "fiche", "widget/v1/search?what=*&where=*&lang=fr", 200),
    ]


def test_a_physiotherapist_from_tienen_is_no_family_doctor_in_zemst(client: FlaskClient) -> None:
    assert "Kinesitherapie Tienen" not in {item["name"] for item in search(client, what="huisarts", where="1980")["items"]}


def test_every_hit_says_why_it_is_there(client: FlaskClient) -> None:
    reasons = [item["why"] for item in search(client, what="huisarts", where="Zemst")["items"]]
    assert reasons[:2] == ["Gevestigd in Zemst", "Werkt ook in Zemst"]
    assert "km van Zemst" in reasons[2]
    assert search(client, what="huisarts", where="Zemst", lang="en")["items"][0]["why"] == "Based in Zemst"


def test_contacts_come_from_the_organisation_and_say_so_and_hidden_ones_do_not_come(client: FlaskClient) -> None:
    response = client.get("/widget/v1/search", query_string={"what": "huisarts"})
    assert HIDDEN not in response.text
    assert body(response)["items"][0]["contacts"] == [{"kind": "phone", "value": "+3215000001", "from": "organisatie"}]


def test_a_hidden_number_cannot_be_searched_for(client: FlaskClient) -> None:
    assert search(client, what=HIDDEN.strip("+"))["items"] == []


def test_fresh_patientenstop_with_its_date(client: FlaskClient) -> None:
    (stop,) = [item["patientenstop"] for item in search(client, what="zenne")["items"]]
    assert stop == {"value": "yes", "text": "Neemt geen nieuwe patiënten aan", "since": "2026-11-01"}


def test_a_label_in_another_language_finds_and_is_shown(client: FlaskClient) -> None:
    items = search(client, what="médecins", where="Zemst", lang="fr")["items"]
    assert items[0]["rubrieken"] == ["Médecins (fictif)"]
    assert items[0]["name_language"] == "nl"


def test_the_rest_of_the_list_by_cursor(client: FlaskClient) -> None:
    answer = search(client, where="Zemst")
    assert answer["next"] is None
    assert answer["total"] == len(answer["items"]) == 5


@pytest.mark.parametrize(
    ("path", "parameter"),
    [
        ("search?wat=x", "wat"),
        ("search?lang=xx", "lang"),
        ("search?where=Nergenshuizen", "where"),
        ("search?where=99999", "where"),
        ("search?after=abc", "after"), ("search?what=,&where=Gent", "what"),
        (f"search?what={'x' * 101}", "what"),
        ("suggest?q=x", "q"),
    ],
)
def test_a_wrong_parameter_is_named(client: FlaskClient, path: str, parameter: str) -> None:
    response = client.get(f"/widget/v1/{path}")
    assert response.status_code == 400
    assert response.content_type == "application/problem+json"
    assert parameter in {issue["name"] for issue in body(response)["issues"]}


def test_suggestions_by_name_and_postcode(client: FlaskClient) -> None:
    assert [item["refnis"] for item in body(client.get("/widget/v1/suggest?where=zems"))["items"]] == ["23096"]
    assert body(client.get("/widget/v1/suggest?where=1980"))["items"][0]["label"] == "1980 Zemst"
    assert body(client.get("/widget/v1/suggest?where="))["items"] == []


def test_a_suggestion_can_be_searched_as_it_is_written(client: FlaskClient) -> None:
    for item in body(client.get("/widget/v1/suggest?where=sint"))["items"]:
        assert search(client, where=item["label"])["place"]["refnis"] == item["refnis"]


def test_any_website_may_ask_and_the_answer_can_be_kept(client: FlaskClient) -> None:
    first = client.get("/widget/v1/fichehub.js")
    assert first.headers["Access-Control-Allow-Origin"] == "*"
    again = client.get("/widget/v1/fichehub.js", headers={"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 304


def test_the_element_stays_small() -> None:
    import plugins.widget as package

    module = (Path(package.__file__).parent / "static" / "fichehub.js").read_bytes()
    assert len(gzip.compress(module, 9)) <= 15 * 1024


def test_every_language_says_the_same_things() -> None:
    assert {frozenset(words) for words in WORDING.values()} == {frozenset(WORDING["nl"])}
