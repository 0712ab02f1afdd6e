"""What the CapabilityStatement says of our definitions and of `$validate`."""

from __future__ import annotations

from typing import Any, Final

from plugins.fhir.conformance.catalogue import TYPES, parameters

Json = dict[str, Any]
VALIDATE: Final[tuple[Json, ...]] = ({"name": "validate", "definition": "http://hl7.org/fhir/OperationDefinition/Resource-validate"},)
"""The operations of every resource of the directory, and of the server."""

_ABOUT: Final = {
    "url": "The address by which it is known.",
    "value": "One of the addresses by which it is known.",
    "_id": "The id of the resource.",
}


def definition_types() -> list[Json]:
    """`rest.resource` of the types of our definitions."""
    return [
        {
            "type": type_name,
            "documentation": "The definitions that this server's resources refer to, at the addresses by which they do.",
            "interaction": [{"code": "read"}, {"code": "search-type"}],
            "versioning": "no-version",
            "searchParam": [_param(type_name, name, kind) for name, kind in parameters(type_name)],
        }
        for type_name in TYPES
    ]


def _param(type_name: str, name: str, kind: str) -> Json:
    declared: Json = {"name": name}
    if name == "_id":
        declared["definition"] = "http://hl7.org/fhir/SearchParameter/Resource-id"
    elif type_name == "NamingSystem" and name == "value":
        declared["definition"] = "http://hl7.org/fhir/SearchParameter/NamingSystem-value"
    elif not (type_name == "NamingSystem" and name == "url"):  # ours, and nobody has defined it
        declared["definition"] = f"http://hl7.org/fhir/SearchParameter/conformance-{name}"
    declared["type"] = kind
    declared["documentation"] = _ABOUT.get(name, f"The {name}, or how it begins." if kind == "string" else f"The {name}.")
    return declared
