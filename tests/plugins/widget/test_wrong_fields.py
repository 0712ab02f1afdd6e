"""A field in which something is wrong, or a choice to be made, says so where the visitor is."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.plugins.widget.visiting import elsewhere, fill_and_search


def test_nothing_found_says_what_to_do(demo: Page) -> None:
    fill_and_search(demo, "xyzzy", "")
    expect(demo.locator(".told")).to_contain_text("Probeer een ruimer woord")


def test_the_beginning_of_several_places_opens_the_choice_between_them(demo: Page) -> None:
    fill_and_search(demo, "huisarts", "gen")
    expect(demo.locator(".told")).to_contain_text("Welke plaats bedoelt u")
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


def test_an_unknown_place_says_so_and_asks_for_the_postcode(demo: Page) -> None:
    fill_and_search(demo, "huisarts", "Borgerhout")
    expect(demo.locator(".told")).to_contain_text("Deze plaats kennen we niet. Geef de postcode")


def test_a_word_of_a_longer_name_opens_the_choice(demo: Page) -> None:
    fill_and_search(demo, "huisarts", "Berchem")
    expect(demo.locator(".told")).to_have_text("Welke plaats bedoelt u? Kies er een uit de lijst, of geef de postcode.")
    expect(demo.get_by_role("option")).to_have_text(["Sint-Agatha-Berchem"])
    choice, told = demo.get_by_role("listbox").bounding_box(), demo.locator(".told").bounding_box()
    assert choice and told and choice["y"] + choice["height"] <= told["y"], "what is said is not covered"
    demo.keyboard.press("ArrowDown")
    demo.keyboard.press("Enter")
    demo.keyboard.press("Enter")
    expect(demo.locator("fichehub-zoek p small").first).to_contain_text("km van Sint-Agatha-Berchem")


def test_what_was_found_before_does_not_stay_under_a_place_that_is_not_known(demo: Page) -> None:
    demo.route("**/widget/v1/search?*where=Zemst*", lambda route: route.fulfill(json={**route.fetch().json(), "next": "nog"}))
    fill_and_search(demo, "huisarts", "Zemst")
    expect(demo.get_by_role("button", name="Meer resultaten")).to_be_visible()
    fill_and_search(demo, "huisarts", "Nergenshuizen")
    expect(demo.locator(".told")).to_contain_text("kennen we niet")
    expect(demo.locator("fichehub-zoek li.card")).to_have_count(0)
    expect(demo.get_by_role("button", name="Meer resultaten")).to_be_hidden()
    expect(demo.get_by_role("button", name="Opnieuw proberen")).to_be_hidden()


def test_a_place_that_is_a_choice_is_told_to_a_screen_reader_with_the_choice(demo: Page) -> None:
    fill_and_search(demo, "", "be")
    expect(demo.get_by_role("listbox")).to_be_visible()
    expect(demo.locator("fichehub-zoek").get_by_role("status")).to_have_text(
        re.compile(r"^Welke plaats bedoelt u\?.* 8 gemeenten; kies met de pijltjestoetsen$")
    )


@pytest.mark.parametrize(
    ("what", "where", "wrong", "said"),
    [
        ("", "be", "where", "Welke plaats bedoelt u"),
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


@pytest.mark.parametrize("field", ["what", "where"])
def test_what_is_too_long_is_said_to_be(new_page: Callable[..., Page], address: str, field: str) -> None:
    page = new_page(bypass_csp=True)
    elsewhere(page, address, f'<fichehub-zoek {field}="{"b" * 150}"></fichehub-zoek>')
    expect(page.locator(f"fichehub-zoek #{field}")).to_have_accessible_description(re.compile("Dit is te lang: ten hoogste 100 tekens"))
    expect(page.locator(".told")).to_have_text("Dit is te lang: ten hoogste 100 tekens. Maak het korter.")
