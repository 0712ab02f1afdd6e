"""From the parameters of a request to a `Query`, and from its page to a Bundle."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal
from urllib.parse import quote, urlencode

import orjson

from hub import Criterion, FieldError, Hit, Invalid, Linked, Near, Query, query_of
from plugins.fhir import outcome
from plugins.fhir.extensions import DISTANCE
from plugins.fhir.json_form import to_bytes
from plugins.fhir.moments import span
from plugins.fhir.params import INCLUDES, RESOURCES, Include, Resource, conditions
from plugins.fhir.subsetting import Subset, subset_of, subset_of_form

DEFAULT_COUNT: Final = 20
MAX_COUNT: Final = 500
"""The longest page. Who asks for more gets this, and is told so in the answer."""
_AT_ONCE: Final = 500
"""So many ids go into one query for what is included."""
_TOTALS: Final = ("none", "estimate", "accurate")
_SORTS: Final[dict[str, Literal["name", "updated"]]] = {"name": "name", "_lastUpdated": "updated"}
_FORM_ONLY: Final = ("_format", "_pretty")


@dataclass(slots=True)
class Search:
    """A search as it was understood. `understood` are the parameters of the self link, `warnings` what was not understood and left out.

    `since`: only what changed at or after that moment; the directory knows which seq that is.
    """

    resource: Resource
    query: Query
    include: list[Include] = field(default_factory=list)
    revinclude: list[Include] = field(default_factory=list)
    count_only: bool = False
    subset: Subset | None = None
    since: datetime | None = None
    understood: list[tuple[str, str]] = field(default_factory=list)
    warnings: list[dict[str, Any]] = field(default_factory=list)


def parse(resource: Resource, given: Sequence[tuple[str, str]], *, strict: bool = False) -> Search:
    """Understand the parameters of a search, GET or POST. Raises `Invalid` for a bad value, and when `strict` for an unknown parameter.

    With `_cursor`, from a next link, everything else but the form of the answer comes from the cursor.
    """
    cursor = next((value for name, value in given if name == "_cursor"), None)
    if cursor is not None:
        return _resumed(resource, given, cursor, strict)
    search = Search(resource, Query(types=(resource.entity,)))
    where: list[Criterion] = []
    linked: list[Linked] = list(resource.always)
    settings: dict[str, Any] = {}
    for name, value in given:
        if name in _FORM_ONLY:
            continue
        if name.startswith("_") and name != "_id" and not name.startswith("_has:"):
            if not _control(search, settings, name, value):
                _unknown(search, name, value, strict)
                continue
        else:
            found = conditions(resource, name, value)
            if found is None:
                _unknown(search, name, value, strict)
                continue
            for condition in found:
                if isinstance(condition, Criterion):
                    where.append(condition)
                elif isinstance(condition, Linked):
                    linked.append(condition)
                elif "near" in settings:
                    raise _invalid(name, "near can be given once only.", value)
                else:
                    settings["near"] = condition
        search.understood.append((name, value))
    search.subset = subset_of(resource.name, search.understood)
    near: Near | None = settings.get("near")
    limit: int = settings.get("limit", DEFAULT_COUNT)
    search.query = Query(
        types=(resource.entity,),
        where=tuple(where),
        linked=tuple(linked),
        near=near,
        sort=settings.get("sort", "number"),
        descending=settings.get("descending", False),
        limit=max(limit, 1),
        total="accurate" if limit == 0 or search.count_only else settings.get("total", "none"),
    )
    search.count_only = search.count_only or limit == 0
    return search


def _control(search: Search, settings: dict[str, Any], name: str, value: str) -> bool:
    """Parameters that say how the answer looks. False for one that is not understood."""
    if name == "_count":
        if not value.isascii() or not value.isdigit():
            raise _invalid(name, "a whole number from 0 is expected.", value)
        count = int(value[:9])
        if count > MAX_COUNT:
            search.warnings.append(
                outcome.issue(
                    "information",
                    "too-costly",
                    f"A page holds at most {MAX_COUNT} resources, not {value}; follow the next link.",
                )
            )
            count = MAX_COUNT
        settings["limit"] = count
    elif name == "_total":
        if value not in _TOTALS:
            raise _invalid(name, "none, estimate or accurate is expected.", value)
        settings["total"] = value
    elif name == "_sort":
        descending, key = value.startswith("-"), value.removeprefix("-")
        if key not in _SORTS or (key == "name" and "name" not in search.resource.by_name):
            return False
        settings["sort"], settings["descending"] = _SORTS[key], descending
    elif name in ("_summary", "_elements"):
        search.count_only = search.count_only or (name, value) == ("_summary", "count")
    elif name == "_lastUpdated":
        since = _since(name, value)
        search.since = since if search.since is None else max(search.since, since)
    elif name in ("_include", "_revinclude", "_revInclude"):
        wanted = _include(search.resource, value, reverse=name != "_include")
        if wanted is None:
            return False
        (search.include if name == "_include" else search.revinclude).append(wanted)
    else:
        return False
    return True


def _since(name: str, value: str) -> datetime:
    """The moment from which on a resource must have changed. The log tells when something changed last; what did not change since is not asked."""
    prefix = value[:2] if value[:2].isalpha() else "eq"
    start, end = span(name, value.removeprefix(prefix))
    if prefix == "ge":
        return start
    if prefix in ("gt", "sa"):
        return end
    raise _invalid(name, "only ge, gt and sa are supported, as in _lastUpdated=ge2026-11-22; a history tells the rest.", value)


def _include(resource: Resource, value: str, *, reverse: bool) -> Include | None:
    source, _, rest = value.partition(":")
    param, _, target = rest.partition(":")
    include = INCLUDES.get(f"{source}:{param}")
    if include is None or target not in ("", include.target):
        return None
    return include if resource.name == (include.target if reverse else include.source) else None


def _unknown(search: Search, name: str, value: str, strict: bool) -> None:
    understood = f"{name}={value}" if name.startswith("_") else name
    if strict:
        raise _invalid(name, _NOT_UNDERSTOOD.format(understood, search.resource.name), value)
    search.warnings.append(
        outcome.issue(
            "warning",
            "not-supported",
            f"{_NOT_UNDERSTOOD.format(understood, search.resource.name)} It was left out; the self link says what was searched.",
            name,
        )
    )


_NOT_UNDERSTOOD: Final = "The parameter {} is not known for {}; /fhir/metadata lists those that are."


def _invalid(name: str, reason: str, value: str) -> Invalid:
    return Invalid(f"{name}: {reason}", (FieldError(name, reason, value),))


# --- cursors ----------------------------------------------------------------------------------------------------------------


def _cursor(search: Search, next_page: str) -> str:
    """The hub's cursor, and what FHIR adds to a page."""
    includes = [include.spelled for include in search.include]
    revincludes = [include.spelled for include in search.revinclude]
    if not includes and not revincludes and search.subset is None:
        return next_page
    added = orjson.dumps([includes, revincludes, search.subset.form() if search.subset else None])
    return f"{next_page}~{base64.urlsafe_b64encode(added).decode().rstrip('=')}"


def _resumed(resource: Resource, given: Sequence[tuple[str, str]], cursor: str, strict: bool) -> Search:
    page, _, added = cursor.partition("~")
    query = query_of(page)
    if query.types != (resource.entity,):
        raise _invalid(
            "_cursor",
            f"this is not a cursor of a search for {resource.name}; follow the next link as it stands.",
            cursor,
        )
    search = Search(resource, query, understood=[("_cursor", cursor)])
    if added:
        try:
            includes, revincludes, *more = orjson.loads(
                base64.urlsafe_b64decode(added + "=" * (-len(added) % 4))
            )
            search.subset = subset_of_form(more[0]) if more and more[0] else None
            search.include = [INCLUDES[each] for each in includes]
            search.revinclude = [INCLUDES[each] for each in revincludes]
        except (binascii.Error, KeyError, TypeError, ValueError) as error:
            raise _invalid(
                "_cursor", "this is not a cursor of ours; follow the next link as it stands.", cursor
            ) from error
    for name, value in given:
        if name not in ("_cursor", *_FORM_ONLY):
            _unknown(search, name, value, strict)
    return search


# --- the answer -------------------------------------------------------------------------------------------------------------


def included(search: Search, hits: Sequence[Hit]) -> list[tuple[Resource, Query]]:
    """The queries that find what `_include` and `_revinclude` ask for beside these hits."""
    found: list[tuple[Resource, Query]] = []
    if not hits:
        return found
    wanted: dict[str, dict[str, None]] = {}  # by resource, the ids in the order in which they are met
    for include in search.include:
        ids = wanted.setdefault(include.target, {})
        for hit in hits:
            ids.update(dict.fromkeys(include.targets(hit.entity)))
    for target, ids in wanted.items():
        resource = RESOURCES[target]
        for some in _batches(list(ids)):
            where = (Criterion("id", some),)
            found.append(
                (
                    resource,
                    Query(types=(resource.entity,), where=where, linked=resource.always, limit=_AT_ONCE),
                )
            )
    matches = tuple(hit.entity.id for hit in hits)
    for include in search.revinclude:
        resource = RESOURCES[include.source]
        back = Linked(include.link, Query(types=(search.resource.entity,), where=(Criterion("id", matches),)))
        found.append(
            (resource, Query(types=(resource.entity,), linked=(*resource.always, back), limit=_AT_ONCE))
        )
    return found


def _batches(ids: list[str]) -> list[tuple[str, ...]]:
    return [tuple(ids[start : start + _AT_ONCE]) for start in range(0, len(ids), _AT_ONCE)]


def self_link(search: Search, base: str) -> str:
    """The address of this very search, as understood."""
    address = f"{base}/{search.resource.name}"
    return f"{address}?{urlencode(search.understood, quote_via=quote)}" if search.understood else address


def next_link(search: Search, base: str, cursor: str) -> str:
    """The address of the next page: the same path, and one parameter."""
    return f"{base}/{search.resource.name}?_cursor={quote(_cursor(search, cursor), safe='~')}"


@dataclass(frozen=True, slots=True)
class Entry:
    """One resource of a Bundle, already as bytes. `distance_km`: how far it is, where the search named a place."""

    address: str
    body: bytes
    mode: Literal["match", "include"] = "match"
    distance_km: float | None = None


def bundle(
    search: Search, base: str, entries: Sequence[Entry], *, total: int | None, next_cursor: str | None
) -> bytes:
    """The searchset. Bytes are joined, never parsed: each entry may come from the cache."""
    links = [{"relation": "self", "url": self_link(search, base)}]
    if next_cursor is not None:
        links.append({"relation": "next", "url": next_link(search, base, next_cursor)})
    head: dict[str, Any] = {"resourceType": "Bundle", "type": "searchset"}
    if total is not None:
        head["total"] = total
    head["link"] = links
    parts = [_entry(base, entry) for entry in entries]
    if search.warnings:
        parts.append(to_bytes({"resource": outcome.document(search.warnings), "search": {"mode": "outcome"}}))
    start = orjson.dumps(head)
    return b"".join((start[:-1], b',"entry":[', b",".join(parts), b"]}")) if parts else start


_MODES: Final = {"match": b',"search":{"mode":"match"}}', "include": b',"search":{"mode":"include"}}'}


def _entry(base: str, entry: Entry) -> bytes:
    tail = _MODES[entry.mode]
    if entry.distance_km is not None:
        far = {
            "value": round(entry.distance_km, 3),
            "unit": "km",
            "system": "http://unitsofmeasure.org",
            "code": "km",
        }
        scored = {"extension": [{"url": DISTANCE, "valueDistance": far}], "mode": entry.mode}
        tail = b',"search":' + orjson.dumps(scored) + b"}"
    return b'{"fullUrl":"%b/%b","resource":%b%b' % (base.encode(), entry.address.encode(), entry.body, tail)
