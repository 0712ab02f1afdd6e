"""The topic that can be subscribed to, what it can be filtered by, and how a filter becomes a `Query`.

R4 has no SubscriptionTopic: the canonical stands in the CapabilityStatement (extension capabilitystatement-subscriptiontopic-canonical), and the topic
itself can be read as a Basic, with the elements of R5 as extensions. http://hl7.org/fhir/uv/subscriptions-backport/STU1.1/components.html
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, Final
from urllib.parse import parse_qsl

from hub import Criterion, Directory, EntityType, FieldError, Invalid, Linked, Query
from plugins.fhir import systems as s
from plugins.fhir.criteria import split, unescape
from plugins.fhir.params import RESOURCES
from plugins.fhir.search import in_your_words, parse
from plugins.fhir.searchable import Resource

Json = dict[str, Any]
IG: Final = "http://hl7.org/fhir/uv/subscriptions-backport/"
TOPIC_ID: Final = "directory-change"
TOPIC: Final = f"{s.BASE}/SubscriptionTopic/{TOPIC_ID}"
_R5: Final = "http://hl7.org/fhir/5.0/StructureDefinition/extension-SubscriptionTopic."
_PLACED: Final[frozenset[EntityType]] = frozenset({"organisatie", "aanbod", "zorgverlener", "vestiging", "caregiver"})
_OF_AN_ORGANISATIE: Final[frozenset[EntityType]] = frozenset({"membership", "electronic_address"})
_CLASSIFIED: Final[frozenset[EntityType]] = frozenset({"aanbod", "caregiver"})
FILTERS: Final[dict[str, str]] = {
    "region": "vlaanderen, brussel or wallonie",
    "municipality": "the REFNIS code of a municipality, five digits",
    "zone": "the code of a primary-care zone",
    "province": "the Dutch name of a province",
    "rubriek": "the code of a rubriek, with those below it; for HealthcareService and PractitionerRole",
}
"""The filters of the topic, beside the search parameters of each type."""
_SEARCHED: Final = ("_id", "_has")
_LAST_CHANGE: Final = re.compile(r"(?:^|[.:])_lastUpdated(?::|$)")
_REGIONS: Final = ("vlaanderen", "brussel", "wallonie")
_MOST_TRIED: Final = 50


def queries_of(filters: Sequence[str], asked: Directory) -> tuple[Query, ...]:
    """The selections that these filters leave, one for each type. All filters of a type must hold.

    A filter is `Type?parameter=value&...`, with the search parameters of that type and those of `FILTERS`, or `?parameter=value` with the latter
    for every type that has them. Filters that name types leave only these types. Raises `Invalid`, also for a place or a rubriek that there is not.
    """
    by_type: dict[str, list[tuple[str, str]]] = {}
    for_all: list[tuple[str, str]] = []
    for text in filters:
        name, mark, rest = text.partition("?")
        if not mark:
            name, rest = ("", text) if "=" in text else (text, "")
        given = parse_qsl(rest, keep_blank_values=True)
        if name and name not in RESOURCES:
            raise _wrong(text, f"there is no resource type {name[:40]!r} here; there are {', '.join(sorted(RESOURCES))}.")
        if mark and not given:
            raise _wrong(text, "a filter is Type?parameter=value; there is no parameter.")
        for parameter, value in given:
            _check(parameter, value, asked)
        if name:
            by_type.setdefault(name, []).extend(given)
        else:
            unknown = next((each for each, _ in given if each not in FILTERS), None)
            if unknown is not None or not given:
                raise _wrong(text, f"without a type a filter takes {', '.join(FILTERS)}; write Type?parameter=value for others.")
            for_all.extend(given)
    names = list(by_type) or list(RESOURCES)
    queries = []
    for name in names:
        query = _query(RESOURCES[name], by_type.get(name, []), for_all)
        if query is not None:
            queries.append(query)
    if not queries:
        raise _wrong("&".join(f"{name}={value}" for name, value in for_all), "no type that you chose has these filters.")
    return tuple(queries)


def _check(name: str, value: str, asked: Directory) -> None:
    """A filter of the topic must be able to let something through: with a value that does not exist nobody would ever be told anything."""
    for each in map(unescape, split(value)) if name in FILTERS else ():
        filter = f"{name}={value}"
        if name == "region" and each.lower() not in _REGIONS:
            raise _wrong(filter, f"there is no region {each[:40]!r}; choose from {', '.join(_REGIONS)}.")
        code = ("code", f"rubriek|{each.rpartition('|')[2]}")
        reason = asked.no_such(*(code if name == "rubriek" else (name, each)))
        if reason:
            raise _wrong(filter, f"{reason} {s.code_system('rubriek')} lists them." if name == "rubriek" else reason)


def explained(error: Invalid, filters: Sequence[str], asked: Directory) -> Invalid:
    """What the hub refused about the queries of these filters, in the words of who sent them: it names the filter and not a place in a query of ours."""
    for text in filters[:_MOST_TRIED]:
        name, _, rest = text.partition("?")
        if name in RESOURCES:
            given = [pair for pair in parse_qsl(rest, keep_blank_values=True) if pair[0] not in FILTERS]
            [told] = in_your_words(error, RESOURCES[name], given, asked).errors
            if told.path:
                return _wrong(f"{name}?{told.path}={told.value}", told.reason)
    return _wrong("&".join(filters), "; ".join(each.reason for each in error.errors) or error.message)


def _query(resource: Resource, own: Sequence[tuple[str, str]], for_all: Sequence[tuple[str, str]]) -> Query | None:
    """None for a type that a filter for all types does not apply to."""
    topical = [pair for pair in own if pair[0] in FILTERS]
    searched = [pair for pair in own if pair[0] not in FILTERS]
    for name, value in searched:
        if _LAST_CHANGE.search(name):
            raise _wrong(f"{name}={value}", "a filter looks at what a resource is and not at when it changed: every event is a change.")
        if name.startswith("_") and not name.startswith(_SEARCHED):
            raise _wrong(f"{name}={value}", f"a filter has no {name}; it takes search parameters and {', '.join(FILTERS)}.")
    query = replace(parse(resource, searched, strict=True).query, limit=20)
    for name, value in (*topical, *for_all):
        condition = _condition(name, value, resource.entity)
        if condition is None:
            if (name, value) in topical:
                raise _wrong(f"{resource.name}?{name}={value}", f"{resource.name} cannot be filtered by {name}.")
            return None
        if isinstance(condition, Criterion):
            query = replace(query, where=(*query.where, condition))
        else:
            query = replace(query, linked=(*query.linked, condition))
    return query


def _condition(name: str, value: str, entity: EntityType) -> Criterion | Linked | None:
    """What the filter asks of an entity of this type; None when such an entity has nothing of the kind."""
    values = tuple(unescape(part) for part in split(value))
    if not values:
        raise _wrong(f"{name}={value}", "a value is missing.")
    if name == "rubriek":
        codes = tuple(f"rubriek|{each.rpartition('|')[2]}" for each in values)
        return Criterion("code", codes) if entity in _CLASSIFIED else None
    where = Criterion(name, values)
    if entity in _PLACED:
        return where
    if entity in _OF_AN_ORGANISATIE:
        return Linked("organisatie", Query(types=("organisatie",), where=(where,)))
    return None


def _wrong(text: str, reason: str) -> Invalid:
    told = f"{text[:100]}: {reason}"
    return Invalid(told, (FieldError("Subscription.criteria.extension", told, text[:100]),))


# --- as it is published -------------------------------------------------------------------------------------------------------

CAPABILITY: Final[Json] = {
    "url": IG + "StructureDefinition/capabilitystatement-subscriptiontopic-canonical",
    "valueCanonical": TOPIC,
}
_ABOUT: Final = (
    "Something of the directory that you can see was created, changed or removed, or what it shows of others changed. "
    "Filters that name types leave only these types; all filters of a type must hold."
)


def basic() -> Json:
    """The topic as a Basic, elements in the order of the specification."""

    def text(name: str, kind: str, value: str) -> Json:
        return {"url": _R5 + name, kind: value}

    extension = [
        text("url", "valueUri", TOPIC),
        text("version", "valueString", "1"),
        text("title", "valueString", "Directory change"),
        text("date", "valueDateTime", "2026-11-25"),
        text("description", "valueMarkdown", _ABOUT),
        *(_trigger(resource) for resource in RESOURCES.values()),
        *(_filter(resource, name, about) for resource in RESOURCES.values() for name, about in _filters_of(resource)),
        *(_shape(resource) for resource in RESOURCES.values()),
    ]
    return {
        "resourceType": "Basic",
        "id": TOPIC_ID,
        "extension": extension,
        "modifierExtension": [text("status", "valueCode", "active")],
        "code": {"coding": [{"system": "http://hl7.org/fhir/fhir-types", "code": "SubscriptionTopic"}]},
    }


def _filters_of(resource: Resource) -> Iterable[tuple[str, str]]:
    for name, about in FILTERS.items():
        if _condition(name, "0", resource.entity) is not None:
            yield name, about
    for param in resource.params:
        yield param.name, param.about


def _trigger(resource: Resource) -> Json:
    parts: list[Json] = [{"url": "resource", "valueUri": f"http://hl7.org/fhir/StructureDefinition/{resource.name}"}]
    parts += [{"url": "supportedInteraction", "valueCode": code} for code in ("create", "update", "delete")]
    return {"extension": parts, "url": _R5 + "resourceTrigger"}


def _filter(resource: Resource, name: str, about: str) -> Json:
    parts = [
        {"url": "description", "valueMarkdown": about},
        {"url": "resource", "valueUri": resource.name},
        {"url": "filterParameter", "valueString": name},
    ]
    return {"extension": parts, "url": _R5 + "canFilterBy"}


def _shape(resource: Resource) -> Json:
    return {"extension": [{"url": "resource", "valueUri": resource.name}], "url": _R5 + "notificationShape"}
