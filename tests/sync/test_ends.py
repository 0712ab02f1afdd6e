"""How a run ends: what a dry run leaves alone, what reaches the record, when the next attempt is, and whose rows are removed."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import ClassVar

import pytest

from hub.access import save_agreement
from hub.connector import Finished, Incoming, Source
from hub.errors import AuthFailed, Misconfigured, Unreachable
from hub.model.claims import Claim
from hub.store import Store
from hub.sync import connections, guard, records, run
from tests.access.signing import agreed
from tests.sync.conftest import Clock
from tests.sync.pulling import Offer, connect, go, stored
from tests.sync.rows import RowsConfig, fresh_rows, row
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


@pytest.mark.parametrize(("shown", "most"), [(10, 15), (60, 65), (299, 304), (300, 306), (20_000, 20_400)])
def test_a_release_is_good_for_what_was_shown_and_two_percent_of_that_or_a_few(shown: int, most: int) -> None:
    assert guard.covers(shown, most)
    assert not guard.covers(shown, most + 1)
    assert f"for these {shown:,} and at most {most - shown:,} more" in guard.refusal(shown, 780_000, "register")


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


def test_a_partners_connection_removes_what_it_brought_for_everybody_unless_another_brings_it_too(any_store: Store, offer: Offer) -> None:
    source = fresh_rows(4)
    plugins = offer(source)
    _agree(any_store, "epd")
    connections.add(any_store, plugins, "epd", "rows", partner="epd")
    connections.enable(any_store, plugins, "epd")
    run(any_store, plugins, "epd")
    source.rows = source.rows[:2]
    report = run(any_store, plugins, "epd", full=True)
    assert (report.deleted, report.reason, stored(any_store)) == (2, "", ["000000", "000001"])
    connect(any_store, plugins, "another")
    run(any_store, plugins, "another")
    source.rows = source.rows[:1]
    for name in ("epd", "another"):
        report = run(any_store, plugins, name, full=True)
        assert report.deleted == 0 and "Another connection brings rows of the same source" in report.reason
    assert stored(any_store) == ["000000", "000001"]


def test_of_two_connections_of_one_partner_neither_removes_what_the_other_brought_for_it(store: Store, offer: Offer) -> None:
    source = fresh_rows(4)
    plugins = offer(source)
    _agree(store, "epd")
    for name in ("one", "two"):
        connections.add(store, plugins, name, "rows", partner="epd")
        connections.enable(store, plugins, name)
    source.rows = [replace(each, partner="epd") for each in source.rows if isinstance(each, Claim)]
    run(store, plugins, "one")
    source.rows = source.rows[:2]
    report = run(store, plugins, "two", full=True)
    assert (report.deleted, len(stored(store))) == (0, 4)
    assert "Another connection brings rows of the same source" in report.reason


class Unnumbered(Source):
    """Rows without revisions, compared with what the hub holds."""

    name = "rows"
    title = "Rows without revisions"
    names: ClassVar[list[str]] = []

    def pull(self, cursor: str | None) -> Iterator[Incoming | Finished]:
        held = self.context.held([f"{number:06}" for number, _ in enumerate(self.names)])
        for number, name in enumerate(self.names):
            known = held.get(f"{number:06}")
            told = row(number, name=name, revision=known.revision if known else 1)
            yield Incoming(told if known is None or known.content == told.content else replace(told, revision=told.revision + 1))
        yield Finished(complete=True)


def test_a_partners_connection_whose_rows_have_no_revisions_learns_what_it_gave(store: Store, offer: Offer) -> None:
    class Fresh(Unnumbered):
        names: ClassVar[list[str]] = ["Een", "Twee"]

    plugins = offer(Fresh)
    _agree(store, "epd")
    connections.add(store, plugins, "epd", "rows", partner="epd")
    connections.enable(store, plugins, "epd")
    assert run(store, plugins, "epd").changed == 2
    Fresh.names = ["Een", "Anders"]
    assert [run(store, plugins, "epd").changed for _ in range(3)] == [1, 0, 0]
    Fresh.names = ["Een", "Twee"]
    assert [run(store, plugins, "epd").changed for _ in range(3)] == [1, 0, 0]
