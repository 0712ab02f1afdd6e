"""Zorgverleners: those of the directory, and the many more that only the federal register holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from hub.demo import defects
from hub.demo.dice import SLOTS, Dice, chance, urn
from hub.demo.layout import SECOND_PRACTICE_STEP, Layout
from hub.demo.names import FAMILIES, MEN, WOMEN
from hub.demo.rubrieken import rubrieken
from hub.demo.settlement import Settlement, address, email, mobile, phone
from hub.demo.shapes import Address, Contact, Org, Person
from hub.model.fiche import Language
from hub.model.folding import fold
from hub.model.identifiers import riziv_check_digits
from hub.places import Region

# First six digits: profession and serial number. 94 and up are group numbers.
_FIRST6_FROM: Final = 100_000
_FIRST6_COUNT: Final = 840_000
# Prime to the count, so each person has other digits; small, so that neighbours mostly share a profession, as a practice does.
_FIRST6_STEP: Final = 7_919
_WITH_MODULUS_89: Final = "1489"
_PART_WITH_MODULUS_89: Final = 340_000 / _FIRST6_COUNT

_NO_CONTACT: Final = chance(defects.NO_CONTACT)
_HIDDEN: Final = chance(defects.HIDDEN_MOBILE)
_NOT_PUBLIC: Final = chance(defects.NOT_PUBLIC)
_NO_RIZIV: Final = chance(defects.NO_RIZIV)
_MODULUS_89: Final = chance(defects.MODULUS_89 / _PART_WITH_MODULUS_89)
_INACTIVE: Final = chance(defects.INACTIVE_WITH_RIZIV)
_SECOND: Final = chance(defects.SECOND_PRACTICE)
_EMERGENCY: Final = chance(defects.EMERGENCY_ADDRESS)

_FAMILY_SLUGS: Final = tuple(fold(family).replace(" ", "") for family in FAMILIES)
_WOMEN_SLUGS: Final = tuple(fold(name) for name in WOMEN)
_MEN_SLUGS: Final = tuple(fold(name) for name in MEN)
_MOBILES_OF_PERSONS_FROM: Final = 17


@dataclass(frozen=True, slots=True)
class Profession:
    """A CD-HCPARTY profession with its rubriek and the competence code of its RIZIV numbers (made up)."""

    code: str
    rubriek: str
    competence: str


class Professions:
    """Which profession somebody has follows from the RIZIV number, whose first digit stands for it."""

    def __init__(self, seed: int) -> None:
        self._offset = Dice(seed, "riziv").throw(0)[0] * 11 % _FIRST6_COUNT
        by_type = {
            rubriek.type: Profession(rubriek.type, code, f"{number % 900 + 1:03d}")
            for number, (code, rubriek) in enumerate(rubrieken().items())
            if rubriek.type.startswith("pers")
        }

        def spread(**weighted: float) -> tuple[Profession, ...]:
            return urn([(by_type[code], weight) for code, weight in weighted.items()], 128)

        nurses = spread(persnurse=80, perspracticalnurse=20)
        self._by_digit = {
            "1": spread(
                persgeneralphysician=55, perspediatrician=8, perscardiologist=6, persdermatovenereologist=6,
                persophthalmologist=7, persgynecologistobstetrics=8, perspsychatrist=10,
            ),
            "2": spread(perspharmacist=1),
            "3": spread(persdentist=84, persorthodontist=8, persoraldentalhygienist=8),
            "4": nurses,
            "5": spread(persphysiotherapist=80, perspediatricphysiotherapist=8, persmanualtherapist=12),
            "6": spread(perslogopedist=36, persdietician=20, persoccupationaltherapist=20, perspodologist=16, persaudiologist=8),
            "7": spread(persclinicalpsychologist=85, persclinicalorthopedagogist=15),
            "8": nurses,
            "9": spread(persmidwife=1),
        }  # fmt: skip

    def first6(self, person: int) -> str:
        """The first six digits of this person's RIZIV number; no two persons share them."""
        return str(_FIRST6_FROM + (self._offset + person * _FIRST6_STEP) % _FIRST6_COUNT)

    def of(self, person: int) -> Profession:
        """The profession of this person."""
        digits = self.first6(person)
        # A dozen neighbours share their first digit; each dozen shares a speciality.
        return self._by_digit[digits[0]][person // 3 * 37 % 128]


class Persons:
    """Makes the zorgverlener of an index."""

    def __init__(
        self,
        seed: int,
        layout: Layout,
        settlement: Settlement,
        professions: Professions,
        organisation: Callable[[int], Org],
        today_ms: int,
    ) -> None:
        self._dice = Dice(seed, "zorgverlener")
        self._layout = layout
        self._settlement = settlement
        self._professions = professions
        self._organisation = organisation
        self._today_ms = today_ms

    def has_second_practice(self, person: int) -> bool:
        """Whether this zorgverlener of the directory works in two practices."""
        return self._dice.throw(person)[0] < _SECOND

    def members(self, practice: int) -> list[int]:
        """The zorgverleners of this practice: those whose first it is, then those whose second it is."""
        layout = self._layout
        other = (practice - SECOND_PRACTICE_STEP) % layout.practices
        seconds = [person for person in layout.persons_of_practice(other) if self.has_second_practice(person)]
        return [*layout.persons_of_practice(practice), *seconds]

    def person(self, index: int) -> Person:
        """Zorgverlener `index`; from `layout.persons` on, somebody who is in the register only."""
        draws = self._dice.throw(index)
        in_directory = index < self._layout.persons
        practices = self._practices(index, draws) if in_directory else []
        orgs = [self._organisation(self._layout.org_of_practice(practice)) for practice in practices]
        region: Region = orgs[0].region if orgs else _region(draws[1])
        woman = draws[2] < 36_000
        family, given = draws[3] % len(FAMILIES), draws[4] % len(WOMEN)
        first6 = self._professions.first6(index)
        profession = self._professions.of(index)
        modulus: Literal[89, 97] = 89 if first6[0] in _WITH_MODULUS_89 and draws[5] < _MODULUS_89 else 97
        home = self._settlement.town(region, draws[6])
        addresses: list[Address] = [_practice_address(org) for org in orgs]
        if not orgs:
            addresses.append(address(self._settlement.town(region, draws[7]), draws[20:26], type="practice"))
        addresses.append(address(home, draws[14:20], type="administrative"))
        if draws[8] < _EMERGENCY:
            addresses.append(address(home, draws[19:25], type="emergency", visibility="internal"))
        contacts: tuple[Contact, ...] = ()
        if draws[9] >= _NO_CONTACT:
            given_slug = _WOMEN_SLUGS[given] if woman else _MEN_SLUGS[given]
            contacts = (
                mobile(index + _MOBILES_OF_PERSONS_FROM, "professional" if draws[10] < _HIDDEN else None),
                email(f"{given_slug}.{_FAMILY_SLUGS[family]}.{index}"),
            )
            if draws[11] < 20_000:
                contacts = (phone(addresses[0].postcode, index * 7919 + 50_000, primary=False), *contacts)
        active = draws[12] >= _INACTIVE
        return Person(
            index=index,
            family=FAMILIES[family],
            given=WOMEN[given] if woman else MEN[given],
            gender="female" if woman else "male",
            riziv=f"{first6}{riziv_check_digits(first6, modulus)}{profession.competence}",
            riziv_known=draws[13] >= _NO_RIZIV,
            profession=profession.code,
            rubriek=profession.rubriek,
            offers=tuple(self._offer(index, practice) for practice in practices),
            addresses=tuple(addresses),
            contacts=contacts,
            languages=_languages(region, draws[26]),
            convention=("full", "full", "full", "none", "partial", "full", "full", "none")[draws[27] & 7],
            active=active,
            stopped_on=None if active else f"202{3 + draws[28] % 3}-{10 + draws[28] % 3}-{10 + draws[28] % 19}",
            visibility="professional" if draws[29] < _NOT_PUBLIC else None,
            in_directory=in_directory,
            updated_ms=self._today_ms - 1 - (draws[30] * SLOTS + draws[31]) * 14,
        )

    def _practices(self, index: int, draws: tuple[int, ...]) -> list[int]:
        first = self._layout.practice_of(index)
        if draws[0] >= _SECOND:
            return [first]
        return [first, (first + SECOND_PRACTICE_STEP) % self._layout.practices]

    def _offer(self, index: int, practice: int) -> int:
        org = self._layout.org_of_practice(practice)
        place = self.members(practice).index(index)
        return self._layout.first_offer(org) + place % self._layout.offer_count(org)


def _practice_address(org: Org) -> Address:
    at = org.sites[0].address
    return Address(
        at.street,
        at.house_number,
        at.box,
        at.postcode,
        at.city,
        at.municipality,
        at.position,
        type="practice",
    )


def _region(draw: int) -> Region:
    return "vlaanderen" if draw < 0.57 * SLOTS else "brussel" if draw < 0.67 * SLOTS else "wallonie"


def _languages(region: Region, draw: int) -> tuple[Language, ...]:
    if region == "brussel":
        return ("nl", "fr", "en") if draw < 20_000 else ("fr", "nl")
    if region == "wallonie":
        return ("fr",) if draw < 50_000 else ("fr", "de")
    return ("nl", "fr", "en") if draw < 12_000 else ("nl", "en") if draw < 30_000 else ("nl",)
