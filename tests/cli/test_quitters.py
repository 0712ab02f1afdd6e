"""A plugin that calls `sys.exit` has a bug like any other: it ends what was asked of it, with a sentence and an exit code that say so, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import CommandLine
from tests.cli.test_processes import _free_port, started

QUITTER = """
import sys
import marshmallow as ma
from hub import Endpoint, Export, Finished, Query, Source, hookimpl

def leave(config, now):
    if config["where"] == now:
        sys.exit(0)

class Config(ma.Schema):
    where = ma.fields.String(validate=lambda where: leave({"where": where}, "load"))

class Quitter(Export):
    name, title, extension, config_schema = "quitter", "Leaves", "txt", Config
    def __init__(self, config, context):
        super().__init__(config, context)
        leave(config, "start")
    def check(self):
        leave(self.config, "check")
    def query(self):
        return Query(types=("aanbod",))
    def write(self, fiches, file):
        leave(self.config, "write")
        return 0

class Puller(Source):
    name, title = "puller", "Leaves while it is read"
    def pull(self, cursor):
        sys.exit(0)
        yield Finished(complete=True)

class Door(Endpoint):
    name, title = "door", "Leaves as it opens"
    @classmethod
    def blueprint(cls):
        sys.exit(0)

@hookimpl
def register_connectors():
    return [Quitter, Puller, Door]
"""


@pytest.fixture
def site(install: Callable[[str, str], Path]) -> Path:
    """A folder with an installed plugin whose connectors leave."""
    return install("quitters", QUITTER)


@pytest.mark.parametrize("where", ["load", "start", "check", "write"])
def test_an_export_that_leaves_has_failed(filled: CommandLine, tmp_path: Path, site: Path, where: str) -> None:
    assert filled.refused("export", "quitter", str(tmp_path / "file"), "--set", f"where={where}")
    assert not (tmp_path / "file").exists()
    assert "SystemExit" in (filled.home / "fichehub.log").read_text()


@pytest.mark.parametrize("where", ["start", "check"])
def test_a_connection_whose_connector_leaves_is_not_enabled(filled: CommandLine, site: Path, where: str) -> None:
    filled.ok("connections", "add", "leaves", "quitter", "--set", f"where={where}")
    for command in ("check", "enable"):
        assert "its trace is in the log" in filled.refused("connections", command, "leaves")
    assert filled.json("connections", "list")[0]["state"] == "disabled"
    assert "SystemExit" in (filled.home / "fichehub.log").read_text()


def test_a_connection_is_not_added_by_a_schema_that_leaves(filled: CommandLine, site: Path) -> None:
    assert "SystemExit" in filled.refused("connections", "add", "leaves", "quitter", "--set", "where=load")


@pytest.mark.parametrize("connector", ["quitter", "puller"])
def test_a_run_that_leaves_has_failed_and_says_so(filled: CommandLine, site: Path, connector: str) -> None:
    filled.ok("connections", "add", "leaves", connector, *(("--set", "where=write") if connector == "quitter" else ()))
    filled.ok("connections", "enable", "leaves")
    result = filled("run", "leaves")
    assert (result.exit_code, "failed in a way that it should not" in result.output) == (1, True), result.output
    (run,) = filled.json("runs", "leaves")
    assert run["state"] == "failed"
    assert "SystemExit" in (filled.home / "fichehub.log").read_text()


def test_an_endpoint_that_leaves_is_named_and_the_others_are_served(filled: CommandLine, site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (broken,) = filled.json("plugins")["broken"]
    assert (broken["plugin"], broken["distribution"]) == ("quitters", "quitters")
    assert "'door' cannot be served: SystemExit" in broken["reason"]
    assert "Left out: quitters (quitters): its endpoint 'door'" in filled.ok("plugins")
    monkeypatch.setenv("PYTHONPATH", f"{Path(__file__).parents[2]}:{site}")
    with started(filled.home, "serve", "--port", str(_free_port()), "--workers", "1") as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("Ready: ")
        process.terminate()
        said = process.communicate(timeout=60)[1]
    assert process.returncode == 0
    assert '"endpoint":"door","reason":"SystemExit: 0"' in said
