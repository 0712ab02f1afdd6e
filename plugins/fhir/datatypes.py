"""From values of a fiche to FHIR datatypes: one plain function each, elements in the order of the specification.

The order is the promise that the XML form rests on: it writes elements as they come. https://hl7.org/fhir/R4/datatypes.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from html import escape
from typing import Any, Final, Protocol
from weakref import WeakKeyDictionary

from hub import LANGUAGES, Document, Entity, main_name, name_in, resolve_contacts, said_in, street_in
from plugins.fhir import extensions as ext
from plugins.fhir.countries import ALPHA_2, country_of
from plugins.fhir.systems import HCPARTY, LANGUAGE_TAGS, REFNIS, RUBRIEK, code_system, identifier_system

Json = dict[str, Any]


class Labels(Protocol):
    """The part of the hub's book of concepts that rendering needs."""

    def label(self, scheme: str, code: str, language: str = "nl") -> str:
        """The concept's label in that language, or the nearest it has; the code itself for an unknown one."""
        ...

    def implied(self, scheme: str, code: str, target_scheme: str) -> Sequence[str]:
        """The codes of another scheme that hold of whatever has this code."""
        ...


# --- identifiers, codes, references ---------------------------------------------------------------------------------------


def identifiers(document: Document) -> list[Json]:
    """Every identifier with the address of its system, in the order of the fiche."""
    return [{"system": identifier_system(each["system"], each["value"]), "value": each["value"]} for each in document.get("identifiers", ())]


def coding(code: Document, labels: Labels) -> Json:
    """A concept as Coding, with its Dutch label when the hub knows the concept."""
    coded = ext.bare_coding(code)
    label = labels.label(code["scheme"], code["code"], "nl")
    if label != code["code"]:
        coded["display"] = label
    return coded


def codeable(code: Document, labels: Labels) -> Json:
    """A concept as CodeableConcept; its text is the Dutch label. Beside its own coding stand those that it implies (`beside`).

    The same object for the same code of one book: not to be changed.
    """
    known = _concepts.get(labels)
    if known is None or len(known) > _MOST_CONCEPTS:
        known = _concepts[labels] = {}
    scheme_and_code = code["scheme"], code["code"]
    return known.get(scheme_and_code) or known.setdefault(scheme_and_code, _codeable(code, labels))


_concepts: Final[WeakKeyDictionary[Labels, dict[tuple[str, str], Json]]] = WeakKeyDictionary()
_MOST_CONCEPTS: Final = 4_000


def _codeable(code: Document, labels: Labels) -> Json:
    coded = coding(code, labels)
    implied = [coding({"scheme": scheme, "code": each}, labels) for scheme, each in beside(code["scheme"], code["code"], labels.implied)]
    concept: Json = {"coding": [coded, *implied]}
    if "display" in coded:
        concept["text"] = coded["display"]
    return concept


def beside(scheme: str, code: str, implied: Callable[[str, str, str], Iterable[str]]) -> Iterator[tuple[str, str]]:
    """(scheme, code) of what is shown beside a code, because a search for it finds that one: what it implies in CD-HCPARTY, and as a rubriek.

    Beside a code of CD-HCPARTY stands no rubriek: each of the two would be there because of the other, and neither would be said by who sends both.
    """
    if scheme not in (RUBRIEK, HCPARTY):
        yield from ((RUBRIEK, each) for each in implied(scheme, code, RUBRIEK))
    yield from ((HCPARTY, each) for each in implied(scheme, code, HCPARTY))


def codeables(codes: Iterable[Document], labels: Labels) -> list[Json]:
    """Several concepts, one CodeableConcept each."""
    return [codeable(code, labels) for code in codes]


def languages(codes: Sequence[str]) -> list[Json]:
    """Languages of service as CodeableConcepts of BCP 47."""
    return [{"coding": [{"system": LANGUAGE_TAGS, "code": code}]} for code in codes]


def reference(resource_type: str, id: str, display: str = "") -> Json:
    """A reference to another resource of this server, which the caller knows to be visible."""
    if display:
        return {"reference": f"{resource_type}/{id}", "display": display}
    return {"reference": f"{resource_type}/{id}"}


def pointed_to(entity: Entity, id: str) -> Document | None:
    """What a reference of this entity may point to, its own fiche included: None where the asker could not read it by itself."""
    if id in entity.outside:
        return None
    return entity.fiche if id == entity.fiche["id"] else entity.related.get(id)


def service_areas(areas: Iterable[Document]) -> list[Json]:
    """Places that are served, as references by identifier: they are places of Belgium, not resources of this server."""
    return [
        {
            "type": "Location",
            "identifier": {
                "system": REFNIS if area["type"] == "municipality" else code_system(area["type"]),
                "value": area["code"],
            },
        }
        for area in areas
    ]


# --- names ----------------------------------------------------------------------------------------------------------------


def add_name(resource: Json, names: Sequence[Document]) -> str:
    """Set `name` (the official one, Dutch first) with `_name` for its translations; the name, or "" when there is none."""
    if not names:
        return ""
    main, others = ext.first_language(main_name(names, "nl")["text"])
    if main:
        resource["name"] = main
        if others:
            resource["_name"] = {"extension": others}
    return main


def aliases(names: Sequence[Document], name: str) -> list[str]:
    """Every other name, in any language, once: for readers who do not know the translation extension."""
    others: dict[str, None] = {}
    for each in names:
        for text in each["text"].values():
            if text and text != name:
                others[text] = None
    return list(others)


def name_of(document: Document | None) -> str:
    """How a fiche or part is called where it is pointed to; "" when it has no name that the asker may see."""
    return "" if document is None else name_in(document, "nl").text


# --- contacts -------------------------------------------------------------------------------------------------------------

_CONTACT_SYSTEM: Final = {
    "phone": "phone",
    "mobile": "phone",
    "fax": "fax",
    "email": "email",
    "website": "url",
}


def telecom(entity: Entity) -> list[Json]:
    """The contacts under which the entity can be reached; one that was inherited says from whom.

    A mobile telephone is a phone with use `mobile` (guidance of hl7.fhir.be.core).
    """
    points = []
    for contact, origin, _ in resolve_contacts(entity):
        kind, purpose = contact["kind"], contact.get("purpose", "general")
        point: Json = {}
        if origin != "self" or purpose != "general":
            about = []
            if origin != "self":
                about.append({"url": ext.CONTACT_ORIGIN, "valueCode": origin})
            if purpose != "general":
                about.append({"url": ext.CONTACT_PURPOSE, "valueCode": purpose})
            point["extension"] = about
        point["system"] = _CONTACT_SYSTEM[kind]
        point["value"] = contact["value"]
        point["use"] = "mobile" if kind == "mobile" else "work"
        if contact.get("primary"):
            point["rank"] = 1
        points.append(point)
    return points


# --- addresses ------------------------------------------------------------------------------------------------------------

_ADDRESS_TYPE: Final = {"postal": "postal", "administrative": "both"}


def addresses(values: Iterable[Document]) -> list[Json]:
    """BeAddress: every address once per language in which it is written.

    https://www.ehealth.fgov.be/standards/fhir/core/StructureDefinition/be-address (bilingual Brussels repeats the whole address)
    """
    written = [address(value, language) for value in values for language in address_languages(value)]
    # Addresses that differ in what is not written here are two to the merge, and one to whoever reads it.
    return written if len(written) < 2 else [one for place, one in enumerate(written) if one not in written[:place]]


def address_languages(value: Document) -> tuple[str, ...]:
    """The languages in which an address is written, Dutch first; one that is only numbers has one, without a name ("")."""
    street, city = value.get("street", ()), value.get("city", ())
    return tuple([each for each in LANGUAGES if each in street or each in city]) or ("",)


def address(value: Document, language: str) -> Json:
    """One address in one language; what it lacks in that language is taken from the first that has it.

    The country is in two letters, as BeAddress asks; what is none of those stands in the text.
    """
    road = said_in(value.get("street", {}), language).text
    town = said_in(value.get("city", {}), language).text
    number, box, postcode = value.get("house_number"), value.get("box"), value.get("postcode")
    written: Json = {}
    if language:
        written["extension"] = [_language(language)]
    written["use"] = "work"
    written["type"] = _ADDRESS_TYPE.get(value.get("type", "visit"), "physical")
    place = f"{postcode} {town}" if postcode and town else postcode or town
    parts = []
    line = street_in(value, language).text
    if road:
        parts.append({"url": ext.STREET_NAME, "valueString": road})
    if number:
        parts.append({"url": ext.HOUSE_NUMBER, "valueString": number})
    if box:
        parts.append({"url": ext.POST_BOX, "valueString": box})
    country = value.get("country", "BE")
    code = country if country in ALPHA_2 else country_of(country)
    shown = [each for each in (line, place, "" if code else country) if each]
    if shown:
        written["text"] = ", ".join(shown)
    if line:
        written["line"] = [line]
        written["_line"] = [{"extension": parts}]
    if town:
        written["city"] = town
    if postcode:
        written["postalCode"] = postcode
    if code:
        written["country"] = code
    return written


@lru_cache(8)
def _language(code: str) -> Json:
    return {"url": ext.LANGUAGE, "valueCode": code}


# --- hours ----------------------------------------------------------------------------------------------------------------


def available_time(hours: Iterable[Document], start: str, end: str) -> list[Json]:
    """Hours as `daysOfWeek`, `allDay`, and `start` and `end` under the names that the resource gives them.

    A closing time of 24:00, which FHIR has no word for, is 23:59:59; from 00:00 to 24:00 is all day.
    """
    found = []
    for each in hours:
        slot: Json = {}
        about: list[Json] = []
        if each.get("by_appointment"):
            about.append({"url": ext.BY_APPOINTMENT, "valueBoolean": True})
        if "valid_from" in each or "valid_until" in each:
            bounds = {"start": each.get("valid_from"), "end": each.get("valid_until")}
            valid = ext.period({name: day for name, day in bounds.items() if day})
            about.append({"url": ext.HOURS_PERIOD, "valuePeriod": valid})
        if about:
            slot["extension"] = about
        slot["daysOfWeek"] = list(each["days"])
        opens, closes = each.get("opens"), each.get("closes")
        if opens == "00:00" and closes == "24:00":
            slot["allDay"] = True
        else:
            if opens:
                slot[start] = opens + ":00"
            if closes:
                slot[end] = "23:59:59" if closes == "24:00" else closes + ":00"
        found.append(slot)
    return found


# --- narrative ------------------------------------------------------------------------------------------------------------

_SPECIAL: Final = re.compile(r"[&<>\x00-\x08\x0b\x0c\x0e-\x1f]")
_NO_CONTROLS: Final = {code: " " for code in range(32) if code not in (9, 10, 13)}


def narrative(title: str, lines: Iterable[str]) -> Json:
    """A short text for people: a title and a paragraph for each line. https://hl7.org/fhir/R4/narrative.html"""
    said = [line for line in lines if line.strip()]
    if _SPECIAL.search("".join((title, *said))) is not None:  # hardly ever, and one look is less than one for each
        title, said = _xhtml(title), [_xhtml(line) for line in said]
    shown = [f"<b>{title}</b>", *said] if title.strip() else said
    return {
        "status": "generated",
        "div": f'<div xmlns="http://www.w3.org/1999/xhtml"><p>{"</p><p>".join(shown) or "-"}</p></div>',
    }


def _xhtml(text: str) -> str:
    return escape(text.translate(_NO_CONTROLS), quote=False)


def meta(entity: Entity, profiles: list[str]) -> Json:
    """When the resource last changed for this asker, and the profiles that this very instance meets."""
    about: Json = {"versionId": str(entity.seq), "lastUpdated": entity.updated_at}
    if profiles:
        about["profile"] = profiles
    return about
