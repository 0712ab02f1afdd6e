"""sociaal.brussels, the bilingual directory of social and care organisations in Brussels (Vivalis): its REST interface, version 1."""

from __future__ import annotations

from collections.abc import Sequence

from hub import ConceptScheme, Connector, Mapping, hookimpl
from plugins.sociaal_brussels import vocabulary
from plugins.sociaal_brussels.connector import SociaalBrussels


@hookimpl
def register_connectors() -> Sequence[type[Connector]]:
    """The source."""
    return [SociaalBrussels]


@hookimpl
def register_concepts() -> Sequence[ConceptScheme | Mapping]:
    """Its schemes, whose concepts come with each pull, and the mappings of `mappings.csv`."""
    return [*vocabulary.schemes(), *vocabulary.mappings()]
