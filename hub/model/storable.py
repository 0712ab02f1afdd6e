"""Text of a connector's, made such that both engines keep it: a stranger's code may hand over anything for a text."""

from __future__ import annotations

import json


def text_of(value: object) -> str:
    """A value that should be a text, as one that can be kept; "" of None."""
    if value is None:
        return ""
    return storable(value if isinstance(value, str) else _told(value))


def storable(text: str) -> str:
    """PostgreSQL cannot hold the character NUL, nor either engine half of a surrogate pair."""
    return text.replace("\x00", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()


def is_storable(text: str) -> bool:
    """Whether both engines keep it as it is."""
    return "\x00" not in text and (text.isascii() or storable(text) == text)


def _told(value: object) -> str:
    try:
        return json.dumps(value, default=lambda unknown: f"<{type(unknown).__name__}>", ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):  # a key that is no text, a circle, too deep
        return f"<{type(value).__name__}>"
