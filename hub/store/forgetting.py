"""The keyed hash under which an erased person is remembered, so that a reload can be told apart without keeping anything of them."""

from __future__ import annotations

import hmac


def key_hash(secret: bytes, key: str) -> str:
    """HMAC-SHA256 of an identity key. Keyed, because a RIZIV number has eight digits and could be guessed from a plain hash."""
    return hmac.digest(secret, key.encode(), "sha256").hex()
