"""What nobody reads of a resource: every element, also inside a datatype, that a fiche has no place for is told. Pure.

An `id` inside a resource says nothing, nor does a value that is told to be absent.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from plugins.fhir import extensions as ext
from plugins.fhir.feed.noting import Json, Reading

_HOURS: Final = ("daysOfWeek", "allDay", "availableStartTime", "availableEndTime", "openingTime", "closingTime")
DATATYPES: Final[Mapping[str, Mapping[str, str]]] = {
    # datatype -> its elements that are read -> their datatypes; "" for one whose inside is looked at where it is read, or does not matter
    "Identifier": dict.fromkeys(("system", "value", "use"), ""),
    "ContactPoint": dict.fromkeys(("system", "value", "use", "rank"), ""),
    "HumanName": dict.fromkeys(("use", "text", "family", "given", "prefix"), ""),
    "Address": dict.fromkeys(("use", "type", "text", "line", "city", "postalCode", "country"), ""),
    "Coding": dict.fromkeys(("system", "version", "code", "display", "userSelected"), ""),
    "CodeableConcept": {"coding": "Coding", "text": ""},
    "Reference": dict.fromkeys(("reference", "type", "identifier", "display"), ""),
    "Served": dict.fromkeys(("type", "identifier", "display"), ""),  # the Reference to a place that is served
    "Period": dict.fromkeys(("start", "end"), ""),
    "Hours": dict.fromkeys(_HOURS, ""),
    "Position": dict.fromkeys(("longitude", "latitude"), ""),
    "Coded": {"code": "CodeableConcept"},  # a qualification, an eligibility
}
_EXTENSIONS: Final[Mapping[str, tuple[str, ...]]] = {
    # where an extension stands -> those that are read there; on a resource itself `told_extensions` tells
    "ContactPoint": (ext.CONTACT_ORIGIN, ext.CONTACT_PURPOSE),
    "Address": (ext.LANGUAGE,),
    "Address.line": (ext.STREET_NAME, ext.HOUSE_NUMBER, ext.POST_BOX),
    "Hours": (ext.BY_APPOINTMENT, ext.HOURS_PERIOD),
    "Organization.name": (ext.TRANSLATION,),
    "Location.name": (ext.TRANSLATION,),
    "HealthcareService.name": (ext.TRANSLATION,),
    "HealthcareService.comment": (ext.TRANSLATION,),
}
_SAYS_NOTHING: Final = frozenset({"resourceType", "id", "meta", "text", "language", "implicitRules", "contained"})
"""Of a resource: what it is, or is told of elsewhere."""


def of_resource(resource: Json, known: Mapping[str, str], found: Reading) -> None:
    """Note what is not read of a resource of which `known` elements are."""
    _sweep(
        resource["resourceType"],
        {name: value for name, value in resource.items() if name not in _SAYS_NOTHING and name != "extension"},
        known,
        "",
        found,
    )


def of_value(datatype: str, value: Json, place: str, found: Reading) -> None:
    """Note what is not read of a value."""
    _sweep(datatype, value, DATATYPES[datatype], place, found)


def _sweep(type_name: str, value: Json, known: Mapping[str, str], place: str, found: Reading) -> None:
    for key, inner in value.items():
        name = key.removeprefix("_")
        at = f"{place}.{name}" if place else name
        if key == "modifierExtension":
            found.wrong(at, "it may change what all the rest means, and is not understood here; leave it out.")
        elif key == "extension":
            _extensions(inner, type_name, at, found)
        elif key == "id":
            continue
        elif key != name:
            for here, extra in _each(inner, at):
                _extensions(extra.get("extension"), f"{type_name}.{name}", f"{here}.extension", found)
        elif name not in known:
            found.leave(at)
        elif known[name]:
            for here, each in _each(inner, at):
                _sweep(known[name], each, DATATYPES[known[name]], here, found)


def _each(value: Any, place: str) -> list[tuple[str, Json]]:
    """The objects in an element, each with its place."""
    if isinstance(value, list):
        return [(f"{place}[{number}]", each) for number, each in enumerate(value) if isinstance(each, dict)]
    return [(place, value)] if isinstance(value, dict) else []


def _extensions(given: Any, owner: str, place: str, found: Reading) -> None:
    for here, each in _each(given, place):
        if each.get("url") not in (ext.DATA_ABSENT, *_EXTENSIONS.get(owner, ())):
            found.leave(here, "this extension is not taken over")
