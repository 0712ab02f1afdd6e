"""The hub on the web: the application that serves the API, the start page and every endpoint that a plugin brings.

Credentials become a grant in `asking`, errors become problem documents in `problems`, endpoints are mounted and watched in `endpoints`, and
`outgoing` gives every answer its headers. `server` runs it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.web.settings import Settings

if TYPE_CHECKING:
    import flask

    from hub.plugins import Plugins
    from hub.store import Store

__all__ = ["Settings", "create_app"]


def create_app(store: Store, plugins: Plugins, settings: Settings | None = None) -> flask.Flask:
    """A new application over this store and these plugins; nothing is shared between two of them.

    Each endpoint connector's blueprint is mounted at `/<its name>`; one that cannot be mounted is left out and named in the log, by
    `hub.web.endpoints.endpoints().broken` and on the start page.
    """
    # Here and not above: a plugin's `import hub` comes through this package for `directory` alone, and the command line
    # should not wait for the description of the API to be built.
    from hub.web.application import build

    return build(store, plugins, settings or Settings())
