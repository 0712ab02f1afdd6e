"""An electronic address of an organisatie as Endpoint."""

from __future__ import annotations

from typing import Any

from hub import Entity
from plugins.fhir import datatypes as dt
from plugins.fhir import extensions as ext
from plugins.fhir.systems import MCSD_ENDPOINT

_STATUS = {"active": "active", "off": "off", "suspended": "suspended"}
_ABSENT = {"extension": [{"url": ext.DATA_ABSENT, "valueCode": "unknown"}]}
_ANY_PAYLOAD = {
    "coding": [
        {
            "system": "http://terminology.hl7.org/CodeSystem/endpoint-payload-type",
            "code": "any",
            "display": "Any",
        }
    ]
}


def render(entity: Entity, labels: dt.Labels) -> dict[str, Any]:
    """https://profiles.ihe.net/ITI/mCSD/StructureDefinition-IHE.mCSD.Endpoint.html

    What R4 demands and the fiche does not say has the extension data-absent-reason.
    """
    owner, part = dt.pointed_to(entity, entity.fiche["id"]), entity.part or {}
    resource: dict[str, Any] = {"resourceType": "Endpoint", "id": entity.id}
    resource["meta"] = dt.meta(entity, [MCSD_ENDPOINT] if owner is not None else [])
    resource["text"] = dt.narrative(dt.name_of(owner), [part.get("address", "")])
    if "status" in part:
        resource["status"] = _STATUS[part["status"]]
    else:
        resource["_status"] = _ABSENT
    resource["connectionType"] = dt.coding(part["type"], labels) if "type" in part else _ABSENT
    if owner is not None:
        resource["managingOrganization"] = dt.reference("Organization", owner["id"], dt.name_of(owner))
    resource["payloadType"] = [_ANY_PAYLOAD]
    if "address" in part:
        resource["address"] = part["address"]
    else:
        resource["_address"] = _ABSENT
    return resource
