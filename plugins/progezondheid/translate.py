"""From a provider of ProGezondheid to a claim. Pure: no IO, no clock.

Only what the contract names is taken over, so a national number, or anything else that they might add, cannot slip through. A closed list
with a value that we do not know rejects the row: an address of an unknown type might be one that nobody may see. The
row's last good claim then stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from typing import Any, Final

from hub import (
    LANGUAGES,
    Claim,
    Document,
    InvalidIdentifier,
    Rejected,
    normalise_identifier,
)
from plugins.progezondheid import quick
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

_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d").fullmatch
_EIGHT_DIGITS: Final = re.compile(r"[0-9]{8}").fullmatch
_LANGUAGE: Final = re.compile(r"[a-z]{2,3}").fullmatch
_OF_A_DELETED_ONE: Final = frozenset({"nihdi8", "version", "updated_at", "state"})


def claim_of(provider: object) -> Claim:
    """What ProGezondheid says about one caregiver, known by the first eight digits of the RIZIV number; a `gone` claim for a deleted one.

    The revision is theirs: it rises by each change, whatever their clock says. Raises `Rejected` with the field and the reason.
    """
    content = quick.content_of(provider)
    if content is not None:
        return Claim(SOURCE, provider["nihdi8"], provider["version"], "zorgverlener", content)  # type: ignore[index]
    return careful_claim_of(provider)


def careful_claim_of(provider: object) -> Claim:
    """The same, field by field."""
    row = _Row(provider)
    nihdi8 = row.identity
    state = row.choice("state", ("registered", "withdrawn", "deleted"))
    version = row.value("version")
    if type(version) is not int or not 1 <= version <= HIGHEST_VERSION:
        raise row.refusal("version", f"A version is a number from 1 to {HIGHEST_VERSION}.", version)
    if state == "deleted":
        _numbered(row, "nihdi8")
        row.demand_nothing_but(_OF_A_DELETED_ONE)
        return Claim(SOURCE, nihdi8, version, "zorgverlener", {}, gone=True)
    whole: Document = {
        "kind": "zorgverlener",
        "name": _name(row.inner("name")),
        "identifiers": [{"system": "riziv", "value": _riziv(row)}],
        "professions": [{"scheme": PROFESSIONS, "code": item.text("code")} for item in row.items("professions")],
        "competences": [{"scheme": COMPETENCES, "code": item.text("code")} for item in row.items("competences")],
        "visum": "withdrawn" if state == "withdrawn" else _visum(row),
        "addresses": [_address(item) for item in row.items("addresses")],
        "contacts": [_contact(item) for item in row.items("contacts")],
        "languages": _languages(row),
        "status": _status(row),
        # A caregiver without a visum does not belong in the register, however well known elsewhere.
        "in_scope_of": [] if state == "withdrawn" else [SOURCE],
    }
    row.items("practices")  # what we proposed, in our own words: there it must be, but nothing of it is read
    if row.value("gender") is not None:
        whole["gender"] = row.choice("gender", GENDERS)
    if row.value("convention") is not None:
        whole["convention"] = row.choice("convention", CONVENTION)
    return Claim(SOURCE, nihdi8, version, "zorgverlener", {key: value for key, value in whole.items() if value})


class _Row:
    """Reads typed values out of JSON of which nothing is sure; every refusal names the row and the field.

    Some fifteen are made per caregiver, so the common case comes first and the path is put together only for a refusal.
    """

    __slots__ = ("_at", "_fields", "_within", "identity")
    identity: str

    def __init__(self, value: object, within: _Row | None = None, at: str = "") -> None:
        self._within = within
        self._at = at
        self._fields: dict[str, Any] = {}
        self.identity = within.identity if within is not None else ""
        if type(value) is not dict:
            raise self.refusal("", "An object was expected.", value)
        self._fields = value
        if within is None:
            self.identity = self._own_identity()

    def _own_identity(self) -> str:
        given = self._fields.get("nihdi8")
        if type(given) is not str:
            raise self.refusal("nihdi8", "The first eight digits of the RIZIV number were expected, as text.", given)
        if _EIGHT_DIGITS(given) is None:
            self.identity = given[:80]
            raise self.refusal("nihdi8", "Exactly the first eight digits were expected, without dots.", given)
        return given

    def refusal(self, field: str, reason: str, value: object) -> Rejected:
        """The error for a field that cannot be used."""
        parts = [field, self._at]
        row = self._within
        while row is not None:
            parts.append(row._at)
            row = row._within
        name = ".".join(part for part in reversed(parts) if part)
        who = f"Provider {self.identity}" if self.identity else "A provider without a usable number"
        where = f", field {name}" if name else ""
        return Rejected(
            f"{who}{where}: {reason}",
            external_id=self.identity,
            field=name or "provider",
            raw=repr(value)[:200],
        )

    def value(self, field: str) -> Any:
        """Whatever the field holds; null is a value, an absent field is a breach of the contract."""
        try:
            return self._fields[field]
        except KeyError:
            reason = "The contract demands this field, if need be with null or an empty list."
            raise self.refusal(field, reason, None) from None

    def demand_nothing_but(self, known: frozenset[str]) -> None:
        """Refuse a row that says more: who is still described was hardly deleted, and a word that slipped in must take nobody away."""
        if more := sorted(map(str, self._fields.keys() - known)):
            raise self.refusal(
                "state", f"A deleted caregiver has nothing but {', '.join(sorted(known))}; this one also has {', '.join(more)[:200]}.", "deleted"
            )

    def optional(self, field: str) -> str | None:
        """A text, or None for null, an empty one, or no such field."""
        found = self._fields.get(field)
        if type(found) is str:
            return found.strip() or None
        if found is None:
            return None
        raise self.refusal(field, "A text was expected.", found)

    def text(self, field: str) -> str:
        """A text that says something."""
        found = self.optional(field)
        if found is None:
            self.value(field)
            raise self.refusal(field, "This is empty.", None)
        return found

    def choice(self, field: str, known: tuple[str, ...]) -> str:
        """One of a closed list."""
        found = self.text(field)
        if found not in known:
            raise self.refusal(field, f"One of {', '.join(known)} was expected.", found)
        return found

    def day(self, field: str) -> str | None:
        """A day as YYYY-MM-DD."""
        found = self.optional(field)
        if found is None:
            return None
        try:
            date.fromisoformat(found if _DAY(found) else "")
        except ValueError as error:
            raise self.refusal(field, "An existing day as YYYY-MM-DD was expected.", found) from error
        return found

    def inner(self, field: str) -> _Row:
        """The object in this field."""
        return _Row(self.value(field), self, field)

    def items(self, field: str) -> Iterator[_Row]:
        """The objects in the list in this field."""
        found = self.value(field)
        if not isinstance(found, list):
            raise self.refusal(field, "A list was expected.", found)
        return (_Row(item, self, f"{field}.{place}") for place, item in enumerate(found))

    def bilingual(self, field: str) -> dict[str, str]:
        """A text per language."""
        if self._fields.get(field) is None:
            return {}
        inner = self.inner(field)
        return {one: text for one in LANGUAGES if one in inner._fields and (text := inner.optional(one))}

    def position(self, field: str) -> dict[str, float] | None:
        """Latitude and longitude in degrees."""
        if self._fields.get(field) is None:
            return None
        inner = self.inner(field)
        found = {}
        for name, most in (("lat", 90), ("lon", 180)):
            degrees = inner.value(name)
            if type(degrees) not in (int, float) or not -most <= degrees <= most:
                raise inner.refusal(name, f"Degrees between -{most} and {most} were expected.", degrees)
            found[name] = float(degrees)
        return found


def _riziv(row: _Row) -> str:
    number = _numbered(row, "nihdi")
    if number[:8] != row.identity:
        raise row.refusal("nihdi", f"This does not begin with {row.identity}, the number of the row.", number)
    return number


def _numbered(row: _Row, field: str) -> str:
    given = row.text(field)
    try:
        return normalise_identifier("riziv", given)
    except InvalidIdentifier as error:
        raise row.refusal(field, error.reason, given) from error


def _name(row: _Row) -> Document:
    name: Document = {"family": row.text("family")}
    given = row.value("given")
    if not isinstance(given, list) or not all(isinstance(one, str) for one in given):
        raise row.refusal("given", "A list of texts was expected.", given)
    if kept := [one.strip() for one in given if one.strip()]:
        name["given"] = kept
    return name


def _visum(row: _Row) -> str | None:
    held = [item.choice("status", VISUM) for item in row.items("visa")]
    return min(held, key=VISUM.index) if held else None


def _languages(row: _Row) -> list[str]:
    given = row.value("languages")
    if not isinstance(given, list) or not all(isinstance(one, str) and _LANGUAGE(one) for one in given):
        raise row.refusal("languages", "A list of ISO 639 codes in small letters was expected.", given)
    return list(dict.fromkeys(given))


def _address(row: _Row) -> Document:
    # Who may see which type is in the hub's own table (an emergency address is internal): nothing here can loosen it.
    address: Document = {"type": row.choice("type", ADDRESS_TYPES)}
    for field in ("house_number", "box", "postcode", "municipality", "country"):
        if found := row.optional(field):
            address[field] = found
    for field in ("street", "city"):
        if texts := row.bilingual(field):
            address[field] = texts
    if position := row.position("position"):
        address["position"] = position
    return address


def _contact(row: _Row) -> Document:
    kind, raw = row.choice("kind", CONTACT_KINDS), row.text("value")
    value = normal_contact(kind, raw)
    contact: Document = {"kind": kind_of(kind, value), "value": value}
    if value != raw:
        contact["raw"] = raw
    if visibility := AUDIENCES[row.choice("audience", tuple(AUDIENCES))]:
        contact["visibility"] = visibility
    return contact


def _status(row: _Row) -> Document | None:
    """The latest proof that somebody works, or stopped; None when there is none: then nothing is claimed, neither yes nor no."""
    best: tuple[str, int, Document] | None = None
    for item in row.items("activity_evidence"):
        kind = item.text("type")
        if kind not in PROOF:
            continue
        observed = item.day("observed_on")
        if observed is None:
            raise item.refusal("observed_on", "Evidence without a day proves nothing.", None)
        status: Document = {
            "status": item.choice("status", ("active", "inactive")),
            "evidence": kind,
            "asserted_at": f"{observed}T00:00:00Z",
        }
        for field in ("since", "until"):
            if found := item.day(field):
                status[field] = found
        candidate = (observed, PROOF.index(kind), status)
        if best is None or candidate[:2] > best[:2]:
            best = candidate
    return best[2] if best else None
