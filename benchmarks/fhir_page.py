"""A FHIR page of 20 organisations, and one alone, through the real server, cold and from memory, beside the same bytes straight from a table.

    python benchmarks/fhir_page.py --home DIR --size 5000

All three run one after the other in the same run: granian with one worker of one blocking thread, the same client, the same database and driver. Rates
and processor time (of the server's process) are for orientation; the ratios and the processor time of a page have limits, and so has what XML costs
more than JSON. Answers 1 when a limit was missed.
"""

from __future__ import annotations

import argparse
import gc
import http.client
import logging
import multiprocessing
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import flask
import orjson
import psutil
import structlog
from granian import Granian
from granian.constants import Interfaces
from sqlalchemy import create_engine, insert, text

from hub import plugins as loading
from hub.concepts_data import schemes
from hub.hookspecs import hookimpl
from hub.model.claims import Claim
from hub.store import Store
from hub.store.tables import connection
from hub.web import Settings, create_app
from plugins.fhir.connector import Fhir
from plugins.fhir.routes import make_blueprint

COLD, WARM, CPU_MS, XML = 1 / 8, 1 / 3, 3.0, 3.0
TOWNS = (("9000", "Gent"), ("2000", "Antwerpen"), ("3000", "Leuven"), ("8000", "Brugge"), ("3500", "Hasselt"))
KINDS = ("Huisartsenpraktijk", "Woonzorgcentrum", "Apotheek", "Dienst voor gezinszorg")
TYPES = ("orgpractice", "orgretirementhome", "orgpharmacy")
MODES = ("table", "cold", "warm")
JSON_FORM, XML_FORM = "application/fhir+json", "application/fhir+xml"


class Cold(Fhir):
    """The endpoint without its memory."""

    @classmethod
    def blueprint(cls) -> flask.Blueprint:
        return make_blueprint(remembered=0)


class OnePlugin:
    """Brings one endpoint."""

    def __init__(self, endpoint: type[Fhir]) -> None:
        self.endpoint = endpoint

    @hookimpl
    def register_connectors(self) -> list[type[Fhir]]:
        """That endpoint."""
        return [self.endpoint]


def claims(size: int) -> Iterator[Claim]:
    """Organisations of two sites each, with what a real one has."""
    for number in range(size):
        postcode, town = TOWNS[number % len(TOWNS)]
        kind, type_ = KINDS[number // 5 % len(KINDS)], TYPES[number // 20 % len(TYPES)]
        content: dict[str, Any] = {
            "kind": "organisatie",
            "names": [{"text": {"nl": f"{kind} nummer {number}", "fr": f"Cabinet numéro {number}"}}],
            "status": {"status": "active"},
            "types": [{"scheme": "cd-hcparty", "code": type_}],
            "identifiers": [{"system": "sociale-kaart-nummer", "value": str(number)}],
            "contacts": [
                {"kind": "phone", "value": "+3290000000", "primary": True},
                {"kind": "email", "value": f"info.{number}@example.org"},
                {"kind": "website", "value": f"https://nummer-{number}.example.org"},
            ],
            "vestigingen": [
                {
                    "keys": [f"sociale-kaart:{number}-{site}"],
                    "addresses": [
                        {
                            "type": "visit",
                            "street": {"nl": "Kerkstraat"},
                            "house_number": str(number % 300 + site),
                            "postcode": postcode,
                            "city": {"nl": town},
                        }
                    ],
                }
                for site in (0, 1)
            ],
        }
        if number % 10:
            content["parent"] = {"source": "sociale-kaart", "external_id": str(number - number % 10)}
        yield Claim("sociale-kaart", str(number), 1, "organisatie", content)


def searches() -> list[str]:
    """Name, place and type: each has many more than one page."""
    return [
        f"/fhir/Organization?name={quote(kind.split()[0].lower())}&address-postalcode={postcode}&type={type_}"
        for kind in KINDS
        for postcode, _ in TOWNS
        for type_ in TYPES
    ]


def fill(url: str, home: Path, size: int) -> None:
    """A hub of so many organisations, with the FHIR endpoint open to everybody."""
    store = Store.open(url, home)
    store.write(lambda writer: writer.put_concepts(schemes()))
    batch: list[Claim] = []
    for claim in claims(size):
        batch.append(claim)
        if len(batch) == 500:
            store.write(lambda writer, these=tuple(batch): writer.put(these, origin="benchmark"))  # type: ignore[misc]
            batch.clear()
    store.write(lambda writer: writer.put(batch, origin="benchmark"))
    row = {
        "name": "fhir",
        "connector": "fhir",
        "config": b"{}",
        "state": "enabled",
        "partner": "",
        "created_at": "2026-11-22T09:00:00Z",
    }
    store.write(lambda writer: writer.connection.execute(insert(connection).values(row)))
    store.close()


def build(url: str, home: Path, size: int) -> None:
    """Fill the hub, and the table with the very pages that it answers."""
    fill(url, home, size)
    client = hub_app(url, home, Fhir).test_client()
    engine = create_engine(url)
    with engine.begin() as writing:
        writing.execute(text("CREATE TABLE stored_page (path TEXT PRIMARY KEY, body BLOB NOT NULL)"))
        for path in searches():
            body = client.get(path).data
            if body.count(b'"fullUrl"') != 20:
                raise SystemExit(f"{path} has no full page; give a larger --size")
            keep = text("INSERT INTO stored_page VALUES (:path, :body) ON CONFLICT DO NOTHING")
            writing.execute(keep, {"path": path, "body": body})
            one = f"/fhir/Organization/{orjson.loads(body)['entry'][0]['resource']['id']}"
            writing.execute(keep, {"path": one, "body": client.get(one).data})
    engine.dispose()


def reads(url: str) -> list[str]:
    """The addresses of single organisations that the table holds too."""
    engine = create_engine(url)
    with engine.connect() as reading:
        paths = list(reading.execute(text("SELECT path FROM stored_page WHERE path NOT LIKE '%?%'")).scalars())
    engine.dispose()
    return paths


def hub_app(url: str, home: Path, endpoint: type[Fhir]) -> flask.Flask:
    """The hub with this endpoint; as served, but for its log and its limits."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    found = loading.load([("fhir", OnePlugin(endpoint))], installed=False)
    app = create_app(Store.open(url, home), found, Settings(requests_per_second=1e9, burst=10**9))
    gc.collect()
    gc.freeze()
    return app


def table_app(url: str, home: Path) -> Callable[..., Iterable[bytes]]:
    """The same bytes straight from a table, through the store's own connections."""
    store = Store.open(url, home)
    page = text("SELECT body FROM stored_page WHERE path = :path")
    gc.collect()
    gc.freeze()

    def application(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
        path = "?".join(filter(None, (environ["PATH_INFO"], environ["QUERY_STRING"])))
        with store.read() as reading:
            body = reading.execute(page, {"path": path}).scalar_one()
        start_response("200 OK", [("Content-Type", "application/fhir+json"), ("Content-Length", str(len(body)))])
        return [body]

    return application


def load(mode: str, url: str, home: Path) -> Any:
    """The application of one worker."""
    return table_app(url, home) if mode == "table" else hub_app(url, home, Cold if mode == "cold" else Fhir)


def serve(mode: str, url: str, home: Path, port: int) -> None:
    """One of the three, until it is ended."""
    server = Granian(
        "benchmark",
        address="127.0.0.1",
        port=port,
        interface=Interfaces.WSGI,
        workers=1,
        blocking_threads=1,
        log_enabled=False,
    )
    server.serve(target_loader=partial(_load, mode, url, home), wrap_loader=False)


def _load(mode: str, url: str, home: Path) -> Any:
    return load(mode, url, home)


@dataclass(frozen=True, slots=True)
class Cost:
    """What one kind of request cost: requests a second, and milliseconds of the server's processor and of waiting (the median) for each."""

    rate: float
    cpu: float
    median: float


def measure(mode: str, url: str, home: Path, seconds: float) -> dict[str, Cost]:
    """What pages, pages as XML (not of the table) and single reads cost one client on one connection."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(mode, url, home, port))
    server.start()
    try:
        client = _connected(port)
        parent = psutil.Process(server.pid)
        tree = [parent, *parent.children(recursive=True)]
        found = {"page": _cost(client, tree, searches(), JSON_FORM, seconds)}
        if mode != "table":
            found["page as XML"] = _cost(client, tree, searches(), XML_FORM, seconds)
        return {**found, "read": _cost(client, tree, reads(url), JSON_FORM, seconds)}
    finally:
        server.terminate()
        server.join(20)


def _cost(client: http.client.HTTPConnection, tree: list[psutil.Process], paths: list[str], form: str, seconds: float) -> Cost:
    for path in paths:
        _ask(client, path, form)
    before, start, times = _processor(tree), time.perf_counter(), []
    while time.perf_counter() - start < seconds:
        for path in paths:
            asked = time.perf_counter()
            _ask(client, path, form)
            times.append(time.perf_counter() - asked)
    elapsed = time.perf_counter() - start
    spent = _processor(tree) - before
    return Cost(len(times) / elapsed, 1000 * spent / len(times), 1000 * statistics.median(times))


def _connected(port: int) -> http.client.HTTPConnection:
    deadline = time.monotonic() + 60
    while True:
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        try:
            client.connect()
            _ask(client, searches()[0], JSON_FORM)
            return client
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def _ask(client: http.client.HTTPConnection, path: str, form: str) -> None:
    client.request("GET", path, headers={"Accept": form})
    response = client.getresponse()
    body = response.read()
    mark = b'"fullUrl"' if form == JSON_FORM else b"<fullUrl "
    whole = body.count(mark) == 20 if "?" in path else b"Organization" in body
    if response.status != 200 or not whole:
        raise SystemExit(f"{path}: {response.status} {body[:300]!r}")


def _processor(tree: list[psutil.Process]) -> float:
    return sum(sum(process.cpu_times()[:2]) for process in tree)


def main() -> int:
    """Build, measure, compare."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--home", type=Path, help="keep the database here (default: a temporary folder)")
    parser.add_argument("--size", type=int, default=5_000, help="organisations (default 5000)")
    parser.add_argument("--seconds", type=float, default=3.0, help="per measurement (default 3)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        home = (arguments.home or Path(temporary)) / f"fhir-page-{arguments.size}"
        url = f"sqlite:///{home / 'fichehub.sqlite'}"
        if not home.exists():
            home.mkdir(parents=True)
            build(url, home, arguments.size)
        found = {mode: measure(mode, url, home, arguments.seconds) for mode in MODES}
    for mode, costs in found.items():
        for what, cost in costs.items():
            print(f"{mode:>6} {what:<12} {cost.rate:8.0f}/s   {cost.cpu:6.2f} ms processor   {cost.median:6.2f} ms median")
    table, cold, warm = (found[mode] for mode in MODES)
    for mode in ("cold", "warm"):
        print(f"read, {mode}, of the rate of the table: {found[mode]['read'].rate / table['read'].rate:.3f}")
    missed = False
    for what, value, limit, most in (
        ("page, cold, of the rate of the table", cold["page"].rate / table["page"].rate, COLD, False),
        ("page, from memory, of the rate of the table", warm["page"].rate / table["page"].rate, WARM, False),
        ("processor milliseconds of a cold page", cold["page"].cpu, CPU_MS, True),
        ("XML, processor time of that of JSON, cold", cold["page as XML"].cpu / cold["page"].cpu, XML, True),
        ("XML, processor time of that of JSON, from memory", warm["page as XML"].cpu / warm["page"].cpu, XML, True),
    ):
        good = value <= limit if most else value >= limit
        print(f"{what}: {value:.3f} (limit {limit:.3f}) {'ok' if good else 'MISSED'}")
        missed = missed or not good
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
