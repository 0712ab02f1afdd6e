"""The one table of what can be searched: the search code runs on it, and the CapabilityStatement is written from it.

To add a parameter is to add a line here; what a line means for a value is decided in `asking`. A line either means something, or finds nothing because
none of our resources has that element (`_nothing_there`); what cannot be supported stands in `UNSUPPORTED` with the reason.
https://hl7.org/fhir/R4/search.html
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from hub import Criterion, Entity, EntityType, Linked, Query
from plugins.fhir import closed, criteria, periods
from plugins.fhir import extensions as ext
from plugins.fhir import systems as s
from plugins.fhir.criteria import Condition, always, has, never
from plugins.fhir.resources import (
    endpoint,
    healthcare_service,
    location,
    organization,
    organization_affiliation,
    practitioner,
    practitioner_role,
)
from plugins.fhir.searchable import ID, Include, Param, ParamType, Resource

UNSUPPORTED: Final[dict[tuple[str, str], str]] = {
    ("Location", "contains"): "A site is a point and has no boundary that could hold another point. Use near, or ask who serves a municipality: "
    f"HealthcareService?coverage-area:identifier={s.REFNIS}|<code>.",
}
"""Parameters that others have and we cannot: (resource, name) -> why, and what to do instead."""


def _string(name: str, key: str, about: str, definition: str = "") -> Param:
    return Param(name, "string", about, criteria.text(key), has(key), definition)


def _coded(name: str, about: str, *constant: tuple[str, str]) -> Param:
    return Param(name, "token", about, criteria.codes("type", *constant), always if constant else has("type"))


def _to(name: str, link: str, entity: EntityType, resource: str, about: str) -> Param:
    def absent(absent: bool) -> list[Condition]:
        return [Linked(link, Query(types=(entity,)), negate=absent)]

    return Param(name, "reference", about, criteria.reference(link, entity, resource), absent, "", resource, link)


_NEVER_THERE: Final = "None of these resources has this element, so it finds nothing."


def _nothing_there(name: str, type: ParamType, definition: str = "") -> Param:
    return Param(name, type, _NEVER_THERE, criteria.nothing, never, definition)


_IDENTIFIER: Final = Param(
    "identifier",
    "token",
    "A number, as value, system|value, or system| for any; dots, blanks and the older spellings of the Belgian systems are understood.",
    criteria.identifiers,
    has("identifier"),
)
_ACTIVE: Final = Param("active", "token", "Whether it works; what is not known is neither.", closed.ACTIVE, closed.known)
_NAME: Final = Param(
    "name",
    "string",
    "The beginning of any word of any name, in any language, accents apart; :exact is the whole of a name as it is written.",
    criteria.name,
    has("name"),
)


def _individual(name: str) -> str:
    return "http://hl7.org/fhir/SearchParameter/individual-" + name


def _phonetic(definition: str = "") -> Param:
    about = "A word of a name as it sounds in Dutch or Flemish: Jansens finds Janssens. Of several words all must sound so."
    return Param("phonetic", "string", about, criteria.phonetic, has("name"), definition, senseless=("contains", "exact"))


def _places(individual: bool = False) -> tuple[Param, ...]:
    def defined(name: str) -> str:
        return _individual(name) if individual else ""

    return (
        Param(
            "address",
            "string",
            "The beginning of the street, the city or the postcode; of several words all of them.",
            criteria.address,
            has("country"),
            defined("address"),
        ),
        Param(
            "address-postalcode",
            "string",
            "The postcode, or how it begins.",
            criteria.postcode,
            has("postcode"),
            defined("address-postalcode"),
        ),
        _string("address-city", "city", "How the city begins, in Dutch or French.", defined("address-city")),
        _nothing_there("address-state", "string", defined("address-state")),
        Param(
            "address-country",
            "string",
            "The country, in two letters.",
            criteria.country,
            has("country"),
            defined("address-country"),
        ),
        Param(
            "address-use",
            "token",
            "Every address has the use work.",
            closed.of_every_address,
            has("country"),
            defined("address-use"),
        ),
    )


def _contacts(about: str) -> tuple[Param, ...]:
    return (
        Param("telecom", "token", about, closed.contacts(*closed.TELECOM), closed.reached(*closed.TELECOM), _individual("telecom")),
        Param("phone", "token", about, closed.contacts(*closed.PHONE), closed.reached(*closed.PHONE), _individual("phone")),
        Param("email", "token", about, closed.contacts(*closed.EMAIL), closed.reached(*closed.EMAIL), _individual("email")),
    )


def _period(about: str) -> Param:
    return Param("date", "date", about + " (both days included).", periods.period, has("period"))


_TO_ORGANIZATION: Final = _to("organization", "organisatie", "organisatie", "Organization", "The organisation that it belongs to.")
_TO_SITE: Final = _to("location", "vestiging", "vestiging", "Location", "The site where it takes place.")
_WITH_NAME: Final = Criterion("name", (), "missing", negate=True)
_WITH_TYPE: Final = Criterion("type", (), "missing", negate=True)
_KNOWN: Final = Criterion("status", ("active", "inactive"))
_WITH_GIVEN: Final = Criterion("given", (), "missing", negate=True)
_NOT_WITHOUT_GIVEN: Final = Linked("zorgverlener", Query(types=("zorgverlener",), where=(Criterion("given", (), "missing"),)), negate=True)
STANDS_IN_ITSELF: Final = (_NOT_WITHOUT_GIVEN, replace(_NOT_WITHOUT_GIVEN, negate=False))
"""What looks like a chain in a query and is none: `meta.profile` of the resource itself shows it."""

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
                _phonetic(),
                _coded("type", "The type of organisation; a broader code finds the narrower ones."),
                _to("partof", "parent", "organisatie", "Organization", "The organisation above it."),
                *_places(),
                _to("endpoint", "endpoint", "electronic_address", "Endpoint", "An electronic address of it."),
            ),
            ((s.BE_ORGANIZATION, ()), (s.MCSD_ORGANIZATION, (_WITH_NAME, _WITH_TYPE))),
        ),
        Resource(
            "Location",
            "vestiging",
            location.render,
            (
                ID,
                _IDENTIFIER,
                _NAME,
                Param("status", "token", "Whether the site is open.", closed.LOCATION_STATUS, closed.known),
                _coded(
                    "type",
                    "The type of the organisation, or facility, which every site is; a broader code finds the narrower ones.",
                    (s.FACILITY, "facility"),
                ),
                _TO_ORGANIZATION,
                Param(
                    "near",
                    "special",
                    "latitude|longitude|distance|km, ten kilometres if no distance is given.",
                    criteria.near,
                    None,
                ),
                *_places(),
                _nothing_there("partof", "reference"),
                _nothing_there("operational-status", "token"),
                _nothing_there("endpoint", "reference"),
            ),
            ((s.BE_LOCATION, ()), (s.MCSD_LOCATION, (_WITH_NAME, _KNOWN))),
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
                Param(
                    "characteristic",
                    "token",
                    "How it is delivered: onsite, home, online, blended or phone.",
                    closed.open_list("delivery", s.code_system("delivery"), closed.DELIVERY),
                    has("delivery"),
                ),
                Param(
                    "coverage-area",
                    "reference",
                    "Where it is delivered, by number only (coverage-area:identifier), because no area is a resource here.",
                    closed.coverage_area,
                    has("serves"),
                ),
                _nothing_there("service-category", "token"),
                _nothing_there("specialty", "token"),
                _nothing_there("program", "token"),
                _nothing_there("endpoint", "reference"),
                *(
                    Param(
                        name,
                        "token",
                        f"{about}: yes, no or unknown; a value that ran out is unknown.",
                        closed.answered(key),
                        closed.told(key),
                        f"{s.BASE}/SearchParameter/{name}",
                        expression=f"HealthcareService.extension.where(url='{url}').extension.where(url='value').value",
                    )
                    for name, key, url, about in (
                        ("patientenstop", "patientenstop", ext.PATIENTENSTOP, "Whether new patients are refused"),
                        ("waiting-list", "waiting_list", ext.WAITING_LIST, "Whether there is a waiting list"),
                        ("on-call", "on_call", ext.ON_CALL, "Whether it is on call"),
                    )
                ),
                Param(
                    "communication",
                    "token",
                    "A language in which help is given.",
                    closed.open_list("language", s.LANGUAGE_TAGS),
                    has("language"),
                    f"{s.BASE}/SearchParameter/HealthcareService-communication",
                    expression="HealthcareService.communication",
                ),
            ),
            ((s.MCSD_HEALTHCARE_SERVICE, (_WITH_NAME, _WITH_TYPE)),),
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
                _phonetic(_individual("phonetic")),
                _string("family", "family", "How the family name begins.", _individual("family")),
                _string("given", "given", "How a given name begins.", _individual("given")),
                *_places(individual=True),
                Param("gender", "token", "For those who may see it.", closed.GENDER, has("gender"), _individual("gender")),
                Param(
                    "communication",
                    "token",
                    "A language that is spoken.",
                    closed.open_list("language", s.LANGUAGE_TAGS),
                    has("language"),
                ),
                *_contacts("A number or address of the caregiver, as people write it."),
            ),
            ((s.MCSD_PRACTITIONER, (_WITH_NAME,)), (s.BE_PRACTITIONER, (_WITH_NAME, _WITH_GIVEN))),
        ),
        Resource(
            "PractitionerRole",
            "caregiver",
            practitioner_role.render,
            (
                ID,
                Param(
                    "identifier",
                    "token",
                    "A number of the caregiver: a role has none of its own, so :missing is true of every one.",
                    criteria.identifiers,
                    never,
                ),
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
                _nothing_there("specialty", "token"),
                _period("When the caregiver works there"),
                *_contacts("A number or address for this role alone; those that it shares with the offer or the organisation are found there."),
                _nothing_there("endpoint", "reference"),
            ),
            ((s.BE_PRACTITIONER_ROLE, (_NOT_WITHOUT_GIVEN,)), (s.MCSD_PRACTITIONER_ROLE, (_WITH_TYPE,))),
        ),
        Resource(
            "OrganizationAffiliation",
            "membership",
            organization_affiliation.render,
            (
                ID,
                _nothing_there("identifier", "token"),
                _ACTIVE,
                _period("When the membership holds"),
                _to("participating-organization", "organisatie", "organisatie", "Organization", "The member."),
                _to("primary-organization", "member_of", "organisatie", "Organization", "The network."),
                _coded("role", "What the member does in the network."),
                _nothing_there("specialty", "token"),
                _nothing_there("service", "reference"),
                _nothing_there("network", "reference"),
                _nothing_there("location", "reference"),
                _nothing_there("endpoint", "reference"),
                _nothing_there("telecom", "token"),
                _nothing_there("phone", "token"),
                _nothing_there("email", "token"),
            ),
            ((s.MCSD_ORGANIZATION_AFFILIATION, (_KNOWN, _WITH_TYPE)),),
            always=(Linked("member_of", Query(types=("organisatie",))),),
        ),
        Resource(
            "Endpoint",
            "electronic_address",
            endpoint.render,
            (
                ID,
                _nothing_there("identifier", "token"),
                _nothing_there("name", "string"),
                _TO_ORGANIZATION,
                Param("status", "token", "Whether it works.", closed.ENDPOINT_STATUS, has("status")),
                _coded("connection-type", "The kind of address."),
                Param(
                    "payload-type",
                    "token",
                    "Every address takes any.",
                    closed.fixed(("http://terminology.hl7.org/CodeSystem/endpoint-payload-type", "any")),
                    always,
                ),
            ),
            ((s.MCSD_ENDPOINT, ()),),
        ),
    )
}


def _link_id(document: Any, name: str) -> list[str]:
    id = document.get(name, {}).get("id")
    return [id] if id else []


def _nowhere(entity: Entity) -> list[str]:
    return []


INCLUDES: Final[dict[str, Include]] = {
    include.spelled: include
    for include in (
        Include("Organization", "partof", "Organization", "parent", lambda e: _link_id(e.fiche, "parent")),
        Include("Organization", "endpoint", "Endpoint", "endpoint", lambda e: [part["id"] for part in e.fiche.get("electronic_addresses", ())]),
        Include("Location", "organization", "Organization", "organisatie", lambda e: [e.fiche["id"]]),
        Include("Location", "partof", "Location", "", _nowhere),
        Include("Location", "endpoint", "Endpoint", "", _nowhere),
        Include("HealthcareService", "organization", "Organization", "organisatie", lambda e: _link_id(e.fiche, "organisatie")),
        Include("HealthcareService", "location", "Location", "vestiging", lambda e: [link["id"] for link in e.fiche.get("vestigingen", ()) if "id" in link]),
        Include("HealthcareService", "endpoint", "Endpoint", "", _nowhere),
        Include("PractitionerRole", "practitioner", "Practitioner", "zorgverlener", lambda e: _link_id(e.part or {}, "zorgverlener")),
        Include("PractitionerRole", "organization", "Organization", "organisatie", lambda e: _link_id(e.fiche, "organisatie")),
        Include("PractitionerRole", "location", "Location", "vestiging", lambda e: [link["id"] for link in e.fiche.get("vestigingen", ()) if "id" in link]),
        Include("PractitionerRole", "service", "HealthcareService", "aanbod", lambda e: [e.fiche["id"]]),
        Include("PractitionerRole", "endpoint", "Endpoint", "", _nowhere),
        Include("OrganizationAffiliation", "primary-organization", "Organization", "member_of", lambda e: _link_id(e.part or {}, "organisatie")),
        Include("OrganizationAffiliation", "participating-organization", "Organization", "organisatie", lambda e: [e.fiche["id"]]),
        Include("OrganizationAffiliation", "endpoint", "Endpoint", "", _nowhere),
        Include("Endpoint", "organization", "Organization", "organisatie", lambda e: [e.fiche["id"]]),
    )
}  # fmt: skip
"""Every `_include`, by its spelling; read backwards each is a `_revinclude`."""
