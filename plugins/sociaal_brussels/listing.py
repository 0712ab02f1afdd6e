"""The list of the simulated sociaal.brussels: organisations of a world with every key that the real interface gives, and its lookups."""

from __future__ import annotations

from collections import Counter
from datetime import date
from functools import cached_property
from typing import Any, Final

from hub import World
from plugins.sociaal_brussels.reading import Json
from plugins.sociaal_brussels.vocabulary import sector_code

_NO_ADDRESS_EVERY: Final = 25
_MANGLED_EVERY: Final = 20
_FRENCH_TEXTS: Final = ("nameOfficialFr", "descriptionFr", "activitiesFr", "permanencyFr", "publicFr")
_ACCESS: Final = (
    ("Par téléphone", "Telefonisch"),
    ("Par e-mail", "Per e-mail"),
    ("Sans rendez-vous", "Zonder afspraak"),
)
_PUBLIC: Final = (
    ("Tout public", "Iedereen"),
    ("Toute personne habitant la Région bruxelloise", "Wie in het Brussels Gewest woont"),
    ("Familles", "Gezinnen"),
)


class Listing:
    """Rows by id, in the order of the list, and the lookups beside them. Everything is made when it is first asked for."""

    def __init__(self, world: World, count: int | None = None) -> None:
        self._world = world
        self._count = world.brussels_count if count is None else min(count, world.brussels_count)

    @cached_property
    def rows(self) -> dict[int, Json]:
        """The organisations."""
        listings = [self._world.brussels_organisation(place) for place in range(self._count)]
        counted = Counter(code for listing in listings for code in listing.categories)
        return {listing.id: self._row(listing, counted) for listing in listings}

    @cached_property
    def categories(self) -> list[Json]:
        """What `search/category` answers."""
        counted = Counter(one["id"] for row in self.rows.values() for one in row["categoriesObject"])
        return [{**_labelled(one), "organisationsCount": counted[_number(one)]} for one in self._concepts if one.broader]

    @cached_property
    def sectors(self) -> list[Json]:
        """What `sectors` answers."""
        return [_labelled(one) for one in self._concepts if not one.broader]

    def categories_of(self, sector: int) -> list[Json]:
        """The categories of a sector."""
        below = {_number(one) for one in self._concepts if one.broader == sector_code(sector)}
        return [one for one in self.categories if one["id"] in below]

    @cached_property
    def legal_status(self) -> list[Json]:
        """What `legalstatus` answers."""
        return [{"id": 930 + place, "labelFr": one.labels["fr"], "labelNl": one.labels["nl"]} for place, one in enumerate(self._scheme("legal-form"))]

    agreement_powers: Final = tuple(
        {
            "id": number,
            "labelFr": f"Pouvoir agréant {number} (synthétique)",
            "labelNl": f"Erkennende overheid {number} (synthetisch)",
        }
        for number in (11, 12, 13)
    )
    action_zones: Final = tuple(
        {"id": number, "labelFr": f"{fr} (synthétique)", "labelNl": f"{nl} (synthetisch)"}
        for number, fr, nl in (
            (1, "Région de Bruxelles-Capitale", "Brussels Hoofdstedelijk Gewest"),
            (2, "Commune", "Gemeente"),
            (3, "Quartier", "Wijk"),
        )
    )
    offer_types: Final = tuple(
        {"id": number, "labelFr": f"{fr} (synthétique)", "labelNl": f"{nl} (synthetisch)"}
        for number, fr, nl in (
            (1, "Accueil", "Onthaal"),
            (2, "Accompagnement", "Begeleiding"),
            (3, "Hébergement", "Verblijf"),
        )
    )
    # The real list has blanks at the end of its names; programs strip them.
    language_offer: Final = tuple(
        {"id": number, "nameFr": f"{fr} ", "nameNl": f"{nl}  "}
        for number, fr, nl in (
            (1, "Français", "Frans"),
            (2, "Néerlandais", "Nederlands"),
            (3, "Anglais", "Engels"),
            (4, "Allemand", "Duits"),
        )
    )

    @cached_property
    def agreements(self) -> list[Json]:
        """What `agreements` answers."""
        return [
            {
                "id": 648 + place,
                "labelFr": f"Agrément {648 + place} (synthétique)",
                "labelNl": f"Erkenning {648 + place} (synthetisch)",
                "agreementPower": power,
            }
            for place, power in enumerate(self.agreement_powers)
        ]

    @staticmethod
    def agreement_of(number: int) -> int:
        """The agreement that this organisation has."""
        return 648 + number // 3 % 3

    @cached_property
    def _concepts(self) -> tuple[Any, ...]:
        return self._scheme("sociaal-brussels")

    def _scheme(self, code: str) -> tuple[Any, ...]:
        return next(scheme.concepts for scheme in self._world.concepts() if scheme.code == code)

    @cached_property
    def _by_code(self) -> dict[str, Any]:
        return {one.code: one for one in self._concepts}

    @cached_property
    def _legal_place(self) -> dict[str, int]:
        return {one.code: place for place, one in enumerate(self._scheme("legal-form"))}

    def _row(self, listing: Any, counted: Counter[str]) -> Json:
        org, number = listing.org, listing.id
        kinds: dict[str, list[str]] = {"phone": [], "email": [], "website": [], "mobile": []}
        for contact in org.contacts:
            kinds[contact.kind].append(_dialled(contact.raw) if contact.kind == "phone" else contact.raw)
        phones = kinds["phone"] + [_dialled(raw) for raw in kinds["mobile"]]
        described = [self._by_code[code] for code in listing.categories if code in self._by_code]
        sectors = dict.fromkeys(one.broader for one in described if one.broader)
        access, public = _ACCESS[number % 3], _PUBLIC[number // 3 % 3]
        row: Json = {
            "id": number,
            "legalStatus": self.legal_status[self._legal_place[org.legal_form]],
            "isInterpreting": False,
            "address": None if number % _NO_ADDRESS_EVERY == 0 else _address(org.sites[0].address),
            "categories": None,
            "categoriesObject": [{**_labelled(one), "organisationsCount": counted[one.code]} for one in described],
            "sectorsObjects": [_labelled(self._by_code[code]) for code in sectors] or None,
            "nameOfficialFr": org.name_fr,
            "nameOfficialNl": org.name_nl,
            "descriptionFr": None,
            "descriptionNl": None,
            "activitiesFr": org.description.get("fr"),
            "activitiesNl": org.description.get("nl"),
            "accessFr": [access[0]],
            "accessNl": [access[1]],
            "permanencyFr": listing.opening_fr,
            "permanencyNl": listing.opening_nl,
            "publicFr": public[0],
            "publicNl": public[1],
            "publicationFr": [],
            "publicationNl": [],
            "remarkFr": None,
            "remarkNl": None,
            "pmRp": _company_numbers(org.kbo, number),
            "langStatus": "FR" if org.name_nl is None else "FR-NL",
            "lastUpdate": written(date.fromisoformat(listing.last_update)),
            "startDate": f"01/{1 + number % 12:02d}/{(1930 + number % 90) % 100:02d}" if number % 3 == 1 else None,
            "type": None,
        }
        both = {
            "nameAlternative": ([listing.alternative_fr], [listing.alternative_nl]),
            "nameFormer": ([], []),
            "nameService": ([], []),
            "tel": (phones, phones),
            "email": (kinds["email"], kinds["email"]),
            "fax": ([], []),
            "websiteOfficial": (kinds["website"], kinds["website"] if org.name_nl else []),
            "websiteUnofficial": ([], []),
            "websiteBelgianOfficialJournal": ([], []),
            "websiteInfo": ([], []),
            "otherAgreement": ([], []),
            "subvention": ([], []),
        }
        for name, (french, dutch) in both.items():
            row[f"{name}Fr"] = [text for text in french if text]
            row[f"{name}Nl"] = [text for text in dutch if text]
        if number % _MANGLED_EVERY == 4:
            for key in _FRENCH_TEXTS:
                row[key] = mangled(row[key])
        return row


def written(day: date) -> str:
    """A day as the interface writes it: dd/mm/yy."""
    return f"{day:%d/%m/%y}"


def mangled(text: str | None) -> str | None:
    """The text as if its UTF-8 had been read as cp1252; unchanged where cp1252 has no such byte."""
    try:
        return text and text.encode("utf-8").decode("cp1252")
    except UnicodeDecodeError:
        return text


def _number(concept: Any) -> int:
    """Of a category or a sector; the source numbers the two apart."""
    return int(concept.code.removeprefix(sector_code("")))


def _labelled(concept: Any) -> Json:
    return {"id": _number(concept), "labelFr": concept.labels["fr"], "labelNl": concept.labels["nl"]}


def _dialled(raw: str) -> str:
    area, _, rest = raw.partition(" ")
    return f"{area}/{rest.replace(' ', '.')}"


def _address(address: Any) -> Json:
    city = {language: name.upper() for language, name in address.city.items()}
    position = address.position or {}
    lat, lon = position.get("lat"), position.get("lon")
    return {
        "id": None,
        # Lambert 72, near enough within Brussels for whoever only draws a dot.
        "x": None if lon is None else round(149_000 + (lon - 4.35) * 70_500),
        "y": None if lat is None else round(170_000 + (lat - 50.84) * 111_200),
        "lon": lon,
        "lat": lat,
        "municipalityFr": city.get("fr"),
        "municipalityNl": city.get("nl"),
        "streetFr": address.street.get("fr"),
        "streetNl": address.street.get("nl"),
        "number": address.house_number,
        "numberBuilding": None,
        "zipCode": int(address.postcode),
        "postalBox": address.box,
        "postalCodeFr": f"{address.postcode} {city.get('fr')}",
        "postalCodeNl": f"{address.postcode} {city.get('nl')}",
        "districtFr": None,
        "districtNl": None,
        "districtCode": None,
        "statisticsCode": f"{address.municipality}A00-",
        "remarkFr": None,
        "remarkNl": None,
        "statisticsNameFr": None,
        "statisticsNameNl": None,
    }


def _company_numbers(kbo: str, number: int) -> list[str]:
    """The enterprise number as people type it; one in ten is none."""
    dotted = f"{kbo[:4]}.{kbo[4:7]}.{kbo[7:]}"
    wrong = f"{kbo[:9]}{(int(kbo[9]) + 1) % 10}"
    return (
        [dotted],
        [f"BE {dotted}"],
        [f"TVA BE{kbo} (siège social)"],
        [f"RPM Bruxelles {dotted} "],
        [kbo],
        [dotted, "en cours"],
        [dotted],
        [f"n° {kbo[:4]} {kbo[4:7]} {kbo[7:]}"],
        [dotted],
        [wrong],
    )[number % 10]
