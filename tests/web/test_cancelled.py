"""What somebody is done with: remembered of each asker apart, the last ones of it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from hub.store import Store
from hub.web import cancelled


def test_the_last_ones_of_each_are_remembered(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cancelled, "MOST", 3)
    store = Store.open(database_url, tmp_path)
    moments = iter(datetime(2026, 12, 1, 9, minute, tzinfo=UTC) for minute in range(60))
    monkeypatch.setattr(store, "now", lambda: next(moments))
    cancelled.cancel(store, "epd", "0")
    for what in ("0", "1", "1", "2", "3", "4"):
        cancelled.cancel(store, "", what)
    with store.read() as reading:
        assert [cancelled.is_cancelled(reading, "", what) for what in "01234"] == [False, False, True, True, True]
        assert [cancelled.is_cancelled(reading, "epd", what) for what in "01"] == [True, False]
    store.close()
