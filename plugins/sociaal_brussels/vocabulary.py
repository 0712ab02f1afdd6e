"""Schemes, concepts and mappings of sociaal.brussels.

A mapping between its categories and the rubrieken of De Sociale Kaart has never been published. `mappings.csv` is where one goes, as SSSOM
(https://mapping-commons.github.io/sssom/); it is empty until somebody who may decide it has done so. The demonstration brings an invented one.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from importlib.resources import files
from typing import Any, Final, Literal, cast

from hub import Concept, ConceptScheme, Mapping
from plugins.sociaal_brussels.reading import Json, texts, whole

CATEGORIES: Final = "sociaal-brussels"
LEGAL_STATUS: Final = "sociaal-brussels-legal-status"
_RELATIONS: Final = {
    "skos:exactMatch": "exact",
    "skos:closeMatch": "close",
    "skos:broadMatch": "broad",
    "skos:narrowMatch": "narrow",
}


def schemes() -> list[ConceptScheme]:
    """The schemes, without concepts: those come from sociaal.brussels itself."""
    return [
        ConceptScheme(
            CATEGORIES,
            {"nl": "Categorieën van sociaal.brussels", "fr": "Catégories de social.brussels"},
            source="sociaal-brussels",
        ),
        ConceptScheme(
            LEGAL_STATUS,
            {"nl": "Rechtsvormen van sociaal.brussels", "fr": "Statuts de social.brussels"},
            source="sociaal-brussels",
        ),
    ]


def mappings() -> list[Mapping]:
    """The rows of `mappings.csv`."""
    with (files(__package__) / "mappings.csv").open(encoding="utf-8") as file:
        return read_mappings(file)


def read_mappings(file: Iterable[str]) -> list[Mapping]:
    """SSSOM rows as mappings; ids are `scheme|code`. Raises ValueError for a predicate that is none of the four SKOS matches."""
    found = []
    for row in csv.DictReader(file):
        if row["predicate_id"] not in _RELATIONS:
            raise ValueError(f"{row['predicate_id']!r} is none of {', '.join(_RELATIONS)}")
        found.append(
            Mapping(
                subject=row["subject_id"],
                relation=cast(Literal["exact", "close", "broad", "narrow"], _RELATIONS[row["predicate_id"]]),
                object=row["object_id"],
                justification=row["mapping_justification"],
                confidence=float(row["confidence"] or 1),
                author=row["author_label"],
                date=row["mapping_date"],
            )
        )
    return found


def sector_code(number: int | str) -> str:
    """Sectors and categories are numbered apart, so a sector's code says that it is one."""
    return f"sector-{number}"


def category_concept(category: Any, broader: str | None = None) -> Concept | None:
    """A category as a concept that exists in Brussels only; None for what has no number or no label."""
    return _concept(CATEGORIES, category, lambda number: str(number), broader)


def sector_concept(sector: Any) -> Concept | None:
    """A sector as a concept above its categories."""
    return _concept(CATEGORIES, sector, sector_code, None)


def legal_status_concept(status: Any) -> Concept | None:
    """A legal status as a concept."""
    return _concept(LEGAL_STATUS, status, lambda number: str(number), None)


def categories_in(sector: Any) -> list[Json]:
    """The categories of a sector's own answer; none when that has another shape than ours."""
    inner = sector.get("categories") if isinstance(sector, dict) else sector
    return [one for one in inner if isinstance(one, dict)] if isinstance(inner, list) else []


def _concept(scheme: str, thing: Any, code: Any, broader: str | None) -> Concept | None:
    if not isinstance(thing, dict):
        return None
    number, labels = whole(thing.get("id")), texts(thing, "label")
    if number is None or not labels:
        return None
    concept_labels = {language: labels[language] for language in ("nl", "fr") if language in labels}
    return Concept(scheme, code(number), cast(Any, concept_labels), broader=broader, regions=("brussel",), official=False)
