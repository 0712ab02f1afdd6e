"""`proposals`: what was proposed to partners, and what became of it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, get_args

import click
import orjson

from hub.cli.installation import Installation
from hub.cli.output import as_json, at_most, say_json, say_table, shortened, value_in_short
from hub.connector import ProposalState
from hub.errors import NotFound
from hub.sync import decisions
from hub.sync.decisions import Proposed


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
def list_proposals(installation: Installation, connection: str | None, entity: str | None, state: str | None, limit: int, as_json: bool) -> None:
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
                value_in_short(one.proposal.old),
                value_in_short(one.proposal.new),
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
            "from": orjson.dumps(said.old).decode(), "to": orjson.dumps(said.new).decode(),
            "taken over as": "" if said.value is None else orjson.dumps(said.value).decode(), "evidence": orjson.dumps(said.evidence).decode(),
        }  # fmt: skip
        click.echo(f"{said.field} of {one.entity} ({one.type}), by {one.connection}")
        for name, value in lines.items():
            if value:
                click.echo(f"  {name}: {value}")


def _proposed_json(one: Proposed) -> dict[str, Any]:
    return {"connection": one.connection, "entity": one.entity, "type": one.type, **asdict(one.proposal)}


COMMANDS = (proposals,)
