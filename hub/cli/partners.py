"""`partners` and `keys`: agreements, and the credentials that follow from them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import click

from hub.access import (
    RIGHTS,
    Agreement,
    IssuedKey,
    agreement,
    agreements,
    issue_key,
    keys_of,
    revoke_key,
    save_agreement,
)
from hub.cli import clients
from hub.cli.installation import Installation
from hub.cli.output import as_json, say_done, say_json, say_table
from hub.errors import FieldError, Invalid, NotFound
from hub.model.audience import LEVELS
from hub.model.moments import to_second
from hub.store import Writer


def _now() -> str:
    return to_second(datetime.now(UTC))


def _told(given: Agreement) -> dict[str, Any]:
    fields = None if given.fields is None else sorted(given.fields)
    return {
        "name": given.name, "title": given.title, "level": given.level, "purpose": given.purpose, "rights": sorted(given.rights), "fields": fields,
        "expires_on": given.expires_on, "revision": given.revision, "paused": given.paused,
    }  # fmt: skip


@click.group()
def partners() -> None:
    """Agreements with partners: purpose, legal basis, what they may see, until when."""


@partners.command(name="list")
@as_json
@click.pass_obj
def list_(installation: Installation, as_json: bool) -> None:
    """Every agreement."""
    with installation.store.read() as connection:
        found = agreements(connection)
    if as_json:
        say_json([*map(_told, found)])
        return
    say_table(
        ("partner", "title", "sees", "may", "purpose", "until"),
        [(a.name, a.title, a.level, " ".join(("read", *sorted(a.rights))), a.purpose, a.expires_on or "no end date") for a in found],
        "There is no agreement yet. Make one: fichehub partners add NAME ...",
    )


@partners.command()
@click.argument("name")
@click.option("--title", required=True, help="What the partner is called.")
@click.option("--purpose", required=True, help="What the data is for.")
@click.option("--legal-basis", required=True, help="On which ground (AVG art. 6).")
@click.option("--contact", required=True, help="Whom to call at the partner.")
@click.option("--our-contact", required=True, help="Whom they call here.")
@click.option("--level", type=click.Choice(LEVELS), default="public", show_default=True, help="The highest visibility granted.")
@click.option("--field", "fields", multiple=True, help="A field that the agreement covers; repeat for more; default: all.")
@click.option("--right", "rights", type=click.Choice(sorted(RIGHTS)), multiple=True, help="What it may do besides reading; repeat for more. " + "; ".join(f"{name}: {what}" for name, what in RIGHTS.items()) + ".")
@click.option("--expires-on", help="Last day, YYYY-MM-DD.")
@as_json
@click.pass_obj
def add(
    installation: Installation,
    name: str,
    title: str,
    purpose: str,
    legal_basis: str,
    contact: str,
    our_contact: str,
    level: str,
    fields: tuple[str, ...],
    rights: tuple[str, ...],
    expires_on: str | None,
    as_json: bool,
) -> None:
    """Make or change the agreement with NAME."""
    installation.create()  # setting up may begin with this
    given = Agreement(
        name=name,
        title=title,
        purpose=purpose,
        legal_basis=legal_basis,
        contact=contact,
        our_contact=our_contact,
        level=level,  # type: ignore[arg-type]
        fields=frozenset(fields) or None,
        rights=frozenset(rights),
        expires_on=expires_on,
    )

    def agree(writer: Writer) -> Agreement:
        agreed = save_agreement(writer.connection, given, _now())
        if agreed.expires_on is not None and agreed.expires_on < installation.store.today():
            reason = f"is past, so nobody would be let in; give a later day. To let nobody of {name} in from now on: fichehub partners pause {name}"
            raise Invalid("Nothing was changed.", (FieldError("expires_on", reason, agreed.expires_on),))
        return agreed

    stored = installation.store.write(agree)
    if as_json:
        say_json(_told(stored))
        return
    click.echo(f"Agreement with {stored.title}, revision {stored.revision}. Next: fichehub keys issue {name}")


@click.group()
def keys() -> None:
    """API keys of a partner: two may be live at a time, so that they can be rotated."""


@keys.command()
@click.argument("partner")
@click.option("--expires-at", help="Last moment (RFC 3339, with its zone), or last day (YYYY-MM-DD).")
@as_json
@click.pass_obj
def issue(installation: Installation, partner: str, expires_at: str | None, as_json: bool) -> None:
    """Make a key and show it, this once."""

    def make(writer: Writer) -> tuple[str, IssuedKey]:
        made = issue_key(writer.connection, partner, _now(), expires_at)
        return made, keys_of(writer.connection, partner)[-1]

    key, known = installation.store.write(make)
    if as_json:
        say_json({"key": key, "partner": partner, "prefix": known.prefix, "expires_at": known.expires_at})
        return
    click.echo(key)
    click.echo("Keep it now: it is not shown again.", err=True)


@keys.command()
@click.argument("partner")
@click.argument("prefix")
@as_json
@click.pass_obj
def revoke(installation: Installation, partner: str, prefix: str, as_json: bool) -> None:
    """End the key of PARTNER that begins with PREFIX, at once."""
    installation.store.write(lambda writer: revoke_key(writer.connection, partner, prefix, _now()))
    say_done({"partner": partner, "prefix": prefix, "revoked": True}, "Revoked.", as_json)


@keys.command(name="list")
@click.argument("partner")
@as_json
@click.pass_obj
def list_keys(installation: Installation, partner: str, as_json: bool) -> None:
    """The keys that PARTNER has or had; never the keys themselves."""
    with installation.store.read() as connection:
        if agreement(connection, partner) is None:
            raise NotFound(f"There is no agreement with a partner named {partner}.")
        found = keys_of(connection, partner)
    if as_json:
        names = ("prefix", "created_at", "expires_at", "revoked_at", "last_used_on")
        say_json([{name: getattr(known, name) for name in names} for known in found])
        return
    say_table(
        ("begins with", "made", "expires", "revoked", "last used"),
        [(k.prefix, k.created_at, k.expires_at, k.revoked_at, k.last_used_on) for k in found],
        f"{partner} has no key.",
    )


for _command in clients.COMMANDS:
    partners.add_command(_command)

COMMANDS = (partners, keys)
