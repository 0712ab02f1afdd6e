"""A request reads one state of the database, in one transaction, and lets go of it whatever happens."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Connection, event

from hub.store import Snapshot, Store
from tests.web.conftest import Ids


@pytest.mark.parametrize("path", ["/api/v1/fiches", "/api/v1/fiches?sort=name&total=accurate", "/api/v1/changes"])
def test_a_page_takes_one_transaction(client: FlaskClient, hub_store: Store, ids: Ids, path: str) -> None:
    begun: list[Connection] = []

    def note(connection: Connection) -> None:
        begun.append(connection)

    event.listen(hub_store.engine, "begin", note)
    try:
        assert client.get(path).status_code == 200
    finally:
        event.remove(hub_store.engine, "begin", note)
    assert len(begun) == 1


@pytest.mark.parametrize(
    "path",
    ["/api/v1/fiches", "/api/v1/fiches?sort=nonsense", "/api/v1/fiches/00000000-0000-0000-0000-000000000000"],
)
def test_what_was_read_from_is_closed(client: FlaskClient, hub_store: Store, ids: Ids, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[Snapshot] = []

    def take() -> Snapshot:
        taken.append(Snapshot(hub_store))
        return taken[-1]

    monkeypatch.setattr(hub_store, "snapshot", take)
    client.get(path)
    assert [snapshot.held for snapshot in taken] == [False]
