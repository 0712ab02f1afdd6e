"""The group `fichehub` and how its errors end: a sentence and an exit code, never a stack trace."""

from __future__ import annotations

import io
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import TextIO, cast

import click
import structlog

from hub.cli import (
    attending,
    auditing,
    coding,
    connecting,
    data,
    deciding,
    demonstrating,
    faults,
    partners,
    proposing,
    reviewing,
    serving,
    subscribing,
    undelivered,
)
from hub.cli.installation import Installation
from hub.cli.output import Failure
from hub.errors import FichehubError
from hub.plugins import bugs
from hub.store.home import make_home

_log = structlog.get_logger(__name__)


class _Fichehub(click.Group):
    """A group whose commands end in a sentence when something goes wrong."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except FichehubError as error:
            raise Failure(error) from error
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise  # who reads has enough, as `head` does: click ends without a word
        except bugs() as error:  # no command ends by SystemExit: that is a plugin's word
            home = ctx.find_object(Installation)
            sentence = faults.in_words(error, home)
            if sentence is None:
                _log.error("command failed", command=ctx.invoked_subcommand, exc_info=True)
                where = f" (see {home.log_file})" if home is not None else ""
                sentence = f"Something went wrong inside Fichehub: {type(error).__name__}{where}."
            raise click.ClickException(sentence) from error


@click.group(cls=_Fichehub, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.option(
    "--home",
    envvar="FICHEHUB_HOME",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("var"),
    show_default=True,
    help="Folder that holds the state of this installation [FICHEHUB_HOME].",
)
@click.option(
    "--database-url",
    envvar="FICHEHUB_DATABASE_URL",
    default="",
    help="SQLite or PostgreSQL; default: fichehub.sqlite in the home [FICHEHUB_DATABASE_URL].",
)
@click.version_option(metadata.version("fichehub"), prog_name="fichehub")
@click.pass_context
def main(ctx: click.Context, home: Path, database_url: str) -> None:
    """Fichehub: one canonical fiche, many connectors."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # the name of a file may hold what its encoding cannot say; standard error is so by itself
    ctx.obj = Installation(home.absolute(), database_url)
    _log_to(ctx.obj.log_file)


class _Log:
    """The file, made when there is something to write: a command that is told of a folder where nothing is leaves nothing there.

    That it cannot be written, on a full disk or in a closed folder, is said once; it is no reason for a command to fail.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: TextIO | None = None
        self._lost = False

    def write(self, text: str) -> None:
        with self._said_once():
            if self._file is None:
                make_home(self._path.parent)
                self._file = self._path.open("a", encoding="utf-8")
            self._file.write(text)

    def flush(self) -> None:
        if self._file is not None:
            with self._said_once():
                self._file.flush()

    def close(self) -> None:
        if self._file is not None:
            with self._said_once():
                self._file.close()

    @contextmanager
    def _said_once(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if not self._lost:
                self._lost = True
                click.echo(
                    f"The log {self._path} cannot be written ({error.strerror}); some of it is lost. Make room, or let this user write there.",
                    err=True,
                )


def _log_to(path: Path) -> None:
    """Log lines go to a file, so that the terminal shows only what was asked for."""
    file = _Log(path)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(file=cast("TextIO", file)),
    )
    click.get_current_context().call_on_close(file.close)


class _Text(click.types.StringParamType):
    """Words from the command line. For bytes that the locale cannot read Python has halves of characters (PEP 383), which are in no fiche."""

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        text: str = super().convert(value, param, ctx)
        if not any("\ud800" <= each <= "\udfff" for each in text):
            return text
        try:
            return os.fsencode(text).decode()  # as where the locale is C, and the terminal is not
        except UnicodeError:
            self.fail(
                "This is no text in UTF-8. Type it in a terminal that speaks UTF-8, with a locale that says so, as LC_ALL=C.UTF-8 does.", param, ctx
            )


def _reads_text(command: click.Command) -> None:
    """Let this command and those below it take no text but `_Text`; the name of a file stays what the system calls it."""
    for parameter in command.params:
        if parameter.type is click.STRING:
            parameter.type = _TEXT
    for below in command.commands.values() if isinstance(command, click.Group) else ():
        _reads_text(below)


_TEXT = _Text()
for _room in (
    serving,
    demonstrating,
    connecting,
    data,
    partners,
    auditing,
    coding,
    attending,
    deciding,
    undelivered,
    proposing,
    reviewing,
    subscribing,
):
    for _command in _room.COMMANDS:
        main.add_command(_command)
_reads_text(main)

if __name__ == "__main__":
    sys.exit(main())
