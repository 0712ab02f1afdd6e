"""What a partner sends in: one transaction, kept as a whole or not at all, and only from who may."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hub.directory import Directory
from hub.errors import Forbidden, Invalid
from hub.feeding import RIGHT, Desk, Feed
from hub.model.audience import INTERNAL, Grant
from hub.model.claims import Claim
from hub.model.query import Query
from hub.store import Store

GRANT = Grant(partner="epd", rights=frozenset({RIGHT}))


@pytest.fixture
def store(database_url: str, tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(database_url, tmp_path)
    yield opened
    opened.close()


def said(desk: Desk, key: str, **more: Any) -> Claim:
    first = desk.first(key, "organisatie")
    content = {"kind": "organisatie", "names": [{"text": {"nl": key}, "visibility": "public"}], **more}
    return Claim(first.source, key, 1, "organisatie", content)


def _counted(store: Store) -> list[Any]:
    with store.read() as connection:
        return list(connection.exec_driver_sql("SELECT name, n FROM counter WHERE name <> 'identities' ORDER BY name"))


def there(store: Store) -> int | None:
    return Directory(store, INTERNAL).search(Query(types=("organisatie",), total="accurate")).total


def test_when_one_claim_cannot_be_used_nothing_of_the_transaction_is_kept(store: Store) -> None:
    feed = Feed(store, Directory(store, GRANT), "fhir")
    before = _counted(store)
    with pytest.raises(Invalid) as refused:
        feed.write(
            lambda desk: desk.put([said(desk, "goed"), said(desk, "fout", parent={"system": "kbo", "value": "0403019261"}), said(desk, "ook-goed")])
        )
    assert [issue.path for issue in refused.value.errors] == ["parent"]
    assert there(store) == 0
    assert _counted(store) == before
    feed.write(lambda desk: desk.put([said(desk, "goed"), said(desk, "ook-goed")]))
    assert there(store) == 2


def test_the_same_again_is_no_news(store: Store) -> None:
    feed = Feed(store, Directory(store, GRANT), "fhir")
    for _ in range(2):
        feed.write(lambda desk: desk.put([said(desk, "goed")]))
    feed.write(lambda desk: desk.put([said(desk, "goed", form="praktijk")]))
    with store.read() as connection:
        assert connection.exec_driver_sql("SELECT revision FROM claim").scalars().all() == [2]


def test_who_may_send_in_nothing_is_told_how_to_be_allowed(store: Store) -> None:
    for grant in (Grant(), Grant(partner="epd")):
        with pytest.raises(Forbidden, match="--right"):
            Feed(store, Directory(store, grant), "fhir")
