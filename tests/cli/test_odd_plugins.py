"""What `fichehub plugins` tells of a plugin that does odd things: all that there is to tell, and of the others as if it were not there."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from tests.cli.conftest import CommandLine

Install = Callable[[str, str], Path]

ODD = r"""
from decimal import Decimal
import marshmallow as ma
from hub import Finished, Source, hookimpl

def fails():
    raise KeyError("no such variable")

class Inner(ma.Schema):
    password = ma.fields.String(metadata={"secret": True})

class Config(ma.Schema):
    price = ma.fields.Decimal(load_default=Decimal("1.50"))
    anything = ma.fields.Raw(load_default=object())
    several = ma.fields.Raw(load_default={"one": object()})
    worked_out = ma.fields.String(load_default=fails)
    half = ma.fields.String(load_default="half \ud800")
    halves = ma.fields.List(ma.fields.String(), load_default=["\ud800"])
    unlimited = ma.fields.Float(load_default=float("inf"), allow_nan=True)
    enormous = ma.fields.Integer(load_default=2**70)
    pause = ma.fields.TimeDelta(load_default=__import__("datetime").timedelta(seconds=90))
    inner = ma.fields.Nested(Inner, load_default={"password": "hunter22"})
    token = ma.fields.String(load_default=fails, metadata={"secret": True})
    spelled = ma.fields.String(data_key="spelled-so", load_default="", metadata={"description": "told \ud800 by half"})
    counted = ma.fields.String(metadata={"description": 3})

class Odd(Source):
    name, title, config_schema = "odd", "Odd", Config
    def pull(self, cursor):
        yield Finished(complete=True)

@hookimpl
def register_connectors():
    return [Odd]
"""


def test_settings_that_json_cannot_tell_are_told_all_the_same(filled: CommandLine, install: Install) -> None:
    install("odd", ODD)
    known = {one["connector"]: one["config"] for one in filled.json("plugins")["connectors"]}
    assert "excel" in known
    assert {each["name"]: each["default"] for each in known["odd"]} == {
        "price": "1.50",
        "anything": "<object>",
        "several": {"one": "<object>"},
        "worked_out": "<KeyError>",
        "half": "half ?",
        "halves": '["?"]',
        "unlimited": "inf",
        "enormous": "1180591620717411303424",
        "pause": 90,
        "inner": {"password": "********"},
        "token": "<KeyError>",
        "spelled-so": "",
        "counted": None,
    }
    assert [each["description"] for each in known["odd"]][-2:] == ["told ? by half", "3"]
    table = filled.ok("plugins")
    assert "half ?" in table and "told ? by half" in table and "hunter22" not in table


def test_a_secret_whose_default_fails_stops_no_connection_that_sets_it(filled: CommandLine, install: Install) -> None:
    install("odd", ODD)
    filled.ok("connections", "add", "mine", "odd", "--set", "token=hunter22", "--set", "worked_out=x")
    filled.ok("connections", "enable", "mine")
    assert json.loads(filled.ok("run", "mine", "--json"))["state"] == "done"


TALKER = """
print("at import")
import marshmallow as ma
from hub import Endpoint, Export, Finished, Query, Source, hookimpl
import flask

def talks(*about):
    print("about", *about)

class Config(ma.Schema):
    word = ma.fields.String(load_default=lambda: talks("a default"), validate=lambda word: talks("a word"))

class Talker(Source):
    name, title, config_schema = "talker", "Talks", Config
    def check(self):
        talks("a check")
    def pull(self, cursor):
        talks("a pull")
        yield Finished(complete=True)

class Writer(Export):
    name, title, extension = "writer", "Talks as it writes", "txt"
    def query(self):
        return Query(types=("aanbod",))
    def write(self, fiches, file):
        talks("a file")
        return 0

class Door(Endpoint):
    name, title = "door", "Talks as it opens"
    @classmethod
    def blueprint(cls):
        talks("a door")
        return flask.Blueprint(cls.name, __name__)

@hookimpl
def register_connectors():
    talks("its connectors")
    return [Talker, Writer, Door]
"""


def test_what_a_plugin_prints_stands_in_no_answer(filled: CommandLine, install: Install, tmp_path: Path) -> None:
    install("talker", TALKER)
    said = ""
    for command in (
        ("plugins",),
        ("connections", "add", "mine", "talker", "--set", "word=x"),
        ("connections", "configure", "mine", "--set", "word=y"),
        ("connections", "check", "mine"),
        ("connections", "enable", "mine"),
        ("run", "mine"),
        ("export", "writer", str(tmp_path / "file")),
    ):
        result = filled(*command, "--json")
        assert result.exit_code == 0, result.output
        json.loads(result.stdout)
        said += result.stderr
    assert all(f"about {what}" in said for what in ("its connectors", "a default", "a word", "a check", "a pull", "a file", "a door"))
    assert "at import" in said


def test_a_name_that_is_no_text_is_told_all_the_same(filled: CommandLine, tmp_path: Path) -> None:
    file = tmp_path / "half \udcff.xlsx"
    assert "half \\udcff.xlsx" in filled.ok("export", "excel", str(file))
    assert json.loads(filled("export", "excel", str(file), "--json").stdout)["file"].endswith("half ?.xlsx")
    assert file.exists()
