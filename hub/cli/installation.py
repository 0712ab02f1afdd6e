"""The installation that a command works on: its home, its database, its plugins, each opened when first needed."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path

import click

from hub import concepts_data, plugins
from hub.cli.output import progress
from hub.demo import stage
from hub.directory import Directory
from hub.errors import Misconfigured
from hub.model.audience import Grant
from hub.outbound import ALLOW_PRIVATE
from hub.store import Store, database, index_anew
from hub.sync.partner_view import open_directory

OLDER_INDEX = "The fiches or their search index are of another version, or of other mappings: they may say what they should not, and searches may miss what is there. Run: fichehub db upgrade"


class Installation:
    """Where the state is. `database_url` empty means SQLite in the home."""

    def __init__(self, home: Path, database_url: str) -> None:
        self.home = home
        self.database_url = database_url or f"sqlite:///{home / 'fichehub.sqlite'}"
        self.log_file = home / "fichehub.log"
        self._may_be_new = False
        self._may_upgrade = False

    def allow_new(self) -> None:
        """This command may make the installation, if there is none yet; all others say that there is none."""
        self._may_be_new = True

    def allow_upgrade(self) -> None:
        """This command may bring the schema of the database to that of this version; all others say how that is done."""
        self._may_upgrade = True

    def require(self) -> None:
        """Return when there is an installation here, or may be one. Raises `Misconfigured`: who mistyped a folder should not be told that nothing is found."""
        if not self._may_be_new and not database.exists(self.database_url):
            raise Misconfigured(self.nothing_here())

    def nothing_here(self) -> str:
        """What is said where there is no installation."""
        where = database.shown(database.parsed(self.database_url))
        return (
            f"There is no installation of Fichehub at {where}. Check --home ({self.home}) and --database-url. To make a new one there: "
            "fichehub db upgrade (empty), fichehub demo (with the demonstration), or fichehub up."
        )

    @cached_property
    def store(self) -> Store:
        """The store. Raises `Misconfigured` when its schema is an older one, unless this command may upgrade it."""
        self.require()
        store = Store.open(self.database_url, self.home, upgrade=self._may_upgrade)
        click.get_current_context().call_on_close(store.close)
        if stage.is_set(store):
            # Its partners are simulators on this machine, where no partner otherwise may be called.
            os.environ.setdefault(ALLOW_PRIVATE, "1")
        return store

    @cached_property
    def plugins(self) -> plugins.Plugins:
        """What is installed; broken plugins are left out and named by `fichehub plugins`."""
        return plugins.load()

    def bring_up_to_date(self) -> None:
        """Load the concepts that the hub and its plugins bring along; what is there already is left alone. Fiches and a search index of another version are made anew."""
        self.allow_new()
        brought = (*concepts_data.schemes(), *self.plugins.concepts)
        self.store.write(lambda writer: writer.put_concepts(brought))
        if self.index_is_older():
            click.echo(
                "The fiches or their search index are of another version, or of other mappings: making them anew. Whoever is interrupted goes on from there.",
                err=True,
            )
            with progress() as draw:
                renewed = index_anew.renew(self.store, progress=draw)
            click.echo(f"{renewed.before + renewed.fiches} fiches and their search index are of this version.", err=True)

    def index_is_older(self) -> bool:
        """Whether another version merged the fiches or wrote their search index."""
        with self.store.read() as connection:
            return index_anew.is_older(connection)

    def directory(self, partner: str, level: str) -> Directory:
        """What this partner, or somebody of this level, may see."""
        if self.index_is_older():
            click.echo(OLDER_INDEX, err=True)
        if partner:
            return open_directory(self.store, partner)
        return Directory(self.store, Grant(level=level, name="command line"))  # type: ignore[arg-type]
