"""Raw landing and previews: bytes are kept only when asked for, for their days; a preview says what would change, or why it cannot."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator

import pytest

from hub.connector import Finished, Incoming, Source
from hub.errors import Invalid, Unreachable
from hub.plugins import Plugins
from hub.store import Store, erasure
from hub.sync import connections, landing, run
from hub.sync.wire import Wire
from tests.sync.conftest import Clock
from tests.sync.outbox.conftest import Line
from tests.sync.rows import fresh_rows, row

Offer = Callable[..., Plugins]


class Fetching(Source):
    name = "rows"
    title = "Fetches"

    def pull(self, cursor: str | None) -> Iterator[Incoming | Finished]:
        self.context.http.get("https://partner.example.org/rows?token=hunter22")
        yield Incoming(row(1))
        yield Finished(complete=True)


@pytest.fixture
def plugins(store: Store, offer: Offer) -> Plugins:
    loaded = offer(Fetching)
    connections.add(store, loaded, "own", "rows")
    connections.enable(store, loaded, "own", http=Line())
    return loaded


def kept(store: Store, run_id: int) -> list[landing.Landing]:
    with store.read() as db:
        return list(landing.landed(db, "own", run_id))


def test_nothing_is_kept_unless_asked_for(store: Store, plugins: Plugins) -> None:
    assert kept(store, run(store, plugins, "own", http=Line()).id) == []


def test_what_came_in_is_kept_for_its_days(store: Store, plugins: Plugins, clock: Clock) -> None:
    landing.keep_for(store, "own", 3)
    report = run(store, plugins, "own", http=Line())
    (one,) = kept(store, report.id)
    assert (one.body, one.digest) == (b"{}", hashlib.sha256(b"{}").hexdigest())
    assert (one.at, one.address) == ("2026-11-22T09:00:00Z", "https://partner.example.org/rows")
    assert kept(store, run(store, plugins, "own", http=Line(), dry_run=True).id) == []
    clock.forward(days=3)
    assert landing.purge(store) == 0
    clock.forward(minutes=1)
    assert landing.purge(store) == 1
    with pytest.raises(Invalid):
        landing.keep_for(store, "own", 1000)


def test_an_erasure_leaves_no_bytes(store: Store, plugins: Plugins) -> None:
    landing.keep_for(store, "own", 3)
    report = run(store, plugins, "own", http=Line())
    with store.read() as db:
        uuid = str(db.exec_driver_sql("SELECT uuid FROM entity").scalar_one())
    erasure.erase(store, uuid, "art. 17")
    assert kept(store, report.id) == []


def test_more_than_fits_in_memory_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hub.sync.wire.LANDED_AT_ONCE", 10)
    wire = Wire(Line())
    wire.landing = True
    wire.take_landed()
    for _ in range(3):
        wire.get("https://partner.example.org/")
    assert (len(wire.take_landed()), wire.overflowed) == (1, True)


def test_a_preview_shows_each_field(store: Store, offer: Offer) -> None:
    source = fresh_rows(3)
    plugins = offer(source)
    connections.add(store, plugins, "own", "rows")
    connections.enable(store, plugins, "own")
    new = run(store, plugins, "own", dry_run=True)
    assert new.foreseen == "changes"
    assert {(one.fiche, one.field, one.old) for one in new.preview} >= {("000001", "names", None)}
    done = run(store, plugins, "own")
    assert (done.foreseen, done.preview) == (None, ())
    assert run(store, plugins, "own", dry_run=True, full=True).foreseen == "nothing changes"
    source.changed = [row(1, name="Anders", revision=2), row(2, revision=3)]
    (one,) = run(store, plugins, "own", dry_run=True).preview
    assert (one.field, one.old[0]["text"], one.new[0]["text"]) == (
        "names",
        {"nl": "Organisatie 1"},
        {"nl": "Anders"},
    )
    source.failure = Unreachable("The line broke.")
    cut = run(store, plugins, "own", dry_run=True)
    assert (cut.foreseen, cut.reason) == ("cannot preview", "The line broke.")
