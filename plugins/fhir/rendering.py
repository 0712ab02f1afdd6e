"""From an entity to the bytes of its resource, and a bounded memory of those bytes."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from werkzeug.http import http_date

from hub import Entity, Grant
from plugins.fhir.datatypes import Labels
from plugins.fhir.json_form import to_bytes
from plugins.fhir.params import RESOURCES
from plugins.fhir.searchable import Resource

_BY_ENTITY: Final[dict[str, Resource]] = {resource.entity: resource for resource in RESOURCES.values()}


def resource_for(entity: Entity) -> Resource:
    """The FHIR type that an entity is."""
    return _BY_ENTITY[entity.type]


def version_of(entity: Entity, grant: Grant) -> str:
    """`meta.versionId`: the seq of the last change that the asker can see; for partners with the revision of their agreement.

    A value that runs out is a change, which a job tells the log of a little later. Until then the version has the last day of that value behind it, or who read the
    resource before would be told that it is still the same.
    """
    public = grant.partner is None and grant.level == "public" and grant.fields is None
    version = str(entity.seq) if public else f"{entity.seq}-{grant.revision}"
    return f"{version}.{entity.turned.replace('-', '')}" if entity.turned else version


def render(entity: Entity, grant: Grant, labels: Labels) -> dict[str, Any]:
    """The resource as a dictionary, elements in the order of the specification."""
    resource = _BY_ENTITY[entity.type].render(entity, labels)
    resource["meta"]["versionId"] = version_of(entity, grant)
    return resource


def last_modified(since: datetime, now: datetime) -> dict[str, str]:
    """The header `Last-Modified` of what has read so `since` then; none where that cannot tell one state of the resource from the next.

    A date of HTTP has seconds only, so none is given before its second is over: until then a change may come that would have the same (RFC 9110 section 8.8.2.2). After
    a clock was ahead all changes get the same moment until it is past.
    """
    return {"Last-Modified": http_date(since)} if since.replace(microsecond=0) + timedelta(seconds=1) <= now else {}


class Rendered(NamedTuple):
    """A body; of a single resource also its ETag, since when it reads so (None: no Last-Modified, ever), and whether a copy can be confirmed by them or must be
    read whole each time."""

    body: bytes
    version: str = ""
    since: datetime | None = None
    lasts: bool = False


class Memory:
    """Remembers resources and whole answers, the newest within `limit` bytes.

    A resource is kept under type, id, seq, the day, what it may not point to and the asker's agreement, which is always right, because seq moves whenever the bytes would,
    but for values that run out with the day. An answer (a page, a read) is kept under what was asked, the agreement, the newest seq of all and the day: as long as
    nothing at all was written the answer is the same. The day is the asker's, read before the fiches are: what is kept under it is of that day or of a later one,
    never older. A reloaded book of concepts empties it, because labels are in the bytes.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._size = 0
        self._kept: dict[Hashable, Rendered] = {}
        self._labels: Labels | None = None

    def resource(self, entity: Entity, grant: Grant, labels: Labels, today: str) -> bytes:
        """The resource as JSON, from memory if it is there."""
        key = (entity.type, entity.id, entity.seq, today, entity.outside, *_agreement(grant))
        found = self._found(key, labels) or self._keep(key, Rendered(to_bytes(render(entity, grant, labels))))
        return found.body

    def answer(self, asked: Hashable, grant: Grant, newest: int, labels: Labels, today: str, make: Callable[[], Rendered]) -> Rendered:
        """The answer to what was asked, from memory if it is there, else as `make` makes it; what that raises is not remembered."""
        key = (asked, *_agreement(grant), newest, today)
        return self._found(key, labels) or self._keep(key, make())

    def known(self, asked: Hashable, grant: Grant, newest: int, labels: Labels, today: str) -> Rendered | None:
        """The answer to what was asked, if it is in memory."""
        return self._found((asked, *_agreement(grant), newest, today), labels)

    def _found(self, key: Hashable, labels: Labels) -> Rendered | None:
        if labels is not self._labels:
            self._kept, self._size, self._labels = {}, 0, labels
        return self._kept.get(key)

    def _keep(self, key: Hashable, made: Rendered) -> Rendered:
        if key not in self._kept and len(made.body) <= self._limit:
            self._kept[key] = made
            self._size += len(made.body)
            while self._size > self._limit:
                self._size -= len(self._kept.pop(next(iter(self._kept))).body)
        return made


def _agreement(grant: Grant) -> tuple[Hashable, ...]:
    """What tells askers apart who may see different things. The revision moves with fields and scope, but one who asks may have less of them."""
    return grant.partner, grant.level, grant.revision, grant.fields, grant.scope
