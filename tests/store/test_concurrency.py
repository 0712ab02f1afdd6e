"""Several writers at once on PostgreSQL: nobody twice, nothing lost, no gap in the log."""

import random
import threading
from collections.abc import Callable
from typing import Any

import pytest

from hub.store import Store, Writer, database, reading
from hub.store.bulk import Clash
from tests.store.conftest import put
from tests.store.saying import PG, SB, SK, aanbod, count, organisatie, person

PEOPLE = 120
LANGUAGE = {PG: "nl", SB: "fr", SK: "de"}


def _batches(source: str, seed: int) -> list[list[object]]:
    chance = random.Random(seed)
    claims: list[object] = [person(f"p{number}", f"Naam{number}", source=source, number=number, languages=[LANGUAGE[source]]) for number in range(PEOPLE)]
    claims += [organisatie(f"o{number}", source=source, sites=()) for number in range(20)]
    claims += [aanbod(f"a{number}", f"o{number % 20}", source=source, people=(number % PEOPLE,)) for number in range(60)]
    chance.shuffle(claims)
    return [claims[start : start + 40] for start in range(0, len(claims), 40)]


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_overlapping_writers(open_store: Callable[..., Store]) -> None:
    failures: list[BaseException] = []
    store = open_store()

    def load(source: str, seed: int) -> None:
        own = open_store()
        try:
            for batch in _batches(source, seed):
                put(own, *batch)  # type: ignore[arg-type]
        except BaseException as failure:  # noqa: BLE001 - shown by the test itself
            failures.append(failure)

    writers = [threading.Thread(target=load, args=(source, seed)) for seed, source in enumerate((PG, SB, SK))]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert failures == []
    assert count(store, "claim") == 3 * (PEOPLE + 80)
    assert count(store, "fiche", "kind = 'zorgverlener' AND state = 'live'") == PEOPLE
    assert count(store, "fiche", "kind = 'organisatie' AND state = 'live'") == 60
    assert count(store, "fiche", "state = 'stub'") == 0
    assert count(store, "(SELECT fiche_id FROM claim GROUP BY fiche_id HAVING count(DISTINCT source_id) = 3)  AS x") == PEOPLE
    with store.read() as connection:
        people = connection.exec_driver_sql("SELECT id FROM fiche WHERE kind = 'zorgverlener' AND state = 'live'").scalars().all()
        for document in reading.documents(connection, people).values():
            assert sorted(document["languages"]) == ["de", "fr", "nl"]  # nobody's claim was merged over
        numbers = [row[0] for row in connection.exec_driver_sql("SELECT seq FROM change ORDER BY seq")]
    assert numbers == list(range(1, len(numbers) + 1))


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("other", ["newer", "removed"])
def test_what_another_writer_did_between_the_look_and_the_lock_stands(
    open_store: Callable[..., Store], other: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, rival = open_store(), open_store()
    put(store, organisatie("o", "Eerst", source=SK, revision=1))
    look = Writer._new_in
    between, looks = [other], []

    def new_in(writer: Writer, batch: Any, *, lock: bool = False) -> Any:
        looks.append(lock)
        if lock and between:
            between.clear()
            if other == "newer":
                put(rival, organisatie("o", "Nieuwer", source=SK, revision=3))
            else:
                rival.write(lambda gone: gone.connection.exec_driver_sql("DELETE FROM claim"))
        return look(writer, batch, lock=lock)

    monkeypatch.setattr(Writer, "_new_in", new_in)
    ours = put(store, organisatie("o", "Ouder", source=SK, revision=2))
    assert looks[-2:] == [False, True], "nothing had to be run again"
    assert (ours.changed, ours.unchanged) == ((0, 1) if other == "newer" else (1, 0))
    with store.read() as connection:
        assert connection.exec_driver_sql("SELECT revision FROM claim").scalars().all() == [3 if other == "newer" else 2]


def test_a_transaction_that_lost_a_race_is_run_again(store: Store) -> None:
    tries = []

    def work(writer: object) -> str:
        tries.append(1)
        if len(tries) < 3:
            raise Clash
        return "done"

    assert store.write(work) == "done"
    assert len(tries) == 3


def test_a_wait_for_the_lock_of_sqlite_ends_when_it_is_free(sqlite_database_url: str) -> None:
    engine, other = database.connect(sqlite_database_url), database.connect(sqlite_database_url)
    reached, release = threading.Event(), threading.Event()
    order: list[str] = []

    def hold() -> None:
        with database.writing(engine):
            reached.set()
            release.wait(10)
            order.append("first")

    holder = threading.Thread(target=hold)
    holder.start()
    reached.wait(10)
    threading.Timer(0.05, release.set).start()
    with database.writing(other):
        order.append("second")
    holder.join()
    assert order == ["first", "second"]
    engine.dispose()
    other.dispose()
