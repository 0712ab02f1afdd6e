"""The client of docs/fhir.md is run, and the commands beside it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import structlog

import plugins.fhir
from hub import plugins as loading
from hub.store import Store
from hub.store.tables import connection
from hub.web import Settings, create_app
from tests.access.signing import EC_KEY, jwks, on_a_socket
from tests.cli.conftest import CommandLine

SECTION = (Path(__file__).parents[2] / "docs" / "fhir.md").read_text(encoding="utf-8").split("## Access")[1].split("\n## ")[0]
AGREED = ("--title", "EPD", "--purpose", "p", "--legal-basis", "l", "--contact", "a@example.org", "--our-contact", "b@example.org")


def test_the_documented_client_gets_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fichehub = CommandLine(tmp_path / "home")
    fichehub.ok("db", "upgrade")
    fichehub.ok("partners", "add", "epd", *AGREED)
    monkeypatch.chdir(tmp_path)
    Path("public-keys.json").write_text(json.dumps(jwks(EC_KEY)))
    [commands] = re.findall(r"```sh\n(.*?)```", SECTION, re.DOTALL)
    for line in commands.splitlines():
        fichehub.ok(*line.split()[1:])
    store = Store.open(f"sqlite:///{fichehub.home / 'fichehub.sqlite'}", fichehub.home)
    row = {"name": "fhir", "connector": "fhir", "config": b"{}", "state": "enabled", "created_at": "2026-11-22T09:00:00Z", "partner": ""}
    store.write(lambda writer: writer.connection.execute(connection.insert().values(row)))
    first = next(each for each in fichehub.json("partners", "clients", "epd") if each["keys"])
    structlog.reset_defaults()  # the command line logs to a file of its own
    app = create_app(store, loading.load([("fhir", plugins.fhir)], installed=False), Settings(anonymous=False))
    with on_a_socket(app) as url:
        names: dict[str, Any] = {"HUB": url, "CLIENT_ID": first["id"], "PRIVATE_KEY": EC_KEY.as_dict(private=True)}
        [program] = re.findall(r"```python\n(.*?)```", SECTION, re.DOTALL)
        exec(program, names)
    store.close()
    assert names["answer"].json()["scope"] == "system/Organization.rs"
    assert names["found"].status_code == 200
    assert names["found"].json()["resourceType"] == "Bundle"
