"""What runs out, begins or ends with a day is a change of that day, once, also after a clock was ahead."""

import pytest

from hub.directory import Directory
from hub.jobs import HOUSEKEEPING
from hub.model.audience import RANK, Grant
from hub.model.fiche import EntityType, Visibility
from hub.model.query import Criterion, Query
from hub.store import Store
from tests.store.conftest import Clock, put
from tests.store.saying import (
    SK,
    aanbod,
    head,
    log,
    organisatie,
    person,
    uuid_of,
)


@pytest.mark.parametrize("level", ["public", "internal"])
def test_what_ran_out_is_searched_as_it_reads_also_before_it_is_a_change(store: Store, clock: Clock, level: Visibility) -> None:
    short, long = {"value": "no", "valid_until": "2026-11-25"}, {"value": "no", "valid_until": "2027-11-25"}
    put(store, organisatie("o1"), person("p1", number=1))
    put(store, aanbod("a1", "o1", patientenstop=short, people=(1,)), aanbod("a2", "o1", patientenstop=long, on_call=short), aanbod("a3", "o1"))
    clock.pass_by(days=9)

    def found(*values: str, type: EntityType = "aanbod", negate: bool = False) -> set[str]:
        query = Query(types=(type,), where=(Criterion("availability", values, negate=negate),), total="accurate")
        page = Directory(store, Grant(level=level)).search(query)
        assert page.total == len(page.hits)
        return {hit.entity.fiche["id"] for hit in page.hits}

    a1, a2, a3 = (uuid_of(store, f"{SK}|a{number}") for number in (1, 2, 3))

    def look() -> list[set[str]]:
        return [
            found("patientenstop|no"),
            found("patientenstop|unknown"),
            found("patientenstop|no", "on_call|unknown"),
            found("patientenstop|no", negate=True),
            found("patientenstop|no", type="caregiver"),
            found("patientenstop|unknown", type="caregiver"),
        ]

    before = look()
    assert before == [{a2}, {a1}, {a2}, {a1, a3}, set(), {a1}]
    assert store.write(lambda writer: writer.expire(store.today())) == 2
    assert look() == before


def test_what_runs_out_is_a_change_once(store: Store, clock: Clock) -> None:
    put(store, organisatie("o1"), aanbod("a1", "o1", patientenstop={"value": "no", "valid_until": "2026-11-30"}))
    before = head(store)
    assert store.write(lambda writer: writer.expire("2026-11-30")) == 0
    clock.pass_by(days=9)
    assert store.write(lambda writer: writer.expire(store.today())) == 1
    (change,) = [change for change in log(store, before) if change.operation == "update"]
    assert (change.type, change.fields) == ("aanbod", ("patientenstop",))
    assert store.write(lambda writer: writer.expire(store.today())) == 0


def test_what_is_written_on_its_last_day_runs_out_the_day_after(store: Store, clock: Clock) -> None:
    put(store, organisatie("o1"), *(aanbod(name, "o1", patientenstop={"value": "no", "valid_until": "2026-11-22"}) for name in ("a1", "a2")))
    put(store, aanbod("a1", "o1", revision=2, patientenstop={"value": "no", "valid_until": "2026-11-24"}))  # prolonged before it ran out
    assert store.write(lambda writer: writer.expire(store.today())) == 0
    before = head(store)

    def told_of() -> list[str]:
        return [change.id for change in log(store, before, rank=0) if change.operation == "update"]

    clock.pass_by(days=1)
    assert store.write(lambda writer: writer.expire(store.today())) == 1
    assert told_of() == [uuid_of(store, f"{SK}|a2")]
    clock.pass_by(days=2)
    assert store.write(lambda writer: writer.expire(store.today())) == 1
    assert told_of() == [uuid_of(store, f"{SK}|a2"), uuid_of(store, f"{SK}|a1")]


@pytest.mark.parametrize("level", ["public", "professional", "internal"])
def test_who_could_not_see_a_value_does_not_hear_that_it_ran_out(store: Store, clock: Clock, level: Visibility) -> None:
    short = {"value": "no", "valid_until": "2026-11-25"}
    put(store, organisatie("o1"), aanbod("a1", "o1", patientenstop=short, field_visibility={"patientenstop": level}))
    before = head(store)
    clock.pass_by(days=9)
    assert store.write(lambda writer: writer.expire(store.today())) == 1
    told = [bool([each for each in log(store, before, rank=rank) if "patientenstop" in each.fields]) for rank in range(3)]
    assert told == [rank >= RANK[level] for rank in range(3)]
    assert [bool(log(store, before, rank=rank)) for rank in range(3)] == told


def test_of_several_values_in_a_list_each_runs_out(store: Store, clock: Clock) -> None:
    beds = [{"unit": "bed", "available": 2, "valid_until": "2026-11-25"}, {"unit": "room", "available": 1, "valid_until": "2026-11-28"}]
    put(store, organisatie("o1"), aanbod("a1", "o1", capacity=beds))
    clock.pass_by(days=4)
    assert store.write(lambda writer: writer.expire(store.today())) == 1
    clock.pass_by(days=4)
    assert store.write(lambda writer: writer.expire(store.today())) == 1


@pytest.mark.parametrize(
    ("date", "last_day", "shown_before"),
    [("valid_until", "2026-11-25", True), ("withdrawn_at", "2026-11-26", True), ("valid_from", "2026-11-26", False)],
)
def test_government_information_that_begins_or_ends_is_a_change_on_its_day(
    store: Store, clock: Clock, date: str, last_day: str, shown_before: bool
) -> None:
    said = {"type": "supervision", "value": {"nl": "Toezicht"}, date: last_day}
    put(store, organisatie("o1"), aanbod("a1", "o1", gov_info=[said]))
    before, uuid = head(store), uuid_of(store, f"{SK}|a1")

    def shown() -> bool:
        entity = Directory(store, Grant(level="public")).get(uuid)
        return "gov_info" in entity.fiche

    assert shown() is shown_before
    assert store.write(lambda writer: writer.expire("2026-11-25")) == 0
    clock.pass_by(days=4)
    assert shown() is not shown_before
    assert store.write(lambda writer: writer.expire(store.today())) == 1
    (change,) = [change for change in log(store, before, rank=0) if change.operation == "update"]
    assert (change.type, change.fields) == ("aanbod", ("gov_info",))
    assert store.write(lambda writer: writer.expire(store.today())) == 0


def test_what_lay_behind_when_it_was_written_is_no_change_later(store: Store, clock: Clock) -> None:
    said = {"type": "supervision", "valid_from": "2020-01-01", "valid_until": "2999-01-01"}
    old = {"value": "no", "valid_until": "2026-11-01"}
    put(store, organisatie("o1"), aanbod("a1", "o1", gov_info=[said], patientenstop=old))
    clock.pass_by(days=1)
    assert store.write(lambda writer: writer.expire(store.today())) == 0


def test_what_has_passed_is_told_also_when_the_fiche_was_written_in_between(store: Store, clock: Clock) -> None:
    said = [{"type": "supervision", "withdrawn_at": "2026-11-25"}]
    put(store, organisatie("o1"), aanbod("a1", "o1", gov_info=said))
    clock.pass_by(days=4)
    put(store, aanbod("a1", "o1", "Andere naam", revision=2, gov_info=said))
    before = head(store)
    assert store.write(lambda writer: writer.expire(store.today())) == 1
    assert [change.fields for change in log(store, before, rank=0) if change.operation == "update"] == [("gov_info",)]


# --- a clock that was ahead -------------------------------------------------------------------------------------------

STOP = {"value": "yes", "valid_until": "2026-11-23"}


def told_of(store: Store, since: int) -> list[tuple[str, ...]]:
    return [change.fields for change in log(store, since) if change.operation == "update" and change.origin == "expiry"]


@pytest.mark.parametrize("looked", ["by a job in between", "by nobody but readers"])
def test_what_a_clock_that_was_ahead_told_too_early_is_told_on_its_day(store: Store, clock: Clock, looked: str) -> None:
    put(store, organisatie("o1"), aanbod("a1", "o1", patientenstop=STOP), aanbod("a2", "o1"))
    clock.pass_by(days=2)
    assert store.write(lambda writer: writer.expire(store.today())) == 1
    put(store, aanbod("a2", "o1", revision=2, patientenstop=STOP, on_call={**STOP, "valid_until": "2026-11-26"}))
    clock.pass_by(days=-2)
    before = head(store)
    if looked == "by a job in between":
        HOUSEKEEPING["clocks"][1](store)
    else:
        assert store.today() == "2026-11-22"
    assert told_of(store, before) == []
    clock.pass_by(days=1, hours=23)
    if looked == "by a job in between":
        HOUSEKEEPING["clocks"][1](store)
    else:
        assert store.write(lambda writer: writer.expire(store.today())) == 2
    assert told_of(store, before) == [("patientenstop",)] * 2
    clock.pass_by(days=3)
    assert store.write(lambda writer: writer.expire(store.today())) == 1
    assert told_of(store, before)[2:] == [("on_call",)]
    assert store.write(lambda writer: writer.expire(store.today())) == 0


def test_days_are_noted_anew_once_for_each_time_that_a_clock_is_put_back(store: Store, clock: Clock) -> None:
    clock.pass_by(days=3)
    put(store, organisatie("o1"), aanbod("a1", "o1", patientenstop=STOP))
    for days, known in ((-1, []), (-1, [STOP["valid_until"]]), (0, [STOP["valid_until"]])):
        clock.pass_by(days=days)
        HOUSEKEEPING["clocks"][1](store)
        with store.read() as connection:
            assert list(connection.exec_driver_sql("SELECT valid_until FROM expiry").scalars()) == known
    with store.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM expiry")
    HOUSEKEEPING["clocks"][1](store)
    with store.read() as connection:
        assert list(connection.exec_driver_sql("SELECT valid_until FROM expiry").scalars()) == []


def test_a_clock_that_is_right_notes_nothing_anew(store: Store, clock: Clock) -> None:
    put(store, organisatie("o1"), aanbod("a1", "o1", patientenstop=STOP))
    clock.pass_by(days=2)
    HOUSEKEEPING["clocks"][1](store)
    assert told_of(store, 0) == [], "that is for another job"
    assert store.write(lambda writer: writer.expire(store.today())) == 1
    with store.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM counter WHERE name = 'days noted'").scalar_one() == 0
