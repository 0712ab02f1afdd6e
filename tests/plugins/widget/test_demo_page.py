"""The page that shows the element: without a script, in every language, and the snippet to be copied."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.plugins.widget.visiting import FIRST, fill_and_search


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
