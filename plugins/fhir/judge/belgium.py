"""What Belgium and mCSD ask beyond R4: numbers, codes of CD-HCPARTY, and the minimums of the profiles that a resource claims.

The regular expressions of hl7.fhir.be.core are not anchored; these are. https://www.ehealth.fgov.be/standards/fhir/core
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from plugins.fhir import systems as s
from plugins.fhir.countries import ALPHA_2, country_of
from plugins.fhir.judge.elements import is_resource
from plugins.fhir.judge.issues import Findings, Json, shown


class Concepts(Protocol):
    """The part of the hub's book of concepts that judging needs."""

    def get(self, scheme: str, code: str) -> object | None:
        """The concept, or None."""
        ...

    def concepts(self, scheme: str) -> tuple[Any, ...]:
        """All concepts of a scheme; none for a scheme that nobody has told of."""
        ...


# --- numbers ------------------------------------------------------------------------------------------------------------------

_PSEUDONYM: Final = "https://www.ehealth.fgov.be/standards/fhir/infsec/StructureDefinition/be-ext-pseudonymization"
_NIHDI: Final = (re.compile(r"\d{8}|\d{11}"), "be-inv-NIHDI", "Give 8 or 11 digits, without dots or hyphens.")
_CBE: Final = (re.compile(r"[01]\d{9}"), "be-inv-CBE", "Give 10 digits, the first 0 or 1, without dots.")
_SSIN: Final = (re.compile(r"\d{11}"), "be-inv-SSIN", "Give 11 digits, without dots or hyphens.")
_UNIT: Final = (
    re.compile(r"[2-8]\d{9}"),
    "vestigingsnummer",
    "Give 10 digits, the first from 2 to 8, without dots.",
)
_BEFORE: Final = "https://www.ehealth.fgov.be/standards/fhir/NamingSystem/"
_NOW: Final = s.BE + "/NamingSystem/"
_NUMBERS: Final = {
    base + name: rule
    for base in (_NOW, _BEFORE)
    for name, rule in (
        ("nihdi", _NIHDI),
        ("nihdi-organization", _NIHDI),
        ("nihdi-professional", _NIHDI),
        ("cbe", _CBE),
        ("ssin", _SSIN),
    )
} | {s.ESTABLISHMENT: _UNIT}


def check_identifier(identifier: Json, path: str, found: Findings) -> None:
    """The number is one of its system, unless it is a pseudonym."""
    system, value = identifier.get("system"), identifier.get("value")
    if not isinstance(system, str) or not isinstance(value, str) or system not in _NUMBERS or _is_pseudonym(identifier):
        return
    shape, rule, remedy = _NUMBERS[system]
    if shape.fullmatch(value) is None:
        found.error("invariant", f"{path}.value", f"{shown(value)} is no such number ({rule}).", remedy)
    if system.startswith(_BEFORE):
        now = _NOW + system.removeprefix(_BEFORE)
        found.warning("informational", f"{path}.system", "this is the older spelling of the system.", f"Write {now}.")


def _is_pseudonym(identifier: Json) -> bool:
    extra = identifier.get("_value")
    around = [
        *_list(identifier.get("extension")),
        *_list(extra.get("extension") if isinstance(extra, dict) else None),
    ]
    return any(isinstance(each, dict) and each.get("url") == _PSEUDONYM for each in around)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


# --- codes --------------------------------------------------------------------------------------------------------------------

_HCPARTY: Final = re.compile(r"(?:pers|org|dept|groupof)[a-z]+|guardpost|hub|application|patient|certificateholder")


def check_coding(coding: Json, path: str, concepts: Concepts | None, found: Findings) -> None:
    """A code of CD-HCPARTY or of a scheme of ours is one that exists."""
    system, code = coding.get("system"), coding.get("code")
    if not isinstance(system, str) or not isinstance(code, str):
        return
    scheme = s.scheme_of(system)
    if scheme is None:
        return
    if scheme == "cd-hcparty" and _HCPARTY.fullmatch(code) is None:
        remedy = "Its codes begin with pers, org, dept or groupof, in small letters."
        found.error("code-invalid", f"{path}.code", f"{shown(code)} is no code of CD-HCPARTY.", remedy)
    elif concepts is not None and concepts.get(scheme, code) is None and concepts.concepts(scheme):
        what = f"{shown(code)} is not among the codes of {system} that are known here."
        if scheme == "cd-hcparty":
            found.warning(
                "code-invalid",
                f"{path}.code",
                what,
                "Look whether it is spelled as in the table of the eHealth platform.",
            )
        else:
            found.error("code-invalid", f"{path}.code", what, f"GET CodeSystem?url={system} lists them.")


# --- profiles -----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Profile:
    """What a profile asks beyond R4: how often elements come at least, and what may not be there."""

    type: str
    minimums: Mapping[str, int]
    forbidden: tuple[str, ...] = ()


_MCSD_FORBIDS: Final = ("implicitRules", "modifierExtension")


def _mcsd(type_name: str, *, forbidden: tuple[str, ...] = (), **minimums: int) -> Profile:
    return Profile(type_name, minimums, (*_MCSD_FORBIDS, *forbidden))


_MCSD: Final = "https://profiles.ihe.net/ITI/mCSD/StructureDefinition/IHE.mCSD."
PROFILES: Final[Mapping[str, Profile]] = {
    s.BE_ORGANIZATION: Profile("Organization", {}),
    s.BE_LOCATION: Profile("Location", {}),
    s.BE_PROVENANCE: Profile("Provenance", {}),
    s.BE_PRACTITIONER: Profile("Practitioner", {"name": 1}),
    s.BE_PRACTITIONER_ROLE: Profile("PractitionerRole", {}),
    s.MCSD_ORGANIZATION: _mcsd("Organization", type=1, name=1),
    _MCSD + "FacilityOrganization": _mcsd("Organization", type=2, name=1),
    _MCSD + "JurisdictionOrganization": _mcsd("Organization", type=2, name=1),
    s.MCSD_LOCATION: _mcsd("Location", type=1, name=1, status=1),
    _MCSD + "FacilityLocation": _mcsd("Location", type=2, name=1, status=1, managingOrganization=1),
    _MCSD + "JurisdictionLocation": _mcsd("Location", type=2, name=1, status=1),
    _MCSD + "LocationDistance": _mcsd("Location", type=1, name=1, status=1, position=1),
    s.MCSD_HEALTHCARE_SERVICE: _mcsd("HealthcareService", type=1, name=1),
    s.MCSD_PRACTITIONER: _mcsd("Practitioner", name=1),
    s.MCSD_PRACTITIONER_ROLE: _mcsd("PractitionerRole", code=1),
    s.MCSD_ORGANIZATION_AFFILIATION: _mcsd(
        "OrganizationAffiliation",
        forbidden=("network",),
        active=1,
        code=1,
        organization=1,
        participatingOrganization=1,
    ),
    s.MCSD_ENDPOINT: _mcsd("Endpoint", managingOrganization=1),
}
"""The profiles that are judged here, by canonical."""


_BASE: Final = re.compile(r"http://hl7\.org/fhir/StructureDefinition/([A-Za-z]+)(?:\|4\.0(?:\.1)?)?")
_NO_DOMAIN: Final = frozenset({"Binary", "Bundle", "Parameters"})
"""The resource types that are no DomainResource."""


def is_profile(canonical: str) -> bool:
    """Whether it is judged here: one of `PROFILES`, or the profile of a resource type that R4 itself gives."""
    return canonical.partition("|")[0] in PROFILES or _base(canonical) is not None


def _base(canonical: str) -> str | None:
    """The type of which this is R4's own profile, also Resource and DomainResource; None for any other."""
    found = _BASE.fullmatch(canonical)
    return found[1] if found and (found[1] in ("Resource", "DomainResource") or is_resource(found[1])) else None


def check_profiles(resource: Json, path: str, also: Iterable[str], found: Findings) -> None:
    """The resource meets every profile that it claims, and those in `also`."""
    meta = resource.get("meta")
    claimed = _list(meta.get("profile") if isinstance(meta, dict) else None)
    for place, claim in enumerate(claimed):
        if isinstance(claim, str):
            _check_profile(resource, path, claim, f"{path}.meta.profile[{place}]", found)
    for wanted in also:
        if wanted not in claimed:
            _check_profile(resource, path, wanted, path, found)


_WITH_ADDRESSES: Final = (s.BE_ORGANIZATION, s.BE_LOCATION, s.BE_PRACTITIONER)
"""Every address of these is a BeAddress."""


def _check_countries(resource: Json, path: str, found: Findings) -> None:
    """BeAddress has the country in two letters; what is written in another way that is known is understood."""
    given = resource.get("address")
    addresses = [(f"[{place}]", each) for place, each in enumerate(given)] if isinstance(given, list) else [("", given)]
    for place, address in addresses:
        country = address.get("country") if isinstance(address, dict) else None
        if not isinstance(country, str) or country in ALPHA_2:
            continue
        where, code = f"{path}.address{place}.country", country_of(country)
        what = f"{shown(country)} is no country in two letters, as BeAddress asks (ISO 3166-1)."
        if code is None:
            found.error("code-invalid", where, what, "Write BE, NL, FR, or leave it out.")
        else:
            found.warning("code-invalid", where, what, f"Write {code}.")


def _check_profile(resource: Json, path: str, claim: str, where: str, found: Findings) -> None:
    url = claim.partition("|")[0]
    named = resource.get("resourceType")
    profile = PROFILES.get(url)
    base = _base(claim)
    if base is not None:
        # What it asks is what R4 asks, and that was looked at.
        if base not in (named, "Resource") and (base != "DomainResource" or named in _NO_DOMAIN):
            found.error("invalid", where, f"{url} is the profile of {base}, and this is a {named}.", "Leave it out.")
        return
    if profile is None:
        what = f"the profile {shown(url)} is not known here, so nobody has looked whether it is met."
        found.warning("not-supported", where, what, "GET /fhir/metadata lists the profiles that are.")
        return
    if profile.type != named:
        found.error("invalid", where, f"{url} is a profile of {profile.type}, and this is a {named}.", "Leave it out.")
        return
    for name, least in profile.minimums.items():
        value = resource.get(name, resource.get("_" + name))
        number = len(value) if isinstance(value, list) else int(value is not None)
        if number < least:
            what = f"{url} asks for at least {least} {name}, and there {'is' if number == 1 else 'are'} {number or 'none'}."
            found.error("required", f"{path}.{name}", what, "Give it, or do not claim the profile.")
    for name in profile.forbidden:
        if name in resource:
            found.error(
                "structure",
                f"{path}.{name}",
                f"{url} does not allow {name}.",
                "Leave it out, or do not claim the profile.",
            )
    if url in _WITH_ADDRESSES:
        _check_countries(resource, path, found)
