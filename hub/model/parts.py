"""Which parts are the same: what a part is recognised by, whichever source speaks of it and wherever it stands in a list."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from hub.model.claims import Claim
from hub.model.fiche import PartType
from hub.model.folding import fold
from hub.model.identifiers import VESTIGING, InvalidIdentifier, normalise

__all__ = ["Member", "address_keys", "grouped", "key_system", "members_of", "part_keys"]

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
            if not (len(value) == 10 and value.isascii() and value.isdigit()):
                try:
                    value = normalise(VESTIGING, value)
                except InvalidIdentifier:
                    value = value.strip()  # wrong, but the same wrong number is still the same site
            numbers.add(f"nr|{value}")
    return numbers


def _name_keys(vestiging: Mapping[str, Any]) -> set[str]:
    return {f"name|{fold(text)}" for text in vestiging.get("name", {}).values() if fold(text)}


class Member(NamedTuple):
    """A part as one claim states it: its keys, which of these are numbers, and by which addresses or name it may be recognised besides."""

    rank: int
    claim: Claim
    part: Mapping[str, Any]
    keys: tuple[str, ...]
    numbers: tuple[str, ...]
    weak: tuple[str, ...]


def members_of(part_type: PartType, stated: Iterable[tuple[int, Claim, Iterable[Mapping[str, Any]]]]) -> list[Member]:
    """The parts that each claim (with its rank) states, in that order; what one claim states twice in the same words counts once."""
    members = []
    for rank, claim, parts in stated:
        seen: dict[tuple[str, ...], list[Mapping[str, Any]]] = {}
        for part in parts:
            keys = part_keys(part_type, part)
            alike = seen.setdefault(keys, [])
            if part in alike:
                continue
            alike.append(part)
            numbers, weak = keys, tuple[str, ...]()
            if part_type == "vestiging":
                weak = address_keys(part) or tuple([key for key in keys if key_system(key) == "name"])
                numbers = tuple([key for key in keys if key not in weak])
            members.append(Member(rank, claim, part, keys, numbers, weak))
    return members


def grouped(members: Sequence[Member]) -> list[tuple[list[str], list[Member]]]:
    """Members that are the same part, each group with its keys (at least one, and none that another group has), by first members.

    Numbers join first, then addresses and names. What one claim holds apart is never joined, whoever says otherwise: the join that would do so
    is left out. An address joins only parts that no number tells apart, and not where one claim has two parts at that address.
    """
    group_of = list(range(len(members)))
    groups: dict[int, list[int]] = {index: [index] for index in group_of}
    first: dict[str, int] = {}
    joined = len({id(member.claim) for member in members}) > 1
    ambiguous = _ambiguous(members) if joined else frozenset()
    for weak in (False, True) if joined else ():
        for index, member in enumerate(members):
            for key in member.weak if weak else member.numbers:
                if key in ambiguous:
                    continue
                one, other = sorted((group_of[first.setdefault(key, index)], group_of[index]))
                if one == other or not _can_join([members[i] for i in groups[one]], [members[i] for i in groups[other]], weak):
                    continue
                for moved in groups[other]:
                    group_of[moved] = one
                groups[one] = sorted(groups[one] + groups.pop(other))
    owner: dict[str, int] = {}
    for index, member in enumerate(members):
        for key in member.keys:
            owner.setdefault(key, group_of[index])
    keys_of: dict[int, list[str]] = {index: [] for index in sorted(groups)}
    for key in sorted(owner):
        keys_of[owner[key]].append(key)
    result = [(keys, [members[i] for i in groups[index]]) for index, keys in keys_of.items()]
    _name_the_keyless(result, owner.keys())
    return result


def _ambiguous(members: Sequence[Member]) -> frozenset[str]:
    """Addresses and names at which one claim has several parts: they cannot tell which of them another claim means."""
    seen: set[tuple[int, str]] = set()
    found = set()
    for member in members:
        for key in member.weak:
            if (id(member.claim), key) in seen:
                found.add(key)
            seen.add((id(member.claim), key))
    return frozenset(found)


def _can_join(one: list[Member], other: list[Member], weak: bool) -> bool:
    if not {id(member.claim) for member in one}.isdisjoint([id(member.claim) for member in other]):
        return False
    return not weak or _number_systems(one).isdisjoint(_number_systems(other))


def _number_systems(group: list[Member]) -> set[str]:
    return {key_system(key) for member in group for key in member.numbers}


def _name_the_keyless(groups: list[tuple[list[str], list[Member]]], taken: Collection[str]) -> None:
    """Give a group whose keys all went to others, or that never had any, one derived from what it stated."""
    used = set(taken)
    for keys, group in groups:
        if not keys:
            claim = group[0].claim
            stem, number = (group[0].keys or (f"part|{claim.source}|{claim.external_id}",))[0], 2
            while f"{stem}#{number}" in used:
                number += 1
            keys.append(f"{stem}#{number}")
            used.add(keys[0])
