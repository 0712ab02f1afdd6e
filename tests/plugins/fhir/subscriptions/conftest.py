"""A hub that may be subscribed to, on one engine or on both, and a receiver beside it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.plugins.fhir.subscribing import (
    Hub,
    Receiver,
    open_hub,
)


@pytest.fixture(autouse=True)
def _within_the_walls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FICHEHUB_ALLOW_PRIVATE", "1")


@pytest.fixture
def hub(tmp_path: Path, sqlite_database_url: str) -> Iterator[Hub]:
    opened = open_hub(sqlite_database_url, tmp_path / "home")
    yield opened
    opened.store.close()


@pytest.fixture
def any_hub(tmp_path: Path, database_url: str) -> Iterator[Hub]:
    opened = open_hub(database_url, tmp_path / "home")
    yield opened
    opened.store.close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as started:
        yield started
