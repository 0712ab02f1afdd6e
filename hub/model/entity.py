"""What leaves the directory: an entity with what it depends on, and a change. Both are already narrowed and projected for the asker."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from hub.model.fiche import Document, EntityType
from hub.model.moments import end_of, to_second
from hub.model.query import Reason

Operation = Literal["create", "update", "delete", "context"]


@dataclass(frozen=True, slots=True)
class Entity:
    """A fiche, or a part of one, as one asker may see it.

    `number` is immutable and gives the default order. `seq` is the last change of this entity that the asker can see, `updated_at` its
    moment (RFC 3339, UTC). `fiche` is the whole projected fiche; `part` is the part itself when `type` is a part. `related` holds the projected
    fiches that an output needs beside it (organisatie, its parents, zorgverleners), by id; what the asker may not see is not there.
    `sources` names the sources that gave something of it which the asker sees. `voices`, where it was asked for and several sources contribute to a fiche:
    field -> for each item of that list the sources that state it; then `sources` names every one. `outside`: ids of fiches and parts named here that the
    selection of the asker's agreement leaves out, so that he cannot read them by themselves; an output must not point to them. `place_withheld`: the aanbod
    names vestigingen and he sees none of them, so the other ones of its organisatie are not where it takes place. `turned`: of a fiche of which something has
    run out, was withdrawn or began since `updated_at`, and is not yet in the change log: the last day on which it read as it did then
    (`hub.model.audience.reads_otherwise_since`); else "".
    """

    id: str
    type: EntityType
    number: int
    seq: int
    updated_at: str
    fiche: Document
    part: Document | None = None
    related: Mapping[str, Document] = field(default_factory=dict)
    sources: tuple[str, ...] = ()
    voices: Mapping[str, tuple[tuple[str, ...], ...]] = field(default_factory=dict)
    outside: frozenset[str] = frozenset()
    place_withheld: bool = False
    turned: str = ""

    @property
    def reads_so_since(self) -> str:
        """As `updated_at`; for one of which something `turned` since, the moment at which that day ended in Belgium."""
        return to_second(end_of(self.turned)) if self.turned else self.updated_at


@dataclass(frozen=True, slots=True)
class Hit:
    """An entity found by a search, with the reasons why it is there and its distance in km when the query has a place."""

    entity: Entity
    why: tuple[Reason, ...] = ()
    distance_km: float | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """A page of hits. `next` is the cursor of the next page, `None` on the last; `seq` the change log's head when paging began."""

    hits: tuple[Hit, ...]
    next: str | None
    total: int | None
    seq: int


@dataclass(frozen=True, slots=True)
class Change:
    """One change of one entity, as the asker may know it. `operation` is what it means to this asker.

    `context`: the entity itself did not change, but its outputs did, because something it points to did. `fields` names the changed
    top-level fields that the asker may see; `origin` the source or connection that caused it.
    """

    seq: int
    at: str
    id: str
    type: EntityType
    fiche: str
    operation: Operation
    origin: str
    fields: tuple[str, ...] = ()
