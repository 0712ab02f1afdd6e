"""The demonstration: set up once, found again, and never in the way of an administrator's own connections."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hub import plugins
from hub.connector import unwatched
from hub.demo import stage
from hub.outbound import ALLOW_PRIVATE
from hub.store import Store, index_anew
from hub.store.concepts import ConceptBook
from hub.sync import connections, lease, records, run, stops
from hub.sync.records import RunReport, State


@pytest.fixture
def store(tmp_path: Path, sqlite_database_url: str) -> Iterator[Store]:
    opened = Store.open(sqlite_database_url, tmp_path)
    yield opened
    opened.close()


def test_it_is_set_up_once_and_pointed_at_its_simulators_again(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ALLOW_PRIVATE, "1")
    installed = plugins.load()
    assert not stage.is_set(store)
    addresses = []
    for again in range(2):
        demonstration = stage.Stage(store, installed)
        assert demonstration.is_ours()
        running = demonstration.start("S")
        try:
            known = {c.connector: c for c in connections.list_all(store, installed)}
            assert set(stage.SOURCES) <= set(known)
            assert {c.state for c in known.values()} == {"enabled"}
            addresses.append(known["progezondheid"].config["base_url"])
            assert addresses[-1] == next(s.url for s in running if s.name == "progezondheid")
            assert "cobrha" not in known, "what is not simulated is not connected to"
            assert known["progezondheid"].config.get("proposals", []) == (["languages"] if again else [])
            told = {**known["progezondheid"].config, "proposals": ["languages"]}
            connections.configure(store, installed, "demo-progezondheid", config=told)
            connections.enable(store, installed, "demo-progezondheid")
        finally:
            for simulator in running:
                simulator.stop()
    assert stage.is_set(store)
    assert len(set(addresses)) == 2


def test_a_connection_that_was_paused_stays_paused(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ALLOW_PRIVATE, "1")
    installed = plugins.load()
    for expected in ("enabled", "paused"):
        running = stage.Stage(store, installed).start("S")
        for simulator in running:
            simulator.stop()
        assert connections.get(store, installed, "demo-progezondheid").state == expected
        connections.pause(store, "demo-progezondheid", "because I said so")


def test_a_connection_that_was_removed_does_not_come_back(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ALLOW_PRIVATE, "1")
    installed = plugins.load()
    for _ in range(2):
        for simulator in stage.Stage(store, installed).start("S"):
            simulator.stop()
        names = {known.name for known in connections.list_all(store, installed)}
        for name in names & {"demo-progezondheid", "demo-excel"}:
            connections.remove(store, name)
    assert names == {"demo-fhir", "demo-widget", "demo-sociale-kaart", "demo-sociaal-brussels"}


def test_a_stopped_connection_finds_its_system_when_it_may_run_again(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ALLOW_PRIVATE, "1")
    installed = plugins.load()
    for _ in range(2):
        running = stage.Stage(store, installed).start("S")
        address = next(simulator.url for simulator in running if simulator.name == "progezondheid")
        for simulator in running:
            simulator.stop()
        stops.stop(store, "demo-progezondheid", "")
    assert connections.get(store, installed, "demo-progezondheid").config["base_url"] == address
    assert [one for one in stage.Stage(store, installed).load(lambda *_: None) if "ProGezondheid" in one.line] == [], "a stopped one is no error"


def test_a_source_that_failed_is_loaded_the_next_time_and_one_that_is_loaded_is_not(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ALLOW_PRIVATE, "1")
    monkeypatch.setattr(stage, "run", _ends(failed="demo-progezondheid"))
    demonstration = stage.Stage(store, plugins.load())
    for simulator in demonstration.start("S"):
        simulator.stop()
    first = list(demonstration.load(unwatched))
    assert [one.done for one in first] == [False, True, True], "and nobody is asked about a world that is not whole"
    assert "The database did not answer" in first[0].line
    monkeypatch.setattr(stage, "run", _busy)
    (busy,) = demonstration.load(unwatched)
    assert (busy.done, "somebody else" in busy.line) == (False, True)
    monkeypatch.setattr(stage, "run", _ends())
    (again,) = demonstration.load(unwatched)
    assert again.done and "ProGezondheid" in again.line
    later = RunReport(id=0, connection="demo-progezondheid", mode="incremental", state="failed")
    store.write(lambda writer: records.begin(writer.connection, later))
    assert list(demonstration.load(unwatched)) == [], "what was loaded once stays loaded, whatever became of a later run"


def _ends(failed: str = "") -> Callable[..., RunReport]:
    def run(store: Store, installed: plugins.Plugins, name: str, **_: object) -> RunReport:
        state: State = "failed" if name == failed else "done"
        report = RunReport(id=0, connection=name, mode="full", state=state, reason="" if state == "done" else "The database did not answer.")
        store.write(lambda writer: records.begin(writer.connection, report))
        return report

    return run


def _busy(*_: object, **__: object) -> RunReport:
    raise lease.Busy("somebody else is doing this now")


def test_an_installation_with_connections_of_its_own_is_left_alone(store: Store) -> None:
    installed = plugins.load()
    connections.add(store, installed, "gids", "excel", {})
    assert not stage.Stage(store, installed).is_ours()


def test_what_the_world_says_of_its_codes_is_what_the_sources_say(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or each would undo what the other did, and the search index be made anew at every start."""
    monkeypatch.setenv(ALLOW_PRIVATE, "1")
    installed = plugins.load()
    demonstration = stage.Stage(store, installed)
    running = demonstration.start("S")
    try:
        run(store, installed, "demo-sociaal-brussels")
        with store.read() as connection:
            version = ConceptBook.current_version(connection)
            assert not index_anew.is_older(connection)
        for simulator in running:
            simulator.stop()
        running = demonstration.start("S")
        with store.read() as connection:
            assert ConceptBook.current_version(connection) == version
    finally:
        for simulator in running:
            simulator.stop()
