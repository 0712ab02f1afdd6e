"""A few of everything, with whatever can be asked for: the world and the fixtures of the tests of parameters."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient

from hub.model.claims import Claim
from hub.store import Store
from tests.plugins.fhir.conftest import Hub, hub_over, organisation, site
from tests.plugins.fhir.test_complaints import pages, resources


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
