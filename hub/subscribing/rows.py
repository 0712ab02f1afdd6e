"""The rows of subscriptions and their events."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, cast

import marshmallow as ma
import orjson
from sqlalchemy import Connection, RowMapping, delete, func, insert, select, update

from hub.errors import FichehubError, FieldError, Invalid, NotFound
from hub.model.entity import Change
from hub.model.moments import to_second
from hub.model.query import from_json, normalise, to_json
from hub.model.subscription import Subscription, SubscriptionEvent, SubscriptionState, SubscriptionWish
from hub.store import Store
from hub.store.tables import subscription as table
from hub.store.tables import subscription_event as events
from hub.store.tables import subscription_member as members
from hub.sync import lease
from hub.sync.secrets import REDACTED, Vault

LIMIT = 50
"""Subscriptions that one partner may have."""


class Changed(FichehubError):
    """The subscription was changed or removed meanwhile; what was in the transaction is rolled back."""


@dataclass(frozen=True, slots=True)
class Row:
    """A subscription as the hub works on it: its number, its headers in the clear, and how far it has come in the change log."""

    number: int
    shown: Subscription
    headers: tuple[str, ...]
    cursor: int
    known_as: str
    sent_at: str | None


class _Headers(ma.Schema):
    """What is encrypted of a subscription."""

    lines = ma.fields.String(metadata={"secret": True})


# --- reading -----------------------------------------------------------------------------------------------------------------


def load(store: Store, connection: Connection, id: str) -> Row | None:
    """The subscription with this id."""
    row = connection.execute(select(table).where(table.c.uuid == id)).mappings().one_or_none()
    return None if row is None else _row(store, row)


def of_partner(store: Store, connection: Connection, partner: str) -> list[Row]:
    """Those of a partner, oldest first."""
    found = connection.execute(select(table).where(table.c.partner == partner).order_by(table.c.id))
    return [_row(store, row) for row in found.mappings()]


def list_all(store: Store) -> list[Subscription]:
    """Every subscription, for administrators; oldest first."""
    with store.read() as connection:
        return [_row(store, row).shown for row in connection.execute(select(table).order_by(table.c.id)).mappings()]


def events_of(connection: Connection, number: int, since: int, until: int, limit: int) -> list[SubscriptionEvent]:
    """The events of the subscription `number` from `since` to `until`, both of them too, in order."""
    wanted = (
        select(events.c.number, events.c.change)
        .where(events.c.subscription_id == number, events.c.number >= since, events.c.number <= until)
        .order_by(events.c.number)
        .limit(limit)
    )
    return [SubscriptionEvent(row.number, _change(row.change)) for row in connection.execute(wanted)]


def oldest_event(connection: Connection, number: int) -> int | None:
    """The lowest number that is kept."""
    lowest = select(func.min(events.c.number)).where(events.c.subscription_id == number)
    found: int | None = connection.execute(lowest).scalar_one()
    return found


def _change(told: bytes) -> Change:
    said = orjson.loads(told)
    return Change(**{**said, "fields": tuple(said["fields"])})


def _row(store: Store, row: RowMapping) -> Row:
    lines = tuple(Vault.open(store.home).unlock(_Headers, orjson.loads(row["headers"])).get("lines", "").splitlines())
    wish = SubscriptionWish(
        queries=tuple(from_json(form) for form in orjson.loads(row["queries"])),
        address=row["address"],
        headers=tuple(f"{line.partition(':')[0]}: {REDACTED}" for line in lines),
        content=orjson.loads(row["content"]),
        max_count=row["max_count"],
        heartbeat=row["heartbeat"],
        timeout=row["timeout"],
        ends_at=row["ends_at"],
        off=row["state"] == "off",
    )
    shown = Subscription(
        id=row["uuid"],
        partner=row["partner"],
        endpoint=row["endpoint"],
        state=cast(SubscriptionState, row["state"]),
        wish=wish,
        events=row["events"],
        delivered=row["delivered"],
        attempts=row["attempts"],
        next_at=row["next_at"],
        reason=row["reason"],
        revision=row["revision"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )
    return Row(row["id"], shown, lines, row["cursor"], row["known_as"], row["sent_at"])


# --- writing -----------------------------------------------------------------------------------------------------------------


def add(store: Store, connection: Connection, partner: str, endpoint: str, wish: SubscriptionWish, head: int) -> str:
    """A new subscription; the answer is its id. Raises `Invalid` when the partner has too many."""
    count = connection.execute(select(func.count()).where(table.c.partner == partner)).scalar_one()
    if count >= LIMIT:
        reason = f"you have {count} subscriptions, and {LIMIT} is the most; remove one first."
        raise Invalid(f"Subscription: {reason}", (FieldError("Subscription", reason),))
    id, now = str(uuid.uuid4()), to_second(store.now())
    connection.execute(
        insert(table).values(
            uuid=id,
            partner=partner,
            endpoint=endpoint,
            state="off" if wish.off else "requested",
            cursor=head,
            events=0,
            delivered=0,
            attempts=0,
            next_at=now,
            revision=1,
            created_at=now,
            updated_at=now,
            **_columns(store, wish, ()),
        )
    )
    return id


def replace_wish(store: Store, connection: Connection, known: Row, wish: SubscriptionWish) -> None:
    """Ask for something else from now on: a handshake comes first. Another selection begins with what is in it at that moment."""
    now = to_second(store.now())
    values: dict[str, Any] = {
        **_columns(store, wish, known.headers),
        "state": "off" if wish.off else "requested",
        "reason": "",
        "attempts": 0,
        "next_at": now,
        "revision": known.shown.revision + 1,
        "updated_at": now,
    }
    if tuple(map(normalise, wish.queries)) != known.shown.wish.queries:
        values["known_as"] = ""
        connection.execute(delete(members).where(members.c.subscription_id == known.number))
    _update(connection, known, values)


def _columns(store: Store, wish: SubscriptionWish, before: Sequence[str]) -> dict[str, Any]:
    kept = {line.partition(":")[0].lower(): line for line in before}
    lines = []
    for line in wish.headers:
        name, _, value = line.partition(":")
        lines.append(kept.get(name.lower(), line) if value.strip() == REDACTED else line)
    return {
        "queries": orjson.dumps([to_json(normalise(query)) for query in wish.queries]),
        "address": wish.address,
        "headers": orjson.dumps(Vault.open(store.home).lock(_Headers, {"lines": "\n".join(lines)})),
        "content": orjson.dumps(dict(wish.content)),
        "max_count": wish.max_count,
        "heartbeat": wish.heartbeat,
        "timeout": wish.timeout,
        "ends_at": wish.ends_at,
    }


def remove(connection: Connection, known: Row) -> None:
    """Forget it, with its events."""
    for rows in (events, members):
        connection.execute(delete(rows).where(rows.c.subscription_id == known.number))
    connection.execute(delete(table).where(table.c.id == known.number))
    lease.forget(connection, f"subscription {known.shown.id}")


def note(connection: Connection, known: Row, **values: Any) -> Row:
    """Change columns of a subscription that is still as it was read. Raises `Changed` when it is not."""
    _update(connection, known, values)
    shown = {name: value for name, value in values.items() if name in Subscription.__dataclass_fields__}
    inner = {name: value for name, value in values.items() if name in ("cursor", "known_as", "sent_at")}
    return replace(known, shown=replace(known.shown, **shown), **inner)


def turn(store: Store, connection: Connection, known: Row, state: SubscriptionState, reason: str, **values: Any) -> Row:
    """Bring a subscription into another state, which its subscriber sees as a new revision. Raises `Changed`."""
    moved = {"state": state, "reason": reason, "revision": known.shown.revision + 1, "updated_at": to_second(store.now())}
    return note(connection, known, **moved, **values)


def add_events(connection: Connection, known: Row, changes: Sequence[Change], now: datetime) -> int:
    """Number these events and keep them; the answer is the number of the last. Part of the transaction that moves the cursor."""
    first = known.shown.events + 1
    rows = [
        {"subscription_id": known.number, "number": number, "at": to_second(now), "change": orjson.dumps(asdict(change))}
        for number, change in enumerate(changes, first)
    ]
    if rows:
        connection.execute(insert(events), rows)
    return known.shown.events + len(rows)


def _update(connection: Connection, known: Row, values: dict[str, Any]) -> None:
    still = (table.c.id == known.number) & (table.c.revision == known.shown.revision)
    if connection.execute(update(table).where(still).values(**values)).rowcount != 1:
        raise Changed(f"The subscription {known.shown.id} was changed meanwhile; read it again.")


def unreadable(connection: Connection, vault: Vault) -> list[int]:
    """The subscriptions whose headers were locked with another key."""
    return [number for number, headers in connection.execute(select(table.c.id, table.c.headers)) if not vault.reads(headers)]


def forget_headers(connection: Connection, vault: Vault) -> None:
    """Turn every subscription off whose headers were locked with another key, until its subscriber requests it again, with them."""
    values = {
        "headers": orjson.dumps(vault.lock(_Headers, {"lines": ""})),
        "state": "off",
        "reason": "The key with which its headers were locked is lost. Request it again, with its headers.",
        "revision": table.c.revision + 1,
    }
    connection.execute(update(table).where(table.c.id.in_(unreadable(connection, vault))).values(**values))


# --- administrators --------------------------------------------------------------------------------------------------------


def request_again(store: Store, id: str) -> Subscription:
    """Let a subscription that was given up try again: handshake, then every event that was not taken. Raises `NotFound`."""
    return _by_administrator(store, id, "requested", "")


def switch_off(store: Store, id: str, reason: str) -> Subscription:
    """End a subscription until its subscriber, or an administrator, requests it again. Raises `NotFound`."""
    return _by_administrator(store, id, "off", reason)


def _by_administrator(store: Store, id: str, state: SubscriptionState, reason: str) -> Subscription:
    def work(connection: Connection) -> Subscription:
        known = load(store, connection, id)
        if known is None:
            raise NotFound(f"There is no subscription with id {id}.")
        return turn(store, connection, known, state, reason, attempts=0, next_at=to_second(store.now())).shown

    return store.write(lambda writer: work(writer.connection))
