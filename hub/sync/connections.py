"""Connections: a connector that an administrator set up for a partner. Rows, never code.

`add` validates and stores, `check` asks the connector, `enable` lets it run (a check must pass first), `pause` stops it with a reason.
Secrets go in and never come out again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import orjson
from sqlalchemy import Connection as DbConnection
from sqlalchemy import delete, func, insert, select, update

from hub.connector import Connector, Export, Http, Sink, Source
from hub.errors import FieldError, NotFound, Sentence
from hub.model.moments import latest, to_second
from hub.outbound import open_outbound
from hub.plugins import Plugins
from hub.store import Store
from hub.store.tables import agreed, fingerprint, landing, rejected, run
from hub.store.tables import breaker as breaker_table
from hub.store.tables import connection as table
from hub.store.tables import outbox as outbox_table
from hub.store.tables import partner as partner_table
from hub.sync import lease, outbox, overdue, records, schedule, settings, shortfall, stops, waiting
from hub.sync.building import build, check_built
from hub.sync.configuring import config_errors, misconfigured, schedule_errors
from hub.sync.info import ConnectionInfo, info_of
from hub.sync.records import RunReport, last_runs
from hub.sync.secrets import Vault, redacted, with_kept_secrets

PAUSED: Final = Sentence("paused by an administrator")
"""What is said of a connection that somebody paused without saying why."""

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


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
    errors.extend(schedule_errors(schedule))
    if errors:
        raise misconfigured(name, errors)
    stored = orjson.dumps(Vault.open(store.home).lock(kind.config_schema, config or {}))

    def write(connection: DbConnection) -> None:
        if partner and connection.execute(select(partner_table.c.name).where(partner_table.c.name == partner)).first() is None:
            raise misconfigured(name, [FieldError("partner", "there is no agreement with a partner of this name", partner)])
        if _row(connection, name) is not None:
            raise misconfigured(name, [FieldError("name", "there is a connection of this name already", name)])
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
    errors = list(schedule_errors(schedule or ""))
    values: dict[str, Any] = {} if schedule is None else {"schedule": schedule}
    if config is not None:
        kind = plugins.connector(known.connector)
        vault = Vault.open(store.home)
        wanted = with_kept_secrets(kind.config_schema, config, vault.readable(kind.config_schema, known.config))
        errors.extend(config_errors(kind, wanted))
        values |= {"config": orjson.dumps(vault.lock(kind.config_schema, wanted)), "checked_at": None}
        if known.state == "enabled":
            values |= {
                "state": "disabled",
                "reason": "The configuration was changed; check and enable it again.",
            }
    if errors:
        raise misconfigured(name, errors)
    if values:
        _update(store, name, **values)
    return get(store, plugins, name)


def check(store: Store, plugins: Plugins, name: str, *, http: Http | None = None) -> ConnectionInfo:
    """Let the connector see whether it can work. Raises the connector's `Unreachable`, `AuthFailed` or `Misconfigured`."""
    known = _known(store, name)
    if http is not None:
        check_built(store, build(store, plugins, known, http), known)
    else:
        with open_outbound() as outbound:
            check_built(store, build(store, plugins, known, outbound), known)
    _update(store, name, checked_at=to_second(store.now()))
    return get(store, plugins, name)


def enable(store: Store, plugins: Plugins, name: str, *, http: Http | None = None) -> ConnectionInfo:
    """Check it, then let it run; a partner that answers is left alone no longer. Raises what `check` raises; the connection is then as it was."""
    check(store, plugins, name, http=http)
    _update(store, name, state="enabled", reason="")

    store.write(lambda writer: waiting.wait_no_longer(writer.connection, name, store.now()))
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
        settings.forget(connection, name, *settings.OF_A_CONNECTION)
        lease.forget(connection, f"connection {name}")

    store.write(lambda writer: write(writer.connection))


def kept_of(store: Store, name: str) -> dict[str, int]:
    """How much is kept of a connection, and goes with it: what -> how many rows. Raises `NotFound`."""
    _known(store, name)
    rows = {"agreed": agreed, "rejected": rejected, "landing": landing, "runs": run}
    with store.read() as connection:
        waiting, dead = outbox.waiting(connection).get(name, (0, 0))
        counts = {what: int(connection.execute(select(func.count()).where(of.c.connection == name)).scalar_one()) for what, of in rows.items()}
    return {"waiting": waiting, "dead": dead, **counts}


def get(store: Store, plugins: Plugins, name: str) -> ConnectionInfo:
    """One connection. Raises `NotFound` naming those that exist."""
    for info in list_all(store, plugins):
        if info.name == name:
            return info
    raise _not_found(store, name)


def list_all(store: Store, plugins: Plugins) -> list[ConnectionInfo]:
    """Every connection by name, with its last run and when it runs next."""
    with store.read() as connection:
        rows = [info_of(row) for row in connection.execute(select(table).order_by(table.c.name)).mappings()]
        runs = {name: records.as_it_stands(connection, last, store.now()) for name, last in last_runs(connection).items()}
        short = shortfall.of_all(connection)
        switches = stops.stopped(connection)
        worked = overdue.somebody_works(connection, store.now())
    found = [_as_it_stands(info, plugins.connectors.get(info.connector), switches) for info in rows]
    return [_shown(store, plugins, info, runs.get(info.name), short.get(info.name), worked=worked) for info in found]


def stored(store: Store, name: str) -> ConnectionInfo:
    """The connection as it is stored, secrets encrypted; for runs. Raises `NotFound`."""
    return _known(store, name)


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
    return None if row is None else info_of(row)


def is_run(kind: type[Connector] | None) -> bool:
    """Whether there is something to run, and so to stop. What partners call is opened and closed instead (`enable`, `disable`)."""
    return kind is None or issubclass(kind, Source | Sink | Export)


def _as_it_stands(info: ConnectionInfo, kind: type[Connector] | None, switches: Mapping[str, str]) -> ConnectionInfo:
    """The connection in the state that it is in: a stop switch, its own or the one for all, goes before what is stored."""
    why = switches.get(info.name, switches.get(stops.ALL))
    return info if why is None or not is_run(kind) else replace(info, state="stopped", reason=stops.REASON(why=why))


def _shown(
    store: Store, plugins: Plugins, info: ConnectionInfo, last: RunReport | None, short: shortfall.Shortfall | None, *, worked: bool
) -> ConnectionInfo:
    kind = plugins.connectors.get(info.connector)
    plan, wrong = schedule.planned(kind, info.name, info.schedule, info.cursor)
    due = plan.next(store.now()) if info.state == "enabled" else None
    next_at = None if due is None else to_second(due)
    by_itself = due is not None and is_run(kind)
    overdue_since = overdue.since(info, plan, last, store.now()) if by_itself else None
    if next_at is not None and last is not None and last.retry_at is not None and last.retry_at <= latest(store.now(), outbox.LONGEST):
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
        overdue_since=overdue_since,
        overdue=overdue.sentence(overdue_since, worked=worked) if by_itself else "",
    )


def _update(store: Store, name: str, **values: Any) -> None:
    def write(connection: DbConnection) -> int:
        return connection.execute(update(table).where(table.c.name == name).values(**values)).rowcount

    if store.write(lambda writer: write(writer.connection)) == 0:
        raise _not_found(store, name)
