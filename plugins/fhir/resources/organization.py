"""An organisatie as Organization."""

from __future__ import annotations

from typing import Any, Final

from hub import Document, Entity
from plugins.fhir import datatypes as dt
from plugins.fhir import extensions as ext
from plugins.fhir.conformance.code_lists import CODE_LISTS
from plugins.fhir.systems import BE_ORGANIZATION, FORM, MCSD_ORGANIZATION, code_system


def render(entity: Entity, labels: dt.Labels) -> dict[str, Any]:
    """https://www.ehealth.fgov.be/standards/fhir/core/StructureDefinition/be-organization

    It also says that it meets IHE.mCSD.Organization when it has a name and a type, which is at least what it is by its form. Its addresses are those of
    its vestigingen.
    """
    fiche = entity.fiche
    names = fiche.get("names", ())
    resource: dict[str, Any] = {"resourceType": "Organization", "id": entity.id}
    profiles = [BE_ORGANIZATION]
    resource["meta"] = dt.meta(entity, profiles)
    resource["text"] = {}
    extension = [ext.tag(tag) for tag in fiche.get("tags", ())]
    if "legal_form" in fiche:
        extension.append({"url": ext.LEGAL_FORM, "valueCodeableConcept": dt.codeable(fiche["legal_form"], labels)})
    extension.extend(ext.gov_info(info) for info in fiche.get("gov_info", ()))
    if extension:
        resource["extension"] = extension
    identifier = dt.identifiers(fiche)
    if not identifier and not names:  # org-1: a name or an identifier
        identifier = [{"system": "urn:ietf:rfc:3986", "value": f"urn:uuid:{entity.id}"}]
    if identifier:
        resource["identifier"] = identifier
    active = ACTIVE.get(fiche.get("status", {}).get("status"))
    if active is not None:
        resource["active"] = active
    types = dt.codeables(fiche.get("types", ()), labels)
    if "form" in fiche:
        types.insert(0, _FORMS[fiche["form"]])
    if types:
        resource["type"] = types
    name = dt.add_name(resource, names)
    if alias := dt.aliases(names, name):
        resource["alias"] = alias
    telecom = dt.telecom(entity)
    if telecom:
        resource["telecom"] = telecom
    address = _addresses(fiche)
    if address:
        resource["address"] = address
    parent = dt.pointed_to(entity, fiche.get("parent", {}).get("id", ""))
    if parent is not None:
        resource["partOf"] = dt.reference("Organization", parent["id"], dt.name_of(parent))
    endpoints = [each for each in fiche.get("electronic_addresses", ()) if each["id"] not in entity.outside]
    if endpoints:
        resource["endpoint"] = [dt.reference("Endpoint", each["id"]) for each in endpoints]
    if name and types:
        profiles.append(MCSD_ORGANIZATION)
    resource["text"] = dt.narrative(name, _lines(address, telecom))
    return resource


_FORMS: Final = {
    code: {"coding": [{"system": code_system(FORM), "code": code, "display": meaning}], "text": meaning}
    for code, meaning in CODE_LISTS[FORM].codes.items()
}


ACTIVE: dict[str | None, bool] = {"active": True, "inactive": False}
"""What is known of the activity -> `active`; what is not known is left out."""


def _addresses(fiche: Document) -> list[dict[str, Any]]:
    """Those of all sites, once: two sites may share one."""
    found: list[dict[str, Any]] = []
    for vestiging in fiche.get("vestigingen", ()):
        for address in dt.addresses(vestiging.get("addresses", ())):
            if address not in found:
                found.append(address)
    return found


def _lines(addresses: list[dict[str, Any]], telecom: list[dict[str, Any]]) -> list[str]:
    return [address["text"] for address in addresses[:2] if "text" in address] + [point["value"] for point in telecom[:3]]
