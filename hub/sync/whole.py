"""Writing a file that others read: they see the old one or the new, never half of one, and nothing is left of a writer that was killed.

What is being written stands beside its target, under a name of its own that only its owner may read, and locked as long as its writer lives. The next
writer of the same file removes what nobody holds any more: it may be full of personal data.

What is no file, such as a pipe, cannot be replaced: it is written into, once all that goes there is made.
"""

from __future__ import annotations

import glob
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

if sys.platform != "win32":
    import fcntl

_SUFFIX = ".part"


@contextmanager
def whole_file(target: Path, *, keep: bool = True, mode: int = 0o600) -> Iterator[IO[bytes]]:
    """A file that takes the place of `target` once it is whole and on disk; without `keep`, or when something is raised, it is removed.

    A new one has `mode`, because it may be full of personal data; one that was there keeps its own, and its owner where this user may give it away. A link
    is followed. Its folder must be there: one that somebody mistyped is not made.
    """
    known = _status(target)
    if known is not None and (not stat.S_ISREG(known.st_mode) or is_standard_output(target)):
        with tempfile.TemporaryFile() as file:
            yield file
            if keep:
                file.seek(0)
                with _open(target) as into:
                    shutil.copyfileobj(file, into)
        return
    target = Path(os.path.realpath(target))
    handle, name = _begin(target)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
            if keep:
                if known is not None:
                    mode = stat.S_IMODE(known.st_mode)
                    _give(name, known)
                os.chmod(name, mode)
                os.replace(name, target)
            else:
                os.unlink(name)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def can_be_written(target: Path) -> bool:
    """Whether this is a file, or can be one, or is something like a pipe or a terminal; never a disk, a socket or a folder."""
    known = _status(target)
    return known is None or any(fits(known.st_mode) for fits in (stat.S_ISREG, stat.S_ISFIFO, stat.S_ISCHR))


def is_standard_output(target: Path) -> bool:
    """Whether what is written there goes where this process says what it has to say."""
    known = _status(target)
    with suppress(OSError):  # it may be closed
        return known is not None and os.path.samestat(known, os.fstat(1))
    return False


def _status(target: Path) -> os.stat_result | None:
    try:
        return target.stat()
    except FileNotFoundError:
        return None


def _open(target: Path) -> IO[bytes]:
    """What is there already, to write into. Standard output goes on where it is: it may be a file that others write to as well."""
    return os.fdopen(os.dup(1) if is_standard_output(target) else os.open(target, os.O_WRONLY), "wb")


def _give(name: str, known: os.stat_result) -> None:
    if sys.platform != "win32":
        for owner, group in ((-1, known.st_gid), (known.st_uid, -1)):
            with suppress(PermissionError):
                os.chown(name, owner, group)


def _begin(target: Path) -> tuple[int, str]:
    if sys.platform == "win32":
        return tempfile.mkstemp(_SUFFIX, f".{target.name}.", target.parent)
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)  # between making a file and locking it, nobody may take it for a dead one
        for left in target.parent.glob(f".{glob.escape(target.name)}.*{_SUFFIX}"):
            _remove_if_dead(left)
        handle, name = tempfile.mkstemp(_SUFFIX, f".{target.name}.", target.parent)
        fcntl.flock(handle, fcntl.LOCK_EX)
        return handle, name
    finally:
        os.close(folder)


def _remove_if_dead(left: Path) -> None:
    try:
        with left.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            left.unlink()
    except OSError:  # its writer is alive, or has just put it in its place
        return
