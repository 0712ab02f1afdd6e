"""Parts of resources: `_summary` and `_elements`. https://hl7.org/fhir/R4/search.html#summary

What is left out is marked: the resource then carries the tag SUBSETTED, so that nobody takes it for the whole and sends it back or keeps it as such.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, cast

import orjson

from plugins.fhir.preferring import ONCE
from plugins.fhir.refusing import invalid

SUMMARIES: Final = ("true", "text", "data", "count", "false")
_TAG: Final = {
    "system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue",
    "code": "SUBSETTED",
    "display": "subsetted",
}
NO_ELEMENT: Final = "it names no element; leave it out, or name some, such as _elements=name,telecom."
_ALWAYS: Final = frozenset({"resourceType", "id", "meta"})


def _names(words: str) -> frozenset[str]:
    return frozenset(words.split())


SUMMARY: Final[dict[str, frozenset[str]]] = {
    "Organization": _names("implicitRules identifier active type name partOf"),
    "Location": _names("implicitRules identifier status operationalStatus name description mode type physicalType managingOrganization"),
    "HealthcareService": _names("implicitRules identifier active providedBy category type specialty location name comment photo"),
    "Practitioner": _names("implicitRules identifier active name telecom address gender birthDate"),
    "PractitionerRole": _names("implicitRules identifier active period practitioner organization code specialty location telecom"),
    "OrganizationAffiliation": _names(
        "implicitRules identifier active period organization participatingOrganization network code specialty location telecom"
    ),
    "Endpoint": _names("implicitRules identifier status connectionType name managingOrganization period payloadType payloadMimeType address"),
}
"""The elements of a summary (marked with a sigma in the specification), by type."""

ELEMENTS: Final[dict[str, frozenset[str]]] = {
    "Organization": _names(
        "implicitRules language text contained extension modifierExtension identifier active type name alias telecom address partOf contact endpoint"
    ),
    "Location": _names(
        "implicitRules language text contained extension modifierExtension identifier status operationalStatus name "
        "alias description mode type telecom address physicalType position managingOrganization partOf hoursOfOperation "
        "availabilityExceptions endpoint"
    ),
    "HealthcareService": _names(
        "implicitRules language text contained extension modifierExtension identifier active providedBy category type "
        "specialty location name comment extraDetails photo telecom coverageArea serviceProvisionCode eligibility "
        "program characteristic communication referralMethod appointmentRequired availableTime notAvailable "
        "availabilityExceptions endpoint"
    ),
    "Practitioner": _names(
        "implicitRules language text contained extension modifierExtension identifier active name telecom address "
        "gender birthDate photo qualification communication"
    ),
    "PractitionerRole": _names(
        "implicitRules language text contained extension modifierExtension identifier active period practitioner "
        "organization code specialty location healthcareService telecom availableTime notAvailable "
        "availabilityExceptions endpoint"
    ),
    "OrganizationAffiliation": _names(
        "implicitRules language text contained extension modifierExtension identifier active period organization "
        "participatingOrganization network code specialty location healthcareService telecom endpoint"
    ),
    "Endpoint": _names(
        "implicitRules language text contained extension modifierExtension identifier status connectionType name "
        "managingOrganization contact period payloadType payloadMimeType address header"
    ),
}
"""All elements, by type."""

_REQUIRED: Final = {
    "Endpoint": frozenset({"status", "connectionType", "payloadType", "address"}),
    "Organization": frozenset({"name"}),
}
"""What must be there for the resource to be valid, by type."""


@dataclass(frozen=True, slots=True)
class Subset:
    """What of a resource is shown: its summary, its text, all but its text, or the elements that are named."""

    kind: Literal["true", "text", "data", "elements"]
    elements: tuple[str, ...] = ()

    def form(self) -> list[Any]:
        """As JSON, for a cursor."""
        return [self.kind, list(self.elements)]

    @property
    def of_included(self) -> bool:
        """Whether what comes along is shown so too: elements are those of the type that is searched. https://hl7.org/fhir/R4/search.html#elements"""
        return self.kind != "elements"

    def of(self, body: bytes) -> bytes:
        """The part of a resource, given as JSON."""
        resource = orjson.loads(body)
        name = resource["resourceType"]
        kept = self._kept(name) | _ALWAYS | _REQUIRED.get(name, frozenset())
        shown = {key: value for key, value in resource.items() if key.removeprefix("_") in kept}
        # A part does not meet the profiles that the whole meets.
        meta = {key: value for key, value in shown.get("meta", {}).items() if key != "profile"}
        shown["meta"] = meta | {"tag": [*meta.get("tag", ()), _TAG]}
        return orjson.dumps(shown)

    def _kept(self, name: str) -> frozenset[str]:
        match self.kind:
            case "true":
                return SUMMARY.get(name, frozenset())
            case "text":
                return frozenset({"text"})
            case "data":
                return ELEMENTS.get(name, frozenset()) - {"text"}
        return frozenset(self.elements)


def subset_of_form(form: list[Any]) -> Subset:
    """Back from `Subset.form`. Raises `ValueError` for another form."""
    kind, elements = form
    if kind not in ("true", "text", "data", "elements") or not all(isinstance(each, str) for each in elements):
        raise ValueError(kind)
    return Subset(kind, tuple(elements))


def elements_in(value: str) -> list[str]:
    """The elements that `_elements=value` names."""
    return [each for part in value.split(",") if (each := part.strip())]


def subset_of_one(resource: str, given: Sequence[tuple[str, str]], *, strict: bool) -> Subset | None:
    """As `subset_of`, of a read, which has nothing to count. Raises `Invalid` when it is to be counted."""
    if ("_summary", "count") in given:
        others = ", ".join(each for each in SUMMARIES if each not in ("count", "false"))
        raise invalid("_summary", f"one resource is not counted; {others} or false is expected, or search with _id.", "count")
    return subset_of(resource, given, strict=strict)


def subset_of(resource: str, given: Iterable[tuple[str, str]], *, strict: bool = False) -> Subset | None:
    """What `_summary` and `_elements` of a request ask for; None for whole resources. Raises `Invalid` for a value that cannot be used, and when `strict` for
    an `_elements` that names none."""
    summary, elements = "", dict[str, None]()
    for name, value in given:
        if name == "_summary":
            if value not in SUMMARIES:
                raise invalid(name, f"{', '.join(SUMMARIES[:-1])} or false is expected.", value)
            if summary not in ("", value):
                raise invalid(name, ONCE, value)
            summary = value
        elif name == "_elements":
            named = elements_in(value)
            if strict and not named:
                raise invalid(name, NO_ELEMENT, value)
            for each in named:
                bare = each.removeprefix(f"{resource}.")
                if bare not in ELEMENTS[resource] | _ALWAYS:
                    raise invalid(name, f"{resource} has no element {each[:60]}.", value)
                elements[bare] = None
    if summary in ("true", "text", "data"):
        if elements:
            raise invalid("_elements", "it cannot be combined with _summary.", ",".join(elements))
        return Subset(cast(Literal["true", "text", "data"], summary))
    return Subset("elements", tuple(elements)) if elements else None
