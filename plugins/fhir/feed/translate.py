"""From a resource that the judge has passed to what its sender says about a fiche or a part of one. Pure: one function for each type.

The way back of `plugins.fhir.resources`: what this server shows can be sent to another one, or here again. What has no place in a fiche is noted, and an id,
`meta` and the narrative say nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from plugins.fhir.feed import reading as r
from plugins.fhir.feed import untold
from plugins.fhir.feed.fiches import healthcare_service, organization, practitioner
from plugins.fhir.feed.noting import Around, Json, Reading
from plugins.fhir.feed.parts import endpoint, location, organization_affiliation, practitioner_role
from plugins.fhir.feed.saying import Given, Said


def said(resource: Json, path: str, around: Around) -> Said:
    """What the resource at `path` says. `resource` is of one of the types of `TRANSLATED`."""
    translate, known = TRANSLATED[resource["resourceType"]]
    language = r.language_of(resource["language"]) if "language" in resource else "nl"
    read = Reading(path, around, language or "nl")
    if language is None:
        read.leave("language", "texts are kept as Dutch (nl), French (fr), German (de) or English (en), and these as Dutch")
    if "implicitRules" in resource:
        read.wrong("implicitRules", "it may change what all the rest means, and is not understood here; leave it out.")
    if "contained" in resource:
        read.leave("contained", "send it as a resource of its own")
    untold.of_resource(resource, known, read)
    told = translate(Given(resource, read))
    read.came(told.content, "", _ELEMENTS[resource["resourceType"]])
    return told


_COMMON: Final = {"identifier": "Identifier", "active": "", "telecom": "ContactPoint"}
TRANSLATED: Final[dict[str, tuple[Callable[[Given], Said], Mapping[str, str]]]] = {
    # in the order in which they need each other; type -> its function, and the elements that it reads with what is looked at in them (`untold.DATATYPES`)
    "Organization": (
        organization,
        _COMMON
        | {"type": "CodeableConcept", "name": "", "alias": "", "address": "Address", "partOf": "Reference", "endpoint": "Reference"},
    ),
    "Location": (
        location,
        {
            "identifier": "Identifier", "status": "", "name": "", "alias": "", "mode": "", "type": "CodeableConcept", "telecom": "ContactPoint",
            "address": "Address", "physicalType": "CodeableConcept", "position": "Position", "managingOrganization": "Reference", "hoursOfOperation": "Hours",
        },
    ),
    "Endpoint": (
        endpoint,
        {"status": "", "connectionType": "Coding", "managingOrganization": "Reference", "payloadType": "CodeableConcept", "address": ""},
    ),
    "Practitioner": (
        practitioner,
        _COMMON | {"name": "HumanName", "address": "Address", "gender": "", "qualification": "Coded", "communication": "CodeableConcept"},
    ),
    "HealthcareService": (
        healthcare_service,
        _COMMON
        | {
            "providedBy": "Reference", "type": "CodeableConcept", "location": "Reference", "name": "", "comment": "", "coverageArea": "Served",
            "eligibility": "Coded", "characteristic": "CodeableConcept", "communication": "CodeableConcept", "appointmentRequired": "", "availableTime": "Hours",
        },
    ),
    "PractitionerRole": (
        practitioner_role,
        {
            "active": "", "telecom": "ContactPoint", "period": "Period", "practitioner": "Reference", "organization": "Reference", "code": "CodeableConcept",
            "location": "Reference", "healthcareService": "Reference", "availableTime": "Hours",
        },
    ),
    "OrganizationAffiliation": (
        organization_affiliation,
        {"active": "", "period": "Period", "organization": "Reference", "participatingOrganization": "Reference", "code": "CodeableConcept"},
    ),
}  # fmt: skip
_EVERYWHERE: Final[Mapping[str, tuple[str, ...]]] = {
    "identifier": ("identifiers",),
    "active": ("status",),
    "name": ("names", "name"),
    "telecom": ("contacts",),
    "extension": (
        "patientenstop", "on_call", "waiting_list", "capacity", "recognitions", "gov_info", "tags", "legal_form", "visum", "convention", "price", "hours_text",
        "provided_by",
    ),
}  # fmt: skip
_OWN: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    "Organization": {"type": ("form", "types"), "address": ("vestigingen",), "partOf": ("parent",)},
    "Location": {"status": ("status",), "address": ("addresses",), "hoursOfOperation": ("hours",)},
    "Endpoint": {"status": ("status",), "connectionType": ("type",), "address": ("address",)},
    "Practitioner": {
        "address": ("addresses",), "gender": ("gender",), "qualification": ("professions", "competences"), "communication": ("languages",),
    },
    "HealthcareService": {
        "providedBy": ("organisatie",), "type": ("rubrieken",), "location": ("vestigingen",), "comment": ("description",), "coverageArea": ("service_area",),
        "eligibility": ("target_groups",), "characteristic": ("delivery",), "communication": ("languages",), "availableTime": ("hours",),
    },
    "PractitionerRole": {"practitioner": ("zorgverlener",), "code": ("professions",), "availableTime": ("hours",), "period": ("period",)},
    "OrganizationAffiliation": {"organization": ("organisatie",), "code": ("role",), "period": ("period",)},
}  # fmt: skip
_ELEMENTS: Final = {
    type_name: {field: element for element, fields in (*_EVERYWHERE.items(), *own.items()) for field in fields} for type_name, own in _OWN.items()
}
"""Type -> field of the fiche -> the element that fills it. Of the items of a field more is noted while they are read."""
