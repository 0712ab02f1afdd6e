"""Views that are open to all: the mark that an endpoint puts on them, and whether one has it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

_OPEN: Final = "fichehub_open_to_all"
View = TypeVar("View", bound=Callable[..., Any])


def open_to_all(view: View) -> View:
    """Mark a view of an endpoint that tells nothing of any fiche, such as what the server can do: it is answered without credentials, also where the
    public has no access. Credentials that are sent all the same must be good ones. Usable as a decorator, below that of the route.
    """
    setattr(view, _OPEN, True)
    return view


def is_open(view: Callable[..., Any] | None) -> bool:
    """Whether the view has the mark."""
    return getattr(view, _OPEN, False)
