"""sociaal.brussels against the suite of every source."""

from __future__ import annotations

from typing import Any

from hub import Simulator, World
from hub.testing.contracts import SourceContract
from plugins.sociaal_brussels.connector import SociaalBrussels
from plugins.sociaal_brussels.simulator import SociaalBrusselsSimulator


class TestSource(SourceContract):
    connector = SociaalBrussels

    def simulator(self) -> Simulator:
        return SociaalBrusselsSimulator(World(), count=30)

    def config(self, url: str) -> dict[str, Any]:
        return {"base_url": f"{url}/rest"}


class TestSourceThatAnswersInSummaries(SourceContract):
    """The same with one call per organisation, and numbers that lead nowhere."""

    connector = SociaalBrussels

    def simulator(self) -> Simulator:
        return SociaalBrusselsSimulator(World(), count=25, faults=["summary-rows", "dead-ids", "malformed-rows"])

    def config(self, url: str) -> dict[str, Any]:
        return {"base_url": f"{url}/rest"}
