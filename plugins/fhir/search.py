"""From the parameters of a request to a `Query`, and from its page to a Bundle."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal
from urllib.parse import quote, urlencode

import orjson

from hub import QUERY_LIMITS, Criterion, Directory, FieldError, Invalid, Linked, Near, Query, query_of
from plugins.fhir import outcome
from plugins.fhir.asking import conditions, unsupported
from plugins.fhir.criteria import Remark, Words, whole_near, with_ids
from plugins.fhir.extensions import DISTANCE
from plugins.fhir.including import MOST, Followed
from plugins.fhir.json_form import to_bytes
from plugins.fhir.listing import page_size
from plugins.fhir.moments import with_plus
from plugins.fhir.params import INCLUDES
from plugins.fhir.periods import with_seqs
from plugins.fhir.preferring import ONCE
from plugins.fhir.refusing import invalid
from plugins.fhir.searchable import Resource
from plugins.fhir.subsetting import NO_ELEMENT, Subset, elements_in, subset_of, subset_of_form

DEFAULT_COUNT: Final = 20
MAX_COUNT: Final = 500
"""The longest page. Who asks for more gets this, and is told so in the answer."""
_TOTALS: Final = ("none", "estimate", "accurate")
_SORTS: Final[dict[str, Literal["name", "updated", "distance"]]] = {
    "name": "name",
    "family": "name",
    "_lastUpdated": "updated",
    "near": "distance",
}
IN_RESOURCE: Final = ("_id", "_lastUpdated", "_profile", "_source", "_tag", "_text", "_content", "_has")
"""The parameters with a `_` that ask something of a resource; all others say how to answer."""
_INCLUDING: Final = ("_include", "_revinclude", "_revInclude")
PROVENANCE: Final = "Provenance:target"
"""The `_revinclude` of where resources come from: no entities, so no `Include`."""
_ONCE: Final = ("_count", "_total", "_sort", "_summary")
_WITHOUT_MODIFIER: Final = (*_ONCE, "_elements")
_FORM_ONLY: Final = ("_format", "_pretty")
TOO_MANY: Final = f"More than {MOST:,} resources come with this page, and the rest was left out. Ask for a smaller page with _count."


@dataclass(slots=True)
class Search:
    """A search as it was understood. `understood` are the parameters of the self link, `warnings` what was not understood and left out;
    `told` are the parameters of which the first page says something that holds for all pages. `provenance` is for whoever may read it, unless it is `provenance_named`:
    `*` asks for all that there is for the asker.

    The moments of last changes in the query are as they were asked: `periods.with_seqs` is for when it is asked.
    """

    resource: Resource
    query: Query
    followed: list[Followed] = field(default_factory=list)
    provenance: bool = False
    provenance_named: bool = False
    count_only: bool = False
    subset: Subset | None = None
    told: tuple[str, ...] = ()
    understood: list[tuple[str, str]] = field(default_factory=list)
    warnings: list[dict[str, Any]] = field(default_factory=list)


@dataclass(slots=True)
class _Wanted:
    """What the parameters of one search ask for together; `settings` are those of the query that can be given once."""

    linked: list[Linked]
    where: list[Criterion] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    settings: dict[str, Any] = field(default_factory=dict)


def parse(resource: Resource, given: Sequence[tuple[str, str]], *, strict: bool = False) -> Search:
    """Understand the parameters of a search, GET or POST. Raises `Invalid` for a bad value, and when `strict` for an unknown parameter.

    With `_cursor`, from a next link, everything else but the form of the answer comes from the cursor.
    """
    cursor = next((value for name, value in given if name == "_cursor"), None)
    if cursor is not None:
        return _resumed(resource, given, cursor, strict)
    search = Search(resource, Query(types=(resource.entity,)))
    wanted = _Wanted(list(resource.always))
    settings = wanted.settings
    for place, (name, value) in enumerate(given):
        if name in _FORM_ONLY:
            _form_once(search, given[:place], name, value, strict)
            continue
        if name.startswith("_") and name.partition(":")[0] not in IN_RESOURCE:
            understood = _controlled(search, settings, name, value, strict)
        else:
            understood = _narrowed(search, wanted, name, value, strict)
        if understood is not None:
            search.understood.append((name, understood))
    search.subset = subset_of(resource.name, search.understood)
    if search.subset is not None and search.subset.kind == "text" and (search.followed or search.provenance):
        raise invalid("_summary", "text cannot be combined with _include or _revinclude; ask for one of them, or for _summary=true.", "text")
    near: Near | None = settings.get("near")
    limit: int = settings.get("limit", DEFAULT_COUNT)
    if settings.get("sort") == "distance" and near is None:
        raise invalid("_sort", "the order near needs a place: give near too.", "near")
    search.query = Query(
        types=(resource.entity,),
        text=" ".join(wanted.texts),
        where=tuple(wanted.where),
        linked=tuple(wanted.linked),
        near=near,
        sort=settings.get("sort", "number"),
        descending=settings.get("descending", False),
        limit=max(limit, 1),
        total="accurate" if limit == 0 or search.count_only else settings.get("total", "none"),
    )
    search.count_only = search.count_only or limit == 0
    search.told = names_told(search.warnings)
    return search


def names_told(warnings: Sequence[dict[str, Any]]) -> tuple[str, ...]:
    """The parameters of which these warnings say something."""
    named = (each.get("expression", [""])[0].removeprefix("http.") for each in warnings if each["severity"] == "warning")
    return tuple(dict.fromkeys(name[:_LONGEST_NAME] for name in named if name))[:_MOST_TOLD]


def by_source(query: Query) -> bool:
    """Whether a query asks who says something, here or behind a link."""
    return any(each.key == "source" for each in query.where) or any(by_source(each.query) for each in query.linked)


_MOST_TOLD: Final = 10
_LONGEST_NAME: Final = 80


def _controlled(search: Search, settings: dict[str, Any], name: str, value: str, strict: bool) -> str | None:
    """Take a parameter of the search itself, such as `_count`, and give its value as it was understood; None when it was left out."""
    if name in _ONCE and any(name == known for known, _ in search.understood):
        _left_out(search, name, value, f"{name}: {ONCE}", strict)
        return None
    if name == "_elements" and not elements_in(value):
        _left_out(search, name, value, f"{name}: {NO_ELEMENT}", strict)
        return None
    understood = _control(search, settings, name, value, strict)
    if understood is None:
        known, _, modifier = name.partition(":")
        if modifier and known in _WITHOUT_MODIFIER:
            raise invalid(name, f"{known} takes no modifier.", value)
        _unknown(search, name, value, strict)
    return understood


def _form_once(search: Search, before: Sequence[tuple[str, str]], name: str, value: str, strict: bool) -> None:
    """Of several forms the first is given; the others are told."""
    if any(name == known for known, _ in before):
        _left_out(search, name, value, f"{name}: {ONCE}", strict)


def _narrowed(search: Search, wanted: _Wanted, name: str, value: str, strict: bool) -> str | None:
    """Take a parameter of the type, and give its value as it was understood; None when it was left out."""
    found = conditions(search.resource, name, value)
    if found is None:
        _unknown(search, name, value, strict)
        return None
    for condition in found:
        if isinstance(condition, Criterion):
            wanted.where.append(condition)
        elif isinstance(condition, Linked):
            wanted.linked.append(condition)
        elif isinstance(condition, Words):
            wanted.texts.append(condition.text)
        elif isinstance(condition, Remark):
            search.warnings.append(outcome.issue("warning", "informational", f"{name}: {condition.text}", name))
        elif "near" in wanted.settings:
            raise invalid(name, "near can be given once only.", value)
        else:
            wanted.settings["near"] = condition
    param = search.resource.by_name.get(name.partition(":")[0])
    if param is not None and param.type == "date":
        return with_plus(value)
    return whole_near(value) if param is not None and param.name == "near" else value


def in_your_words(error: Invalid, resource: Resource, given: Sequence[tuple[str, str]], asked: Directory) -> Invalid:
    """What the hub refused about the query of these parameters, by the name of the first that is too much, alone or beside those before it: a client
    knows nothing of our queries."""
    tried = [(name, value) for name, value in given if name not in ("_cursor", "_sort")]  # an order may need a place, which may come behind it
    taken, upto = 0, len(tried) + 1  # so many of them are taken, and so many are not
    told: Invalid | None = None
    while upto - taken > 1:
        some = (taken + upto) // 2
        refused = _refusal(resource, tried[:some], asked)
        if refused is None:
            taken = some
        else:
            upto, told = some, refused
    if told is None:
        return Invalid(_reasons(error), (FieldError("", _reasons(error)),))
    name, value = tried[upto - 1]
    return invalid(name, _reasons(told), value[:100])


def _refusal(resource: Resource, given: Sequence[tuple[str, str]], asked: Directory) -> Invalid | None:
    """What the hub refuses about the query of these parameters; None when it takes it."""
    try:
        query = with_seqs(parse(resource, given).query, asked.seq_at)
        # Nobody's id beside it, where there is room: it is asked whether this can be asked, and nothing is looked for.
        where = (*query.where, with_ids(())) if len(query.where) < QUERY_LIMITS.criteria else query.where
        asked.search(replace(query, where=where, limit=1, total="none"), sources=False)
    except Invalid as refused:
        return refused
    return None


def _reasons(error: Invalid) -> str:
    return "; ".join(dict.fromkeys(each.reason for each in error.errors)) or error.message


def _control(search: Search, settings: dict[str, Any], name: str, value: str, strict: bool) -> str | None:
    """Parameters that say how the answer looks. The value as it was understood, None for what was not."""
    if name == "_count":
        settings["limit"], told = page_size(value, MAX_COUNT)
        search.warnings += told
        return str(settings["limit"])
    elif name == "_total":
        if value not in _TOTALS:
            raise invalid(name, "none, estimate or accurate is expected.", value)
        settings["total"] = value
    elif name == "_sort":
        return _sorted_by(search, settings, value, strict)
    elif name in ("_summary", "_elements"):
        search.count_only = search.count_only or (name, value) == ("_summary", "count")
    elif name.partition(":")[0] in _INCLUDING:
        wanted = _includes(search.resource, name, value)
        backwards = name in ("_revinclude", "_revInclude")
        named = backwards and value in ("Provenance:*", PROVENANCE, f"{PROVENANCE}:{search.resource.name}")
        provenance = named or (backwards and value == "*")
        if wanted is None and not provenance:
            return None
        search.provenance |= provenance
        search.provenance_named |= named
        search.followed += [each for each in wanted or () if each not in search.followed]
    else:
        return None
    return value


def _sorted_by(search: Search, settings: dict[str, Any], value: str, strict: bool) -> str | None:
    """Note the order; the part of the value that was understood, or None. People are in the order of family and given name, both in one direction;
    no other order has a second key, and what is alike comes in the default order. Raises `Invalid` for a key too many when `strict`."""
    first, *rest = (part.strip() for part in value.split(","))
    descending, key = first.startswith("-"), first.removeprefix("-")
    if key not in _SORTS or (key in ("name", "family") and key not in search.resource.by_name):
        return None
    if key == "near" and ("near" not in search.resource.by_name or descending):
        return None
    settings["sort"], settings["descending"] = _SORTS[key], descending
    understood = first
    if key == "family" and rest[:1] == ["-given" if descending else "given"]:
        understood, rest = f"{first},{rest[0]}", rest[1:]
    if rest:
        reason = f"no further key is taken behind {understood}: {', '.join(rest)[:60]}. What is alike comes in the default order."
        if strict:
            raise invalid("_sort", reason, value)
        search.warnings.append(
            outcome.issue("warning", "not-supported", f"_sort: {reason} It was left out; the self link says what was searched.", "_sort")
        )
    return understood


def _includes(resource: Resource, name: str, value: str) -> list[Followed] | None:
    """What `_include` or `_revinclude` asks for: `Type:param`, `Type:param:Target`, `Type:*` or `*`; None for what is not understood."""
    spelled, _, modifier = name.partition(":")
    reverse = spelled != "_include"
    if modifier not in ("", "iterate", "recurse"):
        return None
    source, _, rest = value.partition(":")
    param, _, target = rest.partition(":")
    wanted = [
        each for each in INCLUDES.values() if value == "*" or (each.source == source and param in ("*", each.param) and target in ("", each.target))
    ]
    if not modifier:
        wanted = [each for each in wanted if (each.target if reverse else each.source) == resource.name]
    return [Followed(each, reverse, bool(modifier)) for each in wanted] or None


def _unknown(search: Search, name: str, value: str, strict: bool) -> None:
    understood = f"{name}={value}" if name.startswith("_") else name
    reason = unsupported(search.resource, name)
    if name.startswith(("_revinclude:", "_revInclude:")) and value.startswith("Provenance:"):
        reason = f"{name}: a Provenance comes with the hits alone; ask for it without a modifier."
    reason = reason or _NOT_UNDERSTOOD.format(understood[:200], search.resource.name)
    _left_out(search, name, value, reason, strict)


def _left_out(search: Search, name: str, value: str, reason: str, strict: bool) -> None:
    """Say so in a warning. Raises `Invalid` when `strict`."""
    if strict:
        raise invalid(name, reason.removeprefix(f"{name}: "), value)
    search.warnings.append(
        outcome.issue(
            "warning",
            "not-supported",
            f"{reason} It was left out; the self link says what was searched.",
            name,
        )
    )


_NOT_UNDERSTOOD: Final = "The parameter {} is not known for {}; /fhir/metadata lists those that are."


# --- cursors ----------------------------------------------------------------------------------------------------------------


def _cursor(search: Search, next_page: str) -> str:
    """The hub's cursor, and what FHIR adds to a page."""
    if not search.followed and search.subset is None and not search.provenance and not search.told:
        return next_page
    followed = [each.form() for each in search.followed]
    added = orjson.dumps([followed, search.subset.form() if search.subset else None, search.provenance, search.told])
    return f"{next_page}~{base64.urlsafe_b64encode(added).decode().rstrip('=')}"


def _resumed(resource: Resource, given: Sequence[tuple[str, str]], cursor: str, strict: bool) -> Search:
    page, _, added = cursor.partition("~")
    query = query_of(page)
    if query.types != (resource.entity,):
        raise invalid(
            "_cursor",
            f"this is not a cursor of a search for {resource.name}; follow the next link as it stands.",
            cursor,
        )
    search = Search(resource, query, understood=[("_cursor", cursor)])
    if added:
        try:
            followed, subset, provenance, *told = orjson.loads(base64.urlsafe_b64decode(added + "=" * (-len(added) % 4)))
            search.subset = subset_of_form(subset) if subset else None
            search.provenance = search.provenance_named = provenance is True
            search.followed = [Followed.of_form(each) for each in followed]
            search.told = _names(*told)
        except (binascii.Error, KeyError, TypeError, ValueError) as error:
            raise invalid("_cursor", "this is not a cursor of ours; follow the next link as it stands.", cursor) from error
    search.warnings += [outcome.issue("warning", "informational", f"{name}: {_TOLD}", name) for name in search.told]
    settings: dict[str, Any] = {}
    for place, (name, value) in enumerate(given):
        if name in _FORM_ONLY:
            _form_once(search, given[:place], name, value, strict)
        elif name == "_cursor":
            if value != cursor:
                raise invalid(name, ONCE, value)
        elif name == "_count" and not settings:  # many clients send the size of the page with every page
            search.understood.append((name, str(_control(search, settings, name, value, strict))))
        else:
            reason = f"{name[:80]}: the cursor carries the whole search; beside it only another _count is taken."
            _left_out(search, name, value, reason, strict)
    if settings:
        limit: int = settings["limit"]
        search.count_only = limit == 0
        search.query = replace(query, limit=max(limit, 1), total="accurate" if limit == 0 else query.total)
    return search


_TOLD: Final = "what the first page of this search says of this parameter holds for this page too."


def _names(told: Any = ()) -> tuple[str, ...]:
    """Back from a cursor; older ones have none. Raises `ValueError` for another form."""
    if len(told) > _MOST_TOLD or not all(isinstance(each, str) and 0 < len(each) <= _LONGEST_NAME for each in told):
        raise ValueError(told)
    return tuple(told)


# --- the answer -------------------------------------------------------------------------------------------------------------


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


def bundle(search: Search, base: str, entries: Sequence[Entry], *, total: int | None, next_cursor: str | None) -> bytes:
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
        parts.append(to_bytes(outcome.entry(search.warnings)))
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
