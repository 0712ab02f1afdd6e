"""From the simulator through the connector and a run into a real store, and out again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import pytest
from sqlalchemy import select

from hub import plugins, schemas
from hub.connector import Context
from hub.demo import World
from hub.hookspecs import hookimpl
from hub.model.claims import Claim
from hub.store import Store
from hub.store.tables import claim as claim_table
from hub.store.tables import entity as entity_table
from hub.store.tables import source as source_table
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


class Remembered(SocialeKaart):
    """With a hub behind it that says what it holds."""

    store: ClassVar[Store]

    def __init__(self, config: Mapping[str, Any], context: Context) -> None:
        super().__init__(config, replace(context, held=self._held))

    def _held(self, external_ids: Sequence[str]) -> dict[str, Claim]:
        with self.store.read() as connection:
            rows = connection.execute(
                select(claim_table)
                .join(source_table, source_table.c.id == claim_table.c.source_id)
                .where(
                    source_table.c.name == "sociale-kaart",
                    claim_table.c.partner == "",
                    claim_table.c.gone.is_(False),
                    claim_table.c.external_id.in_(external_ids),
                )
            ).all()
        return {
            row.external_id: schemas.decode_claim(
                "sociale-kaart", row.external_id, row.revision, None, row.content
            )
            for row in rows
        }


class Running:
    """A hub with one connection to a simulator."""

    def __init__(self, store: Store, clock: Clock, simulator: SocialeKaartSimulator) -> None:
        self.store = store
        self.clock = clock
        connector = type("Remembering", (Remembered,), {"store": store})
        module = ModuleType("under_test")
        vars(module)["register_connectors"] = hookimpl(lambda: [connector], specname="register_connectors")
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


def test_a_whole_run_then_nothing_then_an_edit_then_a_removal(
    running: Running, simulator: SocialeKaartSimulator
) -> None:
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
def test_no_fault_of_the_source_deletes_or_changes_a_fiche(
    running: Running, simulator: SocialeKaartSimulator, fault: str
) -> None:
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
