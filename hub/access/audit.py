"""Who asked for what: the audit trail of partners, append-only and chained (facts that an auditor can check, not a log that can be edited).

Each row carries a keyed hash over itself and the row before it, so that a row that was changed, removed or slipped in shows, also to somebody who has the
database but not the installation's secret. The end of the chain and the place where retention cut it off are kept and keyed likewise. What the key cannot show is a trail
that was put back whole to an earlier state: for that the end is written to the log every day, where `fichehub audit verify --expect` looks for it.

A request never waits for the trail. Rows gather in memory and are written by a thread, at least every `EVERY` seconds, in one transaction. A process that is asked to stop
writes what it has; one that is killed (kill -9, power) loses what it gathered since: one second, and at most `MOST_WAITING` rows. When rows come faster than the database takes them, or it is
away, those that do not fit are counted, and the count is a row of its own. A standby of PostgreSQL takes none at all: there each row is a line of the log, outside of the chain.
"""

from __future__ import annotations

import atexit
import hmac
import ipaddress
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from multiprocessing.util import Finalize
from typing import Any, Final
from urllib.parse import quote, urlencode

import orjson
import structlog
from sqlalchemy import ColumnElement, Connection, delete, insert, select, update
from sqlalchemy.exc import SQLAlchemyError

from hub.errors import FichehubError
from hub.model.moments import to_millisecond
from hub.store import Store
from hub.store.faults import is_read_only
from hub.store.tables import audit, audit_end, setting

EVERY: Final = 1.0
LONGEST_PAUSE: Final = 60.0
"""Seconds between two attempts while the database is away; the first ones come sooner."""
AT_ONCE: Final = 500
"""So many rows are written in one transaction, and so many that wait are written without delay."""
MOST_WAITING: Final = 10_000
KEPT_DAYS: Final = 730
"""How long rows are kept when nobody says otherwise."""
FICHE: Final = "fiche"
"""The type of what is asked for as a fiche and not as a resource."""
LOST: Final = "lost"
"""The interaction of a row that says how many could not be written."""
_DAYS: Final = "audit_days"
_BEGIN: Final = b"\0" * 32
_PAGE: Final = 5_000
_LONGEST_NAME: Final = 100
_LONGEST_VALUE: Final = 300
_LONGEST_PATH: Final = 200
_LONGEST_QUERY: Final = 2_000
_READABLE: Final = "*,:|/"
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Access:
    """One request of a partner. `via`: the credential (`key fh_1a2b3`, `client <id>`); `address`: where it came from, truncated.

    `interaction` is FHIR's word (`read`, `search-type`, ...), `type` a resource's or `FICHE`, `target` the id that was asked for, `query` what was asked (see `asked`),
    `status` that of the answer. `n` is its number in the trail, 0 while it waits.
    """

    at: str
    partner: str
    via: str
    address: str
    interaction: str
    type: str
    target: str
    query: str
    status: int
    n: int = 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What checking the chain found. `broken_at` (None: whole) is the first row that does not hold, `reason` why; `head` is its end as `n:hash`."""

    rows: int
    head: str
    broken_at: int | None = None
    reason: str = ""


class Trail:
    """Gathers and writes rows; one per process, threads may share it. Starts its thread with the first row."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: deque[Access] = deque()
        self._lost = 0
        self._in_log = False
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None
        self._ending = threading.Event()

    def note(self, access: Access) -> None:
        """Add a row. Returns at once, whatever the database does."""
        with self._lock:
            if len(self._waiting) >= MOST_WAITING:
                self._lost += 1
                return
            self._waiting.append(access)
            if len(self._waiting) >= AT_ONCE:
                self._wake.set()
            if self._thread is None and not self._ending.is_set():
                self._thread = threading.Thread(target=self._run, name="audit", daemon=True)
                self._thread.start()
                # A process of multiprocessing ends without atexit, any other without Finalize.
                Finalize(self, self.close, exitpriority=10)
                atexit.register(self.close)
                self._store.before_close(self.close)

    def flush(self) -> int:
        """Write what waits; the answer is how many rows were written, into the log where the database is a standby. What cannot be written now waits on."""
        written = 0
        with self._writing:
            while True:
                with self._lock:
                    batch = [self._waiting.popleft() for _ in range(min(AT_ONCE, len(self._waiting)))]
                    lost, self._lost = self._lost, 0
                if not batch and not lost:
                    return written
                rows = [*batch, _loss(self._store, lost)] if lost else batch
                try:
                    self._store.write(lambda writer, rows=rows: append(writer.connection, chain_key(self._store.secret), rows))  # type: ignore[misc]
                    self._in_log = False
                except (FichehubError, SQLAlchemyError) as error:
                    if is_read_only(error):
                        self._tell_log(rows)
                        written += len(rows)
                        continue
                    with self._lock:
                        self._waiting.extendleft(reversed(batch))
                        self._lost += lost
                    _log.error("the audit trail could not be written", waiting=len(self._waiting), reason=str(error)[:500])
                    return written
                written += len(rows)

    def _tell_log(self, rows: Iterable[Access]) -> None:
        if not self._in_log:
            self._in_log = True
            _log.warning("the audit trail is kept in this log alone, as lines 'access': the database is a standby, which takes no writes")
        for row in rows:
            _log.info("access", **_columns(row))

    def close(self) -> None:
        """Write what waits and end the thread. Closing twice does no harm; rows that come later are written by `flush` alone."""
        self._ending.set()
        self._wake.set()
        atexit.unregister(self.close)
        thread, self._thread = self._thread, None
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout=EVERY * 5)
        self.flush()

    def _run(self) -> None:
        pause = EVERY
        while not self._ending.is_set():
            self._wake.wait(EVERY)
            self._wake.clear()
            try:
                if self.flush() or not self._waiting:
                    pause = EVERY
                else:  # a database that is away is not asked every second, however many rows come meanwhile
                    pause = min(pause * 2, LONGEST_PAUSE)
                    self._ending.wait(pause)
            except Exception:  # noqa: BLE001  a bug here must not end the trail
                _log.exception("the audit trail failed")


def _loss(store: Store, lost: int) -> Access:
    return Access(to_millisecond(store.now()), "", "", "", LOST, "", "", f"lost={lost}", 500)


def asked(path: str, parameters: Iterable[tuple[str, str]]) -> str:
    """What was asked as the trail keeps it: a path and parameters, cut where they are too long. Whoever calls this puts `*` for a value that may name somebody."""
    told = [(name[:_LONGEST_NAME], value[:_LONGEST_VALUE]) for name, value in parameters]
    return (path[:_LONGEST_PATH] + (f"?{urlencode(told, quote_via=quote, safe=_READABLE)}" if told else ""))[:_LONGEST_QUERY]


@lru_cache(1_000)
def truncated(address: str) -> str:
    """An address of the network it lies in: of IPv4 three numbers of four, of IPv6 the first 48 bits; "" for what is none."""
    try:
        known = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return ""
    bits = 24 if known.version == 4 else 48
    return str(ipaddress.ip_network((known, bits), strict=False).network_address)


# --- the chain ----------------------------------------------------------------------------------------------------------------


def chain_key(secret: bytes) -> bytes:
    """The key of the chain, from the installation's secret."""
    return hmac.digest(secret, b"fichehub audit trail", "sha256")


def _link(key: bytes, before: bytes, n: int, access: Access) -> bytes:
    told = [n, *(getattr(access, name) for name in _NAMES)]
    return hmac.digest(key, before + orjson.dumps(told), "sha256")


def _mac(key: bytes, name: str, n: int, digest: bytes) -> bytes:
    return hmac.digest(key, f"{name}|{n}|".encode() + digest, "sha256")


def append(connection: Connection, key: bytes, rows: list[Access]) -> None:
    """Write rows behind the end of the chain, in this transaction; processes take turns at the row that says where it ends."""
    ahead = update(audit_end).where(audit_end.c.name == "head").values(n=audit_end.c.n + len(rows))
    end = connection.execute(ahead.returning(audit_end.c.n, audit_end.c.hash)).first()
    if end is None:
        connection.execute(insert(audit_end).values(name="head", n=len(rows), hash=_BEGIN, mac=b""))
    n, digest = (0, _BEGIN) if end is None else (end.n - len(rows), bytes(end.hash))
    values = []
    for access in map(_storable, rows):
        n += 1
        digest = _link(key, digest, n, access)
        values.append({**_columns(access), "n": n, "hash": digest})
    connection.execute(insert(audit), values)
    done = {"hash": digest, "mac": _mac(key, "head", n, digest)}
    connection.execute(update(audit_end).where(audit_end.c.name == "head").values(**done))


def _storable(access: Access) -> Access:
    """Without the one sign that a database may refuse: whoever sends it must not keep the rows of others waiting."""
    if "\0" not in access.target + access.query:
        return access
    return replace(access, **{name: getattr(access, name).replace("\0", "\N{REPLACEMENT CHARACTER}") for name in ("target", "query")})


def verify(connection: Connection, key: bytes, expect: str = "") -> Verdict:
    """Check every row that is kept, the end and the cut. `expect`: an end as it was written down before, `n:hash`, which must still be in the trail."""
    ends = {row.name: row for row in connection.execute(select(audit_end))}
    for name, end in ends.items():
        if not hmac.compare_digest(bytes(end.mac), _mac(key, name, end.n, bytes(end.hash))):
            return Verdict(0, "", end.n, f"the record of its {'end' if name == 'head' else 'beginning'} was changed")
    n, digest = (ends["cut"].n, bytes(ends["cut"].hash)) if "cut" in ends else (0, _BEGIN)
    wanted, _, fingerprint = expect.partition(":")
    rows = 0
    met = not expect or (wanted, fingerprint) == (str(n), digest.hex())
    for row in _walk(connection, n):
        n, rows = n + 1, rows + 1
        if row.n != n:
            return Verdict(rows, "", n, "rows are missing")
        digest = _link(key, digest, n, _access(row))
        if not hmac.compare_digest(bytes(row.hash), digest):
            return Verdict(rows, "", n, "the row was changed, or one before it was")
        met = met or (wanted, fingerprint) == (str(n), digest.hex())
    if "head" in ends and (ends["head"].n, bytes(ends["head"].hash)) != (n, digest):
        return Verdict(rows, "", n + 1, "rows at the end are missing")
    if "head" not in ends and rows:
        return Verdict(rows, "", n, "the record of its end is missing")
    if not met:
        return Verdict(
            rows,
            "",
            None if not wanted.isdigit() else int(wanted),
            "the end that was expected is not in it: it was put back to an earlier state, or begun anew",
        )
    return Verdict(rows, f"{n}:{digest.hex()}")


def begin_anew(connection: Connection, key: bytes) -> None:
    """Let the chain begin, under this key, behind the rows that there are: they stay, and nobody can verify them any more."""
    end = connection.execute(select(audit_end).where(audit_end.c.name == "head")).first()
    if end is None:
        return
    digest = bytes(end.hash)
    connection.execute(delete(audit_end))
    connection.execute(
        insert(audit_end), [{"name": name, "n": end.n, "hash": digest, "mac": _mac(key, name, end.n, digest)} for name in ("head", "cut")]
    )


def head(connection: Connection) -> str:
    """The end of the chain as `n:hash`, to be written down elsewhere; "" while there is none."""
    end = connection.execute(select(audit_end).where(audit_end.c.name == "head")).first()
    return "" if end is None else f"{end.n}:{bytes(end.hash).hex()}"


def _walk(connection: Connection, after: int) -> Iterator[Any]:
    while True:
        page = connection.execute(select(audit).where(audit.c.n > after).order_by(audit.c.n).limit(_PAGE)).all()
        yield from page
        if len(page) < _PAGE:
            return
        after = page[-1].n


# --- reading and retention ------------------------------------------------------------------------------------------------------


def find(
    connection: Connection,
    *,
    partner: str | None = None,
    interactions: tuple[str, ...] = (),
    types: tuple[str, ...] = (),
    type: str = "",
    target: str = "",
    since: str = "",
    until: str = "",
    failed: bool | None = None,
    n: int | None = None,
    before: int | None = None,
    limit: int = 100,
) -> list[Access]:
    """Rows of the trail, newest first. `since` is included and `until` is not (RFC 3339, UTC, milliseconds); `before` is the number to go on from."""
    where: list[ColumnElement[bool]] = []
    if partner is not None:
        where.append(audit.c.partner == partner)
    if interactions:
        where.append(audit.c.interaction.in_(interactions))
    if types:
        where.append(audit.c.type.in_(types))
    for column, value in ((audit.c.type, type), (audit.c.target, target)):
        if value:
            where.append(column == value)
    if since:
        where.append(audit.c.at >= since)
    if until:
        where.append(audit.c.at < until)
    if failed is not None:
        where.append(audit.c.status >= 400 if failed else audit.c.status < 400)
    if n is not None:
        where.append(audit.c.n == n)
    if before is not None:
        where.append(audit.c.n < before)
    rows = connection.execute(select(audit).where(*where).order_by(audit.c.n.desc()).limit(limit))
    return [_access(row) for row in rows]


def keep_days(connection: Connection, days: int) -> None:
    """Keep rows for so many days from now on."""
    if connection.execute(update(setting).where(setting.c.name == _DAYS).values(value=str(days))).rowcount == 0:
        connection.execute(insert(setting).values(name=_DAYS, value=str(days)))


def kept_days(connection: Connection) -> int:
    """For how many days rows are kept."""
    kept = connection.execute(select(setting.c.value).where(setting.c.name == _DAYS)).scalar()
    return KEPT_DAYS if kept is None else int(kept)


def cut(connection: Connection, key: bytes, before: str) -> int:
    """Remove the rows from before this moment (RFC 3339, UTC) and keep where the chain goes on; the answer is how many they were."""
    first_kept = connection.execute(select(audit.c.n).where(audit.c.at >= before).order_by(audit.c.n).limit(1)).scalar()
    last = select(audit.c.n, audit.c.hash).order_by(audit.c.n.desc()).limit(1)
    gone = connection.execute(last if first_kept is None else last.where(audit.c.n < first_kept)).first()
    if gone is None:
        return 0
    digest = bytes(gone.hash)
    values = {"n": gone.n, "hash": digest, "mac": _mac(key, "cut", gone.n, digest)}
    if connection.execute(update(audit_end).where(audit_end.c.name == "cut").values(**values)).rowcount == 0:
        connection.execute(insert(audit_end).values(name="cut", **values))
    return connection.execute(delete(audit).where(audit.c.n <= gone.n)).rowcount


_NAMES: Final = tuple(name for name in Access.__dataclass_fields__ if name != "n")


def _columns(access: Access) -> dict[str, Any]:
    return {name: getattr(access, name) for name in _NAMES}


def _access(row: Any) -> Access:
    return Access(**{name: getattr(row, name) for name in (*_NAMES, "n")})
