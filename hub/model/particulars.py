"""What a person wants to know of a fiche first: what it is called, where it is, how it is reached. One answer for every screen and every list.

For projected fiches and entities, so nothing is told that the asker may not see. What nobody said is an empty text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from hub.model.contacts import APART, ResolvedContact, resolve_contacts
from hub.model.entity import Entity
from hub.model.fiche import LANGUAGES, Document


class Said(NamedTuple):
    """A text with the language that it is in; "" for what is in none, such as the name of a person."""

    text: str
    language: str


def said_in(text: Mapping[str, str], language: str) -> Said:
    """The text in this language, else in the first of `LANGUAGES` (Dutch, then French) that there is."""
    if found := text.get(language):
        return Said(found, language)
    for known in LANGUAGES:
        if found := text.get(known):
            return Said(found, known)
    return Said("", language)


# --- what it is called ----------------------------------------------------------------------------------------------------------

_USES: Final = {"official": 0, None: 1, "alternative": 2, "short": 3, "former": 4}


def main_name(names: Sequence[Document], language: str) -> Document:
    """Which of these names (at least one) to call it by: an official one before any other and a former one last, among equals one in this language, else in
    the first of `LANGUAGES`."""
    if len(names) == 1:
        return names[0]
    best = min(_USES[name.get("use")] for name in names)
    equals = [name for name in names if _USES[name.get("use")] == best]
    return next((name for each in (language, *LANGUAGES) for name in equals if name["text"].get(each)), equals[0])


def name_in(document: Document, language: str) -> Said:
    """What people call this fiche or part, in this language or the nearest that there is (`said_in`); a person by prefix, given names and family name."""
    if names := document.get("names"):
        return said_in(main_name(names, language)["text"], language)
    name = document.get("name", {})
    return Said(person_name(name), "") if "family" in name else said_in(name, language)


def person_name(name: Document) -> str:
    """A person's name as one writes it: prefix, given names, family name."""
    return " ".join(filter(None, (name.get("prefix"), *name.get("given", ()), name["family"])))


# --- where it is ----------------------------------------------------------------------------------------------------------------

_COME_HERE: Final = ("visit", "practice")
_NOT_FOR_VISITORS: Final = "emergency"


def address_of(entity: Entity, far: Callable[[Document], float] = lambda address: 0.0) -> Document:
    """The address where a visitor of an aanbod goes; empty when he is told of none.

    Of its first vestiging with an address for visitors, else of the first with any other. `far` says of each address how far it is from where he looks: then
    one that lies there (0) comes before any other, and of those that do not the nearest. Only of an aanbod that names no vestiging are those of its organisatie
    meant: one that names only vestigingen that the asker does not see is, to him, nowhere.
    """

    def order(address: Document) -> tuple[bool, bool, float]:
        km = far(address)
        return km > 0, address.get("type", "visit") not in _COME_HERE, km

    addresses = [address for site in _sites(entity) for address in site.get("addresses", ()) if address.get("type") != _NOT_FOR_VISITORS]
    return min(addresses, key=order, default={})


def _sites(entity: Entity) -> Sequence[Document]:
    offer = entity.fiche
    organisatie = entity.related.get(offer.get("organisatie", {}).get("id", ""), {})
    sites: Sequence[Document] = organisatie.get("vestigingen", ())
    if "vestigingen" in offer or entity.place_withheld:
        named = {link["id"] for link in offer.get("vestigingen", ())}
        return [site for site in sites if site["id"] in named]
    return sites


_BOX: Final = {"fr": "boîte", "de": "Bus"}


def house_number(address: Document, language: str) -> str:
    """`41 bus 7`, in French `41 boîte 7`: the number with the box, as a label of the post has it where the street is named in this language."""
    number, box = address.get("house_number", ""), address.get("box")
    return f"{number} {_BOX.get(language, 'bus')} {box}".strip() if box else number


_LONGEST: Final = 60
"""Characters of a house number with its box; what is longer is something else."""
_WITH_BOX: Final = re.compile(
    r"(?P<number>\d.*?)[\s,]*"
    r"(?:(?<![^\W\d_])(?:bus|bte|bo(?:[iî]|i\u0302)te|box)(?:[.:]?\s+|[.:]|(?=\d))"  # bus 7, bus7, bte. 7
    r"|(?<=\s)b(?:\.\s*|\s+)(?=\d))"  # b 7, b. 7, and neither 41b nor 41 b7
    r"(?P<box>\d[\w./-]*|[a-z]{1,2}(?:[\d./-][\w./-]*)?)",
    re.IGNORECASE,
)


def number_and_box(written: str) -> tuple[str, str | None]:
    """`41 bus 7` as `41` and `7`, for a source that has no field for the box. Only where a word says that there is one: `41b` and `41/7` are house numbers."""
    found = None if written.isdigit() or len(written) > _LONGEST else _WITH_BOX.fullmatch(written.strip())
    return (written, None) if found is None else (found["number"], found["box"])


def street_in(address: Document, language: str) -> Said:
    """`Vuurvliegkaai 41 bus 7`, with the language of the street's name."""
    street = said_in(address.get("street", {}), language)
    return Said(f"{street.text} {house_number(address, street.language)}".strip(), street.language)


def town_in(address: Document, language: str) -> Said:
    """`9000 Gent`, with the language of the town's name."""
    city = said_in(address.get("city", {}), language)
    return Said(f"{address.get('postcode', '')} {city.text}".strip(), city.language)


# --- how it is reached ----------------------------------------------------------------------------------------------------------


def general_contacts(entity: Entity) -> list[ResolvedContact]:
    """As `resolve_contacts`, without those for emergencies, colleagues and complaints: what to show to whoever wants to get in touch."""
    return [found for found in resolve_contacts(entity) if found.contact.get("purpose") not in APART]


def nearest_contact(contacts: Iterable[ResolvedContact], *kinds: str) -> str:
    """The value of the nearest of these contacts that is of one of these kinds; of equally near ones a primary one, else that of the kind that is named first."""
    nearest = best = ""
    rank = (2, 0)
    for contact, origin, origin_id in contacts:
        if contact["kind"] in kinds:
            link = origin_id if origin == "parent" else origin
            nearest = nearest or link
            found = (0 if contact.get("primary") else 1, kinds.index(contact["kind"]))
            if link == nearest and found < rank:
                best, rank = contact["value"], found
    return best
