"""FHIR R4: the directory as EPD packages and hubs read it, by the Belgian profiles and IHE mCSD. See docs/fhir.md."""

from __future__ import annotations

from collections.abc import Sequence

from hub import Connector, hookimpl
from plugins.fhir.connector import Fhir


@hookimpl
def register_connectors() -> Sequence[type[Connector]]:
    """The endpoint at `/fhir`."""
    return [Fhir]
