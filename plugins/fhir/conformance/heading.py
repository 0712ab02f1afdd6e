"""What every definition of ours begins with."""

from __future__ import annotations

from typing import Any, Final

from hub import __version__
from plugins.fhir.datatypes import narrative

PUBLISHED: Final = "2026-11-22"
"""When what is defined here last changed."""
PUBLISHER: Final = "Fichehub"


def heading(type_name: str, id: str, url: str, title: str, about: str, version: str = __version__) -> dict[str, Any]:
    """From `resourceType` to `description`, in the order that the canonical resources of R4 share."""
    return {
        "resourceType": type_name,
        "id": id,
        "text": narrative(title, [about]),
        "url": url,
        "version": version,
        "name": computable(id),
        "title": title,
        "status": "active",
        "experimental": False,
        "date": PUBLISHED,
        "publisher": PUBLISHER,
        "description": about,
    }


def computable(id: str) -> str:
    """A name for machines: `rubriek-to-cd-hcparty` becomes `RubriekToCdHcparty`."""
    parts = "".join(each if each.isalnum() else " " for each in id).split()
    name = "".join(each[0].upper() + each[1:] for each in parts)
    return name if name[:1].isalpha() else f"X{name}"
