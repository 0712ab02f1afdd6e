"""A snapshot sees one state; what the store remembers goes when somebody is erased."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from hub.directory import Directory
from hub.model.audience import PUBLIC
from hub.model.concepts import Concept, ConceptScheme
from hub.model.query import Query
from hub.store import Store, Writer, erasure
from tests.directory.linde import fill, public, put
from tests.store.saying import aanbod, organisatie, uuid_of


def test_a_writer_keeps_its_concepts_when_somebody_else_sees_an_erasure(store: Store) -> None:
    fill(store)
    store.write(lambda writer: writer.connection.exec_driver_sql("INSERT INTO counter (name, n) VALUES ('erasures', 1)"))

    def work(writer: Writer) -> int:
        with store.read() as connection:  # a request, in another thread
            store.state(connection)
        return writer.put([organisatie("late", "Te laat")], origin="test").changed

    assert store.write(work) == 1


def test_an_erasure_by_another_process_empties_what_this_one_remembers(
    store: Store, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(store)
    offers = Query(types=("aanbod",))
    public(store).search(offers)
    assert store.projected.cache_info().currsize == 4
    book = store.concepts()
    snapshot = store.snapshot()
    before = Directory(store, PUBLIC, snapshot)
    before.search(offers)  # a page from before, still under way
    other = Store.open(database_url, tmp_path / "home")
    monkeypatch.setattr(erasure, "clean", lambda engine: None)  # it would wait for that page
    erasure.erase(other, uuid_of(store, "progezondheid|p1"), "article 17")
    other.close()
    before.search(offers)
    assert store.projected.cache_info().currsize == 4, "nobody looked yet"
    (hit,) = public(store).search(offers).hits
    assert all(fiche["kind"] != "zorgverlener" for fiche in hit.entity.related.values())
    assert store.projected.cache_info().currsize == 3
    assert store.concepts() is not book, "who remembers answers under the book begins anew"
    before.search(offers)
    assert store.projected.cache_info().currsize == 0, "what comes from before the erasure is not kept"
    snapshot.close()


def test_a_snapshot_sees_one_state_until_it_is_closed(store: Store) -> None:
    fill(store)
    snapshot = store.snapshot()
    held = Directory(store, PUBLIC, snapshot)
    head, offer = held.head(), uuid_of(store, "sociale-kaart|a")
    put(store, replace(aanbod("a", "o", "Nachtopvang", sites=("1",)), revision=2))

    names = [hit.entity.fiche["names"][0]["text"]["nl"] for hit in held.search(Query(types=("aanbod",))).hits]
    assert (held.head(), names, held.get(offer).seq <= head) == (head, ["Dagopvang"], True)

    snapshot.close()
    snapshot.close()
    assert held.head() > head
    assert held.get(offer).fiche["names"][0]["text"]["nl"] == "Nachtopvang"


def test_a_snapshot_knows_the_concepts_of_its_moment(store: Store) -> None:
    def put_scheme(label: str) -> None:
        scheme = ConceptScheme("dier", {"nl": "Dieren"}, (Concept("dier", "1", {"nl": label}),))
        store.write(lambda writer: writer.put_concepts([scheme]))

    put_scheme("Kat")
    snapshot = store.snapshot()
    held = Directory(store, PUBLIC, snapshot)
    assert held.concepts().label("dier", "1") == "Kat"
    put_scheme("Hond")
    assert public(store).concepts().label("dier", "1") == "Hond"
    assert held.concepts().label("dier", "1") == "Kat"
    assert public(store).concepts().label("dier", "1") == "Hond"
    snapshot.close()
