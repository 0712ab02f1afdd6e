"""What the rows of a fiche in the index are made of beside itself: the fiches that it leads to, as everybody has them or as one partner does."""

# ruff: noqa: S608 - what is put into statements is our own SQL; values are always parameters
from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import cast

from hub import schemas
from hub.model.claims import Provenance
from hub.model.fiche import Document, EntityType
from hub.model.links import PARENTS, end_of
from hub.store.index_entries import IndexedEntity
from hub.store.part_changes import PART_FIELDS
from hub.store.workspace import Workspace

Heard = tuple[Sequence[str], Sequence[Provenance]]
"""`IndexedEntity.sources` and `IndexedEntity.said`."""


class Documents:
    """Merged documents by UUID as everybody has them, read once per transaction."""

    def __init__(self, space: Workspace) -> None:
        self._space = space
        self._read: dict[str, Document | None] = {}

    def load(self, uuids: Iterable[str]) -> None:
        """Read these, all at once."""
        space = self._space
        unknown = []
        for uuid in uuids:
            if uuid in self._read:
                continue
            number = space.number_of.get(uuid)
            if number is not None and number in space.fiches:
                self._read[uuid] = space.fiches[number].document
            else:
                unknown.append(uuid)
        if not unknown:
            return
        self._read.update(dict.fromkeys(unknown))
        sql = f"SELECT e.id, e.uuid, f.document FROM entity e JOIN fiche f ON f.id = e.id WHERE {space.bulk.listed('e.uuid', 'text')}"
        for number, uuid, raw in space.bulk.rows(sql, space.bulk.many(unknown)):
            space.know(number, uuid)
            self._read[uuid] = None if raw is None else schemas.decode(raw)

    def get(self, uuid: str) -> Document | None:
        """One that was loaded."""
        return self._read.get(uuid)

    def loaded(self) -> set[int]:
        """The numbers of all that were loaded, also of those that only a partner has."""
        return {self._space.number_of[uuid] for uuid in self._read if uuid in self._space.number_of}

    def nowhere(self) -> set[str]:
        """Of those that were loaded, the fiches that are not there, not even for a partner with a view of his own."""
        space = self._space
        missing = {space.number_of[uuid]: uuid for uuid, document in self._read.items() if document is None and uuid in space.number_of}
        if not missing:
            return set()
        older = [number for number in missing if number not in space.made or number in space.voices]
        sql = f"SELECT fiche_id FROM overlay WHERE document IS NOT NULL AND {space.bulk.listed('fiche_id')}"
        for (number,) in space.bulk.rows(sql, space.bulk.many(older)) if older else ():
            missing.pop(number, None)
        return set(missing.values())


class OwnDocuments(Documents):
    """The same as one partner has them: what he sees in place of others in front."""

    def __init__(self, space: Workspace, shared: Documents, partner: str, views: Mapping[int, Document], asked: Collection[int]) -> None:
        """`views`: what he sees in place of the fiches `asked`; of others it is looked up."""
        super().__init__(space)
        self._shared = shared
        self._partner = partner
        self._read = {space.uuid_of[number]: document for number, document in views.items()}
        self._asked = set(asked)

    def load(self, uuids: Iterable[str]) -> None:
        """Read these, all at once."""
        space, wanted = self._space, set(uuids)
        self._shared.load(wanted)
        unknown = {space.number_of[uuid] for uuid in wanted if uuid in space.number_of} - self._asked
        if not unknown:
            return
        self._asked |= unknown
        sql = f"SELECT fiche_id, document FROM overlay WHERE partner = ? AND document IS NOT NULL AND {space.bulk.listed('fiche_id')}"
        for number, raw in space.bulk.rows(sql, self._partner, space.bulk.many(unknown)):
            self._read[space.uuid_of[number]] = schemas.decode(raw)

    def get(self, uuid: str) -> Document | None:
        """One that was loaded."""
        return self._read.get(uuid) or self._shared.get(uuid)


def _direct(document: Document) -> list[str]:
    if document["kind"] == "zorgverlener":
        return []  # leads nowhere
    names = ("organisatie", "provided_by") if document["kind"] == "aanbod" else ("parent",)
    people = [part["zorgverlener"]["id"] for part in document.get("caregivers", ()) if "zorgverlener" in part]
    return [document[name]["id"] for name in names if name in document] + people


def _ends(document: Document) -> list[str]:
    """What the parts of a fiche lead to that stand for links: not followed further, only asked who sees it."""
    return [uuid for _, part in parts_of(document) if (uuid := end_of(part)) is not None]


def related_to(document: Document, documents: Documents) -> Mapping[str, Document]:
    """The organisatie, who carries it out, their parents, and who works there, as far as they are there."""
    found: dict[str, Document] = {}
    frontier = _direct(document)
    for _ in range(PARENTS + 1):
        above: list[str] = []
        for uuid in frontier:
            other = documents.get(uuid)
            if other is not None and uuid not in found:
                found[uuid] = other
                above += _direct(other)
        if not above:
            break
        frontier = above
    for uuid in _ends(document):
        if uuid not in found and (other := documents.get(uuid)) is not None:
            found[uuid] = other
    return found


def leans_on(document: Document, related: Mapping[str, Document]) -> set[str]:
    """The UUIDs that `related_to` asked for, those that are not there as well."""
    return {*_direct(document), *_ends(document), *(uuid for other in related.values() for uuid in (*_direct(other), other["id"]))}


def load_related(wanted: Sequence[Document], documents: Documents) -> None:
    """Read what `related_to` these is, a generation at a time."""
    frontier = [uuid for document in wanted for uuid in _direct(document)]
    documents.load([*frontier, *(uuid for document in wanted for uuid in _ends(document))])
    for _ in range(PARENTS + 1):
        if not frontier:
            return
        documents.load(frontier)
        frontier = [above for uuid in set(frontier) if (other := documents.get(uuid)) for above in _direct(other)]


def parts_of(document: Document | None) -> list[tuple[EntityType, Document]]:
    """The parts of a fiche, each with its type."""
    if document is None:
        return []
    fields = PART_FIELDS[document["kind"]]
    if not fields:
        return []
    return [(cast(EntityType, type_), part) for field, type_ in fields for part in document.get(field, ())]


def indexed(
    space: Workspace,
    fiche_id: int,
    document: Document,
    related: Mapping[str, Document],
    heard: Heard,
    nowhere: Collection[str] = (),
) -> list[IndexedEntity]:
    """The fiche and its parts, as the index takes them; without the parts that stand for a link to one of `nowhere`, which are there for nobody."""

    def entity(number: int, type_: EntityType, part: Document | None) -> IndexedEntity:
        return IndexedEntity(
            entry_id=number,
            entity_id=number,
            fiche_id=fiche_id,
            type=type_,
            document=document,
            part=part,
            related=related,
            sources=heard[0],
            said=heard[1],
        )

    made = [entity(fiche_id, document["kind"], None)]
    parts = parts_of(document)
    if parts:
        space.numbers_for(part["id"] for _, part in parts)
        made += [entity(space.number_of[part["id"]], type_, part) for type_, part in parts if end_of(part) not in nowhere]
    return made
