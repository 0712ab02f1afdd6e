"""StructureDefinitions of our extensions, differential and snapshot, written from the table. https://hl7.org/fhir/R4/structuredefinition.html"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from plugins.fhir.conformance.extension_table import TEXT_PARTS, Definition, Part, Value
from plugins.fhir.conformance.heading import heading
from plugins.fhir.systems import BASE, FHIR_VERSION

Json = dict[str, Any]
_ELE_1: Final[Json] = {
    "key": "ele-1",
    "severity": "error",
    "human": "All FHIR elements must have a @value or children",
    "expression": "hasValue() or (children().count() > id.count())",
    "source": "http://hl7.org/fhir/StructureDefinition/Element",
}
_EXT_1: Final[Json] = {
    "key": "ext-1",
    "severity": "error",
    "human": "Must have either extensions or value[x], not both",
    "expression": "extension.exists() != value.exists()",
    "source": "http://hl7.org/fhir/StructureDefinition/Extension",
}
_STRING: Final = "http://hl7.org/fhirpath/System.String"
_TYPE_EXTENSION: Final = "http://hl7.org/fhir/StructureDefinition/structuredefinition-fhir-type"
_SLICING: Final[Json] = {
    "discriminator": [{"type": "value", "path": "url"}],
    "description": "Extensions are told apart by their url",
    "rules": "open",
}


def structure_definition(definition: Definition) -> Json:
    """The whole StructureDefinition of an extension."""
    elements = list(_elements(definition))
    return {
        **heading("StructureDefinition", definition.name, definition.url, definition.title, definition.about),
        "fhirVersion": FHIR_VERSION,
        "kind": "complex-type",
        "abstract": False,
        "context": [{"type": "element", "expression": each} for each in definition.contexts],
        "type": "Extension",
        "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Extension",
        "derivation": "constraint",
        "snapshot": {"element": elements},
        "differential": {"element": [_changed(each) for each in elements if _says_something(each)]},
    }


def _elements(definition: Definition) -> Iterator[Json]:
    root: Json = {
        "id": "Extension",
        "path": "Extension",
        "short": definition.title,
        "definition": definition.about,
        "min": 0,
        "max": "*" if definition.repeats else "1",
        "base": _base("Extension", 0, "*"),
        "condition": ["ele-1"],
        "constraint": [_ELE_1, _EXT_1],
        "isModifier": False,
    }
    yield root
    yield from _inside("Extension", "Extension", definition.url, definition.parts, definition.value)


def _inside(id: str, path: str, url: str, parts: tuple[Part, ...], value: Value | None) -> Iterator[Json]:
    """The elements of an extension that stands at `id`: its id, its parts, its url, its value."""
    yield {
        "id": f"{id}.id",
        "path": f"{path}.id",
        "representation": ["xmlAttr"],
        "short": "Unique id for inter-element referencing",
        "definition": "Unique id for the element within a resource.",
        "min": 0,
        "max": "1",
        "base": _base("Element.id", 0, "1"),
        "type": [{"extension": [{"url": _TYPE_EXTENSION, "valueUrl": "string"}], "code": _STRING}],
        "isModifier": False,
    }
    yield {
        "id": f"{id}.extension",
        "path": f"{path}.extension",
        "slicing": _SLICING,
        "short": "The parts" if parts else "Extension",
        "definition": "What the extension is made of." if parts else "An extension inside an extension.",
        "min": sum(part.least for part in parts),
        "max": "*" if parts else "0",
        "base": _base("Element.extension", 0, "*"),
        "type": [{"code": "Extension"}],
        "constraint": [_ELE_1, _EXT_1],
        "isModifier": False,
    }
    for part in parts:
        inner = f"{id}.extension:{part.name}"
        yield {
            "id": inner,
            "path": f"{path}.extension",
            "sliceName": part.name,
            "short": part.value.about,
            "definition": part.value.about,
            "min": part.least,
            "max": "*" if part.repeats else "1",
            "base": _base("Element.extension", 0, "*"),
            "type": [{"code": "Extension"}],
            "constraint": [_ELE_1, _EXT_1],
            "isModifier": False,
        }
        held = None if part.is_text else part.value
        yield from _inside(inner, f"{path}.extension", part.name, TEXT_PARTS if part.is_text else (), held)
    yield {
        "id": f"{id}.url",
        "path": f"{path}.url",
        "representation": ["xmlAttr"],
        "short": "Identifies the meaning of the extension",
        "definition": "Source of the definition of the extension.",
        "min": 1,
        "max": "1",
        "base": _base("Extension.url", 1, "1"),
        "type": [{"extension": [{"url": _TYPE_EXTENSION, "valueUrl": "uri"}], "code": _STRING}],
        "fixedUri": url,
        "isModifier": False,
    }
    yield _value(id, path, value)


def _value(id: str, path: str, value: Value | None) -> Json:
    element: Json = {
        "id": f"{id}.value[x]",
        "path": f"{path}.value[x]",
        "short": value.about if value else "No value: the parts say it",
        "definition": value.about if value else "No value: the parts say it.",
        "min": 1 if value else 0,
        "max": "1" if value else "0",
        "base": _base("Extension.value[x]", 0, "1"),
    }
    if value is None:
        element["type"] = [{"code": "string"}]
    elif value.target:
        target = f"http://hl7.org/fhir/StructureDefinition/{value.target}"
        element["type"] = [{"code": value.type, "targetProfile": [target]}]
    else:
        element["type"] = [{"code": value.type}]
    element["constraint"] = [_ELE_1]
    element["isModifier"] = False
    if value and value.codes:
        element["binding"] = {"strength": "required", "valueSet": f"{BASE}/ValueSet/{value.codes}"}
    return element


def _base(path: str, least: int, most: str) -> Json:
    return {"path": path, "min": least, "max": most}


_KEPT: Final = frozenset({"id", "path", "sliceName", "slicing", "short", "definition", "min", "max", "type", "fixedUri", "binding"})


def _says_something(element: Json) -> bool:
    """Whether an element differs from that of the base definition."""
    return not element["id"].endswith(".id")


def _changed(element: Json) -> Json:
    return {name: value for name, value in element.items() if name in _KEPT}
