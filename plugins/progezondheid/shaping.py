"""What we stand for, in the register's language: what somebody other than the registers says of a caregiver, value by value. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from hub import Document, Entity, has_ended
from plugins.progezondheid.sameness import key_of
from plugins.progezondheid.words import SOURCE

State = dict[str, Any]
_Told = tuple[Any, list[Any]]
"""A value, and who says it: of a list for each of its items."""
_REGISTERS: Final = frozenset({SOURCE, "cobrha"})
"""What only these say, the register knows, or has taken out: there is nothing to propose, and nobody to ask for."""
_RECEIVING: Final = ("practice", "visit")
_ADDRESS: Final = ("street", "house_number", "box", "postcode", "municipality", "city", "country", "position")
_HOURS: Final = ("days", "opens", "closes", "by_appointment", "valid_from", "valid_until")


def shape(entity: Entity, fields: Sequence[str], audience: str) -> State | None:
    """What we stand for of a zorgverlener, or of a caregiver in an aanbod; None without a RIZIV number, when nobody but registers says anything, or when
    the caregiver does not work there any more.

    `fields`: those that may be proposed. `audience`: of contacts, `public` or `professionals`. Beside the values stands under `sources` by whom each item
    of a list is said, and a value that is no list.
    """
    if entity.type == "zorgverlener":
        person, told = entity.fiche, _of_caregiver(entity, audience)
    elif entity.type == "caregiver" and entity.part is not None and "zorgverlener" in entity.part and not has_ended(entity.part):
        person = entity.related.get(entity.part["zorgverlener"]["id"], {})
        told = _of_practice(entity, entity.fiche, entity.part)
    else:
        return None
    number = _number(person)
    values = {field: value for field, (value, _) in told.items() if value and field in fields}
    if number is None or not values:
        return None
    desired: State = {"nihdi8": number, "sources": {field: told[field][1] for field in values}, **values}
    if entity.type == "caregiver":
        desired["practice"] = _practice(entity)
    return desired


def _number(person: Document) -> str | None:
    for identifier in person.get("identifiers", ()):
        if identifier["system"] == "riziv":
            return str(identifier["value"])[:8]
    return None


def _of_caregiver(entity: Entity, audience: str) -> dict[str, _Told]:
    addresses = [
        ({"type": "practice", **_only(address, _ADDRESS)}, sources)
        for address, sources in _said_elsewhere(entity, "addresses")
        if address.get("type") in _RECEIVING and "postcode" in address
    ]
    contacts = [
        ({"kind": contact["kind"], "value": contact["value"], "audience": audience}, sources)
        for contact, sources in _said_elsewhere(entity, "contacts")
    ]
    return {
        "practice_addresses": _unique("practice_addresses", addresses),
        "contacts": _unique("contacts", contacts),
        "languages": _unique("languages", _said_elsewhere(entity, "languages")),
    }


def _said_elsewhere(entity: Entity, field: str) -> list[tuple[Any, list[str]]]:
    """The items of a list that somebody other than the registers says, each with who does."""
    items = entity.fiche.get(field, ())
    voices = entity.voices.get(field) or [entity.sources] * len(items)
    told = ((item, sorted({*sources} - _REGISTERS)) for item, sources in zip(items, voices, strict=True))
    return [(item, sources) for item, sources in told if sources]


def _of_practice(entity: Entity, aanbod: Document, caregiver: Document) -> dict[str, _Told]:
    others = sorted({*entity.sources} - _REGISTERS)
    hours = caregiver.get("hours") or aanbod.get("hours") or []
    stop = aanbod.get("patientenstop", {})
    said: dict[str, _Told] = {}
    if others:
        said["consultation_hours"] = [_only(line, _HOURS) for line in hours], others
        if stop.get("value") in ("yes", "no"):  # what ran out reads unknown, and is no news
            said["patient_stop"] = _only(stop, ("value", "asserted_at", "valid_until")), others
    return said


def _practice(entity: Entity) -> State:
    """Which practice it is, as far as the partner may see."""
    owner = entity.related.get(entity.fiche.get("organisatie", {}).get("id", ""), {})
    sites = {place["id"] for place in entity.fiche.get("vestigingen", ())}
    places = [site for site in owner.get("vestigingen", ()) if site["id"] in sites and site.get("addresses")]
    named = [name["text"] for name in owner.get("names", ())] or [name["text"] for name in entity.fiche.get("names", ())]
    address = {"type": "practice", **_only(places[0]["addresses"][0], _ADDRESS)} if places else None
    return {"key": entity.id, "name": named[0] if named else None, "address": address}


def _only(value: Mapping[str, Any], names: Sequence[str]) -> State:
    return {name: value[name] for name in names if name in value}


def _unique(field: str, items: list[tuple[Any, list[str]]]) -> _Told:
    """One per key, in order of key, so that the same values make the same state; and for each of them who says it."""
    key = key_of(field)
    by_key = {key(item): item for item, _ in reversed(items)}
    saying: dict[Any, set[str]] = {}
    for item, sources in items:
        saying.setdefault(key(item), set()).update(sources)
    return [by_key[one] for one in sorted(by_key)], [sorted(saying[one]) for one in sorted(by_key)]
