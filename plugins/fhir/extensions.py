"""What R4 has no element for: our extensions, each with its address. docs/fhir.md describes every one of them.

An extension that holds several values is complex: its parts are named `value`, `assertedAt`, `validUntil` and so on, as in the fiche.
"""

from __future__ import annotations

from typing import Any, Final

from hub import LANGUAGES, Document
from plugins.fhir.systems import BASE, code_system

_OURS: Final = BASE + "/StructureDefinition/"
CONTACT_ORIGIN: Final = _OURS + "contact-origin"
CONTACT_PURPOSE: Final = _OURS + "contact-purpose"
LOCATION_ADDRESS_TRANSLATION: Final = _OURS + "location-address-translation"
PATIENTENSTOP: Final = _OURS + "patientenstop"
ON_CALL: Final = _OURS + "on-call"
WAITING_LIST: Final = _OURS + "waiting-list"
CAPACITY: Final = _OURS + "capacity"
RECOGNITION: Final = _OURS + "recognition"
GOV_INFO: Final = _OURS + "gov-info"
TAG: Final = _OURS + "tag"
LEGAL_FORM: Final = _OURS + "legal-form"
CARRIED_OUT_BY: Final = _OURS + "carried-out-by"
PRICE: Final = _OURS + "price"
HOURS_TEXT: Final = _OURS + "hours-text"
HOURS_PERIOD: Final = _OURS + "hours-period"
BY_APPOINTMENT: Final = _OURS + "by-appointment"
VISUM: Final = _OURS + "visum"
CONVENTION: Final = _OURS + "convention"
OURS: Final = (
    CONTACT_ORIGIN,
    CONTACT_PURPOSE,
    LOCATION_ADDRESS_TRANSLATION,
    PATIENTENSTOP,
    ON_CALL,
    WAITING_LIST,
    CAPACITY,
    RECOGNITION,
    GOV_INFO,
    TAG,
    LEGAL_FORM,
    CARRIED_OUT_BY,
    PRICE,
    HOURS_TEXT,
    HOURS_PERIOD,
    BY_APPOINTMENT,
    VISUM,
    CONVENTION,
)
"""Every extension of ours; a test demands that docs/fhir.md describes each."""

TRANSLATION: Final = "http://hl7.org/fhir/StructureDefinition/translation"
LANGUAGE: Final = "http://hl7.org/fhir/StructureDefinition/language"
STREET_NAME: Final = "http://hl7.org/fhir/StructureDefinition/iso21090-ADXP-streetName"
HOUSE_NUMBER: Final = "http://hl7.org/fhir/StructureDefinition/iso21090-ADXP-houseNumber"
POST_BOX: Final = "http://hl7.org/fhir/StructureDefinition/iso21090-ADXP-postBox"
DATA_ABSENT: Final = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
DISTANCE: Final = "http://hl7.org/fhir/StructureDefinition/location-distance"

Json = dict[str, Any]


def text_extensions(url: str, text: Document) -> list[Json]:
    """A text, one extension for each language, with the parts `lang` and `content`.

    Not `valueString` with translations in `_valueString`: widely used models (fhir.resources) refuse that element, though R4 allows it.
    """
    return [{"extension": _in_language(language, text[language]), "url": url} for language in LANGUAGES if text.get(language)]


def _in_language(language: str, words: str) -> list[Json]:
    return [{"url": "lang", "valueCode": language}, {"url": "content", "valueString": words}]


def first_language(text: Document) -> tuple[str, list[Json]]:
    """The text to show, Dutch if there is any, and a translation extension for each of the other languages.

    https://hl7.org/fhir/R4/extension-translation.html
    """
    main = ""
    others: list[Json] = []
    for language in LANGUAGES:
        words = text.get(language)
        if not words:
            continue
        if not main:
            main = words
        else:
            others.append({"extension": _in_language(language, words), "url": TRANSLATION})
    return main, others


def volatile(url: str, value: Document) -> Json:
    """A yes or no that runs out: `value` (yes, no, unknown), and when known `weeks`, `assertedAt`, `validUntil`, `note`."""
    parts: list[Json] = [{"url": "value", "valueCode": value["value"]}]
    if "weeks" in value:
        parts.append({"url": "weeks", "valueInteger": value["weeks"]})
    _add_validity(parts, value)
    if "note" in value:
        parts.extend(text_extensions("note", value["note"]))
    return {"extension": parts, "url": url}


def capacity(value: Document) -> Json:
    """Places of one unit: `unit`, and when known `maximum`, `available`, `assertedAt`, `validUntil`."""
    parts: list[Json] = [{"url": "unit", "valueString": value["unit"]}]
    parts.extend({"url": key, "valueInteger": value[key]} for key in ("maximum", "available") if key in value)
    _add_validity(parts, value)
    return {"extension": parts, "url": CAPACITY}


def _add_validity(parts: list[Json], value: Document) -> None:
    if "asserted_at" in value:
        parts.append({"url": "assertedAt", "valueDateTime": value["asserted_at"]})
    if "valid_until" in value:
        parts.append({"url": "validUntil", "valueDate": value["valid_until"]})


def recognition(value: Document) -> Json:
    """A recognition (erkenning) by an authority: `number`, `authority`, `type`, `label`, `period`."""
    parts: list[Json] = [{"url": key, "valueString": value[key]} for key in ("number", "authority") if key in value]
    if "type" in value:
        parts.append({"url": "type", "valueCoding": bare_coding(value["type"])})
    if "label" in value:
        parts.extend(text_extensions("label", value["label"]))
    if "period" in value:
        parts.append({"url": "period", "valuePeriod": period(value["period"])})
    return {"extension": parts, "url": RECOGNITION}


def gov_info(value: Document) -> Json:
    """What government adds: `type`, `value`, `url`, `legalBasis`, `publishedAt`, `validFrom`, `validUntil`."""
    parts: list[Json] = [{"url": "type", "valueCode": value["type"]}]
    if "value" in value:
        parts.extend(text_extensions("value", value["value"]))
    if "url" in value:
        parts.append({"url": "url", "valueString": value["url"]})
    if "legal_basis" in value:
        parts.append({"url": "legalBasis", "valueString": value["legal_basis"]})
    for key, name in (
        ("published_at", "publishedAt"),
        ("valid_from", "validFrom"),
        ("valid_until", "validUntil"),
    ):
        if key in value:
            parts.append({"url": name, "valueDate": value[key]})
    return {"extension": parts, "url": GOV_INFO}


def tag(value: Document) -> Json:
    """A tag with who vouches for it: `tag`, `status` (self-declared, verified), `verifiedBy`."""
    parts: list[Json] = [{"url": "tag", "valueCoding": bare_coding(value)}]
    if "status" in value:
        parts.append({"url": "status", "valueCode": value["status"]})
    if "verified_by" in value:
        parts.append({"url": "verifiedBy", "valueString": value["verified_by"]})
    return {"extension": parts, "url": TAG}


def period(value: Document) -> Json:
    """A Period; an end before its start (per-1) is left out, because then one of the two is wrong and the start is the safer."""
    start, end = value.get("start"), value.get("end")
    if start is None:
        return {} if end is None else {"end": end}
    return {"start": start} if end is None or end < start else {"start": start, "end": end}


def bare_coding(code: Document) -> Json:
    """A concept as Coding, without a label. FHIR allows single blanks inside a code and no others."""
    value = code["code"]
    if " " in value:
        value = " ".join(value.split()) or "-"
    return {"system": code_system(code["scheme"]), "code": value}
