"""The invariants of R4 that a directory meets, each under its own name. https://hl7.org/fhir/R4/

A rule looks at one object and gives the place below it, what is broken and what to do; those that need the whole resource are in `whole`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from plugins.fhir.judge.issues import Json

Broken = tuple[str, str, str]
Rule = Callable[[Json], Iterator[Broken]]


def broken(type_name: str, value: Json) -> Iterator[Broken]:
    """What of the invariants of its type an object breaks: (place below it, what, remedy)."""
    for rule in _RULES.get(type_name, ()):
        yield from rule(value)


def _dicts(value: Any) -> Iterator[tuple[int, Json]]:
    if isinstance(value, list):
        for place, item in enumerate(value):
            if isinstance(item, dict):
                yield place, item


def _organization(value: Json) -> Iterator[Broken]:
    if not value.keys() & {"name", "_name", "identifier"}:
        yield "", "an organisation has neither a name nor an identifier (org-1).", "Give one of them."
    for name, rule in (("address", "org-2"), ("telecom", "org-3")):
        for place, item in _dicts(value.get(name)):
            if item.get("use") == "home":
                yield (
                    f".{name}[{place}].use",
                    f"an organisation is not at home ({rule}).",
                    "Use work, or leave it out.",
                )


def _extension(value: Json) -> Iterator[Broken]:
    has_value = any(key.lstrip("_").startswith("value") for key in value)
    if has_value == bool(value.get("extension")):
        what = "an extension has both a value and extensions (ext-1)." if has_value else "an extension says nothing (ext-1)."
        yield "", what, "Give a value or extensions, one of the two."


def _contact_point(value: Json) -> Iterator[Broken]:
    if "value" in value and not value.keys() & {"system", "_system"}:
        yield (
            ".system",
            "a contact has a value and no system (cpt-2).",
            "Say whether it is a phone, fax, email, pager, url, sms or other.",
        )


def _period(value: Json) -> Iterator[Broken]:
    start, end = value.get("start"), value.get("end")
    if isinstance(start, str) and isinstance(end, str) and _is_after(start, end):
        yield "", "the period ends before it starts (per-1).", "Mend the start or the end."


def _is_after(start: str, end: str) -> bool:
    """Whether one moment is later than another, as far as both are known."""
    if "T" in start and "T" in end:
        try:
            first, last = (datetime.fromisoformat(each).astimezone(UTC) for each in (start, end))
        except ValueError:
            return False
        return first > last
    known = min(len(start), len(end), 10)
    return start[:known] > end[:known]


def _quantity(value: Json) -> Iterator[Broken]:
    if "code" in value and "system" not in value:
        yield (
            ".system",
            "a unit has a code and no system (qty-3).",
            "Give the system, such as http://unitsofmeasure.org.",
        )


def _attachment(value: Json) -> Iterator[Broken]:
    if "data" in value and "contentType" not in value:
        yield ".contentType", "an attachment has data and no content type (att-1).", "Give the content type."


def _reference(value: Json) -> Iterator[Broken]:
    if not value.keys() & {"reference", "_reference", "identifier", "display", "_display", "extension"}:
        yield "", "a reference points to nothing.", "Give a reference, an identifier or a display."


def _parameter(value: Json) -> Iterator[Broken]:
    given = [key for key in value if key.startswith("value") or key in ("resource", "part")]
    if len(given) != 1:
        yield "", "a parameter has one of a value, a resource and parts (inv-1).", "Give exactly one."


def _code_system(value: Json) -> Iterator[Broken]:
    seen: set[str] = set()
    waiting = [("", value)]
    while waiting:
        path, node = waiting.pop()
        for place, concept in _dicts(node.get("concept")):
            code, here = concept.get("code"), f"{path}.concept[{place}]"
            if isinstance(code, str) and code in seen:
                yield (
                    f"{here}.code",
                    f"the code {code[:60]!r} occurs twice (csd-1).",
                    "Give every concept a code of its own.",
                )
            seen.add(str(code))
            waiting.append((here, concept))


def _bundle(value: Json) -> Iterator[Broken]:
    kind = value.get("type")
    entries = list(_dicts(value.get("entry")))
    if "total" in value and kind not in ("searchset", "history"):
        yield ".total", "only a searchset or a history has a total (bdl-1).", "Leave it out."
    changes = kind in ("batch", "transaction", "history")
    answers = kind in ("batch-response", "transaction-response", "history")
    for place, entry in entries:
        here = f".entry[{place}]"
        if "search" in entry and kind != "searchset":
            yield f"{here}.search", "only an entry of a searchset has search (bdl-2).", "Leave it out."
        if ("request" in entry) != changes:
            what = f"an entry of a {kind} {'has no' if changes else 'has a'} request (bdl-3)."
            yield f"{here}.request", what, "Give method and url." if changes else "Leave it out."
        if ("response" in entry) != answers:
            what = f"an entry of a {kind} {'has no' if answers else 'has a'} response (bdl-4)."
            yield f"{here}.response", what, "Give its status." if answers else "Leave it out."
        if not entry.keys() & {"resource", "request", "response"}:
            yield (
                here,
                "an entry has neither a resource nor a request or response (bdl-5).",
                "Give a resource.",
            )
        full_url = entry.get("fullUrl")
        if isinstance(full_url, str) and "/_history/" in full_url:
            yield (
                f"{here}.fullUrl",
                "a fullUrl does not name a version (bdl-8).",
                "Cut off /_history and what follows.",
            )
    yield from _twice(entries, kind)
    first = entries[0][1].get("resource") if entries else None
    named = first.get("resourceType") if isinstance(first, dict) else None
    if kind == "document":
        if "identifier" not in value:
            yield ".identifier", "a document has no identifier (bdl-9).", "Give system and value."
        if "timestamp" not in value:
            yield ".timestamp", "a document has no timestamp (bdl-10).", "Give it."
        if named != "Composition":
            yield ".entry", "a document does not begin with a Composition (bdl-11).", "Put it first."
    if kind == "message" and named != "MessageHeader":
        yield ".entry", "a message does not begin with a MessageHeader (bdl-12).", "Put it first."


def _twice(entries: list[tuple[int, Json]], kind: Any) -> Iterator[Broken]:
    if kind == "history":
        return
    seen: set[tuple[str, str]] = set()
    for place, entry in entries:
        url, resource = entry.get("fullUrl"), entry.get("resource")
        meta = resource.get("meta") if isinstance(resource, dict) else None
        version = str(meta.get("versionId", "")) if isinstance(meta, dict) else ""
        if isinstance(url, str):
            if (url, version) in seen:
                yield (
                    f".entry[{place}].fullUrl",
                    "two entries have the same fullUrl (bdl-7).",
                    "Give each its own.",
                )
            seen.add((url, version))


_RULES: Final[Mapping[str, tuple[Rule, ...]]] = {
    "Organization": (_organization,),
    "Extension": (_extension,),
    "ContactPoint": (_contact_point,),
    "Period": (_period,),
    "Quantity": (_quantity,),
    "Attachment": (_attachment,),
    "Reference": (_reference,),
    "ParametersParameter": (_parameter,),
    "CodeSystem": (_code_system,),
    "Bundle": (_bundle,),
}
