"""How large the batches of a load are: no larger than what keeps editors waiting allows, and no smaller than a load needs."""

import pytest

from hub.store.pace import FIRST, HELD, LARGEST, LASTING, MOST_NEWS, SMALLEST, Pace


def after(held: float, lasted: float, news: float = 1.0, batches: int = 20) -> int:
    """The size that batches come to which take so many seconds for a thousand claims, of which this part tells something new."""
    pace = Pace()
    for _ in range(batches):
        pace.held, pace.lasted = held * pace.size / 1000, lasted * pace.size / 1000
        pace.took(pace.size, int(pace.size * news))
    return pace.size


@pytest.mark.parametrize(
    ("held", "lasted", "size"),
    [
        (0.02, 0.3, MOST_NEWS),
        (1.6 * HELD, 1.6 * HELD, 500),
        (4 * HELD, 4 * HELD, 200),  # one write lock for all of it
        (0.02, 4 * LASTING, 200),  # the counter is held shortly, but who edits what the batch leads to waits for all of it
        (100 * HELD, 100 * HELD, SMALLEST),
    ],
)
def test_a_batch_is_as_large_as_others_can_bear(held: float, lasted: float, size: int) -> None:
    assert after(held, lasted) == pytest.approx(size, rel=0.05)


def test_what_is_known_takes_less_memory() -> None:
    assert after(0.02, 0.02, news=0.1) == LARGEST > MOST_NEWS


def test_a_batch_that_was_not_full_says_nothing_about_the_size() -> None:
    pace = Pace()
    pace.held = pace.lasted = 10.0
    pace.took(FIRST - 1, FIRST - 1)
    assert pace.size == FIRST


def test_who_never_kept_others_out_held_nothing() -> None:
    pace = Pace()
    pace.measured(0.0, None)
    assert (pace.held, pace.lasted > 0) == (0.0, True)
