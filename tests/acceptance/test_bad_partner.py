"""A partner that lies while another is fine, both run by one worker: its run ends with the reason, its cursor stays, and the other does not notice."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from hub import World
from hub.jobs import Worker
from hub.model.moments import to_second
from hub.outbound import MEGABYTE, Outbound
from hub.sync import connections, records
from plugins.progezondheid.simulator import ProGezondheidSimulator
from plugins.sociaal_brussels.simulator import SociaalBrusselsSimulator
from tests.acceptance.installation import Clock, Installation, claims_by_source, installation

TROUBLE = {
    "dribble": "did not answer",
    "flood": "sends more than 1,048,576 bytes in one answer",
    "redirect": "redirects are not followed",
    "drift": "changed its interface",
    "cut-off": "broke off in the middle",
    "server-error": "answered 500",
}


@pytest.fixture
def hub(tmp_path: Path, sqlite_database_url: str, monkeypatch: pytest.MonkeyPatch, fault: str) -> Iterator[Installation]:
    patience = 2.0 if fault == "dribble" else 30.0  # a busy machine is no bad partner: only who never ends is not waited for

    def hurried(**limits: object) -> Outbound:
        return Outbound(allow_private=True, deadline=patience, attempts=1, byte_cap=MEGABYTE, sleep=lambda seconds: None)

    monkeypatch.setattr(import_module("hub.sync.run"), "open_outbound", hurried)
    with installation(sqlite_database_url, tmp_path, Clock()) as empty:
        yield empty


@pytest.mark.parametrize("fault", TROUBLE)
def test_one_bad_partner_is_no_trouble_for_the_others(hub: Installation, world: World, fault: str) -> None:
    worker = Worker(hub.store, hub.plugins)
    with (
        ProGezondheidSimulator(world, count=20, now=hub.clock) as bad,
        SociaalBrusselsSimulator(world, count=10, today=lambda: hub.clock().date()) as good,
    ):
        for name, system in (("progezondheid", bad), ("sociaal-brussels", good)):
            hub.connect(name, system.config())
            connections.configure(hub.store, hub.plugins, name, schedule="every 60 minutes")
        hub.clock.forward(hours=1)
        worker.run_due()
        before = connections.get(hub.store, hub.plugins, "progezondheid")
        claims = claims_by_source(hub.store, ["progezondheid"])
        number = bad.register.after(bad.register.start(0), 1).items[0]["nihdi8"]
        bad.edit(number, languages=["sv"])
        bad.switch(fault, every=1)
        hub.clock.forward(hours=1)
        worker.run_due()
        after, other = (connections.get(hub.store, hub.plugins, name) for name in ("progezondheid", "sociaal-brussels"))
        assert after.last_run is not None
        assert (after.last_run.state, TROUBLE[fault] in after.last_run.reason) == ("failed", True), after.last_run.reason
        assert (after.cursor, claims_by_source(hub.store, ["progezondheid"])) == (before.cursor, claims)
        assert other.last_run is not None
        assert (other.state, other.last_run.state, other.last_run.rejected) == ("enabled", "done", 0)
        assert other.last_run.started_at == to_second(hub.clock())
        bad.switch(fault, on=False)
        if after.state != "enabled":
            connections.enable(hub.store, hub.plugins, "progezondheid", http=hub.http)
        hub.clock.forward(hours=2)
        worker.run_due()
        with hub.store.read() as opened:
            since = [one for one in records.reports(opened, "progezondheid", limit=9) if one.id > after.last_run.id]
        assert {one.state for one in since} == {"done"}
        assert sum(one.changed for one in since) == 1
