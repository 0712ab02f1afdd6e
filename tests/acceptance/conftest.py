"""A hub that has loaded its three sources through the real connectors, from simulators that go on serving."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from hub import World
from plugins.progezondheid.simulator import ProGezondheidSimulator
from plugins.sociaal_brussels.simulator import SociaalBrusselsSimulator
from plugins.sociale_kaart.simulator import SocialeKaartSimulator
from tests.acceptance.installation import SYSTEMS, Clock, Installation, installation, simulator


@dataclass(frozen=True)
class Loaded:
    """A loaded hub, and the systems that it was loaded from."""

    hub: Installation
    world: World
    kaart: SocialeKaartSimulator
    register: ProGezondheidSimulator
    brussels: SociaalBrusselsSimulator


@pytest.fixture(scope="session")
def world() -> World:
    return World()


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory, world: World) -> Iterator[Loaded]:
    """One for all tests of a module; a test that changes something leaves it changed."""
    home = tmp_path_factory.mktemp("hub")
    clock = Clock()
    with ExitStack() as stack:
        hub = stack.enter_context(installation(f"sqlite:///{home / 'fichehub.sqlite'}", home, clock))
        systems = {name: stack.enter_context(simulator(name, world, clock)) for name in SYSTEMS}
        for name, system in systems.items():
            hub.connect(name, system.config())
            report = hub.run(name)
            assert (report.state, report.rejected) == ("done", 0), report.reason
        hub.open_outputs()
        yield Loaded(
            hub,
            world,
            systems["sociale-kaart"],  # type: ignore[arg-type]
            systems["progezondheid"],  # type: ignore[arg-type]
            systems["sociaal-brussels"],  # type: ignore[arg-type]
        )
