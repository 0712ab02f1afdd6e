"""API keys: shown once, stored as a hash, two live at a time so that a partner can rotate without a gap."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass

from sqlalchemy import Connection, insert, select, update

from hub.access.agreements import agreement
from hub.errors import FieldError, Forbidden, Invalid, NotFound
from hub.model.moments import last_moment_of
from hub.store.tables import api_key

LIVE_KEYS = 2
MARK = "fh_"
"""What every key begins with, so that who finds one knows what it is."""
_SHOWN = 8
"""How many characters of it administrators see."""


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """A key as an administrator may see it: never the key itself, only how it begins."""

    id: int
    partner: str
    prefix: str
    created_at: str
    expires_at: str | None
    revoked_at: str | None
    last_used_on: str | None


def _hash(key: str) -> str:
    # A key has 192 random bits, so a fast hash is enough: there is nothing to guess (OWASP ASVS 5.0, 11.4).
    return hashlib.sha256(key.encode()).hexdigest()


def keys_of(connection: Connection, partner: str) -> tuple[IssuedKey, ...]:
    """Every key that was ever issued to the partner, oldest first."""
    columns = [api_key.c[name] for name in IssuedKey.__dataclass_fields__]
    rows = connection.execute(select(*columns).where(api_key.c.partner == partner).order_by(api_key.c.id))
    return tuple(IssuedKey(*row) for row in rows)


def live_keys(connection: Connection, partner: str, now: str) -> tuple[IssuedKey, ...]:
    """Those of the partner's keys that open something now, oldest first."""
    return tuple(key for key in keys_of(connection, partner) if key.revoked_at is None and not _ended(_end_of(key.expires_at), now))


def _end_of(expires_at: str | None) -> str | None:
    # An end that cannot be read, of before it was checked, is no permission for ever.
    return None if expires_at is None else last_moment_of(expires_at) or ""


def _ended(ends_at: str | None, now: str) -> bool:
    return ends_at is not None and ends_at < now


def issue_key(connection: Connection, partner: str, now: str, expires_at: str | None = None) -> str:
    """Make a new key and return it: the only time that it can be seen. `expires_at`: its last moment by RFC 3339, or its last day in Belgium.

    Raises `NotFound`, and `Invalid` while two are live, or for an end that is neither, or past.
    """
    if agreement(connection, partner) is None:
        raise NotFound(f"There is no agreement with a partner named {partner}.")
    live = live_keys(connection, partner, now)
    if len(live) >= LIVE_KEYS:
        raise Invalid(f"{partner} already has {LIVE_KEYS} live keys ({', '.join(k.prefix for k in live)}...). Revoke one first.")
    ends_at = None if expires_at is None else last_moment_of(expires_at)
    if expires_at is not None and ends_at is None:
        wanted = "must be a moment with its zone, as 2026-12-31T18:00:00+01:00, or a day, YYYY-MM-DD"
        raise Invalid("The key was not made: nobody could tell when it ends.", (FieldError("expires_at", wanted, expires_at),))
    if _ended(ends_at, now):
        raise Invalid("The key was not made: it would have ended already.", (FieldError("expires_at", "must lie ahead", expires_at),))
    key = MARK + secrets.token_urlsafe(24)
    connection.execute(insert(api_key).values(partner=partner, prefix=key[:_SHOWN], hash=_hash(key), created_at=now, expires_at=ends_at))
    return key


def key_to_revoke(connection: Connection, partner: str, given: str) -> IssuedKey:
    """The partner's key that `given` names, whole or by how it begins, and that was not revoked yet.

    Raises `NotFound` when there is none and `Invalid` when there are several, or `given` says nothing. What was given is in neither: it may be a whole key.
    """
    found = connection.execute(select(api_key.c.id).where(api_key.c.partner == partner, api_key.c.hash == _hash(given))).scalar()
    left = [key for key in keys_of(connection, partner) if key.revoked_at is None]
    matching = [key for key in left if (key.id == found if found is not None else _begins(key, given))]
    if len(matching) == 1:
        return matching[0]
    begin = ", ".join(key.prefix for key in left)
    which = f"Its live keys begin with: {begin}. Give one of these, or the whole key." if left else "It has no live key at all."
    if not _says_something(given):
        raise Invalid(f"Say which key of {partner} is to end. {which}")
    if matching:
        raise Invalid(f"{partner} has {len(matching)} live keys that begin so. {which}")
    raise NotFound(f"{partner} has no live key that begins so. {which}")


def _begins(key: IssuedKey, given: str) -> bool:
    return _says_something(given) and key.prefix.startswith(given)


def _says_something(given: str) -> bool:
    return not MARK.startswith(given)  # nothing, or what every key begins with


def revoke_key(connection: Connection, partner: str, given: str, now: str) -> None:
    """End a key at once, which `given` names as `key_to_revoke` takes it, and raises as that does."""
    key = key_to_revoke(connection, partner, given)
    connection.execute(update(api_key).where(api_key.c.id == key.id).values(revoked_at=now))


def authenticate(connection: Connection, key: str, now: str) -> tuple[str, str | None]:
    """The name of the partner whose key this is, and until when it holds (None: no end). Raises `Forbidden` for an unknown, revoked or expired key."""
    row = connection.execute(select(api_key.c.partner, api_key.c.expires_at, api_key.c.revoked_at).where(api_key.c.hash == _hash(key))).first()
    ends_at = None if row is None else _end_of(row.expires_at)
    if row is None or row.revoked_at is not None or _ended(ends_at, now):
        raise Forbidden("This API key is unknown, revoked or expired. Ask your contact for a new one.")
    return str(row.partner), ends_at
