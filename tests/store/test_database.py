"""Opening and migrating: the schema of the migrations is the schema of the tables."""

import fcntl
import os
import socket
import stat
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import Any
from urllib.parse import quote

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine
from sqlalchemy.engine import make_url

from hub.errors import FichehubError, StoreBusy
from hub.model.claims import Claim
from hub.store import Store, database, opening, tables
from hub.store.bulk import Bulk
from hub.store.index_rows import POINT
from hub.store.index_tokens import FACETS, TYPE_MARKS
from hub.store.key_file import key_in
from tests.own_postgres import PostgresServer
from tests.store.conftest import put
from tests.store.saying import SK, aanbod, number_of, organisatie


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database without any table."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.sqlite'}"
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    name = server.create()
    yield server.url(name)
    server.drop(name)


def test_migrations_lead_to_the_tables(empty_url: str) -> None:
    engine = database.connect(empty_url)
    assert database.revision(engine) is None
    database.migrate(engine)
    assert database.revision(engine) == database.head()
    database.migrate(engine)  # nothing left to do
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "include_name": _is_ours})
        differences = compare_metadata(context, tables.metadata)
    engine.dispose()
    assert differences == []


def test_the_newest_revision_is_the_one_that_alembic_would_migrate_to(store: Store) -> None:
    with store.engine.connect() as connection:
        script = ScriptDirectory.from_config(database._config(connection))
    assert database.head() == script.get_current_head()
    assert database._revisions() == sorted(each.revision for each in script.walk_revisions())
    assert database.revision(store.engine) == database.head()


def test_claims_are_kept_when_their_table_is_written_anew(store: Store) -> None:
    claims = [organisatie(f"o{number}") for number in range(3)]
    put(store, *claims)
    before = _claims(store)
    with database.writing(store.engine) as connection:
        command.downgrade(database._config(connection), "0014")
    database.migrate(store.engine)
    assert _claims(store) == before
    assert put(store, *claims).unchanged == 3


def _claims(store: Store) -> list[tuple[object, ...]]:
    with store.read() as connection:
        return [tuple(row) for row in connection.exec_driver_sql("SELECT * FROM claim ORDER BY id")]


def _is_ours(name: str | None, type_: str, parents: object) -> bool:
    return not (type_ == "table" and name is not None and (name.startswith("fulltext") or name == "alembic_version"))


def test_terms_of_before_get_their_letters(store: Store) -> None:
    keys = {key: FACETS[key] for key in ("name", "family", "given", "street", "city", "period")} | {"point": POINT}
    with database.writing(store.engine) as connection:
        command.downgrade(database._config(connection), "0009")
        names = [(kind, key, "x", 1, 0) for kind in TYPE_MARKS for key in keys]
        Bulk(connection).insert("term", ("type", "key", "value", "entry_id", "level"), names)
    database.migrate(store.engine)
    letters = [(TYPE_MARKS[kind], keys[key], "x", 1, 0) for kind in TYPE_MARKS for key in keys]
    assert _terms(store) == sorted(letters)
    with database.writing(store.engine) as connection:
        command.downgrade(database._config(connection), "0009")
    assert _terms(store) == sorted(names)


def _terms(store: Store) -> list[tuple[Any, ...]]:
    with store.engine.connect() as connection:
        return sorted(map(tuple, connection.exec_driver_sql("SELECT type, key, value, entry_id, level FROM term")))


def test_days_on_which_government_information_ends_or_begins_are_known_of_what_was_there(store: Store) -> None:
    def said(**dates: str) -> list[dict[str, Any]]:
        return [{"type": "supervision", **dates}]

    put(
        store,
        organisatie("o1"),
        aanbod("a1", "o1", gov_info=said(withdrawn_at="2998-12-02")),
        aanbod("a2", "o1", gov_info=said(valid_from="2998-12-02")),
        aanbod("a3", "o1", gov_info=said(valid_from="2020-01-01", valid_until="2997-01-01", withdrawn_at="2998-01-01")),
        aanbod("a4", "o1", gov_info=said(valid_from="2020-01-01")),
    )
    with database.writing(store.engine) as connection:
        command.downgrade(database._config(connection), "0017")
        connection.exec_driver_sql("DELETE FROM expiry WHERE valid_until > '2998'")
    database.migrate(store.engine)
    numbers = [number_of(store, f"{SK}|a{number}") for number in (1, 2, 3)]
    with store.engine.connect() as connection:
        found = dict(tuple(row) for row in connection.exec_driver_sql("SELECT fiche_id, valid_until FROM expiry WHERE field = 'gov_info'"))
    assert (found.pop(numbers[0]), found.pop(numbers[2])) == ("2998-12-01", "2997-01-01")
    assert found.pop(numbers[1]) < "2998", "it has been shown too early until now, and that is told at once"
    assert found == {}


def test_days_on_which_what_a_partner_said_runs_out_are_known_of_what_was_there(store: Store) -> None:
    def own(external_id: str, **content: Any) -> Claim:
        return Claim("kring-kaart", external_id, 1, "aanbod", {"kind": "aanbod", **content}, same_as=((SK, external_id),), partner="kring")

    stop = {"value": "no", "valid_until": "2998-06-01"}
    put(store, organisatie("o1"), aanbod("a1", "o1", patientenstop=stop), aanbod("a2", "o1", patientenstop=stop), aanbod("a3", "o1"))
    put(store, own("a1", patientenstop={**stop, "valid_until": "2997-06-01"}), own("a2", patientenstop={**stop, "valid_until": "2999-06-01"}))
    put(store, own("a3", gov_info=[{"type": "supervision", "valid_from": "2020-01-02", "withdrawn_at": "2998-01-02"}]))
    with database.writing(store.engine) as connection:
        command.downgrade(database._config(connection), "0019")
        connection.exec_driver_sql("UPDATE expiry SET valid_until = '2998-06-01' WHERE field = 'patientenstop'")
        connection.exec_driver_sql("DELETE FROM expiry WHERE field = 'gov_info'")
    database.migrate(store.engine)
    with store.engine.connect() as connection:
        found = {(row[0], row[1]): row[2] for row in connection.exec_driver_sql("SELECT fiche_id, field, valid_until FROM expiry")}
    first, second, third = (number_of(store, f"{SK}|a{number}") for number in (1, 2, 3))
    assert found == {(first, "patientenstop"): "2997-06-01", (second, "patientenstop"): "2998-06-01", (third, "gov_info"): "2020-01-01"}


def test_of_two_that_make_a_key_at_once_both_have_the_same(tmp_path: Path) -> None:
    path, other = tmp_path / "home" / "store.key", list[bytes]()

    def make() -> bytes:
        assert not path.exists(), "it is never there in part"
        other.append(key_in(path, lambda: b"b" * 32))
        return b"a" * 32

    assert key_in(path, make) == other[0] == b"b" * 32
    assert list(path.parent.iterdir()) == [path] and path.stat().st_mode & 0o077 == 0


def test_a_newer_database_is_refused_in_plain_words(database_url: str) -> None:
    engine = database.connect(database_url)
    with database.writing(engine) as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(FichehubError, match="9999") as refusal:
        database.migrate(engine)
    assert "newer version" in refusal.value.message
    engine.dispose()


@pytest.mark.parametrize("url", ["mysql://localhost/x", "nonsense", "sqlite://", "sqlite:///:memory:"])
def test_urls_that_cannot_be_used(url: str) -> None:
    with pytest.raises(FichehubError):
        database.connect(url)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("postgresql://x@127.0.0.1/x?foo=1", "does not know: foo"),
        ("postgresql://x@127.0.0.1/x?prepare_threshold=0", "does not know: prepare_threshold"),
        ("postgresql://x@127.0.0.1/x?connect_timeout=abc", "connect_timeout of the database URL is a whole number, not 'abc'"),
        ("postgresql+asyncpg://x@127.0.0.1/x", "names postgresql\\+asyncpg"),
        ("sqlite:////tmp/x.sqlite?foo=1", "does not take here: foo"),
    ],
)
def test_an_option_of_a_url_that_is_wrong_is_named(url: str, why: str) -> None:
    with pytest.raises(FichehubError, match=why):
        database.connect(url)


def test_options_that_postgresql_knows_are_taken(postgres_database_url: str) -> None:
    engine = database.connect(f"{postgres_database_url}&connect_timeout=5&application_name=proef&keepalives_idle=30")
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SHOW application_name").scalar() == "proef"
    engine.dispose()


def prepared(engine: Engine) -> int:
    """How many statements the session of a connection has prepared after it asked the same thing often."""
    with database.reading(engine) as connection:
        for _ in range(20):
            Bulk(connection).rows("SELECT n FROM counter WHERE name = ?", "change")
        found: int = connection.exec_driver_sql("SELECT count(*) FROM pg_prepared_statements").scalar_one()
    return found


def test_behind_a_pool_between_transactions_no_statement_is_prepared(postgres_database_url: str, tmp_path: Path) -> None:
    """A pool such as PgBouncer tells each connection a number of its own, and not that of the session."""
    straight = database.connect(postgres_database_url)
    assert prepared(straight)
    straight.dispose()
    with like_a_pool(postgres_database_url, tmp_path) as url:
        engine = database.connect(url)
        assert prepared(engine) == 0
        other = opening.throwaway(engine)
        assert prepared(other) == 0
        engine.dispose()
        other.dispose()


@contextmanager
def like_a_pool(url: str, folder: Path) -> Iterator[str]:
    """Something between that changes the number of the session which the server tells, and nothing else."""
    host = make_url(url).query["host"]
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(folder / ".s.PGSQL.5432"))
    listening.listen()

    threads: list[Thread] = []

    def carry(source: socket.socket, to: socket.socket, told: bool) -> None:
        with suppress(OSError), source:
            while data := source.recv(1 << 16):
                if told and (at := data.find(b"K\x00\x00\x00\x0c")) >= 0:
                    data, told = data[: at + 5] + b"\x00\x00\x00\x07" + data[at + 9 :], False
                to.sendall(data)
            to.shutdown(socket.SHUT_RDWR)

    def accept() -> None:
        with suppress(OSError):
            while True:
                asking, _ = listening.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(f"{host}/.s.PGSQL.5432")
                for each in ((asking, server, False), (server, asking, True)):
                    threads.append(Thread(target=carry, args=each, daemon=True))
                    threads[-1].start()

    threads.append(Thread(target=accept, daemon=True))
    threads[0].start()
    try:
        yield url.replace(quote(str(host), safe=""), quote(str(folder), safe=""))
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        for thread in threads:
            thread.join(10)


def test_a_connection_on_which_the_server_hung_up_is_given_to_nobody(postgres_database_url: str) -> None:
    engine = database.connect(postgres_database_url)
    with ExitStack() as held:
        for _ in range(3):
            held.enter_context(engine.connect()).exec_driver_sql("SELECT 1")
    other = opening.throwaway(engine)
    with other.connect() as connection:
        sql = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        assert [row[0] for row in connection.exec_driver_sql(sql)] == [True] * 3
    for _ in range(3):
        with database.reading(engine) as connection:
            assert connection.exec_driver_sql("SELECT 1").scalar() == 1
    engine.dispose()


def test_of_several_loads_only_one_stands_in_line_before_an_editor(sqlite_database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store.open(sqlite_database_url, tmp_path)
    waiting, order = Queue[str](), list[str]()

    def write(who: str) -> None:
        store.write(lambda writer: order.append(who), pace=None if who == "editor" else store.pace())

    def flock(handle: int, how: int) -> None:
        waiting.put(Path(os.readlink(f"/proc/self/fd/{handle}")).name.rpartition("-")[2])
        real(handle, how)

    real = fcntl.flock
    with database.writing(store.engine, load=True):
        monkeypatch.setattr(fcntl, "flock", flock)
        second = Thread(target=write, args=("a second load",))
        second.start()
        assert waiting.get(timeout=10) == "load"
        editor = Thread(target=write, args=("editor",))
        editor.start()
        assert waiting.get(timeout=10) == "next"
        with open(f"{store.engine.url.database}-next", "rb") as line:
            while _is_free(line.fileno(), real):
                pass  # the editor is about to stand in it
        order.append("a first load")
    for thread in (second, editor):
        thread.join(10)
    store.close()
    assert order == ["a first load", "editor", "a second load"]


def _is_free(handle: int, flock: Callable[[int, int], None]) -> bool:
    try:
        flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    flock(handle, fcntl.LOCK_UN)
    return True


def test_an_installation_keeps_its_secret(sqlite_database_url: str, tmp_path: Path) -> None:
    first = Store.open(sqlite_database_url, tmp_path)
    second = Store.open(sqlite_database_url, tmp_path)
    assert first.secret == second.secret
    assert len(first.secret) == 32
    assert (tmp_path / "store.key").stat().st_mode & 0o077 == 0
    first.close()
    second.close()
    (tmp_path / "store.key").write_bytes(b"short")
    with pytest.raises(FichehubError, match="damaged"):
        Store.open(sqlite_database_url, tmp_path)


@pytest.fixture
def open_to_all() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def rights(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.usefixtures("open_to_all")
def test_what_is_made_is_read_by_its_owner_alone(tmp_path: Path) -> None:
    home = tmp_path / "home"
    made = Store.open(f"sqlite:///{home / 'fichehub.sqlite'}", home)
    put(made, organisatie("o1"))
    assert rights(home) & 0o027 == 0, "of a home its group may read what is for it"
    files = {file.name: rights(file) for file in home.iterdir()}
    assert {"fichehub.sqlite", "fichehub.sqlite-wal", "fichehub.sqlite-shm", "store.key"} <= files.keys()
    assert set(files.values()) == {0o600}
    made.close()


@pytest.mark.usefixtures("open_to_all")
def test_what_is_there_keeps_its_rights(tmp_path: Path) -> None:
    home, file = tmp_path / "home", tmp_path / "home" / "fichehub.sqlite"
    home.mkdir(mode=0o775)
    file.touch(mode=0o660)
    Store.open(f"sqlite:///{file}", home).close()
    assert (rights(home), rights(file)) == (0o775, 0o660)


def test_a_reader_sees_one_state(store: Store) -> None:
    with store.read() as connection:
        before = connection.exec_driver_sql("SELECT count(*) FROM claim").scalar_one()
        put(store, organisatie("o1"))
        assert connection.exec_driver_sql("SELECT count(*) FROM claim").scalar_one() == before == 0


def test_a_load_stays_with_its_connection_when_another_was_needed_for_a_moment(store: Store) -> None:
    def used() -> Any:
        with store.engine.connect() as connection:
            return connection.connection.driver_connection

    with store.engine.connect() as first, store.engine.connect() as second:
        one, other = first.connection.driver_connection, second.connection.driver_connection
    assert one is not other
    assert {used() for _ in range(3)} == {one}


def test_a_locked_database_says_so(sqlite_database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.05)
    engine = database.connect(sqlite_database_url)
    other = database.connect(sqlite_database_url)
    with database.writing(engine), pytest.raises(StoreBusy), database.writing(other):
        pass
    engine.dispose()
    other.dispose()
