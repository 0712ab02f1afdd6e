"""Access tokens: opaque, short-lived, kept as a hash. Whether the agreement still holds is asked with every use, so a token never outlives it."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, delete, func, insert, select, update

from hub.access.clients import Client
from hub.errors import Forbidden
from hub.model.scopes import spelled
from hub.store.tables import access_token, assertion, oauth_client

ALGORITHMS: Final = ("RS384", "ES384")
"""What the assertion that asks for a token may be signed with, as SMART demands; nothing else is taken."""
SECONDS: Final = 600
"""How long a token holds."""
KEPT: Final = 86_400
"""Seconds for which an assertion that was used is remembered after it expired."""
PREFIX: Final = "fhat_"
"""How every token begins, so that it is never taken for an API key and a leaked one is found."""


@dataclass(frozen=True, slots=True)
class Bearer:
    """What a good token says: whose it is and what it may be used for."""

    partner: str
    client: str
    scopes: frozenset[str]
    expires_at: int


def _hash(token: str) -> str:
    # 256 random bits: there is nothing to guess, so a fast hash is enough.
    return hashlib.sha256(token.encode()).hexdigest()


def issue_token(connection: Connection, client: Client, scopes: frozenset[str], now: int, moment: str) -> str:
    """Make a token that holds for `SECONDS` from `now` (seconds since the epoch; `moment` is the same as RFC 3339), and return it, this once."""
    token = PREFIX + secrets.token_urlsafe(32)
    values = {"hash": _hash(token), "client": client.id, "scopes": spelled(scopes), "expires_at": now + SECONDS}
    connection.execute(insert(access_token).values(**values))
    connection.execute(update(oauth_client).where(oauth_client.c.id == client.id).values(last_token_at=moment))
    return token


def read_token(connection: Connection, token: str, now: int) -> Bearer:
    """Whose token this is. Raises `Forbidden` for one that is unknown, has expired or was ended."""
    both = access_token.join(oauth_client, oauth_client.c.id == access_token.c.client)
    row = connection.execute(
        select(oauth_client.c.partner, oauth_client.c.id, access_token.c.scopes, access_token.c.expires_at, oauth_client.c.revoked_at)
        .select_from(both)
        .where(access_token.c.hash == _hash(token))
    ).first()
    if row is None or row.revoked_at is not None or row.expires_at <= now:
        raise Forbidden("This access token is unknown, has expired or was ended. Fetch a new one.")
    return Bearer(row.partner, row.id, frozenset(row.scopes.split()), row.expires_at)


def forget_tokens(connection: Connection, now: int) -> None:
    """Remove the tokens that have expired."""
    connection.execute(delete(access_token).where(access_token.c.expires_at <= now))


def forget_assertions(connection: Connection, now: int) -> None:
    """Remove what is known of assertions that expired long ago: they are refused without it.

    A day before now, and before the newest that was accepted: by a clock that is ahead all have expired, and once it is put back some hold again.
    """
    newest = connection.execute(select(func.max(assertion.c.expires_at))).scalar_one()
    if newest is not None:
        connection.execute(delete(assertion).where(assertion.c.expires_at < min(now, newest) - KEPT))
