"""Leases as rows: who may do a thing now, with a fencing token that is checked in the very transaction that commits the work.

An owner that lost its lease (a long pause, a stopped machine) finds out at its next commit, which is rolled back. Rows and not advisory locks,
so that every engine behaves alike. What a thread of this very process is still working on is not taken over however late it is: it would be done twice at once.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import Connection, Row, delete, insert, select, update

from hub.errors import FichehubError
from hub.model.moments import SKEW
from hub.store import Store
from hub.store.tables import lease
from hub.sync import faults

SECONDS = 600.0
"""So long it holds, once prolonged; nobody takes a longer one."""
BEATS = 10
"""So often within its time `kept` prolongs a lease: one beat that does not get through loses nothing."""
_at_work: dict[str, threading.Thread] = {}
"""Owners within this process -> the thread that took the lease and has not let it go."""
_let_go: set[str] = set()
"""Owners within this process that let go while the database could not be told."""


_log = structlog.get_logger(__name__)


class Busy(FichehubError):
    """Somebody else is doing this now."""


class LeaseLost(FichehubError):
    """Somebody else took over meanwhile; what was in the transaction is rolled back."""


@dataclass(slots=True)
class Lease:
    """A lease that we hold. `token` is higher than that of every owner before us; `is_fresh` while it was prolonged a moment ago."""

    name: str
    owner: str
    token: int
    seconds: float
    now: Callable[[], datetime]
    _fresh_until: datetime | None = None

    def hold(self, connection: Connection) -> None:
        """Prove in this transaction that we still hold it, and prolong it. Raises `LeaseLost`."""
        now = self.now()  # once: a row that was written slowly is no fresher than it says
        held = connection.execute(
            update(lease)
            .where(lease.c.name == self.name, lease.c.token == self.token, lease.c.owner == self.owner)
            .values(until=now.timestamp() + self.seconds)
        )
        if held.rowcount != 1:
            raise LeaseLost(f"{self.name} was taken over by another process; nothing of this last step was kept.")
        self._fresh_until = now + timedelta(seconds=self.seconds / BEATS)

    def is_fresh(self) -> bool:
        """Whether it was prolonged, here or by a thread beside, less than a beat ago: then nobody need do so again."""
        # More than a beat ahead it is once the clock was put back: then the row lies as far ahead, and is to be written anew.
        return self._fresh_until is not None and timedelta(0) < self._fresh_until - self.now() <= timedelta(seconds=self.seconds / BEATS)

    def release(self, store: Store) -> None:
        """Let the next one in at once. The row stays, so that tokens only ever rise.

        Where the database cannot be told now, this process knows all the same, and others when the time of the lease is over.
        """
        _at_work.pop(self.owner, None)
        _let_go.add(self.owner)
        free = update(lease).where(lease.c.name == self.name, lease.c.token == self.token).values(until=0.0, owner="")
        try:
            store.write(lambda writer: writer.connection.execute(free))
        except Exception as error:
            fault = faults.of_machine(error)
            if fault is None:
                raise
            _log.warning("lease not let go of", lease=self.name, reason=fault.message)
            return
        _let_go.discard(self.owner)


def acquire(store: Store, name: str) -> Lease:
    """Take the lease, also from an owner whose process is known to be dead, or whose time is over and who is no thread of ours. Raises `Busy`."""
    owner = me()

    def take(connection: Connection) -> Lease:
        now = store.now().timestamp()
        row = connection.execute(select(lease).where(lease.c.name == name).with_for_update()).one_or_none()
        if row is None:
            connection.execute(insert(lease).values(name=name, owner=owner, until=now + SECONDS, token=1))
            return Lease(name, owner, 1, SECONDS, store.now)
        if not _is_loose(row, now):
            raise Busy(f"{name} is already being worked on by {_place(row.owner)}; wait until that has ended.")
        connection.execute(update(lease).where(lease.c.name == name).values(owner=owner, until=now + SECONDS, token=row.token + 1))
        return Lease(name, owner, row.token + 1, SECONDS, store.now)

    taken = store.write(lambda writer: take(writer.connection))
    _at_work[owner] = threading.current_thread()
    return taken


@contextmanager
def kept(store: Store, held: Lease) -> Iterator[None]:
    """Keep this lease for the length of the block, however long nothing is committed in it: a slow page, a long commit, a file being written.

    A thread prolongs it, which ends with the block or the process, unless a commit did so a moment ago: a load needs no writer beside it. It never takes back
    what somebody else took over meanwhile, as after a machine that was stopped for a while: `Lease.hold` then tells whoever works in the block.
    """
    over = threading.Event()

    def beat() -> None:
        while not over.wait(held.seconds / BEATS):
            if held.is_fresh():
                continue
            try:
                store.write(lambda writer: held.hold(writer.connection))
            except LeaseLost:
                return
            except Exception as error:  # noqa: BLE001 - other writers were in the way, or the database is away: the next beat comes
                _log.warning("lease not prolonged", lease=held.name, reason=str(error))

    thread = threading.Thread(target=beat, name=f"keeps {held.name}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def is_free(connection: Connection, name: str, now: datetime) -> bool:
    """Whether the lease could be taken now."""
    row = connection.execute(select(lease).where(lease.c.name == name)).one_or_none()
    return row is None or _is_loose(row, now.timestamp())


def forget(connection: Connection, name: str) -> None:
    """Remove the row of something that no longer exists."""
    connection.execute(delete(lease).where(lease.c.name == name))


def _is_loose(row: Row[Any], now: float) -> bool:
    if row.owner in _let_go:
        return True
    thread = _at_work.get(row.owner)
    if thread is not None and thread.is_alive():
        return False
    # Further ahead than anybody prolongs it: the clock was put back since, and nobody may be there any more.
    return not now < row.until <= now + SECONDS + SKEW.total_seconds() or is_dead(row.owner)


def me() -> str:
    """Host, process, and when the process began and among which: numbers of processes are used again, soonest in containers, which may share the name of a host."""
    return f"{socket.gethostname()}|{os.getpid()}|{_began(os.getpid())}@{_among()}|{os.urandom(4).hex()}"


def _place(owner: str) -> str:
    host, process, *_ = [*owner.split("|"), "", ""]
    return f"process {process} on {host}"


def is_dead(owner: str) -> bool:
    """Whether we know that this owner cannot be working any more; only ever known of our own machine."""
    parts = owner.split("|")
    if len(parts) != 4:
        return not owner
    began, _, among = parts[2].partition("@")
    if parts[0] != socket.gethostname() or among != _among():
        return False
    process = int(parts[1])
    if process == os.getpid():
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return _began(process) != began


def _among() -> str:
    """Which processes have numbers of their own here (pid_namespaces(7)); empty where there is no /proc."""
    try:
        return os.readlink("/proc/self/ns/pid").removeprefix("pid:")
    except OSError:
        return ""


def _began(process: int) -> str:
    """The start of a process in ticks since boot (proc(5), field 22); empty where there is no /proc."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""
