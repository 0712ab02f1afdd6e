"""From FHIR datatypes to values of a fiche: the way back of `plugins.fhir.datatypes`. Pure; the judge has passed the resource before.

Nothing is lost in silence: what has no place in a fiche is noted with its path.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from hub import (
    LANGUAGES,
    Document,
    FieldError,
    InvalidIdentifier,
    normalise_email,
    normalise_identifier,
    normalise_phone,
    normalise_website,
    phone_kind,
)
from plugins.fhir import extensions as ext
from plugins.fhir import systems as s

Json = dict[str, Any]
Link = Callable[[Json, str, str], "Document | None"]
"""(a Reference, the type that is expected, its path) -> the link that a claim holds; None when it leads nowhere, which is noted."""
Municipality = Callable[[str, str], "str | None"]
"""(postcode, town) -> REFNIS code."""
Implied = Callable[[str, str, str], Collection[str]]
"""(scheme, code, another scheme) -> the codes of that one which hold of whatever has this code."""


def _nothing(scheme: str, code: str, target_scheme: str) -> Collection[str]:
    return ()


@dataclass(slots=True)
class Reading:
    """What was found on the way through one resource: `errors` refuse it, `unread` are told and do no harm. `path` is where it stands."""

    path: str
    language: str = "nl"
    implied: Implied = _nothing
    errors: list[FieldError] = field(default_factory=list)
    unread: list[tuple[str, str]] = field(default_factory=list)

    def wrong(self, place: str, reason: str) -> None:
        """Something that cannot be used; the resource is refused."""
        self.errors.append(FieldError(f"{self.path}.{place}", reason))

    def leave(self, place: str, why: str = "a fiche has no place for it") -> None:
        """Something that is not kept."""
        self.unread.append((f"{self.path}.{place}", why))


# --- texts and codes --------------------------------------------------------------------------------------------------------


def language_of(tag: Any) -> str:
    """The language of a tag such as fr-BE; Dutch when it says none of ours."""
    short = str(tag or "").partition("-")[0].lower()
    return short if short in LANGUAGES else "nl"


def text(value: Any, extra: Any, found: Reading) -> Document:
    """A text with its translations (extension translation)."""
    told: Document = {}
    if isinstance(value, str) and value.strip():
        told[found.language] = value
    for each in _extensions(extra):
        if each.get("url") == ext.TRANSLATION:
            parts = {part.get("url"): part for part in _extensions(each)}
            words = parts.get("content", {}).get("valueString") or parts.get("content", {}).get("valueMarkdown")
            language = language_of(parts.get("lang", {}).get("valueCode"))
            if words:
                told.setdefault(language, words)
    return told


def in_languages(extensions: Iterable[Json]) -> Document:
    """Extensions of `lang` and `content`, as `plugins.fhir.extensions.text_extensions` writes them."""
    told: Document = {}
    for each in extensions:
        parts = {part.get("url"): part for part in _extensions(each)}
        words = parts.get("content", {}).get("valueString")
        if words:
            told.setdefault(language_of(parts.get("lang", {}).get("valueCode")), words)
    return told


def names(resource: Json, found: Reading) -> list[Document]:
    """`name` with its translations, and every `alias` that says something else."""
    told = text(resource.get("name"), resource.get("_name"), found)
    others = [alias for alias in resource.get("alias", ()) if isinstance(alias, str) and alias.strip() and alias not in told.values()]
    names: list[Document] = [{"text": told}] if told else []
    return names + [{"text": {found.language: alias}, "use": "alternative"} for alias in dict.fromkeys(others)]


def codes(concepts: Sequence[Json], place: str, found: Reading, ignored: Sequence[str] = ()) -> list[Document]:
    """The codings whose code system the hub knows; others are noted. What this server itself puts beside a code is not said by who sends it back."""
    told: list[Document] = []
    for number, concept in enumerate(concepts):
        beside = _beside(concept, found.implied)
        for inner, coding in enumerate(concept.get("coding", ())):
            system, code = coding.get("system"), coding.get("code")
            if system in ignored:
                continue
            scheme = s.scheme_of(system) if system else None
            if scheme is None or not code:
                found.leave(f"{place}[{number}].coding[{inner}]", f"the code system {str(system)[:100]} is not known here")
            elif (scheme, code) not in beside and {"scheme": scheme, "code": code} not in told:
                told.append({"scheme": scheme, "code": code})
        if not concept.get("coding"):
            found.leave(f"{place}[{number}]", "it has a text and no code")
    return told


def _beside(concept: Json, implied: Implied) -> set[tuple[str, str]]:
    """What the codings of a concept imply in CD-HCPARTY, as `datatypes.codeable` shows it."""
    own = [(s.scheme_of(coding.get("system") or ""), coding.get("code")) for coding in concept.get("coding", ())]
    return {(s.HCPARTY, also) for scheme, code in own if scheme and code for also in implied(scheme, code, s.HCPARTY)}


# --- identifiers -------------------------------------------------------------------------------------------------------------

_SSIN: Final = re.compile(r"(?:.*[/.])?(?:ssin|insz|niss|rijksregisternummer|nrn)|urn:oid:2\.16\.840\.1\.113883\.3\.6777\.5\.1", re.IGNORECASE)


def identifiers(given: Sequence[Json], wanted: Sequence[str], found: Reading) -> list[Document]:
    """Numbers with the hub's names for their systems; of several names the first of `wanted`. A national number refuses the resource."""
    told: list[Document] = []
    for number, each in enumerate(given):
        place, system, value = f"identifier[{number}]", each.get("system"), each.get("value")
        if isinstance(system, str) and _SSIN.fullmatch(system.strip().rstrip("/")):
            found.wrong(place, "a national number is never stored here, so the resource is refused; leave it out.")
        elif each.get("use") == "old" or system == "urn:ietf:rfc:3986":
            continue
        elif not isinstance(system, str) or not isinstance(value, str):
            found.leave(place, "a number needs a system and a value")
        else:
            known = s.identifier_names(system)
            name = next((one for one in wanted if one in known), known[0] if known else system)
            try:
                item = {"system": name, "value": normalise_identifier(name, value)}
            except InvalidIdentifier as error:
                found.wrong(f"{place}.value", error.reason)
                continue
            if item not in told:
                told.append(item)
    return told


# --- contacts ----------------------------------------------------------------------------------------------------------------

_NORMALISERS: Final = {"phone": normalise_phone, "fax": normalise_phone, "email": normalise_email, "url": normalise_website}
_KINDS: Final = {"fax": "fax", "email": "email", "url": "website"}


def contacts(points: Sequence[Json], found: Reading) -> list[Document]:
    """How somebody is reached. What the extension contact-origin marks as inherited belongs to somebody else, and is left to that."""
    told: list[Document] = []
    for number, point in enumerate(points):
        system, value = point.get("system"), point.get("value")
        about = {each.get("url"): each for each in _extensions(point)}
        if about.get(ext.CONTACT_ORIGIN, {}).get("valueCode", "self") != "self" or point.get("use") == "old":
            continue
        if system not in _NORMALISERS or not isinstance(value, str):
            found.leave(f"telecom[{number}]", "a fiche knows phone, fax, email and url")
            continue
        if point.get("use") == "home":
            found.leave(f"telecom[{number}]", "what is private is not kept")
            continue
        normal = _NORMALISERS[system](value)
        kind = _KINDS.get(system) or ("mobile" if point.get("use") == "mobile" else phone_kind(normal) if normal else "phone")
        contact: Document = {"kind": kind, "value": normal or value.strip()}
        if normal is not None and normal != value:
            contact["raw"] = value
        if purpose := about.get(ext.CONTACT_PURPOSE, {}).get("valueCode"):
            contact["purpose"] = purpose
        if point.get("rank") == 1:
            contact["primary"] = True
        told.append(contact)
    return told


# --- addresses ---------------------------------------------------------------------------------------------------------------

_LINE: Final = re.compile(r"(?P<street>.*?\D)\s+(?P<number>\d+(?:\s?[A-Za-z](?![A-Za-z]))?(?:[-/]\d+)?)(?:\s*(?:bus|bte|boite|boîte|/)\s*(?P<box>\S+))?")
_TYPES: Final = {"postal": "postal", "both": "administrative"}


def addresses(given: Sequence[Json], place: str, found: Reading, municipality: Municipality, visited: str = "visit") -> list[Document]:
    """Addresses; those that differ in their language alone are one. `visited` is the type of one where people come."""
    told: list[Document] = []
    for number, each in enumerate(given):
        where = f"{place}[{number}]"
        if each.get("use") in ("home", "temp", "old"):
            found.leave(where, "only where somebody works is kept")
            continue
        address, road, town = _address(each, where, found, visited)
        languages = [one.get("valueCode") for one in _extensions(each) if one.get("url") == ext.LANGUAGE]
        language = language_of(languages[0]) if languages else found.language
        same = next((one for one in told if _same_place(one, address) and language not in (one.get("street") or one.get("city") or {})), None)
        target = address if same is None else same
        if road:
            target["street"] = {**target.get("street", {}), language: road}
        if town:
            target["city"] = {**target.get("city", {}), language: town}
        if same is None and len(address) > 1:
            told.append(address)
    for address in told:
        code = municipality(address.get("postcode", ""), next(iter(address.get("city", {}).values()), ""))
        if code is not None and address.get("country", "BE") == "BE":
            address["municipality"] = code
    return told


_SAME: Final = ("type", "house_number", "box", "postcode", "country")


def _same_place(one: Document, other: Document) -> bool:
    return all(one.get(name) == other.get(name) for name in _SAME)


def _address(each: Json, where: str, found: Reading, visited: str) -> tuple[Document, str, str]:
    """The address without its texts, its street, its town."""
    address: Document = {"type": _TYPES.get(each.get("type", ""), visited)}
    lines = [line for line in each.get("line", ()) if isinstance(line, str)]
    extras = each.get("_line") or [None]
    parts = {one.get("url"): one.get("valueString") for one in _extensions(extras[0])}
    road = parts.get(ext.STREET_NAME) or ""
    number, box = parts.get(ext.HOUSE_NUMBER), parts.get(ext.POST_BOX)
    if not parts and lines:
        split = _LINE.fullmatch(lines[0].strip())
        if split is not None:
            road, number, box = split["street"].rstrip(","), split["number"], split["box"]
        else:
            road = lines[0].strip()
    if len(lines) > 1:
        found.leave(f"{where}.line[1]")
    for name, value in (("house_number", number), ("box", box), ("postcode", each.get("postalCode"))):
        if value:
            address[name] = value
    if each.get("country") not in (None, "", "BE"):
        address["country"] = each["country"]
    return address, road, each.get("city") or ""


# --- hours -------------------------------------------------------------------------------------------------------------------


def hours(slots: Sequence[Json], start: str, end: str) -> list[Document]:
    """Opening hours: 23:59:59, for which FHIR has no other word, is 24:00."""
    told: list[Document] = []
    for slot in slots:
        about = {each.get("url"): each for each in _extensions(slot)}
        entry: Document = {"days": list(slot.get("daysOfWeek", ("mon", "tue", "wed", "thu", "fri", "sat", "sun")))}
        if slot.get("allDay") is True:
            entry |= {"opens": "00:00", "closes": "24:00"}
        if isinstance(slot.get(start), str):
            entry["opens"] = slot[start][:5]
        if isinstance(slot.get(end), str):
            entry["closes"] = "24:00" if slot[end].startswith("23:59:59") else slot[end][:5]
        if about.get(ext.BY_APPOINTMENT, {}).get("valueBoolean") is True:
            entry["by_appointment"] = True
        valid = about.get(ext.HOURS_PERIOD, {}).get("valuePeriod", {})
        for name, key in (("valid_from", "start"), ("valid_until", "end")):
            if key in valid:
                entry[name] = valid[key][:10]
        told.append(entry)
    return told


def period(value: Json | None) -> Document:
    """A Period in whole days."""
    return {name: value[name][:10] for name in ("start", "end") if name in value and len(value[name]) >= 10} if value else {}


def _extensions(element: Any) -> Iterator[Json]:
    if isinstance(element, dict):
        yield from (each for each in element.get("extension", ()) if isinstance(each, dict))
