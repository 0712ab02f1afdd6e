"""The widget: one custom element by which any website lets its visitors search, by what and where, local hits first."""

from collections.abc import Sequence

from hub import Connector, hookimpl
from plugins.widget.connector import Widget


@hookimpl
def register_connectors() -> Sequence[type[Connector]]:
    """The endpoint that the element talks to."""
    return [Widget]
