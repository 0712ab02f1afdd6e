"""Every parameter of the table means what it says: modifiers, forms of tokens, what our resources do not have, and what cannot be used."""

from __future__ import annotations

import orjson
import pytest
from flask.testing import FlaskClient

from plugins.fhir import systems as s
from plugins.fhir.params import RESOURCES
from tests.plugins.fhir.conftest import Hub
from tests.plugins.fhir.few import ALL, JANSSENS, LINDE, NETWERK, PRAKTIJK, SMET, client, found, shown, told
from tests.plugins.fhir.test_complaints import pages, resources
from tests.plugins.fhir.writing import get

__all__ = ["client", "told"]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        # texts: the whole, somewhere, and alternatives of several words
        ("Organization?name:exact=De Linde", {LINDE}),
        ("Organization?name:exact=de linde", set()),
        ("Organization?name:exact=de linde,De Linde", {LINDE}),
        ("Organization?name:exact=Netwerk Élan", {NETWERK}),
        ("Organization?name:exact=Netwerk E\u0301lan", {NETWERK}),  # the accent as a sign of its own
        ("Organization?name:exact=Netwerk Elan", set()),
        ("Organization?name:exact=NETWERK ÉLAN", set()),
        ("Location?organization.name:exact=De Linde&name:exact=De Linde", {LINDE}),
        ("Location?organization.name:exact=de linde", set()),
        ("Organization?name:exact=linde", set()),
        ("Organization?name:exact=Lindeke", {PRAKTIJK}),
        ("Organization?name:contains=e lind", {LINDE, PRAKTIJK}),
        ("Organization?name=de linde,elan", ALL),
        ("Organization?name=praktijk de,elan", {PRAKTIJK, NETWERK}),
        ("Organization?name=linde&name=prak", {PRAKTIJK}),
        (r"Organization?name=de\,linde", {LINDE, PRAKTIJK}),
        ("Organization?address-city=sint-niklaas", {LINDE}),
        ("Organization?address-city=niklaas", set()),
        ("Organization?address-city:contains=nikla", {LINDE}),
        ("Organization?address-city:exact=sint", set()),
        ("Organization?address-city:exact=Sint-Niklaas", {LINDE}),
        ("Organization?address-city:exact=Sint Niklaas", set()),
        ("Organization?address-postalcode:contains=80", {PRAKTIJK}),
        ("Organization?address-postalcode:exact=91", set()),
        ("Organization?address=grote markt", {LINDE}),
        ("Organization?address=9100 sint-nik", {LINDE}),
        ("Organization?address=kerk", {PRAKTIJK}),
        (r"Organization?address=grote markt\, 9100 sint-niklaas", {LINDE}),
        ("Organization?address=grote markt sint-niklaas", {LINDE}),
        ("Organization?address=sint-niklaas grote markt", {LINDE}),
        ("Organization?address=grote markt verviers", set()),
        ("Organization?address=9100 4800", set()),
        ("Organization?address=91", {LINDE}),
        ("Organization?address=sint,vervi", {LINDE, PRAKTIJK}),
        ("Organization?address:contains=mark", {LINDE}),
        ("Organization?address:contains=9100", {LINDE}),
        ("Organization?address:contains=10,grote", {LINDE}),
        ("Organization?address:exact=9100", {LINDE}),
        ("Organization?address:exact=910", set()),
        ("Organization?address:exact=Grote Markt", {LINDE}),
        ("Organization?address:exact=grote markt", set()),
        ("Organization?address:exact=grote", set()),
        ("Organization?address-country=be", {LINDE}),
        ("Organization?address-country:exact=NL", {PRAKTIJK}),
        ("Organization?address-country:exact=nl", set()),
        ("Organization?address-country:contains=L", {PRAKTIJK}),
        ("Organization?address-use=work", {LINDE, PRAKTIJK}),
        ("Organization?address-use=home", set()),
        ("Organization?address-state=oost", set()),
        ("Organization?address:missing=true", {NETWERK}),
        ("Organization?address-state:missing=true", ALL),
        # tokens
        ("Organization?type=orghospital", {LINDE}),
        (f"Organization?type={s.CD_HCPARTY}|", {LINDE}),
        ("Organization?type=|orghospital", set()),
        ("Organization?type=orgpharmacy", set()),  # a tag is no type
        ("Organization?type:not=orghospital", {PRAKTIJK, NETWERK}),
        ("Organization?type:missing=true", {PRAKTIJK, NETWERK}),
        (f"Organization?identifier={s.CBE}|", {LINDE}),
        ("Organization?identifier=http://example.org/none|", set()),
        ("Organization?identifier:not=0403.019.261", {PRAKTIJK, NETWERK}),
        ("Organization?active:not=true", {PRAKTIJK, NETWERK}),
        ("Organization?active:missing=true", {PRAKTIJK, NETWERK}),
        ("Organization?active=http://terminology.hl7.org/CodeSystem/special-values|true", {LINDE}),
        ("Organization?active=http://example.org|true", set()),
        ("Organization?_id:missing=true", set()),
        # references
        ("Organization?endpoint:missing=false", {LINDE}),
        ("Organization?endpoint.status=off", {LINDE}),
        ("Organization?partof:identifier=0403019261", {PRAKTIJK}),
        # the resource as such
        (f"Organization?_profile={s.MCSD_ORGANIZATION}", {LINDE}),
        (f"Organization?_profile={s.BE_ORGANIZATION}", ALL),
        (f"Organization?_profile={s.BE_LOCATION}", set()),
        (f"Organization?_profile={s.MCSD_ORGANIZATION},{s.BE_ORGANIZATION}", ALL),
        (f"Organization?_profile={s.MCSD_ORGANIZATION},{s.BE_LOCATION}", {LINDE}),
        ("Organization?_source=sociale-kaart", ALL),
        ("Organization?_source=elders", set()),
        ("Organization?_tag=x", set()),
        ("Organization?_tag:missing=true", ALL),
        ("Organization?_text=linde markt", {LINDE}),
        ("Organization?_content=elan", {NETWERK}),
        ("Location?type=facility", {LINDE, PRAKTIJK}),
        ("Location?type=orghospital", {LINDE}),
        ("Location?type:not=facility", set()),
        ("Location?status:not=active", {PRAKTIJK}),
        ("Location?status=suspended", set()),
        ("Location?operational-status=C", set()),
        ("Location?partof:missing=false", set()),
        ("Location?organization.partof.name=linde", {PRAKTIJK}),
        (f"Location?_profile={s.MCSD_LOCATION}", {LINDE}),
        ("HealthcareService?service-type=14.04", {"Kine"}),
        ("HealthcareService?service-type=19", set()),  # a target group is no rubriek
        ("HealthcareService?service-category:missing=true", {"Kine", "Thuiszorg"}),
        ("HealthcareService?specialty=x", set()),
        ("HealthcareService?characteristic=home", {"Kine"}),
        ("HealthcareService?characteristic:not=home", {"Thuiszorg"}),
        (f"HealthcareService?characteristic={s.BASE}/CodeSystem/delivery|home", {"Kine"}),
        (f"HealthcareService?coverage-area:identifier={s.REFNIS}|46021", {"Kine"}),
        ("HealthcareService?coverage-area:identifier=46021", {"Kine"}),
        ("HealthcareService?coverage-area:missing=true", {"Thuiszorg"}),
        ("HealthcareService?communication=fr", {"Kine"}),
        (f"HealthcareService?communication={s.LANGUAGE_TAGS}|", {"Kine"}),
        ("HealthcareService?patientenstop=no", {"Kine"}),
        (f"HealthcareService?patientenstop={s.BASE}/CodeSystem/yes-no-unknown|no", {"Kine"}),
        (f"HealthcareService?patientenstop={s.BASE}/CodeSystem/patientenstop|no", set()),  # there is no such code system
        (f"HealthcareService?waiting-list={s.BASE}/CodeSystem/yes-no-unknown|unknown", {"Kine"}),
        (f"HealthcareService?on-call:not={s.BASE}/CodeSystem/yes-no-unknown|", {"Kine", "Thuiszorg"}),
        ("HealthcareService?waiting-list=yes", set()),  # it ran out
        ("HealthcareService?waiting-list=unknown", {"Kine"}),
        ("HealthcareService?on-call:missing=true", {"Kine", "Thuiszorg"}),
        ("HealthcareService?location.near=51.16|4.14|2|km", {"Kine"}),
        ("HealthcareService?program=x", set()),
        ("Practitioner?family=de smet", {SMET}),
        ("Practitioner?family:exact=smet", set()),
        ("Practitioner?family:exact=De Smet", {SMET}),
        ("Practitioner?family:exact=de Smet", set()),
        ("Practitioner?name:exact=José", {SMET}),
        ("Practitioner?name:exact=Jose", set()),
        ("Practitioner?given:exact=José", {SMET}),
        ("Practitioner?given:exact=josé", set()),
        ("Practitioner?given=jose,x", {SMET}),
        ("Practitioner?phone=0475 12 34 56", {SMET}),
        ("Practitioner?telecom=email|AN@example.org", {SMET}),
        ("Practitioner?email=+32475123456", set()),
        ("Practitioner?telecom=phone|", {SMET}),
        ("Practitioner?telecom=email|", {SMET}),
        ("Practitioner?telecom=fax|", set()),
        ("Practitioner?telecom=url|,email|", {SMET}),
        # anything of a system, or a value
        ("Practitioner?telecom=fax|,an@example.org", {SMET}),
        ("Practitioner?telecom=phone|,nobody@example.org", {SMET}),
        ("Practitioner?telecom=fax|,nobody@example.org", set()),
        ("Practitioner?telecom:not=phone|,nobody@example.org", {JANSSENS}),
        (f"Organization?identifier={s.BASE}/NamingSystem/nobody|,0403019261", {LINDE}),
        ("Organization?identifier=https://www.ehealth.fgov.be/standards/fhir/core/NamingSystem/cbe|,18749704001", {LINDE}),
        ("Organization?identifier:not=https://www.ehealth.fgov.be/standards/fhir/core/NamingSystem/cbe|,18749704001", {PRAKTIJK, NETWERK}),
        ("OrganizationAffiliation?role=http://nobody.example.org|,bestuur", {"bestuur"}),
        (f"OrganizationAffiliation?role={s.code_system('role')}|,http://nobody.example.org|x", {"lid", "bestuur"}),
        (f"Organization?type={s.CD_HCPARTY}|,nobody", {LINDE}),
        (f"Organization?type:not={s.CD_HCPARTY}|,nobody", {PRAKTIJK, NETWERK}),
        (f"Organization?partof.type={s.CD_HCPARTY}|,nobody", {PRAKTIJK}),
        ("Practitioner?telecom=pager|", set()),
        ("Practitioner?telecom:not=phone|", {JANSSENS}),
        ("Practitioner?phone=phone|", {SMET}),
        ("Practitioner?phone=email|", set()),
        ("Practitioner?email=email|", {SMET}),
        ("PractitionerRole?telecom=phone|", {"PractitionerRole"}),
        ("PractitionerRole?telecom=email|", set()),
        ("Practitioner?telecom=|0475123456", set()),  # each has a system
        ("Practitioner?telecom=|", set()),
        ("Practitioner?communication=nl", {SMET}),
        ("Practitioner?gender=male", {JANSSENS}),
        ("Practitioner?gender=female", set()),  # which the public may not see
        ("Practitioner?gender:missing=true", {SMET}),
        (f"Practitioner?_profile={s.BE_PRACTITIONER}", {SMET}),
        (f"Practitioner?_profile={s.BE_PRACTITIONER},{s.MCSD_PRACTITIONER}", {SMET, JANSSENS}),
        ("PractitionerRole?identifier=1-87497-04-001", {"PractitionerRole"}),
        ("PractitionerRole?phone=03 777 00 00", {"PractitionerRole"}),
        ("PractitionerRole?role=14.04", set()),  # a rubriek is no profession
        ("PractitionerRole?role=persphysician", {"PractitionerRole"}),
        (f"PractitionerRole?_profile={s.BE_PRACTITIONER_ROLE}", {"PractitionerRole"}),
        ("PractitionerRole?specialty:missing=true", {"PractitionerRole"}),
        ("PractitionerRole?date=ge2024", {"PractitionerRole"}),
        ("PractitionerRole?date=eb2024-06", set()),
        ("Endpoint?status=off", {"Endpoint"}),
        ("Endpoint?status=suspended", set()),
        ("Endpoint?connection-type=fhir", {"Endpoint"}),
        ("Endpoint?payload-type=any", {"Endpoint"}),
        ("Endpoint?payload-type:not=any", set()),
        ("Endpoint?identifier:missing=true", {"Endpoint"}),
    ],
)  # fmt: skip
def test_a_parameter_finds(client: FlaskClient, path: str, expected: set[str]) -> None:
    assert set(found(client, path)) == expected


@pytest.mark.parametrize("name", sorted(RESOURCES))
def test_missing_parts_the_world_in_two(client: FlaskClient, name: str) -> None:
    """For every parameter, so that none is forgotten; and what is told to be missing is in no resource."""
    whole = {each["id"] for each in resources(pages(client, f"{name}?_count=500"))}
    for param in RESOURCES[name].by_name.values():
        if param.absent is None:
            continue
        if param.name == "_profile" and name in ("HealthcareService", "PractitionerRole", "OrganizationAffiliation"):
            continue  # one half of it cannot be asked
        halves = [{each["id"] for each in resources(pages(client, f"{name}?{param.name}:missing={said}"))} for said in ("true", "false")]
        assert halves[0].isdisjoint(halves[1]), param.name
        assert halves[0] | halves[1] == whole, param.name


def test_who_may_see_a_gender_may_ask_for_it(client: FlaskClient, told: Hub) -> None:
    page = get(client, "Practitioner?gender=female", Authorization=f"Bearer {told.key}")
    assert [shown(each) for each in resources([page])] == [SMET]


def test_a_membership_is_active_when_its_member_is(client: FlaskClient) -> None:
    assert found(client, "OrganizationAffiliation?active=true") == []
    assert found(client, "OrganizationAffiliation?active:missing=true") == ["lid", "bestuur"]


def test_a_search_is_the_same_by_get_by_search_and_by_post(client: FlaskClient) -> None:
    plain = get(client, "Organization?name=linde")
    also = get(client, "Organization/_search?name=linde")
    posted = orjson.loads(client.post("/fhir/Organization/_search", data={"name": "linde"}).data)
    assert plain == also == posted
    head = client.head("/fhir/Organization/_search?name=linde")
    assert (head.status_code, head.data) == (200, b"")


@pytest.mark.parametrize(
    ("asked", "expression"),
    [
        ("Organization?partof.active=perhaps", "partof.active"),
        ("Organization?address-use=castle", "address-use"),
        ("Organization?address-postalcode:contains=1", "address-postalcode:contains"),
        ("Organization?_content=a,b", "_content"),
        ("Organization?_lastUpdated=ge", "_lastUpdated"),
        ("PractitionerRole?practitioner:Organization.name=an", "practitioner:Organization.name"),
        ("PractitionerRole?practitioner:contains.name=an", "practitioner:contains.name"),
        ("PractitionerRole?organization:Organization.partof:Location.name=an", "organization:Organization.partof:Location.name"),
        ("PractitionerRole?practitioner:Organization=an", "practitioner:Organization"),
        (
            "Organization?_has:PractitionerRole:organization:practitioner:Patient.name=an",
            "_has:PractitionerRole:organization:practitioner:Patient.name",
        ),
        ("HealthcareService?coverage-area=Location/1", "coverage-area"),
        ("HealthcareService?patientenstop=maybe", "patientenstop"),
        ("OrganizationAffiliation?date=gt2024-13", "date"),
        ("Organization?name=" + ",".join(["a b c d"] * 4), "name"),
        ("PractitionerRole?practitioner.gender=woman", "practitioner.gender"),
        (f"PractitionerRole?_profile={s.BE_PRACTITIONER_ROLE},{s.MCSD_PRACTITIONER_ROLE}", "_profile"),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_name(client: FlaskClient, asked: str, expression: str) -> None:
    [issue] = get(client, asked, 400)["issue"]
    assert issue["expression"] == [f"http.{expression}"]
