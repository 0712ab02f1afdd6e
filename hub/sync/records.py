"""Run records: what every run read, wrote, refused and left alone, kept as rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime, timedelta
from typing import Any, Final, Literal

import orjson
from sqlalchemy import ColumnElement, Connection, Row, delete, exists, func, insert, select, update

from hub.errors import Rejected, Sentence, Unreachable
from hub.model.moments import lies_ahead
from hub.store.bulk import Bulk
from hub.store.tables import entity, outbox, rejected, run
from hub.sync import lease

Foreseen = Literal["nothing changes", "changes", "cannot preview"]
Mode = Literal["full", "incremental", "push", "export"]
State = Literal["running", "done", "failed", "stopped"]

CUT_OFF: Final = Sentence("The run was cut off; the next one goes on from its last cursor.")
"""What is said of a run whose process was killed."""
MADE_UP: Final = Sentence("An earlier run did not get all that the source announces ({missing} missing), so this one began at the start.")
BEGAN_AGAIN: Final = Sentence("The source no longer knew our cursor, so this run began again from the start.")
LOOKED_AGAIN: Final = Sentence(
    "More rows came as deleted than are ever removed by themselves, so this run began again from the start, to see the whole source."
)
IN_VAIN: Final = Sentence("The run from the start of {since} was broken off with no place to go on from, so this one began at the start.")
EXPLAIN: Final = (MADE_UP, BEGAN_AGAIN, LOOKED_AGAIN, IN_VAIN)
"""What only explains what a run did, and leaves nobody anything to look after."""

_LONGEST_WAIT = timedelta(seconds=Unreachable.LONGEST_WAIT)
_LOOKED_BACK = 100  # full runs; a source that is never whole has many, of which none can tell what is absent
_SAVE = "UPDATE run SET mode = ?, state = ?, reason = ?, ended_at = ?, cursor_after = ?, counts = ? WHERE id = ?"
KEPT_REJECTIONS = 10_000
"""Rejected rows kept per connection; past it they are only counted."""


@dataclass(frozen=True, slots=True)
class Tally:
    """What a run counted. `missing`: rows announced but never given; `withheld`: removals that the guard refused; `undeliverable`: see `RunReport`; `erased`: rows of
    persons who were erased, and stay so; `concepts`: of those that the source told beside its rows, how many are new or have another label."""

    read: int = 0
    changed: int = 0
    unchanged: int = 0
    rejected: int = 0
    pushed: int = 0
    undeliverable: int = 0
    deleted: int = 0
    missing: int = 0
    withheld: int = 0
    erased: int = 0
    concepts: int = 0

    def plus(self, **more: int) -> Tally:
        """The tally with these counts added."""
        return replace(self, **{name: getattr(self, name) + count for name, count in more.items()})


@dataclass(frozen=True, slots=True)
class Difference:
    """One field of one fiche (`fiche`: UUID, or the source's own id of one that would be new). `None`: not there. `sent`: it would change at the partner, not here."""

    fiche: str
    field: str
    old: Any
    new: Any
    sent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReport:
    """One run. `reason` is in plain words for an administrator; moments are RFC 3339 in UTC.

    `retry_at`: not before then, as the partner asked or the hub chose. `rejections`: the first of the rejected rows. `file`: what an export
    wrote. `preview`: of a dry run, the differences of a sample of fiches. `resumed`: the run went on with a full pull that had been cut off. `judged`:
    the source was whole, and all that it no longer has was removed, or withheld by the guard. `kept_back`: of what was agreed with a partner and its complete
    list no longer had, how many entities the guard did not let be sent again; None of a run that could not tell. `contested`: how many rows said something else
    than the hub knew of them, in a revision that it knew or an older one (`hub.sync.contest`), and were not taken as they are; None of a run that could not tell.
    """

    id: int
    connection: str
    mode: Mode
    state: State
    tally: Tally = Tally()
    reason: str = ""
    dry_run: bool = False
    resumed: bool = False
    started_at: str = ""
    ended_at: str | None = None
    cursor_before: str | None = None
    cursor_after: str | None = None
    retry_at: str | None = None
    warnings: tuple[str, ...] = ()
    rejections: tuple[Rejected, ...] = ()
    file: str | None = None
    preview: tuple[Difference, ...] = ()
    judged: bool = False
    kept_back: int | None = None
    contested: int | None = None

    @property
    def foreseen(self) -> Foreseen | None:
        """What a dry run can say; `None` of a real one. A dry run that failed, or whose source gave nothing whole, cannot preview."""
        if not self.dry_run:
            return None
        if self.state != "done" or self.mode == "export":
            return "cannot preview"
        tally = self.tally
        moved = tally.changed or tally.pushed or tally.deleted or tally.withheld or self.kept_back or tally.concepts
        return "changes" if moved else "nothing changes"

    def waits(self, now: datetime) -> bool:
        """Whether the partner is left alone until `retry_at`."""
        return self.retry_at is not None and lies_ahead(self.retry_at, now, _LONGEST_WAIT)

    @property
    def read(self) -> int:
        """Rows the source gave, rejected ones included."""
        return self.tally.read

    @property
    def changed(self) -> int:
        """Rows that were new or different."""
        return self.tally.changed

    @property
    def unchanged(self) -> int:
        """Rows that said what they had said before."""
        return self.tally.unchanged

    @property
    def rejected(self) -> int:
        """Rows that could not be used."""
        return self.tally.rejected

    @property
    def pushed(self) -> int:
        """Entities of which something really went to the partner; of an export the rows that were written."""
        return self.tally.pushed

    @property
    def undeliverable(self) -> int:
        """Entities of which nothing could go to the partner: it does not know whom they are about."""
        return self.tally.undeliverable

    @property
    def deleted(self) -> int:
        """Rows that a complete source no longer has."""
        return self.tally.deleted

    @property
    def missing(self) -> int:
        """Rows the source announced but never gave."""
        return self.tally.missing

    @property
    def withheld(self) -> int:
        """Removals that the guard refused."""
        return self.tally.withheld

    @property
    def erased(self) -> int:
        """Rows of persons who were erased, and stay so."""
        return self.tally.erased


def begin(connection: Connection, report: RunReport) -> int:
    """Write the record of a run that begins; the answer is its number."""
    written = connection.execute(
        insert(run)
        .values(
            connection=report.connection,
            mode=report.mode,
            dry=report.dry_run,
            resumed=report.resumed,
            state=report.state,
            started_at=report.started_at,
            cursor_before=report.cursor_before,
            cursor_after=report.cursor_after,
            counts=_counts(report),
        )
        .returning(run.c.id)
    )
    return int(written.scalar_one())


def save(connection: Connection, report: RunReport) -> None:
    """Write how a run fares, or fared; a batch that is still being written is not waited for."""
    told = (report.mode, report.state, report.reason, report.ended_at, report.cursor_after, _counts(report), report.id)
    Bulk(connection).later(1, _SAVE, *told)


def close_abandoned(connection: Connection, name: str, now: str) -> None:
    """Mark what still reads `running` of this connection as stopped; to be called by whoever holds its lease."""
    connection.execute(
        update(run)
        .where(run.c.connection == name, run.c.state == "running")
        .values(
            state="stopped",
            ended_at=now,
            reason=CUT_OFF(),
        )
    )


def as_it_stands(connection: Connection, report: RunReport, now: datetime) -> RunReport:
    """The run as people should read it: one that says `running` while nobody holds its lease was cut off, though nobody has noted that yet."""
    if report.state != "running" or not lease.is_free(connection, f"connection {report.connection}", now):
        return report
    return replace(report, state="stopped", reason=CUT_OFF())


def reports(connection: Connection, name: str | None = None, *, limit: int = 20, before: int | None = None) -> list[RunReport]:
    """The newest runs first, of one connection or of all; `before`: only those with a lower number."""
    query = select(run).order_by(run.c.id.desc()).limit(limit)
    if name is not None:
        query = query.where(run.c.connection == name)
    if before is not None:
        query = query.where(run.c.id < before)
    return [_report(row) for row in connection.execute(query)]


def last_runs(connection: Connection) -> dict[str, RunReport]:
    """The newest real run of every connection; dry runs do not count."""
    newest = select(func.max(run.c.id)).where(run.c.dry.is_(False)).group_by(run.c.connection)
    return {row.connection: _report(row) for row in connection.execute(select(run).where(run.c.id.in_(newest)))}


def ever_done(connection: Connection) -> frozenset[str]:
    """The connections of which a real run came to its end at some time."""
    return frozenset(connection.execute(select(run.c.connection).where(run.c.state == "done", run.c.dry.is_(False)).distinct()).scalars())


def try_now(connection: Connection, name: str, now: str) -> None:
    """Let the last run, if it failed and is to be tried again later, be tried again now."""
    last = last_runs(connection).get(name)
    if last is not None and last.retry_at is not None and last.retry_at > now:
        connection.execute(update(run).where(run.c.id == last.id).values(counts=_counts(replace(last, retry_at=now))))


def withholding(connection: Connection, name: str) -> RunReport | None:
    """The run whose removals the guard withheld and that still wait for a release; None when a later one could tell them and withheld none."""
    report = _judging(connection, name, run.c.dry.is_(False))
    return report if report is not None and report.withheld else None


def shown(connection: Connection, name: str) -> int:
    """How many removals an administrator last saw withheld by the guard, by a run or a preview."""
    report = _judging(connection, name)
    return 0 if report is None else report.withheld


def keeping_back(connection: Connection, name: str) -> RunReport | None:
    """The run after which what the partner no longer has waits for a release to be sent again; None when a later one could tell and kept nothing back."""
    report = _last_full(connection, name, lambda each: each.kept_back is not None, run.c.dry.is_(False))
    return report if report is not None and report.kept_back else None


def shown_kept_back(connection: Connection, name: str) -> int:
    """How many entities an administrator last saw kept back by the guard, by a run or a preview."""
    report = _last_full(connection, name, lambda each: each.kept_back is not None)
    return 0 if report is None else report.kept_back or 0


def contesting(connection: Connection, name: str) -> RunReport | None:
    """The run after which rows say something else than the hub knows in a revision that it knew; None when a later one could tell and found none."""
    report = _last_full(connection, name, lambda each: each.contested is not None, run.c.dry.is_(False))
    return report if report is not None and report.contested else None


def _judging(connection: Connection, name: str, *which: ColumnElement[bool]) -> RunReport | None:
    """The last run that could tell what the source no longer has."""
    return _last_full(connection, name, lambda each: each.judged, *which)


def _last_full(connection: Connection, name: str, tells: Callable[[RunReport], bool], *which: ColumnElement[bool]) -> RunReport | None:
    query = select(run).where(run.c.connection == name, run.c.mode == "full", *which).order_by(run.c.id.desc()).limit(_LOOKED_BACK)
    return next(filter(tells, map(_report, connection.execute(query))), None)


def failures_in_a_row(connection: Connection, name: str) -> int:
    """How many of the last real runs failed since the last that was done."""
    states = connection.execute(
        select(run.c.state).where(run.c.connection == name, run.c.dry.is_(False)).order_by(run.c.id.desc()).limit(20)
    ).scalars()
    count = 0
    for state in states:
        if state == "done":
            break
        count += state == "failed"
    return count


def keep_rejections(connection: Connection, name: str, run_id: int, rows: Sequence[Rejected], now: str) -> None:
    """Keep rejected rows, `sound` ones, for the administrator, one per external id and field: an odd row that comes in every pull is listed once."""
    if not rows:
        return
    forget_rejections(connection, name, {row.external_id for row in rows})
    kept = connection.execute(select(func.count()).where(rejected.c.connection == name)).scalar_one()
    values = [
        {
            "connection": name,
            "run_id": run_id,
            "external_id": row.external_id,
            "field": row.field,
            "reason": row.message,
            "raw": row.raw,
            "at": now,
        }
        for row in rows[: max(0, KEPT_REJECTIONS - kept)]
    ]
    if values:
        connection.execute(insert(rejected), values)


def forget_rejections(connection: Connection, name: str, external_ids: Iterable[str]) -> None:
    """Forget what was wrong with these rows."""
    ids = sorted(external_ids)
    for start in range(0, len(ids), 500):
        connection.execute(delete(rejected).where(rejected.c.connection == name, rejected.c.external_id.in_(ids[start : start + 500])))


def forget_older_rejections(connection: Connection, name: str, run_id: int) -> None:
    """Forget what earlier runs rejected: a complete run has seen every row again."""
    connection.execute(delete(rejected).where(rejected.c.connection == name, rejected.c.run_id < run_id))


def rejected_rows(connection: Connection) -> dict[str, int]:
    """How many rows that came in stand on each connection's list of what could not be used: what a partner would not take stands there too, and is told as a delivery."""
    told = outbox.join(entity, entity.c.id == outbox.c.entity_id)
    going_out = exists().select_from(told).where(outbox.c.connection == rejected.c.connection, entity.c.uuid == rejected.c.external_id)
    query = select(rejected.c.connection, func.count()).where(~going_out).group_by(rejected.c.connection)
    return {name: int(count) for name, count in connection.execute(query)}


def rejected_ids(connection: Connection, name: str) -> set[str]:
    """The external ids of the rejected rows that are kept."""
    return set(connection.execute(select(rejected.c.external_id).where(rejected.c.connection == name)).scalars())


def _counts(report: RunReport) -> bytes:
    extra = {"retry_at": report.retry_at, "warnings": report.warnings, "file": report.file, "judged": report.judged}
    told = {"kept_back": report.kept_back, "contested": report.contested}
    may_tell = {name: value for name, value in told.items() if value is not None}
    return orjson.dumps({**asdict(report.tally), **may_tell, **{name: value for name, value in extra.items() if value}})


def _report(row: Row[tuple[object, ...]]) -> RunReport:
    counts = orjson.loads(row.counts)
    return RunReport(
        id=row.id,
        connection=row.connection,
        mode=row.mode,
        state=row.state,
        tally=Tally(**{field.name: counts.get(field.name, 0) for field in fields(Tally)}),
        reason=row.reason,
        dry_run=row.dry,
        resumed=row.resumed,
        started_at=row.started_at,
        ended_at=row.ended_at,
        cursor_before=row.cursor_before,
        cursor_after=row.cursor_after,
        retry_at=counts.get("retry_at"),
        warnings=tuple(counts.get("warnings", ())),
        file=counts.get("file"),
        judged=counts.get("judged", False),
        kept_back=counts.get("kept_back"),
        contested=counts.get("contested"),
    )
