"""Moments as the database and the outputs have them: RFC 3339 in UTC (https://www.rfc-editor.org/rfc/rfc3339). Those of one form sort as text."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
_MOMENT: Final = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})")
BELGIUM: Final = ZoneInfo("Europe/Brussels")
"""Where days begin and end, and schedules are kept."""
_LAST_SECOND: Final = time(23, 59, 59)
SKEW: Final = timedelta(minutes=10)
"""By so much two clocks may differ, or one may be put right, without anybody minding."""


def to_second(at: datetime) -> str:
    """`2026-11-22T09:00:00Z`, as everything has it but the change log and the audit trail."""
    return _written(at, "seconds")


def to_millisecond(at: datetime) -> str:
    """`2026-11-22T09:00:00.000Z`, as the change log and the audit trail have it."""
    return _written(at, "milliseconds")


def latest(now: datetime, longest: timedelta = timedelta()) -> str:
    """As `to_second`, the latest moment that can have been put `longest` after a `now` that is past. What lies beyond was written before the clock was put back."""
    return to_second(now + longest + SKEW)


def lies_ahead(at: str, now: datetime, longest: timedelta) -> bool:
    """Whether `at` (as `to_second`), which was put at most `longest` after its writer's now, is to be waited for: not when the clock was put back meanwhile."""
    return to_second(now) < at <= latest(now, longest)


def _written(at: datetime, timespec: str) -> str:
    return at.astimezone(UTC).isoformat(timespec=timespec).replace("+00:00", "Z")


def day_of(text: str) -> str | None:
    """The day that somebody gave as `2026-11-22`; None for what is no such day."""
    try:
        return date.fromisoformat(text).isoformat() if _DAY.fullmatch(text) else None
    except ValueError:
        return None


def belgian_day(at: str) -> str:
    """The day in Belgium on which a moment of the database lies, `YYYY-MM-DD`."""
    return local_day(datetime.fromisoformat(at))


def local_day(at: datetime) -> str:
    """The same of a moment: `valid_until` speaks of days in Belgium."""
    return at.astimezone(BELGIUM).date().isoformat()


def end_of(day: str) -> datetime:
    """The moment, in UTC, at which a day has just ended in Belgium."""
    return datetime.combine(date.fromisoformat(day) + timedelta(days=1), time(), BELGIUM).astimezone(UTC)


@lru_cache(maxsize=256)
def last_moment_of(text: str) -> str | None:
    """As `to_second`, the moment that somebody gave by RFC 3339, or the last one of a day in Belgium; None for what is neither."""
    try:
        if _DAY.fullmatch(text):
            return to_second(datetime.combine(date.fromisoformat(text), _LAST_SECOND, BELGIUM))
        return to_second(datetime.fromisoformat(text)) if _MOMENT.fullmatch(text) else None
    except (ValueError, OverflowError):
        return None
