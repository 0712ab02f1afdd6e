"""What stands is known without a look while nobody writes, and never after somebody has."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, event

from hub.directory import Directory
from hub.model.audience import PUBLIC
from hub.model.concepts import Concept, ConceptScheme
from hub.store import Store
from hub.store.data_version import DataVersion
from hub.store.log_reading import State
from tests.store.saying import organisatie


@pytest.fixture
def looked(store: Store) -> Iterator[list[str]]:
    """The statements that went to the database by way of the engine."""
    heard: list[str] = []

    def note(conn: object, cursor: object, statement: str, *rest: object) -> None:
        heard.append(statement)

    event.listen(store.engine, "before_cursor_execute", note)
    yield heard
    event.remove(store.engine, "before_cursor_execute", note)


def put(store: Store, number: int) -> None:
    store.write(lambda writer: writer.put([organisatie(str(number), f"Huis {number}")], origin="test"))


def test_what_stands_is_what_newest_and_concepts_say(store: Store, open_store: Callable[..., Store], looked: list[str]) -> None:
    directory = Directory(store, PUBLIC)
    other = open_store()  # another process writes through connections of its own
    for number, writer in enumerate((store, other, store)):
        put(writer, number)
        book = directory.concepts()
        expected = (directory.newest(), book) if store.engine.dialect.name == "sqlite" else None
        assert directory.standing() == expected
    looked.clear()
    directory.standing()
    assert looked == []
    scheme = ConceptScheme("dier", {"nl": "Dieren"}, source="test")
    other.write(lambda writer: writer.put_concepts([scheme, Concept("dier", "1", {"nl": "Kat"})]))
    assert directory.standing() is None, "these concepts have not been read yet"
    assert directory.concepts().label("dier", "1") == "Kat"
    found = directory.standing()
    assert (found is not None) == (store.engine.dialect.name == "sqlite")
    assert found is None or found[1].label("dier", "1") == "Kat"


def test_a_file_that_cannot_be_watched_is_looked_into_each_time(tmp_path: Path) -> None:
    file = tmp_path / "other.sqlite"
    file.write_bytes(b"not a database, whatever its name says" * 100)
    looks: list[State] = []

    def look() -> State:
        looks.append(State(len(looks), 0, 0))
        return looks[-1]

    watch = DataVersion(create_engine(f"sqlite:///{file}"))
    assert [watch.state(look), watch.state(look)] == looks
    file.unlink()
    sqlite3.connect(file).close()
    assert watch.state(look) == watch.state(look), "now that it can be"
    watch.close()


def test_threads_that_come_and_go_leave_no_connection_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[sqlite3.Connection] = []
    connect = sqlite3.connect

    def counted(*given: Any, **named: Any) -> sqlite3.Connection:
        opened.append(connect(*given, **named))
        return opened[-1]

    monkeypatch.setattr(sqlite3, "connect", counted)
    with closing(connect(tmp_path / "x.sqlite", isolation_level=None)) as writer:
        writer.execute("CREATE TABLE t (n)")
        watch = DataVersion(create_engine(f"sqlite:///{tmp_path / 'x.sqlite'}"))
        seen: list[State | None] = []
        looks: list[State] = []

        def look() -> State:
            looks.append(State(len(looks), 0, 0))
            return looks[-1]

        for number in range(6):
            if number == 3:
                writer.execute("INSERT INTO t VALUES (1)")
            thread = threading.Thread(target=lambda: seen.append(watch.state(look)))
            thread.start()
            thread.join()
        watch.close()
    assert seen == [looks[0]] * 3 + [looks[1]] * 3
    assert len(opened) == 1
