"""A rate limit per asker: a token bucket in memory, per process."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable


class RateLimiter:
    """Allows `burst` requests at once and `per_second` on average, per asker.

    In memory and per process: with several workers the real limit is a multiple. It protects the hub from a runaway client, it is no
    billing meter. At most `askers` buckets are kept, the least recently seen go first.
    """

    def __init__(self, *, per_second: float, burst: int, clock: Callable[[], float], askers: int = 10_000) -> None:
        self._per_second = per_second
        self._burst = float(burst)
        self._clock = clock
        self._askers = askers
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def must_wait(self, asker: str) -> float:
        """As `wait_for`, but nothing is counted."""
        tokens, since = self._buckets.get(asker, (self._burst, self._clock()))
        tokens = min(self._burst, tokens + (self._clock() - since) * self._per_second)
        return 0.0 if tokens >= 1 else (1 - tokens) / self._per_second

    def wait_for(self, asker: str, cost: float = 1.0) -> float:
        """Seconds that the asker must wait; 0.0 when the request may go on (and is then counted)."""
        now = self._clock()
        tokens, since = self._buckets.pop(asker, (self._burst, now))
        tokens = min(self._burst, tokens + (now - since) * self._per_second)
        allowed = tokens >= cost
        self._buckets[asker] = (tokens - cost if allowed else tokens, now)
        while len(self._buckets) > self._askers:
            self._buckets.popitem(last=False)
        return 0.0 if allowed else (cost - tokens) / self._per_second
