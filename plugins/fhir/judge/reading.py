"""A resource from the bytes that were sent, JSON or XML, without mending anything: what is odd is kept for the judge to see. Pure."""

from __future__ import annotations

import json
from typing import Any, Final, NoReturn

from lxml import etree

from hub import FieldError, Invalid
from plugins.fhir.judge.elements import ANY_RESOURCE, Element, elements, is_resource

Json = dict[str, Any]
_FHIR: Final = "{http://hl7.org/fhir}"
_XHTML: Final = "{http://www.w3.org/1999/xhtml}"
_DEEPEST: Final = 100
_NUMBERS: Final = frozenset({"integer", "unsignedInt", "positiveInt"})


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
    """The resource as its JSON form. Raises `Invalid` for what is no XML, has a document type, or is not in the namespace of FHIR."""
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True, remove_pis=True
    )
    try:
        root = etree.fromstring(body, parser)
    except etree.XMLSyntaxError as error:
        _refuse(f"this is no XML: {error.msg}.")
    if root.getroottree().docinfo.internalDTD is not None:
        _refuse("an XML document of FHIR has no document type; leave out <!DOCTYPE>.")
    return _resource(root, 0)


def _resource(node: Any, depth: int) -> Json:
    name = _local(node)
    if not is_resource(name):
        return {"resourceType": name}
    return {"resourceType": name, **_object(node, name, depth)}


def _object(node: Any, type_name: str, depth: int) -> Json:
    if depth > _DEEPEST:
        _refuse("the XML is nested too deep.")
    known = elements(type_name)
    found: Json = {}
    for name, value in node.attrib.items():
        # The url of an extension and the id of an element; anything else is left for the judge to refuse.
        found[str(name)] = str(value)
    if node.text and node.text.strip():
        found["#text"] = node.text.strip()[:80]
    for child in node.iterchildren():
        if child.tail and child.tail.strip():
            found["#text"] = child.tail.strip()[:80]
        if child.tag == _XHTML + "div":
            found["div"] = etree.tostring(child, encoding="unicode", with_tail=False)
            continue
        name = _local(child)
        element = known.get(name)
        if element is None:
            found[name] = str(child.get("value", ""))
            continue
        value, extra = _value(child, element, depth + 1)
        _put(found, name, value, extra, element.many)
    return _trimmed(found)


def _value(node: Any, element: Element, depth: int) -> tuple[Any, Json | None]:
    """The value of an element, and for a primitive what it has beside its value."""
    if element.type == ANY_RESOURCE:
        children = list(node.iterchildren())
        return (_resource(children[0], depth) if len(children) == 1 else {}), None
    if element.type[0].isupper():
        return _object(node, element.type, depth), None
    beside = _object(node, "Element", depth)
    text = beside.pop("value", None)
    return (None if text is None else _primitive(text, element.type)), beside or None


def _primitive(text: str, kind: str) -> Any:
    """The JSON value of an attribute; a text that is none of its kind stays a text, and the judge tells."""
    if kind == "boolean":
        return {"true": True, "false": False}.get(text, text)
    try:
        if kind in _NUMBERS:
            return int(text) if len(text) < 20 else text
        if kind == "decimal":
            return float(text) if len(text) < 40 and text.strip() == text else text
    except ValueError:
        return text
    return text


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
        if not (
            isinstance(value, list)
            and all(each is None for each in value)
            and (name[0] == "_" or any(found.get("_" + name, ())))
        )
    }


def _local(node: Any) -> str:
    tag = str(node.tag)
    if not tag.startswith(_FHIR):
        _refuse(f"<{tag[:80]}> is not in the namespace http://hl7.org/fhir.")
    return tag.removeprefix(_FHIR)


def _refuse(reason: str) -> NoReturn:
    raise Invalid(reason[0].upper() + reason[1:], (FieldError("body", reason),))
