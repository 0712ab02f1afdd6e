"""What a resource was, and what became of it: vread, and the history of a resource, of a type, and of everything.

The change log of the hub is the history: an entry for each change that the asker can see, newest first, each with the resource as it was right after
that change. A page begins at a number of the log and goes down, so what is written meanwhile moves nothing. https://hl7.org/fhir/R4/http.html#history
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote, urlencode

import flask
import orjson

import hub
from hub import (
    Change,
    Criterion,
    Directory,
    Entity,
    Gone,
    Moved,
    NotFound,
    Query,
)
from plugins.fhir.absent import spoken_of
from plugins.fhir.datatypes import Labels
from plugins.fhir.json_form import to_bytes
from plugins.fhir.moments import moment, with_plus
from plugins.fhir.params import RESOURCES
from plugins.fhir.preferring import ONCE, PARTS, is_strict, refuse_unknown
from plugins.fhir.refusing import invalid
from plugins.fhir.rendering import Memory, last_modified, render, version_of
from plugins.fhir.search import DEFAULT_COUNT, MAX_COUNT
from plugins.fhir.searchable import Resource
from plugins.fhir.subsetting import subset_of_one

TAKES: Final = ("_since", "_count", "_cursor", "_sort", "_format", "_pretty")
"""The parameters of a history. A Bundle of this type has no room for a warning, so any other is an error and never ignored."""
_VERSION: Final = re.compile(r"((\d{1,18})(?:-\d{1,18})?)(?:\.\d{8})?")

_LOOKED_AT: Final = 2_000
"""So many changes are looked at for one page; where nearly none of them can be told, it is shorter than it might be."""

Answer = Callable[[dict[str, Any] | bytes], flask.Response]


def add_routes(blueprint: flask.Blueprint, memory: Memory, answer: Answer) -> None:
    """vread and the three histories."""
    types = ",".join(RESOURCES)

    @blueprint.get(f"/<any({types}):type>/<id>/_history/<version>")
    def vread(type: str, id: str, version: str) -> flask.Response:
        refuse_unknown(PARTS)
        asked = hub.directory()
        subset = subset_of_one(type, list(flask.request.args.items(multi=True)), strict=is_strict())
        entity = version_at(asked, RESOURCES[type], id.lower(), version)
        body = to_bytes(render(entity, asked.grant, asked.concepts()))
        response = answer(body if subset is None else subset.of(body))
        response.headers["ETag"] = f'W/"{version_of(entity, asked.grant)}"'
        response.headers.update(last_modified(datetime.fromisoformat(entity.reads_so_since), asked.now()))
        response.make_conditional(flask.request)
        return response

    @blueprint.get(f"/<any({types}):type>/<id>/_history")
    def history_of_instance(type: str, id: str) -> flask.Response:
        return _history(RESOURCES[type], id.lower())

    @blueprint.get(f"/<any({types}):type>/_history")
    def history_of_type(type: str) -> flask.Response:
        return _history(RESOURCES[type], None)

    @blueprint.get("/_history")
    def history_of_everything() -> flask.Response:
        return _history(None, None)

    def _history(resource: Resource | None, id: str | None) -> flask.Response:
        asked = hub.directory()
        wanted = parse(resource, id, list(flask.request.args.items(multi=True)), asked)
        return answer(bundle(wanted, flask.request.url_root + "fhir", asked, memory))


# --- one version ------------------------------------------------------------------------------------------------------------


def version_at(asked: Directory, resource: Resource, id: str, version: str) -> Entity:
    """The resource as it was in this version. Raises `NotFound` when it has no such version, `Gone` when that is its removal, `Moved`."""
    unknown = NotFound(f"{resource.name}/{id} has no version {version[:40]}; {resource.name}/{id}/_history lists those that it has.")
    found = _VERSION.fullmatch(version)
    if found is None:
        raise unknown
    seq = int(found[2])
    try:
        with spoken_of(resource.name, id[:80]):
            entity = asked.as_at(id, seq, resource.entity)
    except NotFound:
        if _is_there(id, resource, asked):
            raise unknown from None
        raise
    except Gone as gone:
        if gone.seq == seq and _removes(id, seq, asked):
            raise Gone(f"{resource.name}/{id} was removed in version {version}.", seq=seq) from gone
        raise unknown from None
    # The version of a partner names the revision of its agreement too: what another one showed is not to be had. What ran out since reads as it does today,
    # whatever day the version names.
    if version_of(replace(entity, turned=""), asked.grant) != found[1]:
        raise unknown
    return entity


def _is_there(id: str, resource: Resource, asked: Directory) -> bool:
    """Whether the asker can read it now: then it is the version that is not there for him, or not any more."""
    try:
        asked.get(id, resource.entity)
    except (Gone, Moved, NotFound):
        return False
    return True


def _removes(id: str, seq: int, asked: Directory) -> bool:
    """Whether the asker is told of a removal in this version, of which nothing is left; of what was never shown to him there is none."""
    if asked.grant.scope is not None:
        return True  # what left the selection is told by its id alone
    return any(change.seq == seq and _was_removed(change, asked) for change in asked.history(id, before=seq + 1, limit=1, every=True))


# --- what was asked -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Wanted:
    """A page of history. `resource` None: of all types. `after` and `before` are numbers of the log, both left out; `head` where paging began."""

    resource: Resource | None
    id: str | None
    after: int
    before: int
    head: int
    count: int
    understood: tuple[tuple[str, str], ...]

    @property
    def path(self) -> str:
        """`Organization/<id>/_history`, below the base."""
        return _path(self.resource, self.id)


def parse(resource: Resource | None, id: str | None, given: Sequence[tuple[str, str]], asked: Directory) -> Wanted:
    """Understand the parameters. Raises `Invalid` for a bad value and for a parameter that a history does not have, and `CursorGone`."""
    after, count = 0, DEFAULT_COUNT
    cursor: str | None = None
    understood: list[tuple[str, str]] = []
    seen: set[str] = set()
    for name, value in given:
        if name not in TAKES:
            raise invalid(name, f"a history does not take this; it takes {', '.join(TAKES)}.", value)
        if name in seen:
            raise invalid(name, ONCE, value)
        seen.add(name)
        if name == "_cursor":
            cursor = value
        elif name == "_since":
            value = with_plus(value)
            after = asked.seq_at(moment(name, value))
        elif name == "_count":
            if not value.isascii() or not value.isdigit() or int(value[:9]) < 1:
                raise invalid(name, "a whole number from 1 is expected.", value)
            count = min(int(value[:9]), MAX_COUNT)
            value = str(count)
        elif name == "_sort":
            if value != "-_lastUpdated":
                raise invalid(name, "a history comes newest first: -_lastUpdated.", value)
        else:
            continue
        understood.append((name, value))
    if cursor is not None:
        return _resumed(resource, id, cursor, understood, count, asked)
    head = asked.head()
    return Wanted(resource, id, after, head + 1, head, count, tuple(understood))


def _resumed(resource: Resource | None, id: str | None, cursor: str, given: Sequence[tuple[str, str]], count: int, asked: Directory) -> Wanted:
    """Where the cursor ended; `count` is another size of the page, if one is given. Raises `CursorGone` when paging began in a log that went on further than ours."""
    try:
        raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        path, after, before, head, size = orjson.loads(raw[_CHECK_BYTES:])
    except (binascii.Error, TypeError, ValueError) as error:
        raise invalid("_cursor", _NO_CURSOR, cursor) from error
    if raw[:_CHECK_BYTES] != _check(raw[_CHECK_BYTES:]):
        raise invalid("_cursor", _NO_CURSOR, cursor)
    if path != _path(resource, id):
        raise invalid("_cursor", f"this is a cursor of {path}; follow the next link as it stands.", cursor)
    asked.must_have_come_to(head)
    for name, value in given:
        if name not in ("_cursor", "_count"):
            raise invalid(name, "the cursor carries the whole history; beside it only another _count is taken.", value)
    size = count if any(name == "_count" for name, _ in given) else size
    return Wanted(resource, id, after, before, head, size, tuple(given))


_NO_CURSOR: Final = "this is not a cursor of a history; follow the next link as it stands."


def _cursor(wanted: Wanted, before: int) -> str:
    body = orjson.dumps([wanted.path, wanted.after, before, wanted.head, wanted.count])
    return base64.urlsafe_b64encode(_check(body) + body).decode().rstrip("=")


_CHECK_BYTES: Final = 6


def _check(body: bytes) -> bytes:
    """Tells a cursor that was cut or retyped from a whole one."""
    return hashlib.blake2b(body, digest_size=_CHECK_BYTES, person=b"fhir-history").digest()


def _path(resource: Resource | None, id: str | None) -> str:
    return "/".join(part for part in (resource.name if resource else None, id, "_history") if part)


# --- the answer -------------------------------------------------------------------------------------------------------------


def bundle(wanted: Wanted, base: str, asked: Directory, memory: Memory) -> bytes:
    """The Bundle of type history. Raises `NotFound` for a resource that this asker has never seen.

    `meta.lastUpdated` is the moment of the newest change, when paging began, that this asker can see: whoever sends it as the next `_since` misses nothing. Without
    any there is none.
    """
    today = asked.today()  # before the fiches are read, as the memory asks for
    shown, following = _page(wanted, asked)
    labels = asked.concepts()
    entries = [_entry(base, state, asked, labels, today, memory) for state in shown]
    if wanted.id is not None and not entries and not wanted.after and wanted.before > wanted.head and following is None:
        raise _never_seen(wanted)
    query = f"?{urlencode(wanted.understood, quote_via=quote)}" if wanted.understood else ""
    links = [{"relation": "self", "url": f"{base}/{wanted.path}{query}"}]
    if following is not None:
        links.append({"relation": "next", "url": f"{base}/{wanted.path}?_cursor={_cursor(wanted, following)}"})
    head: dict[str, Any] = {"resourceType": "Bundle"}
    if upto := asked.moment_of(wanted.head):
        head["meta"] = {"lastUpdated": upto}
    start = orjson.dumps(head | {"type": "history", "link": links})
    return b"".join((start[:-1], b',"entry":[', b",".join(entries), b"]}")) if entries else start


def _page(wanted: Wanted, asked: Directory) -> tuple[list[State], int | None]:
    """What the page tells, and before which number of the log the next one begins; None when there is nothing more to tell.

    Not every change of the log is told, so it is read on until the page is full and one more is known, or too much was looked at for one request.
    """
    found: list[State] = []
    looked, before = 0, wanted.before
    while True:
        changes, more = _changes(wanted, before, asked)
        for state in states(changes, asked):
            if len(found) == wanted.count:
                return found, state.change.seq + 1
            found.append(state)
        if not more:
            return found, None
        looked, before = looked + len(changes), changes[-1].seq
        if looked >= _LOOKED_AT:
            return found, before


def _changes(wanted: Wanted, before: int, asked: Directory) -> tuple[Sequence[Change], bool]:
    """Some changes before this number, as many as a page has and one, and whether there may be more."""
    type = wanted.resource.entity if wanted.resource else None
    limit = min(wanted.count + 1, MAX_COUNT)
    if wanted.id is None:
        found = asked.log(type, after=wanted.after, before=before, limit=limit)
        return found, len(found) == limit
    assert wanted.resource is not None  # one that has an id is of a type
    with spoken_of(wanted.resource.name, wanted.id[:80]):
        found = asked.history(wanted.id, before=before, limit=limit)
    if (not found and before > wanted.head) or any(change.type != type for change in found):
        raise _never_seen(wanted)
    since = tuple(change for change in found if change.seq > wanted.after)
    return since, len(since) == limit


def _never_seen(wanted: Wanted) -> NotFound:
    return NotFound(f"There is no {wanted.path.removesuffix('/_history')}.")


@dataclass(frozen=True, slots=True)
class State:
    """What a change made of a resource: the entity as it was then, or None where it was removed for this asker.

    `is_current`: it is so still. Only then may its bytes be remembered: of the past is withheld what was hidden since.
    """

    change: Change
    entity: Entity | None
    is_current: bool = False


def states(changes: Iterable[Change], asked: Directory) -> Iterator[State]:
    """What these changes of the log (newest first) made. Left out is what cannot be told any more: an erased past."""
    changes = list(changes)
    now = _as_they_are(changes, asked)
    for change in changes:
        entity, is_current = None, False
        if change.operation != "delete":
            current = now.get(change.id)
            is_current = current is not None and current.seq == change.seq
            entity = current if is_current else _then(change, asked)
            if entity is not None and entity.seq != change.seq:
                continue  # of the same transaction, which the newer entry tells whole
            if entity is not None and not is_current and not asked.tells(change):
                continue  # all that it changed has been hidden since
        if entity is not None:
            yield State(change, entity, is_current)
        elif _was_removed(change, asked):
            yield State(change, None)


def _as_they_are(changes: Sequence[Change], asked: Directory) -> dict[str, Entity]:
    """The entities as they are now, in one look: the newest change of most of them is on the page."""
    alive = [change for change in changes if change.operation != "delete"]
    ids = tuple(dict.fromkeys(change.id for change in alive))
    if not ids:
        return {}
    types = tuple(dict.fromkeys(change.type for change in alive))
    page = asked.search(Query(types=types, where=(Criterion("id", ids),), limit=MAX_COUNT + 1))
    return {hit.entity.id: hit.entity for hit in page.hits}


def _then(change: Change, asked: Directory) -> Entity | None:
    try:
        return asked.as_at(change.id, change.seq, change.type)
    except (Gone, Moved, NotFound):
        return None


def _was_removed(change: Change, asked: Directory) -> bool:
    """Whether the asker had seen what it cannot see after this change. A copy that is told too often does no harm, one that is not told stays for ever.

    Under an agreement with a selection of its own the past cannot be asked, so every such change is told, by its id alone.
    """
    if change.operation == "delete" or asked.grant.scope is not None:
        return True
    try:
        if asked.was_shown(change.id, change.seq, change.type):
            return False  # it was there after this change, and has been hidden since: a newer one tells that
        before = asked.history(change.id, before=change.seq, limit=1, every=True)
        return bool(before) and asked.was_shown(change.id, before[0].seq, change.type)
    except Moved:
        return False


def _is_first(change: Change, asked: Directory) -> bool:
    """Whether the asker is told of nothing before this change that it could have changed: to him it is new, whatever it did to others."""
    if change.operation == "create":
        return True
    before = change.seq
    while earlier := asked.history(change.id, before=before, limit=1, every=True):
        [last] = earlier
        entity = None if last.operation == "delete" else _then(last, asked)
        if entity is None or entity.seq < change.seq:
            return entity is None
        before = last.seq  # of the same transaction
    return True


_BY_ENTITY: Final = {resource.entity: resource.name for resource in RESOURCES.values()}


def _entry(base: str, state: State, asked: Directory, labels: Labels, today: str, memory: Memory) -> bytes:
    change, grant = state.change, asked.grant
    address = f"{_BY_ENTITY[change.type]}/{change.id}"
    if state.entity is None:
        told: dict[str, Any] = {
            "request": {"method": "DELETE", "url": address},
            "response": {"status": "204", "lastModified": change.at},
        }
        return orjson.dumps(told)
    created = _is_first(change, asked)
    told = {
        # By PUT in either case: clients read type and id from the address.
        "request": {"method": "PUT", "url": address},
        "response": {
            "status": "201" if created else "200",
            "etag": f'W/"{version_of(state.entity, grant)}"',
            "lastModified": change.at,
        },
    }
    body = memory.resource(state.entity, grant, labels, today) if state.is_current else to_bytes(render(state.entity, grant, labels))
    return b'{"fullUrl":"%b/%b","resource":%b,%b' % (base.encode(), address.encode(), body, orjson.dumps(told)[1:])
