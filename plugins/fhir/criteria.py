"""How a value of a request becomes criteria of the hub's `Query`, one function for each kind of parameter.

https://hl7.org/fhir/R4/search.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from hub import (
    Criterion,
    EntityType,
    FieldError,
    Invalid,
    InvalidIdentifier,
    Linked,
    Near,
    Query,
    fold,
    normalise_identifier,
    words,
)
from plugins.fhir.systems import identifier_names, scheme_of

Condition = Criterion | Linked | Near


@dataclass(frozen=True, slots=True)
class Given:
    """One occurrence of a parameter in a request: `address-city:contains=gent,brugge`. `values` are the alternatives, unescaped."""

    name: str
    modifier: str
    values: tuple[str, ...]


# --- values -----------------------------------------------------------------------------------------------------------------

_ESCAPED: Final = re.compile(r"\\([\\,$|])")
_OUTER_COMMA: Final = re.compile(r"(?:\\.|[^\\,])+")
_SEPARATORS: Final = str.maketrans("", "", " ./-")
_UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_NOBODY: Final = "00000000-0000-0000-0000-000000000000"
_FULL_POSTCODE: Final = re.compile(r"\d{4}")


def split(value: str) -> tuple[str, ...]:
    r"""The alternatives of a value: `a,b\,c` -> `a`, `b\,c`. Still escaped, because a token's bar comes later."""
    return tuple(part.strip() for part in _OUTER_COMMA.findall(value) if part.strip())


def unescape(value: str) -> str:
    r"""`a\,b` -> `a,b`. https://hl7.org/fhir/R4/search.html#escaping"""
    return _ESCAPED.sub(r"\1", value)


def _wrong(given: Given, reason: str, value: str = "") -> Invalid:
    name = f"{given.name}:{given.modifier}" if given.modifier else given.name
    return Invalid(f"{name}: {reason}", (FieldError(name, reason, value or None),))


def _token(value: str) -> tuple[str | None, str]:
    """(system or None when none was named, code)."""
    found = re.search(r"(?<!\\)\|", value)
    if found is None:
        return None, unescape(value)
    return unescape(value[: found.start()]), unescape(value[found.end() :])


# --- how values become criteria ----------------------------------------------------------------------------------------------


def ids(given: Given) -> list[Condition]:
    """The ids of the resource. Raises `Invalid`."""
    return [_with_ids(given.values)]


def _with_ids(values: Iterable[str]) -> Criterion:
    """What is no UUID is nobody's id here: no error, and no hit."""
    ids = tuple(value.lower() for value in values if _UUID.fullmatch(value.lower()))
    return Criterion("id", ids or (_NOBODY,))


def identifiers(given: Given) -> list[Condition]:
    """Numbers as `value` or `system|value`. Raises `Invalid`."""
    return [Criterion("identifier", tuple(dict.fromkeys(_identifier_values(given))))]


def _identifier_values(given: Given) -> Iterator[str]:
    for value in given.values:
        system, number = _token(value)
        if system is None:
            for spelling in _spellings(number):
                yield f"|{spelling}"
            continue
        if not system:
            raise _wrong(
                given,
                "every identifier here has a system, so |value finds nothing; send system|value or value alone.",
                value,
            )
        if not number:
            raise _wrong(
                given, "a system without a number is not supported; send system|value or value alone.", value
            )
        names = identifier_names(system) or (system,)
        reasons = [reason for name in names if (reason := _refusal(name, number)) is not None]
        if len(reasons) == len(names):
            raise _wrong(given, f"no such number can be given: it {reasons[0]}", value)
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


def text(key: str) -> Callable[[Given], list[Condition]]:
    """A string parameter: the beginning of any word; several words must all be there. `:contains` anywhere, `:exact` the whole."""

    def build(given: Given) -> list[Condition]:
        texts = [unescape(value) for value in given.values]
        if not all(fold(text) for text in texts):
            raise _wrong(given, "there is no letter or digit to look for.", given.values[0])
        if given.modifier == "exact":
            return [Criterion(key, tuple(fold(text) for text in texts))]
        if given.modifier == "contains":
            return [Criterion(key, tuple(fold(text) for text in texts), "contains")]
        if len(texts) == 1:
            return [Criterion(key, (word,), "prefix") for word in dict.fromkeys(words(texts[0]))]
        return [Criterion(key, tuple(fold(text) for text in texts), "prefix")]

    return build


def postcode(given: Given) -> list[Condition]:
    """Postcodes, or how they begin. Raises `Invalid`."""
    values = tuple(unescape(value) for value in given.values)
    whole = all(_FULL_POSTCODE.fullmatch(value) for value in values)
    if given.modifier == "exact" and not whole:
        raise _wrong(given, "a Belgian postcode has four digits.", given.values[0])
    return [Criterion("postcode", values, "eq" if whole else "prefix")]


def codes(given: Given) -> list[Condition]:
    """Codes as `code` or `system|code`. Raises `Invalid`."""
    values = []
    for value in given.values:
        system, code = _token(value)
        if not code:
            raise _wrong(
                given, "a system without a code is not supported; send system|code or code alone.", value
            )
        scheme = scheme_of(system) if system else ""
        values.append(f"{system if scheme is None else scheme}|{code}")
    return [Criterion("code", tuple(values), negate=given.modifier == "not")]


def active(given: Given) -> list[Condition]:
    """`true` or `false`. Raises `Invalid`."""
    values = []
    for value in given.values:
        _, code = _token(value)
        if code not in ("true", "false"):
            raise _wrong(given, "true or false is expected.", value)
        values.append("active" if code == "true" else "inactive")
    return [Criterion("status", tuple(values), negate=given.modifier == "not")]


def status(given: Given) -> list[Condition]:
    """The status of a Location. Raises `Invalid`."""
    values = tuple(_token(value)[1] for value in given.values)
    for value in values:
        if value not in ("active", "inactive", "suspended"):
            raise _wrong(given, "active, suspended or inactive is expected.", value)
    known = tuple(value for value in values if value != "suspended")
    if not known:  # a status of FHIR that no vestiging has
        return [] if given.modifier == "not" else [Criterion("id", (_NOBODY,))]
    return [Criterion("status", known, negate=given.modifier == "not")]


def near(given: Given) -> list[Condition]:
    """`latitude|longitude|distance|unit`. Raises `Invalid`."""
    parts = given.values[0].split("|")
    try:
        lat, lon = float(parts[0]), float(parts[1])
        distance = float(parts[2]) if len(parts) > 2 and parts[2] else 10.0
    except (IndexError, ValueError):
        raise _wrong(
            given, "latitude|longitude|distance|unit is expected, e.g. 51.05|3.72|5|km.", given.values[0]
        ) from None
    unit = parts[3] if len(parts) > 3 and parts[3] else "km"
    if unit not in ("km", "m"):
        raise _wrong(given, "the unit must be km or m.", unit)
    if len(given.values) > 1 or not (-90 <= lat <= 90 and -180 <= lon <= 180 and distance > 0):
        raise _wrong(given, "one place on earth and a distance above 0 are expected.", given.values[0])
    return [Near(lat, lon, distance / 1000 if unit == "m" else distance)]


def reference(link: str, target: EntityType, resource: str) -> Callable[[Given], list[Condition]]:
    """References to `resource`, as `Type/id`, id or address; with `:identifier` by a number of theirs."""
    address = re.compile(
        rf"(?:https?://[^|]+/)?{resource}/([A-Za-z0-9.-]{{1,64}})(?:/_history/[^/]+)?|([A-Za-z0-9.-]{{1,64}})"
    )

    def build(given: Given) -> list[Condition]:
        if given.modifier == "identifier":
            where: list[Condition] = identifiers(given)
        else:
            ids = []
            for value in given.values:
                found = address.fullmatch(unescape(value))
                if found is None:
                    raise _wrong(given, f"{resource}/<id>, or an id, is expected.", value)
                ids.append(found[1] or found[2])
            where = [_with_ids(ids)]
        return [linked(link, target, where)]

    return build


def linked(link: str, target: EntityType, conditions: Sequence[Condition]) -> Linked:
    """The condition that what `link` leads to meets `conditions`."""
    return Linked(
        link,
        Query(
            types=(target,),
            where=tuple(each for each in conditions if isinstance(each, Criterion)),
            linked=tuple(each for each in conditions if isinstance(each, Linked)),
            near=next((each for each in conditions if isinstance(each, Near)), None),
        ),
    )
