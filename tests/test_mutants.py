"""The guards that `make mutants` takes out are still there, and so are their tests: one whose text or test was changed would be proven no more."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def _mutants() -> list[tuple[str, str, str, str]]:
    """(name, file, text, test) of each, read without running the script."""
    tree = ast.parse((ROOT / "scripts" / "mutants.py").read_text("utf-8"))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Mutant"]
    told = [[ast.literal_eval(argument) for argument in call.args] for call in calls]
    return [(name, file, old, test) for name, _, file, old, _, test in told]


_NAMES = [name for name, *_ in _mutants()]


@pytest.mark.parametrize(("name", "file", "old", "test"), _mutants(), ids=_NAMES)
def test_its_text_stands_there_once(name: str, file: str, old: str, test: str) -> None:
    assert (ROOT / file).read_text("utf-8").count(old) == 1, f"{name}: mend `old` in scripts/mutants.py"


@pytest.mark.parametrize(("name", "file", "old", "test"), _mutants(), ids=_NAMES)
def test_its_test_is_there(name: str, file: str, old: str, test: str) -> None:
    path, *inner = test.partition("[")[0].split("::")
    text = (ROOT / path).read_text("utf-8") if (ROOT / path).is_file() else ""
    missing = [each for each in inner if f"def {each}(" not in text and f"class {each}" not in text and f"{each} = " not in text]
    assert text and not missing, f"{name}: mend `test` in scripts/mutants.py"
