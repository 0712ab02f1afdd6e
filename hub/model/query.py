"""`Query`: the only description of a selection (DESIGN section 4).

The API, FHIR search, the widget, Excel feeds, guides, saved links and partner scopes all build a `Query`; only `hub.search` turns one into
SQL. So one selection gives the same fiches in all outputs. A query has one JSON form (`to_json`, `from_json`), which cursors and
saved selections carry.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from math import isfinite
from typing import Any, Final, Literal, cast

from hub.errors import FieldError, Invalid
from hub.model import identifiers
from hub.model.fiche import ENTITY_TYPES, EntityType
from hub.model.folding import fold, words

Op = Literal["eq", "prefix", "contains", "missing"]
Sort = Literal["number", "name", "distance", "local", "updated"]
SORTS: tuple[Sort, ...] = ("number", "name", "distance", "local", "updated")

KEYS: dict[str, str] = {
    "id": "the entity's UUID",
    "fiche": "the UUID of the fiche that the entity is, or is a part of",
    "identifier": "`system|value`, or `|value` for any system; canonical digits",
    "name": "a folded name, or a word in one (a prefix of it with op prefix)",
    "family": "a caregiver's folded family name",
    "given": "a caregiver's folded given name",
    "street": "folded street name",
    "city": "folded city name",
    "postcode": "four digits",
    "municipality": "REFNIS code of the address",
    "zone": "primary-care zone of the address",
    "province": "province of the address, folded Dutch name",
    "region": "vlaanderen, brussel or wallonie",
    "serves": "`municipality|code`, `zone|code` ...: the service area",
    "code": "`scheme|code`, broader codes find the narrower ones; also `|code`",
    "form": "organisatie or praktijk",
    "language": "language of service, ISO 639",
    "delivery": "onsite, home, online, blended, phone",
    "status": "active, inactive, unknown",
    "availability": "`patientenstop|no`, `waiting_list|no`, `on_call|yes` ...; an expired value is `unknown`",
    "umbrella": "yes or no",
    "source": "name of a source that contributes to the fiche",
    "contact": "`kind|value` of a contact (normalised)",
}
"""Every key that a `Criterion` may name, and what its values look like."""

LINKS: dict[str, str] = {
    "organisatie": "aanbod, vestiging, membership, electronic_address, caregiver -> the organisatie it belongs to",
    "parent": "organisatie -> its parent",
    "provided_by": "aanbod -> the organisatie that carries it out",
    "vestiging": "aanbod, caregiver -> the vestigingen where it takes place",
    "zorgverlener": "aanbod, caregiver -> the zorgverlener",
    "aanbod": "caregiver -> the aanbod",
    "member_of": "membership -> the organisatie that it is a membership of",
    "endpoint": "organisatie -> its electronic addresses",
}
"""Every link between entities; each can be followed in both directions."""


@dataclass(frozen=True, slots=True)
class Criterion:
    """`key` has (or with `negate`, has not) one of `values`. Several values are alternatives; several criteria must all hold."""

    key: str
    values: tuple[str, ...] = ()
    op: Op = "eq"
    negate: bool = False


@dataclass(frozen=True, slots=True)
class Linked:
    """A linked entity satisfies `query`. `link` is one of `LINKS`; `reverse` follows it backwards (who points to me)."""

    link: str
    query: Query
    reverse: bool = False
    negate: bool = False


@dataclass(frozen=True, slots=True)
class Near:
    """Within `km` kilometres of a point (WGS84 degrees)."""

    lat: float
    lon: float
    km: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A selection of entities of `types`, in an order, a page at a time.

    `text`: words that must all occur (each as a prefix) in names, labels of codes, places or description. `where` and `linked` must all
    hold. `local` is the REFNIS code of the place the searcher named: with sort `local` hits in it come first, then those serving it, then
    near ones, then the rest, umbrella organisations after local ones. `changed_since` keeps entities with a visible change after that seq.
    `limit`: 1 to 1000. `cursor`: opaque, from the previous page; it carries the whole normalised query.
    `total`: `none`, `estimate` (stops at 1,001) or `accurate`.
    """

    types: tuple[EntityType, ...]
    text: str = ""
    where: tuple[Criterion, ...] = ()
    linked: tuple[Linked, ...] = ()
    near: Near | None = None
    local: str | None = None
    changed_since: int | None = None
    sort: Sort = "number"
    descending: bool = False
    limit: int = 20
    cursor: str | None = None
    total: Literal["none", "estimate", "accurate"] = "none"


Reason = tuple[str, str]
"""Why a hit is there: what matched and with what, e.g. `("tier", "local")`, `("name", "woonzorg")`, `("distance", "3.4")`."""


TEXT_KEYS: frozenset[str] = frozenset({"name", "family", "given", "street", "city"})
"""Keys whose values are folded before they are compared, and the only ones in which `contains` can look."""

ENTITY_KEYS: frozenset[str] = frozenset({"id", "fiche"})
"""Keys whose values are the hub's own UUIDs."""

MAX_DEPTH: Final = 4
MAX_CRITERIA: Final = 50
MAX_VALUES: Final = 500
MAX_WORDS: Final = 20
MAX_KM: Final = 500.0

_LOWER: Final = frozenset({"language", "delivery", "status", "availability", "umbrella", "form", "region"})
_CLOSED: Final[dict[str, frozenset[str]]] = {
    "form": frozenset({"organisatie", "praktijk"}),
    "region": frozenset({"vlaanderen", "brussel", "wallonie"}),
    "delivery": frozenset({"onsite", "home", "online", "blended", "phone"}),
    "status": frozenset({"active", "inactive", "unknown"}),
    "umbrella": frozenset({"yes", "no"}),
}
_SHAPES: Final[dict[str, tuple[re.Pattern[str], str]]] = {
    "postcode": (re.compile(r"\d{4}"), "A Belgian postcode has four digits."),
    "municipality": (re.compile(r"\d{5}"), "A municipality is named by its REFNIS code of five digits."),
    "identifier": (re.compile(r"[^|]*\|.+"), "Write it as system|value, or |value for any system."),
    "code": (re.compile(r"[^|]*\|.+"), "Write it as scheme|code, or |code for any scheme."),
    "contact": (re.compile(r"[^|]+\|.+"), "Write it as kind|value, e.g. phone|+3216332211."),
    "serves": (
        re.compile(r"(?:municipality|postcode|zone|province|region)\|.+"),
        "Write it as municipality|code, postcode|code, zone|code, province|code or region|code.",
    ),
    "availability": (
        re.compile(r"(?:patientenstop|waiting_list|on_call)\|(?:yes|no|unknown)"),
        "Write it as patientenstop|no, waiting_list|yes, on_call|unknown and so on.",
    ),
}
_SEPARATORS: Final = str.maketrans("", "", " \t./\\-")


class _Problems:
    """Collects what is wrong, so that an asker hears it all at once."""

    def __init__(self) -> None:
        self.errors: list[FieldError] = []

    def add(self, path: str, reason: str, value: object = None) -> None:
        self.errors.append(FieldError(path, reason, None if value is None else str(value)[:60]))

    def finish(self) -> None:
        if self.errors:
            first = self.errors[0]
            raise Invalid(f"The query cannot be used: {first.path}: {first.reason}", tuple(self.errors))


def normalise(query: Query) -> Query:
    """The same selection in its one canonical form, so that equal selections are equal; its cursor is left as it is.

    Folds text, sorts and deduplicates what has no order, brings identifiers to their digits. Raises `Invalid`, which names each key that
    is wrong and why. Normalising what is normalised changes nothing.
    """
    problems = _Problems()
    normalised = _normalise(query, "", 0, problems)
    problems.finish()
    return normalised


def _normalise(query: Query, path: str, depth: int, problems: _Problems) -> Query:
    if not query.types:
        problems.add(f"{path}types", f"Name at least one of {', '.join(ENTITY_TYPES)}.")
    for unknown in (name for name in query.types if name not in ENTITY_TYPES):
        problems.add(
            f"{path}types", f"There is no such type; choose from {', '.join(ENTITY_TYPES)}.", unknown
        )
    text = list(dict.fromkeys(words(query.text)))
    if len(text) > MAX_WORDS:
        problems.add(f"{path}text", f"At most {MAX_WORDS} words can be searched for at once.")
    if query.text.strip() and not text:
        problems.add(f"{path}text", "There is no letter or digit in this text.", query.text)
    if len(query.where) > MAX_CRITERIA or len(query.linked) > MAX_CRITERIA:
        problems.add(f"{path}where", f"A query has at most {MAX_CRITERIA} criteria.")
    where = [_criterion(c, f"{path}where.{i}.", problems) for i, c in enumerate(query.where[:MAX_CRITERIA])]
    linked = [
        _linked(entry, f"{path}linked.{i}.", depth, problems)
        for i, entry in enumerate(query.linked[:MAX_CRITERIA])
    ]
    _check_place_and_order(query, path, problems)
    if not 1 <= query.limit <= 1000:
        problems.add(f"{path}limit", "A page has from 1 to 1000 hits.", query.limit)
    if query.total not in ("none", "estimate", "accurate"):
        problems.add(f"{path}total", "Choose from none, estimate, accurate.", query.total)
    if query.changed_since is not None and query.changed_since < 0:
        problems.add(f"{path}changed_since", "A seq is zero or more.", query.changed_since)
    near = (
        None
        if query.near is None
        else Near(float(query.near.lat), float(query.near.lon), float(query.near.km))
    )
    return replace(
        query,
        types=tuple(kind for kind in ENTITY_TYPES if kind in query.types),
        text=" ".join(text),
        where=tuple(sorted(set(where), key=lambda c: (c.key, c.op, c.negate, c.values))),
        linked=tuple(
            sorted(
                set(linked), key=lambda entry: (entry.link, entry.reverse, entry.negate, repr(entry.query))
            )
        ),
        near=near,
    )


def _check_place_and_order(query: Query, path: str, problems: _Problems) -> None:
    if query.near is not None:
        near = query.near
        if not (-90 <= near.lat <= 90 and -180 <= near.lon <= 180):
            problems.add(
                f"{path}near",
                "Latitude is from -90 to 90 and longitude from -180 to 180 degrees.",
                f"{near.lat},{near.lon}",
            )
        if not 0 < near.km <= MAX_KM:
            problems.add(f"{path}near", f"The distance is more than 0 and at most {MAX_KM:.0f} km.", near.km)
    if query.local is not None and not re.fullmatch(r"\d{5}", query.local):
        problems.add(
            f"{path}local", "A municipality is named by its REFNIS code of five digits.", query.local
        )
    if query.sort not in SORTS:
        problems.add(f"{path}sort", f"Choose from {', '.join(SORTS)}.", query.sort)
    if query.sort == "local" and query.local is None:
        problems.add(f"{path}sort", "The order local needs a place: give `local`, a municipality.")
    if query.sort == "distance" and query.local is None and query.near is None:
        problems.add(f"{path}sort", "The order distance needs a place: give `near` or `local`.")
    if query.descending and query.sort in ("local", "distance"):
        problems.add(f"{path}descending", f"The order {query.sort} has one direction only.")


def _criterion(criterion: Criterion, path: str, problems: _Problems) -> Criterion:
    key, op = criterion.key, criterion.op
    if key not in KEYS:
        problems.add(f"{path}key", f"There is no such key; choose from {', '.join(KEYS)}.", key)
        return criterion
    if op not in ("eq", "prefix", "contains", "missing"):
        problems.add(f"{path}op", "Choose from eq, prefix, contains, missing.", op)
    elif op == "contains" and key not in TEXT_KEYS:
        problems.add(
            f"{path}op", f"Only {', '.join(sorted(TEXT_KEYS))} can be searched by contains; {key} cannot.", op
        )
    elif key in ENTITY_KEYS and op != "eq":
        problems.add(f"{path}op", f"{key} can only be compared as a whole (eq).", op)
    if op == "missing":
        if criterion.values:
            problems.add(f"{path}values", "With op missing there are no values.")
        return criterion
    if not criterion.values:
        problems.add(f"{path}values", f"Give at least one value: {KEYS[key]}.")
    if len(criterion.values) > MAX_VALUES:
        problems.add(f"{path}values", f"A criterion has at most {MAX_VALUES} values.")
        return criterion
    values: set[str] = set()
    for value in criterion.values:
        values.update(_value(key, op, value, f"{path}values", problems))
    return replace(criterion, values=tuple(sorted(values)))


def _value(key: str, op: Op, value: str, path: str, problems: _Problems) -> tuple[str, ...]:
    """The alternatives that one value stands for; almost always itself."""
    if key in TEXT_KEYS or key == "province":
        folded = fold(value)
        if not folded:
            problems.add(path, f"There is no letter or digit in this {key}.", value)
        return (folded,)
    value = value.strip()
    if key in _LOWER or key in ENTITY_KEYS:
        value = value.lower()
    if key in ENTITY_KEYS and not _is_uuid(value):
        problems.add(path, "This is not a UUID.", value)
    elif key in _CLOSED and op == "eq" and value not in _CLOSED[key]:
        problems.add(path, f"Choose from {', '.join(sorted(_CLOSED[key]))}.", value)
    elif key in _SHAPES and op == "eq" and not _SHAPES[key][0].fullmatch(value):
        problems.add(path, _SHAPES[key][1], value)
    elif not value:
        problems.add(path, "This value is empty.")
    elif key == "identifier" and op == "eq":
        return _identifier(value, path, problems)
    if key == "serves" and value.startswith(("province|", "region|")):
        area, _, name = value.partition("|")
        return (f"{area}|{fold(name)}",)
    return (value,)


def _identifier(value: str, path: str, problems: _Problems) -> tuple[str, ...]:
    system, _, number = value.partition("|")
    number = number.strip()
    if system:
        try:
            return (f"{system}|{identifiers.normalise(system, number)}",)
        except identifiers.InvalidIdentifier as error:
            if not error.value:  # of this system not even the value may be repeated
                problems.add(path, error.reason)
            return (f"{system}|{number.translate(_SEPARATORS) or number}",)
    digits = number.translate(_SEPARATORS)
    return (f"|{number}", f"|{digits}") if digits.isdigit() else (f"|{number}",)


def _is_uuid(value: str) -> bool:
    return re.fullmatch(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", value) is not None


def _linked(linked: Linked, path: str, depth: int, problems: _Problems) -> Linked:
    if linked.link not in LINKS:
        problems.add(f"{path}link", f"There is no such link; choose from {', '.join(LINKS)}.", linked.link)
    inner = linked.query
    if depth + 1 > MAX_DEPTH:
        problems.add(f"{path}query", f"Queries can be nested at most {MAX_DEPTH} deep.")
        return linked
    if inner.cursor is not None:
        problems.add(f"{path}query.cursor", "A nested query has no pages.")
    # Order and page mean nothing inside; without them two queries that select the same are the same.
    inner = replace(inner, sort="number", descending=False, limit=20, cursor=None, total="none", local=None)
    return replace(linked, query=_normalise(inner, f"{path}query.", depth + 1, problems))


# --- the JSON form ---------------------------------------------------------------------------------------------------------------


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
    problems = _Problems()
    query = _read(form, "", 0, problems)
    problems.finish()
    return normalise(query)


def _read(form: object, path: str, depth: int, problems: _Problems) -> Query:
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
            _read_criterion(item, f"{path}where.{i}.", problems)
            for i, item in enumerate(_items(fields.get("where", []), f"{path}where", problems))
        ),
        linked=tuple(
            _read_linked(item, f"{path}linked.{i}.", depth, problems)
            for i, item in enumerate(_items(fields.get("linked", []), f"{path}linked", problems))
        ),
        near=_read_near(fields.get("near"), f"{path}near", problems),
        **plain,
    )


def _read_criterion(form: object, path: str, problems: _Problems) -> Criterion:
    fields = _object(form, path, ("key", "values", "op", "negate"), problems)
    key, op, negate = fields.get("key", ""), fields.get("op", "eq"), fields.get("negate", False)
    if not isinstance(key, str) or not isinstance(op, str) or not isinstance(negate, bool):
        problems.add(path.rstrip("."), "`key` and `op` are texts, `negate` is true or false.")
        return Criterion("id")
    return Criterion(key, _texts(fields.get("values", []), f"{path}values", problems), cast("Op", op), negate)


def _read_linked(form: object, path: str, depth: int, problems: _Problems) -> Linked:
    fields = _object(form, path, ("link", "query", "reverse", "negate"), problems)
    link, reverse, negate = fields.get("link", ""), fields.get("reverse", False), fields.get("negate", False)
    if not isinstance(link, str) or not isinstance(reverse, bool) or not isinstance(negate, bool):
        problems.add(path.rstrip("."), "`link` is a text, `reverse` and `negate` are true or false.")
        return Linked("", Query(types=()))
    return Linked(link, _read(fields.get("query"), f"{path}query.", depth + 1, problems), reverse, negate)


def _read_near(form: object, path: str, problems: _Problems) -> Near | None:
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


def _object(form: object, path: str, known: tuple[str, ...], problems: _Problems) -> dict[str, Any]:
    if not isinstance(form, dict):
        problems.add(path.rstrip(".") or "query", "This must be an object.", form)
        return {}
    for unknown in (name for name in form if name not in known):
        problems.add(f"{path}{str(unknown)[:60]}", f"There is no such key; choose from {', '.join(known)}.")
    return form


def _items(form: object, path: str, problems: _Problems) -> list[Any]:
    if isinstance(form, (list, tuple)):
        return list(form)
    problems.add(path, "This must be a list.", form)
    return []


def _texts(form: object, path: str, problems: _Problems) -> tuple[str, ...]:
    items = _items(form, path, problems)
    if all(isinstance(item, str) for item in items):
        return tuple(items)
    problems.add(path, "This must be a list of texts.")
    return ()
