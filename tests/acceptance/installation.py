"""One installation made of real parts: a store, the installed plugins, simulators over HTTP, and every way out of it."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import flask
import orjson
from flask.testing import FlaskClient
from sqlalchemy import text

from hub import World, concepts_data, plugins
from hub.access import Agreement, issue_key, save_agreement
from hub.connector import Context
from hub.outbound import Outbound
from hub.store import Store
from hub.sync import RunReport, connections, run
from hub.testing.simulator import Simulator
from hub.web import Settings, create_app
from plugins.progezondheid.simulator import ProGezondheidSimulator
from plugins.sociaal_brussels.simulator import SociaalBrusselsSimulator
from plugins.sociale_kaart.simulator import SocialeKaartSimulator

FICHEHUB: Final = (sys.executable, "-m", "hub.cli")
"""The command, in a process of its own."""
ROOT: Final = Path(__file__).resolve().parents[2]
"""Where that command is run, so that it is the code beside these tests."""
SYSTEMS: Final = ("sociale-kaart", "progezondheid", "sociaal-brussels")
ORGANISATIONS: Final = 130
REGISTERED: Final = 60
IN_BRUSSELS: Final = 40
_UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


class Clock:
    """The moment that the installation takes for now; simulators with a calendar of their own look at it too."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.moment

    def forward(self, **span: float) -> None:
        """Let time pass."""
        self.moment += timedelta(**span)


def simulator(
    system: str,
    world: World,
    clock: Clock,
    *,
    organisations: int = ORGANISATIONS,
    registered: int = REGISTERED,
    in_brussels: int = IN_BRUSSELS,
) -> Simulator:
    """The simulator of one system, showing a small part of the world."""
    if system == "sociale-kaart":
        return SocialeKaartSimulator(world, organisations=organisations)
    if system == "progezondheid":
        return ProGezondheidSimulator(world, count=registered, now=clock)
    return SociaalBrusselsSimulator(world, count=in_brussels, today=lambda: clock().date())


class Installation:
    """A store with all plugins, connected to simulators; `ask` speaks to its application without a socket."""

    def __init__(self, store: Store, clock: Clock, http: Outbound) -> None:
        self.store = store
        self.clock = clock
        self.http = http
        self.plugins = plugins.load()
        assert self.plugins.broken == ()
        brought = (*concepts_data.schemes(), *self.plugins.concepts)
        store.write(lambda writer: writer.put_concepts(brought))
        self._app: flask.Flask | None = None
        self.keys: dict[str, str] = {}

    def connect(self, system: str, config: dict[str, Any]) -> None:
        """Set up and enable a connection of the name of its system."""
        connections.add(self.store, self.plugins, system, system, config)
        connections.enable(self.store, self.plugins, system, http=self.http)

    def run(self, system: str, **how: Any) -> RunReport:
        """Run the connection, an hour after whatever was before."""
        self.clock.forward(hours=1)
        return run(self.store, self.plugins, system, http=self.http, **how)

    def open_outputs(self) -> None:
        """Let everybody call the endpoints."""
        for name in ("fhir", "widget"):
            self.connect(name, {})

    def let_in(self, partner: str, level: str) -> str:
        """An agreement with a partner, and its key."""

        def agree(writer: Any) -> str:
            agreement = Agreement(
                name=partner,
                title=partner,
                purpose="test",
                legal_basis="test",
                contact="zij@example.org",
                our_contact="wij@example.org",
                level=level,  # type: ignore[arg-type]
            )
            moment = self.store.now().isoformat()
            save_agreement(writer.connection, agreement, moment)
            return issue_key(writer.connection, partner, moment)

        self.keys[partner] = self.store.write(agree)
        return self.keys[partner]

    @property
    def app(self) -> flask.Flask:
        """The web application over this store."""
        if self._app is None:
            self._app = create_app(self.store, self.plugins, Settings(requests_per_second=1e6, burst=1_000_000))
        return self._app

    def client(self) -> FlaskClient:
        """Somebody without a key."""
        return self.app.test_client()

    def excel(self, directory: Any, file: Any, **config: Any) -> int:
        """The workbook that this directory gives."""
        kind = self.plugins.connectors["excel"]
        context = Context(self.http, self.store.now, label=directory.concepts().label, areas=directory.places.areas)
        feed: Any = kind(kind.config_schema().load(config), context)
        return int(feed.write(directory.walk(feed.query()), file))


@contextmanager
def installation(url: str, home: Path, clock: Clock) -> Iterator[Installation]:
    """An empty installation on this database."""
    with ExitStack() as stack:
        store = Store.open(url, home, now=clock)
        stack.callback(store.close)
        http = stack.enter_context(Outbound(allow_private=True, deadline=5, attempts=2, sleep=lambda seconds: None))
        yield Installation(store, clock, http)


def scalars(store: Store, sql: str, **values: Any) -> list[Any]:
    """The first column of what an SQL query finds."""
    with store.read() as connection:
        return list(connection.execute(text(sql), values).scalars())


def rows(store: Store, sql: str, **values: Any) -> list[Any]:
    """What an SQL query finds."""
    with store.read() as connection:
        return list(connection.execute(text(sql), values).all())


def live(store: Store, kind: str) -> list[dict[str, Any]]:
    """The merged documents of all fiches of a kind, as they stand."""
    found = scalars(store, "SELECT document FROM fiche WHERE kind = :kind AND document IS NOT NULL ORDER BY id", kind=kind)
    return [orjson.loads(bytes(document)) for document in found]


def fiche_of(store: Store, source: str, external_id: str) -> str:
    """The id of the fiche that a source's row became."""
    (found,) = scalars(
        store,
        "SELECT e.uuid FROM claim c JOIN source s ON s.id = c.source_id JOIN entity e ON e.id = c.fiche_id"
        " WHERE s.name = :source AND c.external_id = :external_id AND c.partner = ''",
        source=source,
        external_id=external_id,
    )
    return str(found)


def content(store: Store) -> dict[str, Any]:
    """All that the hub says, free of its own ids: each fiche under the source ids that speak of it.

    Two hubs that were told the same are equal by this, whatever the order and however often.
    """
    names: dict[str, str] = {}
    for uuid, source, external_id in rows(
        store,
        "SELECT e.uuid, s.name, c.external_id FROM claim c JOIN source s ON s.id = c.source_id"
        " JOIN entity e ON e.id = c.fiche_id ORDER BY e.uuid, s.name, c.external_id",
    ):
        names[uuid] = f"{names[uuid]} + {source} {external_id}" if uuid in names else f"{source} {external_id}"
    stubs: dict[str, list[str]] = {}
    for uuid, key in rows(store, "SELECT e.uuid, i.key FROM identity i JOIN entity e ON e.id = i.fiche_id ORDER BY i.key"):
        if uuid not in names:
            stubs.setdefault(uuid, []).append(key)
    names.update({uuid: f"stub {' '.join(keys)}" for uuid, keys in stubs.items()})
    documents = [
        (partner, orjson.loads(bytes(raw)))
        for partner, raw in rows(
            store,
            "SELECT '', document FROM fiche WHERE document IS NOT NULL UNION ALL SELECT partner, document FROM overlay WHERE document IS NOT NULL",
        )
    ]
    for _, document in documents:
        for part in _parts(document):
            names[part["id"]] = f"{names[document['id']]} # {_named(sorted(part['keys']), names)}"
    return {f"{names[document['id']]} {partner}".strip(): _ordered(orjson.loads(_named(document, names))) for partner, document in documents}


def _parts(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for value in document.values():
        for item in value if isinstance(value, list) else ():
            if isinstance(item, dict) and "keys" in item:
                yield item


def _named(value: Any, names: dict[str, str]) -> str:
    said = orjson.dumps(value).decode()
    return _UUID.sub(lambda found: names[found[0]].replace('"', "'"), said)


def _ordered(value: Any) -> Any:
    """Lists that hang on the hub's own ids have an order of those ids; here they get one of what they say."""
    if isinstance(value, dict):
        return {key: _ordered(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return sorted(map(_ordered, value), key=orjson_key)
    return value


def orjson_key(value: Any) -> bytes:
    """Something to sort any JSON by."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def assert_gapless(store: Store) -> None:
    """Every change has a number, and none is missing or there twice."""
    numbers = scalars(store, "SELECT seq FROM change ORDER BY seq")
    assert numbers == list(range(1, len(numbers) + 1))


def assert_no_double_riziv(store: Store) -> None:
    """No two caregivers have the same number (its first eight digits)."""
    found = [item["value"][:8] for document in live(store, "zorgverlener") for item in document.get("identifiers", ()) if item["system"] == "riziv"]
    assert len(found) == len(set(found)) > 0


def claims_by_source(store: Store, sources: Iterable[str]) -> dict[str, int]:
    """How many claims of each source stand."""
    return {
        source: int(
            scalars(
                store,
                "SELECT count(*) FROM claim c JOIN source s ON s.id = c.source_id WHERE s.name = :source AND NOT c.gone",
                source=source,
            )[0]
        )
        for source in sources
    }
