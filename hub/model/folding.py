"""Folding and word splitting of every text that is searched, done once here for both database engines.

SQLite (FTS5, unicode61) and PostgreSQL ('simple') each fold and split in their own way. They are handed the words of
this module, which both take as they are: one word in, one token out.
"""

from __future__ import annotations

import unicodedata
from typing import Final

__all__ = ["MAX_WORD", "as_written", "fold", "words"]

MAX_WORD: Final = 40
"""Longest word in the index, in characters; what is longer is cut, in a text and in a question alike."""

# Letters that Unicode does not decompose, as people type them without the right keyboard.
_SPELLED: Final = {
    "æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "ł": "l", "ħ": "h", "ı": "i", "ŧ": "t",
    "\u02bc": " ",  # the apostrophe that Unicode counts among the letters
}  # fmt: skip


class _FoldTable(dict[int, str]):
    """What each character becomes; filled as characters are met, so that str.translate stays in C."""

    def __missing__(self, code: int) -> str:
        folded = self[code] = _fold_character(chr(code))
        return folded


def _fold_character(character: str) -> str:
    parts: list[str] = []
    for part in unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", character).casefold()).casefold():
        category = unicodedata.category(part)
        if category[0] == "M" or category == "Cf":
            continue  # accents, and invisible marks such as the soft hyphen: they never part a word
        digit = unicodedata.decimal(part, None)
        if digit is not None:
            parts.append(str(digit))
        elif category[0] in "LN":
            parts.append(_SPELLED.get(part, part))
        else:
            parts.append(" ")
    return "".join(parts)


_TABLE: Final = _FoldTable()
_OTHERWISE: Final = 0xFF


def _as_byte(code: int) -> int:
    folded = _fold_character(chr(code))
    return ord(folded) if len(folded) == 1 and folded.isascii() else _OTHERWISE


_LATIN: Final = bytes([_as_byte(code) for code in range(256)])
"""The same for the letters of western Europe, most of which become one byte; `_OTHERWISE` for the few that do not."""


def _folded(text: str) -> str:
    try:
        folded = text.encode("latin-1").translate(_LATIN)
    except UnicodeEncodeError:
        return text.translate(_TABLE)
    # A byte for a byte is four times as fast as what is always right.
    return text.translate(_TABLE) if _OTHERWISE in folded else folded.decode("ascii")


def fold(text: str) -> str:
    """The text without case, accents and punctuation, one blank between words: "L'Hôpital  St-Luc" -> "l hopital st luc".

    Two texts that a searcher takes for the same fold alike. Folding what is folded changes nothing.
    """
    return " ".join(_folded(text).split())


def words(text: str) -> list[str]:
    """The words of a text in their order, folded, each at most MAX_WORD long; repeated words stay repeated.

    A word of Latin letters and digits is [a-z0-9]+; letters of other scripts stay as they fold.
    """
    return [word[:MAX_WORD] for word in _folded(text).split()]


def as_written(text: str) -> str:
    """A text with its capitals, accents and signs, to be compared as a whole: blanks around it, or more than one in a row, say nothing."""
    return " ".join(unicodedata.normalize("NFC", text).split())
