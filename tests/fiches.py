"""Random fiches for properties, generated from the same declarations as the checker: whatever is declared is tried."""

from __future__ import annotations

import itertools
from typing import Any

from hypothesis import strategies as st

from hub.model.declarations import Flag, ListOf, MapOf, Number, Record, Shape, Words, fiche_record
from hub.model.fiche import Kind

_DATES = st.dates().map(lambda day: day.isoformat())
_FORMATS: dict[str, st.SearchStrategy[str]] = {
    "date": _DATES,
    "moment": st.datetimes().map(lambda moment: moment.isoformat(timespec="seconds") + "Z"),
    "time": st.sampled_from(["00:00", "09:30", "24:00"]),
    "opening time": st.sampled_from(["00:00", "08:15", "23:59"]),
    "uuid": st.uuids().map(str),
    "url": st.sampled_from(["https://example.org/a?b=1", "http://example.org", "mailto:zorg@example.org"]),
    "language": st.sampled_from(["nl", "fr", "ar", "rmy"]),
    "identifier system": st.sampled_from(["kbo", "riziv", "sociale-kaart"]),
}
_TEXT = st.sampled_from(["Zorg", " ", "a\nb", "Ø", "𝕏", "\\u0000", "\x1f", "\u2028", "null"])


@st.composite
def fiches(draw: st.DrawFn, kind: Kind, *, claim: bool = False) -> dict[str, Any]:
    """A fiche of this kind that is good in every respect; with `claim` a partial one."""
    return _record(draw, fiche_record(kind, claim=claim), numbers=None)


@st.composite
def canary_fiches(draw: st.DrawFn, kind: Kind) -> dict[str, Any]:
    """A good fiche in which every free text is a different canary: `canary-17.`"""
    return _record(draw, fiche_record(kind), numbers=itertools.count(1))


def _record(draw: st.DrawFn, record: Record, numbers: itertools.count[int] | None) -> dict[str, Any]:
    form = draw(st.sampled_from(record.forms)) if record.forms else ()
    optional = [f.name for f in record if not f.required and f.name not in form]
    chosen = draw(st.sets(st.sampled_from(optional), max_size=6)) if optional else set()
    if not form and not any(f.required for f in record) and chosen <= {"visibility"} and not record.may_be_empty:
        chosen |= {draw(st.sampled_from([name for name in optional if name != "visibility"]))}
    return {f.name: _value(draw, f.shape, numbers) for f in record if f.required or f.name in form or f.name in chosen}


def _value(draw: st.DrawFn, shape: Shape, numbers: itertools.count[int] | None) -> Any:
    match shape:
        case Words(choices=choices) if choices:
            return draw(st.sampled_from(choices))
        case Words(format=str(word)):
            return draw(_FORMATS[word])
        case Words():
            return draw(_TEXT) if numbers is None else f"canary-{next(numbers)}."
        case Flag():
            return draw(st.booleans())
        case Number(minimum=low, maximum=high, fraction=False):
            return draw(st.integers(int(low), int(high)))
        case Number(minimum=low, maximum=high):
            return draw(st.floats(low, high))
        case ListOf(item=item):
            return [_value(draw, item, numbers) for _ in range(draw(st.sampled_from((1, 1, 2))))]
        case MapOf(keys=keys, choices=choices):
            return draw(st.dictionaries(st.sampled_from(keys), st.sampled_from(choices), min_size=1, max_size=3))
        case Record():
            return _record(draw, shape, numbers)


def hidden_fiche(kind: Kind, canary: str, *, organisatie: dict[str, str], zorgverlener: dict[str, str]) -> tuple[dict[str, Any], list[str]]:
    """A claim's fiche of this kind that says every declared field, each free text of it a canary, and hides them all; with the canaries.

    What carries a visibility of its own is internal by that; the other fields are by `field_visibility`. Links lead to `organisatie` and
    `zorgverlener`, which must be there.
    """
    canaries: list[str] = []

    def planted() -> str:
        canaries.append(f"{canary}{kind}{len(canaries)}x")
        return canaries[-1]

    def value(shape: Shape, name: str) -> Any:
        match shape:
            case Words(choices=choices) if choices:
                return next((word for word in _CHOSEN if word in choices), choices[0])
            case Words(format="url"):
                return f"https://{planted()}.example.org/"
            case Words(format="date"):
                return "2099-12-31" if name in _ENDS else "2026-01-01"
            case Words(format=str(word)):
                return _ONE_OF_FORMAT[word]
            case Words():
                return planted()
            case Flag():
                return True
            case Number():
                return 1
            case ListOf(item=item):
                return [value(item, name)]
            case MapOf(keys=keys):
                return dict.fromkeys(keys, "internal")
            case Record(forms=forms) if forms:
                return {"key": "intern:plek"} if ("key",) in forms else zorgverlener if name == "zorgverlener" else organisatie
            case Record():
                return {f.name: value(f.shape, f.name) for f in shape if f.name not in ("id", "keys")}

    record = fiche_record(kind, claim=True)
    said = {f.name: value(f.shape, f.name) for f in record if f.name not in ("id", "kind", "visibility")}
    return {"kind": kind, **said}, canaries


_CHOSEN = ("internal", "email", "region")
"""What a canary may stand beside: of an email and a region nobody knows how they must look."""
_ENDS = {"until", "valid_until", "end", "withdrawn_at"}
_ONE_OF_FORMAT = {"moment": "2026-01-01T00:00:00Z", "time": "12:00", "opening time": "09:00", "language": "rmy", "identifier system": "intern"}
