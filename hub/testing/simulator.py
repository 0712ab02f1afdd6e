"""The simulator kit: an outside system that we cannot reach, speaking its own language over real HTTP, with faults on demand.

A plugin's `simulator.py` subclasses `Simulator` and gives it the routes as a WSGI application (Flask will do). The demo, the tests, the
benchmarks and `fichehub simulate` all go through it and the real connector.
"""

from __future__ import annotations

import json
import random
import threading
from collections import deque
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, Self

from hub.testing import faults as generic
from hub.testing.wsgi_server import Spoil, WsgiServer

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_REMEMBERED_REQUESTS = 10_000


class Simulator:
    """One simulated system. A subclass sets `name` and `faults` (name -> one sentence) and defines `app()`.

    `world` is what it shows a part of, `size` how much of it (`S`, `M`, `L`). `faults` switches faults on from the start, each `name` or
    `name=N` for one request in N. The same world, seed and requests give the same answers. Every simulator also answers `GET /_faults` (which
    there are) and `POST /_faults` with `{"name": ..., "on": true, "every": N}`, and has the faults of `hub.testing.faults`.
    """

    name: ClassVar[str]
    faults: ClassVar[dict[str, str]] = {}

    def __init__(self, world: Any, *, size: str = "S", faults: Iterable[str] = (), seed: int = 0) -> None:
        self.world = world
        self.size = size
        self.random = random.Random(f"{self.name} {seed}")
        self.requests: deque[str] = deque(maxlen=_REMEMBERED_REQUESTS)
        self._on: dict[str, int] = {}
        self._counted: dict[str, int] = {}
        self._left: int | None = None
        self._lock = threading.Lock()
        self._server: WsgiServer | None = None
        self._thread: threading.Thread | None = None
        for fault in faults:
            name, _, every = fault.partition("=")
            if every and not every.isdigit():
                raise ValueError(f"--fault {fault}: after '=' comes a number, as in {name}=3 for one request in three")
            self.switch(name, every=int(every) if every else None)

    def app(self) -> WSGIApplication:
        """The system's routes as a WSGI application; called once per start."""
        raise NotImplementedError  # abstract: each simulator has its own

    @classmethod
    def fault_texts(cls) -> dict[str, str]:
        """Every fault that this simulator can show -> one sentence about it."""
        return {**generic.help_texts(), **cls.faults}

    def switch(self, name: str, on: bool = True, *, every: int | None = None) -> None:
        """Switch a fault on or off, also while serving; `every`: one request in so many. Raises ValueError for an unknown one."""
        texts = self.fault_texts()
        if name not in texts:
            raise ValueError(f"{self.name} has no fault {name!r}; it has: {', '.join(sorted(texts))}")
        if every is not None and every < 1:
            raise ValueError(f"fault {name}: one request in {every} makes no sense; give 1 or more")
        with self._lock:
            self._counted[name] = 0
            if on:
                self._on[name] = every or (generic.GENERIC[name][1] if name in generic.GENERIC else 1)
            else:
                self._on.pop(name, None)

    def break_after(self, requests: int | None) -> None:
        """Answer so many more requests, then only with 500, as a system does that goes down; `None` brings it back."""
        with self._lock:
            self._left = requests

    def fault(self, name: str) -> bool:
        """Whether this fault is on; for faults of the simulator's own language."""
        if name not in self.faults:
            raise ValueError(f"{self.name} does not declare a fault {name!r}")
        return name in self._on

    @property
    def url(self) -> str:
        """The base address while it serves, without a slash at the end."""
        if self._server is None:
            raise RuntimeError(f"the simulator of {self.name} has not been started")
        host, port = self._server.server_address[:2]
        return f"http://{host if isinstance(host, str) else host.decode()}:{port}"

    def config(self) -> dict[str, Any]:
        """The configuration with which a connector reaches this simulator while it serves."""
        return {"base_url": self.url}

    def start(self, port: int = 0, host: str = "127.0.0.1") -> str:
        """Serve in the background and return the base address; port 0 takes a free one."""
        self._server = WsgiServer(self._around(self.app()), host, port, self._choose)
        self._thread = threading.Thread(
            target=self._server.serve_forever,
            kwargs={"poll_interval": 0.02},
            name=f"simulator {self.name}",
            daemon=True,
        )
        self._thread.start()
        return self.url

    def stop(self) -> None:
        """Stop serving; open connections are ended. Harmless when it does not serve."""
        server, self._server = self._server, None
        if server is not None and self._thread is not None:
            server.stop()
            self._thread.join()

    def serve_forever(self, port: int, host: str = "127.0.0.1", *, ready: Callable[[str], None] = print) -> None:
        """Serve until interrupted; `ready` is told the base address. For `fichehub simulate`."""
        try:
            ready(self.start(port, host))
            threading.Event().wait()
        except KeyboardInterrupt:
            pass  # the way to end it
        finally:
            self.stop()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def _choose(self, path: str, method: str) -> Spoil | None:
        """The generic fault that is due for this request, if any."""
        if path == "/_faults":
            return None
        with self._lock:
            if self._left is not None:
                self._left -= 1
                if self._left < 0:
                    return generic.server_error
            due = None
            for name, every in self._on.items():
                if name in generic.GENERIC:
                    self._counted[name] += 1
                    if self._counted[name] % every == 0 and due is None:
                        due = generic.GENERIC[name][0]
            return due

    def _around(self, app: WSGIApplication) -> WSGIApplication:
        def around(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            if environ["PATH_INFO"] == "/_faults":
                return self._answer_about_faults(environ, start_response)
            path = environ["PATH_INFO"].encode("latin-1").decode(errors="replace")
            query = environ["QUERY_STRING"]
            self.requests.append(f"{environ['REQUEST_METHOD']} {path}{'?' + query if query else ''}")
            return app(environ, start_response)

        return around

    def _answer_about_faults(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        status = "200 OK"
        answer: dict[str, Any]
        try:
            if environ["REQUEST_METHOD"] == "POST":
                wanted = json.loads(environ["wsgi.input"].read() or b"{}")
                self.switch(str(wanted["name"]), bool(wanted.get("on", True)), every=wanted.get("every"))
            answer = {"faults": [{"name": name, "on": name in self._on, "help": text} for name, text in sorted(self.fault_texts().items())]}
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            status = "400 Bad Request"
            reason = str(error) if isinstance(error, ValueError) and not isinstance(error, json.JSONDecodeError) else ""
            answer = {"error": reason or 'send JSON such as {"name": "cut-off", "on": true}'}
        body = json.dumps(answer).encode()
        start_response(status, [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
        return [body]
