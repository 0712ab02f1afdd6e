"""Connections: a connector that an administrator set up for a partner. Rows, never code.

`add` validates and stores, `check` asks the connector, `enable` lets it run (a check must pass first), `pause` stops it with a reason.
Secrets go in and never come out again.
"""

from __future__ import annotations

import os
import re
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from threading import Event
from typing import Any, Final

import marshmallow as ma
import orjson
import structlog
from sqlalchemy import Connection as DbConnection
from sqlalchemy import RowMapping, delete, insert, select, update

from hub.access import agreement
from hub.connector import Connector, Context, Export, Http, Sink, Source
from hub.errors import ConnectorError, FieldError, Invalid, Misconfigured, NotFound, Sentence
from hub.model.claims import Claim
from hub.model.fiche import Visibility
from hub.model.moments import to_second
from hub.model.query import normalise
from hub.outbound import Outbound
from hub.plugins import Plugins
from hub.search import unfindable
from hub.store import Store, reading
from hub.store.tables import agreed, fingerprint, landing, rejected, run, setting
from hub.store.tables import breaker as breaker_table
from hub.store.tables import connection as table
from hub.store.tables import outbox as outbox_table
from hub.store.tables import partner as partner_table
from hub.sync import breaker, lease, outbox, records, schedule, shortfall, stops
from hub.sync.records import RunReport, last_runs
from hub.sync.secrets import Vault, redacted, redactor, with_kept_secrets

ALLOW_PRIVATE = "FICHEHUB_ALLOW_PRIVATE"
"""Set to 1, connections may reach addresses of the own network (simulators, a partner inside the walls), also without TLS."""

PAUSED: Final = Sentence("paused by an administrator")
"""What is said of a connection that somebody paused without saying why."""

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ConnectionInfo:
    """A connection as an administrator sees it: `config` without its secrets, the last run, the next moment it is due (RFC 3339, UTC).

    `state` is `disabled`, `enabled`, `paused` (with a `reason`) or, whichever of these it is stored as, `stopped` while its own stop switch or the one for all is
    set. `partner` is "" for what everybody shares. An enabled one has a `reason` when its schedule cannot be used. `missing` says what its source announced and did not give, and what will happen; "" when nothing is missing.
    """

    name: str
    connector: str
    title: str
    partner: str
    config: Mapping[str, Any]
    state: str
    reason: str
    schedule: str
    cursor: str | None
    full_since_run: int | None
    checked_at: str | None
    created_at: str
    last_run: RunReport | None = None
    next_at: str | None = None
    missing: str = ""


@dataclass(frozen=True, slots=True)
class Built:
    """A connector ready to work, and the function that takes its secrets out of a text. `compares`: whether it asked what the hub holds of its rows."""

    connector: Connector
    redact: Callable[[str], str]
    compares: Callable[[], bool] = lambda: False


def add(
    store: Store,
    plugins: Plugins,
    name: str,
    connector: str,
    config: Mapping[str, Any] | None = None,
    *,
    partner: str = "",
    schedule: str = "",
) -> ConnectionInfo:
    """Set up a connection, disabled until `enable`. Raises `Misconfigured` with every field that is wrong."""
    kind = plugins.connector(connector)
    errors = list(config_errors(kind, config or {}))
    if not _NAME.fullmatch(name):
        errors.insert(0, FieldError("name", "use 1 to 63 lower-case letters, digits and hyphens", name[:80]))
    errors.extend(_schedule_errors(schedule))
    if errors:
        raise _misconfigured(name, errors)
    stored = orjson.dumps(Vault.open(store.home).lock(kind.config_schema, config or {}))

    def write(connection: DbConnection) -> None:
        if (
            partner
            and connection.execute(
                select(partner_table.c.name).where(partner_table.c.name == partner)
            ).first()
            is None
        ):
            raise _misconfigured(
                name, [FieldError("partner", "there is no agreement with a partner of this name", partner)]
            )
        if _row(connection, name) is not None:
            raise _misconfigured(
                name, [FieldError("name", "there is a connection of this name already", name)]
            )
        connection.execute(
            insert(table).values(
                name=name,
                connector=connector,
                partner=partner,
                config=stored,
                state="disabled",
                schedule=schedule,
                created_at=to_second(store.now()),
            )
        )

    store.write(lambda writer: write(writer.connection))
    return get(store, plugins, name)


def configure(
    store: Store,
    plugins: Plugins,
    name: str,
    *,
    config: Mapping[str, Any] | None = None,
    schedule: str | None = None,
) -> ConnectionInfo:
    """Change the configuration or the schedule; a secret that is left out or reads `********` stays. A new configuration must be checked again."""
    known = _known(store, name)
    errors = list(_schedule_errors(schedule or ""))
    values: dict[str, Any] = {} if schedule is None else {"schedule": schedule}
    if config is not None:
        kind = plugins.connector(known.connector)
        vault = Vault.open(store.home)
        wanted = with_kept_secrets(kind.config_schema, config, vault.unlock(kind.config_schema, known.config))
        errors.extend(config_errors(kind, wanted))
        values |= {"config": orjson.dumps(vault.lock(kind.config_schema, wanted)), "checked_at": None}
        if known.state == "enabled":
            values |= {
                "state": "disabled",
                "reason": "The configuration was changed; check and enable it again.",
            }
    if errors:
        raise _misconfigured(name, errors)
    if values:
        _update(store, name, **values)
    return get(store, plugins, name)


def check(store: Store, plugins: Plugins, name: str, *, http: Http | None = None) -> ConnectionInfo:
    """Let the connector see whether it can work. Raises the connector's `Unreachable`, `AuthFailed` or `Misconfigured`."""
    known = _known(store, name)
    if http is not None:
        _check(store, build(store, plugins, known, http), known)
    else:
        with open_outbound() as outbound:
            _check(store, build(store, plugins, known, outbound), known)
    _update(store, name, checked_at=to_second(store.now()))
    return get(store, plugins, name)


def enable(store: Store, plugins: Plugins, name: str, *, http: Http | None = None) -> ConnectionInfo:
    """Check it, then let it run; a partner that answers is left alone no longer. Raises what `check` raises; the connection is then as it was."""
    check(store, plugins, name, http=http)
    _update(store, name, state="enabled", reason="")

    def write(connection: DbConnection) -> None:
        records.try_now(connection, name, to_second(store.now()))
        breaker.save(connection, name, breaker.Breaker())
        outbox.try_now(connection, name, store.now())

    store.write(lambda writer: write(writer.connection))
    return get(store, plugins, name)


def disable(store: Store, plugins: Plugins, name: str) -> ConnectionInfo:
    """Stop it until somebody enables it again; a run that is under way ends first."""
    _update(store, name, state="disabled", reason="")
    return get(store, plugins, name)


def pause(store: Store, name: str, reason: str) -> None:
    """Stop it, saying why in plain words; enabling it again takes a check. Raises `NotFound`."""
    _update(store, name, state="paused", reason=reason)


def remove(store: Store, name: str) -> None:
    """Forget a connection and its runs. What it brought stays; what it agreed upon with a partner is forgotten. Raises `NotFound`."""
    _known(store, name)

    def write(connection: DbConnection) -> None:
        for rows in (rejected, run, agreed, outbox_table, breaker_table, fingerprint, landing):
            connection.execute(delete(rows).where(rows.c.connection == name))
        connection.execute(delete(table).where(table.c.name == name))
        own = [shortfall.setting_name(name)]
        own += [f"{what} {name}" for what in ("push cursor", "push basis", "decision cursor", "stop", "landing days")]
        connection.execute(delete(setting).where(setting.c.name.in_(own)))
        lease.forget(connection, f"connection {name}")

    store.write(lambda writer: write(writer.connection))


def get(store: Store, plugins: Plugins, name: str) -> ConnectionInfo:
    """One connection. Raises `NotFound` naming those that exist."""
    for info in list_all(store, plugins):
        if info.name == name:
            return info
    raise _not_found(store, name)


def list_all(store: Store, plugins: Plugins) -> list[ConnectionInfo]:
    """Every connection by name, with its last run and when it runs next."""
    with store.read() as connection:
        rows = [_info(row) for row in connection.execute(select(table).order_by(table.c.name)).mappings()]
        runs = {name: records.as_it_stands(connection, last, store.now()) for name, last in last_runs(connection).items()}
        short = shortfall.of_all(connection)
        switches = stops.stopped(connection)
    found = [_as_it_stands(info, plugins.connectors.get(info.connector), switches) for info in rows]
    return [_shown(store, plugins, info, runs.get(info.name), short.get(info.name)) for info in found]


def build(store: Store, plugins: Plugins, known: ConnectionInfo, http: Http, progress: Any = None) -> Built:
    """The connector with its configuration, secrets unlocked. Raises `Misconfigured` with field errors."""
    kind = plugins.connector(known.connector)
    config = Vault.open(store.home).unlock(kind.config_schema, known.config)
    errors = config_errors(kind, config)
    if errors:
        raise _misconfigured(known.name, errors)
    book = cache(store.concepts)  # opened for whoever asks for a label, once per connector

    def label(scheme: str, code: str, language: str) -> str:
        return book().label(scheme, code, language)

    asked = Event()

    def held(external_ids: Sequence[str]) -> Mapping[str, Claim]:
        asked.set()
        source = kind.claim_source or kind.name if issubclass(kind, Source) else kind.name
        with store.read() as opened:
            return reading.held(opened, source, external_ids, known.partner)

    level, fields = _shown_to(store, known.partner)
    context = Context(http, store.now, label=label, held=held, level=level, fields=fields)
    if progress is not None:
        context = replace(context, progress=progress)
    redact = redactor(kind.config_schema, config)
    try:
        return Built(kind(kind.config_schema().load(config), context), redact, asked.is_set)
    except ConnectorError:
        raise
    except Exception as error:
        _log.exception("connector cannot be built", connection=known.name)
        raise Misconfigured(
            f"The connector {known.connector!r} failed to start; its trace is in the log."
        ) from error


def _shown_to(store: Store, partner: str) -> tuple[Visibility, frozenset[str] | None]:
    """The highest visibility that the agreement with this partner opens, and the fields that it names; without one the public's."""
    if not partner:
        return "public", None
    with store.read() as connection:
        known = agreement(connection, partner)
    return ("public", None) if known is None else (known.level, known.fields)


def stored(store: Store, name: str) -> ConnectionInfo:
    """The connection as it is stored, secrets encrypted; for runs. Raises `NotFound`."""
    return _known(store, name)


def open_outbound(**limits: Any) -> Outbound:
    """The HTTP client that connectors get, as strict as the installation says; `limits` are those of `Outbound`."""
    return Outbound(allow_private=allows_private(), **limits)


def allows_private() -> bool:
    """Whether this installation calls addresses of its own network."""
    return os.environ.get(ALLOW_PRIVATE) == "1"


def _check(store: Store, built: Built, known: ConnectionInfo) -> None:
    try:
        built.connector.check()
        if isinstance(built.connector, Export):
            check_selection(store, built.connector)
    except ConnectorError as error:
        error.message = built.redact(error.message)
        error.args = (error.message,)
        raise
    except Exception as error:  # noqa: BLE001  a check is a stranger's code
        _log.error("check failed", connection=known.name, trace=built.redact(_trace(error)))
        raise Misconfigured(
            f"The check of {known.name!r} failed inside the connector; its trace is in the log."
        ) from None


def check_selection(store: Store, export: Export) -> None:
    """Return when the selection of this export can be understood and may find something, else raise `Misconfigured` with each value that is wrong."""
    with store.read() as connection:
        state = store.state(connection)
        book, newest = store.concepts_in(connection, state.concepts), state.newest
    try:
        query = normalise(export.query())
    except Invalid as error:
        raise Misconfigured(error.message, error.errors) from error
    wrong = tuple(_as_configured(each, export.config) for each in unfindable(query, store.places, book))
    if query.changed_since is not None and query.changed_since > newest:
        wrong += (FieldError("changed_since", f"{query.changed_since} has not happened yet.", str(query.changed_since)),)
    if wrong:
        told = " ".join(dict.fromkeys(each.reason for each in wrong))
        raise Misconfigured(f"The selection of this export finds nothing, ever. {told}", wrong)


def _as_configured(wrong: FieldError, config: Mapping[str, Any]) -> FieldError:
    """About the setting that holds the value, instead of a place in the query that was made of it."""
    given = (wrong.value or "").rpartition("|")[2]
    named = next((name for name, values in config.items() if isinstance(values, list) and given in values), None)
    return wrong if named is None else FieldError(f"config.{named}", wrong.reason, given)


def _trace(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))


def config_errors(kind: type[Connector], config: Mapping[str, Any]) -> tuple[FieldError, ...]:
    """Each field of a configuration that this connector cannot use, with the reason."""
    schema = kind.config_schema()
    try:
        schema.load(dict(config))
    except ma.ValidationError as error:
        return tuple(_flat(error.messages, ""))
    return ()


def _flat(messages: Any, path: str) -> list[FieldError]:
    """marshmallow's nested messages as one error per field. Values are left out: the wrong one may be a secret."""
    if isinstance(messages, dict):
        return [
            error
            for key, inner in messages.items()
            for error in _flat(inner, f"{path}.{key}" if path else str(key))
        ]
    return [
        FieldError(
            f"config.{path}", " ".join(map(str, messages)) if isinstance(messages, list) else str(messages)
        )
    ]


def _schedule_errors(text: str) -> tuple[FieldError, ...]:
    try:
        schedule.parse(text)
    except Misconfigured as error:
        return error.errors
    return ()


def _misconfigured(name: str, errors: list[FieldError] | tuple[FieldError, ...]) -> Misconfigured:
    wrong = "; ".join(f"{error.path}: {error.reason}" for error in errors)
    return Misconfigured(f"The connection {name[:80]!r} cannot work like this: {wrong}", tuple(errors))


def _not_found(store: Store, name: str) -> NotFound:
    with store.read() as connection:
        names = connection.execute(select(table.c.name).order_by(table.c.name)).scalars().all()
    return NotFound(f"There is no connection {name!r}; there are: {', '.join(names) or 'none yet'}.")


def _known(store: Store, name: str) -> ConnectionInfo:
    with store.read() as connection:
        row = _row(connection, name)
    if row is None:
        raise _not_found(store, name)
    return row


def _row(connection: DbConnection, name: str) -> ConnectionInfo | None:
    row = connection.execute(select(table).where(table.c.name == name)).mappings().one_or_none()
    return None if row is None else _info(row)


def _info(row: RowMapping) -> ConnectionInfo:
    return ConnectionInfo(
        name=row["name"],
        connector=row["connector"],
        title=row["connector"],
        partner=row["partner"],
        config=orjson.loads(row["config"]),
        state=row["state"],
        reason=row["reason"],
        schedule=row["schedule"],
        cursor=row["cursor"],
        full_since_run=row["full_since_run"],
        checked_at=row["checked_at"],
        created_at=row["created_at"],
    )


def planned(kind: type[Connector] | None, name: str, text: str, cursor: str | None) -> tuple[schedule.Schedule, str]:
    """When a connection runs, and what is wrong with the text of its schedule.

    A source whose runs go on from a `cursor` and whose schedule says nothing of whole runs is read whole once a week: only that shows what it no longer has,
    and brings what was lost on the way.
    """
    found, wrong = schedule.kept(text)
    default = default_reconcile(kind, name, text) if cursor is not None else None
    return (found if default is None else replace(found, full=schedule.parse(f"full {default}").full)), wrong


def default_reconcile(kind: type[Connector] | None, name: str, text: str) -> str | None:
    """When a source is read whole, once it runs from a cursor, as part of a schedule; None when its own schedule says it."""
    found, _ = schedule.kept(text)
    return schedule.reconcile(name) if kind is not None and issubclass(kind, Source) and found.leaves_full_open else None


def is_run(kind: type[Connector] | None) -> bool:
    """Whether there is something to run, and so to stop. What partners call is opened and closed instead (`enable`, `disable`)."""
    return kind is None or issubclass(kind, Source | Sink | Export)


def _as_it_stands(info: ConnectionInfo, kind: type[Connector] | None, switches: Mapping[str, str]) -> ConnectionInfo:
    """The connection in the state that it is in: a stop switch, its own or the one for all, goes before what is stored."""
    why = switches.get(info.name, switches.get(stops.ALL))
    return info if why is None or not is_run(kind) else replace(info, state="stopped", reason=stops.REASON(why=why))


def _shown(store: Store, plugins: Plugins, info: ConnectionInfo, last: RunReport | None, short: shortfall.Shortfall | None) -> ConnectionInfo:
    kind = plugins.connectors.get(info.connector)
    plan, wrong = planned(kind, info.name, info.schedule, info.cursor)
    due = plan.next(store.now()) if info.state == "enabled" else None
    next_at = None if due is None else to_second(due)
    if next_at is not None and last is not None and last.retry_at is not None:
        next_at = last.retry_at  # sooner or later than planned, as the partner asked
    if wrong:
        wrong += f". Nothing runs by itself before it is corrected: fichehub connections configure {info.name} --schedule 'every 1 day'"
    return replace(
        info,
        reason=" ".join(filter(None, (info.reason, wrong))),
        title=kind.title if kind else f"{info.connector} (not installed)",
        # Without its schema nobody knows which fields are secret, so nothing is shown.
        config=redacted(kind.config_schema, info.config) if kind else {},
        last_run=last,
        next_at=next_at,
        missing="" if short is None else short.sentence(info.name, store.now(), increments=info.cursor is not None, scheduled=due is not None),
    )


def _update(store: Store, name: str, **values: Any) -> None:
    def write(connection: DbConnection) -> int:
        return connection.execute(update(table).where(table.c.name == name).values(**values)).rowcount

    if store.write(lambda writer: write(writer.connection)) == 0:
        raise _not_found(store, name)
