"""Schedules as administrators write them, in Belgian time.

`every 15 minutes`, `every 2 hours`, `every 1 day`, or `cron 0 3 * * *` (minute, hour, day, month, weekday). After a semicolon a second one
for the full reconcile: `every 15 minutes; full cron 0 3 * * sun`, or `full never`. Only the moments are worked out here; who runs is decided in `hub.jobs`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Protocol
from zlib import crc32

from apscheduler.triggers.cron import CronTrigger

from hub.connector import Connector, Source
from hub.errors import FieldError, Misconfigured
from hub.model.moments import BELGIUM

_EVERY = re.compile(r"every\s+(\d+)\s+(minute|hour|day)s?")
_SECONDS = {"minute": 60, "hour": 3600, "day": 86400}
LONGEST = 366
"""The longest interval, in days: once a year is seldom enough, and beyond the end of the calendar no moment can be worked out."""
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_WEEKDAY = "|".join(("[0-7]", *_WEEKDAYS))
_SOME_WEEKDAYS = re.compile(rf"(?:(?P<all>\*)|(?P<first>{_WEEKDAY})(?:-(?P<last>{_WEEKDAY}))?)(?:/(?P<step>[1-7]))?")
_CALENDAR = (datetime(2000, 1, 1, tzinfo=BELGIUM), datetime(2028, 1, 1, tzinfo=BELGIUM))
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
    and 7 are Sunday; and as there, where day of the month and weekday are both given, and neither begins with `*`, a day counts on which either matches.
    """

    def __init__(self, expression: str) -> None:
        fields = expression.split()
        weekday = fields[-1] if fields else ""
        if len(fields) == 5:
            fields[4] = _weekdays(weekday)
        either = len(fields) == 5 and not fields[2].startswith("*") and not weekday.startswith("*")
        readings = [[*fields[:4], "*"], [*fields[:2], "*", *fields[3:]]] if either else [fields]
        found = [CronTrigger.from_crontab(" ".join(reading), timezone=BELGIUM) for reading in readings]
        self._triggers = [trigger for trigger in found if _ever_comes(trigger)]
        if not self._triggers:
            raise ValueError("there is no such day in any year")
        self._every_hour = len(fields) == 5 and fields[1].startswith("*")

    def last(self, now: datetime) -> datetime | None:
        """See `Moments`; looks back a little over a year."""
        for back in _LOOK_BACK:
            found = self._from(now - back)
            if found is None or found > now:
                continue
            while (following := self._from(found + timedelta(microseconds=1))) is not None and following <= now:
                found = following
            return found
        return None

    def next(self, now: datetime) -> datetime | None:
        """See `Moments`."""
        return self._from(now + timedelta(microseconds=1))

    def _from(self, moment: datetime) -> datetime | None:
        while True:
            asked = moment.astimezone(BELGIUM)
            found = min(filter(None, (trigger.get_next_fire_time(None, asked) for trigger in self._triggers)), default=None)
            if found is None:
                return None
            moment = found.astimezone(UTC)
            if not moment.astimezone(BELGIUM).fold or self._every_hour:
                return moment
            moment += timedelta(minutes=1)  # the same time on the wall for the second time


def _ever_comes(trigger: CronTrigger) -> bool:
    """Whether it has a moment in the years of a whole cycle of leap days; one that has none would be looked for until the year 9999."""
    trigger.end_date = _CALENDAR[1]
    comes = trigger.get_next_fire_time(None, _CALENDAR[0]) is not None
    trigger.end_date = None
    return comes


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a connection runs; `full` when it starts from the beginning. `never_full`: somebody wants no such run."""

    normal: Moments | None = None
    full: Moments | None = None
    never_full: bool = False

    @property
    def leaves_full_open(self) -> bool:
        """Whether the connection runs by itself and nobody chose when it starts from the beginning."""
        return self.normal is not None and self.full is None and not self.never_full

    def last(self, now: datetime) -> datetime | None:
        """The latest moment at or before `now` at which the connection runs."""
        moments = [found for part in (self.normal, self.full) if part and (found := part.last(now))]
        return max(moments, default=None)

    def next(self, now: datetime) -> datetime | None:
        """The first moment after `now` at which the connection runs."""
        moments = [found for part in (self.normal, self.full) if part and (found := part.next(now))]
        return min(moments, default=None)


def _weekdays(field: str) -> str:
    """The weekdays of a crontab expression by their names: APScheduler counts them from Monday, crontab(5) from Sunday."""
    days: set[int] = set()
    for part in field.lower().split(","):
        found = _SOME_WEEKDAYS.fullmatch(part)
        if found is None or (found["step"] and found["first"] and not found["last"]):
            raise ValueError(f"{part[:20]!r} is no weekday; write 0 to 7 (0 and 7 are Sunday), sun to sat, 1-5, */2 or 0,6")
        first, last = (0, 6) if found["all"] else (_weekday(found["first"]), _weekday(found["last"] or found["first"]))
        if last == 0 < first:
            last = 7  # a week that ends on Sunday
        if last < first:
            raise ValueError(f"{part!r} runs backwards; a range of weekdays does not go beyond Sunday")
        days.update(day % 7 for day in range(first, last + 1, int(found["step"] or 1)))
    return "*" if len(days) == len(_WEEKDAYS) else ",".join(_WEEKDAYS[day] for day in sorted(days))


def _weekday(text: str) -> int:
    return int(text) if text.isdigit() else _WEEKDAYS.index(text)


def parse(text: str) -> Schedule:
    """What `text` means; an empty one never runs by itself. Raises `Misconfigured` naming the part that is not understood."""
    parts: dict[str, Moments] = {}
    never = False
    for part in filter(None, (piece.strip() for piece in text.split(";"))):
        name, rest = ("full", part[5:].strip()) if part.startswith("full ") else ("normal", part)
        if name in parts or (name == "full" and never):
            raise _not_understood(text, f"there is more than one {name} schedule")
        if part == "full never":
            never = True
        else:
            parts[name] = _moments(text, rest)
    return Schedule(parts.get("normal"), parts.get("full"), never)


def reconcile(name: str) -> str:
    """The default for the full reconcile of the connection `name`: a moment of its own in the night to Sunday, so that not all ask at once."""
    minute = crc32(name.encode()) % 240
    return f"cron {minute % 60} {1 + minute // 60} * * sun"


def kept(text: str) -> tuple[Schedule, str]:
    """What a schedule that is stored means, and what is wrong with it: one that cannot be read never runs by itself, and is a reason for nothing to fail."""
    try:
        return parse(text), ""
    except Misconfigured as error:
        return Schedule(), error.message


def planned(kind: type[Connector] | None, name: str, text: str, cursor: str | None) -> tuple[Schedule, str]:
    """When a connection runs, and what is wrong with the text of its schedule.

    A source whose runs go on from a `cursor` and whose schedule says nothing of whole runs is read whole once a week: only that shows what it no longer has,
    and brings what was lost on the way.
    """
    found, wrong = kept(text)
    default = default_reconcile(kind, name, text) if cursor is not None else None
    return (found if default is None else replace(found, full=parse(f"full {default}").full)), wrong


def default_reconcile(kind: type[Connector] | None, name: str, text: str) -> str | None:
    """When a source is read whole, once it runs from a cursor, as part of a schedule; None when its own schedule says it."""
    found, _ = kept(text)
    return reconcile(name) if kind is not None and issubclass(kind, Source) and found.leaves_full_open else None


def _moments(text: str, part: str) -> Moments:
    every = _EVERY.fullmatch(part)
    if every:
        seconds = int(every[1].lstrip("0")[:9] or 0) * _SECONDS[every[2]]
        if seconds < 1:
            raise _not_understood(text, f"{part!r} would never stop")
        if seconds > LONGEST * _SECONDS["day"]:
            raise _not_understood(text, f"{part[:80]!r} is too seldom; every {LONGEST} days is the most")
        return Every(seconds)
    if part.startswith("cron "):
        try:
            return Cron(part[5:].strip())
        except ValueError as error:
            raise _not_understood(text, f"{part!r}: {error}") from error
    raise _not_understood(text, f"{part!r} is neither 'every N minutes' nor 'cron ...'")


def _not_understood(text: str, reason: str) -> Misconfigured:
    message = f"The schedule is not understood: {reason}. Write for example: every 15 minutes; full cron 0 3 * * sun"
    return Misconfigured(message, (FieldError("schedule", reason, text[:100]),))
