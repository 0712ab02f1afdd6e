"""A clock that was ahead and was put right: nothing waits for a moment that it noted."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from hub.model.entity import Change
from hub.model.moments import SKEW, latest, lies_ahead, to_second
from hub.store import Store
from hub.store.tables import landing as landing_table
from hub.subscribing import notifying
from hub.sync import landing, outbox
from hub.sync.breaker import Breaker
from hub.sync.shortfall import Shortfall
from hub.sync.vain import Vain
from hub.sync.wire import Landed
from tests.sync.conftest import Clock

YEAR = timedelta(days=365)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("ahead", "waits"),
    [
        (-HOUR, False),
        (timedelta(), False),
        (timedelta(seconds=1), True),
        (HOUR, True),
        (HOUR + SKEW, True),
        (HOUR + SKEW + timedelta(seconds=1), False),
        (YEAR, False),
    ],
)
def test_what_was_put_an_hour_ahead_at_most_is_waited_for_an_hour(clock: Clock, ahead: timedelta, waits: bool) -> None:
    assert lies_ahead(to_second(clock() + ahead), clock(), HOUR) is waits
    assert latest(clock(), HOUR) == "2026-11-22T10:10:00Z"


def test_a_partner_is_not_left_alone_for_a_year(clock: Clock) -> None:
    asked = Breaker().failed(clock() + YEAR, retry_after=86_400)
    assert not asked.is_open(clock())
    assert asked.is_open(clock() + YEAR)


def test_a_run_from_the_start_is_not_put_off_for_a_year(clock: Clock) -> None:
    moment = to_second(clock() + YEAR)
    assert Shortfall(1, moment, 2, moment).is_due(clock())
    assert Vain(2, moment, moment).is_due(clock())


@pytest.mark.parametrize("ahead", [3 * HOUR, YEAR])
def test_a_delivery_that_was_never_tried_does_not_wait(any_store: Store, clock: Clock, ahead: timedelta) -> None:
    change = Change(
        1, to_second(clock()), "11111111-1111-4111-8111-111111111111", "organisatie", "11111111-1111-4111-8111-111111111111", "update", ""
    )
    any_store.write(lambda writer: outbox.enqueue(writer.connection, "own", [(7, change)], clock() + ahead))
    with any_store.read() as db:
        (letter,) = outbox.due(db, "own", clock(), (-1, -1), 10)
        assert set(outbox.next_attempt(db, clock())) == {"own"}
    any_store.write(lambda writer: outbox.failed(writer.connection, letter, "Down.", clock(), retry_after=86_400))
    with any_store.read() as db:
        assert outbox.due(db, "own", clock(), (-1, -1), 10) == [], "this one was asked for today"


def test_a_heartbeat_goes_on(clock: Clock) -> None:
    assert notifying._beats(60, to_second(clock() + YEAR), clock())
    assert not notifying._beats(3600, to_second(clock()), clock())


def test_what_came_in_does_not_lie_about_for_a_year_more(any_store: Store, clock: Clock) -> None:
    landing.keep_for(any_store, "own", 3)
    body = Landed("https://example.org", "0" * 64, b"")
    any_store.write(lambda writer: landing.keep(writer.connection, "own", 1, [body], to_second(clock() + YEAR)))
    assert landing.purge(any_store) == 0, "nobody knows how old it is"
    with any_store.read() as db:
        assert db.execute(select(landing_table.c.at)).scalar_one() == to_second(clock())
    clock.forward(days=3, seconds=1)
    assert landing.purge(any_store) == 1
