"""kill -9 at every commit of a run, in processes of their own: the next run goes on, with nothing lost and nothing doubled."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest
from sqlalchemy import Engine, event, func, select

from hub import plugins
from hub.connector import Connector
from hub.hookspecs import hookimpl
from hub.store import Store
from hub.store.tables import change, claim, fiche
from hub.sync import connections, run
from tests.sync.rows import Rows, row

ROWS = 60


class Mortal(Rows):
    """A source of its own for these tests."""

    name = "mortal"
    rows = [row(number, source="mortal") for number in range(ROWS)]
    page = 7
    asked = []


def offered() -> plugins.Plugins:
    module = ModuleType("mortal_plugin")
    connectors: list[type[Connector]] = [Mortal]
    vars(module)["register_connectors"] = hookimpl(lambda: connectors, specname="register_connectors")
    return plugins.load([("mortal", module)], installed=False)


def die_at_commit(engine: Engine, number: int) -> None:
    """Kill this very process when it is about to commit for the `number`th time."""
    commits = itertools.count(1)

    def about_to_commit(connection: object) -> None:
        if next(commits) == number:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(engine, "commit", about_to_commit)


# Forks a process per line of input, so that the imports are paid once and no thread of the test runner is copied.
PROGRAM = """
import os, sys
from pathlib import Path
from hub.store import Store, pace
from hub.sync import run
from tests.sync import test_kill
pace.FIRST = pace.LARGEST = 5
for line in sys.stdin:
    url, home, commit = line.rstrip().split("\\t")
    child = os.fork()
    if not child:
        store = Store.open(url, Path(home))
        test_kill.die_at_commit(store.engine, int(commit))
        os._exit(0 if run(store, test_kill.offered(), "own").state == "done" else 1)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""

InAProcess = Callable[[str, Path, int], int]


@pytest.fixture(scope="module")
def in_a_process() -> Iterator[InAProcess]:
    """Runs the connection in a process of its own that dies at the commit with this number; the answer is its exit code."""
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        cwd=Path(__file__).resolve().parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as forks:
        assert forks.stdin is not None
        assert forks.stdout is not None
        asking, answering = forks.stdin, forks.stdout

        def in_a_process(url: str, home: Path, commit: int) -> int:
            asking.write(f"{url}\t{home}\t{commit}\n")
            asking.flush()
            return int(answering.readline())

        yield in_a_process
        asking.close()


@pytest.mark.parametrize("commit", [3, 5, 8])
def test_killed_again_and_again_nothing_is_lost_or_doubled(
    tmp_path: Path, database_url: str, in_a_process: InAProcess, commit: int
) -> None:
    home = tmp_path / "home"
    store = Store.open(database_url, home)
    loaded = offered()
    connections.add(store, loaded, "own", "mortal")
    connections.enable(store, loaded, "own")
    deaths = [in_a_process(database_url, home, commit + attempt) for attempt in range(3)]
    assert deaths[0] == -signal.SIGKILL
    report = run(store, loaded, "own")
    with store.read() as db:
        ids = list(db.execute(select(claim.c.external_id).order_by(claim.c.external_id)).scalars())
        numbers = list(db.execute(select(change.c.seq).order_by(change.c.seq)).scalars())
        fiches = db.execute(select(func.count()).select_from(fiche)).scalar_one()
    store.engine.dispose()
    assert report.state == "done"
    assert report.deleted == 0
    assert ids == [f"{number:06}" for number in range(ROWS)]
    assert (fiches, numbers) == (ROWS, list(range(1, ROWS + 1)))
