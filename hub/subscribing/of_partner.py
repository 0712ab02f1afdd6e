"""What one partner does with its subscriptions: it sees its own and no others."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Connection

from hub.directory import Directory
from hub.errors import CursorGone, NotFound
from hub.model.subscription import Subscription, SubscriptionEvent, SubscriptionWish
from hub.outbound import allows_private, check_address
from hub.store import Store
from hub.subscribing import rows
from hub.subscribing.rows import Row


class PartnerSubscriptions:
    """The subscriptions of the partner who holds the grant of `directory`, made through one endpoint; implements `hub.model.subscription.Subscriptions`."""

    def __init__(self, store: Store, directory: Directory, endpoint: str) -> None:
        assert directory.grant.partner is not None  # `require_partner` has let in nobody else
        self._store = store
        self._directory = directory
        self._partner = directory.grant.partner
        self._endpoint = endpoint

    def create(self, wish: SubscriptionWish) -> Subscription:
        """See `hub.Subscriptions.create`."""
        self._check(wish)
        head = self._directory.head()
        store, partner, endpoint = self._store, self._partner, self._endpoint
        id = store.write(lambda writer: rows.add(store, writer.connection, partner, endpoint, wish, head))
        return self.get(id)

    def get(self, id: str) -> Subscription:
        """See `hub.Subscriptions.get`."""
        with self._store.read() as connection:
            return self._known(connection, id).shown

    def all(self) -> list[Subscription]:
        """See `hub.Subscriptions.all`."""
        with self._store.read() as connection:
            found = rows.of_partner(self._store, connection, self._partner)
        return [row.shown for row in found if row.shown.endpoint == self._endpoint]

    def update(self, id: str, wish: SubscriptionWish) -> Subscription:
        """See `hub.Subscriptions.update`."""
        self._check(wish)

        def work(connection: Connection) -> None:
            rows.replace_wish(self._store, connection, self._known(connection, id), wish)

        self._store.write(lambda writer: work(writer.connection))
        return self.get(id)

    def delete(self, id: str) -> None:
        """See `hub.Subscriptions.delete`."""
        self._store.write(lambda writer: rows.remove(writer.connection, self._known(writer.connection, id)))

    def events(self, id: str, since: int = 1, until: int | None = None, limit: int = 500) -> tuple[SubscriptionEvent, ...]:
        """See `hub.Subscriptions.events`."""
        with self._store.read() as connection:
            known = self._known(connection, id)
            oldest = rows.oldest_event(connection, known.number) or known.shown.events + 1
            if since < oldest and since <= known.shown.events:
                raise CursorGone(
                    f"Events before {oldest} are no longer kept. Read everything again by a search, and go on from event {known.shown.events + 1}.",
                    oldest=oldest,
                )
            upto = known.shown.events if until is None else until
            return tuple(rows.events_of(connection, known.number, since, upto, limit))

    def _known(self, connection: Connection, id: str) -> Row:
        known = rows.load(self._store, connection, id)
        if known is None or known.shown.partner != self._partner or known.shown.endpoint != self._endpoint:
            raise NotFound(f"There is no Subscription with id {id}.")
        return known

    def _check(self, wish: SubscriptionWish) -> None:
        check_address(wish.address, allow_private=allows_private())
        for query in wish.queries:
            self._directory.search(replace(query, limit=1))
