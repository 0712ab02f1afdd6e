"""Faults of the machine end in a sentence that says what, where and what to do; never in a stack trace, also when the log cannot be written."""

from __future__ import annotations

import errno
import os
import resource
import socket
import sqlite3
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy.exc import OperationalError

from hub.cli import faults
from hub.cli.installation import Installation
from hub.model.claims import Claim
from hub.store import Store
from tests.cli.conftest import ORGANISATIE, CommandLine


def refused(home: Path, *arguments: str, largest: int | None = None) -> str:
    """The sentence with which a process of its own fails; `largest`: the bytes that it may write to one file."""

    def limited() -> None:
        if largest is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))

    environment = {name: value for name, value in os.environ.items() if not name.startswith("FICHEHUB_")}
    done = subprocess.run(
        [sys.executable, "-m", "hub.cli", "--home", str(home), *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=limited,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("Error: ") and done.stderr.count("\n") == 1, done.stderr
    return done.stderr


def test_a_home_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    home = tmp_path / "file" / "home"
    for command in (("db", "upgrade"), ("up", "--port", str(_free_port()))):
        sentence = refused(home, *command)
        assert f"The home {home} cannot be made or written" in sentence and "--home or FICHEHUB_HOME" in sentence


def test_a_folder_of_the_database_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    sentence = refused(tmp_path / "home", "--database-url", f"sqlite:///{tmp_path / 'file' / 'data' / 'x.sqlite'}", "db", "upgrade")
    assert f"The folder of the database, {tmp_path / 'file' / 'data'}, cannot be made" in sentence


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("These are my notes. " * 100)
    sentence = refused(tmp_path, "--database-url", f"sqlite:///{file}", "db", "status")
    assert f"{file} is no SQLite database" in sentence and "--database-url" in sentence
    assert file.read_text() == "These are my notes. " * 100


def test_a_server_that_does_not_answer_is_named_without_the_password(tmp_path: Path) -> None:
    sentence = refused(tmp_path, "--database-url", f"postgresql://somebody:geheim@127.0.0.1:{_free_port()}/hub", "db", "upgrade")
    assert "The database hub at 127.0.0.1:" in sentence and "cannot be reached" in sentence and "geheim" not in sentence
    told = faults.in_words(
        OperationalError(None, None, Exception("bad password geheim")), Installation(tmp_path, "postgresql://somebody:geheim@db.example/hub")
    )
    assert told is not None and "db.example" in told and "geheim" not in told


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql://somebody:ge@127.0.0.1:heim/hub", "cannot be read"),
        ("postgresql://somebody:ge@heim/w#rd@127.0.0.1/hub", "has an @"),
        ("postgresql://somebody:ge@heim@127.0.0.1/hub", "has an @"),
        ("postgresql://somebody:ge@he?im@127.0.0.1/hub", "has an @"),
        ("postgresql://some/body:geheim@127.0.0.1/hub", "has an @"),
    ],
)
@pytest.mark.parametrize("command", [("connections", "list"), ("db", "status", "--json"), ("db", "upgrade")])
def test_a_database_url_that_cannot_be_used_is_refused_without_a_part_of_its_password(
    fichehub: CommandLine, monkeypatch: pytest.MonkeyPatch, url: str, said: str, command: tuple[str, ...]
) -> None:
    monkeypatch.setenv("FICHEHUB_DATABASE_URL", url)
    sentence = fichehub.refused(*command)
    assert said in sentence and "percent-encoded" in sentence
    assert "heim" not in sentence and not (fichehub.home / "fichehub.log").exists()


def test_a_password_among_the_options_of_the_url_is_not_shown(tmp_path: Path) -> None:
    told = Installation(tmp_path, "postgresql://somebody:geheim@db.example/hub?password=geheim&sslmode=require").nothing_here()
    assert "db.example/hub?sslmode=require" in told and "geheim" not in told


def test_a_port_that_is_taken_is_told_by_simulate_as_by_serve(fichehub: CommandLine) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        sentence = fichehub.refused("simulate", "sociale-kaart", "--port", str(port))
    assert f"Nothing can be served at 127.0.0.1:{port}" in sentence and f"lsof -nP -iTCP:{port}" in sentence


def test_a_full_disk(tmp_path: Path) -> None:
    told = faults.in_words(OSError(errno.ENOSPC, "No space left on device", "/x/y"), Installation(tmp_path, ""))
    assert told is not None and "The disk is full (/x/y)" in told
    for error in (_of_sqlite(sqlite3.SQLITE_FULL), OperationalError("INSERT", None, _of_sqlite(sqlite3.SQLITE_FULL))):
        told = faults.in_words(error, Installation(tmp_path, ""))
        assert told is not None and "The disk is full" in told and str(tmp_path) in told


def _of_sqlite(code: int) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("what it says")
    error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize(
    ("code", "free", "said"),
    [
        (sqlite3.SQLITE_IOERR_SHMSIZE, 1 << 30, "The disk is full"),
        (sqlite3.SQLITE_IOERR_WRITE, 0, "The disk is full"),
        (sqlite3.SQLITE_CANTOPEN, 0, "The disk is full"),
        (sqlite3.SQLITE_IOERR_READ, 1 << 30, "The disk does not read or write the database"),
        (sqlite3.SQLITE_READONLY_DIRECTORY, 1 << 30, "give this user the right"),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, 1 << 30, "Something else held the database"),
        (sqlite3.SQLITE_CORRUPT_VTAB, 1 << 30, "Restore a backup"),
        (sqlite3.SQLITE_ERROR, 0, None),
    ],
)
def test_what_sqlite_says_is_told_by_its_code_and_the_room_that_there_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, free: int, said: str | None
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=free))
    told = faults.in_words(OperationalError("SELECT 1", None, _of_sqlite(code)), Installation(tmp_path, ""))
    assert told is None if said is None else said in str(told)


def test_a_disk_with_no_room_for_the_index_of_the_log_is_full(tmp_path: Path) -> None:
    """Nobody else has the database open, so there is none yet; a limit on the size of files stands for the disk."""
    Store.open(f"sqlite:///{tmp_path / 'fichehub.sqlite'}", tmp_path).close()
    assert "The disk is full" in refused(tmp_path, "connections", "list", largest=1 << 14)


@pytest.mark.postgres
def test_a_database_that_takes_no_writes_and_one_that_ends_statements(tmp_path: Path, postgres_database_url: str) -> None:
    store = Store.open(postgres_database_url, tmp_path)
    store.write(lambda writer: writer.put([Claim("sociale-kaart", "o1", 1, "organisatie", ORGANISATIE)], origin="test"))
    with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:

        def set_to(what: str) -> None:
            connection.exec_driver_sql(f'ALTER DATABASE "{store.engine.url.database}" SET {what}')

        set_to("default_transaction_read_only = on")
        for command in (("db", "reindex"), ("db", "upgrade")):
            assert "takes no writes" in refused(tmp_path, "--database-url", postgres_database_url, *command)
        set_to("default_transaction_read_only = off")
        set_to("statement_timeout = 200")
        connection.exec_driver_sql("BEGIN; LOCK TABLE entry")
        assert "statement_timeout" in refused(tmp_path, "--database-url", postgres_database_url, "query")
        connection.exec_driver_sql("ROLLBACK")
    store.close()


def test_a_fault_of_ours_stays_one(fichehub: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    assert faults.in_words(FileNotFoundError(errno.ENOENT, "No such file", "/usr/lib/x.json"), Installation(fichehub.home, "")) is None
    assert faults.in_words(KeyError("x"), None) is None
    assert faults.in_words(OperationalError("SELECT nothing", None, Exception("no such column: nothing")), Installation(fichehub.home, "")) is None

    def breaks(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("hub.sync.connections.list_all", breaks)
    log = fichehub.home / "fichehub.log"
    assert f"ZeroDivisionError (see {log})" in fichehub.refused("connections", "list")
    assert "ZeroDivisionError" in log.read_text()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, a device that is always full")
def test_a_log_that_cannot_be_written_is_said_and_hides_nothing(fichehub: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("hub.sync.connections.list_all", breaks)
    log = fichehub.home / "fichehub.log"
    log.unlink(missing_ok=True)
    log.symlink_to("/dev/full")
    result = fichehub("connections", "list")
    assert result.exit_code == 1
    assert result.output.count(f"The log {log} cannot be written (No space left on device)") == 1
    assert "Error: Something went wrong inside Fichehub: ZeroDivisionError" in result.output


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_damaged_file_is_not_called_good(tmp_path: Path) -> None:
    """As a copy is that was put back beside the log which a killed process left."""
    file = tmp_path / "fichehub.sqlite"
    store = Store.open(f"sqlite:///{file}", tmp_path)
    with store.engine.connect() as connection:
        pages = connection.exec_driver_sql("SELECT rootpage FROM sqlite_master WHERE name = 'erasure'").scalars().all()
        size = connection.exec_driver_sql("PRAGMA page_size").scalar_one()
    store.close()
    with file.open("r+b") as written:
        written.seek((pages[0] - 1) * size)
        written.write(b"\xff" * size)
    assert f"The database {file} is damaged" in refused(tmp_path, "db", "upgrade")
