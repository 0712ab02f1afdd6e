"""The start page and the documentation, as people meet them: in their language, on a small screen, with a keyboard, with a screen reader."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from string import Formatter
from typing import TYPE_CHECKING, Any

import flask
import pytest
from axe_playwright_python.sync_playwright import Axe
from babel.messages.mofile import read_mo
from flask.testing import FlaskClient
from sqlalchemy import insert, update

from hub import hookspecs, plugins
from hub.access import Agreement, issue_key, save_agreement
from hub.connector import Connector
from hub.errors import Sentence
from hub.model.claims import EDITOR, Claim
from hub.model.moments import to_second
from hub.outbound import sentences
from hub.store import Store, Writer
from hub.store.tables import connection, counter, job_slot, run
from hub.sync import connections, faults, overdue, shortfall, stops
from hub.web import create_app, reasons
from hub.web.start import NEWEST
from hub.web.translations.__main__ import FOLDER, TRANSLATED, Text, catalogue, texts
from tests.over_http import serving
from tests.web.conftest import NOW, Brought, Parrot

if TYPE_CHECKING:
    from babel.messages.catalog import Catalog, Message
    from playwright.sync_api import Page

PAGES = ("/", "/?lang=fr", "/api/v1/docs")
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}


@pytest.fixture(scope="module")
def address(app: flask.Flask) -> Iterator[str]:
    """The application over real HTTP."""
    with serving(app) as address:
        yield address


@pytest.mark.parametrize(
    ("query", "header", "language", "words"),
    [
        ("", "", "nl", "Waar alles is"),
        ("", "fr-BE,fr;q=0.9,en;q=0.5", "fr", "Où tout se trouve"),
        ("", "de", "de", "Wo alles ist"),
        ("", "en-GB", "en", "Where everything is"),
        ("", "ja", "nl", "Waar alles is"),
        ("?lang=de", "fr", "de", "Wo alles ist"),
        ("?lang=xx", "fr", "fr", "Où tout se trouve"),
    ],
)
def test_it_speaks_the_language_of_the_reader(client: FlaskClient, query: str, header: str, language: str, words: str) -> None:
    response = client.get(f"/{query}", headers={"Accept-Language": header} if header else {})
    text = response.get_data(as_text=True)
    assert f'<html lang="{language}">' in text and words in text
    assert ("Perroquet" if language == "fr" else "Papegaai") in text, "a connector without a title in this language has a Dutch one"
    assert response.headers["Content-Language"] == language
    assert "Accept-Language" in response.vary


def test_every_text_is_translated_and_compiled() -> None:
    """When this fails: python -m hub.web.translations"""
    wanted = set(texts())
    assert len(wanted) > 40
    for language in TRANSLATED:
        known = catalogue(language)
        assert {_text(message) for message in known if message.id} == wanted
        assert [
            text for text in wanted if not (found := known.get(text.text, text.context or None)) or not found.string or not all(found.string)
        ] == []
        with (FOLDER / language / "LC_MESSAGES" / "messages.mo").open("rb") as file:
            compiled = read_mo(file)
        assert _told(compiled) == _told(known)


def test_french_does_not_break_before_its_signs() -> None:
    assert [text for message in catalogue("fr") if message.id and re.search(" [:;?!]", text := str(message.string))] == []


def test_french_has_one_kind_of_apostrophe() -> None:
    assert [message.string for message in catalogue("fr") if message.id and "'" in "".join(message.string or "")] == []


def _text(message: Message) -> Text:
    context: Any = message.context or ""
    singular, *plural = (message.id,) if isinstance(message.id, str) else message.id
    return Text(singular, context.decode() if isinstance(context, bytes) else context, *plural)  # Babel gives that of a compiled one as bytes


def _told(catalogue: Catalog) -> dict[Text, list[str]]:
    return {_text(message): list(message.string or "") for message in catalogue if message.id}


def test_it_says_that_the_demonstration_is_fictional(client: FlaskClient, empty_store: Store) -> None:
    assert "zijn verzonnen" in client.get("/").get_data(as_text=True)
    plain = create_app(empty_store, plugins.load(installed=False)).test_client()
    assert "zijn verzonnen" not in plain.get("/").get_data(as_text=True)


def test_it_counts_the_fiches_and_names_the_newest(client: FlaskClient) -> None:
    text = client.get("/").get_data(as_text=True)
    assert "<dt>organisaties</dt><dd>31</dd>" in text
    assert "Wijkteam nummer" in text
    news = re.findall(r'<a href="/fiche/([^"?]+)">', text)
    assert len(news) == len(set(news)) == NEWEST, "a house with sites is one piece of news"


@pytest.mark.parametrize(
    ("language", "counted", "news"),
    [
        ("nl", "aanbod", "aanbod, nieuw · Redactie van deze hub"),
        ("fr", "offres", "offre, création · Rédaction de ce hub"),
        ("de", "Angebote", "Angebot, neu · Redaktion dieses Hubs"),
        ("en", "offers", "offer, new · Editors of this hub"),
    ],
)
def test_one_word_of_dutch_is_several_elsewhere(empty_store: Store, language: str, counted: str, news: str) -> None:
    claim = Claim("sociale-kaart", "a1", 1, "aanbod", {"kind": "aanbod", "names": [{"text": {"nl": "Thuiszorg"}}]})
    empty_store.write(lambda writer: writer.put([claim], origin=EDITOR))
    text = create_app(empty_store, plugins.load(installed=False)).test_client().get(f"/?lang={language}").get_data(as_text=True)
    assert f"<dt>{counted}</dt><dd>1</dd>" in text
    assert f"<small>{news}</small>" in text


def test_news_names_a_connection_by_its_title(empty_store: Store) -> None:
    client = create_app(empty_store, plugins.load([("called", Called())], installed=False)).test_client()
    _add(empty_store, "onze-papegaai", "parrot")
    claim = Claim("sociale-kaart", "o1", 1, "organisatie", {"kind": "organisatie", "names": [{"text": {"nl": "Huis"}}]})
    empty_store.write(lambda writer: writer.put([claim], origin="onze-papegaai"))
    assert "<small>organisation, création · Perroquet</small>" in client.get("/?lang=fr").get_data(as_text=True)


def test_what_is_behind_the_news_are_the_newest_changes(client: FlaskClient, hub_store: Store) -> None:
    text = client.get("/").get_data(as_text=True)
    (to,) = re.findall(r'<a href="(/api/v1/changes[^"]*)">[^<]*\(JSON\)</a>', text)
    answer = client.get(html.unescape(to)).get_json()
    assert answer["since"] == answer["head"] and "next" not in answer
    shown = {f"/api/v1/fiches/{id}" for id in re.findall(r'<a href="/fiche/([^"?]+)">', text)}
    assert shown and shown <= {change["href"] for change in answer["items"]}
    assert answer["items"][0]["href"] in shown, "it begins at the oldest of the news"


def test_the_documentation_offers_no_trial_of_what_needs_a_key(client: FlaskClient) -> None:
    described = client.get("/api/v1/openapi.json").get_json()
    text = client.get("/api/v1/docs").get_data(as_text=True)
    marked = set()
    for path, methods in described["paths"].items():
        for method in methods.keys() & {"get", "post"}:
            needs_key = methods[method].get("security") == [{"key": []}]
            address = text.split(f"<code>{method.upper()} {path}</code>")[1].split("</p>")[0]
            assert ("needs an API key" in address) == needs_key
            if method == "get" and "{" not in path:
                assert (client.get(path).status_code == 401) == needs_key
                assert (f'href="{path}"' in address) != needs_key
                marked |= {path} if needs_key else set()
    assert len(marked) == 6


def test_a_fiche_goes_by_its_official_name_in_the_language_of_the_reader(empty_store: Store) -> None:
    names = [{"text": {"nl": "Oude naam"}, "use": "former"}, {"text": {"fr": "Nom officiel", "nl": "Officiële naam"}, "use": "official"}]
    claim = Claim("sociale-kaart", "o1", 1, "organisatie", {"kind": "organisatie", "names": names})
    empty_store.write(lambda writer: writer.put([claim], origin="test"))
    client = create_app(empty_store, plugins.load(installed=False)).test_client()
    for language, name in (("nl", "Officiële naam"), ("fr", "Nom officiel"), ("de", "Officiële naam")):
        text = client.get(f"/?lang={language}").get_data(as_text=True)
        assert f">{name}</a>" in text
        assert "Oude naam" not in text


def test_browsers_find_a_picture_for_pages_that_name_none(client: FlaskClient) -> None:
    with client.get("/favicon.ico") as answer:
        assert (answer.status_code, answer.mimetype) == (200, "image/svg+xml")


def test_it_leads_to_what_is_open_and_not_to_what_is_closed(client: FlaskClient) -> None:
    text = client.get("/").get_data(as_text=True)
    assert 'href="/parrot/"' in text
    assert 'href="/closed/"' not in text and "Gesloten" in text
    for address in ("/api/v1/docs", "/api/v1/openapi.json", "/health", "/metrics"):
        assert f'href="{address}"' in text
    assert "broken" in text  # the plugin that was left out


def test_it_tells_how_each_connection_fares(empty_store: Store) -> None:
    def fill(state: str, reason: str) -> None:
        empty_store.write(lambda writer: writer.connection.execute(update(connection).values(state=state, reason=reason)))

    def page() -> str:
        return client.get("/").get_data(as_text=True)

    client = create_app(empty_store, plugins.load([("brought", Brought())], installed=False)).test_client()
    assert "Er zijn nog geen verbindingen" in page()
    values = {"name": "bron", "connector": "bron", "config": b"{}", "state": "enabled", "created_at": NOW}
    empty_store.write(lambda writer: writer.connection.execute(insert(connection).values(**values)))
    assert "nog niet gelopen" in page()
    last = {
        "connection": "bron",
        "mode": "full",
        "dry": False,
        "resumed": False,
        "state": "done",
        "started_at": NOW,
        "ended_at": NOW,
        "counts": b'{"read": 1234, "changed": 5, "rejected": 0}',
    }
    empty_store.write(lambda writer: writer.connection.execute(insert(run).values(**last)))
    text = page()
    assert "1.234 gelezen" in text and "5 gewijzigd" in text and "geweigerd" not in text
    assert "22 nov" in text and "10:00" in text  # Brussels, not UTC
    empty_store.write(lambda writer: writer.connection.execute(update(run).values(state="failed", reason="De bron zweeg.")))
    assert "laatste run mislukt" in page() and "De bron zweeg." in page()
    empty_store.write(lambda writer: writer.connection.execute(update(run).values(state="done", reason="")))
    assert "configure bron" not in page()
    settle = partial(shortfall.settle, now=datetime.fromisoformat(NOW), full=True)
    empty_store.write(lambda writer: settle(writer.connection, "bron", 72, whole=False))
    assert "onvolledig" in page() and "72 rows that the source announced were not given" in page()
    assert client.get("/?lang=fr").get_data(as_text=True).count("incomplète") == 1
    empty_store.write(lambda writer: settle(writer.connection, "bron", 0, whole=True))
    assert "onvolledig" not in page()
    empty_store.write(lambda writer: writer.connection.execute(update(connection).values(schedule="every 99999999999 days")))
    assert "fichehub connections configure bron --schedule" in page(), "a stored schedule that cannot be used"
    fill("paused", "De sleutel is verlopen.")
    assert "gepauzeerd" in page() and "De sleutel is verlopen." in page()
    assert client.get("/health").get_json() == {"status": "DEGRADED"}
    fill("disabled", "")
    assert "uitgeschakeld" in page()


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("nl", ["1 gelezen", "2 gewijzigd", "1 ontbreekt", "1 categorie nieuw of hernoemd"]),
        ("fr", ["1 lue", "2 modifiées", "1 manquante", "1 catégorie nouvelle ou renommée"]),
        ("de", ["1 gelesen", "2 geändert", "1 fehlt", "1 neue oder umbenannte Kategorie"]),
        ("en", ["1 read", "2 changed", "1 missing", "1 new or renamed category"]),
    ],
)
def test_what_a_run_counted_is_in_the_number_of_what_it_counts(empty_store: Store, language: str, words: list[str]) -> None:
    client = create_app(empty_store, plugins.load([], installed=False)).test_client()
    _add(empty_store, "bron", "bron")
    _ran(empty_store, "bron", "done")
    counts = b'{"read": 1, "changed": 2, "missing": 1, "concepts": 1}'
    empty_store.write(lambda writer: writer.connection.execute(update(run).values(counts=counts)))
    text = client.get(f"/?lang={language}").get_data(as_text=True)
    assert re.findall(r"<br>([^<]+)", text) == words


def _add(store: Store, name: str, connector: str, **values: object) -> None:
    row = {"name": name, "connector": connector, "config": b"{}", "state": "enabled", "created_at": NOW, **values}
    store.write(lambda writer: writer.connection.execute(insert(connection).values(**row)))


def _ran(store: Store, name: str, state: str, reason: str = "", at: datetime | None = None) -> None:
    moment = NOW if at is None else to_second(at)
    row = {
        "connection": name,
        "mode": "full",
        "dry": False,
        "resumed": False,
        "state": state,
        "reason": reason,
        "started_at": moment,
        "ended_at": moment,
    }
    store.write(lambda writer: writer.connection.execute(insert(run).values(**row, counts=b"{}")))


def _worked(store: Store) -> None:
    """As a worker leaves it that ticks now."""
    now = to_second(store.now())
    store.write(lambda writer: writer.connection.execute(insert(job_slot).values(job=overdue.BEAT, slot=now, owner="test", at=now)))


def test_a_connection_that_nobody_runs_is_shown_with_the_reason(empty_store: Store) -> None:
    client = create_app(empty_store, plugins.load([], installed=False)).test_client()
    _add(empty_store, "bron", "bron", schedule="every 15 minutes")
    _ran(empty_store, "bron", "done", at=empty_store.now())
    page = client.get("/?lang=fr").get_data(as_text=True)
    assert "n’est pas exécutée à temps" in page and "Aucun worker n’est au travail" in page and "Tout fonctionne." not in page
    assert client.get("/health").get_json() == {"status": "UP"}, "whether it answers is another matter"
    _worked(empty_store)
    page = client.get("/").get_data(as_text=True)
    assert "Alles draait." in page and "</span> werkt</p>" in page
    _ran(empty_store, "bron", "done", at=empty_store.now() - timedelta(days=10))
    page = client.get("/").get_data(as_text=True)
    assert "loopt niet op tijd" in page and "Een run had moeten beginnen op" in page and "Alles draait." not in page


class Called:
    """A plugin whose one connector works, and is called by partners."""

    @hookspecs.hookimpl
    def register_connectors(self) -> list[type[Connector]]:
        return [Parrot]


@pytest.mark.parametrize("switch", ["bron", stops.ALL])
def test_a_stopped_connection_is_shown_as_stopped(empty_store: Store, switch: str) -> None:
    client = create_app(empty_store, plugins.load([("called", Called())], installed=False)).test_client()
    _add(empty_store, "bron", "bron", schedule="every 1 day")
    _add(empty_store, "parrot", "parrot")
    _ran(empty_store, "bron", "done", at=empty_store.now())
    _worked(empty_store)
    page = client.get("/").get_data(as_text=True)
    assert "Volgende run" in page and "Alles draait." in page and "gestopt" not in page
    stops.stop(empty_store, switch, "Feestdagen")
    page = client.get("/").get_data(as_text=True)
    assert "Volgende run" not in page and "Alles draait." not in page
    assert page.count("</span> gestopt</p>") == 1, "what partners call goes on answering, and reads so"
    assert page.count("</span> werkt</p>") == 1
    assert '<p class="reason">Gestopt: Feestdagen</p>' in page
    assert client.get("/health").get_json() == {"status": "UP"}, "the hub itself is well"
    stops.go(empty_store, switch)
    assert "Alles draait." in client.get("/").get_data(as_text=True)


@pytest.mark.parametrize("reason", [stops.CUT_SHORT(why=stops.BY_SOMEBODY()), stops.PROCESS_ENDED()])
def test_a_run_that_somebody_ended_did_not_fail(empty_store: Store, reason: str) -> None:
    client = create_app(empty_store, plugins.load([("called", Called())], installed=False)).test_client()
    _add(empty_store, "bron", "bron", schedule="every 1 day")
    _ran(empty_store, "bron", "stopped", reason, at=empty_store.now())
    _worked(empty_store)
    page = client.get("/").get_data(as_text=True)
    assert "laatste run gestopt" in page and "mislukt" not in page and "Alles draait." in page
    assert '<p class="reason">' in page and "Volgende run" in page, "why it ended, and when it goes on"
    _ran(empty_store, "bron", "stopped", "Too many rows are rejected.", at=empty_store.now())
    assert "laatste run mislukt" in client.get("/").get_data(as_text=True), "somebody has to look at that"
    _ran(empty_store, "bron", "stopped", reason, at=empty_store.now() - timedelta(days=10))
    page = client.get("/").get_data(as_text=True)
    assert "loopt niet op tijd" in page and "Een run had moeten beginnen op" in page


def test_the_headline_is_no_better_than_what_stands_below_it(empty_store: Store) -> None:
    client = create_app(empty_store, plugins.load([], installed=False)).test_client()
    _add(empty_store, "bron", "bron")
    _ran(empty_store, "bron", "done")
    assert "Alles draait." in client.get("/").get_data(as_text=True)
    _ran(empty_store, "bron", "failed", "De bron zweeg.")
    page = client.get("/").get_data(as_text=True)
    assert "Alles draait." not in page and "er is iets voor de beheerder" in page
    assert client.get("/health").get_json() == {"status": "UP"}, "a partner that is silent is no fault of the hub"


@pytest.mark.parametrize(
    ("language", "reason"),
    [
        ("nl", '<p class="reason">Met http://x.example/rest kan geen verbinding gemaakt worden.</p>'),
        ("fr", '<p class="reason">Impossible d’établir une connexion avec http://x.example/rest.</p>'),
        ("en", '<p class="reason">http://x.example/rest cannot be connected to.</p>'),
    ],
)
def test_reasons_of_the_hub_are_told_in_the_language_of_the_reader(empty_store: Store, language: str, reason: str) -> None:
    client = create_app(empty_store, plugins.load([], installed=False)).test_client()
    _add(empty_store, "bron", "bron")
    _ran(empty_store, "bron", "failed", sentences.NO_CONNECTION(address="http://x.example/rest"))
    assert reason in client.get(f"/?lang={language}", headers=_key(empty_store, "operate")).get_data(as_text=True)


def _key(store: Store, *rights: str) -> dict[str, str]:
    """The credentials of a partner with these rights."""
    agreed = Agreement(name="kring", title="Kring", purpose="x", legal_basis="x", contact="x", our_contact="x", rights=frozenset(rights))

    def make(writer: Writer) -> str:
        save_agreement(writer.connection, agreed, NOW)
        return issue_key(writer.connection, "kring", NOW)

    return {"X-API-Key": store.write(make)}


@pytest.mark.parametrize(
    ("reason", "shown"),
    [
        (
            sentences.UNKNOWN_HOST(address="http://intern.example:9/api/offers", why="no such name"),
            "[adres]: de naam van deze server is hier niet bekend (no such name).",
        ),
        (sentences.ANSWERED(address="https://intern.example/api", status=503), "[adres] antwoordde 503."),
        ("intern.example:8443/x does not know us (10.0.0.7).", "[adres] does not know us ([adres])."),
        ("Rows came until 09:30:00Z: 3 of 5.", "Rows came until 09:30:00Z: 3 of 5."),
    ],
)
def test_where_a_partner_lives_is_for_those_who_may_operate(empty_store: Store, reason: str, shown: str) -> None:
    client = create_app(empty_store, plugins.load([], installed=False)).test_client()
    _add(empty_store, "bron", "bron")
    _ran(empty_store, "bron", "failed", reason)
    for headers in ({}, _key(empty_store, "feed")):
        page = client.get("/", headers=headers).get_data(as_text=True)
        assert f">{shown}</p>" in page and "laatste run mislukt" in page and "intern" not in page
    operates = client.get("/", headers=_key(empty_store, "operate")).get_data(as_text=True)
    assert ("intern.example" in operates) == ("intern" in reason)


def test_reasons_that_stay_english_say_so_and_those_of_administrators_do_not(empty_store: Store) -> None:
    client = create_app(empty_store, plugins.load([], installed=False)).test_client()
    _add(empty_store, "bron", "bron")
    _ran(empty_store, "bron", "failed", "The register has no row.")
    assert '<p class="reason" lang="en">The register has no row.</p>' in client.get("/").get_data(as_text=True)
    assert '<p class="reason">The register has no row.</p>' in client.get("/?lang=en").get_data(as_text=True)
    connections.pause(empty_store, "bron", "The register has no row.")  # as a run does that cannot go on
    assert '<p class="reason" lang="en">The register has no row.</p>' in client.get("/").get_data(as_text=True)
    connections.pause(empty_store, "bron", "Wij verhuizen.")
    assert '<p class="reason">Wij verhuizen.</p>' in client.get("/").get_data(as_text=True)
    connections.pause(empty_store, "bron", connections.PAUSED())
    assert "mise en pause par un administrateur" in client.get("/?lang=fr").get_data(as_text=True)
    stops.stop(empty_store, "bron", "")
    assert "Arrêtée\u00a0: sans indication de raison" in client.get("/?lang=fr").get_data(as_text=True)


def test_every_reason_keeps_what_was_filled_in_in_every_language() -> None:
    for sentence in reasons.sentences():
        places = {name: name for _, name, _, _ in Formatter().parse(sentence.text) if name}
        assert sentence.places_in(sentence(**places)) == places
        assert [each.text for each in reasons.sentences() if each.places_in(sentence(**places)) is not None] == [sentence.text]
    whole = {each.text for room in (sentences, faults) for each in vars(room).values() if isinstance(each, Sentence)}
    assert whole <= {each.text for each in reasons.sentences()}
    for language in TRANSLATED:
        for message in catalogue(language):
            if message.id:
                assert set(re.findall(r"{\w+}", str(message.id))) == set(re.findall(r"{\w+}", str(message.string))), message.id


def test_a_connection_of_one_partner_is_shown_to_that_partner_only(empty_store: Store) -> None:
    values = {
        "name": "geheim",
        "connector": "x",
        "partner": "buur",
        "config": b"{}",
        "state": "enabled",
        "created_at": NOW,
    }
    empty_store.write(lambda writer: writer.connection.execute(insert(connection).values(**values)))
    client = create_app(empty_store, plugins.load(installed=False)).test_client()
    assert "geheim" not in client.get("/").get_data(as_text=True)


# --- in a browser ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", ["/", "/api/v1/docs"])
def test_axe_finds_nothing(new_page: Callable[..., Page], address: str, path: str, scheme: str) -> None:
    page = new_page(color_scheme=scheme)
    page.goto(address + path)
    page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
    results = Axe().run(page, options=RULES)
    assert results.violations_count == 0, results.generate_report()


@pytest.mark.parametrize("path", PAGES)
def test_it_fits_a_screen_of_320_pixels(new_page: Callable[..., Page], address: str, path: str) -> None:
    page = new_page(viewport={"width": 320, "height": 640})
    page.goto(address + path)
    page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
    assert page.evaluate("document.documentElement.scrollWidth") <= 320


def test_the_keyboard_goes_to_the_content_first_and_shows_where_it_is(page: Page, address: str) -> None:
    page.goto(address)
    page.keyboard.press("Tab")
    skip = page.locator(":focus")
    assert skip.inner_text() == "Naar de inhoud"
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


def test_the_page_obeys_its_own_policy(page: Page, address: str) -> None:
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    for path in PAGES:
        page.goto(address + path)
    assert complaints == []


def test_an_index_of_another_version_is_no_good_health(empty_store: Store) -> None:
    client = create_app(empty_store, plugins.load([], installed=False)).test_client()
    said = {"kind": "organisatie", "names": [{"text": {"nl": "Proef"}}]}
    empty_store.write(lambda writer: writer.put([Claim("bron", "o", 1, "organisatie", said)], origin="bron"))
    assert client.get("/health").get_json() == {"status": "UP"}
    older = update(counter).where(counter.c.name == "index").values(n=0)
    empty_store.write(lambda writer: writer.connection.execute(older))
    assert client.get("/health").get_json() == {"status": "DEGRADED"}
