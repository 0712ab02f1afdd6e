"""Which fields of a fiche each criterion reads, and so what an agreement that names its fields lets a search ask for.

An agreement that leaves a field out takes it away from searches as well: a match would betray the value. This table is the one place that decides it,
for every door. A key that reads only fields that the asker has is asked of the index as it is; one that reads none of them is answered as
if nobody had such a value; one that reads both leads to candidates, which are then checked against what he may see (`hub.search.shown`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from hub.model.declarations import fiche_record
from hub.model.fiche import FIELD_OF_PART, EntityType, Kind
from hub.model.query import Criterion

Coverage = Literal["whole", "part", "none"]
"""Whether the asker has all the fields that a key reads, some ways to its values, or none."""

_Ways = tuple[frozenset[str], ...]
"""The ways by which values come under a key: each needs all its fields. A way without fields is the entity's own part."""


def _ways(*ways: str) -> _Ways:
    return tuple(frozenset(way.split()) for way in ways)


_PLACE_KEYS: Final = ("street", "city", "postcode", "municipality", "zone", "province", "region", "country", "address", "near")


def _places(*ways: str) -> dict[str, _Ways]:
    return dict.fromkeys(_PLACE_KEYS, _ways(*ways))


_OF_THE_HUB: Final = ("id", "kind", "visibility", "field_visibility")
_OFFER: Final = {
    "delivery": _ways("delivery"),
    "serves": _ways("service_area"),
    "availability": _ways("patientenstop", "waiting_list", "on_call"),
    "umbrella": _ways("organisatie umbrella"),
    "language": _ways("languages"),
    "status": _ways("status"),
    **_places("organisatie vestigingen"),
}


def _anything(kind: Kind) -> dict[str, _Ways]:
    """A source is heard by whatever it gave."""
    return {"source": _ways(*(field.name for field in fiche_record(kind) if field.name not in _OF_THE_HUB))}


READS: Final[Mapping[EntityType, Mapping[str, _Ways]]] = {
    "organisatie": {
        "name": _ways("names"),
        "identifier": _ways("identifiers"),
        "contact": _ways("contacts", "vestigingen"),
        "language": _ways("languages"),
        "status": _ways("status"),
        "type": _ways("types", "form"),
        "code": _ways("types", "tags", "legal_form"),
        "form": _ways("form"),
        "umbrella": _ways("umbrella"),
        **_places("vestigingen"),
        **_anything("organisatie"),
    },
    "aanbod": {
        "name": _ways("names"),
        "identifier": _ways("identifiers"),
        "contact": _ways("contacts"),
        "type": _ways("rubrieken"),
        "code": _ways("rubrieken", "target_groups", "recognitions", "tags"),
        **_OFFER,
        **_anything("aanbod"),
    },
    "zorgverlener": {
        "name": _ways("name"),
        "family": _ways("name"),
        "given": _ways("name"),
        "gender": _ways("gender"),
        "identifier": _ways("identifiers"),
        "contact": _ways("contacts"),
        "language": _ways("languages"),
        "status": _ways("status"),
        "type": _ways("professions"),
        "code": _ways("professions", "competences", "tags"),
        **_places("addresses"),
        **_anything("zorgverlener"),
    },
    "vestiging": {"name": _ways("", "names"), "type": _ways("types"), "code": _ways("types")},
    "membership": {"name": _ways("names"), "status": _ways("", "status")},
    "electronic_address": {"name": _ways("names")},
    "caregiver": {
        "name": _ways("name"),
        "family": _ways("name"),
        "given": _ways("name"),
        "identifier": _ways("identifiers"),
        "type": _ways("", "professions"),
        "code": _ways("", "professions", "rubrieken", "target_groups", "recognitions"),
        **_OFFER,
        "status": _ways("", "status"),
    },
}
"""Type -> key of a query -> the top-level fields behind it, its own fiche's or those of what it points to. A key that is not here reads none of them."""

LINKS_READ: Final[Mapping[EntityType, Mapping[str, str]]] = {
    "organisatie": {"parent": "parent", "endpoint": "electronic_addresses"},
    "aanbod": {
        "organisatie": "organisatie",
        "provided_by": "provided_by",
        "vestiging": "vestigingen",
        "zorgverlener": "caregivers",
    },
    "caregiver": {"organisatie": "organisatie", "vestiging": "vestigingen"},
}
"""Type that a link goes out from -> link -> the field that holds it. The other links are what makes a part a part."""


def covers(fields: frozenset[str] | None, kind: EntityType, key: str) -> Coverage:
    """How much of what a key reads in this type of entity the agreement names (`fields`; None: all)."""
    if fields is None:
        return "whole"
    ways = READS[kind].get(key, ())
    if all(way <= fields for way in ways):
        return "whole"
    return "part" if any(way <= fields for way in ways) else "none"


def shows(fields: frozenset[str] | None, kind: EntityType) -> bool:
    """Whether the agreement lets entities of this type be seen at all: parts go with the field that holds them."""
    return fields is None or kind not in FIELD_OF_PART or FIELD_OF_PART[kind] in fields


def follows(fields: frozenset[str] | None, kind: EntityType, link: str) -> bool:
    """Whether the agreement lets this link be followed, from either end; `kind` is the type that it goes out from."""
    if fields is None:
        return True
    field = LINKS_READ.get(kind, {}).get(link)
    return shows(fields, kind) and (field is None or field in fields)


def of_nothing(criterion: Criterion) -> bool:
    """What a criterion answers of an entity that has no value under its key; who is not known to be an umbrella is none."""
    if criterion.key != "umbrella":
        return (criterion.op == "missing") != criterion.negate
    return "no" in umbrella_values(criterion)


def umbrella_values(criterion: Criterion) -> frozenset[str]:
    """Which of `yes` and `no`, one of which everything has, a criterion of the key `umbrella` is met by."""
    asked, prefix = criterion.values, criterion.op == "prefix"
    met = {one for one in ("yes", "no") if any(one.startswith(value) if prefix else one == value for value in asked)}
    return frozenset({"yes", "no"} - met if criterion.negate else met)
