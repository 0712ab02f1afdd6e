"""sociaal.brussels through the engine into a store, with everything that is odd about it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy import select

from hub import Concept, ConceptBook, Misconfigured, World, plugins
from hub.outbound import Outbound
from hub.store import Store
from hub.store.tables import fiche
from hub.sync import RunReport, connections, run
from plugins import sociaal_brussels
from plugins.sociaal_brussels.connector import SociaalBrussels
from plugins.sociaal_brussels.simulator import SociaalBrusselsSimulator

COUNT = 40


class Clock:
    def __init__(self) -> None:
        self.moment = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.moment


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def world() -> World:
    return World()


@pytest.fixture
def running(world: World, clock: Clock) -> Iterator[SociaalBrusselsSimulator]:
    with SociaalBrusselsSimulator(world, count=COUNT, today=lambda: clock().date()) as simulator:
        yield simulator


@pytest.fixture
def store(tmp_path: Path, sqlite_database_url: str, clock: Clock) -> Iterator[Store]:
    opened = Store.open(sqlite_database_url, tmp_path / "home", now=clock)
    yield opened
    opened.close()


@pytest.fixture
def go(store: Store, running: SociaalBrusselsSimulator) -> Iterator[Callable[..., RunReport]]:
    loaded = plugins.load([("sociaal_brussels", sociaal_brussels)], installed=False)
    assert loaded.broken == ()
    with Outbound(allow_private=True, deadline=5, attempts=2, sleep=lambda seconds: None) as http:
        connections.add(store, loaded, "brussels", "sociaal-brussels", running.config())
        connections.enable(store, loaded, "brussels", http=http)
        yield lambda **how: run(store, loaded, "brussels", http=http, **how)


def names(store: Store) -> set[str]:
    return {
        name["text"].get("fr") or name["text"]["nl"] for one in live(store, "organisatie") for name in one["names"] if name.get("use") == "official"
    }


def live(store: Store, kind: str) -> list[dict[str, Any]]:
    wanted = select(fiche.c.document).where(fiche.c.kind == kind, fiche.c.document.is_not(None)).order_by(fiche.c.id)
    with store.read() as connection:
        return [orjson.loads(row) for row in connection.execute(wanted).scalars()]


def test_every_organisation_becomes_an_organisatie_and_an_aanbod(store: Store, go: Callable[..., RunReport]) -> None:
    report = go()
    assert (report.state, report.changed, report.rejected, report.missing) == ("done", 2 * COUNT, 0, 0)
    organisaties, offers = live(store, "organisatie"), live(store, "aanbod")
    assert (len(organisaties), len(offers)) == (COUNT, COUNT)
    assert {offer["organisatie"]["id"] for offer in offers} == {one["id"] for one in organisaties}
    sites = [site for one in organisaties for site in one.get("vestigingen", ())]
    assert len(sites) < COUNT, "some have no address"
    linked = {part["id"] for offer in offers for part in offer.get("vestigingen", ())}
    assert linked == {site["id"] for site in sites}
    for site in sites:
        address = site["addresses"][0]
        assert set(address["street"]) == set(address["city"]) == {"nl", "fr"}
        assert address["municipality"].startswith("21")
    assert not any(text.isupper() for site in sites for text in site["addresses"][0]["city"].values())


def test_categories_come_as_concepts_of_brussels(store: Store, go: Callable[..., RunReport]) -> None:
    go()
    with store.read() as connection:
        book = ConceptBook.load(connection)
    used = {code["code"] for offer in live(store, "aanbod") for code in offer.get("rubrieken", ())}
    assert used
    for code in used:
        concept = book.get("sociaal-brussels", code)
        assert isinstance(concept, Concept)
        assert concept.regions == ("brussel",)
        assert set(concept.labels) == {"nl", "fr"}
        above = book.ancestors("sociaal-brussels", code)
        assert [one.startswith("sector-") for one in above] == [True]
    assert {offer_scheme["scheme"] for offer in live(store, "aanbod") for offer_scheme in offer.get("rubrieken", ())} == {"sociaal-brussels"}
    assert book.label("sociaal-brussels-legal-status", "930", "fr").startswith("Association")


def test_numbers_that_are_none_are_left_out_and_counted(store: Store, go: Callable[..., RunReport]) -> None:
    report = go()
    known = [one for one in live(store, "organisatie") if one.get("identifiers")]
    assert 0 < COUNT - len(known) < COUNT / 4
    assert all(item["system"] == "kbo" and len(item["value"]) == 10 for one in known for item in one["identifiers"])
    assert any("company number" in warning for warning in report.warnings)


def test_mangled_texts_are_mended(store: Store, running: SociaalBrusselsSimulator, go: Callable[..., RunReport]) -> None:
    mangled = [row for row in running.listing.rows.values() if "Ã" in repr(row)]
    assert mangled
    go()
    assert "Ã" not in repr(live(store, "organisatie") + live(store, "aanbod"))


def test_cp1252_bytes_say_the_same(store: Store, running: SociaalBrusselsSimulator, go: Callable[..., RunReport]) -> None:
    go()
    running.switch("cp1252")
    again = go()
    assert (again.state, again.changed) == ("done", 0)


def test_one_stray_byte_costs_nothing_and_is_told_once(store: Store, running: SociaalBrusselsSimulator, go: Callable[..., RunReport]) -> None:
    number = next(iter(running.listing.rows))
    running.edit(number, nameOfficialFr="Crèche Émile – Á")
    running.switch("stray-byte")
    report = go()
    assert (report.state, report.changed, report.rejected) == ("done", 2 * COUNT, 0), report.reason
    assert "Crèche Émile – Á" in names(store)
    assert len([warning for warning in report.warnings if "cp1252" in warning]) == 1


def test_what_is_not_used_is_told_once_and_every_service_keeps_its_name(
    store: Store, running: SociaalBrusselsSimulator, go: Callable[..., RunReport]
) -> None:
    first, second, *_ = running.listing.rows
    running.edit(first, isInterpreting=True, otherAgreementNl=["Erkend door X"], nameServiceNl=["Dienst Een", "Dienst Twee"])
    running.edit(second, isInterpreting=True)
    told = [warning for warning in go().warnings if "not used" in warning]
    assert told == [
        (
            f"Filled in, but not used here: isInterpreting (of 2 of {COUNT} organisations), otherAgreementNl (of 1 of {COUNT} organisations),"
            f" startDate (of {COUNT} of {COUNT} organisations)."
        )
    ]
    (offer,) = (one for one in live(store, "aanbod") if "Dienst Een" in repr(one["names"]))
    assert {"Dienst Een", "Dienst Twee"} <= {name["text"].get("nl") for name in offer["names"]}


def test_an_organisation_with_half_a_character_is_refused_alone(running: SociaalBrusselsSimulator, go: Callable[..., RunReport]) -> None:
    number = next(iter(running.listing.rows))
    running.edit(number, nameOfficialFr="Maison \ud800")
    report = go()
    assert (report.state, report.changed, report.rejected) == ("done", 2 * COUNT - 2, 2), report.reason
    assert {one.external_id for one in report.rejections} == {str(number), f"{number}/aanbod"}  # its aanbod has the name as well
    assert all(one.field.startswith("names.") for one in report.rejections)
    running.edit(number, nameOfficialFr="Maison")
    assert (go().deleted, go().rejected) == (0, 0)


def test_two_edits_on_one_day_both_count(store: Store, running: SociaalBrusselsSimulator, go: Callable[..., RunReport], clock: Clock) -> None:
    go()
    number = next(iter(running.listing.rows))
    # Whichever of these has the higher digest, the last must stand: so try several.
    for spelling in ("Maison A", "Maison B", "Maison C", "Maison D", "Maison E"):
        clock.moment += timedelta(minutes=90)
        running.edit(number, nameOfficialFr=spelling)
        assert go().state == "done"
        assert spelling in names(store)
    clock.moment += timedelta(days=3)
    go()
    assert "Maison E" in names(store)
    clock.moment += timedelta(days=3)
    assert go().changed == 0


def test_what_is_no_longer_listed_goes(store: Store, running: SociaalBrusselsSimulator, go: Callable[..., RunReport]) -> None:
    go()
    running.remove(next(iter(running.listing.rows)))
    report = go()
    assert (report.deleted, report.withheld) == (2, 0)
    assert len(live(store, "organisatie")) == len(live(store, "aanbod")) == COUNT - 1


@pytest.mark.parametrize("fault", ["malformed-rows", "empty-list"])
def test_what_is_malformed_or_absent_altogether_deletes_nothing(
    store: Store, running: SociaalBrusselsSimulator, go: Callable[..., RunReport], fault: str
) -> None:
    go()
    running.switch(fault)
    report = go()
    assert (report.state, report.deleted, report.withheld) == ("done", 0, 0)
    assert len(live(store, "organisatie")) == len(live(store, "aanbod")) == COUNT


def test_a_row_without_an_id_means_that_the_pull_is_not_complete(
    store: Store, running: SociaalBrusselsSimulator, go: Callable[..., RunReport]
) -> None:
    go()
    first = next(iter(running.listing.rows))
    running.listing.rows[first] = {**running.listing.rows[first], "id": None}
    report = go()
    assert (report.deleted, report.missing) == (0, 1)


def test_a_second_version_is_refused_clearly(running: SociaalBrusselsSimulator) -> None:
    config = SociaalBrussels.config_schema().load({**running.config(), "version": "v2"})
    with Outbound(allow_private=True) as http:
        from hub import Context

        source = SociaalBrussels(config, Context(http, lambda: datetime(2026, 11, 22, tzinfo=UTC)))
        with pytest.raises(Misconfigured, match="v1"):
            source.check()
    assert "version" in SociaalBrussels.config_schema().validate({"version": "v3"})


def test_what_both_registers_know_is_a_candidate_and_not_joined(store: Store, world: World, go: Callable[..., RunReport]) -> None:
    shared = [one.in_sociale_kaart for one in world.brussels_organisations() if one.in_sociale_kaart is not None]
    identities = {world.source_id("organisatie", index) for index in shared}
    claims = [claim for claim in world.to_claims() if claim.external_id in identities]
    store.write(lambda writer: writer.put(claims, origin="directory"))
    before = len(live(store, "organisatie"))
    go()
    assert len(live(store, "organisatie")) == before + COUNT, "an enterprise number is never a reason to join"


def test_dates_of_the_simulator_are_written_with_two_digits(running: SociaalBrusselsSimulator) -> None:
    row = running.edit(next(iter(running.listing.rows)), remarkFr="x")
    assert row["lastUpdate"] == date(2026, 11, 22).strftime("%d/%m/%y")
