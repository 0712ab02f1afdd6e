"""A connection as an administrator sees it, and as its row tells it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import RowMapping

from hub.sync.records import RunReport


@dataclass(frozen=True, slots=True)
class ConnectionInfo:
    """A connection as an administrator sees it: `config` without its secrets, the last run, the next moment it is due (RFC 3339, UTC).

    `state` is `disabled`, `enabled`, `paused` (with a `reason`) or, whichever of these it is stored as, `stopped` while its own stop switch or the one for all is
    set. `partner` is "" for what everybody shares. An enabled one has a `reason` when its schedule cannot be used. `missing` says what its source announced and did not give, and what will happen; "" when nothing is missing.
    `overdue_since`: since when a run of it is overdue; `overdue` says so, or that no worker is there to run it; "" when all is well.
    """

    name: str
    connector: str
    title: str
    partner: str
    config: Mapping[str, Any]
    state: str
    reason: str
    schedule: str
    cursor: str | None
    full_since_run: int | None
    checked_at: str | None
    created_at: str
    last_run: RunReport | None = None
    next_at: str | None = None
    missing: str = ""
    overdue_since: str | None = None
    overdue: str = ""


def info_of(row: RowMapping) -> ConnectionInfo:
    """What the row of a connection says, its secrets still encrypted."""
    return ConnectionInfo(
        name=row["name"],
        connector=row["connector"],
        title=row["connector"],
        partner=row["partner"],
        config=orjson.loads(row["config"]),
        state=row["state"],
        reason=row["reason"],
        schedule=row["schedule"],
        cursor=row["cursor"],
        full_since_run=row["full_since_run"],
        checked_at=row["checked_at"],
        created_at=row["created_at"],
    )
