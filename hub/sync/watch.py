"""Whether a run is to go on: asked before each request for rows or decisions, between deliveries, and now and then while a file is written.

A source that pages without bringing a row would never let the engine have a say otherwise. A delivery is never broken off in its middle: the partner has been told then.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from hub.sync import stops
from hub.sync.session import Session


class Watch:
    """Looks for one run; made by the thread that runs it. `look` may be called from any thread."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._process_ends = stops.process_ends()
        self._lock = threading.Lock()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """For the length of a commit: it holds the lease itself, and a `look` that wrote would wait for it while it waits for the source."""
        with self._lock:
            yield

    def look(self) -> None:
        """Return when the run may go on, its lease prolonged. Raises `Stopped` when somebody, or the process, wants it to end, and `LeaseLost`."""
        session = self._session
        if self._process_ends():
            raise stops.Leaving(stops.PROCESS_ENDED())
        with session.store.read() as connection:
            session.may_go_on(connection)
        if session.lease.is_fresh() or not self._lock.acquire(blocking=False):
            return
        try:
            session.store.write(lambda writer: session.lease.hold(writer.connection))
        finally:
            self._lock.release()
