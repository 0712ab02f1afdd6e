"""`subscriptions`: the standing questions of partners, for administrators."""

from __future__ import annotations

import click

from hub.cli.installation import Installation
from hub.cli.output import as_json, say_done, say_json, say_table
from hub.subscribing import list_all, request_again, switch_off


@click.group()
def subscriptions() -> None:
    """Partners that asked to be told of changes: how they fare, replay, off."""


@subscriptions.command(name="list")
@as_json
@click.pass_obj
def list_(installation: Installation, as_json: bool) -> None:
    """Every subscription: what it was told, what waits, and why. Headers and addresses' queries are not shown."""
    found = list_all(installation.store)
    if as_json:
        say_json(
            [
                {
                    "id": one.id,
                    "partner": one.partner,
                    "endpoint": one.endpoint,
                    "address": one.wish.address.partition("?")[0],
                    "state": one.state,
                    "events": one.events,
                    "delivered": one.delivered,
                    "reason": one.reason,
                }
                for one in found
            ]
        )
        return
    say_table(
        ("subscription", "partner", "address", "state", "events", "waiting", "reason"),
        [
            (one.id, one.partner, one.wish.address.partition("?")[0], one.state, one.events, one.events - one.delivered, one.reason[:90])
            for one in found
        ],
        "Nobody has subscribed yet.",
    )


@subscriptions.command()
@click.argument("id")
@as_json
@click.pass_obj
def replay(installation: Installation, id: str, as_json: bool) -> None:
    """Try a subscription again that was given up: a handshake, then every event that was not taken."""
    known = request_again(installation.store, id)
    waiting = known.events - known.delivered
    say_done({"id": known.id, "state": known.state, "waiting": waiting}, f"Requested again; {waiting} events wait.", as_json)


@subscriptions.command()
@click.argument("id")
@click.option("--reason", default="An administrator ended it.", show_default=True, help="Why; the subscriber sees it.")
@as_json
@click.pass_obj
def off(installation: Installation, id: str, reason: str, as_json: bool) -> None:
    """End a subscription, until its subscriber requests it again."""
    switch_off(installation.store, id, reason)
    say_done({"id": id, "state": "off", "reason": reason}, "Ended.", as_json)


COMMANDS = (subscriptions,)
