"""The deadline of one call: a time-out between two bytes would let a partner that sends one a second go on for ever."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self


class Deadline:
    """Ends the attempt of this thread when its time is over, whatever it waits for: a time-out between two bytes would not."""

    _here = threading.local()

    def __init__(self, seconds: float) -> None:
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self.over = False
        self.answered = False

    def __enter__(self) -> Self:
        self._here.deadline = self
        self._timer.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._timer.cancel()
        with self._lock:
            self._socket = None
        self._here.deadline = None

    @classmethod
    def look_at(cls, sock: object) -> None:
        """The socket that this thread's attempt now waits for."""
        deadline: Deadline | None = getattr(cls._here, "deadline", None)
        if deadline is not None and isinstance(sock, socket.socket):
            with deadline._lock:
                deadline._socket = sock
                if deadline.over:
                    _shut(sock)

    def _end(self) -> None:
        with self._lock:
            self.over = True
            if self._socket is not None:
                _shut(self._socket)


def _shut(sock: socket.socket) -> None:
    with suppress(OSError):  # the other side was faster
        # The plain method: that of a TLS socket would first take the connection apart under the reader's hands.
        socket.socket.shutdown(sock, socket.SHUT_RDWR)
