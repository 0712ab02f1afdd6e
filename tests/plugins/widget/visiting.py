"""What a visitor does, and a page of somebody else with the element in it: for all tests in a browser."""

from __future__ import annotations

from playwright.sync_api import Page

FIRST = "Huisartsen De Zenne"


def elsewhere(page: Page, address: str, body: str, language: str = "nl") -> None:
    """Open a page of somebody else with this in it."""
    html = f'<!doctype html><html lang="{language}"><head><title>Elders</title><script type="module" src="{address}/widget/v1/fichehub.js"></script></head><body><main><h1>Elders</h1>{body}</main></body></html>'
    page.route(f"{address}/elders", lambda route: route.fulfill(body=html, content_type="text/html; charset=utf-8"))
    page.goto(f"{address}/elders")


def fill_and_search(page: Page, what: str, where: str) -> None:
    page.get_by_label("Wat zoekt u?").fill(what)
    page.get_by_role("combobox", name="Waar?").fill(where)
    page.get_by_role("button", name="Zoeken").click()
