"""What the widget's search answers: local first, with the reason, public values only, and clear refusals."""

from __future__ import annotations

import gzip
import html
from contextlib import closing
from pathlib import Path
from typing import Any

import flask
import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from hub import Entity, Hit, Said, plugins, source_title
from hub.access import Agreement, audit, issue_key, save_agreement
from hub.model.claims import EDITOR, Claim
from hub.model.query import Criterion, Query
from hub.store import Store, Writer
from hub.web import Settings, create_app
from hub.web.asking import serving_of
from plugins import widget
from plugins.widget import routes
from plugins.widget.cards import Visitor, card
from plugins.widget.towns import sentence
from plugins.widget.wording import DEMO, LANGUAGE_NAMES, WORDING
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


@pytest.mark.parametrize(("where", "language"), [("Louvain", "en"), ("Löwen", "de"), ("Leuven", "nl")])
def test_a_place_is_known_by_the_name_that_visitors_have_for_it(client: FlaskClient, where: str, language: str) -> None:
    found = search(client, what="huisarts", where=where, lang=language)
    assert (found["place"]["refnis"], found["place"]["label"]) == ("24062", where)
    assert found["items"][0]["name"] == "Huisarts aan huis"
    suggested = body(client.get("/widget/v1/suggest", query_string={"where": where[:4], "lang": language}))["items"]
    assert "24062" in [one["refnis"] for one in suggested]


def key_of(app: flask.Flask, name: str, **agreed: Any) -> dict[str, str]:
    """The header with a key of a partner with this agreement."""
    agreement = Agreement(name=name, title=name, purpose="t", legal_basis="t", contact="c", our_contact="o", **agreed)

    def agree(writer: Writer) -> str:
        save_agreement(writer.connection, agreement, "2026-11-22T09:00:00Z")
        return issue_key(writer.connection, name, "2026-11-22T09:00:00Z")

    return {"X-API-Key": serving_of(app).store.write(agree)}


@pytest.mark.parametrize("level", ["professional", "internal"])
def test_a_partner_who_may_see_more_is_shown_public_values_too(client: FlaskClient, app: flask.Flask, level: str) -> None:
    headers = key_of(app, f"mag-{level}", level=level)
    assert HIDDEN in client.get("/api/v1/fiches?kind=organisatie&text=zenne", headers=headers).text
    for asked in ({"what": "zenne"}, {"what": HIDDEN.strip("+")}, {"where": "Tienen"}):
        answers = [client.get("/widget/v1/search", query_string=asked, headers=sent) for sent in ({}, headers)]
        assert [answer.status_code for answer in answers] == [200, 200]
        assert body(answers[0]) == body(answers[1])


def test_an_agreement_can_leave_out_some_of_what_is_public(client: FlaskClient, app: flask.Flask) -> None:
    scope = Query(types=("aanbod", "organisatie"), where=(Criterion("code", ("rubriek|19.02",)),))
    headers = key_of(app, "enkel-kine", level="professional", scope=scope, fields=frozenset({"names", "organisatie", "rubrieken"}))
    (item,) = body(client.get("/widget/v1/search", headers=headers))["items"]
    assert item["name"] == "Kinesitherapie Tienen"
    assert "contacts" not in item


def test_of_an_overlay_the_partner_is_shown_what_is_public_and_nobody_else_anything(client: FlaskClient, app: flask.Flask) -> None:
    content: dict[str, Any] = {
        "kind": "aanbod",
        "names": [{"text": {"nl": "Kinesitherapie Tienen"}}],
        "contacts": [
            {"kind": "phone", "value": "+3216000003"},
            {"kind": "phone", "value": "+3216000004", "visibility": "professional"},
        ],
    }
    said = Claim("kaartje", "k", 1, "aanbod", content, same_as=(("sociale-kaart", "k/aanbod"),), partner="kaart")
    headers = key_of(app, "kaart", level="professional")
    serving_of(app).store.write(lambda writer: writer.put([said], origin="test"))
    answers = [
        client.get("/widget/v1/search?what=kinesitherapie", headers=sent).text for sent in (headers, {}, key_of(app, "ander", level="internal"))
    ]
    assert ["+3216000003" in answer for answer in answers] == [True, False, False]
    assert ["+3216000004" in answer for answer in answers] == [False, False, False]


def test_an_answer_to_credentials_is_for_no_cache_that_others_share(client: FlaskClient, app: flask.Flask) -> None:
    headers = key_of(app, "bewaart")
    for path in ("search?what=zenne", "suggest?where=zem", "words", "fichehub.js"):
        open_to_all = client.get(f"/widget/v1/{path}")
        assert open_to_all.cache_control.public
        for sent in (headers, headers | {"If-None-Match": open_to_all.headers["ETag"]}):
            answer = client.get(f"/widget/v1/{path}", headers=sent)
            assert answer.status_code == (304 if "If-None-Match" in sent else 200)
            assert answer.headers["Cache-Control"] == "private, no-cache"


def test_what_a_partner_is_shown_is_in_the_trail_without_what_was_typed(client: FlaskClient, app: flask.Flask) -> None:
    serving, key = serving_of(app), key_of(app, "kring")
    asked = {"what": "huisarts", "where": "Zemst", "lang": "fr"}
    for headers in ({}, key):
        assert client.get("/widget/v1/search", query_string=asked, headers=headers).status_code == 200
    client.get("/widget/v1/search", query_string={"lang": "GEHEIM", "GEHEIM": "x"}, headers=key)
    serving.trail.flush()
    with serving.store.read() as connection:
        found = [(row.partner, row.interaction, row.type, row.query, row.status) for row in audit.find(connection) if row.partner == "kring"]
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


def test_a_place_brings_the_headings_above_its_hits(client: FlaskClient) -> None:
    assert search(client, where="Ieper", lang="fr")["place"]["tiers"] == {
        "local": "À Ypres",
        "serves": "Actif à Ypres",
        "near": "Près d’Ypres",
        "rest": "Plus loin",
    }
    assert [item["why"] for item in search(client, what="zenne", where="Ieper", lang="fr")["items"]] == ["À 111,5 km d’Ypres"]


def test_contacts_come_from_the_organisation_and_say_so_and_hidden_ones_do_not_come(client: FlaskClient) -> None:
    response = client.get("/widget/v1/search", query_string={"what": "zenne"})
    assert HIDDEN not in response.text
    assert body(response)["items"][0]["contacts"] == [{"kind": "phone", "value": "+3215000001", "from": "organisatie"}]


@pytest.mark.parametrize("place", [{}, {"where": "Tienen"}])
def test_what_has_stopped_is_neither_shown_nor_counted(client: FlaskClient, place: dict[str, str]) -> None:
    answer = search(client, what="dagopvang", **place)
    assert {item["name"] for item in answer["items"]} == {"Dagopvang maybe", "Dagopvang on"}
    assert answer["total"] == 2


def test_that_an_organisation_has_stopped_is_said_of_what_it_offers(client: FlaskClient) -> None:
    items = search(client, what="dagopvang")["items"]
    assert {item["name"]: item.get("organisation_stopped", False) for item in items} == {"Dagopvang maybe": False, "Dagopvang on": True}


def test_a_hidden_number_cannot_be_searched_for(client: FlaskClient) -> None:
    assert search(client, what=HIDDEN.strip("+"))["items"] == []


def test_fresh_patientenstop_with_its_date(client: FlaskClient) -> None:
    (stop,) = [item["patientenstop"] for item in search(client, what="zenne")["items"]]
    assert stop == {"value": "yes", "text": "Neemt geen nieuwe patiënten aan", "since": "2026-11-01"}


def test_a_waiting_list_with_its_length_and_date(client: FlaskClient) -> None:
    told = {
        language: item["waiting_list"]["text"]
        for language in WORDING
        for item in search(client, what="kinesitherapie", where="Tienen", lang=language)["items"]
    }
    assert told == {
        "nl": "Wachtlijst van 6 weken",
        "fr": "Liste d'attente de 6 semaines",
        "de": "Warteliste von 6 Wochen",
        "en": "Waiting list of 6 weeks",
    }
    assert search(client, what="kinesitherapie")["items"][0]["waiting_list"] == {
        "value": "yes", "text": "Wachtlijst van 6 weken", "since": "2026-11-01",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ({"value": "yes"}, "Er is een wachtlijst"),
        ({"value": "yes", "weeks": 1}, "Wachtlijst van 1 week"),
        ({"value": "no", "weeks": 0}, "Er is geen wachtlijst"),
        ({"value": "unknown"}, None),
        ({}, None),
    ],
)
def test_what_is_said_of_a_waiting_list(said: dict[str, Any], text: str | None) -> None:
    fiche = {"kind": "aanbod", "waiting_list": said} if said else {"kind": "aanbod"}
    hit = Hit(Entity("x", "aanbod", 1, 1, "2026-11-22T09:00:00Z", fiche))
    shown = card(
        hit, lambda scheme, code, language: Said(code, ""), lambda source, language: source, lambda address, language: Said("", ""), Visitor("nl")
    )
    assert shown.get("waiting_list", {}).get("text") == text


def test_a_label_in_another_language_finds_and_is_shown(client: FlaskClient) -> None:
    items = search(client, what="médecins", where="Zemst", lang="fr")["items"]
    assert items[0]["rubrieken"] == [{"text": "Médecins (fictif)"}]
    assert items[0]["name_language"] == "nl"


def test_the_rest_of_the_list_by_cursor(client: FlaskClient) -> None:
    answer = search(client, where="Zemst")
    assert answer["next"] is None
    assert answer["total"] == len(answer["items"]) == 9


@pytest.mark.parametrize(
    ("path", "parameter"),
    [
        ("search?wat=x", "wat"),
        ("search?lang=xx", "lang"),
        ("search?where=Nergenshuizen", "where"),
        ("search?where=99999", "where"),
        ("search?where=gen", "where"),
        ("search?where=90", "where"),
        ("search?after=abc", "after"),
        ("search?what=,&where=Gent", "what"),
        (f"search?what={'x' * 101}", "what"),
        ("suggest?q=x", "q"),
        ("search?what=a&what=b", "what"),
        ("search?what=zenne&lang=nl&lang=fr", "lang"),
        ("suggest?where=a&where=b", "where"),
        ("words?lang=nl&lang=nl", "lang"),
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


@pytest.mark.parametrize(
    ("where", "postcode"),
    [("kruib", ""), ("9150", "9150"), ("beveren-kruibeke-zwijndrecht", ""), ("aartselaar", "2630")],
)
def test_a_place_has_the_postcode_that_was_typed_or_its_only_one(client: FlaskClient, where: str, postcode: str) -> None:
    assert body(client.get("/widget/v1/suggest", query_string={"where": where}))["items"][0]["postcode"] == postcode
    assert search(client, what="huisarts", where=where)["place"]["postcode"] == postcode


def test_a_suggestion_can_be_searched_as_it_is_written(client: FlaskClient) -> None:
    items = body(client.get("/widget/v1/suggest?where=sint"))["items"]
    assert len(items) > 1
    for item in items:
        assert search(client, where=item["label"])["place"]["refnis"] == item["refnis"]


def test_the_answer_says_which_place_was_taken(client: FlaskClient) -> None:
    taken = {typed: search(client, where=typed)["place"]["label"] for typed in ("zemst", "zems", "1980", "Gooik", "23096")}
    assert taken == {"zemst": "Zemst", "zems": "Zemst", "1980": "1980 Zemst", "Gooik": "Gooik (Pajottegem)", "23096": "Zemst"}


def test_the_beginning_of_several_places_is_a_choice_and_not_a_guess(client: FlaskClient) -> None:
    (issue,) = body(client.get("/widget/v1/search?where=gen"))["issues"]
    assert "Genk" in str(issue)
    assert "Gent" in str(issue)
    assert search(client, where="Gent")["place"]["name"] == "Gent"


@pytest.mark.parametrize(
    ("where", "language", "label"),
    [
        ("Berchem", "nl", "Sint-Agatha-Berchem"),
        ("Berchem", "fr", "Berchem-Sainte-Agathe"),
        ("Heverlee", "nl", "Oud-Heverlee"),
        ("stokk", "nl", "Dilsen-Stokkem"),
    ],
)
def test_a_word_of_a_longer_name_is_offered_in_the_language_of_the_page_and_never_taken(
    client: FlaskClient, where: str, language: str, label: str
) -> None:
    refused = client.get("/widget/v1/search", query_string={"where": where, "lang": language})
    assert refused.status_code == 400
    (issue,) = body(refused)["issues"]
    assert issue["name"] == "where" and label in str(issue)
    (offered,) = body(client.get("/widget/v1/suggest", query_string={"where": where, "lang": language}))["items"]
    assert offered["label"] == label
    assert search(client, where=label, lang=language)["place"]["label"] == label


def test_a_postcode_is_enough_where_the_name_beside_it_is_that_of_a_part(client: FlaskClient) -> None:
    assert search(client, where="2600 Berchem")["place"]["label"] == "2600 Antwerpen"
    assert search(client, where="2600 Berchem", lang="fr")["place"]["label"] == "2600 Anvers"


@pytest.mark.parametrize(
    ("where", "language", "name"),
    [
        ("Liège", "en", "Liège"),
        ("Luik", "en", "Luik"),
        ("lüttich", "de", "Lüttich"),
        ("4000", "en", "Liège"),
        ("4000", "de", "Liège"),
        ("Mons", "en", "Mons"),
        ("Luik", "fr", "Liège"),
        ("Lüttich", "fr", "Liège"),
        ("Liège", "nl", "Luik"),
        ("Uccle", "fr", "Uccle"),
        ("4770", "en", "Amel"),
        ("Gooik", "en", "Pajottegem"),
        ("62063", "en", "Liège"),
    ],
)
def test_a_municipality_is_called_as_the_visitor_calls_it(client: FlaskClient, where: str, language: str, name: str) -> None:
    answer = search(client, what="zenne", where=where, lang=language)
    assert answer["place"]["name"] == name
    assert sentence(WORDING[language]["tier_near"], name, language) == answer["place"]["tiers"]["near"]
    assert all(name in item["why"] for item in answer["items"])


def test_more_hits_speak_of_the_place_as_the_first_ones(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routes, "PAGE", 1)
    asked = {"what": "huisarts", "where": "Louvain", "lang": "en"}
    cursor = search(client, **asked)["next"]
    for given, town in ((asked, "Louvain"), ({"lang": "en"}, "Leuven"), (asked | {"where": "Gent"}, "Leuven")):
        (item,) = search(client, after=cursor, **given)["items"]
        assert f"km from {town}" in item["why"]


@pytest.mark.parametrize(
    ("language", "city"),
    [
        ("nl", {"city": "3300 Tienen"}),
        ("fr", {"city": "3300 Tirlemont"}),
        ("de", {"city": "3300 Tienen", "city_language": "nl"}),
        ("en", {"city": "3300 Tienen", "city_language": "nl"}),
    ],
)
def test_the_city_of_an_address_is_named_in_the_language_of_the_page(client: FlaskClient, language: str, city: dict[str, str]) -> None:
    (item,) = search(client, what="Kinesitherapie", lang=language)["items"]
    assert {key: value for key, value in item["address"].items() if key.startswith("city")} == city


@pytest.mark.parametrize(
    ("language", "where", "alone"),
    [
        ("nl", "Gevestigd in Tienen – alleen vermeld in de beschrijving: Oncologie", "Alleen vermeld in de beschrijving: Oncologie"),
        ("fr", "Situé à Tirlemont – mentionné uniquement dans la description : Oncologie", "Mentionné uniquement dans la description : Oncologie"),
        ("de", "Ansässig in Tienen – nur in der Beschreibung erwähnt: Oncologie", "Nur in der Beschreibung erwähnt: Oncologie"),
        ("en", "Based in Tienen – mentioned in the description only: Oncologie", "Mentioned in the description only: Oncologie"),
    ],
)
def test_that_a_word_stands_in_the_description_only_is_said(client: FlaskClient, language: str, where: str, alone: str) -> None:
    asked = {"what": "Oncologie Huisartsen", "lang": language}
    assert [item["why"] for item in search(client, where="Tienen", **asked)["items"]] == [where]
    assert [item["why"] for item in search(client, **asked)["items"]] == [alone]
    assert "why" not in search(client, what="Huisartsen Tienen", lang=language)["items"][0]


def test_texts_in_another_language_say_so(client: FlaskClient) -> None:
    (item,) = search(client, what="Kinesitherapie", lang="de")["items"]
    assert item["rubrieken"] == [{"text": "Kinesitherapeuten (fictief)", "text_language": "nl"}]
    assert (item["name_language"], item["organisation_language"]) == ("nl", "nl")
    assert item["address"] == {"street": "Grote Markt 1", "street_language": "nl", "city": "3300 Tienen", "city_language": "nl"}
    (item,) = search(client, what="Kinesitherapie")["items"]
    assert not [key for key in (*item, *item["address"], *item["rubrieken"][0]) if key.endswith("language")]


def test_a_source_goes_by_its_title(client: FlaskClient) -> None:
    (item,) = search(client, what="Kinesitherapie")["items"]
    assert item["sources"] == ["De Kaart (fictief)"]
    (item,) = search(client, what="Kinesitherapie", lang="fr")["items"]
    assert item["sources"] == ["La carte (fictive)"]


def test_what_an_editor_decided_is_told_in_the_language_of_the_visitor(app: flask.Flask) -> None:
    with app.test_request_context():
        assert [source_title(EDITOR, language) for language in ("nl", "fr", "de", "en")] == [
            "Redactie van deze hub",
            "Rédaction de ce hub",
            "Redaktion dieses Hubs",
            "Editors of this hub",
        ]


def test_a_source_that_no_connector_brings_goes_by_its_name(client: FlaskClient) -> None:
    (item,) = search(client, what="Ergotherapie")["items"]
    assert item["sources"] == ["onbekende-bron"]


def test_an_offer_at_a_hidden_site_is_not_shown_at_another(client: FlaskClient) -> None:
    response = client.get("/widget/v1/search", query_string={"what": "Ergotherapie"})
    (item,) = body(response)["items"]
    assert "address" not in item
    assert "Zichtbare" not in response.text


@pytest.mark.parametrize(
    ("where", "tier", "street"),
    [
        ("", "", "Eerste straat 1"),
        ("Zemst", "local", "Tweede straat 1"),
        ("Tienen", "local", "Eerste straat 1"),
        ("Mechelen", "near", "Tweede straat 1"),
        ("Leuven", "rest", "Eerste straat 1"),
    ],
)
def test_of_several_sites_the_one_in_the_place_asked_for_is_shown_or_else_the_nearest(
    client: FlaskClient, where: str, tier: str, street: str
) -> None:
    (item,) = search(client, what="logopedie", where=where)["items"]
    assert (item["tier"] if where else "", item["address"]["street"]) == (tier, street)


def test_the_box_of_an_address_is_written_as_one(client: FlaskClient) -> None:
    (item,) = search(client, what="zenne")["items"]
    assert item["address"]["street"] == "Kerkstraat 1 bus 7"


def test_complaints_are_no_way_to_reach_somebody_and_an_own_mobile_comes_first(client: FlaskClient) -> None:
    (item,) = search(client, what="Huisarts aan huis")["items"]
    assert [contact["value"] for contact in item["contacts"]] == ["+32470000001", "+3215000001"]


@pytest.mark.parametrize(
    ("query", "header", "language", "words"),
    [
        ("", "", "nl", "Zorg in de buurt"),
        ("", "fr-BE,fr;q=0.9", "fr", "Soins et aide près de chez vous"),
        ("?lang=de", "fr", "de", "Pflege und Hilfe in der Nähe"),
        ("?lang=en", "", "en", "Care close by"),
        ("?lang=xx", "fr", "fr", "Soins et aide près de chez vous"),
    ],
)
def test_the_demo_page_speaks_the_language_of_the_reader(client: FlaskClient, query: str, header: str, language: str, words: str) -> None:
    response = client.get(f"/widget/demo{query}", headers={"Accept-Language": header} if header else {})
    text = html.unescape(response.text)
    assert f'<html lang="{language}">' in text
    assert words in text
    assert [said for key, said in DEMO[language].items() if said not in text] == []
    others = {said for other, page in DEMO.items() if other != language for said in page.values()} - {*DEMO[language].values()}
    assert [said for said in others if f">{said}<" in text or f'"{said}"' in text] == []
    assert f"<noscript><p>{DEMO[language]['no_script']}</p></noscript>" in text
    assert response.headers["Content-Language"] == language
    assert "Accept-Language" in response.vary


def test_any_website_may_ask_and_the_answer_can_be_kept(client: FlaskClient) -> None:
    first = client.get("/widget/v1/fichehub.js")
    assert first.headers["Access-Control-Allow-Origin"] == "*"
    again = client.get("/widget/v1/fichehub.js", headers={"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 304


def test_the_script_is_there_for_all_who_send_no_wrong_key_whoever_the_widget_is_open_to(tmp_path: Path) -> None:
    with closing(Store.open(f"sqlite:///{tmp_path / 'hub.sqlite'}", tmp_path)) as store:
        closed = create_app(store, plugins.load([("widget", widget)], installed=False), Settings(anonymous=False)).test_client()
        assert closed.get("/widget/v1/fichehub.js").status_code == 200
        assert closed.get("/widget/v1/fichehub.js", headers={"X-API-Key": "wrong"}).status_code == 401
        assert [closed.get(f"/widget/{path}").status_code for path in ("v1/words", "v1/search", "v1/suggest", "demo")] == [401] * 4


def test_the_element_stays_small() -> None:
    import plugins.widget as package

    module = (Path(package.__file__).parent / "static" / "fichehub.js").read_bytes()
    assert len(gzip.compress(module, 9)) <= 15 * 1024


def test_every_language_says_the_same_things() -> None:
    assert {frozenset(words) for words in WORDING.values()} == {frozenset(WORDING["nl"])}
    assert {frozenset(words) for words in DEMO.values()} == {frozenset(DEMO["nl"])}
    assert {*WORDING} == {*DEMO} == {*LANGUAGE_NAMES}
