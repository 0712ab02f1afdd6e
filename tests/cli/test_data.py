"""What is in the hub, asked from the command line."""

from __future__ import annotations

import errno
import json
import os
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook

from hub.model.claims import Claim
from hub.store import Store, database
from plugins.excel.connector import ExcelFeed
from tests.cli.conftest import ORGANISATIE, CommandLine

ROOT = Path(__file__).resolve().parents[2]


def test_an_older_schema_is_brought_up_by_who_says_so_alone(filled: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    database_file = filled.home / "fichehub.sqlite"

    def schema() -> str:
        with closing(sqlite3.connect(database_file)) as opened:
            return str(opened.execute("SELECT version_num FROM alembic_version").fetchone()[0])

    newest = schema()
    with closing(sqlite3.connect(database_file)) as opened, opened:
        opened.execute("UPDATE alembic_version SET version_num = '0020'")
    for command in (
        ("connections", "list"),
        ("connections", "status"),
        ("query",),
        ("changes",),
        ("db", "reindex"),
        ("serve",),
        ("work",),
        ("db", "accept-keys"),
    ):
        said = filled.refused(*command)
        assert "of an older version of Fichehub (its schema is 0020" in said and "fichehub db upgrade" in said
        assert schema() == "0020"
    assert filled.json("db", "status")["current"] is False
    brought = list[str]()
    monkeypatch.setattr("alembic.command.upgrade", lambda config, to: brought.append(to))
    filled("db", "upgrade")
    assert brought == ["head"] and newest > "0020"


def test_a_database_is_made_by_upgrade_and_not_by_who_asks_for_its_status(fichehub: CommandLine) -> None:
    fichehub = CommandLine(fichehub.home / "new")
    before = fichehub("db", "status", "--json")
    assert before.exit_code == 1
    told = json.loads(before.stdout)
    assert (told["current"], told["schema"]) == (False, None)
    assert "fichehub db upgrade" in before.stderr
    assert not fichehub.home.exists(), "who asks makes nothing"
    assert "The database is at" in fichehub.ok("db", "upgrade")
    after = fichehub.json("db", "status")
    assert after["current"] is True
    assert after["fiches"] == {"organisatie": 0, "aanbod": 0, "zorgverlener": 0}


def test_an_index_of_another_version_is_told_and_made_anew(filled: CommandLine) -> None:
    assert filled.json("db", "status")["index_current"] is True
    assert filled.json("db", "reindex")["fiches"] == 3
    for mend in (("db", "upgrade"), ("db", "reindex")):
        store = Store.open(f"sqlite:///{filled.home / 'fichehub.sqlite'}", filled.home)
        with database.writing(store.engine) as connection:
            connection.exec_driver_sql("UPDATE counter SET n = 0 WHERE name = 'index'")
            connection.exec_driver_sql("DELETE FROM term")
            connection.exec_driver_sql("UPDATE entry SET name = ''")
        store.close()
        told = filled("query", "--sort", "name")
        assert "fichehub db upgrade" in told.stderr
        assert "fichehub db upgrade" not in told.stdout
        assert "3 fiches" in filled.ok(*mend)
        assert filled.json("db", "status")["index_current"] is True
        assert filled("query", "--sort", "name").stderr == ""
        with Store.open(f"sqlite:///{filled.home / 'fichehub.sqlite'}", filled.home).read() as connection:
            assert connection.exec_driver_sql("SELECT count(*) FROM entry WHERE name = ''").scalar_one() == 0


def test_query_finds_and_shows_what_a_level_may_see(filled: CommandLine) -> None:
    page = filled.json("query", "--where", "postcode=9000", "--kind", "organisatie")
    assert filled.json("query", "--where", "municipality=Gent", "--kind", "organisatie")["items"] == page["items"]
    assert (page["total"], page["next"]) == (1, None)
    assert page["items"][0]["fiche"]["names"][0]["text"]["nl"] == "Zorghuis De Linde"
    assert "collega@example.org" not in json.dumps(page)
    assert "collega@example.org" in json.dumps(filled.json("query", "--where", "postcode=9000", "--level", "professional"))
    table = filled.ok("query", "--text", "peet", "--local", "Gent")
    assert "An Peeters" in table
    assert "1 in all." in table


def test_words_that_the_locale_cannot_read_are_read_as_utf_8_or_refused(filled: CommandLine) -> None:
    """Silently they would find nothing."""
    refusal = filled.misunderstood("query", "--text", "Lind\udce9")
    assert "'--text'" in refusal and "no text in UTF-8" in refusal
    assert "no text in UTF-8" in filled.misunderstood("keys", "list", "Lind\udce9")
    environment = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    for typed, code in (("Lindé".encode(), 0), (b"Lind\xe9", 2)):
        command: list[str | bytes] = [sys.executable, "-m", "hub.cli", "--home", str(filled.home), "query", "--text", typed]
        done = subprocess.run(command, env=environment, capture_output=True, check=False)
        assert (done.returncode, b"Zorghuis De Linde" in done.stdout) == (code, code == 0), done.stderr


def test_a_fiche_goes_by_its_official_name(fichehub: CommandLine) -> None:
    names = [{"text": {"nl": "Oude naam"}, "use": "former"}, {"text": {"fr": "Nom", "nl": "Officiële naam"}, "use": "official"}]
    store = Store.open(f"sqlite:///{fichehub.home / 'fichehub.sqlite'}", fichehub.home)
    store.write(lambda writer: writer.put([Claim("sociale-kaart", "o1", 1, "organisatie", {"kind": "organisatie", "names": names})], origin="x"))
    store.close()
    found = fichehub.ok("query")
    assert "Officiële naam" in found
    assert "Oude naam" not in found
    (one,) = fichehub.json("query")["items"]
    assert "This erases Officiële naam" in fichehub("erase", one["id"], "--reason", "a test", input="n\n").output


def test_query_pages_by_cursor(filled: CommandLine) -> None:
    first = filled.json("query", "--limit", "2")
    second = filled.json("query", "--limit", "2", "--cursor", first["next"])
    seen = [item["id"] for page in (first, second) for item in page["items"]]
    assert len(set(seen)) == len(seen) == first["total"] == 3


def test_changes_are_lines_with_where_to_go_on(filled: CommandLine) -> None:
    lines = [json.loads(line) for line in filled.ok("changes", "--json").splitlines()]
    assert [line["seq"] for line in lines[:-1]] == list(range(1, len(lines)))
    assert lines[-1] == {"next": len(lines) - 1, "head": len(lines) - 1}
    assert f"Go on from --since {lines[-1]['next']}" in filled.ok("changes")
    assert "Nothing changed." in filled.ok("changes", "--since", str(lines[-1]["next"]))


def test_conflicts_show_both_values(filled: CommandLine) -> None:
    store = Store.open(f"sqlite:///{filled.home / 'fichehub.sqlite'}", filled.home)
    other = {
        **ORGANISATIE,
        "description": {"nl": "Van de ene."},
    }
    claims = [
        Claim("sociale-kaart", "o1", 2, "organisatie", other),
        Claim(
            "sociaal-brussels",
            "b1",
            1,
            "organisatie",
            {"kind": "organisatie", "names": ORGANISATIE["names"], "description": {"nl": "Van de andere."}},
            same_as=(("sociale-kaart", "o1"),),
        ),
    ]
    store.write(lambda writer: writer.put(claims, origin="test"))
    store.close()
    told = filled.json("conflicts")
    assert {value["value"]["nl"] for one in told if one["field"] == "description" for value in one["values"]} == {"Van de ene.", "Van de andere."}
    assert all(value["received_at"].endswith("Z") for one in told for value in one["values"])
    assert "sociaal-brussels" in filled.ok("conflicts")


def test_erase_says_what_it_will_do_and_asks(filled: CommandLine) -> None:
    person = filled.json("query", "--kind", "zorgverlener")["items"][0]["id"]
    asked = filled("erase", person, "--reason", "asked to", input="n\n")
    assert asked.exit_code == 1
    for words in ("This erases An Peeters", "sociale-kaart p1", "cannot be undone", "Erase it?"):
        assert words in asked.output
    assert filled.json("query", "--kind", "zorgverlener")["total"] == 1
    assert "Erased." in filled.ok("erase", person, "--reason", "asked to", input="y\n")
    assert filled.json("query", "--kind", "zorgverlener")["total"] == 0


def test_erase_names_all_that_goes_before_it_asks_and_afterwards(filled: CommandLine) -> None:
    said = {"kind": "zorgverlener", "name": {"family": "Maes", "given": ["Els"]}, "identifiers": [{"system": "riziv", "value": "18749704004"}]}
    store = Store.open(f"sqlite:///{filled.home / 'fichehub.sqlite'}", filled.home)
    store.write(lambda writer: writer.put([Claim("sociale-kaart", one, 1, "zorgverlener", said) for one in ("z1", "z2")], origin="test"))
    store.close()
    one, other = (item["id"] for item in filled.json("query", "--kind", "zorgverlener", "--text", "Maes")["items"])
    asked = filled("erase", one, "--reason", "asked to", input="n\n").output
    for words in (
        f"This erases Els Maes (zorgverlener {one})",
        f"Els Maes (zorgverlener {other})",
        "sociale-kaart z1",
        "sociale-kaart z2",
        "Erase these 2 fiches?",
    ):
        assert words in asked
    assert filled.json("query", "--kind", "zorgverlener", "--text", "Maes")["total"] == 2
    gone = filled.json("erase", one, "--reason", "asked to", "--yes")
    assert (gone["erased"], gone["also_erased"]) == (one, [other])
    assert [claim["external_id"] for claim in gone["claims"]] == ["z1", "z2"]
    assert filled.json("query", "--kind", "zorgverlener", "--text", "Maes")["total"] == 0
    again = filled("erase", other, "--reason", "asked to", "--yes")
    assert again.exit_code == 1 and "has been removed" in again.output


def test_what_was_removed_can_still_be_erased(filled: CommandLine) -> None:
    person = filled.json("query", "--kind", "zorgverlener")["items"][0]["id"]
    store = Store.open(f"sqlite:///{filled.home / 'fichehub.sqlite'}", filled.home)
    store.write(lambda writer: writer.put([Claim("sociale-kaart", "p1", 2, "zorgverlener", {}, gone=True)], origin="test"))
    store.close()
    said = filled.ok("erase", person, "--reason", "asked to", "--yes")
    assert f"This erases zorgverlener {person} and 1 claim" in said and "Erased." in said


def test_an_erasure_that_was_cut_off_is_finished_by_the_same_command(filled: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    person = filled.json("query", "--kind", "zorgverlener")["items"][0]["id"]

    def full(engine: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("hub.store.erasure.clean", full)
        assert "The disk is full" in filled("erase", person, "--reason", "asked to", "--yes").output
    told = filled.ok("erase", person, "--reason", "asked to", "--yes")
    assert "erased before" in told and "is cleaned" in told and "Backups" in told
    again = filled("erase", person, "--reason", "asked to", "--yes")
    assert again.exit_code == 1 and "has been removed" in again.output


def test_rewrite_on_sqlite_has_nothing_to_ask(filled: CommandLine) -> None:
    assert filled.json("db", "rewrite") == {"rewritten": []}


@pytest.mark.postgres
def test_on_postgresql_erase_says_what_is_left_and_rewrite_what_it_locks(
    fichehub: CommandLine, postgres_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FICHEHUB_DATABASE_URL", postgres_database_url)
    store = Store.open(postgres_database_url, fichehub.home)
    said = {"kind": "zorgverlener", "name": {"family": "Peeters", "given": ["An"]}}
    store.write(lambda writer: writer.put([Claim("progezondheid", "p1", 1, "zorgverlener", said)], origin="test"))
    store.close()
    person = fichehub.json("query", "--kind", "zorgverlener")["items"][0]["id"]
    assert "fichehub db rewrite" in fichehub.ok("erase", person, "--reason", "asked to", "--yes")
    asked = fichehub("db", "rewrite", input="n\n").output
    assert "vocabulary" in asked and "nobody reads or writes it" in asked
    assert "fiche" in fichehub.json("db", "rewrite", "--yes")["rewritten"]


def test_export_writes_a_workbook_that_can_be_read(filled: CommandLine, tmp_path: Path) -> None:
    file = tmp_path / "new" / "aanbod.xlsx"
    file.parent.mkdir()
    told = filled.json("export", "excel", str(file), "--set", 'columns=["Aanbod","Organisatie"]', "--set", "title=Proef")
    assert told == {"file": str(file), "rows": 1}
    book = load_workbook(file, read_only=True)
    rows = list(book.worksheets[0].iter_rows(values_only=True))
    book.close()
    assert ("Wonen in De Linde", "Zorghuis De Linde") in rows
    assert [path.name for path in file.parent.iterdir()] == ["aanbod.xlsx"]


def test_a_dash_is_standard_output_and_the_answer_goes_elsewhere(filled: CommandLine, tmp_path: Path) -> None:
    filled.ok("connections", "add", "gids", "excel")
    filled.ok("connections", "enable", "gids")
    program = [sys.executable, "-m", "hub.cli", "--home", str(filled.home)]
    for command in (("export", "excel", "-"), ("export", "excel", "-", "--json"), ("run", "gids", "--output", "-")):
        done = subprocess.run([*program, *command], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, check=True)
        assert len(load_workbook(BytesIO(done.stdout)).worksheets) > 0
        assert b"/dev/stdout" in done.stderr
    into = tmp_path / "all"
    with into.open("ab") as file:  # what others write there stays
        file.write(b"before")
        file.flush()
        subprocess.run([*program, "export", "excel", "-"], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=file, check=True)
    assert into.read_bytes().startswith(b"beforePK")
    assert list(tmp_path.glob("[!ha]*")) == []


def test_what_is_no_file_and_nothing_like_one_is_refused(filled: CommandLine, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as there:
        there.bind(str(tmp_path / "socket"))
        result = filled("export", "excel", str(tmp_path / "socket"))
    assert result.exit_code == 2 and "is no file" in result.output
    (tmp_path / "link").symlink_to(tmp_path / "nowhere" / "gids.xlsx")
    result = filled("export", "excel", str(tmp_path / "link"))
    assert result.exit_code == 2 and f"There is no folder '{tmp_path / 'nowhere'}'" in result.output


def test_the_help_of_an_export_and_the_list_of_plugins_tell_the_settings(filled: CommandLine) -> None:
    for told in (filled.ok("export", "excel", "--help"), filled.ok("plugins")):
        assert "Settings of excel" in told and "words that must occur" in told and "rubriek numbers, narrower ones included" in told
    assert "Settings of sociaal-brussels" in filled.ok("plugins")
    (excel,) = (one for one in filled.json("plugins")["connectors"] if one["connector"] == "excel")
    assert [each["default"] for each in excel["config"] if each["name"] == "language"] == ["nl"]


def test_no_folder_is_made_of_one_that_was_mistyped(filled: CommandLine, tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere" / "gids.xlsx"
    filled.ok("connections", "add", "gids", "excel")
    filled.ok("connections", "enable", "gids")
    for command in (("export", "excel", str(nowhere)), ("export", "gids", str(nowhere)), ("run", "gids", "--output", str(nowhere))):
        result = filled(*command)
        assert result.exit_code == 2 and f"There is no folder '{nowhere.parent}'" in result.output
    assert not nowhere.parent.exists()
    assert filled.ok("run", "gids"), "where the hub itself puts files, it makes the folder"


@pytest.mark.parametrize(
    ("method", "broken"),
    [
        ("query", lambda self: dict[str, Any]()["q"]),
        ("query", lambda self: None),
        ("write", lambda self, entities, file: dict[str, Any]()["w"]),
        ("write", lambda self, entities, file: file.write(b"new") and None),
    ],
)
def test_a_bug_in_an_export_is_told_as_one_and_leaves_the_old_file(
    filled: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str, broken: Callable[..., Any]
) -> None:
    file = tmp_path / "x.xlsx"
    file.write_bytes(b"old")
    monkeypatch.setattr(ExcelFeed, method, broken)
    assert filled.refused("export", "excel", str(file)) == "Error: The export 'excel' failed inside the connector; its trace is in the log.\n"
    assert "Traceback" in (filled.home / "fichehub.log").read_text(encoding="utf-8")
    assert ([each.name for each in tmp_path.glob("*.xlsx*")], file.read_bytes()) == (["x.xlsx"], b"old")


def test_export_names_a_wrong_setting(filled: CommandLine, tmp_path: Path) -> None:
    said = filled.refused("export", "excel", str(tmp_path / "x.xlsx"), "--set", 'postcodes=["12"]', "--set", "colour=red")
    assert "postcodes" in said
    assert "colour" in said
    assert not (tmp_path / "x.xlsx").exists()
    for given, told in (
        ("where=foo", 'config.where: This is no list. Write one as JSON: ["...", "..."]'),
        ("rubrieken=19", "config.rubrieken: This is no list."),
        ('postcodes=["9000","abcd"]', "config.postcodes.1: 'abcd' is no Belgian postcode"),
        ('where=["foo"]', "'foo' is no criterion"),
    ):
        assert told in filled.refused("export", "excel", str(tmp_path / "x.xlsx"), "--set", given)
    for word, said in (("near=51.05", "latitude"), ("changedSince=99999", "has not happened yet"), ("colour=red", "no such key")):
        assert said in filled.refused("export", "excel", str(tmp_path / "x.xlsx"), "--set", f'where=["{word}"]')
    assert "REFNIS" in filled.refused("export", "excel", str(tmp_path / "x.xlsx"), "--set", 'municipalities=["99999"]')
    assert not (tmp_path / "x.xlsx").exists()


@pytest.mark.parametrize("level", ["public", "internal"])
def test_reading_changes_nothing(filled: CommandLine, level: str) -> None:
    head = filled.json("db", "status")["head"]
    filled.ok("query", "--level", level)
    filled.ok("conflicts")
    assert filled.json("db", "status")["head"] == head


@pytest.mark.parametrize(
    "command",
    [
        ("query",),
        ("runs",),
        ("conflicts",),
        ("changes",),
        ("export", "excel", "x.xlsx"),
        ("connections", "status"),
        ("partners", "list"),
        ("audit", "verify"),
        ("work",),
        ("connections", "add", "x", "widget"),
        ("connections", "add", "nope", "nope"),
        ("partners", "add", "epd", "--title", "t", "--purpose", "p", "--legal-basis", "l", "--contact", "c", "--our-contact", "o"),
    ],
)
def test_where_no_installation_is_a_command_says_so_and_makes_none(tmp_path: Path, command: tuple[str, ...]) -> None:
    for home, options in ((tmp_path / "typo", ()), (tmp_path / "other", ("--database-url", f"sqlite:///{tmp_path / 'folder' / 'typo.sqlite'}"))):
        said = CommandLine(home).refused(*options, *command)
        assert "There is no installation of Fichehub at sqlite:///" in said
        assert "typo" in said
        assert "fichehub db upgrade" in said
    assert list(tmp_path.iterdir()) == []


@pytest.mark.postgres
def test_a_server_that_holds_no_installation_is_said_to_hold_none(postgres_url: str, tmp_path: Path) -> None:
    said = CommandLine(tmp_path / "home").refused("--database-url", postgres_url, "runs")
    assert "There is no installation of Fichehub at postgresql" in said


def test_a_number_that_its_system_cannot_have_is_refused_as_in_the_api(filled: CommandLine) -> None:
    assert "eight digits" in filled.refused("query", "--where", "identifier=riziv|1")
    for usable in ("identifier=riziv|", "identifier=|1"):
        assert filled.json("query", "--where", usable)["total"] == 0


@pytest.mark.parametrize(
    "given",
    [("--where", "near=1,2"), ("--where", "changed_since=x"), ("--where", "colour=red"), ("--where", "red"), ("--near", "1,2"), ("--cursor", "zzz")],
)
def test_a_query_that_is_written_wrongly_is_not_understood(filled: CommandLine, given: tuple[str, str]) -> None:
    assert filled.misunderstood("query", *given).startswith("Error: ")


def test_what_is_wrong_is_said_once(filled: CommandLine) -> None:
    said = filled.misunderstood("query", "--where", "colour=red", "--where", "postcode=x")
    assert said.count("There is no such key") == said.count("has four digits") == 1
    (filled.home / "authority.toml").write_text('[groups.colours]\norder = ["a"]\n[groups.smells]\norder = ["a"]\n')
    said = filled.refused("query")
    assert said.count("groups.colours:") == said.count("groups.smells:") == 1
    assert "authority.toml cannot be used." in said
