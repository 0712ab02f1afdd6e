"""How long questions take, on a machine where others work too; and the verdict on each search of a list."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil
from typing import NamedTuple

AGAIN = 3
"""So often each of the slowest questions is asked once more."""


class Times(NamedTuple):
    """Of the questions of one search, in milliseconds."""

    p50: float
    p99: float


@dataclass(frozen=True)
class Promise:
    """What was promised of one search: at most so many milliseconds at the smallest size and at the largest, and at most so many times as long at the
    largest as at the smallest. None: nothing. `grows`: why it takes longer among more, if it may."""

    small_ms: float | None
    large_ms: float
    times: float | None
    grows: str = ""

    def broken(self, found: Sequence[Times]) -> str:
        """What is not kept, in words; "" when all is. `found`: at each size, smallest first."""
        small, large, wrong = found[0].p99, found[-1].p99, []
        if self.small_ms is not None and small > self.small_ms:
            wrong.append(f"above {self.small_ms:.0f} ms at the smallest")
        if len(found) > 1 and self.times is not None and large > self.times * small:
            wrong.append(f"more than {self.times:.0f} times")
        if large > self.large_ms and (len(found) > 1 or self.small_ms is None):
            wrong.append(f"above {self.large_ms:.0f} ms")
        return ", ".join(wrong)

    def said(self, sizes: int) -> str:
        """The limits in a few letters."""
        wanted = [] if self.small_ms is None else [f"{self.small_ms:.0f} ms"]
        if sizes > 1 or self.small_ms is None:
            wanted.append(f"{self.large_ms:.0f} ms")
        if sizes > 1 and self.times is not None:
            wanted.append(f"{self.times:.0f}x")
        return ", ".join(wanted)


def report(engine_name: str, sizes: Sequence[int], found: dict[str, tuple[Promise, list[Times]]]) -> int:
    """Print a line for each search and one for them all; the answer is how many broke their promise."""
    heads = "".join(f"{size:>10} p50     p99" for size in sizes)
    print(f"{engine_name + ', ms at so many fiches:':49}{heads}   times  limit")
    missed = grows = 0
    for title, (promise, times) in found.items():
        numbers = "".join(f"{each.p50:14.2f}{each.p99:8.2f}" for each in times)
        wrong, ratio = promise.broken(times), times[-1].p99 / times[0].p99
        missed += bool(wrong)
        grows += bool(promise.grows)
        verdict = f"MISSED: {wrong}" if wrong else "ok"
        if promise.grows:
            verdict += f"; declared to grow: {promise.grows}"
        print(f"  {title:47}{numbers}{ratio:8.1f}  {promise.said(len(sizes)):16} {verdict}")
    slowest = max(found, key=lambda title: found[title][1][-1].p99)
    print(
        f"{engine_name}: {len(found)} searches, {len(found) - missed} as promised ({grows} of all are declared to grow), {missed} missed;"
        f" the slowest p99 at {sizes[-1]} is {found[slowest][1][-1].p99:.1f} ms ({slowest})"
    )
    return missed


def clock_for(engine_name: str) -> Callable[[], float]:
    """SQLite works in our own process: its processor time counts, which other work on the machine does not disturb. PostgreSQL by the clock."""
    return time.perf_counter if engine_name == "postgresql" else time.process_time


def quieted() -> None:
    """Let the garbage of what was before be collected now, not in the middle of a question."""
    gc.collect()
    gc.freeze()


def timed(questions: Sequence[Callable[[], object]], clock: Callable[[], float], warm_up: int) -> Times:
    """Ask each question once, the first `warm_up` of them for nothing.

    The slowest tenth is asked again and counts with its best time: a question is slow when it is so every time, not when somebody else had the processor.
    """
    taken: list[tuple[float, int]] = []
    for number, question in enumerate(questions):
        began = clock()
        question()
        if number >= warm_up:
            taken.append((clock() - began, number))
    taken.sort()
    slow = taken[-ceil(len(taken) / 10) - 1 :]
    for place, (best, number) in enumerate(slow):
        for _ in range(AGAIN):
            began = clock()
            questions[number]()
            best = min(best, clock() - began)
        slow[place] = best, number
    seconds = sorted(each for each, _ in taken[: -len(slow)] + slow)
    return Times(seconds[ceil(0.5 * len(seconds)) - 1] * 1_000, seconds[ceil(0.99 * len(seconds)) - 1] * 1_000)
