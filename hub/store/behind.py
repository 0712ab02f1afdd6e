"""Writes that a transaction does not wait for: a thread of their own carries them out, in order, while the caller makes the next ones.

The drivers of both engines let go of the interpreter while the database works, so that making rows and storing them use two cores. Only rows that
nobody asks about at once are written so. Whatever else is asked of the connection waits for them first (`Behind.settle`), and so does the commit: what
is read, what is locked and what fails is as if they had been written on the spot.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from queue import SimpleQueue
from threading import Lock, Thread
from typing import Any, Final

from sqlalchemy import Connection, event

_HANDOVER: Final = 0.0005
"""Seconds for which a thread may keep the interpreter while another waits. Python's own 5 ms are longer than most statements here."""
_KEY: Final = "fichehub_behind"

_lock = Lock()
_running = 0
_usual = 0.0


class Behind:
    """The writes of one transaction that are still on their way."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._tasks: SimpleQueue[Callable[[], object] | None] = SimpleQueue()
        self._thread: Thread | None = None
        self._failure: BaseException | None = None
        self.busy = False

    def later(self, task: Callable[[], object]) -> None:
        """Do this after all that was given before. What it raises is raised by the next `settle`."""
        if self._thread is None:
            event.listen(self._connection, "before_cursor_execute", self._before_statement)
            _hand_over_sooner(True)
            self._thread = Thread(target=self._work, name="writes", daemon=True)
            self._thread.start()
        self.busy = True
        self._tasks.put(partial(self._attempt, task))

    @property
    def heard(self) -> bool:
        """Whether somebody else listens to the statements of the connection."""
        return len([*self._connection.dispatch.before_cursor_execute]) > (self._thread is not None)

    def settle(self) -> None:
        """Wait until everything is written. Raises what one of the writes raised; those after it were left undone."""
        if self.busy:
            arrived = Lock()
            arrived.acquire()
            self._tasks.put(arrived.release)
            arrived.acquire()
            self.busy = False
        if self._failure is not None:
            raise self._failure

    def give_up(self, error: BaseException) -> None:
        """What has not begun will not be written."""
        self._failure = self._failure or error

    def close(self) -> None:
        """Let the thread end; what is left is written before, unless something failed."""
        if self._thread is not None:
            self._tasks.put(None)
            self._thread.join()
            self._thread, self.busy = None, False
            _hand_over_sooner(False)

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None:
            task()

    def _attempt(self, task: Callable[[], object]) -> None:
        if self._failure is None:
            try:
                task()
            except BaseException as error:  # noqa: BLE001 - the caller will see it
                self._failure = error

    def _before_statement(self, *about: Any) -> None:
        self.settle()


def _hand_over_sooner(begins: bool) -> None:
    global _running, _usual
    with _lock:
        _running += 1 if begins else -1
        if begins and _running == 1:
            _usual = sys.getswitchinterval()
            sys.setswitchinterval(_HANDOVER)
        elif _running == 0:
            sys.setswitchinterval(_usual)


def commit_beside(connection: Connection, commit: Callable[[], None], meanwhile: Callable[[], None]) -> None:
    """Call `commit`, which commits, from the other thread behind what is still being written, and do something else until then.

    What the commit raises, or one of the writes before it, after which nothing is committed, is raised at the end of `writing_behind`.
    """
    behind = behind_of(connection)
    assert behind is not None
    behind.later(commit)
    meanwhile()


@contextmanager
def writing_behind(connection: Connection) -> Iterator[None]:
    """For the length of the block, which is that of a transaction, this connection may write behind its caller's back."""
    behind = Behind(connection)
    connection.info[_KEY] = behind
    try:
        yield
        behind.settle()
    except BaseException as error:
        behind.give_up(error)
        raise
    finally:
        behind.close()
        connection.info.pop(_KEY, None)


def behind_of(connection: Connection) -> Behind | None:
    """What this connection still has to write; None outside `writing_behind`."""
    found: Behind | None = connection.info.get(_KEY)
    return found
