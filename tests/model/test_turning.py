"""Every date by which the projection shows something or not is one of `TURNS`, at whose turn the change log tells of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest

from hub.model.audience import Grant, project, stamp
from hub.model.declarations import (
    Field,
    ListOf,
    MapOf,
    Number,
    Record,
    Shape,
    Words,
    fiche_record,
    part_record,
)
from hub.model.fiche import KINDS, PARTS, Document, Kind
from hub.model.turning import TURNS, ahead, last_days, turned

DAY = date(2026, 6, 15)
AROUND = [(DAY + timedelta(days=days)).isoformat() for days in (-2, -1, 0, 1, 2)]


def some(shape: Shape, *, with_date: str = "") -> Any:
    """A value of this shape with what it must have, and with the date of this name."""
    match shape:
        case ListOf(item):
            return [some(item, with_date=with_date)]
        case Record():
            return {
                field.name: DAY.isoformat() if field.name == with_date else some(field.shape)
                for field in shape
                if field.required or field.name == with_date or field.name in ("available", "note")
            }
        case Words(format, choices):
            return choices[0] if choices else DAY.isoformat() if format == "date" else "x"
        case Number(minimum):
            return minimum
        case MapOf(keys, choices):
            return {keys[0]: choices[0]}
    return True


def dates(shape: Shape) -> Iterator[str]:
    """The names of the dates in a record, or in each item of a list of them."""
    record = shape.item if isinstance(shape, ListOf) else shape
    if isinstance(record, Record):
        for field in record:
            if isinstance(field.shape, Words) and field.shape.format == "date":
                yield field.name


def fields() -> Iterator[tuple[Kind, str, Field]]:
    """Every field of every fiche and, with the field that holds them, of every part."""
    for kind in KINDS:
        for field in fiche_record(kind):
            yield kind, "", field
    for name, (kind, _, _) in PARTS.items():
        for field in part_record(name):
            yield kind, name, field


CASES = [(kind, within, field, name) for kind, within, field in fields() for name in dates(field.shape)]


@pytest.mark.parametrize(("kind", "within", "field", "name"), CASES, ids=lambda value: getattr(value, "name", str(value)))
@pytest.mark.parametrize("level", ["public", "internal"])
def test_what_is_shown_changes_by_the_calendar_where_the_table_says_so(kind: Kind, within: str, field: Field, name: str, level: Any) -> None:
    value = some(field.shape, with_date=name)
    content: Document = {"id": "x", "kind": kind}
    content |= {within: [{"id": "y", field.name: value}]} if within else {field.name: value}
    document = stamp(kind, content)
    shown = [project(document, Grant(level=level), today) for today in AROUND]
    turns = [before for before, this, then in zip(AROUND, shown, shown[1:], strict=False) if this != then]
    assert turns == (list(last_days(document, field.name)) if field.name in TURNS and not within else [])


def test_the_table_names_only_dates_that_there_are() -> None:
    known = {(field.name, name) for _, within, field, name in CASES if not within}
    assert {(field, name) for field, names in TURNS.items() for name in names} <= known


def test_without_a_date_or_a_day_nothing_has_turned() -> None:
    assert not turned({}, "valid_until", "2026-06-15") and not ahead({}, "valid_from", "2026-06-15")
    said = {"valid_until": "2020-01-01", "valid_from": "2999-01-01"}
    assert not turned(said, "valid_until", "") and not ahead(said, "valid_from", "")
