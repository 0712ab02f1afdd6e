"""A small part of the world as De Sociale Kaart would show it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hub.demo import World
from plugins.sociale_kaart.simulator import SocialeKaartSimulator
from tests.plugins.sociale_kaart.pulls import Hub


@pytest.fixture(scope="session")
def world() -> World:
    return World(size="S")


@pytest.fixture
def simulator(world: World) -> Iterator[SocialeKaartSimulator]:
    """The first sixty organisaties: two of them twins (51 and 52), four in Brussels, twenty practices."""
    with SocialeKaartSimulator(world, organisations=60) as running:
        yield running


@pytest.fixture
def base_url(simulator: SocialeKaartSimulator) -> str:
    return f"{simulator.url}/api"


@pytest.fixture
def hub() -> Hub:
    return Hub()
