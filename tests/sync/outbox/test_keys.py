"""Idempotency keys: every POST of a delivery has one, the same in each attempt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from hashlib import sha256
from typing import Any

import orjson
import pytest
from sqlalchemy import update

from hub.errors import Unreachable
from hub.model.entity import Change
from hub.store import Store
from hub.store.tables import outbox as table
from hub.sync import delivery, outbox, status
from hub.sync.agreed import Agreed
from hub.sync.outbox import Letter
from tests.sync.conftest import Clock
from tests.sync.outbox.conftest import Line, Offer, Post, letters
from tests.sync.test_push import say


def test_every_attempt_of_the_same_content_has_the_same_key(any_store: Store, go: Callable[..., Any], line: Line, clock: Clock, offer: Offer) -> None:
    say(any_store, 1, "Huis", 1)
    line.failing["Huis"] = Unreachable("Down.")
    first = go()
    assert (first.state, first.pushed, letters(any_store)) == ("done", 0, [("waiting", 1)])
    assert "will be tried again" in first.warnings[0]
    (one,) = status.of_all(any_store, offer(Post))
    assert (one.waiting, "1 delivery failed and will be tried again, from 2026-11-22T09:0" in one.reason) == (1, True)
    clock.forward(minutes=5)
    go()
    line.failing.clear()
    clock.forward(minutes=5)
    assert go().pushed == 1
    keys = {key for key, _ in line.posts}
    assert len(line.posts) == 3
    assert len(keys) == 1
    say(any_store, 1, "Thuis", 2)
    assert go().pushed == 1
    assert line.posts[-1][0] not in keys
    assert letters(any_store) == []


def test_the_key_tells_deliveries_apart_by_all_that_makes_them_another() -> None:
    change = Change(5, "2026-11-22T09:00:00Z", "id", "organisatie", "id", "update", "editor")
    letter = Letter("own", 1, change, "waiting", 0, "", "", "", "one")
    key = delivery.key("own", letter, {"name": "Huis"}, Agreed())
    assert delivery.key("own", replace(letter, attempts=7, state="dead"), {"name": "Huis"}, Agreed(said={})) == key
    others = [
        delivery.key("other", letter, {"name": "Huis"}, Agreed()),
        delivery.key("own", replace(letter, number="two"), {"name": "Huis"}, Agreed()),
        delivery.key("own", replace(letter, change=replace(change, seq=6)), {"name": "Huis"}, Agreed()),
        delivery.key("own", replace(letter, change=replace(change, id="another")), {"name": "Huis"}, Agreed()),
        delivery.key("own", letter, {"name": "Thuis"}, Agreed()),
        delivery.key("own", letter, {"name": "Huis"}, Agreed({"name": "Huis"}, {"name": "HUIS"})),
    ]
    assert len({key, *others}) == 1 + len(others)


def test_a_letter_that_an_earlier_version_wrote_goes_out_under_the_key_that_it_had_there(any_store: Store, clock: Clock) -> None:
    change = Change(5, "2026-11-22T09:00:00Z", "id", "organisatie", "id", "update", "editor")
    any_store.write(lambda writer: outbox.enqueue(writer.connection, "own", [(1, change)], clock()))
    as_then = update(table).values(change=orjson.dumps(asdict(change)))
    any_store.write(lambda writer: writer.connection.execute(as_then))
    with any_store.read() as db:
        (letter,) = outbox.due(db, "own", clock(), (-1, -1), 10)
    told = b'["own","id",5,{"name":"Huis"},null]'
    assert delivery.key("own", letter, {"name": "Huis"}, Agreed()) == sha256(told).hexdigest()


def test_a_crash_after_the_partner_took_it_repeats_the_key(
    any_store: Store, go: Callable[..., Any], line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    say(any_store, 1, "Huis", 1)
    with monkeypatch.context() as patch:
        patch.setattr("hub.sync.agreed.save", lambda *args: (_ for _ in ()).throw(KeyboardInterrupt()))
        with pytest.raises(KeyboardInterrupt):
            go()
    assert go().pushed == 1
    assert len(line.posts) == 2
    assert len({key for key, _ in line.posts}) == 1


def test_each_post_of_a_delivery_has_a_key_of_its_own_and_the_same_in_every_attempt(
    any_store: Store, go: Callable[..., Any], line: Line, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def twice(sink: Post, change: Change, desired: dict[str, Any] | None, agreed: dict[str, Any] | None) -> Any:
        for part in ("one", "two"):
            sink.context.http.post(f"https://partner.example.org/{change.id}/{part}", json={"name": f"{part} of {(desired or {})['name']}"})
        return desired

    monkeypatch.setattr(Post, "push", twice)
    say(any_store, 1, "Huis", 1)
    say(any_store, 2, "Thuis", 1)
    line.failing["two of Thuis"] = Unreachable("Down.")
    assert go().pushed == 1
    clock.forward(minutes=5)
    line.failing.clear()
    assert go().pushed == 1
    keys = [key for key, _ in line.posts]
    assert len(set(keys[:4])) == 4
    assert keys[4:] == keys[2:4]
