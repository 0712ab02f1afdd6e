"""Reading what sociaal.brussels writes: two languages, mended characters, days with two-digit years. Pure."""

from __future__ import annotations

import re
from datetime import date
from typing import Any, Final

Json = dict[str, Any]

PIVOT: Final = 70
"""Two-digit years from 70 up are of the twentieth century, lower ones of this one; see `day`."""
_DAY: Final = re.compile(r"\s*([0-9]{1,2})/([0-9]{1,2})/([0-9]{2})\s*").fullmatch
# What UTF-8 read as cp1252 looks like: the lead byte of an accented letter (or of a typographic sign), then its second byte.
_MANGLED: Final = re.compile("[\u00c2\u00c3\u00c5\u00e2]")

# A byte that is no UTF-8, as `surrogateescape` writes it: with its own number behind U+DC00.
_STRAY: Final = re.compile("[\udc80-\udcff]")


def decoded(content: bytes) -> tuple[str, int]:
    """The text of an answer, and how many of its bytes are no UTF-8: each of those is read as cp1252, and the rest stays what it is.

    sociaal.brussels says that everything is UTF-8, but what was typed in long ago may have kept its bytes, whether in one name or in a whole answer.
    """
    return _STRAY.subn(lambda found: bytes([ord(found[0]) & 0xFF]).decode("cp1252", "replace"), content.decode("utf-8", "surrogateescape"))


def mended(text: str) -> str:
    """The text with UTF-8 that was once read as cp1252 put right: "CrÃ¨che" becomes "Crèche".

    Only where the way back and forth gives the same text again; everything else ("Ångström", "ÉCOLE Â") is left alone.
    """
    if not _MANGLED.search(text):
        return text
    try:
        repaired = text.encode("cp1252").decode("utf-8")
        return repaired if repaired.encode("utf-8").decode("cp1252") == text else text
    except UnicodeError:
        return text


def day(text: Any) -> date | None:
    """The day that "dd/mm/yy" names; None for anything else.

    The century is not written, so it is decided: 70 to 99 are 1970 to 1999, 00 to 69 are 2000 to 2069.
    """
    found = _DAY(text) if isinstance(text, str) else None
    if found is None:
        return None
    number, month, year = (int(part) for part in found.groups())
    century = 1900 if year >= PIVOT else 2000
    try:
        return date(century + year, month, number)
    except ValueError:  # 31/02, or 29/02 of a year that has none
        return None


def text_of(value: Any) -> str | None:
    """A mended text that says something, else None."""
    if not isinstance(value, str):
        return None
    return mended(value).strip() or None


def texts(row: Json, name: str) -> dict[str, str]:
    """The texts in `<name>Nl` and `<name>Fr` by language."""
    found = {"nl": text_of(row.get(f"{name}Nl")), "fr": text_of(row.get(f"{name}Fr"))}
    return {language: text for language, text in found.items() if text}


def lists(row: Json, name: str) -> dict[str, list[str]]:
    """The texts in the lists `<name>Nl` and `<name>Fr` by language; a bare text counts as a list of one."""
    found = {}
    for language, ending in (("nl", "Nl"), ("fr", "Fr")):
        given = row.get(name + ending)
        items = given if isinstance(given, list) else [given]
        found[language] = [text for item in items if (text := text_of(item))]
    return found


def whole(value: Any) -> int | None:
    """A number that can be an id."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 16:
        value = int(value)
    return value if type(value) is int and 0 < value < 10**15 else None
