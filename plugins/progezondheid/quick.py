"""A caregiver in whom nothing is odd, translated in a third of the time: a first load brings 780,000 of them. Pure.

Whatever is not exactly as the contract says makes `content_of` answer None, and `translate` reads that row field by field, to say what is
wrong with it. A test holds the two equal.
"""

from __future__ import annotations

import re
from datetime import date
from functools import lru_cache
from typing import Any, Final

from hub import LANGUAGES, Document, InvalidIdentifier, normalise_identifier
from plugins.progezondheid.words import (
    ADDRESS_TYPES,
    AUDIENCES,
    COMPETENCES,
    CONTACT_KINDS,
    CONVENTION,
    GENDERS,
    HIGHEST_VERSION,
    PROFESSIONS,
    PROOF,
    SOURCE,
    VISUM,
    kind_of,
    normal_contact,
)

_EIGHT_DIGITS: Final = re.compile(r"[0-9]{8}").fullmatch
_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d").fullmatch
_LANGUAGE: Final = re.compile(r"[a-z]{2,3}").fullmatch
_PARTS: Final = ("house_number", "box", "postcode", "municipality", "country")
_TEXTS: Final = ("street", "city")
_KNOWN_LANGUAGES: Final = frozenset(LANGUAGES)
_TYPES: Final = frozenset(ADDRESS_TYPES)


class _Odd(Exception):
    """Something is not as the contract says; `translate` finds out what."""


def content_of(row: Any) -> Document | None:
    """The content of the claim, as `translate` would make it; None for a row that has anything odd, and for a deleted one."""
    try:
        return _content(row)
    except (_Odd, InvalidIdentifier, KeyError, TypeError, AttributeError):
        return None


def _content(row: Any) -> Document:
    number, version, withdrawn = row["nihdi8"], row["version"], row["state"] == "withdrawn"
    riziv = normalise_identifier("riziv", row["nihdi"])
    if (
        type(number) is not str
        or _EIGHT_DIGITS(number) is None
        or riziv[:8] != number
        or type(version) is not int
        or not 1 <= version <= HIGHEST_VERSION
        or not (withdrawn or row["state"] == "registered")
        or type(row["practices"]) is not list
    ):
        raise _Odd
    content: Document = {
        "kind": "zorgverlener",
        "name": _name(row["name"]),
        "identifiers": [{"system": "riziv", "value": riziv}],
    }
    if professions := [_code(PROFESSIONS, item["code"]) for item in _objects(row["professions"])]:
        content["professions"] = professions
    if competences := [_code(COMPETENCES, item["code"]) for item in _objects(row["competences"])]:
        content["competences"] = competences
    held = [VISUM.index(item["status"]) for item in _objects(row["visa"]) if _among(item["status"], VISUM)]
    if withdrawn:
        content["visum"] = "withdrawn"
    elif held:
        content["visum"] = VISUM[min(held)]
    if addresses := [_address(item) for item in _objects(row["addresses"])]:
        content["addresses"] = addresses
    if contacts := [_contact(item) for item in _objects(row["contacts"])]:
        content["contacts"] = contacts
    if languages := row["languages"]:
        if type(languages) is not list or not all(map(_is_language, languages)):
            raise _Odd
        content["languages"] = list(dict.fromkeys(languages))
    elif type(languages) is not list:
        raise _Odd
    if status := _status(row["activity_evidence"]):
        content["status"] = status
    if not withdrawn:
        content["in_scope_of"] = [SOURCE]
    if (gender := row["gender"]) is not None and _among(gender, GENDERS):
        content["gender"] = gender
    if (convention := row["convention"]) is not None and _among(convention, CONVENTION):
        content["convention"] = convention
    return content


def _objects(items: Any) -> list[Any]:
    if type(items) is not list:
        raise _Odd
    for item in items:
        if type(item) is not dict:
            raise _Odd
    return items


def _clean(text: Any) -> str:
    if type(text) is str and text and text.strip() == text:
        return text
    raise _Odd


def _among(value: Any, known: tuple[str, ...]) -> bool:
    if type(value) is str and value in known:
        return True
    raise _Odd


def _code(scheme: str, code: Any) -> Document:
    return {"scheme": scheme, "code": _clean(code)}


def _name(name: Any) -> Document:
    if type(name) is not dict or type(name["given"]) is not list:
        raise _Odd
    found: Document = {"family": _clean(name["family"])}
    if given := [_clean(one) for one in name["given"]]:
        found["given"] = given
    return found


def _address(item: Any) -> Document:
    if item["type"] not in _TYPES:
        raise _Odd
    address: Document = {"type": item["type"]}
    get = item.get
    for field in _PARTS:
        text = get(field)
        if text is not None:
            if type(text) is not str or not text or text.strip() != text:
                raise _Odd
            address[field] = text
    for field in _TEXTS:
        texts = get(field)
        if texts:
            if type(texts) is not dict:
                raise _Odd
            for language, text in texts.items():
                if language not in _KNOWN_LANGUAGES or type(text) is not str or not text or text.strip() != text:
                    raise _Odd
            address[field] = texts
        elif texts is not None and texts != {}:
            raise _Odd
    position = get("position")
    if position is not None:
        lat, lon = position["lat"], position["lon"]
        if type(lat) is not float or type(lon) is not float or not (-90 <= lat <= 90 and -180 <= lon <= 180):
            raise _Odd
        address["position"] = position if len(position) == 2 else {"lat": lat, "lon": lon}
    return address


def _contact(item: Any) -> Document:
    kind, raw = item["kind"], _clean(item["value"])
    _among(kind, CONTACT_KINDS)
    value = normal_contact(kind, raw)
    contact: Document = {"kind": kind_of(kind, value), "value": value}
    if value != raw:
        contact["raw"] = raw
    if visibility := AUDIENCES[_clean(item["audience"])]:
        contact["visibility"] = visibility
    return contact


def _status(items: Any) -> Document | None:
    best: tuple[str, int, Any] | None = None
    for item in _objects(items):
        kind = _clean(item["type"])
        if kind not in PROOF:
            continue
        _among(item["status"], ("active", "inactive"))
        observed = item["observed_on"]
        if not _is_day(observed) or not all(item.get(field) is None or _is_day(item[field]) for field in ("since", "until")):
            raise _Odd
        rank = (observed, PROOF.index(kind))
        if best is None or rank > best[:2]:
            best = (*rank, item)
    if best is None:
        return None
    observed, _, item = best
    status: Document = {"status": item["status"], "evidence": item["type"], "asserted_at": f"{observed}T00:00:00Z"}
    for field in ("since", "until"):
        if item.get(field) is not None:
            status[field] = item[field]
    return status


@lru_cache(4096)
def _is_day(text: Any) -> bool:
    try:
        return type(text) is str and _DAY(text) is not None and bool(date.fromisoformat(text))
    except ValueError:
        return False


@lru_cache(1024)
def _is_language(text: Any) -> bool:
    return type(text) is str and _LANGUAGE(text) is not None
