"""From the simulator through the connector and a run into a real store, and out again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from sqlalchemy import select

from hub import plugins, schemas
from hub.demo import World
from hub.hookspecs import hookimpl
from hub.model.claims import Claim
from hub.store import Store, erasure
from hub.store.tables import claim as claim_table
from hub.store.tables import entity as entity_table
from hub.sync import connections, run
from hub.sync.records import RunReport
from plugins.sociale_kaart.connector import SocialeKaart
from plugins.sociale_kaart.simulator import SocialeKaartSimulator
from tests.plugins.sociale_kaart.pulls import outbound


class Clock:
    """Moves an hour with every run."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.moment


class Running:
    """A hub with one connection to a simulator."""

    def __init__(self, store: Store, clock: Clock, simulator: SocialeKaartSimulator) -> None:
        self.store = store
        self.clock = clock
        module = ModuleType("under_test")
        vars(module)["register_connectors"] = hookimpl(lambda: [SocialeKaart], specname="register_connectors")
        self.plugins = plugins.load([("sociale_kaart", module)], installed=False)
        config = {"base_url": f"{simulator.url}/api", "pace": 0}
        connections.add(store, self.plugins, "kaart", "sociale-kaart", config)
        with outbound() as http:
            connections.enable(store, self.plugins, "kaart", http=http)

    def run(self, *, full: bool = False, attempts: int = 4) -> RunReport:
        self.clock.moment += timedelta(hours=1)
        with outbound(attempts) as http:
            return run(self.store, self.plugins, "kaart", full=full, http=http)

    def fiche_of(self, external_id: str) -> str:
        """The id of the fiche that a row became."""
        with self.store.read() as connection:
            return str(
                connection.execute(
                    select(entity_table.c.uuid)
                    .join(claim_table, claim_table.c.fiche_id == entity_table.c.id)
                    .where(claim_table.c.external_id == external_id)
                ).scalar_one()
            )


@pytest.fixture
def running(tmp_path: Path, sqlite_database_url: str, simulator: SocialeKaartSimulator) -> Iterator[Running]:
    clock = Clock()
    store = Store.open(sqlite_database_url, tmp_path / "home", now=clock)
    yield Running(store, clock, simulator)
    store.close()


def test_a_whole_run_then_nothing_then_an_edit_then_a_removal(running: Running, simulator: SocialeKaartSimulator) -> None:
    first = running.run()
    assert (first.state, first.rejected, first.missing) == ("done", 0, 0), first.reason
    assert first.changed == 60 + simulator.row_count
    again = running.run(full=True)
    assert (again.state, again.changed, again.deleted, again.withheld) == ("done", 0, 0, 0)
    assert again.unchanged == first.changed
    simulator.edit(11, state="INACTIVE")
    edited = running.run()
    assert (edited.mode, edited.changed) == ("incremental", 1)
    simulator.remove(2)  # one of three of its organisatie
    assert running.run().deleted == 0, "an incremental run takes nothing for removed"
    assert running.run(full=True).deleted == 1
    simulator.remove(20)  # the only one: its organisatie is in no row any more
    assert running.run(full=True).deleted == 2


@pytest.mark.parametrize("fault", ["wrong-totals", "missing-rows", "page-shift", "label-rename"])
def test_no_fault_of_the_source_deletes_or_changes_a_fiche(running: Running, simulator: SocialeKaartSimulator, fault: str) -> None:
    running.run()
    simulator.switch(fault)
    report = running.run(full=True)
    assert (report.state, report.changed, report.deleted, report.withheld) == ("done", 0, 0, 0), report.reason
    assert (report.missing > 0) == (fault in ("wrong-totals", "missing-rows"))
    assert bool(report.warnings) == (report.missing > 0)


@pytest.mark.parametrize("fault", ["cut-off", "server-error", "rate-limit"])
def test_a_source_that_breaks_off_keeps_what_is_there_and_the_next_run_completes_it(
    running: Running, simulator: SocialeKaartSimulator, fault: str
) -> None:
    simulator.switch(fault, every=30)
    broken = running.run(attempts=1)
    assert (broken.state, broken.deleted) == ("failed", 0)
    assert broken.reason
    simulator.switch(fault, on=False)
    report = running.run()
    assert report.state == "done"
    assert report.changed + broken.changed == 60 + simulator.row_count
    assert running.run(full=True).changed == 0


def test_two_services_of_one_enterprise_at_one_address_are_two_fiches(running: Running, world: World) -> None:
    running.run()
    assert len({running.fiche_of(world.source_id("organisatie", index)) for index in (51, 52)}) == 2


def test_a_reload_after_an_erasure_is_quiet_and_says_whom_it_left_out(running: Running, simulator: SocialeKaartSimulator) -> None:
    running.run()
    caregiver, offers = next((each, names) for each, names in _named_in(running.store).items() if len(names) == 1)
    erasure.erase(running.store, running.fiche_of(caregiver), "asked for")
    before = _claims(running.store)
    for _ in range(2):
        again = running.run(full=True)
        assert (again.state, again.changed, again.erased) == ("done", 0, 1), again.reason
        assert _claims(running.store) == before, "nothing was written"
    index = next(index for index in range(simulator.row_count) if World(size="S").source_id("aanbod", index) == offers[0])
    simulator.edit(index, state="INACTIVE")
    assert running.run(full=True).changed == 1, "what else the source says of such a row still comes in"
    assert caregiver not in str(_claims(running.store))


def test_a_row_that_the_source_withheld_once_comes_with_the_next_run(running: Running, simulator: SocialeKaartSimulator) -> None:
    simulator.switch("missing-rows")
    first = running.run()
    assert first.missing > 0
    simulator.switch("missing-rows", False)
    second = running.run()
    assert (second.mode, second.missing) == ("full", 0)
    assert second.changed >= first.missing
    assert running.run().mode == "incremental"


def _claims(store: Store) -> dict[str, tuple[int, str, Claim]]:
    """External id -> revision, when it was written, and what it says."""
    with store.read() as connection:
        rows = connection.execute(select(claim_table).order_by(claim_table.c.external_id)).all()
    return {
        row.external_id: (row.revision, row.at, schemas.decode_claim("sociale-kaart", row.external_id, row.revision, None, row.content))
        for row in rows
    }


def _named_in(store: Store) -> dict[str, list[str]]:
    """Caregivers that have a fiche of their own -> the aanbod that names them."""
    claims = {name: claim for name, (_, _, claim) in _claims(store).items()}
    found: dict[str, list[str]] = {}
    for name, claim in claims.items():
        for each in claim.content.get("caregivers", ()):
            if each["zorgverlener"]["external_id"] in claims:
                found.setdefault(each["zorgverlener"]["external_id"], []).append(name)
    return found


@pytest.mark.parametrize(
    ("poisoned", "field"),
    [
        ({"legalName": {"description": "Huis \ud800"}}, "legalName.description"),
        ({"type": "Aanbod\ud800"}, "type"),
        ({"state": "ACTIVE\ud800"}, "state"),
        ({"activities": [{"name": {"description": "14.04.01. Woonzorg\ud800"}}]}, "activities.0.name.description"),
        ({"contactInfo": {"phones": [{"value": "09 \ud800"}]}}, "contactInfo.phones.0.value"),
    ],
)
def test_a_row_with_half_a_character_is_rejected_alone(
    running: Running, simulator: SocialeKaartSimulator, poisoned: dict[str, Any], field: str
) -> None:
    poisoned_id = simulator.edit(5, **poisoned)
    report = running.run()
    assert (report.state, report.read) == ("done", report.changed + 1), report.reason
    (refused,) = report.rejections
    assert (refused.external_id, refused.field) == (poisoned_id, field)
    assert "\\ud800" in refused.raw
    again = running.run(full=True)
    assert (again.state, again.changed, again.deleted) == ("done", 0, 0)


@pytest.mark.parametrize("poisoned", [{"links": [{"rel": "next\ud800", "href": "x\ud800"}]}, {"unknown": "\ud800"}])
def test_half_a_character_in_what_is_not_read_harms_nothing(running: Running, simulator: SocialeKaartSimulator, poisoned: dict[str, Any]) -> None:
    simulator.edit(5, **poisoned)
    report = running.run()
    assert (report.state, report.rejected) == ("done", 0), report.reason
