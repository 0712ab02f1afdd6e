"""When agreements and keys end: at the moment that was meant, and never never because nobody can read it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import update

from hub.access import Agreement, authenticate, grant_for, issue_key, save_agreement
from hub.access.clients import consequences, register_client
from hub.errors import Forbidden, Invalid
from hub.model.moments import day_of, last_moment_of
from hub.store import Store
from hub.store.tables import api_key

NOW = "2026-11-22T09:00:00Z"
AGREED = Agreement(name="epd", title="EPD", purpose="gids", legal_basis="toestemming", contact="a@example.org", our_contact="b@example.org")


@pytest.fixture
def store(sqlite_database_url: str, tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(sqlite_database_url, tmp_path)
    yield opened
    opened.close()


@pytest.mark.parametrize(
    ("given", "ends"),
    [
        ("2026-12-31", "2026-12-31T22:59:59Z"),  # in Belgium, in winter
        ("2026-07-01", "2026-07-01T21:59:59Z"),  # and in summer
        ("2026-12-31T18:00:00+02:00", "2026-12-31T16:00:00Z"),
        ("2026-12-31T18:00Z", "2026-12-31T18:00:00Z"),
        ("2026-12-31T18:00:00", None),  # in which zone?
        ("31/12/2026", None),
        ("2026-02-30", None),
        ("0001-01-01T00:00:00+14:00", None),
        ("", None),
    ],
)
def test_the_last_moment_of_what_somebody_gives(given: str, ends: str | None) -> None:
    assert last_moment_of(given) == ends


@given(st.text(max_size=30))
def test_any_text_is_a_day_or_is_none(text: str) -> None:
    assert day_of(text) in (None, text)
    last_moment_of(text)


def test_a_key_ends_at_the_moment_that_was_meant(store: Store) -> None:
    def make(expires_at: str) -> str:
        return store.write(lambda writer: issue_key(writer.connection, "epd", NOW, expires_at))

    store.write(lambda writer: save_agreement(writer.connection, AGREED, NOW))
    key = make("2026-12-31T18:00:00+02:00")
    with store.read() as connection:
        assert authenticate(connection, key, "2026-12-31T16:00:00Z") == ("epd", "2026-12-31T16:00:00Z")
        with pytest.raises(Forbidden):
            authenticate(connection, key, "2026-12-31T16:00:01Z")
    with pytest.raises(Invalid) as refused:
        make("gisteren")
    assert [error.path for error in refused.value.errors] == ["expires_at"]


def test_keys_that_ended_stand_in_the_way_of_no_new_one(store: Store) -> None:
    store.write(lambda writer: save_agreement(writer.connection, AGREED, NOW))
    for _ in range(2):
        store.write(lambda writer: issue_key(writer.connection, "epd", NOW, "2026-11-30"))
    with pytest.raises(Invalid, match="already has 2 live keys"):
        store.write(lambda writer: issue_key(writer.connection, "epd", "2026-11-30T22:59:59Z"))
    client = store.write(
        lambda writer: register_client(
            writer.connection, "epd", NOW, title="", scopes="system/Organization.rs", jwks_url="https://epd.example.org/keys"
        )
    )
    later = "2026-11-30T23:00:00Z"
    key = store.write(lambda writer: issue_key(writer.connection, "epd", later))
    with store.read() as connection:
        assert authenticate(connection, key, later)[0] == "epd"
        left = [
            consequences(connection, client.id, int(datetime.fromisoformat(now).timestamp())).live_keys for now in ("2026-11-30T22:59:59Z", later)
        ]
    assert left == [3, 1]


def test_an_end_that_nobody_can_read_has_come(store: Store) -> None:
    """Of before ends were checked."""
    with pytest.raises(Forbidden):
        grant_for(replace(AGREED, expires_on="gisteren"), "2026-11-22")
    assert grant_for(replace(AGREED, expires_on="2026-11-22"), "2026-11-22").name == "epd"

    def fill(text: str) -> None:
        store.write(lambda writer: writer.connection.execute(update(api_key).values(expires_at=text)))

    store.write(lambda writer: save_agreement(writer.connection, AGREED, NOW))
    key = store.write(lambda writer: issue_key(writer.connection, "epd", NOW))
    for text, holds in (("zzz", False), ("2026-11-22T12:00:00+02:00", True), ("2026-11-22T10:30:00+02:00", False)):
        fill(text)
        with store.read() as connection:
            if holds:
                assert authenticate(connection, key, NOW)[0] == "epd"
            else:
                with pytest.raises(Forbidden):
                    authenticate(connection, key, NOW)
