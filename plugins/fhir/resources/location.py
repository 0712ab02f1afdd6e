"""A vestiging as Location."""

from __future__ import annotations

from typing import Any

from hub import Entity
from plugins.fhir import datatypes as dt
from plugins.fhir import extensions as ext
from plugins.fhir.systems import BE_LOCATION, FACILITY, MCSD_LOCATION, PHYSICAL_TYPE

STATUS = {"active": "active", "inactive": "inactive"}
_FACILITY = {"coding": [{"system": FACILITY, "code": "facility", "display": "Facility"}]}
_SITE = {"coding": [{"system": PHYSICAL_TYPE, "code": "si", "display": "Site"}]}
_WHERE_PEOPLE_COME = ("visit", "practice")


def render(entity: Entity, labels: dt.Labels) -> dict[str, Any]:
    """https://www.ehealth.fgov.be/standards/fhir/core/StructureDefinition/be-location

    It also says that it meets IHE.mCSD.Location when it has a name and a known status. Location has room for one address: it is the Dutch
    one where people come; further languages and addresses are in the extension location-address-translation.

    Its own name, or else the organisatie's as the Organization has it; every other name of the two is an alias, so that whatever finds a site stands in it.
    """
    fiche, part = entity.fiche, entity.part or {}
    organisation_name = dt.name_of(fiche)
    resource: dict[str, Any] = {"resourceType": "Location", "id": entity.id}
    profiles = [BE_LOCATION]
    resource["meta"] = dt.meta(entity, profiles)
    resource["text"] = {}
    given = sorted(part.get("addresses", ()), key=lambda address: address.get("type", "visit") not in _WHERE_PEOPLE_COME)
    addresses = dt.addresses(given)
    extension = [{"url": ext.LOCATION_ADDRESS_TRANSLATION, "valueAddress": each} for each in addresses[1:]]
    if "hours_text" in part:
        extension.extend(ext.text_extensions(ext.HOURS_TEXT, part["hours_text"]))
    if extension:
        resource["extension"] = extension
    if identifier := dt.identifiers(part):
        resource["identifier"] = identifier
    status = STATUS.get(part.get("status", {}).get("status", ""))
    if status:
        resource["status"] = status
    own = [{"text": part["name"]}] if part.get("name") else []
    theirs = fiche.get("names", ())
    name = dt.add_name(resource, own or theirs)
    if alias := dt.aliases([*own, *theirs], name):
        resource["alias"] = alias
    resource["mode"] = "instance"
    resource["type"] = [_FACILITY, *dt.codeables(fiche.get("types", ()), labels)]
    if telecom := dt.telecom(entity):
        resource["telecom"] = telecom
    if addresses:
        resource["address"] = addresses[0]
    resource["physicalType"] = _SITE
    position = next((address["position"] for address in given if "position" in address), None)
    if position:
        resource["position"] = {"longitude": position["lon"], "latitude": position["lat"]}
    if dt.pointed_to(entity, fiche["id"]) is not None:
        resource["managingOrganization"] = dt.reference("Organization", fiche["id"], organisation_name)
    if hours := dt.available_time(part.get("hours", ()), "openingTime", "closingTime"):
        resource["hoursOfOperation"] = hours
    if name and status:
        profiles.append(MCSD_LOCATION)
    resource["text"] = dt.narrative(name, [addresses[0].get("text", "") if addresses else "", *(p["value"] for p in telecom[:3])])
    return resource
