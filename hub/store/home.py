"""The folder with the state of an installation."""

from __future__ import annotations

from pathlib import Path


def make_home(folder: Path) -> None:
    """Make this folder where there is none, closed to other users of the machine; one that is there keeps its rights.

    Its group may enter: the exports that runs leave there are for it too.
    """
    folder.mkdir(mode=0o750, parents=True, exist_ok=True)
