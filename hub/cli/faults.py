"""Everyday faults of the machine that a command runs on, in plain words: what, where, and what to do."""

from __future__ import annotations

import errno
import sqlite3
from pathlib import Path
from typing import Final

from sqlalchemy import URL
from sqlalchemy.exc import DatabaseError, OperationalError

from hub.cli.installation import Installation
from hub.errors import FichehubError
from hub.store import database
from hub.store.faults import FULL, fault_of, has_room

_CLOSED: Final = frozenset({errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.ENOENT})
_OTHER: Final = "Name another file with --database-url or FICHEHUB_DATABASE_URL"
_REFUSALS: Final = {
    "25006": "The database {database} at {address} takes no writes: it is a standby, or default_transaction_read_only is on there. Name the one that takes them with --database-url or FICHEHUB_DATABASE_URL.",
    "57014": "The database {database} at {address} ended a statement that took too long for it (statement_timeout). Ask for less, or let this user take longer: ALTER ROLE ... SET statement_timeout = 0.",
}
"""What PostgreSQL says with these codes: https://www.postgresql.org/docs/current/errcodes-appendix.html"""
_ROOM: Final = "Make room there and give the command again; what was written before is whole."


def in_words(error: BaseException, installation: Installation | None) -> str | None:
    """The sentence for this error; None when it is no fault of the machine, but one of ours."""
    if isinstance(error, OSError):
        return _of_files(error, installation)
    if installation is None:
        return None
    url = _url(installation)
    if url is None:
        return None
    found = error.orig if isinstance(error, DatabaseError) else error
    if isinstance(found, sqlite3.Error):
        return _of_sqlite(found, url)
    return _of_server(error, url) if isinstance(error, DatabaseError) and url.get_backend_name() != "sqlite" else None


def _of_files(error: OSError, installation: Installation | None) -> str | None:
    where = "" if error.filename is None else f" ({error.filename})"
    if error.errno in FULL:
        return f"The disk is full{where}. {_ROOM}"
    if error.errno not in _CLOSED or error.filename is None or installation is None:
        return None
    file, home = Path(str(error.filename)), installation.home
    folder = _folder(_url(installation))
    # A folder above one that cannot be entered or made is named in its place. A file that is not there is a fault of ours.
    is_missing = error.errno == errno.ENOENT
    if _leads_to(file, home) or (home in file.parents and not is_missing):
        return (
            f"The home {home} cannot be made or written ({error.filename}: {error.strerror}). "
            "Name another folder with --home or FICHEHUB_HOME, or give this user the right to write there."
        )
    if folder is not None and _leads_to(file, folder):
        return f"The folder of the database, {folder}, cannot be made or written ({file}: {error.strerror}). {_OTHER}, or give this user the right to write there."
    if is_missing:
        return None
    return f"{file} cannot be read or written ({error.strerror}). Choose another place, or give this user the right to it."


def _url(installation: Installation) -> URL | None:
    try:
        return database.parsed(installation.database_url)
    except FichehubError:
        return None  # whoever needs it is told what is wrong with it


def _folder(url: URL | None) -> Path | None:
    return Path(url.database).absolute().parent if url is not None and url.get_backend_name() == "sqlite" and url.database else None


def _leads_to(file: Path, folder: Path) -> bool:
    return file == folder or file in folder.parents


def _of_sqlite(error: sqlite3.Error, url: URL) -> str | None:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # above it are details: https://www.sqlite.org/rescode.html
    if code == sqlite3.SQLITE_NOTADB:
        return f"{url.database} is no SQLite database, and nothing in it was changed. {_OTHER}."
    if code == sqlite3.SQLITE_CORRUPT:
        return f"The database {url.database} is damaged ({error}). Restore a backup of it."
    fault = fault_of(error)
    if fault == "full" or (fault == "closed" and not has_room(url)):
        return f"The disk is full ({url.database}). {_ROOM}"
    if code == sqlite3.SQLITE_IOERR:
        return (
            f"The disk does not read or write the database {url.database} ({error}). See that it is sound and has room, and give the command again."
        )
    if fault == "closed":
        return f"The database {url.database} cannot be opened or written ({error}). {_OTHER}, or give this user the right to write it and its folder."
    if fault == "busy":
        return f"Something else held the database {url.database} for too long ({error}). Give the command again; if this stays, look for what else uses it."
    return None


def _of_server(error: DatabaseError, url: URL) -> str | None:
    if fault_of(error) == "full":
        return f"The disk of the database server at {_address(url)} is full. {_ROOM}"
    refusal = _REFUSALS.get(getattr(error.orig, "sqlstate", ""))
    if refusal is not None:
        return refusal.format(database=url.database or "", address=_address(url))
    lost = isinstance(error, OperationalError) and (error.statement is None or error.connection_invalidated)
    if not lost:
        return None
    reason = next(iter(str(error.orig).splitlines()), "no reason is given").strip()
    for secret in (url.password, *(url.query.get(name) for name in database.SECRETS)):
        if secret:
            reason = reason.replace(str(secret), "***")
    return (
        f"The database {url.database or ''} at {_address(url)} cannot be reached: {reason.rstrip('.')}. "
        "Check that it runs and lets this machine in, and the host, the name and the user in --database-url or FICHEHUB_DATABASE_URL."
    )


def _address(url: URL) -> str:
    return f"{url.host or url.query.get('host') or 'this machine'}{f':{url.port}' if url.port else ''}"
