"""An application over real HTTP, in a thread of the test."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, nullcontext
from typing import Any

import flask
from werkzeug.serving import make_server


@contextmanager
def serving(app: flask.Flask) -> Iterator[str]:
    """Its address, as long as the block lasts."""

    def whole(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        # Werkzeug's server leaves a file open when a browser goes away while it is told the last bytes of it.
        body: Any = app(environ, start_response)
        with closing(body) if hasattr(body, "close") else nullcontext():
            return [b"".join(body)]

    server = make_server("127.0.0.1", 0, whole, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
