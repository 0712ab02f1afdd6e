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
    `public_url`: how the hub is called from outside (`https://hub.example.org`), which is what the assertions of partners must name; empty: as the request
    says, which anybody who can send a request under another name can choose. `demo`: say on the start page that the data is fictional.
    """

    anonymous: bool = True
    requests_per_second: float = 200.0
    burst: int = 1000
    max_body: int = 4 << 20
    trusted_proxies: int = 0
    public_url: str = ""
    demo: bool = False
