"""The real server: two worker processes, ready when it says so, one sum of all their counts, gone when asked to stop."""

from __future__ import annotations

import json
import multiprocessing
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from hub.errors import Misconfigured
from hub.store import Store
from hub.web import server

PROGRAM = """
import sys
from pathlib import Path
from hub.web import Settings, server
server.serve(sys.argv[1], Path(sys.argv[2]), Settings(), port=int(sys.argv[3]), on_ready=lambda url: print("Ready:", url, flush=True))
"""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _get(url: str) -> tuple[int, bytes]:
    with urllib.request.urlopen(url, timeout=10) as response:
        return response.status, response.read()


def test_a_line_of_the_log_is_json_whatever_stands_in_it() -> None:
    line = server._line({"event": "plugin left out", "reason": "cannot read caf\udce9.json", "what": object, "none": float("nan")})
    assert json.loads(line)["reason"] == "cannot read caf\udce9.json"
    assert b"\n" not in line


def test_it_serves_when_it_says_so_and_stops_when_asked(tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path / 'fichehub.sqlite'}"
    store = Store.open(database, tmp_path)
    store.close()
    port = _free_port()
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, database, str(tmp_path), str(port)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == f"Ready: http://127.0.0.1:{port}\n"
        for _ in range(20):
            assert _get(f"http://127.0.0.1:{port}/api/v1/places")[0] == 200
        _, text = _get(f"http://127.0.0.1:{port}/metrics")
        counted = re.findall(rb'fichehub_requests_total\{.*?/places".*?\} ([0-9.]+)', text)
        assert sum(map(float, counted)) == 20.0  # whichever worker is asked knows of all
    finally:
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=20)
    assert process.returncode == 0
    lines = [json.loads(line) for line in errors.splitlines() if line.startswith("{")]
    assert {"route", "status", "ms", "timestamp"} <= next(line for line in lines if line.get("event") == "request").keys()


def test_a_port_that_is_taken_is_said_in_plain_words(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(Misconfigured, match="choose another port"):
            server.serve(f"sqlite:///{tmp_path / 'x'}", tmp_path, port=taken.getsockname()[1])
    assert multiprocessing.active_children() == []


@pytest.mark.parametrize("failure", ["sys.exit(0)", "raise RuntimeError('no such thing')", "os._exit(0)"])
def test_a_server_whose_workers_cannot_start_says_so_and_why(tmp_path: Path, failure: str) -> None:
    """Also where a worker cannot say it any more."""
    database = f"sqlite:///{tmp_path / 'fichehub.sqlite'}"
    Store.open(database, tmp_path).close()
    broken = f"import os\ndef fail(*_):\n    {failure}\nserver.application = fail\nserver.serve("
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.replace("server.serve(", broken), database, str(tmp_path), str(_free_port())],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        timeout=60,
    )
    assert done.returncode == 1
    assert "Misconfigured: The server has ended, because its workers did" in done.stderr
    lines = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]
    assert "Worker crash loop detected, exiting" in [line["event"] for line in lines]
    if "_exit" not in failure:
        (told, *_) = (line for line in lines if line["event"] == "worker cannot start")
        assert told["level"] == "error" and told["reason"].startswith(("SystemExit: 0", "RuntimeError: no such thing"))
