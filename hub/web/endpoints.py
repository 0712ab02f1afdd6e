"""The endpoints that plugins bring: mounted once at start, open or closed by a connection row that every request looks at.

Blueprints are never registered or taken away while the hub runs, because workers would then differ; that a partner may use an endpoint is
data.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

import flask
import structlog
from sqlalchemy import select
from werkzeug.exceptions import HTTPException

from hub.connector import Endpoint
from hub.errors import Forbidden
from hub.plugins import Plugins, bugs
from hub.store import Store
from hub.store.tables import connection
from hub.web import asking

REMEMBERED = 2.0
"""Seconds for which the state of an endpoint is remembered: how late a pause may take effect."""

_log = structlog.get_logger(__name__)
_EXTENSION = "fichehub-endpoints"


@dataclass(frozen=True, slots=True)
class BrokenEndpoint:
    """An endpoint that could not be mounted, and why."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class _Found:
    """The best state that a connection of the endpoint is in, and the connections in it as name and partner."""

    state: str
    connections: tuple[tuple[str, str], ...]


@dataclass(slots=True)
class Endpoints:
    """The endpoints of one application: `mounted` maps a connector's name to its blueprint's; `scope_types` are the types of resource that a scope may name."""

    store: Store
    mounted: dict[str, str] = field(default_factory=dict)
    takes_tokens: set[str] = field(default_factory=set)
    scope_types: frozenset[str] = frozenset()
    broken: list[BrokenEndpoint] = field(default_factory=list)
    _states: dict[tuple[str, str | None], tuple[float, _Found]] = field(default_factory=dict)

    def mount(self, app: flask.Flask, plugins: Plugins) -> None:
        """Mount every endpoint at `/<name>`. One that cannot be mounted is left out whole and named."""
        self.scope_types = plugins.scope_types()
        for name, connector in sorted(plugins.connectors.items()):
            if not issubclass(connector, Endpoint):
                continue
            try:
                blueprint = _tried(name, connector)
                if blueprint.name in app.blueprints:
                    raise ValueError(f"its blueprint has the name of another one, {blueprint.name!r}")
                app.register_blueprint(blueprint, url_prefix=f"/{name}")
            except bugs() as error:  # a blueprint is a stranger's code
                broken = BrokenEndpoint(name, f"{type(error).__name__}: {error}")
                _log.warning("endpoint left out", endpoint=name, reason=broken.reason, exc_info=error)
                self.broken.append(broken)
                continue
            self.mounted[name] = blueprint.name
            if connector.takes_tokens:
                self.takes_tokens.add(name)

    def named_by(self, path: str) -> str | None:
        """The endpoint below whose address this path lies."""
        first = path.split("/", 2)[1] if path.startswith("/") else ""
        return first if first in self.mounted else None

    def require_enabled(self, name: str, partner: str | None) -> None:
        """Return when a connection opens the endpoint to this partner (`""`: to everybody; None: to anybody), else raise what the asker can do something about:
        `Unauthorized` where he sent no key and it is open to some partner, else `Forbidden`."""
        state = self.state(name, partner)
        if state == "enabled":
            return
        commands = ", then: ".join(self.commands_to_open(name, partner))
        if state == "paused":
            raise Forbidden(f"/{name} is paused. An administrator resumes it with: {commands}")
        if partner:
            raise Forbidden(
                f"/{name} is not open to you. Ask your contact at this hub for it. An administrator opens it to {partner} with: {commands}"
            )
        if self.state(name, None) in (
            "enabled",
            "paused",
        ):  # who is told to open it would open to all what was meant for one
            asking.require_partner(f"/{name} answers partners only")
        raise Forbidden(f"/{name} is not enabled. An administrator opens it to everybody with: {commands}")

    def commands_to_open(self, name: str, partner: str | None) -> tuple[str, ...]:
        """What an administrator types, one after the other, so that the endpoint answers this partner (`""`: everybody; None: anybody): it enables the
        connections that are there, else adds one; nothing where it does. Names no connection that is another partner's."""
        found, own = self._found(name, partner), partner or ""
        if found.state == "enabled":
            return ()
        # To resume what was open to all gives it back to this partner; to enable for him what never was would open it to all.
        whose = {own, ""} if found.state == "paused" else {own}
        if known := [each for each, its_partner in found.connections if its_partner in whose]:
            return tuple(f"fichehub connections enable {each}" for each in known)
        if found.state == "paused":
            return ("fichehub connections list", "fichehub connections enable NAME")
        new = f"{name}-{own}" if own else name
        return (f"fichehub connections add {new} {name}" + f" --partner {own}" * bool(own), f"fichehub connections enable {new}")

    def require_scopes_applied(self, name: str | None) -> None:
        """Return when what lies below this endpoint applies the scopes of an access token itself, else raise `Forbidden`."""
        if name not in self.takes_tokens:
            places = ", ".join(f"/{each}" for each in sorted(self.takes_tokens)) or "nothing here"
            raise Forbidden(f"An access token holds for {places}. Send an API key to this address.")

    def state(self, name: str, partner: str | None) -> str:
        """`enabled`, `paused`, `disabled`, or `""` when there is no connection; at most `REMEMBERED` seconds old. Partner None: for anybody."""
        return self._found(name, partner).state

    def _found(self, name: str, partner: str | None) -> _Found:
        known = self._states.get((name, partner))
        now = time.monotonic()
        if known is not None and known[0] > now:
            return known[1]
        wanted = select(connection.c.state, connection.c.name, connection.c.partner).where(connection.c.connector == name).order_by(connection.c.name)
        if partner is not None:
            wanted = wanted.where(connection.c.partner.in_(sorted({"", partner})))
        with self.store.read() as reading:
            rows = reading.execute(wanted).all()
        states = {row.state for row in rows}
        state = next((state for state in ("enabled", "paused", "disabled") if state in states), "")
        found = _Found(state, tuple((row.name, row.partner) for row in rows if row.state == state))
        self._states[(name, partner)] = (now + REMEMBERED, found)
        return found

    def handler_for(self, error: Exception) -> Callable[[Exception], Any] | None:
        """The handler that the endpoint below whose address the current request lies registered for this error."""
        name = self.named_by(flask.request.path)
        if name is None:
            return None
        handlers = flask.current_app.error_handler_spec.get(self.mounted[name])
        if not handlers:
            return None
        code = error.code if isinstance(error, HTTPException) else None
        for by_class in [handlers[code]] * (code is not None and code in handlers) + [handlers.get(None, {})]:
            for each in type(error).__mro__:
                if each in by_class:
                    return cast("Callable[[Exception], Any]", by_class[each])
        return None


def broken_by_themselves(plugins: Plugins) -> list[BrokenEndpoint]:
    """The endpoints that no application can mount; which ones stand in each other's way only that of a server tells."""
    found = []
    for name, connector in sorted(plugins.connectors.items()):
        try:
            if issubclass(connector, Endpoint):
                _tried(name, connector)
        except bugs() as error:  # a blueprint is a stranger's code
            found.append(BrokenEndpoint(name, f"{type(error).__name__}: {error}"))
    return found


def _tried(name: str, connector: type[Endpoint]) -> flask.Blueprint:
    """Its blueprint, mounted in an application of its own: one that breaks halfway would leave half its routes behind."""
    blueprint = connector.blueprint()
    flask.Flask(__name__, static_folder=None).register_blueprint(blueprint, url_prefix=f"/{name}")
    return blueprint


def install(app: flask.Flask, store: Store, plugins: Plugins) -> Endpoints:
    """Mount the endpoints of `plugins` and remember them in the application."""
    endpoints = Endpoints(store)
    endpoints.mount(app, plugins)
    app.extensions[_EXTENSION] = endpoints
    return endpoints


def endpoints() -> Endpoints:
    """The endpoints of the current application."""
    return cast(Endpoints, flask.current_app.extensions[_EXTENSION])
