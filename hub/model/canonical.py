"""The one form in which numbers and contacts are kept, whoever states them: what the door of the store does to every claim.

Nearly everything comes as it is kept, and a load looks at each value: so a pattern lets that pass, and only what is left is worked out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from hub.errors import FieldError, Invalid
from hub.model.claims import Claim
from hub.model.contact_values import normalise_email, normalise_phone, normalise_website
from hub.model.fiche import Document
from hub.model.identifiers import (
    EHP,
    KBO,
    RIZIV,
    RIZIV_GROUP,
    VESTIGING,
    InvalidIdentifier,
    is_canonical,
    normalise,
)

__all__ = ["as_kept", "canonical", "canonical_content"]

_NUMBERS: Final = frozenset({KBO, VESTIGING, RIZIV, RIZIV_GROUP, EHP})
_PARTS: Final = ("vestigingen", "caregivers")
"""The parts that may have numbers or contacts of their own."""
_EXCLUDED: Final = ("identifiers", "contacts")

# What these let pass the functions below either leave as it is or cannot read; tests hold them to that.
_AS_KEPT: Final[Mapping[str, Callable[[str], object]]] = {
    **dict.fromkeys(("phone", "mobile", "fax"), re.compile(r"\+32(?:4[5-9][0-9]{7}|(?!4[5-9])[1-9][0-9]{7})").fullmatch),
    "email": re.compile(r"[a-z0-9][a-z0-9._+-]*@[a-z0-9.-]*[a-z]").fullmatch,
    "website": re.compile(r"https?://[a-z0-9-]+\.[a-z0-9.-]*[a-z](?:/[A-Za-z0-9_.?=&#%/-]+)?").fullmatch,
}
_NORMALISERS: Final[Mapping[str, Callable[[str], str | None]]] = {
    **dict.fromkeys(("phone", "mobile", "fax"), normalise_phone),
    "email": normalise_email,
    "website": normalise_website,
}


def canonical(claim: Claim) -> Claim:
    """The claim with its numbers and contacts in the one form; the same object when they are already. Its shape must have been checked.

    Of a contact the spelling that came is kept as `raw`; one without such a form (a short number, a telephone number abroad) stays as it is. Raises `Invalid`
    with a `FieldError` for each number of the fiche or of a part that is none.
    """
    content = canonical_content(claim.content)
    excluded = claim.excluded
    if excluded:
        for name in _EXCLUDED:
            if name in excluded and (items := _each(excluded[name], _excluded)) is not excluded[name]:
                excluded = {**excluded, name: items}
    if content is claim.content and excluded is claim.excluded:
        return claim
    return replace(claim, content=content, excluded=excluded)


def as_kept(claim: Claim) -> Claim:
    """As `canonical`, of a claim that was taken in before this was asked of it: with a number that is none it stays as it is."""
    try:
        return canonical(claim)
    except Invalid:
        return claim


def canonical_content(content: Document) -> Document:
    """The same of the content of a claim alone, or of some of its fields."""
    wrong: list[FieldError] = []
    found = _holder(content, "", wrong)
    for field in _PARTS:
        if field in content:
            parts = content[field]
            for place, part in enumerate(parts):
                if "identifiers" not in part and "contacts" not in part:
                    continue
                kept = _holder(part, f"{field}.{place}.", wrong)
                if kept is not part:
                    if parts is content[field]:
                        parts = [*parts]
                        found = {**found, field: parts}
                    parts[place] = kept
    if wrong:
        said = " ".join(f"{each.path}: {each.reason}" for each in wrong)
        raise Invalid(f"A number of this fiche does not exist. {said}", tuple(wrong))
    return found


def _holder(holder: Document, path: str, wrong: list[FieldError]) -> Document:
    """A fiche or part with its own numbers and contacts in the one form."""
    found = holder
    numbers, contacts = holder.get("identifiers"), holder.get("contacts")
    if numbers:
        for item in numbers:
            if not is_canonical(item["system"], item["value"]):
                found = {**found, "identifiers": list(_numbers(numbers, f"{path}identifiers", wrong))}
                break
    if contacts:
        for item in contacts:
            if not _AS_KEPT[item["kind"]](item["value"]) and _contact(item) is not item:
                found = {**found, "contacts": [_contact(each) for each in contacts]}
                break
    return found


def _numbers(items: list[Document], path: str, wrong: list[FieldError]) -> Iterator[Document]:
    for place, item in enumerate(items):
        if item["system"] in _NUMBERS:
            try:
                value = normalise(item["system"], item["value"])
            except InvalidIdentifier as error:
                wrong.append(FieldError(f"{path}.{place}.value", error.reason, error.value[:80]))
                continue
            item = {**item, "value": value}
        yield item


def _contact(item: Document) -> Document:
    given = item["value"]
    value = _NORMALISERS[item["kind"]](given)
    return item if value is None or value == given else {"raw": given, **item, "value": value}


def _each(items: list[Any], form: Callable[[Document], Document]) -> list[Any]:
    found = [form(item) if isinstance(item, dict) else item for item in items]
    return found if any(one is not other for one, other in zip(found, items, strict=True)) else items


def _excluded(item: Document) -> Document:
    """What must not appear is named as it is kept; what is none can appear nowhere, and harms nobody here."""
    system, kind, given = item.get("system"), item.get("kind"), item.get("value")
    value = None
    if isinstance(given, str):
        if system in _NUMBERS:
            try:
                value = normalise(str(system), given)
            except InvalidIdentifier:
                return item
        elif kind in _NORMALISERS:
            value = _NORMALISERS[str(kind)](given)
    return item if value is None or value == given else {**item, "value": value}
