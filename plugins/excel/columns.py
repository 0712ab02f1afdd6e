"""The columns of the workbook: an offer with what it inherits, as one row of plain values. Pure.

The layout follows what care councils asked for (needs 42 and 43): one row per offer, at most fifteen Dutch column names, street, number, postcode
and municipality apart (mail merge needs that), no merged cells, the same names in every workbook.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hub import (
    Document,
    Entity,
    address_of,
    general_contacts,
    house_number,
    name_in,
    nearest_contact,
    said_in,
)

Labels = Callable[[str, str, str], str]

_DAYS = {"mon": "ma", "tue": "di", "wed": "wo", "thu": "do", "fri": "vr", "sat": "za", "sun": "zo"}
_WEEK = list(_DAYS)
_STATUS = {"active": "actief", "inactive": "gestopt", "unknown": "onbekend"}
_YES_NO = {"yes": "ja", "no": "nee", "unknown": "onbekend"}


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its header, its width in characters, what it means (for the sheet that explains), and the ways by which its values come: each needs all the
    fields of a fiche that it names."""

    header: str
    width: int
    meaning: str
    ways: tuple[str, ...] = ("",)

    def is_withheld(self, fields: frozenset[str] | None) -> bool:
        """Whether an agreement that names these fields (None: all) leaves nothing of it."""
        return fields is not None and not any(set(way.split()) <= fields for way in self.ways)


_PLACE = ("organisatie vestigingen",)
_CONTACTS = ("contacts", "organisatie vestigingen")
COLUMNS: tuple[Column, ...] = (
    Column("Aanbod", 38, "Naam van het aanbod.", ("names",)),
    Column("Organisatie", 38, "Organisatie of praktijk die het aanbod doet.", ("organisatie names",)),
    Column(
        "Rubriek",
        34,
        "Rubriek van de Sociale Kaart: nummer en naam; van een andere lijst de naam van de lijst en die van de categorie. Meerdere gescheiden door een puntkomma.",
        ("rubrieken",),
    ),
    Column(
        "Straat",
        26,
        "Straat van de eerste vestiging waar het aanbod plaatsvindt; zijn er plaatsen gekozen, dan van de eerste die daarin ligt. Noemt het er geen, dan van de organisatie.",
        _PLACE,
    ),
    Column("Nummer", 9, "Huisnummer, met bus.", _PLACE),
    Column("Postcode", 10, "Postcode, als tekst.", _PLACE),
    Column("Gemeente", 22, "Gemeente of deelgemeente zoals in het adres.", _PLACE),
    Column(
        "Telefoon",
        18,
        "Telefoon- of gsm-nummer van het aanbod; ontbreekt het, dan dat van de vestiging of de organisatie. Nummers voor klachten, noodgevallen of collega's staan hier niet.",
        _CONTACTS,
    ),
    Column("E-mail", 30, "E-mailadres, met dezelfde terugval als het telefoonnummer.", _CONTACTS),
    Column("Website", 34, "Website, met dezelfde terugval.", _CONTACTS),
    Column("Doelgroep", 26, "Voor wie het aanbod bedoeld is.", ("target_groups",)),
    Column("Talen", 12, "Talen van de dienstverlening (ISO 639).", ("languages",)),
    Column(
        "Openingsuren",
        34,
        "Uren per weekdag, en de tekst van de bron. Wat voorbij is, staat er niet in; bij wat nog moet beginnen of eindigt, staat wanneer.",
        ("hours", "hours_text"),
    ),
    Column("Patiëntenstop", 14, "ja, nee of onbekend; een verlopen opgave is onbekend.", ("patientenstop",)),
    Column("Fichenummer", 38, "Vast nummer van de fiche in de hub: hiermee herkent een volgende versie dezelfde rij."),
)


ON_REQUEST: tuple[Column, ...] = (Column("Status", 20, "actief, gestopt, organisatie gestopt (het aanbod zelf dan niet) of onbekend.", ("status",)),)
"""Columns that stand there only when somebody asks for them."""
EVERY = COLUMNS + ON_REQUEST


def row(entity: Entity, label: Labels, today: str, language: str = "nl") -> tuple[str, ...]:
    """One offer as the texts of `EVERY`, as it is on the day `today` (`YYYY-MM-DD`, in Belgium); what is not known is an empty text."""
    offer = entity.fiche
    organisation = entity.related.get(offer.get("organisatie", {}).get("id", ""), {})
    address = address_of(entity)
    street = said_in(address.get("street", {}), language)
    contacts = general_contacts(entity)
    return (
        name_in(offer, language).text,
        name_in(organisation, language).text,
        "; ".join(_rubriek(code, label, language) for code in offer.get("rubrieken", ())),
        street.text,
        house_number(address, street.language),
        address.get("postcode", ""),
        said_in(address.get("city", {}), language).text,
        nearest_contact(contacts, "phone", "mobile"),
        nearest_contact(contacts, "email"),
        nearest_contact(contacts, "website"),
        "; ".join(label(code["scheme"], code["code"], language) for code in offer.get("target_groups", ())),
        ", ".join(offer.get("languages", ())),
        _hours(offer, today, language),
        _YES_NO.get(offer.get("patientenstop", {}).get("value", ""), ""),
        entity.id,
        _status(offer, organisation),
    )


def _status(offer: Document, organisation: Document) -> str:
    """What nobody says is unknown too: an empty cell would drop out of a filter on what is."""
    said: str = offer.get("status", {}).get("status", "unknown")
    stopped = organisation.get("status", {}).get("status") == "inactive"
    return "organisatie gestopt" if stopped and said != "inactive" else _STATUS[said]


def _rubriek(code: Document, label: Labels, language: str) -> str:
    name = label(code["scheme"], code["code"], language)
    if code["scheme"] != "rubriek":
        return f"{code['scheme']}: {name}"
    return name if name == code["code"] else f"{code['code']} {name}"


def _hours(offer: Document, today: str, language: str) -> str:
    days: dict[str, str] = {}
    for each in offer.get("hours", ()):
        if each.get("valid_until", today) >= today:
            when = " ".join(_DAYS[day] for day in sorted(each["days"], key=_WEEK.index))
            said, known = _opening(each, today), days.get(when)
            days[when] = said if known is None else f"{known} en {said}" if said not in known.split(" en ") else known
    parts = [f"{when} {said}".rstrip() for when, said in days.items()]
    return "; ".join(filter(None, (*parts, said_in(offer.get("hours_text", {}), language).text)))


def _opening(hours: Document, today: str) -> str:
    """`09:00-12:00 op afspraak (tot 31/12/2026)`: all but the days."""
    opens, closes = hours.get("opens"), hours.get("closes")
    parts = [f"{opens}-{closes}" if opens and closes else f"vanaf {opens}" if opens else f"tot {closes}" if closes else ""]
    if hours.get("by_appointment"):
        parts.append("op afspraak")
    begins, ends = hours.get("valid_from", ""), hours.get("valid_until", "")
    bounds = [f"vanaf {_day(begins)}"] if begins > today else []
    bounds += [f"tot {_day(ends)}"] if ends else []
    if bounds:
        parts.append(f"({' '.join(bounds)})")
    return " ".join(filter(None, parts))


def _day(day: str) -> str:
    return "/".join(reversed(day.split("-")))
