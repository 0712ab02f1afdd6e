"""How a run ends: what a dry run leaves alone, what reaches the record, when the next attempt is, and whose rows are removed."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from hub.access import save_agreement
from hub.errors import AuthFailed, Misconfigured, Unreachable
from hub.model.claims import Claim
from hub.store import Store
from hub.sync import connections, guard, records, run
from tests.access.signing import agreed
from tests.sync.conftest import Clock
from tests.sync.pulling import Offer, connect, go
from tests.sync.rows import RowsConfig, fresh_rows
from tests.sync.test_connections import Picky


def test_a_dry_run_that_is_refused_pauses_nothing(store: Store, offer: Offer) -> None:
    source = fresh_rows()
    plugins = offer(source)
    connect(store, plugins)
    source.failure = AuthFailed("They refused our credentials.")
    assert run(store, plugins, "own", dry_run=True).state == "failed"
    assert connections.get(store, plugins, "own").state == "enabled"
    assert run(store, plugins, "own").state == "failed"
    assert connections.get(store, plugins, "own").state == "paused"


def test_a_dry_run_with_a_configuration_that_is_wrong_by_now_pauses_nothing(store: Store, offer: Offer) -> None:
    source = fresh_rows()
    plugins = offer(source)
    connect(store, plugins)
    source.config_schema = Picky
    for dry, state in ((True, "enabled"), (False, "paused")):
        with pytest.raises(Misconfigured):
            run(store, plugins, "own", dry_run=dry)
        source.config_schema = RowsConfig
        assert connections.get(store, plugins, "own").state == state
        source.config_schema = Picky


def test_a_secret_in_a_warning_of_the_source_does_not_reach_the_record(store: Store, offer: Offer) -> None:
    source = fresh_rows()
    plugins = offer(source)
    connect(store, plugins, token="hunter22")
    source.finished = {"warnings": ("The token hunter22 runs out soon.",)}
    run(store, plugins, "own")
    with store.read() as connection:
        (recorded,) = records.reports(connection, "own", limit=1)
    assert recorded.warnings == ("The token ******** runs out soon.",)


def test_however_often_it_failed_the_next_attempt_is_within_half_an_hour(
    store: Store, offer: Offer, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(random, "random", lambda: 1.0)
    source = fresh_rows()
    source.failure = Unreachable("The line broke.")
    waits = []
    for _ in range(9):
        report = go(store, source, offer)
        assert report.retry_at is not None
        waits.append(datetime.fromisoformat(report.retry_at) - clock.moment)
        clock.forward(hours=1)
    assert waits == [timedelta(minutes=min(30, 2**failures)) for failures in range(9)]


@pytest.mark.parametrize(("shown", "known", "most"), [(10, 100, 12), (60, 1_000, 80), (60, 10, 60)])
def test_a_release_is_good_for_what_was_shown_and_two_percent(shown: int, known: int, most: int) -> None:
    assert guard.covers(shown, most, known)
    assert not guard.covers(shown, most + 1, known)


def _agree(store: Store, name: str) -> None:
    store.write(lambda writer: save_agreement(writer.connection, agreed(name), "2026-11-22T09:00:00Z"))


def test_of_two_partners_that_one_connector_serves_each_loses_its_own_rows(store: Store, offer: Offer) -> None:
    source = fresh_rows(3)
    plugins, everything = offer(source), [each for each in source.rows if isinstance(each, Claim)]

    def pulled(name: str, rows: int) -> int:
        source.rows = [replace(each, partner=name) for each in everything[:rows]]
        return run(store, plugins, name, full=True).deleted

    for name in ("epd", "ziekenhuis"):
        _agree(store, name)
        connections.add(store, plugins, name, "rows", partner=name)
        connections.enable(store, plugins, name)
        assert pulled(name, 3) == 0
    assert pulled("epd", 1) == 2
    with store.read() as connection:
        left = connection.exec_driver_sql("SELECT partner, count(*) FROM claim WHERE NOT gone GROUP BY partner ORDER BY partner").fetchall()
    assert [tuple(row) for row in left] == [("epd", 1), ("ziekenhuis", 3)]
    assert pulled("ziekenhuis", 1) == 2
