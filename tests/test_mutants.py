"""The guards that `make mutants` takes out are still there: one whose text was changed would be proven no more."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def _mutants() -> list[tuple[str, str, str]]:
    """(name, file, text) of each, read without running the script."""
    tree = ast.parse((ROOT / "scripts" / "mutants.py").read_text("utf-8"))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Mutant"]
    told = [[ast.literal_eval(argument) for argument in call.args] for call in calls]
    return [(name, file, old) for name, _, file, old, _, _ in told]


@pytest.mark.parametrize(("name", "file", "old"), _mutants(), ids=[name for name, _, _ in _mutants()])
def test_its_text_stands_there_once(name: str, file: str, old: str) -> None:
    assert (ROOT / file).read_text("utf-8").count(old) == 1, f"{name}: mend `old` in scripts/mutants.py"
