"""A store on each engine, on one day."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hub.store import Store


@pytest.fixture
def store(database_url: str, tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(database_url, tmp_path / "home", now=lambda: datetime(2026, 11, 22, 9, tzinfo=UTC))
    yield opened
    opened.close()
