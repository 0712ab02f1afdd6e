"""What a run of 1,000 changes costs against 10,000, 100,000 and 780,000 caregivers known: statements, rows written, time.

    python -m benchmarks.incremental [--sizes 10000,100000,780000] [--engine sqlite|postgresql|both] [--home DIR]

Loads what `--home` does not hold yet (`benchmarks.first_load --home` leaves the same databases there). The changed caregivers lie evenly over all that
are known. Statements and rows are counted in runs whose batches have one size: a batch is as large as the machine is fast, and a batch more is
some statements more. Counted is what reaches the engine, also what goes straight to the driver: on SQLite by the trace of each connection and
by triggers on our tables (its full text has some of its own); on PostgreSQL in its log of statements and in pg_stat_database. Timed is the run as it is, the best of three.
"""

from __future__ import annotations

import argparse
import re
import sqlite3
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import psycopg
from sqlalchemy import event, func, select

from benchmarks.ingest import Report
from benchmarks.outside import DATABASE, Outside, Running, connect, database, outside
from hub import plugins
from hub.store import Store, pace, tables
from hub.sync import connections
from hub.sync import run as run_once

NAME: Final = "progezondheid"
CHANGES: Final = 1000
SIZES: Final = (10_000, 100_000, 780_000)
LIMITS: Final = {10_000: 4.0, 100_000: 2.0}
"""So many times longer than against so many known a run against the most known may take."""
CHANCE: Final = 1.002
"""So many times more statements are the same number: texts that this process has not met yet go four to a statement, and which these are hangs on who is changed."""
_TIMED: Final = 3
_LOGGED: Final = re.compile(r"LOG:  (?:statement|execute [^:]+):").search
_NOT_COUNTED: Final = re.compile(r"(BEGIN|COMMIT|ROLLBACK|PRAGMA|SET)\b|--", re.IGNORECASE).match
"""Waiting for a lock is no work, and `--` is what SQLite does by itself: its full text joins segments now and then, as a log-structured tree does."""


What = Literal["statements", "rows"]

_COUNTED: Final[tuple[What, What]] = ("statements", "rows")


class Counter:
    """Counts the statements that an engine executes for the store that it opens, or the rows that it writes."""

    def __init__(self, url: str, home: Path, what: What) -> None:
        self._url = url
        self._rows = what == "rows"
        self._log = home / "postgresql" / "server.log"
        self._raw: list[sqlite3.Connection] = []
        self._traced = 0
        self._sqlite = url.startswith("sqlite")
        if not self._sqlite:
            self._set("all")
        self.store = Store.open(url, home)
        if self._sqlite:
            self.store.engine.dispose()  # the connections from here on are traced
            event.listen(self.store.engine, "connect", self._trace)

    def so_far(self) -> int:
        """How many there were."""
        if self._sqlite and self._rows:
            return sum(raw.execute("SELECT n FROM written").fetchone()[0] for raw in self._raw)
        if self._sqlite:
            return self._traced
        self.store.engine.dispose()  # a server tells its last counts when it ends
        if self._rows:
            return self._settled()
        with self._log.open(encoding="utf-8", errors="replace") as log:
            return sum(map(self._counts, log))

    def close(self) -> None:
        """Close the store and count no more."""
        self.store.close()
        if not self._sqlite:
            self._set("none")

    def _counts(self, line: str) -> bool:
        found = _LOGGED(line)
        return found is not None and _NOT_COUNTED(line[found.end() :].lstrip()) is None

    def _settled(self) -> int:
        """The rows that PostgreSQL counted, once nobody is connected to the database."""
        rows = "SELECT tup_inserted + tup_updated + tup_deleted FROM pg_stat_database WHERE datname = %s"
        busy = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND backend_type = 'client backend'"
        with psycopg.connect(self._url.replace(f"/{DATABASE}?", "/postgres?"), autocommit=True) as connection:
            while connection.execute(busy, (DATABASE,)).fetchone() != (0,):
                time.sleep(0.02)
            found = connection.execute(rows, (DATABASE,)).fetchone()
        assert found is not None
        return int(found[0])

    def _trace(self, raw: sqlite3.Connection, record: object) -> None:
        self._raw.append(raw)
        if not self._rows:  # each trigger would be traced too
            raw.set_trace_callback(self._one)
            return
        raw.execute("CREATE TEMPORARY TABLE written AS SELECT 0 AS n")
        for name in tables.metadata.tables:
            for deed in ("INSERT", "UPDATE", "DELETE"):
                raw.execute(f"CREATE TEMPORARY TRIGGER {deed}_{name} AFTER {deed} ON main.{name} BEGIN UPDATE written SET n = n + 1; END")

    def _one(self, sql: str) -> None:
        self._traced += _NOT_COUNTED(sql) is None

    def _set(self, what: str) -> None:
        with psycopg.connect(self._url, autocommit=True) as connection:
            connection.execute(f"ALTER DATABASE {DATABASE} SET log_statement = '{what}'".encode())


class Rounds:
    """Runs of 1,000 changes each against a database with so many known."""

    def __init__(self, register: Outside, known: int, store: Store) -> None:
        self._register, self._known = register, known
        self._plugins = plugins.load()
        place = connections.get(store, self._plugins, NAME).cursor or ""
        self._done = int(place[1:].partition("-")[0], 16) // CHANGES
        register.call("edit", first=0, rounds=self._done, changes=CHANGES, known=known)

    def one(self, store: Store) -> float:
        """Seconds for a run. Ends the program when it was not one of 1,000 changes."""
        self._register.call("edit", first=self._done, rounds=1, changes=CHANGES, known=self._known)
        self._done += 1
        head = _head(store)
        began = time.perf_counter()
        report = run_once(store, self._plugins, NAME)
        seconds = time.perf_counter() - began
        told = _head(store) - head
        if (report.state, report.mode, report.changed, told) != ("done", "incremental", CHANGES, CHANGES):
            raise SystemExit(
                f"No run of {CHANGES} changes: {report.state}, {report.mode}, {report.changed} changed, {told} in the log. {report.reason}"
            )
        return seconds


def _head(store: Store) -> int:
    with store.read() as connection:
        return int(connection.execute(select(func.max(tables.change.c.seq))).scalar_one() or 0)


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one run: how many statements the engine executed, how many rows it wrote; in how many seconds the best of others went."""

    statements: int
    rows: int
    seconds: float


def measure(engine: str, home: Path, known: int) -> Cost:
    """What 1,000 changes cost against so many known."""
    with ExitStack() as stack:
        url = stack.enter_context(database(engine, home))
        register = stack.enter_context(outside(NAME, count=known))
        connect(url, home, NAME, register.config)
        store = Store.open(url, home)
        stack.callback(store.close)
        if not (connections.get(store, plugins.load(), NAME).cursor or "").startswith("c"):
            Running(url, home, NAME).wait()
        rounds = Rounds(register, known, store)
        rounds.one(store)  # what the code reads once is in memory then
        seconds = min(rounds.one(store) for _ in range(_TIMED))
        store.engine.dispose()
        bounds = pace.SMALLEST, pace.LARGEST
        pace.SMALLEST = pace.LARGEST = pace.FIRST
        try:
            statements, rows = (_counted(rounds, Counter(url, home, what)) for what in _COUNTED)
        finally:
            pace.SMALLEST, pace.LARGEST = bounds
    return Cost(statements, rows, seconds)


def _counted(rounds: Rounds, counter: Counter) -> int:
    try:
        before = counter.so_far()
        rounds.one(counter.store)
        return counter.so_far() - before
    finally:
        counter.close()


def run(engine: str, home: Path, sizes: list[int]) -> bool:
    """Print the figures of one engine; whether all limits are kept."""
    report = Report(engine)
    costs: dict[int, Cost] = {}
    for known in sorted(sizes):
        cost = costs[known] = measure(engine, home / f"{engine}-{known}", known)
        what = f"{CHANGES:,} changes, {known:,} known"
        report.line(what, f"{cost.seconds:.2f} s", None, f"{cost.statements:,} statements, {cost.rows:,} rows written")
    most = costs[max(costs)]
    statements, rows = {cost.statements for cost in costs.values()}, {cost.rows for cost in costs.values()}
    for name, numbers, limit in (("statements", statements, CHANCE), ("rows written", rows, 1.0)):
        ratio = max(numbers) / min(numbers)
        report.line(f"{name}, most to least", f"{ratio:.4f}", ratio <= limit, f"limit {limit:g}, the same at each size")
    for known, limit in LIMITS.items():
        if known in costs and known != max(costs):
            ratio = most.seconds / costs[known].seconds
            note = f"limit {limit:.0f}, ratio {ratio / limit:.2f}; {max(costs):,} known"
            report.line(f"time against that of {known:,}", f"{ratio:.2f} times", ratio <= limit, note)
    return report.fine


def main() -> int:
    """Run, print, and answer 1 when a limit is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sizes", default=",".join(map(str, SIZES)), help="how many are known, with commas between")
    parser.add_argument("--engine", choices=("sqlite", "postgresql", "both"), default="both")
    parser.add_argument("--home", type=Path, help="where the databases are kept (default: a temporary folder)")
    chosen = parser.parse_args()
    fine = True
    with ExitStack() as stack:
        home = chosen.home or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fichehub-benchmark-")))
        home.mkdir(parents=True, exist_ok=True)
        home.chmod(0o755)
        for engine in ("sqlite", "postgresql"):
            if chosen.engine in (engine, "both"):
                fine &= run(engine, home, [int(size) for size in chosen.sizes.split(",")])
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
