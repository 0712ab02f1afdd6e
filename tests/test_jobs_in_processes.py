"""Four processes tick at a hundred slots: each slot is run once, on both engines, whoever takes it."""

from __future__ import annotations

import multiprocessing
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from multiprocessing.synchronize import Barrier
from pathlib import Path
from types import ModuleType

from sqlalchemy import select

from hub import jobs, plugins
from hub.connector import Finished, Source
from hub.hookspecs import hookimpl
from hub.jobs import Worker
from hub.model.moments import to_second
from hub.store import Store
from hub.store.tables import job_slot
from hub.store.tables import run as run_table
from hub.sync import connections

WORKERS, SLOTS = 4, 100
BEGAN = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
STEP = timedelta(minutes=15)


class Empty(Source):
    """Has nothing to tell."""

    name = "empty"
    title = "Nothing"

    def pull(self, cursor: str | None) -> Iterator[Finished]:
        yield Finished(complete=True, cursor="1")


def offered() -> plugins.Plugins:
    module = ModuleType("empty_plugin")
    vars(module)["register_connectors"] = hookimpl(lambda: [Empty], specname="register_connectors")
    return plugins.load([("empty", module)], installed=False)


def work(url: str, home: str, together: Barrier) -> None:
    """A worker's process: at every slot do what it gets hold of, at the same time as the others."""
    jobs.HOUSEKEEPING.clear()
    moment = BEGAN
    store = Store.open(url, Path(home), now=lambda: moment)
    worker = Worker(store, offered())
    for _ in range(SLOTS):
        together.wait(60)
        for job in worker.take_due():
            worker.do(job)
        moment += STEP
    store.close()


def test_four_processes_do_a_hundred_slots_a_hundred_times(tmp_path: Path, database_url: str) -> None:
    store = Store.open(database_url, tmp_path / "home", now=lambda: BEGAN)
    connections.add(store, offered(), "own", "empty", schedule="every 15 minutes")
    connections.enable(store, offered(), "own")
    context = multiprocessing.get_context("spawn")
    together = context.Barrier(WORKERS)
    workers = [context.Process(target=work, args=(database_url, str(tmp_path / "home"), together), daemon=True) for _ in range(WORKERS)]
    for each in workers:
        each.start()
    for each in workers:
        each.join(120)
    assert [each.exitcode for each in workers] == [0] * WORKERS
    with store.read() as db:
        slots = Counter(db.execute(select(job_slot.c.slot).where(job_slot.c.job == "run own")).scalars())
        started = Counter(db.execute(select(run_table.c.started_at)).scalars())
        states = Counter(db.execute(select(run_table.c.state)).scalars())
    store.close()
    expected = [to_second(BEGAN + STEP * number) for number in range(SLOTS)]
    assert slots == Counter(expected)
    assert started == Counter(expected), "one run for each slot, and none besides"
    assert states == {"done": SLOTS}
