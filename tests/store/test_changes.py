"""The change log: audiences, context changes, wide ones, gaplessness, and the past."""

from collections.abc import Callable
from typing import Any

import pytest

from hub.errors import CursorGone, StoreBusy
from hub.jobs import HOUSEKEEPING
from hub.model.claims import Claim
from hub.store import Store, Writer, database, log_reading, versions
from tests.store.conftest import Clock, put
from tests.store.saying import (
    PG,
    SK,
    aanbod,
    called,
    count,
    fiche,
    gone,
    head,
    log,
    number_of,
    organisatie,
    person,
    told,
    uuid_of,
)


@pytest.fixture
def house(store: Store) -> Store:
    """An umbrella, an organisatie under it, its aanbod with a caregiver, and a network that it takes part in."""
    network = organisatie("net", "Netwerk", sites=())
    top = organisatie("top", "Koepel", sites=())
    member = organisatie(
        "o1",
        parent={"source": SK, "external_id": "top"},
        memberships=[{"organisatie": {"source": SK, "external_id": "net"}}],
    )
    put(store, network, top, member, aanbod("a1", "o1", sites=("1",), people=(1,)), person("p1", number=1))
    return store


def test_a_new_phone_number_reaches_all_that_inherit_it(house: Store) -> None:
    before = head(house)
    put(
        house,
        organisatie(
            "o1",
            phone="+3216000009",
            revision=2,
            parent={"source": SK, "external_id": "top"},
            memberships=[{"organisatie": {"source": SK, "external_id": "net"}}],
        ),
    )
    assert told(house, before) == {
        ("update", "organisatie"),
        ("context", "vestiging"),
        ("context", "membership"),
        ("context", "aanbod"),
        ("context", "caregiver"),
        ("context", "zorgverlener"),
    }
    (own,) = [change for change in log(house, before) if change.operation == "update"]
    assert own.fields == ("contacts",)


def test_context_goes_down_the_line_of_parents(house: Store) -> None:
    before = head(house)
    put(house, organisatie("top", "Andere Koepel", sites=(), revision=2))
    assert ("context", "organisatie") in told(house, before)
    assert ("context", "aanbod") in told(house, before)
    assert ("context", "zorgverlener") in told(house, before)


def test_context_reaches_memberships_of_the_target(house: Store) -> None:
    before = head(house)
    put(house, organisatie("net", "Nieuw Netwerk", sites=(), revision=2))
    assert told(house, before) == {("update", "organisatie"), ("context", "membership")}


def test_a_renamed_person_reaches_the_aanbod(house: Store) -> None:
    before = head(house)
    put(house, person("p1", "Anders", number=1, revision=2))
    assert told(house, before) == {("update", "zorgverlener"), ("context", "aanbod"), ("context", "caregiver")}
    assert called(house, "caregiver", "anders an") == 1


def test_a_person_named_in_a_new_aanbod_is_told_of(store: Store) -> None:
    put(store, organisatie("o1"), person("p1", number=1), person("p2", number=2))
    since = head(store)
    put(store, aanbod("a1", "o1", people=(1,)))
    told_of = {change.id: change.operation for change in log(store, since) if change.type == "zorgverlener"}
    assert told_of == {uuid_of(store, f"{PG}|p1"): "context"}


def test_what_nobody_inherits_stays_quiet(house: Store) -> None:
    before = head(house)
    put(
        house,
        organisatie(
            "o1",
            revision=2,
            description={"nl": "Een omschrijving"},
            parent={"source": SK, "external_id": "top"},
            memberships=[{"organisatie": {"source": SK, "external_id": "net"}}],
        ),
    )
    assert told(house, before) == {("update", "organisatie")}


def test_a_hidden_value_changes_nothing_for_those_who_do_not_see_it(house: Store) -> None:
    before = head(house)
    put(house, person("p1", number=1, revision=2, contacts=[{"kind": "phone", "value": "+3216000003", "visibility": "internal"}]))
    assert told(house, before, rank=0) == told(house, before, rank=1) == set()
    assert ("update", "zorgverlener") in told(house, before, rank=2)
    assert ("context", "aanbod") in told(house, before, rank=2)


@pytest.mark.parametrize("hidden_first", [True, False])
def test_what_is_shown_and_what_is_hidden_in_one_transaction_is_told_to_whoever_sees_either(store: Store, hidden_first: bool) -> None:
    shown, hidden = {"kind": "phone", "value": "+3216000001"}, {"kind": "phone", "value": "+3216000002", "visibility": "internal"}
    put(store, organisatie("o1"))
    before = head(store)
    contacts = [hidden, shown] if hidden_first else [shown, hidden]

    def work(writer: Writer) -> None:
        writer.put([organisatie("o1", revision=2, contacts=contacts[:1])], origin="one")
        writer.put([organisatie("o1", revision=3, contacts=contacts)], origin="other")

    store.write(work)
    for rank in (0, 1, 2):
        (change,) = [change for change in log(store, before, rank) if change.type == "organisatie"]
        assert (change.operation, change.fields, change.origin) == ("update", ("contacts",), "other")
    before = head(store)

    def hide(writer: Writer) -> None:
        for revision, visibility in ((4, "professional"), (5, "internal")):
            writer.put([organisatie("o1", revision=revision, visibility=visibility)], origin="one")

    store.write(hide)
    assert [{change.operation for change in log(store, before, rank) if change.type == "organisatie"} for rank in (0, 1, 2)] == [
        {"delete"},
        {"delete"},
        {"update"},
    ]


def test_who_loses_sight_of_a_fiche_is_told_of_a_deletion(house: Store) -> None:
    before = head(house)
    put(house, person("p1", number=1, revision=2, visibility="professional"))
    (public,) = [change for change in log(house, before, rank=0) if change.type == "zorgverlener"]
    (professional,) = [change for change in log(house, before, rank=1) if change.type == "zorgverlener"]
    assert (public.operation, professional.operation) == ("delete", "update")
    before = head(house)
    put(house, person("p1", number=1, revision=3))
    (back,) = [change for change in log(house, before, rank=0) if change.type == "zorgverlener"]
    assert back.operation == "create"


def test_the_log_has_no_gaps_and_a_failed_transaction_takes_no_number(house: Store) -> None:
    class OutOfLuck(Exception):
        pass

    def fail(writer: object) -> None:
        writer.put([organisatie("o9")], origin="test")  # type: ignore[attr-defined]
        raise OutOfLuck

    with pytest.raises(OutOfLuck):
        house.write(fail)
    put(house, organisatie("o8"))
    with house.read() as connection:
        numbers = [row[0] for row in connection.exec_driver_sql("SELECT seq FROM change ORDER BY seq")]
    assert numbers == list(range(1, head(house) + 1))


def test_a_page_of_changes_says_where_to_go_on(house: Store) -> None:
    with house.read() as connection:
        whole = log_reading.changes(connection, 0, 1000, 0)
        found: list[object] = []
        since = 0
        while True:
            page = log_reading.changes(connection, since, 2, 0)
            found += page.changes
            since = page.next
            if since == page.head:
                break
    assert tuple(found) == whole.changes


def test_cursors_that_cannot_be_served(house: Store) -> None:
    last = head(house)
    with house.read() as connection, pytest.raises(CursorGone) as ahead:
        log_reading.changes(connection, last + 1, 10, 0)
    assert (ahead.value.oldest, str(last + 1) in ahead.value.message) == (0, True)
    with house.read() as connection:
        assert log_reading.changes(connection, last, 10, 0).next == last
    with database.writing(house.engine) as connection:
        connection.exec_driver_sql("DELETE FROM change WHERE seq <= 5")
    with house.read() as connection, pytest.raises(CursorGone) as failure:
        log_reading.changes(connection, 4, 10, 0)
    assert failure.value.oldest == 5


def test_a_very_wide_change_is_spread_before_a_reader_passes_it(open_store: Callable[..., Store], monkeypatch: pytest.MonkeyPatch) -> None:
    store = open_store(wide=5)
    put(store, organisatie("o1"), *(aanbod(f"a{number}", "o1") for number in range(20)))
    before = head(store)
    spread = store.spread
    monkeypatch.setattr(store, "spread", lambda: 0)
    put(store, organisatie("o1", phone="+3216000004", revision=2))
    assert count(store, "spread") == 1
    # The reader may see what came before the marker, never what comes after it.
    assert [change.type for change in log(store, before)] == ["organisatie"]
    seen = head(store)
    put(store, organisatie("o2"))
    assert head(store) == seen
    spread()
    assert count(store, "spread") == 0
    reached = {change.id for change in log(store, before) if change.operation == "context" and change.type == "aanbod"}
    assert len(reached) == 20
    with store.read() as connection:
        numbers = [row[0] for row in connection.exec_driver_sql("SELECT seq FROM change ORDER BY seq")]
        newest = log_reading.head(connection)
    assert numbers == list(range(1, newest + 1))


def test_the_moment_in_the_log_is_that_of_the_end_of_a_long_transaction(store: Store, clock: Clock) -> None:
    def work(writer: Writer) -> None:
        writer.put([organisatie("o1")], origin="test")
        clock.pass_by(minutes=10)

    store.write(work)
    assert {change.at for change in log(store)} == {"2026-11-22T09:10:00.000Z"}
    with store.read() as connection:
        assert log_reading.seq_at(connection, clock.now) == 0


def test_what_is_written_is_written_whatever_becomes_of_what_follows(open_store: Callable[..., Store], monkeypatch: pytest.MonkeyPatch) -> None:
    store = open_store(wide=5)
    put(store, organisatie("o1"), *(aanbod(f"a{number}", "o1") for number in range(20)))

    def fails(error: Exception) -> Callable[..., None]:
        def fail(*given: object) -> None:
            raise error

        return fail

    monkeypatch.setattr(store, "spread", fails(StoreBusy("Other writers kept getting in the way; nothing was written.")))
    assert put(store, organisatie("o1", phone="+3216000004", revision=2)).changed == 1
    document = fiche(store, f"{SK}|o1")
    assert document and document["contacts"]
    monkeypatch.setattr(store, "spread", fails(LookupError("a bug")))
    with pytest.raises(LookupError):
        put(store, organisatie("o1", phone="+3216000005", revision=3))
    monkeypatch.undo()
    HOUSEKEEPING["spread"][1](store)
    assert count(store, "spread") == 0


def test_who_ceases_to_see_a_part_is_told_although_something_else_it_depends_on_goes_as_well(open_store: Callable[..., Store]) -> None:
    """The person of all is spread out, the organisatie of a few is told at once, and first."""
    store = open_store(wide=0)
    put(store, organisatie("o1", visibility="professional"), person("p1", number=1), aanbod("a1", "o1", people=(1,)))
    [part] = [change.id for change in log(store, 0, 0) if change.type == "caregiver"]
    before = head(store)
    put(store, gone(organisatie("o1"), 2), organisatie("o2", revision=2, visibility="professional"), gone(person("p1"), 2))
    while store.spread():
        pass
    for rank in (0, 1, 2):
        assert [change.operation for change in log(store, before, rank) if change.id == part] == ["delete"]


def test_any_moment_of_the_past_can_be_read(store: Store) -> None:
    moments = []
    for revision, name in enumerate(("Een", "Twee", "Drie"), 1):
        put(store, organisatie("o1", name, revision=revision))
        moments.append((head(store), name))
    put(store, gone(organisatie("o1"), 4))
    removed = head(store)
    put(store, organisatie("o1", "Vijf", revision=5))
    moments.append((head(store), "Vijf"))
    number = number_of(store, f"{SK}|o1")
    with store.read() as connection:
        for seq, name in moments:
            document = versions.as_at(connection, number, seq)
            assert document and document["names"][0]["text"]["nl"] == name
        assert versions.as_at(connection, number, removed) is None
        assert versions.as_at(connection, number, 0) is None
        items = log_reading.history(connection, number, rank=0)
        assert [item.change.operation for item in items] == ["create", "delete", "update", "update", "create"]
        seen = log_reading.last_seen(connection, [number], 0)[number]
    assert seen.seq == items[0].change.seq


def test_hiding_an_organisatie_hides_its_parts(store: Store) -> None:
    put(store, organisatie("o1"))
    before = head(store)
    put(store, organisatie("o1", revision=2, visibility="internal"))
    assert told(store, before, rank=0) == {("delete", "organisatie"), ("delete", "vestiging")}
    document = fiche(store, f"{SK}|o1")
    assert document and document["visibility"] == "internal"
    assert uuid_of(store, f"{SK}|o1") and PG


# --- who does not see how they hang together -----------------------------------------------------------------------------------------


def _one_told(store: Store, since: int, rank: int, partner: str | None = None) -> set[str]:
    return {change.id for change in log(store, since, rank, partner)}


@pytest.mark.parametrize("wide", [500, 0])
@pytest.mark.parametrize(
    ("under", "offered"),
    [
        ({}, {"field_visibility": {"organisatie": "internal"}}),
        ({"field_visibility": {"parent": "internal"}}, {}),
        ({"visibility": "internal"}, {}),
        ({}, {"visibility": "internal"}),
    ],
    ids=["the tie of the aanbod", "the tie to the parent", "the organisatie between", "the aanbod"],
)
def test_who_does_not_see_what_ties_them_hears_nothing_of_the_one_when_the_other_changes(
    open_store: Callable[..., Store], wide: int, under: dict[str, Any], offered: dict[str, Any]
) -> None:
    store = open_store(wide=wide)
    put(store, organisatie("o0"), organisatie("o1", parent={"source": SK, "external_id": "o0"}, **under))
    put(store, person("p1", number=1), aanbod("a1", "o1", people=(1,), **offered))
    since = head(store)
    put(store, organisatie("o0", "Anders", revision=2))
    while store.spread():
        pass
    hidden = {uuid_of(store, f"{PG}|p1"), uuid_of(store, f"{SK}|a1")}
    assert hidden <= _one_told(store, since, 2)
    assert hidden.isdisjoint(_one_told(store, since, 0)) and uuid_of(store, f"{SK}|o0") in _one_told(store, since, 0)


@pytest.mark.parametrize("wide", [500, 0])
def test_a_partner_whose_own_view_ties_them_for_all_to_see_is_told(open_store: Callable[..., Store], wide: int) -> None:
    store = open_store(wide=wide)
    put(store, organisatie("o0"), organisatie("o1", parent={"source": SK, "external_id": "o0"}, visibility="internal"))
    put(store, person("p1", number=1), aanbod("a1", "o1", people=(1,)))
    own = {"kind": "aanbod", "organisatie": {"source": SK, "external_id": "o0"}}
    put(store, Claim("kaart", "m1", 1, "aanbod", own, same_as=((SK, "a1"),), partner="mine"))
    since, caregiver = head(store), uuid_of(store, f"{PG}|p1")
    put(store, organisatie("o0", "Anders", revision=2))
    while store.spread():
        pass
    assert [caregiver in _one_told(store, since, 0, partner) for partner in ("mine", "other", None)] == [True, False, False]


@pytest.mark.parametrize("wide", [500, 0])
def test_who_ceases_to_see_where_a_person_works_is_told_though_the_tie_stays(open_store: Callable[..., Store], wide: int) -> None:
    store = open_store(wide=wide)
    put(store, person("p1", number=1), aanbod("a1", "o1", people=(1,)))
    since = head(store)
    put(store, aanbod("a1", "o1", people=(1,), revision=2, field_visibility={"caregivers": "internal"}))
    while store.spread():
        pass
    assert uuid_of(store, f"{PG}|p1") in _one_told(store, since, 0)
    since = head(store)
    put(store, aanbod("a1", "o1", "Anders", people=(1,), revision=3, field_visibility={"caregivers": "internal"}))
    while store.spread():
        pass
    assert uuid_of(store, f"{PG}|p1") in _one_told(store, since, 2) - _one_told(store, since, 0)
