"""The columns of the workbook: an offer with what it inherits, as one row of plain values. Pure.

The layout follows what care councils asked for: one row per offer, fifteen columns unless somebody asks for more, street, number, postcode and
municipality apart (mail merge needs that), no merged cells, the same names in every workbook of a language. What people do not read on paper stands last.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from hub import (
    Document,
    Entity,
    address_of,
    general_contacts,
    has_ended,
    house_number,
    name_in,
    nearest_contact,
    said_in,
)
from plugins.excel.wording import COLUMNS_IN, WORDS

Words = Mapping[str, str]
Labels = Callable[[str, str, str], str]

_WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its header, its width in characters, what it means (for the sheet that explains), the ways by which its values come (each needs all the
    fields of a fiche that it names), and whether it is printed. Settings name it by its Dutch header."""

    header: str
    width: int
    meaning: str
    ways: tuple[str, ...] = ("",)
    printed: bool = True

    def in_language(self, language: str) -> Column:
        """The same with the header and the meaning in another language than Dutch."""
        header, meaning = COLUMNS_IN.get(language, {}).get(self.header, (self.header, self.meaning))
        return replace(self, header=header, meaning=meaning)

    def is_withheld(self, fields: frozenset[str] | None) -> bool:
        """Whether an agreement that names these fields (None: all) leaves nothing of it."""
        return fields is not None and not any(set(way.split()) <= fields for way in self.ways)


_PLACE = ("organisatie vestigingen",)
_CONTACTS = ("contacts", "organisatie vestigingen")
COLUMNS: tuple[Column, ...] = (
    Column("Aanbod", 24, "Naam van het aanbod.", ("names",)),
    Column("Organisatie", 22, "Organisatie of praktijk die het aanbod doet.", ("organisatie names",)),
    Column(
        "Rubriek",
        20,
        "Rubriek van de Sociale Kaart: nummer en naam; van een andere lijst de naam van de lijst en die van de categorie. Meerdere gescheiden door een puntkomma.",
        ("rubrieken",),
    ),
    Column(
        "Straat",
        18,
        "Straat van de eerste vestiging waar het aanbod plaatsvindt; zijn er plaatsen gekozen, dan van de eerste die daarin ligt. Noemt het er geen, dan van de organisatie.",
        _PLACE,
    ),
    Column("Nummer", 8, "Huisnummer, met bus.", _PLACE),
    Column("Postcode", 9, "Postcode, als tekst.", _PLACE),
    Column("Gemeente", 14, "Gemeente of deelgemeente zoals in het adres.", _PLACE),
    Column(
        "Telefoon",
        15,
        "Telefoon- of gsm-nummer van het aanbod; ontbreekt het, dan dat van de vestiging of de organisatie. Nummers voor klachten, noodgevallen of collega's staan hier niet.",
        _CONTACTS,
    ),
    Column("Doelgroep", 14, "Voor wie het aanbod bedoeld is.", ("target_groups",)),
    Column("Talen", 8, "Talen van de dienstverlening (ISO 639).", ("languages",)),
    Column(
        "Openingsuren",
        22,
        "Uren per weekdag, en de tekst van de bron. Wat voorbij is, staat er niet in; bij wat nog moet beginnen of eindigt, staat wanneer.",
        ("hours", "hours_text"),
    ),
    Column(
        "Patiëntenstop",
        18,
        "ja (geen nieuwe patiënten), nee of onbekend, met de dag waarop het gemeld is en tot wanneer het geldt; een verlopen opgave is onbekend.",
        ("patientenstop",),
    ),
    Column("E-mail", 26, "E-mailadres, met dezelfde terugval als het telefoonnummer.", _CONTACTS, printed=False),
    Column("Website", 30, "Website, met dezelfde terugval.", _CONTACTS, printed=False),
    Column("Fichenummer", 38, "Vast nummer van de fiche in de hub: hiermee herkent een volgende versie dezelfde rij.", printed=False),
)
STATUS = Column("Status", 14, "actief, gestopt, organisatie gestopt (het aanbod zelf dan niet) of onbekend.", ("status",))
ON_REQUEST: tuple[Column, ...] = (
    STATUS,
    Column("Zorgverleners", 18, "Wie er werkt, gescheiden door een puntkomma.", ("caregivers name",)),
    Column("Wachtlijst", 18, "ja, nee of onbekend, met hoe lang en de data van de opgave; een verlopen opgave is onbekend.", ("waiting_list",)),
    Column("Capaciteit", 18, "Erkende en vrije plaatsen, met de data van de opgave; bij een verlopen opgave alleen de erkende.", ("capacity",)),
    Column("Wachtdienst", 18, "ja, nee of onbekend, met de data van de opgave; een verlopen opgave is onbekend.", ("on_call",)),
)
"""Columns that stand there only when somebody asks for them."""
EVERY = COLUMNS + ON_REQUEST


def row(entity: Entity, label: Labels, today: str, language: str = "nl") -> tuple[str, ...]:
    """One offer as the texts of `EVERY`, as it is on the day `today` (`YYYY-MM-DD`, in Belgium); what is not known is an empty text."""
    words = WORDS[language]
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
        "; ".join(label(code["scheme"], code["code"], language) for code in offer.get("target_groups", ())),
        ", ".join(offer.get("languages", ())),
        _hours(offer, today, language),
        _answer(offer.get("patientenstop", {}), words, today),
        nearest_contact(contacts, "email"),
        nearest_contact(contacts, "website"),
        entity.id,
        _status(offer, organisation, words),
        "; ".join(_people(entity, language)),
        _answer(offer.get("waiting_list", {}), words, today),
        "; ".join(_room(each, words, today) for each in offer.get("capacity", ())),
        _answer(offer.get("on_call", {}), words, today),
    )


def _people(entity: Entity, language: str) -> Iterable[str]:
    """Who works there, as far as the asker sees them, each once."""
    seen = (
        entity.related.get(each["zorgverlener"]["id"])
        for each in entity.fiche.get("caregivers", ())
        if "zorgverlener" in each and not has_ended(each)
    )
    return dict.fromkeys(name_in(person, language).text for person in seen if person is not None)


def _rubriek(code: Document, label: Labels, language: str) -> str:
    name = label(code["scheme"], code["code"], language)
    if code["scheme"] != "rubriek":
        return f"{code['scheme']}: {name}"
    return name if name == code["code"] else f"{code['code']} {name}"


def _status(offer: Document, organisation: Document, words: Words) -> str:
    """What nobody says is unknown too: an empty cell would drop out of a filter on what is."""
    said: str = offer.get("status", {}).get("status", "unknown")
    stopped = organisation.get("status", {}).get("status") == "inactive"
    return words["organisation_stopped" if stopped and said != "inactive" else said]


def _answer(said: Document, words: Words, today: str) -> str:
    """`ja, 6 weken (gemeld op 01/03/2026, geldig tot 31/12/2026)`: paper has to say when it stops being true."""
    value = said.get("value", "")
    if value not in ("yes", "no"):
        return words[value] if value else ""
    weeks = said.get("weeks")
    long = [] if weeks is None else [words["week" if weeks == 1 else "weeks"].format(n=weeks)]
    return _dated(", ".join([words[value], *long]), said, words, today)


def _room(capacity: Document, words: Words, today: str) -> str:
    """`12 plaatsen, 3 vrij (geldig tot 31/12/2026)`."""
    unit = words.get(capacity["unit"], capacity["unit"])
    parts = [f"{capacity['maximum']} {unit}" if "maximum" in capacity else unit]
    if "available" in capacity:
        parts.append(words["free"].format(n=capacity["available"]))
    return _dated(", ".join(parts), capacity, words, today)


def _dated(text: str, said: Document, words: Words, today: str) -> str:
    ends = said.get("valid_until", today)
    if ends < today:  # of what has run out only the rest is here, and that has no end
        return text
    days = {"asserted": said.get("asserted_at", "")[:10], "valid_until": said.get("valid_until", "")}
    told = ", ".join(words[word].format(day=_day(day)) for word, day in days.items() if day)
    return f"{text} ({told})" if told else text


def _hours(offer: Document, today: str, language: str) -> str:
    words = WORDS[language]
    names, joint = dict(zip(_WEEK, words["days"].split(), strict=True)), f" {words['and']} "
    days: dict[str, str] = {}
    for each in offer.get("hours", ()):
        if each.get("valid_until", today) >= today:
            when = " ".join(names[day] for day in sorted(each["days"], key=_WEEK.index))
            said, known = _opening(each, words, today), days.get(when)
            days[when] = said if known is None else f"{known}{joint}{said}" if said not in known.split(joint) else known
    parts = [f"{when} {said}".rstrip() for when, said in days.items()]
    return "; ".join(filter(None, (*parts, said_in(offer.get("hours_text", {}), language).text)))


def _opening(hours: Document, words: Words, today: str) -> str:
    """`09:00-12:00 op afspraak (tot 31/12/2026)`: all but the days."""
    opens, closes = hours.get("opens"), hours.get("closes")
    from_, until = words["from"], words["until"]
    parts = [f"{opens}-{closes}" if opens and closes else f"{from_} {opens}" if opens else f"{until} {closes}" if closes else ""]
    if hours.get("by_appointment"):
        parts.append(words["by_appointment"])
    begins, ends = hours.get("valid_from", ""), hours.get("valid_until", "")
    bounds = [f"{from_} {_day(begins)}"] if begins > today else []
    bounds += [f"{until} {_day(ends)}"] if ends else []
    if bounds:
        parts.append(f"({' '.join(bounds)})")
    return " ".join(filter(None, parts))


def _day(day: str) -> str:
    return "/".join(reversed(day.split("-")))
