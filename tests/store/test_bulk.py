"""Driver SQL keeps SQLAlchemy's promises: one transaction, its errors, who listens hears, and a database that hung up is called again."""

from typing import Any

import pytest
from sqlalchemy import Connection, event
from sqlalchemy.exc import DBAPIError

from hub.store import Store, database, opening
from hub.store.bulk import Bulk
from tests.store.conftest import put
from tests.store.saying import organisatie

_CLAIMS = "SELECT count(*) FROM claim WHERE revision > ?"


def test_all_looks_are_in_one_transaction(store: Store) -> None:
    with store.engine.connect() as connection:
        bulk = Bulk(connection)
        assert connection.in_transaction()
        if bulk.postgres:
            bulk.run("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        before = bulk.rows(_CLAIMS, 0)
        put(store, organisatie("o1"))
        assert bulk.rows(_CLAIMS, 0) == before
    with store.read() as connection:
        assert Bulk(connection).rows(_CLAIMS, 0) != before


def test_a_refusal_is_told_as_sqlalchemy_tells_it(store: Store) -> None:
    with store.read() as connection, pytest.raises(DBAPIError) as refusal:
        Bulk(connection).rows("SELECT nothing FROM nowhere WHERE a = ?", 1)
    assert isinstance(refusal.value.orig, store.engine.dialect.dbapi.Error)  # type: ignore[union-attr]
    assert not refusal.value.connection_invalidated


def test_who_listens_hears_every_statement(store: Store) -> None:
    heard: list[str] = []

    def note(conn: Any, cursor: Any, statement: str, *rest: Any) -> None:
        heard.append(statement)

    event.listen(store.engine, "before_cursor_execute", note)
    with store.read() as connection:
        Bulk(connection).rows(_CLAIMS, 0)
    event.remove(store.engine, "before_cursor_execute", note)
    assert any(statement.startswith("SELECT count(*) FROM claim") for statement in heard)


def test_after_the_database_hung_up_in_the_middle_all_connections_are_new(postgres_database_url: str) -> None:
    engine = database.connect(postgres_database_url)
    idle = [engine.connect() for _ in range(2)]
    with database.reading(engine) as connection:
        hung_up = [_session(each) for each in (*idle, connection)]
        for each in idle:
            each.close()
        with opening.throwaway(engine).connect() as other:
            gone = [Bulk(other).rows("SELECT pg_terminate_backend(?, 5000)", number) for number in hung_up]
        with pytest.raises(DBAPIError) as refusal:
            Bulk(connection).rows("SELECT 1")
    assert gone == [[(True,)]] * 3  # each waited until it was
    assert refusal.value.connection_invalidated
    for _ in hung_up:
        with database.reading(engine) as connection:
            assert Bulk(connection).rows("SELECT 1") == [(1,)]
    engine.dispose()


def _session(connection: Connection) -> int:
    return int(Bulk(connection).rows("SELECT pg_backend_pid()")[0][0])
