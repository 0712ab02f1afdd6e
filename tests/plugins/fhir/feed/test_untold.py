"""ITI-130: nothing that is sent in is lost in silence. Every element of every type, and of what is inside it, is kept, told, or refused; or stands here with the reason."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from fhir.resources.R4B import get_fhir_model_class

from plugins.fhir.feed.noting import Around
from plugins.fhir.feed.translate import TRANSLATED, said
from tests.plugins.fhir.feed.sending import BE, Json

HCPARTY = BE + "CodeSystem/cd-hcparty"
MODIFIER = {"url": "https://example.org/not", "valueBoolean": True}
CONCEPT: Json = {"coding": [{"system": HCPARTY, "code": "persphysician", "display": "arts", "version": "2", "userSelected": True}], "text": "arts"}
NUMBER: Json = {
    "use": "secondary",
    "type": CONCEPT,
    "system": "https://example.org/ids",
    "value": "7",
    "period": {"start": "2020-01-01"},
    "assigner": {"display": "wij"},
}
ADDRESS: Json = {
    "use": "billing",
    "type": "postal",
    "text": "Kerkstraat 12, 9000 Gent, achteraan",
    "line": ["Kerkstraat 12"],
    "city": "Gent",
    "district": "Gent",
    "state": "Oost-Vlaanderen",
    "postalCode": "9000",
    "country": "NL",
    "period": {"start": "2020-01-01"},
}
PERIOD: Json = {"start": "2020-01-01", "end": "2030-01-01"}


def at(type: str) -> Json:
    return {"reference": f"{type}/x", "type": type, "identifier": {"system": "https://example.org/ids", "value": "1"}, "display": "x"}


def hours(start: str, end: str) -> Json:
    return {"daysOfWeek": ["mon"], "allDay": True, start: "09:00:00", end: "12:00:00"}


SAMPLES: dict[str, Any] = {
    "Identifier": NUMBER,
    "ContactPoint": {"system": "phone", "value": "015 99 99 01", "use": "temp", "rank": 2, "period": {"start": "2020-01-01"}},
    "HumanName": {
        "use": "official",
        "text": "Zuster An Peeters",
        "family": "Peeters",
        "given": ["An"],
        "prefix": ["Dr."],
        "suffix": ["MD"],
        "period": PERIOD,
    },
    "Address": ADDRESS,
    "CodeableConcept": CONCEPT,
    "Period": PERIOD,
    "LocationPosition": {"longitude": 3.7, "latitude": 51.0, "altitude": 5},
    "LocationHoursOfOperation": hours("openingTime", "closingTime"),
    "HealthcareServiceAvailableTime": hours("availableStartTime", "availableEndTime"),
    "PractitionerRoleAvailableTime": hours("availableStartTime", "availableEndTime"),
    "PractitionerQualification": {"identifier": [NUMBER], "code": CONCEPT, "period": PERIOD, "issuer": at("Organization")},
    "HealthcareServiceEligibility": {"code": CONCEPT, "comment": "alleen op maandag"},
    "Extension": {"url": "https://example.org/x", "valueString": "x"},
}
"""A value of each datatype that says something everywhere, and is kept as a whole."""
OWN: dict[str, Any] = {
    "active": True,
    "gender": "female",
    "status": "active",
    "mode": "kind",
    "name": "Huis",
    "comment": "Bij de kerk",
    "appointmentRequired": True,
    "Endpoint.address": "https://example.org/fhir",
    "connectionType": {
        "system": "http://terminology.hl7.org/CodeSystem/endpoint-connection-type",
        "code": "hl7-fhir-rest",
        "display": "x",
        "version": "1",
    },
    "language": "nl",
    "implicitRules": "https://example.org/rules",
    "contained": [{"resourceType": "Organization", "id": "c", "name": "x"}],
    "modifierExtension": [MODIFIER],
    "partOf": at("Organization"),
    "organization": at("Organization"),
    "participatingOrganization": at("Organization"),
    "managingOrganization": at("Organization"),
    "providedBy": at("Organization"),
    "practitioner": at("Practitioner"),
    "healthcareService": [at("HealthcareService")],
    "location": [at("Location")],
    "Organization.endpoint": [at("Endpoint")],
    "communication": [{"coding": [{"system": "urn:ietf:bcp:47", "code": "nl"}], "text": "Nederlands"}],
    "characteristic": [{"coding": [{"system": "https://fichehub.example.org/fhir/CodeSystem/delivery", "code": "home"}], "text": "aan huis"}],
    "coverageArea": [
        {
            "reference": "Location/x",
            "type": "Location",
            "identifier": {"system": "https://fichehub.example.org/fhir/NamingSystem/refnis", "value": "44021"},
        }
    ],
}
SILENT = {
    # element, or datatype and element -> why nothing is told of it
    "id": "the sender's own name",
    "meta": "when and by which profile it was sent",
    "text": "the narrative repeats the rest for people",
    "language": "it says how texts are to be read",
    "CodeableConcept.text": "a code is called what its concept is called",
    "Coding.display": "a code is called what its concept is called",
    "Coding.version": "it says how the code was found",
    "Coding.userSelected": "it says how the code was found",
    "Reference.type": "it stands in the reference",
    "Reference.display": "what is referred to has its name",
    "Reference.identifier": "the reference itself says what is meant",
    "HumanName.use": "of several names it chooses one",
    "allDay": "beside a start and an end it says nothing",
}


def around() -> Around:
    def link(reference: Json, target: str, path: str) -> Json | None:
        return {"external_id": reference["reference"]} if "reference" in reference else None

    return Around(link=link, municipality=lambda *_: None, implied=lambda *_: (), is_place=lambda *_: True, today="2026-11-22")


@cache
def fields(type_name: str) -> dict[str, tuple[str, bool]]:
    """The elements of a type or datatype -> their datatype ("" for a primitive), and whether there may be several."""
    found = {}
    for name, field in get_fhir_model_class(type_name).model_fields.items():
        element = field.alias or name
        if element not in ("fhir_comments", "resourceType", "resource_type") and element[0] != "_":
            declared = str(field.annotation)
            datatype = re.search(r"abc\.(\w+)Type\b", declared)
            found[element] = (datatype[1] if datatype else "", "List[" in declared)
    return found


def whole(type_name: str) -> Json:
    """A resource in which every element says something."""
    resource: Json = {"resourceType": type_name}
    for element, (datatype, many) in fields(type_name).items():
        found = OWN.get(f"{type_name}.{element}", OWN.get(element))
        if found is None or (element == "name" and datatype):
            found = SAMPLES.get(datatype, at("Endpoint") if datatype == "Reference" else {} if datatype else "2020-01-01")
        resource[element] = copy.deepcopy([found] if many and not isinstance(found, list) else found)
    return resource


def places(type_name: str, value: Json, path: str = "", above: tuple[str, ...] = ()) -> Iterator[tuple[str, tuple[str, ...], str, Any]]:
    """Everything in a value: its path, the names by which it and what it is in may be silent, its datatype, and the value."""
    for element, inner in value.items():
        if element == "resourceType":
            continue
        datatype = fields(type_name)[element][0] if type_name else ""
        names = (*above, element, f"{type_name}.{element}")
        at = f"{path}.{element}" if path else element
        for here, each in [(f"{at}[{number}]", each) for number, each in enumerate(inner)] if isinstance(inner, list) else [(at, inner)]:
            yield here, names, datatype, each
            if isinstance(each, dict) and datatype not in ("Extension", "Resource", "Narrative", "Meta", "Attachment"):
                yield from places(datatype, each, here, names)


def without(resource: Json, path: str) -> Json:
    """The resource without what is at the path."""
    changed: Json = copy.deepcopy(resource)
    holder, key = holder_of(changed, path)
    del holder[key]
    return changed


def holder_of(resource: Json, path: str) -> tuple[Any, Any]:
    steps = [int(step) if step.isdigit() else step for step in re.findall(r"\w+", path)]
    holder: Any = resource
    for step in steps[:-1]:
        holder = holder[step]
    return holder, steps[-1]


def told(resource: Json) -> tuple[Json, set[str]]:
    """What is kept of a resource, and the places that something is told about, or compared with what stands in the end."""
    found = said(resource, "R", around())
    paths = [error.path for error in found.read.errors] + [path for path, _ in found.read.unread()] + [each.path for each in found.read.repeated]
    return {"content": found.content, "owner": found.owner}, {path.removeprefix("R.") for path in paths}


def covers(paths: set[str], path: str) -> bool:
    """Whether something is told about this place, or about what it is in."""
    above = {path[:number] for number, character in enumerate(path) if character in ".["}
    return bool(paths & {path, *above})


@pytest.mark.parametrize("type_name", sorted(TRANSLATED))
def test_every_element_is_kept_or_told(type_name: str) -> None:
    resource = whole(type_name)
    kept, paths = told(resource)
    lost, used = [], 0
    for path, names, _, value in places(type_name, resource):
        used += 1
        if isinstance(value, dict) and any(each.startswith(f"{path}.") for each in paths):
            continue  # what is inside is looked at by itself
        if not covers(paths, path) and not SILENT.keys() & set(names) and told(without(resource, path))[0] == kept:
            lost.append(path)
    assert lost == []
    assert used > 20


@pytest.mark.parametrize("type_name", sorted(TRANSLATED))
def test_every_extension_that_is_not_ours_is_told_wherever_it_stands(type_name: str) -> None:
    resource = whole(type_name)
    strange = {"url": "https://example.org/strange", "valueBoolean": True}
    silent = {"Reference.identifier", "meta", "text", "contained"}
    lost, refused = [], 0
    for path, names, datatype, value in places(type_name, resource):
        if silent & set(names) or datatype in ("Extension", "Resource"):
            continue
        changed = copy.deepcopy(resource)
        holder, key = holder_of(changed, path)
        if isinstance(value, dict):
            holder[key]["extension"] = [strange]
            where = f"{path}.extension[0]"
        elif isinstance(key, str):
            holder[f"_{key}"] = {"extension": [strange]}
            where = f"{path}.extension[0]"
        else:
            continue
        if key not in SILENT and not covers(told(changed)[1], where):
            lost.append(path)
        if isinstance(value, dict):
            holder[key]["modifierExtension"] = [MODIFIER]
            where = f"{path}.modifierExtension"
            errors = {error.path for error in said(changed, "R", around()).read.errors}
            refused += f"R.{where}" in errors
            assert f"R.{where}" in errors or covers(told(changed)[1] - {where}, where), path
    assert lost == []
    assert refused > 0


def test_what_is_silent_is_needed() -> None:
    """A reason for an element that is told anyway hides what is lost next."""
    needed = set()
    for type_name in TRANSLATED:
        resource = whole(type_name)
        kept, paths = told(resource)
        for path, names, _, _ in places(type_name, resource):
            if not covers(paths, path) and told(without(resource, path))[0] == kept:
                needed |= SILENT.keys() & set(names)
    assert needed == SILENT.keys()


PHONE: Json = {"system": "phone", "value": "015 99 99 01"}
OWN_NUMBER: Json = {"system": "https://example.org/ids", "value": "7"}
HOME: Json = {"line": ["Kerkstraat 12 bus 3"], "postalCode": "9000", "city": "Gent", "country": "BE"}
ORGANIZATION: Json = {"resourceType": "Organization", "id": "o1"}
LOCATION: Json = {"resourceType": "Location", "managingOrganization": at("Organization")}
PERSON: Json = {"resourceType": "Practitioner"}
OFFER: Json = {"resourceType": "HealthcareService"}
ROLE: Json = {"resourceType": "PractitionerRole", "healthcareService": [at("HealthcareService")], "practitioner": at("Practitioner")}
ENDPOINT: Json = {"resourceType": "Endpoint", "address": "https://example.org/fhir", "managingOrganization": at("Organization")}
SLOT: Json = {"daysOfWeek": ["mon"], "availableStartTime": "09:00:00", "availableEndTime": "12:00:00"}
PAST, LATER = {"end": "2026-10"}, {"start": "2020-01-01"}
STREET = "http://hl7.org/fhir/StructureDefinition/iso21090-ADXP-streetName"
TRANSLATED_NAME: Json = {
    "url": "http://hl7.org/fhir/StructureDefinition/translation",
    "extension": [{"url": "lang", "valueCode": "it"}, {"url": "content", "valueString": "Casa"}],
}


@pytest.mark.parametrize(
    ("resource", "places"),
    [
        (ORGANIZATION | {"telecom": [PHONE | {"rank": 1}, PHONE | {"rank": 3}]}, {"telecom[1].rank"}),
        (
            ORGANIZATION | {"telecom": [PHONE | {"use": "old"}, PHONE | {"use": "home"}, PHONE | {"period": PAST}]},
            {"telecom[0]", "telecom[1]", "telecom[2]"},
        ),
        (ORGANIZATION | {"telecom": [PHONE | {"period": LATER}, PHONE | {"use": "work"}]}, {"telecom[0].period"}),
        (ORGANIZATION | {"telecom": [{"system": "sms", "value": "0470 99 99 01"}, {"system": "phone"}]}, {"telecom[0]", "telecom[1]"}),
        (ORGANIZATION | {"identifier": [OWN_NUMBER | {"period": PAST}, OWN_NUMBER | {"use": "old"}, OWN_NUMBER]}, {"identifier[0]", "identifier[1]"}),
        (ORGANIZATION | {"identifier": [{"system": "urn:ietf:rfc:3986", "value": f"urn:uuid:{id}"} for id in ("o1", "o2")]}, {"identifier[1]"}),
        (ORGANIZATION | {"address": [HOME | {"text": "Kerkstraat 12 bus 3, 9000 Gent, België"}]}, set()),
        (ORGANIZATION | {"address": [HOME | {"text": "Kerkstraat 12 bus 3, derde verdieping"}]}, {"address[0].text"}),
        (ORGANIZATION | {"address": [HOME | {"line": ["Kerkstraat 12", "derde verdieping"]}]}, {"address[0].line[1]"}),
        (
            ORGANIZATION
            | {"address": [HOME | {"line": ["Kerkstraat 12"], "_line": [{"extension": [{"url": STREET, "valueString": "Kerkstraat"}]}]}]},
            set(),
        ),
        (
            ORGANIZATION
            | {"address": [HOME | {"line": ["Marktplein 12"], "_line": [{"extension": [{"url": STREET, "valueString": "Kerkstraat"}]}]}]},
            {"address[0].line[0]"},
        ),
        (ORGANIZATION | {"address": [{"text": "bij de kerk"}, HOME | {"period": PAST}]}, {"address[0]", "address[1]"}),
        (ORGANIZATION | {"name": "Huis", "_name": {"extension": [TRANSLATED_NAME]}, "language": "it"}, {"name.extension[0]", "language"}),
        (LOCATION | {"mode": "instance", "position": {"latitude": 51.0, "longitude": 3.7, "altitude": 8}}, {"position.altitude"}),
        (LOCATION | {"mode": "kind", "physicalType": {"coding": [{"code": "ve"}]}, "status": "suspended"}, {"mode", "physicalType", "status"}),
        (LOCATION | {"type": [{"text": "praktijk"}]}, {"type[0]"}),
        (PERSON | {"name": [{"family": "Peeters", "suffix": ["MD"]}, {"family": "Janssens", "use": "maiden"}]}, {"name[0].suffix", "name[1]"}),
        (PERSON | {"name": [{"family": "Peeters", "use": "usual"}, {"family": "Peeters-Maes", "use": "official"}]}, {"name[0]"}),
        (PERSON | {"name": [{"family": "Peeters", "given": ["An"], "text": "An Peeters"}]}, set()),
        (PERSON | {"name": [{"family": "Peeters", "text": "Zuster An Peeters"}]}, {"name[0].text"}),
        (PERSON | {"qualification": [{"code": {"text": "arts"}, "period": LATER}]}, {"qualification[0].code", "qualification[0].period"}),
        (OFFER | {"characteristic": [{"text": "aan huis"}], "communication": [{"text": "Nederlands"}]}, {"characteristic[0]", "communication[0]"}),
        (OFFER | {"availableTime": [SLOT | {"availableStartTime": "09:00:30"}]}, {"availableTime[0].availableStartTime"}),
        (ROLE | {"period": {"start": "2020-01-01T09:30:00+01:00", "end": "2030"}}, {"period.start"}),
        (ROLE | {"healthcareService": [at("HealthcareService")] * 2}, {"healthcareService[1]"}),
        (ENDPOINT | {"payloadType": [{"text": "any"}, {"coding": [{"system": "urn:x", "code": "xml"}]}]}, {"payloadType[0]", "payloadType[1]"}),
        (ENDPOINT | {"status": "entered-in-error", "connectionType": {"system": "urn:x", "code": "y"}}, {"status", "connectionType"}),
    ],
)
def test_what_is_not_kept_is_told_with_its_place(resource: Json, places: set[str]) -> None:
    found = said(resource, "R", around())
    assert {path.removeprefix("R.") for path, _ in found.read.unread()} == places
    assert found.read.errors == []


def test_a_period_is_kept_in_whole_days() -> None:
    for sent, kept in (
        ({"start": "2024", "end": "2024"}, {"start": "2024-01-01", "end": "2024-12-31"}),
        ({"start": "2024-02", "end": "2024-02"}, {"start": "2024-02-01", "end": "2024-02-29"}),
        ({"start": "2024-02-03T00:00:00Z", "end": "2024-02-03"}, {"start": "2024-02-03", "end": "2024-02-03"}),
    ):
        assert said(ROLE | {"period": sent}, "R", around()).content["period"] == kept


def test_what_a_line_says_beside_its_extensions_is_kept() -> None:
    line = {"line": ["Kerkstraat 12 bus 3"], "_line": [{"extension": [{"url": STREET, "valueString": "Kerkstraat"}]}]}
    [address] = said(LOCATION | {"address": HOME | line}, "R", around()).content["addresses"]
    assert (address["street"], address["house_number"], address["box"]) == ({"nl": "Kerkstraat"}, "12", "3")


@pytest.mark.parametrize("box", ["bus 3", "boîte 3", "bte 3", "Bus 3"])
def test_a_box_is_read_from_a_line_in_each_language_in_which_it_is_written(box: str) -> None:
    [address] = said(LOCATION | {"address": HOME | {"line": [f"Kerkstraat 12 {box}"]}}, "R", around()).content["addresses"]
    assert (address["street"], address["house_number"], address["box"]) == ({"nl": "Kerkstraat"}, "12", "3")
