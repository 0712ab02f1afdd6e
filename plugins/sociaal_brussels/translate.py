"""From an organisation of sociaal.brussels to two claims: the organisatie, and what it offers. Pure: no IO, no clock."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final

from hub import (
    Claim,
    Document,
    InvalidIdentifier,
    Rejected,
    normalise_email,
    normalise_identifier,
    normalise_phone,
    normalise_website,
    number_and_box,
    phone_kind,
)
from plugins.sociaal_brussels.reading import Json, day, lists, text_of, texts, whole
from plugins.sociaal_brussels.vocabulary import CATEGORIES, LEGAL_STATUS

SOURCE: Final = "sociaal-brussels"
Municipal = Callable[[str, str], str | None]
"""Finds the REFNIS code for a postcode and the name of a municipality."""

# Nine or ten digits in the spellings that people use, with nothing that would make them part of a longer number.
_NUMBER: Final = re.compile(r"(?<![0-9.])[0-9](?:[ ./-]{0,2}[0-9]){8,9}(?![ ./-]{0,2}[0-9])")
_LANGUAGES: Final = {"NL": "nl", "FR": "fr", "DE": "de", "EN": "en"}
_ASKED: Final = ("nl", "fr")
_LEADS: Final = {
    "public": {"nl": "Voor wie: ", "fr": "Public : "},
    "access": {"nl": "Toegang: ", "fr": "Accès : "},
    "remark": {"nl": "Opmerking: ", "fr": "Remarque : "},
}
# What is read of a row, and what only says again what others of its keys say: sectors and short categories, Lambert coordinates, statistical sectors.
_USED: Final = frozenset({"id", "legalStatus", "address", "categories", "categoriesObject", "sectorsObjects", "pmRp", "langStatus", "lastUpdate"})
_USED_IN_BOTH: Final = frozenset(
    {
        *("nameOfficial", "nameAlternative", "nameFormer", "nameService", "description", "activities", "permanency", "public", "access", "remark"),
        *("tel", "fax", "email", "websiteOfficial", "websiteUnofficial", "websiteInfo"),
    }
)
_USED_OF_ADDRESS: Final = frozenset({"id", "number", "postalBox", "zipCode", "lat", "lon", "x", "y", "districtCode", "statisticsCode"})
_USED_OF_ADDRESS_IN_BOTH: Final = frozenset({"street", "municipality", "postalCode", "district", "statisticsName"})
_DAY_MS: Final = 86_400_000
_EPOCH: Final = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Told:
    """What one row says, and what was left out of it on the way: kind of remark -> how often; `unused`: keys that hold something for which a fiche has no place."""

    claims: tuple[Claim, ...]
    remarks: Counter[str]
    unused: tuple[str, ...]


def revision_of(updated: date | None, now: datetime) -> int:
    """The revision of what a row says when it is read at `now`, in milliseconds: the moment of reading, but not beyond the day after `updated`.

    The interface dates a row by the day. Two edits on one day would then have one revision, and the hub would keep whichever has the higher
    digest: possibly the older. So as long as a day may still bring edits, what is read later stands higher; and once it is over (with a day to spare
    for time zones and for exports made at night) the revision is the same in every pull, so that an unchanged row is recognised as
    unchanged. A row without a day, or with one that is yet to come, is taken as it is now.
    """
    read_at = int(now.astimezone(UTC).timestamp() * 1000)
    return read_at if updated is None else min(read_at, ((updated - _EPOCH).days + 2) * _DAY_MS)


def told_by(row: Json, now: datetime, municipality: Municipal) -> Told:
    """The claims of one row: `<id>`, an organisatie, and `<id>/aanbod`, what it offers, under its categories.

    What a fiche has no field for, as for whom it is and how one gets in, stands in the description. A number among the company numbers that is none is left out and remarked upon; the row still counts. Raises `Rejected` for a row that cannot be used.
    """
    number = whole(row.get("id"))
    if number is None:
        raise Rejected("A row has no usable id (a whole number was expected).", field="id", raw=repr(row.get("id"))[:200])
    identity = str(number)
    names = texts(row, "nameOfficial")
    if not names:
        raise Rejected(
            f"Organisation {identity} has no official name in any language.",
            external_id=identity,
            field="nameOfficialNl",
            raw=repr(row.get("nameOfficialNl"))[:200],
        )
    remarks: Counter[str] = Counter()
    updated = day(row.get("lastUpdate"))
    if updated is None:
        remarks["without a readable lastUpdate"] += 1
    revision = revision_of(updated, now)
    site = _site(row, identity, municipality)
    organisatie = _organisatie(row, names, site, remarks)
    aanbod = _aanbod(row, names, site, identity)
    return Told(
        (
            Claim(SOURCE, identity, revision, "organisatie", organisatie),
            Claim(SOURCE, f"{identity}/aanbod", revision, "aanbod", aanbod),
        ),
        remarks,
        _unused(row),
    )


def _organisatie(row: Json, names: dict[str, str], site: Document | None, remarks: Counter[str]) -> Document:
    """Nothing in a row tells whether the organisation still works: a day on which it began does not, and so no status is said."""
    content: Document = {
        "kind": "organisatie",
        "form": "organisatie",
        "names": [{"text": names, "use": "official"}, *_other_names(row)],
        "identifiers": _company_numbers(row, remarks),
        "description": _described(row, texts(row, "description"), ("remark",)),
        "contacts": _contacts(row),
        "vestigingen": [site] if site else [],
        "in_scope_of": [SOURCE],
    }
    legal = row.get("legalStatus")
    if isinstance(legal, dict) and (number := whole(legal.get("id"))):
        content["legal_form"] = {"scheme": LEGAL_STATUS, "code": str(number)}
    return _said(content)


def _aanbod(row: Json, names: dict[str, str], site: Document | None, identity: str) -> Document:
    activities = texts(row, "activities") or texts(row, "description")
    services = [{"text": {language: name}, "use": "official"} for language, found in lists(row, "nameService").items() for name in found]
    spoken = re.findall(r"[A-Z]{2}", text_of(row.get("langStatus")) or "")
    return _said(
        {
            "kind": "aanbod",
            "names": services or [{"text": names, "use": "official"}],
            "organisatie": {"source": SOURCE, "external_id": identity},
            "vestigingen": [{"key": site["keys"][0]}] if site else [],
            "rubrieken": [{"scheme": CATEGORIES, "code": code} for code in category_codes(row)],
            "description": _described(row, activities, ("public", "access", "remark")),
            "hours_text": texts(row, "permanency"),
            "languages": list(dict.fromkeys(_LANGUAGES[one] for one in spoken if one in _LANGUAGES)),
            "in_scope_of": [SOURCE],
        }
    )


def category_codes(row: Json) -> list[str]:
    """The numbers of the row's categories, each once."""
    given = row.get("categoriesObject")
    numbers = [whole(one.get("id")) for one in given if isinstance(one, dict)] if isinstance(given, list) else []
    return list(dict.fromkeys(str(number) for number in numbers if number is not None))


def _said(content: Document) -> Document:
    return {key: value for key, value in content.items() if value}


def _described(row: Json, main: dict[str, str], names: tuple[str, ...]) -> dict[str, str]:
    """The text `main`, with a line for each of these that the row has: for whom it is, how one gets in, what else is to be known.

    In the languages of `main`, if it has any, whatever those of the lines are: a line alone would keep who reads its language from the text itself.
    """
    lines = [(name, said) for name in names if (said := {language: ", ".join(found) for language, found in lists(row, name).items() if found})]
    told: dict[str, list[str]] = {language: [text] for language, text in main.items()}
    if not told:
        told = {language: [] for language in _ASKED if any(language in said for _, said in lines)}
    for language, text in told.items():
        text += [_LEADS[name][language] + (said.get(language) or next(iter(said.values()))) for name, said in lines]
    return {language: "\n".join(text) for language, text in told.items()}


def _unused(row: Json) -> tuple[str, ...]:
    address = row.get("address")
    inside = address if isinstance(address, dict) else {}
    found = [*_filled(row, _USED, _USED_IN_BOTH), *(f"address.{name}" for name in _filled(inside, _USED_OF_ADDRESS, _USED_OF_ADDRESS_IN_BOTH))]
    return tuple(found)


def _filled(holder: Json, used: frozenset[str], in_both: frozenset[str]) -> Iterator[str]:
    for name, value in holder.items():
        if name not in used and (name[-2:] not in ("Nl", "Fr") or name[:-2] not in in_both) and (any(value) if isinstance(value, list) else value):
            yield name


def _other_names(row: Json) -> Iterator[Document]:
    for use in ("alternative", "former"):
        for language, found in lists(row, f"name{use.capitalize()}").items():
            for name in dict.fromkeys(found):
                yield {"text": {language: name}, "use": use}


def _company_numbers(row: Json, remarks: Counter[str]) -> list[Document]:
    """What can be read as an enterprise number in `pmRp`, where people also write remarks, prefixes and half numbers."""
    given = row.get("pmRp")
    found: dict[str, None] = {}
    for item in given if isinstance(given, list) else [given]:
        written = text_of(item)
        if written is None:
            continue
        good = []
        for candidate in _NUMBER.findall(written):
            try:
                good.append(normalise_identifier("kbo", candidate))
            except InvalidIdentifier:
                continue
        if not good:
            remarks["with a company number that is none"] += 1
        found.update(dict.fromkeys(good))
    return [{"system": "kbo", "value": number} for number in found]


def _contacts(row: Json) -> list[Document]:
    """Telephone, fax, mail and websites; one that is given in one language only carries that language."""
    found: dict[tuple[str, str], Document] = {}
    spoken: dict[tuple[str, str], set[str]] = {}
    for name, normalise, kind in (
        ("tel", normalise_phone, "phone"),
        ("fax", normalise_phone, "fax"),
        ("email", normalise_email, "email"),
        ("websiteOfficial", normalise_website, "website"),
        ("websiteUnofficial", normalise_website, "website"),
        ("websiteInfo", normalise_website, "website"),
    ):
        for language, values in lists(row, name).items():
            for raw in values:
                value = normalise(raw) or raw
                key = (phone_kind(value) if kind == "phone" else kind, value)
                contact = found.setdefault(key, {"kind": key[0], "value": value})
                if value != raw:
                    contact.setdefault("raw", raw)
                spoken.setdefault(key, set()).add(language)
    for key, languages in spoken.items():
        if len(languages) == 1:
            found[key]["language"] = min(languages)
    return list(found.values())


def _site(row: Json, identity: str, municipality: Municipal) -> Document | None:
    given = row.get("address")
    if not isinstance(given, dict):
        return None
    street, city = texts(given, "street"), texts(given, "municipality")
    address: Document = {"type": "visit", "country": "BE"}
    if street:
        address["street"] = street
    if city:
        address["city"] = {language: _cased(name) for language, name in city.items()}
    number, box = text_of(given.get("number")), text_of(given.get("postalBox"))
    if number and not box:
        number, box = number_and_box(number)
    if number:
        address["house_number"] = number
    if box:
        address["box"] = box
    if zip_code := whole(given.get("zipCode")):
        address["postcode"] = str(zip_code)
        if code := municipality(str(zip_code), next(iter(city.values()), "")):
            address["municipality"] = code
    if position := _position(given.get("lat"), given.get("lon")):
        address["position"] = position
    site: Document = {"keys": [f"{SOURCE}:{identity}"], "addresses": [address]}
    if hours := texts(row, "permanency"):
        site["hours_text"] = hours
    return site if len(address) > 2 else None


def _cased(name: str) -> str:
    """Municipalities come in capitals: SINT-JANS-MOLENBEEK."""
    return re.sub(r"[^\W\d_]+", lambda word: word[0].capitalize(), name) if name.isupper() else name


def _position(lat: Any, lon: Any) -> dict[str, float] | None:
    def degrees(value: Any, most: int) -> float | None:
        return float(value) if type(value) in (int, float) and -most <= value <= most else None

    north, east = degrees(lat, 90), degrees(lon, 180)
    # Nothing at all is written as 0, 0: a place in the Gulf of Guinea.
    if north is None or east is None or not (north or east):
        return None
    return {"lat": north, "lon": east}
