"""What may stand in a narrative: formatting, and nothing that runs or loads. https://hl7.org/fhir/R4/narrative.html#security"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from lxml import etree

_XHTML: Final = "{http://www.w3.org/1999/xhtml}"
_TAG_NAMES: Final = (
    "a abbr acronym address b bdo big blockquote br caption center cite code col colgroup dd del dfn div dl dt em font h1 h2 h3 h4 h5 h6 "
    "hr i img ins kbd li map area ol p pre q s samp small span strike strong sub sup table tbody td tfoot th thead tr tt u ul var"
)
_TAGS: Final = frozenset(_TAG_NAMES.split())
_ATTRIBUTE_NAMES: Final = (
    "abbr accesskey align alt axis bgcolor border cellhalign cellpadding cellspacing cellvalign char charoff charset cite class clear "
    "color colspan compact coords dir frame headers height href hreflang hspace id lang longdesc name nowrap rel rev rowspan rules scope "
    "shape size span src start style summary tabindex title type valign value vspace width"
)
_ATTRIBUTES: Final = frozenset(_ATTRIBUTE_NAMES.split())
_XML_LANG: Final = "{http://www.w3.org/XML/1998/namespace}lang"
_SCHEMES: Final = ("http:", "https:", "mailto:", "tel:", "#", "data:image/")


def faults(div: str) -> Iterator[tuple[str, str]]:
    """What is wrong with the `div` of a narrative, and what to do."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        root = etree.fromstring(div.encode(), parser)
    except (etree.XMLSyntaxError, ValueError):
        yield "the narrative is not well-formed XHTML.", "Close every tag, and write & as &amp;."
        return
    if root.getroottree().docinfo.internalDTD is not None:
        yield "the narrative has a document type.", "Leave it out."
        return
    if root.tag != _XHTML + "div":
        yield (
            "the narrative is not a div in the namespace of XHTML.",
            'Begin with <div xmlns="http://www.w3.org/1999/xhtml">.',
        )
        return
    seen = any(str(text).strip() for text in root.itertext())
    if any(True for _ in root.iter(etree.PI)):
        yield "a processing instruction is not allowed in a narrative.", "Leave it out."
    for element in root.iter(etree.Element):
        tag = str(element.tag).removeprefix(_XHTML)
        seen = seen or tag == "img"
        if tag not in _TAGS:
            yield (
                f"<{tag[:40]}> is not allowed in a narrative (txt-1).",
                "Leave it out: only formatting is allowed.",
            )
        for name, value in element.attrib.items():
            yield from _attribute_faults(tag, str(name), str(value))
    if not seen:
        yield "the narrative says nothing (txt-2).", "Write some text, or leave the narrative out."


def _attribute_faults(tag: str, name: str, value: str) -> Iterator[tuple[str, str]]:
    if name not in _ATTRIBUTES and name != _XML_LANG:
        yield (
            f"the attribute {name[:40]} of <{tag[:40]}> is not allowed in a narrative (txt-1).",
            "Leave it out: nothing in a narrative may run.",
        )
    elif name in ("href", "src") and ":" in value and not value.strip().lower().startswith(_SCHEMES):
        yield (
            f"the address in {name} of <{tag[:40]}> is not one to follow.",
            "Use http, https, mailto or tel.",
        )
