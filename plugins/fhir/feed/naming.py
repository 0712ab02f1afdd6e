"""What somebody who sends in calls things: a resource by its id or its first number, and what its references name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from hub import FieldError
from plugins.fhir.feed.noting import Json

_LITERAL: Final = re.compile(r"(?:https?://[^?#]*/)?([A-Z][A-Za-z]+)/([A-Za-z0-9.-]{1,64})(?:/_history/[^/]+)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One thing to do: PUT, POST or DELETE of a resource of `type`. `id` is that of the address, or of the one that a condition found.

    `path` is where the resource stands (`Organization`, `Bundle.entry[2].resource`). `full_url` is its name inside a Bundle.
    """

    method: str
    type: str
    path: str
    id: str | None = None
    resource: Json | None = None
    full_url: str | None = None


NAMELESS: Final = "it has neither an id nor an identifier, so that nobody could tell when it is sent again; give one."


def name_of(entry: Entry) -> str | None:
    """The sender's own name for it, by its id or else its first number; None when it has neither."""
    resource = entry.resource or {}
    id = entry.id or resource.get("id")
    if id is not None:
        return f"{entry.type}/{id}"
    number = next((f"{each['system']}|{each['value']}" for each in resource.get("identifier", ()) if each.get("system") and each.get("value")), None)
    return None if number is None else f"{entry.type}?{number}"


def named(reference: Json, target: str, path: str, names: Mapping[str, str]) -> str | FieldError | None:
    """The sender's name for what a Reference leads to; None when it says only a number, and an error when it cannot be a `target`.

    `names` are those of the resources that are sent with it, by their fullUrl.
    """
    literal = reference.get("reference")
    if not isinstance(literal, str):
        identifier = reference.get("identifier", {})
        if isinstance(identifier.get("system"), str) and isinstance(identifier.get("value"), str):
            return None
        return FieldError(path, "a reference names Type/id, or an identifier with system and value.")
    name = names.get(literal)
    if name is None:
        found = _LITERAL.fullmatch(literal)
        if found is None or found[1] != target:
            return FieldError(
                f"{path}.reference",
                f"{target}/<id>, an address of that form, or in a transaction a fullUrl or a search ({target}?identifier=...) is expected.",
            )
        return f"{found[1]}/{found[2]}"
    if name.partition("/")[0].partition("?")[0] != target:
        return FieldError(f"{path}.reference", f"this leads to {name[:80]}, and a {target} is expected.")
    return name
