"""`deadletters` and `rejected`: what did not get through, out and in."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import Any

import click
from sqlalchemy import select

from hub.cli.installation import Installation
from hub.cli.output import as_json, ask, at_most, counted, say_done, say_json, say_table, shortened
from hub.cli.output import yes as _yes
from hub.store.tables import rejected as rejected_table
from hub.sync import connections, outbox
from hub.sync.outbox import Letter


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


def _by_connection(letters: list[Letter]) -> list[str]:
    """How many there are of each connection, a line each."""
    return [f"  {name}: {counted(count, 'dead letter')}" for name, count in sorted(Counter(one.connection for one in letters).items())]


@deadletters.command(name="list")
@_filtered
@as_json
@click.pass_obj
def list_(installation: Installation, connection: str | None, entity: str | None, reason: str, limit: int, as_json: bool) -> None:
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
@_yes
@as_json
@click.pass_obj
def replay(installation: Installation, connection: str | None, entity: str | None, reason: str, limit: int, yes: bool, as_json: bool) -> None:
    """Deliver them again, with all their attempts; at the next run of their connection. Asks first when nothing chooses among them."""
    found = _letters(installation, connection, entity, reason, limit)
    if found and not (connection or entity or reason):
        ask(_by_connection(found), f"Deliver {counted(len(found), 'dead letter')} again?", yes, as_json)
    count = outbox.replay(installation.store, found)
    say_done({"replayed": count}, f"{count} will be delivered again.", as_json)


@deadletters.command()
@_filtered
@_yes
@as_json
@click.pass_obj
def drop(installation: Installation, connection: str | None, entity: str | None, reason: str, limit: int, yes: bool, as_json: bool) -> None:
    """Give them up for good. The next change of the same entity is delivered again. Asks first."""
    found = _letters(installation, connection, entity, reason, limit)
    if found:
        ask(_by_connection(found), f"Drop {counted(len(found), 'dead letter')}?", yes, as_json)
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
    query = select(rejected_table).where(rejected_table.c.connection == known.name).order_by(rejected_table.c.id.desc()).limit(limit + 1)
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


COMMANDS = (deadletters, rejected)
