"""The one table of what can be searched: the search code runs on it, and the CapabilityStatement is written from it.

A `Param` turns one value of a request (`name=sint,heilig`) into criteria of the hub's `Query`. To add a parameter is to add a line here.
https://hl7.org/fhir/R4/search.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from hub import Criterion, Entity, EntityType, FieldError, Invalid, Linked, Query
from plugins.fhir import criteria
from plugins.fhir.criteria import Condition, Given, linked, split
from plugins.fhir.datatypes import Labels
from plugins.fhir.resources import (
    endpoint,
    healthcare_service,
    location,
    organization,
    organization_affiliation,
    practitioner,
    practitioner_role,
)

ParamType = Literal["string", "token", "reference", "special"]


@dataclass(frozen=True, slots=True)
class Param:
    """A search parameter: its FHIR name and type, what it looks at in plain words, and how it becomes criteria.

    `target` is the resource that a reference points to, `link` the hub's name for it: then it can be chained.
    """

    name: str
    type: ParamType
    about: str
    build: Callable[[Given], list[Condition]]
    modifiers: tuple[str, ...] = ()
    definition: str = ""
    target: str = ""
    link: str = ""


@dataclass(frozen=True, slots=True)
class Include:
    """`_include=<source>:<param>`: `targets` names the ids that an entity points to; `link` leads back for `_revinclude`."""

    source: str
    param: str
    target: str
    link: str
    targets: Callable[[Entity], Iterable[str]]

    @property
    def spelled(self) -> str:
        """`Organization:partof`"""
        return f"{self.source}:{self.param}"


@dataclass(frozen=True, slots=True)
class Resource:
    """A FHIR resource type: which entity of the hub it is, how it is rendered, what it can be searched by.

    `always` holds for every search: what a resource needs to be shown at all.
    """

    name: str
    entity: EntityType
    render: Callable[[Entity, Labels], dict[str, Any]]
    params: tuple[Param, ...]
    always: tuple[Linked, ...] = ()
    by_name: dict[str, Param] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_name", {param.name: param for param in self.params})


# --- the table --------------------------------------------------------------------------------------------------------------


def _string(name: str, key: str, about: str, definition: str = "") -> Param:
    return Param(name, "string", about, criteria.text(key), ("contains",), definition)


def _coded(name: str, about: str) -> Param:
    return Param(name, "token", about, criteria.codes, ("not",))


def _to(name: str, link: str, entity: EntityType, resource: str, about: str) -> Param:
    return Param(
        name,
        "reference",
        about,
        criteria.reference(link, entity, resource),
        ("identifier",),
        "",
        resource,
        link,
    )


ID: Final = Param(
    "_id",
    "token",
    "The id of the resource.",
    criteria.ids,
    (),
    "http://hl7.org/fhir/SearchParameter/Resource-id",
)
_IDENTIFIER: Final = Param(
    "identifier",
    "token",
    "A number, as value or system|value; dots, blanks and the older spellings of the Belgian systems are understood.",
    criteria.identifiers,
)
_ACTIVE: Final = Param(
    "active", "token", "Whether it works; what is not known is neither.", criteria.active, ("not",)
)
_NAME: Final = _string(
    "name", "name", "The beginning of any word of any name, in any language, accents apart."
)


def _places(individual: bool = False) -> tuple[Param, ...]:
    prefix = "http://hl7.org/fhir/SearchParameter/individual-" if individual else ""
    return (
        Param(
            "address-postalcode",
            "string",
            "The postcode, or how it begins.",
            criteria.postcode,
            ("exact",),
            prefix and prefix + "address-postalcode",
        ),
        _string(
            "address-city",
            "city",
            "The beginning of any word of the city, in Dutch or French.",
            prefix and prefix + "address-city",
        ),
    )


_TO_ORGANIZATION: Final = _to(
    "organization", "organisatie", "organisatie", "Organization", "The organisation that it belongs to."
)
_TO_SITE: Final = _to("location", "vestiging", "vestiging", "Location", "The site where it takes place.")

RESOURCES: Final[dict[str, Resource]] = {
    resource.name: resource
    for resource in (
        Resource(
            "Organization",
            "organisatie",
            organization.render,
            (
                ID,
                _IDENTIFIER,
                _ACTIVE,
                _NAME,
                _coded("type", "The type of organisation; a broader code finds the narrower ones."),
                _to("partof", "parent", "organisatie", "Organization", "The organisation above it."),
                *_places(),
            ),
        ),
        Resource(
            "Location",
            "vestiging",
            location.render,
            (
                ID,
                _IDENTIFIER,
                _NAME,
                Param("status", "token", "Whether the site is open.", criteria.status, ("not",)),
                _TO_ORGANIZATION,
                Param(
                    "near",
                    "special",
                    "latitude|longitude|distance|km, ten kilometres if no distance is given.",
                    criteria.near,
                ),
                *_places(),
            ),
        ),
        Resource(
            "HealthcareService",
            "aanbod",
            healthcare_service.render,
            (
                ID,
                _IDENTIFIER,
                _ACTIVE,
                _NAME,
                _TO_ORGANIZATION,
                _TO_SITE,
                _coded("service-type", "The rubriek; a broader one finds the narrower ones."),
            ),
        ),
        Resource(
            "Practitioner",
            "zorgverlener",
            practitioner.render,
            (
                ID,
                _IDENTIFIER,
                _ACTIVE,
                _NAME,
                _string(
                    "family",
                    "family",
                    "The beginning of a word of the family name.",
                    "http://hl7.org/fhir/SearchParameter/individual-family",
                ),
                _string(
                    "given",
                    "given",
                    "The beginning of a given name.",
                    "http://hl7.org/fhir/SearchParameter/individual-given",
                ),
                *_places(individual=True),
            ),
        ),
        Resource(
            "PractitionerRole",
            "caregiver",
            practitioner_role.render,
            (
                ID,
                _ACTIVE,
                _to("practitioner", "zorgverlener", "zorgverlener", "Practitioner", "The caregiver."),
                _TO_ORGANIZATION,
                _TO_SITE,
                _to(
                    "service",
                    "aanbod",
                    "aanbod",
                    "HealthcareService",
                    "The offer in which the caregiver works.",
                ),
                _coded("role", "The profession; a broader one finds the narrower ones."),
            ),
        ),
        Resource(
            "OrganizationAffiliation",
            "membership",
            organization_affiliation.render,
            (
                ID,
                _to(
                    "participating-organization", "organisatie", "organisatie", "Organization", "The member."
                ),
                _to("primary-organization", "member_of", "organisatie", "Organization", "The network."),
                _coded("role", "What the member does in the network."),
            ),
            always=(Linked("member_of", Query(types=("organisatie",))),),
        ),
        Resource("Endpoint", "electronic_address", endpoint.render, (ID, _TO_ORGANIZATION)),
    )
}


def _link_id(document: Any, name: str) -> list[str]:
    id = document.get(name, {}).get("id")
    return [id] if id else []


INCLUDES: Final[dict[str, Include]] = {
    include.spelled: include
    for include in (
        Include("Organization", "partof", "Organization", "parent", lambda e: _link_id(e.fiche, "parent")),
        Include("Organization", "endpoint", "Endpoint", "endpoint", lambda e: [part["id"] for part in e.fiche.get("electronic_addresses", ())]),
        Include("Location", "organization", "Organization", "organisatie", lambda e: [e.fiche["id"]]),
        Include("HealthcareService", "organization", "Organization", "organisatie", lambda e: _link_id(e.fiche, "organisatie")),
        Include("HealthcareService", "location", "Location", "vestiging", lambda e: [link["id"] for link in e.fiche.get("vestigingen", ()) if "id" in link]),
        Include("PractitionerRole", "practitioner", "Practitioner", "zorgverlener", lambda e: _link_id(e.part or {}, "zorgverlener")),
        Include("PractitionerRole", "organization", "Organization", "organisatie", lambda e: _link_id(e.fiche, "organisatie")),
        Include("PractitionerRole", "location", "Location", "vestiging", lambda e: [link["id"] for link in e.fiche.get("vestigingen", ()) if "id" in link]),
        Include("PractitionerRole", "service", "HealthcareService", "aanbod", lambda e: [e.fiche["id"]]),
        Include("OrganizationAffiliation", "primary-organization", "Organization", "member_of", lambda e: _link_id(e.part or {}, "organisatie")),
        Include("OrganizationAffiliation", "participating-organization", "Organization", "organisatie", lambda e: [e.fiche["id"]]),
        Include("Endpoint", "organization", "Organization", "organisatie", lambda e: [e.fiche["id"]]),
    )
}  # fmt: skip
"""Every `_include`, by its spelling; read backwards each is a `_revinclude`."""


_MISSING: Final = {
    "identifier": "identifier",
    "name": "name",
    "family": "family",
    "given": "given",
    "address-postalcode": "postcode",
    "address-city": "city",
}
"""What `:missing` asks of parameters that are no references, by the hub's name."""


def _pointed_to(resource: Resource, name: str, raw: str) -> list[Condition] | None:
    """`_has:PractitionerRole:practitioner:role=...`: something that points here meets a condition of its own."""
    _, _, rest = name.partition(":")
    source, _, rest = rest.partition(":")
    back, _, rest = rest.partition(":")
    other = RESOURCES.get(source)
    param = other.by_name.get(back) if other else None
    if other is None or param is None or not rest or param.target != resource.name:
        return None
    inner = conditions(other, rest, raw)
    if inner is None:
        return None
    meets = linked(param.link, other.entity, [*other.always, *inner])
    return [Linked(meets.link, meets.query, reverse=True)]


def conditions(resource: Resource, name: str, raw: str) -> list[Condition] | None:
    """What `name=raw` of a request means, or None when this resource has no such parameter. Raises `Invalid` for a bad value.

    `name` may have a modifier (`name:contains`) or lead on to another resource (`organization.name`, `organization:Organization.name`);
    a chain may be as long as the table allows.
    """
    if name.startswith("_has:"):
        return _pointed_to(resource, name, raw)
    head, _, chained = name.partition(".")
    bare, _, modifier = head.partition(":")
    param = resource.by_name.get(bare)
    if param is None:
        return None
    if chained:
        if not param.target or modifier not in ("", param.target):
            return None
        inner = conditions(RESOURCES[param.target], chained, raw)
        return None if inner is None else [linked(param.link, RESOURCES[param.target].entity, inner)]
    if modifier == "missing" and (key := _MISSING.get(bare) or param.link):
        if raw not in ("true", "false"):
            raise Invalid(f"{name}: true or false is expected.", (FieldError(name, "true or false is expected.", raw),))
        absent = raw == "true"
        if param.link:
            return [Linked(key, Query(types=(RESOURCES[param.target].entity,)), negate=absent)]
        return [Criterion(key, (), "missing", negate=not absent)]
    if modifier and modifier not in param.modifiers:
        if modifier != param.target:
            known = ", ".join(f":{each}" for each in param.modifiers) or "none"
            raise Invalid(
                f"{bare}:{modifier} is not supported; modifiers of {bare}: {known}.",
                (FieldError(head, f"this modifier is not supported; {bare} takes {known}.", raw),),
            )
        modifier = ""
    values = split(raw)
    if not values:
        raise Invalid(
            f"{name}: the value is empty.",
            (FieldError(name, "the value is empty; leave the parameter out.", raw),),
        )
    return param.build(Given(bare, modifier, values))
