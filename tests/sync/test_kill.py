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
from hub.store.tables import change, claim, source
from hub.store.tables import run as run_table
from hub.sync import connections, run
from tests.sync.rows import Rows, row

ROWS, SWEPT, BATCH = 60, 15, 5


def mortal(name: str, rows: int) -> type[Rows]:
    """A source of its own with so many rows."""
    said = [row(number, source=name) for number in range(rows)]
    return type("Mortal", (Rows,), {"name": name, "rows": said, "page": 7, "asked": [], "finished": {}})


def offered() -> plugins.Plugins:
    """A source for each commit that a load may be killed at, and one of more rows."""
    module = ModuleType("mortal_plugin")
    connectors: list[type[Connector]] = [mortal("own", ROWS), *(mortal(f"own-{commit}", SWEPT) for commit in range(1, 30))]
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
pace.FIRST = pace.LARGEST = test_kill.BATCH
for line in sys.stdin:
    url, home, name, commit = line.rstrip().split("\\t")
    child = os.fork()
    if not child:
        store = Store.open(url, Path(home))
        test_kill.die_at_commit(store.engine, int(commit))
        os._exit(0 if run(store, test_kill.offered(), name).state == "done" else 1)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""

InAProcess = Callable[[str, Path, str, int], int]


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

        def in_a_process(url: str, home: Path, name: str, commit: int) -> int:
            asking.write(f"{url}\t{home}\t{name}\t{commit}\n")
            asking.flush()
            return int(answering.readline())

        yield in_a_process
        asking.close()


def connect(store: Store, loaded: plugins.Plugins, name: str) -> None:
    connections.add(store, loaded, name, name)
    connections.enable(store, loaded, name)


def assert_whole(store: Store, name: str, rows: int) -> None:
    """Nothing that the connection brought is lost or doubled, and no run is left as if it still went on."""
    with store.read() as db:
        of_it = select(claim).join(source, source.c.id == claim.c.source_id).where(source.c.name == name).subquery()
        ids = list(db.execute(select(of_it.c.external_id).order_by(of_it.c.external_id)).scalars())
        fiches = db.execute(select(func.count(of_it.c.fiche_id.distinct()))).scalar_one()
        told = db.execute(select(func.count()).where(change.c.fiche_id.in_(select(of_it.c.fiche_id)))).scalar_one()
        last, numbers = db.execute(select(func.max(change.c.seq), func.count()).select_from(change)).one()
        states = set(db.execute(select(run_table.c.state)).scalars())
    assert ids == [f"{number:06}" for number in range(rows)]
    assert (fiches, told, numbers) == (rows, rows, last)
    assert states <= {"done", "stopped", "failed"}


def test_killed_at_every_commit_of_a_load_nothing_is_lost_or_doubled(tmp_path: Path, database_url: str, in_a_process: InAProcess) -> None:
    """Swept from the first commit to the last, each in a load of its own; one that gets to its end has had them all."""
    home = tmp_path / "home"
    store, loaded = Store.open(database_url, home), offered()
    for commit in itertools.count(1):
        name = f"own-{commit}"
        connect(store, loaded, name)
        code = in_a_process(database_url, home, name, commit)
        if code == 0:
            break
        assert code == -signal.SIGKILL
        report = run(store, loaded, name)
        assert (report.state, report.deleted) == ("done", 0)
        assert_whole(store, name, SWEPT)
    assert_whole(store, name, SWEPT)
    store.close()
    assert commit > SWEPT // BATCH + 4, "a commit for each batch; and to take the lease, to begin, to finish, to end, to let go"


@pytest.mark.parametrize("commit", [3, 8])
def test_killed_again_and_again_nothing_is_lost_or_doubled(tmp_path: Path, database_url: str, in_a_process: InAProcess, commit: int) -> None:
    home = tmp_path / "home"
    store, loaded = Store.open(database_url, home), offered()
    connect(store, loaded, "own")
    deaths = [in_a_process(database_url, home, "own", commit + attempt) for attempt in range(3)]
    assert deaths[0] == -signal.SIGKILL
    report = run(store, loaded, "own")
    assert (report.state, report.deleted) == ("done", 0)
    assert_whole(store, "own", ROWS)
    store.close()
