"""The element in a real browser: by keyboard, under a strict policy, for a screen reader, with no host but ours."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, Route, expect

from tests.plugins.widget.visiting import FIRST, elsewhere, fill_and_search


def test_a_visitor_finds_local_hits_first(demo: Page) -> None:
    fill_and_search(demo, "huisarts", "Zemst")
    expect(demo.locator("fichehub-zoek h2").first).to_have_text("In Zemst")
    expect(demo.get_by_role("heading", level=3)).to_have_text([FIRST, "Huisarts aan huis", "Huisartsen Vilvoorde", "Huisartsen Tienen"])
    expect(demo.get_by_text("Gevestigd in Zemst")).to_be_visible()


def test_a_card_says_that_the_organisation_has_stopped(demo: Page) -> None:
    fill_and_search(demo, "dagopvang", "")
    expect(demo.locator("fichehub-zoek li.card", has_text="De organisatie is gestopt").get_by_role("heading")).to_have_text(["Dagopvang on"])


def test_a_card_says_that_there_is_a_waiting_list(demo: Page) -> None:
    fill_and_search(demo, "kinesitherapie", "")
    tag = demo.locator("fichehub-zoek .tags .stop")
    expect(tag).to_have_text("Wachtlijst van 6 weken (opgegeven op 1 nov 2026)")


def test_on_a_page_that_runs_from_right_to_left_it_runs_from_left_to_right(new_page: Callable[..., Page], address: str) -> None:
    page = new_page(bypass_csp=True)
    elsewhere(page, address, '<div style="direction: rtl"><fichehub-zoek what="zenne"></fichehub-zoek></div>')
    number = page.get_by_role("link", name="015 00 00 01")
    expect(number).to_be_visible()
    lefts = number.evaluate(
        """link => [0, link.firstChild.length - 1].map((at) => {
          const range = document.createRange();
          range.setStart(link.firstChild, at);
          range.setEnd(link.firstChild, at + 1);
          return range.getBoundingClientRect().left;
        })"""
    )
    assert lefts == sorted(lefts), "the first digit stands to the left of the last"


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


def test_what_is_no_number_is_no_link_to_call(demo: Page) -> None:
    values = ["niet", "n.v.t. 1", "112", "bel de kring: 016 12 34 56"]

    def with_these(route: Route) -> None:
        response = route.fetch()
        found = response.json()
        found["items"][0]["contacts"] = [{"kind": kind, "value": value, "from": "aanbod"} for kind in ("phone", "mobile") for value in values]
        route.fulfill(response=response, json=found)

    demo.route("**/widget/v1/search*", with_these)
    fill_and_search(demo, "huisarts", "Zemst")
    reach = demo.locator("fichehub-zoek li.card").first.locator("ul.reach")
    expect(reach.locator("li")).to_have_count(8)
    expect(reach.locator("a")).to_have_text(values[2:] * 2)


def test_one_place_to_choose_is_announced_as_one(demo: Page) -> None:
    demo.get_by_role("combobox", name="Waar?").press_sequentially("zems")
    expect(demo.locator("fichehub-zoek").get_by_role("status")).to_have_text("1 gemeente; kies met de pijltjestoetsen")


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


def test_what_is_in_another_language_than_the_page_says_so(new_page: Callable[..., Page], address: str) -> None:
    page = new_page(bypass_csp=True)
    page.goto(f"{address}/widget/demo?lang=de")
    page.locator("fichehub-zoek input#what").fill("zenne")
    page.locator("fichehub-zoek button[type=submit]").click()
    for text in ("Huisartsen (fictief)", "Kerkstraat 1 bus 7", "1980 Zemst"):
        expect(page.get_by_text(text, exact=True)).to_have_attribute("lang", "nl")
    expect(page.get_by_role("heading", level=3)).to_have_attribute("lang", "nl")


def test_two_requests_to_the_first_hit_on_a_page_with_a_strict_policy(new_page: Callable[..., Page], address: str, tmp_path: Path) -> None:
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
    assert page.locator("fichehub-zoek li.card a").count() == 0
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


def test_an_address_is_no_more_than_an_address(demo: Page) -> None:
    written = {"a@b.be?bcc=x@y.z": "mailto:a@b.be%3Fbcc%3Dx@y.z", "jan+huis@voorbeeld.be": "mailto:jan%2Bhuis@voorbeeld.be"}
    contacts = [{"kind": "email", "value": address, "from": "self"} for address in written]
    item = {"id": "x", "name": "X", "tier": "", "updated_at": "2026-11-01", "contacts": contacts}
    demo.route("**/widget/v1/search*", lambda route: route.fulfill(json={"items": [item], "next": None, "total": 1, "place": None}))
    fill_and_search(demo, "x", "")
    links = demo.locator("fichehub-zoek ul.reach a")
    expect(links).to_have_text(list(written))
    assert [link.get_attribute("href") for link in links.all()] == list(written.values())


def test_only_the_first_button_of_a_mouse_chooses(demo: Page) -> None:
    place = demo.get_by_role("combobox", name="Waar?")
    place.press_sequentially("zems")
    option = demo.get_by_role("option", name="Zemst")
    option.click(button="right")  # the middle one pastes, where there is something to paste
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
