"""The rows that a partner has in the index in place of those that all share.

He has one of each fiche that he has a view of his own of, and of its parts. What he has no view of his own of may lean on what he has one of: an aanbod is where its
organisatie is. Of that he has a row of his own wherever it says something else than the one that all share.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from hub.model.fiche import Document
from hub.store.index_entries import IndexedEntity, IndexRow
from hub.store.index_related import (
    Documents,
    Heard,
    OwnDocuments,
    indexed,
    leans_on,
    load_related,
    related_to,
)
from hub.store.linking import Link, links_of, named_in, write_links
from hub.store.workspace import Workspace

Views = Mapping[int, tuple[int, Document]]
"""What a partner sees in place of fiches: fiche -> the number of the overlay, and the document."""


@dataclass(slots=True)
class OwnRows:
    """Gathers them for some fiches, of one partner after the other, with the rows that they hide from him (`masks`)."""

    space: Workspace
    documents: Documents
    """All that the fiches lean on."""
    shared: Mapping[int, Sequence[IndexedEntity]]
    """Fiche -> what everybody has of it and its parts."""
    make: Callable[[IndexedEntity], IndexRow]
    numbers: dict[tuple[str, int], int]
    """(partner, entity) -> the number of the row that stands already."""
    rows: list[IndexedEntity] = field(default_factory=list)
    masks: set[tuple[str, int]] = field(default_factory=set)
    _links: list[tuple[Iterable[int], list[Link]]] = field(default_factory=list)
    _asked: set[int] = field(default_factory=set)
    _leaning: dict[int, set[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        # Of a part that came from another fiche two are known; the links were written for the newer.
        self.numbers = self.numbers | self.space.own_entries

    def of_partner(self, partner: str, views: Views, ids: Collection[int], heard: Mapping[int, Heard]) -> None:
        """Those of one partner. `views`: all that he sees in place of these fiches `ids` and of what they lean on; `heard`: who gave what in them."""
        space = self.space
        if not self._asked:  # as long as nothing was read for a partner
            self._asked = self.documents.loaded() | set(ids)
            self._leaning = {number: leans_on(of_fiche[0].document, of_fiche[0].related) for number, of_fiche in self.shared.items()}
        documents = OwnDocuments(space, self.documents, partner, {number: document for number, (_, document) in views.items()}, self._asked)
        uuids = {space.uuid_of[number] for number in views}
        instead = {number: views[number] for number in ids if number in views}
        leaning = [number for number, on in self._leaning.items() if number not in views and not on.isdisjoint(uuids)]
        load_related([*(document for _, document in instead.values()), *(self.shared[number][0].document for number in leaning)], documents)
        for fiche_id, (number, document) in instead.items():
            self.numbers[partner, fiche_id] = number
            self._add(partner, indexed(space, fiche_id, document, related_to(document, documents), heard[fiche_id]))
            self.masks.update((partner, row.entity_id) for row in self.shared.get(fiche_id, ()))
        for fiche_id in leaning:
            self._lean(partner, fiche_id, documents)

    def _lean(self, partner: str, fiche_id: int, documents: OwnDocuments) -> None:
        shared = self.shared[fiche_id]
        document = shared[0].document
        related = related_to(document, documents)
        rows = [replace(each, related=related) for each in shared]
        differing = [row for row, each in zip(rows, shared, strict=True) if self.make(row) != self.make(each)]
        if not differing:
            return
        self._add(partner, differing)
        self.masks.update((partner, row.entity_id) for row in differing)
        self.space.numbers_for(named_in(document))
        entries = {row.entity_id: row.entry_id for row in differing}
        shared_links = links_of(fiche_id, document, self.space.number_of)
        links = [(-entries[from_id], role, to_id, level) for from_id, role, to_id, level in shared_links if from_id in entries]
        self._links.append(([-entry for entry in entries.values()], links))

    def _add(self, partner: str, rows: Sequence[IndexedEntity]) -> None:
        missing = [row.entity_id for row in rows if (partner, row.entity_id) not in self.numbers]
        fresh = self.space.numbers.take(self.space.bulk, "entity", len(missing)) if missing else ()
        self.numbers.update(zip(((partner, entity) for entity in missing), fresh, strict=True))
        for row in rows:
            row.partner, row.entry_id = partner, self.numbers[partner, row.entity_id]
        self.rows += rows

    def write_links(self) -> None:
        """Bring the links of what leans to those that all share; what he has a view of his own of has those of that view already (`hub.store.overlays`)."""
        if self._links:
            write_links(self.space, [], self._links)
