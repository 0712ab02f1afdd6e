"""Who is asking, and what their agreement lets them see: agreements, credentials, rate limits."""

from hub.access.agreements import (
    REQUIRED,
    RIGHTS,
    Agreement,
    agreement,
    agreements,
    grant_for,
    pause_agreement,
    resume_agreement,
    save_agreement,
)
from hub.access.keys import IssuedKey, authenticate, issue_key, key_to_revoke, keys_of, live_keys, revoke_key
from hub.access.limits import RateLimiter

__all__ = [
    "REQUIRED",
    "RIGHTS",
    "Agreement",
    "IssuedKey",
    "RateLimiter",
    "agreement",
    "agreements",
    "authenticate",
    "grant_for",
    "issue_key",
    "key_to_revoke",
    "keys_of",
    "live_keys",
    "pause_agreement",
    "resume_agreement",
    "revoke_key",
    "save_agreement",
]
