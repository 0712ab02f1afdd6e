"""kill -9 leaves no personal data in the folder for temporary files, and none beside an export that was being written."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hub.sync.whole import whole_file

ROOT = Path(__file__).resolve().parents[2]
MEGABYTES_OF_IDS = """
import sys
from hub.sync.seen import Seen
with Seen() as seen:
    seen.add(f"{number:0100}" for number in range(200_000))
    print("ready", flush=True)
    sys.stdin.read()
"""
MEGABYTES_OF_ROWS = """
import sys
from plugins.sociale_kaart.spool import Spool
with Spool() as spool:
    spool.add(((f"{number}", "o", {"name": "Jan" * 300}) for number in range(20_000)), 1)
    print("ready", flush=True)
    sys.stdin.read()
"""
MEGABYTES_OF_A_WORKBOOK = """
import io, sys
from datetime import datetime
from plugins.excel.columns import COLUMNS
from plugins.excel.workbook import write_workbook
def rows():
    for number in range(5_000):
        yield f"{number}", ("Jan Peeters " * 20,) * len(COLUMNS)
    print("ready", flush=True)
    sys.stdin.read()
write_workbook(rows(), io.BytesIO(), title="t", made_at=datetime(2026, 11, 22), explanation=())
"""
HALF_AN_EXPORT = """
import sys
from pathlib import Path
from hub.sync.whole import whole_file
with whole_file(Path(sys.argv[1])) as file:
    file.write(b"Jan Peeters")
    file.flush()
    print("ready", flush=True)
    sys.stdin.read()
"""


@contextmanager
def at_work(program: str, temporary: Path, *arguments: str) -> Iterator[int]:
    """The number of a process that is in the middle of it; killed at the end."""
    with subprocess.Popen(
        [sys.executable, "-c", program, *arguments],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(temporary), "SQLITE_TMPDIR": str(temporary)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield process.pid
        process.send_signal(signal.SIGKILL)


@pytest.mark.parametrize("program", [MEGABYTES_OF_IDS, MEGABYTES_OF_ROWS, MEGABYTES_OF_A_WORKBOOK], ids=["ids", "rows", "workbook"])
def test_what_a_run_keeps_beside_memory_has_no_name(tmp_path: Path, program: str) -> None:
    with at_work(program, tmp_path) as pid:
        assert list(tmp_path.iterdir()) == [], "a kill from here on leaves nothing"
        held = Path(f"/proc/{pid}/fd")
        if held.exists():
            sizes = [each.stat().st_size for each in held.iterdir() if str(tmp_path) in os.readlink(each)]
            assert max(sizes, default=0) > 5_000_000, "it is on disk all the same, not in memory"
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_export_left_goes_with_the_next_and_a_living_one_is_left_alone(tmp_path: Path) -> None:
    target = tmp_path / "gids [1].xlsx"
    target.write_bytes(b"before")
    target.chmod(0o640)
    other = tmp_path / ".gids 1.xlsx.abc.part"
    other.write_bytes(b"of another file")
    with at_work(HALF_AN_EXPORT, tmp_path, str(target)):
        (half,) = set(tmp_path.iterdir()) - {target, other}
        assert half.stat().st_mode & 0o077 == 0
        with whole_file(target) as file:
            assert half.exists(), "its writer is alive"
            file.write(b"whole")
        assert target.read_bytes() == b"whole"
    assert half.exists(), "killed in the middle"
    with whole_file(target, keep=False) as file:
        assert not half.exists()
        file.write(b"only tried")
    assert (target.read_bytes(), target.stat().st_mode & 0o777) == (b"whole", 0o640)
    with pytest.raises(ZeroDivisionError), whole_file(target) as file:
        file.write(b"x" * (1 // 0))
    assert set(tmp_path.iterdir()) == {target, other}
