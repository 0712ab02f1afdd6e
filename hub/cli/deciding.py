"""`conflicts`, `decide` and `settle`: what sources disagree on, and who is right."""

from __future__ import annotations

from typing import Any

import click
import orjson

from hub.cli.installation import Installation
from hub.cli.output import (
    NotUnderstood,
    as_json,
    at_most,
    counted,
    say_done,
    say_json,
    say_table,
    value_in_short,
)
from hub.cli.reviewing import remind
from hub.errors import FieldError, Invalid, NotFound
from hub.store import editing, reading


@click.command()
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
@as_json
@click.pass_obj
def conflicts(installation: Installation, limit: int, as_json: bool) -> None:
    """Fields on which equal sources disagree: each value, its source, and when that came in; the first one stands until somebody decides."""
    with installation.store.read() as connection:
        found = at_most(reading.conflicts(connection, limit + 1), limit)
    remind(installation.store)
    if as_json:
        say_json(
            [
                {
                    "fiche": one.fiche,
                    "kind": one.type,
                    "field": conflict.field,
                    "values": [{"source": s, "external_id": e, "value": v, "received_at": one.since.get((s, e))} for s, e, v in conflict.values],
                }
                for one in found
                for conflict in one.conflicts
            ]
        )
        return
    say_table(
        ("fiche", "field", "source", "since", "says"),
        [
            (one.fiche, conflict.field, source, one.since.get((source, external_id), ""), str(value)[:70])
            for one in found
            for conflict in one.conflicts
            for source, external_id, value in conflict.values
        ],
        "No conflicts.",
    )


@click.command()
@click.argument("fiche")
@click.argument("field")
@click.option("--value", help="The value that is right, as JSON; text may be bare. It must be one of those in conflict.")
@click.option("--source", help="The source that is right.")
@click.option("--by", default="editor", show_default=True, help="Who decides; kept in the change log.")
@as_json
@click.pass_obj
def decide(installation: Installation, fiche: str, field: str, value: str | None, source: str | None, by: str, as_json: bool) -> None:
    """Settle the conflict about FIELD of FICHE for good; no other field is touched. `fichehub conflicts` lists them."""
    if (value is None) == (source is None):
        raise NotUnderstood(Invalid("Say which value is right: --value or --source.", (FieldError("value", "one of the two"),)))
    store = installation.store
    chosen = _json(value) if value is not None else _of_source(installation, fiche, field, str(source))
    editing.decide_conflict(store, fiche, field, chosen, by)
    say_done({"fiche": fiche, "field": field, "value": chosen}, f"Decided: {field} of {fiche} is {value_in_short(chosen)}.", as_json)


@click.command()
@click.option("--dry-run", is_flag=True, help="Only say how many there are.")
@as_json
@click.pass_obj
def settle(installation: Installation, dry_run: bool, as_json: bool) -> None:
    """Settle conflicts by the rules of `authority.toml` as they are now; new rules apply by themselves to what comes in afterwards."""
    count = editing.apply_rules(installation.store, dry_run=dry_run)
    if dry_run:
        say_done({"would_settle": count}, f"{counted(count, 'conflict')} would be settled by rule. Nothing was changed.", as_json)
        return
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


COMMANDS = (conflicts, decide, settle)
