"""Resources that are fiches of their own: Organization, Practitioner and HealthcareService. Pure."""

from __future__ import annotations

from typing import Final

from hub import Document
from plugins.fhir import datatypes as dt
from plugins.fhir import extensions as ext
from plugins.fhir import systems as s
from plugins.fhir.conformance.code_lists import CODE_LISTS
from plugins.fhir.feed import reading as r
from plugins.fhir.feed.saying import Given, Said, activity, available, filled, known
from plugins.fhir.feed.told_extensions import read as own_extensions


def organization(given: Given) -> Said:
    """An organisatie, and until Locations are sent the sites at its addresses."""
    read, resource = given.read, given.resource
    types = r.codes(given.listed("type"), read, (s.FACILITY,))
    forms = [each for each in types if each["scheme"] == s.FORM]
    content = filled(
        "organisatie",
        form=next((each["code"] for each in forms if each["code"] in CODE_LISTS[s.FORM].codes), None),
        identifiers=r.identifiers(resource, ("kbo", "riziv-group", "ehp"), read),
        status=activity(given.get("active")),
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
    return Said("organisatie", content, read)


ADDRESS_OF: Final = "address-"
"""How the key of a site begins that stands for an address of an Organization, until Locations are sent."""


def practitioner(given: Given) -> Said:
    """A zorgverlener."""
    read, resource = given.read, given.resource
    codes = r.codes(given.listed("qualification", "code"), read)
    content = filled(
        "zorgverlener",
        identifiers=r.identifiers(resource, ("riziv",), read),
        status=activity(given.get("active")),
        name=_person_name(given),
        contacts=r.contacts(given.items("telecom"), read),
        addresses=r.addresses(given.listed("address"), read, "practice"),
        gender=given.get("gender"),
        professions=[code for code in codes if code["scheme"] not in _COMPETENCES],
        competences=[code for code in codes if code["scheme"] in _COMPETENCES],
        languages=_languages(given),
        **own_extensions(resource, (ext.VISUM, ext.CONVENTION, ext.TAG), read),
    )
    return Said("zorgverlener", content, read)


_COMPETENCES: Final = frozenset({"riziv-competence"})


def _person_name(given: Given) -> Document | None:
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
    told = known(family=name["family"], given=given_names, prefix=" ".join(prefixes))
    read.came(told, place, {part: f"{place}.{part}" for part in told})
    return told


def healthcare_service(given: Given) -> Said:
    """An aanbod."""
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
    content = filled(
        "aanbod",
        identifiers=r.identifiers(resource, (), read),
        status=activity(given.get("active")),
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
    return Said("aanbod", content, read)


def _offered_hours(given: Given) -> list[Document]:
    """When it is offered; `appointmentRequired` holds of all hours, and stands with each of them."""
    hours = available(given)
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


_DELIVERY: Final = s.code_system("delivery")


def _delivery(given: Given) -> list[str]:
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


def _areas(given: Given) -> list[Document]:
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


def _languages(given: Given) -> list[str]:
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
