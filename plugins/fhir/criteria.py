"""How a value of a request becomes criteria of the hub's `Query`, one function for each kind of parameter.

Codes, names and places are here; dates in `periods`, contacts and what has few values in `closed`. https://hl7.org/fhir/R4/search.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, product
from math import prod
from typing import Final, Literal

import flask

from hub import (
    QUERY_LIMITS,
    Criterion,
    EntityType,
    Invalid,
    InvalidIdentifier,
    Linked,
    Near,
    Query,
    any_of,
    fold,
    is_uuid,
    normalise_identifier,
    words,
)
from plugins.fhir.addressing import IS_POSTCODE, POSTCODES, Demand, places_of
from plugins.fhir.refusing import invalid
from plugins.fhir.systems import BASE, identifier_names, scheme_of


@dataclass(frozen=True, slots=True)
class Words:
    """Words that must all occur somewhere in what is shown as text."""

    text: str


@dataclass(frozen=True, slots=True)
class Remark:
    """What the asker is told of what was understood: no condition, but it comes with them."""

    text: str


Condition = Criterion | Linked | Near | Words | Remark


@dataclass(frozen=True, slots=True)
class Given:
    """One occurrence of a parameter in a request: `address-city:contains=gent,brugge`. `values` are the alternatives, still escaped."""

    name: str
    modifier: str
    values: tuple[str, ...]

    @property
    def negated(self) -> bool:
        """Whether none of the values may be there."""
        return self.modifier == "not"


Build = Callable[[Given], list[Condition]]
Absent = Callable[[bool], list[Condition]]
"""What `:missing` means: True when there may be no value, False when there must be one."""

# --- values -----------------------------------------------------------------------------------------------------------------

_ESCAPED: Final = re.compile(r"\\([\\,$|])")
_OUTER_COMMA: Final = re.compile(r"(?:\\.|[^\\,])+")
_SEPARATORS: Final = str.maketrans("", "", " ./-")
NOBODY: Final = "00000000-0000-0000-0000-000000000000"
"""The id that nothing has."""
_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
_KILOMETRES: Final = {"km": 1.0, "m": 0.001, "[mi_i]": 1.609344, "[mi_us]": 1.609347}
"""Units of a distance by their codes in UCUM, in kilometres."""
_NUMBERS: Final = "house numbers ({}) are not searched: whatever stands in a street that begins so is found."


def split(value: str) -> tuple[str, ...]:
    r"""The alternatives of a value: `a,b\,c` -> `a`, `b\,c`. Still escaped, because a token's bar comes later."""
    return tuple(part.strip() for part in _OUTER_COMMA.findall(value) if part.strip())


def unescape(value: str) -> str:
    r"""`a\,b` -> `a,b`. https://hl7.org/fhir/R4/search.html#escaping"""
    return _ESCAPED.sub(r"\1", value)


def wrong(given: Given, reason: str, value: str = "") -> Invalid:
    """The error about a value of this parameter."""
    name = f"{given.name}:{given.modifier}" if given.modifier else given.name
    return invalid(name, reason, value or None)


def token(value: str) -> tuple[str | None, str]:
    """(system or None when none was named, code): `code`, `system|code`, `|code`, `system|`."""
    found = re.search(r"(?<!\\)\|", value)
    if found is None:
        return None, unescape(value)
    return unescape(value[: found.start()]), unescape(value[found.end() :])


# --- what is always so, or never --------------------------------------------------------------------------------------------

NOTHING: Final[list[Condition]] = [Criterion("id", (NOBODY,))]
"""What nothing meets. What everything meets is no condition at all."""


def everything(given: Given) -> list[Condition]:
    """Every resource has one of the values."""
    return list(NOTHING) if given.negated else []


def nothing(given: Given) -> list[Condition]:
    """No resource has one of the values: an element that we have nothing to say in."""
    return [] if given.negated else list(NOTHING)


def has(key: str) -> Absent:
    """An element that is there when the index has anything under this key."""
    return lambda absent: [Criterion(key, (), "missing", negate=not absent)]


def never(absent: bool) -> list[Condition]:
    """An element that is never there."""
    return [] if absent else list(NOTHING)


def always(absent: bool) -> list[Condition]:
    """An element that is always there."""
    return list(NOTHING) if absent else []


# --- numbers and codes ------------------------------------------------------------------------------------------------------


def ids(given: Given) -> list[Condition]:
    """The ids of the resource. Raises `Invalid`."""
    return [with_ids(map(unescape, given.values), given.negated)]


def with_ids(values: Iterable[str], negate: bool = False) -> Criterion:
    """What is no UUID is nobody's id here: no error, and no hit."""
    ids = tuple(value.lower() for value in values if is_uuid(value.lower()))
    return Criterion("id", ids or (NOBODY,), negate=negate)


def identifiers(given: Given) -> list[Condition]:
    """Numbers as `value`, `system|value` or `system|`; every number here has a system, so `|value` finds nothing. Raises `Invalid`."""
    found: dict[str, None] = {}
    for value in given.values:
        system, number = token(value)
        if system and not number:
            found.update((f"{name}|", None) for name in identifier_names(system) or (system,))
        elif system != "":
            found.update((each, None) for each in _numbers(given, system, number, value))
    return tokens(given, "identifier", found)


def tokens(given: Given, key: str, values: Iterable[str]) -> list[Condition]:
    """The criterion for these values, of which `system|` is anything of a system."""
    found = tuple(values)
    return [Criterion(key, found, negate=given.negated)] if found else nothing(given)


def _numbers(given: Given, system: str | None, number: str, value: str) -> Iterator[str]:
    if system is None:
        for spelling in _spellings(number):
            yield f"|{spelling}"
        return
    names = identifier_names(system) or (system,)
    reasons = [reason for name in names if (reason := _refusal(name, number)) is not None]
    if len(reasons) == len(names):
        raise wrong(given, f"there can be no such number. {reasons[0]}", value)
    for name in names:
        for spelling in _spellings(number, name):
            yield f"{name}|{spelling}"


def _refusal(name: str, number: str) -> str | None:
    """Why this system can never have given this number; None when it can."""
    try:
        normalise_identifier(name, number)
    except InvalidIdentifier as error:
        return error.reason
    return None


def _spellings(number: str, system: str | None = None) -> list[str]:
    """A number as the hub keeps it, however it was dotted; one that fails its check is looked for as it came and without dots."""
    found = {number.strip(): None, number.translate(_SEPARATORS): None}
    for name in (system,) if system else ("kbo", "vestigingsnummer", "riziv"):
        try:
            found[normalise_identifier(name, number)] = None
        except InvalidIdentifier:
            continue
    return [each for each in found if each]


def codes(key: str, *constant: tuple[str, str]) -> Build:
    """Codes as `code`, `system|code` or `system|`. Each has a system, so `|code` finds nothing. `constant` (system, code) is on every resource."""

    def build(given: Given) -> list[Condition]:
        found = []
        for value in given.values:
            system, code = token(value)
            if any(system in (None, its_system) and code in (its_code, "") for its_system, its_code in constant):
                return everything(given)
            scheme = "" if system is None else scheme_of(system)
            name = system if scheme is None else scheme
            if system == "":
                continue
            if code or name:
                found.append(f"{name}|{code}")
        return tokens(given, key, found)

    return build


# --- texts ------------------------------------------------------------------------------------------------------------------


def _texts(given: Given) -> list[str]:
    texts = [unescape(value) for value in given.values]
    if not all(fold(text) for text in texts):
        raise wrong(given, "there is no letter or digit to look for.", given.values[0])
    return [fold(text) for text in texts]


def _exact(given: Given, key: str) -> list[Condition]:
    """The whole value with its capitals and accents. https://hl7.org/fhir/R4/search.html#string"""
    return [Criterion(key, tuple(map(unescape, given.values)), "exact")]


def name(given: Given) -> list[Condition]:
    """The beginning of any word; several words must all be there. `:contains` anywhere, `:exact` the whole name as it is written."""
    texts = _texts(given)
    if given.modifier == "exact":
        return _exact(given, "name")
    if given.modifier == "contains":
        return [Criterion("name", tuple(texts), "contains")]
    return _any_of(given, "name", [words(text) for text in texts])


def phonetic(given: Given) -> list[Condition]:
    """A word of a name that sounds so; several words must all be there. A single letter beside a word has no sound of its own: D'Hondt is called as Dhondt is."""
    spoken = [list(dict.fromkeys(words(text))) for text in _texts(given)]
    return _any_of(given, "name", [[word for word in each if len(word) > 1] or each for each in spoken], "sounds")


def _any_of(given: Given, key: str, alternatives: Sequence[Sequence[str]], op: Literal["prefix", "sounds"] = "prefix") -> list[Condition]:
    """One of the alternatives, of each all words. Raises `Invalid` when they are too many."""
    found = any_of(key, alternatives, op)
    if found is None:
        raise _too_many_words(given)
    return list(found)


def _too_many_words(given: Given) -> Invalid:
    return wrong(given, "these are too many words for one request; give fewer alternatives, or fewer words in each.", ",".join(given.values))


def text(key: str) -> Build:
    """A value of its own: the beginning of it. `:contains` anywhere, `:exact` the whole as it is written."""

    def build(given: Given) -> list[Condition]:
        texts = _texts(given)
        if given.modifier == "exact":
            return _exact(given, key)
        return [Criterion(key, tuple(texts), "contains" if given.modifier == "contains" else "prefix")]

    return build


def address(given: Given) -> list[Condition]:
    """The beginning of a street, a city or a postcode; several words in as many of them, house numbers apart. `:exact` one of the three."""
    texts = _texts(given)
    if given.modifier == "exact":
        return _exact(given, "address")
    if given.modifier == "contains":
        return [Criterion("address", tuple(texts), "contains")]
    read = [places_of(unescape(value)) for value in given.values]
    found: list[Condition] = [Criterion("address", demand, "prefix") for demand in _one_of(given, [demands for demands, _ in read])]
    numbers = dict.fromkeys(number for _, left_out in read for number in left_out)
    return [*found, Remark(_NUMBERS.format(", ".join(numbers)))] if numbers else found


def _one_of(given: Given, alternatives: Sequence[Sequence[Demand]]) -> list[Demand]:
    """What must hold when all demands of one alternative do: (a and b) or c is (a or c) and (b or c). Raises `Invalid` when that is too much."""
    if prod(map(len, alternatives)) > QUERY_LIMITS.clauses:
        raise _too_many_words(given)
    return list(dict.fromkeys(tuple(dict.fromkeys(chain(*demands))) for demands in product(*alternatives)))


def postcode(given: Given) -> list[Condition]:
    """Postcodes, or how they begin; `:contains` digits somewhere in them. Raises `Invalid`."""
    values = [unescape(value) for value in given.values]
    whole = all(value in IS_POSTCODE for value in values)
    if given.modifier == "exact":
        known = tuple(value for value in values if value in IS_POSTCODE)
        return [Criterion("postcode", known)] if known else list(NOTHING)
    if given.modifier == "contains":
        holding = tuple(each for each in POSTCODES if any(value in each for value in values))
        if len(holding) > QUERY_LIMITS.values:
            raise wrong(given, "too many postcodes hold this; give two digits or more.", given.values[0])
        return [Criterion("postcode", holding)] if holding else list(NOTHING)
    return [Criterion("postcode", tuple(values), "eq" if whole else "prefix")]


def country(given: Given) -> list[Condition]:
    """Countries by their two letters, or how they begin. `:exact` in capitals, as they stand in an address."""
    values = [unescape(value) for value in given.values]
    if given.modifier == "exact":
        known = tuple(value.lower() for value in values if re.fullmatch(r"[A-Z]{2}", value))
        return [Criterion("country", known)] if known else list(NOTHING)
    values = [value.strip().lower() for value in values]
    if given.modifier == "contains":
        letters = "abcdefghijklmnopqrstuvwxyz"
        pairs = (one + other for one, other in product(letters, letters))
        holding = tuple(pair for pair in pairs if any(value in pair for value in values))
        return [Criterion("country", holding)] if holding else list(NOTHING)
    return [Criterion("country", tuple(values), "prefix")]


def full_text(given: Given) -> list[Condition]:
    """Words that must all occur. Raises `Invalid` for alternatives."""
    if len(given.values) > 1:
        raise wrong(given, r"words must all occur, alternatives are not taken; write a comma as \,.", ",".join(given.values))
    return [Words(_texts(given)[0])]


# --- places and references --------------------------------------------------------------------------------------------------


def near(given: Given) -> list[Condition]:
    """`latitude|longitude|distance|unit`, also with the bars escaped, as clients do that take it for a text. Raises `Invalid`."""
    if len(given.values) > 1:
        raise wrong(given, "one place is taken; ask for others in requests of their own.", ",".join(given.values))
    parts = [part.strip() for part in whole_near(unescape(given.values[0])).split("|")]
    if len(parts) > 4 or any(_NUMBER.fullmatch(part) is None for part in parts[:3]):
        raise wrong(given, "latitude|longitude|distance|unit is expected, e.g. 51.05|3.72|5|km.", given.values[0])
    lat, lon, distance = map(float, parts[:3])
    unit = parts[3]
    if unit not in _KILOMETRES:
        raise wrong(given, f"the unit must be one of {', '.join(_KILOMETRES)}.", unit)
    if not (-90 <= lat <= 90 and -180 <= lon <= 180 and distance > 0):
        raise wrong(given, "one place on earth and a distance above 0 are expected.", given.values[0])
    return [Near(lat, lon, distance * _KILOMETRES[unit])]


def whole_near(value: str) -> str:
    """`near` with what is understood where it says no distance or no unit: `51.05|3.72` -> `51.05|3.72|10|km`."""
    bar = "|" if "|" in value.replace("\\|", "") else "\\|"
    parts = [*value.split(bar), "", "", ""]
    return bar.join((*parts[:2], parts[2] or "10", parts[3] or "km", *parts[4:-3]))


def _here() -> tuple[str, ...]:
    """The addresses of this server: as our artefacts name it, and as the asker reached it. By http or https, it is the same server."""
    asked = (f"{flask.request.url_root}fhir",) if flask.has_request_context() else ()
    return tuple(each.partition("://")[2] for each in (BASE, *asked))


def reference(link: str, target: EntityType, resource: str) -> Build:
    """References to `resource`, as `Type/id`, id or address; with `:identifier` by a number of theirs. Without a `link` nothing points there, nor to another server."""
    pattern = re.compile(rf"(?:https?://([^|]+)/)?{resource}/([A-Za-z0-9.-]{{1,64}})(?:/_history/[^/]+)?|([A-Za-z0-9.-]{{1,64}})")

    def build(given: Given) -> list[Condition]:
        if given.modifier == "identifier":
            where: list[Condition] = identifiers(given)
        else:
            ids = []
            for value in given.values:
                found = pattern.fullmatch(unescape(value))
                if found is None:
                    raise wrong(given, f"{resource}/<id>, or an id, is expected.", value)
                if found[1] is None or found[1] in _here():
                    ids.append(found[2] or found[3])
            where = [with_ids(ids)]
        return [linked(link, target, where)] if link else list(NOTHING)

    return build


def remarks(conditions: Iterable[Condition]) -> list[Condition]:
    """The remarks among them, which hold wherever a chain has led."""
    return [each for each in conditions if isinstance(each, Remark)]


def linked(link: str, target: EntityType, conditions: Sequence[Condition]) -> Linked:
    """The condition that what `link` leads to meets `conditions`; remarks are left out."""
    return Linked(
        link,
        Query(
            types=(target,),
            text=" ".join(each.text for each in conditions if isinstance(each, Words)),
            where=tuple(each for each in conditions if isinstance(each, Criterion)),
            linked=tuple(each for each in conditions if isinstance(each, Linked)),
            near=next((each for each in conditions if isinstance(each, Near)), None),
        ),
    )
