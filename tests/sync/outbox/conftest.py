"""A partner to whom names are posted, and a connection that does so."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from sqlalchemy import select

from hub.connector import Response, Sink
from hub.model.entity import Change, Entity
from hub.plugins import Plugins
from hub.store import Store
from hub.store.tables import outbox as table
from hub.sync import connections, run
from tests.sync.rows import RowsConfig

Offer = Callable[..., Plugins]


class Answer:
    def __init__(self) -> None:
        self.status = 200
        self.headers: Mapping[str, str] = {}
        self.content = b"{}"

    def json(self) -> Any:
        return {}


class Line:
    """An HTTP client that keeps what it was asked, and fails when told to. `failing`: names whose delivery fails -> how."""

    def __init__(self) -> None:
        self.posts: list[tuple[str | None, Any]] = []
        self.failing: dict[str | None, BaseException] = {}
        self.theirs: dict[str, Any] = {}

    def get(self, url: str, *, params: Any = None, headers: Any = None, byte_cap: int | None = None) -> Response:
        return Answer()

    def post(self, url: str, *, json: Any = None, data: bytes | None = None, headers: Any = None, byte_cap: int | None = None) -> Response:
        name = None if json is None else json["name"]
        self.posts.append(((headers or {}).get("Idempotency-Key"), json))
        error = self.failing.get(name, self.failing.get("*"))
        if error is not None:
            raise error
        self.theirs[url] = json
        return Answer()


class Post(Sink):
    """Posts the name to an address per entity."""

    name = "post"
    title = "Post"
    config_schema = RowsConfig

    def shape(self, entity: Entity) -> dict[str, Any] | None:
        return {"name": entity.fiche["names"][0]["text"]["nl"]} if entity.type == "organisatie" else None

    def push(self, change: Change, desired: dict[str, Any] | None, agreed: dict[str, Any] | None) -> dict[str, Any] | None:
        self.context.http.post(f"https://partner.example.org/{change.id}", json=desired)
        return desired


@pytest.fixture
def line() -> Line:
    return Line()


@pytest.fixture
def go(any_store: Store, offer: Offer, line: Line) -> Callable[..., Any]:
    loaded = offer(Post)
    connections.add(any_store, loaded, "own", "post", schedule="every 1 day")
    connections.enable(any_store, loaded, "own", http=line)
    return lambda **options: run(any_store, loaded, "own", http=line, **options)


def letters(store: Store) -> list[tuple[str, int]]:
    with store.read() as db:
        return [(row.state, row.attempts) for row in db.execute(select(table).order_by(table.c.seq))]
