"""A small threaded WSGI server with HTTP/1.1 keep-alive, whose answers can be spoilt on purpose.

For simulators only. Flask's own server closes each connection, which costs a simulator of a large register half its speed, and no
ordinary server lets an answer break off in the middle.
"""

from __future__ import annotations

import io
import socket
import sys
import threading
from collections.abc import Callable, Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import unquote

import structlog

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

_IDLE_SECONDS = 60
_log = structlog.get_logger(__name__)


class Wire(Protocol):
    """The connection as a fault may treat it. An answer that is not wholly sent must be followed by a close."""

    def send(self, data: bytes) -> None:
        """Send bytes at once."""
        ...

    def wait(self, seconds: float) -> bool:
        """Wait; true when the server is stopping meanwhile."""
        ...


Spoil = Callable[[Wire, str, list[tuple[str, str]], bytes], None]
"""Sends the answer (status line text, headers, body) in its own way; the connection is closed after it."""


class WsgiServer(ThreadingHTTPServer):
    """Serves `app` on threads. `choose_fault(path)` may name a way to spoil the next answer."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, app: WSGIApplication, host: str, port: int, choose_fault: Callable[[str, str], Spoil | None]) -> None:
        super().__init__((host, port), _Handler)
        self.app = app
        self.choose_fault = choose_fault
        self.stopping = threading.Event()
        self._open: dict[socket.socket, threading.Thread] = {}
        self._lock = threading.Lock()

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        with self._lock:
            self._open[request] = threading.current_thread()
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self._lock:
                self._open.pop(request, None)

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exc_info()[1], OSError):  # a client that went away is no news
            _log.exception("simulator failed")

    def stop(self) -> None:
        """Stop accepting, end the open connections and wait for their threads."""
        self.stopping.set()
        self.shutdown()
        with self._lock:
            held = list(self._open.items())
        for connection, _ in held:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # the other side was faster
        for _, thread in held:
            thread.join(timeout=5)
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "FichehubSimulator"
    sys_version = ""
    wbufsize = -1
    disable_nagle_algorithm = True
    timeout = _IDLE_SECONDS
    server: WsgiServer

    def log_message(self, format: str, *args: Any) -> None:
        """Silent: a line per request would cost more than the request; see `Simulator.requests`."""

    def answer(self) -> None:
        """Run the application for one request and send what it says, spoilt when a fault is due."""
        path, _, query = self.path.partition("?")
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        started: list[tuple[str, list[tuple[str, str]]]] = []

        def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], object]:
            started[:] = [(status, headers)]
            return written.append

        written: list[bytes] = []
        pieces = self.server.app(self._environ(path, query, body), start_response)
        try:
            spoil = self.server.choose_fault(path, self.command)
            if spoil is None:
                self._send(started, written, pieces)
            else:
                content = b"".join([*pieces])
                self.close_connection = True
                spoil(self, started[0][0], started[0][1], b"".join(written) + content)
        finally:
            close = getattr(pieces, "close", None)
            if close is not None:
                close()

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = answer

    def send(self, data: bytes) -> None:
        """See `Wire`."""
        self.wfile.write(data)
        self.wfile.flush()

    def wait(self, seconds: float) -> bool:
        """See `Wire`."""
        return self.server.stopping.wait(seconds)

    def _send(self, started: list[tuple[str, list[tuple[str, str]]]], written: list[bytes], pieces: Iterable[bytes]) -> None:
        """With the length the application declares; one piece has its own length; anything longer goes out in chunks."""
        source = iter(pieces)
        first = next(source, b"")
        second = next(source, None)
        status, headers = started[0]
        code, _, phrase = status.partition(" ")
        has_body = self.command != "HEAD" and code not in {"204", "304"}
        declared = {name.lower() for name, _ in headers}
        chunked = has_body and second is not None and "content-length" not in declared
        self.send_response(int(code), phrase)
        for name, value in headers:
            self.send_header(name, value)
        if chunked:
            self.send_header("Transfer-Encoding", "chunked")
        elif has_body and "content-length" not in declared:
            self.send_header("Content-Length", str(sum(map(len, written)) + len(first)))
        self.end_headers()
        if not has_body:
            return
        for piece in (*written, first, *(() if second is None else (second,))):
            self._write(piece, chunked)
        for piece in source:
            self._write(piece, chunked)
        if chunked:
            self.wfile.write(b"0\r\n\r\n")

    def _write(self, piece: bytes, chunked: bool) -> None:
        if piece:
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)

    def _environ(self, path: str, query: str, body: bytes) -> dict[str, Any]:
        environ: dict[str, Any] = {
            "REQUEST_METHOD": self.command,
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote(path, "iso-8859-1"),
            "QUERY_STRING": query,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "SERVER_NAME": str(self.server.server_address[0]),
            "SERVER_PORT": str(self.server.server_address[1]),
            "SERVER_PROTOCOL": self.request_version,
            "REMOTE_ADDR": self.client_address[0],
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(body),
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }
        for name, value in self.headers.items():
            key = "HTTP_" + name.upper().replace("-", "_")
            if key not in ("HTTP_CONTENT_TYPE", "HTTP_CONTENT_LENGTH"):
                environ[key] = f"{environ[key]},{value}" if key in environ else value
        return environ
