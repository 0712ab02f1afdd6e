"""A walk along the index of names past those in which a word behind the first begins as asked: a name tells its words, so nothing else is looked at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from hub.model.folding import MAX_WORD
from hub.search.lens import Row
from hub.search.name_index import NamesBetween
from hub.search.steps import LAST, by_name_and_number

_FIRST_WORDS: Final = 4
_OTHERWISE: Final = 20
"""Names are of a kind when all but one of so many begin with one of so few words."""


class LaterWords:
    """The walk from a position on, in steps of at most `page` hits. `after` is where it stands, `ended` whether it is over."""

    def __init__(self, among: NamesBetween, word: str, after: tuple[Any, ...] | None, page: int) -> None:
        self._among = among
        self._word = word
        self._page = page
        self.after = after
        self.ended = among.low >= among.high
        self.far = 0
        """Within how many names the rest of the page is to be expected, as the last step says."""

    def step(self, looked: int | None = None) -> list[Row]:
        """The next hits that can be seen, in order, after a look at so many names none."""
        among = self._among
        passed = among.saying(self._word, self.after, self._page, looked)
        if len(passed) < self._page:
            bounded = among.low or among.high != LAST  # else nearly always there are more
            self.ended = looked is None or bool(bounded and not among.reach(self.after, looked))
        if looked is not None:
            left = max(1, self._page - len(passed))
            self.far = max(self._page, 2 * looked * left // max(1, len(passed)))
        self.after = passed[-1] if passed else self.after
        rows = among.lens.fetch([number for _, number in passed])
        return sorted(rows, key=by_name_and_number, reverse=among.descending)


def first_words(sample: Sequence[Row]) -> list[str]:
    """The few words with which nearly all names of those that match begin, as a sample of them says; nothing when there are no such."""
    counted = Counter(row.name.partition(" ")[0] for row in sample).most_common(_FIRST_WORDS)
    if (len(sample) - sum(times for _, times in counted)) * _OTHERWISE > len(sample):
        return []
    return [word for word, _ in counted if 0 < len(word) < MAX_WORD]
