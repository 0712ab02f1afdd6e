"""Writing a file that others read: they see the old one or the new, never half of one, and nothing is left of a writer that was killed.

What is being written stands beside its target, under a name of its own that only its owner may read, and locked as long as its writer lives. The next
writer of the same file removes what nobody holds any more: it may be full of personal data.
"""

from __future__ import annotations

import glob
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

if sys.platform != "win32":
    import fcntl

_SUFFIX = ".part"


@contextmanager
def whole_file(target: Path, *, keep: bool = True, mode: int = 0o600) -> Iterator[IO[bytes]]:
    """A file that takes the place of `target` with `mode` once it is whole and on disk; without `keep`, or when something is raised, it is removed.

    Its folder must be there: one that somebody mistyped is not made.
    """
    handle, name = _begin(target)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
            if keep:
                os.chmod(name, mode)
                os.replace(name, target)
            else:
                os.unlink(name)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


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
