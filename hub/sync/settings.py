"""What is kept for one connection in the table `setting`: the beginning of each name, before that of the connection. They stand here once."""

from __future__ import annotations

from typing import Final

SHORTFALL: Final = "shortfall "
"""What its source announced and did not give (`hub.sync.shortfall`)."""
VAIN: Final = "vain "
"""Its runs from the start that brought nothing (`hub.sync.vain`)."""
TOLD_GONE: Final = "told gone "
"""What the rows of a run that did not come to its end said is gone (`hub.sync.told_gone`)."""
PUSH_CURSOR: Final = "push cursor "
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
