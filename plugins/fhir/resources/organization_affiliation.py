"""A membership of one organisatie in another as OrganizationAffiliation."""

from __future__ import annotations

from typing import Any

from hub import Entity, has_ended
from plugins.fhir import datatypes as dt
from plugins.fhir import extensions as ext
from plugins.fhir.resources.organization import ACTIVE
from plugins.fhir.systems import MCSD_ORGANIZATION_AFFILIATION


def render(entity: Entity, labels: dt.Labels) -> dict[str, Any]:
    """https://profiles.ihe.net/ITI/mCSD/StructureDefinition-IHE.mCSD.OrganizationAffiliation.html, when it is complete.

    `organization` is the network, `participatingOrganization` the member.
    """
    fiche, part = entity.fiche, entity.part or {}
    network, member = dt.pointed_to(entity, part.get("organisatie", {}).get("id", "")), dt.pointed_to(entity, fiche["id"])
    resource: dict[str, Any] = {"resourceType": "OrganizationAffiliation", "id": entity.id}
    resource["meta"] = {}
    resource["text"] = {}
    active = False if has_ended(part) else ACTIVE.get(fiche.get("status", {}).get("status"))
    if active is not None:
        resource["active"] = active
    if part.get("period"):
        resource["period"] = ext.period(part["period"])
    if network is not None:
        resource["organization"] = dt.reference("Organization", network["id"], dt.name_of(network))
    if member is not None:
        resource["participatingOrganization"] = dt.reference("Organization", member["id"], dt.name_of(member))
    if "role" in part:
        resource["code"] = [dt.codeable(part["role"], labels)]
    complete = active is not None and network is not None and member is not None and "role" in part
    resource["meta"] = dt.meta(entity, [MCSD_ORGANIZATION_AFFILIATION] if complete else [])
    resource["text"] = dt.narrative(dt.name_of(network), [dt.name_of(member)])
    return resource
