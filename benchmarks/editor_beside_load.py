"""How long an editor's save takes while another process loads: p50, p99 and the longest, in milliseconds.

    python -m benchmarks.editor_beside_load [--rows 20000] [--batch 100] [--saves 200] [--engine sqlite|postgresql|both]

The loader is a real second process. Fails when p99 is over 150 ms.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import tempfile
import time
from contextlib import ExitStack
from itertools import islice
from multiprocessing.synchronize import Event
from pathlib import Path

from benchmarks.ingest import load, organisatie, world
from hub.store import Store, reading
from hub.store.editing import edit
from tests.own_postgres import find_programs, running_postgres

LIMIT_MS = 150.0


def load_beside(url: str, home: str, rows: int, batch: int, started: Event, stop: Event) -> None:
    """The second process: load until it is told to stop."""
    store = Store.open(url, Path(home))
    claims = world(rows)
    while not stop.is_set():
        chunk = list(islice(claims, batch))
        if not chunk:
            break
        store.write(lambda writer, chunk=chunk: writer.put(chunk, origin="loader"))  # type: ignore[misc]
        started.set()
    store.close()


def run(engine: str, url: str, home: Path, rows: int, batch: int, saves: int) -> bool:
    """Print the figures of one engine; whether the limit is kept."""
    store = Store.open(url, home)
    load(store, iter([organisatie(10_000_000 + number) for number in range(50)]), 50)
    with store.read() as connection:
        uuids = [entity.uuid for entity in reading.known(connection, range(1, 200)).values() if entity.type == "organisatie"]
    context = multiprocessing.get_context("spawn")
    started, stop = context.Event(), context.Event()
    loader = context.Process(target=load_beside, args=(url, str(home), rows, batch, started, stop))
    loader.start()
    started.wait(120)
    took: list[float] = []
    for number in range(saves):
        if not loader.is_alive():
            break
        start = time.perf_counter()
        edit(store, uuids[number % len(uuids)], "description", {"nl": f"Omschrijving {number}"}, "editor")
        took.append((time.perf_counter() - start) * 1000)
        time.sleep(0.01)  # an editor reads between two saves
    stop.set()
    loader.join()
    store.close()
    took.sort()
    p50, p99, longest = took[len(took) // 2], took[int(len(took) * 0.99)], took[-1]
    fine = p99 <= LIMIT_MS
    print(
        f"{engine:10}  {len(took)} saves beside a load: p50 {p50:.0f} ms, p99 {p99:.0f} ms, longest {longest:.0f} ms"
        f"   limit p99 {LIMIT_MS:.0f} ms   {'ok' if fine else 'MISSED'}"
    )
    return fine


def main() -> int:
    """Run, print, and answer 1 when the limit is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--batch", type=int, default=100)
    parser.add_argument("--saves", type=int, default=200)
    parser.add_argument("--engine", choices=("sqlite", "postgresql", "both"), default="both")
    chosen = parser.parse_args()
    fine = True
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fichehub-benchmark-")))
        if chosen.engine != "postgresql":
            fine &= run("sqlite", f"sqlite:///{home / 'bench.sqlite'}", home, chosen.rows, chosen.batch, chosen.saves)
        programs = find_programs()
        if chosen.engine != "sqlite" and programs is not None:
            server = stack.enter_context(running_postgres(programs))
            fine &= run("postgresql", server.url(server.create()), home, chosen.rows, chosen.batch, chosen.saves)
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
