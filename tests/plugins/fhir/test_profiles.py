"""What is asked of profiles, and of where a resource comes from: `_profile`, and `_revinclude` of Provenance."""

from __future__ import annotations

import orjson
import pytest
from flask.testing import FlaskClient

from plugins.fhir import systems as s
from plugins.fhir.searchable import OLDER_MCSD
from tests.plugins.fhir.conftest import Hub
from tests.plugins.fhir.few import ALL, client, found, told
from tests.plugins.fhir.test_complaints import pages, resources
from tests.plugins.fhir.test_smart import ask
from tests.plugins.fhir.writing import get, link

__all__ = ["client", "told"]


def test_every_resource_of_some_types_claims_a_profile(client: FlaskClient) -> None:
    assert set(found(client, "Organization?_profile:missing=false")) == ALL
    assert found(client, "Organization?_profile:missing=true") == []


@pytest.mark.parametrize(("name", "can"), [("HealthcareService", "false"), ("OrganizationAffiliation", "false"), ("PractitionerRole", "true")])
def test_where_some_claim_no_profile_that_is_asked_in_the_way_that_a_query_can(client: FlaskClient, name: str, can: str) -> None:
    claims = {each["id"] for each in resources(pages(client, f"{name}?_count=500")) if each["meta"].get("profile")}
    everything = {each["id"] for each in resources(pages(client, f"{name}?_count=500"))}
    found_so = {each["id"] for each in resources(pages(client, f"{name}?_profile:missing={can}"))}
    assert found_so == (claims if can == "false" else everything - claims)
    [issue] = get(client, f"{name}?_profile:missing={'true' if can == 'false' else 'false'}", 400)["issue"]
    assert issue["expression"] == ["http._profile:missing"]
    assert f"only {can} can be asked" in issue["details"]["text"]
    get(client, f"{name}?_profile:missing=perhaps", 400)
    assert f":missing can be asked only as {can}." in _declared(client, name, "_profile")


def _declared(client: FlaskClient, type: str, name: str) -> str:
    [resource] = [each for each in get(client, "metadata")["rest"][0]["resource"] if each["type"] == type]
    [about] = [each["documentation"] for each in resource["searchParam"] if each["name"] == name]
    return str(about)


def test_what_can_be_asked_in_either_way_is_declared_without_a_limit(client: FlaskClient) -> None:
    assert "only as" not in _declared(client, "Organization", "_profile")


@pytest.mark.parametrize("name", ["_text", "_content"])
def test_a_modifier_that_would_mean_nothing_is_refused(client: FlaskClient, name: str) -> None:
    for modifier in ("contains", "exact"):
        [issue] = get(client, f"Organization?{name}:{modifier}=linde", 400)["issue"]
        assert issue["expression"] == [f"http.{name}:{modifier}"]
        assert f":{modifier}" not in _declared(client, "Organization", name)


@pytest.mark.parametrize(
    ("canonical", "met"),
    [
        (s.BE_ORGANIZATION, True),
        (f"{s.BE_ORGANIZATION}|", True),
        (f"{s.BE_ORGANIZATION}|2.1.2", True),
        (f"{s.BE_ORGANIZATION}|2.1", True),
        (f"{s.BE_ORGANIZATION}|2", True),
        (f"{s.BE_ORGANIZATION}|2.1.20", False),
        (f"{s.BE_ORGANIZATION}|9.9", False),
        (f"{s.BE_ORGANIZATION}|9.9,{s.BE_ORGANIZATION}|2.1.2", True),
        (OLDER_MCSD + "Organization|4.0.0", True),
        (f"{s.MCSD_ORGANIZATION}|3.8.0", False),
    ],
)
def test_a_version_of_a_profile_counts(client: FlaskClient, canonical: str, met: bool) -> None:
    page = get(client, f"Organization?_profile={canonical}")
    assert bool(resources([page])) == met
    assert resources([page], "outcome") == []


def test_a_role_has_no_number_whatever_it_is_found_by(client: FlaskClient) -> None:
    roles = resources(pages(client, "PractitionerRole?_count=500"))
    assert not any("identifier" in each for each in roles)
    assert len(resources(pages(client, "PractitionerRole?identifier:missing=true"))) == len(roles)
    assert resources(pages(client, "PractitionerRole?identifier:missing=false")) == []


def test_profiles_of_which_no_one_is_the_weaker_are_asked_for_apart(client: FlaskClient) -> None:
    both = f"{s.BE_PRACTITIONER_ROLE},{s.MCSD_PRACTITIONER_ROLE}"
    [issue] = get(client, f"PractitionerRole?_profile={both}", 400)["issue"]
    assert issue["expression"] == ["http._profile"]
    assert "send a request for each" in issue["details"]["text"]
    for each in both.split(","):
        assert "entry" in get(client, f"PractitionerRole?_profile={each}")


@pytest.mark.parametrize("claimed", ["_profile={}", "_profile={}&_count=1", "_profile:missing=true"])
def test_what_a_role_claims_stands_in_the_role(small: Hub, claimed: str) -> None:
    page = ask(small, "system/PractitionerRole.rs", f"PractitionerRole?{claimed.format(s.BE_PRACTITIONER_ROLE)}")
    assert page.status_code == 200, page.text
    for each in orjson.loads(page.data)["link"]:
        assert ask(small, "system/PractitionerRole.rs", each["url"].partition("/fhir/")[2]).status_code == 200
    assert ask(small, "system/PractitionerRole.rs", "PractitionerRole?practitioner.given=an").status_code == 403
    assert (
        ask(small, "system/Organization.rs", f"Practitioner?_has:PractitionerRole:practitioner:{claimed.format(s.BE_PRACTITIONER_ROLE)}").status_code
        == 403
    )


@pytest.mark.parametrize(
    ("asked", "comes"),
    [("Provenance:*", True), ("Provenance:target", True), ("Provenance:target:Organization", True), ("Provenance:target:Location", False)],
)
def test_where_it_comes_from_may_be_asked_in_every_spelling(client: FlaskClient, asked: str, comes: bool) -> None:
    page = get(client, f"Organization?name=netwerk&_revinclude={asked}")
    assert {each["resourceType"] for each in resources([page], "include")} == ({"Provenance"} if comes else set())
    assert bool(resources([page], "outcome")) != comes
    assert ("_revinclude" in str(link(page, "self"))) == comes
    following = link(get(client, f"Organization?name=linde,netwerk&_count=1&_revinclude={asked}"), "next")
    assert following is not None
    assert bool(resources([get(client, following)], "include")) == comes


def test_a_provenance_comes_with_the_hits_alone(client: FlaskClient) -> None:
    page = get(client, "Organization?name=netwerk&_revinclude:iterate=Provenance:target")
    [issue] = resources([page], "outcome")[0]["issue"]
    assert "comes with the hits alone" in issue["details"]["text"]
    page = get(client, "Organization?name=netwerk&_revinclude:iterate=*")
    assert "Provenance" not in {each["resourceType"] for each in resources([page], "include")}
