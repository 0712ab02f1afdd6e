"""A store on each engine with a clock that tests move, and connectors that say what a test tells them to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType

import pytest

from hub import plugins
from hub.connector import Connector
from hub.hookspecs import hookimpl
from hub.store import Store
from hub.sync import overdue


class Clock:
    """The moment, until a test moves it."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.moment

    def forward(self, **by: float) -> None:
        self.moment += timedelta(**by)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path, clock: Clock, sqlite_database_url: str) -> Iterator[Store]:
    """A store on SQLite."""
    opened = Store.open(sqlite_database_url, tmp_path / "home", now=clock)
    yield opened
    opened.close()


@pytest.fixture
def any_store(tmp_path: Path, clock: Clock, database_url: str) -> Iterator[Store]:
    """A store on each engine in turn."""
    opened = Store.open(database_url, tmp_path / "home", now=clock)
    yield opened
    opened.close()


@pytest.fixture
def worker_at_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if a worker were there all the while, whose runs are those that the test asks for."""
    monkeypatch.setattr(overdue, "somebody_works", lambda connection, now: True)


@pytest.fixture
def offer() -> Callable[..., plugins.Plugins]:
    """Makes loaded plugins of connector classes."""

    def of(*connectors: type[Connector]) -> plugins.Plugins:
        module = ModuleType("test_plugin")
        vars(module)["register_connectors"] = hookimpl(lambda: connectors, specname="register_connectors")
        loaded = plugins.load([("test", module)], installed=False)
        assert loaded.broken == ()
        return loaded

    return of
