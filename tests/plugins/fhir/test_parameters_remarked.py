"""What is found with a remark: house numbers that are left out, and contacts that may be those of somebody else."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient

from tests.plugins.fhir.few import JANSSENS, LINDE, PRAKTIJK, SMET, client, found, shown, told
from tests.plugins.fhir.test_complaints import pages, resources

__all__ = ["client", "told"]


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
