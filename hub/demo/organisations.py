"""Organisaties and praktijken with their vestigingen."""

from __future__ import annotations

from typing import Final

from hub.demo import defects
from hub.demo.dice import Dice, chance, urn
from hub.demo.layout import Layout
from hub.demo.names import DESCRIPTIONS, HOUSES
from hub.demo.persons import Professions
from hub.demo.rubrieken import rubrieken, weights
from hub.demo.settlement import HOURS, Settlement, address, email, phone, website
from hub.demo.shapes import Contact, Org, Site, Town
from hub.model.fiche import Language, Text
from hub.model.folding import fold
from hub.model.identifiers import riziv_check_digits
from hub.places import Region

_SLUGS: Final = tuple(fold(nl).replace(" ", "-") for nl, _ in HOUSES)
_SCHEMELESS: Final = chance(defects.SCHEMELESS_WEBSITE)
_CEASED: Final = chance(defects.CEASED_KBO)
_FRENCH_ONLY: Final = chance(defects.FRENCH_ONLY_NAME)
_HAS_PARENT: Final = chance(0.15)
_IS_MEMBER: Final = chance(0.10)
_HAS_FHIR: Final = chance(0.05)
_HAS_WEBSITE: Final = chance(0.80)
_SECOND_SITE: Final = chance(0.25)
_THIRD_SITE: Final = chance(0.07)
_GROUP_NUMBER_EVERY: Final = 7

# Numbers of the Kruispuntbank that are not given out yet: enterprises from 1.9, establishments from 8.9.
_KBO_FROM: Final = 19_000_000
_ESTABLISHMENT_FROM: Final = 89_000_000
_BRUSSELS_NUMBERS_FROM: Final = 500_000
MAX_SITES: Final = 3


def _with_check(body: int) -> str:
    return f"{body:08d}{97 - body % 97:02d}"


class Organisations:
    """Makes the organisatie of an index; `brussels_only` makes those that only sociaal.brussels knows."""

    def __init__(self, seed: int, layout: Layout, settlement: Settlement, professions: Professions, today_ms: int) -> None:
        self._dice = Dice(seed, "organisatie")
        self._brussels_dice = Dice(seed, "sociaal-brussels")
        self._layout = layout
        self._settlement = settlement
        self._professions = professions
        self._today_ms = today_ms
        regions: tuple[Region, ...] = ("vlaanderen", "brussel", "wallonie")
        self._rubrieken = {region: urn(weights(region)) for region in regions}

    def organisation(self, index: int) -> Org:
        """Organisatie `index` of the directory."""
        layout = self._layout
        draws = self._dice.throw(index)
        twin = layout.twin_of(index)
        region: Region = "brussel" if layout.in_brussels(index) else "vlaanderen"
        if layout.is_practice(index):
            return self._make(index, index, draws, region, self._practice_rubriek(index // 3, draws[1]), twin, practice=True)
        rubriek = self._rubrieken[region][draws[1] >> 2]
        if twin is not None:
            # The same enterprise at the same address, with another service: never the same rubriek.
            first = self._rubrieken[region][self._dice.throw(twin)[1] >> 2]
            draw = draws[1]
            while rubriek == first:
                draw = (draw + 4099) % 65536
                rubriek = self._rubrieken[region][draw >> 2]
        return self._make(index, index, draws, region, rubriek, twin, practice=False)

    def brussels_only(self, number: int) -> Org:
        """The so-manieth organisation that only sociaal.brussels knows; its index is negative, since the directory has none for it."""
        draws = self._brussels_dice.throw(number)
        rubriek = self._rubrieken["brussel"][draws[1] >> 2]
        return self._make(
            -1 - number,
            _BRUSSELS_NUMBERS_FROM // MAX_SITES + number,
            draws,
            "brussel",
            rubriek,
            None,
            practice=False,
        )

    def _practice_rubriek(self, practice: int, draw: int) -> str:
        members = self._layout.persons_of_practice(practice)
        return self._professions.of(members[0] if members else draw).rubriek

    def _make(
        self,
        index: int,
        number: int,
        draws: tuple[int, ...],
        region: Region,
        rubriek_code: str,
        twin: int | None,
        *,
        practice: bool,
    ) -> Org:
        layout = self._layout
        rubriek = rubrieken()[rubriek_code]
        house_draw = draws[2] if twin is None else self._dice.throw(twin)[2]
        house = house_draw % len(HOUSES)
        house_nl, house_fr = HOUSES[house]
        french_only = region == "brussel" and draws[3] < _FRENCH_ONLY
        name_nl = None if french_only else f"{rubriek.org_nl} {house_nl}"
        name_fr = f"{rubriek.org_fr} {house_fr}" if region == "brussel" else None
        slug = f"{_SLUGS[house]}-{number}"
        sites = self._sites(number if twin is None else twin, draws, region, practice=practice, twin=twin)
        if twin is not None:
            sites = tuple(Site(site.number, f"{number}-{site.number}", site.establishment, site.address, (), site.hours) for site in sites[:1])
        umbrella = index >= 0 and twin is None and layout.is_umbrella(index)
        free = not practice and not umbrella and index >= 0
        member_of = layout.umbrella(draws[7] % layout.umbrellas)
        nl, fr = DESCRIPTIONS[draws[8] & 3]
        description = Text()
        if name_nl:
            description["nl"] = nl.replace("{name}", name_nl)
        if name_fr:
            description["fr"] = fr.replace("{name}", name_fr)
        has_website = draws[9] < _HAS_WEBSITE
        contacts: tuple[Contact, ...] = (
            phone(sites[0].address.postcode, number * 7919),
            email(f"info.{slug}"),
        )
        if has_website:
            contacts = (*contacts, website(slug, schemeless=draws[10] < _SCHEMELESS))
        types = ("orgpractice",) if practice else (rubriek.type,) if rubriek.type.startswith("org") else ()
        return Org(
            index=index,
            form="praktijk" if practice else "organisatie",
            name_nl=name_nl,
            name_fr=name_fr,
            legal_form=("bv", "natuurlijk", "maatschap", "bv")[draws[11] & 3]
            if practice
            else ("vzw", "vzw", "openbaar", "vzw", "nv", "vzw", "cv", "bv")[draws[11] & 7],
            kbo=_with_check(_KBO_FROM + (number if twin is None else twin)),
            riziv_group=_group_number(index // 3) if practice and index // 3 % _GROUP_NUMBER_EVERY == 3 else None,
            rubriek=rubriek_code,
            types=types,
            umbrella=umbrella,
            parent=layout.umbrella(draws[12] % layout.umbrellas) if free and twin is None and draws[13] < _HAS_PARENT else None,
            memberships=(member_of,) if free and draws[14] < _IS_MEMBER else (),
            twin_of=twin,
            region=region,
            sites=sites,
            contacts=contacts,
            description=description,
            languages=_languages(region, draws[15]),
            fhir_base=f"https://fhir-{number}.example.org/r4" if draws[16] < _HAS_FHIR else None,
            ceased_on=f"202{4 + draws[18] % 3}-0{1 + draws[18] % 9}-{10 + draws[18] % 19}" if draws[17] < _CEASED else None,
            updated_ms=self._today_ms - 1 - (draws[19] * 65536 + draws[20]) * 14,
        )

    def _sites(self, number: int, draws: tuple[int, ...], region: Region, *, practice: bool, twin: int | None) -> tuple[Site, ...]:
        if twin is not None:
            draws = self._dice.throw(twin)
        count = 1 if practice or draws[21] >= _SECOND_SITE else 2 if draws[21] >= _THIRD_SITE else MAX_SITES
        sites = [self._site(number, 0, draws, self._settlement.town(region, draws[22], draws[23]))]
        dice = self._dice if number < _BRUSSELS_NUMBERS_FROM // MAX_SITES else self._brussels_dice
        for further in range(1, count):
            thrown = dice.throw(number, further)
            sites.append(self._site(number, further, thrown, self._settlement.town(region, thrown[22], thrown[23])))
        return tuple(sites)

    def _site(self, number: int, place: int, draws: tuple[int, ...], town: Town) -> Site:
        where = address(town, draws[24:30])
        return Site(
            number=place,
            code=f"{number}-{place}",
            establishment=_with_check(_ESTABLISHMENT_FROM + number * MAX_SITES + place),
            address=where,
            contacts=(phone(where.postcode, number * 7919 + place * 31),) if place else (),
            hours=HOURS[draws[30] & 7],
        )


def _group_number(practice: int) -> str:
    first6 = f"{940_000 + practice // _GROUP_NUMBER_EVERY}"
    return f"{first6}{riziv_check_digits(first6, 97)}000"


def _languages(region: Region, draw: int) -> tuple[Language, ...]:
    spoken: tuple[Language, ...] = ("nl", "fr") if region == "brussel" else ("fr",) if region == "wallonie" else ("nl",)
    if draw < 13_000:
        return (*spoken, "en")
    if draw > 64_000:
        return (*spoken, "de")
    return spoken
