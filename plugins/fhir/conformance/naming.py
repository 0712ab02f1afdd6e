"""NamingSystems: what the identifier systems of ours mean. https://hl7.org/fhir/R4/namingsystem.html"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from plugins.fhir.conformance.heading import PUBLISHED, PUBLISHER, computable
from plugins.fhir.datatypes import narrative
from plugins.fhir.systems import BASE, IDENTIFIER_SYSTEMS

Json = dict[str, Any]
_OURS: Final = BASE + "/NamingSystem/"
_ESTABLISHMENT: Final = (
    "Establishment unit number of the Kruispuntbank van Ondernemingen: ten digits, the first from 2 to 8. Belgium has no naming system for it; "
    "the one for enterprise numbers would be wrong, because its invariant demands a first digit 0 or 1."
)
_KNOWN: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "vestigingsnummer": (
        _ESTABLISHMENT,
        ("https://org.belgif.be/id/CbeEstablishmentUnit",),
    ),
    "kbo": (
        "An enterprise number as a source wrote it, which breaks the rule of the Belgian naming system cbe.",
        (),
    ),
    "riziv": (
        "A RIZIV/INAMI number as a source wrote it, which breaks the rule of the Belgian naming system nihdi.",
        (),
    ),
    "riziv-group": (
        "The RIZIV/INAMI number of a group as a source wrote it, which breaks the rule of nihdi.",
        (),
    ),
    "source": ("The names by which this hub knows its sources: who gave what a Provenance tells of.", ()),
    "partner": ("The names by which this hub knows its partners: who asked, in an AuditEvent.", ()),
    "refnis": ("REFNIS code of a Belgian municipality, as Statbel gives them: five digits.", ()),
}
_IS_ID: Final = re.compile(r"[A-Za-z0-9.\-]{1,64}")


def naming_systems() -> Iterator[Json]:
    """Those that are always there."""
    for name, (about, others) in _KNOWN.items():
        yield _naming_system(name, about, others)


def source_naming_system(name: str, occurs: Callable[[str], bool]) -> Json | None:
    """That of a source's own numbers; None when there is no such source. Any source may have one, so they are not listed.

    `occurs` tells whether the asker sees a number of this system, or a fiche to which the source of this name contributes.
    """
    if _IS_ID.fullmatch(name) is None or name in IDENTIFIER_SYSTEMS or not occurs(name):
        return None
    return _naming_system(name, f"The numbers that the source {name} gives to its own fiches.", ())


def _naming_system(name: str, about: str, others: tuple[str, ...]) -> Json:
    preferred: Json = {"type": "uri", "value": _OURS + name, "preferred": True}
    return {
        "resourceType": "NamingSystem",
        "id": name,
        "text": narrative(name, [about]),
        "name": computable(name),
        "status": "active",
        "kind": "identifier",
        "date": PUBLISHED,
        "publisher": PUBLISHER,
        "description": about,
        "uniqueId": [preferred, *({"type": "uri", "value": each, "preferred": False} for each in others)],
    }
