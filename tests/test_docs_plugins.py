"""docs/plugins.md is true: its files are written, installed and run, its lists are compared with the code."""

from __future__ import annotations

import ast
import importlib.util
import inspect
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import flask
import pytest

import hub
from hub import Directory, Grant, Query, errors, hookspecs, plugins
from hub.model.claims import Claim
from hub.outbound import Outbound
from hub.store import Store
from hub.sync import connections, run
from hub.testing.simulator import Simulator
from hub.web import create_app

ROOT = Path(__file__).resolve().parent.parent
TEXT = (ROOT / "docs/plugins.md").read_text(encoding="utf-8")
_BLOCK = re.compile(r"^<!-- (?P<what>file|run|run beside)(?:: (?P<name>\S+))? -->\n```\w+\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)
_BESIDE = """
{command} > beside.txt &
beside=$!
trap 'kill $beside' EXIT
until grep -q 'simulated at' beside.txt; do kill -0 $beside; sleep 0.05; done
"""


def _files() -> dict[str, str]:
    """The files on the page; blocks of one file follow each other in it."""
    files: dict[str, str] = {}
    for block in _BLOCK.finditer(TEXT):
        if block["what"] == "file":
            before = files.get(block["name"])
            files[block["name"]] = block["text"] if before is None else f"{before}\n\n{block['text']}"
    return files


def _commands(port: int) -> str:
    """The commands on the page as one script; port 8099 may be taken here."""
    lines = ["set -euo pipefail"]
    for block in _BLOCK.finditer(TEXT):
        if block["what"] == "run":
            lines.append(block["text"])
        elif block["what"] == "run beside":
            lines.append(_BESIDE.format(command=block["text"].strip()))
    return "\n".join(lines).replace("8099", str(port))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files of the page."""
    made = tmp_path_factory.mktemp("docs")
    for name, text in _files().items():
        (made / name).parent.mkdir(exist_ok=True)
        (made / name).write_text(text, encoding="utf-8")
    return made


def _module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_block_is_a_file_or_is_run() -> None:
    assert len(_BLOCK.findall(TEXT)) == len(re.findall(r"^```\w+$", TEXT, re.MULTILINE)) > 8


def test_what_the_suite_runs_with_is_installed_before_it_is_run() -> None:
    assert -1 < TEXT.find("pip install pytest") < TEXT.find("python -m pytest"), "the hub by itself does not bring it"


def test_the_source_is_the_one_that_is_tested_as_a_third_partys() -> None:
    written = {name.partition("/")[2]: text for name, text in _files().items() if "/" in name}
    tested = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "tests/third_party/buurthuizen").glob("*.*")}
    assert written == tested


def test_the_commands_work_in_order(folder: Path) -> None:
    site, bin_ = folder / "site", folder / "bin"
    bin_.mkdir()
    pip = bin_ / "pip"  # installs as it always does, but offline and where this test alone sees it
    pip.write_text(
        f'#!/bin/sh\nshift\nexec "{sys.executable}" -m pip install --quiet --disable-pip-version-check --no-index'
        f' --no-build-isolation --no-deps --target "{site}" "$@"\n'
    )
    pip.chmod(0o755)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FICHEHUB_")}
    done = subprocess.run(
        ["bash", "-c", _commands(port)],
        cwd=folder,
        env={
            **environment,
            "PATH": f"{bin_}:{Path(sys.executable).parent}:{environment['PATH']}",
            "PYTHONPATH": str(site),
            "FICHEHUB_HOME": str(folder / "home"),
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^buurthuizen +source +Register van buurthuizen$", done.stdout, re.MULTILINE)
    assert re.search(r"^Settings of buurthuizen, for --set KEY=VALUE:\nsetting .*\n-.*\nbase_url .*\ntoken ", done.stdout, re.MULTILINE)
    for said in ("dry run: nothing was kept", "50 read, 50 changed", "50 in all.", "16 passed"):
        assert said in done.stdout, done.stdout


def test_the_source_loses_no_more_than_the_row_that_is_dirty(folder: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    module = _module(folder / "fichehub-buurthuizen/fichehub_buurthuizen.py")
    good = {"nr": "BH1", "naam": "Huis", "tel": "016 33 22 11", "rev": 1}
    dirty: list[tuple[dict[str, Any], str, str]] = [
        ({"nr": "BH2", "rev": "1"}, "BH2", "revision"),
        ({"nr": "BH3", "rev": None}, "BH3", "revision"),
        ({"nr": 2}, "2", "external_id"),
        ({"nr": None}, "", "external_id"),
        ({"nr": "BH\ud8002"}, "", "external_id"),
        ({"nr": "BH4", "tel": None}, "BH4", "tel"),
        ({"nr": "BH5", "tel": 16332211}, "BH5", "tel"),
        ({"nr": "BH6", "naam": None}, "BH6", "names.0.text.nl"),
    ]
    rows = [{**good, **changes} for changes, _, _ in dirty]
    monkeypatch.setattr(module.Buurthuizen, "page", lambda self, number: {"rows": [good, {"nr": "BH0"}, *rows, {**good, "nr": "BH9"}], "pages": 1})
    loaded = plugins.load([("buurthuizen", module)], installed=False)
    connections.add(store, loaded, "huizen", "buurthuizen", {"base_url": "http://127.0.0.1:9", "token": "fictional"})
    connections.enable(store, loaded, "huizen")
    report = run(store, loaded, "huizen")
    assert (report.state, report.read, report.changed) == ("done", 11, 2), report.reason
    assert [(row.external_id, row.field) for row in report.rejections if row.field != "names.0.text.nl"] == [
        ("BH0", "tel"),
        *[(name, field) for _, name, field in dirty[:-1]],
    ]
    assert report.rejections[-1].external_id == "BH6"


class MirrorSimulator(Simulator):
    """Keeps what it is told and answers in its own way."""

    name = "spiegel"

    def app(self) -> flask.Flask:
        app = flask.Flask(self.name)

        @app.post("/mirror/<id>")
        def mirror(id: str) -> Any:
            return {"name": flask.request.json["name"].upper()} if flask.request.json else {}

        return app


@pytest.fixture
def lists(folder: Path) -> ModuleType:
    """The module with the export, the endpoint and the sink."""
    return _module(folder / "fichehub_lijsten.py")


@pytest.fixture
def store(tmp_path: Path, sqlite_database_url: str) -> Iterator[Store]:
    opened = Store.open(sqlite_database_url, tmp_path)
    claims = [
        Claim(
            "kbo",
            name,
            1,
            "organisatie",
            {
                "kind": "organisatie",
                "names": [{"text": {"nl": name}}],
                "contacts": [{"kind": "phone", "value": phone}],
                "vestigingen": [{"keys": [f"kbo:{name}"], "addresses": [{"postcode": postcode}]}],
            },
        )
        for name, phone, postcode in (("De Brug", "+3290000001", "9000"), ("Aan de Vaart", "+3230000002", "2000"))
    ]
    opened.write(lambda writer: writer.put(claims, origin="kbo"))
    yield opened
    opened.close()


def test_the_export_the_endpoint_and_the_sink(lists: ModuleType, store: Store, tmp_path: Path) -> None:
    loaded = plugins.load([("lijsten", lists)], installed=False)
    assert loaded.broken == ()
    http = Outbound(allow_private=True)
    with MirrorSimulator(None) as mirror:
        for name, config in (
            ("telefoonlijst", {"postcodes": ["9000"]}),
            ("telefoonboek", {}),
            ("spiegel", {"base_url": mirror.url}),
        ):
            connections.add(store, loaded, name, name, config)
            connections.enable(store, loaded, name, http=http)
        pushed = [run(store, loaded, "spiegel", http=http).pushed for _ in range(2)]
        assert pushed == [2, 0]
        assert len(mirror.requests) == 2

    report = run(store, loaded, "telefoonlijst", http=http, file=tmp_path / "list.txt")
    assert (report.state, report.pushed) == ("done", 1)
    assert (tmp_path / "list.txt").read_text(encoding="utf-8") == "De Brug: +3290000001\n"

    client = create_app(store, loaded).test_client()
    id = Directory(store, Grant()).search(Query(types=("organisatie",))).hits[0].entity.id
    assert client.get(f"/telefoonboek/{id}").json["contacts"][0]["value"].startswith("+32")  # type: ignore[index]
    missing = client.get("/telefoonboek/00000000-0000-4000-8000-000000000000")
    assert (missing.status_code, missing.mimetype) == (404, "application/problem+json")


def test_every_public_name_is_on_the_page() -> None:
    listed = {
        name
        for row in re.findall(r"^\| (`.*?) \|", TEXT[TEXT.index("## What you may import") :], re.MULTILINE)
        for name in re.findall(r"`(\w+)`", row)
    }
    assert listed == set(hub.__all__)


def test_every_hook_is_on_the_page_with_its_signature() -> None:
    declared = [node for node in ast.parse(inspect.getsource(hookspecs)).body if isinstance(node, ast.FunctionDef)]
    signatures = [f"{node.name}({ast.unparse(node.args)}) -> {ast.unparse(node.returns)}" for node in declared if node.returns]
    assert re.findall(r"^- `(\w+\(.*)`$", TEXT, re.MULTILINE) == signatures


def test_every_error_of_a_connector_is_on_the_page() -> None:
    table = TEXT[TEXT.index("## Errors") : TEXT.index("## Configuration")]
    named = set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE))
    assert named == {kind.__name__ for kind in errors.ConnectorError.__subclasses__() if kind.__module__ == errors.__name__}
