"""A stranger's distribution, installed with pip and found by its entry point; and three broken ones beside it, named and left out."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hub import World
from hub.plugins import load
from hub.testing.simulator import Simulator

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "tests/third_party/buurthuizen"

_OFFER = "from hub import Finished, Source, hookimpl\n\nclass Twin(Source):\n    name = 'buurthuizen'\n    title = 'Twin'\n    def pull(self, cursor):\n        yield Finished(complete=True)\n\n"
BROKEN = {
    "zz_import_error": "import no_such_module_anywhere\n",
    "zz_misspelled": "from hub import hookimpl\n\n@hookimpl\ndef register_conectors():\n    return []\n",
    "zz_twin": f"{_OFFER}@hookimpl\ndef register_connectors():\n    return [Twin]\n",
}
REASONS = {
    "zz_import_error": ("cannot be imported", "no_such_module_anywhere"),
    "zz_misspelled": ("register_conectors",),
    "zz_twin": ("'buurthuizen'", "has the name of one that plugin"),
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of installed packages: the good distribution by pip, the broken ones as pip would have left them."""
    folder = tmp_path_factory.mktemp("third-party")
    source, target = folder / "source", folder / "site"
    source.mkdir()
    for path in SOURCE.glob("*.*"):
        (source / path.name).write_bytes(path.read_bytes())  # a build leaves files beside them
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    offline = ["--no-index", "--no-build-isolation", "--no-deps", "--target", str(target), str(source)]
    done = subprocess.run([*pip, *offline], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for name, text in BROKEN.items():
        (target / f"{name}.py").write_text(text, encoding="utf-8")
        info = target / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name.replace('_', '-')}\nVersion: 1.0\n", encoding="utf-8")
        (info / "entry_points.txt").write_text(f"[fichehub.plugins]\n{name} = {name}\n", encoding="utf-8")
    return target


def fichehub(home: Path, site: Path, *arguments: str) -> Any:
    """What the command answers, as a program reads it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FICHEHUB_")}
    done = subprocess.run(
        [sys.executable, "-m", "hub.cli", *arguments, "--json"],
        cwd=home,
        env={**kept, "PYTHONPATH": f"{ROOT}{os.pathsep}{site}", "FICHEHUB_HOME": str(home), "FICHEHUB_ALLOW_PRIVATE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    return json.loads(done.stdout)


def test_it_has_fewer_than_sixty_lines() -> None:
    assert sum(len(path.read_text(encoding="utf-8").splitlines()) for path in SOURCE.rglob("*.py")) < 60


def test_it_is_installed_enabled_run_and_found(site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = fichehub(tmp_path, site, "plugins")
    mine = [one for one in told["connectors"] if one["connector"] == "buurthuizen"]
    assert [(one["roles"], [field["name"] for field in one["config"] if field["secret"]]) for one in mine] == [(["source"], ["token"])]
    left_out = {one["plugin"]: one for one in told["broken"] if one["plugin"].startswith("zz_")}
    assert left_out.keys() == BROKEN.keys()
    for name, one in left_out.items():
        assert one["distribution"] == name.replace("_", "-")
        assert all(words in one["reason"] for words in REASONS[name]), one["reason"]

    monkeypatch.syspath_prepend(site)
    kind = load().connector("buurthuizen").simulator
    assert kind is not None
    simulator: Simulator = kind(World())
    with simulator:
        known = ("--set", f"base_url={simulator.url}", "--set", "token=fictional")
        fichehub(tmp_path, site, "db", "upgrade")
        added = fichehub(tmp_path, site, "connections", "add", "huizen", "buurthuizen", *known)
        assert (added["state"], added["config"]["token"]) == ("disabled", "********")
        assert fichehub(tmp_path, site, "connections", "check", "huizen")["checked_at"]
        assert fichehub(tmp_path, site, "connections", "enable", "huizen")["state"] == "enabled"
        report = fichehub(tmp_path, site, "run", "huizen")
    assert (report["state"], report["counts"]["read"], report["counts"]["changed"]) == ("done", 50, 50)
    page = fichehub(tmp_path, site, "query", "--where", "source=buurthuizen", "--text", World().organisation(7).name)
    assert [item["type"] for item in page["items"]] == ["organisatie"]
