"""`plugins`, `connections`, `run` and `runs`: connectors and what they did."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
import orjson

from hub.cli.installation import Installation
from hub.cli.output import (
    NotUnderstood,
    OutputFile,
    as_json,
    ask,
    at_most,
    counted,
    progress,
    say_done,
    say_json,
    say_table,
    say_written,
)
from hub.cli.output import yes as _yes
from hub.connector import Connector, Endpoint, Export, Sink, Source
from hub.errors import FieldError, Misconfigured
from hub.model.storable import text_of
from hub.plugins import prints_aside
from hub.store import loads_from_here
from hub.sync import RunReport, connections, records, schedule
from hub.sync import run as run_once
from hub.sync.info import ConnectionInfo
from hub.sync.secrets import is_secret, named_fields, shown_default

_ROLES = ((Source, "source"), (Sink, "sink"), (Export, "export"), (Endpoint, "endpoint"))


def _roles(kind: type) -> list[str]:
    return [word for role, word in _ROLES if issubclass(kind, role)]


@click.command()
@as_json
@click.pass_obj
def plugins(installation: Installation, as_json: bool) -> None:
    """What is installed: connectors with their settings, and plugins that were left out, with the reason."""
    from hub.web.endpoints import broken_by_themselves  # flask: only who needs it pays for loading it

    known = installation.plugins
    broken = [{"plugin": one.name, "distribution": one.distribution, "reason": one.reason} for one in known.broken]
    with prints_aside():
        for endpoint in broken_by_themselves(known):
            (owner,) = (one for one in known.loaded if endpoint.name in one.connectors)
            reason = text_of(f"its endpoint {endpoint.name!r} cannot be served: {endpoint.reason}")
            broken.append({"plugin": owner.name, "distribution": owner.distribution, "reason": reason})
        found: list[dict[str, Any]] = [
            {"connector": name, "title": kind.title, "roles": _roles(kind), "config": settings_of(kind)}
            for name, kind in sorted(known.connectors.items())
        ]
    if as_json:
        say_json({"connectors": found, "broken": broken})
        return
    say_table(
        ("connector", "is", "title"),
        [(one["connector"], ", ".join(one["roles"]), one["title"]) for one in found],
        "No connector is installed.",
    )
    for one in found:
        if told := one["config"]:
            click.echo(f"\nSettings of {one['connector']}, for --set KEY=VALUE:")
            say_table(("setting", "default", "what it is"), [(each["name"], in_short(each), each["description"]) for each in told], "")
    for left_out in broken:
        click.echo(f"Left out: {left_out['plugin']} ({left_out['distribution']}): {left_out['reason']}")


def settings_of(kind: type[Connector]) -> list[dict[str, Any]]:
    """The fields of its configuration, in their order: name, whether it is required, whether it is secret, its default (None: there is none) and what it is."""
    schema = kind.config_schema()
    return [
        {
            "name": text_of(key),
            "required": bool(field.required),
            "secret": is_secret(field),
            "default": shown_default(schema, key, field),
            "description": text_of(field.metadata.get("description")),
        }
        for key, field in named_fields(schema)
    ]


def in_short(setting: dict[str, Any]) -> str:
    """What stands where nothing is set, as it would be written after `--set`; else whether it must be set."""
    default = setting["default"]
    if setting["required"]:
        return "required"
    if isinstance(default, str):
        return default
    return "" if default in (None, [], {}) else orjson.dumps(default).decode()


@click.group(name="connections")
def connections_group() -> None:
    """Connectors that are set up, each for a partner or for everybody."""


@connections_group.command(name="list")
@as_json
@click.pass_obj
def list_(installation: Installation, as_json: bool) -> None:
    """Every connection: its state, its last run, when it is due."""
    found = connections.list_all(installation.store, installation.plugins)
    if as_json:
        say_json([_told(known) for known in found])
        return
    say_table(
        ("connection", "connector", "partner", "state", "last run", "next run", "reason"),
        [
            (
                known.name,
                known.connector,
                known.partner,
                known.state,
                _summary(known.last_run),
                known.next_at,
                known.reason or known.overdue or (known.last_run.reason if known.last_run else "") or known.missing,
            )
            for known in found
        ],
        "There is no connection yet. Add one: fichehub connections add NAME CONNECTOR --set key=value",
    )


def _told(known: ConnectionInfo) -> dict[str, Any]:
    last = known.last_run
    return {**asdict(known), "config": dict(known.config), "last_run": None if last is None else report_json(last)}


def _summary(report: RunReport | None) -> str:
    if report is None:
        return "never"
    return f"{report.state} {report.ended_at or report.started_at}: {_counts(report)}"


def _counts(report: RunReport) -> str:
    """What there is to count of this run, in words; of one that only pushes or writes not that it read nothing."""
    of_a_pull = report.mode in ("full", "incremental")
    told = {name: count for name, count in asdict(report.tally).items() if count or (name == "read" and of_a_pull)}
    pushed = "to push" if report.dry_run else "pushed"
    words = {"pushed": pushed, "erased": "of erased persons"}
    return ", ".join(f"{count} {words.get(name, name)}" for name, count in told.items()) or f"0 {pushed}"


def report_json(report: RunReport) -> dict[str, Any]:
    """A run as programs read it."""
    told = asdict(report)
    told["counts"] = told.pop("tally")
    told["rejections"] = [{"external_id": row.external_id, "field": row.field, "reason": row.message} for row in report.rejections]
    return told


def settings(pairs: tuple[str, ...]) -> dict[str, Any]:
    """`key=value` pairs as a configuration; a value that is JSON counts as such, everything else is text."""
    config: dict[str, Any] = {}
    for pair in pairs:
        key, separator, value = pair.partition("=")
        if not separator:
            raise NotUnderstood(Misconfigured(f"{pair!r} is no setting.", (FieldError(key, "write it as key=value"),)))
        try:
            config[key] = orjson.loads(value)
        except orjson.JSONDecodeError:
            config[key] = value
    return config


_SCHEDULE = (
    "'every 15 minutes', 'every 2 hours', 'every 1 day' or 'cron 0 3 * * *' (minute, hour, day, month, weekday; Belgian time). After a semicolon when everything is "
    "read from the start, which shows what the source removed: 'every 15 minutes; full cron 0 3 * * sun', or '...; full never'; default: in the night to Sunday."
)
_set = click.option(
    "--set", "pairs", multiple=True, metavar="KEY=VALUE", help="A setting of the connector (fichehub plugins lists them); lists as JSON."
)


@connections_group.command()
@click.argument("name")
@click.argument("connector")
@_set
@click.option("--partner", default="", help="The partner that it is for; default: everybody.")
@click.option("--schedule", default="", help=f"When it runs; default: when somebody asks. {_SCHEDULE}")
@as_json
@click.pass_obj
def add(installation: Installation, name: str, connector: str, pairs: tuple[str, ...], partner: str, schedule: str, as_json: bool) -> None:
    """Set up the connection NAME with a CONNECTOR; it does nothing until it is enabled."""
    with prints_aside():
        known = connections.add(installation.store, installation.plugins, name, connector, settings(pairs), partner=partner, schedule=schedule)
    _answer(known, as_json, f"Added {name}. {_about_whole_runs(installation, known)}Next: fichehub connections enable {name}")


@connections_group.command()
@click.argument("name")
@_set
@click.option("--schedule", default=None, help=f"The new schedule; '': it runs when somebody asks. {_SCHEDULE}")
@as_json
@click.pass_obj
def configure(installation: Installation, name: str, pairs: tuple[str, ...], schedule: str | None, as_json: bool) -> None:
    """Change fields of a configuration, or the schedule."""
    store, known_plugins = installation.store, installation.plugins
    now = connections.get(store, known_plugins, name)
    config = {**now.config, **settings(pairs)} if pairs else None
    with prints_aside():
        known = connections.configure(store, known_plugins, name, config=config, schedule=schedule)
    about = _about_whole_runs(installation, known) if schedule is not None else ""
    _answer(known, as_json, f"Changed {name}; it is {known.state}. {known.reason} {about}".strip().replace("  ", " "))


def _about_whole_runs(installation: Installation, known: ConnectionInfo) -> str:
    """When a source that runs by itself is read whole, where its schedule leaves that open; ends with a space."""
    default = schedule.default_reconcile(installation.plugins.connectors.get(known.connector), known.name, known.schedule)
    if default is None:
        return ""
    return f"If its runs only bring changes, it is read whole once a week ('{default}'), since only that shows what it no longer has; --schedule can say otherwise. "


@connections_group.command()
@click.argument("name")
@as_json
@click.pass_obj
def check(installation: Installation, name: str, as_json: bool) -> None:
    """Ask the connector whether it can work."""
    with prints_aside():
        known = connections.check(installation.store, installation.plugins, name)
    _answer(known, as_json, f"{name} works.")


@connections_group.command()
@click.argument("name")
@as_json
@click.pass_obj
def enable(installation: Installation, name: str, as_json: bool) -> None:
    """Check it, and let it run."""
    with prints_aside():
        known = connections.enable(installation.store, installation.plugins, name)
    _answer(known, as_json, f"{name} is enabled. {known.reason}".strip())


@connections_group.command()
@click.argument("name")
@click.option("--reason", default=connections.PAUSED(), show_default=True, help="Why; everybody sees it.")
@as_json
@click.pass_obj
def pause(installation: Installation, name: str, reason: str, as_json: bool) -> None:
    """Stop it until it is enabled again; its cursor stays."""
    connections.pause(installation.store, name, reason)
    _answer(connections.get(installation.store, installation.plugins, name), as_json, f"{name} is paused.")


_KEPT = (
    ("waiting", "delivery that waits", "deliveries that wait", ": the partner is not told"),
    ("dead", "dead letter", "", ""),
    (
        "agreed",
        "state agreed with the partner",
        "states agreed with the partner",
        ": set up anew, it tells the partner everything again, and takes its own words that come back for edits",
    ),
    ("rejected", "rejected row", "", ""),
    ("landing", "page kept as it came", "pages kept as they came", ""),
    ("runs", "run record", "", ""),
)


@connections_group.command()
@click.argument("name")
@_yes
@as_json
@click.pass_obj
def remove(installation: Installation, name: str, yes: bool, as_json: bool) -> None:
    """Remove it with all that is kept of it: says how much that is, and asks. What it brought in stays."""
    goes = connections.kept_of(installation.store, name)
    told = [f"This removes the connection {name}. Fiches that it brought stay. What goes, for good:"]
    told += [f"  {counted(goes[what], one, many)}{why}" for what, one, many, why in _KEPT if goes[what]] or ["  nothing but its settings"]
    ask(told, "Remove it?", yes, as_json)
    connections.remove(installation.store, name)
    say_done({"name": name, "removed": True}, f"Removed {name}.", as_json)


def _answer(known: ConnectionInfo, as_json: bool, sentence: str) -> None:
    say_done(_told(known), sentence, as_json)


@click.command()
@click.argument("connection")
@click.option("--dry-run", is_flag=True, help="Do everything, then undo it: only the report stays.")
@click.option("--full", is_flag=True, help="Begin at the start instead of at the cursor.")
@click.option("--release-guard", is_flag=True, help="Allow, in this run alone, the removals that the guard last withheld (see connections status).")
@click.option(
    "--as-listed",
    is_flag=True,
    help="Take, in this run alone, what the source lists, whatever the revision of what is known. See it first with --dry-run.",
)
@click.option(
    "--by",
    default="an administrator",
    show_default=True,
    help="Who releases the guard, or says that the list is right; kept in the record of the run.",
)
@click.option("--output", type=OutputFile(), help="Where an export is written; -: standard output.")
@as_json
@click.pass_obj
def run(
    installation: Installation,
    connection: str,
    dry_run: bool,
    full: bool,
    release_guard: bool,
    as_listed: bool,
    by: str,
    output: Path | None,
    as_json: bool,
) -> None:
    """Run a CONNECTION once and report; ends with exit code 1 when the run failed."""
    loads_from_here()
    with progress() as draw, prints_aside():
        report = run_once(
            installation.store,
            installation.plugins,
            connection,
            dry_run=dry_run,
            full=full,
            release_guard=release_guard,
            as_listed=as_listed,
            by=by,
            progress=draw,
            file=output,
            asked_again=lambda attempt, most: click.echo(
                f"{connection}: attempt {attempt} of {most} at the partner failed; it is asked again.", err=True
            ),
        )
    rejected = [f"  rejected {row.external_id or '?'}, {row.field or 'row'}: {row.message}" for row in report.rejections]
    say_written(report_json(report), "\n".join((_sentence(report), *rejected)), as_json, output)
    if report.state != "done":
        click.get_current_context().exit(1)


def _sentence(report: RunReport) -> str:
    dry = " (dry run: nothing was kept or sent)" if report.dry_run else ""
    lines = [f"{report.connection}: {report.state}{dry}. {_counts(report)}."]
    lines += [line for line in (report.reason, *report.warnings) if line]
    if report.file:
        lines.append(f"Written: {report.file}")
    return "\n".join(lines)


@click.command()
@click.argument("connection", required=False)
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True)
@as_json
@click.pass_obj
def runs(installation: Installation, connection: str | None, limit: int, as_json: bool) -> None:
    """The last runs, of one CONNECTION or of all."""
    with installation.store.read() as opened:
        now = installation.store.now()
        found = [records.as_it_stands(opened, one, now) for one in at_most(records.reports(opened, connection, limit=limit + 1), limit)]
    if connection is not None and not found:  # one that was removed has left its runs
        connections.get(installation.store, installation.plugins, connection)
    if as_json:
        say_json([report_json(report) for report in found])
        return
    say_table(
        (
            "run",
            "connection",
            "mode",
            "state",
            "started",
            "ended",
            "read",
            "changed",
            "deleted",
            "withheld",
            "pushed",
            "undeliverable",
            "rejected",
            "missing",
            "erased",
            "reason",
        ),
        [
            (
                r.id,
                r.connection,
                f"{r.mode}, dry" if r.dry_run else r.mode,
                r.state,
                r.started_at,
                r.ended_at,
                r.read,
                r.changed,
                r.deleted,
                r.withheld,
                r.pushed,
                r.undeliverable,
                r.rejected,
                r.missing,
                r.erased,
                r.reason,
            )
            for r in found
        ],
        "Nothing has run yet.",
    )
    for report in found:
        for warning in report.warnings:
            click.echo(f"Warning, run {report.id} of {report.connection}: {warning}")


COMMANDS = (plugins, connections_group, run, runs)
