"""The change log by time and by type, newest first, on both engines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from alembic import command

from hub.errors import CursorGone
from hub.model.moments import to_millisecond
from hub.store import Store, database, log_reading
from tests.store.conftest import Clock, put
from tests.store.saying import head, organisatie, person

START = datetime(2026, 11, 22, 9, tzinfo=UTC)


@dataclass
class Log:
    """A store in which change n is made n seconds after `START`."""

    store: Store
    clock: list[datetime]


@pytest.fixture
def log(database_url: str, tmp_path: Path) -> Iterator[Log]:
    clock = [START]
    store = Store.open(database_url, tmp_path / "home", now=lambda: clock[0])
    for number in range(1, 21):
        clock[0] = START + timedelta(seconds=number)
        hidden: dict[str, Any] = {"visibility": "internal"} if number % 2 else {}
        claim = (
            person(f"p{number}", "Peeters", number=number, **hidden)
            if number % 5 == 0
            else organisatie(f"o{number}", f"Huis {number}", sites=(), **hidden)
        )
        store.write(lambda writer, claim=claim: writer.put([claim], origin="test"))  # type: ignore[misc]
    yield Log(store, clock)
    store.close()


def seqs(log: Log, type: str | None = None, rank: int = 2, **bounds: int) -> list[int]:
    with log.store.read() as connection:
        return [change.seq for change in log_reading.newest(connection, type, rank=rank, **bounds)]  # type: ignore[arg-type]


def test_newest_first_by_type_and_by_who_asks(log: Log) -> None:
    assert seqs(log) == list(range(20, 0, -1))
    assert seqs(log, rank=0) == list(range(20, 0, -2))
    assert seqs(log, "zorgverlener") == [20, 15, 10, 5]
    assert seqs(log, "zorgverlener", rank=0) == [20, 10]
    assert seqs(log, "vestiging") == []


def test_bounds_are_left_out(log: Log) -> None:
    assert seqs(log, after=3, before=7) == [6, 5, 4]
    assert seqs(log, "organisatie", before=20, limit=2) == [19, 18]
    assert seqs(log, after=20) == []


def test_what_is_no_longer_kept_is_refused(log: Log) -> None:
    with log.store.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM change WHERE seq <= 5")
    with pytest.raises(CursorGone) as caught:
        seqs(log, after=4)
    assert caught.value.oldest == 5
    assert seqs(log, after=5)[-1] == 6


def test_the_last_seq_before_a_moment(log: Log) -> None:
    expected = {-3600: 0, 0: 0, 1: 0, 1.0001: 0, 1.001: 1, 2: 1, 10: 9, 10.5: 10, 20: 19, 20.5: 20, 3600: 20}
    with log.store.read() as connection:
        found = {seconds: log_reading.seq_at(connection, START + timedelta(seconds=seconds)) for seconds in expected}
        assert log_reading.moment_of(connection, 7, 2) == "2026-11-22T09:00:07.000Z"
        assert log_reading.moment_of(connection, 999, 2) == "2026-11-22T09:00:20.000Z"
    assert found == expected


def test_nothing_is_missed_when_a_long_transaction_was_numbered_late(log: Log) -> None:
    """Its moment is that at which it began to wait for its numbers: 12 comes after 11 in the log, with the moment of 9."""
    with log.store.engine.begin() as connection:
        for seq, seconds in ((9, 12), (12, 9)):
            at = (START + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
            connection.exec_driver_sql(f"UPDATE change SET at = '{at}' WHERE seq = {seq}")
    with log.store.read() as connection:
        for second in range(1, 21):
            moment = START + timedelta(seconds=second)
            spelled = moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")
            later = connection.exec_driver_sql(f"SELECT min(seq) FROM change WHERE at >= '{spelled}'").scalar_one()
            assert log_reading.seq_at(connection, moment) == later - 1


def test_a_change_names_only_the_fields_of_which_the_asker_sees_something(store: Store) -> None:
    hidden: dict[str, Any] = {"field_visibility": {"description": "internal"}}
    put(store, organisatie("o1", "Huis", sites=(), description={"nl": "Eerst"}, **hidden))
    before = head(store)
    put(store, organisatie("o1", "Thuis", sites=(), description={"nl": "Toen"}, revision=2, **hidden))
    with store.read() as connection:
        found = [log_reading.changes(connection, before, 9, rank).changes for rank in (0, 1, 2)]
    assert [[change.fields for change in changes] for changes in found] == [[("names",)], [("names",)], [("description", "names")]]


def test_moments_never_fall_when_a_clock_is_put_back(store: Store, clock: Clock) -> None:
    put(store, organisatie("o1"))
    clock.pass_by(hours=4)
    put(store, organisatie("o2"))
    ahead = head(store)
    with store.read() as connection:
        told = log_reading.moment_of(connection, ahead, 2)
    clock.pass_by(hours=-3.5)
    put(store, *(organisatie(f"o{number}") for number in range(3, 40)))
    assert told is not None
    with store.read() as connection:
        assert log_reading.held_until(connection, clock.now) == told
        assert log_reading.seq_at(connection, datetime.fromisoformat(told)) < ahead
        moments = connection.exec_driver_sql("SELECT at FROM change ORDER BY seq").scalars().all()
        assert log_reading.moment_of(connection, head(store), 2) == told
    assert moments == sorted(moments)
    clock.pass_by(hours=5)
    put(store, organisatie("o1", "Anders", revision=2))
    with store.read() as connection:
        assert log_reading.held_until(connection, clock.now) is None
        assert log_reading.moment_of(connection, head(store), 2) == to_millisecond(clock.now)


def test_a_clock_that_is_put_right_by_a_little_is_nothing_to_tell(store: Store, clock: Clock) -> None:
    put(store, organisatie("o1"))
    clock.pass_by(minutes=-5)
    with store.read() as connection:
        assert log_reading.held_until(connection, clock.now) is None


def test_a_log_of_before_goes_on_from_its_latest_moment(store: Store, clock: Clock) -> None:
    put(store, organisatie("o1"))
    with database.writing(store.engine) as connection:
        connection.exec_driver_sql("UPDATE change SET at = '2026-11-22T13:06:00.000Z' WHERE seq = 1")
        command.downgrade(database._config(connection), "0020")
    database.migrate(store.engine)
    put(store, organisatie("o2"))
    with store.read() as connection:
        assert log_reading.moment_of(connection, head(store), 2) == "2026-11-22T13:06:00.000Z"


def test_the_newest_moment_is_that_of_what_somebody_sees(log: Log) -> None:
    with log.store.read() as connection:
        assert log_reading.moment_of(connection, 7, 0) == "2026-11-22T09:00:06.000Z"
        assert log_reading.moment_of(connection, 1, 0) is None
        assert log_reading.moment_of(connection, 20, 0, types=["organisatie"]) == "2026-11-22T09:00:18.000Z"
        assert log_reading.moment_of(connection, 20, 0, types=["vestiging"]) is None


def test_who_goes_on_from_the_newest_moment_that_he_sees_misses_nothing(log: Log) -> None:
    """Also where long transactions were numbered late, so that moments run backwards."""
    with log.store.engine.begin() as connection:
        for seq, seconds in ((4, 13), (9, 12), (12, 9), (13, 4), (16, 8), (18, 9)):
            at = (START + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
            connection.exec_driver_sql(f"UPDATE change SET at = '{at}' WHERE seq = {seq}")
    with log.store.read() as connection:
        for rank in (0, 1, 2):
            for head in range(2, 21):
                moment = log_reading.moment_of(connection, head, rank)
                assert moment is not None
                assert log_reading.seq_at(connection, datetime.fromisoformat(moment)) <= head


def test_a_moment_needs_a_zone_and_an_empty_log_has_none(database_url: str, tmp_path: Path) -> None:
    store = Store.open(database_url, tmp_path / "home")
    with store.read() as connection:
        assert log_reading.seq_at(connection, START) == 0
        assert log_reading.moment_of(connection, 0, 2) is None
        with pytest.raises(ValueError, match="time zone"):
            log_reading.seq_at(connection, datetime(2026, 11, 22))
    store.close()


def test_a_page_of_a_rare_type_reads_no_other(sqlite_database_url: str, tmp_path: Path) -> None:
    """Without an index on type and number a history of the rarest type would read the whole log (PostgreSQL's plan hangs on its statistics)."""
    store = Store.open(sqlite_database_url, tmp_path / "home")
    with store.read() as connection:
        sql = "EXPLAIN QUERY PLAN SELECT seq FROM change WHERE type = 'membership' AND seq > 0 AND seq <= 99 ORDER BY seq DESC LIMIT 20"
        plan = str(connection.exec_driver_sql(sql).fetchall())
    store.close()
    assert "ix_change_type_seq" in plan
    assert "TEMP B-TREE" not in plan
