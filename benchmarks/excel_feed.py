"""The Excel feed of many offers, from the database to the file, beside bare XlsxWriter writing the same cells with the same formats.

    python -m benchmarks.excel_feed [--rows 60000] [--rounds 3] [--home DIR]

The offers are those of the demo world of size M, loaded through the hub; a `--home` keeps them for the next time. The feed is the run of a connection, in a
process of its own, as the worker does it. Of each the least processor time of the rounds counts, so that other work on the machine does not decide. Prints each
figure beside its limit and answers 1 when one is missed.
"""

from __future__ import annotations

import argparse
import gc
import pickle
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

import openpyxl
import xlsxwriter

from benchmarks.ingest import load
from hub import plugins
from hub.concepts_data import schemes
from hub.demo import World
from hub.demo.claims import directory_claims
from hub.model.claims import Claim
from hub.store import Store, loads_from_here
from hub.sync import connections, run
from plugins.excel.columns import COLUMNS

TIMES: Final = 1.5
RESIDENT_MB: Final = 150.0
CONNECTION: Final = "feed"


def offers(rows: int) -> Iterator[Claim]:
    """So many offers, each behind its organisatie."""
    world = World(size="M")
    left = rows
    for claim in directory_claims(world.organisations(), world.offers_of, iter(()), world.source_id):
        left -= claim.kind == "aanbod"
        yield claim
        if not left:
            return


def fill(url: str, home: Path, rows: int) -> None:
    """A hub with these offers and the connection that exports them all."""
    store = Store.open(url, home)
    loaded = plugins.load()
    store.write(lambda writer: writer.put_concepts([*schemes(), *World(size="M").concepts()]))
    load(store, offers(rows))
    connections.add(store, loaded, CONNECTION, "excel", {})
    connections.enable(store, loaded, CONNECTION)
    store.close()


def feed(url: str, home: Path, file: Path) -> tuple[float, float, int]:
    """Write the workbook; seconds of processor time, the most megabytes that were resident, and rows."""
    store, loaded = Store.open(url, home), plugins.load()
    loads_from_here()  # as `fichehub run` and the worker do
    began = time.process_time()
    report = run(store, loaded, CONNECTION, file=file)
    seconds = time.process_time() - began
    store.close()
    if report.state != "done":
        raise SystemExit(f"The feed failed: {report.reason}")
    return seconds, _peak(), report.pushed


def bare(cells: Path, file: Path) -> tuple[float, float, int]:
    """The same cells through XlsxWriter, as `feed` tells it."""
    rows: list[tuple[str | None, ...]] = pickle.loads(cells.read_bytes())
    gc.freeze()
    began = time.process_time()
    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(file, options) as book:
        header = book.add_format({"bold": True, "text_wrap": True, "valign": "top", "bottom": 1})
        text = book.add_format({"valign": "top", "quote_prefix": True})
        sheet = book.add_worksheet("Aanbod")
        for place, column in enumerate(COLUMNS):
            sheet.set_column(place, place, column.width, text)
            sheet.write_string(0, place, column.header, header)
        for number, values in enumerate(rows, start=1):
            for place, value in enumerate(values):
                if value:
                    sheet.write_string(number, place, value, text)
    return time.process_time() - began, _peak(), len(rows)


def _cells(workbook: Path, cells: Path) -> None:
    """What stands in the rows of a workbook, for the peer."""
    book = openpyxl.load_workbook(workbook, read_only=True)
    rows = list(islice(book["Aanbod"].iter_rows(values_only=True), 1, None))
    book.close()
    cells.write_bytes(pickle.dumps(rows))


def _peak() -> float:
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1024


def _apart(work: Any, *given: Any) -> Any:
    """What this answers in a process of its own."""
    with get_context("spawn").Pool(1) as pool:
        return pool.apply(work, given)


def measure(home: Path, rows: int, rounds: int) -> bool:
    """Print each figure; whether both limits are kept."""
    url = f"sqlite:///{home / 'fichehub.sqlite'}"
    if not (home / "fichehub.sqlite").exists():
        _apart(fill, url, home, rows)
    with tempfile.TemporaryDirectory(prefix="fichehub-benchmark-") as folder:
        ours, cells, theirs = (Path(folder) / name for name in ("ours.xlsx", "cells", "theirs.xlsx"))
        feeds, peers = [], []
        for number in range(rounds):
            feeds.append(_apart(feed, url, home, ours))
            if not number:
                _apart(_cells, ours, cells)
            peers.append(_apart(bare, cells, theirs))
        sizes = [file.stat().st_size / 1e6 for file in (ours, theirs)]
    (seconds, _, written), (peer, peer_peak, read) = min(feeds), min(peers)
    peak, ratio = max(each[1] for each in feeds), seconds / peer
    print(f"{written:,} offers, {len(COLUMNS)} columns; {sizes[0]:.1f} MB, XlsxWriter's {sizes[1]:.1f} MB")
    kept = [
        _line("processor time of the feed", f"{seconds:.2f} s", None, "walk, projection, rows, sorting and file"),
        _line("bare XlsxWriter, the same cells", f"{peer:.2f} s", None, f"{peer_peak:.0f} MB with the cells in memory"),
        _line("ratio", f"{ratio:.2f}", ratio <= TIMES, f"limit {TIMES:g}"),
        _line("resident memory of the feed", f"{peak:.0f} MB", peak <= RESIDENT_MB, f"limit {RESIDENT_MB:.0f}"),
        _line("rows", f"{written:,}", written == read, "as many as can be read back"),
    ]
    return all(kept)


def _line(name: str, value: str, fine: bool | None, note: str) -> bool:
    verdict = "" if fine is None else "good" if fine else "MISSED"
    print(f"{name:34} {value:>12}  {verdict:6}  {note}")
    return fine is not False


def main() -> int:
    """Run, print, and answer 1 when a limit is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=60_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--home", type=Path, help="where the offers are kept for the next time")
    chosen = parser.parse_args()
    if chosen.home is not None:
        chosen.home.mkdir(parents=True, exist_ok=True)
        return 0 if measure(chosen.home, chosen.rows, chosen.rounds) else 1
    with tempfile.TemporaryDirectory(prefix="fichehub-benchmark-") as home:
        return 0 if measure(Path(home), chosen.rows, chosen.rounds) else 1


if __name__ == "__main__":
    sys.exit(main())
