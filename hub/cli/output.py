"""How commands answer: tables for people, JSON for programs, a bar for work that takes long."""

from __future__ import annotations

import os
import sys
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click
import orjson

from hub.errors import FichehubError
from hub.sync.whole import can_be_written, is_standard_output

if TYPE_CHECKING:
    from hub.connector import Progress

Item = TypeVar("Item")
_WIDTH: Final = 90
_STANDARD_OUTPUT: Final = Path("/dev/stdout")

as_json = click.option("--json", "as_json", is_flag=True, help="Answer in JSON, for programs.")
yes = click.option("--yes", is_flag=True, help="Do not ask.")


class OutputFile(click.Path):
    """A file to write, in a folder that is there: one that somebody mistyped is refused, and not made. `-` is standard output."""

    def __init__(self) -> None:
        super().__init__(path_type=Path, dir_okay=False)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        file = _STANDARD_OUTPUT if value == "-" else Path(str(super().convert(value, param, ctx)))
        folder = file.parent if not file.is_symlink() else Path(os.path.realpath(file)).parent
        if not folder.is_dir():
            self.fail(f"There is no folder {str(folder)!r}. Make it first, or name another file.", param, ctx)
        if not can_be_written(file):
            self.fail(f"{str(file)!r} is no file, and nothing that can be written to like one. Name another.", param, ctx)
        return file


class Failure(click.ClickException):
    """An error of the hub as a sentence, with the fields that are wrong below it."""

    def __init__(self, error: FichehubError) -> None:
        errors = getattr(error, "errors", ())
        told = [f"{wrong.path}: {wrong.reason}" for wrong in errors]
        lines = [_without(told, error.message) or "This cannot be done:"]
        lines += [f"  {said}" + (f" (given: {wrong.value})" if wrong.value else "") for said, wrong in zip(told, errors, strict=True)]
        route = getattr(error, "route", "")
        if route:
            lines.append(f"  {route}")
        super().__init__("\n".join(lines))


class NotUnderstood(Failure):
    """The command itself is not written as it must be, whatever there is; it ends as click's own usage errors do."""

    exit_code = 2


def _without(told: Sequence[str], message: str) -> str:
    """A sentence that ends in fields with their reasons, as those for programs and logs do, without these: here each stands on a line of its own."""
    begins = [place for said in told if (place := message.find(said)) >= 0]
    if not begins:
        return message
    rest = message[min(begins) :]
    for said in told:
        rest = rest.replace(said, "")
    return message if rest.strip(" ;") else message[: min(begins)].rstrip()


def counted(count: int, what: str, many: str = "") -> str:
    """So many of `what`: 1 row, 2 rows, 3,574 rows; `many` is the plural that has no s."""
    return f"{count:,} {what if count == 1 else many or f'{what}s'}"


def shortened(text: str) -> str:
    """The text on one line, cut between two words where it is longer than a table can bear; `--json` has all of it."""
    return textwrap.shorten(text, _WIDTH, placeholder=" …") if " " in text[:_WIDTH].strip() else text[:_WIDTH]


def say_json(value: Any) -> None:
    """One JSON document on standard output."""
    click.echo(_document(value))


def _document(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()


def say_written(told: dict[str, Any], sentence: str, as_json: bool, output: Path | None) -> None:
    """As `say_done`, of a file that was written: on standard error where the file itself went to standard output."""
    err = output is not None and is_standard_output(output)
    click.echo(_document(told) if as_json else sentence, err=err)


def say_done(told: dict[str, Any], sentence: str, as_json: bool) -> None:
    """What a command did: `told` for programs, `sentence` for people."""
    if as_json:
        say_json(told)
    else:
        click.echo(sentence)


def ask(told: Sequence[str], question: str, yes: bool, as_json: bool) -> None:
    """Say what will happen, and go on when somebody agrees, or agreed beforehand (`--yes`)."""
    # For a program only its JSON goes to standard output; somebody who is asked must still see what for.
    if told and not (as_json and yes):
        click.echo("\n".join(told), err=as_json)
    if not yes:
        click.confirm(question, abort=True, err=as_json)


def say_line(value: Any) -> None:
    """One JSON document on one line."""
    click.echo(orjson.dumps(value).decode())


def say_table(headers: Sequence[str], rows: Iterable[Sequence[object]], empty: str) -> None:
    """A table with aligned columns, or the sentence `empty` when there are no rows."""
    texts = [["" if cell is None else str(cell) for cell in row] for row in rows]
    if not texts:
        click.echo(empty)
        return
    widths = [max(len(header), *(len(row[place]) for row in texts)) for place, header in enumerate(headers)]
    for line in (headers, ["-" * width for width in widths], *texts):
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def at_most(found: Iterable[Item], limit: int, hint: str = "--limit N shows more.") -> list[Item]:
    """The first so many; when there are more, that is said on standard error, so that what a program reads stays as it is. Ask for one more than `limit`."""
    first = list(islice(found, limit + 1))
    if len(first) > limit:
        click.echo(f"There are more than these {limit}; {hint}", err=True)
    return first[:limit]


@contextmanager
def progress() -> Iterator[Progress]:
    """A function `(done, total, what)` that draws a line on a terminal, and says nothing elsewhere."""
    shown = sys.stderr.isatty()
    width = 0

    def draw(done: int, total: int | None, what: str) -> None:
        nonlocal width
        if not shown:
            return
        if total:
            filled = min(30, 30 * done // total)
            text = f"{what} [{'#' * filled}{'.' * (30 - filled)}] {done}/{total}"
        else:
            text = f"{what}: {done}"
        click.echo("\r" + text.ljust(width), nl=False, err=True)
        width = max(width, len(text))

    try:
        yield draw
    finally:
        if width:
            click.echo("\r" + " " * width + "\r", nl=False, err=True)


def value_in_short(value: Any) -> str:
    """A value as a cell of a table or a sentence can bear it: JSON, cut at 60 characters; `-` for none."""
    text = "-" if value is None else orjson.dumps(value).decode()
    return text if len(text) <= 60 else f"{text[:59]}…"
