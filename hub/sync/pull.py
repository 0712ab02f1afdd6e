"""Pulling from a source: claims in batches, cursor and rows in one transaction. What a complete source no longer has is removed by `hub.sync.removing`."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, cast

from hub.connector import Finished, Incoming, Source
from hub.errors import CursorExpired, Rejected, Unreachable
from hub.model.claims import Claim
from hub.model.concepts import Concept
from hub.model.moments import to_second
from hub.plugins import BUGS, HookFailures, hook_failures
from hub.store import ReadyClaims, Writer, linking, prepare
from hub.store.bulk import Bulk
from hub.sync import absence, door, drift, erased, preview, records, shortfall
from hub.sync.agreed import Agreed
from hub.sync.door import Door
from hub.sync.echo import hears, without_echoes
from hub.sync.records import Difference, Tally
from hub.sync.removing import remove_unseen
from hub.sync.seen import Seen
from hub.sync.session import Session
from hub.sync.shortfall import Shortfall
from hub.sync.watch import Watch

WAIT_SECONDS = 5.0
"""What a slow source has given is written after this time, however little it is."""
_EXAMPLES = 5


def claim_source(connector: Source) -> str:
    """The name under which this source's claims stand in the authority table."""
    return connector.claim_source or connector.name


def pull(session: Session, watch: Watch, *, full: bool, released_by: str = "", accept_feed: bool = False) -> None:
    """Pull to the source's own end. Raises what the source raises; what it gave before is kept then, and nothing is removed."""
    cursor = None if full else session.known.cursor
    with session.wire.before_each(watch.look), hook_failures() as failures:
        try:
            _pull(session, watch, cursor, released_by, accept_feed, failures)
        finally:
            session.note(warnings=failures.told)


def _pull(session: Session, watch: Watch, cursor: str | None, released_by: str, accept_feed: bool, failures: HookFailures) -> None:
    try:
        _Pull(session, watch, cursor, released_by, accept_feed, failures).run()
    except CursorExpired:
        if cursor is None:
            raise
        session.note(
            mode="full",
            resumed=False,
            warnings=(records.BEGAN_AGAIN(),),
        )
        _Pull(session, watch, None, released_by, accept_feed, failures).run()


@dataclass(slots=True)
class _Batch:
    claims: list[Claim] = field(default_factory=list)
    concepts: list[Concept] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    cursor: str | None = None
    since: float = field(default_factory=time.monotonic)
    ready: ReadyClaims | None = None
    measured: bool = False

    def make_ready(self, news: bool) -> None:
        """Do beforehand what asks nothing of the database."""
        self.ready = prepare(self.claims, news=news)

    def __len__(self) -> int:
        return len(self.claims) + len(self.concepts) + len(self.rejected)


class _Pull:
    """One pull from one cursor."""

    def __init__(
        self, session: Session, watch: Watch, cursor: str | None, released_by: str, accept_feed: bool, failures: HookFailures
    ) -> None:
        self._session = session
        self._failures = failures
        self._watch = watch
        self._connector = cast(Source, session.built.connector)
        self._cursor = cursor
        self._released_by = released_by
        self._source = claim_source(self._connector)
        self._partner = session.known.partner
        self._door = Door(self._source, self._partner)
        self._batch = _Batch()
        self._pace = session.store.pace()
        self._items: Iterator[object] = iter(())
        self._ended: Finished | BaseException | None = None
        self._nameless = 0
        self._left_out = 0
        self._examples: list[Rejected] = []
        self._gives_offers = False
        # A row that is right again is taken off the list of rejected ones; only rows on that list need to be looked for.
        with session.store.read() as connection:
            self._listed = records.rejected_ids(connection, session.known.name)
            whole = drift.load(connection, session.known.name)
            begun = drift.unfinished(connection, session.known.name) if session.report.resumed else None
        pinned = None if accept_feed else whole
        self._accept_feed = accept_feed
        required = {} if accept_feed else self._connector.required_fields
        self._gauge = drift.Gauge(session.known.name, pinned, required, whole=cursor is None, begun=begun)
        # Until a run has seen the whole feed, what was seen is pinned with each cursor, so that the run which goes on from there is measured too.
        self._pins_along = whole is None and (cursor is None or begun is not None)
        self._newly_rejected = 0
        self._hears = hears(self._connector)
        self._agreed_seen: set[int] = set()

    def run(self) -> None:
        """Pull, then remove what a complete source no longer has."""
        if self._cursor is not None:
            finished = self._take_all(None)
            self._finish(finished)
            return
        if not self._connector.absence_tells:
            self._finish(self._take_all(None))
            return
        with Seen() as seen:
            finished = self._take_all(seen)
            if finished.complete and finished.missing == 0:
                remove_unseen(self._session, seen, self._source, self._pace, nameless=self._nameless, released_by=self._released_by)
            self._finish(finished)

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
                    self._ended = door.checked_end(item)
                else:
                    self._take(item)
        except StopIteration:
            self._ended = Unreachable(
                f"{self._connector.title} stopped without saying that it had finished. What it gave is kept; the next run goes on from there."
            )
        except BUGS as error:  # raised when what came before is written
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
            defect = self._door.defect(item.claim)
            if defect is None:
                batch.claims.append(item.claim)
            else:
                batch.rejected.append(self._sound(defect))
            door.check_cursor(item.cursor)
            if item.cursor is not None:
                batch.cursor = item.cursor
        elif isinstance(item, Rejected):
            batch.rejected.append(self._sound(item))
        elif isinstance(item, Concept):
            defect = door.concept_defect(item)
            if defect is None:
                batch.concepts.append(item)
            else:
                batch.rejected.append(self._sound(defect))
        else:
            what = item.claim if isinstance(item, Incoming) else item
            raise TypeError(f"{type(self._connector).__name__}.pull yielded {type(what).__name__}")

    def _sound(self, row: Rejected) -> Rejected:
        return door.sound(row, self._session.built.redact)

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
        failures = self._failures.so_far()

        def work(writer: Writer) -> tuple[Tally, tuple[list[Rejected], list[Difference]]]:
            tally = base.plus(concepts=writer.put_concepts(batch.concepts)) if batch.concepts else base
            rejected = list(batch.rejected)
            left_out.clear()  # what an attempt found that came to nothing
            self._failures.back_to(failures)
            differences: list[Difference] = []
            if batch.claims:
                claims = batch.claims
                if self._hears:
                    claims, known = without_echoes(session, writer, claims)
                    self._agreed_seen |= known
                before = preview.documents(writer.connection, claims) if session.dry else {}
                ready = batch.ready if batch.ready is not None and claims is batch.claims else prepare(claims)
                known_already = erased.nothing_new(writer, ready) if session.built.compares() else set()
                if known_already:
                    ready = prepare(claim for claim in claims if claim.external_id not in known_already)
                counts = writer.put(ready, origin=session.known.name)
                rejected.extend(map(self._sound, counts.rejected))
                left_out.extend(counts.left_out)
                tally = tally.plus(changed=counts.changed, unchanged=counts.unchanged + len(known_already), erased=counts.erased)
                if session.dry and counts.changed:
                    after = preview.documents(writer.connection, claims)
                    differences = preview.sample(before, after, session.report.preview)
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
        self._left_out += len(left_out)
        self._examples = [*self._examples, *left_out][:_EXAMPLES]
        self._newly_rejected += self._new(rejected)
        pace.took(len(batch), session.report.tally.changed - base.changed)
        session.note(rejections=tuple(rejected), preview=(*session.report.preview, *differences))
        self._nameless += sum(not row.external_id for row in rejected)
        if seen is not None:
            seen.add(claim.external_id for claim in batch.claims)
            seen.add(row.external_id for row in batch.rejected if row.external_id)
        session.progress(session.report.read, None, self._connector.title)

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
        if self._accept_feed or not rejected:
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
        tally = session.report.tally.plus(missing=finished.missing)
        # A source that is whole and names no cursor has no increments: its next pull begins anew.
        cursor = (
            finished.cursor
            if finished.cursor is not None or finished.complete
            else session.report.cursor_after
        )
        warnings, shape = self._gauge.news()
        if self._gauge.pinned is None and (whole or self._gauge.begun is not None):
            shape = self._gauge.shape()
        session.note(warnings=warnings)
        removed: dict[int, Agreed] = {}
        if self._hears and whole and finished.missing == 0 and self._nameless == 0 and self._connector.absence_tells:
            removed = absence.judge(session, self._source, self._agreed_seen, released_by=self._released_by)

        def work(writer: Writer) -> tuple[Tally, Shortfall | None]:
            if session.dry:
                return tally, None
            connection, name = writer.connection, session.known.name
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
        """What the rows say that cannot be right, while the rest of each stands."""
        if self._left_out:
            shown = " ".join(f"{each.external_id}: {each.message}" for each in self._examples)
            yield f"{self._left_out:,} codes of places that there are not were left out; the rest of their rows stands. For example {shown}"

    def _nowhere(self) -> Iterator[str]:
        """Which aanbod name a vestiging that is not there; told of whole runs alone, since until then it may still come."""
        if not self._gives_offers or self._session.dry:
            return
        with self._session.store.read() as connection:
            count, example = linking.unmet_sites(Bulk(connection), self._source)
        if count:
            yield f"{count:,} aanbod name a vestiging that their organisatie does not have, so they are not found there. For example {example}"
