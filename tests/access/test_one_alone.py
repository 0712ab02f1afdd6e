"""What is ended for one partner touches no other; what is ended stays so."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, insert, select, update

from hub.access import authenticate, issue_key, pause_agreement, revoke_key, save_agreement
from hub.access.clients import Client, consequences, register_client, revoke_client, rotate_client
from hub.errors import Forbidden, Invalid, NotFound
from hub.store import Store
from hub.store.tables import access_token, api_key
from tests.access.signing import EC_KEY, RSA_KEY, agreed, jwks

NOW = "2026-11-22T09:00:00Z"
_NOW = 1_795_338_000


@pytest.fixture
def connection(sqlite_database_url: str, tmp_path: Path) -> Iterator[Connection]:
    """Within a transaction of a store in which `epd` and `ziekenhuis` have agreements."""
    store = Store.open(sqlite_database_url, tmp_path)
    with store.engine.begin() as opened:
        for name in ("epd", "ziekenhuis"):
            save_agreement(opened, agreed(name), NOW)
        yield opened
    store.close()


def _client(connection: Connection, partner: str) -> Client:
    return register_client(connection, partner, NOW, title="", scopes="system/*.rs", jwks=jwks(EC_KEY))


def _fetched(connection: Connection, client: Client, number: int, ends: int) -> None:
    connection.execute(insert(access_token).values(hash=f"{number:064x}", client=client.id, scopes="system/*.rs", expires_at=ends))


def _tokens_of(connection: Connection, client: Client) -> int:
    return len(connection.execute(select(access_token.c.client).where(access_token.c.client == client.id)).all())


def test_of_two_keys_that_begin_alike_the_partners_own_is_ended(connection: Connection) -> None:
    theirs, other = (issue_key(connection, name, NOW) for name in ("epd", "ziekenhuis"))
    connection.execute(update(api_key).values(prefix="fh_alike"))
    revoke_key(connection, "epd", "fh_alike", NOW)
    assert authenticate(connection, other, NOW)[0] == "ziekenhuis"
    with pytest.raises(Forbidden):
        authenticate(connection, theirs, NOW)
    with pytest.raises(NotFound):
        revoke_key(connection, "epd", "fh_alike", NOW)


@pytest.mark.parametrize("shown", [5, 7, 8, 100])
def test_a_key_is_ended_by_as_much_of_it_as_somebody_has(connection: Connection, shown: int) -> None:
    """In an emergency somebody pastes the whole key, which is nowhere but in its hash, or a piece of it."""
    mine, other = (issue_key(connection, "epd", NOW) for _ in range(2))
    connection.execute(update(api_key).where(api_key.c.prefix == other[:8]).values(prefix="fh_#####"))
    revoke_key(connection, "epd", mine[:shown], NOW)
    assert authenticate(connection, other, NOW)[0] == "epd"
    with pytest.raises(Forbidden):
        authenticate(connection, mine, NOW)


def test_a_key_that_is_not_found_or_not_the_only_one_is_told_without_the_key(connection: Connection) -> None:
    for _ in range(2):
        mine = issue_key(connection, "epd", NOW)
    theirs = issue_key(connection, "ziekenhuis", NOW)
    connection.execute(update(api_key).where(api_key.c.partner == "epd").values(prefix="fh_alike"))
    for several in ("fh_alike", "fh_a"):
        with pytest.raises(Invalid, match=r"has 2 live keys that begin so.*: fh_alike, fh_alike"):
            revoke_key(connection, "epd", several, NOW)
    for nothing in ("", "fh", "fh_"):
        with pytest.raises(Invalid, match="Say which"):
            revoke_key(connection, "ziekenhuis", nothing, NOW)
    for unknown in (theirs, mine[:-1], mine + "x", "%"):
        with pytest.raises(NotFound, match=r"no live key that begins so\. Its live keys begin with: fh_alike") as told:
            revoke_key(connection, "epd", unknown, NOW)
        assert unknown not in str(told.value)
    revoke_key(connection, "epd", mine, NOW)
    revoke_key(connection, "epd", "fh_alike", NOW)
    with pytest.raises(NotFound, match="no live key at all"):
        revoke_key(connection, "epd", mine, NOW)


def test_a_pause_ends_the_tokens_of_one_partner(connection: Connection) -> None:
    theirs, other = _client(connection, "epd"), _client(connection, "ziekenhuis")
    for number, client in enumerate((theirs, theirs, other)):
        _fetched(connection, client, number, _NOW + 100)
    assert pause_agreement(connection, "epd", "verhuis") == 2
    assert (_tokens_of(connection, theirs), _tokens_of(connection, other)) == (0, 1)


def test_what_was_ended_gets_no_new_keys(connection: Connection) -> None:
    client = _client(connection, "epd")
    assert rotate_client(connection, client.id, jwks=jwks(RSA_KEY)).kids == ("rsa-1",)
    revoke_client(connection, client.id, NOW)
    with pytest.raises(NotFound):
        rotate_client(connection, client.id, jwks=jwks(EC_KEY))


def test_tokens_that_have_run_out_are_no_consequence(connection: Connection) -> None:
    client = _client(connection, "epd")
    for number, ends in enumerate((_NOW - 1, _NOW, _NOW + 1)):
        _fetched(connection, client, number, ends)
    assert consequences(connection, client.id, _NOW).live_tokens == 1
