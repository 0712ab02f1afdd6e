"""The software of a partner that fetches access tokens (OAuth 2 clients): registered with its public keys, never with a shared secret."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import orjson
from sqlalchemy import Connection, delete, func, insert, select, update

from hub.access.agreements import agreement
from hub.access.keys import live_keys
from hub.errors import FieldError, Invalid, NotFound
from hub.model.moments import to_second
from hub.model.scopes import scopes_of, spelled
from hub.store.tables import access_token, oauth_client


@dataclass(frozen=True, slots=True)
class Client:
    """A piece of software of `partner`. Its public keys are in `jwks`, or at `jwks_url`; `scopes` is the most that it may ask."""

    id: str
    partner: str
    title: str
    jwks: Mapping[str, Any] | None
    jwks_url: str | None
    scopes: frozenset[str]
    created_at: str
    revoked_at: str | None = None
    last_token_at: str | None = None

    @property
    def kids(self) -> tuple[str, ...]:
        """The names of the keys that are kept here, sorted; none where they stand at an address."""
        return tuple(sorted(key["kid"] for key in self.jwks["keys"])) if self.jwks else ()


@dataclass(frozen=True, slots=True)
class Consequences:
    """What ending a client does: so many access tokens end at once, and this is what its partner is left with."""

    client: Client
    live_tokens: int
    other_clients: tuple[str, ...]
    live_keys: int


def register_client(
    connection: Connection,
    partner: str,
    now: str,
    *,
    title: str,
    scopes: str,
    jwks: Mapping[str, Any] | None = None,
    jwks_url: str | None = None,
) -> Client:
    """Make a client of a partner and return it with its id. The keys are as `keysets.public_keys` or `checked_address` gave them.

    Raises `NotFound` without an agreement, and `Invalid` for scopes that are none, or for not exactly one of keys and address.
    """
    if agreement(connection, partner) is None:
        raise NotFound(f"There is no agreement with a partner named {partner}. Make one: fichehub partners add {partner} ...")
    _exactly_one(jwks, jwks_url)
    made = Client(str(uuid.uuid4()), partner, title.strip() or partner, jwks, jwks_url, scopes_of(scopes), now)
    connection.execute(insert(oauth_client).values(**_row(made)))
    return made


def clients(connection: Connection, partner: str | None = None) -> tuple[Client, ...]:
    """Every client, of one partner or of all, also those that were ended; by partner and age."""
    wanted = select(oauth_client).order_by(oauth_client.c.partner, oauth_client.c.created_at, oauth_client.c.id)
    if partner is not None:
        wanted = wanted.where(oauth_client.c.partner == partner)
    return tuple(_client(row) for row in connection.execute(wanted).mappings())


def client(connection: Connection, id: str) -> Client | None:
    """The client with this id, or None."""
    row = connection.execute(select(oauth_client).where(oauth_client.c.id == id)).mappings().first()
    return None if row is None else _client(row)


def rotate_client(connection: Connection, id: str, *, jwks: Mapping[str, Any] | None = None, jwks_url: str | None = None) -> Client:
    """Put other keys in the place of a client's. To let old and new ones overlap, give both. Raises `NotFound` for one that is not live."""
    _exactly_one(jwks, jwks_url)
    before = live_client(connection, id)
    after = replace(before, jwks=jwks, jwks_url=jwks_url)
    row = _row(after)
    connection.execute(update(oauth_client).where(oauth_client.c.id == id).values(jwks=row["jwks"], jwks_url=row["jwks_url"]))
    return after


def consequences(connection: Connection, id: str, now: int) -> Consequences:
    """What `revoke_client` would do now (seconds since the epoch). Raises `NotFound` for a client that is not live."""
    known = live_client(connection, id)
    tokens = connection.execute(
        select(func.count()).select_from(access_token).where(access_token.c.client == id, access_token.c.expires_at > now)
    ).scalar_one()
    keys = live_keys(connection, known.partner, to_second(datetime.fromtimestamp(now, UTC)))
    others = (each for each in clients(connection, known.partner) if each.id != id and each.revoked_at is None)
    return Consequences(known, int(tokens), tuple(each.id for each in others), len(keys))


def revoke_client(connection: Connection, id: str, now: str) -> None:
    """End a client and its access tokens, at once and for good. Raises `NotFound` for one that is not live."""
    live_client(connection, id)
    connection.execute(update(oauth_client).where(oauth_client.c.id == id).values(revoked_at=now))
    end_tokens(connection, id)


def end_tokens(connection: Connection, id: str) -> int:
    """End the access tokens of a client; it may fetch new ones. The answer is how many there were."""
    return connection.execute(delete(access_token).where(access_token.c.client == id)).rowcount


def live_client(connection: Connection, id: str) -> Client:
    """The client with this id. Raises `NotFound` when there is none or it was ended."""
    known = client(connection, id)
    if known is None or known.revoked_at is not None:
        raise NotFound(f"There is no live client with the id {id}. See: fichehub partners clients")
    return known


def _exactly_one(jwks: object, jwks_url: object) -> None:
    if (jwks is None) == (jwks_url is None):
        reason = "give either the public keys or the address where they are"
        raise Invalid(f"{reason.capitalize()}.", (FieldError("jwks", reason),))


def _row(given: Client) -> dict[str, Any]:
    return {
        "id": given.id,
        "partner": given.partner,
        "title": given.title,
        "jwks": None if given.jwks is None else orjson.dumps(given.jwks),
        "jwks_url": given.jwks_url,
        "scopes": spelled(given.scopes),
        "created_at": given.created_at,
    }


def _client(row: Mapping[Any, Any]) -> Client:
    values = {name: row[name] for name in Client.__dataclass_fields__}
    values["jwks"] = None if values["jwks"] is None else orjson.loads(values["jwks"])
    values["scopes"] = frozenset(values["scopes"].split())
    return Client(**values)
