"""Who was given in this reading already: one bit for each first eight digits of a RIZIV number, however many persons there are."""

from __future__ import annotations

from typing import Final

_NUMBERS: Final = 10**8
_SHOWN: Final = 5


class Twice:
    """The persons of one reading, and how often one came again."""

    def __init__(self) -> None:
        self._given = bytearray(_NUMBERS // 8)  # the machine gives the memory page by page, where a bit is set
        self._again = 0
        self._examples: list[str] = []

    def is_first(self, number: str) -> bool:
        """Whether the person with this number, eight digits, comes for the first time; notes that he or she came."""
        place, bit = divmod(int(number), 8)
        if self._given[place] >> bit & 1:
            self._again += 1
            if len(self._examples) < _SHOWN and number not in self._examples:
                self._examples.append(number)
            return False
        self._given[place] |= 1 << bit
        return True

    def warnings(self) -> tuple[str, ...]:
        """What to tell of those who came more than once."""
        if not self._again:
            return ()
        rows = "1 row was" if self._again == 1 else f"{self._again:,} rows were"
        return (f"{rows} about a person who had been given already ({', '.join(self._examples)}); of each person only the first row was taken.",)
