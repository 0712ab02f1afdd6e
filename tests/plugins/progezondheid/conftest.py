"""A store with a clock, and the connection to a running simulator."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType

import pytest

from hub import World, plugins
from hub.outbound import Outbound
from hub.store import Store
from hub.sync import RunReport, connections, run
from hub.testing.simulator import Simulator
from plugins import progezondheid
from plugins.progezondheid.simulator import ProGezondheidSimulator
from tests.plugins.progezondheid.soka import COUNT, EVERYTHING, Soka
from tests.sync.conftest import Clock

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
Run = Callable[..., RunReport]
Connect = Callable[..., Run]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path, clock: Clock, sqlite_database_url: str) -> Iterator[Store]:
    opened = Store.open(sqlite_database_url, tmp_path / "home", now=clock)
    yield opened
    opened.close()


@pytest.fixture
def connect(store: Store) -> Iterator[Callable[..., Run]]:
    """Connects the store to a simulator, for a partner or for none; the answer runs the connection."""
    loaded = plugins.load([("progezondheid", progezondheid)], installed=False)
    assert isinstance(progezondheid, ModuleType) and loaded.broken == ()
    with Outbound(allow_private=True, deadline=5, attempts=2, sleep=lambda seconds: None) as http:

        def to(simulator: Simulator, *, partner: str = "", **config: object) -> Run:
            connections.add(store, loaded, "register", "progezondheid", {**simulator.config(), **config}, partner=partner)
            connections.enable(store, loaded, "register", http=http)
            return lambda **how: run(store, loaded, "register", http=http, **how)

        yield to


# --- proposals ---------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def world() -> World:
    return World()


@pytest.fixture
def register(world: World) -> Iterator[ProGezondheidSimulator]:
    with ProGezondheidSimulator(world, count=COUNT, now=lambda: NOW) as simulator:
        yield simulator


@pytest.fixture
def go(register: ProGezondheidSimulator, connect: Connect) -> Run:
    """Runs a connection that may propose everything; everybody has been read."""
    running = connect(register, proposals=EVERYTHING)
    assert running().state == "done"
    return running


@pytest.fixture
def soka(store: Store, register: ProGezondheidSimulator) -> Soka:
    return Soka(store, register)
