"""What is answered as XML: valid, and the same as the JSON, for every kind of resource."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from flask.testing import FlaskClient

from plugins.fhir.conformance.catalogue import TYPES
from plugins.fhir.judge import judge
from plugins.fhir.judge.reading import from_xml
from plugins.fhir.params import RESOURCES
from plugins.fhir.xml_form import to_xml
from tests.plugins.fhir.conftest import Hub

ANSWERS = (
    *(f"/{name}?_count=40" for name in (*sorted(RESOURCES), *TYPES)),
    "/metadata",
    "/Basic/directory-change",
    "/AuditEvent?_count=5",
    "/Subscription",
    "/Location?near=51.05|3.72|20|km&_count=3",
    "/PractitionerRole?_include=*&_revinclude=Provenance:target&_count=5",
    "/Organization?name=zorg&onbekend=1&_count=2",
    "/_history?_count=5",
    "/Organization/er-is-geen-zo",
)


def both(client: FlaskClient, path: str, headers: dict[str, str]) -> tuple[Any, Any]:
    """The answer as JSON and as XML, the latter read by who forgives nothing."""
    asked = {**headers, "Accept": "application/fhir+json"}
    said = orjson.loads(client.get(f"/fhir{path}", headers=asked).data)
    return said, from_xml(client.get(f"/fhir{path}", headers={**headers, "Accept": "application/fhir+xml"}).data)


@pytest.mark.parametrize("path", ANSWERS)
def test_an_answer_as_xml_is_valid_and_says_what_the_json_says(world_s: Hub, path: str) -> None:
    said, read = both(world_s.client(), path, {"Authorization": f"Bearer {world_s.key}"})
    assert [str(issue) for issue in judge(read) if issue.severity in ("fatal", "error")] == []
    for each in (said, read):  # which name the moment, the request or this very form
        for name in ("id", "timestamp", "date"):
            each.pop(name, None)
    assert read == said


def test_ids_of_elements_and_addresses_of_extensions_are_attributes() -> None:
    extension = {"id": "x", "url": "https://example.org/e", "valueString": "a"}
    modifier = extension | {"id": "m"}
    resource = {
        "resourceType": "Organization",
        "id": "o",
        "extension": [extension],
        "modifierExtension": [modifier],
        "name": "W",
        "_name": {"id": "n"},
        "telecom": [{"id": "t", "system": "phone"}],
    }
    document = to_xml(resource)
    assert from_xml(document) == resource
    assert judge(from_xml(document)) == []
    for piece in (b'<id value="o"/>', b'<modifierExtension id="m" url="https://example.org/e">', b'<name id="n" value="W">', b'<telecom id="t">'):
        assert piece in document
