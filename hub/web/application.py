"""Puts the application together; see `hub.web.create_app`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import unquote_to_bytes

import flask
from flask.globals import request_ctx
from flask.typing import ResponseReturnValue
from werkzeug.middleware.proxy_fix import ProxyFix

from hub.errors import FieldError, Invalid
from hub.plugins import Plugins, bugs
from hub.store import Store
from hub.web import api, asking, endpoints, fiche_page, health, oauth, outgoing, pages, problems, start
from hub.web.answer_cache import AnswerCache
from hub.web.metrics import Metrics
from hub.web.open_views import is_served_when_closed
from hub.web.settings import Settings

UNCOUNTED = frozenset({"static", "favicon", "health", "metrics"})
"""Routes that ask nobody who they are: they hold nothing of a fiche, and must answer when all else fails."""


class Application(flask.Flask):
    """Flask without a look for coroutines, of which it would take ten at every request: no view here is one."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """The function as it is."""
        return func

    def dispatch_request(self) -> ResponseReturnValue:
        """What the view answers. One that calls `sys.exit`, or raises what is no `Exception`, has a bug like any other: it ends neither the worker nor the request without an answer."""
        try:
            return super().dispatch_request()
        except Exception:
            raise
        except bugs() as error:
            raise RuntimeError(f"A view raised {type(error).__name__}.") from error


def build(store: Store, plugins: Plugins, settings: Settings) -> flask.Flask:
    """The whole application."""
    app = Application("hub.web", static_url_path="/static")
    app.config.update(
        MAX_CONTENT_LENGTH=settings.max_body,
        MAX_FORM_MEMORY_SIZE=settings.max_body,
        PROPAGATE_EXCEPTIONS=False,
        SEND_FILE_MAX_AGE_DEFAULT=3600,
    )
    app.url_map.strict_slashes = True
    app.url_map.merge_slashes = False  # a slash too many is told as what it is; Flask's redirect is a page of HTML
    serving = asking.Serving.install(app, store, plugins, settings)
    metrics = Metrics()
    answers = AnswerCache(serving, metrics)
    app.after_request(answers.keep)  # the first, so that it sees answers as they go out
    outgoing.install(app, metrics)

    metrics.install(app)
    health.install(app)
    start.install(app)
    pages.install(app)
    fiche_page.install(app)
    oauth.install(app)
    api.install(app)
    mounted = endpoints.install(app, store, plugins)
    problems.register(app, mounted.handler_for)

    app.before_request(_refuse_other_bytes)

    @app.before_request
    def let_in() -> None:
        request = request_ctx.request
        if request.endpoint in UNCOUNTED or request.method == "OPTIONS":
            return
        grant = asking.admit()
        name = mounted.named_by(request.path)
        if grant is not None and grant.scopes is not None:
            mounted.require_scopes_applied(name)
        if name is not None and not is_served_when_closed(app.view_functions.get(request.endpoint or "")):
            mounted.require_enabled(name, None if grant is None else grant.partner or "")

    app.teardown_request(asking.let_go)
    app.wsgi_app = problems.never_empty(answers.around(app.wsgi_app, mounted))  # type: ignore[method-assign, assignment]

    if settings.trusted_proxies:
        hops = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
    return app


def _refuse_other_bytes() -> None:
    """What is not UTF-8 would be read as signs that nobody wrote: another question than the one that was asked."""
    request = flask.request
    given = request.query_string
    if request.method == "POST" and request.mimetype == "application/x-www-form-urlencoded":
        given = b"&".join((given, request.get_data()))  # which is kept for who reads the form
    for pair in given.split(b"&") if b"%" in given or not given.isascii() else ():
        try:
            unquote_to_bytes(pair).decode()
        except UnicodeDecodeError as error:
            name = unquote_to_bytes(pair.partition(b"=")[0]).decode(errors="replace")
            reason = "This is not text in UTF-8. Write it in UTF-8 before it is percent-encoded."
            raise Invalid(f"{name}: {reason}", (FieldError(name, reason),)) from error
