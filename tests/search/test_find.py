"""Both engines answer every query as the oracle does, page by page, whichever way the search takes."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, event, given, settings
from sqlalchemy import Connection

from hub.model.audience import Grant
from hub.model.query import Query
from hub.places import Places
from hub.search import FoundRow, find
from tests.search.oracle import Oracle
from tests.search.queries import grants, queries

Reading = Callable[[], Connection]


def everything(conn: Connection, query: Query, grant: Grant, places: Places) -> list[FoundRow]:
    """All pages, one after the other."""
    rows: list[FoundRow] = []
    cursor = None
    while True:
        page = find(conn, replace(query, cursor=cursor), grant, places=places, head=99)
        assert len(page.rows) <= query.limit
        assert page.seq == 99
        rows += page.rows
        if page.next is None:
            return rows
        assert len(page.rows) == query.limit
        cursor = page.next


@pytest.fixture(params=["few", "many"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Few candidates are fetched and sorted, many are met along an index: the same world, taken both ways."""
    if request.param == "many":
        monkeypatch.setattr("hub.search.orders._bound", lambda plans: 3)


@pytest.mark.usefixtures("way")
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(query=queries(), grant=grants)
def test_every_page_is_what_the_oracle_says(
    reading: Reading, oracle: Oracle, places: Places, query: Query, grant: Grant
) -> None:
    found = everything(reading(), query, grant, places)
    wanted = oracle.find(query, grant)
    event(f"{query.sort}: {'nothing' if not wanted else 'one' if len(wanted) == 1 else 'more'}")
    assert [row.entry_id for row in found] == wanted
    counted = find(reading(), replace(query, total="accurate", limit=1), grant, places=places)
    if query.sort not in ("distance", "updated"):
        assert counted.total == len(wanted)
