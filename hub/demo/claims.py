"""The fictional world as claims, straight and fast: for benchmarks and tests that are about the hub and not about a connector.

A connector that reads the simulator of its source comes to much the same claims by the long way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from hub.demo.rubrieken import ELECTRONIC_ADDRESS, MEMBERSHIP_ROLE
from hub.demo.shapes import (
    Address,
    Availability,
    BrusselsListing,
    Contact,
    Offer,
    Org,
    OverlayItem,
    Person,
    Site,
)
from hub.model.claims import Claim
from hub.model.concepts import CD_HCPARTY, LEGAL_FORM, RUBRIEK, SOCIAAL_BRUSSELS, TARGET_GROUP
from hub.model.fiche import Document, Hours, Kind
from hub.model.identifiers import KBO, RIZIV, RIZIV_GROUP, VESTIGING

DIRECTORY: Final = "sociale-kaart"
REGISTER: Final = "progezondheid"
BRUSSELS: Final = "sociaal-brussels"
OVERLAY: Final = "lokale-kaart"
_LEGAL_BASIS: Final = "Decreet over het inspectieverslag (fictief), art. 3"

SourceId = Callable[[Kind, int], str]


def organisation_claim(org: Org, source_id: SourceId) -> Claim:
    """What De Sociale Kaart says about an organisatie or praktijk."""
    content = _organisation(org, f"{DIRECTORY}:")
    external_id = source_id("organisatie", org.index)
    content["source_url"] = f"https://kaart.example.org/fiches/{external_id}"
    content["in_scope_of"] = [DIRECTORY]
    if org.umbrella:
        content["umbrella"] = True
    if org.parent is not None:
        content["parent"] = {"source": DIRECTORY, "external_id": source_id("organisatie", org.parent)}
    if org.memberships:
        content["memberships"] = [
            {
                "organisatie": {"source": DIRECTORY, "external_id": source_id("organisatie", other)},
                "role": {"scheme": MEMBERSHIP_ROLE, "code": "member"},
            }
            for other in org.memberships
        ]
    if org.fhir_base:
        content["electronic_addresses"] = [
            {
                "type": {"scheme": ELECTRONIC_ADDRESS, "code": "fhir"},
                "address": org.fhir_base,
                "status": "active",
            }
        ]
    return Claim(DIRECTORY, external_id, org.updated_ms, "organisatie", content)


def offer_claim(offer: Offer, org: Org, source_id: SourceId) -> Claim:
    """What De Sociale Kaart says about an aanbod of `org`."""
    external_id = source_id("aanbod", offer.index)
    content: Document = {
        "kind": "aanbod",
        "names": [{"text": dict(offer.name), "use": "official"}],
        "organisatie": {"source": DIRECTORY, "external_id": source_id("organisatie", offer.org)},
        "rubrieken": [{"scheme": RUBRIEK, "code": code} for code in offer.rubrieken],
        "description": dict(offer.description),
        "languages": list(offer.languages),
        "delivery": list(offer.delivery),
        "status": {"status": "active" if org.ceased_on is None else "unknown"},
        "source_url": f"https://kaart.example.org/fiches/{external_id}",
        "in_scope_of": [DIRECTORY],
    }
    if offer.sites:
        content["vestigingen"] = [{"key": f"{DIRECTORY}:{org.sites[number].code}"} for number in offer.sites]
    if offer.caregivers:
        content["caregivers"] = [
            _given(
                zorgverlener={
                    "source": DIRECTORY,
                    "external_id": source_id("zorgverlener", caregiver.person),
                },
                professions=[{"scheme": CD_HCPARTY, "code": caregiver.profession}],
                hours=_hours(caregiver.hours),
            )
            for caregiver in offer.caregivers
        ]
    if offer.target_groups:
        content["target_groups"] = [{"scheme": TARGET_GROUP, "code": code} for code in offer.target_groups]
    if offer.hours:
        content["hours"] = _hours(offer.hours)
    if offer.contacts:
        content["contacts"] = _contacts(offer.contacts)
    if offer.service_area:
        content["service_area"] = [{"type": "municipality", "code": code} for code in offer.service_area]
    if offer.provided_by is not None:
        content["provided_by"] = {
            "source": DIRECTORY,
            "external_id": source_id("organisatie", offer.provided_by),
        }
    if offer.recognition:
        found = offer.recognition
        content["recognitions"] = [{"number": found.number, "authority": found.authority, "period": {"start": found.start}}]
    if offer.supervised_since:
        content["gov_info"] = [
            {
                "type": "supervision",
                "value": {"nl": "Onder verhoogd toezicht (fictief)"},
                "legal_basis": _LEGAL_BASIS,
                "valid_from": offer.supervised_since,
            }
        ]
    content |= availability(offer)
    if offer.price:
        content["price"] = dict(offer.price)
    return Claim(DIRECTORY, external_id, offer.updated_ms, "aanbod", content)


def availability(offer: Offer) -> Document:
    """What is said of its patientenstop, its duty, its waiting list and its places: no source lists these, so who wants to know asks the offer itself."""
    said = {"patientenstop": offer.patientenstop, "on_call": offer.on_call, "waiting_list": offer.waiting_list}
    content: Document = {name: _volatile(value) for name, value in said.items() if value}
    if offer.places is not None:
        content["capacity"] = [{"unit": "place", "maximum": offer.places}]
    return content


def person_claim(person: Person, source_id: SourceId) -> Claim:
    """What De Sociale Kaart says about a zorgverlener: practice addresses and contacts; the RIZIV number if it is known."""
    content = _person(person)
    if person.riziv_known:
        content["identifiers"] = [{"system": RIZIV, "value": person.riziv}]
    if person.contacts:
        content["contacts"] = _contacts(person.contacts)
    if person.visibility:
        content["visibility"] = person.visibility
    content["addresses"] = [_address(address) for address in person.addresses if address.type != "administrative"]
    external_id = source_id("zorgverlener", person.index)
    content["source_url"] = f"https://kaart.example.org/fiches/{external_id}"
    return Claim(DIRECTORY, external_id, person.updated_ms, "zorgverlener", content)


def register_claim(person: Person) -> Claim:
    """What ProGezondheid says about a person: number, visum, convention, addresses by type; no telephone, no mail."""
    content = _person(person)
    content["identifiers"] = [{"system": RIZIV, "value": person.riziv}]
    content["visum"] = "active" if person.active else "withdrawn"
    content["convention"] = person.convention
    content["addresses"] = [_address(address) for address in person.addresses]
    content["in_scope_of"] = [REGISTER]
    return Claim(REGISTER, person.riziv[:8], person.updated_ms, "zorgverlener", content)


def brussels_claim(listing: BrusselsListing) -> Claim:
    """What sociaal.brussels says about an organisation."""
    content = _organisation(listing.org, f"{BRUSSELS}:{listing.id}-")
    for site in content["vestigingen"]:
        # It knows enterprises, not establishments.
        site.pop("identifiers", None)
        site["hours_text"] = {"nl": listing.opening_nl, "fr": listing.opening_fr}
        site.pop("hours", None)
    alternative = _given(nl=listing.alternative_nl, fr=listing.alternative_fr)
    if alternative:
        content["names"].append({"text": alternative, "use": "alternative"})
    if listing.categories:
        content["types"] = [{"scheme": SOCIAAL_BRUSSELS, "code": code} for code in listing.categories]
    content["in_scope_of"] = [BRUSSELS]
    revision = int(listing.last_update.replace("-", ""))
    return Claim(BRUSSELS, str(listing.id), revision, "organisatie", content)


def overlay_claim(item: OverlayItem, source_id: SourceId) -> Claim:
    """What a local map says for itself: a note about an organisatie, or a fiche of its own."""
    content: Document = {"kind": "organisatie", "description": dict(item.note)}
    same_as: tuple[tuple[str, str], ...] = ()
    if item.about is not None:
        same_as = ((DIRECTORY, source_id("organisatie", item.about)),)
    else:
        content["form"] = "organisatie"
        content["names"] = [{"text": dict(item.name), "use": "official"}]
        content["contacts"] = _contacts(item.contacts)
    if item.address:
        content["vestigingen"] = [{"keys": [f"{OVERLAY}:{item.index}"], "addresses": [_address(item.address)]}]
    return Claim(
        OVERLAY,
        str(item.index),
        item.updated_ms,
        "organisatie",
        content,
        same_as=same_as,
        partner=item.partner,
    )


def _organisation(org: Org, site_prefix: str) -> Document:
    content: Document = {
        "kind": "organisatie",
        "form": org.form,
        "names": [{"text": _given(nl=org.name_nl, fr=org.name_fr), "use": "official"}],
        "identifiers": [{"system": KBO, "value": org.kbo}],
        "legal_form": {"scheme": LEGAL_FORM, "code": org.legal_form},
        "contacts": _contacts(org.contacts),
        "languages": list(org.languages),
        "vestigingen": [_site(site, site_prefix) for site in org.sites],
        "description": dict(org.description),
    }
    if org.riziv_group:
        content["identifiers"].append({"system": RIZIV_GROUP, "value": org.riziv_group})
    if org.types:
        content["types"] = [{"scheme": CD_HCPARTY, "code": code} for code in org.types]
    if org.ceased_on:
        content["status"] = {"status": "inactive", "evidence": "kbo", "until": org.ceased_on}
    else:
        content["status"] = {"status": "active"}
    return content


def _site(site: Site, prefix: str) -> dict[str, Any]:
    return _given(
        keys=[prefix + site.code],
        identifiers=[{"system": VESTIGING, "value": site.establishment}],
        addresses=[_address(site.address)],
        contacts=_contacts(site.contacts),
        hours=_hours(site.hours),
    )


def _person(person: Person) -> Document:
    content: Document = {
        "kind": "zorgverlener",
        "name": {"family": person.family, "given": [person.given]},
        "gender": person.gender,
        "professions": [{"scheme": CD_HCPARTY, "code": person.profession}],
        "languages": list(person.languages),
    }
    if person.stopped_on:
        content["status"] = {"status": "inactive", "until": person.stopped_on}
    else:
        content["status"] = {"status": "active"}
    return content


def _address(address: Address) -> dict[str, Any]:
    found: dict[str, Any] = {
        "type": address.type,
        "street": dict(address.street),
        "house_number": address.house_number,
        "postcode": address.postcode,
        "municipality": address.municipality,
        "city": dict(address.city),
        "country": "BE",
    }
    if address.box:
        found["box"] = address.box
    if address.position:
        found["position"] = dict(address.position)
    if address.visibility:
        found["visibility"] = address.visibility
    return found


def _contacts(contacts: Iterable[Contact]) -> list[dict[str, Any]]:
    return list(map(_contact, contacts))


def _contact(contact: Contact) -> dict[str, Any]:
    found: dict[str, Any] = {"kind": contact.kind, "value": contact.value}
    if contact.raw != contact.value:
        found["raw"] = contact.raw
    if contact.primary:
        found["primary"] = True
    if contact.purpose:
        found["purpose"] = contact.purpose
    if contact.visibility:
        found["visibility"] = contact.visibility
    return found


def _hours(hours: Iterable[Hours]) -> list[dict[str, Any]]:
    return [{**line, "days": line["days"][:]} for line in hours]


def _volatile(said: Availability) -> dict[str, Any]:
    return _given(value=said.value, weeks=said.weeks, asserted_at=said.asserted_at, valid_until=said.valid_until)


def _given(**values: Any) -> dict[str, Any]:
    """The values that are something: a fiche has no empty ones."""
    return {name: value for name, value in values.items() if value}


def directory_claims(
    organisations: Iterator[Org],
    offers_of: Callable[[Org], Iterable[Offer]],
    persons: Iterator[Person],
    source_id: SourceId,
) -> Iterator[Claim]:
    """All that De Sociale Kaart says: each organisatie followed by its aanbod, then the zorgverleners."""
    for org in organisations:
        yield organisation_claim(org, source_id)
        for offer in offers_of(org):
            yield offer_claim(offer, org, source_id)
    for person in persons:
        yield person_claim(person, source_id)
