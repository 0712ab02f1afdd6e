"""Resources with one fault each, by kind, and valid ones: what the judge is measured by, here and in `benchmarks/fhir_judge.py`.

`BASE` are faults against R4 itself, `BELGIUM` against the Belgian profiles and mCSD. The place is where the judge must point.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from plugins.fhir import extensions as ext
from plugins.fhir import systems as s

Json = dict[str, Any]


class Fault(NamedTuple):
    """A kind of fault, the resource that has it, and the expression by which it is told."""

    kind: str
    resource: Any
    expression: str


def _text(words: str) -> Json:
    return {"status": "generated", "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{words}</div>'}


ORGANIZATION: Final[Json] = {
    "resourceType": "Organization",
    "id": "org-1",
    "meta": {"lastUpdated": "2026-11-22T09:00:00.123+01:00", "profile": [s.BE_ORGANIZATION, s.MCSD_ORGANIZATION]},
    "text": _text("<p><b>Ziekenhuis Zon</b><br/>Brussel</p>"),
    "identifier": [{"system": s.CBE, "value": "0403019261"}, {"system": s.NIHDI, "value": "71000012"}],
    "active": True,
    "type": [{"coding": [{"system": s.CD_HCPARTY, "code": "orghospital"}], "text": "ziekenhuis"}],
    "name": "Ziekenhuis Zon",
    "_name": {
        "extension": [
            {
                "url": ext.TRANSLATION,
                "extension": [
                    {"url": "lang", "valueCode": "fr"},
                    {"url": "content", "valueString": "Hôpital Soleil"},
                ],
            }
        ]
    },
    "alias": ["Hôpital Soleil"],
    "telecom": [{"system": "phone", "value": "+3225550000", "use": "work", "rank": 1}],
    "address": [
        {
            "extension": [{"url": ext.LANGUAGE, "valueCode": "nl"}],
            "use": "work",
            "line": ["Zonnestraat 12", None],
            "_line": [{"extension": [{"url": ext.STREET_NAME, "valueString": "Zonnestraat"}]}, {"extension": [{"url": ext.POST_BOX, "valueString": "3"}]}],
            "city": "Brussel",
            "postalCode": "1000",
            "country": "BE",
        }
    ],
    "partOf": {"reference": "Organization/org-2"},
}  # fmt: skip
LOCATION: Final[Json] = {
    "resourceType": "Location",
    "id": "loc-1",
    "meta": {"profile": [s.BE_LOCATION, s.MCSD_LOCATION]},
    "status": "active",
    "name": "Campus Zon",
    "mode": "instance",
    "type": [{"coding": [{"system": s.FACILITY, "code": "facility"}]}],
    "address": {"city": "Brussel"},
    "position": {"longitude": 4.35, "latitude": 50.85},
    "managingOrganization": {"reference": "https://example.org/fhir/Organization/org-1/_history/2"},
    "hoursOfOperation": [{"daysOfWeek": ["mon"], "openingTime": "09:00:00", "closingTime": "17:30:00"}],
}
PRACTITIONER: Final[Json] = {
    "resourceType": "Practitioner",
    "id": "prac-1",
    "meta": {"profile": [s.BE_PRACTITIONER]},
    "identifier": [{"system": s.NIHDI, "value": "18749704001"}],
    "name": [{"use": "official", "family": "Peeters", "given": ["An"]}],
    "gender": "female",
    "birthDate": "1979-12-31",
}
ROLE: Final[Json] = {
    "resourceType": "PractitionerRole",
    "id": "role-1",
    "meta": {"profile": [s.BE_PRACTITIONER_ROLE, s.MCSD_PRACTITIONER_ROLE]},
    "period": {"start": "2026-01", "end": "2026-12-31T23:59:59+01:00"},
    "practitioner": {"reference": "Practitioner/prac-1"},
    "code": [{"coding": [{"system": s.CD_HCPARTY, "code": "persphysician"}]}],
    "availableTime": [{"daysOfWeek": ["mon", "tue"], "allDay": True}],
}
SERVICE: Final[Json] = {
    "resourceType": "HealthcareService",
    "id": "hcs-1",
    "extension": [
        {
            "url": ext.PATIENTENSTOP,
            "extension": [{"url": "value", "valueCode": "yes"}, {"url": "validUntil", "valueDate": "2027-01-31"}],
        }
    ],
    "providedBy": {"identifier": {"system": s.CBE, "value": "0403019261"}},
    "name": "Huisartsen Zon",
    "telecom": [{"extension": [{"url": ext.CONTACT_ORIGIN, "valueCode": "organisatie"}], "system": "phone", "value": "+3225550000"}],
}  # fmt: skip
ENDPOINT: Final[Json] = {
    "resourceType": "Endpoint",
    "id": "end-1",
    "contained": [{"resourceType": "Organization", "id": "o", "name": "Zon"}],
    "status": "active",
    "connectionType": {"system": "http://terminology.hl7.org/CodeSystem/endpoint-connection-type", "code": "hl7-fhir-rest"},
    "managingOrganization": {"reference": "#o"},
    "payloadType": [{"text": "any"}],
    "address": "https://fhir.example.org/r4",
}  # fmt: skip
AFFILIATION: Final[Json] = {
    "resourceType": "OrganizationAffiliation",
    "id": "aff-1",
    "meta": {"profile": [s.MCSD_ORGANIZATION_AFFILIATION]},
    "active": False,
    "organization": {"reference": "Organization/org-2"},
    "participatingOrganization": {"reference": "Organization/org-1"},
    "code": [{"text": "lid"}],
}
_UUID: Final = "urn:uuid:0b6f4c5e-0000-4000-8000-000000000001"
TRANSACTION: Final[Json] = {
    "resourceType": "Bundle",
    "type": "transaction",
    "entry": [
        {
            "fullUrl": _UUID,
            "resource": {"resourceType": "Organization", "name": "Zon"},
            "request": {"method": "POST", "url": "Organization"},
        },
        {
            "fullUrl": "https://example.org/fhir/Location/loc-1",
            "resource": {
                "resourceType": "Location",
                "id": "loc-1",
                "managingOrganization": {"reference": _UUID},
            },
            "request": {"method": "PUT", "url": "Location/loc-1"},
        },
    ],
}
SEARCHSET: Final[Json] = {
    "resourceType": "Bundle",
    "type": "searchset",
    "total": 1,
    "link": [{"relation": "self", "url": "https://example.org/fhir/Location?_count=1"}],
    "entry": [
        {
            "fullUrl": "https://example.org/fhir/Location/loc-1",
            "resource": LOCATION,
            "search": {"mode": "match"},
        }
    ],
}
ABSENT: Final[Json] = {
    "resourceType": "Endpoint",
    "_status": {"extension": [{"url": ext.DATA_ABSENT, "valueCode": "unknown"}]},
    "connectionType": {"system": "http://example.org/c", "code": "x"},
    "payloadType": [{"text": "any"}],
    "_address": {"extension": [{"url": ext.DATA_ABSENT, "valueCode": "unknown"}]},
}
LEAP_DAY: Final[Json] = {
    "resourceType": "Practitioner",
    "identifier": [{"system": s.BE + "/NamingSystem/ssin", "value": "79123100123", "period": {"start": "2026"}}],
    "name": [{"given": ["An", None, "Marie"], "_given": [None, {"extension": [{"url": ext.DATA_ABSENT, "valueCode": "masked"}]}, None]}],
    "birthDate": "2024-02-29",
}  # fmt: skip
NAMED: Final[Json] = {
    "resourceType": "Organization",
    "id": "org-1",
    "contained": [{"resourceType": "Organization", "id": "o", "name": "Zon", "telecom": [{"id": "a", "system": "url"}]}],
    "identifier": [{"id": "org-1", "system": "urn:oid:1.2.0", "value": "1"}, {"system": "urn:uuid:0B6F4C5E-0000-4000-8000-000000000001", "value": "1"}],
    "name": "Zon",
    "_name": {"id": "a", "extension": [{"url": "urn:oid:1.2.3", "valueString": "x"}]},
    "partOf": {"reference": "#o"},
}  # fmt: skip
"""Ids of elements are their own in each resource."""
VALID: Final[dict[str, Json]] = {
    "organization": ORGANIZATION,
    "location": LOCATION,
    "practitioner": PRACTITIONER,
    "role": ROLE,
    "service": SERVICE,
    "endpoint": ENDPOINT,
    "affiliation": AFFILIATION,
    "transaction": TRANSACTION,
    "searchset": SEARCHSET,
    "absent values": ABSENT,
    "leap day": LEAP_DAY,
    "named elements": NAMED,
}


def _with(resource: Json, change: Callable[[Json], Any]) -> Json:
    changed = copy.deepcopy(resource)
    change(changed)
    return changed


def _set(resource: Json, path: str, value: Any) -> Json:
    """A copy with another value at `a.0.b`."""

    def change(copied: Any) -> None:
        *way, last = path.split(".")
        for step in way:
            copied = copied[int(step)] if step.isdigit() else copied[step]
        copied[int(last) if last.isdigit() else last] = value

    return _with(resource, change)


def _without(resource: Json, *names: str) -> Json:
    return {name: value for name, value in resource.items() if name not in names}


BASE: Final = (
    # what there is, and how often
    Fault("unknown element", _set(ORGANIZATION, "naam", "Zon"), "Organization.naam"),
    Fault("unknown element inside", _set(LOCATION, "position.lat", 50.85), "Location.position.lat"),
    Fault("a list where one belongs", _set(ORGANIZATION, "name", ["Zon"]), "Organization.name"),
    Fault("one where a list belongs", _set(ORGANIZATION, "alias", "Zon"), "Organization.alias"),
    Fault("required element missing", _without(ENDPOINT, "connectionType"), "Endpoint.connectionType"),
    Fault("required primitive missing", _without(ENDPOINT, "status"), "Endpoint.status"),
    Fault("unknown resource type", {"resourceType": "Organisation", "name": "Zon"}, ""),
    # codes that are fixed
    Fault("gender", _set(PRACTITIONER, "gender", "vrouw"), "Practitioner.gender"),
    Fault("telecom.system", _set(ORGANIZATION, "telecom.0.system", "telefoon"), "Organization.telecom[0].system"),
    Fault("Location.status", _set(LOCATION, "status", "open"), "Location.status"),
    Fault("daysOfWeek", _set(ROLE, "availableTime.0.daysOfWeek.1", "di"), "PractitionerRole.availableTime[0].daysOfWeek[1]"),
    Fault("Bundle.type", _set(SEARCHSET, "type", "search"), "Bundle.type"),
    Fault("Bundle.type missing", {"resourceType": "Bundle", "entry": [{"resource": LOCATION}]}, "Bundle.type"),
    # moments
    Fault("impossible month", _set(PRACTITIONER, "birthDate", "1979-13-45"), "Practitioner.birthDate"),
    Fault("impossible day", _set(PRACTITIONER, "birthDate", "2026-02-30"), "Practitioner.birthDate"),
    Fault("date the Belgian way", _set(PRACTITIONER, "birthDate", "31/12/1979"), "Practitioner.birthDate"),
    Fault("time of 25 hours", _set(LOCATION, "hoursOfOperation.0.openingTime", "25:00:00"), "Location.hoursOfOperation[0].openingTime"),
    Fault("instant without zone", _set(ORGANIZATION, "meta.lastUpdated", "2026-11-22T09:00:00"), "Organization.meta.lastUpdated"),
    Fault("dateTime without zone", _set(ROLE, "period.start", "2026-01-01T09:00:00"), "PractitionerRole.period.start"),
    # identifiers of things
    Fault("id of 65", _set(ORGANIZATION, "id", "a" * 65), "Organization.id"),
    Fault("id with a blank", _set(ORGANIZATION, "id", "org 1"), "Organization.id"),
    Fault("uri with a blank", _set(ORGANIZATION, "identifier.0.system", "https://example.org/a b"), "Organization.identifier[0].system"),
    Fault("code with blanks", _set(ORGANIZATION, "type.0.coding.0.code", " orghospital"), "Organization.type[0].coding[0].code"),
    # invariants
    Fault("org-1", _without(ORGANIZATION, "name", "_name", "identifier", "meta"), "Organization"),
    Fault("org-2", _set(ORGANIZATION, "address.0.use", "home"), "Organization.address[0].use"),
    Fault("per-1", _set(ROLE, "period.start", "2027-01-01"), "PractitionerRole.period"),
    Fault("ext-1", _set(SERVICE, "extension.0.valueBoolean", True), "HealthcareService.extension[0]"),
    Fault("cpt-2", _set(ORGANIZATION, "telecom.0", {"value": "+3225550000"}), "Organization.telecom[0].system"),
    Fault("bdl-1", _set(TRANSACTION, "total", 2), "Bundle.total"),
    # references
    Fault("reference to the wrong type", _set(ORGANIZATION, "partOf.reference", "Location/1"), "Organization.partOf.reference"),
    Fault("reference with the wrong type element", _set(ROLE, "practitioner", {"type": "Patient", "identifier": {"value": "1"}}), "PractitionerRole.practitioner.type"),
    # JSON
    Fault("empty list", _set(ORGANIZATION, "alias", []), "Organization.alias"),
    Fault("empty object", _set(LOCATION, "address", {}), "Location.address"),
    Fault("null", _set(ORGANIZATION, "name", None), "Organization.name"),
    Fault("null in a list", _set(ORGANIZATION, "alias", ["Zon", None]), "Organization.alias[1]"),
    Fault("boolean as text", _set(ORGANIZATION, "active", "true"), "Organization.active"),
    Fault("boolean as number", _set(ORGANIZATION, "active", 1), "Organization.active"),
    Fault("decimal as text", _set(LOCATION, "position.latitude", "50.85"), "Location.position.latitude"),
    Fault("text as number", _set(ORGANIZATION, "address.0.postalCode", 1000), "Organization.address[0].postalCode"),
    Fault("empty text", _set(ORGANIZATION, "name", ""), "Organization.name"),
    # narrative
    Fault("script", _set(ORGANIZATION, "text", _text("<p>Zon</p><script>alert(1)</script>")), "Organization.text.div"),
)  # fmt: skip

BELGIUM: Final = (
    Fault("KBO of nine digits", _set(ORGANIZATION, "identifier.0.value", "403019261"), "Organization.identifier[0].value"),
    Fault("mCSD type 1..", _without(ORGANIZATION, "type"), "Organization.type"),
    Fault("no code of CD-HCPARTY", _set(ORGANIZATION, "type.0.coding.0.code", "ziekenhuis"), "Organization.type[0].coding[0].code"),
)  # fmt: skip

FURTHER: Final = (
    Fault("OID that is none", _set(ORGANIZATION, "identifier.0.system", "urn:oid:1.2.x"), "Organization.identifier[0].system"),
    Fault("UUID that is none", _set(ORGANIZATION, "identifier.0.system", "urn:uuid:12"), "Organization.identifier[0].system"),
    Fault("element ids twice", _set(_set(ORGANIZATION, "telecom.0.id", "a"), "address.0.id", "a"), "Organization.address[0].id"),
    Fault("element ids twice, of a value", _set(_set(ORGANIZATION, "telecom.0.id", "a"), "_name.id", "a"), "Organization.telecom[0].id"),
    Fault("extension with a name", _set(ORGANIZATION, "telecom.0.extension", [{"url": "oproep", "valueBoolean": True}]), "Organization.telecom[0].extension[0].url"),
    Fault("modifier extension with a name", _set(AFFILIATION, "modifierExtension", [{"url": "x", "valueBoolean": True}]), "OrganizationAffiliation.modifierExtension[0].url"),
    Fault("translation without content", _set(ORGANIZATION, "_name.extension.0.extension", [{"url": "lang", "valueCode": "fr"}]), "Organization.name.extension[0]"),
    Fault("NIHDI with dots", _set(PRACTITIONER, "identifier.0.value", "1-87497-04-001"), "Practitioner.identifier[0].value"),
    Fault("establishment number as KBO", _set(ORGANIZATION, "identifier.0.value", "2147812701"), "Organization.identifier[0].value"),
    Fault("mCSD no modifierExtension", _set(ORGANIZATION, "modifierExtension", [{"url": "http://example.org/x", "valueBoolean": True}]), "Organization.modifierExtension"),
    Fault("BePractitioner without name", _without(PRACTITIONER, "name"), "Practitioner.name"),
    Fault("profile of another type", _set(ORGANIZATION, "meta.profile", [s.BE_LOCATION]), "Organization.meta.profile[0]"),
    Fault("extension of ours that is not there", _set(SERVICE, "extension.0.url", s.BASE + "/StructureDefinition/patientstop"), "HealthcareService.extension[0].url"),
    Fault("extension of ours in the wrong place", _set(ORGANIZATION, "extension", SERVICE["extension"]), "Organization.extension[0]"),
    Fault("extension of ours, wrong code", _set(SERVICE, "extension.0.extension.0.valueCode", "ja"), "HealthcareService.extension[0].extension[0].valueCode"),
    Fault("extension of ours, unknown part", _set(SERVICE, "extension.0.extension.1.url", "until"), "HealthcareService.extension[0].extension[1].url"),
    Fault("extension of ours, part missing", _set(SERVICE, "extension.0.extension", [{"url": "validUntil", "valueDate": "2027-01-31"}]), "HealthcareService.extension[0]"),
    Fault("dom-3", _set(ENDPOINT, "managingOrganization", {"reference": "Organization/1"}), "Endpoint.contained[0]"),
    Fault("contained that is not there", _set(ENDPOINT, "managingOrganization.reference", "#p"), "Endpoint.managingOrganization.reference"),
    Fault("dangling reference in a Bundle", _set(TRANSACTION, "entry.1.resource.managingOrganization.reference", _UUID[:-1] + "9"), "Bundle.entry[1].resource.managingOrganization.reference"),
    Fault("bdl-3", _set(TRANSACTION, "entry.0", {"resource": LOCATION}), "Bundle.entry[0].request"),
    Fault("bdl-7", _set(TRANSACTION, "entry.1.fullUrl", _UUID), "Bundle.entry[1].fullUrl"),
    Fault("entry without fullUrl", _set(SEARCHSET, "entry.0", {"resource": LOCATION, "search": {"mode": "match"}}), "Bundle.entry[0].fullUrl"),
    Fault("fullUrl of another", _set(SEARCHSET, "entry.0.fullUrl", "https://example.org/fhir/Location/2"), "Bundle.entry[0].fullUrl"),
    Fault("request for another", _set(TRANSACTION, "entry.1.request.url", "Location/2"), "Bundle.entry[1].request.url"),
    Fault("two of one choice", _set(SERVICE, "extension", [{"url": "http://example.org/x", "valueCode": "a", "valueString": "b"}]), "HealthcareService.extension[0].value"),
    Fault("handler in a narrative", _set(ORGANIZATION, "text", _text('<p onclick="x()">Zon</p>')), "Organization.text.div"),
    Fault("script address in a narrative", _set(ORGANIZATION, "text", _text('<a href="javascript:x()">Zon</a>')), "Organization.text.div"),
    Fault("narrative that is no XHTML", _set(ORGANIZATION, "text", _text("<p>Zon")), "Organization.text.div"),
    Fault("control character", _set(ORGANIZATION, "name", "Zon\x07"), "Organization.name"),
    Fault("no resource", ["Organization"], ""),
    Fault("resource type missing", {"name": "Zon"}, ""),
    Fault("lists of unlike length", _set(ORGANIZATION, "address.0._line", [None]), "Organization.address[0].line"),
    Fault("rank of zero", _set(ORGANIZATION, "telecom.0.rank", 0), "Organization.telecom[0].rank"),
)  # fmt: skip
