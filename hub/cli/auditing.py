"""`audit`: who asked for what, and whether the trail is whole."""

from __future__ import annotations

from dataclasses import asdict

import click

from hub.access import audit
from hub.cli.installation import Installation
from hub.cli.output import as_json, counted, say_done, say_json, say_table
from hub.errors import FichehubError


@click.group(name="audit")
def group() -> None:
    """The audit trail: who asked for what."""


@group.command()
@click.option("--expect", default="", help="An end that was written down before, as N:HASH; it must still be in the trail.")
@as_json
@click.pass_obj
def verify(installation: Installation, expect: str, as_json: bool) -> None:
    """Check that no row was changed, removed or slipped in; ends with exit code 1 when the chain does not hold."""
    with installation.store.read() as connection:
        found = audit.verify(connection, audit.chain_key(installation.store.secret), expect.strip())
    if as_json:
        say_json({"whole": not found.reason, "rows": found.rows, "head": found.head, "brokenAt": found.broken_at, "reason": found.reason})
    if found.reason:
        raise FichehubError(f"The trail does not hold at row {found.broken_at}: {found.reason}.")
    if not as_json:
        click.echo(f"The trail holds: {found.rows} rows. Its end, to write down elsewhere: {found.head}")


@group.command(name="list")
@click.option("--partner", help="Of this partner only.")
@click.option("--since", default="", help="From this moment on, RFC 3339 in UTC.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="At most so many.")
@as_json
@click.pass_obj
def list_(installation: Installation, partner: str | None, since: str, limit: int, as_json: bool) -> None:
    """The newest rows first."""
    with installation.store.read() as connection:
        found = audit.find(connection, partner=partner, since=since, limit=limit)
    if as_json:
        say_json([asdict(access) for access in found])
        return
    say_table(
        ("n", "at", "partner", "via", "from", "what", "type", "id", "asked", "status"),
        [(a.n, a.at, a.partner, a.via, a.address, a.interaction, a.type, a.target, a.query, a.status) for a in found],
        "Nobody with an agreement has asked for anything.",
    )


@group.command()
@click.argument("days", type=click.IntRange(1, 36_500))
@as_json
@click.pass_obj
def keep(installation: Installation, days: int, as_json: bool) -> None:
    """Keep rows for so many DAYS; older ones go at night, and the rest of the chain still holds."""
    installation.store.write(lambda writer: audit.keep_days(writer.connection, days))
    say_done({"days": days}, f"Rows are kept for {counted(days, 'day')}.", as_json)


COMMANDS = (group,)
