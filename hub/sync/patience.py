"""Writing what must not be lost because the database is away, too busy or full for a moment: it is tried again, ever less often, and not for ever."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, TypeVar

import structlog

from hub.plugins import bugs
from hub.sync import faults

T = TypeVar("T")
WAITS: Final = (1.0, 2.0, 4.0, 8.0, 15.0, 15.0, 15.0, 30.0, 30.0)
"""Seconds before each new attempt, two minutes in all: longer than a server takes to start again, and shorter than a lease."""
_LOOKS: Final = 0.5
_log = structlog.get_logger(__name__)


def insist(work: Callable[[], T], what: str, ends: Callable[[], bool]) -> T:
    """The answer of `work`, which may be called again after it was done: nobody knows what became of a commit whose session broke.

    Raises what it raised last when that is no fault of the machine, when there were attempts enough, or as soon as `ends()`. `what` is for the log.
    """
    for wait in WAITS:
        try:
            return work()
        except bugs() as error:
            fault = faults.of_machine(error)
            if fault is None:
                raise
            _log.warning("not written yet", what=what, reason=fault.message, seconds=wait)
            if not pause(wait, ends):
                raise
    return work()


def pause(seconds: float, ends: Callable[[], bool]) -> bool:
    """Wait so long; whether it was waited for to the end, and not broken off as soon as `ends()`."""
    until = time.monotonic() + seconds
    while not ends():
        left = until - time.monotonic()
        if left <= 0:
            return True
        time.sleep(min(left, _LOOKS))
    return False
