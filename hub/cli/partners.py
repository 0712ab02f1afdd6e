"""`partners` and `keys`: agreements, and the credentials that follow from them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

import click
import orjson

from hub.access import (
    REQUIRED,
    RIGHTS,
    Agreement,
    IssuedKey,
    agreement,
    agreements,
    issue_key,
    key_to_revoke,
    keys_of,
    live_keys,
    revoke_key,
    save_agreement,
)
from hub.cli import clients
from hub.cli.installation import Installation
from hub.cli.output import NotUnderstood, as_json, ask, counted, say_done, say_json, say_table
from hub.cli.output import yes as _yes
from hub.errors import FieldError, Invalid, NotFound
from hub.model.audience import LEVELS
from hub.model.moments import to_second
from hub.model.query import to_json
from hub.model.visibility import RANK
from hub.store import Writer

_ALL: Final = "all"
_NONE: Final = "none"
"""Words for what is taken away from an agreement that has it."""


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
@as_json
@click.pass_obj
def show(installation: Installation, name: str, as_json: bool) -> None:
    """The agreement with NAME in full: what it is for, what it lets the partner see and do, until when."""
    with installation.store.read() as connection:
        known = agreement(connection, name)
    if known is None:
        raise NotFound(f"There is no agreement with a partner named {name}.")
    told = {
        **_told(known), "legal_basis": known.legal_basis, "contact": known.contact, "our_contact": known.our_contact,
        "scope": None if known.scope is None else to_json(known.scope),
    }  # fmt: skip
    if as_json:
        say_json(told)
        return
    lines = {**told, **_granted(known), "scope": "everything" if known.scope is None else orjson.dumps(told["scope"]).decode()}
    say_table(("agreement", known.name), [(what.replace("_", " "), value) for what, value in lines.items() if what != "name"], "")


def _granted(known: Agreement) -> dict[str, str]:
    """What the agreement grants, in words."""
    return {
        "level": known.level,
        "fields": "all" if known.fields is None else " ".join(sorted(known.fields)),
        "rights": " ".join(sorted(known.rights)) or "none",
        "expires_on": known.expires_on or "none",
    }


def _wider(before: Agreement, after: Agreement) -> list[str]:
    """What `after` grants that `before` did not, a line each: from what to what."""
    wider = {
        "level": RANK[after.level] > RANK[before.level],
        "fields": before.fields is not None and (after.fields is None or not after.fields <= before.fields),
        "rights": not after.rights <= before.rights,
        "expires_on": before.expires_on is not None and (after.expires_on is None or after.expires_on > before.expires_on),
    }
    was, becomes = _granted(before), _granted(after)
    return [f"  {what.replace('_', ' ')}: {was[what]} -> {becomes[what]}" for what, is_wider in wider.items() if is_wider]


def _chosen(given: tuple[str, ...], word: str, option: str) -> frozenset[str]:
    """What was named; nothing where `word` stands for all or none, which goes with no other."""
    if word in given and len(given) > 1:
        raise Invalid("Nothing was changed.", (FieldError(option, f"{word} goes with no other", " ".join(given)),))
    return frozenset(given) - {word}


@partners.command()
@click.argument("name")
@click.option("--title", help="What the partner is called.")
@click.option("--purpose", help="What the data is for.")
@click.option("--legal-basis", help="On which ground (AVG art. 6).")
@click.option("--contact", help="Whom to call at the partner.")
@click.option("--our-contact", help="Whom they call here.")
@click.option("--level", type=click.Choice(LEVELS), help="The highest visibility granted; of a new agreement, unless it says so: public.")
@click.option("--field", "fields", multiple=True, help="A field that the agreement covers; repeat for more. all: every field, as of a new agreement.")
@click.option(
    "--right",
    "rights",
    type=click.Choice([*sorted(RIGHTS), _NONE]),
    multiple=True,
    help="What it may do besides reading; repeat for more. "
    + "; ".join(f"{name}: {what}" for name, what in RIGHTS.items())
    + ". none: only read, as of a new agreement.",
)
@click.option("--expires-on", help="Last day, YYYY-MM-DD. none: no end, as of a new agreement.")
@_yes
@as_json
@click.pass_obj
def add(
    installation: Installation,
    /,
    name: str,
    fields: tuple[str, ...],
    rights: tuple[str, ...],
    expires_on: str | None,
    yes: bool,
    as_json: bool,
    **texts: str | None,
) -> None:
    """Make the agreement with NAME, or change it: what is left out stays as it was. What becomes wider is shown and asked first."""
    with installation.store.read() as connection:
        before = agreement(connection, name)
    given: dict[str, Any] = {what: text for what, text in texts.items() if text is not None}
    if fields:
        given["fields"] = _chosen(fields, _ALL, "field") or None
    if rights:
        given["rights"] = _chosen(rights, _NONE, "right")
    if expires_on is not None:
        given["expires_on"] = None if expires_on == _NONE else expires_on
    if before is None and (missing := [what for what in REQUIRED if what not in given]):
        wrong = tuple(FieldError(what, f"is required of a new agreement; give --{what.replace('_', '-')}") for what in missing)
        raise NotUnderstood(Invalid(f"There is no agreement with {name} yet, and this says too little to make one.", wrong))
    after = replace(before or Agreement(name=name, title="", purpose="", legal_basis="", contact="", our_contact=""), **given)

    def agree(writer: Writer) -> Agreement:
        if agreement(writer.connection, name) != before:
            raise Invalid(
                f"Nothing was changed: somebody else changed the agreement with {name} meanwhile. Look at it and begin again: fichehub partners show {name}"
            )
        agreed = save_agreement(writer.connection, after, _now())
        if agreed.expires_on is not None and agreed.expires_on < installation.store.today():
            reason = f"is past, so nobody would be let in; give a later day. To let nobody of {name} in from now on: fichehub partners pause {name}"
            raise Invalid("Nothing was changed.", (FieldError("expires_on", reason, agreed.expires_on),))
        return agreed

    wider = [] if before is None else _wider(before, after)
    if wider:
        installation.store.write(agree, dry_run=True)  # what cannot be is said before anybody is asked
        ask([f"The agreement with {after.title} becomes wider:", *wider], "Is that what was agreed?", yes, as_json)
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
@_yes
@as_json
@click.pass_obj
def revoke(installation: Installation, partner: str, prefix: str, yes: bool, as_json: bool) -> None:
    """End the key of PARTNER that begins with PREFIX, or is it, at once. Asks first."""
    with installation.store.read() as connection:
        ends = key_to_revoke(connection, partner, prefix)
        left = [known for known in live_keys(connection, partner, _now()) if known.id != ends.id]
    told = [
        f"The key {ends.prefix} of {partner}, made {ends.created_at}, last used {ends.last_used_on or 'never'}, opens nothing any more, for good.",
        f"{partner} is left with {counted(len(left), 'live API key')}.",
    ]
    ask(told, "Revoke it?", yes, as_json)
    installation.store.write(lambda writer: revoke_key(writer.connection, partner, prefix, _now()))
    say_done({"partner": partner, "prefix": ends.prefix, "revoked": True}, "Revoked.", as_json)


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
