"""The element in a real browser: by keyboard, under a strict policy, for a screen reader, with no host but ours."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, Route, expect

FIRST = "Huisartsen De Zenne"
PATIENCE = 10_000
"""Milliseconds that the element waits for an answer."""
FAILED = {
    "nl": ("Zoeken lukt nu niet. Probeer het zo dadelijk opnieuw.", "Opnieuw proberen"),
    "fr": ("La recherche n’est pas possible pour l’instant. Réessayez dans un moment.", "Réessayer"),
    "de": ("Die Suche ist gerade nicht möglich. Bitte versuchen Sie es gleich noch einmal.", "Noch einmal versuchen"),
    "en": ("Searching is not possible right now. Try again in a moment.", "Try again"),
}
WAITING = {"nl": "De zoekfunctie wordt geladen …", "fr": "Chargement de la recherche …"}


def elsewhere(page: Page, address: str, body: str, language: str = "nl") -> None:
    """Open a page of somebody else with this in it."""
    html = f'<!doctype html><html lang="{language}"><head><title>Elders</title><script type="module" src="{address}/widget/v1/fichehub.js"></script></head><body><main><h1>Elders</h1>{body}</main></body></html>'
    page.route(f"{address}/elders", lambda route: route.fulfill(body=html, content_type="text/html; charset=utf-8"))
    page.goto(f"{address}/elders")


def never(route: Route) -> None:
    """Leave a request without an answer."""


class Broken:
    """A hub that does this with every request until it is mended, and from then on answers."""

    def __init__(self, page: Page, how: Callable[[Route], None], paths: str = "**/widget/v1/*?*") -> None:
        self.mended = False
        page.route(paths, lambda route: route.continue_() if self.mended else how(route))


@pytest.fixture
def demo(new_page: Callable[..., Page], address: str) -> Page:
    page = new_page(bypass_csp=True)
    page.goto(f"{address}/widget/demo")
    return page


def fill_and_search(page: Page, what: str, where: str) -> None:
    page.get_by_label("Wat zoekt u?").fill(what)
    page.get_by_role("combobox", name="Waar?").fill(where)
    page.get_by_role("button", name="Zoeken").click()


def test_a_visitor_finds_local_hits_first(demo: Page) -> None:
    fill_and_search(demo, "huisarts", "Zemst")
    expect(demo.locator("fichehub-zoek h2").first).to_have_text("In Zemst")
    expect(demo.get_by_role("heading", level=3)).to_have_text(
        [FIRST, "Huisarts aan huis", "Huisartsen Vilvoorde", "Huisartsen Tienen"]
    )
    expect(demo.get_by_text("Gevestigd in Zemst")).to_be_visible()


def test_a_card_says_that_the_organisation_has_stopped(demo: Page) -> None:
    fill_and_search(demo, "dagopvang", "")
    expect(demo.locator("fichehub-zoek li.card", has_text="De organisatie is gestopt").get_by_role("heading")).to_have_text(["Dagopvang on"])


def test_telephone_numbers_are_written_as_in_belgium(demo: Page) -> None:
    written = {
        "+32470123456": "0470 12 34 56",
        "+3221234567": "02 123 45 67",
        "+3292345678": "09 234 56 78",
        "+3216123456": "016 12 34 56",
        "+3280012345": "0800 12 345",
        "+31201234567": "+31201234567",
    }

    def with_these(route: Route) -> None:
        response = route.fetch()
        found = response.json()
        found["items"][0]["contacts"] = [{"kind": "phone", "value": number, "from": "organisatie"} for number in written]
        route.fulfill(response=response, json=found)

    demo.route("**/widget/v1/search*", with_these)
    fill_and_search(demo, "huisarts", "Zemst")
    links = demo.locator("fichehub-zoek li.card").first.locator("ul.reach a")
    expect(links).to_have_text(list(written.values()))
    assert [link.get_attribute("href") for link in links.all()] == [f"tel:{number}" for number in written]


def test_the_whole_search_by_keyboard(demo: Page) -> None:
    demo.get_by_label("Wat zoekt u?").press_sequentially("huisarts")
    demo.keyboard.press("Tab")
    place = demo.get_by_role("combobox", name="Waar?")
    expect(place).to_be_focused()
    place.press_sequentially("zems")
    expect(place).to_have_attribute("aria-expanded", "true")
    assert place.get_attribute("aria-activedescendant") is None, "nothing is chosen before the visitor does"
    demo.keyboard.press("ArrowDown")
    expect(demo.get_by_role("option", selected=True)).to_have_text("Zemst")
    demo.keyboard.press("Enter")
    expect(place).to_have_value("Zemst")
    expect(place).to_have_attribute("aria-expanded", "false")
    demo.keyboard.press("Enter")
    expect(demo.get_by_role("heading", level=3).first).to_have_text(FIRST)


def test_escape_closes_the_list_and_then_clears(demo: Page) -> None:
    place = demo.get_by_role("combobox", name="Waar?")
    place.press_sequentially("zems")
    expect(demo.get_by_role("listbox")).to_be_visible()
    demo.keyboard.press("Escape")
    expect(demo.get_by_role("listbox")).to_be_hidden()
    expect(place).to_have_value("zems")
    demo.keyboard.press("Escape")
    expect(place).to_have_value("")


def test_the_number_of_results_is_announced(demo: Page) -> None:
    fill_and_search(demo, "huisarts", "Zemst")
    expect(demo.locator("fichehub-zoek").get_by_role("status")).to_have_text("4 resultaten")


def test_nothing_found_says_what_to_do(demo: Page) -> None:
    fill_and_search(demo, "xyzzy", "")
    expect(demo.locator(".told")).to_contain_text("Probeer een ruimer woord")


def test_the_beginning_of_several_places_opens_the_choice_between_them(demo: Page) -> None:
    fill_and_search(demo, "huisarts", "gen")
    expect(demo.locator(".told")).to_contain_text("Meer dan één plaats begint zo")
    expect(demo.get_by_role("combobox", name="Waar?")).to_be_focused()
    expect(demo.get_by_role("option").first).to_be_visible()
    assert {"Genk", "Gent"} <= {*demo.get_by_role("option").all_text_contents()}
    demo.get_by_role("option", name="Gent", exact=True).click()
    demo.keyboard.press("Enter")
    expect(demo.locator(".told")).to_have_text("4 resultaten")
    expect(demo.locator("fichehub-zoek p small").first).to_contain_text("km van Gent")


def test_the_place_that_was_taken_is_shown_and_said(demo: Page) -> None:
    fill_and_search(demo, "huisarts", "zems")
    expect(demo.locator(".told")).to_have_text("Plaats: Zemst. 4 resultaten")
    expect(demo.get_by_role("combobox", name="Waar?")).to_have_value("Zemst")


def test_what_is_in_another_language_than_the_page_says_so(new_page: Callable[..., Page], address: str) -> None:
    page = new_page(bypass_csp=True)
    page.goto(f"{address}/widget/demo?lang=de")
    page.locator("fichehub-zoek input#what").fill("zenne")
    page.locator("fichehub-zoek button[type=submit]").click()
    for text in ("Huisartsen (fictief)", "Kerkstraat 1 bus 7", "1980 Zemst"):
        expect(page.get_by_text(text, exact=True)).to_have_attribute("lang", "nl")
    expect(page.get_by_role("heading", level=3)).to_have_attribute("lang", "nl")


def test_without_a_script_there_is_no_button_that_does_nothing(new_page: Callable[..., Page], address: str) -> None:
    page = new_page(java_script_enabled=False)
    page.goto(f"{address}/widget/demo?lang=fr")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page.get_by_role("button")).to_have_count(0)


def test_the_snippet_is_copied_and_that_is_said_in_the_language_of_the_page(new_page: Callable[..., Page], address: str) -> None:
    page = new_page(bypass_csp=True, permissions=["clipboard-read", "clipboard-write"])
    page.goto(f"{address}/widget/demo?lang=de")
    page.get_by_role("button", name="Kopieren").click()
    expect(page.get_by_text("Kopiert.")).to_be_visible()


def test_an_unknown_place_says_so(demo: Page) -> None:
    fill_and_search(demo, "huisarts", "Nergenshuizen")
    expect(demo.locator(".told")).to_contain_text("kennen we niet")


@pytest.mark.parametrize("language", ["nl", "fr", "de", "en"])
def test_axe_finds_nothing(new_page: Callable[..., Page], address: str, language: str) -> None:
    page = new_page(bypass_csp=True)
    page.goto(f"{address}/widget/demo?lang={language}")
    page.locator("fichehub-zoek input#what").fill("huisarts")
    page.locator("fichehub-zoek input#where").fill("1980")
    page.locator("fichehub-zoek button[type=submit]").click()
    expect(page.get_by_role("heading", level=3).first).to_have_text(FIRST)
    result = Axe().run(page)
    assert result.violations_count == 0, result.generate_report()


def test_it_fits_320_pixels(new_page: Callable[..., Page], address: str) -> None:
    page = new_page(bypass_csp=True, viewport={"width": 320, "height": 640})
    page.goto(f"{address}/widget/demo")
    fill_and_search(page, "huisarts", "Zemst")
    expect(page.get_by_role("heading", level=3).first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 320


def test_two_requests_to_the_first_hit_on_a_page_with_a_strict_policy(
    new_page: Callable[..., Page], address: str, tmp_path: Path
) -> None:
    page = new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    html = (
        f'<!doctype html><html lang="nl"><head><title>Elders</title><script type="module" src="{address}/widget/v1/fichehub.js">'
        '</script></head><body><fichehub-zoek what="huisarts" where="Zemst"></fichehub-zoek></body></html>'
    )
    policy = f"default-src 'none'; script-src {address}; connect-src {address}"
    elsewhere = f"{address}/elders"
    page.route(elsewhere, lambda route: route.fulfill(body=html, content_type="text/html", headers={"Content-Security-Policy": policy}))
    page.goto(elsewhere)
    expect(page.get_by_role("heading", level=3).first).to_have_text(FIRST)
    assert [url.split("?")[0] for url in asked] == [elsewhere, f"{address}/widget/v1/fichehub.js", f"{address}/widget/v1/search"]


def test_what_a_source_wrote_is_text_and_never_markup(new_page: Callable[..., Page], address: str) -> None:
    page = new_page(bypass_csp=True)
    page.route("**/widget/v1/search*", lambda route: route.fulfill(json={
        "items": [{"id": "x", "name": "<img src=x onerror=document.title='hacked'>", "tier": "", "updated_at": "2026-11-01",
                   "contacts": [{"kind": "website", "value": "javascript:document.title='hacked'", "from": "self"}]}],
        "next": None, "total": 1, "place": None, "words": None,
    }))  # fmt: skip
    page.goto(f"{address}/widget/demo")
    fill_and_search(page, "x", "")
    expect(page.get_by_role("heading", level=3)).to_have_text("<img src=x onerror=document.title='hacked'>")
    assert page.locator("fichehub-zoek a").count() == 0
    assert page.title() != "hacked"


def test_fields_stand_in_line_whatever_is_written_below_them(new_page: Callable[..., Page], address: str) -> None:
    for width, height in ((1200, 800), (420, 800)):
        page = new_page(bypass_csp=True, viewport={"width": width, "height": height})
        page.goto(f"{address}/widget/demo")
        what, where = page.get_by_label("Wat zoekt u?"), page.get_by_role("combobox", name="Waar?")
        page.locator("fichehub-zoek #where-hint").evaluate("hint => { hint.textContent = 'lang '.repeat(60); }")
        boxes = [each.bounding_box() for each in (what, where, page.get_by_role("button", name="Zoeken"))]
        tops = [box["y"] for box in boxes if box]
        if width > 1000:
            assert tops == [tops[0]] * 3
        else:
            assert tops == sorted(set(tops)), "one below the other"


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
def test_a_first_request_that_fails_is_said_in_the_language_of_the_page(
    new_page: Callable[..., Page], address: str, how: str, language: str
) -> None:
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
            route.fulfill(json={"items": [{"id": "x", "name": "De tweede", "tier": "", "updated_at": "2026-11-01"}], "next": None, "total": None, "place": None})

    demo.route("**/widget/v1/search?*", pages)
    fill_and_search(demo, "huisarts", "Zemst")
    expect(demo.get_by_role("heading", level=3)).to_have_text([FIRST])
    demo.get_by_role("button", name="Meer resultaten").click()
    expect(demo.locator(".told")).to_have_text(FAILED["nl"][0])
    expect(demo.get_by_role("heading", level=3)).to_have_text([FIRST])
    demo.get_by_role("button", name="Opnieuw proberen").click()
    expect(demo.get_by_role("heading", level=3)).to_have_text([FIRST, "De tweede"])
    assert asked == [asked[0]] * 2


def test_what_was_found_before_does_not_stay_under_a_place_that_is_not_known(demo: Page) -> None:
    demo.route("**/widget/v1/search?*where=Zemst*", lambda route: route.fulfill(json={**route.fetch().json(), "next": "nog"}))
    fill_and_search(demo, "huisarts", "Zemst")
    expect(demo.get_by_role("button", name="Meer resultaten")).to_be_visible()
    fill_and_search(demo, "huisarts", "Nergenshuizen")
    expect(demo.locator(".told")).to_contain_text("kennen we niet")
    expect(demo.locator("fichehub-zoek li.card")).to_have_count(0)
    expect(demo.get_by_role("button", name="Meer resultaten")).to_be_hidden()
    expect(demo.get_by_role("button", name="Opnieuw proberen")).to_be_hidden()


@pytest.mark.parametrize(
    ("body", "spoken"),
    [
        ('<div lang="fr"><fichehub-zoek></fichehub-zoek></div>', "fr"),
        ('<div lang="fr"><p><fichehub-zoek lang="de-BE"></fichehub-zoek></p></div>', "de"),
        ('<fichehub-zoek lang="es"></fichehub-zoek>', "nl"),
        ("<fichehub-zoek></fichehub-zoek>", "en"),
    ],
)
def test_it_speaks_the_nearest_language_and_says_which(new_page: Callable[..., Page], address: str, body: str, spoken: str) -> None:
    buttons = {"nl": "Zoeken", "fr": "Rechercher", "de": "Suchen", "en": "Search"}
    page = new_page(bypass_csp=True)
    elsewhere(page, address, body, "en")
    button = page.get_by_role("button")
    expect(button).to_have_text(buttons[spoken])
    assert button.evaluate("button => button.closest('[lang]').lang") == spoken


def test_it_speaks_the_nearest_language_inside_an_element_of_somebody_else(new_page: Callable[..., Page], address: str) -> None:
    page = new_page(bypass_csp=True)
    elsewhere(page, address, '<div id="host" lang="de"></div>')
    page.evaluate("host.attachShadow({ mode: 'open' }).innerHTML = '<fichehub-zoek></fichehub-zoek>'")
    expect(page.get_by_role("button")).to_have_text("Suchen")
    page.locator("fichehub-zoek").evaluate("element => { element.lang = 'fr'; }")
    expect(page.get_by_role("button")).to_have_text("Rechercher")


@pytest.mark.parametrize("whose", ["document.documentElement", "document.querySelector('fichehub-zoek')"])
def test_when_the_language_changes_everything_is_said_anew(new_page: Callable[..., Page], address: str, whose: str) -> None:
    page = new_page(bypass_csp=True)
    elsewhere(page, address, "<fichehub-zoek></fichehub-zoek>")
    fill_and_search(page, "huisarts", "Zemst")
    expect(page.get_by_text("Gevestigd in Zemst")).to_be_visible()
    page.get_by_label("Wat zoekt u?").fill("nog iets anders")
    page.evaluate(f"{whose}.lang = 'fr'")
    expect(page.get_by_text("Situé à Zemst")).to_be_visible()
    expect(page.get_by_role("button", name="Rechercher")).to_be_visible()
    expect(page.get_by_label("Que cherchez-vous ?")).to_have_value("nog iets anders")


def test_axe_finds_nothing_in_two_on_a_page_without_a_place(new_page: Callable[..., Page], address: str) -> None:
    page = new_page(bypass_csp=True)
    one = '<fichehub-zoek what="huisarts"></fichehub-zoek>'
    elsewhere(page, address, f'{one}{one}<fichehub-zoek what="huisarts" where="Zemst"></fichehub-zoek>')
    expect(page.get_by_role("heading", name=FIRST)).to_have_count(3)
    expect(page.get_by_role("search", name="Zoek zorg en welzijn (3)", exact=True)).to_be_visible()
    result = Axe().run(page)
    assert result.violations_count == 0, result.generate_report()


def test_axe_finds_nothing_where_nothing_comes(new_page: Callable[..., Page], address: str) -> None:
    page = new_page(bypass_csp=True)
    Broken(page, HOW["refused"])
    elsewhere(page, address, "<fichehub-zoek></fichehub-zoek>")
    expect(page.get_by_role("alert")).to_be_visible()
    result = Axe().run(page)
    assert result.violations_count == 0, result.generate_report()


def test_an_address_is_no_more_than_an_address(demo: Page) -> None:
    written = {"a@b.be?bcc=x@y.z": "mailto:a@b.be%3Fbcc%3Dx@y.z", "jan+huis@voorbeeld.be": "mailto:jan%2Bhuis@voorbeeld.be"}
    contacts = [{"kind": "email", "value": address, "from": "self"} for address in written]
    item = {"id": "x", "name": "X", "tier": "", "updated_at": "2026-11-01", "contacts": contacts}
    demo.route("**/widget/v1/search*", lambda route: route.fulfill(json={"items": [item], "next": None, "total": 1, "place": None}))
    fill_and_search(demo, "x", "")
    links = demo.locator("fichehub-zoek ul.reach a")
    expect(links).to_have_text(list(written))
    assert [link.get_attribute("href") for link in links.all()] == list(written.values())


def test_a_place_that_is_a_choice_is_told_to_a_screen_reader_with_the_choice(demo: Page) -> None:
    fill_and_search(demo, "", "be")
    expect(demo.get_by_role("listbox")).to_be_visible()
    expect(demo.locator("fichehub-zoek").get_by_role("status")).to_have_text(re.compile("^Meer dan één plaats begint zo.* 8 gemeenten; kies met de pijltjestoetsen$"))


@pytest.mark.parametrize(
    ("what", "where", "wrong", "said"),
    [
        ("", "be", "where", "Meer dan één plaats begint zo"),
        ("", "qqqq", "where", "laat het veld leeg om overal te zoeken"),
        ("", "99999", "where", "laat het veld leeg om overal te zoeken"),
        ("???", "", "what", "Typ een woord dat zegt wat u zoekt"),
    ],
)
def test_the_field_that_is_wrong_says_so_and_has_the_focus(demo: Page, what: str, where: str, wrong: str, said: str) -> None:
    fill_and_search(demo, what, where)
    field, other = demo.locator(f"fichehub-zoek #{wrong}"), demo.locator(f"fichehub-zoek #{'what' if wrong == 'where' else 'where'}")
    expect(field).to_be_focused()
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_have_accessible_description(re.compile(said))
    expect(other).to_have_attribute("aria-invalid", "false")
    assert "lijst" not in demo.locator(".told").inner_text() or demo.get_by_role("listbox").is_visible()
    demo.keyboard.press("End")
    demo.keyboard.type("x")
    expect(field).to_have_attribute("aria-invalid", "false")
    expect(field).not_to_have_accessible_description(re.compile(said))


def test_a_field_that_is_wrong_from_the_start_says_so_and_takes_no_focus(new_page: Callable[..., Page], address: str) -> None:
    page = new_page(bypass_csp=True)
    elsewhere(page, address, '<fichehub-zoek where="qqqq"></fichehub-zoek>')
    field = page.get_by_role("combobox")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).not_to_be_focused()


def test_only_the_first_button_of_a_mouse_chooses(demo: Page) -> None:
    place = demo.get_by_role("combobox", name="Waar?")
    place.press_sequentially("zems")
    option = demo.get_by_role("option", name="Zemst")
    for button in ("right", "middle"):
        option.click(button=button)
        expect(place).to_have_value("zems")
        expect(option).to_be_visible()
    option.click()
    expect(place).to_have_value("Zemst")


def test_the_text_of_a_tag_stays_within_its_round_edge(new_page: Callable[..., Page], address: str) -> None:
    page = new_page(bypass_csp=True, viewport={"width": 320, "height": 640})
    long = {"text": "Diensten voor gezinszorg en aanvullende thuiszorg, met nachtopvang en oppas aan huis"}
    item = {"id": "x", "name": "X", "tier": "", "updated_at": "2026-11-01", "rubrieken": [long]}
    page.route("**/widget/v1/search*", lambda route: route.fulfill(json={"items": [item], "next": None, "total": 1, "place": None}))
    page.goto(f"{address}/widget/demo")
    fill_and_search(page, "x", "")
    room = page.get_by_text(long["text"]).evaluate(
        """tag => {
          const style = getComputedStyle(tag), { width, height } = tag.getBoundingClientRect();
          const r = Math.min(parseFloat(style.borderTopLeftRadius), width / 2, height / 2), d = parseFloat(style.paddingTop);
          return { lines: height / parseFloat(style.lineHeight), left: parseFloat(style.paddingLeft) - (r - Math.sqrt(r * r - (r - d) ** 2)) };
        }"""
    )
    assert room["lines"] > 3, "it is wrapped"
    assert room["left"] > 0, "the edge has turned straight, or nearly, where the text begins"


def test_where_the_clipboard_is_closed_the_snippet_is_selected_and_that_is_said(new_page: Callable[..., Page], address: str) -> None:
    page = new_page(bypass_csp=True)
    page.add_init_script("Object.defineProperty(navigator, 'clipboard', { value: undefined })")  # as over plain http
    page.goto(f"{address}/widget/demo?lang=en")
    page.get_by_role("button", name="Copy").click()
    expect(page.locator("#copied")).to_have_text("This browser does not let us copy here. The text is selected: copy it yourself.")
    assert page.evaluate("String(getSelection())") == page.locator("#snippet").inner_text()


def test_without_a_script_the_message_stands_in_one_frame(new_page: Callable[..., Page], address: str) -> None:
    page = new_page(java_script_enabled=False)
    page.goto(f"{address}/widget/demo")
    frame, message = page.locator("fichehub-zoek").bounding_box(), page.locator("noscript p").bounding_box()
    assert frame and message
    assert frame["x"] < message["x"] and frame["y"] < message["y"]
    assert frame["y"] + frame["height"] > message["y"] + message["height"]


def test_in_forced_colours_a_button_has_an_edge(new_page: Callable[..., Page], address: str) -> None:
    page = new_page(bypass_csp=True, forced_colors="active")
    page.goto(f"{address}/widget/demo")
    button = page.get_by_role("button", name="Kopieer")
    assert button.evaluate("button => getComputedStyle(button).borderTopStyle + getComputedStyle(button).borderTopWidth") == "solid1px"
