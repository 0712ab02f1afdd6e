"""An address as people write it, read as beginnings of a street, a city and a postcode: the index has no house numbers. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby
from typing import Final

from hub import fold

Demand = tuple[str, ...]
"""Beginnings of which one must be there."""
POSTCODES: Final = tuple(str(number) for number in range(1000, 10_000))
IS_POSTCODE: Final = frozenset(POSTCODES)
_CUT: Final = 4
"""Of so many words it is tried whether each begins a place of its own."""
_LONGEST: Final = 24
"""No place has more words; so many are not cut, since the ways to do that grow much faster than they."""
_LETTER: Final = re.compile(r"[^\W\d]")
_HOUSE_NUMBER: Final = re.compile(
    r"\b(?:(?:bus|bte|boite|box) ?\d\w*|(?:bus|bte|boite|box) [a-z]\d*"  # of a box: bus 3, bus3, bte a
    r"|(?![1-9]\d{3}\b(?!.*\b[1-9]\d{3}\b))\d+(?:[a-z]| [a-z](?= *(?:,|$|\d{4}\b))| ?bis| ?ter)?)\b"  # four digits, and no four more behind it, are a postcode
)
"""In a folded text."""
_MARK: Final = "#"
_UNMARKED: Final = str.maketrans({_MARK: "", "_": " "})
"""A house number is marked so that it is one word with a sign before it: no folded text has these two signs."""


def places_of(text: str) -> tuple[list[Demand], list[str]]:
    """What an address as people write it asks of street, city and postcode, of each demand one; and the house numbers that were left out of it."""
    folded = ",".join(map(fold, text.split(",")))
    if not _LETTER.search(_HOUSE_NUMBER.sub("", folded)):  # no name beside it: digits begin a postcode
        return _cut(folded.replace(",", " ").split()), []
    demands: list[Demand] = []
    numbers: list[str] = []
    for part in _HOUSE_NUMBER.sub(lambda found: _MARK + found[0].replace(" ", "_"), folded).split(","):
        written = part.split()
        numbers += [each.translate(_UNMARKED) for each in written if each.startswith(_MARK)]
        while written and written[-1].startswith(_MARK):
            written.pop()
        inside: list[Demand] = []
        for numbered, each in groupby(written, lambda word: word.startswith(_MARK) or word in IS_POSTCODE):
            places = list(each)
            if not numbered:
                inside += _cut(places)
            inside += [(place,) for place in places if numbered and not place.startswith(_MARK)]
        if len(written) > 1 and any(each.startswith(_MARK) for each in written):  # a street may have a number in its name
            whole = " ".join(written).translate(_UNMARKED)
            inside = [(*demand, whole) for demand in inside]
        demands += inside
    return demands, numbers


def _cut(parts: Sequence[str]) -> list[Demand]:
    """Words that begin one place, or cut in two begin two of them, or each begins one: of each demand one must hold."""
    if len(parts) > _LONGEST:
        return [(" ".join(parts),)]
    beginnings = [" ".join(parts[: cut + 1]) for cut in range(len(parts))]
    ends = [" ".join(parts[cut + 1 :]) for cut in range(len(parts) - 1)]
    demands = [(beginning, *ends[:cut]) for cut, beginning in enumerate(beginnings)]
    if 2 < len(parts) <= _CUT:
        demands = [(word, *demand) for demand in demands for word in parts]
    shortest = [frozenset(each for each in demand if not any(each != other and each.startswith(other) for other in demand)) for demand in demands]
    return [tuple(sorted(each)) for each in dict.fromkeys(shortest) if not any(other < each for other in shortest)]
