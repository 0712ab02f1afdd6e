"""From our own extensions to values of a fiche: the way back of `plugins.fhir.extensions`. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from hub import Document
from plugins.fhir import extensions as ext
from plugins.fhir import systems as s
from plugins.fhir.feed.noting import Json, Reading
from plugins.fhir.feed.reading import codes, in_languages


def read(resource: Json, wanted: tuple[str, ...], found: Reading) -> Document:
    """The fields that the extensions named in `wanted` fill; others of anybody's are noted."""
    told: Document = {}
    texts: dict[str, list[tuple[str, Json]]] = {}
    for number, each in enumerate(resource.get("extension", ())):
        url, place = each.get("url"), f"extension[{number}]"
        if url not in wanted:
            found.leave(place, "this extension is not taken over")
        elif url in _TEXTS:
            texts.setdefault(_TEXTS[url], []).append((place, each))
        elif url in _FIELDS:  # a reference or an address is read where it belongs
            name, many, reading = _FIELDS[url]
            value = reading(each, place, found)
            if not value:  # told already
                continue
            if isinstance(value, dict):
                found.came(value, place)
            if many:
                told.setdefault(name, []).append(value)
            else:
                told[name] = value
    told |= {name: words for name, some in texts.items() if (words := in_languages(some, found))}
    return told


def _parts(each: Json) -> dict[str, Any]:
    """Part -> its value; the last of several."""
    found = {}
    for part in each.get("extension", ()):
        value = next((part[key] for key in part if key.startswith("value")), None)
        if value is not None:
            found[part.get("url", "")] = value
    return found


def _texts(each: Json, name: str, place: str, found: Reading) -> Document:
    parts = enumerate(each.get("extension", ()))
    return in_languages([(f"{place}.extension[{number}]", part) for number, part in parts if part.get("url") == name], found)


def _some(told: Document, **more: Any) -> Document:
    return told | {name: value for name, value in more.items() if value not in (None, {}, [])}


def _volatile(each: Json, place: str, found: Reading) -> Document:
    parts = _parts(each)
    return _some(
        {"value": parts.get("value", "unknown")},
        weeks=parts.get("weeks"),
        asserted_at=parts.get("assertedAt"),
        valid_until=parts.get("validUntil"),
        note=_texts(each, "note", place, found),
    )


def _capacity(each: Json, place: str, found: Reading) -> Document:
    parts = _parts(each)
    return _some(
        {"unit": parts.get("unit", "place")},
        maximum=parts.get("maximum"),
        available=parts.get("available"),
        asserted_at=parts.get("assertedAt"),
        valid_until=parts.get("validUntil"),
    )


def _code(coding: Json | None) -> Document | None:
    if not coding or not coding.get("code"):
        return None
    scheme = s.scheme_of(coding.get("system", ""))
    return None if scheme is None else {"scheme": scheme, "code": coding["code"]}


def _recognition(each: Json, place: str, found: Reading) -> Document:
    parts = _parts(each)
    kind = _code(parts.get("type"))
    if kind is None and "type" in parts:
        found.leave(place, "the code system of its type is not known here, and the rest of it is kept")
    return _some(
        {},
        number=parts.get("number"),
        authority=parts.get("authority"),
        type=kind,
        label=_texts(each, "label", place, found),
        period=parts.get("period"),
    )


def _gov_info(each: Json, place: str, found: Reading) -> Document:
    parts = _parts(each)
    return _some(
        {"type": parts.get("type", "other")},
        value=_texts(each, "value", place, found),
        url=parts.get("url"),
        legal_basis=parts.get("legalBasis"),
        published_at=parts.get("publishedAt"),
        valid_from=parts.get("validFrom"),
        valid_until=parts.get("validUntil"),
    )


def _tag(each: Json, place: str, found: Reading) -> Document:
    parts = _parts(each)
    tag = _code(parts.get("tag"))
    if tag is None:
        found.wrong(place, "the code system of this tag is not known here; GET CodeSystem lists those that are.")
        return {}
    return _some(tag, status=parts.get("status"), verified_by=parts.get("verifiedBy"))


def _legal_form(each: Json, place: str, found: Reading) -> Document:
    told = codes([(f"{place}.valueCodeableConcept", each.get("valueCodeableConcept", {}))], found)
    if len(told) > 1:
        found.leave(place, f"an organisation has one legal form, and {told[0]['code']} is kept")
    return told[0] if told else {}


def _value_code(each: Json, place: str, found: Reading) -> str:
    return str(each.get("valueCode", ""))


_FIELDS: Final[dict[str, tuple[str, bool, Callable[[Json, str, Reading], Any]]]] = {
    # url -> field of the fiche, whether it is a list, how it is read
    ext.PATIENTENSTOP: ("patientenstop", False, _volatile),
    ext.ON_CALL: ("on_call", False, _volatile),
    ext.WAITING_LIST: ("waiting_list", False, _volatile),
    ext.CAPACITY: ("capacity", True, _capacity),
    ext.RECOGNITION: ("recognitions", True, _recognition),
    ext.GOV_INFO: ("gov_info", True, _gov_info),
    ext.TAG: ("tags", True, _tag),
    ext.LEGAL_FORM: ("legal_form", False, _legal_form),
    ext.VISUM: ("visum", False, _value_code),
    ext.CONVENTION: ("convention", False, _value_code),
}
_TEXTS: Final = {ext.PRICE: "price", ext.HOURS_TEXT: "hours_text"}
