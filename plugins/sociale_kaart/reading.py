"""One row or leaflet of De Sociale Kaart, read strictly: every known key in its known shape, or a `Rejected` that names the field.

Unknown keys are none of our business and pass. Known lists may be missing or empty; a value of the wrong shape is a mistake of the source.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final

from hub import (
    Address,
    Concept,
    Contact,
    Language,
    Rejected,
    Text,
    fold,
    normalise_email,
    normalise_phone,
    normalise_website,
    number_and_box,
    phone_kind,
    rubriek_from_label,
    write_json,
)
from plugins.sociale_kaart.vocabulary import SOURCE, Vocabulary

_LEAFLET_ID: Final = re.compile(r"/leaflet/([0-9a-f]{64})(?:[/?#]|$)", re.IGNORECASE)
_LONGEST_ID: Final = 200
DERIVED: Final = "afgeleid:"
"""What the ids begin with of organisaties that the source does not name."""
_HALF_A_CHARACTER: Final = re.compile("[\ud800-\udfff]")
_WHERE_PEOPLE_COME: Final = (None, "visit", "practice")
_ORGANISATION: Final = ("organisation", "organization", "provider")
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Place:
    """An address of a row. `key` is what its vestiging is recognised by: the source's id of the address, else where it is.

    `told`: the vestiging has to say its key, since the hub makes none, or another one, of the address.
    """

    key: str
    told: bool
    where: str
    primary: bool
    address: Address

    def vestiging(self) -> Json:
        """The vestiging that it is."""
        return {"keys": [self.key], "addresses": [self.address]} if self.told else {"addresses": [self.address]}


@dataclass(frozen=True, slots=True)
class Row:
    """A row or a leaflet. `numbers` is `None` where there are no administrative data: a list row has none, a leaflet has.

    `organisation` is the id of its organisatie; `linked` tells that the source gave it. Else it is derived from name and address, and what the hub holds
    may say that it has another (`plugins.sociale_kaart.derived`).
    """

    id: str
    type: str
    state: str
    evidence: str
    name: str
    places: tuple[Place, ...]
    rubrieken: tuple[Concept, ...]
    contacts: tuple[Contact, ...]
    caregivers: tuple[str, ...]
    organisation: str
    linked: bool
    numbers: tuple[tuple[str, str], ...] | None


def read(raw: Any, words: Vocabulary) -> Row:
    """Read a row or a leaflet. Raises `Rejected` with its id and the path of the field that is wrong."""
    external_id = id_of(raw)
    try:
        return _read(_object(raw, ""), external_id, words)
    except Rejected as error:
        raise Rejected(error.message, external_id=external_id, field=error.field, raw=error.raw or shortened(raw)) from error


def id_of(raw: Any) -> str:
    """The row's id, empty when it has none that can be used."""
    held = raw.get("id") if isinstance(raw, dict) else None
    found = held.get("id") if isinstance(held, dict) else None
    if isinstance(found, str) and 0 < len(found) <= _LONGEST_ID and found.isprintable():
        return found
    return ""


def shortened(raw: Any) -> str:
    """What the administrator sees of a row that cannot be used."""
    return write_json(raw).decode()[:500]


def _read(row: Json, external_id: str, words: Vocabulary) -> Row:
    if not external_id:
        raise _wrong("id.id", f"a text of 1 to {_LONGEST_ID} characters", row.get("id"))
    name = _text(_object(_get(row, "legalName", {}), "legalName").get("description"), "legalName.description")
    if not name:
        raise _wrong("legalName.description", "the name of the organisation or person", None)
    places = tuple(_places(row, words))
    links = tuple(_links(row))
    linked = _organisation(links, external_id)
    state = _text(row.get("state"), "state")
    return Row(
        id=external_id,
        type=_text(row.get("type"), "type"),
        state=state,
        evidence=_evidence(row, state),
        name=name,
        places=places,
        rubrieken=tuple(_rubrieken(row, words)),
        contacts=tuple(_contacts(row)),
        caregivers=tuple(sorted({leaflet for rel, leaflet in links if rel == "caregiver"})),
        organisation=linked or _derived(external_id, name, places),
        linked=bool(linked),
        numbers=_numbers(row),
    )


def organisation_of(raw: Any, words: Vocabulary) -> str:
    """The id of the organisatie to sort rows by; empty for a row that cannot be read."""
    try:
        return _organisation(_links(_object(raw, "")), id_of(raw)) or read(raw, words).organisation
    except Rejected:
        return ""


def _organisation(links: Iterable[tuple[str, str]], external_id: str) -> str:
    """The leaflet that the row names as its organisatie, or "". One id is one thing, so its own leaflet is not its organisatie."""
    return next((leaflet for rel, leaflet in links if rel in _ORGANISATION and leaflet != external_id.lower()), "")


def _evidence(row: Json, state: str) -> str:
    """What the source says about the standing of the fiche, raw: its vocabularies are not public."""
    verified = row.get("verified")
    if verified is not None and not isinstance(verified, bool):
        raise _wrong("verified", "true or false", verified)
    held = _object(_get(row, "id", {}), "id")
    said = {
        "state": state,
        "verified": "" if verified is None else str(verified).lower(),
        "authenticSource": _text(held.get("authenticSource"), "id.authenticSource"),
    }
    return "; ".join(f"{name}={value}" for name, value in said.items() if value)


def _derived(external_id: str, name: str, places: tuple[Place, ...]) -> str:
    """What tells an organisatie that the source does not name from others: its legal name at its primary address."""
    primary = next((place for place in places if place.primary), places[0] if places else None)
    return derived_id(name, primary.where if primary is not None else where_of(None, "nl", external_id))


def derived_id(name: str, where: str) -> str:
    """The id that is derived of a name and a place (`where_of`)."""
    digest = blake2b(f"{fold(name)}\n{where}".encode(), digest_size=20).hexdigest()
    return f"{DERIVED}{digest}"


def where_of(address: Address | None, language: Language, external_id: str = "") -> str:
    """Where something is, in one word. The same key as the hub makes of an address (part_keys), where it makes one and there is no box; without a postcode the town tells
    one street from another. Without an address every row is on its own."""
    if address is None:
        return f"row|{external_id}"
    town = address.get("postcode") or fold(address.get("city", {}).get(language, ""))
    street = fold(address.get("street", {}).get(language, ""))
    number, box = number_and_box(address.get("house_number", ""))  # what is held may have both in one text
    box = address.get("box") or box
    return f"adr|{town}|{street}|{fold(f'{number} bus {box}' if box else number).replace(' ', '')}"


def _places(row: Json, words: Vocabulary) -> Iterator[Place]:
    for number, item in enumerate(_list(row, "addresses")):
        path = f"addresses.{number}"
        given = _object(item, path)
        address, where = _address(given, path, words)
        if not where:
            continue  # nothing but a type: there is no place
        links = [_object(link, f"{path}.links") for link in _list(given, "links", f"{path}.links")]
        href = next((_text(link.get("href"), f"{path}.links.href") for link in links), "")
        own = href.rstrip("/").rpartition("/")[2][:_LONGEST_ID]
        told = bool(own) or not _tells_where(address)
        yield Place(f"{SOURCE}:{own or where}" if told else where, told, where, given.get("primary") is True, address)


def _tells_where(address: Address) -> bool:
    """Whether the hub makes a key of it by itself, under which other sources' vestigingen at this address are recognised; of two boxes it would make one."""
    return bool(address.get("street") and address.get("postcode")) and "box" not in address and address.get("type") in _WHERE_PEOPLE_COME


def _address(given: Json, path: str, words: Vocabulary) -> tuple[Address, str]:
    language: Language = words.language
    street = _described(given.get("street"), f"{path}.street")
    town = _object(_get(given, "municipality", {}), f"{path}.municipality")
    postcode = _text(town.get("postalCode"), f"{path}.municipality.postalCode")
    city = _described(town, f"{path}.municipality")
    number, box = number_and_box(_text(given.get("number"), f"{path}.number"))
    raw_type = _text(given.get("type"), f"{path}.type")
    address: Address = {}
    if raw_type in words.address_types:
        address["type"] = words.address_types[raw_type]  # type: ignore[typeddict-item]  # checked by the configuration
    if street:
        address["street"] = _in(language, street)
    if number:
        address["house_number"] = number
    if box:
        address["box"] = box
    if postcode:
        address["postcode"] = postcode
    if city:
        address["city"] = _in(language, city)
    refnis = words.municipality(postcode, city) if postcode else None
    if refnis:
        address["municipality"] = refnis
    if given.get("location") is not None:
        at = _object(given["location"], f"{path}.location")
        lat = _degrees(at.get("lat"), 90, f"{path}.location.lat")
        lon = _degrees(at.get("lon"), 180, f"{path}.location.lon")
        if lat is not None and lon is not None:
            address["position"] = {"lat": lat, "lon": lon}
    if not (street or postcode or city):
        return address, ""
    address["country"] = "BE"
    return address, where_of(address, language)


def _rubrieken(row: Json, words: Vocabulary) -> Iterator[Concept]:
    for number, item in enumerate(_list(row, "activities")):
        path = f"activities.{number}"
        label = _described(item, path)
        try:
            yield rubriek_from_label(label, words.language, official=words.official)
        except Rejected as error:
            raise Rejected(error.message, field=f"{path}.name.description", raw=error.raw) from error


def _contacts(row: Json) -> Iterator[Contact]:
    info = _object(_get(row, "contactInfo", {}), "contactInfo")
    seen = set()
    for name in ("phones", "emails", "websites"):
        for number, item in enumerate(_list(info, name, f"contactInfo.{name}")):
            path = f"contactInfo.{name}.{number}"
            given = _object(item, path)
            raw = _text(given.get("value"), f"{path}.value")
            if not raw:
                continue
            contact = _contact(name, raw)
            if given.get("primary") is True:
                contact["primary"] = True
            if (contact["kind"], contact["value"]) not in seen:
                seen.add((contact["kind"], contact["value"]))
                yield contact


def _contact(name: str, raw: str) -> Contact:
    """Normalised where that is possible, and always as it came: a value that no rule understands may still reach somebody."""
    contact: Contact
    if name == "phones":
        phone = normalise_phone(raw)
        contact = {"kind": phone_kind(phone) if phone else "phone", "value": phone or raw}
    elif name == "emails":
        contact = {"kind": "email", "value": normalise_email(raw) or raw}
    else:
        contact = {"kind": "website", "value": normalise_website(raw) or raw}
    if contact["value"] != raw:
        contact["raw"] = raw
    return contact


def _links(row: Json) -> Iterator[tuple[str, str]]:
    """(rel, id) of each link to a leaflet; what else stands in `links` is unknown and passes."""
    for number, item in enumerate(_list(row, "links")):
        link = _object(item, f"links.{number}")
        rel, href = link.get("rel"), link.get("href")
        if isinstance(rel, str) and isinstance(href, str) and (found := _LEAFLET_ID.search(href)):
            yield rel.lower(), found[1].lower()


def _numbers(row: Json) -> tuple[tuple[str, str], ...] | None:
    if row.get("administrativeData") is None:
        return None
    found = []
    for number, item in enumerate(_list(row, "administrativeData")):
        path = f"administrativeData.{number}"
        given = _object(item, path)
        found.append((_text(given.get("type"), f"{path}.type"), _text(given.get("value"), f"{path}.value")))
    return tuple(found)


def _in(language: Language, text: str) -> Text:
    found: Text = {}
    found[language] = text
    return found


def _described(value: Any, path: str) -> str:
    """`name.description`, as streets, municipalities and activities have it."""
    holder = _object({} if value is None else value, path)
    name = _object(_get(holder, "name", {}), f"{path}.name")
    return _text(name.get("description"), f"{path}.name.description")


def _get(holder: Json, name: str, otherwise: Any) -> Any:
    value = holder.get(name)
    return otherwise if value is None else value


def _object(value: Any, path: str) -> Json:
    if not isinstance(value, dict):
        raise _wrong(path or "row", "an object", value)
    return value


def _list(holder: Json, name: str, path: str = "") -> list[Any]:
    value = _get(holder, name, [])
    if not isinstance(value, list):
        raise _wrong(path or name, "a list", value)
    return value


def _text(value: Any, path: str) -> str:
    """Blanks at the ends go; a number where a text belongs (a house number, a postcode) is read as one."""
    if value is None:
        return ""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        raise _wrong(path, "a text", value)
    if "\x00" in value:
        raise _wrong(path, "a text without NUL characters", value)
    if _HALF_A_CHARACTER.search(value):
        raise _wrong(path, "a text of whole characters (no lone surrogates)", value)
    return value.strip()


def _degrees(value: Any, most: int, path: str) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or abs(value) > most:
        raise _wrong(path, f"a number of degrees from -{most} to {most}", value)
    return float(value)


def _wrong(path: str, expected: str, value: Any) -> Rejected:
    given = "nothing" if value is None else shortened(value)[:80]
    return Rejected(f"{path} must be {expected}, not {given}.", field=path, raw=shortened(value))
