"""What can only be seen of a resource or a Bundle as a whole: contained resources, and references inside that lead nowhere."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence, Set
from typing import Any, Final

from plugins.fhir.judge.issues import Findings, Json, shown
from plugins.fhir.judge.structure import target_of

Seen = tuple[str, Json]
"""The place of an object, and the object."""

_CONTAINED: Final = re.compile(r"(.*?)\.contained\[\d+\].*")


def check_contained(resources: Sequence[Seen], references: Sequence[Seen], found: Findings) -> None:
    """dom-2 to dom-5, ref-1. https://hl7.org/fhir/R4/domainresource.html"""
    inside: dict[str, dict[str, str]] = {}
    for path, resource in resources:
        for place, contained in enumerate(_list(resource.get("contained"))):
            here = f"{path}.contained[{place}]"
            if not isinstance(contained, dict):
                continue
            if _CONTAINED.fullmatch(path):
                found.error(
                    "invariant",
                    here,
                    "a contained resource contains another (dom-2).",
                    "Put both in the outer one.",
                )
            meta = contained.get("meta")
            for name in ("versionId", "lastUpdated", "security"):
                if isinstance(meta, dict) and name in meta:
                    rule = "dom-5" if name == "security" else "dom-4"
                    found.error(
                        "invariant",
                        f"{here}.meta.{name}",
                        f"a contained resource has meta.{name} ({rule}).",
                        "Leave it out.",
                    )
            id = contained.get("id")
            if not isinstance(id, str):
                found.error(
                    "required",
                    f"{here}.id",
                    "a contained resource needs an id.",
                    "Give one, and refer to it with #.",
                )
            else:
                inside.setdefault(path, {})[id] = here
    used: set[str] = set()
    for path, reference in references:
        literal = reference.get("reference")
        if not isinstance(literal, str) or not literal.startswith("#"):
            continue
        owner = _owner(path, resources)
        if literal == "#":
            used.add(path)
        elif literal[1:] in inside.get(owner, {}):
            used.add(inside[owner][literal[1:]])
        else:
            what = f"{shown(literal)} is not among the contained resources (ref-1)."
            found.error("not-found", f"{path}.reference", what, "Contain it, or refer to it by Type/id.")
    for places in inside.values():
        for id, here in places.items():
            if here not in used and not any(each.startswith(here + ".") for each in used):
                found.error(
                    "invariant",
                    here,
                    f"nothing refers to the contained resource {shown(id)} (dom-3).",
                    "Refer to it, or leave it out.",
                )


def check_ids(ids: Iterable[tuple[str, Any]], resources: Set[str], found: Findings) -> None:
    """The ids of elements, given as (place, id), are each the only one of its resource. https://hl7.org/fhir/R4/element.html#id

    An ElementDefinition stands in a snapshot and in a differential under one id.
    """
    places: dict[Any, list[str]] = {}
    for path, id in ids:
        if isinstance(id, str):
            places.setdefault(id, []).append(path)
    for id, here in places.items():
        owners: set[str] = set()
        for path in here if len(here) > 1 else ():
            owner = path
            while owner and owner not in resources:
                owner = owner.rpartition(".")[0]
            if owner in owners:
                what = f"the id {shown(id)} occurs twice in this resource."
                found.error("invariant", f"{path}.id", what, "Give every element an id of its own, or none.")
            owners.add(owner)


def _owner(path: str, resources: Sequence[Seen]) -> str:
    """The resource that stands around a place and is not itself contained."""
    outer = match[1] if (match := _CONTAINED.fullmatch(path)) else path
    around = [each for each, _ in resources if outer == each or outer.startswith(each + ".")]
    return max(around, key=len, default="")


_WITH_ADDRESSES: Final = ("document", "message", "history", "searchset", "collection")


def check_bundle(path: str, bundle: Json, references: Sequence[Seen], found: Findings) -> None:
    """Full URLs, requests and references of a Bundle agree. https://hl7.org/fhir/R4/bundle.html#references"""
    entries = [(place, entry) for place, entry in enumerate(_list(bundle.get("entry"))) if isinstance(entry, dict)]
    known = {entry["fullUrl"] for _, entry in entries if isinstance(entry.get("fullUrl"), str)}
    for place, entry in entries:
        here = f"{path}.entry[{place}]"
        resource, full_url = entry.get("resource"), entry.get("fullUrl")
        if isinstance(resource, dict):
            if full_url is None and bundle.get("type") in _WITH_ADDRESSES:
                what = f"every entry of a Bundle of type {bundle['type']} has a fullUrl."
                found.error("required", f"{here}.fullUrl", what, "Write the address of the resource, or urn:uuid:...")
            _check_full_url(here, full_url, resource, found)
            _check_request(here, entry.get("request"), resource, found)
    whole = bundle.get("type") not in ("searchset", "history", "batch-response", "transaction-response")
    for where, reference in references:
        literal = reference.get("reference")
        if not isinstance(literal, str) or not where.startswith(path + "."):
            continue
        if literal.startswith(("urn:uuid:", "urn:oid:")) and literal not in known and whole:
            what = f"{shown(literal)} is no fullUrl of this Bundle, so nobody can follow it."
            found.error("not-found", f"{where}.reference", what, "Add the resource, or refer to it by Type/id.")


def _check_full_url(here: str, full_url: Any, resource: Json, found: Findings) -> None:
    if not isinstance(full_url, str):
        return
    if ":" not in full_url:
        found.error("value", f"{here}.fullUrl", "a fullUrl is a whole address.", "Write https://... or urn:uuid:...")
        return
    id, named = resource.get("id"), target_of(full_url)
    if named is None or not full_url.startswith("http"):
        return
    if (named, full_url.rsplit("/", 1)[1]) != (resource.get("resourceType"), id):
        what = f"the fullUrl {shown(full_url)} is not that of {resource.get('resourceType')}/{id}."
        found.error("value", f"{here}.fullUrl", what, "Make fullUrl and id agree.")


def _check_request(here: str, request: Any, resource: Json, found: Findings) -> None:
    if not isinstance(request, dict) or not isinstance(url := request.get("url"), str):
        return
    method, named, id = request.get("method"), resource.get("resourceType"), resource.get("id")
    segments = re.split(r"[/?]", url)
    if method in ("POST", "PUT") and segments[0] != named and "://" not in url:
        found.error(
            "value",
            f"{here}.request.url",
            f"{shown(url)} is no address of a {named}.",
            f"Write {named}{'' if method == 'POST' else '/<id>'}.",
        )
    elif method == "PUT" and "/" in url and "?" not in url and "://" not in url and segments[1:2] != [id]:
        found.error("value", f"{here}.request.url", f"{shown(url)} and the id {shown(id)} differ.", "Make them agree.")


def _list(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else ()
