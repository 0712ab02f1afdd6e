"""Values that go stale, and which of several still counts: whoever asked last knows, and what was over by then says nothing any more."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from hub.model.fiche import Document
from hub.model.moments import belgian_day

_NEVER: Final = datetime.min.replace(tzinfo=UTC)
Said = tuple[int, Any, Document]
"""`(rank, whose, value)`"""


def lasting(stated: Sequence[Said], owns: Callable[[Any], bool] = lambda whose: False) -> list[Said]:
    """Those of these volatile values that count, best first; never none. Of equals the one that was asserted last comes first.

    A value that ran out before another one was asserted does not count, whatever its rank, unless it is an owner's (`owns`).
    """
    latest = max(_spoken_for(value) for _, _, value in stated)
    counting = [one for one in stated if one[2].get("valid_until", latest) >= latest or owns(one[1])]
    counting.sort(key=lambda one: _asserted(one[2]), reverse=True)
    counting.sort(key=lambda one: one[0])
    return counting


def was_over(value: Document, other: Document) -> bool:
    """Whether the value ran out before the other one was asserted."""
    return "valid_until" in value and value["valid_until"] < _spoken_for(other)


def _spoken_for(value: Document) -> str:
    """The day in Belgium on which it was asserted, empty when it does not say; but no later than its own last day, of what comes after it knows nothing."""
    at: str | None = value.get("asserted_at")
    if at is None:
        return ""
    try:
        day = belgian_day(at)
    except OverflowError:  # in the first or last hours of the calendar
        day = at[:10]
    until: str = value.get("valid_until", day)
    return min(day, until)


def _asserted(value: Document) -> datetime:
    return datetime.fromisoformat(value["asserted_at"]) if "asserted_at" in value else _NEVER
