"""What stands is known without a look while nobody writes, and never after somebody has."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import event

from hub.directory import Directory
from hub.model.audience import PUBLIC
from hub.model.concepts import Concept, ConceptScheme
from hub.store import Store
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
        assert directory.standing() == (directory.newest(), book)
    looked.clear()
    directory.standing()
    assert bool(looked) == (store.engine.dialect.name != "sqlite")
    scheme = ConceptScheme("dier", {"nl": "Dieren"}, source="test")
    other.write(lambda writer: writer.put_concepts([scheme, Concept("dier", "1", {"nl": "Kat"})]))
    assert directory.standing() is None, "these concepts have not been read yet"
    assert directory.concepts().label("dier", "1") == "Kat"
    found = directory.standing()
    assert found is not None
    assert found[1].label("dier", "1") == "Kat"
