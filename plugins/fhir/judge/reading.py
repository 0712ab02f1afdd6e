"""A resource from the bytes that were sent, JSON or XML, without mending anything: what is odd is kept for the judge to see. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final, NoReturn

from lxml import etree

from hub import FieldError, Invalid
from plugins.fhir.judge.elements import ANY_RESOURCE, Element, elements, is_resource

Json = dict[str, Any]
_FHIR: Final = "{http://hl7.org/fhir}"
_XHTML: Final = "{http://www.w3.org/1999/xhtml}"
_SCHEMA_LOCATION: Final = "{http://www.w3.org/2001/XMLSchema-instance}schemaLocation"
_DEEPEST: Final = 100
_NATURAL: Final = re.compile("0|[1-9][0-9]*")
_NUMBERS: Final[Mapping[str, re.Pattern[str]]] = {
    "integer": re.compile("-?(?:0|[1-9][0-9]*)"),
    "unsignedInt": _NATURAL,
    "positiveInt": _NATURAL,
    "decimal": re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?"),
}
"""How a number is spelled; Python itself would take `3_7`, `+1` and the digits of other scripts."""


def from_json(body: bytes) -> Any:
    """The JSON document. Raises `Invalid` for what is no JSON, for a name that occurs twice in one object, for NaN, for endless nesting."""
    try:
        return json.loads(body.decode("utf-8-sig"), object_pairs_hook=_once, parse_constant=_no_constant)
    except UnicodeDecodeError as error:
        _refuse(f"the text is not UTF-8: byte {error.start} cannot be read.")
    except json.JSONDecodeError as error:
        _refuse(f"this is no JSON: {error.msg}, line {error.lineno}, column {error.colno}.")
    except RecursionError:
        _refuse("the JSON is nested too deep.")
    except ValueError as error:  # a number of thousands of digits
        _refuse(f"this is no JSON: {str(error)[:100]}.")


def _once(pairs: list[tuple[str, Any]]) -> Json:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        _refuse(f"{twice[:64]!r} occurs twice in one object.")
    return found


def _no_constant(name: str) -> NoReturn:
    _refuse(f"{name} is no number in JSON.")


def from_xml(body: bytes) -> Json:
    """The resource as its JSON form. What only XML can do wrong stands under names that no element has (`structure.ODD`), for the judge to refuse.

    Raises `Invalid` for what is no XML, has a document type, or is not in the namespace of FHIR.
    """
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True)
    try:
        root = etree.fromstring(body, parser)
    except etree.XMLSyntaxError as error:
        _refuse(f"this is no XML: {error.msg}.")
    if root.getroottree().docinfo.internalDTD is not None:
        _refuse("an XML document of FHIR has no document type; leave out <!DOCTYPE>.")
    around = (*root.itersiblings(preceding=True), *root.itersiblings())
    instructions = [each.target for each in around if each.tag is etree.PI]
    return _resource(root, 0) | ({"#instruction": instructions[0]} if instructions else {})


def _resource(node: Any, depth: int) -> Json:
    name = _local(node)
    if not is_resource(name):
        return {"resourceType": name}
    return {"resourceType": name, **_object(node, name, depth)}


def _object(node: Any, type_name: str, depth: int, attributes: frozenset[str] = frozenset()) -> Json:
    """The attributes and children of a node. Of attributes only these belong on it; any other is kept as `@name`. https://hl7.org/fhir/R4/xml.html"""
    if depth > _DEEPEST:
        _refuse("the XML is nested too deep.")
    known = elements(type_name)
    places = {name: place for place, name in enumerate(known)}
    found = _attributes(node, attributes | {_SCHEMA_LOCATION} if is_resource(type_name) else attributes)
    if node.text and node.text.strip():
        found["#text"] = node.text.strip()[:80]
    reached = 0
    for child in node.iterchildren():
        if child.tail and child.tail.strip():
            found["#text"] = child.tail.strip()[:80]
        if child.tag is etree.PI:
            found["#instruction"] = child.target
            continue
        is_div = child.tag == _XHTML + "div"
        name = "div" if is_div else _local(child)
        if name in attributes:
            found["#element"] = name
            continue
        if places.get(name, reached) < reached:
            found["#order"] = name
        reached = max(reached, places.get(name, reached))
        element = known.get(name)
        if is_div:
            _put(found, name, etree.tostring(child, encoding="unicode", with_tail=False), None, many=False)
        elif element is None:
            found[name] = str(child.get("value", ""))
        else:
            value, extra = _value(child, element, depth + 1)
            _put(found, name, value, extra, element.many)
    return _trimmed(found)


def _attributes(node: Any, known: frozenset[str]) -> Json:
    """Where to find a schema is said for other readers; everything else that does not belong there is kept for the judge."""
    return {
        str(name) if name in known else f"@{name}": str(value) for name, value in node.attrib.items() if name not in known or name != _SCHEMA_LOCATION
    }


_OF_ELEMENTS: Final = frozenset({"id"})
_OF_EXTENSIONS: Final = frozenset({"id", "url"})


def _value(node: Any, element: Element, depth: int) -> tuple[Any, Json | None]:
    """The value of an element, and for a primitive what it has beside its value."""
    if element.type == ANY_RESOURCE:
        return _held(node, depth), None
    if element.type[0].isupper():
        return _object(node, element.type, depth, _OF_EXTENSIONS if element.type == "Extension" else _OF_ELEMENTS), None
    text = node.attrib.pop("value", None)
    return (None if text is None else _primitive(str(text), element.type)), _object(node, "Element", depth, _OF_ELEMENTS) or None


def _held(node: Any, depth: int) -> Json:
    """The resource in `contained`, in an entry or a parameter: nothing else stands in these."""
    resources = [child for child in node.iterchildren() if child.tag is not etree.PI]
    beside = _attributes(node, frozenset())
    for text in (node.text, *(child.tail for child in node.iterchildren())):
        if text and text.strip():
            beside["#text"] = text.strip()[:80]
    if len(resources) < len(node):
        beside["#instruction"] = next(child.target for child in node.iterchildren() if child.tag is etree.PI)
    return (_resource(resources[0], depth) if len(resources) == 1 else {}) | beside


def _primitive(text: str, kind: str) -> Any:
    """The JSON value of an attribute; a text that is none of its kind stays a text, and the judge tells."""
    if kind == "boolean":
        return {"true": True, "false": False}.get(text, text)
    if (spelled := _NUMBERS.get(kind)) is None or spelled.fullmatch(text) is None:
        return text
    return float(text) if kind == "decimal" else int(text) if len(text) < 20 else text


def _put(found: Json, name: str, value: Any, extra: Json | None, many: bool) -> None:
    if not many:
        if name in found or "_" + name in found:  # twice where it comes once
            found[name] = [found.get(name), value]
            return
        if value is not None:
            found[name] = value
        if extra:
            found["_" + name] = extra
        elif value is None:
            found[name] = None
        return
    found.setdefault(name, []).append(value)
    found.setdefault("_" + name, []).append(extra)


def _trimmed(found: Json) -> Json:
    """Lists without values or extras are left out."""
    return {
        name: value
        for name, value in found.items()
        if not (isinstance(value, list) and all(each is None for each in value) and (name[0] == "_" or any(found.get("_" + name, ()))))
    }


def _local(node: Any) -> str:
    tag = str(node.tag)
    if not tag.startswith(_FHIR):
        _refuse(f"<{tag[:80]}> is not in the namespace http://hl7.org/fhir.")
    name = tag.removeprefix(_FHIR)
    if not name[0].isalpha() or name == "resourceType":  # which have a meaning in JSON
        _refuse(f"<{name[:80]}> is no element of FHIR.")
    return name


def _refuse(reason: str) -> NoReturn:
    raise Invalid(reason[0].upper() + reason[1:], (FieldError("body", reason),))
