"""The formats that a declaration can name, each one predicate that both the generated checker and the marshmallow schemas use.

Every predicate takes any value, returns False for what is not a string, and never raises.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from hub.model.declarations import MAX_TEXT
from hub.model.identifiers import is_national_number, is_uuid

# https://www.rfc-editor.org/rfc/rfc3339#section-5.6, in capitals only, so that equal moments are equal text.
_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)", re.ASCII).fullmatch
# A URL ends up in an href: schemes that run code there, and signs that end an attribute, are refused.
_URL: Final = re.compile(
    r"(?:https?://[^\s/?#<>\"\\^`{|}\x00-\x1f\x7f]+|(?!https?:|javascript:|vbscript:|data:)[a-z][a-z0-9+.-]*:)"
    r"[^\s<>\"\\^`{|}\x00-\x1f\x7f]*",
    re.IGNORECASE,
).fullmatch
_LANGUAGE: Final = re.compile(r"[a-z]{2,3}").fullmatch
_OPENING_TIMES: Final = frozenset(f"{hour:02}:{minute:02}" for hour in range(24) for minute in range(60))
_TIMES: Final = _OPENING_TIMES | {"24:00"}


def is_date(value: object) -> bool:
    """A day that exists, as `YYYY-MM-DD`."""
    # fromisoformat also reads 20260101 and 2026-W01-1.
    if type(value) is not str or len(value) != 10 or value[4] != "-" or value[7] != "-":
        return False
    try:
        date.fromisoformat(value)
    except ValueError:
        return False
    return True


def is_moment(value: object) -> bool:
    """A moment that exists, as RFC 3339 with an offset."""
    if type(value) is not str or _MOMENT(value) is None:
        return False
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return True


def is_time(value: object) -> bool:
    """`00:00` to `24:00`."""
    return type(value) is str and value in _TIMES


def is_opening_time(value: object) -> bool:
    """`00:00` to `23:59`."""
    return type(value) is str and value in _OPENING_TIMES


def is_url(value: object) -> bool:
    """An absolute URL without blanks, of a scheme that does not run code."""
    return type(value) is str and _URL(value) is not None and not value.endswith(":")


def is_language(value: object) -> bool:
    """Two or three small letters, as ISO 639 has them."""
    return type(value) is str and _LANGUAGE(value) is not None


def is_identifier_system(value: object) -> bool:
    """Any name but that of the national number, which the hub never stores."""
    return type(value) is str and value != "" and not is_national_number(value)


@dataclass(frozen=True, slots=True)
class Format:
    """A predicate, what to tell whoever gave something else, and the name of the format in OpenAPI."""

    fits: Callable[[object], bool]
    hint: str
    openapi: str | None = None


FORMATS: Final[dict[str, Format]] = {
    "date": Format(is_date, "This is not an existing day; write it as YYYY-MM-DD, e.g. 2026-03-31.", "date"),
    "moment": Format(
        is_moment,
        "This is not an existing moment; write it as 2026-03-31T09:00:00Z (RFC 3339, with an offset).",
        "date-time",
    ),
    "time": Format(is_time, "This is not a time of day; write it as HH:MM, from 00:00 to 24:00."),
    "opening time": Format(is_opening_time, "This is not a time to open at; write it as HH:MM, from 00:00 to 23:59."),
    "uuid": Format(is_uuid, "This is not a UUID in small letters with hyphens.", "uuid"),
    "url": Format(is_url, "This is not a full URL; it starts with a scheme (https://...) and has no blanks.", "uri"),
    "language": Format(is_language, "This is not a language; use the two or three small letters of ISO 639, e.g. nl."),
    "identifier system": Format(is_identifier_system, "The hub never stores a social security number; leave it out."),
}


def text_problem(value: str) -> str | None:
    """Why the databases or a person could not handle this string, or None."""
    if not value:
        return "This is empty; leave the key out when nothing is known."
    if len(value) > MAX_TEXT:
        return f"This has {len(value):,} characters; at most {MAX_TEXT:,} are kept. Shorten it."
    if "\x00" in value:
        return "This holds a NUL character, which no database keeps; remove it."
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            return "This holds half a character (a lone surrogate); it was probably cut or decoded wrongly."
    return None


def strings_fit(value: object) -> bool:
    """Whether no string anywhere in this JSON value has a `text_problem`."""
    if isinstance(value, str):
        return text_problem(value) is None
    if isinstance(value, dict):
        return all(strings_fit(key) and strings_fit(item) for key, item in value.items())
    return not isinstance(value, list) or all(strings_fit(item) for item in value)
