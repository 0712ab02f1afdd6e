"""Parameters whose values are a short list, and those of contacts: each value in FHIR's words -> the hub's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from hub import Criterion, normalise_email, normalise_phone, normalise_website
from plugins.fhir.criteria import (
    NOTHING,
    Absent,
    Build,
    Condition,
    Given,
    Remark,
    everything,
    nothing,
    token,
    tokens,
    unescape,
    wrong,
)
from plugins.fhir.systems import REFNIS, code_system

_GENDERS: Final = "http://hl7.org/fhir/administrative-gender"
_BOOLEANS: Final = "http://terminology.hl7.org/CodeSystem/special-values"
DELIVERY: Final = frozenset({"onsite", "home", "online", "blended", "phone"})
"""The ways of delivery that the hub knows."""
_AREAS: Final = {REFNIS: "municipality", **{code_system(kind): kind for kind in ("postcode", "zone", "province", "region")}}


def listed(key: str, system: str, values: Mapping[str, str | None]) -> Build:
    """A code of a list: code -> what the hub calls it, None for one that it never uses. The system need not be named. Raises `Invalid` for another code."""

    def build(given: Given) -> list[Condition]:
        found = []
        for value in given.values:
            its_system, code = token(value)
            if its_system and its_system != system:
                continue  # a code of another list is on none of ours
            if code not in values and not (its_system and not code):
                raise wrong(given, f"{', '.join(values)} is expected.", value)
            found += [word for name, word in values.items() if word and code in (name, "")]
        return [Criterion(key, tuple(dict.fromkeys(found)), negate=given.negated)] if found else nothing(given)

    return build


ACTIVE: Final = listed("status", _BOOLEANS, {"true": "active", "false": "inactive"})
LOCATION_STATUS: Final = listed("status", "http://hl7.org/fhir/location-status", {"active": "active", "suspended": None, "inactive": "inactive"})
ENDPOINT_STATUS: Final = listed(
    "status",
    "http://hl7.org/fhir/endpoint-status",
    {"active": "active", "suspended": "suspended", "off": "off", "error": None, "test": None, "entered-in-error": None},
)
GENDER: Final = listed("gender", _GENDERS, {each: each for each in ("male", "female", "other", "unknown")})


def answered(name: str) -> Build:
    """A yes or no that runs out: `yes`, `no` or `unknown`, of the one code system that all of them have."""
    return listed("availability", code_system("yes-no-unknown"), {each: f"{name}|{each}" for each in ("yes", "no", "unknown")})


def told(name: str) -> Absent:
    """Whether anything is said about this yes or no."""
    values = tuple(f"{name}|{each}" for each in ("yes", "no", "unknown"))
    return lambda absent: [Criterion("availability", values, negate=absent)]


def known(absent: bool) -> list[Condition]:
    """Whether it is known that it works or does not: an unknown status is left out of a resource."""
    return [Criterion("status", ("active", "inactive"), negate=absent)]


def open_list(key: str, system: str, only: frozenset[str] | None = None) -> Build:
    """A code of one system; `|code` finds nothing, because each has that system, and so does one that is not in `only`."""

    def build(given: Given) -> list[Condition]:
        found = []
        for value in given.values:
            its_system, code = token(value)
            if its_system in (None, system):
                if not code:
                    return [Criterion(key, (), "missing", negate=not given.negated)]
                if only is None or code.lower() in only:
                    found.append(code)
        return [Criterion(key, tuple(found), negate=given.negated)] if found else nothing(given)

    return build


def fixed(*values: tuple[str, str]) -> Build:
    """An element that is the same on every resource: (system, code) of each of its values."""

    def build(given: Given) -> list[Condition]:
        for value in given.values:
            system, code = token(value)
            if any(system in (None, theirs) and code in (its_code, "") for theirs, its_code in values):
                return everything(given)
        return nothing(given)

    return build


def of_every_address(given: Given) -> list[Condition]:
    """`address-use`: every address that is shown has the use `work`."""
    values = [token(value)[1] for value in given.values]
    if not set(values) <= {"home", "work", "temp", "old", "billing"}:
        raise wrong(given, "home, work, temp, old or billing is expected.", ",".join(values))
    return [Criterion("country", (), "missing", negate=not given.negated)] if "work" in values else nothing(given)


# --- contacts ---------------------------------------------------------------------------------------------------------------

_NORMALISED: Final[Mapping[str, Callable[[str], str | None]]] = {
    "phone": normalise_phone,
    "mobile": normalise_phone,
    "fax": normalise_phone,
    "email": normalise_email,
    "website": normalise_website,
}
PHONE: Final = ("phone", "mobile")
EMAIL: Final = ("email",)
TELECOM: Final = tuple(_NORMALISED)
_SYSTEMS: Final[Mapping[str, tuple[str, ...]]] = {"phone": PHONE, "fax": ("fax",), "email": EMAIL, "url": ("website",)}


def contacts(*kinds: str) -> Build:
    """Numbers and addresses as people write them, as `system|value` (phone, fax, email, url), or `system|` for any. Each has a system, so `|value` finds nothing."""

    def build(given: Given) -> list[Condition]:
        found: dict[str, None] = {}
        for value in given.values:
            system, written = token(value)
            for kind in kinds:
                if system is not None and kind not in _SYSTEMS.get(system, ()):
                    continue
                if system and not written:
                    found[f"{kind}|"] = None
                found.update((f"{kind}|{each}", None) for each in (_NORMALISED[kind](written), written.strip()) if each)
        return tokens(given, "contact", found)

    return build


_OWN_ONLY: Final = Remark(
    "only contacts of its own count here; telecom also shows what a resource inherits, which the extension contact-origin tells."
)


def reached(*kinds: str) -> Absent:
    """Whether there is a contact of these kinds that is its own: what is inherited is not in the index, so the asker is told."""

    def absent(absent: bool) -> list[Condition]:
        if kinds == TELECOM:
            return [Criterion("contact", (), "missing", negate=not absent), _OWN_ONLY]
        return [Criterion("contact", tuple(f"{kind}|" for kind in kinds), "prefix", negate=absent), _OWN_ONLY]

    return absent


# --- areas ------------------------------------------------------------------------------------------------------------------


def coverage_area(given: Given) -> list[Condition]:
    """Places that are served. They are no resources of this server, so they are asked for by `:identifier` (system|code). Raises `Invalid`."""
    if given.modifier != "identifier":
        raise wrong(
            given,
            f"what is served is no resource of this server; ask by number: coverage-area:identifier={REFNIS}|<code of the municipality>.",
            given.values[0],
        )
    found = []
    for value in given.values:
        system, code = token(value)
        kinds = tuple(_AREAS.values()) if system is None else (_AREAS.get(system),)
        found += [f"{kind}|{code}" for kind in kinds if kind and code]
    return [Criterion("serves", tuple(found))] if found else list(NOTHING)


def sources(given: Given) -> list[Condition]:
    """Sources that contribute, by their name or by the address of their numbers."""
    prefix = code_system("").replace("/CodeSystem/", "/NamingSystem/")
    return [Criterion("source", tuple(unescape(value).removeprefix(prefix) for value in given.values))]
