"""What would become of what is sent, as far as that can be told without a look at what is here: a dry run of `filing`, and what both go by."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from hub import FIELD_OF_PART, Claim, Directory, Document, FieldError, UnknownPlace, refusals
from plugins.fhir.feed.naming import NAMELESS, Entry, name_of, named
from plugins.fhir.feed.noting import Around, Json, Link
from plugins.fhir.feed.saying import Said
from plugins.fhir.feed.translate import said


def tried(entries: Sequence[Entry], asked: Directory) -> tuple[list[FieldError], list[tuple[str, str]]]:
    """What `filing.file` would refuse in them and what it would not keep, (path, why), as far as that can be told without a look at what is here.

    Whether there is what a reference names, and who owns a field, depends on who sends it, so that is told to whoever does.
    """
    errors: list[FieldError] = []
    notes: list[tuple[str, str]] = []
    names: dict[str, str] = {}
    for entry in entries:
        name = name_of(entry)
        if name is None:
            errors.append(FieldError(entry.path, NAMELESS))
        elif entry.full_url:
            names[entry.full_url] = name
    if errors:  # as `file` does: what they are called comes before what they say
        return errors, notes

    def link(reference: Json, target: str, path: str) -> Document | None:
        found = named(reference, target, path, names)
        if isinstance(found, FieldError):
            errors.append(found)
            return None
        if found is None:
            return {"system": reference["identifier"]["system"], "value": reference["identifier"]["value"]}
        return {"key": found} if target == "Location" else {"source": _NOBODY, "external_id": found}

    reads = around(asked, link)
    for entry in entries:
        if entry.resource is not None:
            told = said(entry.resource, entry.path, reads)
            errors += told.read.errors
            errors += refused(told, _NOBODY, errors)
            notes += told.read.unread()
            for each in told.read.repeated:
                if each.reference is not None and isinstance(named(each.reference, each.target, each.path, names), FieldError):
                    notes.append((each.path, each.why))
    return errors, notes


_NOBODY: Final = "fhir"
"""The source of a claim that is only tried."""


def around(asked: Directory, link: Link) -> Around:
    """What resources are read with."""
    places = asked.places

    def place(postcode: str, town: str) -> str | None:
        return places.of_address(postcode, town)

    def is_place(kind: str, code: str) -> bool:
        try:
            if kind == "municipality":
                places.current(code)
            elif kind == "postcode":
                places.by_postcode(code)
        except UnknownPlace:
            return False
        return True

    return Around(link=link, municipality=place, implied=asked.concepts().implied, is_place=is_place, today=asked.today())


def refused(told: Said, source: str, known: Iterable[FieldError]) -> list[FieldError]:
    """What the hub refuses in what a resource says, in words of the resource; nothing twice about one element."""
    content: Document = told.content
    if told.part is not None:
        content = {"kind": told.kind, FIELD_OF_PART[told.part]: [{"keys": [f"{source}:"], **content}]}
    about = {error.path for error in known}
    errors = [told.in_elements(error) for error in refusals(Claim(source, told.read.path, 1, told.kind, content))]
    return [error for error in errors if error.path not in about]
