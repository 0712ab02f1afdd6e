"""What the state machines share: a hub of their own with a clock, and how much is tried.

FICHEHUB_MACHINE_RUNS makes so many runs, other ones each time, and looks for the shortest way to a failure.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from datetime import datetime
from functools import cache
from pathlib import Path

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine

from hub.store import Store
from tests.in_memory import folder_in_memory

_ROOM = 30
"""Megabytes: the template, and the one home that is there at a time."""


def runs(otherwise: int = 0) -> int:
    """How many runs somebody asks for; 0 for the same ones as always."""
    return int(os.environ.get("FICHEHUB_MACHINE_RUNS", str(otherwise)))


def tried(wanted: int, always: int, steps: int) -> settings:
    """So many runs as are wanted, or the `always` same ones, of so many steps."""
    return settings(
        max_examples=wanted or always,
        stateful_step_count=steps,
        deadline=None,
        derandomize=not wanted,
        # Shrinking a failure takes minutes, each step being a whole hub: it is done when somebody asks for more runs.
        phases=list(Phase) if wanted else [Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )


class MachineOfAHub(RuleBasedStateMachine):
    """A hub on SQLite that begins empty, at a moment that steps move. At the end it comes to rest, and is gone."""

    def __init__(self, moment: datetime) -> None:
        super().__init__()
        self.moment = moment
        self.home = Path(tempfile.mkdtemp(dir=_folder().name))
        shutil.copytree(_template(), self.home, dirs_exist_ok=True)
        self.store = Store.open(f"sqlite:///{self.home / 'hub.sqlite'}", self.home, now=lambda: self.moment)

    def come_to_rest(self) -> None:
        """What a machine does with its faults gone, and what must hold then."""
        raise NotImplementedError

    def teardown(self) -> None:
        """Both sides come to rest."""
        try:
            self.come_to_rest()
        finally:
            self.store.close()
            shutil.rmtree(self.home, ignore_errors=True)


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    """Where all homes are: in memory where the machine has a place for that, gone when the tests end."""
    return tempfile.TemporaryDirectory(prefix="fichehub-machine-", dir=folder_in_memory(_ROOM))


@cache
def _template() -> Path:
    """A home with a migrated database, to be copied: migrating takes longer than a whole run."""
    home = Path(_folder().name) / "template"
    Store.open(f"sqlite:///{home / 'hub.sqlite'}", home).close()
    return home
