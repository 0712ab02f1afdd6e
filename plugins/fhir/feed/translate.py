"""From a resource that the judge has passed to what its sender says about a fiche or a part of one. Pure: one function for each type.

The way back of `plugins.fhir.resources`: what this server shows can be sent to another one. What has no place in a fiche is noted, and an id, `meta` and the
narrative say nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from hub import Document, EntityType, Kind
from plugins.fhir import extensions as ext
from plugins.fhir import systems as s
from plugins.fhir.conformance.code_lists import CODE_LISTS
from plugins.fhir.feed import reading as r
from plugins.fhir.feed.reading import Implied, Json, Link, Municipality, Reading
from plugins.fhir.feed.told_extensions import read as own_extensions


@dataclass(frozen=True, slots=True)
class Said:
    """What a resource says: the content of a claim of that `kind`, or when `part` names its type, a part of the fiche that `owner` links to.

    `off`: it is not, or no longer, so; a part that has no other word for that is taken out. `read` tells what was wrong or is not kept.
    """

    kind: Kind
    content: Document
    read: Reading
    part: EntityType | None = None
    owner: Document | None = None
    off: bool = False


def said(resource: Json, path: str, link: Link, municipality: Municipality, implied: Implied) -> Said:
    """What the resource at `path` says. `resource` is of one of the types of `TRANSLATED`."""
    name: str = resource["resourceType"]
    translate, known = TRANSLATED[name]
    read = Reading(path, r.language_of(resource.get("language")), implied)
    for forbidden in ("implicitRules", "modifierExtension"):
        if forbidden in resource:
            read.wrong(forbidden, "it may change what all the rest means, and is not understood here; leave it out.")
    if "contained" in resource:
        read.leave("contained", "send it as a resource of its own")
    for element in resource:
        if element.removeprefix("_") not in known and element not in _SAYS_NOTHING and element not in ("implicitRules", "modifierExtension"):
            read.leave(element)
    return translate(_Given(resource, read, link, municipality))


_SAYS_NOTHING: Final = frozenset({"resourceType", "id", "meta", "text", "language", "contained"})


@dataclass(frozen=True, slots=True)
class _Given:
    resource: Json
    read: Reading
    link: Link
    municipality: Municipality

    def get(self, name: str) -> Any:
        return self.resource.get(name)

    def items(self, name: str) -> list[Any]:
        found: list[Any] = self.resource.get(name, [])
        return found

    def to(self, name: str, target: str) -> Document | None:
        """The link of the reference in this element; None when there is none."""
        reference = self.resource.get(name)
        return None if reference is None else self.link(reference, target, f"{self.read.path}.{name}")


def _filled(kind: str, **fields: Any) -> Document:
    """A claim's content, without what is not known."""
    return {"kind": kind} | _known(**fields)


def _known(**fields: Any) -> Document:
    return {name: value for name, value in fields.items() if value not in (None, "", [], {})}


def _activity(active: Any) -> Document | None:
    return None if active is None else {"status": "active" if active is True else "inactive"}


# --- fiches ------------------------------------------------------------------------------------------------------------------


def _organization(given: _Given) -> Said:
    read, resource = given.read, given.resource
    types = r.codes(given.items("type"), "type", read, (s.FACILITY,))
    content = _filled(
        "organisatie",
        form=next((each["code"] for each in types if each["scheme"] == s.FORM and each["code"] in CODE_LISTS[s.FORM].codes), None),
        identifiers=r.identifiers(given.items("identifier"), ("kbo", "riziv-group", "ehp"), read),
        status=_activity(given.get("active")),
        names=r.names(resource, read),
        types=[each for each in types if each["scheme"] != s.FORM],
        contacts=r.contacts(given.items("telecom"), read),
        parent=given.to("partOf", "Organization"),
        **own_extensions(resource, (ext.TAG, ext.LEGAL_FORM, ext.GOV_INFO), read),
    )
    if places := r.addresses(given.items("address"), "address", read, given.municipality):
        # Where nobody sends its Locations the addresses of an organisation are its sites; what sends them replaces these.
        content["vestigingen"] = [{"keys": [f"{ADDRESS_OF}{number}"], "addresses": [each]} for number, each in enumerate(places)]
    return Said("organisatie", content, read, off=given.get("active") is False)


ADDRESS_OF: Final = "address-"
"""How the key of a site begins that stands for an address of an Organization, until Locations are sent."""


def _practitioner(given: _Given) -> Said:
    read, resource = given.read, given.resource
    codes = r.codes([each.get("code", {}) for each in given.items("qualification")], "qualification", read)
    content = _filled(
        "zorgverlener",
        identifiers=r.identifiers(given.items("identifier"), ("riziv",), read),
        status=_activity(given.get("active")),
        name=_person_name(given),
        contacts=r.contacts(given.items("telecom"), read),
        addresses=r.addresses(given.items("address"), "address", read, given.municipality, "practice"),
        gender=given.get("gender"),
        professions=[code for code in codes if code["scheme"] not in _COMPETENCES],
        competences=[code for code in codes if code["scheme"] in _COMPETENCES],
        languages=_languages(given),
        **own_extensions(resource, (ext.VISUM, ext.CONVENTION, ext.TAG), read),
    )
    return Said("zorgverlener", content, read, off=given.get("active") is False)


_COMPETENCES: Final = frozenset({"riziv-competence"})


def _person_name(given: _Given) -> Document | None:
    names = [each for each in given.items("name") if each.get("use") not in ("old", "maiden", "nickname", "anonymous", "temp")]
    best = next((each for each in names if each.get("use") == "official"), names[0] if names else None)
    if best is None:
        return None
    if not best.get("family"):
        given.read.wrong("name", "a caregiver needs a family name.")
        return None
    given_names, prefixes = ([each for each in best.get(name, ()) if each is not None] for name in ("given", "prefix"))  # an extension may fill a gap
    return _known(family=best["family"], given=given_names, prefix=" ".join(prefixes))


def _healthcare_service(given: _Given) -> Said:
    read, resource = given.read, given.resource
    about = own_extensions(
        resource,
        (
            ext.PATIENTENSTOP, ext.ON_CALL, ext.WAITING_LIST, ext.CAPACITY, ext.RECOGNITION, ext.GOV_INFO, ext.TAG, ext.PRICE, ext.HOURS_TEXT,
            ext.CARRIED_OUT_BY,
        ),
        read,
    )  # fmt: skip
    doer = next((each.get("valueReference") for each in resource.get("extension", ()) if each.get("url") == ext.CARRIED_OUT_BY), None)
    locations = [given.link(each, "Location", f"{read.path}.location[{n}]") for n, each in enumerate(given.items("location"))]
    content = _filled(
        "aanbod",
        identifiers=r.identifiers(given.items("identifier"), (), read),
        status=_activity(given.get("active")),
        organisatie=given.to("providedBy", "Organization"),
        provided_by=None if doer is None else given.link(doer, "Organization", f"{read.path}.extension"),
        names=r.names(resource, read),
        rubrieken=r.codes(given.items("type"), "type", read),
        vestigingen=[each for each in locations if each is not None],
        description=r.text(given.get("comment"), resource.get("_comment"), read),
        contacts=r.contacts(given.items("telecom"), read),
        service_area=_areas(given),
        target_groups=r.codes([each.get("code", {}) for each in given.items("eligibility")], "eligibility", read),
        delivery=_delivery(given),
        languages=_languages(given),
        hours=_offered_hours(given),
        **about,
    )
    return Said("aanbod", content, read, off=given.get("active") is False)


def _offered_hours(given: _Given) -> list[Document]:
    """When it is offered; `appointmentRequired` holds of all hours, and stands with each of them."""
    hours = r.hours(given.items("availableTime"), "availableStartTime", "availableEndTime")
    needed = given.get("appointmentRequired")
    if needed is None:
        return hours
    if not hours:
        given.read.leave("appointmentRequired", "it is kept with the hours in availableTime, and there are none")
    elif needed is False and any("by_appointment" in each for each in hours):
        given.read.leave("appointmentRequired", "some of the hours in availableTime are by appointment")
    else:
        hours = [{**each, "by_appointment": needed} for each in hours]
    return hours


_DELIVERY: Final = s.code_system("delivery")


def _delivery(given: _Given) -> list[str]:
    ways = []
    for number, concept in enumerate(given.items("characteristic")):
        for coding in concept.get("coding", ()):
            if coding.get("system") == _DELIVERY and coding.get("code") in CODE_LISTS["delivery"].codes:
                ways.append(coding["code"])
            else:
                given.read.leave(f"characteristic[{number}]", f"the ways of delivery are {', '.join(CODE_LISTS['delivery'].codes)}")
    return list(dict.fromkeys(ways))


_AREAS: Final = {s.REFNIS: "municipality"} | {s.code_system(name): name for name in ("postcode", "zone", "province", "region")}


def _areas(given: _Given) -> list[Document]:
    areas = []
    for number, each in enumerate(given.items("coverageArea")):
        identifier = each.get("identifier", {})
        kind = _AREAS.get(identifier.get("system", ""))
        if kind is None or not identifier.get("value"):
            given.read.leave(f"coverageArea[{number}]", "a served place is named by an identifier: a municipality, postcode, zone, province or region")
        else:
            areas.append({"type": kind, "code": identifier["value"]})
    return areas


def _languages(given: _Given) -> list[str]:
    found = []
    for number, concept in enumerate(given.items("communication")):
        code = next((each.get("code") for each in concept.get("coding", ()) if each.get("system") == s.LANGUAGE_TAGS), None)
        if code is None:
            given.read.leave(f"communication[{number}]", f"a language is a code of {s.LANGUAGE_TAGS}")
        else:
            language, _, more = str(code).partition("-")
            if len(language) < 2:  # i-klingon, x-ours
                given.read.leave(f"communication[{number}]", "a language is kept by its two or three letters of ISO 639")
                continue
            if more:
                given.read.leave(f"communication[{number}]", f"of {code[:80]} only {language.lower()} is kept, the language itself")
            found.append(language.lower())
    return list(dict.fromkeys(found))


# --- parts -------------------------------------------------------------------------------------------------------------------


def _location(given: _Given) -> Said:
    read, resource = given.read, given.resource
    about = own_extensions(resource, (ext.HOURS_TEXT, ext.LOCATION_ADDRESS_TRANSLATION), read)
    further = [each["valueAddress"] for each in resource.get("extension", ()) if each.get("url") == ext.LOCATION_ADDRESS_TRANSLATION and "valueAddress" in each]
    main = [given.get("address")] if given.get("address") else []
    places = r.addresses([*main, *further], "address", read, given.municipality)
    if point := _point(given):
        if places:
            places[0]["position"] = point
        else:
            places = [{"type": "visit", "position": point}]
    status = given.get("status")
    if status == "suspended":
        read.leave("status", "a site is active or inactive here; suspended is kept as inactive")
    for number, concept in enumerate(given.items("type")):
        if not all(each.get("system") == s.FACILITY for each in concept.get("coding", ())) and concept.get("coding"):
            read.leave(f"type[{number}]", "what a site is follows from its organisation")
    owner = given.to("managingOrganization", "Organization")
    if owner is None:
        read.wrong("managingOrganization", "a site belongs to an organisation: name it.")
    part = _known(
        name=r.text(given.get("name"), resource.get("_name"), read),
        identifiers=r.identifiers(given.items("identifier"), ("vestigingsnummer",), read),
        addresses=places,
        contacts=r.contacts(given.items("telecom"), read),
        hours=r.hours(given.items("hoursOfOperation"), "openingTime", "closingTime"),
        status=None if status is None else {"status": "active" if status == "active" else "inactive"},
        hours_text=about.get("hours_text"),
    )
    return Said("organisatie", part, read, "vestiging", owner)


def _point(given: _Given) -> Document | None:
    """Where on earth a site is."""
    position: Json = given.get("position") or {}
    point = {}
    for name, field, most in (("latitude", "lat", 90), ("longitude", "lon", 180)):
        if name not in position:  # R4 takes an extension in its place
            continue
        point[field] = float(position[name])
        if not -most <= point[field] <= most:
            given.read.wrong(f"position.{name}", f"a {name} is a number of degrees (WGS84) from -{most} to {most}.")
    if position and len(point) < 2:
        given.read.leave("position", "a point needs both a latitude and a longitude")
    return point if len(point) == 2 else None


def _practitioner_role(given: _Given) -> Said:
    read = given.read
    services = given.items("healthcareService")
    owner = given.link(services[0], "HealthcareService", f"{read.path}.healthcareService[0]") if services else None
    if owner is None:
        read.wrong("healthcareService", "a caregiver works in an offer: name the HealthcareService, and send that first.")
    for number in range(1, len(services)):
        read.leave(f"healthcareService[{number}]", "a role is in one offer; send one for each")
    person = given.to("practitioner", "Practitioner")
    if person is None:
        read.wrong("practitioner", "name the caregiver.")
    part = _known(
        zorgverlener=person,
        professions=r.codes(given.items("code"), "code", read),
        contacts=r.contacts(given.items("telecom"), read),
        hours=r.hours(given.items("availableTime"), "availableStartTime", "availableEndTime"),
        period=r.period(given.get("period")),
    )
    return Said("aanbod", part, read, "caregiver", owner, off=given.get("active") is False)


def _organization_affiliation(given: _Given) -> Said:
    read = given.read
    owner, network = given.to("participatingOrganization", "Organization"), given.to("organization", "Organization")
    for name, link in (("participatingOrganization", owner), ("organization", network)):
        if link is None:
            read.wrong(name, "name both the network and its member.")
    roles = r.codes(given.items("code"), "code", read)
    for number in range(1, len(roles)):
        read.leave(f"code[{number}]", "a membership has one role; send one for each")
    part = _known(organisatie=network, role=roles[0] if roles else None, period=r.period(given.get("period")))
    return Said("organisatie", part, read, "membership", owner, off=given.get("active") is False)


def _endpoint(given: _Given) -> Said:
    read = given.read
    owner = given.to("managingOrganization", "Organization")
    if owner is None:
        read.wrong("managingOrganization", "an electronic address belongs to an organisation: name it.")
    status = given.get("status")
    if status not in (None, "active", "off", "suspended"):
        read.leave("status", f"an address is active, off or suspended here; {status} is kept as off")
        status = "off"
    part = _known(type=_connection_type(given), address=given.get("address"), status=status)
    if not given.get("address"):
        read.wrong("address", "an electronic address without an address cannot be reached.")
    return Said("organisatie", part, read, "electronic_address", owner)


def _connection_type(given: _Given) -> Document | None:
    """The kind of address; None for one that is not known, by the extension data-absent-reason or by the code system of that name."""
    coding: Json = given.get("connectionType") or {}
    system, code = coding.get("system"), coding.get("code")
    if system == _ABSENT or any(each.get("url") == ext.DATA_ABSENT for each in coding.get("extension", ())):
        return None
    scheme = s.scheme_of(system) if system else None
    if scheme is None or not code:
        given.read.leave("connectionType", f"the code system {str(system)[:100]} is not known here" if code else "it has no code")
        return None
    return {"scheme": scheme, "code": code}


_ABSENT: Final = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
_COMMON: Final = ("extension", "identifier", "active", "telecom")
TRANSLATED: Final[dict[str, tuple[Callable[[_Given], Said], frozenset[str]]]] = {
    # in the order in which they need each other; type -> its function, and the elements that it reads
    "Organization": (_organization, frozenset((*_COMMON, "type", "name", "alias", "address", "partOf", "endpoint"))),
    "Location": (
        _location,
        frozenset((
            "extension", "identifier", "status", "name", "alias", "mode", "type", "telecom", "address", "physicalType", "position",
            "managingOrganization", "hoursOfOperation",
        )),
    ),
    "Endpoint": (_endpoint, frozenset(("status", "connectionType", "managingOrganization", "payloadType", "address"))),
    "Practitioner": (_practitioner, frozenset((*_COMMON, "name", "address", "gender", "qualification", "communication"))),
    "HealthcareService": (
        _healthcare_service,
        frozenset((
            *_COMMON, "providedBy", "type", "location", "name", "comment", "coverageArea", "eligibility", "characteristic", "communication",
            "appointmentRequired", "availableTime",
        )),
    ),
    "PractitionerRole": (
        _practitioner_role,
        frozenset(("active", "telecom", "period", "practitioner", "organization", "code", "location", "healthcareService", "availableTime")),
    ),
    "OrganizationAffiliation": (
        _organization_affiliation,
        frozenset(("active", "period", "organization", "participatingOrganization", "code")),
    ),
}  # fmt: skip
