"""A key of an installation's own, in a file that is made at the first start."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from hub.store.home import make_home


def key_in(path: Path, make: Callable[[], bytes]) -> bytes:
    """What is in this file; made first (mode 0600) where there is none. It is never there in part: of two processes that start together one makes it, and both read it."""
    if not path.exists():
        make_home(path.parent)
        handle, made = tempfile.mkstemp(prefix=path.name, dir=path.parent)  # mode 0600
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(make())
                file.flush()
                os.fsync(file.fileno())
            os.link(made, path)  # never replaces
        except FileExistsError:
            pass  # the other process was faster
        finally:
            os.unlink(made)
    return path.read_bytes()
