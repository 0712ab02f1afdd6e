"""`connections status`, `stop`, `go`, `accept`, `keep-raw`, `raw`, and `preview`: how connections fare, and what an administrator lets them do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import click

from hub.cli.connecting import connections_group, report_json
from hub.cli.installation import Installation
from hub.cli.output import (
    NotUnderstood,
    as_json,
    counted,
    progress,
    say_done,
    say_json,
    say_table,
    value_in_short,
)
from hub.cli.reviewing import remind
from hub.errors import FieldError, Invalid, Misconfigured, NotFound
from hub.sync import connections, landing, status, stops
from hub.sync import run as run_once
from hub.sync.landing import Landing
from hub.sync.records import RunReport
from hub.sync.whole import whole_file


@connections_group.command(name="status")
@click.argument("name", required=False)
@as_json
@click.pass_obj
def status_(installation: Installation, name: str | None, as_json: bool) -> None:
    """How each connection fares: last run, next run, how many changes it is behind, and why, in plain words."""
    found = status.of_all(installation.store, installation.plugins)
    if name is not None:
        connections.get(installation.store, installation.plugins, name)
        found = [one for one in found if one.name == name]
    if name is None:
        remind(installation.store)
    if held := status.held_moments(installation.store):
        click.echo(held, err=True)
    if as_json:
        say_json([asdict(one) for one in found])
        return
    say_table(
        ("connection", "state", "last run", "next run", "behind", "waiting", "dead", "reason"),
        [(one.name, one.state, one.last_at, one.next_at, one.behind, one.waiting, one.dead, one.reason) for one in found],
        "There are no connections yet.",
    )


@connections_group.command()
@click.argument("name", required=False)
@click.option("--all", "everything", is_flag=True, help="Every connection, also those set up later.")
@click.option("--reason", default=stops.BY_SOMEBODY(), show_default=True, help="Why; everybody sees it.")
@as_json
@click.pass_obj
def stop(installation: Installation, name: str | None, everything: bool, reason: str, as_json: bool) -> None:
    """Stop the connection NAME, or with `--all` every one, at the next request, delivery or commit of a run; until `go`. What partners call goes on answering."""
    target = _target(installation, name, everything)
    called = [
        one
        for one in connections.list_all(installation.store, installation.plugins)
        if not connections.is_run(installation.plugins.connectors.get(one.connector))
    ]
    if any(one.name == target for one in called):
        raise Misconfigured(
            f"{target} is called by its partners; there is nothing to run, and so to stop. To close it: fichehub connections pause {target}"
        )
    stops.stop(installation.store, target, reason)
    sentence = f"{name} is stopped."
    if everything:
        still = ", ".join(one.name for one in called if one.state == "enabled")
        sentence = "All connections are stopped."
        if still:
            sentence += f" What partners call goes on answering ({still}); to close one: fichehub connections pause NAME"
    say_done({"connection": name, "stopped": True, "reason": reason}, sentence, as_json)


@connections_group.command()
@click.argument("name", required=False)
@click.option("--all", "everything", is_flag=True, help="Take the switch for all back; those stopped one by one stay so.")
@as_json
@click.pass_obj
def go(installation: Installation, name: str | None, everything: bool, as_json: bool) -> None:
    """Let the stopped connection NAME run again; `--all` takes the switch for all back."""
    target = _target(installation, name, everything)
    was = stops.go(installation.store, target)
    what = "The connections" if everything else name
    with installation.store.read() as opened:
        still = stops.stopped(opened).get(stops.ALL)
    sentence = f"{what} may run again." if was and still is None else f"{what} had not been stopped."
    if still is not None:
        alone = f"{what} is no longer stopped by itself" if was else f"{what} had not been stopped by itself"
        sentence = f"{alone}, but all connections are: {still.rstrip('.')}. To let them run again: fichehub connections go --all"
    say_done({"connection": name, "stopped": still is not None, "was_stopped": was}, sentence, as_json)


def _target(installation: Installation, name: str | None, everything: bool) -> str:
    if (name is None) != everything:
        raise NotUnderstood(Invalid("Name one connection, or write --all.", (FieldError("name", "one connection or --all", name),)))
    if name is None:
        return stops.ALL
    return connections.get(installation.store, installation.plugins, name).name


@connections_group.command()
@click.argument("name")
@as_json
@click.pass_obj
def accept(installation: Installation, name: str, as_json: bool) -> None:
    """Run NAME once from the start, taking its feed as it is now: a changed shape is pinned anew, rejected rows are listed."""
    with progress() as draw:
        report = run_once(installation.store, installation.plugins, name, full=True, accept_feed=True, progress=draw)
    if as_json:
        say_json(report_json(report))
    else:
        click.echo(f"{name}: {report.state}. {report.read} read, {report.changed} changed, {report.rejected} rejected.")
        for line in filter(None, (report.reason, *report.warnings)):
            click.echo(line)
    if report.state != "done":
        click.get_current_context().exit(1)


# --- what came in, as it came --------------------------------------------------------------------------------------------------


@connections_group.command(name="keep-raw")
@click.argument("name")
@click.argument("days", type=int)
@as_json
@click.pass_obj
def keep_raw(installation: Installation, name: str, days: int, as_json: bool) -> None:
    """Keep what NAME brings, as it came, for so many DAYS; 0 keeps nothing."""
    connections.get(installation.store, installation.plugins, name)
    landing.keep_for(installation.store, name, days)
    sentence = f"What {name} brings is kept for {counted(days, 'day')}." if days else f"What {name} brings is not kept."
    say_done({"name": name, "days": days}, sentence, as_json)


@connections_group.command()
@click.argument("name")
@click.option("--run", "run_id", type=int, help="Only what this run brought.")
@click.option(
    "--output",
    type=click.Path(path_type=Path, exists=True, file_okay=False, writable=True),
    help="A folder: write each answer into a file of its own there, RUN-NUMBER.raw, that only you can read.",
)
@as_json
@click.pass_obj
def raw(installation: Installation, name: str, run_id: int | None, output: Path | None, as_json: bool) -> None:
    """What NAME brought, as it came, where `keep-raw` let it be kept. May hold personal data."""
    connections.get(installation.store, installation.plugins, name)
    rows = [_row(one, output) for one in _kept(installation, name, run_id)]
    if not rows and run_id is not None:
        raise NotFound(f"Nothing is kept of run {run_id} of {name}. What there is: fichehub connections raw {name}")
    if as_json:
        say_json([dict(zip(("run", "id", "at", "address", "bytes", "sha256", "file"), row, strict=True)) for row in rows])
        return
    say_table(
        ("run", "number", "came", "from", "bytes", "SHA-256", "file"),
        rows,
        f"Nothing is kept of {name}. To keep what it brings from now on: fichehub connections keep-raw {name} DAYS",
    )


def _kept(installation: Installation, name: str, run_id: int | None) -> Iterator[Landing]:
    with installation.store.read() as connection:
        yield from landing.landed(connection, name, run_id)


def _row(one: Landing, output: Path | None) -> tuple[int, int, str, str, int, str, str | None]:
    """What is said of an answer, which is written into the folder if there is one."""
    file = None if output is None else output / f"{one.run_id}-{one.id}.raw"
    if file is not None:
        with whole_file(file) as opened:
            opened.write(one.body)
    return one.run_id, one.id, one.at, one.address, len(one.body), one.digest, None if file is None else str(file)


# --- looking ahead -------------------------------------------------------------------------------------------------------------


@click.command()
@click.argument("connection")
@click.option("--full", is_flag=True, help="As a run from the start would do.")
@as_json
@click.pass_obj
def preview(installation: Installation, connection: str, full: bool, as_json: bool) -> None:
    """What a run of CONNECTION would change, field by field for a sample of fiches; nothing is kept."""
    with progress() as draw:
        report = run_once(installation.store, installation.plugins, connection, dry_run=True, full=full, progress=draw)
    if as_json:
        say_json({**report_json(report), "foreseen": report.foreseen})
    else:
        _say_preview(report)
    if report.foreseen == "cannot preview":
        click.get_current_context().exit(1)


def _say_preview(report: RunReport) -> None:
    if report.foreseen == "cannot preview":
        click.echo(f"Cannot preview: {report.reason or 'a file is not compared with an earlier one.'}")
        return
    for line in filter(None, (report.reason, *report.warnings)):
        click.echo(line)
    nowhere = f" {report.undeliverable} cannot be delivered: the partner does not know whom they are about." if report.undeliverable else ""
    if report.foreseen == "nothing changes":
        click.echo(f"Nothing changes: {counted(report.read, 'row')} {'was' if report.read == 1 else 'were'} read, all as before.{nowhere}")
        return
    told = report.tally.concepts
    concepts = f" {counted(told, 'concept')} {'is' if told == 1 else 'are'} new or called otherwise." if told else ""
    say_table(
        ("fiche", "field", "where", "from", "to"),
        [
            (one.fiche, one.field, "at the partner" if one.sent else "here", value_in_short(one.old), value_in_short(one.new))
            for one in report.preview
        ],
        "No fiche changes by itself.",
    )
    click.echo(
        f"In all: {counted(report.changed, 'row')} new or different, {report.deleted} removed, {report.withheld} withheld by the guard, {report.pushed} to push.{concepts}{nowhere}"
    )


COMMANDS = (preview,)
