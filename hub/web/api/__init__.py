"""`/api/v1`, by the conventions of Belgif (https://www.belgif.be/specification/rest/api-guide/)."""

from __future__ import annotations

import flask


def install(app: flask.Flask) -> None:
    """Serve it."""
