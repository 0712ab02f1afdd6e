"""What should have run and did not: nobody watches for years, so a worker that is gone must show by itself."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, func, select

from hub.errors import Sentence
from hub.model.moments import latest, to_second
from hub.store.tables import job_slot
from hub.sync.info import ConnectionInfo
from hub.sync.records import RunReport
from hub.sync.schedule import Schedule

BEAT: Final = "spread"
"""The job that workers do most often, every 5 minutes: the newest slot that one took of it tells when a worker was last at work."""
SILENCE: Final = timedelta(minutes=15)
"""After so long without one nobody is at work."""
GRACE: Final = timedelta(minutes=30)
"""So much later than planned a run may begin: it waits while others run, and a worker that is started again needs a moment."""
NO_WORKER: Final = Sentence("No worker is at work, so it does not run by itself. To start one: fichehub work")
OVERDUE: Final = Sentence("It should have run at {due} and did not, though a worker is at work; the log of the worker tells why.")
OVERDUE_ALONE: Final = Sentence("It should have run at {due}, but no worker is at work. To start one: fichehub work")


def somebody_works(connection: Connection, now: datetime) -> bool:
    """Whether a worker, of whichever process or machine, ticked lately."""
    newest = connection.execute(select(func.max(job_slot.c.slot)).where(job_slot.c.job == BEAT)).scalar_one()
    # One that lies ahead: the clock was put back and no worker has looked since, or it would have forgotten that slot.
    return newest is not None and to_second(now - SILENCE) <= newest <= latest(now)


def since(info: ConnectionInfo, plan: Schedule, last: RunReport | None, now: datetime) -> str | None:
    """When it should have run, if that is longer ago than the grace and no run began since; None while one is under way. RFC 3339, UTC."""
    if last is not None and (last.state == "running" or last.waits(now)):
        return None
    due = _due(info, plan, last, now)
    return due if due is not None and due < to_second(now - GRACE) else None


def _due(info: ConnectionInfo, plan: Schedule, last: RunReport | None, now: datetime) -> str | None:
    """When the first run after what is known of it was to begin."""
    if last is not None and last.retry_at is not None and last.retry_at <= to_second(now):
        return last.retry_at
    enabled = info.checked_at or info.created_at
    begun = max(enabled, "" if last is None else last.started_at)
    if begun <= latest(now):
        planned = plan.next(datetime.fromisoformat(begun))
        return None if planned is None else to_second(planned)
    # It began while the clock was ahead: when that was nobody knows, so it counts for none of the moments that have come since it was enabled.
    planned = plan.last(now - GRACE)
    if planned is None or (enabled <= latest(now) and to_second(planned) < enabled):
        return None
    return to_second(planned)


def sentence(overdue_since: str | None, *, worked: bool) -> str:
    """What is said of a connection that runs by itself; "" when all is well. `worked`: somebody works."""
    if overdue_since is None:
        return "" if worked else NO_WORKER()
    return (OVERDUE if worked else OVERDUE_ALONE)(due=overdue_since)
