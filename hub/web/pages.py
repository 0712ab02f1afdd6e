"""What the pages for people share: links that keep the language that was asked for, and a page for an address where nothing is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import flask
from flask_babel import get_locale

from hub.model.fiche import LANGUAGES
from hub.web import asking

if TYPE_CHECKING:
    from hub.web.problems import Problem

_PAGES: Final = frozenset({"/", "/api/v1/docs", "/widget/demo"})
"""Pages of the house; other addresses would refuse a parameter that they do not know."""


def install(app: flask.Flask) -> None:
    """Give the templates what they need for it."""
    app.add_template_filter(in_language, "in_language")
    app.add_template_filter(asking.source_title, "source_title")


def in_language(address: str) -> str:
    """The address, with the language that the reader asked for here, where it is that of a page of the house."""
    asked = flask.request.args.get("lang", "")
    return f"{address}?lang={asked}" if address in _PAGES and asked in LANGUAGES else address


def page_of(problem: Problem) -> flask.Response | None:
    """The page that tells a reader with a browser that there is nothing at this address; None for a program, and for every other problem."""
    request = flask.request
    accepted = request.accept_mimetypes
    is_lost = problem.status == 404 and request.url_rule is None and request.path.split("/")[1] != "api"
    if not is_lost or accepted["text/html"] <= accepted["application/json"]:
        return None
    language = str(get_locale())
    response = flask.make_response(flask.render_template("lost.html", language=language), problem.status)
    response.headers["Content-Language"] = language
    response.vary.update(("Accept", "Accept-Language"))
    return response
