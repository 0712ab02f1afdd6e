"""Who asks for an access token: the judge of signed assertions (`private_key_jwt`, RFC 7523, as SMART Backend Services narrows it).

What can be said from the assertion alone is said first, and in full, because it tells nobody what this hub knows. Whether there is such a client, such a key, a
good signature is one answer, so that nobody learns which of the three was wrong. Only who has proved himself is told about his agreement. While the keys of a client are
being fetched from its address there is no answer yet: that tells no more than its id, which nobody can guess.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, Final

import orjson
from joserfc import jws
from joserfc.errors import JoseError
from sqlalchemy import Connection, insert, select

from hub.access.clients import Client
from hub.access.keysets import FetchedKeys, key_set
from hub.access.tokens import ALGORITHMS
from hub.errors import FichehubError
from hub.store.tables import assertion as assertion_table

LIFETIME: Final = 300
"""Seconds that an assertion may live at most, from its `iat` and from now."""
LEEWAY: Final = 30
"""Seconds by which the clock of a client may differ from ours."""
LONGEST: Final = 8192
_LONGEST_JTI: Final = 255
_SIGNED: Final = jws.JWSRegistry(algorithms=list(ALGORITHMS), strict_check_header=False)
"""How an assertion may be signed. What a header says that nobody knows is passed over (RFC 7515 section 4)."""


class Refused(FichehubError):
    """The assertion is not accepted; `message` says why, as far as whoever sent it may know."""


@dataclass(frozen=True, slots=True)
class Proved:
    """An assertion that holds. Its `jti` is not spent yet: see `spend`."""

    client: Client
    jti: str
    expires_at: int


def judge(
    text: str,
    audience: Collection[str],
    now: int,
    find: Callable[[str], Client | None],
    fetched: FetchedKeys,
) -> Proved:
    """Judge an assertion that was sent to one of the addresses in `audience`, at `now` (seconds since the epoch).

    Raises `Refused`, and `keysets.NotYet` while the keys of the client are being fetched; for that everything holds which can be judged without them.
    """
    header, claims = _read(text)
    _check_header(header)
    id, jti, expires_at = _check_claims(claims, audience, now)
    known = find(id)
    if known is None or known.revoked_at is not None or not _signed_by(known, text, header, fetched):
        raise Refused(
            "The assertion could not be verified: its client id (iss, sub), its key (kid) or its signature is not one that this hub knows. "
            "An administrator sees what is registered with: fichehub partners clients"
        )
    _check_address_of_keys(header, known)
    return Proved(known, jti, expires_at)


def spend(connection: Connection, proved: Proved) -> None:
    """Take the assertion's `jti` once and for all, across processes. Raises `Refused` when it was taken before."""
    spent = hashlib.sha256(proved.jti.encode()).hexdigest()
    where = (assertion_table.c.client == proved.client.id) & (assertion_table.c.jti == spent)
    if connection.execute(select(assertion_table.c.jti).where(where)).first() is not None:
        raise Refused("This assertion was used before (jti). Sign a new one, with a jti of its own, for every request.")
    # Of two that come this far one breaks the key; its transaction is tried again, and finds the row.
    values = {"client": proved.client.id, "jti": spent, "expires_at": proved.expires_at + LEEWAY}
    connection.execute(insert(assertion_table).values(**values))


def _read(text: str) -> tuple[dict[str, Any], dict[str, Any]]:
    if len(text) > LONGEST:
        raise Refused(f"client_assertion is longer than {LONGEST} characters.")
    try:
        parts = jws.extract_compact(text.encode())
        claims = orjson.loads(parts.payload)
        header = parts.headers()
    except (JoseError, ValueError, TypeError, KeyError) as error:
        raise Refused("client_assertion is not a signed JWT: three parts of base64url, separated by dots.") from error
    if not isinstance(claims, dict) or not isinstance(header, dict):
        raise Refused("client_assertion: header and claims must be JSON objects.")
    return header, claims


def _check_header(header: dict[str, Any]) -> None:
    if header.get("alg") not in ALGORITHMS:
        raise Refused(f"alg must be {' or '.join(ALGORITHMS)}; other ways to sign are not accepted.")
    if not isinstance(header.get("kid"), str) or not header["kid"]:
        raise Refused("kid is required: it names the key that signed, as in the registered JWKS.")
    if str(header.get("typ", "JWT")).upper() != "JWT":
        raise Refused("typ must be JWT.")
    if not isinstance(header.get("jku", ""), str):
        raise Refused("jku must be the registered address of keys, as text; or leave it out.")
    if "crit" in header:
        raise Refused("crit: this hub knows no extension that it could be required to understand.")


def _check_claims(claims: dict[str, Any], audience: Collection[str], now: int) -> tuple[str, str, int]:
    id, jti = claims.get("iss"), claims.get("jti")
    if not isinstance(id, str) or not id or id != claims.get("sub"):
        raise Refused("iss and sub are required and must both be the client id.")
    named = claims.get("aud")
    if not set(audience) & {each for each in (named if isinstance(named, list) else [named]) if isinstance(each, str)}:
        raise Refused(f"aud must be the address of this token endpoint: {min(audience)}")
    if not isinstance(jti, str) or not 0 < len(jti) <= _LONGEST_JTI:
        raise Refused(f"jti is required: a text of at most {_LONGEST_JTI} characters that is never used again.")
    expires_at = _moment(claims, "exp")
    if expires_at is None:
        raise Refused("exp is required: when the assertion ends, in seconds since 1970.")
    if expires_at <= now - LEEWAY:
        raise Refused("The assertion has expired (exp). Sign a new one, and see that your clock is right.")
    begins = max(_moment(claims, "nbf") or 0, _moment(claims, "iat") or 0)
    if begins > now + LEEWAY:
        raise Refused("The assertion begins in the future (iat, nbf). See that your clock is right.")
    issued_at = _moment(claims, "iat")
    if expires_at > now + LIFETIME + LEEWAY or (issued_at is not None and expires_at - issued_at > LIFETIME):
        raise Refused(f"exp lies too far ahead: an assertion may live {LIFETIME} seconds at most.")
    return id, jti, expires_at


def _moment(claims: dict[str, Any], name: str) -> int | None:
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1 << 40:
        raise Refused(f"{name} must be a number of seconds since 1970.")
    return int(value)


def _signed_by(known: Client, text: str, header: dict[str, Any], fetched: FetchedKeys) -> bool:
    kid = header["kid"]
    keys = known.jwks if known.jwks is not None else fetched.at(known.jwks_url or "", kid)
    one = key_set(dict(keys), kid)
    if one is None:
        return False
    try:
        jws.deserialize_compact(text, one, registry=_SIGNED)
    except (JoseError, ValueError, TypeError):
        return False
    return True


def _check_address_of_keys(header: dict[str, Any], known: Client) -> None:
    """`jku` is never followed, and must be what was registered (SMART App Launch 2). Asked of who has proved himself: the answer tells what that is."""
    if header.get("jku", known.jwks_url) == known.jwks_url:
        return
    stands = f"at {known.jwks_url}" if known.jwks_url else "by the keys themselves, at no address"
    raise Refused(
        f"jku is not accepted: it names another address of keys than the registered one, and this client is registered {stands}. "
        "Leave jku out, or have an administrator register that address: fichehub partners rotate"
    )
