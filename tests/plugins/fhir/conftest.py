"""A hub with the FHIR endpoint over a small written world, and one over the fictional world S."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import flask
import pytest
from flask.testing import FlaskClient
from sqlalchemy import insert

import plugins.fhir
from hub import plugins as loading
from hub.access import Agreement, issue_key, save_agreement
from hub.concepts_data import schemes
from hub.demo import World
from hub.model.claims import Claim
from hub.model.concepts import Concept, ConceptScheme
from hub.store import Store, Writer
from hub.store.tables import connection
from hub.web import Settings, create_app

NOW = "2026-11-22T09:00:00Z"
WHOLE = os.environ.get("FICHEHUB_HYPOTHESIS") == "long"
"""Whether the long way is taken: all of world S, and not a part of it."""
HIDDEN = "kanarie"
"""Occurs in every value that the public may not see, and nowhere else."""


def organisation(number: int, **content: Any) -> Claim:
    """A care organisation in Gent, unless told otherwise."""
    return Claim(
        source="sociale-kaart",
        external_id=f"org-{number}",
        revision=1,
        kind="organisatie",
        content={"kind": "organisatie", "names": [{"text": {"nl": f"Wijkteam nummer {number}"}}], **content},
    )


def site(number: int, postcode: str, town: dict[str, str], **content: Any) -> dict[str, Any]:
    """A vestiging of one address."""
    address = {
        "type": "visit",
        "street": {"nl": "Kerkstraat"},
        "house_number": "1",
        "postcode": postcode,
        "city": town,
    }
    return {
        "keys": [f"sociale-kaart:site-{number}"],
        "addresses": [address | content.pop("address", {})],
        **content,
    }


CLAIMS = [
    organisation(
        1,
        names=[{"text": {"nl": "Ziekenhuis Sint-Élise", "fr": "Hôpital Sainte-Élise"}}],
        identifiers=[{"system": "kbo", "value": "0403019261"}],
        types=[{"scheme": "cd-hcparty", "code": "orghospital"}],
        status={"status": "active"},
        contacts=[
            {"kind": "phone", "value": "+3215999901"},
            {"kind": "email", "value": f"{HIDDEN}@example.org", "purpose": "colleagues"},
        ],
        vestigingen=[
            site(
                1,
                "1000",
                {"nl": "Brussel", "fr": "Bruxelles"},
                address={
                    "street": {"nl": "Zonnestraat", "fr": "Rue du Soleil"},
                    "position": {"lat": 50.85, "lon": 4.35},
                },
                status={"status": "active"},
                identifiers=[{"system": "vestigingsnummer", "value": "2147812701"}],
            )
        ],
        electronic_addresses=[
            {
                "keys": ["url|https://fhir.example.org/r4"],
                "address": "https://fhir.example.org/r4",
                "status": "active",
            }
        ],
    ),
    organisation(
        2,
        names=[{"text": {"nl": "Praktijk De Linde"}}],
        form="praktijk",
        status={"status": "inactive"},
        parent={"source": "sociale-kaart", "external_id": "org-1"},
        memberships=[
            {
                "keys": ["sociale-kaart:m-1"],
                "organisatie": {"source": "sociale-kaart", "external_id": "org-1"},
                "role": {"scheme": "role", "code": "lid"},
            },
            {
                "keys": ["sociale-kaart:m-2"],
                "organisatie": {"source": "sociale-kaart", "external_id": "org-3"},
            },
        ],
        vestigingen=[site(2, "9000", {"nl": "Gent"})],
    ),
    organisation(3, names=[{"text": {"nl": f"Verborgen {HIDDEN}"}}], visibility="internal"),
    *(organisation(number, vestigingen=[site(number, "9050", {"nl": "Gent"})]) for number in range(10, 40)),
    Claim(
        source="sociale-kaart",
        external_id="aanbod-1",
        revision=1,
        kind="aanbod",
        content={
            "kind": "aanbod",
            "names": [{"text": {"nl": "Huisartsen De Linde"}}],
            "organisatie": {"source": "sociale-kaart", "external_id": "org-2"},
            "vestigingen": [{"key": "sociale-kaart:site-2"}],
            "rubrieken": [{"scheme": "rubriek", "code": "14.04.01"}],
            "status": {"status": "active"},
            "caregivers": [
                {
                    "keys": ["sociale-kaart:zv-1"],
                    "zorgverlener": {"source": "sociale-kaart", "external_id": "zv-1"},
                },
                {
                    "keys": ["sociale-kaart:zv-2"],
                    "zorgverlener": {"source": "sociale-kaart", "external_id": "zv-2"},
                },
            ],
            "patientenstop": {
                "value": "yes",
                "asserted_at": "2026-11-01T09:00:00Z",
                "valid_until": "2099-12-31",
            },
        },
    ),
    *(
        Claim(
            source="sociale-kaart",
            external_id=f"zv-{number}",
            revision=1,
            kind="zorgverlener",
            content={
                "kind": "zorgverlener",
                "name": {"family": family, "given": ["An"]},
                "identifiers": [{"system": "riziv", "value": riziv}],
                "professions": [{"scheme": "cd-hcparty", "code": "persphysician"}],
                **more,
            },
        )
        for number, family, riziv, more in (
            (1, "Peeters", "18749704001", {}),
            (2, f"Janssens-{HIDDEN}", "10000106001", {"visibility": "internal"}),
        )
    ),
]


@dataclass(frozen=True)
class Hub:
    """A running application, and where its fiches are: source id -> UUID."""

    app: flask.Flask
    store: Store
    ids: dict[str, str]
    key: str

    def client(self) -> FlaskClient:
        """Somebody without a key."""
        return self.app.test_client()


def hub_over(store: Store) -> tuple[flask.Flask, str]:
    """An application with the FHIR endpoint open to everybody, and the key of a professional."""

    def open_up(writer: Writer) -> str:
        agreement = Agreement(
            name="epd",
            title="EPD",
            purpose="test",
            legal_basis="test",
            contact="epd@example.org",
            our_contact="wij@example.org",
            level="professional",
        )
        save_agreement(writer.connection, agreement, NOW)
        row = {
            "name": "fhir",
            "connector": "fhir",
            "config": b"{}",
            "state": "enabled",
            "created_at": NOW,
            "partner": "",
        }
        writer.connection.execute(insert(connection).values(row))
        return issue_key(writer.connection, "epd", NOW)

    key = store.write(open_up)
    found = loading.load([("fhir", plugins.fhir)], installed=False)
    assert found.broken == ()
    return create_app(store, found, Settings(requests_per_second=1e6, burst=1_000_000)), key


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """The written world."""
    home = tmp_path_factory.mktemp("fhir")
    store = Store.open(f"sqlite:///{home / 'fichehub.sqlite'}", home)

    def teach(writer: Writer) -> None:
        rubriek: list[ConceptScheme | Concept] = [
            ConceptScheme("rubriek", {"nl": "Rubrieken"}, source="test"),
            Concept("rubriek", "14", {"nl": "Ouderen"}),
            Concept("rubriek", "14.04.01", {"nl": "Woonzorgcentra"}, broader="14"),
        ]
        writer.put_concepts([*rubriek, *schemes()])

    def fill(writer: Writer) -> None:
        assert writer.put(CLAIMS, origin="test").rejected == []

    store.write(teach)
    store.write(fill)
    app, key = hub_over(store)
    with store.read() as reading:
        sql = "SELECT c.external_id, e.uuid FROM claim c JOIN entity e ON e.id = c.fiche_id"
        ids: dict[str, str] = dict(reading.exec_driver_sql(sql).fetchall())
    yield Hub(app, store, ids, key)
    store.close()


@pytest.fixture
def client(small: Hub) -> FlaskClient:
    """Somebody without a key, before the written world."""
    return small.client()


@pytest.fixture(scope="session")
def world_s(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """A part of the fictional world S: some organisations with their offers, and every caregiver; all of it with FICHEHUB_HYPOTHESIS=long."""
    home: Path = tmp_path_factory.mktemp("fhir-s")
    store = Store.open(f"sqlite:///{home / 'fichehub.sqlite'}", home)
    world = World()
    store.write(lambda writer: writer.put_concepts([*world.concepts(), *world.mappings(), *schemes()]))
    claims = [claim for place, claim in enumerate(world.to_claims()) if WHOLE or place < 700 or claim.kind == "zorgverlener"]
    for start in range(0, len(claims), 500):
        store.write(lambda writer, batch=claims[start : start + 500]: writer.put(batch, origin="demo"))  # type: ignore[misc]
    app, key = hub_over(store)
    yield Hub(app, store, {}, key)
    store.close()
