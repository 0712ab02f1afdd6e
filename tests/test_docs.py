"""What the documents name is there, and what is there is named: commands, environment variables, links."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from hub import plugins
from hub.cli import main
from hub.cli.connecting import in_short, settings_of
from hub.store.tables import metadata
from tests.test_house import FLOORS

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = sorted([*ROOT.glob("docs/**/*.md"), ROOT / "README.md"])
CONFIGURATION = (ROOT / "docs/configuration.md").read_text(encoding="utf-8")
_VARIABLE = re.compile(r"\bFICHEHUB_[A-Z]+(?:_[A-Z]+)*\b")
_LINK = re.compile(r"\]\((?!https?://|#|mailto:)([^)#\s]+)(#[^)\s]+)?\)")


def _commands(group: click.Group, above: tuple[str, ...] = ("fichehub",)) -> Iterator[tuple[str, str]]:
    """Every command with its arguments, and the first line of its help."""
    for name, command in group.commands.items():
        words = (*above, name)
        if isinstance(command, click.Group):
            yield from _commands(command, words)
            continue
        context = click.Context(command)
        arguments = [param.make_metavar(context) for param in command.params if isinstance(param, click.Argument)]
        yield " ".join((*words, *arguments)), (command.help or "").split("\n")[0]


def test_every_command_is_listed_with_what_it_does() -> None:
    listed = re.findall(r"^\| `(fichehub [^`]+)` \| (.*) \|$", CONFIGURATION, re.MULTILINE)
    assert listed == sorted(_commands(main))


def _settings() -> str:
    """The settings of the connectors that come with the hub, as the document lists them."""
    brought = {name: kind for name, kind in plugins.load().connectors.items() if kind.__module__.startswith("plugins.")}
    rows = [
        f"| `{name}` | `{each['name']}` | {f'`{short}`' if (short := in_short(each)) not in ('', 'required') else short} | {each['description']} |"
        for name, kind in sorted(brought.items())
        for each in settings_of(kind)
    ]
    return "\n".join(["| connector | setting | default | what it is |", "|---|---|---|---|", *rows])


def test_every_setting_of_a_connector_is_listed_with_what_it_is() -> None:
    assert _settings() in CONFIGURATION, f"docs/configuration.md should have:\n{_settings()}"
    assert not re.search(r"\| +\|$", _settings(), re.MULTILINE), "a setting that nobody explains"


def test_every_variable_that_is_read_is_listed_and_no_other() -> None:
    code = [path for room in ("hub", "plugins", "tests", "benchmarks") for path in (ROOT / room).rglob("*.py")]
    read = {name for path in [*code, ROOT / "Makefile"] for name in _VARIABLE.findall(path.read_text(encoding="utf-8"))}
    listed = re.findall(r"^\| `(FICHEHUB_[A-Z_]+)` \|", CONFIGURATION, re.MULTILINE)
    assert sorted(listed) == sorted(read)


def test_every_file_in_the_home_is_one_that_the_code_names() -> None:
    table = CONFIGURATION[CONFIGURATION.index("## Files in the home") : CONFIGURATION.index("## Commands")]
    code = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "hub").rglob("*.py"))
    names = [name.rstrip("/") for row in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE) for name in re.findall(r"`([^`]+)`", row)]
    assert names
    for name in names:
        assert re.search(rf"{re.escape(name)}['\"]", code), f"nothing in hub/ names {name}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_to_files_and_commands_to_commands(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    dead = [target for target, _ in _LINK.findall(text) if not (document.parent / target).exists()]
    assert dead == []
    for words in re.findall(r"(?:^|`|/)fichehub ((?:[a-z][a-z-]* ?)+)", text, re.MULTILINE):
        _must_be_a_command(words)
    groups = "|".join(name for name, command in main.commands.items() if isinstance(command, click.Group))
    for words in re.findall(rf"`((?:{groups}) [a-z][a-z-]*)", text):
        _must_be_a_command(words)


def _must_be_a_command(words: str) -> None:
    command: click.Command = main
    for word in words.split():
        if not isinstance(command, click.Group):
            break
        assert word in command.commands, f"there is no command: fichehub {words}"
        command = command.commands[word]


def _sentences(path: Path) -> Iterator[str]:
    """The texts in a file of code, those with places to fill in put together."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


@pytest.mark.parametrize("room", ["hub", "plugins"])
def test_commands_that_a_sentence_sends_somebody_to_exist(room: str) -> None:
    found = 0
    for path in (ROOT / room).rglob("*.py"):
        for sentence in _sentences(path):
            for words in re.findall(r"(?:: |`|run |with )fichehub ((?:[a-z][a-z-]* ?)+)", sentence):
                _must_be_a_command(words)
                found += 1
    assert found


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_paths_that_a_document_names_exist(document: Path) -> None:
    """A file of the repository in backticks, e.g. `hub/merge.py`; patterns and places to fill in are left alone."""
    named = re.findall(r"`((?:hub|plugins|tests|docs|benchmarks)/[\w./-]+)`", document.read_text(encoding="utf-8"))
    assert [name for name in named if not (ROOT / name).exists()] == []


ARCHITECTURE = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")


def test_the_architecture_names_every_table_and_its_writers() -> None:
    section = ARCHITECTURE[ARCHITECTURE.index("## The tables") : ARCHITECTURE.index("## Promises")]
    rows = re.findall(r"^\| (`.+?) \| .* \| (`.+?) \|$", section, re.MULTILINE)
    named = {name for tables, _ in rows for name in re.findall(r"`(\w+)`", tables)}
    assert named == {*metadata.tables, "fulltext"}, "the full text is made by the dialect, outside of the metadata"
    writers = [path for _, paths in rows for path in re.findall(r"`([\w./]+)`", paths)]
    assert writers and [path for path in writers if not (ROOT / "hub" / path).exists()] == []


def test_the_architecture_draws_the_floors_as_they_are_kept() -> None:
    (drawn,) = re.findall(r"```\n(errors < [^`]+)```", ARCHITECTURE)
    assert tuple(re.split(r"\s+<\s+", drawn.strip())) == FLOORS


def test_the_test_that_is_shown_is_one_of_ours() -> None:
    (shown,) = re.findall(r"```python\n(def test_.+?)```", (ROOT / "docs/contributing.md").read_text(encoding="utf-8"), re.DOTALL)
    assert shown in (ROOT / "tests/store/test_writer.py").read_text(encoding="utf-8")
