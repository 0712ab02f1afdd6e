"""The audit trail: a chain that shows every hand laid on it, written beside the requests and by the last breath of a process."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, delete, insert, select, update

from hub import jobs
from hub.access import audit, issue_key, save_agreement
from hub.access.audit import Access, Trail
from hub.errors import StoreBusy
from hub.store import Store, Writer
from hub.store.tables import audit as rows_of
from hub.store.tables import audit_end
from hub.store.tables import connection as connection_table
from tests.access.signing import agreed


def access(number: int, at: str = "2026-11-22T09:00:00.000Z", **more: object) -> Access:
    words = {"partner": "epd", "via": "key fh_12345", "address": "192.0.2.0", "interaction": "read", "type": "Organization"}
    return Access(**{"at": at, **words, "target": f"id-{number}", "query": f"Organization/id-{number}", "status": 200, **more})  # type: ignore[arg-type]


@pytest.fixture
def store(database_url: str, tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(database_url, tmp_path)
    yield opened
    opened.close()


def append(store: Store, *accesses: Access) -> None:
    store.write(lambda writer: audit.append(writer.connection, audit.chain_key(store.secret), list(accesses)))


def verified(store: Store, expect: str = "") -> audit.Verdict:
    with store.read() as connection:
        return audit.verify(connection, audit.chain_key(store.secret), expect)


def test_a_trail_that_nobody_touched_holds(store: Store) -> None:
    assert verified(store) == audit.Verdict(0, f"0:{'00' * 32}")
    append(store, *map(access, range(3)))
    append(store, access(3))
    found = verified(store)
    assert (found.rows, found.reason, found.head.split(":")[0]) == (4, "", "4")
    with store.read() as connection:
        assert audit.head(connection) == found.head
        assert [row.n for row in audit.find(connection, limit=2)] == [4, 3]


def _change(connection: Connection) -> None:
    connection.execute(update(rows_of).where(rows_of.c.n == 2).values(partner="another"))


def _remove(connection: Connection) -> None:
    connection.execute(delete(rows_of).where(rows_of.c.n == 2))


def _shorten(connection: Connection) -> None:
    connection.execute(delete(rows_of).where(rows_of.c.n >= 4))


def _shorten_with_its_end(connection: Connection) -> None:
    _shorten(connection)
    last = connection.execute(select(rows_of.c.hash).where(rows_of.c.n == 3)).scalar_one()
    connection.execute(update(audit_end).values(n=3, hash=last))


def _empty(connection: Connection) -> None:
    connection.execute(delete(rows_of))


def _forge(connection: Connection) -> None:
    """A row more, by somebody without the secret."""
    row = connection.execute(select(rows_of).where(rows_of.c.n == 4)).mappings().one()
    connection.execute(insert(rows_of).values(**{**row, "n": 5}))


def _begin_later(connection: Connection) -> None:
    """As if retention had removed the first rows."""
    gone = connection.execute(select(rows_of.c.hash).where(rows_of.c.n == 2)).scalar_one()
    connection.execute(delete(rows_of).where(rows_of.c.n <= 2))
    connection.execute(insert(audit_end).values(name="cut", n=2, hash=gone, mac=b"0" * 32))


def _forget_the_end(connection: Connection) -> None:
    connection.execute(delete(audit_end))


@pytest.mark.parametrize("hand", [_change, _remove, _shorten, _shorten_with_its_end, _empty, _forge, _begin_later, _forget_the_end])
def test_every_hand_that_is_laid_on_it_shows(sqlite_database_url: str, tmp_path: Path, hand: Callable[[Connection], None]) -> None:
    store = Store.open(sqlite_database_url, tmp_path)
    append(store, *map(access, range(4)))
    assert verified(store).reason == ""
    store.write(lambda writer: hand(writer.connection))
    found = verified(store)
    store.close()
    assert found.reason, hand.__name__
    assert found.broken_at is not None


def test_a_row_of_another_past_shows(store: Store) -> None:
    """Written by this very hub before somebody put the trail back: its own hash is good, its place is not."""
    append(store, *map(access, range(4)))
    with store.read() as connection:
        before = connection.execute(select(rows_of).where(rows_of.c.n == 3)).mappings().one()
    for undo in (_empty, _forget_the_end):
        store.write(lambda writer, undo=undo: undo(writer.connection))  # type: ignore[misc]
    append(store, *map(access, range(10, 14)))
    assert verified(store).reason == ""
    store.write(lambda writer: writer.connection.execute(update(rows_of).where(rows_of.c.n == 3).values(**before)))
    assert verified(store).broken_at == 3


def test_a_trail_that_was_put_back_is_known_by_the_end_that_was_written_down(store: Store) -> None:
    append(store, access(0), access(1))
    with store.read() as connection:
        earlier = audit.head(connection)
    append(store, access(2))
    with store.read() as connection:
        later = audit.head(connection)
    assert verified(store, earlier).reason == ""
    assert verified(store, later).reason == ""
    begun_anew = f"3:{'11' * 32}"
    assert "put back" in verified(store, begun_anew).reason
    assert "put back" in verified(store, f"9{later}").reason


def test_a_stretch_of_time_begins_with_its_first_moment_and_ends_before_its_last(store: Store) -> None:
    moments = [f"2026-11-22T09:0{minute}:00.000Z" for minute in range(3)]
    append(store, *(access(number, at) for number, at in enumerate(moments)))
    with store.read() as connection:
        assert [row.at for row in audit.find(connection, since=moments[1])] == [moments[2], moments[1]]
        assert [row.at for row in audit.find(connection, until=moments[1])] == [moments[0]]


def test_what_is_too_old_goes_and_the_rest_still_holds(store: Store) -> None:
    old = (store.now() - timedelta(days=11)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    new = store.now().isoformat(timespec="milliseconds").replace("+00:00", "Z")
    append(store, access(0, old), access(1, old), access(2, new))
    jobs.HOUSEKEEPING["audit"][1](store)
    assert verified(store).rows == 3, "kept for two years when nobody says otherwise"
    for days in (30, 10, 10):
        store.write(lambda writer, days=days: audit.keep_days(writer.connection, days))  # type: ignore[misc]
        jobs.HOUSEKEEPING["audit"][1](store)
    append(store, access(3, new))
    found = verified(store)
    assert (found.rows, found.reason) == (2, "")
    with store.read() as connection:
        assert [row.target for row in audit.find(connection, limit=10)] == ["id-3", "id-2"]
        assert audit.kept_days(connection) == 10
    store.write(lambda writer: _shorten(writer.connection))
    assert verified(store).reason


def test_processes_write_one_chain_together(store: Store) -> None:
    def write(start: int) -> None:
        for number in range(start, start + 10):
            append(store, access(number), access(number + 100))

    threads = [threading.Thread(target=write, args=(start,)) for start in (0, 20, 40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (verified(store).rows, verified(store).reason) == (60, "")


def test_rows_are_written_without_anybody_waiting(sqlite_database_url: str, tmp_path: Path) -> None:
    store = Store.open(sqlite_database_url, tmp_path)
    trail = Trail(store)
    for number in range(3):
        trail.note(access(number))
    trail.close()
    assert verified(store).rows == 3
    trail.close()
    store.close()


def test_a_store_that_is_closed_has_written_what_waited(database_url: str, tmp_path: Path) -> None:
    store = Store.open(database_url, tmp_path)
    trail = Trail(store)
    trail.note(access(1))
    store.close()
    trail.close()
    assert trail._thread is None
    again = Store.open(database_url, tmp_path)
    assert verified(again).rows == 1
    again.close()


def test_what_cannot_be_written_waits_and_what_does_not_fit_is_counted(
    sqlite_database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store.open(sqlite_database_url, tmp_path)
    monkeypatch.setattr(audit, "MOST_WAITING", 5)
    trail = Trail(store)
    trail.close()  # no thread: this test says when
    with monkeypatch.context() as away:

        def busy(*_: object, **__: object) -> None:
            raise StoreBusy("busy")

        away.setattr(store, "write", busy)
        for number in range(8):
            trail.note(access(number))
        assert trail.flush() == 0
    assert trail.flush() == 6
    with store.read() as connection:
        found = audit.find(connection, limit=10)
    assert [row.target for row in reversed(found[1:])] == [f"id-{number}" for number in range(5)]
    assert (found[0].interaction, found[0].query) == (audit.LOST, "lost=3")
    assert verified(store).reason == ""
    store.close()


def test_no_sign_in_an_address_keeps_rows_from_being_written(store: Store) -> None:
    append(store, access(1, target="a\0b", query=audit.asked("Organization/a\0b", [("x\0", "\0")])), access(2))
    with store.read() as connection:
        assert [row.target for row in audit.find(connection)] == ["id-2", "a\N{REPLACEMENT CHARACTER}b"]
    assert verified(store).reason == ""


def test_what_was_asked_is_kept_readable_and_cut() -> None:
    assert audit.asked("Organization", []) == "Organization"
    assert (
        audit.asked("Organization", [("name", "*"), ("address-city", "Sint-Niklaas & co")])
        == "Organization?name=*&address-city=Sint-Niklaas%20%26%20co"
    )
    assert len(audit.asked("x" * 900, [("y" * 900, "z" * 900)] * 9)) == 2_000


@pytest.mark.parametrize(
    ("address", "kept"),
    [
        ("192.0.2.77", "192.0.2.0"),
        ("2001:db8:85a3:1:2:8a2e:370:7334", "2001:db8:85a3::"),
        ("::1", "::"),
        ("fe80::1%eth0", "fe80::"),
        ("", ""),
        ("nonsense", ""),
    ],
)
def test_an_address_is_kept_as_its_network(address: str, kept: str) -> None:
    assert audit.truncated(address) == kept


PROGRAM = """
import sys
from pathlib import Path
from hub.web import Settings, server
server.serve(sys.argv[1], Path(sys.argv[2]), Settings(), port=int(sys.argv[3]), on_ready=lambda url: print("Ready:", url, flush=True))
"""


def test_a_server_that_is_asked_to_stop_writes_what_it_has(tmp_path: Path) -> None:
    """Two workers, asked to stop right after the last answer."""
    url = f"sqlite:///{tmp_path / 'fichehub.sqlite'}"
    store = Store.open(url, tmp_path)

    def open_up(writer: Writer) -> str:
        save_agreement(writer.connection, agreed("epd"), "2026-11-22T09:00:00Z")
        row = {"name": "fhir", "connector": "fhir", "config": b"{}", "state": "enabled", "created_at": "2026-11-22T09:00:00Z", "partner": ""}
        writer.connection.execute(connection_table.insert().values(row))
        return issue_key(writer.connection, "epd", "2026-11-22T09:00:00Z")

    key = store.write(open_up)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, url, str(tmp_path), str(port)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("Ready:")
        for _ in range(20):
            asked = urllib.request.Request(f"http://127.0.0.1:{port}/fhir/Organization?_count=1", headers={"X-API-Key": key})
            with urllib.request.urlopen(asked, timeout=10) as response:
                assert response.status == 200
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)
    found = verified(store)
    store.close()
    assert (found.rows, found.reason) == (20, "")
