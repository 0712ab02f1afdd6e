"""What the parts of one run share: the store, the lease, the connector, and the report as it grows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from sqlalchemy import Connection

from hub.connector import Progress
from hub.errors import Rejected
from hub.model.moments import to_second
from hub.plugins import Plugins
from hub.store import Pace, Store, Writer
from hub.store.bulk import Bulk
from hub.sync import landing, records, stops, vain
from hub.sync.building import Built
from hub.sync.info import ConnectionInfo
from hub.sync.lease import BEATS, Lease
from hub.sync.records import RunReport, Tally
from hub.sync.wire import Wire

T = TypeVar("T")
SHOWN_REJECTIONS = 100


@dataclass(slots=True)
class Session:
    """One run at work. Only `commit` writes, so that rows, cursor, counts and the proof of the lease stand or fall together."""

    store: Store
    plugins: Plugins
    known: ConnectionInfo
    built: Built
    lease: Lease
    report: RunReport
    progress: Progress
    wire: Wire
    standing: str = ""
    from_the_start: bool = False
    """It began at the start of its source, and has no cursor of its own yet."""

    @property
    def dry(self) -> bool:
        """Whether everything is rolled back."""
        return self.report.dry_run

    def may_go_on(self, connection: Connection) -> None:
        """Return when nobody wants this run to end. Raises `Stopped`."""
        stops.check_run(connection, self.known.name, None if self.dry else self.known.config)

    def commit(self, work: Callable[[Writer], tuple[Tally, T]], *, pace: Pace | None = None, told: bool = False, **cursors: Any) -> T:
        """Run `work` in a transaction with the lease, the new counts, and `cursors` (columns of the connection). `work` may be retried.

        `told`: it records what the partner knows already, so that a stop comes too late for it.
        """
        after = self.report
        landed = self.wire.take_landed()

        def whole(writer: Writer) -> T:
            nonlocal after
            began = self.store.now()
            if not told:
                self.may_go_on(writer.connection)
            if not self.dry:
                self.lease.hold(writer.connection)
            tally, result = work(writer)
            after = replace(self.report, tally=tally, cursor_after=cursors.get("cursor", self.report.cursor_after))
            if not self.dry:
                if cursors:
                    columns = ", ".join(f"{name} = ?" for name in cursors)
                    sql = f"UPDATE connection SET {columns} WHERE name = ?"  # noqa: S608 - the names are our own
                    Bulk(writer.connection).later(1, sql, *cursors.values(), self.known.name)
                if self.from_the_start and "cursor" in cursors:
                    vain.forget(writer.connection, self.known.name)
                records.save(writer.connection, after)
                if landed:
                    at = to_second(self.store.now())
                    landing.keep(writer.connection, self.known.name, self.report.id, landed, at)
                if (self.store.now() - began).total_seconds() > self.lease.seconds / BEATS:
                    self.lease.hold(writer.connection)  # others see this row when all is committed: its time counts from then
            return result

        result = self.store.write(whole, dry_run=self.dry, pace=pace)
        self.report = after
        if "cursor" in cursors:
            self.from_the_start = False
        if self.dry:
            # The work was rolled back; the lease of a long dry run must not be.
            self.store.write(lambda writer: self.lease.hold(writer.connection))
        return result

    def stands(self, sentence: str) -> None:
        """Let every reason begin with this, too, from now on."""
        reason = self.report.reason.removeprefix(self.standing).lstrip()
        self.standing = f"{self.standing} {sentence}".lstrip()
        self.note(reason=reason)

    def note(self, *, warnings: tuple[str, ...] = (), rejections: tuple[Rejected, ...] = (), **changes: Any) -> None:
        """Add to the report; it is written with the next commit or at the end. What is `standing` begins every reason from then on."""
        if "reason" in changes and self.standing:
            changes["reason"] = f"{self.standing} {changes['reason']}".rstrip()
        room = max(0, SHOWN_REJECTIONS - len(self.report.rejections))
        self.report = replace(
            self.report,
            warnings=(*self.report.warnings, *warnings),
            rejections=(*self.report.rejections, *rejections[:room]),
            **changes,
        )
