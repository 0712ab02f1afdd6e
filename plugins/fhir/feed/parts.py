"""Resources that are parts of a fiche: Location, PractitionerRole, OrganizationAffiliation and Endpoint. Pure."""

from __future__ import annotations

from typing import Final

from hub import Document
from plugins.fhir import extensions as ext
from plugins.fhir import systems as s
from plugins.fhir.feed import reading as r
from plugins.fhir.feed import untold
from plugins.fhir.feed.noting import Json
from plugins.fhir.feed.repeating import code_word
from plugins.fhir.feed.saying import Given, Said, activity, available, known
from plugins.fhir.feed.told_extensions import read as own_extensions


def location(given: Given) -> Said:
    """A site, of the organisation that manages it."""
    read, resource = given.read, given.resource
    about = own_extensions(resource, (ext.HOURS_TEXT, ext.LOCATION_ADDRESS_TRANSLATION), read)
    further = [
        (f"{place}.valueAddress", each["valueAddress"])
        for place, each in given.listed("extension")
        if each.get("url") == ext.LOCATION_ADDRESS_TRANSLATION and "valueAddress" in each
    ]
    for place, each in further:
        untold.of_value("Address", each, place, read)
    places = r.addresses([*([("address", given.get("address"))] if given.get("address") else []), *further], read)
    if point := _point(given):
        if places:
            places[0]["position"] = point
        else:
            places = [{"type": "visit", "position": point}]
    status = given.get("status")
    if status == "suspended":
        read.leave("status", "a site is active or inactive here; suspended is kept as inactive")
    if given.get("mode") == "kind":
        read.leave("mode", "every site here is one that there is (instance)")
    physical = given.get("physicalType")
    if physical is not None and not any(each.get("code") == "si" and each.get("system") == s.PHYSICAL_TYPE for each in physical.get("coding", ())):
        read.leave("physicalType", "every Location here is a site (si)")
    for place, concept in given.listed("type"):
        if not concept.get("coding"):
            read.leave(place, _TYPE_OF_SITE)
        for number, coding in enumerate(concept.get("coding", ())):
            read.repeat(f"{place}.coding[{number}]", _TYPE_OF_SITE, word=code_word(coding))
    for number, alias in enumerate(given.items("alias")):
        if isinstance(alias, str):
            read.repeat(f"alias[{number}]", "a site has one name; beside it stand those of its organisation", word=alias)
    owner = given.to("managingOrganization", "Organization")
    if owner is None:
        read.wrong("managingOrganization", "a site belongs to an organisation: name it.")
    part = known(
        name=r.text(given.get("name"), resource.get("_name"), "name", read),
        identifiers=r.identifiers(resource, ("vestigingsnummer",), read),
        addresses=places,
        contacts=r.contacts(given.items("telecom"), read),
        hours=r.hours(given.items("hoursOfOperation"), "hoursOfOperation", "openingTime", "closingTime", read),
        status=None if status is None else {"status": "active" if status == "active" else "inactive"},
        hours_text=about.get("hours_text"),
    )
    return Said("organisatie", part, read, "vestiging", owner)


_TYPE_OF_SITE: Final = "what a site is follows from its organisation"


def _point(given: Given) -> Document | None:
    """Where on earth a site is."""
    position: Json = given.get("position") or {}
    point, wrong = {}, False
    for name, field, most in (("latitude", "lat", 90), ("longitude", "lon", 180)):
        if name not in position:  # R4 takes an extension in its place
            continue
        point[field] = float(position[name])
        if not -most <= point[field] <= most:
            given.read.wrong(f"position.{name}", f"a {name} is a number of degrees (WGS84) from -{most} to {most}.")
            wrong = True
    if position and len(point) < 2:
        given.read.leave("position", "a point needs both a latitude and a longitude")
    return point if len(point) == 2 and not wrong else None


def practitioner_role(given: Given) -> Said:
    """A caregiver in an aanbod."""
    read = given.read
    own_extensions(given.resource, (), read)
    services = given.listed("healthcareService")
    owner = given.link(services[0][1], "HealthcareService", services[0][0]) if services else None
    if owner is None:
        read.wrong("healthcareService", "a caregiver works in an offer: name the HealthcareService, and send that first.")
    for place, _ in services[1:]:
        read.leave(place, "a role is in one offer; send one for each")
    person = given.to("practitioner", "Practitioner")
    if person is None:
        read.wrong("practitioner", "name the caregiver.")
    why = "where a caregiver works follows from the HealthcareService, and that does not say so"
    if given.get("organization"):
        read.repeat("organization", why, reference=given.get("organization"), target="Organization")
    for place, reference in given.listed("location"):
        read.repeat(place, why, reference=reference, target="Location")
    part = known(
        zorgverlener=person,
        professions=r.codes(given.listed("code"), read),
        contacts=r.contacts(given.items("telecom"), read),
        hours=available(given),
        status=_activity_of_tie(given, "HealthcareService"),
        period=r.period(given.get("period"), "period", read),
    )
    return Said("aanbod", part, read, "caregiver", owner)


def organization_affiliation(given: Given) -> Said:
    """A membership: `organization` is the network, `participatingOrganization` the member."""
    read = given.read
    own_extensions(given.resource, (), read)
    owner, network = given.to("participatingOrganization", "Organization"), given.to("organization", "Organization")
    for name, link in (("participatingOrganization", owner), ("organization", network)):
        if link is None:
            read.wrong(name, "name both the network and its member.")
    roles = r.codes(given.listed("code"), read)
    for each in roles[1:]:
        place = read.path_of(each, "").removeprefix(f"{read.path}.")
        read.leave(place, "a membership has one role; send one for each")
    part = known(
        organisatie=network,
        role=roles[0] if roles else None,
        status=_activity_of_tie(given, "participatingOrganization"),
        period=r.period(given.get("period"), "period", read),
    )
    return Said("organisatie", part, read, "membership", owner)


def _activity_of_tie(given: Given, owner: str) -> Document | None:
    """That it has ended, or has not: then it is as active as what it belongs to."""
    active = given.get("active")
    if active is True:
        given.read.repeat("active", f"what has not ended is as active as its {owner}, and that does not say so", word="true")
    return activity(active)


def endpoint(given: Given) -> Said:
    """An electronic address, of the organisation that manages it."""
    read = given.read
    own_extensions(given.resource, (), read)
    owner = given.to("managingOrganization", "Organization")
    if owner is None:
        read.wrong("managingOrganization", "an electronic address belongs to an organisation: name it.")
    status = given.get("status")
    if status not in (None, "active", "off", "suspended"):
        read.leave("status", f"an address is active, off or suspended here; {status} is kept as off")
        status = "off"
    for place, concept in given.listed("payloadType"):
        if not any(each.get("code") == "any" and each.get("system") == _PAYLOAD for each in concept.get("coding", ())):
            read.leave(place, "what an address takes is not kept; every Endpoint is shown with any")
    part = known(type=_connection_type(given), address=given.get("address"), status=status)
    if not given.get("address"):
        read.wrong("address", "an electronic address without an address cannot be reached.")
    return Said("organisatie", part, read, "electronic_address", owner)


def _connection_type(given: Given) -> Document | None:
    """The kind of address; None for one that is not known, by the extension data-absent-reason or by the code system of that name."""
    coding: Json = given.get("connectionType") or {}
    system, code = coding.get("system"), coding.get("code")
    if not coding or system == _ABSENT or any(each.get("url") == ext.DATA_ABSENT for each in coding.get("extension", ())):
        return None
    scheme = s.scheme_of(system) if system else None
    if scheme is None or not code:
        given.read.leave("connectionType", f"the code system {str(system)[:100]} is not known here" if code else "it has no code")
        return None
    told = {"scheme": scheme, "code": code}
    given.read.came(told, "connectionType", {"scheme": "connectionType.system", "code": "connectionType.code"})
    return told


_ABSENT: Final = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
_PAYLOAD: Final = "http://terminology.hl7.org/CodeSystem/endpoint-payload-type"
