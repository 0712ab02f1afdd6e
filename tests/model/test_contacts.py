"""Who has no number of his own is reached through the practice, and the answer says where the number came from (need 5)."""

from __future__ import annotations

from typing import Any

from hub.model.audience import INTERNAL, PUBLIC, Grant, project, stamp
from hub.model.contacts import Link, resolve, resolve_contacts
from hub.model.entity import Entity
from hub.model.fiche import Document, EntityType, Kind


def uuid(number: int) -> str:
    return f"0190a0b2-0000-7000-8000-{number:012}"


PERSON, OFFER, PRACTICE, UMBRELLA, TOP, SITE, OTHER_SITE, PLACE = map(uuid, range(1, 9))


def phone(value: str, **more: Any) -> Document:
    return {"kind": "phone", "value": value, **more}


def email(value: str, **more: Any) -> Document:
    return {"kind": "email", "value": f"{value}@example.org", **more}


def world(grant: Grant = INTERNAL, **contacts: list[Document]) -> dict[str, Document]:
    """A zorgverlener in an aanbod of a practice with two sites, under an umbrella, under a top; with these contacts."""

    def having(name: str, document: Document) -> Document:
        return {**document, **({"contacts": contacts[name]} if name in contacts else {})}

    place = having("caregiver", {"id": PLACE, "zorgverlener": {"id": PERSON}})
    offer = {"organisatie": {"id": PRACTICE}, "vestigingen": [{"id": SITE}], "caregivers": [place]}
    sites = [having("site", {"id": SITE}), having("other_site", {"id": OTHER_SITE})]
    fiches: list[tuple[Kind, str, str, Document]] = [
        ("zorgverlener", PERSON, "person", {}),
        ("aanbod", OFFER, "offer", offer),
        ("organisatie", PRACTICE, "practice", {"vestigingen": sites, "parent": {"id": UMBRELLA}}),
        ("organisatie", UMBRELLA, "umbrella", {"parent": {"id": TOP}}),
        ("organisatie", TOP, "top", {}),
    ]
    projected = {}
    for kind, identity, name, content in fiches:
        shown = project(stamp(kind, having(name, {"id": identity, "kind": kind, **content})), grant, "2026-01-01")
        if shown is not None:
            projected[identity] = shown
    return projected


def told(related: dict[str, Document], type: EntityType, identity: str, part: Document | None = None) -> list[tuple[str, str, str]]:
    fiche = related[identity]
    others = {other: document for other, document in related.items() if other != identity}
    entity = Entity((part or fiche)["id"], type, 1, 1, "2026-01-01T00:00:00Z", fiche, part, others)
    return [(found.contact["value"], found.origin, found.origin_id) for found in resolve_contacts(entity)]


def as_caregiver(related: dict[str, Document]) -> list[tuple[str, str, str]]:
    return told(related, "caregiver", OFFER, related[OFFER]["caregivers"][0])


def test_a_practitioner_without_phone_shows_the_phone_of_the_practice() -> None:
    assert as_caregiver(world(practice=[phone("1")])) == [("1", "organisatie", PRACTICE)]
    assert told(world(practice=[phone("1")]), "zorgverlener", PERSON) == [("1", "organisatie", PRACTICE)]


def test_each_kind_falls_back_on_its_own() -> None:
    related = world(person=[email("arts")], practice=[email("info"), phone("1")])
    expected = [("arts@example.org", "zorgverlener", PERSON), ("1", "organisatie", PRACTICE)]
    assert as_caregiver(related) == expected


def test_the_nearest_wins_all_along_the_chain() -> None:
    chain = ["caregiver", "person", "offer", "site", "practice", "umbrella", "top"]
    origins = ["self", "zorgverlener", "aanbod", "vestiging", "organisatie", "parent", "parent"]
    for start, origin in enumerate(origins):
        related = world(INTERNAL, **{name: [phone(name)] for name in chain[start:]})
        assert [(value, found) for value, found, _ in as_caregiver(related)] == [(chain[start], origin)]


def test_a_zorgverlener_is_reached_through_the_aanbod_that_names_him() -> None:
    related = world(caregiver=[phone("1")], offer=[phone("2"), email("a")])
    assert told(related, "zorgverlener", PERSON) == [
        ("1", "caregiver", PLACE),
        ("a@example.org", "aanbod", OFFER),
    ]
    stranger = {**related, PERSON: {**related[PERSON], "id": uuid(99)}}
    assert told(stranger, "zorgverlener", PERSON) == []


def test_every_type_of_entity_has_its_chain() -> None:
    related = world(practice=[phone("1")], umbrella=[email("u")])
    up = [("1", "organisatie", PRACTICE), ("u@example.org", "parent", UMBRELLA)]
    assert told(related, "aanbod", OFFER) == up
    assert told(related, "vestiging", PRACTICE, related[PRACTICE]["vestigingen"][0]) == up
    assert told(related, "membership", PRACTICE, {"id": uuid(50)}) == up
    assert told(related, "organisatie", PRACTICE) == [("1", "self", PRACTICE), up[1]]


def test_only_the_sites_of_the_aanbod_count_and_both_of_two() -> None:
    related = world(site=[phone("1")], other_site=[phone("2")])
    assert told(related, "aanbod", OFFER) == [("1", "vestiging", SITE)]
    related[OFFER]["vestigingen"] = [{"id": OTHER_SITE}, {"id": SITE}]
    assert told(related, "aanbod", OFFER) == [("1", "vestiging", SITE), ("2", "vestiging", OTHER_SITE)]


def test_a_hidden_number_is_not_fallen_back_on_and_does_not_hide_one_further_away() -> None:
    numbers = {"practice": [phone("1", visibility="internal")], "umbrella": [phone("2")]}
    assert as_caregiver(world(PUBLIC, **numbers)) == [("2", "parent", UMBRELLA)]
    assert as_caregiver(world(INTERNAL, **numbers)) == [("1", "organisatie", PRACTICE)]


def test_a_number_for_complaints_does_not_stand_in_for_a_general_one() -> None:
    related = world(person=[phone("1", purpose="complaints")], practice=[phone("2"), phone("3", purpose="complaints")])
    assert as_caregiver(related) == [("1", "zorgverlener", PERSON), ("2", "organisatie", PRACTICE)]
    for_patients = world(person=[phone("1", purpose="appointments")], practice=[phone("2")])
    assert as_caregiver(for_patients) == [("1", "zorgverlener", PERSON)]


def test_organisations_that_are_each_others_parent_end() -> None:
    related = world(top=[phone("1")])
    for circle in (PRACTICE, UMBRELLA, TOP):
        related[TOP]["parent"] = {"id": circle}
        assert told(related, "organisatie", PRACTICE) == [("1", "parent", TOP)]


def test_what_the_asker_may_not_see_ends_the_chain_quietly() -> None:
    related = world(top=[phone("1")])
    del related[UMBRELLA]
    assert as_caregiver(related) == []


def test_neighbours_tell_the_same_number_once() -> None:
    chain: list[Link] = [
        ("vestiging", "a", {"contacts": [phone("1"), phone("2")]}),
        ("vestiging", "b", {"contacts": [phone("1"), email("b")]}),
        ("organisatie", "c", {"contacts": [phone("3")]}),
    ]
    found = [(item.contact["value"], item.origin_id) for item in resolve(chain)]
    assert found == [("1", "a"), ("2", "a"), ("b@example.org", "b")]
    assert resolve([]) == []
