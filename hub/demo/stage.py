"""Sets up a demonstration: simulators of the outside systems, agreements, and connections that load the world through the real connectors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import insert, select

from hub.access import Agreement, agreements, save_agreement
from hub.connector import Progress, Source
from hub.demo.claims import DIRECTORY, availability
from hub.demo.world import World
from hub.model.claims import EDITOR, Claim
from hub.plugins import Plugins
from hub.store import Store, Writer
from hub.store.references import HUB
from hub.store.tables import entity, identity, setting
from hub.sync import connections, lease, records, run
from hub.sync.info import ConnectionInfo
from hub.testing.simulator import Simulator

SOURCES: Final = ("sociale-kaart", "progezondheid", "sociaal-brussels")
"""The outside systems of the demonstration, in the order in which they are loaded."""
_SIZE: Final = "demo-size"
_MADE: Final = "demo-made "
_ASKED: Final = "redactie"
_AT_ONCE: Final = 500
MARK: Final = "demo"
"""Connections of the demonstration are named `demo-<connector>`."""
SCHEDULES: Final = {
    "sociale-kaart": "every 15 minutes; full cron 0 2 * * sun",
    "progezondheid": "every 15 minutes; full cron 0 4 * * sun",
    "sociaal-brussels": "cron 0 3 * * *",
}
AGREEMENTS: Final = (
    Agreement(
        name="demo-epd",
        title="Fictief EPD-pakket (demo)",
        purpose="Verwijzen vanuit het elektronisch patiëntendossier",
        legal_basis="Fictieve overeenkomst, enkel voor deze demo",
        contact="epd@example.org",
        our_contact="beheer@example.org",
        level="professional",
    ),
    Agreement(
        name="demo-zorgraad",
        title="Fictieve zorgraad (demo)",
        purpose="Lokale kaart en gidsen",
        legal_basis="Fictieve overeenkomst, enkel voor deze demo",
        contact="zorgraad@example.org",
        our_contact="beheer@example.org",
        level="public",
    ),
)


def is_set(store: Store) -> bool:
    """Whether this installation is a demonstration: its partners are simulators on this machine."""
    with store.read() as connection:
        return connection.execute(select(setting.c.value).where(setting.c.name == _SIZE)).first() is not None


@dataclass(frozen=True, slots=True)
class Loaded:
    """A line about what was loaded. `done`: all of it; if not, the line says why, and the next load tries again."""

    line: str
    done: bool = True


class Stage:
    """One installation as a demonstration."""

    def __init__(self, store: Store, plugins: Plugins) -> None:
        self._store = store
        self._plugins = plugins

    def is_ours(self) -> bool:
        """Whether the demonstration may set itself up here: it did before, or there is no connection yet."""
        return is_set(self._store) or not connections.list_all(self._store, self._plugins)

    def start(self, size: str) -> list[Simulator]:
        """Start the simulators and point the connections at them, making these when they are not there yet."""
        size = self._size(size)
        world = World(size=size)  # type: ignore[arg-type]
        running = []
        for name in SOURCES:
            kind = self._plugins.connectors.get(name)
            if kind is not None and kind.simulator is not None:
                simulator: Simulator = kind.simulator(world, size=size)
                simulator.start()
                running.append(simulator)
                self._point_at(name, simulator.config())
        self._let_in(world)
        return running

    def load(self, progress: Progress) -> Iterator[Loaded]:
        """Run each connection to a source of which no run came to its end yet, then ask what no source tells; yields what became of each."""
        with self._store.read() as connection:
            loaded = records.ever_done(connection)
        whole = True
        for known in connections.list_all(self._store, self._plugins):
            if known.connector in SOURCES and known.state == "enabled" and known.name not in loaded:
                found = self._run(known, progress)
                whole = whole and found.done
                yield found
        if whole and not self._was_made(_ASKED) and (asked := self._ask_around()):
            self._note_made(_ASKED)
            yield Loaded(f"  Redactie: asked {asked} offers for their patientenstop, waiting list and places")

    def _run(self, known: ConnectionInfo, progress: Progress) -> Loaded:
        try:
            report = run(self._store, self._plugins, known.name, progress=progress)
        except lease.Busy as error:
            return Loaded(f"  {known.title}: {error.message}", done=False)
        told = f"  {known.title}: {report.read} read, {report.changed} new, {report.rejected} rejected"
        return Loaded(told) if report.state == "done" else Loaded(f"{told}. {report.reason}", done=False)

    def _ask_around(self) -> int:
        """What an editor of the hub heard from the offers themselves on this day, of how many: it is in none of the systems that are shown."""
        world = World(size=self._size("S"), today=self._store.now().date())  # type: ignore[arg-type]
        said = {f"{DIRECTORY}|{world.source_id('aanbod', offer.index)}": availability(offer) for offer in world.offers()}
        said = {key: content for key, content in said.items() if content}
        with self._store.read() as connection:
            keys = list(said)
            found: dict[str, str] = {}
            for start in range(0, len(keys), _AT_ONCE):
                wanted = (
                    select(identity.c.key, entity.c.uuid)
                    .join(entity, entity.c.id == identity.c.fiche_id)
                    .where(identity.c.key.in_(keys[start : start + _AT_ONCE]), entity.c.type == "aanbod")
                )
                found |= {row.key: row.uuid for row in connection.execute(wanted)}
        claims = [Claim(EDITOR, uuid, 1, "aanbod", {"kind": "aanbod", **said[key]}, same_as=((HUB, uuid),)) for key, uuid in found.items()]
        for start in range(0, len(claims), _AT_ONCE):
            batch = claims[start : start + _AT_ONCE]
            self._store.write(lambda writer, batch=batch: writer.put(batch, origin=EDITOR))  # type: ignore[misc]
        return len(claims)

    def _size(self, asked: str) -> str:
        """The size that the installation was set up with; `asked` when it is new."""

        def keep(writer: Writer) -> str:
            found = writer.connection.execute(select(setting.c.value).where(setting.c.name == _SIZE)).scalar()
            if found is None:
                writer.connection.execute(insert(setting).values(name=_SIZE, value=asked))
            return str(found or asked)

        return self._store.write(keep)

    def _point_at(self, connector: str, config: Mapping[str, Any]) -> None:
        name = f"{MARK}-{connector}"
        known = {connection.name: connection for connection in connections.list_all(self._store, self._plugins)}
        if name not in known:
            if self._was_made(name):
                return  # an administrator removed it
            connections.add(self._store, self._plugins, name, connector, config, schedule=SCHEDULES.get(connector, ""))
            self._note_made(name)
        elif connections.stored(self._store, name).state != "enabled":
            return  # an administrator closed it; one whose stop switch is set has to find its system when it may run again
        else:
            # What an administrator set besides stays, such as what may be proposed to the register.
            connections.configure(self._store, self._plugins, name, config={**known[name].config, **config})
        connections.enable(self._store, self._plugins, name)

    def _was_made(self, name: str) -> bool:
        """Whether the demonstration made the connection of this name before: if it is gone, somebody removed it."""
        with self._store.read() as connection:
            return connection.execute(select(setting.c.name).where(setting.c.name == _MADE + name)).first() is not None

    def _note_made(self, name: str) -> None:
        if not self._was_made(name):
            row = insert(setting).values(name=_MADE + name, value=self._store.now().isoformat())
            self._store.write(lambda writer: writer.connection.execute(row))

    def _let_in(self, world: World) -> None:
        """Agreements, the world's own concepts, and a connection for everything that partners call or fetch."""
        self._store.write(lambda writer: writer.put_concepts((*world.concepts(), *world.mappings())))

        def agree(writer: Writer) -> None:
            known = {agreement.name for agreement in agreements(writer.connection)}
            for agreement in AGREEMENTS:
                if agreement.name not in known:
                    save_agreement(writer.connection, agreement, self._store.now().isoformat())

        self._store.write(agree)
        known = {connection.connector for connection in connections.list_all(self._store, self._plugins)}
        for connector, kind in self._plugins.connectors.items():
            # A source that is not simulated here has nowhere to come from.
            name = f"{MARK}-{connector}"
            if connector not in known and not issubclass(kind, Source) and not self._was_made(name):
                connections.add(self._store, self._plugins, name, connector, {})
                self._note_made(name)
                connections.enable(self._store, self._plugins, name)
