"""Whose credentials are whose, remembered as long as nobody at all wrote to the database, they hold, and the day lasts.

So a key that is revoked, and an agreement that is changed or paused, counts with the very next request; nothing is remembered where the database does not say whether
anybody wrote (PostgreSQL).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from hub.model.audience import Grant
from hub.model.moments import to_second
from hub.store import Store
from hub.store.log_reading import State

MOST: Final = 1_000
"""Credentials that are remembered, the newest."""


@dataclass(frozen=True, slots=True)
class Asker:
    """Who sent good credentials. `via`: how the audit trail names them; `prefix`: how an API key begins, "" for an access token.

    `holds_until`: the last second at which a key holds; `ends_at`: that at which a token does not any more, since the epoch. None: no end of its own.
    """

    grant: Grant
    via: str
    prefix: str
    holds_until: str | None = None
    ends_at: int | None = None

    def holds(self, now: datetime) -> bool:
        """Whether the credentials hold still, as far as the moment decides."""
        if self.ends_at is not None and self.ends_at <= now.timestamp():
            return False
        return self.holds_until is None or self.holds_until >= to_second(now)


class Recognised:
    """The askers of one application; threads may share it. Credentials are known by a hash alone."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[bytes, tuple[State, str, Asker]] = {}

    def of(self, credential: bytes) -> Asker | None:
        """Whose credentials these are, if that is known and certain at this moment."""
        known = self._known.get(credential)
        if known is None:
            return None
        seen, day, asker = known
        stands = self._store.seen() is seen and day == self._store.today() and asker.holds(self._store.now())
        return asker if stands else None

    def keep(self, credential: bytes, seen: State | None, day: str, asker: Asker) -> None:
        """Remember whose they are, as it was read after the store was `seen` so, and after that day had begun."""
        if seen is None:
            return
        self._known.pop(credential, None)
        self._known[credential] = seen, day, asker
        while len(self._known) > MOST:
            self._known.pop(next(iter(self._known)), None)


def credential_of(key: str) -> bytes:
    """What stands for a key or a token."""
    return hashlib.sha256(key.encode()).digest()
