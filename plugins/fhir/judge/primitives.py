"""How a primitive value must look. https://hl7.org/fhir/R4/datatypes.html#primitive"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from sys import float_info
from typing import Any, Final

_DAY: Final = r"\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])"
_CLOCK: Final = r"(?:[01]\d|2[0-3]):[0-5]\d:(?:[0-5]\d|60)(?:\.\d+)?"
_ZONE: Final = r"(?:Z|[+-](?:(?:0\d|1[0-3]):[0-5]\d|14:00))"
_SHAPES: Final[Mapping[str, tuple[re.Pattern[str], str]]] = {
    name: (re.compile(shape), remedy)
    for name, shape, remedy in (
        ("id", r"[A-Za-z0-9.\-]{1,64}", "An id has 1 to 64 letters, digits, hyphens and full stops."),
        ("code", r"\S+(?: \S+)*", "A code has no blanks at its ends, and inside only single ones."),
        ("uri", r"\S+", "A URI has no blanks; write them as %20."),
        ("url", r"\S+", "A URL has no blanks; write them as %20."),
        ("canonical", r"\S+", "A canonical has no blanks."),
        ("oid", r"urn:oid:[0-2](?:\.(?:0|[1-9]\d*))+", "Write it as urn:oid:1.2.3."),
        ("uuid", r"urn:uuid:[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", "Write it as urn:uuid: and a UUID in small letters."),
        ("date", rf"\d{{4}}(?:-(?:0[1-9]|1[0-2]))?|{_DAY}", "Write it as 2026, 2026-11 or 2026-11-22."),
        (
            "dateTime",
            rf"\d{{4}}(?:-(?:0[1-9]|1[0-2]))?|{_DAY}(?:T{_CLOCK}{_ZONE})?",
            "Write it as 2026-11-22 or, with seconds and a time zone, as 2026-11-22T09:00:00+01:00.",
        ),
        ("instant", rf"{_DAY}T{_CLOCK}{_ZONE}", "Write it with seconds and a time zone: 2026-11-22T09:00:00+01:00."),
        ("time", _CLOCK, "Write it as 09:00:00, without a time zone; the day ends at 23:59:59."),
        ("base64Binary", r"(?:\s*[0-9a-zA-Z+/]){4,}(?:\s*=){0,2}\s*", "Write it in base64."),
    )
}  # fmt: skip
_ADDRESSES: Final = frozenset({"uri", "url", "canonical"})
_WHOLE_NUMBERS: Final[Mapping[str, tuple[int, int]]] = {
    "integer": (-(2**31), 2**31 - 1),
    "unsignedInt": (0, 2**31 - 1),
    "positiveInt": (1, 2**31 - 1),
}
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff]")
_LONGEST: Final = 1 << 20


def fault(kind: str, value: Any) -> tuple[str, str] | None:
    """What is wrong with a value as a primitive of that kind, and what to do; None when it is right.

    The JSON type counts: `"true"` is no boolean and `"50.85"` no decimal, whatever a lenient reader makes of it.
    """
    if kind == "boolean":
        return None if isinstance(value, bool) else _expected("true or false", value)
    if kind in _WHOLE_NUMBERS:
        lowest, highest = _WHOLE_NUMBERS[kind]
        if not isinstance(value, int) or isinstance(value, bool):
            return _expected("a whole number", value)
        if not lowest <= value <= highest:
            return f"this {kind} is out of range.", f"Give a number from {lowest} to {highest}."
        return None
    if kind == "decimal":
        if not isinstance(value, int | float) or isinstance(value, bool):
            return _expected("a number", value)
        if abs(value) > float_info.max:
            return "this number is too large.", "Give one that can be computed with."
        return None
    return _text_fault(kind, value)


def _text_fault(kind: str, value: Any) -> tuple[str, str] | None:
    if not isinstance(value, str):
        return _expected("a text", value)
    if not value.strip():
        return "the text is empty.", "Leave the element out, or say something."
    if len(value) > _LONGEST:
        return "the text is longer than 1 MB.", "Shorten it."
    if _CONTROLS.search(value):
        return "the text holds control characters.", "Only tabs and line ends are allowed."
    if kind in _SHAPES:
        shape, remedy = _SHAPES[kind]
        if shape.fullmatch(value) is None:
            return f"this is no {kind}.", remedy
        if kind in _ADDRESSES and value.startswith("urn:oid:"):
            return _text_fault("oid", value)
        if kind in _ADDRESSES and value.startswith("urn:uuid:"):
            return _text_fault("uuid", value.lower())  # as a name of something it may have capitals
        if kind in ("date", "dateTime", "instant") and not _exists(value[:10]):
            return "there is no such day.", "Give a day of the calendar."
    return None


def _expected(what: str, value: Any) -> tuple[str, str]:
    if value is None:
        return "null stands here.", "Leave the element out."
    kind = {
        bool: "a boolean",
        int: "a number",
        float: "a number",
        str: "a text",
        list: "a list",
        dict: "an object",
    }
    found = kind.get(type(value), "something else")
    if not isinstance(value, str) or what == "a text":
        return f"here belongs {what}, and not {found}.", f"Give {what} in JSON."
    plain = "" if what == "true or false" else " In XML write only its digits: no blanks, no + and no zeros before it."
    return f"here belongs {what}, and not {found}.", f"Give {what} in JSON. Take away the quotation marks.{plain}"


def _exists(day: str) -> bool:
    if day[:4] == "0000":
        return False
    if len(day) < 10:
        return True
    try:
        date.fromisoformat(day)
    except ValueError:
        return False
    return True
