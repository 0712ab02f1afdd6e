"""The concept schemes of the fictional world: rubrieken, sociaal.brussels categories, a few small ones, and the mappings between them.

The official list of rubrieken is not public. The few codes and labels that were seen in the open are marked `official`; all others are
made up and say so in their label: "(synthetisch)". The categories of sociaal.brussels are made up altogether.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import cast

from hub.demo.defects import HEADINGS_OF_CARE, SHARE_OF_CARE
from hub.model.concepts import (
    CD_HCPARTY,
    LEGAL_FORM,
    RUBRIEK,
    SOCIAAL_BRUSSELS,
    TARGET_GROUP,
    Concept,
    ConceptScheme,
    Mapping,
    Relation,
)
from hub.model.fiche import Text

PROFESSIONS_HEADING = "19"
SHARE_OF_PRACTICES = 1 / 3
"""About one aanbod in three belongs to a practice, so is under heading 19."""
MEMBERSHIP_ROLE = "membership-role"
ELECTRONIC_ADDRESS = "electronic-address"
_SMALL_SCHEMES = {
    TARGET_GROUP: Text(nl="Doelgroepen (synthetisch)", fr="Groupes cibles (synthétique)"),
    LEGAL_FORM: Text(nl="Rechtsvormen (synthetisch)", fr="Formes juridiques (synthétique)"),
    MEMBERSHIP_ROLE: Text(nl="Rollen van leden (synthetisch)", fr="Rôles des membres (synthétique)"),
    ELECTRONIC_ADDRESS: Text(nl="Elektronische adressen (synthetisch)", fr="Adresses électroniques (synthétique)"),
}
_AUTHOR = "Fichehub demo (synthetisch)"


@dataclass(frozen=True, slots=True)
class Rubriek:
    """A rubriek with what the world needs to make organisations of it; `org_nl` is empty where none is made."""

    code: str
    nl: str
    fr: str | None
    official: bool
    type: str
    org_nl: str
    org_fr: str
    regions: tuple[str, ...]
    synonyms: tuple[str, ...]
    renamed_nl: str | None

    @property
    def label(self) -> str:
        """The Dutch label, saying when it is made up."""
        return self.nl if self.official else f"{self.nl} (synthetisch)"

    @property
    def numbered_label(self) -> str:
        """The label as De Sociale Kaart writes it: `14.04.01. Woonzorgcentra (WZC)`."""
        return f"{self.code}. {self.label}"

    @property
    def renamed_label(self) -> str:
        """What the numbered label becomes after the directory renamed it; most stay as they are."""
        return f"{self.code}. {self.renamed_nl} (synthetisch)" if self.renamed_nl else self.numbered_label

    @property
    def heading(self) -> str:
        """The main heading: its first two digits."""
        return self.code[:2]

    @property
    def broader(self) -> str | None:
        """The code above it."""
        return self.code.rpartition(".")[0] or None


@cache
def rubrieken() -> dict[str, Rubriek]:
    """All rubrieken by code, in the order of their codes."""
    return {
        row["code"]: Rubriek(
            code=row["code"],
            nl=row["nl"],
            fr=row["fr"] or None,
            official=row["proven"] == "1",
            type=row["type"],
            org_nl=row["org_nl"],
            org_fr=row["org_fr"],
            regions=_list(row["regions"]),
            synonyms=_list(row["synonyms"]),
            renamed_nl=row["renamed_nl"] or None,
        )
        for row in _rows("rubrieken.csv")
    }


@cache
def weights(region: str) -> tuple[tuple[str, float], ...]:
    """(code, weight) of the rubrieken that organisations in this region are drawn from: Zipf-like, with the share of children, handicap
    and elderly as `defects.SHARE_OF_CARE` says."""
    drawable = [r for r in rubrieken().values() if r.org_nl and r.heading != PROFESSIONS_HEADING]
    care = [r for r in drawable if r.heading in HEADINGS_OF_CARE]
    other = [r for r in drawable if r.heading not in HEADINGS_OF_CARE]
    of_organisations = SHARE_OF_CARE / (1 - SHARE_OF_PRACTICES)
    return tuple(pair for group, share in ((care, of_organisations), (other, 1 - of_organisations)) for pair in _zipf(group, share, region))


def _zipf(group: list[Rubriek], share: float, region: str) -> Iterator[tuple[str, float]]:
    # A fixed order that is not that of the codes, official ones first: they are what people look for.
    ranked = sorted(group, key=lambda r: (not r.official, r.code[::-1]))
    present = [(r.code, 1 / (rank + 4)) for rank, r in enumerate(ranked) if not r.regions or region in r.regions]
    whole = sum(weight for _, weight in present)
    return ((code, weight / whole * share) for code, weight in present)


@cache
def schemes() -> tuple[ConceptScheme, ...]:
    """The concept schemes of the fictional world."""
    return (
        ConceptScheme(
            code=RUBRIEK,
            title=Text(
                nl="Rubrieken (fictieve lijst)",
                fr="Rubriques (liste fictive)",
                en="Rubrieken (fictional list)",
            ),
            concepts=tuple(_rubriek_concept(rubriek) for rubriek in rubrieken().values()),
            source="hub/demo/rubrieken.csv",
        ),
        ConceptScheme(
            code=SOCIAAL_BRUSSELS,
            title=Text(nl="Categorieën sociaal.brussels (synthetisch)", fr="Catégories social.brussels (synthétique)"),
            concepts=tuple(
                _synthetic(
                    SOCIAAL_BRUSSELS,
                    row["id"] if row["broader"] else f"sector-{row['id']}",
                    row,
                    broader=f"sector-{row['broader']}" if row["broader"] else None,
                    regions=("brussel",),
                )
                for row in _rows("sociaal_brussels.csv")
            ),
            source="hub/demo/sociaal_brussels.csv",
        ),
        *(
            ConceptScheme(
                code=scheme,
                title=title,
                concepts=tuple(_synthetic(scheme, row["code"], row) for row in _rows("codes.csv") if row["scheme"] == scheme),
                source="hub/demo/codes.csv",
            )
            for scheme, title in _SMALL_SCHEMES.items()
        ),
    )


@cache
def mappings() -> tuple[Mapping, ...]:
    """SSSOM rows: from sociaal.brussels categories to rubrieken, and from rubrieken to the professions and types of organisations of CD-HCPARTY."""
    types = (
        Mapping(
            subject=f"{RUBRIEK}|{one.code}",
            relation="close",
            object=f"{CD_HCPARTY}|{one.type}",
            confidence=0.8,
            author=_AUTHOR,
            date="2026-11-01",
        )
        for one in rubrieken().values()
        if one.type
    )
    return (*_category_mappings(), *types)


def _category_mappings() -> tuple[Mapping, ...]:
    """Two categories have no rubriek, on purpose: coverage is not complete."""
    confidence = {"exact": 1.0, "close": 0.8, "broad": 0.7, "narrow": 0.7}
    return tuple(
        Mapping(
            subject=f"{SOCIAAL_BRUSSELS}|{row['id']}",
            relation=cast("Relation", row["relation"]),
            object=f"{RUBRIEK}|{row['rubriek']}",
            confidence=confidence[row["relation"]],
            author=_AUTHOR,
            date="2026-11-01",
        )
        for row in _rows("sociaal_brussels.csv")
        if row["rubriek"]
    )


@cache
def categories_of() -> dict[str, tuple[str, ...]]:
    """Rubriek -> the sociaal.brussels categories that are mapped to it."""
    found: dict[str, tuple[str, ...]] = {}
    for mapping in _category_mappings():
        rubriek = mapping.object.partition("|")[2]
        found[rubriek] = (*found.get(rubriek, ()), mapping.subject.partition("|")[2])
    return found


def _rubriek_concept(rubriek: Rubriek) -> Concept:
    labels = Text(nl=rubriek.label)
    if rubriek.fr:
        labels["fr"] = f"{rubriek.fr} (synthétique)"
    return Concept(
        scheme=RUBRIEK,
        code=rubriek.code,
        labels=labels,
        synonyms=rubriek.synonyms,
        broader=rubriek.broader,
        regions=rubriek.regions,
        official=rubriek.official,
    )


def _synthetic(scheme: str, code: str, row: dict[str, str], *, broader: str | None = None, regions: tuple[str, ...] = ()) -> Concept:
    labels = Text(nl=f"{row['nl']} (synthetisch)", fr=f"{row['fr']} (synthétique)")
    return Concept(scheme=scheme, code=code, labels=labels, broader=broader, regions=regions)


def _rows(table: str) -> list[dict[str, str]]:
    with (files(__package__) / table).open(encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter="|", quoting=csv.QUOTE_NONE))


def _list(cell: str) -> tuple[str, ...]:
    return tuple(cell.split(";")) if cell else ()
