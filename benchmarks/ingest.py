"""How fast claims become fiches: first load, a second source that joins by RIZIV number, an unchanged reload, an update; size and memory.

    python -m benchmarks.ingest [--rows 20000] [--engine sqlite|postgresql|both] [--repeat 1]

The claims are those of the demo world of size M: each organisatie followed by its aanbod, then caregivers, in the proportions of a real directory
(36 % organisaties, 51 % aanbod, 13 % caregivers). They come in batches as a pull makes them: as many as may be written at a time, each made ready while the one before is being committed. Beside each first
load the same documents go into a bare table, in batches of the same size and nothing else. Time is that of storing; making the claims does not
count. Prints each figure beside its limit and answers 1 when one is missed.
"""

from __future__ import annotations

import argparse
import gc
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import psutil
import psycopg
from sqlalchemy import func, select

from hub import schemas
from hub.demo import World
from hub.demo.claims import directory_claims
from hub.model.claims import Claim
from hub.store import Pace, Store, loads_from_here, prepare, tables
from tests.own_postgres import PostgresServer, find_programs, running_postgres

LIMITS = {
    "sqlite": {"first load": 3000, "second source": 1500, "unchanged reload": 50_000},
    "postgresql": {"first load": 2500, "second source": 1500, "unchanged reload": 50_000},
}
MEGABYTES_PER_100_000 = 650
GROWTH = 25.0
"""Megabytes by which the resident memory may grow from a quarter of the rows to all of them; caches are bounded, not empty."""


STRETCH = 2_000
"""So many claims are made at a time, while the clock stands."""


class Directory:
    """What De Sociale Kaart and the register say about so many fiches."""

    def __init__(self, rows: int) -> None:
        self.world = World(size="M")
        whole = self.world.organisation_count + self.world.offer_count + self.world.person_count
        self.rows = min(rows, whole)
        self.persons = self.world.person_count * self.rows // whole

    def claims(self) -> Iterator[Claim]:
        """Organisaties with their aanbod, then as many caregivers as belong to them."""
        world = self.world
        offers = directory_claims(world.organisations(), world.offers_of, iter(()), world.source_id)
        yield from islice(offers, self.rows - self.persons)
        persons = islice(world.persons(), self.persons)
        yield from directory_claims(iter(()), world.offers_of, persons, world.source_id)

    def register(self) -> Iterator[Claim]:
        """What the register says about the same caregivers; all but a few share a RIZIV number with them."""
        return self.world.register_claims(0, self.persons)

    def updated(self) -> Iterator[Claim]:
        """Every claim once more, with a field that is different."""
        for claim in self.claims():
            content = {**claim.content, "source_url": f"https://example.org/{claim.external_id}"}
            yield replace(claim, revision=claim.revision + 1, content=content)


@dataclass
class Load:
    """What a load cost. `processor` is that of this process and of the database's own together."""

    claims: int = 0
    changed: int = 0
    seconds: float = 0.0
    processor: float = 0.0
    longest: float = 0.0
    batches: int = 0

    @property
    def rate(self) -> float:
        """Claims per second."""
        return self.claims / self.seconds if self.seconds else 0.0


def load(
    store: Store,
    claims: Iterable[Claim],
    *,
    servers: Servers | None = None,
    each: Callable[[Load], None] = lambda load: None,
    keep_going: Callable[[], bool] = lambda: True,
) -> Load:
    """Store all claims in batches as `hub.sync.pull` makes them."""
    total = Load()
    pace = store.pace()
    source = iter(claims)
    while keep_going() and (stretch := list(islice(source, STRETCH))):
        spent, processor = time.perf_counter(), time.process_time()
        _load_stretch(store, stretch, pace, total, keep_going)
        total.seconds += time.perf_counter() - spent
        total.processor += time.process_time() - processor
        each(total)
    if servers is not None:
        total.processor += servers.spent()
    return total


def _load_stretch(store: Store, stretch: list[Claim], pace: Pace, total: Load, keep_going: Callable[[], bool]) -> None:
    waiting = iter(stretch)
    batch = prepare(islice(waiting, pace.size), news=pace.news)

    def meanwhile() -> None:
        nonlocal batch
        batch = prepare(islice(waiting, pace.size), news=pace.news)

    while batch.read and keep_going():
        writing, pace.meanwhile = batch, meanwhile
        counts = store.write(lambda writer, ready=writing: writer.put(ready, origin="benchmark"), pace=pace)  # type: ignore[misc]
        assert not counts.rejected, counts.rejected[:1]
        pace.took(writing.read, counts.changed)
        if batch is writing:
            meanwhile()
        total.claims += writing.read
        total.changed += counts.changed
        total.longest = max(total.longest, pace.held)
        total.batches += 1


class Servers:
    """The processor time of the processes that serve a database."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._before = 0.0
        self.spent()

    def spent(self) -> float:
        """Seconds since this was last asked."""
        total = 0.0
        for process in psutil.process_iter(["cmdline", "cpu_times"]):
            line = " ".join(process.info["cmdline"] or ())
            if line.startswith("postgres:") and f" {self._name} " in f"{line} ":
                total += process.info["cpu_times"].user + process.info["cpu_times"].system
        since, self._before = total - self._before, total
        return since


def resident() -> float:
    """The memory of this process now, in MB."""
    return float(psutil.Process().memory_info().rss) / 1e6


def written(store: Store) -> tuple[object, ...]:
    """What a write would move: the last number of the log, of the blocks of keys, and how many rows there are."""
    with store.read() as connection:
        counted = [
            connection.execute(select(func.count()).select_from(table)).scalar()
            for table in (tables.claim, tables.fiche, tables.version, tables.change, tables.entry)
        ]
        numbers = connection.execute(select(tables.counter.c.n).order_by(tables.counter.c.name)).scalars()
        blocks = connection.execute(select(tables.id_block.c.n).order_by(tables.id_block.c.name)).scalars()
        return (*counted, *numbers, *blocks)


def bare_sqlite(home: Path, documents: Iterable[bytes], size: int) -> float:
    """Documents per second into one table of SQLite with the same settings, by executemany."""
    connection = sqlite3.connect(home / "bare.sqlite", isolation_level=None)
    for pragma in ("page_size = 8192", "journal_mode = WAL", "synchronous = NORMAL", "cache_size = -32768"):
        connection.execute(f"PRAGMA {pragma}")
    connection.execute("CREATE TABLE fiche (id INTEGER PRIMARY KEY, document BLOB NOT NULL)")

    def insert(rows: list[tuple[int, bytes]]) -> None:
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("INSERT INTO fiche VALUES (?, ?)", rows)
        connection.execute("COMMIT")

    rate = _bare(documents, size, insert)
    connection.close()
    return rate


def bare_postgresql(url: str, documents: Iterable[bytes], size: int) -> float:
    """Documents per second into one table of PostgreSQL, by executemany."""
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE fiche (id bigint PRIMARY KEY, document bytea NOT NULL)")
        connection.commit()

        def insert(rows: list[tuple[int, bytes]]) -> None:
            with connection.cursor() as cursor:
                cursor.executemany("INSERT INTO fiche VALUES (%s, %s)", rows)
            connection.commit()

        return _bare(documents, size, insert)


def _bare(documents: Iterable[bytes], size: int, insert: Callable[[list[tuple[int, bytes]]], None]) -> float:
    count, spent = 0, 0.0
    numbered = enumerate(documents)
    while rows := list(islice(numbered, size)):
        start = time.perf_counter()
        insert(rows)
        spent += time.perf_counter() - start
        count += len(rows)
    return count / spent


class Report:
    """Prints figures, and remembers whether a limit was missed."""

    def __init__(self, engine: str) -> None:
        self.engine = engine
        self.fine = True

    def line(self, what: str, value: str, verdict: bool | None, note: str) -> None:
        """One line; `verdict` None for a figure without a limit."""
        said = "" if verdict is None else "ok" if verdict else "MISSED"
        self.fine = self.fine and verdict is not False
        print(f"{self.engine:10}  {what:34} {value:>14}  {said:6}  {note}", flush=True)

    def rate(self, what: str, done: Load, note: str = "") -> None:
        """A load, and what one claim cost."""
        limit = LIMITS[self.engine].get(what)
        asked = "" if limit is None else f"limit {limit:,}/s, ratio {done.rate / limit:.2f}; "
        each = f"{done.processor / done.claims * 1e6:,.0f} us of processor time a claim" if done.claims else ""
        verdict = None if limit is None else done.rate >= limit
        self.line(what, f"{done.rate:,.0f}/s", verdict, f"{asked}{each}{note}")


def run(engine: str, home: Path, directory: Directory, server: PostgresServer | None) -> bool:
    """Measure one engine; whether all limits are kept."""
    report = Report(engine)
    name = "" if server is None else server.create()
    url = f"sqlite:///{home / 'bench.sqlite'}" if server is None else server.url(name)
    store = Store.open(url, home)
    servers = None if server is None else Servers(name)
    store.write(lambda writer: writer.put_concepts(directory.world.concepts()))
    gc.collect()
    loads_from_here()
    memory: dict[int, float] = {}
    quarters = [directory.rows * quarter // 4 for quarter in (1, 2, 3, 4)]

    def watch(so_far: Load) -> None:
        while quarters and so_far.claims >= quarters[0]:
            memory[quarters.pop(0)] = resident()

    first = load(store, directory.claims(), servers=servers, each=watch)
    size = first.claims // first.batches
    documents = (schemas.encode(claim.content) for claim in directory.claims())
    if server is None:
        bare = bare_sqlite(home, documents, size)
    else:
        bare = bare_postgresql(server.url(server.create()), documents, size)
    note = f"; batches of about {size}, the longest {first.longest * 1000:.0f} ms; bare table {bare:,.0f}/s ({bare / first.rate:.0f} times)"
    report.rate("first load", first, note)
    before = written(store)
    again = load(store, directory.claims(), servers=servers)
    report.rate("unchanged reload", again)
    still = again.changed == 0 and written(store) == before
    report.line("rows written by it", "0" if still else "some", still, "counted in the log, the keys and the tables")
    if server is None:
        _size(report, home, store, directory.rows, "MB per 100,000 fiches")
    second = load(store, directory.register(), servers=servers)
    with store.read() as connection:
        voices = tables.claim.c.fiche_id
        several = select(voices).group_by(voices).having(func.count() > 1).subquery()
        joined = connection.execute(select(func.count()).select_from(several)).scalar()
    report.rate("second source", second, f"; {joined} of {second.claims} joined")
    update = load(store, directory.updated(), servers=servers)
    report.rate("update of every fiche", update)
    if server is None:
        _size(report, home, store, directory.rows, "MB with a version of each")
    told = ", ".join(f"{rows:,} rows {megabytes:.0f}" for rows, megabytes in memory.items())
    growth = memory[directory.rows] - memory[directory.rows // 4]
    report.line(
        "MB resident",
        f"{max(memory.values()):.0f}",
        growth <= GROWTH,
        f"{told}; limit of growth {GROWTH:.0f}",
    )
    store.close()
    return report.fine


def _size(report: Report, home: Path, store: Store, rows: int, what: str) -> None:
    with store.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    size = sum(path.stat().st_size for path in home.glob("bench.sqlite*")) / 1e6 / rows * 100_000
    report.line(
        what,
        f"{size:.0f}",
        size <= MEGABYTES_PER_100_000,
        f"limit {MEGABYTES_PER_100_000}, ratio {size / MEGABYTES_PER_100_000:.2f}",
    )


def main() -> int:
    """Run, print, and answer 1 when a limit is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--engine", choices=("sqlite", "postgresql", "both"), default="both")
    parser.add_argument("--repeat", type=int, default=1)
    chosen = parser.parse_args()
    directory = Directory(chosen.rows)
    programs = find_programs()
    fine = True
    for engine in ("sqlite", "postgresql"):
        if chosen.engine not in (engine, "both"):
            continue
        for _ in range(chosen.repeat):
            with ExitStack() as stack:
                home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fichehub-benchmark-")))
                if engine == "sqlite":
                    fine &= run(engine, home, directory, None)
                elif programs is None:
                    print("postgresql  no PostgreSQL on this machine", flush=True)
                else:
                    fine &= run(engine, home, directory, stack.enter_context(running_postgres(programs)))
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
