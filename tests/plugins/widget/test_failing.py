"""A hub that fails or does not answer: the element says so in the language of the page, and tries again when asked."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import flask
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, Route, expect
from sqlalchemy import update

from hub.store.tables import connection
from hub.web import endpoints
from hub.web.asking import serving_of
from tests.plugins.widget.visiting import FIRST, elsewhere, fill_and_search

PATIENCE = 10_000
"""Milliseconds that the element waits for an answer."""

FAILED = {
    "nl": ("Zoeken lukt nu niet. Probeer het zo dadelijk opnieuw.", "Opnieuw proberen"),
    "fr": ("La recherche n’est pas possible pour l’instant. Réessayez dans un moment.", "Réessayer"),
    "de": ("Die Suche ist gerade nicht möglich. Bitte versuchen Sie es gleich noch einmal.", "Noch einmal versuchen"),
    "en": ("Searching is not possible right now. Try again in a moment.", "Try again"),
}

WAITING = {"nl": "De zoekfunctie wordt geladen …", "fr": "Chargement de la recherche …"}


def never(route: Route) -> None:
    """Leave a request without an answer."""


class Broken:
    """A hub that does this with every request until it is mended, and from then on answers."""

    def __init__(self, page: Page, how: Callable[[Route], None], paths: str = "**/widget/v1/*?*") -> None:
        self.mended = False
        page.route(paths, lambda route: route.continue_() if self.mended else how(route))


@pytest.mark.parametrize(("language", "first"), [("nl", ""), ("fr", ' what="zenne"')])
def test_a_first_request_without_an_answer_ends_in_a_sentence_and_a_button(
    new_page: Callable[..., Page], address: str, language: str, first: str
) -> None:
    page = new_page(bypass_csp=True)
    page.clock.install()
    broken = Broken(page, never)
    elsewhere(page, address, f"<fichehub-zoek{first}></fichehub-zoek>", language)
    expect(page.get_by_role("status")).to_have_text(WAITING[language])
    page.clock.fast_forward(PATIENCE)
    said, again = FAILED[language]
    expect(page.get_by_role("alert")).to_have_text(said)
    broken.mended = True
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name=again)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("searchbox")).to_be_focused()
    expect(page.get_by_role("heading", name=FIRST)).to_have_count(1 if first else 0)


HOW: dict[str, Callable[[Route], None]] = {
    "an error": lambda route: route.fulfill(status=500, body="<h1>Stuk</h1>", content_type="text/html"),
    "too many": lambda route: route.fulfill(status=429, json={"status": 429}),
    "refused": lambda route: route.abort("connectionrefused"),
    "a page": lambda route: route.fulfill(body="<h1>Onderhoud</h1>", content_type="text/html"),
    "something else": lambda route: route.fulfill(json=None),
}


@pytest.mark.parametrize(("how", "language"), [*zip(HOW, ("nl", "fr", "de", "en", "nl"), strict=True)])
def test_a_first_request_that_fails_is_said_in_the_language_of_the_page(new_page: Callable[..., Page], address: str, how: str, language: str) -> None:
    page = new_page(bypass_csp=True)
    broken = Broken(page, HOW[how])
    elsewhere(page, address, '<fichehub-zoek what="zenne"></fichehub-zoek>', language)
    said, again = FAILED[language]
    expect(page.get_by_role("alert")).to_have_text(said)
    button = page.get_by_role("button", name=again)
    button.press("Enter")
    expect(page.get_by_role("alert")).to_have_text(said)
    expect(button).to_be_focused()
    broken.mended = True
    button.press("Enter")
    expect(page.get_by_role("heading", name=FIRST)).to_be_visible()


def test_a_first_search_that_fails_where_the_words_come_is_said_in_the_form(new_page: Callable[..., Page], address: str) -> None:
    page = new_page(bypass_csp=True)
    broken = Broken(page, HOW["an error"], "**/widget/v1/search?*")
    elsewhere(page, address, '<fichehub-zoek what="zenne"></fichehub-zoek>')
    expect(page.locator(".told")).to_have_text(FAILED["nl"][0])
    expect(page.get_by_label("Wat zoekt u?")).to_have_value("zenne")
    broken.mended = True
    page.get_by_role("button", name="Opnieuw proberen").click()
    expect(page.get_by_role("heading", name=FIRST)).to_be_visible()


def test_a_search_without_an_answer_ends_and_can_be_tried_again_by_keyboard(new_page: Callable[..., Page], address: str) -> None:
    page = new_page(bypass_csp=True)
    page.clock.install()
    page.goto(f"{address}/widget/demo")
    broken = Broken(page, never, "**/widget/v1/search?*")
    fill_and_search(page, "huisarts", "Zemst")
    told, again = page.locator(".told"), page.get_by_role("button", name="Opnieuw proberen")
    expect(told).to_have_text("Bezig met zoeken …")
    page.clock.fast_forward(PATIENCE)
    expect(told).to_have_text(FAILED["nl"][0])
    broken.mended = True
    page.keyboard.press("Tab")
    expect(again).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=3).first).to_have_text(FIRST)
    expect(again).to_be_hidden()
    expect(told).to_be_focused()


def test_more_that_fails_leaves_what_is_there_and_can_be_tried_again(demo: Page) -> None:
    asked: list[str] = []

    def pages(route: Route) -> None:
        if "after=" not in route.request.url:
            found = route.fetch().json()
            route.fulfill(json={**found, "items": found["items"][:1], "next": "hier"})
            return
        asked.append(route.request.url)
        if len(asked) == 1:
            HOW["an error"](route)
        else:
            route.fulfill(
                json={"items": [{"id": "x", "name": "De tweede", "tier": "", "updated_at": "2026-11-01"}], "next": None, "total": None, "place": None}
            )

    demo.route("**/widget/v1/search?*", pages)
    fill_and_search(demo, "huisarts", "Zemst")
    expect(demo.get_by_role("heading", level=3)).to_have_text([FIRST])
    demo.get_by_role("button", name="Meer resultaten").click()
    expect(demo.locator(".told")).to_have_text(FAILED["nl"][0])
    expect(demo.get_by_role("heading", level=3)).to_have_text([FIRST])
    demo.get_by_role("button", name="Opnieuw proberen").click()
    expect(demo.get_by_role("heading", level=3)).to_have_text([FIRST, "De tweede"])
    assert asked == [asked[0]] * 2


@contextmanager
def paused(app: flask.Flask) -> Iterator[None]:
    """The connection that opens the widget, paused for as long as this lasts."""

    def turn(state: str) -> None:
        serving_of(app).store.write(lambda writer: writer.connection.execute(update(connection).values(state=state)))

    turn("paused")
    yield
    turn("enabled")


def test_while_the_widget_is_paused_the_pages_of_others_say_so(
    new_page: Callable[..., Page], app: flask.Flask, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoints, "REMEMBERED", 0.0)
    page = new_page(bypass_csp=True)
    time.sleep(2)  # what was known of it before is remembered so long
    with paused(app):
        elsewhere(page, address, '<fichehub-zoek what="zenne"><a href="https://elders.example">Elders zoeken</a></fichehub-zoek>')
        expect(page.get_by_role("alert")).to_have_text(FAILED["nl"][0])
        expect(page.get_by_role("link")).to_have_count(0)
    page.get_by_role("button", name=FAILED["nl"][1]).click()
    expect(page.get_by_role("heading", name=FIRST)).to_be_visible()


def test_a_page_on_which_the_script_cannot_run_has_a_link(new_page: Callable[..., Page], address: str) -> None:
    page = new_page(bypass_csp=True)
    page.route("**/fichehub.js", lambda route: route.abort("connectionrefused"))
    page.goto(f"{address}/widget/demo?lang=fr")
    link = page.locator("fichehub-zoek").get_by_role("link", name="Cherchez dans De Sociale Kaart")
    expect(link).to_be_visible()
    assert (link.get_attribute("href") or "") in page.locator("#snippet").inner_text()


def test_axe_finds_nothing_where_nothing_comes(new_page: Callable[..., Page], address: str) -> None:
    page = new_page(bypass_csp=True)
    Broken(page, HOW["refused"])
    elsewhere(page, address, "<fichehub-zoek></fichehub-zoek>")
    expect(page.get_by_role("alert")).to_be_visible()
    result = Axe().run(page)
    assert result.violations_count == 0, result.generate_report()
