"""Pages of the directory, and walks from page to page."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import event

from hub.directory import Directory
from hub.model.audience import PUBLIC
from hub.model.query import Query
from hub.store import Store
from tests.directory.linde import fill, public, put
from tests.store.saying import SK, organisatie


def test_every_page_of_a_walk_comes_once(store: Store) -> None:
    put(store, *[organisatie(f"o{number}", f"Huis {number}") for number in range(25)])
    names = [entity.fiche["names"][0]["text"]["nl"] for entity in public(store).walk(Query(types=("organisatie",), limit=10))]
    assert sorted(names) == sorted(f"Huis {number}" for number in range(25))


@pytest.mark.parametrize("held", [False, True])
def test_a_long_walk_gives_memory_back_as_it_goes(store: Store, held: bool) -> None:
    put(store, *(organisatie(str(number), f"Huis {number:02}") for number in range(45)))
    heard: list[str] = []

    def note(conn: Any, cursor: Any, statement: str, *rest: Any) -> None:
        heard.append(statement)

    snapshot = store.snapshot() if held else None
    event.listen(store.engine, "before_cursor_execute", note)
    walked = list(Directory(store, PUBLIC, snapshot).walk(Query(types=("organisatie",), limit=2)))
    event.remove(store.engine, "before_cursor_execute", note)
    if snapshot is not None:
        snapshot.close()
    assert len(walked) == 45
    assert heard.count("PRAGMA shrink_memory") == (2 if store.engine.dialect.name == "sqlite" else 0)


def test_a_page_names_sources_only_to_who_wants_them(store: Store) -> None:
    fill(store)
    asked = Query(types=("organisatie",))
    heard: list[str] = []
    event.listen(store.engine, "before_cursor_execute", lambda conn, cursor, statement, *rest: heard.append(statement))
    whole = public(store).search(asked)
    bare = public(store).search(asked, sources=False)
    assert [replace(hit.entity, sources=()) for hit in whole.hits] == [hit.entity for hit in bare.hits]
    assert {hit.entity.sources for hit in whole.hits} == {(SK,)}
    assert sum("FROM claim" in each for each in heard) == 1, "one look less"
