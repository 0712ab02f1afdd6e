"""A store of its own for each test, on both engines, with a clock that the test moves."""

import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from hub.authority import Authority
from hub.model.claims import Claim
from hub.places import places
from hub.store import Store, database
from tests.own_postgres import PostgresServer

SECRET = b"0123456789abcdef0123456789abcdef"
AUTHORITY = Authority.load()


class Clock:
    """Time that passes only when told to."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, **span: float) -> None:
        self.now += timedelta(**span)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file at the current schema, to be copied: that is faster than to migrate one for each test."""
    path = tmp_path_factory.mktemp("migrated") / "fichehub.sqlite"
    _migrate(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def migrated_name(postgres_server: PostgresServer) -> str:
    """The same in PostgreSQL: a database that serves as a template."""
    name = postgres_server.create()
    _migrate(postgres_server.url(name))
    return name


def _migrate(url: str) -> None:
    engine = database.connect(url)
    database.migrate(engine)
    engine.dispose()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database at the current schema with nothing in it; a test that asks for it runs once on each engine."""
    if request.param == "sqlite":
        yield f"sqlite:///{shutil.copy(request.getfixturevalue('migrated_file'), tmp_path / 'store.sqlite')}"
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    name = server.create(template=request.getfixturevalue("migrated_name"))
    yield server.url(name)
    server.drop(name)


@pytest.fixture
def open_store(store_url: str, clock: Clock) -> Iterator[Callable[..., Store]]:
    """Opens stores on the test's database; options are those of `Store`."""
    opened: list[Store] = []

    def open_(**options: Any) -> Store:
        store = Store(database.connect(store_url), **{"authority": AUTHORITY, "places": places(), "secret": SECRET, "now": clock, **options})
        opened.append(store)
        return store

    yield open_
    for store in opened:
        store.close()


@pytest.fixture
def store(open_store: Callable[..., Store]) -> Store:
    return open_store()


def put(store: Store, *claims: Claim, origin: str = "test") -> Any:
    """One batch."""
    return store.write(lambda writer: writer.put(claims, origin=origin))
