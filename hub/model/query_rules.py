"""What a query may say, and the one form of those that say the same."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final, NamedTuple

from hub.errors import FieldError, Invalid
from hub.model import identifiers
from hub.model.fiche import ENTITY_TYPES
from hub.model.folding import as_written, fold, words
from hub.model.selection import (
    CODED_KEYS,
    ENTITY_KEYS,
    KEYS,
    LINKS,
    MOST_CLAUSES,
    RANGE_KEYS,
    SORTS,
    TEXT_KEYS,
    Criterion,
    Linked,
    Near,
    Op,
    Query,
)

MAX_DEPTH: Final = 4
MAX_CRITERIA: Final = 50
MAX_VALUES: Final = 500
MAX_WORDS: Final = 20
MAX_KM: Final = 500.0


class QueryLimits(NamedTuple):
    """How much one query can ask: `criteria` of its own and as many links, `values` of a criterion, `words` of a text, `km` around a place, links one inside the other
    (`depth`), and `clauses` that alternatives of several words may come to (`any_of`)."""

    criteria: int = MAX_CRITERIA
    values: int = MAX_VALUES
    words: int = MAX_WORDS
    km: float = MAX_KM
    depth: int = MAX_DEPTH
    clauses: int = MOST_CLAUSES


QUERY_LIMITS: Final = QueryLimits()

_LOWER: Final = frozenset({"language", "delivery", "status", "availability", "umbrella", "form", "region", "gender", "country"})
_CLOSED: Final[dict[str, frozenset[str]]] = {
    "form": frozenset({"organisatie", "praktijk"}),
    "region": frozenset({"vlaanderen", "brussel", "wallonie"}),
    "delivery": frozenset({"onsite", "home", "online", "blended", "phone"}),
    "status": frozenset({"active", "inactive", "unknown", "off", "suspended"}),
    "gender": frozenset({"male", "female", "other", "unknown"}),
    "umbrella": frozenset({"yes", "no"}),
}
_SHAPES: Final[dict[str, tuple[re.Pattern[str], str]]] = {
    "postcode": (re.compile(r"\d{4}"), "A Belgian postcode has four digits."),
    "municipality": (re.compile(r"\d{5}"), "A municipality is named by its REFNIS code of five digits."),
    "identifier": (re.compile(r"[^|]*\|.+|[^|]+\|"), "Write it as system|value, system| for any of it, or |value for any system."),
    "code": (re.compile(r"[^|]*\|.+|[^|]+\|"), "Write it as scheme|code, scheme| for any of it, or |code for any scheme."),
    "type": (re.compile(r"[^|]*\|.+|[^|]+\|"), "Write it as scheme|code, scheme| for any of it, or |code for any scheme."),
    "country": (re.compile(r"[a-z]{2}"), "A country is named by two letters."),
    "updated": (re.compile(r"\d{0,18}\.\.\d{0,18}"), "Write it as a..b, the seqs after which and up to which it changed last."),
    "period": (
        re.compile(r"(?:\d{4}-\d\d-\d\d)?\.\.(?:\d{4}-\d\d-\d\d)?\|(?:\d{4}-\d\d-\d\d)?\.\.(?:\d{4}-\d\d-\d\d)?"),
        "Write it as a..b|c..d, days between which the first and the last one lie.",
    ),
    "contact": (re.compile(r"[^|]+\|.*"), "Write it as kind|value, e.g. phone|+3216332211, or kind| for any of it."),
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


class Problems:
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
    problems = Problems()
    normalised = _normalise(query, "", 0, problems)
    problems.finish()
    return normalised


def _normalise(query: Query, path: str, depth: int, problems: Problems) -> Query:
    if not query.types:
        problems.add(f"{path}types", f"Name at least one of {', '.join(ENTITY_TYPES)}.")
    for unknown in (name for name in query.types if name not in ENTITY_TYPES):
        problems.add(f"{path}types", f"There is no such type; choose from {', '.join(ENTITY_TYPES)}.", unknown)
    text = list(dict.fromkeys(words(query.text)))
    if len(text) > MAX_WORDS:
        problems.add(f"{path}text", f"At most {MAX_WORDS} words can be searched for at once.")
    if query.text.strip() and not text:
        problems.add(f"{path}text", "There is no letter or digit in this text.", query.text)
    if len(query.where) > MAX_CRITERIA or len(query.linked) > MAX_CRITERIA:
        problems.add(f"{path}where", f"A query has at most {MAX_CRITERIA} criteria.")
    where = [_criterion(c, f"{path}where.{i}.", problems) for i, c in enumerate(query.where[:MAX_CRITERIA])]
    linked = [_linked(entry, f"{path}linked.{i}.", depth, problems) for i, entry in enumerate(query.linked[:MAX_CRITERIA])]
    _check_place_and_order(query, path, problems)
    if not 1 <= query.limit <= 1000:
        problems.add(f"{path}limit", "A page has from 1 to 1000 hits.", query.limit)
    if query.total not in ("none", "estimate", "accurate"):
        problems.add(f"{path}total", "Choose from none, estimate, accurate.", query.total)
    if query.changed_since is not None and query.changed_since < 0:
        problems.add(f"{path}changed_since", "A seq is zero or more.", query.changed_since)
    near = None if query.near is None else Near(float(query.near.lat), float(query.near.lon), float(query.near.km))
    return replace(
        query,
        types=tuple(kind for kind in ENTITY_TYPES if kind in query.types),
        text=" ".join(text),
        where=tuple(sorted(set(where), key=lambda c: (c.key, c.op, c.negate, c.values))),
        linked=tuple(sorted(set(linked), key=lambda entry: (entry.link, entry.reverse, entry.negate, repr(entry.query)))),
        near=near,
    )


def _check_place_and_order(query: Query, path: str, problems: Problems) -> None:
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
        problems.add(f"{path}local", "A municipality is named by its REFNIS code of five digits.", query.local)
    if query.sort not in SORTS:
        problems.add(f"{path}sort", f"Choose from {', '.join(SORTS)}.", query.sort)
    if query.sort == "local" and query.local is None:
        problems.add(f"{path}sort", "The order local needs a place: give `local`, a municipality.")
    if query.sort == "distance" and query.local is None and query.near is None:
        problems.add(f"{path}sort", "The order distance needs a place: give `near` or `local`.")
    if query.descending and query.sort in ("local", "distance"):
        problems.add(f"{path}descending", f"The order {query.sort} has one direction only.")


def _criterion(criterion: Criterion, path: str, problems: Problems) -> Criterion:
    key, op = criterion.key, criterion.op
    if key not in KEYS:
        problems.add(f"{path}key", f"There is no such key; choose from {', '.join(KEYS)}.", key)
        return criterion
    if op not in ("eq", "prefix", "contains", "whole", "exact", "sounds", "missing"):
        problems.add(f"{path}op", "Choose from eq, prefix, contains, whole, exact, sounds, missing.", op)
    elif op == "whole" and key != "name":
        problems.add(f"{path}op", f"Only a name can be told from a word of it (whole); for {key} use eq.", op)
    elif op == "sounds" and key != "name":
        problems.add(f"{path}op", f"Only the words of a name are kept by sound (sounds); {key} is not.", op)
    elif key in RANGE_KEYS and op not in ("eq", "missing"):
        problems.add(f"{path}op", f"{key} is a range, which can only be compared by eq.", op)
    elif op in ("contains", "exact") and key not in TEXT_KEYS:
        problems.add(f"{path}op", f"Only {', '.join(sorted(TEXT_KEYS))} can be searched by {op}; {key} cannot.", op)
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


def _value(key: str, op: Op, value: str, path: str, problems: Problems) -> tuple[str, ...]:
    """The alternatives that one value stands for; almost always itself."""
    if key in TEXT_KEYS or key == "province":
        folded = fold(value)
        if not folded:
            problems.add(path, f"There is no letter or digit in this {key}.", value)
        elif op == "sounds" and " " in folded:
            problems.add(path, "Only one word can be asked for by its sound; put several words as several criteria.", value)
        return (as_written(value) if op == "exact" else folded,)
    blank_behind_bar = key in CODED_KEYS and not value.endswith("|") and value.rstrip().endswith("|")  # somebody has no value; that is not any value
    value = value.strip()
    if key in _LOWER or key in ENTITY_KEYS:
        value = value.lower()
    if key in ENTITY_KEYS and not identifiers.is_uuid(value):
        problems.add(path, "This is not a UUID.", value)
    elif key in _CLOSED and op == "eq" and value not in _CLOSED[key]:
        problems.add(path, f"Choose from {', '.join(sorted(_CLOSED[key]))}.", value)
    elif key in _SHAPES and op == "eq" and (blank_behind_bar or not _SHAPES[key][0].fullmatch(value)):
        problems.add(path, _SHAPES[key][1], value)
    elif not value:
        problems.add(path, "This value is empty.")
    elif key == "identifier" and op == "eq":
        return _identifier(value, path, problems)
    if key == "serves" and value.startswith(("province|", "region|")):
        area, _, name = value.partition("|")
        return (f"{area}|{fold(name)}",)
    return (value,)


def _identifier(value: str, path: str, problems: Problems) -> tuple[str, ...]:
    system, _, number = value.partition("|")
    number = number.strip()
    if not number:
        return (f"{system}|",)
    if system:
        try:
            return (f"{system}|{identifiers.normalise(system, number)}",)
        except identifiers.InvalidIdentifier as error:
            if not error.value:  # of this system not even the value may be repeated
                problems.add(path, error.reason)
            return (f"{system}|{number.translate(_SEPARATORS) or number}",)
    digits = number.translate(_SEPARATORS)
    return (f"|{number}", f"|{digits}") if digits.isdigit() else (f"|{number}",)


def _linked(linked: Linked, path: str, depth: int, problems: Problems) -> Linked:
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
