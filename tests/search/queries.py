"""Random queries about the random world, likely to find something."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from hub.model.audience import Grant
from hub.model.fiche import ENTITY_TYPES
from hub.model.query import LINKS, SORTS, Criterion, Linked, Near, Query
from tests.search.worlds import CODES, FAMILIES, GIVEN, LANGUAGES, NAMES, STREETS, TOWNS, WORDS

_VALUES: dict[str, list[str]] = {
    "identifier": [
        "kbo|0403.019.261",
        "riziv|18749704001",
        "riziv|1-87497-04",
        "|18749704",
        "bron|A/1 é",
        "|A/1 é",
        "kbo|1",
    ],
    "name": [*NAMES, "huisarts", "li", "l", "thuis", *FAMILIES, "onze", "zorg"],
    "family": [*FAMILIES, "jan"],
    "given": [*GIVEN, "j"],
    "street": [*STREETS, "kerk", "markt"],
    "city": ["Tienen", "Leuven", "Gent", "Brus"],
    "postcode": ["3300", "3000", "9000", "1000"],
    "municipality": list(TOWNS),
    "zone": ["FZ-A", "FZ-B", "FZ-C"],
    "province": ["Vlaams-Brabant", "Antwerpen"],
    "region": ["vlaanderen", "brussel"],
    "serves": [f"municipality|{town}" for town in TOWNS[:3]],
    "code": [f"rubriek|{code}" for code in CODES] + ["|14", "|A b", "tag|14.04", "profession|19.01"],
    "type": [f"rubriek|{code}" for code in CODES] + ["|14", "|A b", "tag|14.04", "profession|19.01"],
    "gender": ["female", "male", "unknown"],
    "address": ["3300", *STREETS, "Gent", "kerk", "Tienen"],
    "country": ["BE", "nl"],
    "period": [
        "2020-01-01..|..",
        "..|..2025-06-30",
        "..2020-01-01|2025-06-30..",
        "2020-01-02..2020-01-02|..",
        "..|9999-12-31..",
    ],
    "updated": ["..300", "300..", "200..400", "650..", "0..1"],
    "form": ["organisatie", "praktijk"],
    "language": list(LANGUAGES),
    "delivery": ["onsite", "home"],
    "status": ["active", "inactive"],
    "availability": ["patientenstop|no", "patientenstop|unknown"],
    "umbrella": ["yes", "no"],
    "source": ["sociale-kaart"],
    "contact": [f"phone|+3216{n:06d}" for n in range(6)],
}
_HEARD = ["Petters", "Jansens", "Smedt", "Joze", "Lynde", "Huysarts", "tuis", "tuyszorg", "Lierr", "лир", "1", "on", "espwaar"]
_CONTAINS = ("name", "family", "given", "street", "city", "address")
_RANGES = ("period", "updated")


@st.composite
def criteria(draw: st.DrawFn) -> Criterion:
    key = draw(st.sampled_from(sorted(_VALUES)))
    ops = ["eq", "eq", "eq", "prefix", "missing"] + (["contains", "prefix"] if key in _CONTAINS else [])
    if key == "name":
        ops = [*ops, "whole", "whole", "sounds", "sounds"]
    elif key in _RANGES:
        ops = ["eq", "eq", "missing"] if key == "period" else ["eq"]
    op = draw(st.sampled_from(ops))
    if op == "missing":
        return Criterion(key, op="missing", negate=draw(st.booleans()))
    values = draw(st.lists(st.sampled_from(_HEARD if op == "sounds" else _VALUES[key]), min_size=1, max_size=3))
    if op in ("prefix", "contains"):
        values = [value[: draw(st.integers(1, len(value)))] for value in values]
        values = [value if any(c.isalnum() for c in value) else value + "a" for value in values]
    elif op == "eq" and key in ("code", "type", "identifier", "contact"):
        values = [value[: value.index("|") + 1] if value[0] != "|" and draw(st.integers(0, 3)) == 0 else value for value in values]
    return Criterion(key, tuple(values), op, draw(st.integers(0, 4)) == 0)  # type: ignore[arg-type]


texts = st.lists(st.sampled_from([*WORDS, *NAMES, "ou", "thu", "h", "rubriek", "kerk", "14x04", "zusterhuis"]), max_size=2).map(" ".join)
types = st.lists(st.sampled_from(ENTITY_TYPES), min_size=1, max_size=3, unique=True).map(tuple)
nears = st.builds(
    Near,
    lat=st.sampled_from([50.8, 51.0]),
    lon=st.sampled_from([4.35, 4.7]),
    km=st.sampled_from([0.5, 8.0, 30.0, 400.0]),
)


def _nested(depth: int) -> st.SearchStrategy[Linked]:
    inner = st.builds(
        Query,
        types=types,
        text=st.one_of(st.just(""), texts),
        where=st.lists(criteria(), max_size=1).map(tuple),
        linked=st.lists(_nested(depth - 1), max_size=1).map(tuple) if depth else st.just(()),
    )
    return st.builds(
        Linked,
        link=st.sampled_from(sorted(LINKS)),
        query=inner,
        reverse=st.booleans(),
        negate=st.integers(0, 3).map(lambda n: n == 0),
    )


@st.composite
def queries(draw: st.DrawFn) -> Query:
    sort = draw(st.sampled_from(SORTS))
    near = draw(st.one_of(st.none(), st.none(), nears))
    local = draw(st.sampled_from(TOWNS)) if sort == "local" or (sort == "distance" and near is None) else None
    more: dict[str, Any] = {}
    if sort not in ("local", "distance"):
        more["descending"] = draw(st.booleans())
    return Query(
        types=draw(types),
        text=draw(st.one_of(st.just(""), texts)),
        where=tuple(draw(st.lists(criteria(), max_size=2))),
        linked=tuple(draw(st.lists(_nested(1), max_size=1))) if draw(st.integers(0, 2)) == 0 else (),
        near=near,
        local=local,
        changed_since=draw(st.one_of(st.none(), st.none(), st.none(), st.sampled_from([0, 300, 650]))),
        sort=sort,
        limit=draw(st.sampled_from([1, 7, 50, 1000])),
        **more,
    )


scopes = st.builds(
    Query,
    types=st.just(ENTITY_TYPES),
    text=st.just(""),
    where=st.lists(criteria(), min_size=1, max_size=1).map(tuple),
)
grants = st.builds(
    Grant,
    level=st.sampled_from(["public", "public", "professional", "internal"]),
    partner=st.sampled_from([None, None, "vrgt", "other"]),
    scope=st.one_of(st.none(), st.none(), scopes),
)
