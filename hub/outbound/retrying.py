"""Whether and when a call is tried again: bounded, with full jitter, and as the partner asks."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

import tenacity

from hub.errors import Unreachable
from hub.model.moments import to_second
from hub.outbound import sentences

_IN_SECONDS: Final = 3600
"""A wait of up to an hour is told in seconds."""


class Retryable(Unreachable):
    """A fault that another attempt may get past. `harmless`: the partner cannot have acted on the request."""

    def __init__(self, message: str, retry_after: float | None = None, *, harmless: bool = False) -> None:
        super().__init__(message, retry_after=retry_after)
        self.harmless = harmless


class WaitAsAsked(tenacity.wait.wait_base):
    """As long as the partner asked, else as `otherwise` says."""

    def __init__(self, otherwise: tenacity.wait.wait_base) -> None:
        self._otherwise = otherwise

    def __call__(self, retry_state: tenacity.RetryCallState) -> float:
        error = retry_state.outcome.exception() if retry_state.outcome else None
        asked = error.retry_after if isinstance(error, Retryable) else None
        return self._otherwise(retry_state) if asked is None else asked


class AskedTooMuch(tenacity.stop.stop_base):
    """Give up when the partner asks for more than `longest` seconds."""

    def __init__(self, longest: float) -> None:
        self._longest = longest

    def __call__(self, retry_state: tenacity.RetryCallState) -> bool:
        error = retry_state.outcome.exception() if retry_state.outcome else None
        return isinstance(error, Retryable) and (error.retry_after or 0) > self._longest


def seconds_of(text: str | None, now: Callable[[], datetime]) -> float | None:
    """A Retry-After header (RFC 9110 section 10.2.3) as seconds from now; `None` when there is none that can be read."""
    if text is None:
        return None
    text = text.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return max(0.0, (at.replace(tzinfo=at.tzinfo or UTC) - now()).total_seconds())


def asks_to_wait(address: str, status: int, seconds: float, now: datetime) -> str:
    """The words for an answer that asks to come back later."""
    if seconds <= _IN_SECONDS:
        return sentences.ASKS_TO_WAIT(address=address, status=status, seconds=f"{seconds:.0f}")
    return sentences.ASKS_TO_WAIT_UNTIL(address=address, status=status, moment=to_second(now + timedelta(seconds=seconds)))
