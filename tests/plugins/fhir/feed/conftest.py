"""A hub with a partner that may send in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.plugins.fhir.feed.sending import opened
from tests.plugins.fhir.subscribing import Hub


@pytest.fixture
def hub(tmp_path: Path, sqlite_database_url: str) -> Iterator[Hub]:
    hub = opened(sqlite_database_url, tmp_path / "home")
    yield hub
    hub.store.close()


@pytest.fixture
def any_hub(tmp_path: Path, database_url: str) -> Iterator[Hub]:
    hub = opened(database_url, tmp_path / "home")
    yield hub
    hub.store.close()
