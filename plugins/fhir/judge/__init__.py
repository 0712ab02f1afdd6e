"""A strict judge of what comes in: R4, its invariants, the Belgian profiles and mCSD, and our own extensions. Pure.

fhir.resources alone accepts any code, any target of a reference, an empty list, a number as text; here all of that is told, with the place
and what to do. docs/fhir.md lists what is looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fhir.resources.R4B import get_fhir_model_class
from pydantic import ValidationError

from plugins.fhir.judge.belgium import (
    PROFILES,
    Concepts,
    check_coding,
    check_identifier,
    check_profiles,
    is_profile,
)
from plugins.fhir.judge.elements import is_resource
from plugins.fhir.judge.invariants import broken
from plugins.fhir.judge.issues import Findings, Issue, Json, is_refused
from plugins.fhir.judge.own_extensions import check_extensions
from plugins.fhir.judge.structure import walk_resource
from plugins.fhir.judge.whole import Seen, check_bundle, check_contained, check_ids

__all__ = ["PROFILES", "Concepts", "Issue", "is_profile", "is_refused", "is_resource", "judge"]


def judge(resource: Any, profiles: Sequence[str] = (), concepts: Concepts | None = None) -> list[Issue]:
    """Everything that is wrong with a resource as JSON was read (`orjson.loads`); nothing for a good one.

    `profiles` are canonicals to meet beside those in `meta.profile`; with `concepts` codes of CD-HCPARTY and of our own schemes are looked up.
    """
    found = Findings()
    resources: list[Seen] = []
    bundles: list[Seen] = []
    references: list[Seen] = []
    ids: list[tuple[str, Any]] = []

    def visit(type_name: str, value: Json, path: str) -> None:
        for place, what, remedy in broken(type_name, value):
            found.error("invariant", path + place, what, remedy)
        if "id" in value and "resourceType" not in value and type_name != "ElementDefinition":
            ids.append((path, value["id"]))
        if "extension" in value or "modifierExtension" in value:
            check_extensions(type_name, value, path, found)
        if type_name == "Identifier":
            check_identifier(value, path, found)
        elif type_name == "Coding":
            check_coding(value, path, concepts, found)
        elif type_name == "Reference":
            references.append((path, value))
        elif "resourceType" in value:
            (bundles if type_name == "Bundle" else resources).append((path, value))
            check_profiles(value, path, profiles if path == type_name else (), found)

    walk_resource(resource, "", found, visit)
    check_ids(ids, {path for path, _ in (*resources, *bundles)}, found)
    check_contained(resources, references, found)
    for path, bundle in bundles:
        check_bundle(path, bundle, references, found)
    if not found.failed:
        _second_opinion(resource, found)
    return found.all()


def _second_opinion(resource: Json, found: Findings) -> None:
    """The models of fhir.resources, which may know something that the walk does not."""
    name = resource["resourceType"]
    try:
        get_fhir_model_class(name)(**resource)
    except ValidationError as error:
        for wrong in error.errors(include_url=False, include_context=False, include_input=False):
            path = "".join(f"[{each}]" if isinstance(each, int) else f".{each}" for each in wrong["loc"])
            found.error("invalid", name + path, wrong["msg"], "See https://hl7.org/fhir/R4/ for what belongs there.")
