"""A partner's standing question: tell me, at this address, of every change in these selections.

The words that the hub, the endpoint through which a partner subscribes, and the delivery share. Nothing here speaks any partner's language.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from hub.model.entity import Change
from hub.model.query import Query

SubscriptionState = Literal["requested", "active", "error", "off"]
"""`requested`: a handshake comes first. `error`: given up; nothing is sent until it is requested again. `off`: ended."""
NotificationKind = Literal["handshake", "heartbeat", "event"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionWish:
    """What a subscriber asks for. A change is told when its entity is, or was, in one of `queries` (types, criteria, links, a place).

    `address` is called by POST. `headers` are lines `Name: value` that go with every call; they may hold secrets, so they are kept
    encrypted and read back with `********` as value, which keeps the value that stands. `content` is the endpoint's own, as JSON.
    `max_count`: events in one notification. `heartbeat` and `timeout`: seconds. `ends_at`: RFC 3339.
    """

    queries: tuple[Query, ...]
    address: str
    headers: tuple[str, ...] = ()
    content: Mapping[str, Any]
    max_count: int = 100
    heartbeat: int | None = None
    timeout: int = 10
    ends_at: str | None = None
    off: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """A subscription as its subscriber may see it. `endpoint` is the connector through which it was made.

    `events` counts the events that there were, told or not: their numbers are 1 to `events` without a gap; `delivered` is the last
    that the subscriber took. `reason` says in plain words why it is in error or off, or why the last attempt failed. `next_at`: nothing is
    sent before. `revision` moves whenever anything but the numbers does.
    """

    id: str
    partner: str
    endpoint: str
    state: SubscriptionState
    wish: SubscriptionWish
    events: int
    delivered: int
    attempts: int
    next_at: str
    reason: str
    revision: int
    created_at: str
    updated_at: str


@dataclass(frozen=True, slots=True)
class SubscriptionEvent:
    """One change that concerns a subscription, under its number there. `change.operation` is what it means to the subscriber."""

    number: int
    change: Change


@dataclass(frozen=True, slots=True)
class Notification:
    """What is to be sent: a handshake, a heartbeat, or `events` in the order of their numbers."""

    kind: NotificationKind
    subscription: Subscription
    events: tuple[SubscriptionEvent, ...] = ()


class Subscriptions(Protocol):
    """The subscriptions that whoever asks has through one endpoint; he sees no others."""

    def create(self, wish: SubscriptionWish) -> Subscription:
        """A new subscription, `requested` until its handshake succeeds. Raises `Invalid`, and `Misconfigured` for an address that is never called."""
        ...

    def get(self, id: str) -> Subscription:
        """Raises `NotFound`, also for one of somebody else."""
        ...

    def all(self) -> list[Subscription]:
        """Oldest first."""
        ...

    def update(self, id: str, wish: SubscriptionWish) -> Subscription:
        """Ask for something else, or again after an error: what was not taken is told once more. Raises as `create`, and `NotFound`."""
        ...

    def delete(self, id: str) -> None:
        """Ends it, and forgets its events. Raises `NotFound`."""
        ...

    def events(self, id: str, since: int = 1, until: int | None = None, limit: int = 500) -> tuple[SubscriptionEvent, ...]:
        """Events by number, both ends too. Raises `NotFound`, and `CursorGone` when `since` is no longer kept."""
        ...
