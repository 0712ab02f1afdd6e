"""What the benchmarks of loading share: simulators in processes of their own, installations connected to them, runs as the command line makes them."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final, Literal

import orjson
import psutil

from benchmarks.copying import kept_postgres
from hub import World, concepts_data, plugins
from hub.outbound import ALLOW_PRIVATE
from hub.store import Store
from hub.sync import connections
from hub.testing.simulator import Simulator

ROOT: Final = Path(__file__).resolve().parents[1]
DATABASE: Final = "fichehub"
"""The name of the database on PostgreSQL."""
_LOOK, _LOOK_AT_SERVERS = 0.1, 1.0


class Outside:
    """A simulated system that serves over HTTP in a process of its own."""

    def __init__(self, kind: str, size: str, options: dict[str, Any]) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(kind, size, options, theirs), daemon=True)
        self._process.start()
        theirs.close()
        self.config: dict[str, Any] = self._pipe.recv()

    def call(self, deed: Literal["edit", "writes"], **arguments: Any) -> int:
        """Let the process do `_edit`, or nothing; the answer is what `_writes` says then."""
        self._pipe.send((deed, arguments))
        return int(self._pipe.recv())

    def processor(self) -> float:
        """Seconds of processor time that it has taken so far."""
        times = psutil.Process(self._process.pid).cpu_times()
        return float(times.user + times.system)

    def stop(self) -> None:
        """End it."""
        self._pipe.close()
        self._process.join(10)
        if self._process.is_alive():
            self._process.kill()


@contextmanager
def outside(kind: str, size: str = "L", **options: Any) -> Iterator[Outside]:
    """The simulator of the connector `kind`, showing a world of this size; `options` are those of the simulator."""
    system = Outside(kind, size, options)
    try:
        yield system
    finally:
        system.stop()


def _serve(kind: str, size: str, options: dict[str, Any], pipe: Connection) -> None:
    found = plugins.load().connectors[kind].simulator
    assert found is not None
    with found(World(size=size), size=size, **options) as simulator:  # type: ignore[arg-type]
        pipe.send(simulator.config())
        while True:
            try:
                deed, arguments = pipe.recv()
            except EOFError:
                return
            if deed == "edit":
                _edit(simulator, **arguments)
            pipe.send(_writes(simulator))


def _edit(simulator: Any, first: int, rounds: int, changes: int, known: int) -> None:
    """Round after round, so many caregivers, evenly over those known, speak another language beside Dutch.

    The same rounds in a new process are the same edits, so that a cursor into them is good there too.
    """
    for turn in range(first, first + rounds):
        for number in range(changes):
            (person,) = simulator.world.register_persons(number * (known // changes), 1)
            simulator.edit(person.riziv[:8], languages=["nl", ("de", "fr")[turn % 2]])


def _writes(simulator: Simulator) -> int:
    """How many requests were not GET, of the last 10,000."""
    return sum(not request.startswith("GET ") for request in simulator.requests)


@contextmanager
def database(engine: str, home: Path) -> Iterator[str]:
    """The URL of the database that an installation in `home` has; it stays there."""
    home.mkdir(parents=True, exist_ok=True)
    if engine == "sqlite":
        yield f"sqlite:///{home / 'fichehub.sqlite'}"
        return
    home.chmod(0o755)  # PostgreSQL's own user goes through it
    with kept_postgres(home) as server:
        server.ensure(DATABASE)
        yield server.url(DATABASE)


def connect(url: str, home: Path, kind: str, config: dict[str, Any]) -> None:
    """Set up and enable the connection of the name of its connector, or lead the one that is there to where the simulator is now."""
    os.environ[ALLOW_PRIVATE] = "1"
    store, loaded = Store.open(url, home), plugins.load()
    try:
        if kind in {known.name for known in connections.list_all(store, loaded)}:
            connections.configure(store, loaded, kind, config=config)
        else:
            brought = (*concepts_data.schemes(), *loaded.concepts)
            store.write(lambda writer: writer.put_concepts(brought))
            connections.add(store, loaded, kind, kind, config)
        connections.enable(store, loaded, kind)
    finally:
        store.close()


@dataclass(frozen=True, slots=True)
class Cost:
    """What a run said and took: seconds, processor seconds of the loading process and of the database's, the most resident memory in MB."""

    report: dict[str, Any]
    seconds: float
    processor: float
    database: float
    peak: float


class Running:
    """`fichehub run` in a process of its own."""

    def __init__(self, url: str, home: Path, name: str, *options: str) -> None:
        where = {"FICHEHUB_HOME": str(home), "FICHEHUB_DATABASE_URL": url, ALLOW_PRIVATE: "1"}
        self._serving = not url.startswith("sqlite")
        self._served: dict[int, float] = {}
        self._look_at_servers()
        self._before = sum(self._served.values())
        self._began = time.perf_counter()
        self._process = psutil.Popen(
            [sys.executable, "-m", "hub.cli", "run", name, "--json", *options],
            cwd=ROOT, env={**os.environ, **where}, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self._peak = 0.0
        self._spent = 0.0

    def alive(self) -> bool:
        """Whether it is still at work; looks at what it has taken so far."""
        try:
            times = self._process.cpu_times()
            status = Path(f"/proc/{self._process.pid}/status").read_text()
        except (psutil.Error, OSError):
            return self._process.poll() is None
        self._spent = max(self._spent, times.user + times.system)
        for line in status.splitlines():
            if line.startswith("VmHWM:"):
                self._peak = max(self._peak, int(line.split()[1]) * 1024 / 1e6)
        if time.perf_counter() - self._looked > _LOOK_AT_SERVERS:
            self._look_at_servers()
        return self._process.poll() is None

    def wait(self) -> Cost:
        """Its cost, once it has ended. Raises RuntimeError when the run failed."""
        while self.alive():
            time.sleep(_LOOK)
        seconds = time.perf_counter() - self._began
        said = self._process.communicate()[0]
        report = orjson.loads(said) if said.startswith(b"{") else {}
        if report.get("state") != "done":
            raise RuntimeError(f"The run did not end well: {report.get('reason') or said.decode()[-500:]}")
        return Cost(report, seconds, self._spent, sum(self._served.values()) - self._before, self._peak)

    def _look_at_servers(self) -> None:
        """The processes that serve the database, each as long as it lives: they end with the connection that they are for."""
        self._looked = time.perf_counter()
        for process in psutil.process_iter(["cmdline", "cpu_times"]) if self._serving else ():
            line = " ".join(process.info["cmdline"] or ())
            if line.startswith("postgres:") and f" {DATABASE} " in f"{line} ":
                self._served[process.pid] = process.info["cpu_times"].user + process.info["cpu_times"].system
