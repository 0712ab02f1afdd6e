"""Moments and spans of time as FHIR writes them. https://hl7.org/fhir/R4/datatypes.html#dateTime"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Final

from hub import BELGIUM, Invalid
from plugins.fhir.refusing import invalid

_SHAPE: Final = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,12}))?)?(Z|[+-]\d\d:\d\d)?)?)?)?")
_EARLIEST: Final = datetime(1900, 1, 1, tzinfo=UTC)
_LATEST: Final = datetime(2900, 1, 1, tzinfo=UTC)
_ZONE_AFTER_BLANK: Final = re.compile(r"(T[^\sT]+) (\d\d:\d\d)")


def with_plus(value: str) -> str:
    """The value with the plus of a zone that was lost in an address that nobody encoded, where it arrived as a blank."""
    return _ZONE_AFTER_BLANK.sub(r"\1+\2", value)


def span(name: str, value: str) -> tuple[datetime, datetime]:
    """From when until when (left out) `value` lasts: `2026-11` a month, `2026-11-22T09:00Z` a minute, a moment its millisecond.

    Without a zone it is Belgian time. A plus that was lost in an address that nobody encoded arrives as a blank and is understood. Raises `Invalid`.
    """
    found = _SHAPE.fullmatch(with_plus(value.strip()))
    if found is None:
        raise _wrong(name, value)
    year, month, day, hour, minute, second, fraction, zone = found.groups()
    try:
        seconds = int(second or 0)
        if seconds > 60:
            raise ValueError(second)
        thousandths = int((fraction or "0")[:3].ljust(3, "0"))
        minute_of = (int(year), int(month or 1), int(day or 1), int(hour or 0), int(minute or 0))
        # A leap second is the one before it.
        plain = datetime(*minute_of, min(seconds, 59), thousandths * 1000)  # noqa: DTZ001 - the zone follows
        start = plain.replace(tzinfo=_zone(zone))
        end = _end(plain, month, day, hour, second, fraction).replace(tzinfo=_zone(zone))
        return _bounded(start), _bounded(end)
    except OverflowError:
        bound = _EARLIEST if int(year) < 1000 else _LATEST
        return bound, bound
    except ValueError:
        raise _wrong(name, value) from None


def moment(name: str, value: str) -> datetime:
    """The beginning of `span`: what `_since` means. Raises `Invalid`."""
    return span(name, value)[0]


def _end(start: datetime, month: str | None, day: str | None, hour: str | None, second: str | None, fraction: str | None) -> datetime:
    if month is None:
        return (start + timedelta(days=366)).replace(month=1, day=1)
    if day is None:
        return (start + timedelta(days=32)).replace(day=1)
    if hour is None:
        return start + timedelta(days=1)
    if second is None:
        return start + timedelta(minutes=1)
    return start + (timedelta(seconds=1) if fraction is None else timedelta(milliseconds=1))


def _zone(zone: str | None) -> tzinfo:
    if zone is None:
        return BELGIUM
    if zone == "Z":
        return UTC
    hours, minutes = int(zone[1:3]), int(zone[4:])
    offset = timedelta(hours=hours, minutes=minutes)
    return timezone(-offset if zone[0] == "-" else offset)


def _bounded(at: datetime) -> datetime:
    """Within the years that the change log can spell: some clients send the first moment that their language knows."""
    return min(max(at.astimezone(UTC), _EARLIEST), _LATEST)


def _wrong(name: str, value: str) -> Invalid:
    reason = "a date or a moment is expected, such as 2026-11-22 or 2026-11-22T09:00:00+01:00 (in an address: %2B01:00)."
    return invalid(name, reason, value)
