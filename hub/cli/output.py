"""How commands answer: tables for people, JSON for programs, a bar for work that takes long."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

import click
import orjson

from hub.errors import FichehubError

if TYPE_CHECKING:
    from hub.connector import Progress

Item = TypeVar("Item")

as_json = click.option("--json", "as_json", is_flag=True, help="Answer in JSON, for programs.")


class Failure(click.ClickException):
    """An error of the hub as a sentence, with the fields that are wrong below it."""

    def __init__(self, error: FichehubError) -> None:
        lines = [error.message]
        lines += [
            f"  {wrong.path}: {wrong.reason}" + (f" (given: {wrong.value})" if wrong.value else "")
            for wrong in getattr(error, "errors", ())
        ]
        route = getattr(error, "route", "")
        if route:
            lines.append(f"  {route}")
        super().__init__("\n".join(lines))


def say_json(value: Any) -> None:
    """One JSON document on standard output."""
    click.echo(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())


def say_done(told: dict[str, Any], sentence: str, as_json: bool) -> None:
    """What a command did: `told` for programs, `sentence` for people."""
    if as_json:
        say_json(told)
    else:
        click.echo(sentence)


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
