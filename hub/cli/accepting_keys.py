"""`db accept-keys`: for whoever has lost a key of the installation for good."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType
from typing import Final

import click
from sqlalchemy import Connection, func, select

from hub.access import audit
from hub.cli.installation import Installation
from hub.cli.output import as_json, ask, counted, say_done
from hub.cli.output import yes as _yes
from hub.store import database, own_keys
from hub.store.own_keys import OWN_KEYS, STORE_KEY, OwnKey, Standing
from hub.store.tables import audit as audit_table
from hub.store.tables import connection as connection_table
from hub.store.tables import counter
from hub.sync.secrets import Vault

_HERE: Final[dict[Standing, str]] = {
    "fits": "is that of this database",
    "new": "is not noted in the database yet; the next command does that",
    "other": "is another one than this database's",
    "missing": "is not there; a new one is made",
}


@click.command(name="accept-keys")
@_yes
@as_json
@click.pass_obj
def accept_keys(installation: Installation, yes: bool, as_json: bool) -> None:
    """Go on with other keys (`store.key`, `secret.key`) than those of the database, which are lost for good. Says first what that costs, and asks."""
    installation.require()
    engine = database.connect(installation.database_url)
    click.get_current_context().call_on_close(engine.dispose)
    database.migrate(engine, upgrade=False)
    stands = {key: own_keys.standing(engine, installation.home, key) for key in OWN_KEYS}
    lost = [key for key, how in stands.items() if how in ("other", "missing")]
    if not lost:
        say_done({"accepted": []}, "There is nothing to accept: the keys that are here are those of this database.", as_json)
        return
    with database.reading(engine) as connection:
        told = [f"{key.file} {_HERE[how]}." for key, how in stands.items()] + [line for key in lost for line in _costs(installation, connection, key)]
    ask([*told, "It cannot be undone. If there is a backup of the home, put the keys back from it instead."], "Go on with these keys?", yes, as_json)
    with database.writing(engine) as connection:
        for key in lost:
            _accept(installation, connection, key)
    names = [key.file for key in lost]
    say_done({"accepted": names}, f"The database goes on with {' and '.join(names)} as they are here now.", as_json)


def _accept(installation: Installation, connection: Connection, key: OwnKey) -> None:
    value = own_keys.accept(connection, installation.home, key)
    if key is STORE_KEY:
        audit.begin_anew(connection, audit.chain_key(value))
    else:
        _subscriptions().forget_headers(connection, Vault.open(installation.home))


def _costs(installation: Installation, connection: Connection, key: OwnKey) -> Iterator[str]:
    if key is STORE_KEY:
        if erased := connection.execute(select(counter.c.n).where(counter.c.name == "erasures")).scalar_one_or_none():
            yield f"The hub will not know any more whom it has erased ({counted(erased, 'time')}): a reload of their sources brings them back, and they must be erased again."
        if rows := connection.execute(select(func.count()).select_from(audit_table)).scalar_one():
            yield f"The audit trail stays ({counted(rows, 'row')}), but nobody can verify it any more; its chain begins anew behind it."
        return
    vault = Vault(own_keys.keys_given(installation.home, key) or [key.make()])
    configurations = select(connection_table.c.name, connection_table.c.config).order_by(connection_table.c.name)
    if names := [name for name, config in connection.execute(configurations) if not vault.reads(config)]:
        yield f"These connections lose their secrets, and need them again (fichehub connections configure NAME --set KEY=VALUE): {', '.join(names)}."
    if off := _subscriptions().unreadable(connection, vault):
        yield f"{counted(len(off), 'subscription')} will be off until requested again by the subscriber, since the headers cannot be read."


def _subscriptions() -> ModuleType:
    """It brings the scheduler along, which other commands need not wait for."""
    from hub.subscribing import rows

    return rows
