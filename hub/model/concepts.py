"""Concept schemes (SKOS) and mappings between them (SSSOM).

Rubrieken, sociaal.brussels categories, CD-HCPARTY, professions, tags, target groups and local maps' questions are all concepts: a code with
labels per language. See https://www.w3.org/TR/skos-reference/ and https://mapping-commons.github.io/sssom/.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

from hub.errors import Rejected
from hub.model.fiche import Language, Text

Relation = Literal["exact", "close", "broad", "narrow"]

RUBRIEK = "rubriek"
SOCIAAL_BRUSSELS = "sociaal-brussels"
CD_HCPARTY = "cd-hcparty"
TARGET_GROUP = "target-group"
LEGAL_FORM = "legal-form"
FORM_SCHEME = "organisatie-form"
"""Not in the book: `organisatie` or `praktijk`, which every organisatie is, as one of its types."""


@dataclass(frozen=True, slots=True)
class Concept:
    """A concept of `scheme`. `broader` is the code above it in the same scheme; `regions` (empty: everywhere) where it exists.

    `official` is false for labels that we or a simulator made up: those are never presented as official.
    """

    scheme: str
    code: str
    labels: Text
    synonyms: tuple[str, ...] = ()
    broader: str | None = None
    regions: tuple[str, ...] = ()
    valid_from: str | None = None
    valid_until: str | None = None
    official: bool = False


@dataclass(frozen=True, slots=True)
class ConceptScheme:
    """A named set of concepts; `source` says where it comes from (a file, a URL, a connector)."""

    code: str
    title: Text
    concepts: tuple[Concept, ...] = ()
    source: str = ""
    uri: str = ""


@dataclass(frozen=True, slots=True)
class Mapping:
    """One SSSOM row: `subject` relates to `object` (each `scheme|code`). A `broad` row is never read backwards as if it were exact."""

    subject: str
    relation: Relation
    object: str
    justification: str = "semapv:ManualMappingCuration"
    confidence: float = 1.0
    author: str = ""
    date: str = ""


_RUBRIEK_LABEL: Final = re.compile(r"\s*(\d{2}(?:\.\d{2}){0,3})\.?\s+(\S(?:.*\S)?)\s*", re.DOTALL)


def rubriek_from_label(label: str, language: Language = "nl", *, official: bool = False) -> Concept:
    """The rubriek that De Sociale Kaart writes as `14.04.01. Woonzorgcentra (WZC)`: code 14.04.01 below 14.04.

    Set `official` only for a label that comes from De Sociale Kaart itself. Raises `Rejected` for a text that does not begin with a code of one to four
    groups of two digits, or that has nothing after it.
    """
    found = _RUBRIEK_LABEL.fullmatch(label)
    if found is None:
        reason = f"{label[:80]!r} is not a rubriek: expected its code and then its name, as in '14.04.01. Woonzorgcentra (WZC)'."
        raise Rejected(reason, field="rubrieken", raw=label[:200])
    code, name = found.groups()
    labels: Text = {}
    labels[language] = name
    return Concept(RUBRIEK, code, labels, broader=broader_rubriek(code), official=official)


def broader_rubriek(code: str) -> str | None:
    """The code above a rubriek: 14.04 for 14.04.01, None for 14."""
    return code.rpartition(".")[0] or None
