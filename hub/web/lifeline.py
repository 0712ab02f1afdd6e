"""Children end with their parent, however it dies: a process that was killed cannot tell them any more.

The parent alone holds the writing end of a pipe, its children the reading end. When the parent is gone the system closes its end, and they read the end of the pipe.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from multiprocessing.connection import Connection
from typing import Final

_PATIENCE: Final = 10.0
"""Seconds that a child gets to end in its own way, as when it is told to; then it ends at once."""

_written: list[Connection] = []


def hold() -> Connection:
    """The reading end of a pipe that ends with this process; for children that are forked, spawned with it, or given it as their standard input."""
    reader, writer = multiprocessing.Pipe(duplex=False)
    _written.append(writer)
    return reader


def end_with(reader: Connection | int) -> None:
    """In a child: end as after SIGTERM when the parent that made this pipe is gone."""
    while _written:
        _written.pop().close()  # a child that was forked has these too, and would wait for itself
    descriptor = reader if isinstance(reader, int) else reader.fileno()
    threading.Thread(target=_wait, args=(descriptor, reader), name="lifeline", daemon=True).start()


def _wait(descriptor: int, reader: Connection | int) -> None:
    # `reader` is kept, since a connection that nobody holds closes its descriptor.
    while os.read(descriptor, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    threading.Event().wait(_PATIENCE)
    os._exit(1)
