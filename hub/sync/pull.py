"""Pulling from a source: claims in batches, cursor and rows in one transaction. What a complete source no longer has, or says is gone, is removed by
`hub.sync.removing`."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from typing import Any, cast

from hub.connector import Finished, Incoming, Source
from hub.errors import CursorExpired, Rejected, Unreachable
from hub.model.claims import Claim
from hub.model.concepts import Concept
from hub.model.moments import to_second
from hub.plugins import HookFailures, bugs, hook_failures
from hub.store import Counts, ReadyClaims, Writer, linking, prepare
from hub.store.bulk import Bulk
from hub.store.pace import SMALLEST
from hub.sync import absence, contest, drift, erased, intake, preview, records, shortfall
from hub.sync.agreed import Agreed
from hub.sync.contest import Contest
from hub.sync.echo import hears, without_echoes
from hub.sync.intake import Intake
from hub.sync.records import Difference, Tally
from hub.sync.removing import remove_gone
from hub.sync.seen import Seen
from hub.sync.session import Session
from hub.sync.shortfall import Shortfall
from hub.sync.told_gone import BeyondGuard, ToldGone
from hub.sync.watch import Watch

WAIT_SECONDS = 5.0
"""What a slow source has given is written after this time, however little it is."""
_EXAMPLES = 5


def claim_source(connector: Source) -> str:
    """The name under which this source's claims stand in the authority table."""
    return connector.claim_source or connector.name


@dataclass(frozen=True, slots=True)
class Allowed:
    """What an administrator allows in one run. `released_by`: who lets more go than the guard does, or ""; `listed_by`: who takes what the list says, whatever
    the revisions, or ""; `feed`: a changed shape and many rejected rows."""

    released_by: str = ""
    listed_by: str = ""
    feed: bool = False


def pull(session: Session, watch: Watch, *, full: bool, allowed: Allowed = Allowed()) -> None:
    """Pull to the source's own end. Raises what the source raises; what it gave before is kept then, and nothing is removed."""
    cursor = None if full else session.known.cursor
    with session.wire.before_each(watch.look), hook_failures() as failures:
        try:
            _pull(session, watch, cursor, allowed, failures)
        finally:
            session.note(warnings=failures.told)


def _pull(session: Session, watch: Watch, cursor: str | None, allowed: Allowed, failures: HookFailures) -> None:
    if allowed.listed_by:
        session.stands(contest.taken(allowed.listed_by))
    try:
        _Pull(session, watch, cursor, allowed, failures).run()
    except (CursorExpired, BeyondGuard) as error:
        if cursor is None:
            raise
        why = records.BEGAN_AGAIN() if isinstance(error, CursorExpired) else records.LOOKED_AGAIN()
        session.note(mode="full", resumed=False, warnings=(why,))
        _Pull(session, watch, None, allowed, failures).run()


@dataclass(slots=True)
class _Batch:
    claims: list[Claim] = field(default_factory=list)
    concepts: list[Concept] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    cursor: str | None = None
    since: float = field(default_factory=time.monotonic)
    ready: ReadyClaims | None = None
    measured: bool = False
    tells_gone: bool = False

    def make_ready(self, news: bool) -> None:
        """Do beforehand what asks nothing of the database."""
        self.ready = prepare(self.claims, news=news)

    def __len__(self) -> int:
        return len(self.claims) + len(self.concepts) + len(self.rejected)


class _Pull:
    """One pull from one cursor."""

    def __init__(self, session: Session, watch: Watch, cursor: str | None, allowed: Allowed, failures: HookFailures) -> None:
        self._session = session
        self._failures = failures
        self._watch = watch
        self._connector = cast(Source, session.built.connector)
        self._cursor = cursor
        self._allowed = allowed
        self._source = claim_source(self._connector)
        self._partner = session.known.partner
        self._intake = Intake(self._source, self._partner)
        self._batch = _Batch()
        self._pace = session.store.pace()
        self._items: Iterator[object] = iter(())
        self._ended: Finished | BaseException | None = None
        self._nameless = 0
        self._left_out = 0
        self._examples: list[Rejected] = []
        self._withdrawn = 0
        self._withdrawn_such: list[Rejected] = []
        self._gives_offers = False
        # A row that is right again is taken off the list of rejected ones; only rows on that list need to be looked for.
        with session.store.read() as connection:
            self._listed = records.rejected_ids(connection, session.known.name)
            whole = drift.load(connection, session.known.name)
            begun = drift.unfinished(connection, session.known.name) if session.report.resumed else None
        pinned = None if allowed.feed else whole
        required = {} if allowed.feed else self._connector.required_fields
        self._gauge = drift.Gauge(session.known.name, pinned, required, whole=cursor is None, begun=begun)
        # Until a run has seen the whole feed, what was seen is pinned with each cursor, so that the run which goes on from there is measured too.
        self._pins_along = whole is None and (cursor is None or begun is not None)
        self._newly_rejected = 0
        self._hears = hears(self._connector)
        self._agreed_seen: set[int] = set()
        self._told_gone = ToldGone(session, self._source, holds_all=bool(allowed.released_by))
        self._contest = Contest(session, self._source, whole=session.report.mode == "full", listed=bool(allowed.listed_by))

    def run(self) -> None:
        """Pull, then remove what a complete source no longer has, and what is gone by its own word."""
        from_start = self._cursor is None
        with ExitStack() as stack:
            stack.enter_context(self._told_gone)
            stack.enter_context(self._contest)
            seen = stack.enter_context(Seen()) if from_start and self._connector.absence_tells else None
            finished = self._take_all(seen)
            for claims in self._contest.waiting(self._at_once):
                self._told_gone.foresee(claims)
            for claims in self._contest.waiting(self._at_once):
                self._take_as_listed(claims)
            whole = finished.complete and finished.missing == 0
            absent = seen if whole else None
            tells_all = whole and self._session.report.mode == "full" and not self._connector.absence_tells
            if remove_gone(
                self._session,
                self._source,
                absent,
                self._told_gone,
                self._pace,
                tells_all=tells_all,
                nameless=self._nameless,
                released_by=self._allowed.released_by,
            ):
                for claims in self._told_gone.claims(self._at_once):
                    self._let_go(claims)
            self._finish(finished)

    @property
    def _at_once(self) -> int:
        """How many rows are taken together that a batch did not take."""
        return max(SMALLEST, self._pace.size // 2)

    def _take_as_listed(self, claims: list[Claim]) -> None:
        """Take in rows that waited for the end of the list, which is right, whatever their revision. They counted as unchanged."""
        session, batch = self._session, _Batch(claims, tells_gone=True)
        base, anew = session.report.tally, [claim.external_id for claim in claims]
        failures = self._failures.so_far()

        def work(writer: Writer) -> tuple[Tally, tuple[Counts, list[Rejected], list[Difference]]]:
            self._failures.back_to(failures)
            kept = self._without_withheld(writer, batch, anew)
            tally, counts, differences = self._taken(writer, kept, base.plus(unchanged=-len(claims), withheld=self._withheld()), anew)
            rejected = [self._sound(row) for row in counts.rejected]
            self._keep(writer, batch, rejected)
            return tally.plus(rejected=len(rejected)), (counts, rejected, differences)

        with self._watch.writing():
            counts, rejected, differences = session.commit(work, pace=self._pace)
        self._told_gone.took()
        self._remember(counts.left_out, counts.let_go)
        session.note(rejections=tuple(rejected), preview=(*session.report.preview, *differences))

    def _let_go(self, claims: list[Claim]) -> None:
        """Take in rows that were held back, once an administrator released them."""
        base, released = self._session.report.tally, _Batch(claims)
        anew = self._contest.waiting_in([claim.external_id for claim in claims])
        self._session.commit(lambda writer: (self._taken(writer, released, base, anew)[0], None), pace=self._pace)

    def _take_all(self, seen: Seen | None) -> Finished:
        self._items = iter(self._connector.pull(self._cursor))
        try:
            while True:
                if self._batch.ready is None:
                    self._gather()
                if not len(self._batch):
                    break
                self._write(seen)
                if self._ended is None:  # a source that makes no requests is looked after here
                    self._watch.look()
        finally:
            close = getattr(self._items, "close", None)  # a generator has one, any other iterator need not
            if close is not None:
                close()
        assert self._ended is not None
        if isinstance(self._ended, Finished):
            return self._ended
        raise self._ended  # the source failed, not the store: what it gave before is good, and kept

    def _gather(self) -> None:
        """Take from the source until there is enough for a batch, or the source is at its end or failed, which `_ended` then tells."""
        try:
            while self._ended is None and not self._enough():
                item = next(self._items)
                if isinstance(item, Finished):
                    self._ended = intake.checked_end(item)
                else:
                    self._take(item)
        except StopIteration:
            self._ended = Unreachable(
                f"{self._connector.title} stopped without saying that it had finished. What it gave is kept; the next run goes on from there."
            )
        except bugs() as error:  # raised when what came before is written
            self._ended = error

    def _enough(self) -> bool:
        batch = self._batch
        if self._gauge.waits:
            return len(batch) >= drift.FIRST
        size = self._pace.size
        return len(batch) >= size or (len(batch) > 0 and time.monotonic() - batch.since > WAIT_SECONDS)

    def _get_ready(self) -> None:
        """What to do while a batch is being committed: take the next one from the source, and make it ready."""
        self._gather()
        with suppress(Exception):  # the writer will stumble over it as well, in a transaction of its own
            self._batch.make_ready(self._pace.news)

    def _take(self, item: object) -> None:
        batch = self._batch
        if isinstance(item, Incoming) and isinstance(item.claim, Claim):
            defect = self._intake.defect(item.claim)
            if defect is None:
                batch.claims.append(item.claim)
                batch.tells_gone = batch.tells_gone or item.claim.gone
            else:
                batch.rejected.append(self._sound(defect))
            intake.check_cursor(item.cursor)
            if item.cursor is not None:
                batch.cursor = item.cursor
        elif isinstance(item, Rejected):
            batch.rejected.append(self._sound(item))
        elif isinstance(item, Concept):
            defect = intake.concept_defect(item)
            if defect is None:
                batch.concepts.append(item)
            else:
                batch.rejected.append(self._sound(defect))
        else:
            what = item.claim if isinstance(item, Incoming) else item
            raise TypeError(f"{type(self._connector).__name__}.pull yielded {type(what).__name__}")

    def _sound(self, row: Rejected) -> Rejected:
        return intake.sound(row, self._session.built.redact)

    def _write(self, seen: Seen | None) -> None:
        batch, self._batch = self._batch, _Batch()
        session, pace = self._session, self._pace
        base = session.report.tally
        read = len(batch.claims) + len(batch.rejected)
        self._gauge.judge(batch.claims)
        self._gives_offers = self._gives_offers or any(claim.kind == "aanbod" for claim in batch.claims)
        pins_along = self._pins_along and batch.cursor is not None and not session.dry
        pace.meanwhile = None if session.dry else self._get_ready
        left_out: list[Rejected] = []
        let_go: list[Rejected] = []
        failures = self._failures.so_far()

        def work(writer: Writer) -> tuple[Tally, tuple[list[Rejected], list[Difference]]]:
            tally = base.plus(concepts=writer.put_concepts(batch.concepts)) if batch.concepts else base
            rejected = list(batch.rejected)
            left_out.clear()  # what an attempt found that came to nothing
            let_go.clear()
            self._failures.back_to(failures)
            differences: list[Difference] = []
            if batch.claims:
                if batch.ready is None:
                    batch.ready = prepare(batch.claims)
                kept = self._without_withheld(writer, batch)
                tally, counts, differences = self._taken(writer, kept, tally.plus(withheld=self._withheld()))
                refused = self._contest.hear(batch.ready, counts)
                tally = tally.plus(unchanged=len(counts.rejected) - len(refused))
                rejected.extend(self._sound(self._with_way_out(row, counts)) for row in refused)
                left_out.extend(counts.left_out)
                let_go.extend(counts.let_go)
            self._check_rejected(base.read + read, rejected)
            self._keep(writer, batch, rejected)
            self._measure(batch, rejected)
            if pins_along and (unfinished := self._gauge.unfinished()):
                drift.pin(writer.connection, session.known.name, unfinished, session.report.id, to_second(session.store.now()))
            return tally.plus(read=read, rejected=len(rejected)), (rejected, differences)

        cursors: dict[str, Any] = {}
        if batch.cursor is not None:
            cursors["cursor"] = batch.cursor
            if self._cursor is None:
                cursors["full_since_run"] = session.report.id
        with self._watch.writing():
            rejected, differences = session.commit(work, pace=pace, **cursors)
        self._told_gone.took()
        self._contest.took()
        self._remember(left_out, let_go)
        self._newly_rejected += self._new(rejected)
        pace.took(len(batch), session.report.tally.changed - base.changed)
        session.note(rejections=tuple(rejected), preview=(*session.report.preview, *differences))
        self._nameless += sum(not row.external_id for row in rejected)
        if seen is not None:
            seen.add(claim.external_id for claim in batch.claims)
            seen.add(row.external_id for row in batch.rejected if row.external_id)
        session.progress(session.report.read, None, self._connector.title)

    def _remember(self, left_out: list[Rejected], let_go: list[Rejected]) -> None:
        """Remember how many there were of these, and some, for the end."""
        self._left_out += len(left_out)
        self._examples = [*self._examples, *left_out][:_EXAMPLES]
        self._withdrawn += len(let_go)
        self._withdrawn_such = [*self._withdrawn_such, *let_go][:_EXAMPLES]

    def _taken(self, writer: Writer, batch: _Batch, tally: Tally, anew: Collection[str] = ()) -> tuple[Tally, Counts, list[Difference]]:
        """What became of the claims of a batch, and of a dry run some fiches in which they make a difference."""
        session, claims = self._session, batch.claims
        if self._hears:
            claims, known = without_echoes(session, writer, claims, anew, listed=bool(self._allowed.listed_by))
            self._agreed_seen |= known
        before = preview.documents(writer.connection, claims) if session.dry else {}
        ready = batch.ready if batch.ready is not None and claims is batch.claims else prepare(claims)
        known_already = erased.nothing_new(writer, ready) if session.built.compares() else set()
        if known_already:
            ready = prepare(claim for claim in claims if claim.external_id not in known_already)
        counts = writer.put(ready, origin=session.known.name, anew=anew)
        tally = tally.plus(changed=counts.changed, unchanged=counts.unchanged + len(known_already), erased=counts.erased)
        if not session.dry or not counts.changed:
            return tally, counts, []
        after = preview.documents(writer.connection, claims)
        return tally, counts, preview.sample(before, after, session.report.preview)

    def _without_withheld(self, writer: Writer, batch: _Batch, anew: Collection[str] = ()) -> _Batch:
        """The batch without the rows that say that they are gone, or something of another kind, and must not leave their fiches now."""
        if not batch.tells_gone:
            return batch
        if batch.ready is None:
            batch.ready = prepare(batch.claims)
        withheld = self._told_gone.hold_back(writer, batch.ready, anew)
        self._told_gone.keep(writer.connection)
        if not withheld:
            return batch
        return _Batch([claim for claim in batch.claims if (claim.external_id, claim.kind, claim.gone) not in withheld])

    def _with_way_out(self, row: Rejected, counts: Counts) -> Rejected:
        """What is told of a rejected row, with the run that takes it as it is where there is one."""
        if row.external_id not in counts.of_other_kind:
            return row
        message = f"{row.message} {contest.if_right(self._session.known.name)}"
        return Rejected(message, external_id=row.external_id, field=row.field, raw=row.raw)

    def _withheld(self) -> int:
        """How many rows of the batch at hand count as withheld; of a released run that is told at its end."""
        return 0 if self._allowed.released_by else self._told_gone.holding

    def _measure(self, batch: _Batch, rejected: list[Rejected]) -> None:
        """Count what the rows of a batch look like that can be used, once, however often it is written."""
        if not batch.measured:
            batch.measured = True
            refused = {row.external_id for row in rejected}
            self._gauge.note(claim for claim in batch.claims if claim.external_id not in refused)

    def _new(self, rejected: list[Rejected]) -> int:
        """How many of these had not been rejected before."""
        return sum(not row.external_id or row.external_id not in self._listed for row in rejected)

    def _check_rejected(self, read: int, rejected: list[Rejected]) -> None:
        if self._allowed.feed or not rejected:
            return
        count = self._newly_rejected + self._new(rejected)
        refusal = drift.too_many_rejected(read, count, rejected, self._session.known.name)
        if refusal is not None:
            raise refusal

    def _keep(self, writer: Writer, batch: _Batch, rejected: list[Rejected]) -> None:
        if self._session.dry:
            return
        name = self._session.known.name
        if self._listed:
            right_again = self._listed.intersection(claim.external_id for claim in batch.claims)
            records.forget_rejections(writer.connection, name, right_again)
        moment = to_second(self._session.store.now())
        records.keep_rejections(writer.connection, name, self._session.report.id, rejected, moment)

    def _finish(self, finished: Finished) -> None:
        session = self._session
        whole = self._cursor is None and finished.complete
        session.note(warnings=(*finished.warnings, *self._remarks(), *(self._nowhere() if whole else ())))
        self._contest.tell(whole=finished.complete)
        tally = session.report.tally.plus(missing=finished.missing)
        # A source that is whole and names no cursor has no increments: its next pull begins anew.
        cursor = finished.cursor if finished.cursor is not None or finished.complete else session.report.cursor_after
        warnings, shape = self._gauge.news()
        if self._gauge.pinned is None and (whole or self._gauge.begun is not None):
            shape = self._gauge.shape()
        session.note(warnings=warnings)
        removed: dict[int, Agreed] = {}
        if self._hears and whole and finished.missing == 0 and self._nameless == 0 and self._connector.absence_tells:
            removed = absence.judge(session, self._source, self._agreed_seen, released_by=self._allowed.released_by)

        def work(writer: Writer) -> tuple[Tally, Shortfall | None]:
            if session.dry:
                return tally, None
            connection, name = writer.connection, session.known.name
            self._told_gone.forget(connection)
            absence.note_removed(session, connection, removed)
            if whole:
                records.forget_older_rejections(connection, name, session.report.id)
            if shape:
                drift.pin(connection, name, shape, session.report.id, to_second(session.store.now()))
            elif self._pins_along:
                drift.forget(connection, name)  # it is at its end and was not whole: nobody goes on with it
            full = session.report.mode == "full"
            short = shortfall.settle(connection, name, finished.missing, session.store.now(), full=full, whole=whole)
            return tally, short if full else None

        short = session.commit(work, cursor=cursor, full_since_run=None)
        if short is not None:
            known = session.known
            said = short.sentence(known.name, session.store.now(), increments=cursor is not None, scheduled=bool(known.schedule))
            session.note(warnings=(said,))

    def _remarks(self) -> Iterator[str]:
        """What the rows say that cannot be right, while the rest of each stands; and which of those that were known name now somebody who was erased."""
        if self._left_out:
            shown = " ".join(f"{each.external_id}: {each.message}" for each in self._examples)
            yield f"{self._left_out:,} codes of places that there are not, or positions at 0, 0, were left out; the rest of their rows stands. For example {shown}"
        if self._withdrawn:
            shown = " ".join(f"{each.external_id}: {each.message}" for each in self._withdrawn_such)
            yield f"Rows that were known, and name somebody now who was erased: {self._withdrawn:,}. For example {shown}"

    def _nowhere(self) -> Iterator[str]:
        """Which aanbod name a vestiging that is not there; told of whole runs alone, since until then it may still come."""
        if not self._gives_offers or self._session.dry:
            return
        with self._session.store.read() as connection:
            count, example = linking.unmet_sites(Bulk(connection), self._source)
        if count:
            yield f"{count:,} aanbod name a vestiging that their organisatie does not have, so they are not found there. For example {example}"
