"""What a command loads: a load of 780,000 caregivers has 150 MB, and has no use for what serves, migrates, or writes workbooks."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import sys
import hub.cli.main
from hub import plugins
loaded = plugins.load()
assert not loaded.broken, loaded.broken
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""


@pytest.fixture(scope="module")
def modules() -> set[str]:
    """The top-level packages that the command line and every installed plugin load."""
    done = subprocess.run([sys.executable, "-c", PROGRAM], cwd=Path(__file__).resolve().parents[2], stdout=subprocess.PIPE, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize("costly", ["flask", "flask_smorest", "alembic", "lxml", "xlsxwriter", "fhir", "psycopg", "granian", "authlib"])
def test_a_run_loads_only_what_it_uses(modules: set[str], costly: str) -> None:
    assert "hub" in modules
    assert costly not in modules
