"""From a resource that the judge has passed to what its sender says about a fiche or a part of one. Pure: one function for each type.

The way back of `plugins.fhir.resources`: what this server shows can be sent to another one, or here again. What has no place in a fiche is noted, and an id,
`meta` and the narrative say nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from hub import Document, EntityType, FieldError, Kind
from plugins.fhir import datatypes as dt
from plugins.fhir import extensions as ext
from plugins.fhir import systems as s
from plugins.fhir.conformance.code_lists import CODE_LISTS
from plugins.fhir.feed import reading as r
from plugins.fhir.feed import untold
from plugins.fhir.feed.noting import Around, Json, Reading
from plugins.fhir.feed.repeating import code_word
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


    def part_field(self) -> str:
        """The field of the fiche that holds the part; "" for a fiche."""
        return PART_FIELDS.get(self.part or "", "")

    def in_elements(self, error: FieldError) -> FieldError:
        """What the hub says about a field of the content (of a part: below the one part of its fiche), said about the element that the value came from."""
        steps = error.path.split(".")
        below = steps[2:] if self.part is not None and steps[0] == self.part_field() else steps
        return FieldError(self.read.path_of(self.content, ".".join(below)), error.reason, error.value)


PART_FIELDS: Final[Mapping[str, str]] = {
    "vestiging": "vestigingen",
    "membership": "memberships",
    "electronic_address": "electronic_addresses",
    "caregiver": "caregivers",
}


def said(resource: Json, path: str, around: Around) -> Said:
    """What the resource at `path` says. `resource` is of one of the types of `TRANSLATED`."""
    translate, known = TRANSLATED[resource["resourceType"]]
    language = r.language_of(resource["language"]) if "language" in resource else "nl"
    read = Reading(path, around, language or "nl")
    if language is None:
        read.leave("language", "texts are kept as Dutch (nl), French (fr), German (de) or English (en), and these as Dutch")
    if "implicitRules" in resource:
        read.wrong("implicitRules", "it may change what all the rest means, and is not understood here; leave it out.")
    if "contained" in resource:
        read.leave("contained", "send it as a resource of its own")
    untold.of_resource(resource, known, read)
    told = translate(_Given(resource, read))
    read.came(told.content, "", _ELEMENTS[resource["resourceType"]])
    return told


@dataclass(frozen=True, slots=True)
class _Given:
    resource: Json
    read: Reading

    def get(self, name: str) -> Any:
        return self.resource.get(name)

    def items(self, name: str) -> list[Any]:
        found: list[Any] = self.resource.get(name, [])
        return found

    def listed(self, name: str, inner: str = "") -> list[tuple[str, Json]]:
        """The items of this element, or what is at `inner` in each, with their places."""
        return r.listed(name, self.items(name), inner)

    def link(self, reference: Json, target: str, place: str) -> Document | None:
        """The link of a reference; None, and an error, when it leads nowhere."""
        return self.read.around.link(reference, target, f"{self.read.path}.{place}")

    def to(self, name: str, target: str) -> Document | None:
        """The link of the reference in this element; None when there is none."""
        reference = self.resource.get(name)
        return None if reference is None else self.link(reference, target, name)


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
    types = r.codes(given.listed("type"), read, (s.FACILITY,))
    forms = [each for each in types if each["scheme"] == s.FORM]
    content = _filled(
        "organisatie",
        form=next((each["code"] for each in forms if each["code"] in CODE_LISTS[s.FORM].codes), None),
        identifiers=r.identifiers(resource, ("kbo", "riziv-group", "ehp"), read),
        status=_activity(given.get("active")),
        names=r.names(resource, read),
        types=[each for each in types if each not in forms],
        contacts=r.contacts(given.items("telecom"), read),
        parent=given.to("partOf", "Organization"),
        **own_extensions(resource, (ext.TAG, ext.LEGAL_FORM, ext.GOV_INFO), read),
    )
    for place, concept in given.listed("type"):
        if any(each.get("system") == s.FACILITY and each.get("code") != "facility" for each in concept.get("coding", ())):
            read.leave(place, "of the mCSD types a fiche knows facility alone")
    if len(forms) > 1:
        read.leave("type", f"an organisation has one form, and {content.get('form')} is kept")
    places = r.addresses(given.listed("address"), read)
    for each in places:
        place = read.path_of(each, "type").removeprefix(f"{read.path}.")
        for shown in dt.addresses([each]):
            read.repeat(place, "its addresses are those of its sites, and none of these has it; send a Location for it", word=shown.get("text", ""))
    if places:
        # Where nobody sends its Locations the addresses of an organisation are its sites; what sends them replaces these.
        content["vestigingen"] = [{"keys": [f"{ADDRESS_OF}{number}"], "addresses": [each]} for number, each in enumerate(places)]
    for place, reference in given.listed("endpoint"):
        read.repeat(place, "which addresses an organisation has follows from its Endpoints; send that one", reference=reference, target="Endpoint")
    return Said("organisatie", content, read, off=given.get("active") is False)


ADDRESS_OF: Final = "address-"
"""How the key of a site begins that stands for an address of an Organization, until Locations are sent."""


def _practitioner(given: _Given) -> Said:
    read, resource = given.read, given.resource
    codes = r.codes(given.listed("qualification", "code"), read)
    content = _filled(
        "zorgverlener",
        identifiers=r.identifiers(resource, ("riziv",), read),
        status=_activity(given.get("active")),
        name=_person_name(given),
        contacts=r.contacts(given.items("telecom"), read),
        addresses=r.addresses(given.listed("address"), read, "practice"),
        gender=given.get("gender"),
        professions=[code for code in codes if code["scheme"] not in _COMPETENCES],
        competences=[code for code in codes if code["scheme"] in _COMPETENCES],
        languages=_languages(given),
        **own_extensions(resource, (ext.VISUM, ext.CONVENTION, ext.TAG), read),
    )
    return Said("zorgverlener", content, read, off=given.get("active") is False)


_COMPETENCES: Final = frozenset({"riziv-competence"})


def _person_name(given: _Given) -> Document | None:
    read = given.read
    names = [(place, each) for place, each in given.listed("name") if each.get("use") not in ("old", "maiden", "nickname", "anonymous", "temp")]
    best = next((named for named in names if named[1].get("use") == "official"), names[0] if names else None)
    for place, _ in given.listed("name"):
        if best is None or place != best[0]:
            read.leave(place, "a caregiver has one name here, that of today")
    if best is None:
        return None
    place, name = best
    if not name.get("family"):
        read.wrong("name", "a caregiver needs a family name.")
        return None
    given_names, prefixes = ([each for each in name.get(part, ()) if each is not None] for part in ("given", "prefix"))  # an extension may fill a gap
    if r.says_more(name.get("text"), name["family"], *given_names, *prefixes, *name.get("suffix", ())):
        read.leave(f"{place}.text", "it says more than the parts of the name, and these are kept")
    told = _known(family=name["family"], given=given_names, prefix=" ".join(prefixes))
    read.came(told, place, {part: f"{place}.{part}" for part in told})
    return told


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
    locations = [given.link(each, "Location", place) for place, each in given.listed("location")]
    content = _filled(
        "aanbod",
        identifiers=r.identifiers(resource, (), read),
        status=_activity(given.get("active")),
        organisatie=given.to("providedBy", "Organization"),
        provided_by=None if doer is None else given.link(doer, "Organization", "extension"),
        names=r.names(resource, read),
        rubrieken=r.codes(given.listed("type"), read),
        vestigingen=[each for each in locations if each is not None],
        description=r.text(given.get("comment"), resource.get("_comment"), "comment", read),
        contacts=r.contacts(given.items("telecom"), read),
        service_area=_areas(given),
        target_groups=r.codes(given.listed("eligibility", "code"), read),
        delivery=_delivery(given),
        languages=_languages(given),
        hours=_offered_hours(given),
        **about,
    )
    return Said("aanbod", content, read, off=given.get("active") is False)


def _offered_hours(given: _Given) -> list[Document]:
    """When it is offered; `appointmentRequired` holds of all hours, and stands with each of them."""
    hours = _available(given)
    needed = given.get("appointmentRequired")
    if needed is None:
        return hours
    if not hours:
        given.read.leave("appointmentRequired", "it is kept with the hours in availableTime, and there are none")
    elif any(each.get("by_appointment", needed) is not needed for each in hours):
        given.read.leave("appointmentRequired", "some of the hours in availableTime say otherwise")
    else:
        for each in hours:
            each["by_appointment"] = needed
    return hours


def _available(given: _Given) -> list[Document]:
    return r.hours(given.items("availableTime"), "availableTime", "availableStartTime", "availableEndTime", given.read)


_DELIVERY: Final = s.code_system("delivery")


def _delivery(given: _Given) -> list[str]:
    ways: list[str] = []
    why = f"the ways of delivery are {', '.join(CODE_LISTS['delivery'].codes)}"
    for place, concept in given.listed("characteristic"):
        if not concept.get("coding"):
            given.read.leave(place, why)
        for coding in concept.get("coding", ()):
            if coding.get("system") == _DELIVERY and coding.get("code") in CODE_LISTS["delivery"].codes:
                ways.append(coding["code"])
            else:
                given.read.leave(place, why)
    return list(dict.fromkeys(ways))


_AREAS: Final = {s.REFNIS: "municipality"} | {s.code_system(name): name for name in ("postcode", "zone", "province", "region")}


def _areas(given: _Given) -> list[Document]:
    areas = []
    for place, each in given.listed("coverageArea"):
        identifier = each.get("identifier", {})
        kind, code = _AREAS.get(identifier.get("system", "")), identifier.get("value")
        if kind is None or not code:
            given.read.leave(place, "a served place is named by an identifier: a municipality, postcode, zone, province or region")
        elif not given.read.around.is_place(kind, code):
            given.read.wrong(f"{place}.identifier.value", f"there is no {kind} {code[:80]} in Belgium; correct it or leave it out.")
        else:
            areas.append({"type": kind, "code": code})
            given.read.came(areas[-1], place, {"code": f"{place}.identifier.value"})
    return areas


def _languages(given: _Given) -> list[str]:
    found: dict[str, str] = {}
    for place, concept in given.listed("communication"):
        code = next((each.get("code") for each in concept.get("coding", ()) if each.get("system") == s.LANGUAGE_TAGS), None)
        if code is None:
            given.read.leave(place, f"a language is a code of {s.LANGUAGE_TAGS}")
        else:
            language, _, more = str(code).partition("-")
            if len(language) < 2:  # i-klingon, x-ours
                given.read.leave(place, "a language is kept by its two or three letters of ISO 639")
                continue
            if more:
                given.read.leave(place, f"of {code[:80]} only {language.lower()} is kept, the language itself")
            found.setdefault(language.lower(), place)
    languages = list(found)
    given.read.came(languages, "communication", {str(number): place for number, place in enumerate(found.values())})
    return languages


# --- parts -------------------------------------------------------------------------------------------------------------------


def _location(given: _Given) -> Said:
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
    part = _known(
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


def _point(given: _Given) -> Document | None:
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


def _practitioner_role(given: _Given) -> Said:
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
    part = _known(
        zorgverlener=person,
        professions=r.codes(given.listed("code"), read),
        contacts=r.contacts(given.items("telecom"), read),
        hours=_available(given),
        period=r.period(given.get("period"), "period", read),
    )
    return Said("aanbod", part, read, "caregiver", owner, off=given.get("active") is False)


def _organization_affiliation(given: _Given) -> Said:
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
    part = _known(organisatie=network, role=roles[0] if roles else None, period=r.period(given.get("period"), "period", read))
    return Said("organisatie", part, read, "membership", owner, off=given.get("active") is False)


def _endpoint(given: _Given) -> Said:
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
    part = _known(type=_connection_type(given), address=given.get("address"), status=status)
    if not given.get("address"):
        read.wrong("address", "an electronic address without an address cannot be reached.")
    return Said("organisatie", part, read, "electronic_address", owner)


def _connection_type(given: _Given) -> Document | None:
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
_COMMON: Final = {"identifier": "Identifier", "active": "", "telecom": "ContactPoint"}
TRANSLATED: Final[dict[str, tuple[Callable[[_Given], Said], Mapping[str, str]]]] = {
    # in the order in which they need each other; type -> its function, and the elements that it reads with what is looked at in them (`untold.DATATYPES`)
    "Organization": (
        _organization,
        _COMMON
        | {"type": "CodeableConcept", "name": "", "alias": "", "address": "Address", "partOf": "Reference", "endpoint": "Reference"},
    ),
    "Location": (
        _location,
        {
            "identifier": "Identifier", "status": "", "name": "", "alias": "", "mode": "", "type": "CodeableConcept", "telecom": "ContactPoint",
            "address": "Address", "physicalType": "CodeableConcept", "position": "Position", "managingOrganization": "Reference", "hoursOfOperation": "Hours",
        },
    ),
    "Endpoint": (
        _endpoint,
        {"status": "", "connectionType": "Coding", "managingOrganization": "Reference", "payloadType": "CodeableConcept", "address": ""},
    ),
    "Practitioner": (
        _practitioner,
        _COMMON | {"name": "HumanName", "address": "Address", "gender": "", "qualification": "Coded", "communication": "CodeableConcept"},
    ),
    "HealthcareService": (
        _healthcare_service,
        _COMMON
        | {
            "providedBy": "Reference", "type": "CodeableConcept", "location": "Reference", "name": "", "comment": "", "coverageArea": "Served",
            "eligibility": "Coded", "characteristic": "CodeableConcept", "communication": "CodeableConcept", "appointmentRequired": "", "availableTime": "Hours",
        },
    ),
    "PractitionerRole": (
        _practitioner_role,
        {
            "active": "", "telecom": "ContactPoint", "period": "Period", "practitioner": "Reference", "organization": "Reference", "code": "CodeableConcept",
            "location": "Reference", "healthcareService": "Reference", "availableTime": "Hours",
        },
    ),
    "OrganizationAffiliation": (
        _organization_affiliation,
        {"active": "", "period": "Period", "organization": "Reference", "participatingOrganization": "Reference", "code": "CodeableConcept"},
    ),
}  # fmt: skip
_EVERYWHERE: Final[Mapping[str, tuple[str, ...]]] = {
    "identifier": ("identifiers",),
    "active": ("status",),
    "name": ("names", "name"),
    "telecom": ("contacts",),
    "extension": (
        "patientenstop", "on_call", "waiting_list", "capacity", "recognitions", "gov_info", "tags", "legal_form", "visum", "convention", "price", "hours_text",
        "provided_by",
    ),
}  # fmt: skip
_OWN: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    "Organization": {"type": ("form", "types"), "address": ("vestigingen",), "partOf": ("parent",)},
    "Location": {"status": ("status",), "address": ("addresses",), "hoursOfOperation": ("hours",)},
    "Endpoint": {"status": ("status",), "connectionType": ("type",), "address": ("address",)},
    "Practitioner": {
        "address": ("addresses",), "gender": ("gender",), "qualification": ("professions", "competences"), "communication": ("languages",),
    },
    "HealthcareService": {
        "providedBy": ("organisatie",), "type": ("rubrieken",), "location": ("vestigingen",), "comment": ("description",), "coverageArea": ("service_area",),
        "eligibility": ("target_groups",), "characteristic": ("delivery",), "communication": ("languages",), "availableTime": ("hours",),
    },
    "PractitionerRole": {"practitioner": ("zorgverlener",), "code": ("professions",), "availableTime": ("hours",), "period": ("period",)},
    "OrganizationAffiliation": {"organization": ("organisatie",), "code": ("role",), "period": ("period",)},
}  # fmt: skip
_ELEMENTS: Final = {
    type_name: {field: element for element, fields in (*_EVERYWHERE.items(), *own.items()) for field in fields} for type_name, own in _OWN.items()
}
"""Type -> field of the fiche -> the element that fills it. Of the items of a field more is noted while they are read."""
