"""The public keys of a partner's software (JWKS, RFC 7517): judged when they are registered, and fetched where only their address is known."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import inf
from threading import Event, Lock, Thread
from typing import Any, Final

import orjson
import structlog
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet, RSAKey

from hub.access.tokens import ALGORITHMS
from hub.connector import Http
from hub.errors import ConnectorError, FichehubError, FieldError, Invalid, Misconfigured
from hub.outbound import check_address

MOST_KEYS: Final = 10
SHORTEST_RSA: Final = 2048
FRESH: Final = 600.0
"""Seconds for which fetched keys are used without asking again: how late the removal of a key may take effect."""
STALE: Final = 3600.0
"""Seconds for which they are used when they cannot be fetched again."""
AGAIN_AFTER: Final = 5.0
"""An unknown `kid` asks for a new look, but not more often than this (seconds): so late may a rotated key be known, and so little traffic a guesser makes."""
PATIENCE: Final = 1.0
"""Seconds that a request waits for a look at most."""
AGAIN_IN: Final = 2
"""Seconds after which whoever did not wait for a look may ask again: the deadline of one."""

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


class NotYet(FichehubError):
    """The key is not among those that are known here, and whether it is among those of today is being looked up: ask again in `AGAIN_IN` seconds."""


@dataclass(slots=True)
class _Fetched:
    """What is known of an address: its keys, when they were fetched and when that was last tried (monotonic).

    `looking` is set at the end of the look that goes on, `slow` while the last one took longer than anybody waits.
    """

    keys: dict[str, Any] | None = None
    at: float = -inf
    tried: float = -inf
    looking: Event | None = None
    slow: bool = False


def _in_background(work: Callable[[], None]) -> None:
    Thread(target=work, name="keys", daemon=True).start()


class FetchedKeys:
    """Keys that stand at an address of the partner, remembered per process for `FRESH` seconds; threads may share it.

    They are fetched by a thread of their own, one at a time for an address: whoever asks waits `patience` seconds for it, and not at all where it took longer the last
    time, so that an address that hangs holds up nobody. `open_http` makes the guarded client, whose deadline bounds the fetch; `clock` is monotonic; `start` runs the fetch.
    """

    def __init__(
        self,
        open_http: Callable[[], Http],
        clock: Callable[[], float] = time.monotonic,
        *,
        patience: float = PATIENCE,
        start: Callable[[Callable[[], None]], None] = _in_background,
    ) -> None:
        self._open_http = open_http
        self._clock = clock
        self._patience = patience
        self._start = start
        self._known: dict[str, _Fetched] = {}
        self._lock = Lock()

    def at(self, url: str, kid: str) -> dict[str, Any]:
        """The JWKS there; looked up anew when it is old or lacks `kid`. Without keys when none can be had, and then the log says why.

        Raises `NotYet` when `kid` is not known and the look is not over.
        """
        with self._lock:
            known = self._known.setdefault(url, _Fetched())
            now = self._clock()
            if known.keys is not None and now - known.at < FRESH and _has(known.keys, kid):
                return known.keys
            begins = known.looking is None and now - known.tried >= AGAIN_AFTER
            if begins:
                known.looking, known.tried = Event(), now
            looking, patient = known.looking, not known.slow
        if begins:
            try:
                self._start(partial(self._look, url, known))
            except RuntimeError:  # there is no thread to be had now; the next one who asks tries it again
                with self._lock:
                    known.looking = None
                raise
        if looking is not None and patient:
            looking.wait(self._patience)
        with self._lock:
            keys = known.keys if known.keys is not None and self._clock() - known.at < STALE else {"keys": []}
            if known.looking is not None:
                known.slow = known.slow or (patient and known.looking is looking)
                if not _has(keys, kid):
                    raise NotYet(f"The keys of this client are being fetched from where it publishes them. Ask again in {AGAIN_IN} seconds.")
            return keys

    def _look(self, url: str, known: _Fetched) -> None:
        began, keys = self._clock(), None
        try:
            keys = self._fetched(url)
        finally:
            with self._lock:
                now = self._clock()
                if keys is not None:
                    known.keys, known.at = keys, now
                known.slow = now - began > self._patience
                looking, known.looking = known.looking, None
            if looking is not None:
                looking.set()

    def _fetched(self, url: str) -> dict[str, Any] | None:
        try:
            answer = self._open_http().get(url, headers={"Accept": "application/jwk-set+json, application/json"})
            if answer.status != 200:
                raise Invalid(f"It answered {answer.status}, and 200 is expected.")
            return public_keys(orjson.loads(answer.content))
        except (ConnectorError, Invalid, orjson.JSONDecodeError) as error:
            # Without the query: some put a secret there.
            _log.warning("the keys of a client could not be fetched", address=url.partition("?")[0], reason=str(error))
            return None


def _has(keys: dict[str, Any], kid: str) -> bool:
    return any(key["kid"] == kid for key in keys["keys"])


def key_set(keys: dict[str, Any], kid: str) -> KeySet | None:
    """The one key with this `kid`, ready to verify with; None when there is none."""
    named = [key for key in keys["keys"] if key["kid"] == kid]
    return KeySet.import_key_set({"keys": named}) if named else None
