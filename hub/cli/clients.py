"""`partners register`, `clients`, `rotate`, `revoke`, `pause`, `resume`: the software of partners that fetches access tokens, and who is let in."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import orjson

from hub.access import pause_agreement, resume_agreement
from hub.access.clients import (
    Client,
    Consequences,
    clients,
    consequences,
    end_tokens,
    live_client,
    register_client,
    revoke_client,
    rotate_client,
)
from hub.cli.installation import Installation
from hub.cli.output import as_json, say_done, say_json, say_table
from hub.errors import FieldError, Invalid
from hub.model.scopes import nowhere, scopes_of

_jwks = click.option(
    "--jwks", "jwks_file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="File with its public keys (JWKS, RFC 7517)."
)
_jwks_url = click.option("--jwks-url", help="https address where it publishes them; looked up anew when they are rotated.")


def _now() -> datetime:
    return datetime.now(UTC)


def _moment(at: datetime) -> str:
    return at.isoformat(timespec="seconds")


@click.command()
@click.argument("name")
@click.option("--title", default="", help="What this software is called; default: the partner's name.")
@_jwks
@_jwks_url
@click.option(
    "--scope", "scopes", multiple=True, help="The most that it may ask, e.g. system/Organization.rs; repeat for more; default: system/*.rs."
)
@as_json
@click.pass_obj
def register(
    installation: Installation, name: str, title: str, jwks_file: Path | None, jwks_url: str | None, scopes: tuple[str, ...], as_json: bool
) -> None:
    """Register software of NAME that fetches access tokens, by its public keys; says its client id."""
    jwks, url = _keys(jwks_file, jwks_url)
    asked = " ".join(scopes) or "system/*.rs"
    _check_types(asked, installation.plugins.scope_types())
    made = installation.store.write(
        lambda writer: register_client(writer.connection, name, _moment(_now()), title=title, scopes=asked, jwks=jwks, jwks_url=url)
    )
    if as_json:
        say_json(_form(made))
        return
    click.echo(f"Client id: {made.id}")
    click.echo(f"It may ask: {' '.join(sorted(made.scopes))}. It signs its assertions with {_where(made)}; docs/fhir.md, Access, says how.")


def _check_types(asked: str, types: frozenset[str]) -> None:
    """Raise `Invalid` for scopes of types that no endpoint has: no token would ever be given for them."""
    if missing := nowhere(scopes_of(asked), types):
        told = f"names a type of resource that this hub does not have; choose from {', '.join(sorted(types))}, or * for all."
        raise Invalid(f"{missing[0]} {told}", tuple(FieldError("scope", told, each) for each in missing))


@click.command(name="clients")
@click.argument("name", required=False)
@as_json
@click.pass_obj
def list_clients(installation: Installation, name: str | None, as_json: bool) -> None:
    """The software that fetches access tokens, of NAME or of all."""
    with installation.store.read() as connection:
        found = clients(connection, name)
    if as_json:
        say_json([_form(each) for each in found])
        return
    say_table(
        ("client id", "partner", "title", "may ask", "keys", "made", "last token", "revoked"),
        [(c.id, c.partner, c.title, " ".join(sorted(c.scopes)), _where(c), c.created_at, c.last_token_at, c.revoked_at) for c in found],
        "No software is registered. Register some: fichehub partners register NAME --jwks FILE",
    )


@click.command()
@click.argument("client")
@_jwks
@_jwks_url
@click.option("--at-once", is_flag=True, help="End its access tokens too: the old key is in wrong hands.")
@as_json
@click.pass_obj
def rotate(installation: Installation, client: str, jwks_file: Path | None, jwks_url: str | None, at_once: bool, as_json: bool) -> None:
    """Put other keys in the place of those of CLIENT (its id). A file with the old and the new ones lets both hold for a while."""
    jwks, url = _keys(jwks_file, jwks_url)

    def work(connection: Any) -> tuple[Client, Client, int]:
        before = live_client(connection, client)
        after = rotate_client(connection, client, jwks=jwks, jwks_url=url)
        return before, after, end_tokens(connection, client) if at_once else 0

    before, after, ended = installation.store.write(lambda writer: work(writer.connection))
    gone, come = sorted({*before.kids} - {*after.kids}), sorted({*after.kids} - {*before.kids})
    if as_json:
        say_json({**_form(after), "keysRemoved": gone, "keysAdded": come, "tokensEnded": ended})
        return
    click.echo(
        f"{client} now signs with {_where(after)}. New: {', '.join(come) or 'none'}; gone: {', '.join(gone) or 'none'}. Tokens ended: {ended}."
    )


@click.command()
@click.argument("client")
@click.option("--yes", is_flag=True, help="Do it; without it only what would happen is said.")
@as_json
@click.pass_obj
def revoke(installation: Installation, client: str, yes: bool, as_json: bool) -> None:
    """End CLIENT (its id) and its access tokens, for good; says first what that does, and does it with --yes."""
    now = _now()
    with installation.store.read() as connection:
        found = consequences(connection, client, int(now.timestamp()))
    done = yes
    if not as_json:
        for line in _told(found):
            click.echo(line)
        done = done or (sys.stdin.isatty() and click.confirm("Do it?"))
    if done:
        installation.store.write(lambda writer: revoke_client(writer.connection, client, _moment(now)))
    if as_json:
        say_json(
            {
                "client": client,
                "partner": found.client.partner,
                "revoked": done,
                "liveTokens": found.live_tokens,
                "otherClients": list(found.other_clients),
                "liveKeys": found.live_keys,
            }
        )
        return
    click.echo("Revoked." if done else "Nothing was changed. Do it with --yes.")


@click.command()
@click.argument("name")
@click.option("--reason", required=True, help="Why; the partner is told it.")
@as_json
@click.pass_obj
def pause(installation: Installation, name: str, reason: str, as_json: bool) -> None:
    """Let nobody of NAME in until it is resumed: no API key, no access token, no delivery."""
    ended = installation.store.write(lambda writer: pause_agreement(writer.connection, name, reason))
    sentence = f"{name} is paused; access tokens ended: {ended}. Its subscriptions wait. Next: fichehub partners resume {name}"
    say_done({"name": name, "paused": reason, "tokensEnded": ended}, sentence, as_json)


@click.command()
@click.argument("name")
@as_json
@click.pass_obj
def resume(installation: Installation, name: str, as_json: bool) -> None:
    """Let NAME in again after a pause."""
    installation.store.write(lambda writer: resume_agreement(writer.connection, name))
    say_done({"name": name, "paused": ""}, f"{name} is let in again. Its subscriptions are told what happened meanwhile.", as_json)


def _keys(file: Path | None, url: str | None) -> tuple[dict[str, Any] | None, str | None]:
    """The keys or their address, judged."""
    from hub.access.keysets import checked_address, public_keys  # the cryptography is loaded by who needs it
    from hub.outbound import allows_private

    if file is None:
        return None, checked_address(url, allow_private=allows_private()) if url is not None else None
    try:
        content = orjson.loads(file.read_bytes())
    except orjson.JSONDecodeError as error:
        raise Invalid(f"{file.name} is not JSON.", (FieldError("jwks", f"is not JSON: {error}"),)) from error
    return public_keys(content), url


def _where(client: Client) -> str:
    return client.jwks_url or " ".join(client.kids)


def _form(client: Client) -> dict[str, Any]:
    return {
        "id": client.id,
        "partner": client.partner,
        "title": client.title,
        "scopes": sorted(client.scopes),
        "keys": list(client.kids),
        "jwksUrl": client.jwks_url,
        "createdAt": client.created_at,
        "lastTokenAt": client.last_token_at,
        "revokedAt": client.revoked_at,
    }


def _told(found: Consequences) -> list[str]:
    client = found.client
    left = [f"{len(found.other_clients)} other clients", f"{found.live_keys} API keys"]
    return [
        f"{client.title} ({client.id}) of {client.partner}, last token {client.last_token_at or 'never'}:",
        f"  {found.live_tokens} access tokens end at once, and it fetches no more.",
        f"  {client.partner} is left with {' and '.join(left)}.",
        "  This cannot be taken back; the software would have to be registered again, under another id.",
    ]


COMMANDS = (register, list_clients, rotate, revoke, pause, resume)
