"""The command line in this process, on a home of each test's own."""

from __future__ import annotations

import importlib
import json
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import structlog
from click.testing import CliRunner, Result

from hub.cli import main
from hub.model.claims import Claim
from hub.plugins import GROUP
from hub.store import Store

SITE = {"keys": ["sociale-kaart:s1"], "addresses": [{"postcode": "9000", "municipality": "44021", "street": {"nl": "Veldstraat"}}]}
ORGANISATIE = {
    "kind": "organisatie",
    "names": [{"text": {"nl": "Zorghuis De Linde"}}],
    "contacts": [{"kind": "email", "value": "collega@example.org", "visibility": "professional"}],
    "vestigingen": [SITE],
}
AANBOD = {
    "kind": "aanbod",
    "names": [{"text": {"nl": "Wonen in De Linde"}}],
    "organisatie": {"source": "sociale-kaart", "external_id": "o1"},
    "rubrieken": [{"scheme": "rubriek", "code": "14.04.01"}],
}
PERSON = {"kind": "zorgverlener", "name": {"family": "Peeters", "given": ["An"]}}


@dataclass(frozen=True, slots=True)
class CommandLine:
    """`fichehub` with the home of one test."""

    home: Path

    def __call__(self, *arguments: str, input: str | None = None) -> Result:
        result = CliRunner().invoke(main, ["--home", str(self.home), *arguments], input=input)
        assert "Traceback" not in result.output
        return result

    def ok(self, *arguments: str, input: str | None = None) -> str:
        """What it says; it must succeed."""
        result = self(*arguments, input=input)
        assert result.exit_code == 0, result.output
        return result.output

    def json(self, *arguments: str) -> Any:
        """What it tells a program."""
        return json.loads(self.ok(*arguments, "--json"))

    def refused(self, *arguments: str) -> str:
        """The sentence with which it fails."""
        result = self(*arguments)
        assert result.exit_code == 1, result.output
        assert result.output.startswith("Error: ")
        return result.output

    def misunderstood(self, *arguments: str) -> str:
        """The sentence that says how the command is written."""
        result = self(*arguments)
        assert result.exit_code == 2, result.output
        return result.output


@pytest.fixture
def fichehub(migrated_file: Path, tmp_path: Path) -> Iterator[CommandLine]:
    """The command line on a home with an empty database."""
    home = tmp_path / "home"
    home.mkdir()
    shutil.copy(migrated_file, home / "fichehub.sqlite")
    yield CommandLine(home)
    structlog.reset_defaults()


@pytest.fixture
def filled(fichehub: CommandLine) -> CommandLine:
    """The command line on a home with an organisatie, its aanbod, a zorgverlener, and a disagreement about a name."""
    store = Store.open(f"sqlite:///{fichehub.home / 'fichehub.sqlite'}", fichehub.home)
    claims = [
        Claim("sociale-kaart", "o1", 1, "organisatie", ORGANISATIE),
        Claim("sociale-kaart", "a1", 1, "aanbod", AANBOD),
        Claim("sociale-kaart", "p1", 1, "zorgverlener", PERSON),
    ]
    store.write(lambda writer: writer.put(claims, origin="sociale-kaart"))
    store.close()
    return fichehub


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str], Path]]:
    """Installs a plugin of one module, by its name and its text; the answer is the folder that it lies in."""
    site, installed = tmp_path / "site", list[str]()

    def write(module: str, text: str) -> Path:
        info = site / f"{module}-1.0.dist-info"
        info.mkdir(parents=True)
        (site / f"{module}.py").write_text(text)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[{GROUP}]\n{module} = {module}\n")
        importlib.invalidate_caches()
        installed.append(module)
        return site

    monkeypatch.syspath_prepend(str(site))
    yield write
    for module in installed:
        sys.modules.pop(module, None)
