"""The start page, `/`: what runs, how each connection fares, and where everything is."""

from __future__ import annotations

import flask


def install(app: flask.Flask) -> None:
    """Serve it."""
