"""Views that are open to all, some of them even while their endpoint is closed: the marks that an endpoint puts on them, and whether one has them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

_OPEN: Final = "fichehub_open_to_all"
_WHEN_CLOSED: Final = "fichehub_served_when_closed"
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


def served_when_closed(view: View) -> View:
    """Mark a view as `open_to_all` that is answered also while the endpoint is paused or not open to whoever asks: a file that the pages of others are made
    of, and that tells their visitors what is the matter. Usable as a decorator, below that of the route.
    """
    setattr(view, _WHEN_CLOSED, True)
    return open_to_all(view)


def is_served_when_closed(view: Callable[..., Any] | None) -> bool:
    """Whether the view has that mark."""
    return getattr(view, _WHEN_CLOSED, False)
