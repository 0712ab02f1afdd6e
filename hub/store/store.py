"""The store: one database, opened once per process; transactions that read and transactions that write."""

from __future__ import annotations

import gc
import random
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from copy import copy
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Final, TypeVar

import structlog
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from hub import schemas
from hub.authority import Authority
from hub.errors import StoreBusy
from hub.model.audience import Grant, project
from hub.model.fiche import Document, Visibility
from hub.model.moments import local_day
from hub.places import Places, places
from hub.store import changes, database, log_reading, own_keys
from hub.store.behind import commit_beside
from hub.store.bulk import COUNTING, Clash
from hub.store.clock import Clock
from hub.store.concepts import ConceptBook
from hub.store.data_version import DataVersion
from hub.store.faults import store_is_away
from hub.store.growth import Growth
from hub.store.home import make_home
from hub.store.id_blocks import Numbers
from hub.store.pace import Pace
from hub.store.workspace import Match, Surroundings, Validate, Workspace
from hub.store.writer import Writer

T = TypeVar("T")

ATTEMPTS: Final = 12
"""So often a transaction is tried before the store calls itself busy."""
_FIRST_PAUSE: Final = 0.01
_LONGEST_PAUSE: Final = 0.5
_SPREAD_BATCH: Final = 300
_PROJECTED: Final = 512
_log = structlog.get_logger(__name__)


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Store:
    """A database at its current schema, and what writing to it takes.

    `secret` (32 bytes of an installation's own) keys the hashes of erased identities; lose it, and a reload brings them back. `now` gives
    the moment in UTC. `home` is the folder of the installation. `validate` and `match` are the hooks of the plugins.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        authority: Authority | None = None,
        places: Places | None = None,
        secret: bytes,
        now: Callable[[], datetime] = _utc_now,
        home: Path | None = None,
        validate: Validate | None = None,
        match: Match | None = None,
        wide: int | None = None,
    ) -> None:
        self.engine = engine
        self.home = home or Path()
        self._numbers = Numbers(engine)
        self._book: ConceptBook | None = None
        self._booking = Lock()
        self._data_version = DataVersion(engine)
        self._closing: list[Callable[[], object]] = []
        self._forgetting: list[Callable[[], object]] = []
        self.erasures = 0
        self.projected = lru_cache(_PROJECTED)(_projected)
        """The projection of a fiche that others point to: a hundred fiches may point to one, and page after page shows it again.

        Kept under everything that it is made from, so it is never out of date. It is shared: change it nowhere.
        """
        self._growth = Growth(engine)
        self._around = Surroundings(
            authority or Authority.load(),
            places or _all_places(),
            self._known_concepts,
            secret,
            Clock(now),
            validate,
            match,
        )
        if wide is not None:
            self._around = replace(self._around, wide=wide)

    @classmethod
    def open(cls, url: str, home: Path, *, now: Callable[[], datetime] = _utc_now, upgrade: bool = True) -> Store:
        """The store of an installation: of an empty database the schema is made, an older one is brought to that of this version.

        `home` may hold `authority.toml` (merged over the shipped table) and `zones.csv`; keys are in the environment, else in files of `home` that are made at
        the first start. Raises `Misconfigured` when the database was made with other keys, or is older and `upgrade` is false, and `FichehubError` or
        `Misconfigured` when something of all that cannot be used.
        """
        make_home(home)
        engine = database.connect(url)
        try:
            database.migrate(engine, upgrade=upgrade)
            secret, _ = (own_keys.opened(engine, home, key)[0] for key in own_keys.OWN_KEYS)
        except BaseException:
            engine.dispose()
            raise
        own = home / "authority.toml"
        zones = home / "zones.csv"
        return cls(
            engine,
            authority=Authority.load(own if own.exists() else None),
            places=Places.load(zones) if zones.exists() else places(),
            secret=secret,
            now=now,
            home=home,
        )

    def close(self) -> None:
        """Let go of every connection, once those who write beside it have had their say."""
        closing, self._closing = self._closing, []
        for say in closing:
            say()
        self._growth.settle()
        self._data_version.close()
        self.engine.dispose()

    def when_erased(self, forget: Callable[[], object]) -> None:
        """Call this when somebody was erased, by whatever process: what it empties may hold something of that person."""
        self._forgetting.append(forget)

    def before_close(self, say: Callable[[], object]) -> None:
        """Call this when the store is closed, while it can still be written to."""
        self._closing.append(say)

    # --- surroundings ----------------------------------------------------------------------------------------------------------

    @property
    def authority(self) -> Authority:
        """The ownership table."""
        return self._around.authority

    @property
    def places(self) -> Places:
        """Municipalities, postcodes and zones."""
        return self._around.places

    @property
    def secret(self) -> bytes:
        """The installation's secret."""
        return self._around.secret

    def use_hooks(self, *, validate: Validate | None = None, match: Match | None = None) -> None:
        """Let plugins have their say from now on: `validate(content, source)` and `match(claim, candidates)`."""
        self._around = replace(self._around, validate=validate, match=match)

    def now(self) -> datetime:
        """The moment, in UTC."""
        return self._around.now()

    def today(self) -> str:
        """The day in Belgium, `YYYY-MM-DD`."""
        return local_day(self._around.now())

    def concepts(self) -> ConceptBook:
        """Every concept scheme and mapping, as last committed."""
        with self.read() as connection:
            return self._current(connection)

    def standing(self) -> tuple[int, ConceptBook] | None:
        """The newest seq of all, and the concepts as they are; None when either would have to be asked for. Costs next to nothing."""
        state, book = self.seen(), self._book
        return (state.newest, book) if state is not None and book is not None and book.version == state.concepts else None

    def seen(self) -> log_reading.State | None:
        """Where the database stands: the very same object as long as nobody has written. None on PostgreSQL, which does not say whether anybody has."""
        return self._data_version.state(self._look)

    def _look(self) -> log_reading.State:
        with self.read() as connection:
            return self.state(connection)

    def state(self, connection: Connection) -> log_reading.State:
        """Where the database stands. The first look after an erasure, by whatever process, empties what this one remembers of fiches."""
        seen = log_reading.state(connection)
        if seen.erasures > self.erasures:
            self.erasures = seen.erasures  # before it is emptied: who fills it meanwhile from an older state sees that, and empties it again
            for forget in (self.projected.cache_clear, *self._forgetting):
                forget()
            with self._booking:  # who remembers answers does so under the book; another one, as a writer in another thread needs one at any moment
                self._book = copy(self._book)
        return seen

    def concepts_in(self, connection: Connection, version: int) -> ConceptBook:
        """The book of a state of which `log_reading.state` told the version; from memory when it is the one at hand."""
        book = self._book
        if book is not None and book.version == version:
            return book
        loaded = ConceptBook.load(connection)
        self._keep(loaded)
        return loaded

    def _keep(self, book: ConceptBook) -> None:
        with self._booking:
            if self._book is None or book.version > self._book.version:
                self._book = book

    def _known_concepts(self) -> ConceptBook:
        """The book at hand; a writer has made sure that it is the current one."""
        assert self._book is not None
        return self._book

    def _current(self, connection: Connection) -> ConceptBook:
        return self.concepts_in(connection, ConceptBook.current_version(connection))

    # --- transactions ----------------------------------------------------------------------------------------------------------

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection that sees one state of the database, whatever is written meanwhile."""
        with database.reading(self.engine) as connection:
            yield connection

    def snapshot(self) -> Snapshot:
        """One state of the database for several looks; whoever takes it closes it."""
        return Snapshot(self)

    def pace(self) -> Pace:
        """For a load into this store."""
        return Pace()

    def write(self, work: Callable[[Writer], T], *, dry_run: bool = False, pace: Pace | None = None) -> T:
        """Run `work` in one transaction and return its answer; context changes, index and change log are written at its end.

        `work` is run again when another writer was in the way, so it must not keep anything of an attempt that failed. With
        `dry_run` everything is done and then rolled back. `pace`: that of the load whose batch this is. Raises `StoreBusy` when it does
        not get through; once it is written nothing is said of a database that is busy or away, and what is left to do is done later.
        """
        answer, (waiting, written) = self._transact(lambda space: _worked(work, space), dry_run=dry_run, pace=pace)
        try:
            if waiting:
                self.spread()
            if not dry_run:
                self._growth.note(written)
        except Exception as error:
            if not store_is_away(error):
                raise
            _log.warning("what follows a transaction is left for later", reason=type(error).__name__)
        return answer

    def spread(self) -> int:
        """Tell what depends on very widely shared fiches that these changed, in batches; the answer is the number of batches.

        Called after every commit that left a marker, and by a job in case a process died in between: no reader passes a marker before.
        """
        batches = 0
        while self._transact(lambda space: (changes.spread_one(space, _SPREAD_BATCH), (0, 0)))[0]:
            batches += 1
        return batches

    def _transact(
        self,
        work: Callable[[Workspace], tuple[T, tuple[int, int]]],
        *,
        dry_run: bool = False,
        pace: Pace | None = None,
    ) -> tuple[T, tuple[int, int]]:
        refusal: BaseException | None = None
        for attempt in range(ATTEMPTS):
            try:
                measured = False
                with database.writing(self.engine, load=pace is not None) as connection:
                    began, about = time.monotonic(), connection.info
                    _shut(connection, began)
                    self._current(connection)
                    with _no_collection():
                        space = Workspace(connection, self._around, self._numbers)
                        outcome = work(space)
                        if dry_run or not space.bulk.postgres:
                            # PostgreSQL writes in a process of its own. SQLite would only take the interpreter from the next batch.
                            space.bulk.settle()
                        if dry_run:
                            connection.rollback()
                        elif pace is not None and pace.meanwhile is not None and not outcome[1][0]:
                            _commit(connection, pace, began)
                            measured = True
                if pace is not None and not measured:
                    pace.measured(began, about.pop(COUNTING, None))
                self._numbers.stock_up()
                return outcome
            except Clash as clash:
                refusal = clash
            except DBAPIError as error:
                if not database.can_retry(error):
                    raise
                refusal = error
            time.sleep(random.uniform(0, min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**attempt)))
        raise StoreBusy("Other writers kept getting in the way; nothing was written. Try again in a moment.") from refusal


class Snapshot:
    """One state of the database: that of the first look, and the same for all that follow until it is closed.

    Costs nothing before the first look. What is asked of it after `close` is answered from a state of that moment.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._held: ExitStack | None = ExitStack()
        self._connection: Connection | None = None

    @property
    def held(self) -> bool:
        """Whether all looks see the same state: not any more once it is closed."""
        return self._held is not None

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """As `Store.read`, but always the same state."""
        if self._held is None:
            with self._store.read() as connection:
                yield connection
            return
        if self._connection is None:
            self._connection = self._held.enter_context(self._store.read())
        yield self._connection

    def close(self) -> None:
        """Let go of the state. Closing twice does no harm."""
        held, self._held, self._connection = self._held, None, None
        if held is not None:
            held.close()


def _projected(document: bytes, level: Visibility, fields: frozenset[str] | None, today: str) -> Document | None:
    return project(schemas.decode(document), Grant(level=level, fields=fields), today)


def _shut(connection: Connection, began: float) -> None:
    """On SQLite a transaction keeps others out from its beginning, on PostgreSQL once it holds the counter."""
    if connection.dialect.name == "sqlite":
        connection.info[COUNTING] = began
    else:
        connection.info.pop(COUNTING, None)


def _commit(connection: Connection, pace: Pace, began: float) -> None:
    """Commit while the caller makes his next batch."""

    def commit() -> None:
        about = connection.info
        database.commit_a_load(connection)
        pace.measured(began, about.pop(COUNTING, None))
        database.after_a_load(connection)

    meanwhile, pace.meanwhile = pace.meanwhile, None
    assert meanwhile is not None
    commit_beside(connection, commit, meanwhile)


def _worked(work: Callable[[Writer], T], space: Workspace) -> tuple[T, tuple[int, int]]:
    """The answer; how many markers wait to be spread, and how many fiches were made."""
    answer = work(Writer(space))
    return answer, (changes.finish(space), len(space.made))


_collecting = Lock()
_busy = 0


@contextmanager
def _no_collection() -> Iterator[None]:
    """Hold the cyclic garbage collector back for the length of a transaction.

    A batch makes a hundred thousand small dictionaries, none of them in a circle; walking through them over and over took a quarter of the time.
    """
    global _busy
    with _collecting:
        _busy += 1
        if _busy == 1:
            gc.disable()
    try:
        yield
    finally:
        with _collecting:
            _busy -= 1
            if _busy == 0:
                gc.enable()


def _all_places() -> Places:
    return places()
