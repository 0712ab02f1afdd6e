"""Opening a database: engine, transactions, and the one way its schema comes about (Alembic).

SQLite runs in WAL mode with BEGIN IMMEDIATE for everything that writes: a transaction that first reads and then writes could otherwise be
refused after its work is done. PostgreSQL runs READ COMMITTED for writers, who lock rows in a fixed order, and REPEATABLE READ for readers, who
need one consistent snapshot.
"""

from __future__ import annotations

import os
import random
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect
from sqlalchemy.engine import make_url
from sqlalchemy.exc import (
    DBAPIError,
    PendingRollbackError,
    SQLAlchemyError,
)

from hub import merge
from hub.errors import FichehubError, Misconfigured, StoreBusy
from hub.store.behind import writing_behind
from hub.store.bulk import Bulk
from hub.store.home import make_home
from hub.store.index_tokens import FORM
from hub.store.opening import postgresql

if sys.platform != "win32":
    import fcntl

if TYPE_CHECKING:
    from alembic.config import Config

BUSY_SECONDS: Final = 20.0
"""How long a writer waits for SQLite's one write lock before it gives up."""

SECRETS: Final = ("password", "sslpassword", "oauth_client_secret")
"""Options of libpq that open the database."""
_SQLITE: Final = ("sqlite", "sqlite+pysqlite")
_POSTGRESQL: Final = ("postgresql", "postgresql+psycopg")
_WRITE: Final = "Write sqlite:///FILE or postgresql://USER@HOST/NAME"
_ENCODE: Final = "In a user or a password each of the signs @ / : # is percent-encoded: %40, %2F, %3A, %23."
_MIGRATIONS: Final = Path(__file__).parent / "migrations"
_WRITING: Final = "fichehub_writing"
_TURN: Final = "fichehub_turn"
_LOADING_PAGES: Final = 2000
_USUAL_CACHE: Final = 32_768
"""kB of pages that a connection keeps."""
_LOADING_CACHE: Final = 16_384
"""The same for a load: it writes most of them once, and 780,000 caregivers fit in no cache that is worth its memory."""
_LOADING_ROWS: Final = 32000
_MOVED: Final = "fichehub_moved"
_SAVING_PAGES: Final = 4000
_PRAGMAS: Final = (
    "PRAGMA synchronous = NORMAL",
    f"PRAGMA cache_size = -{_USUAL_CACHE}",
    "PRAGMA mmap_size = 0",  # it would count as resident memory
    "PRAGMA temp_store = MEMORY",
    "PRAGMA foreign_keys = ON",
    "PRAGMA secure_delete = ON",  # erased personal data must not stay behind in free pages
    "PRAGMA journal_size_limit = 67108864",
    f"PRAGMA wal_autocheckpoint = {_SAVING_PAGES}",
)
# A writer only ever follows keys. Before PostgreSQL knows how a table has grown it would rather read all of it, or compile what runs for a moment.
_BY_KEY: Final = "SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off; SET LOCAL jit = off"
# serialization failure, deadlock, lock not available, unique violation (another writer made the same row first)
_RETRIED_STATES: Final = frozenset({"40001", "40P01", "55P03", "23505"})


def parsed(url: str) -> URL:
    """The database URL in its parts. Raises `FichehubError`, without repeating it, for one that is not of SQLite or PostgreSQL or has a sign that splits a password."""
    try:
        found = make_url(url)
    except Exception:  # noqa: BLE001  SQLAlchemy and its drivers raise whatever they like about a malformed URL
        raise FichehubError(
            f"The database URL cannot be read. {_WRITE}, with a port that is a number. {_ENCODE}"
        ) from None  # it may name a part of it
    if found.drivername not in (*_SQLITE, *_POSTGRESQL):
        raise FichehubError(f"Fichehub runs on SQLite and PostgreSQL; the database URL names {found.drivername}. {_WRITE}.")
    options = (option.partition("=")[0] for option in url.partition("?")[2].split("&"))
    if found.drivername in _POSTGRESQL and any("@" in (part or "") for part in (found.host, found.database, *options)):
        # What stands before it was meant for the password, and would be named as a host or a database.
        raise FichehubError(f"The database URL has an @ behind the one before the host. {_ENCODE}")
    return found


def shown(url: URL) -> str:
    """The URL as anybody may read it: without what opens the database."""
    return url.difference_update_query(SECRETS).render_as_string(hide_password=True)


def connect(url: str) -> Engine:
    """An engine for `url`: `sqlite:///file` or `postgresql://...`; other databases and unusable URLs raise `FichehubError`."""
    found = parsed(url)
    if found.drivername in _POSTGRESQL:
        return postgresql(found)
    if found.query:
        raise FichehubError(f"The database URL has an option that SQLite does not take here: {next(iter(found.query))}. Write sqlite:///FILE.")
    if found.database in (None, "", ":memory:"):
        raise FichehubError("A database in memory is not shared between processes; name a file: sqlite:///FILE.")
    make_home(Path(found.database or "").parent)
    # The last one given back is the next one handed out: each has pages and statements of its own in memory, and those of one that is used in
    # turns with another are out of date each time.
    engine = create_engine(found, pool_use_lifo=True, connect_args={"timeout": 0, "check_same_thread": False, "cached_statements": 512})
    event.listen(engine, "do_connect", _make_private)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _make_private(dialect: object, record: object, arguments: list[Any], options: object) -> None:
    """Make the file before SQLite would, which lets everybody read it that the umask lets: it is full of personal data. Its log gets the rights that it has.

    One that is there keeps its own: somebody may have given them.
    """
    with suppress(OSError):  # it is there, or cannot be made: SQLite says so in the words that the commands know
        os.close(os.open(arguments[0], os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))


def _prepare_sqlite(raw: Any, record: object) -> None:
    raw.isolation_level = None  # we say BEGIN ourselves
    cursor = raw.cursor()
    cursor.execute("PRAGMA busy_timeout = 5000")
    cursor.execute("PRAGMA page_size = 8192")  # counts only before the first table
    cursor.execute("PRAGMA journal_mode = WAL")
    for pragma in _PRAGMAS:
        cursor.execute(pragma)
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    raw = connection.connection.driver_connection
    assert raw is not None
    if not connection.get_execution_options().get(_WRITING):
        raw.execute("BEGIN")  # every request does, and by way of SQLAlchemy it costs more than a look
        return
    # SQLite's own busy handler sleeps up to 100 ms at a time and knows no turns, so that an editor starves beside a loader: poll
    # finely, one writer at a time. Who waits for his turn queues behind the one who polls, also when it is the loader again.
    raw.execute("PRAGMA busy_timeout = 0")
    raw.execute(f"PRAGMA wal_autocheckpoint = {_SAVING_PAGES}")
    turn: _Turn | None = connection.get_execution_options().get(_TURN)
    raw.execute(f"PRAGMA cache_size = -{_USUAL_CACHE if turn is None else _LOADING_CACHE}")
    if turn is not None:
        turn.take(f"{connection.engine.url.database}-load")
    deadline = time.monotonic() + BUSY_SECONDS
    next_in_line = _Turn()
    next_in_line.take(f"{connection.engine.url.database}-next")
    try:
        with closing(next_in_line):
            while True:
                try:
                    raw.execute("BEGIN IMMEDIATE")
                    return
                except sqlite3.OperationalError as error:
                    if not is_lock_refusal(error) or time.monotonic() > deadline:
                        raise StoreBusy("The database is being written by somebody else; try again in a moment.") from error
                    time.sleep(random.uniform(0.0005, 0.002))
    finally:
        raw.execute("PRAGMA busy_timeout = 5000")


class _Turn:
    """One at a time, between threads and processes alike; a killed process lets go.

    `FILE-next` is held by whoever gets SQLite's write lock next. `FILE-load` is held by the one load that has the write lock or waits for it: several loads
    at once wait for each other there, so that an editor waits for the end of one batch, and not for one of each.
    """

    def __init__(self) -> None:
        self._handle: int | None = None

    def take(self, path: str) -> None:
        """Wait for it."""
        if sys.platform != "win32":  # there writers poll without turns
            self._handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            fcntl.flock(self._handle, fcntl.LOCK_EX)

    def close(self) -> None:
        """Let go. More than once does no harm."""
        handle, self._handle = self._handle, None
        if handle is not None:
            os.close(handle)


def is_lock_refusal(error: BaseException) -> bool:
    """Whether SQLite refused for want of a lock."""
    text = str(error)
    return "database is locked" in text or "database table is locked" in text or "database is busy" in text


def can_retry(error: DBAPIError) -> bool:
    """Whether the same transaction, run again, may succeed: lost locks, deadlocks, a row that another writer made first."""
    state = getattr(error.orig, "sqlstate", None)
    return state in _RETRIED_STATES if state is not None else is_lock_refusal(error)


def commits_a_load(bulk: Bulk) -> None:
    """The transaction at hand belongs to a load: if the log of SQLite is long, this one moves it into the database file.

    Moving 16 MB is cheap for what it moves: the longer the log, the more often the same page is in it. But it keeps the disk busy, and an editor's
    save beside a load shall not be the one that does it, so for everybody else the log may become longer.
    """
    if not bulk.postgres:
        bulk.later(1, f"PRAGMA wal_autocheckpoint = {_LOADING_PAGES}")


def commit_a_load(connection: Connection) -> None:
    """Commit, and call `after_a_load` next: the commit itself, which others wait for, leaves the log of SQLite alone."""
    if connection.dialect.name == "sqlite":
        raw: Any = connection.connection.driver_connection
        raw.execute("PRAGMA wal_autocheckpoint = 0")
    connection.commit()
    turn: _Turn | None = connection.get_execution_options().get(_TURN)
    if turn is not None:
        turn.close()


def after_a_load(connection: Connection) -> None:
    """Now and then move the log of SQLite into the database file; nobody has to wait for that."""
    if connection.dialect.name == "sqlite":
        raw: Any = connection.connection.driver_connection
        if raw.total_changes - connection.info.get(_MOVED, 0) >= _LOADING_ROWS:
            connection.info[_MOVED] = raw.total_changes
            raw.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()


@contextmanager
def writing(engine: Engine, *, load: bool = False) -> Iterator[Connection]:
    """A transaction that writes; commits at the end. `load`: a batch of many, which lets editors go first. Raises `StoreBusy` when SQLite stays locked."""
    turn = _Turn()
    said = {_WRITING: True, _TURN: turn if load else None}
    with closing(turn), engine.connect().execution_options(**said) as connection, connection.begin():
        if engine.dialect.name == "postgresql":
            connection.exec_driver_sql(_BY_KEY)
        with writing_behind(connection):
            yield connection


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A transaction that sees one state of the database, whatever is written meanwhile."""
    connection = engine.connect()
    if engine.dialect.name == "postgresql":
        connection = connection.execution_options(isolation_level="REPEATABLE READ")
    with connection, connection.begin() as transaction:
        yield connection
        with suppress(DBAPIError, PendingRollbackError):  # whoever only read has what was read, also where the server is gone by now
            transaction.commit()


def give_back(connection: Connection) -> None:
    """Let SQLite give back the memory of the pages that it keeps: who walks through everything reads each of them once."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA shrink_memory")


def _config(connection: Connection) -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def _revisions() -> list[str]:
    """The revisions that this version knows, oldest first: the file of each begins with its number. No Alembic, which takes 8 MB to look at them."""
    return sorted(path.name.partition("_")[0] for path in (_MIGRATIONS / "versions").glob("[0-9]*.py"))


def head() -> str:
    """The revision that this version of Fichehub works with."""
    return _revisions()[-1]


def revision(engine: Engine) -> str | None:
    """The revision that the database is at; `None` for an empty one."""
    with engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        return cast("str | None", connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar())


def exists(url: str) -> bool:
    """Whether there is a database of Fichehub at `url`; makes none. True also where nobody can tell: whoever opens it is told what is wrong.

    Raises `FichehubError` for a URL that cannot be used.
    """
    found = parsed(url)
    if found.drivername in _SQLITE and found.database and not Path(found.database).exists():
        return False
    with suppress(SQLAlchemyError):
        engine = connect(url)
        try:
            return revision(engine) is not None
        finally:
            engine.dispose()
    return True


def _check_known(found: str) -> None:
    if found not in _revisions():
        raise FichehubError(
            f"The database was made by another, probably newer version of Fichehub (its schema is {found}, this version knows"
            f" up to {head()}). Install that version, or restore a backup made with this one."
        )


def migrate(engine: Engine, *, upgrade: bool = True) -> None:
    """Bring the database to the schema of this version; does nothing when it is there. Raises `FichehubError` for a schema that is newer, and
    `Misconfigured` for an older one unless it may `upgrade` that; an empty database gets the schema in any case."""
    found = revision(engine)
    if found is not None:
        _check_known(found)
        if found == head():
            return
        if not upgrade:
            raise Misconfigured(
                f"The database is of an older version of Fichehub (its schema is {found}, this version works with {head()}). "
                "Stop every serve and work that uses it, then run: fichehub db upgrade"
            )
    from alembic import command  # only who has something to migrate pays for loading it
    from alembic.util.exc import CommandError

    with writing(engine) as connection:
        try:
            command.upgrade(_config(connection), "head")
        except CommandError as error:
            raise FichehubError(f"The database could not be brought to this version: {error}") from error
        if found is None:  # nothing is in it yet
            connection.exec_driver_sql(f"UPDATE counter SET n = {FORM:d} WHERE name = 'index'")  # noqa: S608
            connection.exec_driver_sql(f"INSERT INTO counter (name, n) VALUES ('{merge.FORM_COUNTER}', {merge.FORM:d})")  # noqa: S608


def require_whole(url: str) -> None:
    """Return when the file of SQLite holds together, which is read once, whole; at once where there is none yet, and on PostgreSQL, which checks each page as it
    reads it.

    Raises `FichehubError` when it does not, as after a copy was put beside the log that another file left (https://www.sqlite.org/howtocorrupt.html).
    """
    engine = connect(url)
    try:
        if engine.dialect.name == "sqlite" and exists(url):
            with engine.connect() as connection:
                found = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one()
            if found != "ok":
                raise FichehubError(f"The database {engine.url.database} is damaged ({str(found).splitlines()[-1]}). Restore a backup of it.")
    finally:
        engine.dispose()


def analyze(engine: Engine) -> None:
    """Let PostgreSQL count what is in its tables, so that it plans with what is there; some 100 ms. Nothing on SQLite, which plans by its indexes."""
    if engine.dialect.name == "postgresql":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("ANALYZE")
