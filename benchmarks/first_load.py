"""The first load of the register of caregivers, and the same once more when nothing changed.

    python -m benchmarks.first_load [--persons 780000] [--engine sqlite|postgresql|both] [--home DIR]

The simulator serves in a process of its own over HTTP; `fichehub run` pulls in another, through the real connector. What that takes, start of the
process included, is measured against the limit of 300 s for 780,000 (fewer: as much less), its highest resident memory against 150 MB. Beside it
the documents that it made go into a bare table by upsert: through COPY on PostgreSQL, by executemany on SQLite. Then a full pull of the unchanged
register, with proposals to it allowed, must write no row and send nothing. With --home the databases stay, for `benchmarks.incremental`.
"""

from __future__ import annotations

import argparse
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import psycopg
from sqlalchemy import func, select

from benchmarks.ingest import Report, written
from benchmarks.outside import Running, connect, database, outside
from hub.store import Store, tables

SECONDS: Final = 300.0
PERSONS: Final = 780_000
MEGABYTES: Final = 150.0
_AT_ONCE: Final = 1000
_PROPOSED: Final = ["languages", "contacts"]


def run(engine: str, home: Path, persons: int) -> bool:
    """Measure one engine; whether all limits are kept."""
    report = Report(engine)
    with ExitStack() as stack:
        url = stack.enter_context(database(engine, home))
        register = stack.enter_context(outside("progezondheid", count=persons))
        connect(url, home, "progezondheid", register.config)
        served = register.processor()
        first = Running(url, home, "progezondheid").wait()
        served = register.processor() - served
        if first.report["mode"] != "full" or first.report["counts"]["changed"] != persons:
            raise SystemExit(f"{home} holds a load already; name an empty folder.")
        limit = SECONDS * persons / PERSONS
        report.line(
            f"first load of {persons:,}", f"{first.seconds:.1f} s", first.seconds <= limit,
            f"limit {limit:.1f} s, ratio {first.seconds / limit:.2f}; {persons / first.seconds:,.0f}/s; processor: loading "
            f"{first.processor:.1f} s, database {first.database:.1f} s, simulator {served:.1f} s",
        )  # fmt: skip
        _memory(report, first.peak)
        store = Store.open(url, home)
        try:
            bare = _bare(store, home)
            note = f"{persons / bare:,.0f}/s; the load takes {first.seconds / bare:.1f} times that"
            report.line("bare upsert of its documents", f"{bare:.1f} s", None, note)
            before = written(store)
            connect(url, home, "progezondheid", {**register.config, "proposals": _PROPOSED})
            again = Running(url, home, "progezondheid", "--full").wait()
            changed = again.report["counts"]["changed"]
            still = written(store) == before
            with store.read() as connection:
                waiting = connection.execute(select(func.count()).select_from(tables.outbox)).scalar_one()
        finally:
            store.close()
        pushed = register.call("writes") + again.report["counts"]["pushed"] + waiting
        note = f"{persons / again.seconds:,.0f}/s, looking for what to propose included; processor {again.processor:.1f} s"
        report.line("unchanged reload", f"{again.seconds:.1f} s", None, note)
        report.line("claims changed by it", str(changed), changed == 0, "as the run counted")
        note = "claims, fiches, versions, changes, index, and the keys given out"
        report.line("rows written by it", "0" if still else "some", still, note)
        report.line("pushes by it", str(pushed), pushed == 0, "requests that the simulator saw, and what waits in the outbox")
        _memory(report, again.peak)
    return report.fine


def _memory(report: Report, peak: float) -> None:
    note = f"limit {MEGABYTES:.0f}, ratio {peak / MEGABYTES:.2f}; the most that the loading process had"
    report.line("MB resident", f"{peak:.0f}", peak <= MEGABYTES, note)


def _bare(store: Store, home: Path) -> float:
    """Seconds in which the fiches' documents go into an empty table by upsert, a thousand at a time; reading them does not count."""
    if store.engine.dialect.name == "sqlite":
        return _bare_sqlite(home / "bare.sqlite", store)
    return _bare_postgresql(store)


def _documents(store: Store) -> Iterator[list[tuple[int, bytes]]]:
    after, fiche = 0, tables.fiche
    while True:
        query = select(fiche.c.id, fiche.c.document).where(fiche.c.id > after, fiche.c.document.is_not(None))
        with store.read() as connection:
            found = connection.execute(query.order_by(fiche.c.id).limit(_AT_ONCE))
            page = [(row.id, bytes(row.document)) for row in found]
        if not page:
            return
        yield page
        after = page[-1][0]


def _timed(store: Store, upsert: Callable[[list[tuple[int, bytes]]], None]) -> float:
    spent = 0.0
    for page in _documents(store):
        began = time.perf_counter()
        upsert(page)
        spent += time.perf_counter() - began
    return spent


def _bare_sqlite(file: Path, store: Store) -> float:
    connection = sqlite3.connect(file, isolation_level=None)
    for pragma in ("page_size = 8192", "journal_mode = WAL", "synchronous = NORMAL", "cache_size = -32768"):
        connection.execute(f"PRAGMA {pragma}")
    connection.execute("CREATE TABLE fiche (id INTEGER PRIMARY KEY, document BLOB NOT NULL)")
    sql = "INSERT INTO fiche VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET document = excluded.document"

    def upsert(page: list[tuple[int, bytes]]) -> None:
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(sql, page)
        connection.execute("COMMIT")

    spent = _timed(store, upsert)
    connection.close()
    for left in file.parent.glob(f"{file.name}*"):
        left.unlink()
    return spent


def _bare_postgresql(store: Store) -> float:
    url = store.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE bare (id bigint PRIMARY KEY, document bytea NOT NULL)")
        connection.execute("CREATE TEMPORARY TABLE incoming (id bigint, document bytea)")
        connection.commit()

        def upsert(page: list[tuple[int, bytes]]) -> None:
            with connection.cursor() as cursor:
                with cursor.copy("COPY incoming FROM STDIN (FORMAT BINARY)") as copy:
                    copy.set_types(["int8", "bytea"])
                    for row in page:
                        copy.write_row(row)
                cursor.execute("INSERT INTO bare SELECT * FROM incoming ON CONFLICT (id) DO UPDATE SET document = excluded.document")
                cursor.execute("TRUNCATE incoming")
            connection.commit()

        spent = _timed(store, upsert)
        connection.execute("DROP TABLE bare")
    return spent


def main() -> int:
    """Run, print, and answer 1 when a limit is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--persons", type=int, default=PERSONS)
    parser.add_argument("--engine", choices=("sqlite", "postgresql", "both"), default="both")
    parser.add_argument("--home", type=Path, help="keep the databases here (default: a temporary folder)")
    chosen = parser.parse_args()
    fine = True
    with ExitStack() as stack:
        home = chosen.home or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fichehub-benchmark-")))
        home.mkdir(parents=True, exist_ok=True)
        home.chmod(0o755)
        for engine in ("sqlite", "postgresql"):
            if chosen.engine in (engine, "both"):
                fine &= run(engine, home / f"{engine}-{chosen.persons}", chosen.persons)
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
