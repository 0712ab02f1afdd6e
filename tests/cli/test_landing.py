"""What a partner's answers were, for somebody who looks into a run."""

from __future__ import annotations

import hashlib
import stat
import zlib
from pathlib import Path

import pytest

from hub.store import Store
from hub.sync import landing
from hub.sync.wire import Landed
from tests.cli.conftest import CommandLine

_BODIES = (b'{"items": [1]}', b"\x00no text")


def _keep(store: Store, run_id: int, body: bytes) -> None:
    came = Landed("https://partner.example.org/rows", hashlib.sha256(body).hexdigest(), zlib.compress(body))
    store.write(lambda writer: landing.keep(writer.connection, "book", run_id, [came], "2026-11-22T09:00:00Z"))


@pytest.fixture
def looked_into(filled: CommandLine) -> CommandLine:
    filled.ok("connections", "add", "book", "excel")
    store = Store.open(f"sqlite:///{filled.home / 'fichehub.sqlite'}", filled.home)
    for run_id, body in enumerate(_BODIES, 7):
        _keep(store, run_id, body)
    store.close()
    return filled


def test_nothing_is_kept_unless_somebody_says_so(filled: CommandLine) -> None:
    filled.ok("connections", "add", "book", "excel")
    assert "fichehub connections keep-raw book DAYS" in filled.ok("connections", "raw", "book")
    assert filled.json("connections", "raw", "book") == []
    assert filled.ok("connections", "keep-raw", "book", "7") == "What book brings is kept for 7 days.\n"
    assert "0 to 90" in filled.refused("connections", "keep-raw", "book", "365")


def test_what_came_is_listed_and_written_byte_by_byte(looked_into: CommandLine, tmp_path: Path) -> None:
    listed = looked_into.json("connections", "raw", "book")
    assert [(row["run"], row["bytes"], row["file"]) for row in listed] == [(7, 14, None), (8, 8, None)]
    assert listed[0]["address"] == "https://partner.example.org/rows" and listed[0]["at"] == "2026-11-22T09:00:00Z"
    written = looked_into.json("connections", "raw", "book", "--output", str(tmp_path))
    files = [Path(row["file"]) for row in written]
    assert [file.read_bytes() for file in files] == [*_BODIES]
    assert [hashlib.sha256(file.read_bytes()).hexdigest() for file in files] == [row["sha256"] for row in listed]
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_those_of_one_run(looked_into: CommandLine) -> None:
    assert [row["run"] for row in looked_into.json("connections", "raw", "book", "--run", "8")] == [8]
    assert "Nothing is kept of run 9 of book" in looked_into.refused("connections", "raw", "book", "--run", "9")
    assert "nobody" in looked_into.refused("connections", "raw", "nobody")
