"""A follower of the log holds one integer, and misses nothing however the writers' commits fall."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest
from sqlalchemy import event, text

from hub.directory import Directory
from hub.model.audience import Grant
from hub.model.claims import Claim
from hub.store import Store

LOCKED = text("SELECT count(*) FROM pg_locks WHERE NOT granted")


def say(store: Store, number: int) -> None:
    content = {"kind": "organisatie", "names": [{"text": {"nl": f"Huis {number}"}}]}
    said = Claim("kbo", f"{number}", 1, "organisatie", content)
    store.write(lambda writer: writer.put([said], origin="kbo"))


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "it never came to this"
        time.sleep(0.01)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_slow_commit_is_not_overtaken(any_store: Store) -> None:
    """The first writer has its number and is slow to commit; a second one comes meanwhile, and a follower looks."""
    for number in range(2):
        say(any_store, number)  # numbers and sources that both writers use are there
    directory = Directory(any_store, Grant())
    since = directory.changes(0).next
    at_commit, release = threading.Event(), threading.Event()

    def slow(connection: object) -> None:
        if threading.current_thread().name == "slow":
            at_commit.set()
            assert release.wait(20)

    event.listen(any_store.engine, "commit", slow)
    first = threading.Thread(target=say, args=(any_store, 10), name="slow")
    second = threading.Thread(target=say, args=(any_store, 11), name="quick")
    first.start()
    assert at_commit.wait(20)
    second.start()

    def overtaken_or_waiting() -> bool:
        if not second.is_alive():
            return True
        with any_store.engine.connect() as looking:
            return bool(looking.execute(LOCKED).scalar_one())

    until(overtaken_or_waiting)
    seen = []
    page = directory.changes(since)
    seen += [change.seq for change in page.changes]
    since = page.next
    release.set()
    first.join(20)
    second.join(20)
    seen += [change.seq for change in directory.changes(since).changes]
    assert seen == [3, 4]
