"""Writes that nobody waits for: what is read, what is refused and what is rolled back are as if they had been made on the spot."""

import sys
import threading
import time
from collections.abc import Callable

import pytest
from sqlalchemy import Connection, event
from sqlalchemy.exc import DBAPIError

from hub.store import ReadyClaims, Store, Writer, database, prepare
from hub.store.behind import Behind, behind_of
from hub.store.bulk import BEHIND_FROM, Bulk, Clash
from tests.store.conftest import put
from tests.store.saying import SK, aanbod, count, organisatie, person

COLUMNS = ("key", "fiche_id")
MANY = [(f"k{number:04}", number) for number in range(BEHIND_FROM * 30)]


def test_what_is_on_its_way_is_there_for_whoever_asks(store: Store) -> None:
    with database.writing(store.engine) as connection:
        bulk = Bulk(connection)
        bulk.insert("identity", COLUMNS, MANY)
        behind = behind_of(connection)
        assert behind is not None
        on_its_way = [behind.busy]
        assert bulk.rows("SELECT count(*) FROM identity") == [(len(MANY),)]
        on_its_way.append(behind.busy)
        bulk.insert_new("identity", COLUMNS, [*MANY, ("last", 1)])
        on_its_way.append(behind.busy)
        assert connection.exec_driver_sql("SELECT count(*) FROM identity").scalar() == len(MANY) + 1
        on_its_way.append(behind.busy)
        assert on_its_way == [True, False, True, False]
    assert count(store, "identity") == len(MANY) + 1


def write_twice(bulk: Bulk) -> None:
    bulk.insert("identity", COLUMNS, MANY)
    bulk.insert("identity", COLUMNS, MANY[-BEHIND_FROM:])
    bulk.insert("part_key", ("fiche_id", "type", "key", "entity_id"), [(number, "vestiging", "k", number) for number in range(1, 30)])


def write_what_is_there(bulk: Bulk) -> None:
    bulk.insert_new("identity", COLUMNS, MANY[:1])
    bulk.insert_new("identity", COLUMNS, MANY, all_new=True)


def write_and_stumble(bulk: Bulk) -> None:
    bulk.insert("identity", COLUMNS, MANY)
    raise ZeroDivisionError


@pytest.mark.parametrize(("work", "error"), [(write_twice, DBAPIError), (write_what_is_there, Clash), (write_and_stumble, ZeroDivisionError)])
def test_one_that_fails_undoes_the_transaction(store: Store, work: Callable[[Bulk], None], error: type[Exception]) -> None:
    before = threading.active_count(), sys.getswitchinterval()

    def write() -> None:
        with database.writing(store.engine) as connection:
            work(Bulk(connection))

    with pytest.raises(error):
        write()
    assert count(store, "identity") == count(store, "part_key") == 0
    assert (threading.active_count(), sys.getswitchinterval()) == before


def test_the_next_batch_is_made_ready_while_the_last_is_committed(store: Store) -> None:
    claims = [organisatie(f"o{number}", source=SK) for number in range(60)]
    pace = store.pace()
    ready = prepare(claims[:30], news=True)
    made: list[ReadyClaims] = []

    def meanwhile() -> None:
        made.append(prepare(claims[30:], news=True))
        patience = time.monotonic() + 10
        while count(store, "fiche", "state = 'live'") < 30:  # somebody else commits
            assert time.monotonic() < patience

    pace.meanwhile = meanwhile
    assert store.write(lambda writer: writer.put(ready, origin="test"), pace=pace).changed == 30
    assert count(store, "fiche", "state = 'live'") == 30
    assert 0 < pace.held <= pace.lasted
    assert (pace.held == pace.lasted) == (store.engine.dialect.name == "sqlite"), "PostgreSQL keeps others out at the end only"
    assert len(made) == 1
    assert store.write(lambda writer: writer.put(made[0], origin="test"), pace=pace).changed == 30
    assert len(made) == 1  # once for each write, and only when told
    assert count(store, "fiche", "state = 'live'") == 60
    assert put(store, *claims).unchanged == 60
    for number in range(6):  # by whichever connection
        put(store, organisatie(f"m{number}"))
    assert store.write(lambda writer: writer.put(made[0], origin="test"), pace=pace).unchanged == 30
    assert (pace.held == 0) == (store.engine.dialect.name == "postgresql"), "nobody waits for one who takes no number"


def test_newcomers_that_stand_alone_are_written_without_a_look_in_between(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[bool] = []
    usual = Behind.settle

    def settle(self: Behind) -> None:
        waits.append(self.busy)
        usual(self)

    put(store, person("p0"))  # their source is known
    monkeypatch.setattr(Behind, "settle", settle)
    assert put(store, *(person(f"p{number}", number=number) for number in range(1, 60))).changed == 59
    assert waits.count(True) == 1, "at the end"
    assert put(store, *(aanbod(f"a{number}", "o1", people=(number,)) for number in range(1, 60))).changed == 59
    assert waits.count(True) > 2, "what others depend on is looked for among what was just written"


def test_a_dry_run_leaves_nothing_of_what_is_on_its_way(store: Store) -> None:
    claims = [organisatie(f"o{number}", source=SK) for number in range(100)]
    on_its_way: list[bool] = []

    def note(connection: Connection) -> None:
        behind = behind_of(connection)
        on_its_way.append(behind is not None and behind.busy)

    event.listen(store.engine, "rollback", note)
    for _ in range(2):
        foreseen = store.write(lambda writer: writer.put(claims, origin="test"), dry_run=True)
        assert foreseen.changed == len(claims)
        assert [count(store, table) for table in ("claim", "fiche", "entry", "change")] == [0, 0, 0, 0]
    assert on_its_way
    assert not any(on_its_way), "a write after that would be one of its own"
    assert put(store, *claims).changed == len(claims)


def test_a_commit_that_fails_beside_the_next_batch_is_told(store: Store) -> None:
    pace = store.pace()
    pace.meanwhile = lambda: None

    def work(writer: Writer) -> None:
        writer.space.bulk.insert("identity", COLUMNS, MANY)
        writer.space.bulk.insert("identity", COLUMNS, [(None, number) for number in range(BEHIND_FROM)])

    with pytest.raises(DBAPIError):
        store.write(work, pace=pace)
    assert count(store, "identity") == 0


def test_a_batch_that_lost_a_race_is_run_again_and_the_next_one_made_once(store: Store) -> None:
    ready = prepare([organisatie(f"o{number}", source=SK) for number in range(30)], news=True)
    pace = store.pace()
    tries: list[int] = []
    made: list[int] = []
    pace.meanwhile = lambda: made.append(1)

    def work(writer: object) -> int:
        tries.append(1)
        changed = writer.put(ready, origin="test").changed  # type: ignore[attr-defined]
        if len(tries) < 3:
            raise Clash
        return int(changed)

    assert store.write(work, pace=pace) == 30
    assert (len(tries), len(made)) == (3, 1)


def test_what_a_claim_is_refused_for_is_the_same_when_it_was_made_ready_before(store: Store) -> None:
    wrong = [organisatie("o1", source=SK), organisatie("o2", source=SK, names=[{"text": {"nl": 5}}])]
    before = store.write(lambda writer: writer.put(prepare(wrong, news=True), origin="test"), dry_run=True)
    on_the_spot = put(store, *wrong)
    assert [(row.external_id, row.field) for row in before.rejected] == [(row.external_id, row.field) for row in on_the_spot.rejected]
    assert [row.external_id for row in on_the_spot.rejected] == ["o2"]
    assert before.changed == on_the_spot.changed == 1
