"""Resources that a partner sends in, and how they are sent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
from werkzeug.test import TestResponse

from hub.access.clients import register_client
from hub.access.tokens import issue_token
from hub.store import Writer, log_reading
from tests.access.signing import EC_KEY, jwks
from tests.plugins.fhir.judge import complaints
from tests.plugins.fhir.subscribing import Hub, open_hub

Json = dict[str, Any]
BE = "https://www.ehealth.fgov.be/standards/fhir/core/"
ORGANISATION: Json = {
    "resourceType": "Organization",
    "id": "o1",
    "identifier": [{"system": BE + "NamingSystem/cbe", "value": "0403019261"}, {"system": "https://epd.example.org/ids", "value": "77"}],
    "active": True,
    "type": [{"coding": [{"system": BE + "CodeSystem/cd-hcparty", "code": "orghospital"}]}],
    "name": "Ziekenhuis De Brug",
    "telecom": [{"system": "phone", "value": "015 99 99 01", "use": "work"}, {"system": "url", "value": "debrug.example.org"}],
}
SITE: Json = {
    "resourceType": "Location",
    "id": "l1",
    "status": "active",
    "name": "Campus Zuid",
    "address": {"line": ["Kerkstraat 12 bus 3"], "city": "Gent", "postalCode": "9000", "country": "BE"},
    "position": {"longitude": 3.72, "latitude": 51.05},
    "managingOrganization": {"reference": "Organization/o1"},
}
PERSON: Json = {
    "resourceType": "Practitioner",
    "id": "p1",
    "identifier": [{"system": BE + "NamingSystem/nihdi", "value": "18749704001"}],
    "active": True,
    "name": [{"family": "Peeters", "given": ["An"]}],
    "qualification": [{"code": {"coding": [{"system": BE + "CodeSystem/cd-hcparty", "code": "persphysician"}]}}],
}
SERVICE: Json = {
    "resourceType": "HealthcareService",
    "id": "s1",
    "active": True,
    "providedBy": {"reference": "Organization/o1"},
    "type": [{"coding": [{"system": "https://fichehub.example.org/fhir/CodeSystem/rubriek", "code": "14.04"}]}],
    "location": [{"reference": "Location/l1"}],
    "name": "Raadpleging",
    "availableTime": [{"daysOfWeek": ["mon"], "availableStartTime": "09:00:00", "availableEndTime": "12:30:00"}],
}
ROLE: Json = {
    "resourceType": "PractitionerRole",
    "id": "r1",
    "practitioner": {"reference": "Practitioner/p1"},
    "organization": {"reference": "Organization/o1"},
    "code": [{"coding": [{"system": BE + "CodeSystem/cd-hcparty", "code": "persphysician"}]}],
    "healthcareService": [{"reference": "HealthcareService/s1"}],
}
NETWORK: Json = {"resourceType": "Organization", "id": "o2", "active": True, "name": "Netwerk De Bruggen"}
AFFILIATION: Json = {
    "resourceType": "OrganizationAffiliation",
    "id": "a1",
    "active": True,
    "organization": {"reference": "Organization/o2"},
    "participatingOrganization": {"reference": "Organization/o1"},
    "code": [{"coding": [{"system": "https://fichehub.example.org/fhir/CodeSystem/role", "code": "lid"}]}],
}
ADDRESS: Json = {
    "resourceType": "Endpoint",
    "id": "e1",
    "status": "active",
    "connectionType": {"system": "http://terminology.hl7.org/CodeSystem/endpoint-connection-type", "code": "hl7-fhir-rest"},
    "managingOrganization": {"reference": "Organization/o1"},
    "payloadType": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/endpoint-payload-type", "code": "any"}]}],
    "address": "https://fhir.example.org/r4",
}
EVERYTHING = (ROLE, AFFILIATION, SERVICE, ADDRESS, PERSON, SITE, NETWORK, ORGANISATION)
"""In the order in which nobody could take them one by one."""


def opened(url: str, home: Path) -> Hub:
    hub = open_hub(url, home)
    hub.agree("epd", rights=frozenset({"feed"}))
    return hub


def transaction(*resources: Json, method: str = "PUT") -> Json:
    return {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {
                "fullUrl": f"https://epd.example.org/fhir/{each['resourceType']}/{each['id']}",
                "resource": each,
                "request": {"method": method, "url": each["resourceType"] if method == "POST" else f"{each['resourceType']}/{each['id']}"},
            }
            for each in resources
        ],
    }


def put(hub: Hub, resource: Json, **headers: str) -> TestResponse:
    return hub.ask("PUT", f"{resource['resourceType']}/{resource['id']}", resource, **headers)


def with_token(hub: Hub, scopes: str, sent: Json) -> TestResponse:
    """A transaction that a program sends with an access token of these scopes."""

    def issue(writer: Writer) -> str:
        made = register_client(writer.connection, "epd", "2026-11-22T09:00:00Z", title="", scopes=scopes, jwks=jwks(EC_KEY))
        return issue_token(writer.connection, made, made.scopes, int(hub.store.now().timestamp()), "2026-11-22T09:00:00Z")

    headers = {"Authorization": f"Bearer {hub.store.write(issue)}"}
    return hub.app.test_client().post("/fhir", data=orjson.dumps(sent), content_type="application/fhir+json", headers=headers)


def body(response: TestResponse) -> Json:
    found: Json = orjson.loads(response.data)
    assert complaints(found) == []
    return found


def head(hub: Hub) -> int:
    with hub.store.read() as reading:
        return log_reading.head(reading)


def texts(response: TestResponse) -> str:
    return " ".join(issue["details"]["text"] for issue in body(response)["issue"])
