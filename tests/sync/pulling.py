"""A source of rows, pulled: what came of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import func, select

from hub.model.claims import Claim
from hub.plugins import Plugins
from hub.store import Store
from hub.store.tables import change, claim, connection
from hub.sync import connections, run
from hub.sync.records import RunReport
from tests.sync.rows import Rows

Offer = Callable[..., Plugins]


def connect(store: Store, plugins: Plugins, name: str = "own", connector: str = "rows", **config: str) -> None:
    connections.add(store, plugins, name, connector, config)
    connections.enable(store, plugins, name)


def go(store: Store, source: type[Rows], offer: Offer, **options: Any) -> RunReport:
    plugins = offer(source)
    if not connections.list_all(store, plugins):
        connect(store, plugins)
    return run(store, plugins, "own", **options)


def stored(store: Store) -> list[str]:
    """The external ids that the hub holds and that are not gone."""
    with store.read() as db:
        return list(db.execute(select(claim.c.external_id).where(claim.c.gone.is_(False)).order_by(claim.c.external_id)).scalars())


def changes(store: Store) -> int:
    with store.read() as db:
        return int(db.execute(select(func.count()).select_from(change)).scalar_one())


def cursor(store: Store) -> str | None:
    with store.read() as db:
        kept: str | None = db.execute(select(connection.c.cursor)).scalar_one()
    return kept


def ids(source: type[Rows]) -> list[str]:
    return sorted(item.external_id for item in source.rows if isinstance(item, Claim))
