"""The single steps of a walk: the next entries of an index, how many of them to look at, and where the letters of the alphabet begin."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, Final

from hub.search.lens import Lens, Row

FIRST: Final = "\x01"
"""Sorts before every letter that a name may hold: what goes on behind `x` lies from `x` + FIRST."""
BLANK_AND_MORE: Final = "!"
"""Sorts after a blank, and before every letter and digit: names whose first word is `x` lie from `x` to `x` + BLANK_AND_MORE."""
LAST: Final = "\U0010ffff"
"""Sorts after every text: what begins with `x` lies from `x` to `x` + LAST."""

_LARGEST_STEP: Final = 4_000
_DIGITS: Final = "0123456789"
_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"


def by_name_and_number(row: Row) -> tuple[str, int]:
    """The sort key of the order by name."""
    return row.name, row.id


def letters_from(after: tuple[Any, ...] | None, down: bool) -> Iterator[tuple[str, str, str]]:
    """What names may begin with, from a position on: the letters as `initial` takes them, and from where to where such names go."""
    every = [
        ("", "", "0"),
        (_DIGITS, "0", "a"),
        *((each, each, each + LAST) for each in _LETTERS),
        ("%", "{", LAST),
    ]
    for letters, low, high in reversed(every) if down else every:
        if after is None or (after[0] >= low if down else after[0] < high):
            yield letters, low, high


def entries(
    lens: Lens,
    order: str,
    after: tuple[Any, ...] | None,
    down: bool,
    most: int,
    condition: str = "",
    given: tuple[Any, ...] = (),
    among: Collection[int] | None = None,
) -> list[Row]:
    """The next visible entries (of `among`, if given) in an order; without `among` it must be that of an index."""
    if after is not None:
        marks = ", ".join("?" * len(after))
        condition += f" AND ({order}) {'<' if down else '>'} ({marks})"
        given = (*given, *after)
    direction = "DESC" if down else "ASC"
    tail = " ORDER BY " + ", ".join(f"{column} {direction}" for column in order.split(", ")) + " LIMIT ?"
    if among is not None:
        return lens.those("e.id", among, condition + tail, (*given, most))
    return lens.rows(f"1 = 1{condition}", given, tail, (most,))


def steps(limit: int, *, eager: bool, first: int = 0) -> Iterator[int]:
    """How many rows to look at, time after time. `eager`: every row is a hit, so no more than the page needs."""
    step = limit + 1 if eager else max(first, 4 * limit, 100)
    while True:
        yield min(step, _LARGEST_STEP) if not eager else step
        step *= 2
