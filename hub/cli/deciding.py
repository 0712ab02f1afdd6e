"""`conflicts`, `decisions`, `decide` and `settle`: what sources disagree on, and who is right."""

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
from hub.errors import FieldError, Invalid
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
@as_json
@click.pass_obj
def decisions(installation: Installation, fiche: str, as_json: bool) -> None:
    """What was decided of FICHE, field by field: it holds until `fichehub decide` says something else or takes it back."""
    with installation.store.read() as connection:
        found = editing.decisions(connection, fiche)
    if as_json:
        say_json([{"fiche": fiche, "field": one.field, "value": one.value} for one in found])
        return
    say_table(("field", "was decided to be"), [(one.field, str(one.value)[:70]) for one in found], "Nothing was decided of this fiche.")


@click.command()
@click.argument("fiche")
@click.argument("field")
@click.option("--value", help="The value that is right, as JSON; text may be bare. It must be one of those in conflict.")
@click.option("--source", help="The source that is right.")
@click.option("--take-back", is_flag=True, help="Let the sources speak again: what was decided earlier holds no longer.")
@click.option("--by", default="editor", show_default=True, help="Who decides; kept in the change log.")
@as_json
@click.pass_obj
def decide(
    installation: Installation, fiche: str, field: str, value: str | None, source: str | None, take_back: bool, by: str, as_json: bool
) -> None:
    """Settle the conflict about FIELD of FICHE, decide it anew, or take that back; no other field is touched. `fichehub conflicts` and `decisions` list them."""
    if [value is not None, source is not None, take_back].count(True) != 1:
        reason = "Say which value is right: --value or --source. Or take back what was decided: --take-back."
        raise NotUnderstood(Invalid(reason, (FieldError("value", "one of the three"),)))
    store = installation.store
    if take_back:
        editing.edit(store, fiche, field, None, by)
        say_done({"fiche": fiche, "field": field, "value": None}, f"Taken back: {field} of {fiche} is what its sources say.", as_json)
        return
    chosen = editing.decide_conflict(store, fiche, field, None if value is None else _json(value), by, source=source)
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


COMMANDS = (conflicts, decisions, decide, settle)
