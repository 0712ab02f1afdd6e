"""ProGezondheid (CoBRHA+), the federal register of caregivers, and CoBRHA before it. Its interface is not public: we speak our own contract, see docs/progezondheid.md."""

from __future__ import annotations

from collections.abc import Sequence

from hub import ConceptScheme, Connector, Document, FieldError, hookimpl
from plugins.progezondheid.cobrha.connector import Cobrha
from plugins.progezondheid.connector import ProGezondheid
from plugins.progezondheid.validation import errors_in
from plugins.progezondheid.words import COMPETENCES


@hookimpl
def register_connectors() -> Sequence[type[Connector]]:
    """The register both ways, and the older source of the same caregivers."""
    return [ProGezondheid, Cobrha]


@hookimpl
def register_concepts() -> Sequence[ConceptScheme]:
    """The competence codes of RIZIV numbers as a scheme; their official list is not public, so it comes without labels."""
    title = {"nl": "Bekwaamheidscodes van het RIZIV", "fr": "Codes de compétence de l'INAMI"}
    return [ConceptScheme(COMPETENCES, {"nl": title["nl"], "fr": title["fr"]}, source="progezondheid")]


@hookimpl
def validate_fiche(fiche: Document, origin: str) -> Sequence[FieldError]:
    """RIZIV numbers that cannot exist, from any source; practice addresses of the register that lead nowhere."""
    return list(errors_in(fiche, origin))
