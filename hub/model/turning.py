"""Values that read otherwise from some day on, without anybody touching them: which dates do that, and on which day.

The projection and the change log both go by this table, so whatever the calendar hides or shows is a change (`hub.store.expiring`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import Final

from hub.model.fiche import Document

TURNS: Final[Mapping[str, tuple[str, ...]]] = {
    "patientenstop": ("valid_until",),
    "on_call": ("valid_until",),
    "waiting_list": ("valid_until",),
    "capacity": ("valid_until",),
    "gov_info": ("valid_from", "valid_until", "withdrawn_at"),
}
"""Field of a fiche -> the dates in its value, or in each item of it, that it turns at."""
TURNING: Final = frozenset(TURNS)
_THE_DAY_AFTER: Final = "valid_until"  # it is the last day; the others are the first of what comes then


def turned(item: Document, name: str, today: str) -> bool:
    """Whether the day of this date has come: the value has begun, run out or been withdrawn. Without a date, or without a `today`, it has not."""
    day: str | None = item.get(name)
    return bool(day and today) and (day < today if name == _THE_DAY_AFTER else day <= today)  # type: ignore[operator]


def ahead(item: Document, name: str, today: str) -> bool:
    """Whether it has a date whose day is still to come."""
    return bool(today) and name in item and not turned(item, name, today)


def last_days(document: Document, field: str) -> Iterator[str]:
    """The days on which something in this field of a fiche reads for the last time as it does, in no order."""
    value = document.get(field)
    if value:
        for item in value if isinstance(value, list) else (value,):
            for name in TURNS[field]:
                if name in item:
                    yield item[name] if name == _THE_DAY_AFTER else _eve(item[name])


def _eve(day: str) -> str:
    return (date.fromisoformat(day) - timedelta(days=1)).isoformat() if day > date.min.isoformat() else day
