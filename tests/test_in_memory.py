"""A folder in memory is taken only where there is one with enough room."""

from pathlib import Path

import pytest

from tests import in_memory


def test_a_folder_with_room_is_taken_and_no_other(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(in_memory, "_MEMORY", tmp_path)
    assert in_memory.folder_in_memory(0) == tmp_path
    assert in_memory.folder_in_memory(10**12) is None
    monkeypatch.setattr(in_memory, "_MEMORY", tmp_path / "none")
    assert in_memory.folder_in_memory(0) is None
