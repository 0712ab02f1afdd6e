"""Schedules as administrators write them, in Belgian time.

`every 15 minutes`, `every 2 hours`, `every 1 day`, or `cron 0 3 * * *` (minute, hour, day, month, weekday). After a semicolon a second one
for the full reconcile: `every 15 minutes; full cron 0 3 * * sun`. Only the moments are worked out here; who runs is decided in `hub.jobs`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from apscheduler.triggers.cron import CronTrigger

from hub.errors import FieldError, Misconfigured

ZONE = ZoneInfo("Europe/Brussels")
_EVERY = re.compile(r"every\s+(\d+)\s+(minute|hour|day)s?")
_SECONDS = {"minute": 60, "hour": 3600, "day": 86400}
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_WEEKDAY = re.compile(r"(?<![/\w])[0-7](?!\w)")
_LOOK_BACK = (timedelta(hours=2), timedelta(days=2), timedelta(days=35), timedelta(days=400))


class Moments(Protocol):
    """A row of moments. All are aware, in UTC."""

    def last(self, now: datetime) -> datetime | None:
        """The latest moment at or before `now`."""
        ...

    def next(self, now: datetime) -> datetime | None:
        """The first moment after `now`."""
        ...


@dataclass(frozen=True, slots=True)
class Every:
    """Whole multiples of an interval, counted from the epoch, so that every process names the same moments."""

    seconds: int

    def last(self, now: datetime) -> datetime | None:
        """See `Moments`."""
        return datetime.fromtimestamp(now.timestamp() // self.seconds * self.seconds, UTC)

    def next(self, now: datetime) -> datetime | None:
        """See `Moments`."""
        return datetime.fromtimestamp((now.timestamp() // self.seconds + 1) * self.seconds, UTC)


class Cron:
    """A crontab expression in Belgian time, once per moment that the clock on the wall shows.

    In the night that the clock goes back, 02:30 comes twice and counts once, the first time, unless the hour is `*`: every 15 minutes stays every
    15 minutes. In the night that it goes forward, 02:30 does not come; it counts at 03:30. Numbers of weekdays are those of crontab(5): 0
    and 7 are Sunday.
    """

    def __init__(self, expression: str) -> None:
        fields = expression.split()
        if len(fields) == 5:
            fields[4] = _WEEKDAY.sub(lambda found: _WEEKDAYS[int(found[0]) % 7], fields[4])
        self._trigger = CronTrigger.from_crontab(" ".join(fields), timezone=ZONE)
        self._every_hour = len(fields) == 5 and fields[1].startswith("*")

    def last(self, now: datetime) -> datetime | None:
        """See `Moments`; looks back a little over a year."""
        for back in _LOOK_BACK:
            found = self._from(now - back)
            if found is None or found > now:
                continue
            while (
                following := self._from(found + timedelta(microseconds=1))
            ) is not None and following <= now:
                found = following
            return found
        return None

    def next(self, now: datetime) -> datetime | None:
        """See `Moments`."""
        return self._from(now + timedelta(microseconds=1))

    def _from(self, moment: datetime) -> datetime | None:
        while True:
            found: datetime | None = self._trigger.get_next_fire_time(None, moment.astimezone(ZONE))
            if found is None:
                return None
            moment = found.astimezone(UTC)
            if not moment.astimezone(ZONE).fold or self._every_hour:
                return moment
            moment += timedelta(minutes=1)  # the same time on the wall for the second time


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a connection runs; `full` when it starts from the beginning."""

    normal: Moments | None = None
    full: Moments | None = None

    def next(self, now: datetime) -> datetime | None:
        """The first moment after `now` at which the connection runs."""
        moments = [found for part in (self.normal, self.full) if part and (found := part.next(now))]
        return min(moments, default=None)


def parse(text: str) -> Schedule:
    """What `text` means; an empty one never runs by itself. Raises `Misconfigured` naming the part that is not understood."""
    parts: dict[str, Moments] = {}
    for part in filter(None, (piece.strip() for piece in text.split(";"))):
        name, rest = ("full", part[5:].strip()) if part.startswith("full ") else ("normal", part)
        if name in parts:
            raise _not_understood(text, f"there is more than one {name} schedule")
        parts[name] = _moments(text, rest)
    return Schedule(parts.get("normal"), parts.get("full"))


def _moments(text: str, part: str) -> Moments:
    every = _EVERY.fullmatch(part)
    if every:
        if int(every[1]) < 1:
            raise _not_understood(text, f"{part!r} would never stop")
        return Every(int(every[1]) * _SECONDS[every[2]])
    if part.startswith("cron "):
        try:
            return Cron(part[5:].strip())
        except ValueError as error:
            raise _not_understood(text, f"{part!r}: {error}") from error
    raise _not_understood(text, f"{part!r} is neither 'every N minutes' nor 'cron ...'")


def _not_understood(text: str, reason: str) -> Misconfigured:
    message = f"The schedule is not understood: {reason}. Write for example: every 15 minutes; full cron 0 3 * * sun"
    return Misconfigured(message, (FieldError("schedule", reason, text[:100]),))
