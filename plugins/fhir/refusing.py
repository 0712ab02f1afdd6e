"""What is wrong with one parameter or element of a request."""

from __future__ import annotations

from typing import Final

from hub import FieldError, Invalid

_LONGEST_NAME: Final = 200
"""A chain from what points here, three deep, is called by half of it."""


def invalid(name: str, reason: str, value: str | None = None) -> Invalid:
    """The error about the parameter or element of this name; of a long name or value only the beginning is repeated."""
    return Invalid(f"{name[:_LONGEST_NAME]}: {reason}", (FieldError(name[:_LONGEST_NAME], reason, value and value[:100]),))
