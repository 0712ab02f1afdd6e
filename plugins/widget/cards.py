"""A hit as the widget shows it: one small card of plain values, in the visitor's language. Pure."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import inf
from typing import Any, NamedTuple

from hub import Document, Hit, Municipality, Said, address_of, distance_km, general_contacts, name_in, street_in
from hub import words as folded
from plugins.widget.towns import sentence
from plugins.widget.wording import WORDING

Labels = Callable[[str, str, str], Said]
"""`ConceptBook.said` or anything called like it: `(scheme, code, language)`."""
Titles = Callable[[str, str], str]
"""`hub.source_title` or anything called like it: `(source, language)`."""
Cities = Callable[[Document, str], Said]
"""`Places.city_of` or anything called like it: `(address, language)`."""
_SHOWN_CONTACTS = ("phone", "mobile", "email", "website")


class Visitor(NamedTuple):
    """Who is shown a card: the language, what was typed, and the place asked for with the name that it has in sentences."""

    language: str
    what: str = ""
    place: Municipality | None = None
    town: str = ""


def card(hit: Hit, label: Labels, title: Titles, city: Cities, visitor: Visitor) -> dict[str, Any]:
    """One hit: name, organisation, address, contacts with their origin, rubrieken, patientenstop and waiting list, tier, sources and the reason why it is there.

    Keys without a value are left out. `name_language`, `organisation_language` and so on say in which language that text is when it is not the one
    asked for. `organisation_stopped`: a source says that the organisation is not active any more, and none that the offer is not.
    """
    language, place = visitor.language, visitor.place
    entity = hit.entity
    offer = entity.fiche
    organisation = entity.related.get(offer.get("organisatie", {}).get("id", ""), {})
    tier = next((value for kind, value in hit.why if kind == "tier"), "")
    answer: dict[str, Any] = {
        "id": entity.id,
        **_told(name_in(offer, language), language, "name"),
        **_told(name_in(organisation, language), language, "organisation"),
        "organisation_stopped": organisation.get("status", {}).get("status") == "inactive" or None,
        "umbrella": bool(organisation.get("umbrella")) or None,
        "address": _address(address_of(entity) if place is None else address_of(entity, partial(_far, place)), language, city),
        "contacts": _contacts(hit),
        "rubrieken": [_told(label(code["scheme"], code["code"], language), language) for code in offer.get("rubrieken", ())],
        "languages": list(offer.get("languages", ())),
        "patientenstop": _fresh(offer.get("patientenstop", {}), "patientenstop", language),
        "waiting_list": _fresh(offer.get("waiting_list", {}), "waiting_list", language),
        "tier": tier,
        "why": _why(hit, tier, visitor),
        "distance_km": None if hit.distance_km is None else round(hit.distance_km, 1),
        "sources": [title(source, language) for source in entity.sources],
        "updated_at": entity.updated_at[:10],
    }
    return {key: value for key, value in answer.items() if value not in (None, "", [], {})}


def _told(said: Said, language: str, key: str = "text") -> dict[str, str]:
    """The text under this key, and the language that it is in when that is another one than the visitor's."""
    told = {key: said.text}
    if said.text and said.language not in ("", language):
        told[f"{key}_language"] = said.language
    return told


def _far(place: Municipality, address: Document) -> float:
    """How far an address is from the place asked for, as the search has it: what lies in it is there, wherever its middle is."""
    if address.get("municipality") == place.refnis:
        return 0.0
    position = address.get("position")
    return inf if position is None else distance_km(place.lat, place.lon, position["lat"], position["lon"])


def _address(address: Document, language: str, city: Cities) -> dict[str, str]:
    town = city(address, language)
    town = town._replace(text=f"{address.get('postcode', '')} {town.text}".strip())
    lines = {**_told(street_in(address, language), language, "street"), **_told(town, language, "city")}
    return {key: value for key, value in lines.items() if value}


def _contacts(hit: Hit) -> list[dict[str, str]]:
    return [
        {"kind": found.contact["kind"], "value": found.contact["value"], "from": found.origin}
        for found in general_contacts(hit.entity)
        if found.contact["kind"] in _SHOWN_CONTACTS
    ]


def _fresh(said: Document, kind: str, language: str) -> dict[str, str] | None:
    """A patientenstop or a waiting list. Only what is fresh is worth showing: "unknown" is left out."""
    if said.get("value") not in ("yes", "no"):
        return None
    weeks = said.get("weeks", 0) if said["value"] == "yes" else 0
    how = "week" if weeks == 1 else "weeks" if weeks > 1 else said["value"]
    told = {"value": said["value"], "text": WORDING[language][f"{kind}_{how}"].format(weeks=weeks)}
    if "asserted_at" in said:
        told["since"] = said["asserted_at"][:10]
    return told


def _why(hit: Hit, tier: str, visitor: Visitor) -> str:
    """The reason in a sentence, so that nobody wonders what a far-away hit, or one that is called otherwise, does in the list."""
    words = WORDING[visitor.language]
    where = _where(hit, tier, visitor) if tier and visitor.place is not None else ""
    described = [word for kind, word in hit.why if kind == "described"]
    if not described:
        return where
    typed = {part: text for text in visitor.what.split() for part in folded(text)}
    said = words["why_described"].format(words=", ".join(typed.get(word, word) for word in described))
    return f"{where} – {said}" if where else said[:1].upper() + said[1:]


def _where(hit: Hit, tier: str, visitor: Visitor) -> str:
    words, language = WORDING[visitor.language], visitor.language
    if tier in ("near", "rest") and hit.distance_km is not None:
        km = f"{hit.distance_km:.1f}"
        return sentence(words["why_distance"], visitor.town, language, km=km if language == "en" else km.replace(".", ","))
    return sentence(words.get(f"why_{tier}", ""), visitor.town, language)
