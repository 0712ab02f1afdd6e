"""The public keys of a partner's software (JWKS, RFC 7517): judged when they are registered, and fetched where only their address is known."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Any, Final

import orjson
import structlog
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet, RSAKey

from hub.access.tokens import ALGORITHMS
from hub.connector import Http
from hub.errors import ConnectorError, FieldError, Invalid, Misconfigured
from hub.outbound import check_address

MOST_KEYS: Final = 10
SHORTEST_RSA: Final = 2048
FRESH: Final = 600.0
"""Seconds for which fetched keys are used without asking again: how late the removal of a key may take effect."""
STALE: Final = 3600.0
"""Seconds for which they are used when they cannot be fetched again."""
AGAIN_AFTER: Final = 60.0
"""An unknown `kid` asks for a new look, but not more often than this (seconds): a rotated key is known at once, and a guesser makes no traffic."""

_LONGEST_URL: Final = 500
_SECRET_MEMBERS: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_log = structlog.get_logger(__name__)


def public_keys(content: Any) -> dict[str, Any]:
    """A JWKS as it may be kept: public keys only, each with its `kid`. Raises `Invalid`, which names each key that cannot be used and why."""
    keys = content.get("keys") if isinstance(content, dict) else None
    if not isinstance(keys, list) or not keys or len(keys) > MOST_KEYS:
        how = f'a JWKS is expected: {{"keys": [...]}} with 1 to {MOST_KEYS} public keys'
        raise Invalid(f"These are no keys; {how}.", (FieldError("keys", f"{how}."),))
    wrong: list[FieldError] = []
    kids: set[str] = set()
    for place, key in enumerate(keys):
        reason = _why_not(key, kids)
        if reason:
            wrong.append(FieldError(f"keys[{place}]", reason))
    if wrong:
        raise Invalid("These keys cannot be used.", tuple(wrong))
    return {"keys": keys}


def _why_not(key: Any, kids: set[str]) -> str:
    if not isinstance(key, dict):
        return "is not an object"
    if _SECRET_MEMBERS & key.keys():
        return "holds a private key. Send the public one only; this one must be replaced now, because it has left your house"
    kid = key.get("kid")
    if not isinstance(kid, str) or not 0 < len(kid) <= 255:
        return "needs a kid, by which an assertion names it"
    if kid in kids:
        return f"has the same kid as another: {kid}"
    kids.add(kid)
    if key.get("use", "sig") != "sig":
        return "is not for signatures (use must be sig)"
    if key.get("alg", ALGORITHMS[0]) not in ALGORITHMS:
        return f"is for {str(key['alg'])[:20]}; taken are {' and '.join(ALGORITHMS)}"
    try:
        if key.get("kty") == "RSA":
            bits = int(RSAKey.import_key(key).public_key.key_size)
            return "" if bits >= SHORTEST_RSA else f"has {bits} bits; an RSA key needs at least {SHORTEST_RSA}"
        if key.get("kty") == "EC" and key.get("crv") == "P-384":
            ECKey.import_key(key)
            return ""
    except (JoseError, ValueError, TypeError, KeyError):
        return "is damaged: its numbers are no key"
    return "is of another kind; taken are RSA (for RS384) and EC with curve P-384 (for ES384)"


def checked_address(url: str, *, allow_private: bool = False) -> str:
    """An address of keys as it may be kept. Raises `Invalid`; whether its name leads into the own network is judged when it is called."""
    try:
        check_address(url, allow_private=allow_private)
    except Misconfigured as error:
        raise Invalid("This address of keys cannot be used.", (FieldError("jwks_url", error.message, url[:100]),)) from error
    if len(url) > _LONGEST_URL:
        raise Invalid("This address of keys cannot be used.", (FieldError("jwks_url", f"has more than {_LONGEST_URL} characters", url[:100]),))
    return url


@dataclass(frozen=True, slots=True)
class _Fetched:
    keys: dict[str, Any] | None
    at: float
    tried: float


class FetchedKeys:
    """Keys that stand at an address of the partner, remembered per process for `FRESH` seconds; threads may share it.

    `open_http` makes the guarded client; `clock` is monotonic.
    """

    def __init__(self, open_http: Callable[[], Http], clock: Callable[[], float] = time.monotonic) -> None:
        self._open_http = open_http
        self._clock = clock
        self._known: dict[str, _Fetched] = {}
        self._lock = Lock()

    def at(self, url: str, kid: str) -> dict[str, Any]:
        """The JWKS there; looked up anew when it is old or lacks `kid`. Without keys when none can be had, and then the log says why."""
        with self._lock:
            now = self._clock()
            known = self._known.get(url, _Fetched(None, -STALE, -AGAIN_AFTER))
            fresh = known.keys is not None and now - known.at < FRESH
            if not (fresh and _has(known.keys, kid)) and now - known.tried >= AGAIN_AFTER:
                known = self._known[url] = self._fetched(url, known, now)
            if known.keys is None or now - known.at >= STALE:
                return {"keys": []}
            return known.keys

    def _fetched(self, url: str, before: _Fetched, now: float) -> _Fetched:
        try:
            answer = self._open_http().get(url, headers={"Accept": "application/jwk-set+json, application/json"})
            if answer.status != 200:
                raise Invalid(f"{url.partition('?')[0]} answered {answer.status}.")
            return _Fetched(public_keys(orjson.loads(answer.content)), now, now)
        except (ConnectorError, Invalid, orjson.JSONDecodeError) as error:
            _log.warning("the keys of a client could not be fetched", reason=str(error))
            return _Fetched(before.keys, before.at, now)


def _has(keys: dict[str, Any] | None, kid: str) -> bool:
    return keys is not None and any(key["kid"] == kid for key in keys["keys"])


def key_set(keys: dict[str, Any], kid: str) -> KeySet | None:
    """The one key with this `kid`, ready to verify with; None when there is none."""
    named = [key for key in keys["keys"] if key["kid"] == kid]
    return KeySet.import_key_set({"keys": named}) if named else None
