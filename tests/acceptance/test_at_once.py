"""Three sources loading the same persons and organisations at the same time."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from hub import World
from hub.testing.simulator import Simulator
from tests.acceptance.installation import (
    FICHEHUB,
    ROOT,
    SYSTEMS,
    Clock,
    assert_gapless,
    assert_no_double_riziv,
    claims_by_source,
    content,
    installation,
    live,
    rows,
    simulator,
)


@pytest.fixture(scope="module")
def systems(world: World) -> Iterator[dict[str, Simulator]]:
    clock = Clock()
    with ExitStack() as stack:
        yield {name: stack.enter_context(simulator(name, world, clock, organisations=90, registered=80)) for name in SYSTEMS}


@pytest.fixture(scope="module")
def one_after_the_other(tmp_path_factory: pytest.TempPathFactory, systems: dict[str, Simulator]) -> dict[str, object]:
    home = tmp_path_factory.mktemp("alone")
    with installation(f"sqlite:///{home / 'hub.sqlite'}", home, Clock()) as hub:
        for name, system in systems.items():
            hub.connect(name, system.config())
            assert hub.run(name).state == "done"
        return content(hub.store)


def test_three_sources_at_once_lose_nothing_and_double_nobody(
    tmp_path: Path,
    database_url: str,
    systems: dict[str, Simulator],
    one_after_the_other: dict[str, object],
) -> None:
    with installation(database_url, tmp_path, Clock()) as hub:
        for name, system in systems.items():
            hub.connect(name, system.config())
        where = {"FICHEHUB_HOME": str(tmp_path), "FICHEHUB_DATABASE_URL": database_url, "FICHEHUB_ALLOW_PRIVATE": "1"}
        running = {
            name: subprocess.Popen(
                [*FICHEHUB, "run", name], cwd=ROOT, env={**os.environ, **where}, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, text=True,
            )
            for name in SYSTEMS
        }  # fmt: skip
        said = {name: process.communicate(timeout=120)[0] for name, process in running.items()}
        assert {name: process.returncode for name, process in running.items()} == dict.fromkeys(SYSTEMS, 0), said
        assert_gapless(hub.store)
        assert_no_double_riziv(hub.store)
        counts = claims_by_source(hub.store, SYSTEMS)
        assert counts["progezondheid"] == 80
        assert counts["sociaal-brussels"] == 2 * 40
        merged = [one for one in live(hub.store, "zorgverlener") if len(one.get("in_scope_of", ())) == 2]
        assert merged, "some are in both registers"
        assert rows(hub.store, "SELECT 1 FROM spread") == []
        found = content(hub.store)
    assert found.keys() == one_after_the_other.keys()
    different = [key for key in found if found[key] != one_after_the_other[key]]
    assert not different, (different[:3], found[different[0]], one_after_the_other[different[0]])
