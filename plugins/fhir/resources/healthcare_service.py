"""An aanbod as HealthcareService."""

from __future__ import annotations

from typing import Any

from hub import Entity
from plugins.fhir import datatypes as dt
from plugins.fhir import extensions as ext
from plugins.fhir.resources.organization import ACTIVE
from plugins.fhir.systems import MCSD_HEALTHCARE_SERVICE, code_system

_DELIVERY = code_system("delivery")


def render(entity: Entity, labels: dt.Labels) -> dict[str, Any]:
    """https://profiles.ihe.net/ITI/mCSD/StructureDefinition-IHE.mCSD.HealthcareService.html, when it has a name and a rubriek.

    Belgium has no profile for it. Its rubrieken are `type`, its target groups `eligibility`, its ways of delivery `characteristic`.
    """
    fiche = entity.fiche
    names = fiche.get("names", ())
    organisation = dt.pointed_to(entity, fiche.get("organisatie", {}).get("id", ""))
    resource: dict[str, Any] = {"resourceType": "HealthcareService", "id": entity.id}
    profiles: list[str] = []
    resource["meta"] = {}
    resource["text"] = {}
    if extension := _extensions(entity):
        resource["extension"] = extension
    if identifier := dt.identifiers(fiche):
        resource["identifier"] = identifier
    active = ACTIVE.get(fiche.get("status", {}).get("status"))
    if active is not None:
        resource["active"] = active
    if organisation is not None:
        resource["providedBy"] = dt.reference("Organization", organisation["id"], dt.name_of(organisation))
    types = dt.codeables(fiche.get("rubrieken", ()), labels)
    if types:
        resource["type"] = types
    if locations := locations_of(entity):
        resource["location"] = locations
    name = dt.add_name(resource, names)
    comment, translations = ext.first_language(fiche.get("description", {}))
    if comment:
        resource["comment"] = comment
        if translations:
            resource["_comment"] = {"extension": translations}
    telecom = dt.telecom(entity)
    if telecom:
        resource["telecom"] = telecom
    if areas := fiche.get("service_area"):
        resource["coverageArea"] = dt.service_areas(areas)
    if groups := fiche.get("target_groups"):
        resource["eligibility"] = [{"code": code} for code in dt.codeables(groups, labels)]
    if ways := fiche.get("delivery"):
        resource["characteristic"] = [{"coding": [{"system": _DELIVERY, "code": way}]} for way in ways]
    if spoken := fiche.get("languages"):
        resource["communication"] = dt.languages(spoken)
    hours = fiche.get("hours", ())
    if hours:
        needed = {each.get("by_appointment") for each in hours}
        if needed in ({True}, {False}):
            resource["appointmentRequired"] = needed.pop()
        resource["availableTime"] = dt.available_time(hours, "availableStartTime", "availableEndTime")
    if name and types:
        profiles.append(MCSD_HEALTHCARE_SERVICE)
    resource["meta"] = dt.meta(entity, profiles)
    resource["text"] = dt.narrative(
        name,
        [
            resource["providedBy"].get("display", "") if organisation is not None else "",
            ", ".join(each["text"] for each in types if "text" in each),
            *(point["value"] for point in telecom[:3]),
        ],
    )
    return resource


def locations_of(entity: Entity) -> list[dict[str, Any]]:
    """References to the sites where an aanbod takes place, as far as the asker sees them."""
    organisation = entity.related.get(entity.fiche.get("organisatie", {}).get("id", ""))
    if organisation is None:
        return []
    visible = {vestiging["id"]: vestiging for vestiging in organisation.get("vestigingen", ())}
    return [
        dt.reference("Location", link["id"], dt.name_of(visible[link["id"]]) or dt.name_of(organisation))
        for link in entity.fiche.get("vestigingen", ())
        if link.get("id") in visible and link["id"] not in entity.outside
    ]


def _extensions(entity: Entity) -> list[dict[str, Any]]:
    fiche = entity.fiche
    found = []
    for field, url in (
        ("patientenstop", ext.PATIENTENSTOP),
        ("on_call", ext.ON_CALL),
        ("waiting_list", ext.WAITING_LIST),
    ):
        if field in fiche:
            found.append(ext.volatile(url, fiche[field]))
    found.extend(ext.capacity(each) for each in fiche.get("capacity", ()))
    found.extend(ext.recognition(each) for each in fiche.get("recognitions", ()) if each)
    found.extend(ext.gov_info(each) for each in fiche.get("gov_info", ()))
    found.extend(ext.tag(each) for each in fiche.get("tags", ()))
    provider = dt.pointed_to(entity, fiche.get("provided_by", {}).get("id", ""))
    if provider is not None:
        doer = dt.reference("Organization", provider["id"], dt.name_of(provider))
        found.append({"url": ext.CARRIED_OUT_BY, "valueReference": doer})
    for field, url in (("price", ext.PRICE), ("hours_text", ext.HOURS_TEXT)):
        if field in fiche:
            found.extend(ext.text_extensions(url, fiche[field]))
    return found
