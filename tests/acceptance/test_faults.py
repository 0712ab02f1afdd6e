"""Every fault of every simulated system, during a run: a clear end, nothing lost, nothing deleted, and all well again afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from hub import World
from hub.outbound import MEGABYTE, Outbound
from hub.sync import connections
from hub.testing.simulator import Simulator
from plugins.progezondheid.simulator import ProGezondheidSimulator
from plugins.sociaal_brussels.simulator import SociaalBrusselsSimulator
from plugins.sociale_kaart.simulator import SocialeKaartSimulator
from tests.acceptance.installation import (
    SYSTEMS,
    Clock,
    Installation,
    assert_gapless,
    claims_by_source,
    content,
    installation,
    simulator,
)

KINDS: dict[str, type[Simulator]] = {kind.name: kind for kind in (SocialeKaartSimulator, ProGezondheidSimulator, SociaalBrusselsSimulator)}
SLOW = {"dribble", "timeout"}
"""Faults that end at a deadline: it is made a short one."""
ALWAYS = {"cut-off", "server-error", "rate-limit"}
"""Faults that spare some requests, and are tried without sparing any as well."""
FAULTS = [
    (name, fault, every)
    for name in SYSTEMS
    for fault in sorted(KINDS[name].fault_texts())
    for every in ((None, 1) if fault in ALWAYS else (10,) if fault == "slow" else (None,))
]
UNSEEN_AT_FIRST = {"drift-inside"}
"""Nobody can tell at a first load that something is gone that may be left out: it is tried only when everything is there."""
REMOVES = {"dead-ids"}
"""Here the system itself answers that a number leads nowhere (404): that is its word, and the guard watches over it."""


@pytest.fixture(scope="module")
def systems(world: World) -> Iterator[dict[str, Simulator]]:
    clock = Clock()
    with ExitStack() as stack:
        yield {name: stack.enter_context(simulator(name, world, clock, organisations=55, registered=45, in_brussels=40)) for name in SYSTEMS}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, systems: dict[str, Simulator]) -> dict[str, dict[str, object]]:
    """What a hub says that loaded one system, undisturbed."""
    told = {}
    for name in SYSTEMS:
        home = tmp_path_factory.mktemp("undisturbed")
        with installation(f"sqlite:///{home / 'hub.sqlite'}", home, Clock()) as hub:
            hub.connect(name, systems[name].config())
            assert hub.run(name).state == "done"
            told[name] = content(hub.store)
    return told


@pytest.fixture
def hub(tmp_path: Path, sqlite_database_url: str) -> Iterator[Installation]:
    with installation(sqlite_database_url, tmp_path, Clock()) as empty:
        yield empty


def hurried(hub: Installation, fault: str) -> None:
    """Wait less long than a patient hub would: the fault is the same."""
    if fault in SLOW:
        hub.http.close()
        hub.http = Outbound(allow_private=True, deadline=0.3, attempts=1, sleep=lambda seconds: None)
    if fault == "flood":
        hub.http.close()
        hub.http = Outbound(allow_private=True, byte_cap=4 * MEGABYTE)


def tried(hub: Installation, system: Simulator, fault: str, every: int | None) -> None:
    """One run with the fault: it ends as done, or as failed or stopped with a reason that a person can read."""
    patient = hub.http
    hurried(hub, fault)
    system.switch(fault, every=every)
    try:
        report = hub.run(system.name, full=True)
    finally:
        system.switch(fault, on=False)
        if hub.http is not patient:
            hub.http.close()
            hub.http = Outbound(allow_private=True, deadline=5, attempts=2, sleep=lambda seconds: None)
    assert report.state in ("done", "failed", "stopped")
    if fault not in REMOVES:
        assert (report.deleted, report.withheld) == (0, 0), "nothing is deleted on the word of a system in trouble"
    if report.state != "done":
        assert len(report.reason) > 20
        assert "the trace is in the log" not in report.reason, "a fault that was foreseen is not a bug"
        assert "Traceback" not in report.reason


@pytest.mark.parametrize(("name", "fault", "every"), FAULTS)
def test_a_fault_loses_nothing_and_deletes_nothing(
    hub: Installation,
    systems: dict[str, Simulator],
    undisturbed: dict[str, dict[str, object]],
    name: str,
    fault: str,
    every: int | None,
) -> None:
    system, expected = systems[name], undisturbed[name]
    hub.connect(name, system.config())
    if fault not in UNSEEN_AT_FIRST:
        tried(hub, system, fault, every)  # during the first load
    assert_gapless(hub.store)
    _enabled_again(hub, name)
    assert hub.run(name, full=True).state == "done"
    assert content(hub.store) == expected
    before = claims_by_source(hub.store, [name])
    tried(hub, system, fault, every)  # and when everything is there
    if fault in REMOVES:
        assert before[name] - claims_by_source(hub.store, [name])[name] == 2 * 2
    else:
        assert claims_by_source(hub.store, [name]) == before
        assert content(hub.store).keys() == expected.keys()
    _enabled_again(hub, name)
    report = hub.run(name, full=True)
    assert (report.state, report.deleted, report.withheld) == ("done", 0, 0)
    assert content(hub.store) == expected
    assert_gapless(hub.store)


def _enabled_again(hub: Installation, name: str) -> None:
    """What an administrator does after a partner's trouble is over."""
    if connections.get(hub.store, hub.plugins, name).state != "enabled":
        connections.enable(hub.store, hub.plugins, name, http=hub.http)
