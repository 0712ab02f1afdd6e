"""What is wrong with the machine is told from what is wrong with us, on both engines, by what they really raise."""

from __future__ import annotations

import errno
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError, InternalError, OperationalError, PendingRollbackError, TimeoutError

from hub.errors import FichehubError, StoreBusy
from hub.store import database
from hub.store.faults import fault_of, store_is_away


class _Refusal(Exception):
    def __init__(self, sqlstate: str | None) -> None:
        super().__init__(sqlstate)
        self.sqlstate = sqlstate


@pytest.mark.parametrize(
    ("sqlstate", "fault"),
    [("57P01", "away"), ("57P03", "away"), ("08006", "away"), ("53300", "away"), ("58030", "away"), (None, "away"),
     ("53100", "full"), ("57014", "busy"), ("55P03", "busy"), ("40001", "busy"), ("54000", None), ("28000", None)],
)  # fmt: skip
def test_what_postgresql_says(sqlstate: str | None, fault: str | None) -> None:
    assert fault_of(OperationalError("UPDATE", (), _Refusal(sqlstate))) == fault


def test_what_else_is_said() -> None:
    assert fault_of(InternalError("UPDATE", (), _Refusal("25006"))) == "away", "a standby, as after a failover"
    assert fault_of(DBAPIError("UPDATE", (), _Refusal(None))) is None
    assert fault_of(DBAPIError("UPDATE", (), _Refusal(None), connection_invalidated=True)) == "away"
    assert (fault_of(PendingRollbackError()), fault_of(TimeoutError()), fault_of(StoreBusy("Locked."))) == ("away", "busy", "busy")
    assert [fault_of(OSError(number, "")) for number in (errno.ENOSPC, errno.EDQUOT, errno.ENOENT, errno.EPIPE)] == ["full", "full", None, None]
    assert [
        store_is_away(error) for error in (StoreBusy("Locked."), OperationalError("UPDATE", (), _Refusal("57P01")), OSError(errno.ENOSPC, ""))
    ] == [True, True, False]
    assert [fault_of(error) for error in (RuntimeError(), FichehubError(""), SystemExit())] == [None, None, None]


def _raised(url: str, *statements: str) -> DBAPIError:
    """What the last of these statements raises, or the connection itself."""
    engine = create_engine(url)
    try:
        with engine.begin() as connection:
            for statement in statements:
                connection.execute(text(statement))
    except DBAPIError as error:
        return error
    finally:
        engine.dispose()
    raise AssertionError("nothing was raised")


def test_what_sqlite_raises(tmp_path: Path) -> None:
    file = tmp_path / "one.sqlite"
    url = f"sqlite:///{file}"
    full = _raised(url, "CREATE TABLE one (it BLOB)", "PRAGMA max_page_count = 2", "INSERT INTO one VALUES (randomblob(100000))")
    assert (fault_of(full), fault_of(full.orig or full)) == ("full", "full")
    assert fault_of(_raised(f"sqlite:///{tmp_path}/none/one.sqlite", "SELECT 1")) == "closed"
    assert fault_of(_raised(f"sqlite:///file:{file}?mode=ro&uri=true", "CREATE TABLE two (it)")) == "closed"
    holder = sqlite3.connect(file, isolation_level=None)
    try:
        holder.execute("BEGIN EXCLUSIVE")
        assert fault_of(_raised(f"{url}?timeout=0", "CREATE TABLE two (it)")) == "busy"
    finally:
        holder.close()


def test_sqlite_calls_a_full_disk_an_error_of_the_disk_when_the_index_of_its_log_does_not_fit() -> None:
    found = []
    for code in (sqlite3.SQLITE_IOERR_SHMSIZE, sqlite3.SQLITE_IOERR_READ, sqlite3.SQLITE_IOERR):
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode = code
        found.append(fault_of(OperationalError("PRAGMA", (), error)))
    assert found == ["full", "closed", "closed"]


def test_a_bug_of_ours_is_no_fault_of_the_machine(database_url: str) -> None:
    """SQLite says `OperationalError` of a table that there is not, as it does of a full disk."""
    engine = database.connect(database_url)
    found: list[Any] = []
    for statement in ("SELECT * FROM no_such_table", "SELEC 1", "INSERT INTO connection (name) VALUES (NULL)"):
        with pytest.raises(DBAPIError) as caught, engine.begin() as connection:
            connection.exec_driver_sql(statement)
        found.append((fault_of(caught.value), store_is_away(caught.value)))
    engine.dispose()
    assert found == [(None, False)] * 3
