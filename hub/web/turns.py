"""One request at a time runs in a worker, and who is slow to send or to read holds up nobody.

Threads that run at once fight over the interpreter's lock, and a single one waits for whoever it talks to. So there are many, of which one at a time has the turn:
a body is read before the turn is taken, and a stream takes it for each of its pieces and lets go of it in between.
"""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import nullcontext
from tempfile import SpooledTemporaryFile
from threading import Lock
from typing import IO, TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

IN_MEMORY: Final = 256 << 10
"""Bytes of a body that wait in memory; what is longer waits in a file, because as many bodies may wait as there are threads."""
_PIECE: Final = 64 << 10


class Turn:
    """A lock that goes to who waits longest: a stream, which takes it again and again, would pass the others by."""

    def __init__(self) -> None:
        self._own = Lock()
        self._taken = False
        self.waiting: deque[Lock] = deque()
        """Those who wait, the first in front."""

    def __enter__(self) -> None:
        with self._own:
            if not self._taken:
                self._taken = True
                return
            mine = Lock()
            mine.acquire()
            self.waiting.append(mine)
        mine.acquire()

    def __exit__(self, *_: object) -> None:
        with self._own:
            if self.waiting:
                self.waiting.popleft().release()  # it stays taken
            else:
                self._taken = False


def in_turns(application: WSGIApplication, max_body: int, at_once: Collection[str] = ()) -> WSGIApplication:
    """The application, for a server with many threads. It refuses bodies longer than `max_body` itself; of these it is given no more than tells it so.

    `at_once`: paths that are answered beside whoever has the turn, in one piece.
    """
    turn = Turn()

    def answered(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        body = _body(environ, max_body)
        if body is None:  # who asks is gone; what was sent in halves must not be taken for the whole
            start_response("400 Bad Request", [])
            return []
        environ["wsgi.input"] = body
        length: str | None = None

        def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Callable[[bytes], object]:
            nonlocal length
            length = next((value for name, value in headers if name.lower() == "content-length"), None)
            return start_response(status, headers, *rest)

        with nullcontext() if environ["PATH_INFO"] in at_once else turn:
            answer = application(environ, start)
            if isinstance(answer, list | tuple):
                body.close()
                return list(answer)
            stream = _Stream(turn, answer, body)
            try:
                first = next(stream.pieces, None)
            except BaseException:
                stream.let_go()
                raise
            if first is None or str(len(first)) == length:  # that is all of it
                stream.let_go()
                return [] if first is None else [first]
        stream.first = first
        return stream

    return answered


class _Stream:
    """An answer that goes out while it is made: whoever reads it slowly holds a thread, but no turn."""

    def __init__(self, turn: Turn, answer: Iterable[bytes], body: IO[bytes]) -> None:
        self.pieces = iter(answer)
        self.first: bytes | None = None
        self._turn = turn
        self._answer = answer
        self._body = body

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        first, self.first = self.first, None
        if first is not None:
            return first
        with self._turn:
            return next(self.pieces)

    def close(self) -> None:
        """What the server calls at the end, however it comes."""
        with self._turn:
            self.let_go()

    def let_go(self) -> None:
        """As `close`, for who has the turn."""
        try:
            if hasattr(self._answer, "close"):
                self._answer.close()
        finally:
            self._body.close()


def _body(environ: WSGIEnvironment, max_body: int) -> IO[bytes] | None:
    """The body of a request, when all of it is there; None when it ended before its length. Of one that is too long, as much as tells it."""
    declared = environ.get("CONTENT_LENGTH")
    if not declared and "HTTP_TRANSFER_ENCODING" not in environ:
        return io.BytesIO()
    if declared and int(declared) > max_body:
        return io.BytesIO()
    read = environ["wsgi.input"].read
    kept: IO[bytes] = SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115  whoever answers closes it
    size = 0
    while size <= max_body and (piece := read(min(_PIECE, max_body + 1 - size))):
        kept.write(piece)
        size += len(piece)
    if declared and size < int(declared):
        kept.close()
        return None
    # By now it has a length, however it came. Of a body without one werkzeug would take as much as is allowed for the whole.
    environ["CONTENT_LENGTH"] = str(size)
    environ.pop("HTTP_TRANSFER_ENCODING", None)
    kept.seek(0)
    return kept
