"""What a resource says about a fiche or a part of one, and what helps to read it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hub import FIELD_OF_PART, Document, EntityType, FieldError, Kind
from plugins.fhir.feed import reading as r
from plugins.fhir.feed.noting import Json, Reading


@dataclass(frozen=True, slots=True)
class Said:
    """What a resource says: the content of a claim of that `kind`, or when `part` names its type, a part of the fiche that `owner` links to.

    `read` tells what was wrong or is not kept.
    """

    kind: Kind
    content: Document
    read: Reading
    part: EntityType | None = None
    owner: Document | None = None

    def part_field(self) -> str:
        """The field of the fiche that holds the part; "" for a fiche."""
        return FIELD_OF_PART.get(self.part or "", "")

    def in_elements(self, error: FieldError) -> FieldError:
        """What the hub says about a field of the content (of a part: below the one part of its fiche), said about the element that the value came from."""
        steps = error.path.split(".")
        below = steps[2:] if self.part is not None and steps[0] == self.part_field() else steps
        return FieldError(self.read.path_of(self.content, ".".join(below)), error.reason, error.value)


@dataclass(frozen=True, slots=True)
class Given:
    """A resource with what is noted on the way through it."""

    resource: Json
    read: Reading

    def get(self, name: str) -> Any:
        """The value of this element, or None."""
        return self.resource.get(name)

    def items(self, name: str) -> list[Any]:
        """The values of this element."""
        found: list[Any] = self.resource.get(name, [])
        return found

    def listed(self, name: str, inner: str = "") -> list[tuple[str, Json]]:
        """The items of this element, or what is at `inner` in each, with their places."""
        return r.listed(name, self.items(name), inner)

    def link(self, reference: Json, target: str, place: str) -> Document | None:
        """The link of a reference; None, and an error, when it leads nowhere."""
        return self.read.around.link(reference, target, f"{self.read.path}.{place}")

    def to(self, name: str, target: str) -> Document | None:
        """The link of the reference in this element; None when there is none."""
        reference = self.resource.get(name)
        return None if reference is None else self.link(reference, target, name)


def filled(kind: str, **fields: Any) -> Document:
    """A claim's content, without what is not known."""
    return {"kind": kind} | known(**fields)


def known(**fields: Any) -> Document:
    """These fields, without what is not known."""
    return {name: value for name, value in fields.items() if value not in (None, "", [], {})}


def activity(active: Any) -> Document | None:
    """The status that `active` says."""
    return None if active is None else {"status": "active" if active is True else "inactive"}


def available(given: Given) -> list[Document]:
    """The hours in `availableTime`."""
    return r.hours(given.items("availableTime"), "availableTime", "availableStartTime", "availableEndTime", given.read)
