"""What those things are that somebody who sends in refers to: by his own names, by ids of the hub's, or by a number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hub import FIELD_OF_PART, Criterion, Desk, Directory, Document, FieldError, Gone, Known, Moved, NotFound, Query, Sent, is_uuid
from plugins.fhir.feed.naming import named
from plugins.fhir.feed.noting import Json
from plugins.fhir.params import RESOURCES
from plugins.fhir.systems import identifier_names


@dataclass(frozen=True, slots=True)
class Reference:
    """A Reference to a resource of type `target`, at `path`."""

    path: str
    target: str
    said: Json

    def name(self) -> str:
        """What it says that it leads to."""
        return str(self.said.get("reference", ""))


class Links:
    """Where the references of one transaction lead. `names` are those of what is sent with it, by fullUrl; what leads nowhere goes into `errors`."""

    def __init__(self, desk: Desk, source: str, asked: Directory, names: Mapping[str, str], errors: list[FieldError]) -> None:
        self._desk = desk
        self._source = source
        self._asked = asked
        self._errors = errors
        self.names = dict(names)
        self.sent: dict[str, Sent] = {}
        """What was sent in this transaction until now, by the sender's names."""
        self.removed: set[str] = set()
        """Ids of what was removed here, to which something refers."""
        self.made: list[Reference] = []
        """The references that were followed, but those that give a number; who begins with another resource puts a new list in its place."""

    def hubs(self, id: str | None, type_name: str) -> Known | None:
        """The entity of the hub's with this id, or the one that it was joined to, when the sender sees it.

        Raises `Gone` for one that was removed, unless the sender spoke of it: that comes back under its id.
        """
        known = self._desk.known(id) if is_uuid(id) else None
        if known is None:
            return None
        try:
            self._asked.get(known.id, RESOURCES[type_name].entity)
        except NotFound:
            return None
        except Gone:
            if not self._desk.sent_as(known):
                raise
        except Moved:
            pass  # joined a moment ago; what is said of it goes to where it leads
        return known

    def link(self, reference: Json, target: str, path: str) -> Document | None:
        """The link to what a Reference names; None, and an error, when it cannot be told."""
        name = named(reference, target, path, self.names)
        if isinstance(name, FieldError):
            self._errors.append(name)
            return None
        if name is None:
            return self._numbered(reference["identifier"], target, path)
        self.made.append(Reference(path, target, reference))
        sent = self.sent.get(name) or self._desk.sent(name)
        if sent is None:
            id = name.partition("/")[2]
            try:
                known = self.hubs(id, target)
            except Gone:
                self.removed.add(id)
                return {"id": id}
            if known is not None:
                return {"id": known.id}
        if target == "Location":
            return {"key": sent.key if sent else f"{self._source}:{name}"}
        return {"source": self._source, "external_id": sent.owner if sent else name}

    def _numbered(self, identifier: Json, target: str, path: str) -> Document | None:
        found = with_number(self._asked, identifier, target)
        if len(found) != 1:
            self._errors.append(FieldError(path, f"{len(found) or 'no'} {target} here has this number; refer to it by Type/id."))
            return None
        return {"id": found[0]}

    def ours(self, reference: Json, target: str) -> str:
        """The reference of ours to what a Reference of the sender's names; "" when that is nothing here, or only a number."""
        name = named(reference, target, "", self.names)
        if not isinstance(name, str):
            return ""
        sent = self.sent.get(name) or self._desk.sent(name)
        if sent is not None:
            uuid = self._desk.uuid_of(sent, part_of(target))
            return f"{target}/{uuid}" if uuid else ""
        try:
            known = self.hubs(name.partition("/")[2], target)
        except Gone:
            known = None
        return "" if known is None else f"{target}/{known.id}"


def with_number(asked: Directory, identifier: Json, target: str) -> list[str]:
    """The ids of the resources of a type that have this number, as an Identifier; two when there are more."""
    system, value = identifier["system"], identifier["value"]
    values = tuple(f"{name}|{value}" for name in identifier_names(system) or (system,))
    page = asked.search(Query(types=(RESOURCES[target].entity,), where=(Criterion("identifier", values),), limit=2))
    return [hit.entity.id for hit in page.hits]


def part_of(type_name: str) -> str:
    """The type of a part of a fiche that this type of resource shows; "" for one that shows a fiche."""
    entity = RESOURCES[type_name].entity
    return entity if entity in FIELD_OF_PART else ""
