"""A small hub on the web: a few fiches with values that most may not see, three partners, and endpoints good and bad."""

from __future__ import annotations

from asyncio import CancelledError
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import flask
import pytest
import structlog
from flask.testing import FlaskClient
from sqlalchemy import insert

from hub import hookspecs, plugins
from hub.access import Agreement, issue_key, save_agreement
from hub.connector import Connector, Endpoint
from hub.errors import CursorGone, FieldError, Forbidden, Gone, Invalid, Locked, Moved, NotFound, StoreBusy
from hub.model.claims import Claim
from hub.model.concepts import Concept, ConceptScheme
from hub.model.concepts import Mapping as ConceptMapping
from hub.store import Store, Writer
from hub.store.tables import connection
from hub.web import Settings, create_app

CANARY = "kanarie"
"""Occurs in every value that the public may not see, and nowhere else."""
PROFESSIONAL = "kanarievoorcollegas"
INTERNAL = "kanarievoorniemand"
OVERLAY = "kanarievandebuur"
NOW = "2026-11-22T09:00:00Z"

_ADDRESS = {
    "type": "visit",
    "street": {"nl": "Stationsstraat"},
    "house_number": "4",
    "postcode": "1980",
    "municipality": "23096",
    "city": {"nl": "Zemst"},
    "position": {"lat": 50.98, "lon": 4.46},
}
_CLAIMS = [
    Claim(
        source="sociale-kaart",
        external_id="org-1",
        revision=1,
        kind="organisatie",
        content={
            "kind": "organisatie",
            "names": [
                {"text": {"nl": "Zorghuis De Linde", "fr": "Maison Le Tilleul"}},
                {"text": {"nl": f"De Linde {INTERNAL}"}, "use": "alternative", "visibility": "internal"},
            ],
            "description": {"nl": f"Alleen voor ons: {INTERNAL}"},
            "field_visibility": {"description": "internal"},
            "contacts": [
                {"kind": "phone", "value": "+3215999901"},
                {"kind": "email", "value": f"{PROFESSIONAL}@example.org", "purpose": "colleagues"},
                {"kind": "email", "value": f"{INTERNAL}@example.org", "purpose": "emergency"},
            ],
            "vestigingen": [{"keys": ["sociale-kaart:site-1"], "addresses": [_ADDRESS]}],
        },
    ),
    Claim(
        source="sociale-kaart",
        external_id="aanbod-1",
        revision=1,
        kind="aanbod",
        content={
            "kind": "aanbod",
            "names": [{"text": {"nl": "Woonzorg De Linde"}}],
            "organisatie": {"source": "sociale-kaart", "external_id": "org-1"},
            "vestigingen": [{"key": "sociale-kaart:site-1"}],
            "rubrieken": [{"scheme": "rubriek", "code": "14.04.01"}],
            "languages": ["nl"],
        },
    ),
    Claim(
        source="sociale-kaart",
        external_id="org-hidden",
        revision=1,
        kind="organisatie",
        content={
            "kind": "organisatie",
            "visibility": "internal",
            "names": [{"text": {"nl": f"Verborgen {INTERNAL}"}}],
        },
    ),
    Claim(
        source="buurkaart",
        external_id="overlay-1",
        revision=1,
        kind="organisatie",
        content={"kind": "organisatie", "names": [{"text": {"nl": f"De Linde {OVERLAY}"}, "use": "short"}]},
        same_as=(("sociale-kaart", "org-1"),),
        partner="buur",
    ),
    *(
        Claim(
            source="sociale-kaart",
            external_id=f"many-{number}",
            revision=1,
            kind="organisatie",
            content={"kind": "organisatie", "names": [{"text": {"nl": f"Wijkteam nummer {number}"}}]},
        )
        for number in range(30)
    ),
]
_PARTNERS = {"collega": "professional", "buur": "public", "wijzelf": "internal"}


class Parrot(Endpoint):
    """An endpoint that words its errors in its own way."""

    name = "parrot"
    title = "Papegaai"
    titles: ClassVar[Mapping[str, str]] = {"fr": "Perroquet"}

    @classmethod
    def blueprint(cls) -> flask.Blueprint:
        blueprint = flask.Blueprint("parrot", __name__)

        @blueprint.get("/say/<word>")
        def say(word: str) -> dict[str, str]:
            if word == "crash":
                raise RuntimeError(f"{INTERNAL} in a trace")
            if word == "bye":
                raise SystemExit(f"{INTERNAL} as a last word")
            if word == "cancelled":
                raise CancelledError(INTERNAL)
            return {"said": word}

        @blueprint.errorhandler(Exception)
        def worded(error: Exception) -> tuple[dict[str, str], int]:
            return {"parrot": type(error).__name__}, getattr(error, "code", None) or 500

        return blueprint


class Closed(Endpoint):
    """An endpoint that nobody enabled, without words of its own."""

    name = "closed"
    title = "Gesloten"

    @classmethod
    def blueprint(cls) -> flask.Blueprint:
        blueprint = flask.Blueprint("closed", __name__)
        blueprint.add_url_rule("/", "root", lambda: {"open": True})
        return blueprint


class Thrower(Endpoint):
    """Raises what is asked for, and leaves the wording to the hub."""

    name = "throw"
    title = "Werper"

    @classmethod
    def blueprint(cls) -> flask.Blueprint:
        errors: dict[str, Exception] = {
            "invalid": Invalid("Not right.", (FieldError("postcode", "Four digits.", "12"),)),
            "not-found": NotFound("There is no such fiche."),
            "gone": Gone("It has been removed.", seq=7),
            "moved": Moved("It lives elsewhere.", id="11111111-1111-4111-8111-111111111111"),
            "cursor-gone": CursorGone("That is too long ago.", oldest=42),
            "locked": Locked("KBO owns it.", field="names", owner="kbo", route="https://kbo.example.org"),
            "forbidden": Forbidden("Your agreement does not allow this."),
            "busy": StoreBusy("Locked."),
            "bug": RuntimeError(f"{INTERNAL} in a trace"),
        }
        blueprint = flask.Blueprint("throw", __name__)

        @blueprint.get("/<name>/<id>")
        def throw(name: str, id: str) -> str:
            raise errors[name]

        @blueprint.post("/body")
        def body() -> dict[str, int]:
            return {"length": len(flask.request.get_data())}

        return blueprint


class Broken(Endpoint):
    """An endpoint that breaks when it is mounted, after its first route."""

    name = "broken"
    title = "Kapot"

    @classmethod
    def blueprint(cls) -> flask.Blueprint:
        blueprint = flask.Blueprint("broken", __name__)
        blueprint.add_url_rule("/half", "half", lambda: "")
        blueprint.record(lambda state: 1 / 0)  # type: ignore[arg-type]
        return blueprint


class Brought:
    """The plugin that brings them."""

    @hookspecs.hookimpl
    def register_connectors(self) -> list[type[Connector]]:
        return [Parrot, Closed, Thrower, Broken]


@dataclass(frozen=True)
class Ids:
    """Where to find the fiches of this hub, and the keys of its partners."""

    organisatie: str
    aanbod: str
    hidden: str
    keys: dict[str, str]


@pytest.fixture(scope="session", autouse=True)
def _plain_traces() -> Iterator[None]:
    """Without the drawn tracebacks of the development log, which cost a second each."""
    structlog.configure(processors=[structlog.processors.format_exc_info, structlog.processors.KeyValueRenderer()])
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def hub_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """The store of this hub; tests read it."""
    home = tmp_path_factory.mktemp("web")
    store = Store.open(f"sqlite:///{home / 'fichehub.sqlite'}", home)
    yield store
    store.close()


@pytest.fixture(scope="session")
def ids(hub_store: Store) -> Ids:
    """What is in the store."""
    keys: dict[str, str] = {}

    def teach(writer: Writer) -> None:
        writer.put_concepts(
            [
                ConceptScheme("rubriek", {"nl": "Rubrieken"}, source="test"),
                Concept("rubriek", "14", {"nl": "Ouderen"}),
                Concept("rubriek", "14.04", {"nl": "Wonen"}, broader="14"),
                Concept("rubriek", "14.04.01", {"nl": "Woonzorgcentra"}, synonyms=("rusthuis",), broader="14.04"),
                Concept("sociaal-brussels", "9401", {"nl": "Rusthuizen"}),
                ConceptMapping("sociaal-brussels|9401", "exact", "rubriek|14.04.01"),
                ConceptMapping("sociaal-brussels|9401", "narrow", "rubriek|14.04.02", confidence=0.7),
            ]
        )

    def fill(writer: Writer) -> None:
        counts = writer.put(_CLAIMS, origin="test")
        assert counts.rejected == []
        for name, level in _PARTNERS.items():
            agreement = Agreement(
                name=name,
                title=name.title(),
                purpose="test",
                legal_basis="test",
                contact=f"{name}@example.org",
                our_contact="wij@example.org",
                level=level,  # type: ignore[arg-type]
            )
            save_agreement(writer.connection, agreement, NOW)
            keys[name] = issue_key(writer.connection, name, NOW)
        for name, state in {"parrot": "enabled", "throw": "enabled"}.items():
            writer.connection.execute(insert(connection).values(name=name, connector=name, config=b"{}", state=state, created_at=NOW, partner=""))

    hub_store.write(teach)
    hub_store.write(fill)
    with hub_store.read() as reading:
        found: dict[str, str] = dict(
            reading.exec_driver_sql("SELECT c.external_id, e.uuid FROM claim c JOIN entity e ON e.id = c.fiche_id").fetchall()
        )
    return Ids(found["org-1"], found["aanbod-1"], found["org-hidden"], keys)


@pytest.fixture(scope="session")
def app(hub_store: Store, ids: Ids) -> flask.Flask:
    """The application."""
    return create_app(hub_store, plugins.load([("brought", Brought())], installed=False), Settings(demo=True))


@pytest.fixture
def client(app: flask.Flask) -> FlaskClient:
    """Somebody without a key."""
    return app.test_client()


@pytest.fixture
def empty_store(tmp_path: Path, sqlite_database_url: str) -> Iterator[Store]:
    """A store of this test alone."""
    store = Store.open(sqlite_database_url, tmp_path)
    yield store
    store.close()
