"""`$export` of a large register: its memory, its rate beside the plain read of the same rows, and that a download that broke off goes on.

    python -m benchmarks.fhir_export --home DIR --size 50000
    python -m benchmarks.fhir_export --home DIR --size 800000

Some caregivers go through the hub; their rows are then copied inside the database, each with an id of its own, until there are so many. The server is
that of `fichehub serve`. Answers 1 when a worker took more memory than it may, or a resource was lost or came twice.
"""

from __future__ import annotations

import argparse
import http.client
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson
import psutil
from sqlalchemy import Connection, insert, text

from benchmarks.fhir_peers import ours, running_ours
from hub.concepts_data import schemes
from hub.model.claims import Claim
from hub.store import Store
from hub.store.bulk import Bulk
from hub.store.tables import connection

RESIDENT_MB = 150.0
ORIGINALS = 2_000
AT_ONCE = 500
PATIENCE = 600
"""Seconds that a download waits for more: whoever shares the machine may hold everything up."""
TOWNS = (("9000", "Gent"), ("2000", "Antwerpen"), ("3000", "Leuven"), ("8000", "Brugge"), ("3500", "Hasselt"))
FAMILIES = ("Peeters", "Janssens", "Maes", "Jacobs", "Mertens", "Willems", "Claes", "Goossens", "Wouters", "De Smet")
GIVEN = ("An", "Bart", "Els", "Dirk", "Griet", "Jan", "Katrien", "Luc", "Mieke", "Piet", "Sofie", "Tom")
PROFESSIONS = ("persphysician", "persnurse", "persphysiotherapist", "persdentist")
_LAST_ID = re.compile(rb'"resourceType":"Practitioner","id":"([0-9a-f-]{36})"')


def caregivers(count: int) -> Iterator[Claim]:
    """Caregivers with what a register knows of each."""
    for number in range(count):
        postcode, town = TOWNS[number % len(TOWNS)]
        content: dict[str, Any] = {
            "kind": "zorgverlener",
            "name": {"family": FAMILIES[number % len(FAMILIES)], "given": [GIVEN[number // 10 % len(GIVEN)]]},
            "status": {"status": "active"},
            "professions": [{"scheme": "cd-hcparty", "code": PROFESSIONS[number % len(PROFESSIONS)]}],
            "identifiers": [{"system": "progezondheid-id", "value": str(number)}],
            "languages": ["nl"],
            "addresses": [
                {
                    "type": "practice",
                    "street": {"nl": "Kerkstraat"},
                    "house_number": str(number % 300 + 1),
                    "postcode": postcode,
                    "city": {"nl": town},
                    "visibility": "public",
                }
            ],
        }
        yield Claim("progezondheid", str(number), 1, "zorgverlener", content)


def fill(url: str, home: Path, size: int) -> None:
    """A hub with so many caregivers."""
    store = Store.open(url, home)
    store.write(lambda writer: writer.put_concepts(schemes()))
    outcome = store.write(lambda writer: writer.put(list(caregivers(min(ORIGINALS, size))), origin="benchmark"))
    if outcome.rejected:
        raise SystemExit(f"{outcome.rejected[0]}")
    row = {
        "name": "fhir",
        "connector": "fhir",
        "config": b"{}",
        "state": "enabled",
        "partner": "",
        "created_at": "2026-11-22T09:00:00Z",
    }
    store.write(lambda writer: writer.connection.execute(insert(connection).values(row)))
    for copy in range(1, -(-size // ORIGINALS)):
        store.write(lambda writer, copy=copy: _copied(writer.connection, copy, size - copy * ORIGINALS))  # type: ignore[misc]
    store.close()


def _copied(writing: Connection, copy: int, most: int) -> None:
    """The originals once more, at most so many, as other caregivers."""
    away = copy * ORIGINALS
    other = "substr(uuid, 1, 24) || printf('%012x', id + :away)"
    for sql in (
        f"INSERT INTO entity SELECT id + :away, {other}, type, fiche_id + :away, moved_to FROM entity WHERE id <= :last",
        (
            "INSERT INTO fiche SELECT f.id + :away, kind, state, level, version, digest,"
            f" CAST(replace(CAST(document AS TEXT), e.uuid, (SELECT {other} FROM entity o WHERE o.id = e.id)) AS BLOB), provenance, conflicts"
            " FROM fiche f JOIN entity e ON e.id = f.id WHERE f.id <= :last"
        ),
        (
            "INSERT INTO claim SELECT id + :away, source_id, 'c' || :away || '-' || external_id, partner, fiche_id + :away, revision, digest, gone, content,"
            " home_id, at FROM claim WHERE id <= :last"
        ),
        (
            "INSERT INTO entry SELECT id + :away, entity_id + :away, fiche_id + :away, type, partner, level, name, umbrella, lat, lon FROM entry"
            " WHERE id <= :last"
        ),
        (
            "INSERT INTO change SELECT seq + :away, at, entity_id + :away, fiche_id + :away, type, operation, origin, fields, audience, was, now, version,"
            " partner, tx_end + :away FROM change WHERE seq <= :last"
        ),
        "UPDATE counter SET n = (SELECT max(seq) FROM change) WHERE name = 'change'",
    ):
        given = {"away": away, "last": min(ORIGINALS, most)}
        writing.execute(text(sql), given if ":away" in sql else {})


def plainly_read(url: str, home: Path) -> tuple[int, float]:
    """(rows, seconds): the documents of all caregivers with their last change, some hundreds at a time, as the driver gives them."""
    store = Store.open(url, home)
    sql = (
        "SELECT n.id, e.uuid, f.document, c.seq, c.at FROM entry n JOIN entity e ON e.id = n.entity_id JOIN fiche f ON f.id = n.fiche_id"
        " JOIN change c ON c.seq = (SELECT max(seq) FROM change WHERE entity_id = n.entity_id)"
        " WHERE n.type = 'zorgverlener' AND n.id > ? ORDER BY n.id LIMIT ?"
    )
    start, count, last = time.perf_counter(), 0, 0
    while True:
        with store.read() as reading:
            rows = Bulk(reading).rows(sql, last, AT_ONCE)
        count += len(rows)
        if len(rows) < AT_ONCE:
            break
        last = rows[-1][0]
    elapsed = time.perf_counter() - start
    store.close()
    return count, elapsed


class Download:
    """One export over HTTP: how much came, what came last, and the most memory that a process of the server took meanwhile."""

    def __init__(self, port: int, server: psutil.Process) -> None:
        self._port = port
        self._workers = [server, *server.children(recursive=True)]
        self.lines = self.bytes = 0
        self.last = ""
        self.resident = 0.0

    def began(self) -> str:
        """Kick off an export of Practitioners; the address of its file."""
        head, _ = self._get("/fhir/Practitioner/$export", Prefer="respond-async", Accept="application/fhir+json")
        _, manifest = self._get(_path(head["Content-Location"]))
        return _path(orjson.loads(manifest)["output"][0]["url"])

    def take(self, path: str, stop_at: int | None = None) -> None:
        """Read the file to its end, or break off after so many lines and the half of another."""
        line = http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE)
        line.request("GET", path)
        answer = line.getresponse()
        if answer.status != 200:
            raise SystemExit(f"{path}: {answer.status} {answer.read(500)!r}")
        rest = b""
        while piece := answer.read1(1 << 20):
            self.bytes += len(piece)
            whole, _, rest = (rest + piece).rpartition(b"\n")
            if whole:
                self.lines += whole.count(b"\n") + 1
                self.last = _LAST_ID.findall(whole)[-1].decode()
            if self.lines % 7 == 0:
                self.resident = max(self.resident, *(each.memory_info().rss / 1e6 for each in self._workers))
            if stop_at is not None and self.lines >= stop_at:
                break
        if rest and stop_at is None:
            raise SystemExit("The file ends in the middle of a line.")
        line.close()

    def _get(self, path: str, **headers: str) -> tuple[Any, bytes]:
        line = http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE)
        line.request("GET", path, headers=headers)
        answer = line.getresponse()
        found = answer.headers, answer.read()
        if answer.status not in (200, 202):
            raise SystemExit(f"{path}: {answer.status} {found[1]!r}")
        return found


def _path(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.path}?{parts.query}"


def main() -> int:
    """Fill, export, break off, go on, compare."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--home", type=Path, help="keep the database here (default: a temporary folder)")
    parser.add_argument("--size", type=int, default=50_000, help="caregivers (default 50000)")
    arguments = parser.parse_args()
    size: int = arguments.size
    with tempfile.TemporaryDirectory() as temporary:
        home: Path = (arguments.home or Path(temporary)) / f"fhir-export-{size}"
        url = f"sqlite:///{home / 'fichehub.sqlite'}"
        if not home.exists():
            home.mkdir(parents=True)
            start = time.perf_counter()
            fill(url, home, size)
            print(f"built {size:,} caregivers in {time.perf_counter() - start:.0f} s")
        rows, plain = plainly_read(url, home)
        with running_ours(ours, url, home, "/fhir/Practitioner?_count=1") as (port, server):
            before = max(each.memory_info().rss / 1e6 for each in (server, *server.children(recursive=True)))
            download = Download(port, server)
            file = download.began()
            start = time.perf_counter()
            download.take(file, stop_at=size // 2)
            first = download.lines
            download.take(f"{file}&_after={download.last}")
            elapsed = time.perf_counter() - start
    print(f"plain read: {rows:,} rows, {rows / plain:,.0f}/s")
    print(
        f"$export: {download.lines:,} resources ({download.bytes / 1e6:,.0f} MB), {download.lines / elapsed:,.0f}/s, {elapsed:.0f} s,"
        f" broken off after {first:,}; a {rows / plain / (download.lines / elapsed):.1f}th of the plain read"
    )
    whole, small = download.lines == size == rows, download.resident <= RESIDENT_MB
    print(f"resident, largest process: {download.resident:.0f} MB, {before:.0f} before (limit {RESIDENT_MB:.0f}) {'ok' if small else 'MISSED'}")
    print(f"each resource once: {'ok' if whole else 'MISSED'}")
    return 0 if whole and small else 1


if __name__ == "__main__":
    sys.exit(main())
