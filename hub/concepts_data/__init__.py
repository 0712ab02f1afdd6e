"""Concept schemes that every installation needs: the professions and organisation types that Fichehub maps itself.

Codes and names are those of CD-HCPARTY, the table of the eHealth platform for parties in healthcare, as HL7 Belgium publishes it
(https://www.ehealth.fgov.be/standards/fhir/terminology/, CC0). Only the ones that the hub meets are here; the whole list can be loaded from a
file at deployment. Which profession is broader than which is our own reading, and so are the synonyms.
"""

from __future__ import annotations

import csv
from functools import cache
from importlib.resources import files

from hub.model.concepts import CD_HCPARTY, Concept, ConceptScheme
from hub.model.fiche import Text

__all__ = ["schemes"]

_TABLES = ("professions.csv", "organisation_types.csv")


@cache
def schemes() -> tuple[ConceptScheme, ...]:
    """The schemes that belong to the hub itself: today one, `cd-hcparty`, for professions (`pers...`) and organisation types (`org...`)."""
    concepts = tuple(concept for table in _TABLES for concept in _concepts(table))
    return (
        ConceptScheme(
            code=CD_HCPARTY,
            title={"nl": "Partijen in de zorg", "fr": "Intervenants de soins", "en": "Healthcare parties"},
            concepts=concepts,
            source="CD-HCPARTY, HL7 Belgium terminology (CC0), a selection",
            uri="https://www.ehealth.fgov.be/standards/fhir/core/CodeSystem/cd-hcparty",
        ),
    )


def _concepts(table: str) -> list[Concept]:
    with (files(__name__) / table).open(encoding="utf-8") as file:
        return [
            Concept(
                scheme=CD_HCPARTY,
                code=row["code"],
                labels=Text(nl=row["nl"], fr=row["fr"], de=row["de"], en=row["en"]),
                synonyms=tuple(row["synonyms"].split(";")) if row["synonyms"] else (),
                broader=row["broader"] or None,
                official=True,
            )
            for row in csv.DictReader(file)
        ]
