"""What a resource looks like, and that whatever a fiche holds, the resource is valid R4."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import orjson
import pytest
from fhir.resources.R4B import get_fhir_model_class
from hypothesis import HealthCheck, given, settings
from lxml import etree

from hub.model.audience import Grant
from hub.model.entity import Entity
from plugins.fhir import extensions as ext
from plugins.fhir import systems as s
from plugins.fhir.datatypes import address, addresses, narrative
from plugins.fhir.json_form import to_bytes
from plugins.fhir.rendering import Memory, Rendered, render
from plugins.fhir.xml_form import to_xml
from tests.plugins.fhir import entities as e
from tests.plugins.fhir.judge import complaints

PUBLIC = Grant()
LABELS = e.Labels()
TODAY = "2026-11-22"


def rendered(entity: Entity, grant: Grant = PUBLIC) -> dict[str, Any]:
    return render(entity, grant, LABELS)


def role(**fields: Any) -> Entity:
    return e.entity(e.aanbod(**fields), "caregiver", related=(e.organisatie(), e.zorgverlener()))


# --- valid, whatever comes ------------------------------------------------------------------------------------------------------


@settings(max_examples=250, suppress_health_check=[HealthCheck.too_slow])
@given(e.random_entities())
def test_every_resource_is_valid(entity: Entity) -> None:
    resource = orjson.loads(to_bytes(rendered(entity)))
    assert complaints(resource) == []


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(e.random_entities())
def test_xml_says_the_same_as_the_models_of_fhir_resources(entity: Entity) -> None:
    resource = orjson.loads(to_bytes(rendered(entity)))
    model = get_fhir_model_class(resource["resourceType"])(**resource)
    assert canonical(to_xml(resource)) == canonical(model.model_dump_xml())


def canonical(document: bytes | str) -> bytes:
    """C14N, with moments spelled one way."""
    text: bytes = etree.tostring(etree.fromstring(document), method="c14n")
    text = re.sub(rb"(T\d\d:\d\d:\d\d)(?:Z|\+00:00)", rb"\1Z", text)
    return re.sub(
        rb'(<(?:longitude|latitude) value=")([^"]*)',
        lambda found: found[1] + repr(float(found[2])).encode(),
        text,
    )


@pytest.mark.parametrize(
    "fault",
    [
        {"resourceType": "Organization", "id": "a", "active": "true", "name": "x"},
        {"resourceType": "Organization", "id": "a", "active": True},
        {"resourceType": "Organization", "id": "a" * 65, "name": "x"},
        {"resourceType": "Organization", "id": "a", "name": "x", "alias": []},
        {"resourceType": "Organization", "name": "x", "id": "a"} | {"active": True, "identifier": [{"value": "1"}]},
        {"resourceType": "Organization", "id": "a", "name": "x", "telecom": [{"value": "1"}]},
        {"resourceType": "Organization", "id": "a", "name": "x", "telecom": [{"system": "telefoon", "value": "1"}]},
        {"resourceType": "Organization", "id": "a", "name": "x", "partOf": {"reference": "Location/1"}},
        {"resourceType": "Organization", "id": "a", "identifier": [{"system": s.CBE, "value": "2147812701"}]},
        {"resourceType": "Organization", "id": "a", "meta": {"profile": [s.MCSD_ORGANIZATION]}, "name": "x"},
        {"resourceType": "Location", "id": "a", "status": "open"},
        {"resourceType": "Location", "id": "a", "extension": [{"url": "http://example.org/x"}]},
        {"resourceType": "Practitioner", "id": "a", "gender": "vrouw"},
        {"resourceType": "Practitioner", "id": "a", "text": {"status": "generated", "div": "<div xmlns='http://www.w3.org/1999/xhtml'><script/>x</div>"}},
        {"resourceType": "PractitionerRole", "id": "a", "period": {"start": "2026-02-01", "end": "2026-01-01"}},
        {"resourceType": "PractitionerRole", "id": "a", "nonsense": 1},
    ],
)  # fmt: skip
def test_the_judges_notice_planted_faults(fault: dict[str, Any]) -> None:
    assert complaints(fault)


# --- Organization -----------------------------------------------------------------------------------------------------------------


def test_bilingual_address_is_repeated_whole_per_language_with_its_lines_in_parts() -> None:
    dutch, french = rendered(e.entity(e.organisatie()))["address"]
    assert dutch["extension"] == [{"url": ext.LANGUAGE, "valueCode": "nl"}]
    assert french["extension"] == [{"url": ext.LANGUAGE, "valueCode": "fr"}]
    assert (dutch["line"], dutch["city"], dutch["postalCode"]) == (
        ["Zonnestraat 12 bus 3"],
        "Brussel",
        "1000",
    )
    assert (french["line"], french["city"]) == (["Rue du Soleil 12 boîte 3"], "Bruxelles")
    assert [(part["url"], part["valueString"]) for part in dutch["_line"][0]["extension"]] == [
        (ext.STREET_NAME, "Zonnestraat"),
        (ext.HOUSE_NUMBER, "12"),
        (ext.POST_BOX, "3"),
    ]


@pytest.mark.parametrize(
    ("kept", "shown", "text"),
    [
        (None, "BE", "9000 Gent"),
        ("NL", "NL", "9000 Gent"),
        ("be", "BE", "9000 Gent"),
        ("Belgique", "BE", "9000 Gent"),
        ("Polska", None, "9000 Gent, Polska"),
    ],
)
def test_a_country_is_shown_in_two_letters_or_in_the_text_alone(kept: str | None, shown: str | None, text: str) -> None:
    written = address({"city": {"nl": "Gent"}, "postcode": "9000"} | ({"country": kept} if kept else {}), "nl")
    assert (written.get("country"), written["text"]) == (shown, text)


def test_identifiers_have_the_belgian_systems() -> None:
    organization = rendered(e.entity(e.organisatie()))
    assert organization["identifier"] == [
        {"system": s.CBE, "value": "0403019261"},
        {"system": s.NIHDI, "value": "71000012"},
    ]
    location = rendered(e.entity(e.organisatie(), "vestiging"))
    assert location["identifier"] == [{"system": s.BASE + "/NamingSystem/vestigingsnummer", "value": "2147812701"}]
    own = e.organisatie(identifiers=[{"system": "sociale-kaart", "value": "12"}])
    assert rendered(e.entity(own))["identifier"] == [{"system": s.BASE + "/NamingSystem/sociale-kaart", "value": "12"}]


def test_a_second_language_is_a_translation_and_an_alias() -> None:
    organization = rendered(e.entity(e.organisatie()))
    assert organization["name"] == "Ziekenhuis Zon"
    assert organization["alias"] == ["Hôpital Soleil"]
    translation = organization["_name"]["extension"][0]
    assert translation["url"] == ext.TRANSLATION
    assert [part.get("valueCode", part.get("valueString")) for part in translation["extension"]] == [
        "fr",
        "Hôpital Soleil",
    ]


def test_only_met_profiles_are_claimed() -> None:
    assert rendered(e.entity(e.organisatie()))["meta"]["profile"] == [s.BE_ORGANIZATION, s.MCSD_ORGANIZATION]
    without_type = e.organisatie()
    del without_type["types"]
    assert rendered(e.entity(without_type))["meta"]["profile"] == [s.BE_ORGANIZATION]
    single_named = e.zorgverlener(name={"family": "Peeters"})
    assert rendered(e.entity(single_named))["meta"]["profile"] == [s.MCSD_PRACTITIONER]


def test_unknown_activity_is_left_out() -> None:
    assert "active" not in rendered(e.entity(e.organisatie(status={"status": "unknown"})))
    assert rendered(e.entity(e.organisatie(status={"status": "inactive"})))["active"] is False


def test_a_parent_is_named_only_where_it_is_visible() -> None:
    parent = e.organisatie() | {"id": e.NETWORK, "names": [{"text": {"nl": "Koepel"}}]}
    child = e.organisatie(parent={"id": e.NETWORK})
    assert rendered(e.entity(child, related=(parent,)))["partOf"] == {
        "reference": f"Organization/{e.NETWORK}",
        "display": "Koepel",
    }
    assert "partOf" not in rendered(e.entity(child, related=(parent | {"visibility": "internal"},)))


# --- Location ---------------------------------------------------------------------------------------------------------------------


def test_location_has_one_dutch_address_and_the_other_language_in_an_extension() -> None:
    location = rendered(e.entity(e.organisatie(), "vestiging"))
    assert location["address"]["city"] == "Brussel"
    assert [x["valueAddress"]["city"] for x in location["extension"] if x["url"] == ext.LOCATION_ADDRESS_TRANSLATION] == ["Bruxelles"]
    assert location["position"] == {"longitude": 4.35, "latitude": 50.85}
    assert location["managingOrganization"]["reference"] == f"Organization/{e.ORGANISATIE}"
    assert location["meta"]["profile"] == [s.BE_LOCATION, s.MCSD_LOCATION]


def test_a_site_shows_every_name_by_which_it_is_found() -> None:
    names = [{"text": {"nl": "Ziekenhuis Zon", "fr": "Hôpital Soleil"}}, {"text": {"nl": "ZZ"}, "use": "short"}]
    nameless = e.organisatie(names=names)
    location, organization = rendered(e.entity(nameless, "vestiging")), rendered(e.entity(nameless))
    for element in ("name", "_name", "alias"):
        assert location[element] == organization[element], element
    own = e.organisatie(names=names)
    own["vestigingen"][0]["name"] = {"nl": "Campus Oost", "fr": "Campus Est"}
    location = rendered(e.entity(own, "vestiging"))
    assert location["name"] == "Campus Oost"
    assert location["_name"]["extension"][0]["extension"][1]["valueString"] == "Campus Est"
    assert location["alias"] == ["Campus Est", "Ziekenhuis Zon", "Hôpital Soleil", "ZZ"]


def test_hours_know_the_whole_day_and_midnight() -> None:
    site = e.organisatie()["vestigingen"][0] | {
        "hours": [
            {"days": ["mon"], "opens": "00:00", "closes": "24:00"},
            {"days": ["tue", "wed"], "opens": "09:00", "closes": "24:00", "by_appointment": True},
        ]
    }
    assert rendered(e.entity(e.organisatie(vestigingen=[site]), "vestiging"))["hoursOfOperation"] == [
        {"daysOfWeek": ["mon"], "allDay": True},
        {
            "extension": [{"url": ext.BY_APPOINTMENT, "valueBoolean": True}],
            "daysOfWeek": ["tue", "wed"],
            "openingTime": "09:00:00",
            "closingTime": "23:59:59",
        },
    ]


# --- HealthcareService and PractitionerRole ----------------------------------------------------------------------------------------


def test_inherited_contact_says_where_it_came_from() -> None:
    service = rendered(e.entity(e.aanbod(), related=(e.organisatie(),)))
    assert service["telecom"] == [
        {
            "extension": [{"url": ext.CONTACT_ORIGIN, "valueCode": "vestiging"}],
            "system": "phone",
            "value": "+3225550000",
            "use": "work",
        }
    ]
    own = rendered(e.entity(e.aanbod(contacts=[{"kind": "mobile", "value": "+32470000000"}]), related=(e.organisatie(),)))
    assert own["telecom"][0] == {"system": "phone", "value": "+32470000000", "use": "mobile"}


def test_availability_is_told_with_its_end_and_never_as_a_stale_yes() -> None:
    stop = {"value": "yes", "asserted_at": "2026-11-01T09:00:00Z", "valid_until": "2026-12-01"}
    [told] = rendered(e.entity(e.aanbod(patientenstop=stop)))["extension"]
    assert told == {
        "extension": [
            {"url": "value", "valueCode": "yes"},
            {"url": "assertedAt", "valueDateTime": "2026-11-01T09:00:00Z"},
            {"url": "validUntil", "valueDate": "2026-12-01"},
        ],
        "url": ext.PATIENTENSTOP,
    }
    [stale] = rendered(e.entity(e.aanbod(patientenstop=stop | {"valid_until": "2026-11-21"})))["extension"]
    assert stale["extension"][0] == {"url": "value", "valueCode": "unknown"}


def test_a_role_names_person_organisation_site_and_service() -> None:
    resource = rendered(role())
    assert resource["practitioner"] == {
        "reference": f"Practitioner/{e.ZORGVERLENER}",
        "display": "An Peeters",
    }
    assert resource["organization"]["reference"] == f"Organization/{e.ORGANISATIE}"
    assert [each["reference"] for each in resource["location"]] == [f"Location/{e.VESTIGING}"]
    assert resource["healthcareService"] == [{"reference": f"HealthcareService/{e.AANBOD}", "display": "Woonzorg Zon"}]
    assert resource["code"][0]["coding"] == [{"system": s.CD_HCPARTY, "code": "persphysician", "display": "arts"}]
    assert resource["meta"]["profile"] == [s.BE_PRACTITIONER_ROLE, s.MCSD_PRACTITIONER_ROLE]


def test_a_hidden_person_or_site_leaves_no_trace_in_a_role() -> None:
    hidden_site = e.organisatie()
    hidden_site["vestigingen"][0]["visibility"] = "internal"
    hidden_person = e.zorgverlener(visibility="internal")
    found = rendered(e.entity(e.aanbod(), "caregiver", related=(hidden_site, hidden_person)))
    assert "practitioner" not in found
    assert "location" not in found
    assert b"Peeters" not in orjson.dumps(found)
    assert s.MCSD_PRACTITIONER_ROLE not in found["meta"]["profile"]  # no profession is known without the person


def test_a_membership_names_the_network_and_the_member() -> None:
    member = e.organisatie(memberships=[{"id": e.MEMBERSHIP, "organisatie": {"id": e.NETWORK}, "role": {"scheme": "role", "code": "lid"}}])
    network = e.organisatie() | {"id": e.NETWORK}
    resource = rendered(e.entity(member, "membership", related=(network,)))
    assert resource["organization"]["reference"] == f"Organization/{e.NETWORK}"
    assert resource["participatingOrganization"]["reference"] == f"Organization/{e.ORGANISATIE}"
    assert resource["meta"]["profile"] == [s.MCSD_ORGANIZATION_AFFILIATION]


# --- versions and memory ------------------------------------------------------------------------------------------------------------


def test_version_is_the_seq_and_for_partners_also_the_revision_of_their_agreement() -> None:
    entity = e.entity(e.organisatie())
    assert rendered(entity)["meta"]["versionId"] == "42"
    assert rendered(entity, Grant(level="professional", partner="epd", revision=7))["meta"]["versionId"] == "42-7"


def test_memory_never_mixes_askers_versions_or_labels() -> None:
    memory = Memory(1 << 20)
    stop = e.entity(e.organisatie())
    public = memory.resource(stop, PUBLIC, LABELS, TODAY)
    assert memory.resource(stop, PUBLIC, LABELS, TODAY) is public
    assert memory.resource(stop, Grant(partner="epd", revision=1), LABELS, TODAY) != public
    assert memory.resource(stop, Grant(partner="epd", revision=2), LABELS, TODAY) != memory.resource(
        stop, Grant(partner="epd", revision=1), LABELS, TODAY
    )
    later = Entity(stop.id, stop.type, 1, 43, e.WHEN, e.organisatie(names=[{"text": {"nl": "Nieuw"}}]))
    assert b"Nieuw" in memory.resource(later, PUBLIC, LABELS, TODAY)
    narrowed = Grant(partner="epd", revision=2, fields=frozenset({"names"}))
    assert memory.answer("x", narrowed, 1, LABELS, TODAY, lambda: Rendered(b"names")).body == b"names"
    assert memory.answer("x", replace(narrowed, fields=None), 1, LABELS, TODAY, lambda: Rendered(b"all")).body == b"all"
    assert memory.answer("x", narrowed, 2, LABELS, TODAY, lambda: Rendered(b"later")).body == b"later"
    assert memory.answer("x", narrowed, 1, LABELS, TODAY, lambda: Rendered(b"never asked")).body == b"names"
    assert memory.resource(stop, PUBLIC, e.Labels(), TODAY) is not public


def test_memory_stays_within_its_limit() -> None:
    memory = Memory(limit=10_000)
    for seq in range(50):
        memory.resource(Entity(e.ORGANISATIE, "organisatie", 1, seq, e.WHEN, e.organisatie()), PUBLIC, LABELS, TODAY)
    assert memory._size <= 10_000
    assert memory._size == sum(len(kept.body) for kept in memory._kept.values())


def test_texts_that_fhir_forbids_are_mended() -> None:
    odd = e.organisatie(names=[{"text": {"nl": "A\x1fB", "fr": "  "}}], types=[{"scheme": "x", "code": "a\n b"}])
    resource = orjson.loads(to_bytes(rendered(e.entity(odd))))
    assert resource["name"] == "A B"
    assert resource["type"][0]["coding"][0]["code"] == "a b"
    assert complaints(resource) == []
    parted = e.organisatie(names=[{"text": {"nl": "Een\u2028twee"}}], types=[])
    assert orjson.loads(to_bytes(rendered(e.entity(parted))))["name"] == "Een twee"


@pytest.mark.parametrize("at", [0, 1, 3])
def test_whichever_text_of_a_narrative_has_marks_is_written_without(at: int) -> None:
    texts = ["Zon", "Kerkstraat 1", " ", "info"]
    texts[at] = "<b>Maan & co</b>\x07"
    shown = narrative(texts[0], texts[1:])["div"]
    assert "&lt;b&gt;Maan &amp; co&lt;/b&gt; " in shown
    assert len(etree.fromstring(shown)) == 3, "a blank line is none"


def test_an_address_that_two_sources_write_in_one_language_and_in_both_stands_once_in_each() -> None:
    dutch = {"type": "practice", "street": {"nl": "Kaai"}, "house_number": "80", "postcode": "1120", "city": {"nl": "Brussel"}}
    both = dutch | {"street": {"nl": "Kaai", "fr": "Quai"}, "city": {"nl": "Brussel", "fr": "Bruxelles"}}
    assert [each["text"] for each in addresses([dutch, both])] == ["Kaai 80, 1120 Brussel", "Quai 80, 1120 Bruxelles"]
    assert len(addresses([dutch, dutch | {"house_number": "81"}])) == 2


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ({"start": "2026-01-02", "end": "2026-01-01"}, {"start": "2026-01-02"}),
        ({"start": "2026-01-01", "end": "2026-01-01"}, {"start": "2026-01-01", "end": "2026-01-01"}),
        ({"end": "2026-01-01"}, {"end": "2026-01-01"}),
    ],
)
def test_a_recognition_that_ends_before_it_begins_shows_its_beginning(said: dict[str, str], shown: dict[str, str]) -> None:
    (part,) = (each for each in ext.recognition({"number": "1", "period": said})["extension"] if each["url"] == "period")
    assert part["valuePeriod"] == shown
