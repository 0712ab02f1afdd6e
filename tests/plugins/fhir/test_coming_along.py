"""What comes along with what is found: _include, _revinclude and what leads on from there."""

from __future__ import annotations

from flask.testing import FlaskClient

from tests.plugins.fhir.few import LINDE, NETWERK, PRAKTIJK, SMET, client, shown, told
from tests.plugins.fhir.test_complaints import pages, resources
from tests.plugins.fhir.writing import get

__all__ = ["client", "told"]


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
