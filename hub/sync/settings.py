"""What is kept for one connection as a single value, in the table `setting`: which there are, reading and writing them.

The name of a row is the beginning that stands here and then the name of the connection.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, delete, insert, select

from hub.store.tables import setting

SHORTFALL: Final = "shortfall "
"""What its source announced and did not give (`hub.sync.shortfall`)."""
VAIN: Final = "vain "
"""Its runs from the start that brought nothing (`hub.sync.vain`)."""
TOLD_GONE: Final = "told gone "
"""What the rows of a run that did not come to its end said is gone (`hub.sync.told_gone`)."""
PUSH_CURSOR: Final = "push cursor "
"""The seq up to which its changes are in the outbox or agreed (`hub.sync.push`)."""
PUSH_BASIS: Final = "push basis "
"""A digest of the configuration and the agreement of which everything was looked at (`hub.sync.push`)."""
DECISION_CURSOR: Final = "decision cursor "
"""How far the decisions of its partner were read (`hub.sync.decisions`)."""
STOP: Final = "stop "
"""Its stop switch (`hub.sync.stops`)."""
LANDING_DAYS: Final = "landing days "
"""For how long its raw rows are kept (`hub.sync.landing`)."""

OF_A_CONNECTION: Final = (SHORTFALL, VAIN, TOLD_GONE, PUSH_CURSOR, PUSH_BASIS, DECISION_CURSOR, STOP, LANDING_DAYS)
"""All of them: what goes with a connection that is removed."""


def read(connection: Connection, what: str, name: str) -> str | None:
    """What is kept of the connection `name`; None when nothing is."""
    return connection.execute(select(setting.c.value).where(setting.c.name == what + name)).scalar_one_or_none()


def by_connection(connection: Connection, what: str) -> dict[str, str]:
    """What is kept, by the name of the connection."""
    rows = connection.execute(select(setting).where(setting.c.name.startswith(what, autoescape=True)))
    return {row.name.removeprefix(what): row.value for row in rows}


def write(connection: Connection, what: str, name: str, value: str) -> None:
    """Keep this of the connection `name`, instead of what was kept."""
    forget(connection, name, what)
    connection.execute(insert(setting).values(name=what + name, value=value))


def forget(connection: Connection, name: str, *what: str) -> bool:
    """Keep nothing more of that; whether there was anything."""
    return connection.execute(delete(setting).where(setting.c.name.in_([each + name for each in what]))).rowcount > 0
