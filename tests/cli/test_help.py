"""Every command explains itself, and every command that answers programs does so in JSON."""

from __future__ import annotations

from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from hub.cli import main
from tests.cli.conftest import CommandLine

WANTED = {
    *("serve", "work", "up", "demo", "simulate"),
    *("plugins", "connections", "run", "runs"),
    *("query", "export", "changes", "concepts", "conflicts", "erase", "db"),
    *("partners", "keys"),
    *("preview", "decide", "decisions", "settle", "deadletters", "rejected", "proposals", "reviews"),
    *("subscriptions", "audit"),
}


def commands(group: click.Group = main, above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command with the words that name it."""
    for name, command in group.commands.items():
        yield (*above, name), command
        if isinstance(command, click.Group):
            yield from commands(command, (*above, name))


COMMANDS = dict(commands())


def test_the_commands_are_these() -> None:
    assert {words[0] for words in COMMANDS} == WANTED


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_help_begins_with_a_sentence(words: tuple[str, ...]) -> None:
    result = CliRunner().invoke(main, [*words, "--help"])
    assert result.exit_code == 0
    sentence = result.output.split("\n\n")[1].strip()
    assert sentence[0].isupper()
    assert "." in sentence, sentence
    undescribed = [option.opts[-1] for option in COMMANDS[words].params if isinstance(option, click.Option) and not option.help]
    assert set(undescribed) <= {"--limit"}


def test_every_command_but_those_that_serve_answers_programs() -> None:
    silent = {
        words
        for words, command in COMMANDS.items()
        if not isinstance(command, click.Group) and not any("--json" in param.opts for param in command.params)
    }
    assert silent == {("serve",), ("work",), ("up",), ("simulate",)}


def test_what_was_done_is_told_to_programs(filled: CommandLine) -> None:
    filled.ok("connections", "add", "book", "excel")
    assert filled.json("connections", "stop", "book", "--reason", "fair")["reason"] == "fair"
    assert filled.json("connections", "go", "book") == {"connection": "book", "stopped": False, "was_stopped": True}
    assert filled.json("connections", "stop", "--all")["connection"] is None
    assert filled.json("connections", "keep-raw", "book", "3") == {"name": "book", "days": 3}
    assert filled.json("connections", "remove", "book", "--yes") == {"name": "book", "removed": True}
    assert filled.json("settle") == {"settled": 0}
    assert filled.json("deadletters", "replay") == {"replayed": 0}
    assert filled.json("deadletters", "drop") == {"dropped": 0}
    assert filled.json("audit", "keep", "400") == {"days": 400}
    assert filled.json("db", "upgrade")["schema"] == filled.json("db", "status")["schema"]
    filled.ok(
        "partners", "add", "kring", *("--title=Kring", "--purpose=x", "--legal-basis=x", "--contact=x@example.org", "--our-contact=y@example.org")
    )
    prefix = filled.json("keys", "issue", "kring")["prefix"]
    assert filled.json("keys", "revoke", "kring", prefix, "--yes")["revoked"]
    assert filled.json("partners", "pause", "kring", "--reason", "fair") == {"name": "kring", "paused": "fair", "tokensEnded": 0}
    assert not filled.json("partners", "resume", "kring")["paused"]


def test_an_erasure_tells_a_program_what_went_and_nothing_else(filled: CommandLine) -> None:
    (one,) = filled.json("query", "--kind", "zorgverlener")["items"]
    asked = filled("erase", one["id"], "--reason", "asked for", "--json", input="n\n")
    assert (asked.exit_code, asked.stdout) == (1, "")
    assert "sociale-kaart p1" in asked.stderr
    gone = filled.json("erase", one["id"], "--reason", "asked for", "--yes")
    assert gone == {"erased": one["id"], "also_erased": [], "claims": [{"source": "sociale-kaart", "external_id": "p1"}], "rewrite_due": False}


@pytest.mark.parametrize(
    "words",
    [
        words
        for words, command in COMMANDS.items()
        if any("--json" in param.opts for param in command.params)
        and words[-1] in ("list", "status", "plugins", "runs", "query", "conflicts")
        and words[0] != "keys"
    ],
    ids=" ".join,
)
def test_json_parses_on_an_empty_installation(fichehub: CommandLine, words: tuple[str, ...]) -> None:
    needed = ["nobody" for param in COMMANDS[words].params if isinstance(param, click.Argument) and param.required]
    assert isinstance(fichehub.json(*words, *needed), list | dict)


@pytest.mark.parametrize(
    "arguments",
    [
        ("runs", "no-such-connection", "--limit", "0"),
        ("query", "--sort", "sideways"),
        ("serve", "--port", "0"),
        ("simulate", "sociale-kaart", "--size", "XL"),
    ],
    ids=" ".join,
)
def test_a_wrong_option_is_named_with_what_is_possible(fichehub: CommandLine, arguments: tuple[str, ...]) -> None:
    result = fichehub(*arguments)
    assert result.exit_code == 2
    assert "Invalid value for" in result.output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("run", "nothing"), "There is no connection 'nothing'"),
        (("connections", "check", "nothing"), "none yet"),
        (("connections", "add", "x", "no-connector"), "installed are: "),
        (("query", "--where", "province=mars"), "no province 'mars'"),
        (("query", "--where", "municipality=Nergenshuizen"), "Nergenshuizen"),
        (("keys", "list", "nobody"), "no agreement with a partner named nobody"),
        (("export", "excel", "x.xlsx", "--set", "colour=red"), "config.colour: Unknown field."),
        (("export", "excel", "x.xlsx", "--set", 'zones=["any"]'), "config.zones: No primary-care zones"),
        (("query", "--local", "Nergenshuizen"), "Nergenshuizen"),
        (("query", "--local", "99999"), "99999"),
        (("query", "--partner", "nobody"), "nobody"),
        (("export", "fhir", "out.bin"), "fhir"),
        (("erase", "00000000-0000-4000-8000-000000000000", "--reason", "x"), "00000000-0000-4000-8000-000000000000"),
        (("keys", "issue", "nobody"), "nobody"),
        (("simulate", "the-moon"), "sociale-kaart"),
        (("--database-url", "mysql://x/y", "db", "status"), "SQLite and PostgreSQL"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_an_error_is_a_sentence(fichehub: CommandLine, arguments: tuple[str, ...], words: str) -> None:
    assert words in fichehub.refused(*arguments)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("query", "--near", "here"), "LAT,LON,KM"),
        (("query", "--where", "postcode"), "Write it as key=value"),
        (("query", "--where", "colour=red"), "colour"),
        (("query", "--cursor", "rubbish"), "ursor"),
        (("connections", "add", "x", "excel", "--set", "postcodes"), "write it as key=value"),
        (("connections", "go"), "--all"),
        (("decide", "x", "names"), "--value or --source"),
        (("partners", "add", "epd", "--title", "EPD"), "--legal-basis"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_is_not_written_as_it_must_be_is_not_understood(fichehub: CommandLine, arguments: tuple[str, ...], words: str) -> None:
    assert words in fichehub.misunderstood(*arguments)


def test_a_bug_is_told_without_its_trace(fichehub: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*args: object) -> None:
        raise RuntimeError("the secret of the database")

    monkeypatch.setattr("hub.store.reading.conflicts", fails)
    said = fichehub.refused("conflicts")
    assert "RuntimeError" in said
    assert "secret" not in said
    assert "the secret of the database" in (fichehub.home / "fichehub.log").read_text(encoding="utf-8")
