"""When two values are the same, in the register's words or in the hub's, and when what stands there is still as we told it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from hub import fold
from plugins.progezondheid.words import AUDIENCES, normal_contact

_AUDIENCE_OF: Final = {visibility: audience for audience, visibility in AUDIENCES.items()}


def key_of(field: str) -> Callable[[Any], Any]:
    """By what an item of this list is recognised."""
    return _KEYS[field]


def mark_of(field: str) -> Callable[[Any], Any]:
    """By what an item of this list is known to be just what was told: of a contact also for whom it is. Who makes it for others has the last word on it."""
    return _MARKS.get(field, _KEYS[field])


def same(field: str, one: Any, other: Any) -> bool:
    """Whether two values of a field are the same, in whatever spelling and order."""
    if field not in _KEYS:
        return bool(one == other)
    return set(map(_KEYS[field], one or ())) == set(map(_KEYS[field], other or ()))


def difference(field: str, old: Any, new: Any) -> Any:
    """What a proposal from `old` to `new` adds and takes away; of a field that is no list the new value."""
    if field not in _KEYS:
        return new
    before, after = (set(map(mark_of(field), value or ())) for value in (old, new))
    return after - before, before - after


def audience_of(contact: Mapping[str, Any]) -> str | None:
    """For whom a contact is, in the register's words; None for what the register has no word for."""
    if "audience" in contact:
        return str(contact["audience"])
    visibility = contact.get("visibility")
    return _AUDIENCE_OF.get(None if visibility == "public" else visibility)


def _contact_key(item: Mapping[str, Any]) -> tuple[str, str]:
    """Of a contact: of one number the two may tell the kind differently, of one website the scheme."""
    kind, value = item["kind"], normal_contact(item["kind"], item["value"]).lower()
    if kind == "website":
        return kind, value.partition("://")[2].rstrip("/") or value
    return "phone" if kind == "mobile" else kind, value


def _address_key(item: Mapping[str, Any]) -> tuple[str, ...]:
    street = item.get("street") or {}
    return (
        item.get("postcode") or "",
        fold(street.get("nl") or next(iter(street.values()), "")),
        _number_key(item.get("house_number")),
        _number_key(item.get("box")),
    )


def _number_key(written: str | None) -> str:
    """As the hub compares house numbers and boxes: without blanks and case."""
    return "".join((written or "").split()).casefold()


_KEYS: Final[dict[str, Callable[[Any], Any]]] = {
    "practice_addresses": _address_key,
    "contacts": _contact_key,
    "languages": str,
}
_MARKS: Final[dict[str, Callable[[Any], Any]]] = {"contacts": lambda item: (_contact_key(item), audience_of(item))}
