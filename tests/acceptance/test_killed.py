"""kill -9 in the middle of a first load, again and again; then run again: as if nothing had happened."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from hub import World
from hub.testing.simulator import Simulator
from tests.acceptance.installation import (
    FICHEHUB,
    ROOT,
    Clock,
    Installation,
    assert_gapless,
    content,
    installation,
    scalars,
    simulator,
)

LOADED_BY_TWO = ("sociale-kaart", "progezondheid")


@pytest.fixture(scope="module")
def systems(world: World) -> Iterator[dict[str, Simulator]]:
    clock = Clock()
    with ExitStack() as stack:
        yield {name: stack.enter_context(simulator(name, world, clock, organisations=120, registered=600)) for name in LOADED_BY_TWO}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, systems: dict[str, Simulator]) -> tuple[dict[str, int], dict[str, object]]:
    """How many claims each system gives, and what a hub says that was never disturbed."""
    home = tmp_path_factory.mktemp("undisturbed")
    with installation(f"sqlite:///{home / 'hub.sqlite'}", home, Clock()) as hub:
        counts = {}
        for name, system in systems.items():
            hub.connect(name, system.config())
            report = hub.run(name)
            assert report.state == "done"
            counts[name] = report.changed
        return counts, content(hub.store)


def killed_at(hub: Installation, url: str, temporary: Path, name: str, wanted: int) -> bool:
    """Start the run in a process and kill it once so many claims stand; whether it was killed in time."""
    where = {"FICHEHUB_HOME": str(hub.store.home), "FICHEHUB_DATABASE_URL": url, "FICHEHUB_ALLOW_PRIVATE": "1"}
    where |= {"TMPDIR": str(temporary), "SQLITE_TMPDIR": str(temporary)}
    process = subprocess.Popen(
        [*FICHEHUB, "run", name], cwd=ROOT, env={**os.environ, **where}, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    sql = "SELECT count(*) FROM claim c JOIN source s ON s.id = c.source_id WHERE s.name = :name"
    deadline = time.monotonic() + 60
    while scalars(hub.store, sql, name=name)[0] < wanted and time.monotonic() < deadline:
        try:
            process.wait(timeout=0.01)
        except subprocess.TimeoutExpired:
            continue
        break
    if process.poll() is None:
        os.kill(process.pid, signal.SIGKILL)
    said = process.communicate()[0]
    assert process.returncode in (0, -signal.SIGKILL), said
    return process.returncode == -signal.SIGKILL


def test_killed_in_the_middle_of_a_first_load_nothing_is_lost_or_doubled(
    tmp_path: Path,
    database_url: str,
    systems: dict[str, Simulator],
    undisturbed: tuple[dict[str, int], dict[str, object]],
) -> None:
    counts, expected = undisturbed
    dice = random.Random(database_url.split(":")[0])
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    with installation(database_url, tmp_path, Clock()) as hub:
        kills = 0
        for name, system in systems.items():
            hub.connect(name, system.config())
            moments = [1, *sorted(dice.randrange(1, counts[name]) for _ in range(2))]
            kills += sum(killed_at(hub, database_url, temporary, name, wanted) for wanted in moments[: 3 if kills else 2])
            assert_gapless(hub.store)
            hub.clock.forward(hours=2)
            report = hub.run(name)
            assert (report.state, report.deleted, report.withheld, report.rejected) == ("done", 0, 0, 0)
        assert kills >= 3
        assert list(temporary.iterdir()) == [], "no personal data is left in a folder that everybody shares"
        assert_gapless(hub.store)
        found = content(hub.store)
        assert found.keys() == expected.keys()
        assert [key for key in found if found[key] != expected[key]] == []
        total = scalars(hub.store, "SELECT count(*) FROM claim")[0]
        assert total == sum(counts.values())
        # Nothing is left over for a further run, and no fiche was made twice for one row.
        for name in systems:
            assert hub.run(name, full=True).changed == 0
        states = set(scalars(hub.store, "SELECT state FROM run"))
    assert states <= {"done", "stopped", "failed"}, "no run is left as if it still went on"
