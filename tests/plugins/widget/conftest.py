"""A hub with a small world around Zemst, served for real on a port of this machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import flask
import pytest

from hub import Connector, Incoming, Source, hookimpl
from hub import plugins as plugin_loading
from hub.model.claims import Claim
from hub.model.concepts import Concept
from hub.model.fiche import Document
from hub.store import Store
from hub.sync import connections
from hub.web import create_app
from plugins import widget
from tests.over_http import serving

if TYPE_CHECKING:  # as in tests/conftest.py: most runs need no browser
    from playwright.sync_api import Page

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
HIDDEN = "+32470009999"


def site(key: str, street: str, postcode: str, refnis: str, city: str, lat: float, lon: float, **more: str) -> Document:
    address: Document = {
        "type": "visit",
        "street": {"nl": street},
        "house_number": "1",
        "postcode": postcode,
        "municipality": refnis,
        "city": {"nl": city},
        "position": {"lat": lat, "lon": lon},
        **more,
    }
    return {"keys": [key], "addresses": [address]}


def practice(key: str, name: str, rubriek: str, site: Document, **more: object) -> list[Claim]:
    organisation: Document = {"kind": "organisatie", "form": "praktijk", "names": [{"text": {"nl": name}}], "vestigingen": [site]}
    organisation["contacts"] = [
        {"kind": "phone", "value": "+3215000001"},
        {"kind": "mobile", "value": HIDDEN, "visibility": "professional"},
    ]
    offer: Document = {
        "kind": "aanbod",
        "names": [{"text": {"nl": name}}],
        "organisatie": {"source": "sociale-kaart", "external_id": key},
        "rubrieken": [{"scheme": "rubriek", "code": rubriek}],
        **more,
    }
    return [
        Claim("sociale-kaart", key, 1, "organisatie", organisation),
        Claim("sociale-kaart", f"{key}/aanbod", 1, "aanbod", offer),
    ]


def _at_a_hidden_site() -> list[Claim]:
    """An offer in one of two vestigingen, the one that is hidden."""
    organisation, offer = practice("e", "Ergotherapie", "19.03", site("e1", "Zichtbare straat", "3300", "24107", "Tienen", 50.807, 4.938))
    hidden = site("e2", "Verborgen straat", "3300", "24107", "Tienen", 50.807, 4.938)
    organisation.content["vestigingen"].append({**hidden, "visibility": "internal"})
    offer.content.update(organisatie={"source": "onbekende-bron", "external_id": "e"}, vestigingen=[{"key": "e2"}])
    return [replace(claim, source="onbekende-bron") for claim in (organisation, offer)]


def _at_two_sites() -> list[Claim]:
    """An offer in two towns."""
    organisation, offer = practice("l", "Logopedie", "19.03", site("l1", "Eerste straat", "3300", "24107", "Tienen", 50.807, 4.938))
    organisation.content["vestigingen"].append(site("l2", "Tweede straat", "1980", "23096", "Zemst", 50.983, 4.463))
    offer.content["vestigingen"] = [{"key": "l1"}, {"key": "l2"}]
    return [organisation, offer]


def _stopped() -> list[Claim]:
    """An offer that is not there any more, one of which nobody knows, and one that is said to go on in an organisation that has stopped."""
    states = {"gone": "inactive", "maybe": "unknown", "on": "active"}
    claims: list[Claim] = []
    for key, state in states.items():
        organisation, offer = practice(
            key, f"Dagopvang {key}", "19.03", site(f"{key}1", "Grote Markt", "3300", "24107", "Tienen", 50.807, 4.938), status={"status": state}
        )
        organisation.content["status"] = {"status": "inactive" if key == "on" else "active"}
        claims += [organisation, offer]
    return claims


class Kaart(Source):
    """The connector that brings the claims of this world."""

    name: ClassVar[str] = "kaart"
    title: ClassVar[str] = "De Kaart (fictief)"
    titles: ClassVar[Mapping[str, str]] = {"fr": "La carte (fictive)"}
    claim_source: ClassVar[str] = "sociale-kaart"

    def pull(self, cursor: str | None) -> Iterator[Incoming]:
        """Nothing: the claims are there already."""
        return iter(())


class Kaarten:
    """A plugin with that connector."""

    @hookimpl
    def register_connectors(self) -> Sequence[type[Connector]]:
        """The only one."""
        return [Kaart]


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[flask.Flask]:
    home: Path = tmp_path_factory.mktemp("widget")
    store = Store.open(f"sqlite:///{home / 'hub.sqlite'}", home, now=lambda: NOW)
    claims = [
        *practice(
            "z",
            "Huisartsen De Zenne",
            "19.01",
            site("z1", "Kerkstraat", "1980", "23096", "Zemst", 50.983, 4.463, box="7"),
            patientenstop={"value": "yes", "asserted_at": "2026-11-01T09:00:00Z", "valid_until": "2027-02-01"},
        ),
        *practice("v", "Huisartsen Vilvoorde", "19.01", site("v1", "Stationlei", "1800", "23088", "Vilvoorde", 50.928, 4.425)),
        *practice(
            "k",
            "Kinesitherapie Tienen",
            "19.02",
            site("k1", "Grote Markt", "3300", "24107", "Tienen", 50.807, 4.938),
            waiting_list={"value": "yes", "weeks": 6, "asserted_at": "2026-11-01T09:00:00Z", "valid_until": "2027-02-01"},
        ),
        *practice(
            "t",
            "Huisartsen Tienen",
            "19.01",
            site("t1", "Grote Markt", "3300", "24107", "Tienen", 50.807, 4.938),
            description={"nl": "Wij werken samen met de dienst oncologie."},
        ),
        *practice(
            "w",
            "Huisarts aan huis",
            "19.01",
            site("w1", "Markt", "3000", "24062", "Leuven", 50.879, 4.701),
            service_area=[{"type": "municipality", "code": "23096"}],
            contacts=[{"kind": "mobile", "value": "+32470000001"}, {"kind": "phone", "value": "+3278150000", "purpose": "complaints"}],
        ),
        *_at_a_hidden_site(),
        *_at_two_sites(),
        *_stopped(),
    ]
    labels = [
        Concept("rubriek", "19.01", {"nl": "Huisartsen (fictief)", "fr": "Médecins (fictif)"}),
        Concept("rubriek", "19.02", {"nl": "Kinesitherapeuten (fictief)"}),
    ]
    store.write(lambda writer: writer.put_concepts(labels))
    store.write(lambda writer: writer.put(claims, origin="test"))
    installed = plugin_loading.load([("widget", widget), ("kaarten", Kaarten())], installed=False)
    connections.add(store, installed, "widget", "widget", {})
    connections.enable(store, installed, "widget")
    yield create_app(store, installed)
    store.close()


@pytest.fixture(scope="module")
def address(app: flask.Flask) -> Iterator[str]:
    with serving(app) as address:
        yield address


@pytest.fixture
def demo(new_page: Callable[..., Page], address: str) -> Page:
    """The page that shows the element."""
    page = new_page(bypass_csp=True)
    page.goto(f"{address}/widget/demo")
    return page
