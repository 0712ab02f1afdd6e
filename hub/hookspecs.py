"""All hooks of Fichehub. A plugin implements them in the module that its entry point in the group `fichehub.plugins` names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pluggy

from hub.connector import Connector, MatchCandidate
from hub.errors import FieldError
from hub.model.claims import Claim
from hub.model.concepts import ConceptScheme, Mapping

PROJECT = "fichehub"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def register_connectors() -> Sequence[type[Connector]]:  # type: ignore[empty-body]
    """Return the connector classes that this plugin offers."""


@hookspec
def register_concepts() -> Sequence[ConceptScheme | Mapping]:  # type: ignore[empty-body]
    """Return the concept schemes and mappings that this plugin brings along; they are loaded when they are new."""


@hookspec(firstresult=True)
def match_fiche(incoming: Claim, candidates: Sequence[MatchCandidate]) -> Sequence[MatchCandidate] | None:
    """Return the candidates with your own scores and reasons for the review queue, or `None` to leave them to the next plugin."""


@hookspec
def validate_fiche(fiche: dict[str, Any], origin: str) -> Sequence[FieldError]:  # type: ignore[empty-body]
    """Return what is wrong with this partial fiche from source `origin`; its row is then rejected with these errors."""
