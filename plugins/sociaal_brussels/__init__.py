"""sociaal.brussels, the bilingual directory of social and care organisations in Brussels (Vivalis): its REST interface, version 1."""

from __future__ import annotations

from collections.abc import Sequence

from hub import Claim, ConceptScheme, Connector, Mapping, MatchCandidate, hookimpl
from plugins.sociaal_brussels import matching, vocabulary
from plugins.sociaal_brussels.connector import SociaalBrussels


@hookimpl
def register_connectors() -> Sequence[type[Connector]]:
    """The source."""
    return [SociaalBrussels]


@hookimpl
def register_concepts() -> Sequence[ConceptScheme | Mapping]:
    """Its schemes, whose concepts come with each pull, and the mappings of `mappings.csv`."""
    return [*vocabulary.schemes(), *vocabulary.mappings()]


@hookimpl
def match_fiche(incoming: Claim, candidates: Sequence[MatchCandidate]) -> Sequence[MatchCandidate] | None:
    """Better scores for what another source spells otherwise: in the other language, or with its legal form behind the name."""
    return matching.match(incoming, candidates)
