"""Who belongs to whom, by arithmetic on indexes: nothing has to be stored or made first to know it."""

from __future__ import annotations

from itertools import accumulate
from typing import Final, Literal

from hub.demo.defects import BRUSSELS_EVERY, BRUSSELS_OFFSET, TWIN_OFFSET, TWINS_EVERY

Size = Literal["S", "M", "L"]
SIZES: Final[dict[Size, tuple[int, int, int]]] = {
    "S": (2_000, 800, 2_000),
    "M": (42_749, 15_542, 40_000),
    "L": (42_749, 15_542, 780_000),
}
"""Organisaties and zorgverleners of the directory, and persons in the federal register (the first of whom are those of the directory).
The figures of M are those of De Sociale Kaart in July 2019."""

_OFFERS: Final = (1, 1, 3, 1, 1, 1, 2, 1, 2, 1)
_OFFERS_BEFORE: Final = tuple(accumulate(_OFFERS, initial=0))
_OFFERS_OF_TEN: Final = _OFFERS_BEFORE[-1]
_PLACE_OF_OFFER: Final = tuple(place for place, count in enumerate(_OFFERS) for _ in range(count))
# How twelve zorgverleners are spread over ten practices: from one group practice to one that names nobody.
_PERSONS_BEFORE: Final = (0, 4, 6, 7, 8, 9, 10, 11, 12, 12, 12)
_UMBRELLA_EVERY: Final = 48
SECOND_PRACTICE_STEP: Final = 7
"""The second practice of a zorgverlener is so many practices further on."""


class Layout:
    """The counts of one size and the ties between indexes. Every third organisatie is a praktijk."""

    def __init__(self, size: Size) -> None:
        if size not in SIZES:
            raise ValueError(f"There is no world of size {size!r}; choose one of {', '.join(SIZES)}.")
        self.organisations, self.persons, self.register_persons = SIZES[size]
        self.practices = self.organisations // 3
        self.umbrellas = -(-self.organisations // _UMBRELLA_EVERY)
        self.offers = self.first_offer(self.organisations)

    @staticmethod
    def is_practice(org: int) -> bool:
        """Whether this organisatie is a praktijk."""
        return org % 3 == 2

    @staticmethod
    def is_umbrella(org: int) -> bool:
        """Whether this organisatie is an umbrella (koepel): parent of others. Never a praktijk."""
        return org % _UMBRELLA_EVERY == 0

    @staticmethod
    def umbrella(number: int) -> int:
        """The index of the so-manieth umbrella."""
        return number * _UMBRELLA_EVERY

    @staticmethod
    def twin_of(org: int) -> int | None:
        """The organisatie whose enterprise and address this one shares. Neither of the two is a praktijk."""
        return org - 1 if org % TWINS_EVERY == TWIN_OFFSET else None

    def in_brussels(self, org: int) -> bool:
        """Whether this organisatie of the directory is in Brussels."""
        twin = self.twin_of(org)
        return (org if twin is None else twin) % BRUSSELS_EVERY == BRUSSELS_OFFSET

    @staticmethod
    def first_offer(org: int) -> int:
        """The index of the first aanbod of this organisatie."""
        return org // 10 * _OFFERS_OF_TEN + _OFFERS_BEFORE[org % 10]

    @staticmethod
    def offer_count(org: int) -> int:
        """How many aanbod this organisatie has: one to three."""
        return _OFFERS[org % 10]

    @staticmethod
    def org_of(offer: int) -> int:
        """The organisatie of this aanbod."""
        return offer // _OFFERS_OF_TEN * 10 + _PLACE_OF_OFFER[offer % _OFFERS_OF_TEN]

    @staticmethod
    def org_of_practice(practice: int) -> int:
        """The organisatie that is the so-manieth praktijk."""
        return practice * 3 + 2

    def persons_of_practice(self, practice: int) -> range:
        """Those whose first practice this is."""
        first, last = self._ten_practices(practice // 10)
        place = practice % 10
        return range(
            first + (last - first) * _PERSONS_BEFORE[place] // 12,
            first + (last - first) * _PERSONS_BEFORE[place + 1] // 12,
        )

    def practice_of(self, person: int) -> int:
        """The first practice of this zorgverlener of the directory."""
        ten = person * self._tens // self.persons
        while self._ten_practices(ten)[1] <= person:
            ten += 1
        first, last = self._ten_practices(ten)
        place = 0
        while first + (last - first) * _PERSONS_BEFORE[place + 1] // 12 <= person:
            place += 1
        return ten * 10 + place

    @property
    def _tens(self) -> int:
        return self.practices // 10  # the last few practices name nobody

    def _ten_practices(self, ten: int) -> tuple[int, int]:
        if ten >= self._tens:
            return self.persons, self.persons
        return ten * self.persons // self._tens, (ten + 1) * self.persons // self._tens
