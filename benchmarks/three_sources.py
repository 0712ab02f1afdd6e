"""Three sources that know the same caregivers load at once, each in a process of its own, while an editor saves.

    python -m benchmarks.three_sources [--persons 20000] [--engine sqlite|postgresql|both]

ProGezondheid and CoBRHA tell of the same caregivers, De Sociale Kaart of some of them and of where they work. Every run must end well, so every
deadlock must have been retried; no caregiver may be there twice; an editor's save may take 150 ms (p99) meanwhile. On SQLite there is one write lock.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import psycopg
from sqlalchemy import func, select

from benchmarks.editor_beside_load import EDITED, LIMIT_MS, percentile, save
from benchmarks.ingest import Report
from benchmarks.outside import DATABASE, Running, connect, database, outside
from hub.store import Store, tables

PERSONS: Final = 20_000
_PER_ORGANISATION: Final = 40
"""Of the register's caregivers one organisation of De Sociale Kaart is shown for so many."""
_SAVES: Final = 10_000


def run(engine: str, home: Path, persons: int) -> bool:
    """Measure one engine; whether all limits are kept."""
    report = Report(engine)
    organisations = max(1, persons // _PER_ORGANISATION)
    shown: dict[str, dict[str, Any]] = {
        "sociale-kaart": {"organisations": organisations},
        "progezondheid": {"count": persons},
        "cobrha": {"count": persons},
    }
    with ExitStack() as stack:
        url = stack.enter_context(database(engine, home))
        for kind, options in shown.items():
            connect(url, home, kind, stack.enter_context(outside(kind, **options)).config)
        store = Store.open(url, home)
        stack.callback(store.close)
        began = time.perf_counter()
        loads = {kind: Running(url, home, kind) for kind in shown}

        def loading() -> bool:
            return sum(load.alive() for load in loads.values()) > 0  # each is looked at

        uuids: list[str] = []
        while len(uuids) < EDITED and loading():
            time.sleep(0.1)
            uuids = _organisations(store)
        took = save(store, uuids, _SAVES, loading)
        costs = {kind: load.wait() for kind, load in loads.items()}
        seconds = time.perf_counter() - began
        told = ", ".join(f"{kind} {cost.report['counts']['changed']:,}" for kind, cost in costs.items())
        report.line("three loads at once, all done", f"{seconds:.1f} s", None, f"claims: {told}; deadlocks retried: {_deadlocks(url)}")
        twice, heard = _doubled(store)
        report.line("caregivers there twice", str(twice), twice == 0, f"by RIZIV number; {heard:,} are known by two or three sources")
        report.line("overlap of the sources", f"{heard:,}", heard >= persons // 2, "else nothing was tried")
        p50, p99 = percentile(took, 50), percentile(took, 99)
        note = f"limit {LIMIT_MS:.0f}, ratio {p99 / LIMIT_MS:.2f}; {len(took)} saves, p50 {p50:.0f} ms, longest {took[-1]:.0f} ms"
        report.line("an editor's save, p99", f"{p99:.0f} ms", p99 <= LIMIT_MS, note)
    return report.fine


def _organisations(store: Store) -> list[str]:
    """Some that stand already."""
    entity, fiche = tables.entity, tables.fiche
    standing = select(entity.c.uuid).join(fiche, fiche.c.id == entity.c.id)
    with store.read() as connection:
        where = (fiche.c.state == "live", fiche.c.kind != "zorgverlener")
        return list(connection.execute(standing.where(*where).limit(EDITED)).scalars())


def _doubled(store: Store) -> tuple[int, int]:
    """How many RIZIV numbers two live caregivers share, and how many caregivers more than one source speaks of."""
    claim, fiche, source, name = tables.claim, tables.fiche, tables.source, tables.source.c.name
    by_number: Counter[str] = Counter()
    query = (
        select(claim.c.fiche_id, name, claim.c.external_id)
        .join(source, source.c.id == claim.c.source_id)
        .join(fiche, fiche.c.id == claim.c.fiche_id)
        .where(fiche.c.state == "live", fiche.c.kind == "zorgverlener", name.in_(("progezondheid", "cobrha")))
    )
    with store.read() as connection:
        for _, number in {(row.fiche_id, row.external_id[:8]) for row in connection.execute(query)}:
            by_number[number] += 1
        several = select(claim.c.fiche_id).group_by(claim.c.fiche_id).having(func.count(claim.c.source_id.distinct()) > 1).subquery()
        heard = connection.execute(select(func.count()).select_from(several)).scalar_one()
    return sum(count > 1 for count in by_number.values()), heard


def _deadlocks(url: str) -> int:
    """How many PostgreSQL broke."""
    if url.startswith("sqlite"):
        return 0
    with psycopg.connect(url) as connection:
        found = connection.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = %s", (DATABASE,)).fetchone()
    assert found is not None
    return int(found[0])


def main() -> int:
    """Run, print, and answer 1 when a limit is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--persons", type=int, default=PERSONS)
    parser.add_argument("--engine", choices=("sqlite", "postgresql", "both"), default="both")
    chosen = parser.parse_args()
    fine = True
    for engine in ("sqlite", "postgresql"):
        if chosen.engine in (engine, "both"):
            with tempfile.TemporaryDirectory(prefix="fichehub-benchmark-") as home:
                fine &= run(engine, Path(home), chosen.persons)
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
