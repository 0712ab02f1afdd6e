"""From an entity to the bytes of its resource, and a bounded memory of those bytes."""

from __future__ import annotations

from typing import Any, Final

from hub import Entity, Grant
from plugins.fhir.datatypes import Labels
from plugins.fhir.json_form import to_bytes
from plugins.fhir.params import RESOURCES, Resource

_BY_ENTITY: Final[dict[str, Resource]] = {resource.entity: resource for resource in RESOURCES.values()}


def resource_for(entity: Entity) -> Resource:
    """The FHIR type that an entity is."""
    return _BY_ENTITY[entity.type]


def version_of(entity: Entity, grant: Grant) -> str:
    """`meta.versionId`: the seq of the last change that the asker can see; for partners with the revision of their agreement."""
    if grant.partner is None and grant.level == "public" and grant.fields is None:
        return str(entity.seq)
    return f"{entity.seq}-{grant.revision}"


def render(entity: Entity, grant: Grant, labels: Labels) -> dict[str, Any]:
    """The resource as a dictionary, elements in the order of the specification."""
    resource = _BY_ENTITY[entity.type].render(entity, labels)
    resource["meta"]["versionId"] = version_of(entity, grant)
    return resource


class RenderedResources:
    """Remembers the bytes of resources, the newest within `limit` bytes.

    Bytes are kept under type, id, seq and the asker's agreement, which is always right, because seq moves whenever the bytes would. A
    reloaded book of concepts empties it, because labels are in the bytes.
    """

    def __init__(self, limit: int = 64 << 20) -> None:
        self._limit = limit
        self._size = 0
        self._kept: dict[tuple[object, ...], bytes] = {}
        self._labels: Labels | None = None

    def body(self, entity: Entity, grant: Grant, labels: Labels) -> bytes:
        """The resource as JSON, from memory if it is there."""
        if labels is not self._labels:
            self._kept, self._size, self._labels = {}, 0, labels
        key = (entity.type, entity.id, entity.seq, grant.partner, grant.level, grant.revision)
        found = self._kept.get(key)
        if found is None:
            found = to_bytes(render(entity, grant, labels))
            self._keep(key, found)
        return found

    def _keep(self, key: tuple[object, ...], body: bytes) -> None:
        self._kept[key] = body
        self._size += len(body)
        while self._size > self._limit:
            oldest = next(iter(self._kept))
            self._size -= len(self._kept.pop(oldest))
