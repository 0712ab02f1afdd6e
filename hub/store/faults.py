"""What is wrong with the machine under the store, told from what is wrong with us: both engines say either with the same kind of error.

The codes are those of https://www.sqlite.org/rescode.html and https://www.postgresql.org/docs/current/errcodes-appendix.html.
"""

from __future__ import annotations

import errno
import shutil
import sqlite3
from pathlib import Path
from typing import Final, Literal

from sqlalchemy import URL
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, PendingRollbackError, TimeoutError

from hub.errors import StoreBusy

Fault = Literal["away", "busy", "closed", "full"]
FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""What the system says of a file for which there is no room."""

_OF_SQLITE: Final[dict[int, Fault]] = {
    sqlite3.SQLITE_BUSY: "busy",
    sqlite3.SQLITE_LOCKED: "busy",
    sqlite3.SQLITE_PROTOCOL: "busy",
    sqlite3.SQLITE_PERM: "closed",
    sqlite3.SQLITE_READONLY: "closed",
    sqlite3.SQLITE_IOERR: "closed",
    sqlite3.SQLITE_CANTOPEN: "closed",
    sqlite3.SQLITE_FULL: "full",
}
_SOON: Final = ("The database is busy or away. Nothing was changed; try again in a few seconds.", 5)
_NEEDS_SOMEBODY: Final[dict[Fault, tuple[str, int]]] = {
    "full": ("The disk of the database is full. Nothing was changed. Whoever runs this hub has to make room; try again in a few minutes.", 300),
    "closed": (
        "The database cannot be read or written. Nothing was changed. Whoever runs this hub has to look after it; try again in a few minutes.",
        300,
    ),
}
_LEAST_ROOM: Final = 1 << 16
"""Bytes: with less on its disk SQLite cannot begin."""
_READ_ONLY: Final = "25006"
_OF_POSTGRESQL: Final[tuple[tuple[str, Fault], ...]] = (
    ("53100", "full"),
    ("57014", "busy"),  # it ended a statement that took too long for it
    ("55P03", "busy"),
    ("40", "busy"),
    (_READ_ONLY, "away"),  # what answers is a standby, as in the middle of a failover
    ("08", "away"),
    ("53", "away"),
    ("57P", "away"),
    ("58", "away"),
)
"""By the beginning of the code, the first that fits."""


def fault_of(error: BaseException) -> Fault | None:
    """Whether the database is `away`, `busy` or `closed` to this user, or a disk is `full`; None when it is none of these, but a bug."""
    match error:
        case StoreBusy() | TimeoutError():
            return "busy"
        case PendingRollbackError():
            return "away"
        case DBAPIError():
            return "away" if error.connection_invalidated else _of_driver(error)
        case OSError():
            return "full" if error.errno in FULL else None
        case sqlite3.Error():
            return _of_sqlite(error)
    return None


def store_is_away(error: BaseException) -> bool:
    """Whether this says that the database is busy, cannot be reached or cannot be used, so that the same may work in a moment."""
    return not isinstance(error, OSError) and fault_of(error) is not None


def while_away(error: BaseException) -> tuple[str, int]:
    """What is told to whoever asked, of an error of which `store_is_away` says yes: a sentence, and after how many seconds the same may work."""
    fault = fault_of(error)
    return _SOON if fault is None else _NEEDS_SOMEBODY.get(fault, _SOON)


def has_room(url: URL) -> bool:
    """Whether the disk under this database of SQLite has room; yes also where nobody here can tell, as of a server."""
    if url.get_backend_name() != "sqlite" or not url.database:
        return True
    try:
        return shutil.disk_usage(Path(url.database).absolute().parent).free >= _LEAST_ROOM
    except OSError:
        return True


def is_read_only(error: BaseException) -> bool:
    """Whether this says that what answers is a standby of PostgreSQL, from which one may only read."""
    return isinstance(error, DBAPIError) and getattr(error.orig, "sqlstate", None) == _READ_ONLY


def _of_driver(error: DBAPIError) -> Fault | None:
    if isinstance(error.orig, sqlite3.Error):
        return _of_sqlite(error.orig)
    state = getattr(error.orig, "sqlstate", None)
    if state is None:  # the server has no word in it: there is no session
        return "away" if isinstance(error, OperationalError | InterfaceError) else None
    return next((fault for code, fault in _OF_POSTGRESQL if state.startswith(code)), None)


def _of_sqlite(error: sqlite3.Error) -> Fault | None:
    code = getattr(error, "sqlite_errorcode", 0)
    # A full disk is told so while nobody else has the database open: the index of its log is the first that it writes.
    return "full" if code == sqlite3.SQLITE_IOERR_SHMSIZE else _OF_SQLITE.get(code & 0xFF)  # above it are details
