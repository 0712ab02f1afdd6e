"""Dates of a request: what `eq`, `lt`, `sa` and the others mean, for periods of days and for the moment of the last change.

https://hl7.org/fhir/R4/search.html#prefix
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Final

from hub import BELGIUM, Criterion, Query
from plugins.fhir.criteria import Condition, Given, unescape
from plugins.fhir.moments import span

PREFIXES: Final = ("eq", "ne", "gt", "ge", "lt", "le", "sa", "eb", "ap")
_PREFIXED: Final = re.compile(rf"({'|'.join(PREFIXES)})?(.*)", re.DOTALL)
_ABOUT: Final = timedelta(days=1)
"""So much earlier or later is about the same time."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One value of a date: a prefix, and from when until when (left out) the value lasts."""

    prefix: str
    start: datetime
    end: datetime

    @classmethod
    def of(cls, name: str, value: str) -> Asked:
        """`ge2026-11-22`. Raises `Invalid`."""
        found = _PREFIXED.fullmatch(unescape(value).strip())
        assert found is not None  # it may be anything
        start, end = span(name, found[2])
        return cls(found[1] or "eq", start, end)


def period(given: Given) -> list[Condition]:
    """From when until when it holds, both days included."""
    name = given.name
    boxes = [box for value in given.values for box in _boxes(Asked.of(name, value))]
    return [Criterion("period", tuple(boxes))]


def _boxes(asked: Asked) -> list[str]:
    """What the first and the last day may be, as `a..b|c..d`; one of the boxes must hold both."""
    starts_from, starts_before = _ceiling(asked.start), _ceiling(asked.start) - timedelta(days=1)
    ends_by, ends_after = _floor(asked.end) - timedelta(days=1), _floor(asked.end)
    within = f"{starts_from}..|..{ends_by}"
    earlier, later = f"..{starts_before}|..", f"..|{ends_after}.."
    match asked.prefix:
        case "eq":
            return [within]
        case "ne":
            return [earlier, later]
        case "gt":
            return [later]
        case "ge":
            return [within, later]
        case "lt":
            return [earlier]
        case "le":
            return [within, earlier]
        case "sa":
            return [f"{_ceiling(asked.end)}..|.."]
        case "eb":
            return [f"..|..{_floor(asked.start) - timedelta(days=1)}"]
    begins = _ceiling(asked.end + _ABOUT) - timedelta(days=1)
    return [f"..{begins}|{_floor(asked.start - _ABOUT)}.."]


def _floor(moment: datetime) -> date:
    """The Belgian day that the moment is in."""
    return moment.astimezone(BELGIUM).date()


def _ceiling(moment: datetime) -> date:
    """The first Belgian day that does not begin before the moment."""
    local = moment.astimezone(BELGIUM)
    return local.date() if local.time() == time(0) else local.date() + timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Changed(Criterion):
    """When it changed last, as it was asked: `with_seqs` makes it a criterion that the hub can use."""

    asked: tuple[Asked, ...] = ()


def changed(given: Given) -> list[Condition]:
    """When the resource changed last for the asker. Raises `Invalid`."""
    return [Changed("updated", asked=tuple(Asked.of(given.name, value) for value in given.values))]


def with_seqs(query: Query, seq_at: Callable[[datetime], int]) -> Query:
    """The query with the moments of last changes as numbers of the log, also in chains; `seq_at` gives the last seq before a moment.

    A moment to come is the newest seq as long as it has not come, so this is for when the query is asked, not for when it was understood.
    """
    where = tuple(last_change(each.asked, seq_at) if isinstance(each, Changed) else each for each in query.where)
    linked = tuple(replace(each, query=with_seqs(each.query, seq_at)) for each in query.linked)
    return query if (where, linked) == (query.where, query.linked) else replace(query, where=where, linked=linked)


def last_change(asked: tuple[Asked, ...], seq_at: Callable[[datetime], int]) -> Criterion:
    """The last change lies in one of these times; `seq_at` gives the last seq before a moment."""
    ranges: list[str] = []
    for each in asked:
        around = _ABOUT if each.prefix == "ap" else timedelta()
        before, upto = seq_at(each.start - around), seq_at(each.end + around)
        match each.prefix:
            case "eq" | "ap":
                ranges.append(f"{before}..{upto}")
            case "ne":
                ranges += [f"..{before}", f"{upto}.."]
            case "gt" | "sa":
                ranges.append(f"{upto}..")
            case "ge":
                ranges.append(f"{before}..")
            case "lt" | "eb":
                ranges.append(f"..{before}")
            case _:
                ranges.append(f"..{upto}")
    return Criterion("updated", tuple(ranges))
