"""A hub with the FHIR endpoint and a clock that tests move, and a receiver of notifications over real HTTP."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import flask
import orjson
from sqlalchemy import insert
from werkzeug.test import TestResponse

import plugins.fhir
from hub import plugins as loading
from hub.access import Agreement, agreement, issue_key, save_agreement
from hub.concepts_data import schemes
from hub.demo import World
from hub.jobs import Worker
from hub.model.claims import Claim
from hub.model.concepts import Concept, ConceptScheme
from hub.plugins import Plugins
from hub.store import Store, Writer
from hub.store.tables import connection
from hub.testing.simulator import Simulator
from hub.web import Settings, create_app
from tests.plugins.fhir.conftest import organisation, site

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

Json = dict[str, Any]
TOPIC = "https://fichehub.example.org/fhir/SubscriptionTopic/directory-change"
IG = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/"
GENT, BRUSSEL = "44021", "21004"


class Receiver(Simulator):
    """Takes notifications. `statuses` are its next answers, then 200 for ever; `hold` makes it wait before it answers."""

    name = "receiver"
    faults: ClassVar[dict[str, str]] = {}

    def __init__(self) -> None:
        super().__init__(World())
        self.statuses: list[str] = []
        self.headers: list[tuple[str, str]] = []
        self.bodies: list[bytes] = []
        self.sent: list[dict[str, str]] = []
        self.hold: threading.Event | None = None
        self.arrived = threading.Event()

    def app(self) -> Any:
        """One address for everything."""

        def take(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            body = environ["wsgi.input"].read()
            self.arrived.set()
            if self.hold is not None:
                self.hold.wait(20)
            status = self.statuses.pop(0) if self.statuses else "200 OK"
            if status.startswith("2"):
                self.bodies.append(body)
                self.sent.append({name: str(value) for name, value in environ.items() if name.startswith(("HTTP_", "CONTENT_"))})
            start_response(status, [*self.headers, ("Content-Length", "0")])
            return []

        return take

    def told(self) -> list[Told]:
        """What it took, in order."""
        return [Told(orjson.loads(body)) for body in self.bodies]

    def events(self) -> list[tuple[int, str]]:
        """The events that it took: number and what they are about."""
        return [event for told in self.told() for event in told.events]


@dataclass(frozen=True)
class Told:
    """A notification as a receiver reads it."""

    bundle: Json

    @property
    def parameters(self) -> list[Json]:
        """Of its status."""
        parameters: list[Json] = self.bundle["entry"][0]["resource"]["parameter"]
        return parameters

    @property
    def kind(self) -> str:
        """handshake, heartbeat, event-notification."""
        return str(next(each["valueCode"] for each in self.parameters if each["name"] == "type"))

    @property
    def since_start(self) -> int:
        """events-since-subscription-start."""
        return int(next(each["valueString"] for each in self.parameters if each["name"] == "events-since-subscription-start"))

    @property
    def events(self) -> list[tuple[int, str]]:
        """Numbers and references, the latter without the server's address."""
        found = []
        for each in self.parameters:
            if each["name"] == "notification-event":
                parts = {part["name"]: part for part in each["part"]}
                about = parts["focus"]["valueReference"]["reference"].split("/fhir/")[1] if "focus" in parts else ""
                found.append((int(parts["event-number"]["valueString"]), about))
        return found

    @property
    def entries(self) -> list[Json]:
        """What comes behind the status."""
        entries: list[Json] = self.bundle["entry"][1:]
        return entries


def subscription(address: str, *, content: str = "id-only", filters: Iterable[str] = (), **channel: Any) -> Json:
    """A Subscription to everything that `filters` leave."""
    return {
        "resourceType": "Subscription",
        "status": "requested",
        "reason": "Keep our copy up to date",
        "criteria": TOPIC,
        "_criteria": {"extension": [{"url": IG + "backport-filter-criteria", "valueString": each} for each in filters]},
        "channel": {
            "type": "rest-hook",
            "endpoint": address,
            "payload": "application/fhir+json",
            "_payload": {"extension": [{"url": IG + "backport-payload-content", "valueCode": content}]},
            **channel,
        },
    } | ({} if filters else {"_criteria": None})


def in_gent(number: int, *, refnis: str = GENT, name: str = "", **content: Any) -> Claim:
    """An organisation with one site."""
    postcode, town = ("9000", "Gent") if refnis == GENT else ("1000", "Brussel")
    content.setdefault("vestigingen", [site(number, postcode, {"nl": town}, address={"municipality": refnis})])
    return organisation(number, names=[{"text": {"nl": name or f"Huis {number}"}}], **content)


@dataclass
class Hub:
    """A hub with one partner, `epd`, who sees what professionals see."""

    store: Store
    plugins: Plugins
    app: flask.Flask
    keys: dict[str, str]
    moment: list[datetime]
    revisions: dict[str, int] = field(default_factory=dict)

    def put(self, *claims: Claim) -> None:
        """Say something new, whatever was said before."""
        newer = []
        for claim in claims:
            self.revisions[claim.external_id] = self.revisions.get(claim.external_id, 0) + 1
            newer.append(replace(claim, revision=self.revisions[claim.external_id]))
        assert self.store.write(lambda writer: writer.put(newer, origin="test")).rejected == []

    def remove(self, claim: Claim) -> None:
        """Let it go."""
        self.put(replace(claim, content={}, gone=True))

    def work(self) -> None:
        """One tick of a worker."""
        Worker(self.store, self.plugins).run_due()

    def forward(self, **by: float) -> None:
        """Let time pass."""
        self.moment[0] += timedelta(**by)

    def ask(self, method: str, path: str, body: Json | None = None, *, partner: str = "epd", **headers: str) -> TestResponse:
        """A request of a partner; "" is nobody."""
        said = dict(headers) | ({"X-API-Key": self.keys[partner]} if partner else {})
        data = None if body is None else orjson.dumps({name: value for name, value in body.items() if value is not None})
        return self.app.test_client().open(
            f"/fhir/{path}", method=method, data=data, headers=said, content_type="application/fhir+json" if data else None
        )

    def subscribe(self, address: str, *, partner: str = "epd", **how: Any) -> str:
        """A new subscription; its id."""
        response = self.ask("POST", "Subscription", subscription(address, **how), partner=partner)
        assert response.status_code == 201, response.text
        return str(response.get_json(force=True)["id"])

    def state(self, id: str, *, partner: str = "epd") -> Json:
        """The subscription as its partner sees it."""
        found: Json = self.ask("GET", f"Subscription/{id}", partner=partner).get_json(force=True)
        return found

    def agree(self, name: str, **terms: Any) -> None:
        """Make or change an agreement."""

        def work(writer: Writer) -> None:
            known = agreement(writer.connection, name)
            if known is None:
                known = Agreement(name=name, title=name, purpose="t", legal_basis="t", contact="c", our_contact="o", level="professional")
            save_agreement(writer.connection, replace(known, **terms), self.store.now().isoformat())

        self.store.write(work)


def open_hub(url: str, home: Path) -> Hub:
    """A hub with the endpoint enabled for everybody."""
    moment = [datetime(2026, 11, 22, 9, 0, tzinfo=UTC)]
    store = Store.open(url, home, now=lambda: moment[0])
    rubriek: list[ConceptScheme | Concept] = [
        ConceptScheme("rubriek", {"nl": "Rubrieken"}, source="test"),
        Concept("rubriek", "14", {"nl": "Ouderen"}),
        Concept("rubriek", "14.04", {"nl": "Woonzorgcentra"}, broader="14"),
        Concept("rubriek", "14.04.01", {"nl": "Woonzorgcentra"}, broader="14.04"),
        Concept("rubriek", "02", {"nl": "Jongeren"}),
    ]
    store.write(lambda writer: writer.put_concepts([*rubriek, *schemes()]))
    row = {"name": "fhir", "connector": "fhir", "config": b"{}", "state": "enabled", "created_at": "2026-11-22T09:00:00Z", "partner": ""}
    store.write(lambda writer: writer.connection.execute(insert(connection).values(row)))
    loaded = loading.load([("fhir", plugins.fhir)], installed=False)
    app = create_app(store, loaded, Settings(requests_per_second=1e6, burst=1_000_000))
    hub = Hub(store, loaded, app, {}, moment)
    for name in ("epd", "other"):
        hub.agree(name)
        hub.keys[name] = store.write(lambda writer, name=name: issue_key(writer.connection, name, "2026-11-22T09:00:00Z"))  # type: ignore[misc]
    return hub
