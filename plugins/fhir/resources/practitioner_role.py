"""A caregiver in an aanbod as PractitionerRole."""

from __future__ import annotations

from typing import Any

from hub import Entity, has_ended
from plugins.fhir import datatypes as dt
from plugins.fhir import extensions as ext
from plugins.fhir.resources.healthcare_service import locations_of
from plugins.fhir.resources.organization import ACTIVE
from plugins.fhir.systems import BE_PRACTITIONER_ROLE, MCSD_PRACTITIONER_ROLE


def render(entity: Entity, labels: dt.Labels) -> dict[str, Any]:
    """https://www.ehealth.fgov.be/standards/fhir/core/StructureDefinition/be-practitionerrole

    That profile points to a BePractitioner, so it is not claimed for somebody without a given name; IHE.mCSD.PractitionerRole not without a
    known profession. The professions are those of this place, else the person's own.
    """
    fiche, part = entity.fiche, entity.part or {}
    person = entity.related.get(part.get("zorgverlener", {}).get("id", ""))
    organisation = dt.pointed_to(entity, fiche.get("organisatie", {}).get("id", ""))
    resource: dict[str, Any] = {"resourceType": "PractitionerRole", "id": entity.id}
    profiles = []
    if person is None or person.get("name", {}).get("given"):
        profiles.append(BE_PRACTITIONER_ROLE)
    resource["meta"] = {}
    resource["text"] = {}
    active = False if has_ended(part) else ACTIVE.get(fiche.get("status", {}).get("status"))
    if active is not None:
        resource["active"] = active
    if part.get("period"):
        resource["period"] = ext.period(part["period"])
    who = dt.name_of(person)
    if person is not None and person["id"] not in entity.outside:
        resource["practitioner"] = dt.reference("Practitioner", person["id"], who)
    if organisation is not None:
        resource["organization"] = dt.reference("Organization", organisation["id"], dt.name_of(organisation))
    codes = dt.codeables(part.get("professions") or (person or {}).get("professions", ()), labels)
    if codes:
        resource["code"] = codes
        profiles.append(MCSD_PRACTITIONER_ROLE)
    if locations := locations_of(entity):
        resource["location"] = locations
    offer = dt.pointed_to(entity, fiche["id"])
    if offer is not None:
        resource["healthcareService"] = [dt.reference("HealthcareService", offer["id"], dt.name_of(offer))]
    telecom = dt.telecom(entity)
    if telecom:
        resource["telecom"] = telecom
    if hours := dt.available_time(part.get("hours", ()), "availableStartTime", "availableEndTime"):
        resource["availableTime"] = hours
    resource["meta"] = dt.meta(entity, profiles)
    resource["text"] = dt.narrative(
        who,
        [
            ", ".join(code["text"] for code in codes if "text" in code),
            dt.name_of(offer),
            *(point["value"] for point in telecom[:3]),
        ],
    )
    return resource
