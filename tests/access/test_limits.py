"""So many requests at once, so many a second, and no more memory than for so many askers."""

from hub.access.limits import RateLimiter


class _Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_who_asks_too_often_waits_until_the_next_is_due() -> None:
    clock = _Clock()
    limiter = RateLimiter(per_second=2.0, burst=3, clock=clock)
    assert [limiter.wait_for("epd") for _ in range(4)] == [0.0, 0.0, 0.0, 0.5]
    assert limiter.must_wait("epd") == 0.5
    assert limiter.wait_for("other") == 0.0, "each has a bucket of his own"
    clock.now += 0.5
    assert [limiter.must_wait("epd"), limiter.wait_for("epd"), limiter.must_wait("epd")] == [0.0, 0.0, 0.5]
    clock.now += 3600
    assert [limiter.wait_for("epd") for _ in range(4)] == [0.0, 0.0, 0.0, 0.5], "an hour of silence saves up no more than a burst"


def test_the_longest_unseen_asker_makes_room() -> None:
    limiter = RateLimiter(per_second=1.0, burst=1, clock=_Clock(), askers=2)
    for asker in ("a", "b", "a", "c"):  # b was seen longest ago
        limiter.wait_for(asker)
    assert [limiter.must_wait(asker) for asker in ("a", "b", "c")] == [1.0, 0.0, 1.0]
