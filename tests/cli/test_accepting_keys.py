"""`db accept-keys`: for whoever has lost a key of the installation for good."""

from __future__ import annotations

import pytest
from cryptography.fernet import Fernet

from hub.model.query import Query
from hub.model.subscription import SubscriptionWish
from hub.store import Store
from hub.subscribing import rows
from tests.access.test_audit import access, append
from tests.cli.conftest import CommandLine
from tests.cli.test_clients import AGREED

FICHE = ("query", "--kind", "organisatie")


def _store(fichehub: CommandLine) -> Store:
    return Store.open(f"sqlite:///{fichehub.home / 'fichehub.sqlite'}", fichehub.home)


def _add(fichehub: CommandLine) -> None:
    fichehub.ok("connections", "add", "pgz", "progezondheid", "--set", "base_url=https://register.example.org", "--set", "token=geheim-geheim")


def test_with_the_keys_of_the_database_there_is_nothing_to_accept(filled: CommandLine) -> None:
    assert "There is nothing to accept" in filled.ok("db", "accept-keys")
    assert filled.json("db", "accept-keys", "--yes") == {"accepted": []}


def test_a_lost_store_key_is_told_what_it_costs_and_only_then_replaced(filled: CommandLine) -> None:
    found = filled.json(*FICHE)["items"][0]["id"]
    filled.ok("erase", found, "--reason", "asked", "--yes")
    store = _store(filled)
    append(store, access(1), access(2))
    store.close()
    (filled.home / "store.key").unlink()
    assert "fichehub db accept-keys" in filled.refused(*FICHE)

    refused = filled("db", "accept-keys", input="n\n")
    assert refused.exit_code == 1 and not (filled.home / "store.key").exists()
    assert "store.key is not there; a new one is made." in refused.output
    assert "whom it has erased (1 time)" in refused.output and "The audit trail stays (2 rows)" in refused.output

    assert filled.json("db", "accept-keys", "--yes") == {"accepted": ["store.key"]}
    filled.ok(*FICHE)
    assert "The trail holds: 0 rows" in filled.ok("audit", "verify")
    assert len(filled.json("audit", "list")) == 2
    store = _store(filled)
    append(store, access(3))
    store.close()
    assert "The trail holds: 1 rows" in filled.ok("audit", "verify")


def test_after_a_lost_secret_key_connections_get_their_secrets_again(filled: CommandLine) -> None:
    _add(filled)
    (filled.home / "secret.key").unlink()
    assert "There is no secret.key" in filled.refused("connections", "list")
    told = filled.ok("db", "accept-keys", input="y\n")
    assert "These connections lose their secrets" in told and "pgz" in told
    assert "token" in filled.refused("connections", "configure", "pgz", "--set", "page_size=100"), "it has none to keep"
    filled.ok("connections", "configure", "pgz", "--set", "token=nieuw-geheim")
    filled.ok("connections", "configure", "pgz", "--set", "page_size=100")


def test_the_one_key_is_replaced_and_the_other_stays(filled: CommandLine) -> None:
    filled.ok(*FICHE)
    kept = (filled.home / "store.key").read_bytes()
    (filled.home / "secret.key").write_bytes(b"no key")
    assert "not a Fernet key" in filled.refused("connections", "status")
    (filled.home / "secret.key").unlink()
    filled.ok("db", "accept-keys", "--yes")
    assert (filled.home / "store.key").read_bytes() == kept


def test_another_key_is_put_in_the_place_of_one_that_is_there(filled: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    _add(filled)
    filled.ok("connections", "add", "later", "progezondheid", "--set", "base_url=https://register.example.org", "--set", "token=geheim-geheim")
    old, new = (filled.home / "secret.key").read_text(), Fernet.generate_key().decode()
    monkeypatch.setenv("FICHEHUB_SECRET_KEY", f"{new},{old}")
    filled.ok("connections", "configure", "pgz", "--set", "page_size=100")
    monkeypatch.setenv("FICHEHUB_SECRET_KEY", new)
    assert "is another secret.key" in filled.refused("connections", "list")
    told = filled.ok("db", "accept-keys", input="y\n")
    assert "secret.key is another one than this database's." in told and "KEY=VALUE): later." in told
    filled.ok("connections", "configure", "pgz", "--set", "page_size=50")
    assert "token" in filled.refused("connections", "configure", "later", "--set", "page_size=50")


def test_a_subscription_whose_headers_cannot_be_read_is_off_until_it_is_requested_again(filled: CommandLine) -> None:
    filled.ok("partners", "add", "epd", *AGREED)
    wish = SubscriptionWish(
        queries=(Query(types=("aanbod",)),), address="https://epd.example.org/hook", headers=("Authorization: geheim",), content={}
    )
    store = _store(filled)
    store.write(lambda writer: rows.add(store, writer.connection, "epd", "fhir", wish, 0))
    store.close()
    (filled.home / "secret.key").unlink()
    assert "1 subscription will be off" in filled.ok("db", "accept-keys", input="y\n")
    (shown,) = filled.json("subscriptions", "list")
    assert shown["state"] == "off" and "Request it again" in shown["reason"]
