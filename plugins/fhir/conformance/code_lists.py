"""The short lists of codes that are fixed in the fiche itself, with what they mean. The long ones are concept schemes of the hub."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from plugins.fhir.systems import FORM, code_system


@dataclass(frozen=True, slots=True)
class CodeList:
    """A code system of ours with a few codes: `codes` maps each to what it means, in Dutch."""

    name: str
    title: str
    about: str
    codes: Mapping[str, str]

    @property
    def url(self) -> str:
        """The address of the code system."""
        return code_system(self.name)


CODE_LISTS: Final[Mapping[str, CodeList]] = {
    each.name: each
    for each in (
        CodeList(
            "contact-origin",
            "Herkomst van een contact",
            "Whose contact it is, when it was inherited.",
            {
                "caregiver": "de zorgverlener op deze plaats",
                "zorgverlener": "de zorgverlener zelf",
                "aanbod": "het aanbod",
                "vestiging": "de vestiging",
                "organisatie": "de organisatie",
                "parent": "een organisatie erboven",
            },
        ),
        CodeList(
            "contact-purpose",
            "Waarvoor een contact dient",
            "What a contact is for; one without a purpose is for general use.",
            {
                "emergency": "noodgevallen",
                "colleagues": "collega's",
                "appointments": "afspraken",
                "complaints": "klachten",
            },
        ),
        CodeList(
            "yes-no-unknown",
            "Ja, neen of onbekend",
            "A statement that runs out: past its date it is unknown.",
            {"yes": "ja", "no": "neen", "unknown": "onbekend"},
        ),
        CodeList(
            "gov-info-type",
            "Soort overheidsinformatie",
            "What government adds to a fiche.",
            {
                "complaint_procedure": "klachtenprocedure",
                "inspection_report": "inspectieverslag",
                "supervision": "toezicht",
                "other": "andere",
            },
        ),
        CodeList(
            "tag-status",
            "Wie voor een kenmerk instaat",
            "Whether somebody else has verified a tag.",
            {"self-declared": "zelf verklaard", "verified": "nagekeken"},
        ),
        CodeList(
            FORM,
            "Organisatie of praktijk",
            "What an organisation is by its form: the first type of every Organization.",
            {"organisatie": "Organisatie", "praktijk": "Praktijk"},
        ),
        CodeList(
            "visum",
            "Visum van een zorgverlener",
            "Whether somebody may practise.",
            {"active": "actief", "suspended": "geschorst", "withdrawn": "ingetrokken", "unknown": "onbekend"},
        ),
        CodeList(
            "convention",
            "Conventiestatus",
            "Whether a caregiver has joined the convention with the health insurers.",
            {
                "full": "geconventioneerd",
                "partial": "gedeeltelijk geconventioneerd",
                "none": "niet geconventioneerd",
                "unknown": "onbekend",
            },
        ),
        CodeList(
            "delivery",
            "Hoe een aanbod gegeven wordt",
            "Where and by what means an offer is given.",
            {
                "onsite": "ter plaatse",
                "home": "aan huis",
                "online": "online",
                "blended": "online en ter plaatse",
                "phone": "telefonisch",
            },
        ),
    )
}
