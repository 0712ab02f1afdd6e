"""`reviews`: pairs of fiches that may be one, and what an administrator decides about them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import click

from hub.cli.installation import Installation
from hub.cli.output import as_json, ask, at_most, say_done, say_json
from hub.cli.output import yes as _yes
from hub.model.claims import EDITOR, Claim
from hub.store import Store, reading, reviewing
from hub.store.reviewing import Review, Side
from hub.store.splitting import proposed_split

MOST = 1000


class _ListFirst(click.Group):
    """A group that lists when no command is named."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or (args[0].startswith("-") and args[0] not in ctx.help_option_names):
            args = ["list", *args]
        return super().parse_args(ctx, args)


_by = click.option("--by", default="editor", show_default=True, help="Who decides; kept with the decision and in the change log.")


def _of_a_pair(decide: Callable[..., None]) -> Callable[..., None]:
    """A command that decides about the fiches FIRST and OTHER."""
    for option in (click.pass_obj, as_json, _yes, _by, click.argument("other"), click.argument("first")):
        decide = option(decide)
    return decide


@click.group(cls=_ListFirst)
def reviews() -> None:
    """Pairs of fiches that may be one: which wait for somebody (the list, when nothing else is named), and what was decided."""


@reviews.command(name="list")
@click.option("--state", type=click.Choice(reviewing.STATES), default="open", show_default=True, help="Those that wait, or those that were decided.")
@click.option("--limit", type=click.IntRange(1, MOST), default=50, show_default=True, help="At most so many.")
@as_json
@click.pass_obj
def list_(installation: Installation, state: reviewing.State, limit: int, as_json: bool) -> None:
    """Which pairs may be one, oldest first: both fiches, and why."""
    with installation.store.read() as connection:
        found = at_most(reviewing.reviews(connection, limit + 1, state=state), limit, f"--limit N shows more, at most {MOST}.")
    if as_json:
        say_json([_told(one) for one in found])
        return
    for one in found:
        click.echo(f"{_shown(one.fiche)}\n{_shown(one.other)}\n  {_why(one)}{_decided(one)}\n")
    if not found:
        click.echo("No pair of fiches waits for somebody." if state == "open" else "Nothing was decided so.")
    elif state == "open":
        click.echo("One and the same: fichehub reviews join ID ID. Not the same: fichehub reviews apart ID ID")


def _told(one: Review) -> dict[str, Any]:
    return {**asdict(one), "why": one.why}


def _shown(side: Side) -> str:
    name = side.name or "(removed)"
    return f"{side.id}  {name} ({side.kind}; {', '.join(side.sources) or 'no source'})"


def _why(one: Review) -> str:
    return f"{'; '.join(one.why)} (score {one.score:.2f})"


def _decided(one: Review) -> str:
    if one.state == "open":
        return ""
    what = "joined" if one.state == "same" else "kept apart"
    by, at = one.detail.get("by"), one.detail.get("decided_at")
    return f"\n  {what}" + (f" by {by}, {at}" if by else " by a claim that names both")


def _proposed(installation: Installation, first: str, other: str) -> reviewing.Proposal:
    with installation.store.read() as connection:
        return reviewing.proposal(connection, first, other)


@reviews.command()
@_of_a_pair
def join(installation: Installation, first: str, other: str, by: str, yes: bool, as_json: bool) -> None:
    """The fiches FIRST and OTHER are one: the newer one goes into the older, and its id leads there. Asks first."""
    store, found = installation.store, _proposed(installation, first, other)
    told = [f"This joins two fiches ({found.stays.kind}):", f"  stays: {_shown(found.stays)}", f"  goes:  {_shown(found.goes)}"]
    if found.review is not None:
        told.append(f"  why:   {_why(found.review)}{_decided(found.review)}")
    if found.apart:
        told.append(f"Beware: {', '.join(found.apart)} holds them apart, with a claim in each.")
    told.append(
        f"From then on the id {found.goes.id} leads to {found.stays.id}. To undo it: fichehub reviews split {found.stays.id} SOURCE EXTERNAL_ID"
    )
    ask(told, "Are they one?", yes, as_json)
    stays = store.write(lambda writer: writer.join(first, other, origin=by))
    say_done({"fiche": stays, "joined": found.goes.id, "by": by}, f"Joined: {found.goes.id} leads to {stays} now.", as_json)


@reviews.command()
@_of_a_pair
def apart(installation: Installation, first: str, other: str, by: str, yes: bool, as_json: bool) -> None:
    """The fiches FIRST and OTHER are not one: nobody is asked again, and nothing joins them by itself. Asks first."""
    store, found = installation.store, _proposed(installation, first, other)
    told = [f"This keeps two fiches apart ({found.stays.kind}):", f"  {_shown(found.stays)}", f"  {_shown(found.goes)}"]
    if found.review is not None:
        told.append(f"  why it was asked: {_why(found.review)}{_decided(found.review)}")
    told.append("Nobody is asked about them again, and no number that they share joins them; fichehub reviews join still can.")
    ask(told, "Are they two?", yes, as_json)
    store.write(lambda writer: writer.apart(first, other, origin=by))
    told_program = {"fiche": found.stays.id, "other": found.goes.id, "by": by}
    say_done(told_program, f"Kept apart: {found.stays.id} and {found.goes.id}.", as_json)


@reviews.command()
@click.argument("fiche")
@click.argument("source")
@click.argument("external_id")
@click.option("--also", nargs=2, multiple=True, metavar="SOURCE EXTERNAL_ID", help="Another claim that goes along; repeat for more.")
@_by
@_yes
@as_json
@click.pass_obj
def split(
    installation: Installation, fiche: str, source: str, external_id: str, also: tuple[tuple[str, str], ...], by: str, yes: bool, as_json: bool
) -> None:
    """Undo a join: what SOURCE says under EXTERNAL_ID leaves FICHE and has a fiche of its own again. Asks first."""
    store, leaving = installation.store, [(source, external_id), *also]
    with store.read() as connection:
        side = reviewing.side(connection, fiche)
        found = proposed_split(connection, reading.resolve(connection, [side.id])[side.id].id, leaving)
    told = ["This splits a fiche in two:", f"  {_shown(side)}"]
    told += [f"  leaves: {_called(one.claim)}" for one in found.leave]
    told += [f"  stays : {_called(one.claim)}" for one in found.stay]
    told.append("What leaves gets back the fiche that it came with, under its old id, or else a new one. The two are kept apart from then on.")
    if any(one.decides for one in found.stay):
        told.append("What an editor decided while they were one stays; what he decided of a part goes where the part goes.")
    ask(told, "Split it?", yes, as_json)
    own = store.write(lambda writer: writer.split(side.id, leaving, origin=by))
    left = [{"source": one.claim.source, "external_id": one.claim.external_id} for one in found.leave]
    program = {"fiche": side.id, "split": own, "claims": left, "by": by}
    say_done(program, f"Split: {own} stands beside {side.id} now.", as_json)


def _called(claim: Claim) -> str:
    """A claim in the words of `split`, and who says it where that is no source."""
    of = f" (what {claim.partner} says for himself)" if claim.partner else " (an editor's decisions)" if claim.source == EDITOR else ""
    return f"{claim.source} {claim.external_id}{of}"


def remind(store: Store) -> None:
    """Say how many pairs wait, where somebody looks after what needs him; on standard error, so that what a program reads stays as it is."""
    with store.read() as connection:
        count = reviewing.waiting(connection)
    if count:
        many = f"More than {reviewing.COUNTED}" if count > reviewing.COUNTED else str(count)
        what = "pair of fiches waits" if count == 1 else "pairs of fiches wait"
        click.echo(f"{many} {what} for somebody to say whether they are one: fichehub reviews", err=True)


COMMANDS = (reviews,)
