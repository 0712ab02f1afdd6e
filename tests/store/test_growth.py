"""PostgreSQL looks at what a load makes of its tables, beside the load."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError
from structlog.testing import capture_logs

from hub.store import Store, database, growth
from hub.store.growth import Growth
from tests.store.conftest import put
from tests.store.saying import organisatie


class _Looks:
    """Looks that are not at their end before the test lets them."""

    def __init__(self) -> None:
        self.begun = 0
        self.may_end = Event()

    def __call__(self, engine: Engine) -> None:
        self.begun += 1
        assert self.may_end.wait(30)


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> _Looks:
    found = _Looks()
    monkeypatch.setattr(database, "analyze", found)
    monkeypatch.setattr(growth, "_FIRST_LOOK", 10)
    return found


def test_nobody_waits_for_a_look_and_what_has_not_grown_is_not_looked_at(store: Store, looks: _Looks) -> None:
    looks.may_end.clear()
    grown = Growth(store.engine)
    grown.note(9)
    grown.settle()
    assert looks.begun == 0
    grown.note(1)  # comes back while the look is under way
    looks.may_end.set()
    grown.settle()
    expected = 1 if store.engine.dialect.name == "postgresql" else 0
    assert looks.begun == expected
    grown.note(39)
    grown.settle()
    assert looks.begun == expected
    grown.note(1)
    grown.settle()
    assert looks.begun == 2 * expected


def test_a_database_that_is_away_from_a_look_is_told_and_stops_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(engine: Engine) -> None:
        raise OperationalError("ANALYZE", {}, Exception("gone"), connection_invalidated=True)

    monkeypatch.setattr(database, "analyze", away)
    grown = Growth(store.engine)
    with capture_logs() as said:
        grown.note(5_000)
        grown.settle()
    assert [line["log_level"] for line in said] == ["warning"] * (store.engine.dialect.name == "postgresql")


def test_a_load_is_counted_before_the_store_is_closed(open_store: Callable[..., Store], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(growth, "_FIRST_LOOK", 10)
    store = open_store()
    put(store, *(organisatie(f"o{number}") for number in range(20)))
    store.close()
    postgres = store.engine.dialect.name == "postgresql"
    counted = (
        "SELECT reltuples FROM pg_class WHERE relname = 'fiche'" if postgres else "SELECT count(*) FROM sqlite_master WHERE name = 'sqlite_stat1'"
    )
    with store.read() as connection:
        assert connection.exec_driver_sql(counted).scalar_one() == (20 if postgres else 0)
    store.close()
