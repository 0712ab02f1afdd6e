"""Which source gave which elements of a resource: a Provenance for each source. https://hl7.org/fhir/R4/provenance.html

It is read from what the hub keeps for each field and narrowed as the fiche itself: of what the asker does not see nothing is told. It follows no change of the resource (a source may begin to
say what was known already), so it has no version.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import flask

import hub
from hub import Directory, Entity, Gone, Moved, NotFound, Query
from plugins.fhir import datatypes as dt
from plugins.fhir import smart
from plugins.fhir import systems as s
from plugins.fhir.criteria import with_ids
from plugins.fhir.listing import Listed, add_search, searchset, understand
from plugins.fhir.moved import is_now, renamed
from plugins.fhir.params import RESOURCES
from plugins.fhir.preferring import FORM, refuse_unknown
from plugins.fhir.refusing import invalid
from plugins.fhir.search import MAX_COUNT

Json = dict[str, Any]
Answer = Callable[[Json], flask.Response]
TYPE: Final = "Provenance"
_ID: Final = re.compile(r"[A-Za-z0-9.\-]{1,64}")
SOURCE: Final = s.BASE + "/NamingSystem/source"
TARGET_PATH: Final = "http://hl7.org/fhir/StructureDefinition/targetPath"
_AUTHOR: Final = {"system": "http://terminology.hl7.org/CodeSystem/provenance-participant-type", "code": "author", "display": "Author"}
_BY_ENTITY: Final = {resource.entity: resource for resource in RESOURCES.values()}
_COMMON: Final = {"identifiers": "identifier", "status": "active", "contacts": "telecom", "tags": "extension", "gov_info": "extension"}
_VOLATILE: Final = dict.fromkeys(
    ("patientenstop", "on_call", "waiting_list", "capacity", "recognitions", "provided_by", "price", "hours_text"), "extension"
)
ELEMENTS: Final[Mapping[str, Mapping[str, str]]] = {
    "Organization": {
        **_COMMON, "names": "name", "types": "type", "form": "type", "legal_form": "extension", "vestigingen": "address", "parent": "partOf", "electronic_addresses": "endpoint",
    },
    "Location": {
        "identifiers": "identifier", "status": "status", "contacts": "telecom", "name": "name", "addresses": "address", "hours": "hoursOfOperation",
        "hours_text": "extension",
    },
    "HealthcareService": {
        **_COMMON, **_VOLATILE, "languages": "communication", "names": "name", "organisatie": "providedBy", "rubrieken": "type", "vestigingen": "location", "description": "comment",
        "service_area": "coverageArea", "target_groups": "eligibility", "delivery": "characteristic", "hours": "availableTime",
    },
    "Practitioner": {
        **_COMMON, "languages": "communication", "name": "name", "addresses": "address", "gender": "gender", "professions": "qualification", "competences": "qualification",
        "visum": "extension", "convention": "extension",
    },
    "PractitionerRole": {"zorgverlener": "practitioner", "professions": "code", "contacts": "telecom", "hours": "availableTime", "period": "period", "status": "active"},
    "OrganizationAffiliation": {"organisatie": "organization", "role": "code", "period": "period", "status": "active"},
    "Endpoint": {"address": "address", "status": "status", "type": "connectionType"},
}  # fmt: skip
"""Where a field of the fiche shows in the resource; one that shows nowhere is not told, and is named in `tests/plugins/fhir/test_provenance.py`."""


def of(entity: Entity, asked: Directory) -> list[Json]:
    """The Provenances of a resource, by the name of the source."""
    made = (_render(entity, source, fields) for source, fields in asked.sources_of(entity).items())
    return [each for each in made if each is not None]


def _render(entity: Entity, source: str, fields: Iterable[str]) -> Json | None:
    name = _BY_ENTITY[entity.type].name
    paths = sorted({f"{name}.{ELEMENTS[name][field]}" for field in fields if field in ELEMENTS[name]})
    if not paths:
        return None
    target: Json = {"extension": [{"url": TARGET_PATH, "valueString": path} for path in paths]}
    target["reference"] = f"{name}/{entity.id}"
    who = {"type": "Organization", "identifier": {"system": SOURCE, "value": source}, "display": source}
    return {
        "resourceType": TYPE,
        "id": _id(entity.id, source),
        "meta": {"lastUpdated": entity.updated_at, "profile": [s.BE_PROVENANCE]},
        "text": dt.narrative(source, [", ".join(paths)]),
        "target": [target],
        "recorded": entity.updated_at,
        "agent": [{"type": {"coding": [_AUTHOR]}, "who": who}],
    }


def _id(entity: str, source: str) -> str:
    return f"{entity}.{hashlib.blake2b(source.encode(), digest_size=6).hexdigest()}"


def add_routes(blueprint: flask.Blueprint, answer: Answer, base: Callable[[], str]) -> None:
    """`/Provenance`, by GET and POST, and `/Provenance/<id>`."""

    @blueprint.get(f"/{TYPE}/<id>")
    def read_provenance(id: str) -> flask.Response:
        refuse_unknown(FORM)
        asked = hub.directory()
        entity_id = id.rpartition(".")[0].lower()
        none = NotFound(f"There is no {TYPE} with id {id[:80]}.")
        try:
            found = [each for each in of(_read(entity_id, asked), asked) if each["id"] == id.lower()] if entity_id else []
        except Gone as gone:
            raise Gone(f"{TYPE}/{id[:80]} has been removed with the resource that it is about.", seq=gone.seq) from gone
        except (Moved, NotFound) as missing:
            raise none from missing
        if not found:
            raise none
        return answer(found[0])

    add_search(blueprint, TYPE, lambda given: answer(_search(given, base())))


def _read(id: str, asked: Directory) -> Entity:
    """What a Provenance is about, for who may read that: it names elements of it."""
    entity = asked.get(id)
    smart.require(_BY_ENTITY[entity.type].name, "r")
    return entity


_TARGET: Final = ("target", *(f"target:{name}" for name in RESOURCES))


def _search(given: Sequence[tuple[str, str]], base: str) -> Json:
    asked = understand(TYPE, given, ("_id", *_TARGET), MAX_COUNT)
    targets: list[tuple[str, str]] = []
    ids: set[str] | None = None
    for name, value in asked.wanted:
        if name == "_id":
            these = {each.lower() for each in value.split(",") if each}
            ids = these if ids is None else ids & these
        elif targets:
            raise invalid(name, "can be given once; write several targets with commas between them.", value)
        else:
            targets = [_target(name, each, name.partition(":")[2]) for each in value.split(",") if each]
    if not targets and ids is not None and not any(name in _TARGET for name, _ in asked.wanted):
        targets = [("", each.rpartition(".")[0]) for each in sorted(ids)]
    if (not targets and not ids) or len(targets) > MAX_COUNT:
        raise invalid("target", f"is required: Type/id of 1 to {MAX_COUNT} resources, with commas between them.", "")
    _require(targets)
    targets = _as_they_go_now(targets, asked)
    found = [each for entity in _entities(targets) for each in of(entity, hub.directory())]
    return searchset(asked, base, [each for each in found if ids is None or each["id"] in ids])


def _target(name: str, value: str, modifier: str) -> tuple[str, str]:
    """(type or "", id) of a reference: `Type/id`, an id, or an address."""
    type, _, id = value.rpartition("/")
    type = type.rpartition("/")[2] or modifier
    if (type and type not in RESOURCES) or _ID.fullmatch(id) is None:
        raise invalid(name, f"a resource of one of these types is expected, as Type/id: {', '.join(sorted(RESOURCES))}.", value)
    return type, id.lower()


def _require(targets: Sequence[tuple[str, str]]) -> None:
    """Whoever asks what a resource comes from must be allowed to search for it."""
    for type in {type or "*" for type, _ in targets}:
        smart.require(type, "s")


def _as_they_go_now(targets: Sequence[tuple[str, str]], asked: Listed) -> list[tuple[str, str]]:
    """The targets by the ids that they go by now; of those that moved it is told, and the self link has them."""
    types = {id: type for type, id in targets if hub.is_uuid(id)}
    found = hub.directory().moved_to(types) if types else {}
    moved = {id: each for id, each in found.items() if types[id] in ("", _BY_ENTITY[each.type].name)}
    for place, (name, value) in enumerate(asked.understood):
        if moved and name in _TARGET:
            asked.understood[place] = (name, renamed(value, moved))
            asked.warnings += [is_now(name, old, each) for old, each in moved.items()]
    return [(type, moved[id].id if id in moved else id) for type, id in targets]


def _entities(targets: Sequence[tuple[str, str]]) -> list[Entity]:
    by_id = {id: RESOURCES[type].entity if type else None for type, id in targets}
    types = tuple(dict.fromkeys(each for each in by_id.values() if each is not None))
    if None in by_id.values():
        types = tuple(resource.entity for resource in RESOURCES.values())
    page = hub.directory().search(Query(types=types, where=(with_ids(by_id),), limit=MAX_COUNT))
    found = {hit.entity.id: hit.entity for hit in page.hits if by_id.get(hit.entity.id, "") in (None, hit.entity.type)}
    return [found[id] for id in by_id if id in found]


def declared() -> Json:
    """`rest.resource` of the CapabilityStatement."""
    return {
        "type": TYPE,
        "supportedProfile": [s.BE_PROVENANCE],
        "documentation": "Which source gave which elements of a resource, as far as you see them; also by _revinclude=Provenance:target.",
        "interaction": [{"code": "read"}, {"code": "search-type"}],
        "versioning": "no-version",
        "searchParam": [
            {
                "name": "target",
                "definition": "http://hl7.org/fhir/SearchParameter/Provenance-target",
                "type": "reference",
                "documentation": "The resource that it is about; required beside nothing but _id.",
            },
            {
                "name": "_id",
                "definition": "http://hl7.org/fhir/SearchParameter/Resource-id",
                "type": "token",
                "documentation": "The id of the resource.",
            },
        ],
    }
