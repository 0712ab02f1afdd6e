"""`fichehub demo` calls the world loaded when all of it is."""

from __future__ import annotations

import json

import pytest

from hub.demo import stage
from hub.outbound import ALLOW_PRIVATE
from hub.plugins import Plugins
from hub.store import Store
from hub.sync import records
from hub.sync.records import RunReport
from tests.cli.conftest import CommandLine


def test_a_world_that_is_not_whole_is_not_called_loaded(fichehub: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database that restarts in the middle fails one source; the command given again loads that one."""
    monkeypatch.setenv(ALLOW_PRIVATE, "1")
    away = {"demo-progezondheid"}

    def run(store: Store, installed: Plugins, name: str, **_: object) -> RunReport:
        failed = name in away
        report = RunReport(
            id=0, connection=name, mode="full", state="failed" if failed else "done", reason="The database did not answer." if failed else ""
        )
        store.write(lambda writer: records.begin(writer.connection, report))
        return report

    monkeypatch.setattr(stage, "run", run)
    told = fichehub("demo")
    assert told.exit_code == 1
    assert "0 read, 0 new, 0 rejected. The database did not answer." in told.output
    assert "The demonstration world is not whole." in told.output
    told = fichehub("demo", "--json")
    found = json.loads(told.stdout)
    assert (told.exit_code, found["loaded"], len(found["failed"])) == (1, [], 1)
    away.clear()
    found = fichehub.json("demo")
    assert (len(found["loaded"]), found["failed"]) == (1, [])
    assert fichehub.ok("demo") == "The demonstration world is loaded already.\n"
