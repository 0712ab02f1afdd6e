"""Connections: wrong configurations are named by field, a check comes before enabling, secrets go in and never come out."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import marshmallow as ma
import pytest
from cryptography.fernet import Fernet
from sqlalchemy import insert, select, update

from hub.errors import AuthFailed, Misconfigured, NotFound
from hub.jobs import Worker
from hub.outbound import open_outbound
from hub.plugins import Plugins
from hub.store import Store
from hub.store.tables import connection as table
from hub.store.tables import setting
from hub.sync import building, connections, run, status
from hub.sync.secrets import REDACTED, Vault, redacted, redactor
from tests.sync.conftest import Clock
from tests.sync.rows import Rows, fresh_rows

Offer = Callable[..., Plugins]


class Picky(ma.Schema):
    url = ma.fields.Url(required=True)
    pages = ma.fields.Integer(load_default=3)
    token = ma.fields.String(required=True, metadata={"secret": True})


def picky() -> type[Rows]:
    source = fresh_rows(3)
    source.config_schema = Picky
    return source


GOOD = {"url": "https://example.org/", "token": "hunter22"}


def errors(work: Callable[[], object]) -> dict[str, str]:
    with pytest.raises(Misconfigured) as caught:
        work()
    return {error.path: error.reason for error in caught.value.errors}


def test_every_wrong_field_is_named(store: Store, offer: Offer) -> None:
    plugins = offer(picky())
    found = errors(
        lambda: connections.add(
            store,
            plugins,
            "Not A Name",
            "rows",
            {"url": "nowhere", "pages": "many", "tokken": "x"},
            schedule="often",
        )
    )
    assert set(found) == {"name", "config.url", "config.pages", "config.token", "config.tokken", "schedule"}
    assert found["config.tokken"] == "Unknown field."
    assert connections.list_all(store, plugins) == []


def test_what_does_not_exist_is_said_so(store: Store, offer: Offer) -> None:
    plugins = offer(picky())
    with pytest.raises(Misconfigured, match="no connector 'nope'; installed are: rows"):
        connections.add(store, plugins, "own", "nope")
    assert "no agreement" in errors(lambda: connections.add(store, plugins, "own", "rows", GOOD, partner="nobody"))["partner"]
    connections.add(store, plugins, "own", "rows", GOOD)
    assert "already" in errors(lambda: connections.add(store, plugins, "own", "rows", GOOD))["name"]
    for work in (
        lambda: connections.check(store, plugins, "nope"),
        lambda: connections.pause(store, "nope", "because"),
    ):
        with pytest.raises(NotFound, match="there are: own"):
            work()


def test_a_check_comes_before_enabling(store: Store, offer: Offer) -> None:
    source = picky()
    plugins = offer(source)
    assert connections.add(store, plugins, "own", "rows", GOOD).state == "disabled"
    source.check_failure = AuthFailed("Token hunter22 is refused.")
    with pytest.raises(AuthFailed, match=r"Token \*{8} is refused"):
        connections.enable(store, plugins, "own")
    info = connections.get(store, plugins, "own")
    assert (info.state, info.checked_at) == ("disabled", None)
    source.check_failure = None
    info = connections.enable(store, plugins, "own")
    assert (info.state, info.checked_at) == ("enabled", "2026-11-22T09:00:00Z")


def test_a_bug_in_a_check_is_not_told(store: Store, offer: Offer, capsys: pytest.CaptureFixture[str]) -> None:
    source = picky()
    plugins = offer(source)
    connections.add(store, plugins, "own", "rows", GOOD)
    source.check_failure = RuntimeError("hunter22 broke")
    with pytest.raises(Misconfigured) as caught:
        connections.check(store, plugins, "own")
    assert "hunter22" not in caught.value.message
    written = capsys.readouterr().out
    assert "RuntimeError" in written
    assert "hunter22" not in written


def test_a_secret_that_the_schema_sets_is_not_told_either(store: Store, offer: Offer, capsys: pytest.CaptureFixture[str]) -> None:
    class Inner(ma.Schema):
        password = ma.fields.String(load_default="s3cr3t-inner", metadata={"secret": True})

    class Config(ma.Schema):
        token = ma.fields.String(load_default="s3cr3t-token", metadata={"secret": True})
        name = ma.fields.String(load_default=lambda: "no secret", metadata={})
        doors = ma.fields.List(ma.fields.Nested(Inner), load_default=list)

    source = picky()
    source.config_schema = Config
    plugins = offer(source)
    connections.add(store, plugins, "own", "rows", {"doors": [{}]})
    source.check_failure = RuntimeError("s3cr3t-token, s3cr3t-inner and no secret broke")
    with pytest.raises(Misconfigured):
        connections.check(store, plugins, "own")
    written = capsys.readouterr().out
    assert "no secret broke" in written and "s3cr3t" not in written


def test_secrets_go_in_and_never_come_out(store: Store, offer: Offer) -> None:
    source = picky()
    plugins = offer(source)
    connections.add(store, plugins, "own", "rows", GOOD)
    connections.enable(store, plugins, "own")
    with store.read() as db:
        kept = db.execute(select(table.c.config)).scalar_one()
    assert b"hunter22" not in kept
    shown = connections.list_all(store, plugins)
    assert shown[0].config == {"url": "https://example.org/", "token": REDACTED}
    assert "hunter22" not in repr([asdict(info) for info in shown])
    given: list[Any] = []
    source.check = lambda self: given.append(dict(self.config))  # type: ignore[method-assign]
    connections.check(store, plugins, "own")
    assert given == [{"url": "https://example.org/", "token": "hunter22", "pages": 3}]
    assert connections.list_all(store, offer())[0].config == {}, "without its schema nobody knows what is secret"


def test_a_changed_configuration_keeps_its_secret_and_must_be_checked_again(store: Store, offer: Offer) -> None:
    source = picky()
    plugins = offer(source)
    connections.add(store, plugins, "own", "rows", GOOD)
    connections.enable(store, plugins, "own")
    info = connections.configure(
        store,
        plugins,
        "own",
        config={"url": "https://example.org/2", "token": REDACTED},
        schedule="every 2 hours",
    )
    assert (info.state, info.checked_at, info.schedule) == ("disabled", None, "every 2 hours")
    with open_outbound() as http:
        built = building.build(store, plugins, connections.stored(store, "own"), http)
    assert built.connector.config["token"] == "hunter22"
    assert set(errors(lambda: connections.configure(store, plugins, "own", config={"url": "x"}))) == {"config.url"}


def test_pausing_says_why_and_when_it_runs_next_is_shown(store: Store, offer: Offer) -> None:
    plugins = offer(picky())
    connections.add(store, plugins, "own", "rows", GOOD, schedule="every 15 minutes")
    assert connections.get(store, plugins, "own").next_at is None
    assert connections.enable(store, plugins, "own").next_at == "2026-11-22T09:15:00Z"
    report = run(store, plugins, "own")
    connections.pause(store, "own", "The partner asked for rest.")
    info = connections.get(store, plugins, "own")
    assert (info.state, info.reason, info.next_at) == ("paused", "The partner asked for rest.", None)
    assert info.last_run is not None
    assert (info.last_run.id, info.last_run.state, info.last_run.changed) == (report.id, "done", 3)


def test_a_stored_schedule_that_cannot_be_used_is_shown_and_breaks_nothing(store: Store, offer: Offer) -> None:
    """An earlier version took some that were beyond the calendar: then nothing could be listed, nor corrected."""
    plugins = offer(picky())
    connections.add(store, plugins, "own", "rows", GOOD, schedule="every 15 minutes")
    connections.enable(store, plugins, "own")
    connections.add(store, plugins, "other", "rows", GOOD, schedule="every 15 minutes")
    connections.enable(store, plugins, "other")
    for stored in ("every 99999999999 days", "often"):
        row = update(table).where(table.c.name == "own").values(schedule=stored)
        store.write(lambda writer, row=row: writer.connection.execute(row))  # type: ignore[misc]
        info = connections.get(store, plugins, "own")
        assert (info.state, info.next_at) == ("enabled", None)
        assert "fichehub connections configure own --schedule" in info.reason
        assert [one.reason == info.reason for one in status.of_all(store, plugins)] == [False, True]
        assert {job.connection for job in Worker(store, plugins).due()} == {"", "other"}
        assert connections.enable(store, plugins, "own").reason == info.reason
    with pytest.raises(Misconfigured, match="every 366 days is the most"):
        connections.configure(store, plugins, "own", schedule="every 99999999999 days")
    assert connections.configure(store, plugins, "own", schedule="every 1 day").reason == ""


def test_removing_forgets_the_runs_and_keeps_what_was_brought(store: Store, offer: Offer, clock: Clock) -> None:
    plugins = offer(picky())
    connections.add(store, plugins, "own", "rows", GOOD)
    connections.enable(store, plugins, "own")
    run(store, plugins, "own")
    connections.remove(store, "own")
    assert connections.list_all(store, plugins) == []
    connections.add(store, plugins, "own", "rows", GOOD)
    connections.enable(store, plugins, "own")
    assert run(store, plugins, "own").unchanged == 3


def test_a_connection_that_is_added_again_begins_without_what_the_one_before_noted(store: Store, offer: Offer) -> None:
    plugins = offer(picky())
    connections.add(store, plugins, "own", "rows", GOOD)
    what = ("push cursor", "push basis", "decision cursor", "stop", "landing days")
    noted = [{"name": f"{one} {name}", "value": "5"} for one in what for name in ("own", "other")]
    store.write(lambda writer: writer.connection.execute(insert(setting), noted))
    connections.remove(store, "own")
    with store.read() as db:
        left = set(db.execute(select(setting.c.name).where(setting.c.value == "5")).scalars())
    assert left == {f"{one} other" for one in what}


def test_the_key_is_a_file_that_only_we_can_read(store: Store, offer: Offer) -> None:
    plugins = offer(picky())
    connections.add(store, plugins, "own", "rows", GOOD)
    assert stat.S_IMODE(os.stat(store.home / "secret.key").st_mode) == 0o600
    assert [path.name for path in store.home.iterdir() if "secret.key" in path.name] == ["secret.key"]


def test_a_lost_key_is_said_so(store: Store, offer: Offer) -> None:
    plugins = offer(picky())
    connections.add(store, plugins, "own", "rows", GOOD)
    (store.home / "secret.key").write_bytes(Fernet.generate_key())
    with pytest.raises(Misconfigured, match="cannot be read with the present key"):
        connections.check(store, plugins, "own")


def test_keys_rotate(monkeypatch: pytest.MonkeyPatch, store: Store) -> None:
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    monkeypatch.setenv("FICHEHUB_SECRET_KEY", old)
    locked = Vault.open(store.home).lock(Picky, GOOD)
    monkeypatch.setenv("FICHEHUB_SECRET_KEY", f"{new}, {old}")
    again = Vault.open(store.home).rotate(Picky, locked)
    monkeypatch.setenv("FICHEHUB_SECRET_KEY", new)
    assert Vault.open(store.home).unlock(Picky, again) == GOOD
    with pytest.raises(Misconfigured):
        Vault.open(store.home).unlock(Picky, locked)
    monkeypatch.setenv("FICHEHUB_SECRET_KEY", "a password")
    with pytest.raises(Misconfigured, match="not a Fernet key; a key is made by"):
        Vault.open(store.home)


class Account(ma.Schema):
    user = ma.fields.String()
    password = ma.fields.String(data_key="pass", metadata={"secret": True})


class Nested(ma.Schema):
    account = ma.fields.Nested(Account)
    others = ma.fields.List(ma.fields.Nested(Account))


def test_nested_secrets_are_secrets() -> None:
    config = {"account": {"user": "a", "pass": "hunter22"}, "others": [{"pass": "hunter23"}, {"user": "b"}]}
    vault = Vault([Fernet.generate_key()])
    locked = vault.lock(Nested, config)
    assert "hunter" not in repr(locked)
    assert vault.unlock(Nested, locked) == config
    assert redacted(Nested, config) == {
        "account": {"user": "a", "pass": REDACTED},
        "others": [{"pass": REDACTED}, {"user": "b"}],
    }
    assert redactor(Nested, config)("a hunter22b hunter23") == f"a {REDACTED}b {REDACTED}"


def test_a_failure_that_a_check_refuted_is_told_as_what_was(store: Store, offer: Offer, clock: Clock) -> None:
    source = fresh_rows(3)
    plugins = offer(source)
    connections.add(store, plugins, "own", "rows")
    connections.enable(store, plugins, "own")
    source.failure = AuthFailed("They refused our credentials.")
    assert run(store, plugins, "own").state == "failed"
    assert status.of_all(store, plugins)[0].reason == "They refused our credentials."
    source.failure = None
    clock.forward(minutes=1)
    connections.enable(store, plugins, "own")
    (one,) = status.of_all(store, plugins)
    assert one.state == "enabled"
    assert one.reason == "It passed its check at 2026-11-22T09:01:00Z and waits for its next run. The last one failed: They refused our credentials."
    assert run(store, plugins, "own").state == "done"
    assert status.of_all(store, plugins)[0].reason == "Everything is as it should be."
