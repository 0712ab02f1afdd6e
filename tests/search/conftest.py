"""One random world, written to both engines once for the whole room."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine

from hub.places import DEMO_ZONES, Places
from hub.store import tables
from hub.store.database import connect, writing
from hub.store.index_rows import create_fulltext
from tests.own_postgres import PostgresServer
from tests.search.oracle import Oracle
from tests.search.worlds import Maker, store


@pytest.fixture(scope="session")
def places() -> Places:
    return Places.load(DEMO_ZONES)


@pytest.fixture(scope="session")
def maker(places: Places) -> Maker:
    made = Maker(7, places)
    made.fill(60)
    return made


@pytest.fixture(scope="session")
def oracle(maker: Maker, places: Places) -> Oracle:
    return Oracle(maker.world(), places)


def _filled(engine: Engine, oracle: Oracle) -> Engine:
    with writing(engine) as conn:
        tables.metadata.create_all(conn)
        create_fulltext(conn)
        store(conn, oracle.world)
    if engine.dialect.name == "postgresql":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
            conn.exec_driver_sql("VACUUM ANALYZE")
    return engine


@pytest.fixture(scope="session")
def sqlite_world(oracle: Oracle, tmp_path_factory: pytest.TempPathFactory) -> Engine:
    path: Path = tmp_path_factory.mktemp("search") / "world.sqlite"
    return _filled(connect(f"sqlite:///{path}"), oracle)


@pytest.fixture(scope="session")
def postgres_world(oracle: Oracle, postgres_server: PostgresServer) -> Engine:
    return _filled(connect(postgres_server.url(postgres_server.create())), oracle)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def reading(request: pytest.FixtureRequest) -> Iterator[Callable[[], Connection]]:
    """A connection to the world on one engine."""
    engine: Engine = request.getfixturevalue(f"{request.param}_world")
    with engine.connect() as conn:
        yield lambda: conn
    engine.dispose()
