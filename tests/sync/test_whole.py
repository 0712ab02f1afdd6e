"""Where a whole file goes: a link is followed, a file that is there keeps its rights, a pipe is written into."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest

from hub.sync.whole import can_be_written, whole_file


def put(target: Path, content: bytes) -> None:
    with whole_file(target) as file:
        file.write(content)


def test_a_file_that_is_there_keeps_its_rights_and_a_new_one_is_its_owners_alone(tmp_path: Path) -> None:
    shared, own = tmp_path / "shared", tmp_path / "own"
    shared.write_bytes(b"before")
    shared.chmod(0o644)
    for target, mode in ((shared, 0o644), (own, 0o600)):
        put(target, b"whole")
        assert (target.read_bytes(), stat.S_IMODE(target.stat().st_mode)) == (b"whole", mode)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_file_that_is_there_keeps_its_owner(tmp_path: Path) -> None:
    target = tmp_path / "theirs"
    target.write_bytes(b"before")
    os.chown(target, 12345, 12346)
    put(target, b"whole")
    assert (target.stat().st_uid, target.stat().st_gid) == (12345, 12346)


def test_a_link_is_followed_also_to_what_is_not_there_yet(tmp_path: Path) -> None:
    (tmp_path / "share").mkdir()
    target, link = tmp_path / "share" / "gids", tmp_path / "gids"
    link.symlink_to(Path("share") / "gids")
    for content in (b"first", b"second"):
        put(link, content)
        assert link.is_symlink() and target.read_bytes() == content
    assert {each.name for each in tmp_path.iterdir()} == {"share", "gids"}


def test_who_reads_a_pipe_gets_all_of_it_or_nothing(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(ZeroDivisionError), whole_file(pipe) as file:  # nobody reads: nothing has been opened
        file.write(b"half" * (1 // 0))
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()), daemon=True)
    reader.start()
    with whole_file(pipe) as file:
        file.write(b"....")
        file.seek(0)  # a connector may go back in what it writes
        file.write(b"whole")
    reader.join(10)
    assert got == [b"whole"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert list(tmp_path.iterdir()) == [pipe]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes devices")
def test_a_device_is_written_into_but_never_a_disk(tmp_path: Path) -> None:
    null, disk = tmp_path / "null", tmp_path / "disk"
    try:
        os.mknod(null, 0o600 | stat.S_IFCHR, os.makedev(1, 3))
        os.mknod(disk, 0o600 | stat.S_IFBLK, os.makedev(7, 250))
    except PermissionError:
        pytest.skip("no devices are made here")
    put(null, b"whole")
    assert stat.S_ISCHR(null.stat().st_mode)
    assert (can_be_written(null), can_be_written(disk), can_be_written(tmp_path), can_be_written(tmp_path / "new")) == (True, False, False, True)
