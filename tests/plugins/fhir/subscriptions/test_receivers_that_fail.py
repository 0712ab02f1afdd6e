"""Subscriptions when a receiver refuses, fails or is slow, or a worker is killed: nothing is lost, nothing is told under two keys, nobody else waits."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from sqlalchemy import func, select

from hub.jobs import Worker
from hub.outbound import Outbound
from hub.store.tables import subscription_event
from hub.subscribing import Notifier, request_again
from tests.plugins.fhir.subscribing import (
    Hub,
    Receiver,
    in_gent,
    subscription,
)


def test_a_handshake_that_is_refused_activates_nothing(hub: Hub, receiver: Receiver) -> None:
    receiver.statuses = ["404 Not Found"]
    id = hub.subscribe(receiver.url)
    hub.put(in_gent(1))
    hub.work()
    assert hub.state(id)["status"] == "error"
    assert "answered 404" in hub.state(id)["error"]
    hub.forward(days=1)
    hub.work()
    assert receiver.bodies == []


def test_a_receiver_that_fails_is_tried_again_given_up_and_caught_up_when_it_is_requested_again(any_hub: Hub, receiver: Receiver) -> None:
    hub = any_hub
    id = hub.subscribe(receiver.url)
    hub.work()
    receiver.statuses = ["503 Later"] * 12
    hub.put(in_gent(1))
    hub.work()
    assert len(receiver.requests) == 2
    hub.work()
    assert len(receiver.requests) <= 3, "not again before its time, but for a pause that chance made nothing"
    for _ in range(12):
        hub.forward(hours=6)
        hub.work()
    shown = hub.state(id)
    assert (shown["status"], len(receiver.requests)) == ("error", 13)
    assert "Given up after 12 attempts. 2 events wait." in shown["error"]
    hub.put(in_gent(2))
    hub.work()
    assert receiver.events() == []
    status = hub.ask("GET", f"Subscription/{id}/$status").get_json(force=True)["entry"][0]["resource"]
    assert {"name": "events-since-subscription-start", "valueString": "4"} in status["parameter"]

    again = hub.ask("PUT", f"Subscription/{id}", subscription(receiver.url) | {"id": id})
    assert again.get_json(force=True)["status"] == "requested"
    hub.work()
    assert [told.kind for told in receiver.told()] == ["handshake", "handshake", "event-notification"]
    assert [number for number, _ in receiver.events()] == [1, 2, 3, 4]


def test_what_nobody_foresaw_is_an_attempt_too(hub: Hub, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    id = hub.subscribe(receiver.url)
    hub.work()
    hub.put(in_gent(1))
    tried: list[str] = []

    def stumble(outbound: Outbound, url: str, **given: object) -> None:
        tried.append(url)
        raise OverflowError("a number that no calendar knows")

    monkeypatch.setattr(Outbound, "post", stumble)
    for _ in range(14):
        hub.forward(hours=6)
        hub.work()
    assert len(tried) == 12
    assert "could not be sent (OverflowError, see the log of the hub)" in hub.state(id)["error"]


def test_retry_after_is_obeyed(hub: Hub, receiver: Receiver) -> None:
    hub.subscribe(receiver.url)
    hub.work()
    receiver.statuses, receiver.headers = ["429 Too Many"], [("Retry-After", "1800")]
    hub.put(in_gent(1))
    hub.work()
    hub.forward(minutes=29)
    hub.work()
    assert receiver.events() == []
    hub.forward(minutes=2)
    hub.work()
    assert len(receiver.events()) == 2


def test_an_administrator_can_have_it_told_again(hub: Hub, receiver: Receiver) -> None:
    id = hub.subscribe(receiver.url)
    hub.work()
    receiver.statuses = ["401 No"]
    hub.put(in_gent(1))
    hub.work()
    assert hub.state(id)["status"] == "error"
    request_again(hub.store, id)
    hub.work()
    assert len(receiver.events()) == 2


def test_a_crash_between_telling_and_noting_it_tells_it_once_more_under_the_same_key(
    any_hub: Hub, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = any_hub
    hub.subscribe(receiver.url)
    hub.work()
    hub.put(in_gent(1))

    class Killed(KeyboardInterrupt):
        pass

    def die(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Notifier, "_note", die)
        with pytest.raises(Killed):
            hub.work()
    hub.put(in_gent(2))
    hub.work()
    keys = [sent.get("HTTP_IDEMPOTENCY_KEY", "") for sent in receiver.sent[1:]]
    assert [key.split("/")[1] for key in keys] == ["1-2", "1-4"]
    assert [number for number, _ in receiver.events()] == [1, 2, 1, 2, 3, 4], "none lost; the numbers tell which came twice"


KILLED = """
import os, signal, sys
from pathlib import Path
import plugins.fhir
from hub import plugins as loading
from hub.store import Store
from hub.subscribing import Notifier
Notifier._note = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
store = Store.open(sys.argv[1], Path(sys.argv[2]))
Notifier(store, loading.load([("fhir", plugins.fhir)], installed=False)).advance_due()
"""


def test_a_worker_killed_between_telling_and_noting_it_is_followed_by_the_next(hub: Hub, receiver: Receiver, tmp_path: Path) -> None:
    hub.subscribe(receiver.url)
    hub.work()
    hub.put(in_gent(1))
    url = str(hub.store.engine.url)
    died = subprocess.run([sys.executable, "-c", KILLED, url, str(tmp_path / "home")], cwd=Path(__file__).parents[4], check=False)
    assert died.returncode == -signal.SIGKILL
    assert [number for number, _ in receiver.events()] == [1, 2], "told, and not noted"
    hub.work()
    assert [number for number, _ in receiver.events()] == [1, 2, 1, 2], "the lease of the dead holds up nobody"
    assert receiver.sent[1]["HTTP_IDEMPOTENCY_KEY"] == receiver.sent[2]["HTTP_IDEMPOTENCY_KEY"]


def test_a_crash_between_reading_the_log_and_keeping_it_loses_and_doubles_nothing(
    hub: Hub, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.subscribe(receiver.url, filters=["Organization?name=huis"])
    hub.work()
    hub.put(in_gent(1))
    from hub.subscribing import generating

    class Killed(KeyboardInterrupt):
        pass

    def die(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(generating, "_join", die)
        with pytest.raises(Killed):
            hub.work()
    with hub.store.read() as reading:
        assert reading.execute(select(func.count()).select_from(subscription_event)).scalar_one() == 0
    hub.work()
    assert [number for number, _ in receiver.events()] == [1]


def test_a_slow_receiver_holds_up_nobody(hub: Hub, receiver: Receiver) -> None:
    with Receiver() as slow:
        hub.subscribe(slow.url)
        hub.subscribe(receiver.url)
        hub.work()
        slow.hold = threading.Event()
        slow.arrived.clear()
        receiver.arrived.clear()
        hub.put(in_gent(1))
        stop = threading.Event()
        worker = threading.Thread(target=Worker(hub.store, hub.plugins).run_forever, args=(stop,), kwargs={"tick_seconds": 0.05})
        worker.start()
        try:
            assert slow.arrived.wait(20)
            assert receiver.arrived.wait(20), "while the slow one is still being waited for"
        finally:
            slow.hold.set()
            stop.set()
            worker.join(30)
    assert len(receiver.events()) == 2
    assert len(slow.events()) == 2


def test_two_workers_tell_each_event_once(any_hub: Hub, receiver: Receiver) -> None:
    hub = any_hub
    hub.subscribe(receiver.url)
    hub.work()
    for number in range(1, 11):
        hub.put(in_gent(number))
    receiver.hold = threading.Event()
    receiver.arrived.clear()
    first = threading.Thread(target=Notifier(hub.store, hub.plugins).advance_due)
    first.start()
    try:
        assert receiver.arrived.wait(20)
        Notifier(hub.store, hub.plugins).advance_due()  # while the first is at it, and nothing of it is noted
    finally:
        receiver.hold.set()
        first.join(30)
    hub.work()
    assert [number for number, _ in receiver.events()] == list(range(1, 21))
