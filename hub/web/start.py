"""The start page, `/`: what runs, how each connection fares, and where everything is. In Dutch, French, German or English."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

import flask
import structlog
from flask_babel import Babel, gettext
from sqlalchemy import Connection, func, select

from hub.connector import Endpoint, Export
from hub.errors import FichehubError
from hub.model.entity import Change, Entity
from hub.model.fiche import KINDS, LANGUAGES
from hub.model.particulars import name_in
from hub.model.query import Criterion, Query
from hub.store import reviewing
from hub.store.faults import store_is_away
from hub.store.tables import entry
from hub.sync import connections, stops
from hub.sync.info import ConnectionInfo
from hub.web import health, pages, problems, reasons
from hub.web.asking import Serving, directory, serving
from hub.web.endpoints import endpoints

NEWEST: Final = 8
LOOKED_AT: Final = 400
"""How far back in the change log the newest changes are looked for."""
COUNTED_EVERY: Final = 10.0
"""Seconds between two counts of all fiches."""

_log = structlog.get_logger(__name__)
_OPERATE: Final = "operate"
"""The right to be told where the partners live."""
_NEEDS_SOMEBODY: Final = frozenset({"paused", "stopped", "failed", "short", "late"})
# Where to look first in an endpoint; another one is entered at its root.
_ENTRANCES: Final = {"fhir": "/fhir/metadata", "widget": "/widget/demo"}


@dataclass(frozen=True, slots=True)
class Fares:
    """How one connection fares. `light` is one of ok, busy, paused, stopped, off, ended (its last run was, early and on purpose), failed, short (rows that its source announced are missing), late (it does not run when it should), new; `counts` are those of its last run."""

    name: str
    title: str
    partner: str
    light: str
    reason: reasons.Told
    last: datetime | None
    next: datetime | None
    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class StartLink:
    """Somewhere to go on from the start page. Without an address it is opened from the command line."""

    title: str
    address: str
    command: str
    state: str


@dataclass(frozen=True, slots=True)
class News:
    """The newest change of a fiche or of one of its parts, with the name of the fiche."""

    change: Change
    name: str
    at: datetime


def install(app: flask.Flask) -> None:
    """Serve it."""
    app.config["BABEL_DEFAULT_TIMEZONE"] = "Europe/Brussels"
    Babel(app, default_locale="nl", locale_selector=_language)
    app.extensions["fichehub-counts"] = {}
    app.add_url_rule("/", "start", start)
    app.add_url_rule("/favicon.ico", "favicon", favicon)


def start() -> flask.Response:
    """The page; with the database away it says only that, to a browser."""
    try:
        return _whole()
    except Exception as error:
        if not store_is_away(error) or not pages.is_wanted():
            raise
        _log.error("the database does not answer", exc_info=error)
        return pages.instead("start.html", problems.problem_of(error), status="DOWN")


def _whole() -> flask.Response:
    hub = serving()
    with hub.store.read() as reading:
        counts, waiting = _counts(reading)
    fares = _connections(hub)
    return pages.page(
        "start.html",
        status=_headline(fares),
        demo=hub.settings.demo,
        counts=counts,
        waiting=min(waiting, reviewing.COUNTED),
        more_wait=waiting > reviewing.COUNTED,
        fares=fares,
        doors=_doors(hub),
        news=_news(),
        broken=[*hub.plugins.broken, *endpoints().broken],
    )


def favicon() -> flask.Response:
    """The picture of the hub, for pages that name none: browsers ask for it here."""
    return flask.current_app.send_static_file("hub.svg")


def _language() -> str:
    asked = flask.request.args.get("lang", "")
    if asked in LANGUAGES:
        return asked
    return flask.request.accept_languages.best_match(LANGUAGES, "nl") or "nl"


def _counts(reading: Connection) -> tuple[dict[str, int], int]:
    """How many fiches of each kind the public may see, and how many pairs may be one; counting a million takes a while, so not for every visitor."""
    remembered: dict[str, Any] = flask.current_app.extensions["fichehub-counts"]
    if remembered.get("until", 0.0) < time.monotonic():
        wanted = select(entry.c.type, func.count()).where(entry.c.type.in_(KINDS), entry.c.partner == "", entry.c.level == 0).group_by(entry.c.type)
        found = {row[0]: int(row[1]) for row in reading.execute(wanted)}
        remembered["counts"] = {kind: found.get(kind, 0) for kind in KINDS}
        remembered["waiting"] = reviewing.waiting(reading)
        remembered["until"] = time.monotonic() + COUNTED_EVERY
    counts: dict[str, int] = remembered["counts"]
    return counts, remembered["waiting"]


def _headline(fares: Iterable[Fares]) -> health.Status:
    """The worst of what the page tells: how the hub itself is (`/health`), and how the connections fare that are shown."""
    found = health.status()
    return "DEGRADED" if found == "UP" and any(each.light in _NEEDS_SOMEBODY for each in fares) else found


def _connections(hub: Serving) -> list[Fares]:
    """How the connections fare that are everybody's, or the asker's own; the hub's own people see all."""
    grant = directory().grant
    shown = [info for info in connections.list_all(hub.store, hub.plugins) if info.partner in ("", grant.partner) or grant.level == "internal"]
    return [_fares(info, hub) for info in shown]


def _fares(info: ConnectionInfo, hub: Serving) -> Fares:
    connector = hub.plugins.connectors.get(info.connector)
    run = info.last_run
    is_endpoint = connector is not None and issubclass(connector, Endpoint)
    is_idle_export = connector is not None and issubclass(connector, Export) and run is None and not info.schedule
    ended = (run.ended_at or run.started_at) if run is not None else None
    failed = run is not None and run.state in ("failed", "stopped")
    by_administrator = info.state in ("paused", "stopped") and (run is None or info.reason != run.reason)
    light = _light(info, ready_when_asked=is_endpoint or is_idle_export)
    reason = info.reason or (run.reason if run is not None and failed and light != "late" else info.overdue or info.missing)
    return Fares(
        name=info.name,
        title=info.title if connector is None else connector.title_in(_language()),
        partner=info.partner,
        light=light,
        reason=reasons.told(reason, by_the_hub=not by_administrator, addresses=_OPERATE in directory().grant.rights),
        last=datetime.fromisoformat(ended) if ended else None,
        next=datetime.fromisoformat(info.next_at) if info.next_at else None,
        counts={name: count for name, count in asdict(run.tally).items() if count} if run is not None else {},
    )


def _light(info: ConnectionInfo, *, ready_when_asked: bool) -> str:
    if info.state in ("paused", "stopped"):
        return info.state
    if info.state != "enabled":
        return "off"
    if info.reason:
        return "failed"  # its schedule cannot be used
    if ready_when_asked:
        return "ok"
    lights = {"running": "busy", "done": "ok", "failed": "failed", "stopped": "failed"}
    light = lights[info.last_run.state] if info.last_run is not None else "new"
    if info.last_run is not None and light == "failed" and stops.is_on_purpose(info.last_run.reason):
        light = "ended"
    if info.overdue and light in ("ok", "new", "ended"):
        return "late"
    return "short" if light == "ok" and info.missing else light


def _doors(hub: Serving) -> list[StartLink]:
    doors = []
    for name in sorted(endpoints().mounted):
        state = endpoints().state(name, directory().grant.partner or "")
        doors.append(StartLink(hub.plugins.connectors[name].title_in(_language()), _ENTRANCES.get(name, f"/{name}/"), "", state or "disabled"))
    for name, connector in sorted(hub.plugins.connectors.items()):
        if issubclass(connector, Export):
            doors.append(StartLink(connector.title_in(_language()), "", f"fichehub export {name} --help", "enabled"))
    return doors


def _news() -> list[News]:
    door = directory()
    head = door.head()
    try:
        changes = door.changes(max(0, head - LOOKED_AT), LOOKED_AT).changes
    except FichehubError:
        return []  # the log was cut shorter than that: a page without news is still a page
    newest: dict[str, Change] = {}
    for change in reversed(changes):
        if change.operation == "context":
            continue
        known = newest.get(change.fiche)
        if known is None and len(newest) == NEWEST:
            break
        if known is None or (change.id == change.fiche and change.at == known.at):
            newest[change.fiche] = change  # a new house with ten sites is one piece of news: the house
    names = {}
    if newest:
        query = Query(types=KINDS, where=(Criterion("id", tuple(newest)),), limit=NEWEST)
        names = {hit.entity.id: _name(hit.entity) for hit in door.search(query).hits}
    return [News(change, names.get(id, ""), datetime.fromisoformat(change.at)) for id, change in newest.items()]


def _name(entity: Entity) -> str:
    return name_in(entity.fiche, _language()).text or gettext("zonder naam")
