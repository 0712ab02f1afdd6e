"""How one installation wants to be served."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

WORKERS: Final = 2
"""Processes that answer, when nobody says otherwise."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The defaults serve a public hub that stands directly on the network.

    `anonymous`: whether those without a key may ask for public values. `requests_per_second` and `burst`: the rate limit per asker and
    process. `max_body`: the longest request body, in bytes. `trusted_proxies`: how many proxies in front of us set X-Forwarded-For.
    `demo`: say on the start page that the data is fictional.
    """

    anonymous: bool = True
    requests_per_second: float = 200.0
    burst: int = 1000
    max_body: int = 1 << 20
    trusted_proxies: int = 0
    demo: bool = False
