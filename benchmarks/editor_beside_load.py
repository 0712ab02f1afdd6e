"""How long an editor's save takes while another process loads: p50, p99 and the longest, in milliseconds; and alone, as the peer.

    python -m benchmarks.editor_beside_load [--rows 40000] [--saves 300] [--engine sqlite|postgresql|both]

The loader is a real second process that stores the demo world of size M in batches as a pull makes them. Answers 1 when p99 is over 150 ms.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from itertools import islice
from multiprocessing.synchronize import Event
from pathlib import Path

from sqlalchemy import select

from benchmarks.ingest import Directory, load
from hub.store import Store, tables
from hub.store.editing import edit
from tests.own_postgres import find_programs, running_postgres

LIMIT_MS = 150.0
EDITED = 100
"""So many fiches stand before the load begins, and are edited in turn."""


def load_beside(url: str, home: str, rows: int, started: Event, stop: Event) -> None:
    """The second process: load until it is told to stop."""
    store = Store.open(url, Path(home))
    claims = islice(Directory(rows).claims(), EDITED, None)
    load(store, claims, each=lambda load: started.set(), keep_going=lambda: not stop.is_set())
    store.close()


def save(store: Store, uuids: list[str], saves: int, keep_going: Callable[[], bool] = lambda: True) -> list[float]:
    """The milliseconds of each save, sorted; ends early when it shall not go on."""
    took: list[float] = []
    for number in range(saves):
        if not keep_going():
            break
        start = time.perf_counter()
        edit(
            store,
            uuids[number % len(uuids)],
            "description",
            {"nl": f"Omschrijving {number} {saves}"},
            "editor",
        )
        took.append((time.perf_counter() - start) * 1000)
        time.sleep(0.01)  # an editor reads between two saves
    return sorted(took)


def run(engine: str, url: str, home: Path, rows: int, saves: int) -> bool:
    """Print the figures of one engine; whether the limit is kept."""
    store = Store.open(url, home)
    load(store, islice(Directory(rows).claims(), EDITED))
    with store.read() as connection:
        entity, fiche = tables.entity, tables.fiche
        standing = select(entity.c.uuid).join(fiche, fiche.c.id == entity.c.id).where(fiche.c.state == "live")
        uuids = [uuid for (uuid,) in connection.execute(standing)]
    alone = save(store, uuids, saves // 3)
    context = multiprocessing.get_context("spawn")
    started, stop = context.Event(), context.Event()
    loader = context.Process(target=load_beside, args=(url, str(home), rows, started, stop))
    loader.start()
    started.wait(120)
    beside = save(store, uuids, saves, loader.is_alive)
    stop.set()
    loader.join()
    store.close()
    fine = percentile(beside, 99) <= LIMIT_MS and len(beside) >= saves // 2
    for what, took in (("alone", alone), ("beside a load", beside)):
        p50, p99 = percentile(took, 50), percentile(took, 99)
        print(
            f"{engine:10}  {len(took)} saves {what}: p50 {p50:.0f} ms, p99 {p99:.0f} ms, longest {took[-1]:.0f} ms",
            flush=True,
        )
    ratio = percentile(beside, 99) / LIMIT_MS
    print(
        f"{engine:10}  limit p99 {LIMIT_MS:.0f} ms, ratio {ratio:.2f}  {'ok' if fine else 'MISSED'}",
        flush=True,
    )
    return fine


def percentile(took: list[float], percent: int) -> float:
    """Of values that are sorted."""
    return took[min(len(took) * percent // 100, len(took) - 1)]


def main() -> int:
    """Run, print, and answer 1 when the limit is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=40_000)
    parser.add_argument("--saves", type=int, default=300)
    parser.add_argument("--engine", choices=("sqlite", "postgresql", "both"), default="both")
    chosen = parser.parse_args()
    fine = True
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fichehub-benchmark-")))
        if chosen.engine != "postgresql":
            fine &= run("sqlite", f"sqlite:///{home / 'bench.sqlite'}", home, chosen.rows, chosen.saves)
        programs = find_programs()
        if chosen.engine != "sqlite" and programs is not None:
            server = stack.enter_context(running_postgres(programs))
            fine &= run("postgresql", server.url(server.create()), home, chosen.rows, chosen.saves)
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
