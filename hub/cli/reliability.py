"""`connections status`, `stop`, `go`, `accept`, `keep-raw`, `preview`, `decide`, `settle`, `deadletters`, `rejected` and `proposals`: what an administrator does when something is off."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, get_args

import click
import orjson
from sqlalchemy import select

from hub.cli.connecting import connections_group, report_json
from hub.cli.installation import Installation
from hub.cli.output import as_json, at_most, counted, progress, say_done, say_json, say_table, shortened
from hub.cli.reviewing import remind
from hub.connector import ProposalState
from hub.errors import FieldError, Invalid, Misconfigured, NotFound
from hub.store import editing, reading
from hub.store.tables import rejected as rejected_table
from hub.sync import connections, decisions, landing, outbox, status, stops
from hub.sync import run as run_once
from hub.sync.decisions import Proposed
from hub.sync.outbox import Letter
from hub.sync.records import RunReport

# --- connections -------------------------------------------------------------------------------------------------------------


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
    if as_json:
        say_json([asdict(one) for one in found])
        return
    say_table(
        ("connection", "state", "last run", "next run", "behind", "waiting", "dead", "reason"),
        [
            (one.name, one.state, one.last_at, one.next_at, one.behind, one.waiting, one.dead, one.reason)
            for one in found
        ],
        "There are no connections yet.",
    )


@connections_group.command()
@click.argument("name", required=False)
@click.option("--all", "everything", is_flag=True, help="Every connection, also those set up later.")
@click.option("--reason", default=stops.BY_SOMEBODY(), show_default=True, help="Why; everybody sees it.")
@as_json
@click.pass_obj
def stop(installation: Installation, name: str | None, everything: bool, reason: str, as_json: bool) -> None:
    """Stop the connection NAME, or all, at the next request, delivery or commit of a run; until `go`. What partners call goes on answering."""
    target = _target(installation, name, everything)
    called = [
        one
        for one in connections.list_all(installation.store, installation.plugins)
        if not connections.is_run(installation.plugins.connectors.get(one.connector))
    ]
    if any(one.name == target for one in called):
        raise Misconfigured(
            f"{target} is called by its partners; there is nothing to run, and so to stop. To close it: fichehub connections disable {target}"
        )
    stops.stop(installation.store, target, reason)
    sentence = f"{name} is stopped."
    if everything:
        still = ", ".join(one.name for one in called if one.state == "enabled")
        sentence = "All connections are stopped."
        if still:
            sentence += f" What partners call goes on answering ({still}); to close one: fichehub connections disable NAME"
    say_done({"connection": name, "stopped": True, "reason": reason}, sentence, as_json)


@connections_group.command()
@click.argument("name", required=False)
@click.option("--all", "everything", is_flag=True, help="Take the switch for all back; those stopped one by one stay so.")
@as_json
@click.pass_obj
def go(installation: Installation, name: str | None, everything: bool, as_json: bool) -> None:
    """Let a stopped connection, or all, run again."""
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
        raise Invalid("Name one connection, or write --all.", (FieldError("name", "one connection or --all", name),))
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
        report = run_once(
            installation.store, installation.plugins, name, full=True, accept_feed=True, progress=draw
        )
    if as_json:
        say_json(report_json(report))
    else:
        click.echo(f"{name}: {report.state}. {report.read} read, {report.changed} changed, {report.rejected} rejected.")
        for line in filter(None, (report.reason, *report.warnings)):
            click.echo(line)
    if report.state != "done":
        raise SystemExit(1)


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
        raise SystemExit(1)


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
    say_table(
        ("fiche", "field", "where", "from", "to"),
        [(one.fiche, one.field, "at the partner" if one.sent else "here", _short(one.old), _short(one.new)) for one in report.preview],
        "No fiche changes by itself.",
    )
    click.echo(
        f"In all: {counted(report.changed, 'row')} new or different, {report.deleted} removed, {report.withheld} withheld by the guard, {report.pushed} to push.{nowhere}"
    )


def _short(value: Any) -> str:
    text = "-" if value is None else orjson.dumps(value).decode()
    return text if len(text) <= 60 else f"{text[:59]}…"


# --- conflicts -----------------------------------------------------------------------------------------------------------------


@click.command()
@click.argument("fiche")
@click.argument("field")
@click.option("--value", help="The value that is right, as JSON; text may be bare. It must be one of those in conflict.")
@click.option("--source", help="The source that is right.")
@click.option("--by", default="editor", show_default=True, help="Who decides; kept in the change log.")
@as_json
@click.pass_obj
def decide(
    installation: Installation, fiche: str, field: str, value: str | None, source: str | None, by: str, as_json: bool
) -> None:
    """Settle the conflict about FIELD of FICHE for good; no other field is touched. `fichehub conflicts` lists them."""
    if (value is None) == (source is None):
        raise Invalid("Say which value is right: --value or --source.", (FieldError("value", "one of the two"),))
    store = installation.store
    chosen = _json(value) if value is not None else _of_source(installation, fiche, field, str(source))
    editing.decide_conflict(store, fiche, field, chosen, by)
    say_done({"fiche": fiche, "field": field, "value": chosen}, f"Decided: {field} of {fiche} is {_short(chosen)}.", as_json)


@click.command()
@as_json
@click.pass_obj
def settle(installation: Installation, as_json: bool) -> None:
    """Settle conflicts by the rules of `authority.toml` as they are now; new rules apply by themselves to what comes in afterwards."""
    count = editing.apply_rules(installation.store)
    sentence = f"{counted(count, 'conflict')} {'is' if count == 1 else 'are'} settled by rule. What is left needs somebody: fichehub conflicts"
    say_done({"settled": count}, sentence, as_json)


def _json(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text


def _of_source(installation: Installation, fiche: str, field: str, source: str) -> Any:
    with installation.store.read() as connection:
        known = reading.resolve(connection, [fiche]).get(fiche)
        if known is None:
            raise NotFound(f"There is no fiche with id {fiche}.")
        found = next((one for one in reading.conflicts_of(connection, known.id) if one.field == field), None)
    if found is None:
        raise Invalid(f"There is no conflict about {field}.", (FieldError("field", "no conflict", field),))
    values = [value for name, _, value in found.values if name == source]
    if not values:
        names = ", ".join(sorted({name for name, _, _ in found.values}))
        raise Invalid(f"{source} has no part in this conflict.", (FieldError("source", f"one of {names}", source),))
    return values[0]


# --- dead letters --------------------------------------------------------------------------------------------------------------


@click.group()
def deadletters() -> None:
    """Deliveries to partners that were given up: refused, or failed too often."""


_filters = (
    click.option("--connection", help="Only those of this connection."),
    click.option("--entity", help="Only the one about the entity with this id."),
    click.option("--reason", default="", help="Only those whose reason contains this."),
    click.option("--limit", type=click.IntRange(1, outbox.AT_ONCE), default=outbox.AT_ONCE, show_default=True, help="At most so many."),
)


def _filtered(command: Any) -> Any:
    for option in reversed(_filters):
        command = option(command)
    return command


def _letters(installation: Installation, connection: str | None, entity: str | None, reason: str, limit: int) -> list[Letter]:
    if connection is not None:
        connections.get(installation.store, installation.plugins, connection)  # or it is not known, and says so
    with installation.store.read() as opened:
        found = outbox.dead_letters(opened, name=connection, entity=entity, reason=reason, limit=limit + 1)
    return at_most(found, limit, "choose with --connection, --entity or --reason, or come back when these are gone.")


@deadletters.command(name="list")
@_filtered
@as_json
@click.pass_obj
def list_(
    installation: Installation, connection: str | None, entity: str | None, reason: str, limit: int, as_json: bool
) -> None:
    """Which there are, oldest first, and why."""
    found = _letters(installation, connection, entity, reason, limit)
    if as_json:
        say_json([asdict(letter) for letter in found])
        return
    say_table(
        ("connection", "entity", "type", "attempts", "since", "reason"),
        [(one.connection, one.change.id, one.change.type, one.attempts, one.at, shortened(one.reason)) for one in found],
        "There are no dead letters.",
    )


@deadletters.command()
@_filtered
@as_json
@click.pass_obj
def replay(
    installation: Installation, connection: str | None, entity: str | None, reason: str, limit: int, as_json: bool
) -> None:
    """Deliver them again, with all their attempts; at the next run of their connection."""
    count = outbox.replay(installation.store, _letters(installation, connection, entity, reason, limit))
    say_done({"replayed": count}, f"{count} will be delivered again.", as_json)


@deadletters.command()
@_filtered
@click.option("--yes", is_flag=True, help="Do not ask.")
@as_json
@click.pass_obj
def drop(
    installation: Installation, connection: str | None, entity: str | None, reason: str, limit: int, yes: bool, as_json: bool
) -> None:
    """Give them up for good. The next change of the same entity is delivered again."""
    found = _letters(installation, connection, entity, reason, limit)
    if found and not yes:
        click.confirm(f"Drop {counted(len(found), 'dead letter')}?", abort=True, err=as_json)
    count = outbox.drop(installation.store, found)
    say_done({"dropped": count}, f"{count} dropped.", as_json)


@click.command()
@click.argument("connection")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
@as_json
@click.pass_obj
def rejected(installation: Installation, connection: str, limit: int, as_json: bool) -> None:
    """Rows of CONNECTION that could not be used: which, which field, why."""
    known = connections.get(installation.store, installation.plugins, connection)
    query = (
        select(rejected_table)
        .where(rejected_table.c.connection == known.name)
        .order_by(rejected_table.c.id.desc())
        .limit(limit + 1)
    )
    with installation.store.read() as opened:
        rows = at_most((dict(row) for row in opened.execute(query).mappings()), limit)
    if as_json:
        say_json(rows)
        return
    say_table(
        ("row", "field", "reason", "at"),
        [(row["external_id"], row["field"], shortened(row["reason"]), row["at"]) for row in rows],
        "No row was rejected.",
    )


# --- proposals -----------------------------------------------------------------------------------------------------------------


@click.group()
def proposals() -> None:
    """What was proposed to partners, value by value, and what became of it there."""


@proposals.command(name="list")
@click.option("--connection", help="Only what this connection proposed.")
@click.option("--entity", help="Only what was proposed about the entity with this id.")
@click.option("--state", type=click.Choice(get_args(ProposalState)), help="Only those in this state.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=100, show_default=True, help="At most so many.")
@as_json
@click.pass_obj
def list_proposals(
    installation: Installation, connection: str | None, entity: str | None, state: str | None, limit: int, as_json: bool
) -> None:
    """Which there are: pending, accepted, withdrawn, or rejected with the reason."""
    every = decisions.proposals(installation.store, installation.plugins, connection, entity)
    found = at_most((one for one in every if state in (None, one.proposal.state)), limit)
    if as_json:
        say_json([_proposed_json(one) for one in found])
        return
    say_table(
        ("connection", "entity", "field", "state", "from", "to", "reason"),
        [
            (
                one.connection,
                one.entity,
                one.proposal.field,
                one.proposal.state,
                _short(one.proposal.old),
                _short(one.proposal.new),
                shortened(one.proposal.reason),
            )
            for one in found
        ],
        "Nothing was proposed.",
    )


@proposals.command()
@click.argument("connection")
@click.argument("entity")
@click.argument("field", required=False)
@as_json
@click.pass_obj
def show(installation: Installation, connection: str, entity: str, field: str | None, as_json: bool) -> None:
    """What CONNECTION proposed about ENTITY (one FIELD of it, or all): both values in full, the evidence, and what became of it."""
    every = decisions.proposals(installation.store, installation.plugins, connection, entity)
    found = [one for one in every if field in (None, one.proposal.field)]
    if not found:
        raise NotFound(f"{connection} proposed nothing about {field or 'anything'} of {entity}. fichehub proposals list shows what it did.")
    if as_json:
        say_json([_proposed_json(one) for one in found])
        return
    for one in found:
        said = one.proposal
        lines = {
            "state": said.state, "since": said.at, "reason": said.reason, "number there": said.id,
            "from": orjson.dumps(said.old).decode(), "to": orjson.dumps(said.new).decode(), "evidence": orjson.dumps(said.evidence).decode(),
        }  # fmt: skip
        click.echo(f"{said.field} of {one.entity} ({one.type}), by {one.connection}")
        for name, value in lines.items():
            if value:
                click.echo(f"  {name}: {value}")


def _proposed_json(one: Proposed) -> dict[str, Any]:
    return {"connection": one.connection, "entity": one.entity, "type": one.type, **asdict(one.proposal)}


COMMANDS = (preview, decide, settle, deadletters, rejected, proposals)
