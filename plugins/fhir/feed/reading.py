"""From FHIR datatypes to values of a fiche: the way back of `plugins.fhir.datatypes`. Pure; the judge has passed the resource before.

Nothing is lost in silence: what has no place in a fiche is noted with its path, here or by `untold`. Every value is noted with the element that it came from.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from hub import (
    LANGUAGES,
    Document,
    InvalidIdentifier,
    normalise_email,
    normalise_identifier,
    normalise_phone,
    normalise_website,
    phone_kind,
    words,
)
from plugins.fhir import datatypes as dt
from plugins.fhir import extensions as ext
from plugins.fhir import systems as s
from plugins.fhir.countries import country_of
from plugins.fhir.feed.noting import Json, Reading

_ENDED: Final = "its period has ended, and only what holds now is kept"


# --- texts and codes --------------------------------------------------------------------------------------------------------


def language_of(tag: Any) -> str | None:
    """The language of a tag such as fr-BE; None when it is none of ours."""
    short = str(tag or "").partition("-")[0].lower()
    return short if short in LANGUAGES else None


_NO_LANGUAGE: Final = f"a text is kept in one of the languages {', '.join(LANGUAGES)}"


def text(value: Any, extra: Any, place: str, found: Reading) -> Document:
    """A text with its translations (extension translation)."""
    told: Document = {}
    places: dict[str, str] = {}
    if isinstance(value, str) and value.strip():
        told[found.language], places[found.language] = value, place
    given = [(f"{place}.extension[{number}]", each) for number, each in enumerate(_extensions(extra)) if each.get("url") == ext.TRANSLATION]
    told = _in_languages(given, told, places, found)
    found.came(told, place, places)
    return told


def in_languages(given: Iterable[tuple[str, Json]], found: Reading) -> Document:
    """Extensions of `lang` and `content` with their places, as `plugins.fhir.extensions.text_extensions` writes them."""
    places: dict[str, str] = {}
    told = _in_languages(given, {}, places, found)
    found.came(told, next(iter(places.values()), ""), places)
    return told


def _in_languages(given: Iterable[tuple[str, Json]], told: Document, places: dict[str, str], found: Reading) -> Document:
    for place, each in given:
        parts = {part.get("url"): part for part in _extensions(each)}
        content, tag = parts.get("content", {}), parts.get("lang", {}).get("valueCode")
        said = content.get("valueString") or content.get("valueMarkdown")
        language = language_of(tag) if tag else "nl"
        if not said:
            found.leave(place, "a text has the parts lang and content")
        elif language is None:
            found.leave(place, _NO_LANGUAGE)
        elif told.setdefault(language, said) != said:
            found.leave(place, f"there is another text in {language} already")
        else:
            places.setdefault(language, place)
    return told


def names(resource: Json, found: Reading) -> list[Document]:
    """`name` with its translations, and every `alias` that says something else."""
    told = text(resource.get("name"), resource.get("_name"), "name", found)
    names: list[Document] = [{"text": told}] if told else []
    seen = set(told.values())
    for number, alias in enumerate(resource.get("alias", ())):
        if isinstance(alias, str) and alias.strip() and alias not in seen:
            seen.add(alias)
            names.append({"text": {found.language: alias}, "use": "alternative"})
            found.came(names[-1], f"alias[{number}]")
    return names


def codes(concepts: Iterable[tuple[str, Json]], found: Reading, ignored: Sequence[str] = ()) -> list[Document]:
    """The codings, of concepts with their places, whose code system the hub knows; others are noted, but for those of code systems that are `ignored`.

    What this server itself puts beside a code is not said by who sends it back. The label of a code is that of the concept, never the sender's.
    """
    told: list[Document] = []
    for place, concept in concepts:
        beside = _beside(concept, found)
        for inner, coding in enumerate(concept.get("coding", ())):
            system, code, where = coding.get("system"), coding.get("code"), f"{place}.coding[{inner}]"
            if system in ignored:
                continue
            scheme = s.scheme_of(system) if system else None
            if scheme is None or not code:
                found.leave(where, f"the code system {str(system)[:100]} is not known here" if code else "it has no code")
            elif (scheme, code) not in beside and {"scheme": scheme, "code": code} not in told:
                told.append({"scheme": scheme, "code": code})
                found.came(told[-1], where, {"scheme": f"{where}.system", "code": f"{where}.code"})
        if not concept.get("coding"):
            found.leave(place, "it has a text and no code" if "text" in concept else "it has no code")
    return told


def listed(place: str, values: Iterable[Json], inner: str = "") -> list[tuple[str, Json]]:
    """The items of an element, or what is at `inner` in each, with their places."""
    if not inner:
        return [(f"{place}[{number}]", each) for number, each in enumerate(values)]
    return [(f"{place}[{number}].{inner}", each.get(inner, {})) for number, each in enumerate(values)]


def _beside(concept: Json, found: Reading) -> set[tuple[str, str]]:
    """What the codings of a concept imply, as `datatypes.codeable` shows it."""
    own = [(s.scheme_of(coding.get("system") or ""), coding.get("code")) for coding in concept.get("coding", ())]
    return {also for scheme, code in own if scheme and code for also in dt.beside(scheme, code, found.around.implied)}


# --- identifiers -------------------------------------------------------------------------------------------------------------

_SSIN: Final = re.compile(r"(?:.*[/.])?(?:ssin|insz|niss|rijksregisternummer|nrn)|urn:oid:2\.16\.840\.1\.113883\.3\.6777\.5\.1", re.IGNORECASE)
_ADDRESSES: Final = "urn:ietf:rfc:3986"


def identifiers(resource: Json, wanted: Sequence[str], found: Reading) -> list[Document]:
    """Numbers with the hub's names for their systems; of several names the first of `wanted`. A national number refuses the resource."""
    told: list[Document] = []
    for number, each in enumerate(resource.get("identifier", ())):
        place, system, value = f"identifier[{number}]", each.get("system"), each.get("value")
        if isinstance(system, str) and _SSIN.fullmatch(system.strip().rstrip("/")):
            found.wrong(place, "a national number is never stored here, so the resource is refused; leave it out.")
        elif not isinstance(system, str) or not isinstance(value, str):
            found.leave(place, "a number needs a system and a value")
        elif system == _ADDRESSES and value == f"urn:uuid:{resource.get('id')}":
            continue  # as we show what has neither name nor number
        elif system == _ADDRESSES:
            found.leave(place, "an address is not the number of anything; give it a system of your own")
        elif each.get("use") == "old":
            found.leave(place, "an old number is not kept")
        elif _ended(each, found):
            found.leave(place, _ENDED)
        else:
            if each.get("use") in ("temp", "secondary"):
                found.leave(f"{place}.use", "a fiche has no word for how good a number is")
            known = s.identifier_names(system)
            name = next((one for one in wanted if one in known), known[0] if known else system)
            try:
                item = {"system": name, "value": normalise_identifier(name, value)}
            except InvalidIdentifier as error:
                found.wrong(f"{place}.value", error.reason)
                continue
            if item not in told:
                told.append(item)
                found.came(item, place, {"system": f"{place}.system", "value": f"{place}.value"})
    return told


# --- contacts ----------------------------------------------------------------------------------------------------------------

_NORMALISERS: Final = {"phone": normalise_phone, "fax": normalise_phone, "email": normalise_email, "url": normalise_website}
_KINDS: Final = {"fax": "fax", "email": "email", "url": "website"}


def contacts(points: Sequence[Json], found: Reading) -> list[Document]:
    """How somebody is reached. What the extension contact-origin marks as inherited belongs to somebody else, and is left to that."""
    told: list[Document] = []
    for number, point in enumerate(points):
        place, system, value, use = f"telecom[{number}]", point.get("system"), point.get("value"), point.get("use")
        about = {each.get("url"): each for each in _extensions(point)}
        if about.get(ext.CONTACT_ORIGIN, {}).get("valueCode", "self") != "self":
            continue
        if system not in _NORMALISERS or not isinstance(value, str):
            found.leave(place, "a fiche knows phone, fax, email and url")
            continue
        if use == "home":
            found.leave(place, "what is private is not kept")
            continue
        if use == "old" or _ended(point, found):
            found.leave(place, "an old one is not kept" if use == "old" else _ENDED)
            continue
        if use == "temp" or (use == "mobile" and system != "phone"):
            found.leave(f"{place}.use", f"it is kept as any other {system}")
        normal = _NORMALISERS[system](value)
        kind = _KINDS.get(system) or ("mobile" if use == "mobile" else phone_kind(normal) if normal else "phone")
        contact: Document = {"kind": kind, "value": normal or value.strip()}
        if normal is not None and normal != value:
            contact["raw"] = value
        if purpose := about.get(ext.CONTACT_PURPOSE, {}).get("valueCode"):
            contact["purpose"] = purpose
        if point.get("rank") == 1:
            contact["primary"] = True
        elif "rank" in point:
            found.leave(f"{place}.rank", "only which one comes first is kept (rank 1)")
        told.append(contact)
        found.came(contact, place, {"value": f"{place}.value", "raw": f"{place}.value", "purpose": f"{place}.extension"})
    return told


# --- addresses ---------------------------------------------------------------------------------------------------------------

_LINE: Final = re.compile(
    r"(?P<street>.*?[^\d\s])\s+(?P<number>\d+(?:\s?[A-Za-z](?![A-Za-z]))?(?:[-/]\d+)?)(?:\s*(?:[Bb]us|bte|boite|boîte|/)\s*(?P<box>\S+))?"
)
_TYPES: Final = {"postal": "postal", "both": "administrative"}
_BOX: Final = frozenset({"bus", "bte", "boite", "b"})
_COUNTRY: Final = frozenset({"belgie", "belgique", "belgien", "belgium", "be"})


def addresses(given: Iterable[tuple[str, Json]], found: Reading, visited: str = "visit") -> list[Document]:
    """Addresses, each with its place; those that differ in their language alone are one. `visited` is the type of one where people come."""
    told: list[Document] = []
    for where, each in given:
        if each.get("use") in ("home", "temp", "old"):
            found.leave(where, "only where somebody works is kept")
            continue
        if _ended(each, found):
            found.leave(where, _ENDED)
            continue
        address, road, town = _address(each, where, found, visited)
        language = _address_language(each, where, found)
        same = next((one for one in told if _same_place(one, address) and language not in (one.get("street") or one.get("city") or {})), None)
        target = address if same is None else same
        for name, said, place in (("street", road, f"{where}.line[0]"), ("city", town, f"{where}.city")):
            if said:
                target.setdefault(name, {})[language] = said
                found.also_came(target, f"{name}.{language}", place)
        if len(address) == 1 and not road and not town:
            found.leave(where, "an address says where it is in line, postalCode or city")
        elif same is None:
            told.append(address)
    for address in told:
        code = found.around.municipality(address.get("postcode", ""), next(iter(address.get("city", {}).values()), ""))
        if code is not None and "country" not in address:
            address["municipality"] = code
    return told


_SAME: Final = ("type", "house_number", "box", "postcode", "country")


def _same_place(one: Document, other: Document) -> bool:
    return all(one.get(name) == other.get(name) for name in _SAME)


def _address_language(each: Json, where: str, found: Reading) -> str:
    for number, one in enumerate(_extensions(each)):
        if one.get("url") == ext.LANGUAGE:
            language = language_of(one.get("valueCode"))
            if language is not None:
                return language
            found.leave(f"{where}.extension[{number}]", _NO_LANGUAGE)
    return found.language


def _address(each: Json, where: str, found: Reading, visited: str) -> tuple[Document, str, str]:
    """The address without its texts, its street, its town."""
    address: Document = {"type": _TYPES.get(each.get("type", ""), visited)}
    lines: list[Any] = each.get("line", [])
    parts = {one.get("url"): one.get("valueString") for extra in each.get("_line") or () for one in _extensions(extra)}
    road, number, box = (parts.get(url) or "" for url in (ext.STREET_NAME, ext.HOUSE_NUMBER, ext.POST_BOX))
    first = lines[0].strip() if lines and isinstance(lines[0], str) else ""
    split = _LINE.fullmatch(first)
    street = split["street"].rstrip(",") if split is not None else first
    if not (road or number or box) or (road and words(road) == words(street)):  # of what the extensions do not say the line itself is read
        road = road or street
        if split is not None:
            number, box = number or split["number"], box or split["box"]
    for place, line in enumerate(lines):
        if _words(line) - _words(road, number, box) - _BOX:
            found.leave(f"{where}.line[{place}]", "an address has one street, number and box, and others are kept")
    if each.get("use") == "billing":
        found.leave(f"{where}.use", "it is kept as the address that its type says")
    for name, value in (("house_number", number), ("box", box), ("postcode", each.get("postalCode"))):
        if value:
            address[name] = value
    country = _country(each.get("country"), f"{where}.country", found)
    if country != "BE":
        address["country"] = country
    town = each.get("city") or ""
    if _words(each.get("text")) - _words(*lines, road, number, box, town, each.get("postalCode"), each.get("country")) - _BOX - _COUNTRY:
        found.leave(f"{where}.text", "it says more than the parts of the address, and these are kept")
    on_line = dict.fromkeys(("street", "house_number", "box"), f"{where}.line[0]")
    found.came(address, where, on_line | {"postcode": f"{where}.postalCode", "city": f"{where}.city", "country": f"{where}.country"})
    return address, road, town


def _country(said: Any, place: str, found: Reading) -> str:
    """In two letters; Belgium where nothing is said."""
    if not said:
        return "BE"
    country = country_of(said)
    if country is None:
        found.wrong(place, f"{said[:40]!r} is no country that is known here; write it in two letters, as ISO 3166-1 has them: BE, NL, FR.")
    return country or "BE"


def _words(*texts: Any) -> set[str]:
    return {word for each in texts if isinstance(each, str) for word in words(each)}


def says_more(text: Any, *parts: Any) -> bool:
    """Whether a text holds a word that none of the parts has."""
    return bool(_words(text) - _words(*parts))


# --- hours and periods -------------------------------------------------------------------------------------------------------


def hours(slots: Sequence[Json], place: str, start: str, end: str, found: Reading) -> list[Document]:
    """Opening hours: 23:59:59, for which FHIR has no other word, is 24:00."""
    told: list[Document] = []
    for number, slot in enumerate(slots):
        where = f"{place}[{number}]"
        about = {each.get("url"): (f"{where}.extension[{inner}]", each) for inner, each in enumerate(_extensions(slot))}
        entry: Document = {"days": list(slot.get("daysOfWeek", ("mon", "tue", "wed", "thu", "fri", "sat", "sun")))}
        if slot.get("allDay") is True:
            entry |= {"opens": "00:00", "closes": "24:00"}
        if isinstance(slot.get(start), str):
            entry["opens"] = _minute(slot[start], f"{where}.{start}", found)
        if isinstance(slot.get(end), str):
            entry["closes"] = "24:00" if slot[end].startswith("23:59:59") else _minute(slot[end], f"{where}.{end}", found)
        _, needed = about.get(ext.BY_APPOINTMENT, ("", {}))
        if isinstance(needed.get("valueBoolean"), bool):
            entry["by_appointment"] = needed["valueBoolean"]
        valid_at, valid = about.get(ext.HOURS_PERIOD, ("", {}))
        bounds = period(valid.get("valuePeriod"), f"{valid_at}.valuePeriod", found)
        entry |= {name: bounds[key] for name, key in (("valid_from", "start"), ("valid_until", "end")) if key in bounds}
        told.append(entry)
        places = {"days": f"{where}.daysOfWeek", "opens": f"{where}.{start}", "closes": f"{where}.{end}"}
        found.came(entry, where, places | {name: valid_at for name in ("valid_from", "valid_until") if valid_at})
    return told


def _minute(time: str, place: str, found: Reading) -> str:
    if time[5:].strip(":.0"):
        found.leave(place, "of a time the seconds are not kept")
    return time[:5]


def period(value: Json | None, place: str, found: Reading) -> Document:
    """A Period in whole days; of a month or a year the first or the last."""
    told: Document = {}
    for name in ("start", "end"):
        said = (value or {}).get(name)
        if isinstance(said, str):
            told[name] = _day(said, last=name == "end")
            if said[11:19] not in ("", "00:00:00", "23:59:59"):
                found.leave(f"{place}.{name}", "of a moment only the day is kept")
    found.came(told, place, {name: f"{place}.{name}" for name in told})
    return told


def _day(said: str, *, last: bool) -> str:
    if len(said) == 4:
        return f"{said}-12-31" if last else f"{said}-01-01"
    if len(said) == 7:
        return f"{said}-{monthrange(int(said[:4]), int(said[5:]))[1]}" if last else f"{said}-01"
    return said[:10]


def _ended(value: Json, found: Reading) -> bool:
    """Whether the period of a value lies behind us."""
    end = value.get("period", {}).get("end")
    return isinstance(end, str) and _day(end, last=True) < found.around.today


def _extensions(element: Any) -> Iterator[Json]:
    if isinstance(element, dict):
        yield from (each for each in element.get("extension", ()) if isinstance(each, dict))
