"""Two judges of FHIR R4: the models of fhir.resources, and a strict walk that catches what they let pass.

The models accept any code where only some are allowed, any reference target, any id, an empty list, a number as text. The walk knows from the
models' own metadata what is allowed, and from https://hl7.org/fhir/R4/datatypes.html how primitives look; the invariants are written by hand.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any
from xml.etree import ElementTree

from fhir.resources.R4B import get_fhir_model_class

from plugins.fhir import audit_events
from plugins.fhir import systems as s

Json = dict[str, Any]

_URI = r"\S+"
PRIMITIVES: dict[str, str] = {
    "Id": r"[A-Za-z0-9\-.]{1,64}",
    "Code": r"[^\s]+(\s[^\s]+)*",
    "String": r"[ \r\n\t\S]+",
    "Markdown": r"[ \r\n\t\S]+",
    "Uri": _URI,
    "Url": _URI,
    "Canonical": _URI,
    "Date": r"\d{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?)?",
    "DateTime": r"\d{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01])(T([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?(Z|[+-]\d\d:\d\d))?)?)?",
    "Instant": r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?(Z|[+-]\d\d:\d\d)",
    "Time": r"([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?",
}
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_XHTML = {"div", "p", "b", "i", "br", "ul", "ol", "li", "table", "tr", "td", "th", "span", "a"}


def complaints(resource: Json) -> list[str]:
    """Everything that either judge finds wrong with a resource; empty for a good one."""
    try:
        model = get_fhir_model_class(resource["resourceType"])(**resource)
    except ValueError as error:
        return [f"fhir.resources: {error}"]
    return list(_walk(resource, model, resource["resourceType"]))


def _walk(raw: Json, model: Any, path: str) -> Iterator[str]:
    fields = {field.alias: (name, field) for name, field in type(model).model_fields.items()}
    order = {name: place for place, name in enumerate(type(model).elements_sequence())}
    places = [order[key.lstrip("_")] for key in raw if key.lstrip("_") in order]
    if places != sorted(places):
        yield f"{path}: elements are not in the order of the specification: {list(raw)}"
    if not raw:
        yield f"{path}: empty"
    for key, value in raw.items():
        if key in ("resourceType", "fhir_comments"):
            continue
        name, field = fields[key]
        here = f"{path}.{key}"
        inner = getattr(model, name)
        if isinstance(value, list):
            if not value:
                yield f"{here}: an empty list"
            if not isinstance(inner, list):
                yield f"{here}: a list where one value belongs"
                continue
            pairs = list(zip(value, inner, strict=True))
        else:
            pairs = [(value, inner)]
        for index, (item, parsed) in enumerate(pairs):
            at = f"{here}[{index}]" if isinstance(value, list) else here
            if isinstance(item, dict):
                yield from _walk(item, parsed, at)
                yield from _target(item, field, at)
            elif not (item is None and key.startswith("_")):
                yield from _primitive(item, field, at)
    for rule in INVARIANTS.get(type(model).__name__, ()):
        if broken := rule(raw):
            yield f"{path}: {broken}"
    yield from _profiles(raw, path)


def _primitive(value: Any, field: Any, path: str) -> Iterator[str]:
    kind = str(field.annotation)
    found = re.search(r", <?(?:[\w.]+\.)?(\w+)(?:\(| object)", kind)
    name = found[1] if found else ""
    allowed = (field.json_schema_extra or {}).get("enum_values")
    if allowed and value not in allowed and "mime" not in allowed:  # CapabilityStatement.format takes any media type
        yield f"{path}: {value!r} is none of {allowed}"
    if name in PRIMITIVES:
        if not isinstance(value, str) or not re.fullmatch(PRIMITIVES[name], value) or _CONTROLS.search(value) or not value.strip():
            yield f"{path}: {value!r} is no {name}"
    elif name == "Xhtml":
        yield from _narrative(value, path)
    elif "Base64Binary" in kind:
        if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z0-9+/]+={0,2}", value):
            yield f"{path}: {value!r} is no base64Binary"
    elif "bool" in kind:
        if not isinstance(value, bool):
            yield f"{path}: {value!r} is no boolean"
    elif isinstance(value, bool) or not isinstance(value, int if name in ("Integer", "PositiveInt", "UnsignedInt") else int | float):
        yield f"{path}: {value!r} is no number ({kind})"


def _narrative(value: Any, path: str) -> Iterator[str]:
    root = ElementTree.fromstring(value)
    for element in root.iter():
        tag = element.tag.removeprefix("{http://www.w3.org/1999/xhtml}")
        if tag not in _XHTML or tag == element.tag:
            yield f"{path}: <{element.tag}> does not belong in a narrative"
    if root.tag != "{http://www.w3.org/1999/xhtml}div" or not "".join(root.itertext()).strip():
        yield f"{path}: the narrative must be a div with text"


def _target(reference: Json, field: Any, path: str) -> Iterator[str]:
    allowed = (field.json_schema_extra or {}).get("enum_reference_types")
    named = reference.get("type") or reference.get("reference", "").split("/")[0]
    if allowed and named not in allowed and "Resource" not in allowed:
        yield f"{path}: a reference to {named or 'nothing'}, where {allowed} belong"


# --- invariants: a function gives what is broken, or "" ------------------------------------------------------------------------

Rule = Callable[[Json], str]


def _rule(message: str, holds: Callable[[Json], Any]) -> Rule:
    return lambda raw: "" if holds(raw) else message


def _value_or_extensions(raw: Json) -> bool:
    values = [key for key in raw if key.lstrip("_").startswith("value")]
    return bool(values) != ("extension" in raw) and len({key.lstrip("_") for key in values}) < 2


INVARIANTS: dict[str, tuple[Rule, ...]] = {
    "Organization": (
        _rule("org-1: a name or an identifier", lambda raw: raw.get("name") or raw.get("identifier")),
        _rule("org-2: an address of an organisation is never a home", lambda raw: all(a.get("use") != "home" for a in raw.get("address", ()))),
        _rule("org-3: a telecom of an organisation is never a home", lambda raw: all(t.get("use") != "home" for t in raw.get("telecom", ()))),
    ),
    "Extension": (_rule("ext-1: a value or extensions, not both", _value_or_extensions),),
    "ContactPoint": (_rule("cpt-2: a value needs a system", lambda raw: "value" not in raw or "system" in raw),),
    "Period": (_rule("per-1: the start is after the end", lambda raw: raw.get("start", "") <= raw.get("end", "9999")),),
    "Reference": (_rule("a reference, an identifier or a display", lambda raw: raw.keys() & {"reference", "identifier", "display"}),),
    "Identifier": (
        _rule("be-inv-CBE: ten digits, the first 0 or 1", lambda raw: raw.get("system") != s.CBE or re.fullmatch(r"[01]\d{9}", raw["value"])),
        _rule("be-inv-NIHDI: eight or eleven digits", lambda raw: raw.get("system") != s.NIHDI or re.fullmatch(r"\d{8}|\d{11}", raw["value"])),
    ),
    "Bundle": (
        _rule("bdl-1: a total only in a searchset or history", lambda raw: "total" not in raw or raw["type"] in ("searchset", "history")),
        _rule("bdl-3, bdl-4: an entry of a history, and no other, has a request and a response", lambda raw: all(
            ("request" in e, "response" in e) == (raw["type"] == "history", raw["type"] in ("history", "batch-response", "transaction-response")) for e in raw.get("entry", ())
        )),
        _rule("bdl-2: search only in a searchset", lambda raw: raw["type"] == "searchset" or not any("search" in e for e in raw.get("entry", ()))),
        _rule("bdl-7: every fullUrl once, but in a history", lambda raw: raw["type"] == "history" or _once([e["fullUrl"] for e in raw.get("entry", ()) if "fullUrl" in e])),
        _rule("bdl-8: a fullUrl is absolute", lambda raw: all(e.get("fullUrl", "urn:").startswith(("http://", "https://", "urn:")) for e in raw.get("entry", ()))),
    ),
}  # fmt: skip


def _once(values: list[str]) -> bool:
    return len(values) == len(set(values))


# --- profiles: what an instance says that it meets ------------------------------------------------------------------------------

_MINIMUMS: dict[str, tuple[str, ...]] = {
    "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-subscription-notification-r4": ("entry",),
    "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-subscription-status-r4": ("parameter",),
    "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-subscription": ("criteria", "channel"),
    s.BE_ORGANIZATION: (),
    s.BE_LOCATION: (),
    s.BE_PROVENANCE: ("target", "recorded", "agent"),
    s.BE_PRACTITIONER: ("name",),
    s.BE_PRACTITIONER_ROLE: (),
    s.MCSD_ORGANIZATION: ("type", "name"),
    s.MCSD_LOCATION: ("type", "name", "status"),
    s.MCSD_HEALTHCARE_SERVICE: ("type", "name"),
    s.MCSD_PRACTITIONER: ("name",),
    s.MCSD_PRACTITIONER_ROLE: ("code",),
    s.MCSD_ORGANIZATION_AFFILIATION: ("active", "code", "organization", "participatingOrganization"),
    s.MCSD_ENDPOINT: ("managingOrganization",),
    audit_events.READ: ("subtype", "agent", "entity"),
    audit_events.QUERY: ("subtype", "agent", "entity"),
    audit_events.UPDATES: ("subtype", "agent", "entity"),
}


def _profiles(raw: Json, path: str) -> Iterator[str]:
    for profile in raw.get("meta", {}).get("profile", ()) if "resourceType" in raw else ():
        if profile not in _MINIMUMS:
            yield f"{path}: nobody knows the profile {profile}"
        for element in _MINIMUMS.get(profile, ()):
            if element not in raw:
                yield f"{path}: {profile} demands {element}"
        if profile == s.BE_PRACTITIONER and not all(name.get("family") and name.get("given") for name in raw["name"]):
            yield f"{path}: {profile} demands a family and a given name"
