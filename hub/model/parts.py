"""What a part of a fiche is recognised by, whichever source speaks of it and wherever it stands in a list."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hub.model.fiche import PartType
from hub.model.folding import fold
from hub.model.identifiers import VESTIGING, InvalidIdentifier, normalise

__all__ = ["address_keys", "key_system", "part_keys"]

_WHERE_PEOPLE_COME = (None, "visit", "practice")


def part_keys(part_type: PartType, part: Mapping[str, Any]) -> tuple[str, ...]:
    """The keys that a part is recognised by, sorted; empty when it says nothing to recognise it by. Links must be resolved (`{"id"}`).

    Always the `keys` that its source gives (`<source>:<site id>`), and then

    - vestiging: `nr|<establishment number>`; one without any number `adr|<postcode>|<folded street>|<house number>` (one per
      language of the street, from where people come, never from an administrative or emergency address); one without
      an address either `name|<folded name>`;
    - membership: `org|<organisatie uuid>|<code of the role>`;
    - electronic address: `url|<address>`;
    - caregiver: `zv|<zorgverlener uuid>`.
    """
    keys: set[str] = set(part.get("keys", ()))
    if part_type == "vestiging":
        keys.update(_establishment_numbers(part))
        keys = keys or set(address_keys(part)) or _name_keys(part)
    elif part_type == "caregiver":
        if person := part.get("zorgverlener", {}).get("id"):
            keys.add(f"zv|{person}")
    elif part_type == "membership":
        if organisatie := part.get("organisatie", {}).get("id"):
            keys.add(f"org|{organisatie}|{part.get('role', {}).get('code', '')}")
    elif address := part.get("address"):
        keys.add(f"url|{address}")
    return tuple(sorted(keys))


def address_keys(vestiging: Mapping[str, Any]) -> tuple[str, ...]:
    """`adr|<postcode>|<folded street>|<house number>` of each address where people come; an address without postcode or street has none."""
    addresses = vestiging.get("addresses")
    if not addresses:
        return ()
    keys: set[str] = set()
    for address in addresses:
        postcode, street = address.get("postcode"), address.get("street")
        if postcode and street and address.get("type") in _WHERE_PEOPLE_COME:
            number = fold(address.get("house_number", "")).replace(" ", "")
            keys.update(f"adr|{postcode}|{fold(text)}|{number}" for text in street.values())
    return tuple(sorted(keys))


def key_system(key: str) -> str:
    """Who gave the key: `nr`, `adr` ..., or a source's name. Two different keys of one system speak of two different parts."""
    for position, character in enumerate(key):
        if character in "|:":
            return key[:position]
    return key


def _establishment_numbers(vestiging: Mapping[str, Any]) -> set[str]:
    numbers: set[str] = set()
    for identifier in vestiging.get("identifiers", ()):
        if identifier.get("system") == VESTIGING:
            value = identifier["value"]
            try:
                value = normalise(VESTIGING, value)
            except InvalidIdentifier:
                value = value.strip()  # wrong, but the same wrong number is still the same site
            numbers.add(f"nr|{value}")
    return numbers


def _name_keys(vestiging: Mapping[str, Any]) -> set[str]:
    return {f"name|{fold(text)}" for text in vestiging.get("name", {}).values() if fold(text)}
