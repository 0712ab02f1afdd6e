"""`Query`: the only description of a selection.

The API, FHIR search, the widget, Excel feeds, guides, saved links and partner scopes all build a `Query`; only `hub.search` turns one into
SQL. So one selection gives the same fiches in all outputs. A query has one JSON form (`to_json`, `from_json`), which cursors and
saved selections carry.
"""

from __future__ import annotations

from math import isfinite
from typing import Any, Final, cast

from hub.model.fiche import EntityType
from hub.model.query_rules import MAX_DEPTH, Problems, normalise
from hub.model.selection import (
    CODED_KEYS,
    ENTITY_KEYS,
    KEYS,
    LINKS,
    PARTS_OF,
    SORTS,
    TEXT_KEYS,
    Criterion,
    Linked,
    Near,
    Op,
    Query,
    Reason,
    Sort,
    any_of,
)

__all__ = [
    "CODED_KEYS",
    "ENTITY_KEYS",
    "KEYS",
    "LINKS",
    "PARTS_OF",
    "SORTS",
    "TEXT_KEYS",
    "Criterion",
    "Linked",
    "Near",
    "Op",
    "Query",
    "Reason",
    "Sort",
    "any_of",
    "from_json",
    "normalise",
    "to_json",
]


def to_json(query: Query) -> dict[str, Any]:
    """The query as JSON, without what has its default value; `from_json` reads it back."""
    form: dict[str, Any] = {"types": list(query.types)}
    if query.text:
        form["text"] = query.text
    if query.where:
        form["where"] = [_criterion_form(criterion) for criterion in query.where]
    if query.linked:
        form["linked"] = [_linked_form(linked) for linked in query.linked]
    if query.near is not None:
        form["near"] = {"lat": query.near.lat, "lon": query.near.lon, "km": query.near.km}
    for name, default in _PLAIN.items():
        value = getattr(query, name)
        if value != default:
            form[name] = value
    return form


_PLAIN: Final[dict[str, Any]] = {
    "local": None,
    "changed_since": None,
    "sort": "number",
    "descending": False,
    "limit": 20,
    "cursor": None,
    "total": "none",
}
_TYPES: Final[dict[str, tuple[type, str]]] = {
    "text": (str, "a text"),
    "local": (str, "a text"),
    "changed_since": (int, "a whole number"),
    "sort": (str, "a text"),
    "descending": (bool, "true or false"),
    "limit": (int, "a whole number"),
    "cursor": (str, "a text"),
    "total": (str, "a text"),
}


def _criterion_form(criterion: Criterion) -> dict[str, Any]:
    form: dict[str, Any] = {"key": criterion.key}
    if criterion.values:
        form["values"] = list(criterion.values)
    if criterion.op != "eq":
        form["op"] = criterion.op
    if criterion.negate:
        form["negate"] = True
    return form


def _linked_form(linked: Linked) -> dict[str, Any]:
    form: dict[str, Any] = {"link": linked.link, "query": to_json(linked.query)}
    if linked.reverse:
        form["reverse"] = True
    if linked.negate:
        form["negate"] = True
    return form


def from_json(form: object) -> Query:
    """The normalised query of this JSON form. Raises `Invalid`, which names each key that is unknown or wrong, and why."""
    problems = Problems()
    query = _read(form, "", 0, problems)
    problems.finish()
    return normalise(query)


def _read(form: object, path: str, depth: int, problems: Problems) -> Query:
    fields = _object(form, path, ("types", "where", "linked", "near", *_TYPES), problems)
    if depth > MAX_DEPTH:
        problems.add(path.rstrip("."), f"Queries can be nested at most {MAX_DEPTH} deep.")
        return Query(types=())
    plain: dict[str, Any] = {}
    for name, (kind, wanted) in _TYPES.items():
        value = fields.get(name)
        if value is None:
            continue
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            problems.add(f"{path}{name}", f"This must be {wanted}.", value)
        else:
            plain[name] = value
    return Query(
        types=cast("tuple[EntityType, ...]", _texts(fields.get("types", []), f"{path}types", problems)),
        where=tuple(
            _read_criterion(item, f"{path}where.{i}.", problems) for i, item in enumerate(_items(fields.get("where", []), f"{path}where", problems))
        ),
        linked=tuple(
            _read_linked(item, f"{path}linked.{i}.", depth, problems)
            for i, item in enumerate(_items(fields.get("linked", []), f"{path}linked", problems))
        ),
        near=_read_near(fields.get("near"), f"{path}near", problems),
        **plain,
    )


def _read_criterion(form: object, path: str, problems: Problems) -> Criterion:
    fields = _object(form, path, ("key", "values", "op", "negate"), problems)
    key, op, negate = fields.get("key", ""), fields.get("op", "eq"), fields.get("negate", False)
    if not isinstance(key, str) or not isinstance(op, str) or not isinstance(negate, bool):
        problems.add(path.rstrip("."), "`key` and `op` are texts, `negate` is true or false.")
        return Criterion("id")
    return Criterion(key, _texts(fields.get("values", []), f"{path}values", problems), cast("Op", op), negate)


def _read_linked(form: object, path: str, depth: int, problems: Problems) -> Linked:
    fields = _object(form, path, ("link", "query", "reverse", "negate"), problems)
    link, reverse, negate = fields.get("link", ""), fields.get("reverse", False), fields.get("negate", False)
    if not isinstance(link, str) or not isinstance(reverse, bool) or not isinstance(negate, bool):
        problems.add(path.rstrip("."), "`link` is a text, `reverse` and `negate` are true or false.")
        return Linked("", Query(types=()))
    return Linked(link, _read(fields.get("query"), f"{path}query.", depth + 1, problems), reverse, negate)


def _read_near(form: object, path: str, problems: Problems) -> Near | None:
    if form is None:
        return None
    fields = _object(form, f"{path}.", ("lat", "lon", "km"), problems)
    numbers: list[float] = []
    for name in ("lat", "lon", "km"):
        value = fields.get(name)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not isfinite(value):
            problems.add(f"{path}.{name}", "This must be a number.", value)
        else:
            numbers.append(float(value))
    return Near(*numbers) if len(numbers) == 3 else None


def _object(form: object, path: str, known: tuple[str, ...], problems: Problems) -> dict[str, Any]:
    if not isinstance(form, dict):
        problems.add(path.rstrip(".") or "query", "This must be an object.", form)
        return {}
    for unknown in (name for name in form if name not in known):
        problems.add(f"{path}{str(unknown)[:60]}", f"There is no such key; choose from {', '.join(known)}.")
    return form


def _items(form: object, path: str, problems: Problems) -> list[Any]:
    if isinstance(form, (list, tuple)):
        return list(form)
    problems.add(path, "This must be a list.", form)
    return []


def _texts(form: object, path: str, problems: Problems) -> tuple[str, ...]:
    items = _items(form, path, problems)
    if all(isinstance(item, str) for item in items):
        return tuple(items)
    problems.add(path, "This must be a list of texts.")
    return ()
