"""De Sociale Kaart, the master source: its list of offers and leaflets, polled politely, or the same JSON from a file."""

from collections.abc import Sequence

from hub import Connector, hookimpl
from plugins.sociale_kaart.connector import SocialeKaart


@hookimpl
def register_connectors() -> Sequence[type[Connector]]:
    """The source."""
    return [SocialeKaart]
