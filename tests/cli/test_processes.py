"""Commands that run until they are stopped, as processes of their own."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from tests.cli.conftest import CommandLine

_SECONDS = 60


@contextmanager
def started(home: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """The command, running, in a session of its own; it is stopped with all that it started, and waited for."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FICHEHUB_")}
    process = subprocess.Popen(
        [sys.executable, "-m", "hub.cli", "--home", str(home), *arguments],
        env={**kept, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A suite in the background of a shell is deaf to SIGINT, and its children would be.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        start_new_session=True,
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # with the children that a failed test left behind
        process.communicate(timeout=_SECONDS)


def first_line(process: subprocess.Popen[str]) -> str:
    """What it says first; it must say something."""
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, process.stderr.read() if process.stderr else ""
    return line.strip()


def stopped(process: subprocess.Popen[str], number: int) -> str:
    """What it says on standard error when it is told to stop, which it must do without complaint."""
    process.send_signal(number)
    said = process.communicate(timeout=_SECONDS)[1]
    assert process.returncode == 0, said
    return said


def test_a_simulator_serves_with_its_faults_until_interrupted(tmp_path: Path) -> None:
    with started(tmp_path, "simulate", "sociale-kaart", "--fault", "rate-limit=7") as process:
        address = first_line(process).rpartition(" ")[2]
        with urlopen(f"{address}/_faults", timeout=_SECONDS) as answer:
            assert [fault["name"] for fault in json.load(answer)["faults"] if fault["on"]] == ["rate-limit"]
        off = Request(f"{address}/_faults", json.dumps({"name": "rate-limit", "on": False}).encode())
        with urlopen(off, timeout=_SECONDS) as answer:
            assert not any(fault["on"] for fault in json.load(answer)["faults"])
        assert stopped(process, signal.SIGINT) == ""


def test_who_stops_reading_is_told_nothing(tmp_path: Path) -> None:
    with started(tmp_path, "plugins") as process:
        assert process.stdout is not None
        process.stdout.close()
        process.stdout = None
        assert (process.communicate(timeout=_SECONDS)[1], process.returncode) == ("", 1)


def test_the_faults_of_a_simulator_are_listed(fichehub: CommandLine) -> None:
    listed = fichehub.ok("simulate", "sociale-kaart", "--faults")
    assert {"cut-off", "rate-limit", "server-error", "slow"} <= {line.split()[0] for line in listed.splitlines()}
    assert all(line.rstrip().endswith(".") for line in listed.splitlines())


def test_an_unknown_fault_is_named_with_those_that_there_are(fichehub: CommandLine) -> None:
    result = fichehub("simulate", "sociale-kaart", "--fault", "earthquake")
    assert result.exit_code == 2
    assert "earthquake" in result.output
    assert "rate-limit" in result.output


def test_the_worker_stops_when_told_to(fichehub: CommandLine) -> None:
    with started(fichehub.home, "work") as process:
        assert first_line(process).startswith("Working.")
        assert stopped(process, signal.SIGTERM) == ""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _ready(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    for line in iter(process.stdout.readline, ""):
        if line.startswith("Ready: "):
            return
    raise AssertionError(process.communicate(timeout=_SECONDS)[1])


@pytest.mark.parametrize("command", [("up", "--no-demo"), ("serve", "--workers", "2")])
def test_who_is_killed_leaves_no_children_and_no_taken_port(tmp_path: Path, command: tuple[str, ...]) -> None:
    port = _free_port()
    with started(tmp_path, *command, "--port", str(port)) as process:
        _ready(process)
        process.kill()
        process.communicate(timeout=_SECONDS)  # returns when nobody has its output open any more, and all its children have
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))


def test_who_finds_the_port_taken_by_the_same_home_is_told_by_which_process(tmp_path: Path) -> None:
    port = _free_port()
    with started(tmp_path, "serve", "--port", str(port)) as process:
        _ready(process)
        with started(tmp_path, "up", "--port", str(port)) as second:
            said = second.communicate(timeout=_SECONDS)[1]
            assert (second.returncode, f"kill {process.pid}" in said) == (1, True), said
        stopped(process, signal.SIGTERM)
    assert not list(tmp_path.glob("serving-*"))


def test_who_finds_the_port_taken_by_somebody_else_is_told_how_to_find_out(fichehub: CommandLine) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        (fichehub.home / f"serving-{port}.pid").write_text("not a number")
        said = fichehub.refused("up", "--port", str(port))
        assert f"lsof -nP -iTCP:{port}" in said
        assert "Another Fichehub may still run there" in said
        assert "--port" in said
