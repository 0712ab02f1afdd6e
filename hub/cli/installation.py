"""The installation that a command works on: its home, its database, its plugins, each opened when first needed."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path

import click

from hub import concepts_data, plugins
from hub.demo import stage
from hub.directory import Directory
from hub.model.audience import Grant
from hub.store import Store
from hub.sync.connections import ALLOW_PRIVATE
from hub.sync.push import open_directory


class Installation:
    """Where the state is. `database_url` empty means SQLite in the home."""

    def __init__(self, home: Path, database_url: str) -> None:
        self.home = home
        self.database_url = database_url or f"sqlite:///{home / 'fichehub.sqlite'}"
        self.log_file = home / "fichehub.log"

    @cached_property
    def store(self) -> Store:
        """The store, at the current schema."""
        store = Store.open(self.database_url, self.home)
        click.get_current_context().call_on_close(store.close)
        if stage.is_set(store):
            # Its partners are simulators on this machine, where no partner otherwise may be called.
            os.environ.setdefault(ALLOW_PRIVATE, "1")
        return store

    @cached_property
    def plugins(self) -> plugins.Plugins:
        """What is installed; broken plugins are left out and named by `fichehub plugins`."""
        return plugins.load()

    def settle(self) -> None:
        """Load the concepts that the hub and its plugins bring along; what is there already is left alone."""
        brought = (*concepts_data.schemes(), *self.plugins.concepts)
        self.store.write(lambda writer: writer.put_concepts(brought))

    def directory(self, partner: str, level: str) -> Directory:
        """What this partner, or somebody of this level, may see."""
        if partner:
            return open_directory(self.store, partner)
        return Directory(self.store, Grant(level=level, name="command line"))  # type: ignore[arg-type]
