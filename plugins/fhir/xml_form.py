"""The XML form of a resource, from the same dictionary as the JSON form. https://hl7.org/fhir/R4/xml.html

It writes elements as they come: that every dictionary here is built in the order of the specification is what makes it valid, and
tests hold it against fhir.resources.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final
from xml.sax.saxutils import escape

_QUOTES: Final = {'"': "&quot;", "\n": "&#10;", "\r": "&#13;", "\t": "&#9;"}
_NO_CONTROLS: Final = dict.fromkeys((*range(9), 11, 12, *range(14, 32), 65534, 65535))
_EXTENSIONS: Final = ("extension", "modifierExtension")
# The id of an element and the address of an extension are attributes, all else is elements; the id of a resource is one too.
_OF_RESOURCES: Final = ("resourceType",)
_OF_ELEMENTS: Final = ("id",)
_OF_EXTENSIONS: Final = ("id", "url")
_SPECIAL: Final = re.compile('[\x00-\x1f"&<>\ufffe\uffff]')


def to_xml(resource: dict[str, Any], *, pretty: bool = False) -> bytes:
    """The whole document, UTF-8; `pretty` has each element on a line of its own, but for the narrative, in which blanks mean something."""
    out = ['<?xml version="1.0" encoding="UTF-8"?>']
    _resource(resource, out, ' xmlns="http://hl7.org/fhir"')
    return ("\n".join(_indented(out)) + "\n" if pretty else "".join(out)).encode()


def _indented(pieces: Iterable[str]) -> Iterator[str]:
    depth = 0
    for piece in pieces:
        depth -= piece.startswith("</")
        yield "  " * depth + piece
        depth += not (piece.startswith(("</", "<?", "<div ", "<div>")) or piece.endswith("/>"))


def _resource(resource: dict[str, Any], out: list[str], namespace: str = "") -> None:
    name = resource["resourceType"]
    out.append(f"<{name}{namespace}>")
    _children(resource, out, _OF_RESOURCES)
    out.append(f"</{name}>")


def _children(element: dict[str, Any], out: list[str], skip: tuple[str, ...]) -> None:
    for name, value in element.items():
        if name[0] == "_":
            if name[1:] not in element:
                _primitive(name[1:], None, value, out)
        elif name not in skip:
            extra = element.get("_" + name)
            if type(value) is str and extra is None and name != "div":  # most of what there is
                out.append(f'<{name} value="{_attribute(value)}"/>')
            elif type(value) is list:
                if extra is None:
                    for item in value:
                        _element(name, item, None, out)
                else:
                    for item, about in zip(value, extra, strict=True):
                        _element(name, item, about, out)
            else:
                _element(name, value, extra, out)


def _element(name: str, value: Any, extra: Any, out: list[str]) -> None:
    if type(value) is not dict:
        if name == "div":
            out.append(value)
        else:
            _primitive(name, value, extra, out)
    elif "resourceType" in value:
        out.append(f"<{name}>")
        _resource(value, out)
        out.append(f"</{name}>")
    elif name in _EXTENSIONS:
        out.append(f'<{name}{_id(value)} url="{_attribute(value["url"])}">')
        _children(value, out, _OF_EXTENSIONS)
        out.append(f"</{name}>")
    else:
        out.append(f"<{name}{_id(value)}>")
        _children(value, out, _OF_ELEMENTS)
        out.append(f"</{name}>")


def _id(element: dict[str, Any]) -> str:
    return f' id="{_attribute(element["id"])}"' if "id" in element else ""


def _primitive(name: str, value: Any, extra: dict[str, Any] | None, out: list[str]) -> None:
    shown = "" if value is None else f' value="{_attribute(_text(value))}"'
    if extra is None:
        out.append(f"<{name}{shown}/>")
        return
    out.append(f"<{name}{_id(extra)}{shown}>")
    _children(extra, out, _OF_ELEMENTS)
    out.append(f"</{name}>")


def _text(value: Any) -> str:
    if value is True:
        return "true"
    if value is False:
        return "false"
    return str(value)


def _attribute(text: str) -> str:
    if _SPECIAL.search(text) is None:  # nearly every text
        return text
    return escape(text.translate(_NO_CONTROLS), _QUOTES)
