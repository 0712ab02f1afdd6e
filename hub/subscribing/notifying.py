"""Telling subscribers: a handshake first, then every event in order, heartbeats between; bounded retries, then `error` until it is requested again.

Each subscription has a lease and a state of its own, so a slow or dead receiver holds up nobody else and several processes never tell one thing twice
at a time. What was not taken stays, under its number, until the subscriber or an administrator requests the subscription again.
"""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog
from sqlalchemy import delete, select

from hub.connector import Endpoint, Http
from hub.directory import Directory
from hub.errors import AuthFailed, CursorGone, FichehubError, Forbidden, Misconfigured, Paused, Unreachable
from hub.model.moments import latest, lies_ahead, to_second
from hub.model.subscription import Notification, NotificationKind, SubscriptionEvent, SubscriptionState
from hub.outbound import Outbound, allows_private
from hub.plugins import Plugins, bugs
from hub.store import Store, Writer, log_reading
from hub.store.tables import connection as connections
from hub.store.tables import partner as partners
from hub.store.tables import subscription as table
from hub.store.tables import subscription_event as events
from hub.subscribing import rows
from hub.subscribing.generating import begin, generate, is_current
from hub.subscribing.rows import Changed, Row
from hub.sync import lease, outbox, stops
from hub.sync.lease import Lease
from hub.sync.partner_view import open_directory
from hub.sync.wire import KEY_HEADER

HANDSHAKES: Final = 4
"""So often a handshake is tried."""
ATTEMPTS: Final = outbox.ATTEMPTS
PAGES_AT_ONCE: Final = 20
TOLD_AT_ONCE: Final = 50
"""Notifications of one subscription before another one has its turn."""
KEPT: Final = timedelta(days=30)
"""How long events can be asked for again."""
_ANSWER_CAP: Final = 64 * 1024
_log = structlog.get_logger(__name__)


def purge(store: Store) -> int:
    """Forget events that nobody can ask for any more; the answer is how many."""
    before = to_second(store.now() - KEPT)
    return store.write(lambda writer: writer.connection.execute(delete(events).where(events.c.at < before)).rowcount)


class Notifier:
    """Brings subscriptions forward, in this process, beside any number of others."""

    def __init__(self, store: Store, plugins: Plugins, http: Http | None = None) -> None:
        """`http` replaces the hub's own client, which is as strict as the installation says and obeys each subscription's time-out."""
        self._store = store
        self._plugins = plugins
        self._http = http
        self._lock = threading.Lock()
        self._busy: set[str] = set()

    def due(self) -> list[str]:
        """The subscriptions for which there is something to do now."""
        now = to_second(self._store.now())
        with self._store.read() as connection:
            head = log_reading.head(connection)
            asked = select(table, partners.c.revision.label("agreement")).join(partners, partners.c.name == table.c.partner)
            found = connection.execute(asked.where(table.c.state != "off").order_by(table.c.id)).all()
        return [
            row.uuid
            for row in found
            if (row.ends_at is not None and row.ends_at <= now)
            or (row.state == "requested" and not self._waits(row.next_at))
            or (row.state != "requested" and (row.cursor < head or not row.known_as.startswith(f"{row.agreement} ")))
            or (
                row.state == "active"
                and not self._waits(row.next_at)
                and (row.delivered < row.events or _beats(row.heartbeat, row.sent_at, self._store.now()))
            )
        ]

    def advance_due(self) -> list[str]:
        """Bring forward what is due, one after the other; the answer is what was."""
        found = self.due()
        for id in found:
            self.advance(id)
        return found

    def take(self, id: str) -> bool:
        """Whether this process is not at work on it already; then it counts as taken until `advance` has ended."""
        with self._lock:
            if id in self._busy:
                return False
            self._busy.add(id)
            return True

    def advance(self, id: str) -> None:
        """Do what there is to do for one subscription. What goes wrong is in its `reason`, or in the log; it never ends the worker."""
        name = f"subscription {id}"
        try:
            held = lease.acquire(self._store, name)
            try:
                self._advance(id, held)
            finally:
                held.release(self._store)
        except (lease.Busy, lease.LeaseLost, Changed):
            pass  # somebody else is at it, or it was changed: the next tick sees how it is then
        except FichehubError as error:
            _log.warning("subscription not brought forward", subscription=id, reason=error.message)
        except bugs():  # one subscription's bug must not end the worker
            _log.exception("subscription failed", subscription=id)
        finally:
            with self._lock:
                self._busy.discard(id)

    def _waits(self, next_at: str) -> bool:
        return lies_ahead(next_at, self._store.now(), outbox.CAP)

    # --- one subscription ----------------------------------------------------------------------------------------------------

    def _advance(self, id: str, held: Lease) -> None:
        store = self._store
        with store.read() as connection:
            known = rows.load(store, connection, id)
            stopped = stops.stopped(connection)
        if known is None or known.shown.state == "off" or stops.ALL in stopped:
            return
        ends_at = known.shown.wish.ends_at
        if ends_at is not None and datetime.fromisoformat(ends_at) <= store.now():
            self._turn_off(known, held, f"It ended at {ends_at}, as was asked.")
            return
        try:
            directory = open_directory(store, known.shown.partner)
        except Paused:
            return  # nothing is read or told; what happens meanwhile is in the log
        except (Forbidden, Misconfigured) as error:
            self._turn_off(known, held, error.message)
            return
        if not self._is_open(known):
            return
        if known.shown.state == "requested":
            if self._waits(known.shown.next_at):
                return
            sent = self._send(known, held, directory, "handshake", (), HANDSHAKES)
            if sent is None:
                return
            known = sent
        known = self._read_log(known, held, directory)
        if known.shown.state == "active":
            self._tell(known, held, directory)

    def _is_open(self, known: Row) -> bool:
        """Whether the endpoint is enabled for the partner; a paused one tells nothing, and goes on when it is enabled again."""
        wanted = select(connections.c.state).where(
            connections.c.connector == known.shown.endpoint, connections.c.partner.in_(["", known.shown.partner])
        )
        with self._store.read() as connection:
            return "enabled" in set(connection.execute(wanted).scalars())

    def _read_log(self, known: Row, held: Lease, directory: Directory) -> Row:
        if not is_current(known, directory.grant):
            known = begin(self._store, known, directory, held)
        for _ in range(PAGES_AT_ONCE):
            try:
                known, more = generate(self._store, known, directory, held)
            except CursorGone as error:
                # Requested again it begins anew, with what is in the selection then.
                return self._turn(known, held, "off", f"{error.message} Then request the subscription again.", known_as="")
            if not more:
                break
        return known

    def _tell(self, known: Row, held: Lease, directory: Directory) -> None:
        store = self._store
        if self._waits(known.shown.next_at):
            return
        for _ in range(TOLD_AT_ONCE):
            if known.shown.delivered >= known.shown.events:
                break
            with store.read() as connection:
                waiting = rows.events_of(connection, known.number, known.shown.delivered + 1, known.shown.events, known.shown.wish.max_count)
            if not waiting:  # they waited longer than events are kept
                known = self._note(known, held, delivered=known.shown.events)
                break
            sent = self._send(known, held, directory, "event", tuple(waiting), ATTEMPTS)
            if sent is None:
                return
            known = sent
        if known.shown.delivered >= known.shown.events and _beats(known.shown.wish.heartbeat, known.sent_at, store.now()):
            self._send(known, held, directory, "heartbeat", (), ATTEMPTS)

    def _send(
        self,
        known: Row,
        held: Lease,
        directory: Directory,
        kind: NotificationKind,
        told: tuple[SubscriptionEvent, ...],
        attempts: int,
    ) -> Row | None:
        """Send one notification and note what became of it; the row as it is then, None when it was not taken."""
        try:
            self._post(known, directory, Notification(kind, known.shown, told))
        except Unreachable as error:
            self._failed(known, held, error, attempts)
            return None
        except (AuthFailed, Misconfigured) as error:
            self._failed(known, held, error, 0)
            return None
        except FichehubError:
            raise
        except bugs() as error:  # what nobody foresaw is an attempt all the same, or it would be made at every tick
            _log.exception("notification failed", subscription=known.shown.id)
            self._failed(known, held, Unreachable(f"The notification could not be sent ({type(error).__name__}, see the log of the hub)."), attempts)
            return None
        now = to_second(self._store.now())
        after = {"attempts": 0, "sent_at": now, "next_at": now}
        if kind == "handshake":
            return self._turn(known, held, "active", "", **after)
        if told:
            after["delivered"] = told[-1].number
        return self._note(known, held, reason="", **after)

    def _post(self, known: Row, directory: Directory, notification: Notification) -> None:
        """Raises `Unreachable` for what may go better later, and `Misconfigured` or `AuthFailed` for what will not."""
        endpoint = self._plugins.connector(known.shown.endpoint)
        assert issubclass(endpoint, Endpoint)
        body, media_type = endpoint.notification(notification, directory)
        last = notification.events[-1].number if notification.events else known.shown.events
        headers = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in known.headers)}
        headers["Content-Type"] = media_type
        if notification.events:
            headers[KEY_HEADER] = f"{known.shown.id}/{notification.events[0].number}-{last}"
        if self._http is not None:
            self._answered(self._http.post(known.shown.wish.address, data=body, headers=headers).status)
            return
        with Outbound(
            allow_private=allows_private(),
            deadline=float(known.shown.wish.timeout),
            attempts=1,
            byte_cap=_ANSWER_CAP,
            bodies=False,
        ) as outbound:
            self._answered(outbound.post(known.shown.wish.address, data=body, headers=headers).status)

    def _answered(self, status: int) -> None:
        if not 200 <= status < 300:
            raise Misconfigured(f"The receiver answered {status}, where 200 to 299 is expected.")

    # --- what became of it ---------------------------------------------------------------------------------------------------

    def _failed(self, known: Row, held: Lease, error: FichehubError, attempts: int) -> None:
        failed = known.shown.attempts + 1
        asked = error.retry_after if isinstance(error, Unreachable) else None
        wait = outbox.pause(failed, None if asked is None else min(asked, outbox.CAP.total_seconds()))
        next_at = to_second(self._store.now() + wait)
        if failed < attempts:
            self._note(known, held, attempts=failed, next_at=next_at, reason=_in_short(error))
            return
        waiting = known.shown.events - known.shown.delivered
        count = f" {waiting} events wait." if waiting else ""
        reason = (
            f"{_in_short(error)} Given up after {failed} attempt{'' if failed == 1 else 's'}.{count} Mend it, then request the subscription again."
        )
        self._turn(known, held, "error", reason, attempts=0, next_at=next_at)

    def _turn_off(self, known: Row, held: Lease, reason: str) -> None:
        self._turn(known, held, "off", reason)

    def _turn(self, known: Row, held: Lease, state: SubscriptionState, reason: str, **values: object) -> Row:
        def work(writer: Writer) -> Row:
            held.hold(writer.connection)
            return rows.turn(self._store, writer.connection, known, state, reason, **values)

        return self._store.write(work)

    def _note(self, known: Row, held: Lease, **values: object) -> Row:
        def work(writer: Writer) -> Row:
            held.hold(writer.connection)
            return rows.note(writer.connection, known, **values)

        return self._store.write(work)


def _beats(heartbeat: int | None, sent_at: str | None, now: datetime) -> bool:
    """Whether nothing was sent for as long as a heartbeat's period, or nobody knows for how long, since the clock was put back."""
    if heartbeat is None or sent_at is None:
        return False
    return sent_at > latest(now) or datetime.fromisoformat(sent_at).astimezone(UTC) + timedelta(seconds=heartbeat) <= now


def _in_short(error: FichehubError) -> str:
    return error.message[:500].replace("\x00", "\N{REPLACEMENT CHARACTER}")
