"""The machine's own faults, which no connector can help and no administrator of a connection has caused: a database that is away, a full disk.

One place tells them for runs, exports, deliveries and jobs. Each becomes `Unreachable`, whoever is out of reach: the cursor stays, and it is tried again.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from hub.errors import Sentence, Unreachable
from hub.store.faults import FULL, Fault, fault_of

AWAY: Final = Sentence(
    "The database did not answer, or ended the session in the middle. What was written before stands. If this stays so: check that the database server runs and takes writes."
)
BUSY: Final = Sentence(
    "The database was too busy: something else held it for too long. What was written before stands. If this comes back: look for what else writes to it, such as a backup."
)
CLOSED: Final = Sentence(
    "The database can be read or written no more ({why}). What was written before stands. Give this user the right to its file and folder, and see that its disk is sound and has room."
)
DISK_FULL: Final = Sentence("A disk is full: that of the database, or that of temporary files. What was written before stands. Make room on it.")
EXPORT_DISK_FULL: Final = Sentence(
    "The disk is full, so the export could not be written; what was there before stands. Make room; it is tried again."
)
NOT_WRITTEN: Final = Sentence("The export could not be written; what was there before stands ({why}). It is tried again.")

_SAID: Final[dict[Fault, Sentence]] = {"away": AWAY, "busy": BUSY, "closed": CLOSED, "full": DISK_FULL}
_CLOSED: Final = frozenset({errno.EACCES, errno.EPERM, errno.EROFS, errno.EIO, errno.EPIPE})


def of_machine(error: BaseException) -> Unreachable | None:
    """What is told and done about an error that is a fault of the machine; None when it is none of those."""
    fault = fault_of(error)
    if fault is None:
        return None
    why = str(getattr(error, "orig", error))
    return Unreachable(_SAID[fault](why=why))


@contextmanager
def of_export() -> Iterator[None]:
    """Raise `Unreachable` for what keeps the file of an export from being written: a full disk, a folder that is closed to this user."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise Unreachable(EXPORT_DISK_FULL()) from error
        if error.errno in _CLOSED:
            raise Unreachable(NOT_WRITTEN(why=os.strerror(error.errno))) from error
        raise
