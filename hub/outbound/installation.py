"""How strict the calls of this installation are: whether they may reach its own network."""

from __future__ import annotations

import os
from typing import Any, Final

from hub.outbound.client import Outbound

ALLOW_PRIVATE: Final = "FICHEHUB_ALLOW_PRIVATE"
"""Set to 1, connections may reach addresses of the own network (simulators, a partner inside the walls), also without TLS."""


def open_outbound(**limits: Any) -> Outbound:
    """The HTTP client, as strict as the installation says; `limits` are those of `Outbound`."""
    return Outbound(allow_private=allows_private(), **limits)


def allows_private() -> bool:
    """Whether this installation calls addresses of its own network."""
    return os.environ.get(ALLOW_PRIVATE) == "1"
