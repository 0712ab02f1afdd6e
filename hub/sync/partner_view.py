"""What a partner may see, for work that is done in his name: pushes, exports, subscriptions, commands."""

from __future__ import annotations

from hub.access import agreement, grant_for
from hub.directory import Directory
from hub.errors import Misconfigured
from hub.model.audience import Grant
from hub.store import Store


def open_directory(store: Store, partner: str) -> Directory:
    """What this partner may see; without a name the public. Raises `Misconfigured` when nobody has that name, and what `hub.access.grant_for` raises for an agreement that gives nothing now."""
    if not partner:
        return Directory(store, Grant())
    with store.read() as connection:
        known = agreement(connection, partner)
    if known is None:
        raise Misconfigured(f"There is no agreement with a partner named {partner!r}.")
    return Directory(store, grant_for(known, store.today()))
