"""A hit as the widget shows it: one small card of plain values, in the visitor's language. Pure."""

from __future__ import annotations

from typing import Any

from hub import Document, Hit, Municipality, Text, resolve_contacts
from plugins.widget.wording import WORDING

Labels = Any
"""`ConceptBook.label` or anything called like it: `(scheme, code, language) -> str`."""
_SHOWN_CONTACTS = ("phone", "mobile", "email", "website")


def card(hit: Hit, label: Labels, language: str, place: Municipality | None) -> dict[str, Any]:
    """One hit: name, organisation, address, contacts with their origin, rubrieken, freshness, tier and the reason why it is there.

    Keys without a value are left out. `name_language` says in which language the name is when it is not the one asked for.
    """
    entity = hit.entity
    offer = entity.fiche
    organisation = entity.related.get(offer.get("organisatie", {}).get("id", ""), {})
    name, name_language = _name(offer, language)
    tier = next((value for kind, value in hit.why if kind == "tier"), "")
    answer: dict[str, Any] = {
        "id": entity.id,
        "name": name,
        "name_language": name_language if name_language != language else None,
        "organisation": _name(organisation, language)[0],
        "umbrella": bool(organisation.get("umbrella")) or None,
        "address": _address(_site(offer, organisation), language),
        "contacts": _contacts(hit),
        "rubrieken": [label(code["scheme"], code["code"], language) for code in offer.get("rubrieken", ())],
        "languages": list(offer.get("languages", ())),
        "patientenstop": _patientenstop(offer, language),
        "tier": tier,
        "why": _why(hit, tier, language, place),
        "distance_km": None if hit.distance_km is None else round(hit.distance_km, 1),
        "sources": list(entity.sources),
        "updated_at": entity.updated_at[:10],
    }
    return {key: value for key, value in answer.items() if value not in (None, "", [], {})}


def _name(fiche: Document, language: str) -> tuple[str, str]:
    names = fiche.get("names", ())
    official = [name for name in names if name.get("use", "official") == "official"] or list(names)
    return _said(official[0]["text"], language) if official else ("", language)


def _said(text: Text, language: str) -> tuple[str, str]:
    for known, words in text.items():
        if known == language:
            return str(words), known
    known, words = next(iter(text.items()))
    return str(words), known


def _site(offer: Document, organisation: Document) -> Document:
    wanted = [link["id"] for link in offer.get("vestigingen", ())]
    sites = organisation.get("vestigingen", ())
    chosen = [site for site in sites if site["id"] in wanted] or sites
    addresses = [address for site in chosen for address in site.get("addresses", ())]
    visited = [address for address in addresses if address.get("type", "visit") in ("visit", "practice")]
    return next(iter(visited or addresses), {})


def _address(address: Document, language: str) -> dict[str, str]:
    street = _said(address["street"], language)[0] if "street" in address else ""
    city = _said(address["city"], language)[0] if "city" in address else ""
    number = " ".join(part for part in (address.get("house_number"), address.get("box")) if part)
    lines = {"street": f"{street} {number}".strip(), "city": f"{address.get('postcode', '')} {city}".strip()}
    return {key: value for key, value in lines.items() if value}


def _contacts(hit: Hit) -> list[dict[str, str]]:
    return [
        {"kind": found.contact["kind"], "value": found.contact["value"], "from": found.origin}
        for found in resolve_contacts(hit.entity)
        if found.contact["kind"] in _SHOWN_CONTACTS and found.contact.get("purpose", "general") in ("general", "appointments")
    ]


def _patientenstop(offer: Document, language: str) -> dict[str, str] | None:
    """Only what is fresh is worth showing (need 9): "unknown" is left out."""
    stop = offer.get("patientenstop", {})
    if stop.get("value") not in ("yes", "no"):
        return None
    told = {"value": stop["value"], "text": WORDING[language][f"patientenstop_{stop['value']}"]}
    if "asserted_at" in stop:
        told["since"] = stop["asserted_at"][:10]
    return told


def _why(hit: Hit, tier: str, language: str, place: Municipality | None) -> str:
    """The reason in a sentence, so that nobody wonders what a far-away hit does in the list (need 28)."""
    if place is None or not tier:
        return ""
    town = place.name.get(language, place.name_nl)
    words = WORDING[language]
    if tier in ("near", "rest") and hit.distance_km is not None:
        km = f"{hit.distance_km:.1f}"
        return words["why_distance"].format(km=km if language == "en" else km.replace(".", ","), town=town)
    return words.get(f"why_{tier}", "").format(town=town)
