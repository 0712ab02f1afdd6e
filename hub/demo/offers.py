"""Aanbod: what an organisatie or praktijk offers, where, by whom and when."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from datetime import date, timedelta
from typing import Final, Literal

from hub.demo import defects
from hub.demo.dice import Dice, chance
from hub.demo.layout import Layout
from hub.demo.names import DESCRIPTIONS
from hub.demo.persons import Persons, Professions
from hub.demo.rubrieken import rubrieken
from hub.demo.settlement import HOURS, Settlement, mobile
from hub.demo.shapes import Availability, Caregiving, Contact, Delivery, Offer, Org, Recognition
from hub.model.fiche import Text

_STOP: Final = chance(defects.PATIENTENSTOP)
_EXPIRED: Final = chance(defects.EXPIRED_PATIENTENSTOP)
_WAITING: Final = chance(defects.WAITING_LIST)
_ONLINE: Final = chance(defects.ONLINE_ONLY)
_SUPERVISED: Final = chance(defects.SUPERVISED)
_OUTSOURCED: Final = chance(defects.OUTSOURCED)
_OWN_CONTACT: Final = chance(0.15)
_RECOGNISED: Final = chance(0.35)
_ON_CALL: Final = chance(0.06)
_PRICED: Final = chance(0.20)
_MOBILES_FROM: Final = 400_000

_TARGET_GROUPS: Final[dict[str, tuple[tuple[str, ...], ...]]] = {
    "10": (("baby", "kind"), ("gezin",), ("jongere", "gezin"), ("kind",)),
    "13": (("handicap",), ("handicap", "volwassene"), ("handicap", "mantelzorger"), ("handicap", "jongere")),
    "14": (("oudere",), ("oudere", "mantelzorger"), ("oudere",), ("oudere", "volwassene")),
    "07": (("dakloos",), ("gezin", "volwassene"), ("dakloos", "volwassene"), ()),
    "08": (("nieuwkomer",), ("nieuwkomer", "gezin"), ("nieuwkomer",), ()),
    "03": (
        ("psychisch",),
        ("psychisch", "jongere"),
        ("verslaving", "volwassene"),
        ("psychisch", "volwassene"),
    ),
}
_OTHER_TARGET_GROUPS: Final[tuple[tuple[str, ...], ...]] = (
    ("volwassene",),
    ("gezin", "kind"),
    ("volwassene", "oudere"),
    (),
)
_DELIVERIES: Final[tuple[tuple[Delivery, ...], ...]] = (
    ("onsite",), ("onsite",), ("onsite", "home"), ("onsite", "phone"), ("home",), ("onsite", "blended"), ("onsite",), ("onsite", "online"),
)  # fmt: skip
_AUTHORITIES: Final = ("Vlaamse overheid", "Opgroeien", "VAPH", "GGC")


class Offers:
    """Makes the aanbod of an index."""

    def __init__(
        self,
        seed: int,
        layout: Layout,
        settlement: Settlement,
        professions: Professions,
        organisation: Callable[[int], Org],
        persons: Persons,
        today: date,
    ) -> None:
        self._dice = Dice(seed, "aanbod")
        self._layout = layout
        self._settlement = settlement
        self._professions = professions
        self._organisation = organisation
        self._persons = persons
        self._today_ms = int((today - date(1970, 1, 1)).total_seconds() * 1000)
        # Days ahead and back, as text: a date costs more than the rest of an aanbod together.
        self._days = {days: (today + timedelta(days)).isoformat() for days in range(-600, 241)}
        self._siblings: dict[str, list[str]] = defaultdict(list)
        for code, rubriek in rubrieken().items():
            if rubriek.org_nl:
                self._siblings[rubriek.heading].append(code)

    def offer(self, index: int) -> Offer:
        """Aanbod `index`."""
        layout = self._layout
        org = self._organisation(layout.org_of(index))
        place = index - layout.first_offer(org.index)
        draws = self._dice.throw(index)
        if org.form == "praktijk":
            return self._practice_offer(index, place, org, draws)
        return self._organisation_offer(index, place, org, draws)

    def _practice_offer(self, index: int, place: int, org: Org, draws: tuple[int, ...]) -> Offer:
        members = self._persons.members(org.index // 3)[place :: self._layout.offer_count(org.index)]
        found = [(person, self._professions.of(person)) for person in members]
        caregivers = tuple(Caregiving(person, profession.code, HOURS[(draws[0] + number) & 7]) for number, (person, profession) in enumerate(found))
        codes = tuple(dict.fromkeys(profession.rubriek for _, profession in found)) or (org.rubriek,)
        stop = None
        if draws[1] < _STOP:
            back, ahead = (120 + draws[3] % 300, -1 - draws[3] % 100) if draws[2] < _EXPIRED else (draws[3] % 60, 30 + draws[3] % 200)
            stop = self._availability("yes" if draws[4] < 49152 else "no", back, ahead)
        return Offer(
            index=index,
            org=org.index,
            sites=(0,),
            rubrieken=codes,
            name=self._name(codes[0], org),
            description=self._description(codes[0], org, draws[5]),
            target_groups=(),
            languages=org.languages,
            hours=HOURS[draws[6] & 7],
            contacts=self._contacts(index, draws[7]),
            caregivers=caregivers,
            delivery=_DELIVERIES[draws[8] & 7],
            service_area=(),
            provided_by=None,
            recognition=None,
            supervised_since=None,
            patientenstop=stop,
            on_call=self._availability("yes", draws[10] % 20, 1 + draws[10] % 30) if draws[9] < _ON_CALL else None,
            waiting_list=None,
            places=None,
            price=None,
            updated_ms=self._updated(draws),
        )

    def _organisation_offer(self, index: int, place: int, org: Org, draws: tuple[int, ...]) -> Offer:
        code = org.rubriek if place == 0 else self._sibling(org, draws[0])
        heading = code[:2]
        online = draws[1] < _ONLINE
        sites = () if online else (0,) if draws[2] < 40_000 else tuple(range(len(org.sites)))
        waiting = None
        if draws[3] < _WAITING:
            waiting = self._availability("yes" if draws[4] < 40_000 else "no", draws[5] % 60, 20 + draws[5] % 220, 1 + draws[5] % 80)
        delivery: tuple[Delivery, ...] = ("online",) if online else _DELIVERIES[draws[6] & 7]
        recognised = draws[7] < _RECOGNISED
        return Offer(
            index=index,
            org=org.index,
            sites=sites,
            rubrieken=(code,),
            name=self._name(code, org),
            description=self._description(code, org, draws[8]),
            target_groups=_TARGET_GROUPS.get(heading, _OTHER_TARGET_GROUPS)[draws[9] & 3],
            languages=org.languages,
            hours=() if online else HOURS[draws[10] & 7],
            contacts=self._contacts(index, draws[11]),
            caregivers=(),
            delivery=delivery,
            service_area=self._area(org, draws) if "home" in delivery else (),
            provided_by=self._provider(org, draws[12]) if draws[13] < _OUTSOURCED else None,
            recognition=Recognition(f"FE-{index:06d}", _AUTHORITIES[draws[14] & 3], f"20{10 + draws[14] % 15}-01-01") if recognised else None,
            supervised_since=self._days[-30 - draws[16] % 300] if draws[15] < _SUPERVISED else None,
            patientenstop=None,
            on_call=None,
            waiting_list=waiting,
            places=6 + draws[17] % 150 if heading in defects.HEADINGS_OF_CARE and recognised else None,
            price=_price(5 + draws[23] % 70) if draws[22] < _PRICED else None,
            updated_ms=self._updated(draws),
        )

    def _sibling(self, org: Org, draw: int) -> str:
        region = org.region
        here = [code for code in self._siblings[org.rubriek[:2]] if not (regions := rubrieken()[code].regions) or region in regions]
        return here[draw % len(here)]

    def _name(self, code: str, org: Org) -> Text:
        rubriek = rubrieken()[code]
        name = Text()
        if org.name_nl:
            name["nl"] = f"{rubriek.nl} - {org.name_nl}"
        if org.name_fr:
            name["fr"] = f"{rubriek.fr or rubriek.org_fr} - {org.name_fr}"
        return name

    def _description(self, code: str, org: Org, draw: int) -> Text:
        nl, fr = DESCRIPTIONS[draw & 3]
        text = Text()
        if org.name_nl:
            text["nl"] = nl.replace("{name}", org.name_nl)
        if org.name_fr:
            text["fr"] = fr.replace("{name}", org.name_fr)
        return text

    @staticmethod
    def _contacts(index: int, draw: int) -> tuple[Contact, ...]:
        return (mobile(_MOBILES_FROM + index),) if draw < _OWN_CONTACT else ()

    def _availability(self, value: Literal["yes", "no"], back: int, ahead: int, weeks: int | None = None) -> Availability:
        return Availability(value, f"{self._days[-back]}T08:00:00Z", self._days[ahead], weeks if value == "yes" else None)

    def _area(self, org: Org, draws: tuple[int, ...]) -> tuple[str, ...]:
        home = org.sites[0].address.municipality
        further = (self._settlement.town(org.region, draw).refnis for draw in draws[18 : 19 + draws[17] % 3])
        return tuple(dict.fromkeys((home, *further)))

    def _provider(self, org: Org, draw: int) -> int | None:
        provider = draw % self._layout.organisations // 3 * 3
        return provider if provider != org.index else None

    def _updated(self, draws: tuple[int, ...]) -> int:
        return self._today_ms - 1 - (draws[30] * 65536 + draws[31]) * 14


def _price(euro: int) -> Text:
    return Text(nl=f"{euro} euro per dag (fictief)", fr=f"{euro} euros par jour (fictif)")
