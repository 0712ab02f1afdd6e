"""Keys of the installation's own: made once, noted in the database, and refused where they are others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Barrier, Thread

import pytest

from hub.errors import FichehubError, Misconfigured
from hub.store import Store, erasure, own_keys
from hub.store.key_file import key_in
from tests.store.conftest import put
from tests.store.saying import organisatie, uuid_of

Opened = Callable[[str], Store]


@pytest.fixture
def opened(database_url: str, tmp_path: Path) -> Iterator[Opened]:
    """The same database, opened from a home of this name."""
    stores: list[Store] = []

    def open_(home: str) -> Store:
        stores.append(Store.open(database_url, tmp_path / home))
        return stores[-1]

    yield open_
    for store in stores:
        store.close()


@pytest.mark.parametrize("file", ["store.key", "secret.key"])
def test_a_second_home_is_refused_until_it_has_the_keys_of_the_first(opened: Opened, tmp_path: Path, file: str) -> None:
    opened("first")
    with pytest.raises(Misconfigured, match=r"There is no store.key in .*second.* copy it from the machine that made it"):
        opened("second")
    assert not (tmp_path / "second" / "store.key").exists(), "it makes none of its own"
    for key in ("store.key", "secret.key"):
        (tmp_path / "second" / key).write_bytes((tmp_path / "first" / key).read_bytes())
    opened("second")
    own = own_keys.STORE_KEY if file == "store.key" else own_keys.SECRET_KEY
    (tmp_path / "second" / file).write_bytes(own.make())
    with pytest.raises(Misconfigured, match=rf"is another {file} than this database's"):
        opened("second")


def test_who_was_erased_stays_so_when_the_key_is_moved_away(opened: Opened, tmp_path: Path) -> None:
    store = opened("home")
    put(store, organisatie("o1"))
    erasure.erase(store, uuid_of(store, "sociale-kaart|o1"), "asked")
    (tmp_path / "home" / "store.key").rename(tmp_path / "store.key")
    with pytest.raises(Misconfigured, match=r"There is no store\.key"):
        opened("home")
    with store.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM setting")  # as a database from before keys were noted
    with pytest.raises(Misconfigured, match=r"There is no store\.key"):
        opened("home")
    (tmp_path / "store.key").rename(tmp_path / "home" / "store.key")
    assert put(opened("home"), organisatie("o1", revision=2)).erased == 1


def test_a_database_from_before_notes_the_keys_at_its_first_opening(opened: Opened) -> None:
    store = opened("home")
    with store.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM setting")
    again = opened("home")
    with again.read() as connection:
        noted = connection.exec_driver_sql("SELECT name, value FROM setting ORDER BY name").all()
    assert [row[0] for row in noted] == ["check secret.key", "check store.key"]
    assert store.secret.hex() not in noted[1][1]


def test_of_two_first_openings_at_once_from_one_home_both_come_through(database_url: str, tmp_path: Path) -> None:
    together, secrets = Barrier(4), list[bytes]()

    def start() -> None:
        together.wait()
        store = Store.open(database_url, tmp_path)
        secrets.append(store.secret)
        store.close()

    threads = [Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(secrets) == 4 and len(set(secrets)) == 1


def test_of_two_first_openings_at_once_from_two_homes_one_is_refused(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def first_the_other(path: Path, make: Callable[[], bytes]) -> bytes:
        monkeypatch.setattr("hub.store.own_keys.key_in", key_in)
        Store.open(database_url, tmp_path / "other").close()
        return key_in(path, make)

    monkeypatch.setattr("hub.store.own_keys.key_in", first_the_other)
    with pytest.raises(Misconfigured, match=r"is another store\.key than this database's"):
        Store.open(database_url, tmp_path / "home")


def test_keys_of_the_environment_count_as_those_of_the_home_do(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = (own_keys.SECRET_KEY.make().decode() for _ in range(2))
    monkeypatch.setenv("FICHEHUB_SECRET", "a secret of ours")
    monkeypatch.setenv("FICHEHUB_SECRET_KEY", old)
    assert opened("home").secret == b"a secret of ours"
    monkeypatch.setenv("FICHEHUB_SECRET_KEY", f"{new}, {old}")
    opened("elsewhere")
    monkeypatch.setenv("FICHEHUB_SECRET_KEY", new)
    with pytest.raises(Misconfigured, match=r"FICHEHUB_SECRET_KEY is another secret\.key"):
        opened("elsewhere")
    monkeypatch.setenv("FICHEHUB_SECRET", "another")
    with pytest.raises(Misconfigured, match=r"FICHEHUB_SECRET is another store\.key"):
        opened("home")


@pytest.mark.parametrize(("file", "content", "reason"), [("store.key", b"short", "damaged"), ("secret.key", b"a password", "not a Fernet key")])
def test_a_file_that_is_no_key_is_told_at_once(opened: Opened, tmp_path: Path, file: str, content: bytes, reason: str) -> None:
    opened("home")
    (tmp_path / "home" / file).write_bytes(content)
    with pytest.raises(FichehubError, match=reason):
        opened("home")
