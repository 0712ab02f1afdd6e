"""A zorgverlener as Practitioner."""

from __future__ import annotations

from typing import Any

from hub import Entity, person_name
from plugins.fhir import datatypes as dt
from plugins.fhir import extensions as ext
from plugins.fhir.resources.organization import ACTIVE
from plugins.fhir.systems import BE_PRACTITIONER, MCSD_PRACTITIONER


def render(entity: Entity, labels: dt.Labels) -> dict[str, Any]:
    """https://www.ehealth.fgov.be/standards/fhir/core/StructureDefinition/be-practitioner

    It says so only with a family and a given name, which that profile demands; IHE.mCSD.Practitioner asks for a name alone. Professions and
    competences are `qualification`.
    """
    fiche = entity.fiche
    name = fiche.get("name")
    resource: dict[str, Any] = {"resourceType": "Practitioner", "id": entity.id}
    profiles = []
    if name:
        profiles = [BE_PRACTITIONER, MCSD_PRACTITIONER] if name.get("given") else [MCSD_PRACTITIONER]
    resource["meta"] = dt.meta(entity, profiles)
    resource["text"] = {}
    extension: list[dict[str, Any]] = [
        {"url": url, "valueCode": fiche[field]} for field, url in (("visum", ext.VISUM), ("convention", ext.CONVENTION)) if field in fiche
    ]
    extension.extend(ext.tag(tag) for tag in fiche.get("tags", ()))
    if extension:
        resource["extension"] = extension
    if identifier := dt.identifiers(fiche):
        resource["identifier"] = identifier
    active = ACTIVE.get(fiche.get("status", {}).get("status"))
    if active is not None:
        resource["active"] = active
    shown = ""
    if name:
        shown = person_name(name)
        human: dict[str, Any] = {"use": "official", "text": shown, "family": name["family"]}
        if name.get("given"):
            human["given"] = name["given"]
        if name.get("prefix"):
            human["prefix"] = [name["prefix"]]
        resource["name"] = [human]
    telecom = dt.telecom(entity)
    if telecom:
        resource["telecom"] = telecom
    addresses = dt.addresses(fiche.get("addresses", ()))
    if addresses:
        resource["address"] = addresses
    if "gender" in fiche:
        resource["gender"] = fiche["gender"]
    codes = dt.codeables([*fiche.get("professions", ()), *fiche.get("competences", ())], labels)
    if codes:
        resource["qualification"] = [{"code": code} for code in codes]
    if spoken := fiche.get("languages"):
        resource["communication"] = dt.languages(spoken)
    resource["text"] = dt.narrative(
        shown,
        [
            ", ".join(code["text"] for code in codes if "text" in code),
            *(address["text"] for address in addresses[:2] if "text" in address),
            *(point["value"] for point in telecom[:3]),
        ],
    )
    return resource
