"""The way through a list that is given in pages: one that never ends must not hold up a connection for ever."""

from __future__ import annotations

from typing import Final

from hub import Unreachable

MOST_EMPTY: Final = 20
"""So many pages in a row may bring nothing and still not be the last."""


class Walk:
    """Refuses a list that goes in a circle or brings nothing for ever. What it remembers does not grow with the pages.

    `repeats` says, after `url`, what a circle is seen by; `place` is where the walk begins. A circle of any length is found by comparing each place with a
    single earlier one, which is replaced after 1, 2, 4, 8... pages (Brent, 1980).
    """

    def __init__(self, url: str, repeats: str, place: object = None) -> None:
        self._url = url
        self._repeats = repeats
        self._remembered = place
        self._pages, self._until = 0, 1
        self._empty = 0

    def goes_on(self, place: object, *, empty: bool = False) -> None:
        """Note a page that is not the last. Raises `Unreachable` when its place was met before, or too many pages were empty."""
        if place == self._remembered:
            raise self._endless(self._repeats)
        self._empty = self._empty + 1 if empty else 0
        if self._empty > MOST_EMPTY:
            raise self._endless(f"gave {self._empty} empty pages in a row, none of them the last")
        self._pages += 1
        if self._pages == self._until:
            self._remembered, self._pages, self._until = place, 0, self._until * 2

    def _endless(self, why: str) -> Unreachable:
        return Unreachable(f"{self._url} {why}, so paging would never end. Ask the partner; the next run goes on from our last cursor.")
