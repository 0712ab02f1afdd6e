"""The one table of our extensions: the StructureDefinitions are written from it, and the judge holds what comes in (and goes out) against it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from plugins.fhir import extensions as ext


@dataclass(frozen=True, slots=True)
class Value:
    """What an extension, or a part of one, holds: a FHIR type; for a code the list it is from; for a reference its target."""

    type: str
    about: str
    codes: str = ""
    target: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """A value inside a complex extension; `text` parts are themselves complex, repeat per language, and hold `lang` and `content`."""

    name: str
    value: Value
    least: int = 0
    repeats: bool = False

    @property
    def is_text(self) -> bool:
        """Whether it is a text in one language."""
        return self.value.type == "text"


@dataclass(frozen=True, slots=True)
class Definition:
    """One extension: where it may stand (a type, or an element with parts of its own), how often, and what it holds: a value or parts."""

    url: str
    title: str
    about: str
    contexts: tuple[str, ...]
    value: Value | None = None
    parts: tuple[Part, ...] = ()
    repeats: bool = False

    @property
    def name(self) -> str:
        """The end of the address: `patientenstop`."""
        return self.url.rsplit("/", 1)[1]


def _part(name: str, type: str, about: str, *, least: int = 0, codes: str = "") -> Part:
    return Part(name, Value(type, about, codes), least)


def _words(name: str, about: str) -> Part:
    return Part(name, Value("text", about), repeats=True)


_LANG: Final = _part("lang", "code", "The language, as in BCP 47.", least=1)
_CONTENT: Final = _part("content", "string", "The text in that language.", least=1)
TEXT_PARTS: Final = (_LANG, _CONTENT)
"""What every text in one language is made of, as in the extension `translation` of R4."""

_VALIDITY: Final = (
    _part("assertedAt", "dateTime", "When this was said."),
    _part("validUntil", "date", "The last day on which it counts."),
)
_YES_NO: Final = _part("value", "code", "Yes, no, or unknown.", least=1, codes="yes-no-unknown")
_NOTE: Final = _words("note", "What else there is to say, once per language.")
_SERVICE: Final = ("HealthcareService",)
_HOURS: Final = (
    "HealthcareService.availableTime",
    "PractitionerRole.availableTime",
    "Location.hoursOfOperation",
)

DEFINITIONS: Final[Mapping[str, Definition]] = {
    definition.url: definition
    for definition in (
        Definition(
            ext.CONTACT_ORIGIN,
            "Whose contact this is",
            "Stands on a contact that was inherited, and says from whom.",
            ("ContactPoint",),
            Value("code", "Whose contact it is.", "contact-origin"),
        ),
        Definition(
            ext.CONTACT_PURPOSE,
            "What a contact is for",
            "Stands on a contact that is not for general use.",
            ("ContactPoint",),
            Value("code", "What it is for.", "contact-purpose"),
        ),
        Definition(
            ext.LOCATION_ADDRESS_TRANSLATION,
            "A further address of a site",
            "Location.address comes once; this is the same address in another language, or a second address.",
            ("Location",),
            Value("Address", "The address."),
            repeats=True,
        ),
        Definition(
            ext.PATIENTENSTOP,
            "Patientenstop",
            "Whether new patients are refused. Past validUntil it is unknown.",
            _SERVICE,
            parts=(_YES_NO, *_VALIDITY, _NOTE),
        ),
        Definition(
            ext.ON_CALL,
            "On call",
            "Whether somebody is on call. Past validUntil it is unknown.",
            _SERVICE,
            parts=(_YES_NO, *_VALIDITY, _NOTE),
        ),
        Definition(
            ext.WAITING_LIST,
            "Waiting list",
            "Whether there is a waiting list and how long it takes. Past validUntil it is unknown.",
            _SERVICE,
            parts=(_YES_NO, _part("weeks", "integer", "How many weeks one waits."), *_VALIDITY, _NOTE),
        ),
        Definition(
            ext.CAPACITY,
            "Capacity",
            "Places of one unit: how many there are and how many are free.",
            _SERVICE,
            parts=(
                _part("unit", "string", "What is counted: bed, place, room.", least=1),
                _part("maximum", "integer", "How many there are."),
                _part("available", "integer", "How many are free."),
                *_VALIDITY,
            ),
            repeats=True,
        ),
        Definition(
            ext.RECOGNITION,
            "Recognition (erkenning)",
            "A recognition of an offer by an authority.",
            _SERVICE,
            parts=(
                _part("number", "string", "The number of the recognition."),
                _part("authority", "string", "Who recognises."),
                _part("type", "Coding", "What kind of recognition."),
                _words("label", "What it is called, once per language."),
                _part("period", "Period", "From when until when, both days included."),
            ),
            repeats=True,
        ),
        Definition(
            ext.GOV_INFO,
            "Information that government adds",
            "Complaint procedure, inspection report, supervision, with its legal basis.",
            ("Organization", "HealthcareService"),
            parts=(
                _part("type", "code", "What kind of information.", least=1, codes="gov-info-type"),
                _words("value", "What it says, once per language."),
                _part("url", "string", "Where it can be read, as the authority wrote it."),
                _part("legalBasis", "string", "The law it rests on."),
                _part("publishedAt", "date", "When it was published."),
                _part("validFrom", "date", "The first day on which it counts."),
                _part("validUntil", "date", "The last day on which it counts."),
            ),
            repeats=True,
        ),
        Definition(
            ext.TAG,
            "A tag, and who vouches for it",
            "A concept of a governed scheme.",
            ("Organization", "HealthcareService", "Practitioner"),
            parts=(
                _part("tag", "Coding", "The concept.", least=1),
                _part("status", "code", "Whether it was verified.", codes="tag-status"),
                _part("verifiedBy", "string", "Who verified it."),
            ),
            repeats=True,
        ),
        Definition(
            ext.LEGAL_FORM,
            "Legal form",
            "The legal form of an organisation.",
            ("Organization",),
            Value("CodeableConcept", "The legal form."),
        ),
        Definition(
            ext.CARRIED_OUT_BY,
            "Carried out by",
            "The organisation that carries an offer out, when that is another than the one that provides it.",
            _SERVICE,
            Value("Reference", "The organisation.", target="Organization"),
        ),
        Definition(
            ext.PRICE,
            "Price",
            "What an offer costs, in words, once per language.",
            _SERVICE,
            parts=TEXT_PARTS,
            repeats=True,
        ),
        Definition(
            ext.HOURS_TEXT,
            "Hours in words",
            "The hours in words, once per language.",
            ("Location", "HealthcareService"),
            parts=TEXT_PARTS,
            repeats=True,
        ),
        Definition(
            ext.HOURS_PERIOD,
            "Period in which hours hold",
            "Hours that hold only in a period, such as a holiday.",
            _HOURS,
            Value("Period", "The period, both days included."),
        ),
        Definition(
            ext.BY_APPOINTMENT,
            "By appointment only",
            "In these hours one comes by appointment only.",
            _HOURS,
            Value("boolean", "True: by appointment only."),
        ),
        Definition(
            ext.VISUM,
            "Visum",
            "Whether a caregiver may practise.",
            ("Practitioner",),
            Value("code", "The visum.", "visum"),
        ),
        Definition(
            ext.CONVENTION,
            "Convention",
            "Whether a caregiver has joined the convention with the health insurers.",
            ("Practitioner",),
            Value("code", "The convention.", "convention"),
        ),
    )
}
"""Every extension of ours, by its address."""


def value_name(type_name: str) -> str:
    """The element that holds a value of that type: `valueCode`."""
    return "value" + type_name[0].upper() + type_name[1:]
