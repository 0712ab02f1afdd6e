"""What goes into the search index and what comes of it: an entity with all that its rows depend on, and everything that the index knows about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from hub.model.claims import Provenance
from hub.model.fiche import Document, EntityType
from hub.model.query import TEXT_KEYS
from hub.store.index_tokens import Facet


@dataclass(slots=True, kw_only=True)  # not frozen: that would make it three times as slow to make
class IndexedEntity:
    """An entity as the index takes it in. `document` is the whole stamped fiche, `part` the part itself when the entity is one.

    `related` holds the stamped fiches that it depends on by UUID: its organisatie, parents, who carries it out, and for a caregiver the zorgverlener.
    `sources` names who gave everything that it says: its only source, or the partner's own; of several, `said` tells which field comes from whom.
    `entry_id` is `entity_id`, or the number of a partner's own row.
    """

    entry_id: int
    entity_id: int
    fiche_id: int
    type: EntityType
    document: Document
    partner: str = ""
    part: Document | None = None
    related: Mapping[str, Document] = field(default_factory=dict)
    sources: Sequence[str] = ()
    said: Sequence[Provenance] = ()


COMPARED: Final = TEXT_KEYS | {"period"}
"""Keys of a query whose values are looked into, not only compared as a whole."""

Levels = tuple[set[Any], set[Any], set[Any]]
"""What each level sees in addition to the levels below it: public, professional, internal."""


def _levels() -> Levels:
    return set(), set(), set()


@dataclass(slots=True)
class IndexRow:
    """Everything that the index knows about one entity. `points` are `(latitude, longitude, level)` in degrees.

    `level` is the lowest that sees it, or `ABSENT` (and it says nothing): of a part that stands for a link to what is not there for whom the row is meant.
    `name` is what lists are sorted by; it is only there when whoever sees the entity sees it. `umbrella` is 0 for what is no umbrella organisation, nor offered by one;
    else 1, 2 or 3 where that is public, professional or internal. Of what is kept by
    level a thing stands at the lowest that sees it: `facets` are the terms but for names; `names` whole folded names and their words,
    `wholes` the whole names among them; `words` those of the full text, and `described` those that nothing but a description says; `compared` are the facets that somebody may look into. `heads` are the schemes and systems of codes and identifiers, with their key.
    """

    entry_id: int
    entity_id: int
    fiche_id: int
    type: EntityType
    partner: str
    level: int
    name: str = ""
    umbrella: int = 0
    facets: Levels = field(default_factory=_levels)
    names: Levels = field(default_factory=_levels)
    words: Levels = field(default_factory=_levels)
    described: Levels = field(default_factory=_levels)
    points: list[tuple[float, float, int]] = field(default_factory=list)
    wholes: set[str] = field(default_factory=set)
    heads: set[tuple[str, str]] = field(default_factory=set)
    compared: set[Facet] = field(default_factory=set)

    @property
    def terms(self) -> dict[tuple[str, str], int]:
        """Every term with the lowest level that sees it."""
        found = {(one.key, one.value): level for level, facets in enumerate(self.facets) for one in facets}
        found.update((("name", name), level) for level, names in enumerate(self.names) for name in names)
        return found

    def add(self, key: str, value: str, level: int) -> None:
        """Note a term that will hardly come again."""
        facet = Facet(key, value)
        self.facets[level].add(facet)
        if key in COMPARED:
            self.compared.add(facet)

    def add_name(self, whole: str, parts: Sequence[str], level: int) -> None:
        """A folded name as a whole and by its words, and in the full text."""
        self.wholes.add(whole)
        names = self.names[level]
        names.add(whole)
        names.update(parts)
        self.words[level].update(parts)

    def settle(self) -> None:
        """Let each thing stand at its lowest level only, and what is said elsewhere too not among what is described."""
        for level, described in enumerate(self.described):
            if described:
                described.difference_update(*self.words[: level + 1])
        for public, professional, internal in (self.facets, self.names, self.words, self.described):
            if professional:
                professional -= public
            if internal:
                internal -= public
                internal -= professional
