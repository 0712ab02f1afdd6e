"""What the pages for people share: the language that was asked for goes along, and an address where nothing is has a page."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import flask
import pytest
from axe_playwright_python.sync_playwright import Axe
from flask.testing import FlaskClient
from sqlalchemy import insert

from hub import plugins
from hub.access import audit
from hub.model.fiche import LANGUAGES
from hub.store import Store
from hub.store.tables import connection
from hub.web import Settings, create_app
from hub.web.asking import serving_of
from tests.over_http import serving
from tests.web.conftest import NOW, Brought, Ids
from tests.web.test_start_page import RULES

if TYPE_CHECKING:
    from playwright.sync_api import Page

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"


@pytest.fixture(scope="module")
def address(app: flask.Flask) -> Iterator[str]:
    """The application over real HTTP."""
    with serving(app) as address:
        yield address


def links(client: FlaskClient, page: str, accept: str = BROWSER) -> set[str]:
    return set(re.findall(r'href="([^"]*)"', client.get(page, headers={"Accept": accept}).get_data(as_text=True)))


def test_links_between_pages_keep_the_language_that_was_asked_for(empty_store: Store) -> None:
    client = create_app(empty_store, plugins.load()).test_client()
    plain = links(client, "/")
    french = links(client, "/?lang=fr")
    assert {"/", "/api/v1/docs"} <= plain
    assert {"/?lang=fr", "/api/v1/docs?lang=fr"} <= french
    assert {"/api/v1/openapi.json", "/health", "/metrics"} <= plain & french, "what is for programs has no language"
    for page in ("/api/v1/docs", "/nope"):
        assert "/" in links(client, page)
        assert "/?lang=fr" in links(client, f"{page}?lang=fr")
    assert "/" in links(client, "/?lang=xx")


def test_the_door_to_the_widget_keeps_the_language(app: flask.Flask) -> None:
    to = app.jinja_env.filters["in_language"]
    with app.test_request_context("/?lang=fr"):
        assert (to("/widget/demo"), to("/fhir/metadata")) == ("/widget/demo?lang=fr", "/fhir/metadata")
    with app.test_request_context("/", headers={"Accept-Language": "fr"}):
        assert to("/widget/demo") == "/widget/demo", "the browser goes on asking for it"


@pytest.mark.parametrize(
    ("path", "status"), [("/", 200), ("/fiche/{id}", 200), ("/fiche/niets", 404), ("/nope/deeper", 404), ("/closed/", 403), ("/partners", 401)]
)
def test_every_page_is_there_in_each_language_at_its_own_address(client: FlaskClient, empty_store: Store, ids: Ids, path: str, status: int) -> None:
    path = path.format(id=ids.organisatie)
    if status == 401:
        client = create_app(empty_store, plugins.load([], installed=False), Settings(anonymous=False)).test_client()
    for language in LANGUAGES:
        response = client.get(f"{path}?lang={language}", headers={"Accept": BROWSER})
        text = response.get_data(as_text=True)
        assert response.status_code == status and f'<html lang="{language}">' in text
        offered = re.findall(r'<a href="\?lang=(\w+)" lang="\w+" hreflang="\w+"( aria-current="true")?>', text)
        assert offered == [(each, ' aria-current="true"' if each == language else "") for each in LANGUAGES]


@pytest.mark.parametrize(
    ("language", "first", "second"),
    [
        ("nl", "1 dec, 00:30", "2 december 2026, 00:30"),
        ("fr", "1er déc., 00:30", "2 décembre 2026, 00:30"),
        ("de", "1. Dez., 00:30", "2. Dezember 2026, 00:30"),
        ("en", "1 Dec, 00:30", "2 December 2026, 00:30"),
    ],
)
def test_a_date_reads_as_people_write_it(app: flask.Flask, language: str, first: str, second: str) -> None:
    moment = app.jinja_env.filters["moment"]
    with app.test_request_context(f"/?lang={language}"):
        assert moment(datetime(2026, 11, 30, 23, 30, tzinfo=UTC)) == first, "the day of Brussels"
        assert moment(datetime(2026, 12, 1, 23, 30, tzinfo=UTC), "MMMM y, HH:mm") == second


@pytest.mark.parametrize(
    ("path", "accept", "language", "words"),
    [
        ("/nope", BROWSER, "nl", "Op dit adres is niets"),
        ("/nope", "text/html", "fr", "Il n’y a rien à cette adresse"),
        ("/nope/deeper?lang=de", BROWSER, "fr", "Unter dieser Adresse gibt es nichts"),
        ("/apix", BROWSER, "en", "There is nothing at this address"),
    ],
)
def test_a_mistyped_address_has_a_page_for_a_person(client: FlaskClient, path: str, accept: str, language: str, words: str) -> None:
    response = client.get(path, headers={"Accept": accept, "Accept-Language": language})
    assert (response.status_code, response.mimetype) == (404, "text/html")
    assert words in response.get_data(as_text=True)
    assert {"Accept", "Accept-Language"} <= set(response.vary)
    assert response.headers["Content-Language"] == ("de" if "lang=de" in path else language)


@pytest.mark.parametrize(
    ("path", "accept"),
    [
        ("/nope", "*/*"),
        ("/nope", ""),
        ("/nope", "application/json, text/html"),
        ("/api/v1/nope", BROWSER),
        ("/api", BROWSER),
        ("/throw/not-found/x", BROWSER),
    ],
)
def test_a_program_has_a_problem_and_so_has_whoever_asks_the_api(client: FlaskClient, path: str, accept: str) -> None:
    response = client.get(path, headers={"Accept": accept})
    assert (response.status_code, response.mimetype) == (404, "application/problem+json")


def test_an_endpoint_words_its_own_errors_for_a_browser_too(client: FlaskClient) -> None:
    assert client.get("/parrot/nowhere", headers={"Accept": BROWSER}).get_json() == {"parrot": "NotFound"}


@pytest.mark.parametrize(
    ("language", "words"),
    [("nl", "Dit staat hier niet open"), ("fr", "Ceci n’est pas ouvert ici"), ("de", "Das ist hier nicht offen"), ("en", "This is not open here")],
)
def test_what_is_closed_has_a_page_for_a_person_and_a_problem_for_a_program(client: FlaskClient, language: str, words: str) -> None:
    response = client.get("/closed/", headers={"Accept": BROWSER, "Accept-Language": language})
    assert (response.status_code, response.mimetype, response.headers["Content-Language"]) == (403, "text/html", language)
    assert words in response.get_data(as_text=True) and "fichehub connections add closed closed" in response.get_data(as_text=True)
    assert {"Accept", "Accept-Language"} <= set(response.vary)
    assert client.get("/closed/").mimetype == "application/problem+json"


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_paused_is_opened_again_through_the_connection_that_was_paused(empty_store: Store, language: str) -> None:
    row = {"name": "our-thrower", "connector": "throw", "partner": "", "config": b"{}", "state": "paused", "created_at": NOW}
    empty_store.write(lambda writer: writer.connection.execute(insert(connection).values(**row)))
    client = create_app(empty_store, plugins.load([("brought", Brought())], installed=False)).test_client()
    response = client.get(f"/throw/bug/x?lang={language}", headers={"Accept": BROWSER})
    told = re.findall("<code>([^<]*)</code>", response.get_data(as_text=True))
    assert (response.status_code, told) == (403, ["fichehub connections enable our-thrower"])
    assert client.get("/throw/bug/x").get_json()["detail"].endswith("resumes it with: fichehub connections enable our-thrower")


def test_what_is_open_and_refuses_does_not_say_how_it_is_opened(client: FlaskClient) -> None:
    response = client.get("/throw/forbidden/x", headers={"Accept": BROWSER})
    assert response.status_code == 403 and "fichehub connections" not in response.get_data(as_text=True)


def test_what_is_open_to_partners_only_says_so_to_a_person_and_not_how_to_open_it(empty_store: Store) -> None:
    row = {"name": "c", "connector": "closed", "partner": "buur", "config": b"{}", "state": "enabled", "created_at": NOW}
    empty_store.write(lambda writer: writer.connection.execute(insert(connection).values(**row)))
    client = create_app(empty_store, plugins.load([("brought", Brought())], installed=False)).test_client()
    response = client.get("/closed/", headers={"Accept": BROWSER, "Accept-Language": "fr"})
    text = response.get_data(as_text=True)
    assert (response.status_code, response.mimetype) == (401, "text/html")
    assert "Seul un partenaire muni d’une clé" in text and "Bearer" in response.headers["WWW-Authenticate"]
    assert "buur" not in text and "connections" not in text


def test_a_fiche_has_a_small_page_that_leads_to_all_of_it(client: FlaskClient, ids: Ids) -> None:
    told = client.get(f"/api/v1/fiches/{ids.organisatie}").get_json()
    response = client.get(f"/fiche/{ids.organisatie}?lang=fr", headers={"Accept": BROWSER})
    text = response.get_data(as_text=True)
    assert (response.status_code, response.mimetype, response.headers["Content-Language"]) == (200, "text/html", "fr")
    assert "<dd>organisation</dd>" in text
    dutch = client.get(f"/fiche/{ids.organisatie}", headers={"Accept": BROWSER}).get_data(as_text=True)
    assert f"<h1>{told['fiche']['names'][0]['text']['nl']}</h1>" in dutch
    assert f"<dd>{told['seq']}</dd>" in text and "/?lang=fr" in links(client, f"/fiche/{ids.organisatie}?lang=fr")
    assert f"/api/v1/fiches/{ids.organisatie}" in links(client, f"/fiche/{ids.organisatie}")


def test_the_page_of_a_fiche_shows_no_more_than_the_asker_may_see(client: FlaskClient, ids: Ids) -> None:
    for id in (ids.hidden, "niets"):
        assert client.get(f"/fiche/{id}").mimetype == "application/problem+json"
        response = client.get(f"/fiche/{id}", headers={"Accept": BROWSER})
        assert (response.status_code, response.mimetype) == (404, "text/html")
        assert "Op dit adres is niets" in response.get_data(as_text=True)


def test_what_a_partner_is_shown_on_the_page_of_a_fiche_stands_in_the_audit_trail(app: flask.Flask, client: FlaskClient, ids: Ids) -> None:
    client.get(f"/fiche/{ids.organisatie}", headers={"X-API-Key": ids.keys["collega"]})
    client.get("/fiche/niets", headers={"X-API-Key": ids.keys["collega"]})
    serving_of(app).trail.flush()
    with serving_of(app).store.read() as reading:
        rows = [row for row in audit.find(reading, limit=1_000) if row.query.startswith("fiche/")]
    assert [(row.partner, row.interaction, row.target, row.status) for row in rows] == [
        ("collega", "read", "niets", 404),
        ("collega", "read", ids.organisatie, 200),
    ]


@pytest.mark.parametrize("path", ["/closed/", "/fiche/{id}"])
def test_axe_finds_nothing_on_the_other_pages(new_page: Callable[..., Page], address: str, ids: Ids, path: str) -> None:
    page = new_page(viewport={"width": 320, "height": 640})
    page.goto(address + path.format(id=ids.organisatie))
    results = Axe().run(page, options=RULES)
    assert results.violations_count == 0, results.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth") <= 320


def test_axe_finds_nothing_where_nothing_is(new_page: Callable[..., Page], address: str) -> None:
    page = new_page(viewport={"width": 320, "height": 640})
    page.goto(f"{address}/nope")
    results = Axe().run(page, options=RULES)
    assert results.violations_count == 0, results.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    page.get_by_role("link", name="Naar de startpagina").click()
    assert page.url == f"{address}/"


LARGE = "html { font-size: 200% !important } * { line-height: 1.5 !important; letter-spacing: .12em !important; word-spacing: .16em !important }"
"""Text as large as WCAG 1.4.4 asks for, with the spacing of 1.4.12."""


@pytest.mark.parametrize(("width", "style"), [(320, ""), (640, LARGE)])
@pytest.mark.parametrize("path", ["/", "/fiche/{id}", "/closed/", "/nope", "/api/v1/docs"])
def test_no_page_scrolls_sideways_for_a_long_word_or_large_text(
    new_page: Callable[..., Page], address: str, ids: Ids, path: str, width: int, style: str
) -> None:
    page = new_page(viewport={"width": width, "height": 640})
    page.goto(address + path.format(id=ids.organisatie))
    page.evaluate("style => { const sheet = new CSSStyleSheet(); sheet.replaceSync(style); document.adoptedStyleSheets = [sheet] }", style)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.evaluate("word => { for (const each of document.querySelectorAll('main :not(:has(*))')) each.append(word) }", "Zorg" * 80)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
