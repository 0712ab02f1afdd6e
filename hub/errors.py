"""Every error of the hub, grouped by what the caller does next.

    FichehubError
    ├── ConnectorError            a run reacts to it
    │   ├── Rejected              one row is wrong: record it, go on
    │   ├── Unreachable           keep the cursor, retry with full jitter, obey `retry_after`
    │   ├── AuthFailed            pause the connection, tell the administrator
    │   ├── Misconfigured         never start
    │   └── CursorExpired         the source no longer knows our cursor: start a full resync
    ├── RequestError              an asker reacts to it
    │   ├── Invalid               what was asked or sent is wrong: which field, why
    │   ├── NotFound              there is nothing here for this asker
    │   ├── Gone                  it was here and has been removed
    │   ├── Moved                 it lives under another id now
    │   ├── CursorGone            the cursor is too old, or ahead of the log: where to start again
    │   ├── Locked                the field belongs to an authentic source: who, and by which route
    │   └── Forbidden             the agreement does not allow this
    │       └── Paused            not now: what stands waits until it is resumed
    └── StoreBusy                 the database stayed locked through every retry

`message` is for the user: what is wrong, where, and what to do. The cause (`__cause__`) is for us and never leaves the house.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from string import Formatter
from typing import Final


@dataclass(frozen=True, slots=True)
class FieldError:
    """One thing wrong: `path` names the field (`contacts.0.value`), `reason` says why, `value` is what was given (shortened)."""

    path: str
    reason: str
    value: str | None = None


class Sentence:
    """A message of the hub's own, with `{places}` to fill in; who shows it in another language recognises it and what was filled in.

    A place takes one word, such as an address or a number; the place `why` takes any text.
    """

    def __init__(self, text: str) -> None:
        self.text = text

    def __call__(self, **places: object) -> str:
        """The message."""
        return self.text.format(**places)

    def places_in(self, message: str) -> Mapping[str, str] | None:
        """What was filled in to make this message; None when it is another one."""
        found = self._shape.fullmatch(message)
        return None if found is None else found.groupdict()

    @cached_property
    def _shape(self) -> re.Pattern[str]:
        pieces = [
            re.escape(text) + ("" if place is None else f"(?P<{place}>{'.+' if place == 'why' else r'[^ ]+'})")
            for text, place, _, _ in Formatter().parse(self.text)
        ]
        return re.compile("".join(pieces), re.DOTALL)


class FichehubError(Exception):
    """The root; `message` can be shown to whoever caused it."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class ConnectorError(FichehubError):
    """Something between us and a partner."""


class Rejected(ConnectorError):
    """One row cannot be used; the run records it with its field and reason, and goes on."""

    def __init__(self, message: str, *, external_id: str = "", field: str = "", raw: str = "") -> None:
        super().__init__(message)
        self.external_id = external_id
        self.field = field
        self.raw = raw


class Unreachable(ConnectorError):
    """The partner does not answer, or not in full. `retry_after`: seconds that it asked us to wait, `LONGEST_WAIT` at most."""

    LONGEST_WAIT: Final = 86_400.0
    """A day: who asks for more is asked again then. One header gone wrong must not silence a partner for a year."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        # NaN is not at least 0 either.
        self.retry_after = min(retry_after, self.LONGEST_WAIT) if retry_after is not None and retry_after >= 0 else None


class AuthFailed(ConnectorError):
    """The partner refuses our credentials."""


class Misconfigured(ConnectorError):
    """The connection's configuration cannot work; `errors` names the fields."""

    def __init__(self, message: str, errors: tuple[FieldError, ...] = ()) -> None:
        super().__init__(message)
        self.errors = errors


class CursorExpired(ConnectorError):
    """The partner no longer knows our cursor; the next run starts from the beginning."""


class RequestError(FichehubError):
    """Something between us and whoever asks."""


class Invalid(RequestError):
    """What was asked or sent is wrong; `errors` names each field and the reason."""

    def __init__(self, message: str, errors: tuple[FieldError, ...] = ()) -> None:
        super().__init__(message)
        self.errors = errors


class NotFound(RequestError):
    """Nothing here that this asker may see."""


class Gone(RequestError):
    """It was here; `seq` is the change that removed it."""

    def __init__(self, message: str, *, seq: int = 0) -> None:
        super().__init__(message)
        self.seq = seq


class Moved(RequestError):
    """Two fiches turned out to be one; `id` is the one that stays."""

    def __init__(self, message: str, *, id: str) -> None:
        super().__init__(message)
        self.id = id


class CursorGone(RequestError):
    """The cursor lies before what is kept, or ahead of all that has happened; `oldest` is the first seq that can still be asked for.

    `start_again` is the address where everything can be read again, when that is not the one that was asked for.
    """

    def __init__(self, message: str, *, oldest: int, start_again: str = "") -> None:
        super().__init__(message)
        self.oldest = oldest
        self.start_again = start_again


class Locked(RequestError):
    """The field belongs to an authentic source: `owner` is its name, `route` tells where a correction can be sent."""

    def __init__(self, message: str, *, field: str, owner: str, route: str) -> None:
        super().__init__(message)
        self.field = field
        self.owner = owner
        self.route = route


class Forbidden(RequestError):
    """The asker's agreement does not allow this."""


class Paused(Forbidden):
    """The asker's agreement is paused; it holds again when an administrator resumes it."""


class StoreBusy(FichehubError):
    """The database stayed locked, or kept refusing the transaction, through every retry."""
