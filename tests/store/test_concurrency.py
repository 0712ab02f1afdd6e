"""Several writers at once on PostgreSQL: nobody twice, nothing lost, no gap in the log."""

import random
import threading
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from sqlalchemy import text

from hub.errors import Invalid
from hub.store import Store, database, news, reading
from hub.store import writer as writing
from hub.store.bulk import Clash
from hub.store.editing import edit
from hub.store.erasure import erase
from hub.store.forgetting import key_hash
from hub.store.references import HUB
from hub.store.workspace import Workspace
from tests.store.conftest import SECRET, put
from tests.store.saying import PG, SB, SK, aanbod, count, fiche, organisatie, person, uuid_of

PEOPLE = 120
LANGUAGE = {PG: "nl", SB: "fr", SK: "de"}


def _batches(source: str, seed: int) -> list[list[object]]:
    chance = random.Random(seed)
    claims: list[object] = [
        person(f"p{number}", f"Naam{number}", source=source, number=number, languages=[LANGUAGE[source]]) for number in range(PEOPLE)
    ]
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
    look = news.news_in
    between, looks = [other], []

    def slowly(space: Any, *more: Any, lock: bool = False) -> Any:
        looks.append(lock)
        if lock and between:
            between.clear()
            if other == "newer":
                put(rival, organisatie("o", "Nieuwer", source=SK, revision=3))
            else:
                rival.write(lambda gone: gone.connection.exec_driver_sql("DELETE FROM claim"))
        return look(space, *more, lock=lock)

    monkeypatch.setattr(writing, "news_in", slowly)
    ours = put(store, organisatie("o", "Ouder", source=SK, revision=2))
    assert looks[-2:] == [False, True], "nothing had to be run again"
    assert (ours.changed, ours.unchanged) == ((0, 1) if other == "newer" else (1, 0))
    with store.read() as connection:
        assert connection.exec_driver_sql("SELECT revision FROM claim").scalars().all() == [3 if other == "newer" else 2]


Beside = Callable[[Callable[[], object]], None]


@pytest.fixture
def beside(monkeypatch: pytest.MonkeyPatch) -> Beside:
    """Has something done by another writer between the next look for fiches and the lock on them."""
    load, waiting = Workspace.load, list[Callable[[], object]]()

    def loads(space: Workspace, ids: Iterable[int], *, lock: bool = False) -> None:
        wanted = [*ids]
        if lock and waiting:
            waiting.pop()()
        load(space, wanted, lock=lock)

    monkeypatch.setattr(Workspace, "load", loads)
    return waiting.append


def _two(store: Store) -> tuple[str, str]:
    put(store, organisatie("a", "De Een", source=SK, sites=()))
    put(store, organisatie("b", "De Ander", source=SB, sites=()))
    return uuid_of(store, f"{SK}|a"), uuid_of(store, f"{SB}|b")


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("whose", ["stays", "goes"])
def test_who_is_erased_beside_a_join_is_erased_as_a_whole(open_store: Callable[..., Store], beside: Beside, whose: str) -> None:
    store, rival = open_store(), open_store()
    stays, goes = _two(store)
    beside(lambda: rival.write(lambda writer: writer.join(stays, goes)))
    erase(store, stays if whose == "stays" else goes, "asked for")
    assert count(store, "claim") == count(store, "version") == count(store, "identity") == 0
    assert count(store, "fiche", "state = 'erased' AND document IS NULL") == count(store, "fiche") == 2
    keys = (f"{SK}|a", f"{SB}|b", f"{HUB}|{stays}", f"{HUB}|{goes}")
    with store.read() as connection:
        assert set(connection.execute(text("SELECT key_hash FROM erasure")).scalars()) == {key_hash(SECRET, key) for key in keys}


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_what_is_decided_beside_a_join_is_decided_of_what_was_joined(open_store: Callable[..., Store], beside: Beside) -> None:
    store, rival = open_store(), open_store()
    stays, goes = _two(store)
    join = lambda: rival.write(lambda writer: writer.join(stays, goes))  # noqa: E731
    beside(join)
    with pytest.raises(Invalid, match="one fiche already"):
        store.write(lambda writer: writer.apart(stays, goes))
    with store.read() as connection:
        assert connection.execute(text("SELECT state FROM review")).scalars().all() == ["same"]
    put(store, organisatie("c", "De Derde", source=PG, sites=()))
    third = uuid_of(store, f"{PG}|c")
    beside(lambda: rival.write(lambda writer: writer.join(stays, third)))
    edit(store, third, "form", "praktijk", "an editor")
    document = fiche(store, f"{SK}|a")
    assert document and document["form"] == "praktijk"
    assert store.write(lambda writer: writer.split(stays, [(PG, "c")])) == third


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_what_is_split_beside_a_join_is_split_from_what_was_joined(open_store: Callable[..., Store], beside: Beside) -> None:
    store, rival = open_store(), open_store()
    stays, goes = _two(store)
    put(store, organisatie("c", "De Derde", source=PG, sites=()))
    third = uuid_of(store, f"{PG}|c")
    store.write(lambda writer: writer.join(goes, third))
    beside(lambda: rival.write(lambda writer: writer.join(stays, goes)))
    assert store.write(lambda writer: writer.split(goes, [(PG, "c")])) == third
    assert count(store, "claim") == 3 == count(store, "fiche", "document IS NOT NULL") + 1


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_link_to_what_is_joined_or_erased_meanwhile_leads_to_nothing_old(open_store: Callable[..., Store], beside: Beside) -> None:
    store, rival = open_store(), open_store()
    stays, goes = _two(store)
    beside(lambda: rival.write(lambda writer: writer.join(stays, goes)))
    put(store, aanbod("x", "b", source=SB))
    document = fiche(store, f"{SB}|x")
    assert document and document["organisatie"] == {"id": stays}
    put(store, person("p", number=1))
    beside(lambda: erase(rival, uuid_of(rival, f"{PG}|p"), "asked for"))
    put(store, aanbod("y", "b", source=SB, people=(1,)))
    document = fiche(store, f"{SB}|y")
    assert document and "caregivers" not in document
    assert count(store, "link", "role = 'zorgverlener'") == 0


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_what_leads_to_a_fiche_that_is_joined_and_is_joined_itself_meanwhile(open_store: Callable[..., Store], beside: Beside) -> None:
    store, rival = open_store(), open_store()
    stays, goes = _two(store)
    put(store, aanbod("x", "a"))
    put(store, aanbod("y", "b", source=SB))
    first, second = uuid_of(store, f"{SK}|x"), uuid_of(store, f"{SB}|y")
    # The look for the two comes first; what leads to one of them is looked for after it.
    beside(lambda: beside(lambda: rival.write(lambda writer: writer.join(first, second))))
    store.write(lambda writer: writer.join(stays, goes))
    document = fiche(store, f"{SB}|y")
    assert document and document["organisatie"] == {"id": stays}
    assert count(store, "link", "to_id NOT IN (SELECT id FROM fiche WHERE document IS NOT NULL)") == 0


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
