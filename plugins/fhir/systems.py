"""The addresses by which FHIR names things: identifier systems, code systems, profiles.

Identifier systems and profiles of Belgium: https://www.ehealth.fgov.be/standards/fhir/core (hl7.fhir.be.core 2.1.2); those of the
care directory: https://profiles.ihe.net/ITI/mCSD. What nobody has named yet is ours, below `BASE`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Final
from urllib.parse import quote, unquote

FHIR_VERSION: Final = "4.0.1"
BASE: Final = "https://fichehub.example.org/fhir"
"""Where our own artefacts live. An installation that is reachable elsewhere still names them so: a canonical is a name, not a place."""

BE: Final = "https://www.ehealth.fgov.be/standards/fhir/core"
_BE_BEFORE: Final = "https://www.ehealth.fgov.be/standards/fhir"
"""The spelling of before 2021, without `/core`: still sent by senders, so understood in a search, and never emitted."""

NIHDI: Final = BE + "/NamingSystem/nihdi"
CBE: Final = BE + "/NamingSystem/cbe"
EHP: Final = BE + "/NamingSystem/ehp"
ESTABLISHMENT: Final = BASE + "/NamingSystem/vestigingsnummer"
"""Belgium has no naming system for establishment numbers; `cbe` would be wrong, because its invariant demands a first digit 0 or 1."""

IDENTIFIER_SYSTEMS: Final[Mapping[str, str]] = {
    "kbo": CBE,
    "vestigingsnummer": ESTABLISHMENT,
    "riziv": NIHDI,
    "riziv-group": NIHDI,
    "ehp": EHP,
}
"""The hub's short name -> what we emit. Any other short name is a source's own number and becomes `BASE/NamingSystem/<name>`."""

_ALSO_UNDERSTOOD: Final[Mapping[str, tuple[str, ...]]] = {
    NIHDI: ("riziv", "riziv-group"),
    BE + "/NamingSystem/nihdi-organization": ("riziv-group",),
    BE + "/NamingSystem/nihdi-professional": ("riziv",),
    _BE_BEFORE + "/NamingSystem/nihdi": ("riziv", "riziv-group"),
    _BE_BEFORE + "/NamingSystem/nihdi-organization": ("riziv-group",),
    _BE_BEFORE + "/NamingSystem/nihdi-professional": ("riziv",),
    _BE_BEFORE + "/NamingSystem/cbe": ("kbo",),
    _BE_BEFORE + "/NamingSystem/ehp": ("ehp",),
    "urn:oid:2.16.840.1.113883.3.6777.5.2": ("riziv", "riziv-group"),
    "urn:oid:2.16.840.1.113883.3.6777.5.5": ("kbo",),
    "urn:oid:2.16.840.1.113883.3.6777.5.6": ("ehp",),
    "https://org.belgif.be/id/CbeEstablishmentUnit": ("vestigingsnummer",),
    "https://org.belgif.be/id/CbeRegisteredEntity": ("kbo",),
}

CD_HCPARTY: Final = BE + "/CodeSystem/cd-hcparty"
HCPARTY: Final = "cd-hcparty"
RUBRIEK: Final = "rubriek"
FORM: Final = "organisatie-form"
"""The hub's schemes of professions and types of organisations, of what is offered, and of what every organisatie is: an organisatie or a praktijk."""
CODE_SYSTEMS: Final[Mapping[str, str]] = {
    HCPARTY: CD_HCPARTY,
    "endpoint-connection-type": "http://terminology.hl7.org/CodeSystem/endpoint-connection-type",
}
"""The hub's scheme -> the code system it is known by outside. Any other scheme becomes `BASE/CodeSystem/<scheme>`."""
_CODE_SYSTEMS_ALSO: Final[Mapping[str, str]] = {_BE_BEFORE + "/CodeSystem/cd-hcparty": "cd-hcparty"}

LANGUAGE_TAGS: Final = "urn:ietf:bcp:47"
FACILITY: Final = "https://profiles.ihe.net/ITI/mCSD/CodeSystem/IHE.mCSD.Organization.Location.Types"
PHYSICAL_TYPE: Final = "http://terminology.hl7.org/CodeSystem/location-physical-type"
REFNIS: Final = BASE + "/NamingSystem/refnis"

BE_ORGANIZATION: Final = BE + "/StructureDefinition/be-organization"
BE_LOCATION: Final = BE + "/StructureDefinition/be-location"
BE_PROVENANCE: Final = BE + "/StructureDefinition/be-provenance"
"""It asks nothing beyond R4, but to be claimed."""
BE_PRACTITIONER: Final = BE + "/StructureDefinition/be-practitioner"
BE_PRACTITIONER_ROLE: Final = BE + "/StructureDefinition/be-practitionerrole"
MCSD: Final = "https://profiles.ihe.net/ITI/mCSD/StructureDefinition/IHE.mCSD."
MCSD_ORGANIZATION: Final = MCSD + "Organization"
MCSD_LOCATION: Final = MCSD + "Location"
MCSD_HEALTHCARE_SERVICE: Final = MCSD + "HealthcareService"
MCSD_PRACTITIONER: Final = MCSD + "Practitioner"
MCSD_PRACTITIONER_ROLE: Final = MCSD + "PractitionerRole"
MCSD_ORGANIZATION_AFFILIATION: Final = MCSD + "OrganizationAffiliation"
MCSD_ENDPOINT: Final = MCSD + "Endpoint"
_VERSIONS: Final = {BE: "2.1.2", MCSD: "4.0.0"}


def version_of(profile: str) -> str:
    """The version of a profile of Belgium or of mCSD that we go by."""
    return next(version for start, version in _VERSIONS.items() if profile.startswith(start))


_OUR_NAMING: Final = BASE + "/NamingSystem/"
_OUR_CODES: Final = BASE + "/CodeSystem/"
_SHAPES: Final = {
    "kbo": re.compile(r"[01]\d{9}"),
    "riziv": re.compile(r"\d{8}|\d{11}"),
    "riziv-group": re.compile(r"\d{8}|\d{11}"),
}


def identifier_system(name: str, value: str) -> str:
    """The address that stands for the hub's identifier system `name`; for a source's name one of ours.

    A source may hold a wrong number. It is shown, so that somebody can mend it, but not under a Belgian system whose invariant
    (be-inv-CBE, be-inv-NIHDI) it breaks.
    """
    shape = _SHAPES.get(name)
    if shape is not None and shape.fullmatch(value) is None:
        return _our_naming(name)
    return IDENTIFIER_SYSTEMS.get(name) or _our_naming(name)


@cache
def _our_naming(name: str) -> str:
    if "://" in name or name.startswith("urn:"):  # what a partner sent under an address of its own
        return name
    return _OUR_NAMING + quote(name, safe="-._~")


def identifier_names(system: str) -> tuple[str, ...]:
    """The hub's names for an identifier system in any spelling that is understood; empty for one that nobody here uses."""
    system = system.strip().rstrip("/")
    if system in _ALSO_UNDERSTOOD:
        return _ALSO_UNDERSTOOD[system]
    for name, address in IDENTIFIER_SYSTEMS.items():
        if address == system:
            return (name,)
    if system.startswith(_OUR_NAMING):
        return (unquote(system[len(_OUR_NAMING) :]),)
    return ()


@cache
def code_system(scheme: str) -> str:
    """The code system that stands for the hub's concept scheme."""
    return CODE_SYSTEMS.get(scheme) or _OUR_CODES + quote(scheme, safe="-._~")


def scheme_of(system: str) -> str | None:
    """The hub's concept scheme for a code system, or None for one that nobody here uses."""
    system = system.strip().rstrip("/")
    for scheme, address in CODE_SYSTEMS.items():
        if address == system:
            return scheme
    if system in _CODE_SYSTEMS_ALSO:
        return _CODE_SYSTEMS_ALSO[system]
    if system.startswith(_OUR_CODES):
        return unquote(system[len(_OUR_CODES) :])
    return None
