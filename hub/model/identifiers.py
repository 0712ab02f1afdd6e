"""Belgian identifiers: check them, bring them to one form, and tell which of them say "the same".

An identifier is a pair (system, value). Systems are short names, the constants below; each output turns them into the
naming system of its partner. A system that is not known here passes through with nothing but its outer blanks removed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final, Literal, TypeGuard

__all__ = [
    "EHP",
    "KBO",
    "RIZIV",
    "RIZIV_GROUP",
    "SSIN",
    "VESTIGING",
    "InvalidIdentifier",
    "display",
    "impossible",
    "is_canonical",
    "is_national_number",
    "is_uuid",
    "normalise",
    "riziv_check_digits",
    "strong_key",
]

KBO: Final = "kbo"
"""Enterprise number of the Kruispuntbank van Ondernemingen: ten digits."""
VESTIGING: Final = "vestigingsnummer"
"""Establishment number of the Kruispuntbank van Ondernemingen: ten digits."""
RIZIV: Final = "riziv"
"""RIZIV/INAMI number of a person: eight digits, or eleven with the competence code."""
RIZIV_GROUP: Final = "riziv-group"
"""RIZIV/INAMI number of a group or an organisation: eight or eleven digits."""
EHP: Final = "ehp"
"""eHealth partner number: digits, no public check."""
SSIN: Final = "ssin"
"""Social security number: known only so that it can be refused."""

_NATIONAL_NUMBERS: Final = frozenset({SSIN, "insz", "niss", "rijksregisternummer", "nrn"})
_SPELLED: Final = (
    (re.compile(r"\d{4}\.\d{3}\.\d{3}"), KBO),
    (re.compile(r"\d\.\d{3}\.\d{3}\.\d{3}"), VESTIGING),
    (re.compile(r"\d-\d{5}-\d{2}(?:-\d{3})?"), RIZIV),
)
"""How people write a number tells its system (see `display`)."""
_UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}").fullmatch
_SEPARATORS: Final = str.maketrans("", "", " \t\r\n\u00a0\u202f./\\-\u2010\u2011\u2012\u2013_")


class InvalidIdentifier(ValueError):
    """This value is not an identifier of that system; `reason` is one short sentence for a person.

    Has `system`, `value` (as it came; empty when it may not be repeated) and `reason`.
    """

    def __init__(self, system: str, value: str, reason: str) -> None:
        super().__init__(f"{system}: {reason}")
        self.system = system
        self.value = value
        self.reason = reason


def normalise(system: str, value: str) -> str:
    """The one form in which the hub stores this identifier: digits only for the systems named here.

    Dots, blanks, dashes and slashes go, and the country prefix of an enterprise number; an enterprise number of
    nine digits (before 2005) gets its leading zero. Raises InvalidIdentifier, also for what is no text.
    """
    if is_national_number(system):
        # Not repeated in the error: an error may be logged or mailed.
        raise InvalidIdentifier(system, "", "The hub never stores a social security number.")
    if not isinstance(value, str):
        raise InvalidIdentifier(system, "", "A number is given as text.")
    check = _CHECKS.get(system)
    return value.strip() if check is None else check(system, value)


def is_uuid(value: object) -> TypeGuard[str]:
    """Whether this is a UUID in its canonical form, lower case with hyphens (RFC 9562), as every id of the hub is."""
    return type(value) is str and _UUID(value) is not None


def is_national_number(system: str) -> bool:
    """Whether a system of this name would hold social security numbers, which the hub never stores."""
    return system.lower() in _NATIONAL_NUMBERS


def is_canonical(system: str, value: str) -> bool:
    """Whether this is the form in which the hub stores the identifier; of a system that is not known here any value is."""
    check = _CHECKS.get(system)
    if check is None:
        return True
    try:
        return check(system, value) == value
    except InvalidIdentifier:
        return False


def impossible(coded: str) -> InvalidIdentifier | None:
    """Why nothing has this `system|value`, because the number contradicts itself: whoever searches for it has mistyped it. None when something may have it.

    Without a system a number is judged that is written as people write one of a certain system: 0403.019.261 is an enterprise number.
    Of some systems not even the value may be repeated to who gave it; then the error has none.
    """
    system, _, number = coded.rpartition("|")
    if not system:
        system = next((spelled for shape, spelled in _SPELLED if shape.fullmatch(number.strip())), "")
    if system and number.strip():
        try:
            normalise(system, number)
        except InvalidIdentifier as error:
            return error
    return None


def strong_key(system: str, value: str) -> str | None:
    """The text under which two claims of different sources are the same, or None where this system proves nothing.

    An enterprise number gives None on purpose: one enterprise runs many services, so it makes a candidate for review
    and never a join. Takes a value in any spelling; raises InvalidIdentifier.
    """
    canonical = normalise(system, value)
    if system in (RIZIV, RIZIV_GROUP):
        return f"{system}|{canonical[:8]}"
    if system == VESTIGING:
        return f"{system}|{canonical}"
    return None


def riziv_check_digits(first6: str, modulus: Literal[97, 89]) -> str:
    """The two check digits after profession and serial number, "01" to "97" or "01" to "89".

    97 is the rule for all; 89 was added when numbers ran out (RIZIV note I 2012/26 for nurses and midwives, for
    physicians since 1 April 2019).
    """
    return f"{modulus - int(first6) % modulus:02d}"


def display(system: str, value: str) -> str:
    """The identifier as people write it: 0403.019.261, 2.123.456.789, 1-87497-04-001.

    A value that is not valid, or of a system without a customary spelling, comes back as it is: a screen has to show
    what there is.
    """
    try:
        canonical = normalise(system, value)
    except InvalidIdentifier as error:
        return error.value
    if system == KBO:
        return f"{canonical[:4]}.{canonical[4:7]}.{canonical[7:]}"
    if system == VESTIGING:
        return f"{canonical[0]}.{canonical[1:4]}.{canonical[4:7]}.{canonical[7:]}"
    if system in (RIZIV, RIZIV_GROUP):
        parts = [canonical[0], canonical[1:6], canonical[6:8], canonical[8:]]
        return "-".join(part for part in parts if part)
    return canonical


def _digits(system: str, value: str, prefix: str = "") -> str:
    # Most come as they are kept, and a load looks at each several times.
    if value.isascii() and value.isdigit():
        return value
    bare = value.translate(_SEPARATORS)
    if prefix and bare[: len(prefix)].upper() == prefix:
        bare = bare[len(prefix) :]
    if not bare:
        raise InvalidIdentifier(system, value, "The number is empty.")
    if not (bare.isascii() and bare.isdigit()):
        raise InvalidIdentifier(system, value, "Only digits, dots, dashes, slashes and blanks are allowed.")
    return bare


def _kbo(system: str, value: str) -> str:
    number = _digits(system, value, prefix="BE")
    if len(number) == 9:
        number = "0" + number
    if len(number) != 10 or number[0] not in "01":
        raise InvalidIdentifier(KBO, value, "An enterprise number has ten digits and starts with 0 or 1.")
    _check_mod97(KBO, number, value)
    return number


def _vestiging(system: str, value: str) -> str:
    number = _digits(system, value)
    if len(number) != 10 or number[0] not in "2345678":
        raise InvalidIdentifier(VESTIGING, value, "An establishment number has ten digits and starts with 2 to 8.")
    _check_mod97(VESTIGING, number, value)
    return number


def _check_mod97(system: str, number: str, value: str) -> None:
    body, check = int(number[:8]), int(number[8:])
    if body == 0 or check != 97 - body % 97:
        raise InvalidIdentifier(system, value, "The check digits (the last two) do not fit; a digit is wrong.")


def _riziv(system: str, value: str) -> str:
    number = _digits(system, value)
    if len(number) not in (8, 11):
        raise InvalidIdentifier(system, value, "A RIZIV number has eight digits, or eleven with the competence code.")
    first6, check = int(number[:6]), int(number[6:8])
    if first6 == 0 or (check != 97 - first6 % 97 and check != 89 - first6 % 89):
        raise InvalidIdentifier(system, value, "The check digits (the seventh and eighth) do not fit; a digit is wrong.")
    return number


_CHECKS: Final[Mapping[str, Callable[[str, str], str]]] = {
    KBO: _kbo,
    VESTIGING: _vestiging,
    RIZIV: _riziv,
    RIZIV_GROUP: _riziv,
    EHP: _digits,
}
