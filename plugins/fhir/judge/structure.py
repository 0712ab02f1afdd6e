"""The walk over a resource as it was sent: elements, how often, types, codes and references, each held against R4.

It looks at the JSON itself and not at a model made of it, because a model has already turned `"true"` into true and forgotten an empty list.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from plugins.fhir.judge import narrative
from plugins.fhir.judge.elements import (
    ANY_RESOURCE,
    Element,
    choices,
    elements,
    is_resource,
    required,
    spoken,
)
from plugins.fhir.judge.issues import Findings, Json, shown
from plugins.fhir.judge.primitives import fault

Visit = Callable[[str, Json, str], None]
"""Called with the type, the value and the place of every object that was walked."""

ODD: Final[Mapping[str, tuple[str, str]]] = {
    "#text": ("the text {} stands between the elements.", "Leave it out: a value stands in the attribute value."),
    "#order": ("the element {} comes too late.", "In XML elements stand in the order of the specification, and those that repeat beside each other."),
    "#element": ("{} stands here as an element.", "In XML it is an attribute here."),
    "#instruction": ("the processing instruction {} stands here.", "Leave it out."),
}
"""What XML can do wrong and JSON cannot, by the name under which the reader keeps it; an attribute that does not belong there is kept as `@name`."""
_DEEPEST: Final = 60
_LOCAL_KINDS: Final = ("urn:uuid:", "urn:oid:")
_RESTFUL: Final = re.compile(r"(?:.*/)?([A-Z][A-Za-z]+)/([A-Za-z0-9.\-]{1,64})(?:/_history/[A-Za-z0-9.\-]{1,64})?(?:#.*)?")
_CONDITIONAL: Final = re.compile(r"([A-Z][A-Za-z]+)\?.+")


def walk_resource(resource: Any, path: str, found: Findings, visit: Visit, depth: int = 0) -> None:
    """Judge a resource of any type; `path` is where it stands, or "" for one that stands alone."""
    if not isinstance(resource, dict):
        found.error("structure", path, "here belongs a resource.", "Give an object with its resourceType.")
        return
    named = resource.get("resourceType")
    if not isinstance(named, str) or not is_resource(named):
        what = f"R4 has no resource type {shown(named)}." if "resourceType" in resource else "the resourceType is missing."
        found.error("structure", path, what, "Name a resource type of FHIR 4.0.1, in its own capitals.")
        return
    walk(resource, named, path or named, found, visit, depth)


def walk(value: Json, type_name: str, path: str, found: Findings, visit: Visit, depth: int = 0) -> None:
    """Judge an object of that type, and everything in it."""
    if depth > _DEEPEST:
        found.error("too-long", path, f"the resource is nested deeper than {_DEEPEST} levels.", "Make it flatter.")
        return
    known = elements(type_name)
    if not value.keys() - {"resourceType"} and type_name not in ("Bundle", "Parameters"):
        found.error("invariant", path, "the object is empty (ele-1).", "Leave it out, or give it a value.")
        return
    for key, inner in value.items():
        if found.full:
            return
        if key == "resourceType":
            if not is_resource(type_name):
                found.error("structure", f"{path}.{key}", "only a resource has a resourceType.", "Leave it out.")
            continue
        element = known.get(key.removeprefix("_"))
        if key in ODD:
            what, remedy = ODD[key]
            found.error("structure", path, what.format(shown(inner)), remedy)
        elif key[:1] == "@":
            what = f"the attribute {shown(key[1:])} does not belong here."
            found.error("structure", path, what, "Write it as an element: <name value=.../>.")
        elif element is None:
            near = _nearest(key, known)
            found.error(
                "structure",
                f"{path}.{key[:64]}",
                f"{spoken(type_name)} has no element {shown(key)}.",
                f"Is {near} meant? Names are written in their own capitals."
                if near
                else "Leave it out; what R4 has no element for goes in an extension.",
            )
        elif key[:1] == "_":
            _extra(inner, element, value, f"{path}.{element.name}", found, visit, depth)
        else:
            _element(inner, element, value.get("_" + key), f"{path}.{key}", found, visit, depth)
    for element in required(type_name):
        if element.name not in value and "_" + element.name not in value:
            what = f"{spoken(type_name)} needs {element.name}."
            found.error("required", f"{path}.{element.name}", what, "Give it.")
    for choice, names in choices(type_name).items():
        made = [name for name in names if name in value or "_" + name in value]
        plain = choice.removesuffix("!")
        if len(made) > 1:
            what = f"only one of {', '.join(made)} may be given."
            found.error("structure", f"{path}.{plain}", what, "Choose one.")
        elif not made and choice.endswith("!"):
            found.error(
                "required",
                f"{path}.{plain}",
                f"{spoken(type_name)} needs a {plain}[x].",
                f"Give one of {', '.join(names[:6])}.",
            )
    visit(type_name, value, path)


def _element(given: Any, element: Element, beside: Any, path: str, found: Findings, visit: Visit, depth: int) -> None:
    if element.many:
        if not isinstance(given, list):
            found.error("structure", path, "this element repeats, so here belongs a list.", "Put it between [ and ].")
            return
        if not given:
            found.error("structure", path, "the list is empty.", "Leave the element out.")
        for place, item in enumerate(given):
            here = f"{path}[{place}]"
            said = beside[place] if isinstance(beside, list) and place < len(beside) else None
            if item is None and said is not None and element.type[0].islower():
                continue  # a gap that the list of extensions fills
            _one(item, element, here, found, visit, depth)
    elif isinstance(given, list):
        found.error(
            "structure",
            path,
            "this element comes once, and here is a list.",
            "Give one value, without [ and ].",
        )
    else:
        _one(given, element, path, found, visit, depth)


def _one(given: Any, element: Element, path: str, found: Findings, visit: Visit, depth: int) -> None:
    if element.type == ANY_RESOURCE:
        walk_resource(given, path, found, visit, depth + 1)
    elif element.type[0].isupper():
        if not isinstance(given, dict):
            what = "null stands here." if given is None else f"here belongs an object of type {spoken(element.type)}."
            found.error("structure", path, what, "See https://hl7.org/fhir/R4/datatypes.html.")
            return
        walk(given, element.type, path, found, visit, depth + 1)
        if element.targets:
            _reference(given, element.targets, path, found)
    else:
        _primitive(given, element, path, found)


def _primitive(given: Any, element: Element, path: str, found: Findings) -> None:
    wrong = fault("string" if element.type == "xhtml" else element.type, given)
    if wrong is not None:
        what, remedy = wrong
        quoted = "" if given is None or given == "" else f" It is {shown(given)}."
        found.error("structure" if given is None else "value", path, what, remedy + quoted)
    elif element.codes and given not in element.codes:
        what = f"{shown(given)} is not a code that is allowed here."
        found.error("code-invalid", path, what, f"Use one of {', '.join(sorted(element.codes))}.")
    elif element.type == "xhtml":
        for what, remedy in narrative.faults(given):
            found.error("invariant", path, what, remedy)


def _extra(given: Any, element: Element, around: Json, path: str, found: Findings, visit: Visit, depth: int) -> None:
    """`_name`: id and extensions of a primitive, one object or as many as the values are."""
    if element.type[0].isupper() or element.type == "xhtml":
        found.error(
            "structure",
            path,
            f"_{element.name} is only for primitive values.",
            "Put extensions inside the object.",
        )
        return
    values = around.get(element.name)
    if not element.many:
        if isinstance(given, dict):
            walk(given, "Element", path, found, visit, depth + 1)
        else:
            found.error(
                "structure",
                path,
                f"_{element.name} must be an object.",
                "Give its id or extensions, or leave it out.",
            )
        return
    if not isinstance(given, list) or not given:
        found.error(
            "structure",
            path,
            f"_{element.name} must be a list as long as the values.",
            "Use null where there is nothing to add.",
        )
        return
    if isinstance(values, list) and len(values) != len(given):
        found.error(
            "structure",
            path,
            f"_{element.name} and {element.name} differ in length.",
            "Use null where there is nothing to add.",
        )
    for place, item in enumerate(given):
        if isinstance(item, dict):
            walk(item, "Element", f"{path}[{place}]", found, visit, depth + 1)
        elif item is not None:
            found.error(
                "structure",
                f"{path}[{place}]",
                f"_{element.name} holds objects and nulls.",
                "Use null where there is nothing to add.",
            )
        elif not isinstance(values, list) or place >= len(values) or values[place] is None:
            found.error("structure", f"{path}[{place}]", "null stands here, and there is no value.", "Leave it out.")


def target_of(reference: str) -> str | None:
    """The resource type that a literal reference names; None for one that names none (`#x`, `urn:uuid:...`)."""
    match = _RESTFUL.fullmatch(reference) or _CONDITIONAL.fullmatch(reference)
    return match[1] if match else None


def _reference(given: Json, targets: frozenset[str], path: str, found: Findings) -> None:
    literal, named = given.get("reference"), given.get("type")
    target = None
    if isinstance(literal, str) and literal.strip():
        target = target_of(literal)
        if target is None and not literal.startswith(("#", *_LOCAL_KINDS)) and "://" not in literal:
            remedy = "Write Type/id, a whole address, urn:uuid:... or #id."
            found.error("value", f"{path}.reference", f"{shown(literal)} is no reference.", remedy)
    if target is not None and not is_resource(target):
        if literal is not None and "://" not in literal:
            found.error("value", f"{path}.reference", f"R4 has no resource type {shown(target)}.", "Write Type/id.")
        target = None
    if target is not None and isinstance(named, str) and named != target:
        found.error(
            "value",
            f"{path}.type",
            f"the type says {shown(named)} and the reference {target}.",
            "Make them agree.",
        )
    wanted = target or (named if isinstance(named, str) and "/" not in named else None)
    if wanted is not None and wanted not in targets and ANY_RESOURCE not in targets:
        allowed = ", ".join(sorted(targets))
        found.error(
            "value",
            f"{path}.reference" if target else f"{path}.type",
            f"a reference to {wanted} does not belong here.",
            f"Here belongs: {allowed}.",
        )


def _nearest(key: str, known: Mapping[str, Element]) -> str:
    wanted = key.lstrip("_").lower().rstrip("s")
    return next((name for name in known if name.lower().rstrip("s") == wanted), "")
