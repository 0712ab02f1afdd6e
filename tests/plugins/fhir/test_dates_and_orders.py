"""Dates with every prefix, and the orders in which an answer can be asked for."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from flask.testing import FlaskClient

from tests.plugins.fhir.few import JANSSENS, LINDE, PRAKTIJK, SMET, client, found, shown, told
from tests.plugins.fhir.test_complaints import resources
from tests.plugins.fhir.writing import Writing, get, link, named, writing

__all__ = ["client", "told", "writing"]


# Two memberships: lid from 2024-01-01 until 2024-12-31, bestuur from 2025-03-01 on; only one network is shown with both ends.
@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("2024", "lid"), ("eq2024-06", ""), ("ne2024", "bestuur"), ("ne2024-06", "lid bestuur"), ("gt2024-12-30", "lid bestuur"), ("gt2024-12-31", "bestuur"),
        ("ge2024-12-31", "bestuur"), ("ge2025", "bestuur"), ("lt2024-01-01", ""), ("lt2025-03-01", "lid"), ("le2024-01-01", ""), ("le2024", "lid"), ("le2025-03-01", "lid"),
        ("sa2024", "bestuur"), ("sa2025-02-28", "bestuur"), ("sa2025-03-01", ""), ("eb2025", "lid"), ("eb2024-12-31", ""), ("ap2025-01-01", "lid"), ("ap2025-01-03", ""),
        ("ap2025-02-28", "bestuur"), ("gt2024-12-31T23:30:00+01:00", "lid bestuur"), ("lt2025-03-01T00:00:01 01:00", "lid bestuur"), ("2024,sa2024", "lid bestuur"),
        ("le9999", "lid bestuur"), ("lt9999-12-31", "lid bestuur"), ("ge0001", "lid bestuur"), ("lt0001", ""), ("le2025-03-01T00:00:00.5", "lid bestuur"),
    ],
)  # fmt: skip
def test_dates_of_a_membership(client: FlaskClient, asked: str, expected: str) -> None:
    assert found(client, f"OrganizationAffiliation?date={asked.replace('+', '%2B')}") == expected.split()


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("eq2026-11-22T09:00:02Z", "2"), ("2026-11-22T10:00", "1 2 3"), ("ne2026-11-22T09:00:02Z", "1 3"), ("lt2026-11-22T09:00:02Z", "1"), ("le2026-11-22T09:00:02Z", "1 2"),
        ("gt2026-11-22T09:00:02Z", "3"), ("ge2026-11-22T10:00:02 01:00", "2 3"), ("sa2026-11-22T09:00:02Z", "3"), ("eb2026-11-22T09:00:02Z", "1"), ("ap2026-11-23", "1 2 3"),
        ("ap2026-11-25", ""), ("le9999", "1 2 3"), ("gt9999", ""), ("ge0001", "1 2 3"), ("gt0001-01-01T00:00:00Z", "1 2 3"), ("eq2026-11-22T09:00:01Z,gt2026-11-22T09:00:02Z", "1 3"),
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
