"""Every parameter of the table means what it says: modifiers, prefixes, forms of tokens, and what our resources do not have."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import orjson
import pytest
from flask.testing import FlaskClient

from hub.model.claims import Claim
from hub.store import Store
from plugins.fhir import systems as s
from plugins.fhir.params import RESOURCES
from tests.plugins.fhir.conftest import Hub, hub_over, organisation, site
from tests.plugins.fhir.test_complaints import pages, resources
from tests.plugins.fhir.writing import Writing, get, link, named, writing

__all__ = ["writing"]

REFNIS, ROLES = s.REFNIS, f"{s.BASE}/CodeSystem/role"


def _claims() -> Iterator[Claim]:
    def claim(kind: Any, id: str, **content: Any) -> Claim:
        return Claim("sociale-kaart", id, 1, kind, {"kind": kind, **content})

    def of(id: str) -> dict[str, str]:
        return {"source": "sociale-kaart", "external_id": id}

    def code(scheme: str, value: str) -> dict[str, str]:
        return {"scheme": scheme, "code": value}

    lid, bestuur = code("role", "lid"), code("role", "bestuur")
    yield organisation(
        1, names=[{"text": {"nl": "De Linde"}}], types=[code("cd-hcparty", "orghospital")], tags=[code("tag", "orgpharmacy")], status={"status": "active"}, parent=of("org-3"),
        identifiers=[{"system": "kbo", "value": "0403019261"}],
        vestigingen=[
            site(1, "9100", {"nl": "Sint-Niklaas"}, address={"street": {"nl": "Grote Markt"}, "position": {"lat": 51.16, "lon": 4.14}}, status={"status": "active"}),
            site(4, "9000", {"nl": "Gent"}, address={"street": {"nl": "Plein 11 Juli"}, "house_number": "3", "box": "12"}, status={"status": "active"}),
        ],
        electronic_addresses=[{"keys": ["url|https://a.example.org"], "address": "https://a.example.org", "status": "off", "type": code("channel", "fhir")}],
    )  # fmt: skip
    yield organisation(
        2, names=[{"text": {"nl": "Praktijk De Linde"}}, {"text": {"nl": "Lindeke"}, "use": "short"}], parent=of("org-1"),
        vestigingen=[site(2, "4800", {"nl": "Verviers"}, address={"country": "NL", "position": {"lat": 51.2, "lon": 4.2}})],
        memberships=[
            {"keys": ["sociale-kaart:m-1"], "organisatie": of("org-1"), "role": lid, "period": {"start": "2024-01-01", "end": "2024-12-31"}},
            {"keys": ["sociale-kaart:m-2"], "organisatie": of("org-3"), "role": bestuur, "period": {"start": "2025-03-01"}},
        ],
    )  # fmt: skip
    yield organisation(3, names=[{"text": {"nl": "Netwerk Élan"}}], status={"status": "unknown"})
    yield claim(
        "aanbod", "a-1", names=[{"text": {"nl": "Kine"}}], organisatie=of("org-1"), rubrieken=[code("rubriek", "14.04")], target_groups=[code("rubriek", "19")],
        delivery=["home"], languages=["nl", "fr"], service_area=[{"type": "municipality", "code": "46021"}], vestigingen=[{"key": "sociale-kaart:site-1"}],
        patientenstop={"value": "no", "valid_until": "2099-01-01"}, waiting_list={"value": "yes", "valid_until": "2020-01-01"},
        caregivers=[{"keys": ["sociale-kaart:z-1"], "zorgverlener": of("zv-1"), "contacts": [{"kind": "phone", "value": "+3237770000"}], "period": {"start": "2024-06-01"}}],
    )  # fmt: skip
    yield claim("aanbod", "a-2", names=[{"text": {"nl": "Thuiszorg"}}], organisatie=of("org-2"), status={"status": "active"})
    yield claim(
        "zorgverlener", "zv-1", name={"family": "De Smet", "given": ["José", "An"]}, gender="female", languages=["nl"], professions=[code("cd-hcparty", "persphysician")],
        contacts=[{"kind": "mobile", "value": "+32475123456"}, {"kind": "email", "value": "an@example.org"}], identifiers=[{"system": "riziv", "value": "18749704001"}],
    )  # fmt: skip
    yield claim("zorgverlener", "zv-2", name={"family": "Janssens"}, field_visibility={"gender": "public"}, gender="male")


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """A few of everything, with whatever can be asked for."""
    home = tmp_path_factory.mktemp("parameters")
    store = Store.open(f"sqlite:///{home / 'fichehub.sqlite'}", home)
    assert store.write(lambda writer: writer.put(list(_claims()), origin="test")).rejected == []
    app, key = hub_over(store)
    yield Hub(app, store, {}, key)
    store.close()


@pytest.fixture
def client(told: Hub) -> FlaskClient:
    return told.client()


def shown(resource: dict[str, Any]) -> str:
    """A short name for a resource."""
    match resource["resourceType"]:
        case "Practitioner":
            return str(resource["name"][0]["family"])
        case "OrganizationAffiliation":
            return str(resource["code"][0]["coding"][0]["code"])
        case "Endpoint" | "PractitionerRole":
            return str(resource["resourceType"])
    return str(resource["name"])


def found(client: FlaskClient, path: str) -> list[str]:
    whole = pages(client, path)
    assert resources(whole, "outcome") == [], path
    return [shown(each) for each in resources(whole)]


LINDE, PRAKTIJK, NETWERK = "De Linde", "Praktijk De Linde", "Netwerk Élan"
ALL = {LINDE, PRAKTIJK, NETWERK}
SMET, JANSSENS = "De Smet", "Janssens"


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
        (f"HealthcareService?coverage-area:identifier={REFNIS}|46021", {"Kine"}),
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


# --- what is found with a remark ------------------------------------------------------------------------------------------------------


def remarked(client: FlaskClient, path: str) -> tuple[set[str], dict[str, Any]]:
    """What is found, and the one thing that is said of it."""
    whole = pages(client, path)
    [said] = resources(whole, "outcome")
    [issue] = said["issue"]
    assert issue["severity"] == "warning"
    return {shown(each) for each in resources(whole)}, issue


@pytest.mark.parametrize(
    ("path", "expected", "number"),
    [
        ("Organization?address=Grote Markt 1", {LINDE}, "1"),
        ("Organization?address=grote markt 48", {LINDE}, "48"),  # not the beginning of a postcode
        (r"Location?address=Grote Markt 1\, 9100 Sint-Niklaas", {LINDE}, "1"),
        (r"Location?address=Grote Markt 1\, 4800 Verviers", set(), "1"),
        ("Location?address=kerkstraat 12 bus 3 4800 verviers", {PRAKTIJK}, "12, bus 3"),
        (r"Location?address=Kerkstraat\, 12A\, Verviers", {PRAKTIJK}, "12a"),
        (r"Location?address=kerkstraat 12/0001\, verviers", {PRAKTIJK}, "12, 0001"),
        (r"Location?address=kerkstraat 1072\, 4800 verviers", {PRAKTIJK}, "1072"),  # the last four digits are the postcode
        ("Location?address=kerkstraat 1 verviers,nergens", {PRAKTIJK}, "1"),
        (r"Location?address=Plein 11 Juli 3\, 9000 Gent", {LINDE}, "11, 3"),  # a street with a number in its name
        ("Location?address=8 mei", set(), "8"),
        ("HealthcareService?location.address=grote markt 1", {"Kine"}, "1"),
        ("Organization?_has:Location:organization:address=grote markt 1", {LINDE}, "1"),
    ],
)
def test_a_house_number_is_left_out_and_the_answer_says_so(client: FlaskClient, path: str, expected: set[str], number: str) -> None:
    names, issue = remarked(client, path)
    assert names == expected
    name = path.partition("?")[2].partition("=")[0]
    assert issue["expression"] == [f"http.{name}"]
    assert issue["details"]["text"].startswith(f"{name}: house numbers ({number}) are not searched")


def test_whatever_a_site_shows_as_its_address_finds_it(client: FlaskClient) -> None:
    whole = resources(pages(client, "Location?_count=500"))
    assert whole
    for each in whole:
        address = each["address"]
        for written in (address["text"], *address["line"]):
            path = f"Location?address={quote(written.replace(',', chr(92) + ','))}"
            assert each["id"] in {hit["id"] for hit in resources(pages(client, path))}, written


@pytest.mark.parametrize("name", ["telecom", "phone", "email"])
def test_whether_there_is_a_contact_is_asked_of_its_own_ones_and_the_answer_says_so(client: FlaskClient, name: str) -> None:
    for missing, expected in (("true", {JANSSENS}), ("false", {SMET})):
        names, issue = remarked(client, f"Practitioner?{name}:missing={missing}")
        assert names == expected
        assert issue["expression"] == [f"http.{name}:missing"]
    _, issue = remarked(client, f"PractitionerRole?practitioner.{name}:missing=true")
    assert issue["expression"] == [f"http.practitioner.{name}:missing"]
    # No membership has a contact at all, its own or inherited: there is nothing to be said of that.
    assert found(client, f"OrganizationAffiliation?{name}:missing=false") == []


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


# Two memberships: lid from 2024-01-01 until 2024-12-31, bestuur from 2025-03-01 on; only one network is shown with both ends.
@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("2024", "lid"), ("eq2024-06", ""), ("ne2024", "bestuur"), ("ne2024-06", "lid bestuur"), ("gt2024-12-30", "lid bestuur"), ("gt2024-12-31", "bestuur"),
        ("ge2024-12-31", "bestuur"), ("ge2025", "bestuur"), ("lt2024-01-01", ""), ("lt2025-03-01", "lid"), ("le2024-01-01", ""), ("le2024", "lid"), ("le2025-03-01", "lid"),
        ("sa2024", "bestuur"), ("sa2025-02-28", "bestuur"), ("sa2025-03-01", ""), ("eb2025", "lid"), ("eb2024-12-31", ""), ("ap2025-01-01", "lid"), ("ap2025-01-03", ""),
        ("ap2025-02-28", "bestuur"), ("gt2024-12-31T23:30:00+01:00", "lid bestuur"), ("lt2025-03-01T00:00:01 01:00", "lid bestuur"), ("2024,sa2024", "lid bestuur"),
    ],
)  # fmt: skip
def test_dates_of_a_membership(client: FlaskClient, asked: str, expected: str) -> None:
    assert found(client, f"OrganizationAffiliation?date={asked.replace('+', '%2B')}") == expected.split()


def test_a_membership_is_active_when_its_member_is(client: FlaskClient) -> None:
    assert found(client, "OrganizationAffiliation?active=true") == []
    assert found(client, "OrganizationAffiliation?active:missing=true") == ["lid", "bestuur"]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("eq2026-11-22T09:00:02Z", "2"), ("2026-11-22T10:00", "1 2 3"), ("ne2026-11-22T09:00:02Z", "1 3"), ("lt2026-11-22T09:00:02Z", "1"), ("le2026-11-22T09:00:02Z", "1 2"),
        ("gt2026-11-22T09:00:02Z", "3"), ("ge2026-11-22T10:00:02 01:00", "2 3"), ("sa2026-11-22T09:00:02Z", "3"), ("eb2026-11-22T09:00:02Z", "1"), ("ap2026-11-23", "1 2 3"),
        ("ap2026-11-25", ""), ("eq2026-11-22T09:00:01Z,gt2026-11-22T09:00:02Z", "1 3"),
    ],
)  # fmt: skip
def test_when_it_changed_last(writing: Writing, asked: str, expected: str) -> None:
    for number in (1, 2, 3):
        writing.put(named(number, f"Huis {number}"))
    client = writing.hub.client()
    assert found(client, f"Organization?_lastUpdated={asked}") == [f"Huis {number}" for number in expected.split()]
    assert found(client, f"Organization?_lastUpdated={asked}&_count=1&_sort=-name") == [f"Huis {number}" for number in expected.split()][::-1]
    writing.put(named(1, "Huis 1", form="praktijk"))
    assert ("Huis 1" in found(client, f"Organization?_lastUpdated={asked}")) == ("3" in expected)  # it is newer than all now


def test_nearest_first_with_the_distance(client: FlaskClient) -> None:
    for order, expected in (("51.2|4.2", [PRAKTIJK, LINDE]), ("51.16|4.14", [LINDE, PRAKTIJK])):
        page = get(client, f"Location?near={order}|30|km&_sort=near")
        assert [shown(each) for each in resources([page])] == expected
        far = [entry["search"]["extension"][0]["valueDistance"]["value"] for entry in page["entry"]]
        assert far == sorted(far)
    assert "_sort=near" in (link(page, "self") or "")
    refused = get(client, "Location?_sort=near", 400)
    assert refused["issue"][0]["expression"] == ["http._sort"]


def test_an_order_of_two_keys_is_told(client: FlaskClient) -> None:
    page = get(client, "Organization?_sort=-name,_id")
    assert link(page, "self") == "http://localhost/fhir/Organization?_sort=-name"
    assert "_id" in resources([page], "outcome")[0]["issue"][0]["details"]["text"]


def test_people_stand_in_the_order_of_family_and_given_name(client: FlaskClient) -> None:
    for order, expected in (("family,given", [SMET, JANSSENS]), ("-family,-given", [JANSSENS, SMET])):
        page = get(client, f"Practitioner?_sort={order}")
        assert [shown(each) for each in resources([page])] == expected
        assert resources([page], "outcome") == []
        assert link(page, "self") == f"http://localhost/fhir/Practitioner?_sort={quote(order, safe='')}"
    page = get(client, "Practitioner?_sort=family,-given")
    assert link(page, "self") == "http://localhost/fhir/Practitioner?_sort=family"
    [told] = resources([page], "outcome")
    assert told["issue"][0]["expression"] == ["http._sort"]


def test_a_key_too_many_is_refused_when_asked_to_be_strict(client: FlaskClient) -> None:
    response = client.get("/fhir/Practitioner?_sort=family,_id", headers={"Prefer": "handling=strict"})
    assert response.status_code == 400
    assert "_id" in response.text


# --- what comes along -----------------------------------------------------------------------------------------------------------------


def along(client: FlaskClient, path: str) -> list[str]:
    return sorted(shown(each) for page in pages(client, path) for each in resources([page], "include"))


def test_iterate_leads_on_and_nothing_else_does(client: FlaskClient) -> None:
    base = "HealthcareService?name=thuiszorg&_include=HealthcareService:organization"
    assert along(client, base) == [PRAKTIJK]
    assert along(client, f"{base}&_include:iterate=Organization:partof") == [LINDE, NETWERK, PRAKTIJK]
    assert along(client, "Organization?name=praktijk&_include=Organization:partof") == [LINDE]
    assert along(client, "Organization?name=praktijk&_include:iterate=Organization:partof") == [LINDE, NETWERK]
    assert along(client, f"{base}&_revinclude:iterate=Location:organization") == [PRAKTIJK, PRAKTIJK]
    round_and_round = f"{base}&_include:iterate=*&_revinclude:iterate=*"
    everything = along(client, round_and_round)
    assert {LINDE, NETWERK, "Kine", SMET} <= set(everything)
    without = get(client, f"{base}&_include=Organization:partof")  # which no offer has
    assert resources([without], "outcome")[0]["issue"][0]["expression"] == ["http._include"]


def test_a_star_is_all_of_them(client: FlaskClient) -> None:
    for star in ("*", "PractitionerRole:*"):
        assert set(along(client, f"PractitionerRole?_include={star}")) == {LINDE, SMET, "Kine"}
    page = get(client, "Organization?name=netwerk&_revinclude=*")
    kinds = {each["resourceType"] for each in resources([page], "include")}
    assert kinds == {"OrganizationAffiliation", "Organization", "Provenance"}
    assert {shown(each) for each in resources([page], "include") if each["resourceType"] != "Provenance"} == {"bestuur", LINDE}


def test_what_comes_along_stays_on_the_next_page(client: FlaskClient) -> None:
    whole = pages(client, "HealthcareService?_count=1&_include=HealthcareService:organization&_include:iterate=Organization:partof")
    assert [sorted(shown(each) for each in resources([page], "include")) for page in whole] == [[LINDE, NETWERK], [LINDE, NETWERK, PRAKTIJK]]


# --- how it is asked --------------------------------------------------------------------------------------------------------------------


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
        ("Organization?_has:PractitionerRole:organization:practitioner:Patient.name=an", "_has:PractitionerRole:organization:practitioner:Patient.name"),
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
