"""A store of its own for each test, on both engines, with a clock that the test moves."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hub.authority import Authority
from hub.model.claims import Claim
from hub.places import places
from hub.store import Store, database

SECRET = b"0123456789abcdef0123456789abcdef"
AUTHORITY = Authority.load()


class Clock:
    """Time that passes only when told to."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, **span: float) -> None:
        self.now += timedelta(**span)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def open_store(database_url: str, clock: Clock) -> Iterator[Callable[..., Store]]:
    """Opens stores on the test's database; options are those of `Store`."""
    opened: list[Store] = []

    def open_(**options: Any) -> Store:
        store = Store(database.connect(database_url), **{"authority": AUTHORITY, "places": places(), "secret": SECRET, "now": clock, **options})
        opened.append(store)
        return store

    yield open_
    for store in opened:
        store.close()


@pytest.fixture
def store(open_store: Callable[..., Store]) -> Store:
    return open_store()


def put(store: Store, *claims: Claim, origin: str = "test") -> Any:
    """One batch."""
    return store.write(lambda writer: writer.put(claims, origin=origin))
