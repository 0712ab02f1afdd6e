"""From rows of De Sociale Kaart to claims. Pure: no calls, no clock.

A row is an aanbod with the legal name of its organisatie, or a zorgverlener when its type says so. What the source does not publish is read as
follows (our reading; unknown), and all of it is only used when it is there:

- the organisatie is the leaflet behind the link `organisation` of a row, unless that is the row's own; without it, what has one legal name at one primary address is one
  organisatie, under an id derived from both (`afgeleid:...`), which stays with its rows when they change (`derived.py`). Enterprise numbers never join: one enterprise runs many services at one address;
- links `caregiver` of an aanbod lead to its zorgverleners; a zorgverlener is a row of its own, the given name first ("Els Maes") or after
  a comma ("Maes, Els");
- the administrative types CBE_ID (enterprise) and NIHDI_ID (RIZIV number);
- a contact that the organisatie has too is left to it: the aanbod inherits it, and follows when it changes;
- an organisatie whose rubrieken all lie under 19 is a praktijk.

Rows carry no revision. So a claim that says what the hub already holds is the held claim itself, and anything else is newer than that.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal

from hub import Claim, Document, InvalidIdentifier, Kind, Rejected, normalise_identifier
from plugins.sociale_kaart.reading import Place, Row, where_of
from plugins.sociale_kaart.vocabulary import SOURCE, Vocabulary

ENTERPRISE: Final = ("CBE_ID", "kbo")
CAREGIVER: Final = ("NIHDI_ID", "riziv")
_TYPE_TAG: Final = "sociale-kaart-type"
_PRACTICES: Final = "19"
_FICHE: Final = "https://www.desocialekaart.be/fiches/{}/algemeen"


def kind_of(row: Row, words: Vocabulary) -> Literal["aanbod", "zorgverlener"]:
    """What the row is; a type that is not configured is an aanbod, as every row of the list is said to be."""
    return "zorgverlener" if words.types.get(row.type) == "zorgverlener" else "aanbod"


def claim_of(external_id: str, kind: Kind, content: Document, held: Claim | None, now_ms: int, ended: Sequence[Claim] = ()) -> Claim:
    """The held claim when it says the same, else a newer one. `ended`: what the source said of the same thing under other ids."""
    before = () if held is None else held.same_as
    same_as = tuple(dict.fromkeys((*before, *((SOURCE, claim.external_id) for claim in ended))))
    if held is not None and held.kind == kind and held.content == content and before == same_as:
        return held
    return Claim(SOURCE, external_id, _next(held, now_ms), kind, content, same_as=same_as)


def ended_claim(held: Claim, now_ms: int) -> Claim:
    """Nothing is known under the id of this claim any more."""
    return Claim(SOURCE, held.external_id, _next(held, now_ms), held.kind, {}, gone=True)


def _next(held: Claim | None, now_ms: int) -> int:
    return now_ms if held is None else max(now_ms, held.revision + 1)


def organisation_content(rows: Sequence[Row], leaflet: Row | None, held: Document | None, words: Vocabulary, *, whole: bool) -> Document:
    """What the rows of one organisatie, and its leaflet if there is one, say of it.

    `whole`: these are all of its rows. Else what the hub holds beyond them stands: the other rows were not looked at. Without a leaflet the
    number, contacts and status that are held stand too; with one its number is for `identifiers_of` to give.
    """
    kept = held or {}
    first = leaflet or min(rows, key=lambda row: row.id)
    content = _common(first, "organisatie", words)
    content["names"] = [{"text": {words.language: first.name}, "use": "official"}]
    practice = all(concept.code.startswith(_PRACTICES) for row in rows for concept in row.rubrieken)
    if any(row.rubrieken for row in rows) or "form" not in kept:
        practice = practice and any(row.rubrieken for row in rows)
        content["form"] = "praktijk" if practice else "organisatie"
    if not whole and "form" in kept:
        content["form"] = kept["form"]
    if leaflet is None:
        content.pop("source_url", None)
        for field in ("identifiers", "contacts", "status", "source_url"):
            content.pop(field, None)
            if field in kept:
                content[field] = kept[field]
    elif leaflet.contacts:
        content["contacts"] = [dict(contact) for contact in leaflet.contacts]
    places: list[Place] = []
    for row in (*([leaflet] if leaflet else []), *sorted(rows, key=lambda row: row.id)):
        for place in row.places:
            if not any(_same(place, other) for other in places):
                places.append(place)
    vestigingen = [place.vestiging() for place in places]
    if not whole:
        vestigingen += _beyond(kept.get("vestigingen", ()), places, words)
    if vestigingen:
        content["vestigingen"] = vestigingen
    return content


def _same(place: Place, other: Place) -> bool:
    """One vestiging: the same id of the source, or the same street and number where not both have an id, or one organisatie has it twice."""
    return place.key == other.key or place.where == other.where


def _beyond(held: Iterable[Mapping[str, Any]], places: Sequence[Place], words: Vocabulary) -> list[Any]:
    """The held vestigingen that these places do not speak of."""
    keys = {place.key for place in places}
    spoken = {place.where for place in places}
    return [site for site in held if keys.isdisjoint(site.get("keys", ())) and _at(site, words) not in spoken]


def _at(site: Mapping[str, Any], words: Vocabulary) -> str:
    return where_of(next(iter(site.get("addresses", ())), None), words.language)


def offer_content(row: Row, organisation: Document, words: Vocabulary) -> Document:
    """What a row says of its aanbod; `organisation` is what is said of the organisatie it belongs to."""
    content = _common(row, "aanbod", words)
    content["names"] = [{"text": {words.language: row.name}, "use": "official"}]
    content["organisatie"] = {"source": SOURCE, "external_id": row.organisation}
    keys = dict.fromkeys(_vestiging_key(place, organisation, words) for place in row.places)
    if keys:
        content["vestigingen"] = [{"key": key} for key in keys]
    inherited = {(contact["kind"], contact["value"]) for contact in organisation.get("contacts", ())}
    contacts = [contact for contact in row.contacts if (contact["kind"], contact["value"]) not in inherited]
    if contacts:
        content["contacts"] = [dict(contact) for contact in contacts]
    codes = dict.fromkeys(concept.code for concept in row.rubrieken)
    if codes:
        content["rubrieken"] = [{"scheme": "rubriek", "code": code} for code in codes]
    if row.caregivers:
        content["caregivers"] = [{"zorgverlener": {"source": SOURCE, "external_id": caregiver}} for caregiver in row.caregivers]
    return content


def _vestiging_key(place: Place, organisation: Document, words: Vocabulary) -> str:
    """The key of the vestiging at this place: its own id if the organisatie has it, else the one that stands at this address."""
    for site in organisation.get("vestigingen", ()):
        if place.key in site.get("keys", ()):
            return place.key
    for site in organisation.get("vestigingen", ()):
        if _at(site, words) == place.where:
            return str(next(iter(site.get("keys", ())), place.where))
    return place.key


def person_content(row: Row, leaflet: Row | None, held: Document | None, words: Vocabulary) -> Document:
    """What a row says of a zorgverlener. Without a leaflet the held RIZIV number stands."""
    content = _common(row, "zorgverlener", words)
    content["name"] = _person_name(row.name)
    codes = dict.fromkeys(concept.code for concept in row.rubrieken)
    if codes:
        content["professions"] = [{"scheme": "rubriek", "code": code} for code in codes]
    if row.contacts:
        content["contacts"] = [dict(contact) for contact in row.contacts]
    if row.places:
        content["addresses"] = [_practice(place) for place in row.places]
    if leaflet is None and held is not None and "identifiers" in held:
        content["identifiers"] = held["identifiers"]
    return content


def identifiers_of(leaflet: Row, number: tuple[str, str], held: Document | None) -> tuple[list[dict[str, str]], list[Rejected]]:
    """The numbers of this kind in a leaflet, and what is to be told of each that is not what it says to be.

    Where no number that exists is left of those that a leaflet gives, it has a mistake and tells of no other number: what is `held` stands.
    """
    name, system = number
    found = []
    wrong = []
    for value in dict.fromkeys(value for kind, value in leaflet.numbers or () if kind == name and value):
        try:
            found.append({"system": system, "value": normalise_identifier(system, value)})
        except InvalidIdentifier as error:
            reason = f"{name} {error.value or 'of this fiche'} is not a number that exists: {error.reason}"
            wrong.append(Rejected(reason, external_id=leaflet.id, field="administrativeData", raw=error.value))
    if wrong and not found:
        found = list((held or {}).get("identifiers", ()))
    return found, wrong


def _common(row: Row, kind: Kind, words: Vocabulary) -> Document:
    content: Document = {"kind": kind, "in_scope_of": [SOURCE]}
    if row.evidence:
        content["status"] = {"status": words.states.get(row.state, "unknown"), "evidence": row.evidence}
    if row.type and kind == "aanbod" and row.type not in words.types:
        content["tags"] = [{"scheme": _TYPE_TAG, "code": row.type}]
    if words.official:
        content["source_url"] = _FICHE.format(row.id)
    return content


def _practice(place: Place) -> dict[str, Any]:
    """Where a zorgverlener receives people, unless the source calls the address something else."""
    address: dict[str, Any] = {**place.address}
    if address.get("type", "visit") == "visit":
        address["type"] = "practice"
    return address


def _person_name(text: str) -> dict[str, Any]:
    family, comma, given = (part.strip() for part in text.partition(","))
    if not comma:
        given, _, family = (part.strip() for part in text.partition(" "))
    if not family or not given:
        return {"family": family or given or text}
    return {"family": family, "given": [given]}
