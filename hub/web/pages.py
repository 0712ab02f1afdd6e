"""What the pages for people share: links that keep the language that was asked for, and what a browser is shown where a program gets a problem."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import flask
from flask_babel import format_datetime, get_locale

from hub.model.fiche import LANGUAGES
from hub.web import asking, endpoints

if TYPE_CHECKING:
    from hub.web.problems import Problem

_PAGES: Final = frozenset({"/", "/api/v1/docs", "/widget/demo"})
"""Pages of the house; other addresses would refuse a parameter that they do not know."""


def install(app: flask.Flask) -> None:
    """Give the templates what they need for it."""
    app.add_template_filter(in_language, "in_language")
    app.add_template_filter(moment)
    app.add_template_filter(asking.source_title, "source_title")


def in_language(address: str) -> str:
    """The address, with the language that the reader asked for here, where it is that of a page of the house."""
    asked = flask.request.args.get("lang", "")
    is_page = address in _PAGES or address.startswith("/fiche/")
    return f"{address}?lang={asked}" if is_page and asked in LANGUAGES else address


def moment(at: datetime, form: str = "MMM, HH:mm") -> str:
    """The day of the month as the language of the page writes it, and the rest in this form: 1 dec, 1er déc., 1. Dez."""
    language = str(get_locale())
    day = "d." if language == "de" else "d'er'" if language == "fr" and format_datetime(at, "d") == "1" else "d"
    return str(format_datetime(at, f"{day} {form}"))


def is_wanted() -> bool:
    """Whether somebody looks at this with a browser: it would rather have HTML, where a program takes anything or says nothing."""
    accepted = flask.request.accept_mimetypes
    return accepted["text/html"] > accepted["application/json"]


def page(template: str, code: int = 200, /, **told: Any) -> flask.Response:
    """A page of the hub, which says in which language it is."""
    language = str(get_locale())
    response = flask.make_response(flask.render_template(template, language=language, languages=LANGUAGES, **told), code)
    response.headers["Content-Language"] = language
    response.vary.add("Accept-Language")
    return response


def page_of(problem: Problem) -> flask.Response | None:
    """The page that tells a reader with a browser that there is nothing at this address, or nothing that is open to him; None for a program, and for every
    other problem."""
    if not is_wanted():
        return None
    request = flask.request
    top = request.path.split("/")[1]
    if (problem.status == 404 and request.url_rule is None and top != "api") or (problem.status in (404, 410) and top == "fiche"):
        return instead("lost.html", problem)
    if problem.status not in (401, 403) or asking.sends_credentials():
        return None
    if problem.status == 401 and not asking.serving().settings.anonymous:
        return instead("partners_only.html", problem)
    name = endpoints.endpoints().named_by(request.path)
    if name is None:
        return None
    commands = endpoints.endpoints().commands_to_open(name, None if asking.asks_nobody() else "")
    return instead("closed.html", problem, code=problem.status, commands=commands)


def instead(template: str, problem: Problem, /, **told: Any) -> flask.Response:
    """The page in the place of this problem, with its status and its headers."""
    response = page(template, problem.status, **told)
    response.headers.update(problem.headers)
    response.vary.add("Accept")
    return response
