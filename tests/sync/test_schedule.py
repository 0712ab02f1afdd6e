"""Schedules: what administrators write, and the moments that follow, in Belgian time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from hub.errors import Misconfigured
from hub.sync.schedule import Moments, Schedule, kept, parse

NOON = datetime(2026, 11, 22, 12, 7, 30, tzinfo=UTC)


def normal(text: str) -> Moments:
    found = parse(text).normal
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("text", "last", "following"),
    [
        ("every 15 minutes", "2026-11-22T12:00:00", "2026-11-22T12:15:00"),
        ("every 1 hour", "2026-11-22T12:00:00", "2026-11-22T13:00:00"),
        ("every 1 day", "2026-11-22T00:00:00", "2026-11-23T00:00:00"),
        ("cron 0 3 * * *", "2026-11-22T02:00:00", "2026-11-23T02:00:00"),
        ("cron * * * * *", "2026-11-22T12:07:00", "2026-11-22T12:08:00"),
        ("cron 0 3 * * sun", "2026-11-22T02:00:00", "2026-11-29T02:00:00"),
        ("cron 0 4 1 1 *", "2026-01-01T03:00:00", "2027-01-01T03:00:00"),
    ],
)
def test_a_schedule_names_its_last_and_its_next_moment(text: str, last: str, following: str) -> None:
    moments = normal(text)
    assert moments.last(NOON) == datetime.fromisoformat(last).replace(tzinfo=UTC)
    assert moments.next(NOON) == datetime.fromisoformat(following).replace(tzinfo=UTC)


def test_a_moment_is_its_own_last_one() -> None:
    for text in ("every 15 minutes", "cron 0 13 * * *"):
        at = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
        assert normal(text).last(at) == at
        following = normal(text).next(at)
        assert following is not None
        assert following > at


def test_belgian_time_through_the_change_of_the_clock() -> None:
    summer, winter = datetime(2026, 7, 1, 12, tzinfo=UTC), datetime(2026, 12, 1, 12, tzinfo=UTC)
    assert [normal("cron 0 3 * * *").last(at) for at in (summer, winter)] == [
        datetime(2026, 7, 1, 1, tzinfo=UTC),
        datetime(2026, 12, 1, 2, tzinfo=UTC),
    ]


def moments(text: str, start: datetime, count: int) -> list[str]:
    found = []
    for _ in range(count):
        following = normal(text).next(start)
        assert following is not None
        assert normal(text).last(following) == following
        start = following
        found.append(f"{start:%d %H:%M}")
    return found


SPRING, AUTUMN = datetime(2026, 3, 28, 12, tzinfo=UTC), datetime(2026, 10, 24, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "spring", "autumn"),
    [
        ("cron 30 2 * * *", ["29 01:30", "30 00:30"], ["25 00:30", "26 01:30"]),
        ("cron 0 3 * * *", ["29 01:00", "30 01:00"], ["25 02:00", "26 02:00"]),
        ("cron 0 1-4 * * *", ["29 00:00", "29 01:00", "29 02:00", "29 23:00"], ["24 23:00", "25 00:00", "25 02:00", "25 03:00"]),
    ],
)
def test_once_for_each_time_on_the_wall(text: str, spring: list[str], autumn: list[str]) -> None:
    """In the night without 02:30 it counts once, in the night with two of them too."""
    assert moments(text, SPRING, len(spring)) == spring
    assert moments(text, AUTUMN, len(autumn)) == autumn


@pytest.mark.parametrize("start", [SPRING, AUTUMN])
def test_a_quarter_of_an_hour_stays_one_when_the_clock_changes(start: datetime) -> None:
    for text in ("cron */15 * * * *", "every 15 minutes"):
        found, moment = [], start
        for _ in range(96):
            following = normal(text).next(moment)
            assert following is not None
            found.append((following - moment).total_seconds())
            moment = following
        assert set(found) == {900.0}


def test_weekdays_are_numbered_as_in_crontab() -> None:
    for text in ("cron 0 3 * * 0", "cron 0 3 * * 7", "cron 0 3 * * sun"):
        assert normal(text).next(NOON) == datetime(2026, 11, 29, 2, tzinfo=UTC), text
    assert normal("cron 0 3 * * 1-5").next(NOON) == datetime(2026, 11, 23, 2, tzinfo=UTC)
    assert normal("cron 0 3 * * 3-5").next(NOON) == datetime(2026, 11, 25, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("weekdays", "days"),
    [
        ("0-6", "22 23 24 25 26 27 28"),
        ("0-7", "22 23 24 25 26 27 28"),
        ("sun-sat", "22 23 24 25 26 27 28"),
        ("1-7", "22 23 24 25 26 27 28"),
        ("5-7", "22 27 28"),
        ("fri-sun", "22 27 28"),
        ("0-2", "22 23 24"),
        ("0,6", "22 28"),
        ("1-5/2", "23 25 27"),
        ("*/2", "22 24 26 28"),
        ("TUE", "24"),
    ],
)
def test_ranges_of_weekdays_begin_on_sunday_and_may_end_on_it(weekdays: str, days: str) -> None:
    """Of the week from Sunday the 22nd to Saturday the 28th."""
    noons = [datetime(2026, 11, day, 11, tzinfo=UTC) for day in range(22, 29)]
    runs = normal(f"cron 0 12 * * {weekdays}")
    assert [str(noon.day) for noon in noons if runs.last(noon) == noon] == days.split()


@pytest.mark.parametrize(
    ("days", "runs"),
    [
        ("13 * fri", "27 4 11 13 18 25"),
        ("1,24 * 5-7", "22 24 27 28 29 1 4 5 6 11 12 13 18 19 20 24 25 26 27"),
        ("13 * *", "13"),
        ("* * fri", "27 4 11 18 25"),
        ("*/2 * fri", "27 11 25"),
        ("13 * 0-6", " ".join(str(day) for day in (*range(22, 31), *range(1, 28)))),
        ("31 2 fri", ""),
        ("13 12 fri", "4 11 13 18 25"),
    ],
)
def test_day_of_the_month_or_weekday_where_both_are_given(days: str, runs: str) -> None:
    """As in crontab(5): either matches; one that begins with `*` restricts nothing, and what it leaves out counts for both."""
    noons = [datetime(2026, 11, 22, 11, tzinfo=UTC) + timedelta(days=number) for number in range(36)]
    found = normal(f"cron 0 12 {days}")
    assert [str(noon.day) for noon in noons if found.last(noon) == noon] == runs.split()


def test_a_day_that_never_comes_leaves_the_weekdays() -> None:
    """And is not looked for until the year 9999."""
    assert moments("cron 0 3 31 2 mon", datetime(2027, 1, 1, tzinfo=UTC), 5) == ["01 02:00", "08 02:00", "15 02:00", "22 02:00", "07 02:00"]


def test_either_day_through_the_change_of_the_clock() -> None:
    assert moments("cron 30 2 25,26 10 sun", AUTUMN, 2) == ["25 00:30", "26 01:30"], "the 25th is a Sunday too, and has two 02:30"
    assert moments("cron 30 2 30 3 sun", SPRING, 2) == ["29 01:30", "30 00:30"]


def test_a_second_schedule_for_the_full_reconcile() -> None:
    both = parse("every 15 minutes; full cron 0 3 * * sun")
    assert both.normal is not None
    assert both.full is not None
    assert both.full.next(NOON) == datetime(2026, 11, 29, 2, tzinfo=UTC)
    assert both.next(NOON) == datetime(2026, 11, 22, 12, 15, tzinfo=UTC)
    assert parse("").next(NOON) is None
    assert [parse(text).leaves_full_open for text in ("every 1 day", "every 1 day; full never", "every 1 day; full every 7 days", "full every 7 days", "")] == [
        True, False, False, False, False,
    ]  # fmt: skip
    with pytest.raises(Misconfigured, match="more than one full schedule"):
        parse("every 1 day; full never; full every 7 days")


@pytest.mark.parametrize(
    "text",
    ["often", "every 0 minutes", "every minute", "cron 61 * * * *", "cron", "every 1 hour; every 2 hours"],
)
def test_what_is_not_understood_is_said_with_an_example(text: str) -> None:
    with pytest.raises(Misconfigured, match="Write for example: every 15 minutes") as caught:
        parse(text)
    assert caught.value.errors[0].path == "schedule"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("every 99999999999 days", "too seldom; every 366 days is the most"),
        (f"every {'9' * 5000} minutes", "too seldom"),
        ("full every 367 days", "too seldom"),
        ("cron 0 3 31 2 *", "no such day in any year"),
        ("cron 0 3 31 4,6,9,11 *", "no such day in any year"),
        ("cron 0 3 * * 5-1", "'5-1' runs backwards"),
        ("cron 0 3 * * 8", "write 0 to 7"),
        ("cron 0 3 * * 3/2", "write 0 to 7"),
    ],
)
def test_what_would_never_come_is_refused(text: str, reason: str) -> None:
    with pytest.raises(Misconfigured, match=reason):
        parse(text)


def test_what_comes_seldom_is_not_refused() -> None:
    assert normal("every 366 days").next(NOON) == datetime(2027, 2, 13, tzinfo=UTC)
    assert normal("cron 0 3 29 2 *").next(NOON) == datetime(2028, 2, 29, 2, tzinfo=UTC)
    assert normal("cron 0 3 */29 2 mon").next(NOON) == datetime(2027, 2, 1, 2, tzinfo=UTC)


def test_one_that_is_stored_and_cannot_be_read_says_so_and_does_nothing() -> None:
    assert kept("every 15 minutes") == (parse("every 15 minutes"), "")
    nothing, wrong = kept("every 99999999999 days")
    assert nothing == Schedule()
    assert "too seldom" in wrong
