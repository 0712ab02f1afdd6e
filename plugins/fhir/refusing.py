"""What is wrong with one parameter or element of a request."""

from __future__ import annotations

from hub import FieldError, Invalid


def invalid(name: str, reason: str, value: str | None = None) -> Invalid:
    """The error about the parameter or element of this name; of a long name or value only the beginning is repeated."""
    return Invalid(f"{name[:80]}: {reason}", (FieldError(name[:80], reason, value and value[:100]),))
